"""The rings of a spectrum, ready to be fitted: power over its decline, in rings and sectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from openem_nb.images import _polar

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Rings", "merged", "prepare"]

_DEGREE: Final = 6
"""Degree of the polynomial in k that follows what is smooth."""


@dataclass(frozen=True, slots=True, eq=False)
class Rings:
    """The part of a spectrum in which rings are looked for; arrays are (sectors, rings)."""

    y: NDArray[np.float64]
    """Power over its smooth decline, less 1."""
    n: NDArray[np.float64]
    """Independent estimates in each bin: the variance of ``y`` is its inverse."""
    k2: NDArray[np.float64]
    """Squared spatial frequency, 1/Å²."""
    k4: NDArray[np.float64]
    cos2: NDArray[np.float64]
    sin2: NDArray[np.float64]
    k: NDArray[np.float64]
    """Spatial frequency of each ring, 1/Å."""
    decline: NDArray[np.float64]
    """The smooth decline by which the power was divided, for each ring."""
    smooth: NDArray[np.float64]
    """Chebyshev polynomials in the frequency, (rings, degree + 1)."""
    key: tuple[object, ...]
    """What the frequencies depend on."""


def prepare(
    power: NDArray[np.float32],
    fy: NDArray[np.float64],
    fx: NDArray[np.float64],
    *,
    pixel_size: float,
    samples: float,
    band: tuple[float, float],
) -> Rings | None:
    """Return the rings between two spatial frequencies in 1/Å; None where there are too few."""
    where = _polar.grid(fy, fx)
    k = np.sqrt((where.k2 * where.cells).sum(axis=0) / np.maximum(where.cells.sum(axis=0), 1))
    k /= pixel_size
    inside = np.flatnonzero((k >= band[0]) & (k <= band[1]) & (where.cells.sum(axis=0) > 8))
    if len(inside) < 4 * _DEGREE:
        return None
    part = slice(inside[0], inside[-1] + 1)
    k = k[part]
    cells = where.cells[:, part]
    mean = _polar.sectors(power, where)[:, part]
    total = cells.sum(axis=0)
    level = (mean * cells).sum(axis=0) / total
    if not (level > 0).all():
        return None
    smooth = _polynomials(k)
    weight = np.sqrt(total)
    found = np.linalg.lstsq(smooth * weight[:, None], np.log(level) * weight, rcond=None)[0]
    decline = np.exp(smooth @ found)
    return Rings(
        y=np.where(cells > 0, np.clip(mean / decline - 1, -0.9, 4), 0),
        n=cells * samples,
        k2=where.k2[:, part] / pixel_size**2,
        k4=where.k4[:, part] / pixel_size**4,
        cos2=where.cos2[:, part],
        sin2=where.sin2[:, part],
        k=k,
        decline=decline,
        smooth=smooth,
        key=(len(fy), float(fy[1]), len(fx), float(fx[1]), pixel_size, part.start, part.stop),
    )


def merged(rings: Rings, width: float) -> Rings:
    """Return the same in rings about so wide, 1/Å: means over neighbours, however many that needs.

    Means of powers of the frequency and of the angle go along, so that a phase keeps its place;
    what is lost is the depth of rings that are not much wider.
    """
    step = (rings.k[-1] - rings.k[0]) / (len(rings.k) - 1)
    by = max(1, round(width / float(step)))
    if by == 1:
        return rings
    starts = np.arange(0, len(rings.k) - by + 1, by)
    end = len(starts) * by
    n = np.add.reduceat(rings.n[:, :end], starts, axis=1)
    safe = np.maximum(n, 1e-9)

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = np.add.reduceat(rings.n[:, :end] * values[:, :end], starts, 1)
        return found / safe

    total = rings.n[:, :end].sum(axis=0)

    def along(values: NDArray[np.float64]) -> NDArray[np.float64]:
        sums: NDArray[np.float64] = np.add.reduceat(values[:end] * total, starts)
        return sums / np.add.reduceat(total, starts)

    k = along(rings.k)
    return Rings(
        y=mean(rings.y),
        n=n,
        k2=mean(rings.k2),
        k4=mean(rings.k4),
        cos2=mean(rings.cos2),
        sin2=mean(rings.sin2),
        k=k,
        decline=along(rings.decline),
        smooth=_polynomials(k),
        key=(*rings.key, by),
    )


def _polynomials(k: NDArray[np.float64]) -> NDArray[np.float64]:
    place = 2 * (k - k[0]) / (k[-1] - k[0]) - 1
    found: NDArray[np.float64] = np.polynomial.chebyshev.chebvander(place, _DEGREE)
    return found
