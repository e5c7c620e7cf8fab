"""Grey values: exact where they say so, and conspicuous things in words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from openem_nb import images
from openem_nb.errors import InvalidInput
from openem_nb.practice import micrographs


@settings(max_examples=60, deadline=None)
@given(
    image=arrays(
        st.sampled_from([np.uint8, np.int16, np.uint16, np.float32, np.float64, np.int32]),
        st.tuples(st.integers(1, 40), st.integers(1, 40)),
        elements=st.integers(0, 120),
    )
)
def test_moments_are_those_of_all_pixels(image: np.ndarray) -> None:
    found = images.statistics(image)
    assert found.mean == pytest.approx(image.mean(dtype=np.float64), rel=1e-6, abs=1e-5)
    assert found.std == pytest.approx(image.std(dtype=np.float64), rel=1e-5, abs=1e-4)
    assert (found.min, found.max) == (image.min(), image.max())
    assert found.empty == bool(image.min() == image.max())


@pytest.mark.parametrize("kind", ["f4", "i2", "u1", ">f4", "f2"])
def test_large_images_are_exact_too(kind: str) -> None:
    image = (np.random.default_rng(0).standard_normal((1500, 2100)) * 7 + 60).astype(kind)
    found = images.statistics(image)
    exact = image.astype(np.float64)
    assert found.mean == pytest.approx(exact.mean(), rel=1e-7)
    assert found.std == pytest.approx(exact.std(), rel=1e-6)
    assert found.percentiles[50] == pytest.approx(np.percentile(exact, 50), abs=0.3)
    assert found.percentiles[99.5] == pytest.approx(np.percentile(exact, 99.5), abs=1)
    assert found.words == ()


def test_patches_add_up_to_the_mean() -> None:
    image = np.random.default_rng(1).random((800, 1600))
    found = images.statistics(image)
    assert found.patches.shape == (8, 8)
    assert found.patches.mean() == pytest.approx(image.mean())
    assert found.patches[2, 5] == pytest.approx(image[200:300, 1000:1200].mean())


def test_hot_pixels_are_found_where_they_are() -> None:
    image, truth = micrographs.simulate((512, 512), hot_pixels=12, seed=3)
    found = images.statistics(image)
    assert set(map(tuple, found.hot_places.tolist())) == set(map(tuple, truth.hot_pixels.tolist()))
    assert found.hot_pixels == 12
    assert "12 hot pixels." in found.words


def test_a_bright_hole_has_no_hot_pixels() -> None:
    image = np.random.default_rng(2).poisson(4, (600, 600)).astype(np.int16)
    image[200:400, 100:500] += 500
    assert images.statistics(image).hot_pixels == 0


def test_slope_of_illumination() -> None:
    _, x = np.mgrid[:400, :400] / 400
    found = images.statistics(100 + 40 * (x - 0.5))
    assert found.gradient == pytest.approx(0.4, rel=0.01)
    assert found.unevenness < 1e-6
    assert "illumination changes by 40%" in found.words[0]


@pytest.mark.parametrize("offset", [0.0, 1e-6, -0.01])
@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_a_normalised_image_has_nothing_that_is_relative_to_its_mean(
    offset: float, kind: str
) -> None:
    y, x = np.mgrid[:800, :800] / 800 - 0.5
    image = np.random.default_rng(4).standard_normal((800, 800)) + 0.3 * x + 0.2 * np.cos(9 * y)
    image = (image - image.mean()) / image.std() + offset
    found = images.statistics(image.astype(kind))
    assert not found.relative
    assert np.isnan([found.gradient, found.unevenness, found.dark]).all()
    assert found.words == ()
    assert found.std == pytest.approx(1, rel=1e-5)


def test_the_same_image_in_counts_and_above_its_noise_is_measured() -> None:
    _, x = np.mgrid[:800, :800] / 800 - 0.5
    rng = np.random.default_rng(5)
    sparse = rng.poisson(0.02 * (1 + 0.5 * x), (800, 800)).astype(np.uint8)
    assert images.statistics(sparse).gradient == pytest.approx(0.5, abs=0.1)
    analog = rng.normal(2 * (1 + 0.5 * x), 5, (800, 800))  # many pixels are negative
    found = images.statistics(analog)
    assert found.relative
    assert found.gradient == pytest.approx(0.5, abs=0.05)
    inverted = images.statistics(-analog)
    assert inverted.gradient == pytest.approx(found.gradient)
    assert np.isnan(inverted.dark)
    bar = rng.normal(40, 6, (800, 800))
    bar[:, :400] = rng.normal(0, 6, (800, 400))  # behind it there is nothing but noise
    assert images.statistics(bar).relative
    assert images.statistics(np.zeros((40, 40))).gradient == 0


def test_dark_part_is_told() -> None:
    image = np.random.default_rng(3).poisson(30, (640, 640))
    image[:, :160] //= 4
    found = images.statistics(image)
    assert found.dark == 0.25
    assert found.skewness < -0.5
    assert any(word.startswith("Dark over 25%") for word in found.words)


def test_numbers_that_are_none_are_counted_and_left_out() -> None:
    image = np.full((64, 64), 3.0, np.float32)
    image[0, :4] = [np.nan, np.inf, -np.inf, 5]
    found = images.statistics(image)
    assert found.not_finite == 3
    assert (found.min, found.max) == (3, 5)
    assert found.mean == pytest.approx((3 * 4092 + 5) / 4093)


def test_images_of_nothing() -> None:
    none = images.statistics(np.full((40, 40), np.nan))
    assert none.words == ("Empty: no pixel holds a number.",)
    assert none.empty
    assert none.not_finite == 1600
    one = images.statistics(np.full((40, 40), 9, np.uint8))
    assert one.empty
    assert one.words == ("Empty: all pixels have the same value.",)
    assert (one.mean, one.std) == (9, 0)


@pytest.mark.parametrize("wrong", [np.zeros(5), np.zeros((2, 3, 4)), np.array([["a"]])])
def test_what_is_no_image_is_refused(wrong: np.ndarray) -> None:
    with pytest.raises(InvalidInput, match="one image of real numbers"):
        images.statistics(wrong)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_numbers_that_no_detector_counts_are_none(kind: type) -> None:
    image = np.random.default_rng(2).normal(100, 5, (300, 400)).astype(kind)
    image[7, :] = 3e38
    image[:, 9] = -3e38
    found = images.statistics(image)
    assert found.not_finite == 300 + 400 - 1
    assert found.mean == pytest.approx(100, abs=0.1)
    assert found.std == pytest.approx(5, rel=0.02)
    assert found.max < 200
    assert found.hot_pixels == 0
    nothing = images.statistics(np.full((50, 60), -3e38, kind))
    assert nothing.not_finite == 3000
    assert np.isnan(nothing.mean)
    random = np.random.default_rng(3).choice([3e38, -3e38], (90, 90)).astype(kind)
    assert images.statistics(random).words == ("Empty: no pixel holds a number.",)
    large = np.full((80, 80), 1e20, kind)
    large[::2] = -1e20
    assert images.statistics(large).std == pytest.approx(1e20, rel=1e-6)
