"""OME-Zarr folders: an image at several sizes, of which the full one is read.

Read with the package ``zarr``, which is an extra: ``pip install openem_nb[zarr]``. The full image
is the first level of the first multiscale, axes and scale are those of its metadata (OME-NGFF 0.4
and 0.5).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb import units
from openem_nb.errors import InvalidInput, NotFound, OpenEMError
from openem_nb.formats.mrc import LONGEST
from openem_nb.formats.source import damaged
from openem_nb.images._pixels import About, Plain

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["is_zarr", "open_zarr"]

_MARKS: Final = (".zgroup", ".zarray", "zarr.json")
_LARGEST_CHUNK: Final = 512 << 20


def is_zarr(folder: Path) -> bool:
    """Return whether a folder is a Zarr group or array."""
    return any((folder / name).is_file() for name in _MARKS)


def open_zarr(folder: Path, *, series: int = 0) -> tuple[Plain, About]:
    """Stand ready for the planes of the full image."""
    if not is_zarr(folder):
        raise InvalidInput(f"{folder} is a folder, not an image.", hint="Name one file.")
    try:
        import zarr
    except ImportError as error:
        raise OpenEMError(
            "OME-Zarr needs the package zarr, which is not installed.",
            hint="Install it with: pip install 'openem_nb[zarr]'",
        ) from error
    try:
        found: Any = zarr.open(str(folder), mode="r")
        attributes = dict(found.attrs)
        array, scale = _level(found, attributes, series, folder.name)
        return ZarrPixels(folder.name, array), _about(array, attributes, scale)
    except OpenEMError:
        raise
    except Exception as error:  # whatever a foreign folder makes the package stumble over
        raise damaged(folder.name, f"Zarr cannot read it ({error})"[:300]) from error


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
        path = scales[series]["datasets"][0]["path"]
        if not isinstance(path, str) or ".." in path.split("/") or path.startswith("/"):
            raise damaged(name, "a level of it lies outside the folder")
        return found[path], scales[series]
    arrays = sorted(key for key, _one in found.arrays())
    if not arrays:
        raise NotFound(f"{name} is a Zarr group without an image.", hint="Name the image in it.")
    return found[arrays[0]], {}


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

    def __init__(self, name: str, array: Any) -> None:
        if array.ndim < 2 or array.dtype.kind not in "uifb" or 0 in array.shape:
            raise InvalidInput(
                f"{name} holds no image.", hint="An image is an array of numbers with two axes."
            )
        height, width = (int(one) for one in array.shape[-2:])
        chunk = math.prod(array.chunks) * array.dtype.itemsize
        if max(height, width) > LONGEST or chunk > _LARGEST_CHUNK:
            raise damaged(name, f"an image cannot have {width} × {height} pixels")
        frames = math.prod(int(one) for one in array.shape[:-2])
        plain = array.dtype.kind in "uif"
        dtype = array.dtype.newbyteorder("=") if plain else np.dtype(np.uint8)
        super().__init__((height, width), frames, dtype)
        self._name, self._array = name, array

    def _place(self, frame: int) -> tuple[int, ...]:
        found = []
        for length in reversed(self._array.shape[:-2]):
            frame, index = divmod(frame, int(length))
            found.append(index)
        return tuple(reversed(found))

    def _read(self, frame: int, rows: slice, columns: slice) -> NDArray[Any]:
        try:
            return np.asarray(self._array[(*self._place(frame), rows, columns)], self.dtype)
        except Exception as error:
            raise damaged(self._name, f"a piece of it is broken ({error})"[:300]) from error

    def load(self, frame: int) -> NDArray[Any]:
        """Return one plane."""
        return self._read(frame, slice(None), slice(None))

    def window(self, frame: int, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        """Return a part of a plane; only the chunks that it touches are read."""
        return self._read(frame, slice(y0, y1), slice(x0, x1))
