"""Block means: exact, of any type and shape, whole or band by band."""

from __future__ import annotations

import itertools
import os
from typing import TYPE_CHECKING

import mrcfile
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openem_nb import images
from openem_nb.errors import DamagedFile, InvalidInput
from openem_nb.images import _raw, _views
from openem_nb.images.reduce import BlockMean, edges

if TYPE_CHECKING:
    from pathlib import Path

KINDS = ["u1", "i1", "u2", "i2", "i4", "u4", "f2", "f4", "f8", ">i2", ">f4", "?"]


def exact(image: np.ndarray, ys: np.ndarray, xs: np.ndarray) -> np.ndarray:
    wide = image.astype(np.float64)
    return np.array(
        [
            [wide[a:b, c:d].mean() for c, d in itertools.pairwise(xs)]
            for a, b in itertools.pairwise(ys)
        ]
    )


@settings(max_examples=150, deadline=None)
@given(
    height=st.integers(1, 60),
    width=st.integers(1, 60),
    factor=st.integers(1, 20),
    kind=st.sampled_from(KINDS),
    bands=st.lists(st.integers(1, 17), min_size=1, max_size=8),
    seed=st.integers(0, 99),
)
def test_means_are_exact(
    height: int, width: int, factor: int, kind: str, bands: list[int], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    if kind == "?":
        image = rng.random((height, width)) > 0.5
    elif kind.lstrip(">")[0] == "f":
        image = rng.normal(50, 20, (height, width)).astype(kind)
    else:
        ends = np.iinfo(kind)
        image = rng.integers(ends.min, ends.max, (height, width), np.int64, endpoint=True).astype(
            kind
        )
    ys, xs = edges(height, factor=factor), edges(width, factor=factor)
    expected = exact(image, ys, xs)
    found = images.block_mean(image, factor)
    assert found.dtype == np.float32
    scale = max(1e-6, float(np.abs(image.astype(np.float64)).max()))
    assert np.allclose(found, expected, rtol=1e-5, atol=1e-5 * scale)
    reducer = BlockMean(image.shape, image.dtype, factor=factor)
    start = 0
    while start < height:
        step = bands[start % len(bands)]
        reducer.add(image[start : start + step])
        start += step
    assert np.allclose(reducer.result(), expected, rtol=1e-5, atol=1e-5 * scale)
    for many in bands:
        whole = BlockMean(image.shape, image.dtype, factor=factor)
        for top, bottom, part in reversed(whole.parts(many)):
            part.add(image[top:bottom])
            part.result()  # it has all of its rows
        assert np.allclose(whole.result(), expected, rtol=1e-5, atol=1e-5 * scale)
    shape = (max(1, height // 3), max(1, width * 2 // 3))
    ys, xs = edges(height, count=shape[0]), edges(width, count=shape[1])
    found = images.block_mean(image, shape=shape)
    assert found.shape == shape
    assert np.allclose(found, exact(image, ys, xs), rtol=1e-5, atol=1e-5 * scale)


def test_no_sum_overflows() -> None:
    for kind in ("u1", "i1", "u2", "i2"):
        for value in (np.iinfo(kind).min, np.iinfo(kind).max):
            image = np.full((700, 600), value, kind)
            for factor in (600, (300, 7)):
                found = images.block_mean(image, factor)
                assert np.allclose(found, value, rtol=1e-6)


def test_blocks_cover_without_gaps() -> None:
    for length in (1, 5, 64, 1001):
        for count in (1, 2, 3, 64, 2000):
            ends = edges(length, count=count)
            sizes = np.diff(ends)
            assert (ends[0], ends[-1]) == (0, length)
            assert sizes.min() >= 1
            assert sizes.max() - sizes.min() <= 1


def test_infinite_and_missing_values_stay_where_they_are() -> None:
    image = np.ones((8, 8), np.float32)
    image[0, 0], image[7, 7] = np.nan, np.inf
    found = images.block_mean(image, 4)
    assert np.isnan(found[0, 0])
    assert np.isinf(found[1, 1])
    assert found[0, 1] == found[1, 0] == 1


def test_what_cannot_be_reduced() -> None:
    with pytest.raises(InvalidInput, match="two sides"):
        images.block_mean(np.ones(5), 2)
    with pytest.raises(InvalidInput, match="one pixel at least"):
        images.block_mean(np.ones((5, 5)), 0)
    with pytest.raises(InvalidInput, match="one pixel at least"):
        images.factor_for((100, 100), 0)
    reducer = BlockMean((10, 10), np.dtype(np.float32), factor=3)
    reducer.add(np.ones((4, 10), np.float32))
    with pytest.raises(InvalidInput, match="4 were given"):
        reducer.result()
    _, (_, _, second) = BlockMean((10, 10), np.dtype(np.float32), factor=3).parts(2)
    with pytest.raises(InvalidInput, match="10 rows, and 6 were given"):
        second.result()


def test_threads_that_share_a_file_give_the_mean_of_each_block(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(_views, "workers", lambda: 3)
    monkeypatch.setattr(_views, "_LARGE", 0)
    monkeypatch.setattr(_raw, "_BUDGET", 9000)  # bands end within blocks
    image = np.random.default_rng(3).normal(40, 6, (203, 311)).astype(np.float32)
    mrcfile.write(tmp_path / "a.mrc", image)
    with images.open_image(tmp_path / "a.mrc") as found:
        ys, xs = edges(203, factor=7), edges(311, factor=7)
        assert np.allclose(found.thumbnail(50), exact(image, ys, xs), rtol=1e-5)
        view = found.view(3, 200, 10, 310, height=61, width=77)
    part = image[3:200, 10:310]
    expected = exact(part, edges(len(part), count=61), edges(300, count=77))
    assert np.allclose(view, expected, rtol=1e-5)


def test_what_one_of_several_threads_cannot_read_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(_views, "workers", lambda: 2)
    monkeypatch.setattr(_views, "_LARGE", 0)
    path = tmp_path / "a.mrc"
    mrcfile.write(path, np.ones((64, 64), np.float32))
    with images.open_image(path) as found:
        os.truncate(path, 1024 + 48 * 64 * 4)  # somebody writes it anew
        with pytest.raises(DamagedFile, match="shorter while it was open"):
            found.thumbnail(16)
