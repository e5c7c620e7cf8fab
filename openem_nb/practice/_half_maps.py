"""Half maps whose correlation is known: a particle, and noise as strong as a curve demands.

In each shell of frequencies the two halves have the same signal, and noise of their own of which
the power is that of the signal divided by the ratio that the curve stands for. With a ratio R the
correlation of two halves is R / (1 + R) (Frank, Al-Ali 1975, Nature 256, 376).
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["half_maps", "map_file", "true_fsc"]

_AT: Final = 0.143 / 0.857
"""Ratio of signal to noise where the curve is 0.143."""
_STEEP: Final = 8
_MOST: Final = 1e4
"""Ratio of signal to noise at most, as in the first shells."""
_FOLDS: Final = 7
_POINTS: Final = 160
"""Points of mass in each seventh of the particle."""


def true_fsc(frequency: float, resolution: float) -> float:
    """Return the correlation at a frequency (1/Å) of half maps of a resolution (Å, at 0.143)."""
    ratio = min(_MOST, _AT * (frequency * resolution) ** -_STEEP) if frequency else _MOST
    return ratio / (1 + ratio)


@lru_cache(maxsize=8)
def half_maps(
    edge: int, voxel: float, resolution: float, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return the map of two half maps, and the two of them, (z, y, x).

    The map is their mean, each shell weighted by the correlation that it has with the truth,
    sqrt(2 FSC / (1 + FSC)) (Rosenthal, Henderson 2003, J Mol Biol 333, 721), and 1 at its highest.
    A particle of seven parts fills about half of the box.

    Parameters
    ----------
    edge :
        Voxels along a side.
    voxel :
        Å of one.
    resolution :
        Å at which the correlation of the halves falls to 0.143.
    seed :
        Draws particle and noise.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    signal = np.fft.rfftn(_particle(edge, rng))
    side, last = np.fft.fftfreq(edge) * edge, np.fft.rfftfreq(edge) * edge
    z, y, x = side[:, None, None], side[:, None], last
    shell = np.rint(np.sqrt(z**2 + y**2 + x**2)).astype(np.intp)
    pairs = np.where((x == 0) | (2 * x == edge), 1.0, 2.0) * np.ones(shell.shape)

    def power(spectrum: NDArray[np.complex128]) -> NDArray[np.float64]:
        weighted = (pairs * np.abs(spectrum) ** 2).ravel()
        return np.bincount(shell.ravel(), weighted).astype(np.float64)

    curve = np.array(
        [true_fsc(number / (edge * voxel), resolution) for number in range(shell.max() + 1)]
    )
    wanted = power(signal) * (1 - curve) / curve
    halves = []
    for _ in range(2):
        noise = np.fft.rfftn(rng.standard_normal((edge, edge, edge)))
        noise *= np.sqrt(wanted / power(noise))[shell]
        halves.append(np.fft.irfftn(signal + noise, s=(edge,) * 3, axes=(0, 1, 2)))
    weight = np.sqrt(2 * curve / (1 + curve))[shell]
    mean = np.fft.irfftn(
        weight * np.fft.rfftn((halves[0] + halves[1]) / 2), s=(edge,) * 3, axes=(0, 1, 2)
    )
    top = mean.max()
    one, two, both = ((volume / top).astype(np.float32) for volume in (halves[0], halves[1], mean))
    return both, one, two


def map_file(
    part: int, *, edge: int, voxel: float, resolution: float, label: str, seed: int
) -> bytes:
    """Return the map (0) or one of the half maps (1, 2) as an MRC file."""
    from openem_nb.practice._volumes import mrc

    values = half_maps(edge, voxel, resolution, seed)[part].astype("<f4")
    shape = (edge, edge, edge)
    return mrc(
        shape,
        2,
        values.ravel().tolist(),
        values.tobytes(),
        voxel=voxel,
        label=label,
        space_group=1,
    )


def _particle(edge: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return points of mass in a barrel of seven equal parts, each a small Gaussian."""
    import numpy as np

    angle = rng.uniform(0, 2 * math.pi / _FOLDS * 0.95, _POINTS)
    height = rng.uniform(-0.24, 0.24, _POINTS) * edge
    away = np.sqrt(rng.uniform(0.09**2, 0.26**2, _POINTS)) * edge
    angles = (angle[:, None] + 2 * math.pi / _FOLDS * np.arange(_FOLDS)).ravel()
    height, away = np.repeat(height, _FOLDS), np.repeat(away, _FOLDS)
    middle = (edge - 1) / 2
    places = (middle + height, middle + away * np.sin(angles), middle + away * np.cos(angles))
    steps = np.arange(edge)
    # one point after the other would be slow, and one row after the other is not
    z, y, x = (np.exp(-((steps - place[:, None]) ** 2) / (2 * 0.9**2)) for place in places)
    found: NDArray[np.float64] = np.einsum("pz,py,px->zyx", z, y, x, optimize=True)
    return found
