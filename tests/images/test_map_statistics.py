"""Statistics of a map's voxels: all types, offsets that eat digits, holes, several threads."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from openem_nb.images import _map_statistics
from openem_nb.images._map_statistics import measure

SHAPE = (13, 97, 101)


@pytest.fixture(params=[1, 3])
def many(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Use one thread, or three."""
    monkeypatch.setattr(_map_statistics, "workers", lambda: request.param)
    monkeypatch.setattr(_map_statistics, "_ALONE", 1000)
    monkeypatch.setattr(_map_statistics, "_BLOCK", 4096)
    return int(request.param)


@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f2", "i1", "<i2", ">i2", "<u2"])
def test_every_type(many: int, kind: str) -> None:
    data = np.random.default_rng(1).normal(40, 12, SHAPE).astype(kind)
    found = measure(data)
    exact = data.astype(np.float64)
    assert (found.min, found.max) == (exact.min(), exact.max())
    assert found.mean == pytest.approx(exact.mean(), rel=1e-7)
    assert found.rms == pytest.approx(exact.std(), rel=1e-6)
    assert (found.voxels, found.not_finite) == (data.size, 0)


@pytest.mark.parametrize("offset", [0.0, 1e3, -1e6, 1e7])
def test_a_large_offset_costs_no_digits(many: int, offset: float) -> None:
    data = (offset + np.random.default_rng(2).standard_normal(SHAPE)).astype(np.float32)
    data[5:] -= np.float32(offset / 2)  # and the blocks lie far apart
    found = measure(data)
    exact = data.astype(np.float64)
    assert found.mean == pytest.approx(exact.mean(), rel=1e-7, abs=1e-6)
    assert found.rms == pytest.approx(exact.std(), rel=1e-6)


def test_a_small_spread_over_a_large_offset(many: int) -> None:
    data = (1e6 + np.random.default_rng(3).standard_normal(SHAPE)).astype(np.float32)
    assert measure(data).rms == pytest.approx(data.std(dtype=np.float64), rel=1e-5)


@pytest.mark.parametrize("part", [slice(0, 1), slice(3, 9), slice(None)])
def test_voxels_without_a_number_count_nowhere(many: int, part: slice) -> None:
    data = np.random.default_rng(4).standard_normal(SHAPE).astype(np.float32)
    data[part], data[12, 3, 4] = np.nan, np.inf
    found = measure(data)
    rest = data[np.isfinite(data)].astype(np.float64)
    assert found.not_finite == data.size - rest.size
    assert found.voxels == data.size
    if rest.size:
        assert (found.min, found.max) == (rest.min(), rest.max())
        assert found.rms == pytest.approx(rest.std(), rel=1e-6)
    else:
        assert found.empty
        assert np.isnan(found.mean)


@pytest.mark.parametrize("turned", [(2, 1, 0), (1, 0, 2)])
def test_any_order_of_axes(many: int, turned: Any) -> None:
    data = np.random.default_rng(5).standard_normal(SHAPE).astype(np.float32)
    found, other = measure(data), measure(data.transpose(turned))
    assert (found.min, found.max, found.voxels) == (other.min, other.max, other.voxels)
    assert (found.mean, found.rms) == pytest.approx((other.mean, other.rms), rel=1e-6, abs=1e-7)


def test_values_whose_squares_are_too_large(many: int) -> None:
    data = (1e36 * np.random.default_rng(6).standard_normal(SHAPE)).astype(np.float32)
    assert measure(data).rms == pytest.approx(data.std(dtype=np.float64), rel=1e-6)


def test_one_value_everywhere(many: int) -> None:
    found = measure(np.full(SHAPE, 0.1, np.float32))
    assert found.empty
    assert found.rms == 0


def test_a_histogram_counts_every_voxel_once(many: int) -> None:
    data = np.random.default_rng(7).normal(3, 2, SHAPE).astype(np.float32)
    data[2, :5] = np.nan
    data[3, 1] = -np.inf
    rest = data[np.isfinite(data)]
    counts, edges = _map_statistics.histogram(data, (float(rest.min()), float(rest.max())), 64)
    assert counts.sum() == rest.size
    expected, places = np.histogram(rest.astype(np.float64), 64)
    assert edges == pytest.approx(places)
    # a value on an edge may fall to either side of it
    assert np.abs(np.cumsum(counts) - np.cumsum(expected)).max() <= 8


def test_a_histogram_of_whole_numbers(many: int) -> None:
    data = np.random.default_rng(8).integers(0, 16, SHAPE).astype(np.int16)
    counts, _ = _map_statistics.histogram(data, (-0.5, 15.5), 16)
    assert np.array_equal(counts, np.bincount(data.ravel()))
