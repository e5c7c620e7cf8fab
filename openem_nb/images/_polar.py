"""Spectra in rings and sectors: which cell lies where, and means over what lies together."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SECTORS", "Grid", "Rings", "grid", "resample", "rings", "sectors", "smooth"]

SECTORS: Final = 60
"""Sectors of half the plane, 3 degrees each."""
_AXES: Final = 1.5
"""Cells beside the axes that are left out: edges and rows of the detector leave streaks there."""
_SMOOTH: Final = 7
"""Degree of the polynomial that follows the decline of a spectrum, but not its rings."""


@dataclass(frozen=True, slots=True, eq=False)
class Rings:
    """Means over whole rings."""

    frequency: NDArray[np.float64]
    """Mean spatial frequency of each ring, cycles per pixel."""
    power: NDArray[np.float64]
    """Mean of each ring."""
    cells: NDArray[np.float64]
    """How many cells each ring has."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Where the cells of a spectrum lie; arrays are (sectors, rings)."""

    place: NDArray[np.int32]
    """For each cell the number of its bin, sectors times rings for a cell that is left out."""
    rings: int
    """Rings; the first is around zero."""
    cells: NDArray[np.float64]
    """Cells of each bin."""
    k2: NDArray[np.float64]
    """Mean square of the spatial frequency in each bin, cycles² per pixel²."""
    k4: NDArray[np.float64]
    """Mean of its fourth power."""
    cos2: NDArray[np.float64]
    """Mean cosine of twice the angle from +x, counter-clockwise."""
    sin2: NDArray[np.float64]
    """Mean sine of the same."""


def grid(fy: NDArray[np.float64], fx: NDArray[np.float64]) -> Grid:
    """Return where the cells of a spectrum lie in rings and sectors, remembered for the next."""
    return _grid(len(fy), float(fy[1]), len(fx), float(fx[1]))


@lru_cache(maxsize=4)
def _grid(rows: int, step_y: float, columns: int, step_x: float) -> Grid:
    number = np.arange(rows)
    fy = (np.where(number > (rows - 1) // 2, number - rows, number) * step_y)[:, None]
    fx = np.arange(columns) * step_x
    k2 = fy**2 + fx**2
    step = min(step_y, step_x)
    count = math.floor(min(float(np.abs(fy).max()), float(fx[-1])) / step + 0.5)
    ring = np.rint(np.sqrt(k2) / step).astype(np.int32)
    safe = np.maximum(k2, np.finfo(float).tiny)
    turn = np.arctan2(fy, fx)
    turn *= SECTORS / math.pi
    turn += 1e-9  # an axis belongs to the sector that begins there
    sector = np.floor(turn, out=turn).astype(np.int32)
    sector %= SECTORS
    counted = (ring > 0) & (ring < count)
    counted &= (np.abs(fy) > _AXES * step_y) & (fx > _AXES * step_x)
    total = SECTORS * count
    place = np.where(counted, sector * count + ring, total).astype(np.int32).ravel()
    cells = np.bincount(place, minlength=total + 1)[:-1].astype(np.float64)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = np.bincount(place, weights=values.ravel(), minlength=total + 1)[:-1]
        return (sums / np.maximum(cells, 1)).reshape(SECTORS, count)

    return Grid(
        place=place,
        rings=count,
        cells=cells.reshape(SECTORS, count),
        k2=mean(k2),
        k4=mean(k2**2),
        # of twice an angle they need neither cosine nor sine
        cos2=mean((fx**2 - fy**2) / safe),
        sin2=mean((2 * fx) * fy / safe),
    )


def sectors(power: NDArray[np.float32], where: Grid) -> NDArray[np.float64]:
    """Return the mean power of each bin, (sectors, rings); 0 where a bin has no cells."""
    total = where.cells.size
    sums = np.bincount(where.place, weights=power.ravel(), minlength=total + 1)[:-1]
    found: NDArray[np.float64] = sums.reshape(where.cells.shape) / np.maximum(where.cells, 1)
    return found


def rings(power: NDArray[np.float32], fy: NDArray[np.float64], fx: NDArray[np.float64]) -> Rings:
    """Return means over rings as wide as a cell, from near zero to the edge of the spectrum."""
    where = grid(fy, fx)
    cells = where.cells.sum(axis=0)
    full = cells > 0
    weight = np.maximum(cells, 1)
    mean = (sectors(power, where) * where.cells).sum(axis=0) / weight
    k2 = (where.k2 * where.cells).sum(axis=0) / weight
    return Rings(frequency=np.sqrt(k2[full]), power=mean[full], cells=cells[full])


def smooth(means: Rings, fy: NDArray[np.float64], fx: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the smooth decline of a spectrum, for each of its cells."""
    edge = float(means.frequency[-1])
    level = np.log(np.maximum(means.power, np.finfo(np.float32).tiny))
    degree = min(_SMOOTH, len(level) - 1)
    fit = np.polynomial.Chebyshev.fit(means.frequency, level, degree, w=np.sqrt(means.cells))
    k = np.sqrt(fy[:, None] ** 2 + fx**2)
    # in the corners, beyond the last ring, the decline stays what it is there
    at = np.linspace(float(means.frequency[0]), edge, 1024)
    found: NDArray[np.float32] = np.exp(np.interp(k, at, fit(at))).astype(np.float32)
    return found


def resample(
    values: NDArray[Any],
    fy: NDArray[np.float64],
    fx: NDArray[np.float64],
    rows: NDArray[np.float64],
    columns: NDArray[np.float64],
) -> NDArray[Any]:
    """Return values at other rows and columns of frequencies: the nearest, or means of several."""
    order = np.argsort(fy)
    by_row = _along(values[order], fy[order], rows)
    return _along(by_row.T, fx, columns).T


def _along(
    values: NDArray[Any], have: NDArray[np.float64], want: NDArray[np.float64]
) -> NDArray[Any]:
    """Resample the first axis, which is sorted: means over the new spacing."""
    if len(want) == 0:
        return values[:0]
    spacing = abs(float(want[1] - want[0])) if len(want) > 1 else 0.0
    step = float(have[1] - have[0])
    low = np.clip(np.ceil((want - spacing / 2 - have[0]) / step - 1e-6), 0, len(have) - 1)
    high = np.clip(np.floor((want + spacing / 2 - have[0]) / step + 1e-6) + 1, 0, len(have))
    nearest = np.clip(np.rint((want - have[0]) / step), 0, len(have) - 1)
    low, high = np.where(high > low, (low, high), (nearest, nearest + 1)).astype(np.intp)
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=float)])
    found: NDArray[Any] = (sums[high] - sums[low]) / (high - low)[:, None]
    return found
