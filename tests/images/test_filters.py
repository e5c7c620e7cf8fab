"""Low-pass filters of images."""

from __future__ import annotations

import numpy as np
import pytest

from openem_nb.errors import InvalidInput
from openem_nb.images.filters import low_pass


def waves(period: float, shape: tuple[int, int] = (300, 400)) -> np.ndarray:
    return np.sin(2 * np.pi * np.arange(shape[1]) / period)[None, :].repeat(shape[0], 0)


def test_coarse_details_stay_and_fine_ones_go() -> None:
    slow, fast = waves(50), waves(5)
    found = low_pass((slow + fast).astype(np.float32), 20, pixel_size=2)  # 100 Å and 10 Å
    inner = (slice(30, -30), slice(30, -30))
    assert np.abs(found - slow)[inner].max() < 0.02
    assert found.dtype == np.float32
    assert found.shape == slow.shape


def test_the_mean_stays_and_edges_do_not_meet() -> None:
    ramp = np.linspace(0, 100, 400)[None, :].repeat(300, 0)
    found = low_pass(ramp, 20, pixel_size=1)
    assert found.mean() == pytest.approx(50, abs=0.1)
    assert found[:, 0].mean() < 5  # the other edge has 100
    assert np.abs(found - ramp)[:, 40:-40].max() < 0.6


def test_what_is_no_number_stays_so_and_spoils_nothing() -> None:
    image = waves(50).astype(np.float32)
    image[100, 100] = np.nan
    found = low_pass(image, 20, pixel_size=2)
    assert np.isnan(found[100, 100])
    assert np.isfinite(np.delete(found.ravel(), 100 * 400 + 100)).all()
    nothing = low_pass(np.full((20, 20), np.nan), 20, pixel_size=2)
    assert np.isnan(nothing).all()


def test_a_resolution_beyond_the_pixels_changes_nothing() -> None:
    image = np.random.default_rng(1).normal(size=(64, 80)).astype(np.float32)
    assert (low_pass(image, 1.0, pixel_size=1) == image).all()
    assert low_pass(image[:1, :1], 50, pixel_size=1).shape == (1, 1)


@pytest.mark.parametrize(("resolution", "pixel"), [(0, 1), (-3, 1), (5, 0), (np.nan, 1)])
def test_impossible_lengths_are_refused(resolution: float, pixel: float) -> None:
    with pytest.raises(InvalidInput, match="Å"):
        low_pass(np.zeros((4, 4)), resolution, pixel_size=pixel)
