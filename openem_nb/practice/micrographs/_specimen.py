"""What lies on a practice grid: particles, amorphous solvent, a ring of ice, carbon."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
import scipy.fft

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["carbon_mask", "particles", "solvent_amplitude"]

_RADII: Final = (62.0, 48.0, 40.0)
"""Half axes of the particle, Å: some 350 kDa."""
_BLOBS: Final = 1800
"""Points of mass of which the particle is made, about half of its residues."""
_BLUR: Final = 2.5
"""Å, width of a point of mass."""
_PHASE: Final = 0.35
"""Phase that a point of mass adds, rad Å²: a protein of 100 Å turns the wave by some 0.2 rad."""
_VIEWS: Final = 24
_ICE: Final = 3.67
"""Å, the strongest ring of cubic ice; hexagonal ice has it between two others."""


def particles(
    shape: tuple[int, int], pixel_size: float, rng: np.random.Generator, *, covered: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.intp]]:
    """Return the phase of particles over the frame, and their centres in pixels as (y, x).

    The particle is a random heap of mass in an ellipsoid, the same for one seed, seen from
    :data:`_VIEWS` directions at random; ``covered`` is the part of the area that they take.
    """
    layer = np.zeros(shape, dtype=np.float32)
    size = int(4 * max(_RADII) / pixel_size / 2) * 2
    area = math.pi * (sum(_RADII) / 3 / pixel_size) ** 2
    count = int(covered * shape[0] * shape[1] / area)
    if count == 0 or min(shape) <= size:
        return layer, np.empty((0, 2), dtype=np.intp)
    inside = rng.standard_normal((_BLOBS, 3))
    inside *= (rng.random((_BLOBS, 1)) ** (1 / 3)) / np.linalg.norm(inside, axis=1, keepdims=True)
    points = inside * _RADII
    frequency = scipy.fft.fftfreq(size, pixel_size)
    blur = np.exp(-2 * (math.pi * _BLUR) ** 2 * (frequency[:, None] ** 2 + frequency**2))
    views = []
    for _ in range(_VIEWS):
        turn, _ = np.linalg.qr(rng.standard_normal((3, 3)))
        place = np.rint(points @ turn[:, :2] / pixel_size).astype(np.intp) + size // 2
        heap = np.bincount(place[:, 0] * size + place[:, 1], minlength=size * size)
        spectrum = scipy.fft.fft2(heap.reshape(size, size)) * blur
        views.append((scipy.fft.ifft2(spectrum).real * (_PHASE / pixel_size**2)).astype(np.float32))
    corners = rng.integers(0, (shape[0] - size, shape[1] - size), (count, 2))
    for (y, x), view in zip(corners.tolist(), rng.integers(0, _VIEWS, count).tolist(), strict=True):
        layer[y : y + size, x : x + size] += views[view]
    return layer, corners + size // 2


def solvent_amplitude(k: npt.NDArray[np.float32], *, ice_ring: float) -> npt.NDArray[np.float32]:
    """Return how strongly the solvent scatters at spatial frequencies in 1/Å, relative to 1.

    Amorphous water scatters most at distances around 3.7 Å; crystalline ice adds a sharp ring.
    """
    power = 0.7 + 0.8 * np.exp(-(((k - 0.27) / 0.05) ** 2))
    amplitude: npt.NDArray[np.float32] = np.sqrt(power).astype(np.float32, copy=False)
    if ice_ring:
        amplitude *= 1 + ice_ring * np.exp(-(((k - 1 / _ICE) / 0.003) ** 2))
    return amplitude


def carbon_mask(
    shape: tuple[int, int], part: float, rng: np.random.Generator
) -> npt.NDArray[np.float32]:
    """Return where carbon lies, 0 to 1: to the left of an arc, the rim of a hole."""
    y = np.arange(shape[0], dtype=np.float32)[:, None]
    x = np.arange(shape[1], dtype=np.float32)
    radius = rng.uniform(1.5, 3) * max(shape)
    middle = rng.uniform(0.3, 0.7) * shape[0]
    rim = part * shape[1] + radius - np.sqrt(radius**2 - (y - middle) ** 2)
    mask: npt.NDArray[np.float32] = np.clip((rim - x) / 8 + 0.5, 0, 1).astype(
        np.float32, copy=False
    )
    return mask
