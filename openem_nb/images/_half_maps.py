"""What two half maps share before they are correlated: voxels, sizes, places, and transforms."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.errors import InvalidInput
from openem_nb.images.threads import workers

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["back", "pair", "transform", "volume"]

_PLACE: Final = 0.01
"""Å by which origins may differ."""


def pair(
    half1: Any, half2: Any, voxel_size: float | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32], tuple[float, ...] | None]:
    """Return the voxels of two half maps, and Å of a voxel, None where they do not know it.

    Raises
    ------
    InvalidInput
        If shapes, sizes of voxels or places differ, or a map has voxels without a number.
    """
    one, size1, place1 = volume(half1)
    two, size2, place2 = volume(half2)
    _same(one, two, size1, size2, place1, place2)
    if voxel_size is not None and not 0 < voxel_size < math.inf:
        raise InvalidInput(f"Voxels of {voxel_size} Å cannot be.", hint="Give it in Å.")
    return one, two, (voxel_size,) * 3 if voxel_size else size1 or size2


def volume(
    source: Any,
) -> tuple[NDArray[np.float32], tuple[float, ...] | None, tuple[float, ...] | None]:
    """Return the voxels, their sizes, and where the first of them lies."""
    from openem_nb.images.maps import Map, open_map

    if isinstance(source, str | Path):
        with open_map(source) as opened:
            return volume(opened)
    if isinstance(source, Map):
        voxels = np.ascontiguousarray(source, np.float32)
        size, place, name = source.voxel_size, source.origin, source.name
    else:
        voxels = np.ascontiguousarray(source, np.float32)
        size = place = None
        name = "The array"
    if voxels.ndim != 3 or min(voxels.shape) < 2:
        raise InvalidInput(
            f"{name} has the shape {voxels.shape}, and shells need a volume.",
            hint="Give arrays (z, y, x) with two voxels along each side at least.",
        )
    if not np.isfinite(voxels.sum(dtype=np.float64)):
        raise InvalidInput(
            f"{name} has voxels that hold no number.",
            hint="Put the mean in their place.",
        )
    return voxels, size, place


def _same(one: Any, two: Any, size1: Any, size2: Any, place1: Any, place2: Any) -> None:
    problem = ""
    if one.shape != two.shape:
        problem = f"have the shapes {one.shape} and {two.shape}"
    elif size1 and size2 and not np.allclose(size1, size2, rtol=1e-3):
        problem = f"have voxels of {size1} and {size2} Å"
    elif place1 and place2 and not np.allclose(place1, place2, rtol=0, atol=_PLACE):
        problem = f"begin at {place1} and {place2} Å"
    if problem:
        raise InvalidInput(
            f"The two maps {problem} (z, y, x): their voxels are not the same places.",
            hint="Give the two half maps of one reconstruction.",
        )


def transform(voxels: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Return the real transform of a volume."""
    from scipy.fft import rfftn

    found: NDArray[np.complex64] = rfftn(voxels, workers=workers())
    return found


def back(spectrum: NDArray[np.complex64], shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return the volume of a real transform."""
    from scipy.fft import irfftn

    found: NDArray[np.float32] = irfftn(spectrum, s=shape, workers=workers())
    return found
