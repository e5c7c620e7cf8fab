"""Numbers of all voxels of a map, section by section, and what the header claims of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["MapStatistics", "claims", "histogram", "measure", "slabs"]

SLAB: Final = 4 << 20
"""Bytes of a slab as float32: it stays in the cache while several things are taken from it."""
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


def slabs(data: NDArray[Any]) -> Iterator[NDArray[np.float32]]:
    """Yield an array in its own order as float32, a few sections at a time."""
    each = max(1, SLAB // max(1, 4 * data[0].size))
    for start in range(0, len(data), each):
        yield np.asarray(data[start : start + each], np.float32)


def measure(data: NDArray[Any]) -> MapStatistics:
    """Take the statistics of a volume in one pass."""
    low, high = math.inf, -math.inf
    total = square = near = 0.0
    missing = count = 0
    for slab in slabs(data):
        values = slab.ravel()
        least, most = float(values.min()), float(values.max())
        if not (math.isfinite(least) and math.isfinite(most)):
            kept = values[np.isfinite(values)]
            missing += values.size - kept.size
            if not kept.size:
                continue
            values, least, most = kept, float(kept.min()), float(kept.max())
        low, high = min(low, least), max(high, most)
        apart = values.astype(np.float64)
        if not count:  # sums of what is apart from a value that is there lose no digits
            near = float(apart.mean())
        apart -= near
        total += float(apart.sum())
        square += float(np.dot(apart, apart))
        count += values.size
    if not count:
        nan = math.nan
        return MapStatistics(nan, nan, nan, nan, missing, missing)
    off = total / count
    rms = math.sqrt(max(square / count - off * off, 0.0))
    return MapStatistics(low, high, near + off, rms, missing, count + missing)


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
    data: NDArray[Any], limits: tuple[float, float], bins: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return counts of voxels in equal steps between limits, and the edges of the steps."""
    low, high = limits
    edges = np.linspace(low, high, bins + 1)
    counts = np.zeros(bins, np.int64)
    factor = bins / (high - low)
    for slab in slabs(data):
        values = slab.ravel()
        if not np.isfinite(values.sum(dtype=np.float64)):
            values = values[np.isfinite(values)]
        place = ((values - np.float32(low)) * np.float32(factor)).astype(np.int32)
        np.clip(place, 0, bins - 1, out=place)
        counts += np.bincount(place, minlength=bins)
    return counts, edges
