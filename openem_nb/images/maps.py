"""Maps: volumes of density, with the level of their surface, as a depositor or a reader sees them.

>>> from openem_nb import images
>>> found = images.open_map("emd_3061.map.gz")  # doctest: +SKIP
>>> found.doubts, found.statistics  # doctest: +SKIP
>>> print(found.contour(0.05, molecular_weight=480))  # doctest: +SKIP
>>> found.picture("views.png", level=0.05)  # doctest: +SKIP

All shapes, sizes and places are in the order of an array: z, y, x, whichever way the file runs.
"""

from __future__ import annotations

import contextlib
import math
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self, overload

import numpy as np

from openem_nb._folders import write_whole
from openem_nb.errors import InvalidInput
from openem_nb.formats.flowing import Flowing
from openem_nb.formats.source import changeable, in_order
from openem_nb.images import _map_statistics
from openem_nb.images._map_frame import SIDES, Frame, Three, frame_of
from openem_nb.images._mrc import MrcPixels
from openem_nb.images._pixels import About, Plain
from openem_nb.images._raw import RawPixels
from openem_nb.images._voxels import Voxels, across
from openem_nb.images.micrograph import Micrograph
from openem_nb.images.opening import open_image

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from openem_nb.images._map_statistics import MapStatistics
    from openem_nb.images.contours import Contour, SuggestedLevel
    from openem_nb.jobs import Progress

__all__ = ["Map", "open_map"]

_AXES: Final = ("z", "y", "x")
_MOST_IN_MEMORY: Final = 8 << 30
"""Bytes of a volume that is read whole into memory: 1,290 voxels along each side."""
_HELD: Final = 1 << 30
"""Bytes of one that is held in memory as soon as it is cut along the fastest axis of its file: 645
voxels along each side. Such a slice has a voxel of each row, and takes all of the file to read."""
_MOST_FAR: Final = 2 << 30
"""Bytes of one at an address, where it is read whole: 812 voxels along each side."""


def open_map(
    source: Path | str | bytes,
    *,
    voxel_size: float | Three | None = None,
    volume: int = 0,
    name: str | None = None,
    progress: Progress | None = None,
) -> Map:
    """Open a map: MRC or CCP4, also packed with gzip or bzip2, or another volume that is read here.

    Only the header is read now. Of a file on this machine a slice costs what its voxels cost, and
    what needs all of them reads them piece by piece; one that is cut off meanwhile is an error. Of
    one at an address that is not packed, a slice across the slowest axis is one request; for
    anything else it is read whole into memory, once, up to 2 GiB, and nothing is written to disk.

    Parameters
    ----------
    source :
        Path, address (``https://…``), or the bytes of a file.
    voxel_size :
        Å, one for all axes or three along z, y, x, where the header does not know it.
    volume :
        Which one, of a file that holds several.
    name :
        What to call it; by default the name of the file.

    Raises
    ------
    NotFound
        If there is no such file.
    DamagedFile
        If it is cut off, or its content makes no sense.
    InvalidInput
        If it holds no volume of real numbers.
    """
    opened = open_image(source, name=name, progress=progress)
    try:
        return Map(opened, voxel_size=voxel_size, volume=volume)
    except BaseException:
        opened.close()
        raise


class _Slices(Plain):
    """Slices of a map across one axis, as the frames of an image."""

    def __init__(self, source: Map, axis: str, shape: tuple[int, int]) -> None:
        super().__init__(shape, source.shape[_AXES.index(axis)], np.dtype(np.float32))
        self._source, self._axis = source, axis

    def load(self, frame: int) -> NDArray[Any]:
        """Return one slice."""
        return self._source.slice(self._axis, frame)


