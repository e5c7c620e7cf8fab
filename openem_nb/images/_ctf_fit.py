"""The fit of a contrast transfer function to a power spectrum. docs/explanation/ctf.md derives it.

A spectrum P(k, a) is taken as B(k) (1 + s(k) - m(k) cos 2x(k, a)): a smooth decline B with what it
left over, s, and rings of the depth m, whose phase x is that of the transfer function. First all
defoci, astigmatisms and phase shifts are tried on a grid, as filters matched to the rings; then the
best is refined by least squares, and once more on finer rings, each value weighted with the
variance that the fit itself gives it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from openem_nb.images import _polar
from openem_nb.images._ctf_model import Optics, half_phase
from openem_nb.images._ctf_rings import merged
from openem_nb.images._ctf_search import DOUBT, Start, search

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openem_nb.images._ctf_rings import Rings

__all__ = ["Fit", "fit"]

_DECAYS: Final = (20, 60, 120, 250, 500, 1000)
"""Å²; declines of which the depth of the rings is a sum with no negative part."""
_PHASES: Final = 15.0
"""Degrees between the phase shifts that are tried."""
_ROUNDS: Final = 8
"""How often depth and phase of the rings are fitted in turn at most..."""
_SETTLED: Final = 1.0
"""...until neither defocus nor astigmatism move by more, Å..."""
_NEARLY: Final = 10.0
"""...or by this, where the last step is still to come."""
_PATIENCE: Final = 1000
"""Steps of the depth's fit, which mostly needs ten; its terms are alike, it may go to and fro."""
_STEPS: Final = 6
"""Steps of least squares in each round."""
_TURN: Final = 1.0
"""Radians by which 2x advances over one of the finer rings: their mean keeps 96 % of the depth."""
_WIDEST: Final = 1 / 1000.0
"""1/Å; no finer ring is wider."""
_SPECKLE: Final = 0.15
"""Part of the rings' depth by which one sector may differ from the model..."""
_GRAIN: Final = 1 / 100.0
"""...over so many 1/Å: the power of particles some 100 Å wide varies over that distance."""
_DARK: Final = 0.1
"""Least power in a dark ring, over the smooth decline, from which its variance is taken."""


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
    covariance: NDArray[np.float64]
    """Of defocus, along and across, Å², as the noise of the spectrum leaves it; infinite where no
    ring is fitted."""
    left: float
    """What the fit leaves of the spectrum: squares over their variance, summed."""
    gain: float = 0.0
    """How much less the rings leave than what is smooth alone, summed in the same way: twice the
    logarithm of the ratio of likelihoods. The best of all trials gains about as much from noise of
    any size of image."""

    def direction(self, rings: Rings) -> NDArray[np.float64]:
        """Return the defocus in the direction of each bin."""
        return self.defocus + self.along * rings.cos2 + self.across * rings.sin2


def fit(
    rings: Rings,
    fine: Rings,
    optics: Optics,
    *,
    defocus: tuple[float, float],
    phase_shift: tuple[float, float],
) -> Fit:
    """Find the transfer function of which the rings are.

    Parameters
    ----------
    rings, fine :
        Those in which it is looked for, and the same as narrow as they are, for the last step.
    defocus, phase_shift :
        Between what they are looked for, Å and degrees; a phase shift with two equal ends is known.
    """
    low, high = phase_shift
    count = 1 if high <= low else max(2, math.ceil((high - low) / _PHASES))
    phases = [math.radians(low + (high - low) * i / count) for i in range(count)]
    free = high > low
    starts = search(rings, optics, defocus, phases)
    tried = [_refine(rings, optics, _begin(start), free=free) for start in starts]
    best = min(tried, key=lambda one: one.left)
    if not best.depth.any():
        return best
    best = replace(best, gain=_gain(rings, optics, best))
    found = np.array([best.defocus, best.along, best.across, best.phase_shift])
    turn = np.abs(np.gradient(_twice(rings, optics, found).mean(axis=0), rings.k)).max()
    fine = merged(fine, min(_TURN / float(turn), _WIDEST))
    known = np.interp(fine.k, rings.k, best.depth)
    last = _refine(fine, optics, found, free=free, known=known)
    if not last.depth.any():
        return best
    at = np.array([last.defocus, last.along, last.across, last.phase_shift])
    depth = _depth(rings, np.cos(_twice(rings, optics, at)), rings.n, rings.y)
    last = replace(last, depth=depth)
    return replace(last, gain=_gain(rings, optics, last))


