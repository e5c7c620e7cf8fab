"""Pixels that hold no number: a few cost nothing, too many are told."""

from __future__ import annotations

import numpy as np
import pytest

from openem_nb import images
from openem_nb.errors import InvalidInput
from openem_nb.practice import micrographs

WRONG = [np.nan, np.inf, -np.inf]


@pytest.fixture(scope="module")
def image() -> np.ndarray:
    return micrographs.simulate(
        (1024, 1024), defocus_u=14_000, defocus_v=14_000, dose=50, signal=1.5, seed=6
    )[0]


def holed(image: np.ndarray, wrong: float, many: int = 1) -> np.ndarray:
    found = image.astype(np.float32)
    places = np.random.default_rng(3).choice(image.size, many, replace=False)
    found.flat[places] = wrong
    return found


@pytest.mark.parametrize("make", [images.spectrum, images.periodogram])
@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("cold", [False, True])
def test_a_spectrum_does_without_them(make, wrong, cold, image) -> None:
    whole = image.astype(np.float32)
    if cold:
        whole[5, 9] = -1e6  # as far off as is cut
    found, expected = make(holed(whole, wrong, 5)).power, make(whole).power
    assert np.isfinite(found).all()
    assert np.abs(found / expected - 1).mean() < 0.02


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("pixel_size", [1.06, 0.5])
def test_a_defocus_and_ice_do_without_them(wrong, pixel_size, image) -> None:
    if pixel_size < 0.6:  # which are averaged first
        image = image.repeat(2, axis=0).repeat(2, axis=1)
    found = images.ctf(holed(image, wrong, 3), voltage=300, pixel_size=pixel_size)
    same = images.ctf(image, voltage=300, pixel_size=pixel_size)
    assert found.reliable == same.reliable
    assert found.defocus == pytest.approx(same.defocus, abs=2 + 0.2 * same.deviation)
    ring = images.ice(holed(image, wrong, 3), pixel_size=1.06)
    assert ring.ring == pytest.approx(images.ice(image, pixel_size=1.06).ring, abs=0.01)


def test_scattered_ones_do_not_take_their_blocks_along(image) -> None:
    image = image.repeat(4, axis=0).repeat(4, axis=1)[:2048, :2048]
    found = images.ctf(holed(image, np.nan, image.size // 3), voltage=300, pixel_size=0.27)
    assert found.pixel_size == pytest.approx(1.08)
    assert found.score > 0


def test_a_given_image_is_left_as_it_is(image) -> None:
    given = holed(image, np.nan, 2)
    images.spectrum(given)
    images.periodogram(given)
    assert np.isnan(given).sum() == 2


@pytest.mark.parametrize(
    "make", [images.spectrum, images.periodogram, lambda one: images.ice(one, pixel_size=1.0)]
)
def test_an_image_of_them_is_refused(make) -> None:
    image = np.random.default_rng(0).normal(size=(64, 64))
    image[:40] = np.nan
    with pytest.raises(InvalidInput, match="2,560 pixels hold no number, of 4,096"):
        make(image)
    with pytest.raises(InvalidInput, match="4,096 pixels hold no number"):
        make(np.full((64, 64), np.nan))


def test_a_spectrum_that_is_not_there_is_told_in_round_numbers() -> None:
    with pytest.raises(InvalidInput, match=r"up to 0\.374 cycles"):
        images.periodogram(np.zeros((8, 8)), limit=0.37400000000000005)
