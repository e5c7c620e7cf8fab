"""Sums of frames: exact whatever the numbers are, and in no more memory than promised."""

from __future__ import annotations

import tracemalloc
from typing import TYPE_CHECKING, Any

import mrcfile
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openem_nb import images
from openem_nb.images import _summing
from openem_nb.images._pixels import Plain

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


class _Frames(Plain):
    def __init__(self, frames: NDArray[Any]) -> None:
        super().__init__(frames.shape[1:], len(frames), frames.dtype)
        self._frames = frames

    def load(self, frame: int) -> NDArray[Any]:
        return self._frames[frame]


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from(["u1", "i1", "u2", "i2", "i4", "f4", "f8"]),
    levels=st.lists(
        st.sampled_from([0, 1, 255, 20_000, 32_767, 32_768, 65_535]), min_size=1, max_size=12
    ),
    negative=st.booleans(),
    rows=st.integers(1, 40),
    budget=st.integers(100, 4000),
    seed=st.integers(0, 99),
)
def test_the_mean_of_any_numbers_is_exact(
    kind: str, levels: list[int], negative: bool, rows: int, budget: int, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    dtype = np.dtype(kind)
    frames = np.empty((len(levels), rows, 33), dtype)
    for frame, level in zip(frames, levels, strict=True):
        top = level if dtype.kind == "f" else min(level, int(np.iinfo(dtype).max))
        low = -top if negative and dtype.kind != "u" else 0
        frame[...] = rng.integers(low, top, frame.shape, np.int64, endpoint=True).astype(dtype)
    gain = rng.uniform(0.5, 2, frames.shape[1:]).astype(np.float32)
    exact = frames.astype(np.float64).mean(axis=0)
    scale = float(np.abs(frames.astype(np.float64)).max()) + 1
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_summing, "_BUDGET", budget)
        found = _summing.mean(_Frames(frames), range(len(frames)))
        corrected = _summing.mean(_Frames(frames), range(len(frames)), gain=gain)
    assert found.dtype == np.float32
    assert np.allclose(found, exact, rtol=3e-7, atol=3e-7 * scale)
    assert np.allclose(corrected, exact * gain, rtol=1e-6, atol=1e-6 * scale)


def test_a_mean_takes_less_memory_than_three_frames(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(_summing, "workers", lambda: 2)
    path = tmp_path / "movie.mrcs"
    frames = np.random.default_rng(1).integers(0, 30_000, (3, 4092, 5760), np.int16)
    with mrcfile.new(path) as file:
        file.set_data(frames)
    with images.open_image(path) as found:
        tracemalloc.start()
        mean = found.average()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 3 * frames[0].nbytes
    assert np.allclose(mean, frames.mean(axis=0), rtol=1e-6)