def _gain(rings: Rings, optics: Optics, found: Fit) -> float:
    at = np.array([found.defocus, found.along, found.across, found.phase_shift])
    basis = _basis(rings, rings.n)
    without, left = (
        float((rings.n * _left(rings, optics, at, depth, basis) ** 2).sum())
        for depth in (np.zeros_like(found.depth), found.depth)
    )
    return without - left


def _begin(start: Start) -> NDArray[np.float64]:
    return np.array(
        [
            start.defocus,
            start.astigmatism * math.cos(2 * start.angle),
            start.astigmatism * math.sin(2 * start.angle),
            start.phase,
        ]
    )


def _refine(
    rings: Rings,
    optics: Optics,
    at: NDArray[np.float64],
    *,
    free: bool,
    known: NDArray[np.float64] | None = None,
) -> Fit:
    """Fit depth and phase of the rings in turn: least squares by Levenberg and Marquardt.

    Where the depth is ``known`` to begin with, each value gets the variance that the fit of the
    round before gives it: a spectrum scatters by its own size. Weighted so, least squares end where
    the likelihood of gamma-distributed power is highest (P. McCullagh and J. A. Nelder, Generalized
    Linear Models, 2nd ed. 1989, ch. 8).
    """
    used = 4 if free else 3
    settled = _NEARLY if known is None else _SETTLED
    damping = 1e-2
    depth = np.zeros_like(rings.k) if known is None else known
    weight = rings.n
    for _ in range(_ROUNDS):
        before = at
        cosine = np.cos(_twice(rings, optics, at))
        if known is None:
            depth = _depth(rings, cosine, rings.n, rings.y)
            # what the model leaves out is the same in all sectors of a ring
            weight = rings.n / (1 + rings.n * (DOUBT * depth) ** 2 * (_polar.SECTORS / 4))
        else:
            weight, depth = _reweighted(rings, cosine, depth)
        if not depth.any():  # no ring has this phase: nothing to refine
            break
        basis = _basis(rings, weight)
        left = _left(rings, optics, at, depth, basis)
        cost = float((weight * left**2).sum())
        for _ in range(_STEPS):
            slopes = _slopes(rings, optics, at, depth)[:used]
            gradient = (slopes * (weight * left)).sum(axis=(1, 2))
            curve = _curve(slopes, weight)
            curve[np.diag_indices(used)] *= 1 + damping
            scale = np.sqrt(np.diag(curve))
            if not (scale > 0).all() or np.linalg.cond(curve / np.outer(scale, scale)) > 1e12:
                break
            step = np.linalg.solve(curve, gradient)
            tried = at.copy()
            tried[:used] += step
            now = _left(rings, optics, tried, depth, basis)
            price = float((weight * now**2).sum())
            if price < cost:
                at, left, cost = tried, now, price
                damping = max(damping / 5, 1e-6)
                if abs(step[0]) < settled / 2:
                    break
            else:
                damping *= 8
        if np.abs(at - before)[:3].max() < settled:
            break
    covariance = np.full((3, 3), math.inf)
    if depth.any():
        slopes = _slopes(rings, optics, at, depth)[:used]
        # what the smooth part can follow says nothing of the defocus
        basis = _basis(rings, weight)
        slopes -= np.stack([_smooth(slope, basis) for slope in slopes])[:, None, :]
        with np.errstate(all="ignore"):
            covariance = np.linalg.pinv(_curve(slopes, weight))[:3, :3]
    return Fit(
        defocus=float(at[0]),
        along=float(at[1]),
        across=float(at[2]),
        phase_shift=float(at[3]),
        depth=depth,
        covariance=covariance,
        left=float((rings.n * _left(rings, optics, at, depth, _basis(rings, rings.n)) ** 2).sum()),
    )


