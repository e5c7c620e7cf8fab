"""The same picture twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from scipy import ndimage

from openem_nb import images
from openem_nb.errors import InvalidInput
from openem_nb.practice import micrographs

if TYPE_CHECKING:
    from pathlib import Path


def scene(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.kron(rng.random((64, 64)), np.ones((4, 4))) * 5 + rng.random((256, 256))


def pairs(found: list[images.Duplicate]) -> list[tuple[object, object]]:
    return [(one.first, one.second) for one in found]


@pytest.mark.parametrize("count", [4, 30])
def test_copies_are_found_whatever_their_scale_and_slope(count: int) -> None:
    pictures = [scene(seed) for seed in range(count)]
    slope = np.mgrid[:256, :256][0] / 256
    copy = (pictures[1] * 300 + 1000 + 800 * slope).astype(np.uint16)
    found = images.duplicates([*pictures, copy])
    assert pairs(found) == [(1, count)]
    assert found[0].correlation > 0.95


@pytest.mark.parametrize("count", [4, 30])
def test_a_copy_with_inverted_contrast_is_found(count: int) -> None:
    pictures = [scene(seed) for seed in range(count)]
    found = images.duplicates([*pictures, 65_535 - 300 * pictures[2]])
    assert pairs(found) == [(2, count)]
    assert -1 <= found[0].correlation < -0.8


def test_how_far_exposures_of_one_place_may_be_shifted() -> None:
    """What the module says of its limits."""
    rng = np.random.default_rng(1)
    place = ndimage.gaussian_filter(rng.normal(size=(600, 600)), 5) * 10
    one, *others = (
        place[shift : shift + 480, :480] + 0.3 * rng.normal(size=(480, 480)) for shift in (0, 5, 20)
    )
    found = images.duplicates([one, *others], least=0.05)
    likeness = {pair.second: pair.correlation for pair in found if pair.first == 0}
    assert likeness[1] > 0.75
    assert abs(likeness.get(2, 0.0)) < 0.4


def test_names_are_kept_in_order() -> None:
    found = images.duplicates({"b": scene(1), "a": scene(1), "c": scene(2)})
    assert pairs(found) == [("b", "a")]
    assert found[0].correlation == pytest.approx(1)


def test_common_illumination_is_no_likeness() -> None:
    glow = 50 * np.exp(-(((np.mgrid[:256, :256] - 128) / 60) ** 2).sum(axis=0))
    assert images.duplicates([scene(seed) + glow for seed in range(12)]) == []


def test_two_exposures_of_one_place_are_found() -> None:
    frames, _ = micrographs.simulate(
        (1024, 1024), pixel_size=3.0, defocus_u=20_000, dose=100, frames=2, seed=1
    )
    others = [
        micrographs.simulate((1024, 1024), pixel_size=3.0, defocus_u=20_000, dose=50, seed=seed)[0]
        for seed in (2, 3)
    ]
    small = [images.block_mean(image, 4) for image in (frames[0], *others, frames[1])]
    assert (0, 3) in pairs(images.duplicates(small, least=0.5))
    assert len(images.duplicates(small, least=0.5)) == 1


@pytest.mark.parametrize(("copies", "others"), [(8, 0), (5, 3), (8, 4), (4, 8), (600, 2)])
def test_copies_are_found_however_many_they_are(copies: int, others: int) -> None:
    pictures = [scene(0)] * copies + [scene(1 + number) for number in range(others)]
    found = pairs(images.duplicates(pictures))
    assert found == [(i, j) for i in range(copies) for j in range(i + 1, copies)]


def test_even_pictures_are_like_nothing() -> None:
    assert images.duplicates([np.zeros((64, 64)), np.full((64, 64), 3.3), np.zeros((5, 9))]) == []


def test_the_answer_does_not_change() -> None:
    pictures = [scene(seed % 7) for seed in range(20)]
    assert images.duplicates(pictures) == images.duplicates(pictures)


@pytest.mark.parametrize("least", [0.0, 1.5, -1])
def test_impossible_likeness_is_refused(least: float) -> None:
    with pytest.raises(InvalidInput):
        images.duplicates([], least=least)


def test_a_path_in_place_of_a_picture_is_refused(tmp_path: Path) -> None:
    for wrong in (tmp_path, str(tmp_path), [tmp_path / "a.mrc", "b.mrc"], {"a": "a", "b": "b"}):
        with pytest.raises(InvalidInput, match="is a path") as caught:
            images.duplicates(wrong)  # type: ignore[arg-type]
        assert "thumbnail(256)" in caught.value.hint
