"""The fit of a contrast transfer function to a power spectrum. docs/explanation/ctf.md derives it.

A spectrum P(k, a) is taken as B(k) (1 + s(k) - m(k) cos 2x(k, a)): a smooth decline B with what it
left over, s, and rings of the depth m, whose phase x is that of the transfer function. First all
defoci, astigmatisms and phase shifts are tried on a grid, as filters matched to the rings; then the
best is refined by least squares.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy.optimize import nnls

from openem_nb.images import _polar
from openem_nb.images._ctf_model import Optics, half_phase

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Fit", "Rings", "fit", "prepare"]

_DEGREE: Final = 6
"""Degree of the polynomial in k that follows what is smooth."""
_DOUBT: Final = 0.3
"""Part of the rings' depth by which a whole ring may differ from the model: the form of particles,
carbon and thickness are not in it. It keeps the lowest frequencies from outweighing all others."""
_ENVELOPES: Final = (50.0, 150.0, 400.0)
"""Å²; declines of the rings, exp(-B k²/2), with which the search tries."""
_DECAYS: Final = (20, 60, 120, 250, 500, 1000)
"""Å²; declines of which the depth of the rings is a sum with no negative part."""
_COARSE: Final = 12
"""Sectors in the search."""
_STEP: Final = 50.0
"""Å between the defoci that are tried: 40 degrees of phase at 3 Å and 300 kV."""
_ASTIGMATISMS: Final = (0, 150, 300, 450, 600, 750, 900)
"""Å; half differences of defocus that are tried, in directions 15 degrees apart."""
_PHASES: Final = 15.0
"""Degrees between the phase shifts that are tried."""
_ROUNDS: Final = 8
"""How often depth and phase of the rings are fitted in turn at most..."""
_SETTLED: Final = 1.0
"""...until neither defocus nor astigmatism move by more, Å."""
_PATIENCE: Final = 1000
"""Steps of the depth's fit, which mostly needs ten; its terms are alike, it may go to and fro."""
_STEPS: Final = 6
"""Steps of least squares in each round."""


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


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """The transfer function that was found."""

    defocus: float
    """Mean defocus, Å."""
    along: float
    """Half the difference of the defoci, times the cosine of twice the angle, Å."""
    across: float
    """The same with the sine."""
    phase_shift: float
    """Radians."""
    depth: NDArray[np.float64]
    """Depth of the rings at each frequency."""
    deviation: float
    """Standard deviation of the mean defocus, Å, as the noise of the spectrum leaves it."""
    left: float
    """What the fit leaves of the spectrum: squares over their variance, summed."""

    def direction(self, rings: Rings) -> NDArray[np.float64]:
        """Return the defocus in the direction of each bin."""
        return self.defocus + self.along * rings.cos2 + self.across * rings.sin2


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
    smooth = np.polynomial.chebyshev.chebvander(2 * (k - k[0]) / (k[-1] - k[0]) - 1, _DEGREE)
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


def fit(
    rings: Rings,
    optics: Optics,
    *,
    defocus: tuple[float, float],
    phase_shift: tuple[float, float],
) -> Fit:
    """Find the transfer function of which the rings are.

    Parameters
    ----------
    defocus, phase_shift :
        Between what they are looked for, Å and degrees; a phase shift with two equal ends is known.
    """
    low, high = phase_shift
    count = 1 if high <= low else max(2, math.ceil((high - low) / _PHASES))
    phases = [math.radians(low + (high - low) * i / count) for i in range(count)]
    starts = _search(rings, optics, defocus, phases)
    tried = [_refine(rings, optics, start, free=high > low) for start in starts]
    return min(tried, key=lambda one: one.left)


@dataclass(frozen=True, slots=True)
class _Radial:
    """Mean powers of the frequency in each ring; two are equal where their origin is."""

    key: tuple[object, ...]
    k2: NDArray[np.float64] = field(compare=False)
    k4: NDArray[np.float64] = field(compare=False)


@lru_cache(maxsize=4)
def _waves(
    radial: _Radial, optics: Optics, low: float, high: float
) -> tuple[NDArray[np.float64], NDArray[np.complex64]]:
    """Return the defoci that are tried, and exp(2ix) of each at the frequency of each ring."""
    defoci = np.arange(low, high + _STEP, _STEP)
    phase = half_phase(radial.k2[:, None], radial.k4[:, None], defoci, optics)
    return defoci, np.exp(2j * phase).astype(np.complex64)


