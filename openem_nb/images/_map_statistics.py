"""Numbers of all voxels of a map, section by section, and what the header claims of them."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np

from openem_nb.images.threads import workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from openem_nb.images._voxels import Run, Voxels

__all__ = ["MapStatistics", "claims", "histogram", "measure", "slabs"]

_Found = TypeVar("_Found")

SLAB: Final = 4 << 20
"""Bytes of a slab as float32: it stays in the cache while several things are taken from it."""
_BLOCK: Final = 1 << 16
"""Voxels of which all is taken at once: as float32 a quarter of a MiB, in the cache of a core."""
_ALONE: Final = 1 << 22
"""Voxels below which a thread of its own is not worth its start."""
_LARGE: Final = 1e15
"""Values whose squares, all of a block together, are still numbers in single precision."""
_CLOSE: Final = 1e-3
"""Of the deviation: writers add in single precision, and not all in the same order."""


@dataclass(frozen=True, slots=True)
class MapStatistics:
    """Extremes, mean and deviation of the voxels."""

    min: float
    max: float
    mean: float
    rms: float
    """Root-mean-square deviation from the mean, as the header of an MRC file has it."""
    not_finite: int
    """Voxels that hold no number; they count nowhere."""
    voxels: int

    @property
    def empty(self) -> bool:
        """Whether all voxels have one value, or none has a number."""
        return not self.max > self.min


def slabs(data: NDArray[Any] | Voxels) -> Iterator[NDArray[np.float32]]:
    """Yield an array in its own order as float32, a few sections at a time.

    Each is valid until the next one is asked for: those of a file are read into the same memory,
    which stays in the cache.
    """
    area = math.prod(data.shape[1:])
    each = max(1, SLAB // max(1, 4 * area))
    memory = None if isinstance(data, np.ndarray) else np.empty(each * area, data.dtype)
    for start in range(0, len(data), each):
        end = min(start + each, len(data))
        if isinstance(data, np.ndarray):
            yield np.asarray(data[start:end], np.float32)
        else:
            found = data.run(start * area, end * area, memory)
            yield np.asarray(found, np.float32).reshape(end - start, *data.shape[1:])


def measure(data: NDArray[Any] | Voxels) -> MapStatistics:
    """Take the statistics of a volume in one pass, in several threads.

    Blocks that stay in the cache are added in single precision, as deviations from a value near
    their own mean, so that no digits are lost; they are put together in double precision
    (Chan, Golub, LeVeque 1983, Am Stat 37, 242).
    """
    parts = _shared(data, _blocks)
    found = np.array([block for part in parts for block in part])
    missing = data.size
    if found.size:
        missing -= round(float(found[:, 0].sum()))
    if missing == data.size:
        nan = math.nan
        return MapStatistics(nan, nan, nan, nan, missing, missing)
    counts, lows, highs, means, squares = found.T
    total = data.size - missing
    # of deviations from one of the means: a large offset costs no digits here either
    near = float(means[0])
    mean = near + float(np.dot(counts, means - near)) / total
    apart = float(squares.sum() + np.dot(counts, (means - mean) ** 2))
    rms = math.sqrt(apart / total)
    return MapStatistics(float(lows.min()), float(highs.max()), mean, rms, missing, data.size)


def _shared(data: NDArray[Any] | Voxels, work: Callable[[Any], _Found]) -> list[_Found]:
    """Return what work finds in each part of all voxels, a thread for each part."""
    flat: Any = data.reshape(-1)
    many = min(workers(), max(1, flat.size // _ALONE))
    ends = [flat.size * number // many for number in range(many + 1)]
    if many == 1:
        return [work(flat)]
    with ThreadPoolExecutor(many - 1, thread_name_prefix="map") as pool:
        others = [pool.submit(work, flat[a:b]) for a, b in pairwise(ends[1:])]
        return [work(flat[: ends[1]]), *(one.result() for one in others)]


def _memory(flat: NDArray[Any] | Run) -> NDArray[Any] | None:
    """Return memory for the blocks of a file, which stays in the cache; arrays need none."""
    return None if isinstance(flat, np.ndarray) else np.empty(_BLOCK, flat.dtype)


def _part(flat: NDArray[Any] | Run, start: int, memory: NDArray[Any] | None) -> NDArray[np.float32]:
    """Return a block as float32, valid until the next one is asked for."""
    end = min(start + _BLOCK, flat.size)
    if isinstance(flat, np.ndarray) or memory is None:
        return np.asarray(flat[start:end], np.float32)
    return np.asarray(flat.read(start, end, memory), np.float32)


def _blocks(flat: NDArray[Any] | Run) -> list[tuple[float, float, float, float, float]]:
    """Return count, extremes, mean and sum of squared deviations of each block with numbers."""
    found: list[tuple[float, float, float, float, float]] = []
    room, memory = np.empty(_BLOCK, np.float32), _memory(flat)
    for start in range(0, flat.size, _BLOCK):
        values = _part(flat, start, memory)
        least, most = float(values.min()), float(values.max())
        if not (math.isfinite(least) and math.isfinite(most)):
            values = values[np.isfinite(values)]
            if not values.size:
                continue
            least, most = float(values.min()), float(values.max())
        near = np.float32(values[::64].mean(dtype=np.float64))
        apart: NDArray[Any] = room[: values.size]
        if max(abs(least), abs(most)) < _LARGE:
            np.subtract(values, near, out=apart)
        else:
            apart = values.astype(np.float64) - near
        off = float(apart.sum())
        square = max(0.0, float(np.dot(apart, apart)) - off * off / values.size)
        found.append((values.size, least, most, float(near) + off / values.size, square))
    return found


def claims(stated: tuple[float, float, float, float], found: MapStatistics) -> tuple[str, ...]:
    """Return where the statistics in the header are not those of the voxels, in words.

    MRC2014 says how a writer marks what it did not calculate: a maximum below the minimum, a mean
    below both, a deviation below zero; some leave zeros.
    """
    if found.empty:
        return ()
    low, high, mean, rms = stated
    if not any(stated) or (high < low and mean < min(low, high) and rms < 0):
        return ()
    scale = max(found.rms, 1e-30)
    pairs = [("smallest", low, found.min), ("largest", high, found.max)]
    if high < low:
        pairs = []
    if not (mean < min(low, high)):
        pairs.append(("mean", mean, found.mean))
    if rms > 0:
        pairs.append(("deviation", rms, found.rms))
    return tuple(
        f"The header says that the {name} value is {claim:.4g}; it is {real:.4g}."
        for name, claim, real in pairs
        if not abs(claim - real) <= _CLOSE * max(scale, abs(real))
    )


def histogram(
    data: NDArray[Any] | Voxels, limits: tuple[float, float], bins: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return counts of voxels in equal steps between limits, and the edges of the steps."""
    low, high = limits
    edges = np.linspace(low, high, bins + 1)
    factor = np.float32(bins / (high - low))

    def count(flat: NDArray[Any] | Run) -> NDArray[np.int64]:
        counts = np.zeros(bins, np.int64)
        room, places = np.empty(_BLOCK, np.float32), np.empty(_BLOCK, np.intp)
        memory = _memory(flat)
        for start in range(0, flat.size, _BLOCK):
            values = _part(flat, start, memory)
            if not np.isfinite(values.min() + values.max()):
                values = values[np.isfinite(values)]
            scaled, place = room[: values.size], places[: values.size]
            np.subtract(values, np.float32(low), out=scaled)
            scaled *= factor
            np.minimum(scaled, bins - 1, out=scaled)
            np.maximum(scaled, 0, out=scaled)
            place[:] = scaled
            counts += np.bincount(place, minlength=bins)
        return counts

    return np.sum(_shared(data, count), axis=0), edges
