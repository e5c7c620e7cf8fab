"""Images of Gatan DigitalMicrograph: DM3 and DM4 files, read where they lie."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb import units
from openem_nb._amounts import decimal
from openem_nb.errors import InvalidInput
from openem_nb.formats.dm import Broken, Stored, branch, read_tags
from openem_nb.formats.mrc import LONGEST
from openem_nb.formats.source import as_file, damaged, truncated
from openem_nb.images._pixels import About
from openem_nb.images._raw import RawPixels

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openem_nb.formats.source import Source

__all__ = ["open_dm"]

_TYPES: Final[Mapping[int, tuple[str, int]]] = {
    1: ("i2", 1),
    2: ("f4", 1),
    3: ("c8", 1),
    6: ("u1", 1),
    7: ("i4", 1),
    8: ("u1", 4),
    9: ("i1", 1),
    10: ("u2", 1),
    11: ("u4", 1),
    12: ("f8", 1),
    13: ("c16", 1),
    14: ("u1", 1),
    23: ("u1", 4),
    39: ("i8", 1),
    40: ("u8", 1),
}
"""For each data type of Gatan the numbers of a pixel: their type, and how many."""
_MOST_VALUES: Final = 3000


def open_dm(source: Source, *, series: int = 0) -> tuple[RawPixels, About]:
    """Read the tags, and stand ready for the pixels of one image: the first that is no thumbnail.

    Of data with more than two axes, such as maps of spectra, each plane is a frame.
    """
    try:
        tree, whole = read_tags(as_file(source), source.size)
    except Broken as error:
        raise damaged(source.name, str(error)) from error
    thumbnails = {str(branch(one, "ImageIndex")) for one in _children(branch(tree, "Thumbnails"))}
    images = branch(tree, "ImageList")
    held = images.items() if isinstance(images, dict) else ()
    found = [one for index, one in held if isinstance(one, dict) and index not in thumbnails]
    found = [one for one in found if isinstance(branch(one, "ImageData", "Data"), Stored)]
    if not whole and not thumbnails:  # the list of thumbnails comes last, and is lost
        found = [one for one in found if branch(one, "ImageData", "DataType") != 23]
    if not found:
        raise damaged(source.name, "it ends before its image" if not whole else "it has no image")
    if not 0 <= series < len(found):
        raise InvalidInput(
            f"{source.name} has no image {series}.", hint=f"It has {len(found)}, counted from 0."
        )
    image = found[series]
    pixels = _pixels(source, image)
    notes = []
    if len(found) > 1:
        notes.append(f"The file holds {len(found)} images; this is number {series}.")
    if pixels.samples > 1:
        notes.append("The image has colours; the mean of its channels is shown.")
    if pixels.stored.kind == "c":
        notes.append("The file holds complex numbers; their amplitudes are shown.")
    volts = branch(image, "ImageTags", "Microscope Info", "Voltage")
    axes = _children(branch(image, "ImageData", "Calibrations", "Dimension"))
    return pixels, About(
        format="dm",
        axes=(_slow(axes), "y", "x") if pixels.frames > 1 else ("y", "x"),
        pixel_size=_length(axes[0]) if axes else None,
        voltage=volts / 1000 if isinstance(volts, float | int) and 0 < volts < 1e7 else None,
        header={"DM": _plain(image, [0])},
        notes=tuple(notes),
        problems=() if whole else ("The tags of the file break off.",),
    )


def _pixels(source: Source, image: dict[str, Any]) -> RawPixels:
    data = branch(image, "ImageData")
    stored: Stored = branch(data, "Data")
    sizes = [one for one in _children(branch(data, "Dimensions")) if isinstance(one, int)]
    kind = branch(data, "DataType")
    if kind not in _TYPES:
        raise InvalidInput(
            f"{source.name} holds numbers of a type that is not read here (number {kind}).",
            hint="Save it again in DigitalMicrograph as real numbers.",
        )
    if len(sizes) < 2:
        raise InvalidInput(
            f"{source.name} holds a spectrum, not an image.", hint="Open an image of two axes."
        )
    letters, samples = _TYPES[kind]
    dtype = np.dtype(stored.dtype[0] + letters)
    width, height = sizes[:2]
    if not (0 < width <= LONGEST and 0 < height <= LONGEST) or min(sizes) < 1:
        raise damaged(source.name, f"an image cannot have {width} × {height} pixels")
    frames = math.prod(sizes[2:])
    need = width * height * frames * samples * dtype.itemsize
    if need > stored.count * np.dtype(stored.dtype).itemsize:
        raise damaged(source.name, "its image is smaller than its size says")
    if stored.at + need > source.size:
        raise truncated(source.name, stored.at + need, source.size)
    return RawPixels(source, stored.at, (height, width), frames, dtype, samples=samples)


def _children(tree: object) -> list[Any]:
    return list(tree.values()) if isinstance(tree, dict) else []


def _slow(axes: list[Any]) -> str:
    """Return the name of what lies behind rows and columns."""
    if len(axes) > 3:
        return "position"
    unit = branch(axes[2], "Units") if len(axes) == 3 else ""
    return "channel" if unit in ("eV", "keV") else "frame"


def _length(axis: object) -> float | None:
    """Return the Å of a pixel; None if it is calibrated in something else, or not at all."""
    scale, unit = branch(axis, "Scale"), branch(axis, "Units")
    if not isinstance(scale, float | int) or not isinstance(unit, str) or not unit.strip():
        return None
    name = unit.strip().replace("\xb5", "µ")
    if not units.is_known(name) or units.find(name).dimension != "length":
        return None
    return decimal(units.convert(scale, name, "Å")) if 0 < scale < 1e9 else None


def _plain(value: Any, seen: list[int]) -> Any:
    """Return tags as a tree of names and plain values, as far as a person would read."""
    if isinstance(value, Stored):
        return f"{value.count:,} numbers"
    if isinstance(value, list):
        return value[:16]
    if not isinstance(value, dict):
        return value
    tree = {}
    for name, one in value.items():
        seen[0] += 1
        if seen[0] > _MOST_VALUES:
            break
        tree[name] = _plain(one, seen)
    return tree
