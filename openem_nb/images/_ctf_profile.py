"""How far a spectrum follows the transfer function that was found: one curve, and two numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from openem_nb.images._ctf_model import Optics, equal_phase, half_phase

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openem_nb.images._ctf_fit import Fit
    from openem_nb.images._ctf_rings import Rings

__all__ = ["Profile", "profile"]

_FOLLOWS: Final = 0.5
"""Correlation down to which rings follow the fit, as CTFFIND takes it."""
_LEAST: Final = 15
"""Least number of bins over which curves are compared: noise alone correlates by a quarter then."""
_PERIODS: Final = 1.5
"""Rings over which curves are compared, where these are more bins."""


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """The mean over lines of equal phase, beside the fit."""

    frame: pd.DataFrame
    score: float
    resolution: float | None
    followed: float
    """Rings that follow the fit, out to the resolution."""


def profile(rings: Rings, found: Fit, optics: Optics) -> Profile:
    """Return the equiphase average of a spectrum, how well it fits, and to which distance in Å."""
    direction = found.direction(rings)
    k2 = equal_phase(rings.k2, direction, found.defocus, optics)
    step = (rings.k[-1] - rings.k[0]) / (len(rings.k) - 1)
    place = np.rint((np.sqrt(np.maximum(k2, 0)) - rings.k[0]) / step).astype(np.intp)
    inside = (place >= 0) & (place < len(rings.k)) & (rings.n > 0)
    place, weight = place[inside], rings.n[inside]
    count = np.bincount(place, weights=weight, minlength=len(rings.k)).astype(np.float64)
    safe = np.maximum(count, 1e-9)
    mean = np.bincount(place, weights=weight * rings.y[inside], minlength=len(rings.k)) / safe
    at = np.bincount(place, weights=weight * k2[inside], minlength=len(rings.k)) / safe
    at = np.where(count > 0, at, rings.k**2)
    phase = half_phase(at, at**2, found.defocus, optics) + found.phase_shift
    cosine = np.cos(2 * phase)
    model = -found.depth * cosine
    root = np.sqrt(count)
    basis, _ = np.linalg.qr(rings.smooth * root[:, None])
    left = (mean - model) * root
    mean = mean - np.where(count > 0, (basis @ (basis.T @ left)) / np.maximum(root, 1e-9), 0)
    near = _correlation(mean, -cosine, count, phase)
    frame = pd.DataFrame(
        {
            "frequency": np.sqrt(at),
            "power": 1 + mean,
            "fit": 1 + model,
            "ctf": np.sin(phase) ** 2,
            "cc": near,
        }
    )
    follows = near >= _FOLLOWS
    first = int(np.argmax(follows))
    resolution, followed = None, 0.0
    if follows[first] and first <= _LEAST:
        ends = np.flatnonzero(~follows[first:])
        last = first + int(ends[0]) - 1 if len(ends) else len(near) - 1
        resolution = float(1 / np.sqrt(at[last]))
        followed = float(abs(phase[last] - phase[0])) / math.pi
    return Profile(frame, _score(mean, model, count), resolution, followed)


def _score(
    mean: NDArray[np.float64], model: NDArray[np.float64], weight: NDArray[np.float64]
) -> float:
    """Return the correlation of curve and fit, with the weights of the fit."""
    used = weight * np.abs(model)
    power = float((used * mean**2).sum()) * float((used * model**2).sum())
    return float((used * mean * model).sum()) / math.sqrt(power) if power > 0 else 0.0


def _correlation(
    curve: NDArray[np.float64],
    wave: NDArray[np.float64],
    weight: NDArray[np.float64],
    phase: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the correlation of two curves around each of their points."""
    # the rings' own spacing in bins: their phase advances by pi
    spacing = math.pi / np.maximum(np.abs(np.gradient(phase)), 1e-6)
    width = np.clip(_PERIODS * spacing, _LEAST, len(curve) / 2)
    number = np.arange(len(curve))
    low = np.clip(np.rint(number - width / 2), 0, len(curve) - 1).astype(np.intp)
    high = np.clip(np.rint(number + width / 2) + 1, 0, len(curve)).astype(np.intp)
    w = (weight > 0).astype(np.float64)

    def total(values: NDArray[np.float64]) -> NDArray[np.float64]:
        sums = np.concatenate([[0.0], np.cumsum(w * values)])
        found: NDArray[np.float64] = sums[high] - sums[low]
        return found

    n = np.maximum(total(np.ones_like(curve)), 1)
    a, b = total(curve) / n, total(wave) / n
    shared = total(curve * wave) / n - a * b
    spread = (total(curve**2) / n - a**2) * (total(wave**2) / n - b**2)
    return np.where(spread > 0, shared / np.sqrt(np.maximum(spread, 1e-30)), 0.0)