class Map:
    """A volume that is open. Made by :func:`open_map`; closes its file as a micrograph does."""

    def __init__(
        self, opened: Micrograph, *, voxel_size: float | Three | None = None, volume: int = 0
    ) -> None:
        self._opened, self._pixels = opened, opened._pixels  # noqa: SLF001  (the floor below it)
        self._given: dict[str, Any] = {"voxel_size": voxel_size, "volume": volume}
        given: Three | None = None
        if voxel_size is not None:
            sizes = np.broadcast_to(np.asarray(voxel_size, np.float64), 3)
            given = (float(sizes[0]), float(sizes[1]), float(sizes[2]))
        header = self._pixels.header if isinstance(self._pixels, MrcPixels) else None
        self._claimed = None
        if header is not None:
            if header.mode in (3, 4):
                raise InvalidInput(
                    f"{opened.name} holds Fourier coefficients (MRC mode {header.mode}), no map.",
                    hint="Transform it back, and open the result.",
                )
            self._frame = frame_of(header, opened.frames, given)
            self._claimed = header.statistics
        else:
            size = opened.pixel_size
            known = given or (None if size is None else (size, size, size))
            doubts = ("The file states one size of pixels; it is taken for all axes.",)
            self._frame = Frame(
                voxel_size=known,
                origin=None if known is None else (0.0, 0.0, 0.0),
                doubts=doubts if known and not given else (),
            )
        each = opened.frames // self._frame.volumes
        if each == 1 and opened.frames == 1 and min(opened.shape) > 1 and header is None:
            raise InvalidInput(
                f"{opened.name} is one image, not a map.", hint="Open it with open_image."
            )
        if not 0 <= volume < self._frame.volumes:
            raise InvalidInput(
                f"{opened.name} has no volume {volume}.",
                hint=f"They are counted from 0 to {self._frame.volumes - 1}.",
            )
        self._sections = slice(volume * each, (volume + 1) * each)
        whole = (each, *opened.shape)
        z, y, x = (whole[axis] for axis in self._frame.order)
        self.shape: tuple[int, int, int] = (z, y, x)
        """Voxels along z, y, x."""

    @property
    def name(self) -> str:
        """Name of the file, without its folder."""
        return self._opened.name

    @property
    def source(self) -> str:
        """Path or address that it was opened from; empty where it came from memory."""
        return self._opened.source

    @property
    def bytes_fetched(self) -> int:
        """Bytes that came over the network so far; 0 for a local file."""
        return self._opened.bytes_fetched

    @property
    def header(self) -> Mapping[str, Any]:
        """The header as a tree of names and plain values, as it is in the file."""
        return self._opened.header

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the voxels in the file."""
        return self._opened.dtype

    @property
    def voxel_size(self) -> Three | None:
        """Å of a voxel along z, y, x; None where the file does not know it."""
        return self._frame.voxel_size

    @property
    def start(self) -> tuple[int, int, int]:
        """Where the first voxel stands in the cell, in voxels, z, y, x."""
        return self._frame.start

    @property
    def origin(self) -> Three | None:
        """Å of the first voxel along z, y, x, by the origin of the header, else by its start."""
        return self._frame.origin

    @cached_property
    def stored(self) -> NDArray[Any]:
        """The volume in the order of the file, as an array.

        A file on disk is read into memory, up to 8 GiB; a larger one is mapped, and must not be cut
        off while the array is in use.
        """
        pixels = self._pixels
        chosen = range(self._opened.frames)[self._sections]
        size = self._bytes
        if isinstance(pixels, RawPixels) and (
            size > _MOST_IN_MEMORY or not changeable(pixels.source)
        ):
            found = pixels.mapped()
            if found is not None:
                return found[self._sections]
        far = self._far()
        if size > (_MOST_IN_MEMORY if far is None else _MOST_FAR):
            raise InvalidInput(
                f"{self.name} would fill {size / 2**30:,.1f} GiB of memory.",
                hint="Convert it to MRC, which is read in parts, or bin it."
                if far is None
                else "Download it, and open the file: it is read in parts then.",
            )
        copied = np.empty((len(chosen), *self._opened.shape), self.dtype)
        with (
            contextlib.nullcontext()
            if far is None
            else in_order(far.source, far.place(chosen[0], 0), len(chosen) * far.frame_bytes)
        ):
            for place, one in enumerate(chosen):
                pixels.band(one, 0, self._opened.shape[0], copied[place])
        return copied

    @property
    def _bytes(self) -> int:
        return math.prod(self.shape) * self.dtype.itemsize

    @property
    def voxels(self) -> NDArray[Any] | Voxels:
        """The volume in the order of the file, read piece by piece where it is a file on disk."""
        pixels = self._pixels
        if (
            "stored" not in vars(self)
            and isinstance(pixels, RawPixels)
            and pixels.plain
            and changeable(pixels.source)
        ):
            first, last, _step = self._sections.indices(self._opened.frames)
            return Voxels(pixels, first, last - first)
        return self.stored

    def _far(self) -> RawPixels | None:
        """Return the pixels of a file at an address; None if it is on this machine."""
        pixels = self._pixels
        return pixels if isinstance(pixels, RawPixels) and not pixels.source.near else None

    @property
    def data(self) -> NDArray[Any]:
        """The volume, (z, y, x), in the type of the file, in memory; see :attr:`stored`."""
        return self.stored.transpose(self._frame.order)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        found = self.voxels
        if isinstance(found, Voxels) and copy is not False:  # what is made of them is no one else's
            return np.asarray(found, dtype).transpose(self._frame.order)
        return np.array(self.data, dtype=dtype, copy=copy)

    def _axis(self, axis: str) -> int:
        if axis not in _AXES:
            raise InvalidInput(f"A map has no axis {axis!r}.", hint="Choose 'x', 'y' or 'z'.")
        return _AXES.index(axis)

    def slice(self, axis: str = "z", index: int | None = None) -> NDArray[np.float32]:
        """Return one slice across an axis, by default the middle one, float32.

        Across z it is (y, x), across y (z, x), across x (z, y).
        """
        number = self._axis(axis)
        count = self.shape[number]
        place = count // 2 if index is None else index
        if not 0 <= place < count:
            raise InvalidInput(
                f"{self.name} has no slice {index} across {axis}.",
                hint=f"They are counted from 0 to {count - 1}.",
            )
        far = self._far()
        alone = (
            far is not None and not isinstance(far.source, Flowing) and "stored" not in vars(self)
        )
        if alone and number == 0 and self._frame.order == (0, 1, 2):
            section = self._pixels.band(self._sections.start + place, 0, self._opened.shape[0])
            return section.astype(np.float32, copy=False)
        along = self._frame.order[number]
        held = along == 2 and self._bytes <= _HELD
        voxels = self.stored if held else self.voxels
        found = self._turned(across(voxels, along, place), number)
        if isinstance(voxels, Voxels):  # it has been read for us
            return np.ascontiguousarray(found, np.float32)
        return np.array(found, np.float32, order="C")

    def _turned(self, found: NDArray[Any], number: int) -> NDArray[Any]:
        """Return what lies across an axis of the volume with the other axes in their order."""
        rows, columns = (one for i, one in enumerate(self._frame.order) if i != number)
        return found if rows < columns else found.T

    def slices(self) -> dict[str, NDArray[np.float32]]:
        """Return the three slices through the middle, by the axis they lie across."""
        return {axis: self.slice(axis) for axis in _AXES}

    def projection(self, axis: str = "z") -> NDArray[np.float32]:
        """Return the mean along an axis, float32; its two sides are those of a slice."""
        number = self._axis(axis)
        along, voxels = self._frame.order[number], self.voxels
        found = np.zeros([n for i, n in enumerate(voxels.shape) if i != along])
        for place in range(len(voxels)):
            if along == 0:
                found += voxels[place]
            else:
                found[place] = voxels[place].mean(axis=along - 1, dtype=np.float64)
        if along == 0:
            found /= len(voxels)
        return np.ascontiguousarray(self._turned(found, number), np.float32)

    def stack(self, axis: str = "z") -> Micrograph:
        """Return the map as a stack of slices across an axis, for a viewer.

        >>> openem.MicrographView(found.stack("x"))  # doctest: +SKIP

        The map has to stay open as long as the stack is in use.
        """
        number = self._axis(axis)
        right, up = SIDES[axis]
        height, width = (n for i, n in enumerate(self.shape) if i != number)
        size = None if self.voxel_size is None else self.voxel_size[_AXES.index(right)]
        note = f"Slices across {axis}: {right} to the right, {up} up."
        about = About(
            "map", ("z", "y", "x"), size, header=self.header, notes=(note,), origin="lower"
        )
        return Micrograph(
            _Slices(self, axis, (height, width)), about, name=f"{self.name}, across {axis}"
        )

    @cached_property
    def statistics(self) -> MapStatistics:
        """Extremes, mean and deviation of all voxels, taken when they are first asked for."""
        return _map_statistics.measure(self.voxels)

    @property
    def doubts(self) -> tuple[str, ...]:
        """What is odd about header and voxels, in sentences; usually empty."""
        found = [*self._frame.doubts]
        # what opening says of the order of axes is said here, and in order
        found += [note for note in self._opened.notes if not note.startswith("Columns, rows")]
        taken = self.statistics
        if taken.not_finite:
            found.append(f"{taken.not_finite:,} voxels hold no number.")
        if taken.empty:
            found.append("All voxels have the same value.")
        if self._claimed is not None and self._frame.volumes == 1:
            found += _map_statistics.claims(self._claimed, taken)
        if len(set(self.shape)) > 1:
            z, y, x = self.shape
            found.append(f"The box is no cube: {x} × {y} × {z} voxels (x, y, z).")
        return tuple(found)

    def histogram(self, bins: int = 256) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Return how many voxels lie in each of equal steps, and the edges of the steps."""
        if bins < 1:
            raise InvalidInput("A histogram has one step at least.", hint="Give 256, for example.")
        found = self.usable()
        return _map_statistics.histogram(self.voxels, (found.min, found.max), bins)

    def usable(self) -> MapStatistics:
        """Return the statistics of a map that has something to see; any other is an error."""
        if self.statistics.empty:
            raise InvalidInput(
                f"All voxels of {self.name} have the same value.", hint="Look at another map."
            )
        return self.statistics

    def contour(
        self, level: float, *, molecular_weight: float | None = None, pieces: bool = True
    ) -> Contour:
        """Return what a level encloses: volume, mass, pieces; ``print`` it to read it in words.

        Parameters
        ----------
        level :
            The level that the authors recommend, or any other.
        molecular_weight :
            kDa that should be inside, to compare.
        pieces :
            Whether pieces are counted, which takes most of the time.
        """
        from openem_nb.images.contours import contour

        return contour(self, level, molecular_weight=molecular_weight, pieces=pieces)

    def suggest_level(self, *, molecular_weight: float | None = None) -> SuggestedLevel:
        """Return a level by a rule that is stated: the mass, or the noise in the corners.

        Parameters
        ----------
        molecular_weight :
            kDa; with it the level encloses as much as that much protein takes.
        """
        from openem_nb.images.contours import suggest_level

        return suggest_level(self, molecular_weight=molecular_weight)

    def isosurface(self, level: float, *, size: int = 320) -> dict[str, NDArray[np.uint8]]:
        """Return shaded pictures of the surface at a level: from the front, the side, the top.

        Parameters
        ----------
        size :
            Pixels of the longest side.
        """
        from openem_nb.images.surface import views

        self.usable()
        return views(self, level, size=size)

    @overload
    def picture(self, path: None = None, *, level: float | None = None) -> bytes: ...
    @overload
    def picture(self, path: Path | str, *, level: float | None = None) -> Path: ...
    def picture(
        self, path: Path | str | None = None, *, level: float | None = None
    ) -> bytes | Path:
        """Return a PNG of slices, histogram and, with a level, the surface.

        Parameters
        ----------
        path :
            Where it is written; this is then what is returned.
        level :
            Marked in the histogram, and drawn as a surface.
        """
        from openem_nb.images.map_pictures import sheet

        content: bytes = sheet(self, level=level)
        if path is None:
            return content
        written = Path(path).expanduser()
        write_whole(written, content)
        return written

    def report(self, level: float | None = None, *, molecular_weight: float | None = None) -> Any:
        """Return all of it as one piece for a notebook, which shows without a kernel, too.

        Parameters
        ----------
        level :
            As the authors recommend it; without one no surface is drawn.
        molecular_weight :
            kDa, to compare with what the level encloses.
        """
        from openem_nb.images.map_pictures import MapReport

        return MapReport(self, level, molecular_weight)

    @property
    def caption(self) -> str:
        """Name, shape and size of voxels in words."""
        z, y, x = self.shape
        words = [self.name, f"{x} × {y} × {z} voxels"]
        if self.voxel_size is not None:
            sizes = [f"{one:.4g}" for one in self.voxel_size[::-1]]
            words.append(f"{sizes[0] if len(set(sizes)) == 1 else ' × '.join(sizes)} Å per voxel")
        return ", ".join(words)

    def __repr__(self) -> str:
        return f"<Map {self.caption}, {self.dtype}>"

    def _repr_html_(self) -> str:
        found: str = self.report()._repr_html_()
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy it, or send it to another process, as what opens the same file there."""
        return partial(Map, **self._given), (self._opened,)

    def close(self) -> None:
        """Close the file."""
        self.__dict__.pop("stored", None)
        self._opened.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
