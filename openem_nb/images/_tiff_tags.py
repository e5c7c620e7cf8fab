"""What the tags of a TIFF file say of the image, for people and for the scale bar."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, TypeVar

from openem_nb import units
from openem_nb.formats.source import truncated
from openem_nb.formats.tiff import MOST_TAGS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from openem_nb.formats.source import Source
    from openem_nb.formats.tiff import Directory

__all__ = ["angstroms", "described", "whole_frames"]

_Page = TypeVar("_Page")
_NAMES: Final = {
    254: "NewSubfileType",
    256: "ImageWidth",
    257: "ImageLength",
    258: "BitsPerSample",
    259: "Compression",
    262: "PhotometricInterpretation",
    270: "ImageDescription",
    271: "Make",
    272: "Model",
    274: "Orientation",
    277: "SamplesPerPixel",
    278: "RowsPerStrip",
    282: "XResolution",
    283: "YResolution",
    284: "PlanarConfiguration",
    296: "ResolutionUnit",
    305: "Software",
    306: "DateTime",
    317: "Predictor",
    322: "TileWidth",
    323: "TileLength",
    339: "SampleFormat",
}
_UNITS: Final = {2: 2.54e8, 3: 1e8}
"""Å in the unit of resolution: 2 is the inch, 3 the centimetre; 1 is none."""
_LARGEST: Final = 1e5
"""Å. A larger pixel is one of a sheet of paper: 72 dots per inch are 3.5 million Å."""
_OME: Final = re.compile(r'PhysicalSizeX="([0-9.eE+-]{1,30})"')
_OME_UNIT: Final = re.compile(r'PhysicalSizeXUnit="([^"]{1,20})"')
_IMAGEJ: Final = re.compile(r"^unit=(\S{1,20})\s*$", re.MULTILINE)


def described(directory: Directory) -> tuple[float | None, dict[str, Any], tuple[str, ...]]:
    """Return pixel size in Å, tags by name, and what is odd."""
    tree: dict[str, Any] = {}
    for tag in list(directory.entries)[:MOST_TAGS]:
        name = _NAMES.get(tag)
        if name is None:
            continue
        text = directory.text(tag)[:4000] if tag in (270, 271, 272, 305, 306) else ""
        values = directory.values(tag)
        if text:
            tree[name] = text
        elif values:
            tree[name] = values[0] if len(values) == 1 else list(values[:16])
    notes = []
    if directory.number(262, 1) == 0:
        notes.append("The writer means black and white the other way round.")
    return _pixel_size(directory, str(tree.get("ImageDescription", ""))), tree, tuple(notes)


def whole_frames(
    pages: Sequence[_Page], ends: Iterable[int], source: Source, broken: str
) -> tuple[Sequence[_Page], tuple[str, ...]]:
    """Return the frames whose last strip lies in the file, and what is wrong in sentences.

    Parameters
    ----------
    ends :
        Where the last strip of each frame ends.
    broken :
        Why the list of frames breaks off; empty where it does not.

    Raises
    ------
    DamagedFile
        If no frame is whole.
    """
    size, last = source.size, list(ends)
    kept = [page for page, end in zip(pages, last, strict=True) if end <= size]
    if not kept:
        raise truncated(source.name, min(last), size)
    if broken:
        reason = broken.partition(": ")[2].rstrip(".") or broken
        return kept, (f"The list of frames breaks off: {reason}. Whole frames: {len(kept):,}.",)
    if len(kept) < len(pages):
        many = f"{len(kept):,} of {len(pages):,} frames are whole"
        return kept, (f"The file is cut off: {many}.",)
    return kept, ()


def _pixel_size(directory: Directory, description: str) -> float | None:
    resolution = directory.values(282)
    per_unit = float(resolution[0]) if resolution and resolution[0] > 0 else None
    if found := _OME.search(description):
        unit = _OME_UNIT.search(description)
        return angstroms(found[1], unit[1] if unit else "µm")
    if per_unit is None:
        return None
    if description.startswith("ImageJ=") and (unit := _IMAGEJ.search(description)):
        name = unit[1].replace("\\u00B5", "µ").replace("micron", "µm")
        return angstroms(1 / per_unit, name)
    factor = _UNITS.get(directory.number(296, 2))
    return None if factor is None else _sensible(factor / per_unit)


def angstroms(value: object, unit: str) -> float | None:
    """Return a length in Å; None if it is none, or not that of a pixel."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    if not units.is_known(unit) or units.find(unit).dimension != "length":
        return None
    return _sensible(units.convert(number, unit, "Å")) if 0 < number < 1e30 else None


def _sensible(length: float) -> float | None:
    return float(f"{length:.12g}") if 0.01 < length < _LARGEST else None
