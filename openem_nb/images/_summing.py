"""Sums of frames: band by band through all frames, in the smallest type that cannot overflow."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.images._pixels import BAND, borrowed, rows_of_band

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from openem_nb.images._pixels import Pixels
    from openem_nb.jobs import Progress

__all__ = ["cheap", "total", "workers"]

_LARGEST: Final = 128 << 20
"""Bytes of a sum that is worth keeping for views."""


def workers() -> int:
    """Return how many threads one piece of work uses: what we may use, four at most."""
    return max(1, min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2))


def cheap(pixels: Pixels) -> bool:
    """Return whether the sum of all frames is small enough to be kept."""
    return pixels.shape[0] * pixels.shape[1] * 4 <= _LARGEST


def total(
    pixels: Pixels, frames: Sequence[int], *, progress: Progress | None = None
) -> NDArray[Any]:
    """Return the sum of some frames.

    int32 for whole numbers (float64 for those of 32 bits and more), float32 for others.
    """
    own = getattr(pixels, "total", None)
    if own is not None:
        found: NDArray[Any] = own(frames, progress=progress)
        return found
    height, width = pixels.shape
    kind = sum_type(pixels.dtype)
    out = np.empty((height, width), kind)
    row_bytes = width * pixels.dtype.itemsize
    step = min(rows_of_band(row_bytes, pixels.grain, BAND // 2), height)
    step = -(-step // pixels.grain) * pixels.grain  # no strip is decoded twice
    starts = range(0, height, step)
    if progress is not None:
        progress.update(0, total=len(starts), unit="bands", message="Adding frames")

    def add(start: int) -> None:
        end = min(start + step, height)
        # infinite numbers stay infinite; threads have settings of their own
        quiet = np.errstate(over="ignore", invalid="ignore")
        with quiet, borrowed((end - start) * width, pixels.dtype) as flat:
            _add(pixels, frames, start, end, flat.reshape(end - start, width), out[start:end])

    with ThreadPoolExecutor(workers(), thread_name_prefix="openem-sum") as pool:
        for done, _ in enumerate(pool.map(add, starts), 1):
            if progress is not None:
                progress.update(done)
    return out


def sum_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type in which frames are added."""
    if dtype.kind == "f" and dtype.itemsize <= 4:
        return np.dtype(np.float32)
    return np.dtype(np.int32 if dtype.kind in "iub" and dtype.itemsize <= 2 else np.float64)


def _add(
    pixels: Pixels,
    frames: Sequence[int],
    start: int,
    end: int,
    band: NDArray[Any],
    out: NDArray[Any],
) -> None:
    """Add one band of all frames.

    Numbers of two bytes are added in two bytes while the largest values so far leave room, which
    halves the work; then the sum moves into four.
    """
    out[...] = 0
    if band.dtype not in (np.int16, np.uint16, np.uint8):
        for frame in frames:
            pixels.band(frame, start, end, out=band)
            out += band
        return
    small = np.zeros(band.shape, np.uint16)
    room = 0
    for frame in frames:
        pixels.band(frame, start, end, out=band)
        # as unsigned numbers, negative ones are larger than any sum that stays small
        seen = band.view(np.uint16) if band.dtype == np.int16 else band
        largest = int(seen.max())
        if largest > 0x7FFF:
            out += band
            continue
        if room + largest > 0xFFFF:
            out += small
            small[...] = 0
            room = 0
        small += seen
        room += largest
    out += small
