"""Volumes and tilt series are no movies: their sections are never added up to be measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from image_files import write_mrc

from openem_nb import images
from openem_nb.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

LEVELS = (10, 20, 30, 90, 200)


@pytest.fixture
def series(tmp_path: Path) -> images.Micrograph:
    """Return a tilt series whose tilts tell themselves by their level."""
    noise = np.random.default_rng(4).normal(0, 1, (len(LEVELS), 64, 64))
    levels = np.array(LEVELS)[:, None, None]
    return images.open_image(write_mrc(tmp_path / "a.st", (noise + levels).astype(np.float32)))


def test_the_middle_section_is_measured(series: images.Micrograph) -> None:
    middle = series.frame(2)
    assert images.statistics(series).mean == pytest.approx(images.statistics(middle).mean)
    for measure in (images.spectrum, images.periodogram):
        known = measure(middle, pixel_size=series.pixel_size)
        assert np.array_equal(measure(series).power, known.power)
    assert images.statistics(series, frame=4).mean == pytest.approx(200, abs=0.1)


@pytest.mark.parametrize("name", ["ctf", "dose", "motion"])
def test_what_is_of_one_exposure_is_refused(series: images.Micrograph, name: str) -> None:
    values = {"voltage": 300, "cs": 2.7} if name == "ctf" else {}
    with pytest.raises(InvalidInput, match="is that of one exposure") as caught:
        getattr(images, name)(series, **values)
    assert ".frame(i)" in caught.value.hint


def test_a_dose_of_no_frames_is_refused() -> None:
    with pytest.raises(InvalidInput, match="number of frames"):
        images.dose(np.ones((32, 32)), pixel_size=1.0, frames=0)


def test_a_movie_is_measured_as_its_mean(tmp_path: Path) -> None:
    frames = np.stack([np.full((64, 64), level, np.float32) for level in LEVELS])
    movie = images.open_image(write_mrc(tmp_path / "a.mrcs", frames))
    assert images.statistics(movie).mean == pytest.approx(70)
    assert images.dose(movie).counted == pytest.approx(350 / 4)
