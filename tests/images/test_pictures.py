"""Pictures for people: limits of contrast, JPEG, scale bars."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from openem_nb import images
from openem_nb.errors import InvalidInput

NOISE = np.random.default_rng(0).normal(100, 10, (400, 300)).astype(np.float32)


def opened(data: bytes) -> np.ndarray:
    picture = Image.open(io.BytesIO(data))
    assert picture.format == "JPEG"
    return np.asarray(picture)


def test_limits_by_percent_and_by_deviation() -> None:
    low, high = images.contrast(NOISE, percent=5)
    assert low == pytest.approx(np.percentile(NOISE, 5), abs=0.05)
    assert high == pytest.approx(np.percentile(NOISE, 95), abs=0.05)
    low, high = images.contrast(NOISE, sigma=3)
    assert (low, high) == (pytest.approx(70, abs=1), pytest.approx(130, abs=1))


@pytest.mark.parametrize("sigma", [0, -3, np.inf, np.nan])
def test_a_range_of_no_width_is_refused(sigma: float) -> None:
    with pytest.raises(InvalidInput, match="leave no contrast"):
        images.contrast(np.arange(64.0).reshape(8, 8), sigma=sigma)


def test_limits_always_show_something() -> None:
    for value in (0, 5, -1e9, 1e30):
        low, high = images.contrast(np.full((4, 4), value))
        assert low < value < high
    low, high = images.contrast(np.full((4, 4), np.nan))
    assert low < high
    broken = NOISE.copy()
    broken[:5] = np.nan
    broken[5] = np.inf
    low, high = images.contrast(broken)
    assert 50 < low < high < 150
    with pytest.raises(InvalidInput, match="no contrast"):
        images.contrast(NOISE, percent=50)


def test_greys_are_where_they_belong() -> None:
    steps = np.repeat(np.array([0, 50, 100], np.float32), 32)
    image = np.repeat(steps[None], 96, axis=0)
    found = opened(images.jpeg(image, contrast=(0, 100)))
    assert found.shape == (96, 96)
    assert [int(found[48, at]) for at in (8, 48, 88)] == pytest.approx([0, 128, 255], abs=3)
    assert images.jpeg(np.full((8, 8), np.nan), contrast=(0, 1))
    with pytest.raises(InvalidInput, match="shows nothing"):
        images.jpeg(image, contrast=(1, 1))
    with pytest.raises(InvalidInput, match="two sides"):
        images.jpeg(np.ones((2, 3, 4)))


def test_large_pictures_are_averaged_and_the_first_row_can_be_below() -> None:
    image = np.zeros((900, 600), np.uint8)
    image[:300] = 200
    found = opened(images.jpeg(image, size=300, contrast=(0, 200)))
    assert found.shape == (300, 200)
    assert found[20, 100] > 240 > 10 > found[280, 100]
    turned = opened(images.jpeg(image, size=300, contrast=(0, 200), origin="lower"))
    assert turned[20, 100] < 10 < 240 < turned[280, 100]


@pytest.mark.parametrize(
    ("pixel_size", "width", "length", "label"),
    [
        (1.0, 512, 100, "10 nm"),
        (0.05, 100, 20, "1 Å"),
        (30.0, 512, 66.67, "200 nm"),
        (200.0, 600, 100, "2 µm"),
    ],
)
def test_scale_bars_are_round(pixel_size: float, width: int, length: float, label: str) -> None:
    found = images.scale_bar(pixel_size, width)
    assert found == (pytest.approx(length, rel=1e-3), label)
    assert found[0] <= width / 5


def test_the_scale_bar_in_a_picture_has_its_length() -> None:
    flat = np.full((512, 512), 50.0)
    plain = opened(images.jpeg(flat, contrast=(0, 100)))
    marked = opened(images.jpeg(flat, contrast=(0, 100), pixel_size=1.0))
    assert np.array_equal(plain[:400], marked[:400])
    bright = (marked[440:] > 220).sum(axis=1).max()
    assert bright == pytest.approx(100, abs=2)
    small = opened(images.jpeg(flat, contrast=(0, 100), size=256, pixel_size=1.0))
    assert (small[200:] > 220).sum(axis=1).max() == pytest.approx(50, abs=2)
    with pytest.raises(InvalidInput, match="cannot be drawn"):
        images.scale_bar(0, 100)