@dataclass(frozen=True, slots=True)
class _Start:
    height: float
    defocus: float
    astigmatism: float
    angle: float
    phase: float

    def near(self, other: _Start) -> bool:
        """Whether both lead to the same fit."""
        return (self.defocus, self.astigmatism, self.angle, self.phase) == (
            other.defocus,
            other.astigmatism,
            other.angle,
            other.phase,
        )


def _search(
    rings: Rings, optics: Optics, defocus: tuple[float, float], phases: list[float]
) -> list[_Start]:
    """Try all transfer functions of the grid; return what stands out most with each envelope."""
    margin = max(_ASTIGMATISMS) + _STEP
    total_n = rings.n.sum(axis=0)
    radial = _Radial(
        key=rings.key,
        k2=(rings.n * rings.k2).sum(axis=0) / total_n,
        k4=(rings.n * rings.k4).sum(axis=0) / total_n,
    )
    defoci, waves = _waves(radial, optics, defocus[0] - margin, defocus[1] + margin)
    joint = rings.n.reshape(_COARSE, -1, rings.n.shape[1])
    n = joint.sum(axis=1)
    y = (joint * rings.y.reshape(joint.shape)).sum(axis=1) / np.maximum(n, 1)
    mean_n = n.mean(axis=0)
    away = round(margin / _STEP)
    core = slice(away, len(defoci) - away)
    angles = np.radians((np.arange(_COARSE) + 0.5) * 180 / _COARSE)
    shifts = _shifts(angles)
    starts: list[_Start] = []
    for envelope in _ENVELOPES:
        best = _Start(-math.inf, defocus[0], 0.0, 0.0, phases[0])
        depth = np.exp(-envelope / 2 * rings.k**2)
        root = np.sqrt(1 / (1 / np.maximum(mean_n, 1) + _DOUBT**2 * depth))
        basis, _ = np.linalg.qr(rings.smooth * root[:, None])
        weighted = y * root
        weighted -= (weighted @ basis) @ basis.T
        filters = (root * depth).astype(np.float32)[:, None] * waves
        found = weighted.astype(np.float32) @ filters
        left = (basis.T.astype(np.float32)) @ filters
        energy = 0.5 * (_square(filters).sum(axis=0) - _square(left).sum(axis=0))
        energy = np.maximum(energy, 1e-3 * energy.max())[core]
        for phase in phases:
            matched = -(found * np.complex64(np.exp(2j * phase))).real
            for astigmatism, angle, shift in shifts:
                total = np.zeros(core.stop - core.start, np.float32)
                for sector, by in enumerate(shift):
                    total += matched[sector, core.start + by : core.stop + by]
                height = total / np.sqrt(energy * _COARSE)
                place = int(np.argmax(height))
                if height[place] > best.height:
                    best = _Start(
                        height=float(height[place]),
                        defocus=float(defoci[core][place]),
                        astigmatism=astigmatism,
                        angle=angle,
                        phase=phase,
                    )
        if not any(best.near(other) for other in starts):
            starts.append(best)
    return starts


def _shifts(angles: NDArray[np.float64]) -> list[tuple[float, float, list[int]]]:
    """Return by how many steps each astigmatism moves the defocus of each sector."""
    found: list[tuple[float, float, list[int]]] = []
    for size in _ASTIGMATISMS:
        for degrees in range(0, 180, 15) if size else (0,):
            angle = math.radians(degrees)
            by = np.rint(size * np.cos(2 * (angles - angle)) / _STEP).astype(int)
            found.append((float(size), angle, by.tolist()))
    return found


def _square(values: NDArray[np.complex64]) -> NDArray[np.float32]:
    found: NDArray[np.float32] = values.real**2 + values.imag**2
    return found


