"""Counts against the dose that was meant."""

from __future__ import annotations

import numpy as np
import pytest

from openem_nb import images
from openem_nb.errors import InvalidInput
from openem_nb.practice import micrographs


def test_counts_of_a_simulation_are_its_dose() -> None:
    image, truth = micrographs.simulate((256, 256), dose=42, pixel_size=0.9, covered=0, seed=1)
    found = images.dose(image, expected=42, pixel_size=truth.pixel_size)
    assert found.counted == pytest.approx(42, rel=0.01)
    assert found.ratio == pytest.approx(1, rel=0.01)
    assert found.agrees
    assert found.words.endswith("e⁻/Å² counted of 42.0 expected.")


def test_the_mean_of_a_movie_counts_for_all_frames() -> None:
    image = np.full((64, 64), 1.5, np.float32)
    assert images.dose(image, pixel_size=1.0, frames=40).counted == pytest.approx(60)


@pytest.mark.parametrize(
    ("counts", "agrees", "words"),
    [
        (36.0, True, "the specimen kept 10 % from the detector"),
        (12.0, False, "30%; thick specimen, lost beam, or scaled pixels"),
        (400.0, False, "10 times as many; the pixels may not be single electrons"),
    ],
)
def test_differences_are_told_in_words(counts: float, agrees: bool, words: str) -> None:
    found = images.dose(np.full((64, 64), counts), expected=40, pixel_size=1.0)
    assert found.agrees is agrees
    assert words in found.words


def test_without_expectation_there_is_no_judgement() -> None:
    found = images.dose(np.full((64, 64), 7.0), pixel_size=1.0)
    assert (found.ratio, found.agrees) == (None, None)
    assert found.words == "7.0 e⁻/Å² counted."


@pytest.mark.parametrize("wrong", [{}, {"pixel_size": -1}, {"pixel_size": 1, "expected": 0}])
def test_what_is_missing_or_impossible_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InvalidInput):
        images.dose(np.ones((8, 8)), **wrong)


def test_pixels_that_are_no_counts_have_no_dose() -> None:
    normal = np.random.default_rng(0).normal(size=(256, 256))
    for image in (normal, normal - 3):
        found = images.dose(image, expected=40, pixel_size=1.0)
        assert not found.counts
        assert (found.ratio, found.agrees) == (None, None)
        assert found.words.startswith("No dose: pixels whose mean is near 0")
    sparse = np.random.default_rng(0).poisson(0.02, (256, 256))
    assert images.dose(sparse, expected=0.02, pixel_size=1.0).ratio == pytest.approx(1, abs=0.1)


def test_an_image_without_numbers_has_no_dose() -> None:
    found = images.dose(np.full((64, 64), np.nan), expected=40, pixel_size=1.0)
    assert found.words == "No dose: no pixel holds a number."
    assert found.ratio is None
