"""Sums of frames: band by band through all frames, in the smallest type that cannot overflow."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.images._memory import room
from openem_nb.images._pixels import BAND, borrowed, rows_of_band
from openem_nb.images.threads import workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from openem_nb.images._pixels import Pixels
    from openem_nb.jobs import Progress

__all__ = ["cheap", "mean"]

_BUDGET: Final = 2 * BAND
"""Bytes of a band and of its sum. Threads that add small ones wait for one another: each has to say
in Python what comes next. Bands of 2 MiB take 0.6 of the time that those of 0.5 MiB do."""
_LARGEST: Final = 128 << 20
"""Bytes of a sum that is worth keeping for views."""


def cheap(pixels: Pixels) -> bool:
    """Return whether the sum of all frames is small enough to be kept."""
    return pixels.shape[0] * pixels.shape[1] * 4 <= _LARGEST


def mean(
    pixels: Pixels,
    frames: Sequence[int],
    *,
    gain: NDArray[Any] | None = None,
    progress: Progress | None = None,
) -> NDArray[np.float32]:
    """Return the mean of some frames times a gain, float32.

    Bands of the sum are whole numbers as far as pixels are, so that the mean of any number of
    frames is exact; they live in the cache, and all that is as large as a frame is the result.
    What is far away is read frame after frame by one thread, as it lies there: to go through all
    frames for each band would ask for many small parts, and of what is packed unpack (and fetch)
    all of it each time.
    """
    height, width = pixels.shape
    out: NDArray[np.float32] = room((height, width), np.float32)
    scale = 1 / len(frames)
    own = getattr(pixels, "total", None)
    if own is not None:
        _finish(own(frames, progress=progress), gain, scale, out)
        return out
    in_order = not getattr(pixels, "apart", True)
    many = 1 if in_order else workers()
    step = rows_of_band(width * max(2, pixels.dtype.itemsize), pixels.grain, _BUDGET)
    step = min(step, -(-height // many))
    step = height if in_order else -(-step // pixels.grain) * pixels.grain  # no strip twice
    starts = range(0, height, step)
    if progress is not None:
        total, unit = (len(frames), "frames") if in_order else (len(starts), "bands")
        progress.update(0, total=total, unit=unit, message="Adding frames")
    kind = sum_type(pixels.dtype)

    def each() -> Iterator[int]:
        for done, frame in enumerate(frames):
            if in_order and progress is not None:
                progress.update(done)
            yield frame

    def add(start: int) -> None:
        end = min(start + step, height)
        shape = (end - start, width)
        with ExitStack() as stack:

            def lend(dtype: np.dtype[Any]) -> NDArray[Any]:
                return stack.enter_context(borrowed(shape[0] * width, dtype)).reshape(shape)

            # infinite numbers stay infinite; threads have settings of their own
            with np.errstate(over="ignore", invalid="ignore"):
                sums = _added(pixels, each(), start, end, lend, kind)
            part = None if gain is None else gain[start:end]
            _finish(sums, part, scale, out[start:end])

    with ThreadPoolExecutor(many, thread_name_prefix="openem-sum") as pool:
        for done, _ in enumerate(pool.map(add, starts), 1):
            if progress is not None:
                progress.update(len(frames) if in_order else done)
    return out


def _finish(
    sums: NDArray[Any], gain: NDArray[Any] | None, scale: float, out: NDArray[np.float32]
) -> None:
    """Write a sum times gain and scale, a few rows at a time."""
    step = max(1, (1 << 18) // max(1, sums.shape[1]))
    with np.errstate(over="ignore", invalid="ignore"):
        for start in range(0, len(sums), step):
            rows = slice(start, start + step)
            np.multiply(sums[rows], scale, out=out[rows], casting="unsafe")
            if gain is not None:
                np.multiply(out[rows], gain[rows], out=out[rows], casting="unsafe")


def sum_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type in which frames are added."""
    if dtype.kind == "f" and dtype.itemsize <= 4:
        return np.dtype(np.float32)
    return np.dtype(np.int32 if dtype.kind in "iub" and dtype.itemsize <= 2 else np.float64)


def _added(
    pixels: Pixels,
    frames: Iterable[int],
    start: int,
    end: int,
    lend: Callable[[np.dtype[Any]], NDArray[Any]],
    kind: np.dtype[Any],
) -> NDArray[Any]:
    """Return the sum of one band of all frames, in memory that was lent.

    Numbers of two bytes are added in two bytes while the largest values so far leave room, which
    halves the work; only when they leave none, the sum moves into four.
    """
    band = lend(pixels.dtype)
    wide: NDArray[Any] | None = None
    if band.dtype not in (np.int16, np.uint16, np.uint8):
        wide = lend(kind)
        wide[...] = 0
        for frame in frames:
            pixels.band(frame, start, end, out=band)
            wide += band
        return wide
    small = lend(np.dtype(np.uint16))
    small[...] = 0
    room = 0
    for frame in frames:
        pixels.band(frame, start, end, out=band)
        # as unsigned numbers, negative ones are larger than any sum that stays small
        seen = band.view(np.uint16) if band.dtype == np.int16 else band
        largest = int(seen.max())
        if largest <= 0x7FFF and room + largest <= 0xFFFF:
            small += seen
            room += largest
            continue
        if wide is None:
            wide = lend(kind)
            wide[...] = 0
        if largest > 0x7FFF:
            wide += band
            continue
        wide += small
        small[...] = seen
        room = largest
    if wide is None:
        return small
    wide += small
    return wide