def _refine(rings: Rings, optics: Optics, start: _Start, *, free: bool) -> Fit:
    """Fit depth and phase of the rings in turn: least squares by Levenberg and Marquardt."""
    at = np.array(
        [
            start.defocus,
            start.astigmatism * math.cos(2 * start.angle),
            start.astigmatism * math.sin(2 * start.angle),
            start.phase,
        ]
    )
    used = 4 if free else 3
    damping = 1e-2
    depth = np.zeros_like(rings.k)
    weight = rings.n
    for _ in range(_ROUNDS):
        before = at
        depth = _depth(rings, np.cos(_twice(rings, optics, at)))
        # what the model leaves out is the same in all sectors of a ring
        weight = rings.n / (1 + rings.n * (_DOUBT * depth) ** 2 * (_polar.SECTORS / 4))
        if not depth.any():  # no ring has this phase: nothing to refine
            break
        left = _left(rings, optics, at, depth, weight)
        cost = float((weight * left**2).sum())
        for _ in range(_STEPS):
            slopes = _slopes(rings, optics, at, depth)[:used]
            gradient = (slopes * (weight * left)).sum(axis=(1, 2))
            curve = np.einsum("iab,jab->ij", slopes * weight, slopes)
            curve[np.diag_indices(used)] *= 1 + damping
            scale = np.sqrt(np.diag(curve))
            if not (scale > 0).all() or np.linalg.cond(curve / np.outer(scale, scale)) > 1e12:
                break
            step = np.linalg.solve(curve, gradient)
            tried = at.copy()
            tried[:used] += step
            now = _left(rings, optics, tried, depth, weight)
            price = float((weight * now**2).sum())
            if price < cost:
                at, left, cost = tried, now, price
                damping = max(damping / 5, 1e-6)
                if abs(step[0]) < 0.5:
                    break
            else:
                damping *= 8
        if np.abs(at - before)[:3].max() < _SETTLED:
            break
    slopes = _slopes(rings, optics, at, depth)[:used]
    curve = np.einsum("iab,jab->ij", slopes * weight, slopes)
    with np.errstate(all="ignore"):
        deviation = math.sqrt(abs(float(np.linalg.pinv(curve)[0, 0]))) if depth.any() else math.inf
    return Fit(
        defocus=float(at[0]),
        along=float(at[1]),
        across=float(at[2]),
        phase_shift=float(at[3]),
        depth=depth,
        deviation=deviation,
        left=float((rings.n * _left(rings, optics, at, depth, rings.n) ** 2).sum()),
    )


def _twice(rings: Rings, optics: Optics, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 2x of each bin."""
    defocus = at[0] + at[1] * rings.cos2 + at[2] * rings.sin2
    twice: NDArray[np.float64] = 2 * (half_phase(rings.k2, rings.k4, defocus, optics) + at[3])
    return twice


def _depth(rings: Rings, cosine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how deep rings of this phase are, declining towards high frequencies."""
    seen = -(rings.n * rings.y * cosine).sum(axis=0)
    most = np.maximum((rings.n * cosine**2).sum(axis=0), 1e-9)
    decays = np.exp(-np.outer(rings.k**2 / 2, _DECAYS))
    columns = decays * np.sqrt(most)[:, None]
    lengths = np.linalg.norm(columns, axis=0)
    parts, _ = nnls(columns / lengths, seen / np.sqrt(most), maxiter=_PATIENCE)
    parts /= lengths
    found: NDArray[np.float64] = decays @ parts
    return found


def _left(
    rings: Rings,
    optics: Optics,
    at: NDArray[np.float64],
    depth: NDArray[np.float64],
    weight: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return what a transfer function and anything smooth leave of the spectrum."""
    left: NDArray[np.float64] = rings.y + depth * np.cos(_twice(rings, optics, at))
    total = np.maximum(weight.sum(axis=0), 1e-9)
    root = np.sqrt(total)
    basis, _ = np.linalg.qr(rings.smooth * root[:, None])
    mean = (weight * left).sum(axis=0) / root
    left -= (basis @ (basis.T @ mean)) / root
    return left


def _slopes(
    rings: Rings, optics: Optics, at: NDArray[np.float64], depth: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how the model changes with defocus, astigmatism and phase: (4, sectors, rings)."""
    turn = depth * np.sin(_twice(rings, optics, at))
    base = turn * (2 * math.pi * optics.wavelength) * rings.k2
    return np.stack([base, base * rings.cos2, base * rings.sin2, 2 * turn])
