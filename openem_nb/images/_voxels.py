"""The voxels of a volume, read from their file as they are asked for, into memory of their own.

A file that is mapped ends the whole process where another program cuts it off, or its network drive
goes away, while voxels are read: the system has no other way to say so. What is read in pieces
gives an error.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import DTypeLike, NDArray

    from openem_nb.images._raw import RawPixels

__all__ = ["Run", "Voxels", "across"]


class Voxels:
    """Sections of a file in the order of the file; like an array where parts are asked for.

    Parameters
    ----------
    pixels :
        Of a file whose numbers are pixels (:attr:`RawPixels.plain`).
    first, count :
        Sections that are the volume.
    """

    ndim = 3

    def __init__(self, pixels: RawPixels, first: int, count: int) -> None:
        self._pixels, self._begin = pixels, pixels.place(first, 0)
        self.shape = (count, *pixels.shape)
        self.dtype = pixels.stored
        """As in the file, its byte order too."""
        self.size = math.prod(self.shape)

    def run(self, start: int, end: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return voxels one behind the other, in the memory that is given.

        Raises
        ------
        DamagedFile
            If the file has become shorter meanwhile.
        """
        found = np.empty(end - start, self.dtype) if out is None else out[: end - start]
        if found.size:
            self._pixels.source.read_into(self._begin + start * self.dtype.itemsize, found)
        return found

    def reshape(self, _whole: int) -> Run:
        """Return all voxels as one line of them, of which nothing is read yet."""
        return Run(self, 0, self.size)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, which: int | slice | tuple[slice, ...]) -> NDArray[Any]:
        """Return a section, or a part: of the sections it lies in whole ones are read."""
        sections, *within = which if isinstance(which, tuple) else (which,)
        area = self.shape[1] * self.shape[2]
        if isinstance(sections, int):
            place = range(len(self))[sections]
            return self.run(place * area, (place + 1) * area).reshape(self.shape[1:])
        start, end, _step = sections.indices(len(self))
        found = self.run(start * area, max(start, end) * area)
        return found.reshape(-1, *self.shape[1:])[(slice(None), *within)]

    def rows(self, place: int) -> NDArray[Any]:
        """Return the same row of each section, (sections, columns)."""
        found = np.empty((self.shape[0], self.shape[2]), self.dtype)
        row = self.shape[2] * self.dtype.itemsize
        read = self._pixels.source.read_into
        for section in range(len(self)):
            read(self._begin + (section * self.shape[1] + place) * row, found[section])
        return found

    def columns(self, place: int) -> NDArray[Any]:
        """Return the same column of each section, (sections, rows); all of the file is read."""
        found = np.empty(self.shape[:2], self.dtype)
        for section in range(len(self)):
            found[section] = self[section][:, place]
        return found

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        return self.run(0, self.size).reshape(self.shape).astype(dtype or self.dtype, copy=False)


class Run:
    """Voxels one behind the other, which are read where an array is made of them."""

    def __init__(self, voxels: Voxels, start: int, end: int) -> None:
        self._voxels, self._start, self._end = voxels, start, end

    @property
    def size(self) -> int:
        """Voxels of it."""
        return self._end - self._start

    @property
    def dtype(self) -> np.dtype[Any]:
        """As in the file."""
        return self._voxels.dtype

    def read(self, start: int, end: int, out: NDArray[Any]) -> NDArray[Any]:
        """Return some of it in memory that is given."""
        return self._voxels.run(self._start + start, self._start + end, out)

    def __getitem__(self, which: slice) -> Run:
        start, end, _step = which.indices(self.size)
        return Run(self._voxels, self._start + start, self._start + max(start, end))

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        found = self._voxels.run(self._start, self._end)
        return found.astype(dtype or found.dtype, copy=False)


def across(data: NDArray[Any] | Voxels, axis: int, place: int) -> NDArray[Any]:
    """Return what lies across an axis at a place, the other two axes in their order."""
    if not isinstance(data, Voxels):
        found: NDArray[Any] = np.take(data, place, axis=axis)
        return found
    return (data.__getitem__, data.rows, data.columns)[axis](place)
