"""Where to begin the fit of a transfer function: all are tried on a grid, as matched filters."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from openem_nb.images._ctf_model import Optics, half_phase

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openem_nb.images._ctf_rings import Rings

__all__ = ["DOUBT", "Start", "search"]

DOUBT: Final = 0.3
"""Part of the rings' depth by which a whole ring may differ from the model: the form of particles,
carbon and thickness are not in it. It keeps the lowest frequencies from outweighing all others."""
_ENVELOPES: Final = (50.0, 150.0, 400.0)
"""Å²; declines of the rings, exp(-B k²/2), with which the search tries."""
_COARSE: Final = 12
"""Sectors in the search."""
_STEP: Final = 50.0
"""Å between the defoci that are tried: 40 degrees of phase at 3 Å and 300 kV."""
_ASTIGMATISMS: Final = (0, 150, 300, 450, 600, 750, 900)
"""Å; half differences of defocus that are tried, in directions 15 degrees apart."""


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
class Start:
    """One trial, and by how many standard deviations of the noise it stands out."""

    height: float
    defocus: float
    astigmatism: float
    angle: float
    phase: float

    def near(self, other: Start) -> bool:
        """Whether both lead to the same fit."""
        return (self.defocus, self.astigmatism, self.angle, self.phase) == (
            other.defocus,
            other.astigmatism,
            other.angle,
            other.phase,
        )


def search(
    rings: Rings, optics: Optics, defocus: tuple[float, float], phases: list[float]
) -> list[Start]:
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
    starts: list[Start] = []
    for envelope in _ENVELOPES:
        best = Start(-math.inf, defocus[0], 0.0, 0.0, phases[0])
        depth = np.exp(-envelope / 2 * rings.k**2)
        root = np.sqrt(1 / (1 / np.maximum(mean_n, 1) + DOUBT**2 * depth))
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
                    best = Start(
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
