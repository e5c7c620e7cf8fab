"""OME-Zarr folders: an image at several sizes, of which the full one is read.

At an address small pictures are made of the smallest size that suffices, so that not all of the
image has to come over the line.

Read with the package ``zarr``, which is an extra: ``pip install openem_nb[zarr]``. The full image
is the first level of the first multiscale, axes and scale are those of its metadata (OME-NGFF 0.4
and 0.5).
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb import units
from openem_nb.errors import InvalidInput, NotFound, OpenEMError
from openem_nb.formats.mrc import LONGEST, MOST_SECTIONS
from openem_nb.formats.source import damaged
from openem_nb.images._pixels import About, Plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from openem_nb.images._zarr_chunks import Limits
    from openem_nb.images._zarr_far import FarStore
    from openem_nb.jobs import Progress

__all__ = ["far_folder", "is_zarr", "open_far_zarr", "open_zarr"]

_MARKS: Final = (".zgroup", ".zarray", "zarr.json")
_FILES: Final = (*_MARKS, ".zattrs", ".zmetadata")
_LARGEST_CHUNK: Final = 512 << 20
_LARGEST_PLANE: Final = 2 << 30
"""Bytes of a plane that is read whole, as those of HDF5 files are."""
_KEPT: Final = 256 << 20
"""Bytes of a plane that is kept until another is asked for; larger ones are read in bands."""
_MOST_LEVELS: Final = 20
_SMALLER: Final = "Small pictures are made of the smaller sizes of the image that the folder holds."


def is_zarr(folder: Path) -> bool:
    """Return whether a folder is a Zarr group or array."""
    return any((folder / name).is_file() for name in _MARKS)


def open_zarr(folder: Path, *, series: int = 0) -> tuple[Plain, About]:
    """Stand ready for the planes of the full image."""
    if not is_zarr(folder):
        raise InvalidInput(f"{folder} is a folder, not an image.", hint="Name one file.")
    _package()
    from openem_nb.images._zarr_chunks import Limits, LocalFolder

    limits = Limits(folder.name)
    return _opened(LocalFolder(folder, limits), folder.name, series, limits)[:2]


def far_folder(address: str) -> str | None:
    """Return the address of a Zarr folder, by its name or by a file of metadata in it; else None.

    A folder has a name that ends in ``.zarr``, or lies in one that has.
    """
    base, mark, query = address.partition("?")
    parts = base.rstrip("/").split("/")
    if parts[-1] in _FILES:
        parts.pop()
    elif not any(part.lower().endswith(".zarr") for part in parts[3:]):
        return None
    return "/".join(parts) + mark + query


def open_far_zarr(
    address: str, *, series: int = 0, progress: Progress | None = None
) -> tuple[ZarrPixels, About, FarStore]:
    """Stand ready for the planes of an image in a folder at an address.

    Raises
    ------
    NotFound
        If there is no such folder.
    """
    _package()
    from openem_nb.images._zarr_far import FarStore

    store = FarStore(address, progress=progress)
    pixels, about, others = _opened(store, store.name, series, store.limits, store.generation())
    pixels.levels = others
    if others:
        about = replace(about, notes=(*about.notes, _SMALLER))
    return pixels, about, store


def _package() -> Any:
    try:
        import zarr
    except ImportError as error:
        raise OpenEMError(
            "OME-Zarr needs the package zarr, which is not installed.",
            hint="Install it with: pip install 'openem_nb[zarr]'",
        ) from error
    return zarr


def _opened(
    where: Any, name: str, series: int, limits: Limits, generation: int | None = None
) -> tuple[ZarrPixels, About, list[ZarrPixels]]:
    """Return the full image, what is known of it, and its smaller sizes if it is far away."""
    zarr = _package()
    try:
        found: Any = zarr.open(where, mode="r", zarr_format=generation)
        attributes = dict(found.attrs)
        array, scale = _level(found, attributes, series, name)
        far = generation is not None
        limits.add(array)
        pixels, others = ZarrPixels(name, array, far=far), []
        if far and scale:
            smaller = [found[_path(one, name)] for one in scale["datasets"][1:_MOST_LEVELS]]
            for one in smaller:
                limits.add(one)
            others = [ZarrPixels(name, one, far=True) for one in smaller if one.ndim == array.ndim]
        return pixels, _about(array, attributes, scale), others
    except OpenEMError:
        raise
    except Exception as error:  # whatever a foreign folder makes the package stumble over
        raise damaged(name, f"Zarr cannot read it ({error})"[:300]) from error


def _level(found: Any, attributes: dict[str, Any], series: int, name: str) -> tuple[Any, Any]:
    """Return the full image, and what its metadata say of its axes."""
    if hasattr(found, "shape"):
        return found, {}
    ome = attributes.get("ome", attributes)
    scales = ome.get("multiscales") if isinstance(ome, dict) else None
    if isinstance(scales, list) and scales:
        if not 0 <= series < len(scales):
            raise InvalidInput(
                f"{name} has no image {series}.", hint=f"It has {len(scales)}, counted from 0."
            )
        return found[_path(scales[series]["datasets"][0], name)], scales[series]
    if not found.store.supports_listing:
        raise NotFound(
            f"{name} is a Zarr group that does not say which image it holds.",
            hint="Name the image in it: a folder at an address cannot be listed.",
        )
    arrays = sorted(key for key, _one in found.arrays())
    if not arrays:
        raise NotFound(f"{name} is a Zarr group without an image.", hint="Name the image in it.")
    return found[arrays[0]], {}


def _path(level: Any, name: str) -> str:
    path = level["path"]
    if not isinstance(path, str) or ".." in path.split("/") or path.startswith("/"):
        raise damaged(name, "a level of it lies outside the folder")
    return path


def _about(array: Any, attributes: dict[str, Any], scale: Any) -> About:
    axes = scale.get("axes") if isinstance(scale, dict) else None
    unit = axes[-1].get("unit") if isinstance(axes, list) and isinstance(axes[-1], dict) else None
    size = None
    steps = _steps(scale)
    known = isinstance(unit, str) and units.is_known(unit)
    if known and steps and units.find(str(unit)).dimension == "length" and steps[-1] > 0:
        size = float(f"{units.convert(steps[-1], str(unit), 'Å'):.9g}")
    names = [one.get("name") if isinstance(one, dict) else one for one in axes or ()]
    many = math.prod(array.shape[:-2]) > 1
    slow = "z" if many and "z" in names else "frame"
    levels = [one.get("path") for one in scale.get("datasets", ())] if scale else []
    words = {
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        "chunks": list(array.chunks),
        "axes": names,
        "levels": levels,
    }
    return About(
        format="zarr",
        axes=(slow, "y", "x") if many else ("y", "x"),
        pixel_size=size,
        header={"Zarr": words, "attributes": attributes},
    )


def _steps(scale: Any) -> list[float]:
    """Return the scale of each axis of the full image."""
    if not scale:
        return []
    for one in scale["datasets"][0].get("coordinateTransformations", ()):
        if one.get("type") == "scale":
            return [float(step) for step in one["scale"]]
    return []


class ZarrPixels(Plain):
    """Planes of an array: its last two axes."""

    def __init__(self, name: str, array: Any, *, far: bool = False) -> None:
        if array.ndim < 2 or array.dtype.kind not in "uifb" or 0 in array.shape:
            raise InvalidInput(
                f"{name} holds no image.", hint="An image is an array of numbers with two axes."
            )
        height, width = (int(one) for one in array.shape[-2:])
        chunk = math.prod(array.chunks) * array.dtype.itemsize
        if max(height, width) > LONGEST or chunk > _LARGEST_CHUNK:
            raise damaged(name, f"an image cannot have {width} × {height} pixels")
        frames = math.prod(int(one) for one in array.shape[:-2])
        if frames >= MOST_SECTIONS:
            raise damaged(name, f"an image cannot have {frames:,} planes")
        plain = array.dtype.kind in "uif"
        dtype = array.dtype.newbyteorder("=") if plain else np.dtype(np.uint8)
        super().__init__((height, width), frames, dtype)
        self._name, self._array = name, array
        self.far = far
        self.levels: Sequence[ZarrPixels] = ()
        """The image at smaller sizes, of which small pictures may be made."""

    def smaller(
        self, frame: int, part: tuple[int, int, int, int], shape: tuple[int, int]
    ) -> tuple[ZarrPixels, int, tuple[int, int, int, int]] | None:
        """Return the smallest size from which a part can be shown at a shape, and the part there.

        None where that is the full image.
        """
        y0, y1, x0, x1 = part
        for level in sorted(self.levels, key=lambda one: one.shape):
            down, across = (
                small / full for small, full in zip(level.shape, self.shape, strict=True)
            )
            there = (
                int(y0 * down),
                min(level.shape[0], math.ceil(y1 * down)),
                int(x0 * across),
                min(level.shape[1], math.ceil(x1 * across)),
            )
            fits = there[1] - there[0] >= shape[0] and there[3] - there[2] >= shape[1]
            if fits and level.shape < self.shape:
                return level, level.frame_like(self, frame), there
        return None

    def frame_like(self, other: ZarrPixels, frame: int) -> int:
        """Return the plane that lies where a plane of another size lies."""
        found = 0
        mine, theirs = self._array.shape[:-2], other._array.shape[:-2]
        for here, there, place in zip(mine, theirs, other._place(frame), strict=True):
            found = found * int(here) + min(int(here) - 1, place * int(here) // int(there))
        return found

    def bands(self, frame: int, y0: int, y1: int, multiple: int) -> Iterator[NDArray[Any]]:
        """Yield the rows; far away, and of large planes, one row of chunks after the other."""
        if not self.far and self._bytes(self.shape[0]) <= _KEPT:
            yield from super().bands(frame, y0, y1, multiple)
            return
        rows = max(1, int(self._array.chunks[-2]))
        if self._bytes(rows) > _LARGEST_CHUNK:  # chunks that are high and few: read several times
            rows = max(1, _LARGEST_CHUNK // self._bytes(1))
        for start in range(y0 - y0 % rows, y1, rows):
            yield self._read(frame, slice(max(y0, start), min(y1, start + rows)), slice(None))

    def _bytes(self, rows: int) -> int:
        return rows * self.shape[1] * int(self._array.dtype.itemsize)

    def band(self, frame: int, y0: int, y1: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return rows of a plane."""
        if self._bytes(self.shape[0]) <= _KEPT:
            return super().band(frame, y0, y1, out)
        found = self._read(frame, slice(y0, y1), slice(None))
        if out is None:
            return found
        out[...] = found
        return out

    def _place(self, frame: int) -> tuple[int, ...]:
        found = []
        for length in reversed(self._array.shape[:-2]):
            frame, index = divmod(frame, int(length))
            found.append(index)
        return tuple(reversed(found))

    def _read(self, frame: int, rows: slice, columns: slice) -> NDArray[Any]:
        high, wide = (
            len(range(*part.indices(length)))
            for part, length in zip((rows, columns), self.shape, strict=True)
        )
        size = high * wide * int(self._array.dtype.itemsize)
        if size > _LARGEST_PLANE:
            raise InvalidInput(
                f"{wide} × {high} pixels of {self._name} would fill {size / 2**30:,.1f} GiB of "
                "memory.",
                hint="Read a part of them with window(), or a smaller size of the image.",
            )
        try:
            return np.asarray(self._array[(*self._place(frame), rows, columns)], self.dtype)
        except OpenEMError:
            raise
        except Exception as error:
            raise damaged(self._name, f"a piece of it is broken ({error})"[:300]) from error

    def load(self, frame: int) -> NDArray[Any]:
        """Return one plane."""
        return self._read(frame, slice(None), slice(None))

    def window(self, frame: int, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        """Return a part of a plane; only the chunks that it touches are read."""
        return self._read(frame, slice(y0, y1), slice(x0, x1))
