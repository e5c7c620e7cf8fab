"""A map with fewer voxels: what a picture or a browser can hold of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from openem_nb.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openem_nb.images._map_frame import Three
    from openem_nb.images._voxels import Voxels
    from openem_nb.images.maps import Map

__all__ = ["SmallMap", "binned", "small_map"]


@dataclass(frozen=True, slots=True, eq=False)
class SmallMap:
    """A map whose voxels are the means of blocks; all voxels have a number."""

    values: NDArray[np.float32]
    """(z, y, x)."""
    voxel_size: Three
    """Å along z, y, x; voxels of the map where their size is not known."""
    origin: Three
    """Å of the middle of the first block, in the same order."""
    factor: int
    """Voxels of the map along a side of a block, at most."""

    def header(self) -> bytes:
        """Return the 1,024 bytes that make an MRC2014 file of float32 of the values."""
        from mrcfile.dtypes import HEADER_DTYPE

        header = np.zeros((), HEADER_DTYPE)
        for axis, count, size, place in zip(
            "zyx", self.values.shape, self.voxel_size, self.origin, strict=True
        ):
            header[f"n{axis}"] = header[f"m{axis}"] = count
            header["cella"][axis] = count * size
            header["origin"][axis] = place
        header["nx"], header["ny"], header["nz"] = self.values.shape[::-1]
        header["mode"] = 2
        for axis in ("alpha", "beta", "gamma"):
            header["cellb"][axis] = 90
        header["mapc"], header["mapr"], header["maps"] = 1, 2, 3
        header["dmin"], header["dmax"] = self.values.min(), self.values.max()
        header["dmean"] = self.values.mean(dtype=np.float64)
        header["rms"] = self.values.std(dtype=np.float64)
        header["ispg"], header["nversion"], header["map"] = 1, 20140, b"MAP "
        header["machst"][:2] = 0x44
        return header.tobytes()

    def ball(self, level: float) -> tuple[float, float, float, float] | None:
        """Return middle (x, y, z) and radius in Å of a ball around all at or above a level."""
        above = self.values >= level
        ends, away = [], np.zeros(above.shape, np.float32)
        for axis in range(3):
            there = np.flatnonzero(above.any(axis=tuple(i for i in range(3) if i != axis)))
            if not there.size:
                return None
            size, middle = self.voxel_size[axis], (there[0] + there[-1]) / 2
            ends.append(self.origin[axis] + middle * size)
            steps = (np.arange(above.shape[axis], dtype=np.float32) - np.float32(middle)) * size
            away += (steps**2).reshape([-1 if i == axis else 1 for i in range(3)])
        z, y, x = ends
        radius = math.sqrt(float(away[above].max())) + max(self.voxel_size)
        return x, y, z, radius


def small_map(source: Map, *, longest: int) -> SmallMap:
    """Return a map with at most so many voxels along a side.

    Parameters
    ----------
    longest :
        Voxels of the longest side. What is left over at the far faces, less than a block, is not
        in it.
    """
    if longest < 2:
        raise InvalidInput(f"No map has a side of {longest} voxels.", hint="Give 160, for example.")
    found = source.usable()
    values = binned(source, longest)
    np.nan_to_num(values, copy=False, nan=found.min, posinf=found.max, neginf=found.min)
    factor = math.ceil(max(source.shape) / longest)
    size = source.voxel_size or (1.0, 1.0, 1.0)
    start = source.origin or (0.0, 0.0, 0.0)
    steps = [min(factor, n) for n in source.shape]
    voxels = tuple(one * step for one, step in zip(size, steps, strict=True))
    origin = tuple(
        place + (step - 1) / 2 * one for place, step, one in zip(start, steps, size, strict=True)
    )
    return SmallMap(values, voxels, origin, factor)  # type: ignore[arg-type]


def binned(source: Map, longest: int) -> NDArray[np.float32]:
    """Return a volume with at most so many voxels along a side, each the mean of a block."""
    order = source._frame.order  # noqa: SLF001  (the order that its file is read in)
    return np.ascontiguousarray(_binned(source.voxels, longest).transpose(order))


def _binned(data: NDArray[Any] | Voxels, longest: int) -> NDArray[np.float32]:
    factor = math.ceil(max(data.shape) / longest)
    if factor == 1:
        return np.array(data, np.float32, order="C")
    shape = [max(1, n // factor) for n in data.shape]
    steps = [min(factor, n) for n in data.shape]
    found = np.empty(shape, np.float32)
    y, x = shape[1] * steps[1], shape[2] * steps[2]
    for place in range(shape[0]):
        block = np.asarray(data[place * steps[0] : (place + 1) * steps[0]][:, :y, :x], np.float32)
        rows = block.sum(axis=0).reshape(shape[1], steps[1], x).sum(axis=1)
        found[place] = rows.reshape(shape[1], shape[2], steps[2]).sum(axis=2)
    found /= math.prod(steps)
    return found
