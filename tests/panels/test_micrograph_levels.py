"""Numbers of images as sixteen bits with scale and offset."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from openem_nb.panels._micrograph_views import encode


def noise(*shape: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).normal(20, 4, shape).astype(np.float32)


finite = st.floats(-1e6, 1e6, width=32)


@given(arrays.arrays(np.float32, arrays.array_shapes(min_dims=2, max_dims=2), elements=finite))
def test_sixteen_bits_keep_values_to_half_a_step(array: Any) -> None:
    encoded = encode(array)
    assume(float(array.max()) - float(array.min()) > 1e-30)
    found = encoded.offset + encoded.scale * encoded.levels.astype(np.float64)
    assert encoded.levels.min() >= 1
    span = float(array.max()) - float(array.min())
    if encoded.levels.max() < 65535 or span <= 65534 * encoded.scale * 1.001:
        near = encoded.scale * 0.52 + np.abs(array).max() * 3e-7
        assert np.abs(found - array).max() <= near


def test_counts_stay_exact_and_what_is_no_number_is_none() -> None:
    counts = np.random.default_rng(2).poisson(3, (50, 60)).astype(np.float32)
    encoded = encode(counts)
    assert encoded.scale == 1
    assert (encoded.offset + encoded.levels.astype(float) == counts).all()
    counts[3, 4], counts[5, 6] = np.nan, np.inf
    encoded = encode(counts)
    assert encoded.levels[3, 4] == 0
    assert encoded.levels[5, 6] == 65535
    others = np.isfinite(counts)
    assert (encoded.offset + encoded.levels[others].astype(float) == counts[others]).all()
    for constant in (0.0, 5.0, -1e30, 3e38):
        one = encode(np.full((4, 4), constant, np.float32))
        assert len(np.unique(one.levels)) == 1
        assert one.levels[0, 0] > 0


def test_any_numbers_are_encoded_without_overflow() -> None:
    for low, high in ((0, 1e-38), (-3e38, 3e38), (1e30, 1.1e30), (-1, 3e38)):
        array = np.linspace(low, high, 1000).astype(np.float32).reshape(10, 100)
        encoded = encode(array)
        found = encoded.offset + encoded.scale * encoded.levels.astype(np.float64)
        assert np.abs(found - array).max() <= max((high - low) / 65000, 3)


def test_hot_pixels_leave_levels_for_the_others() -> None:
    image = noise(200, 200)
    image[10, 10] = 3e38
    encoded = encode(image)
    assert encoded.levels[10, 10] == 65535
    others = np.delete(encoded.levels.ravel(), 10 * 200 + 10)
    assert int(np.percentile(others, 99.5)) - int(np.percentile(others, 0.5)) > 1000


def test_only_ends_beyond_which_there_are_values_are_cut() -> None:
    counts = np.random.default_rng(5).poisson(0.5, (64, 64)).astype(np.float32)
    assert encode(counts).cut == (False, False)  # zeros are exact
    counts[3, 4] = 1e6
    assert encode(counts).cut == (False, True)
    assert encode(np.zeros((4, 4), np.float32)).cut == (False, False)
    counts[3, 4] = np.inf
    assert encode(counts).cut == (False, True)