def _twice(rings: Rings, optics: Optics, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return 2x of each bin."""
    defocus = at[0] + at[1] * rings.cos2 + at[2] * rings.sin2
    twice: NDArray[np.float64] = 2 * (half_phase(rings.k2, rings.k4, defocus, optics) + at[3])
    return twice


def _reweighted(
    rings: Rings, cosine: NDArray[np.float64], depth: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the inverse variances that rings of this depth give, and the depth with them."""
    waves = depth * cosine
    smooth = _smooth(rings.y + waves, _basis(rings, rings.n))
    expected = np.maximum(1 + smooth - waves, _DARK)
    depth = _depth(rings, cosine, rings.n / expected**2, rings.y - smooth)
    step = (rings.k[-1] - rings.k[0]) / (len(rings.k) - 1)
    together = max(1.0, _GRAIN / float(step))  # rings that differ from the model in the same way
    doubt = rings.n * (_SPECKLE * depth) ** 2 * together
    return rings.n / (expected**2 + doubt), depth


def _depth(
    rings: Rings,
    cosine: NDArray[np.float64],
    weight: NDArray[np.float64],
    y: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return how deep rings of this phase are, declining towards high frequencies."""
    from scipy.optimize import nnls  # slow to load; panels show a CTF without fitting one

    weighted = weight * cosine
    seen = -(weighted * y).sum(axis=0)
    most = np.maximum((weighted * cosine).sum(axis=0), 1e-9)
    decays = np.exp(-np.outer(rings.k**2 / 2, _DECAYS))
    columns = decays * np.sqrt(most)[:, None]
    lengths = np.linalg.norm(columns, axis=0)
    parts, _ = nnls(columns / lengths, seen / np.sqrt(most), maxiter=_PATIENCE)
    parts /= lengths
    found: NDArray[np.float64] = decays @ parts
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _Basis:
    """What is smooth along the rings, for values of these weights."""

    weight: NDArray[np.float64]
    root: NDArray[np.float64]
    """Square root of each ring's weight."""
    vectors: NDArray[np.float64]


def _basis(rings: Rings, weight: NDArray[np.float64]) -> _Basis:
    root = np.sqrt(np.maximum(weight.sum(axis=0), 1e-9))
    vectors, _ = np.linalg.qr(rings.smooth * root[:, None])
    return _Basis(weight, root, vectors)


def _smooth(left: NDArray[np.float64], basis: _Basis) -> NDArray[np.float64]:
    """Return the smooth part of what is left, for each ring."""
    mean = np.einsum("ab,ab->b", basis.weight, left) / basis.root
    found: NDArray[np.float64] = (basis.vectors @ (basis.vectors.T @ mean)) / basis.root
    return found


def _left(
    rings: Rings,
    optics: Optics,
    at: NDArray[np.float64],
    depth: NDArray[np.float64],
    basis: _Basis,
) -> NDArray[np.float64]:
    """Return what a transfer function and anything smooth leave of the spectrum."""
    left: NDArray[np.float64] = rings.y + depth * np.cos(_twice(rings, optics, at))
    left -= _smooth(left, basis)
    return left


def _slopes(
    rings: Rings, optics: Optics, at: NDArray[np.float64], depth: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how the model changes with defocus, astigmatism and phase: (4, sectors, rings)."""
    turn = depth * np.sin(_twice(rings, optics, at))
    base = turn * (2 * math.pi * optics.wavelength) * rings.k2
    return np.stack([base, base * rings.cos2, base * rings.sin2, 2 * turn])


def _curve(slopes: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the curvature of the sum of squares: the information about each pair of values."""
    flat = slopes.reshape(len(slopes), -1)
    found: NDArray[np.float64] = (flat * weight.ravel()) @ flat.T
    return found
