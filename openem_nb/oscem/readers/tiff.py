"""Header of a TIFF file: size, number of frames, and what the writer says of the pixel.

Movies of SerialEM and of EPU are TIFF with one directory for each frame. Only tags are read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO, Final

from openem_nb.formats.mdoc import parse_titles
from openem_nb.oscem.readers._binary import (
    number,
    positive,
    reading,
    safely,
    scaled,
    text,
    truncated,
    whole,
)
from openem_nb.oscem.readers._ifd import directories

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from openem_nb.oscem.readers._reading import Finding, Reading

__all__ = ["SOURCE", "SUPPLIES", "read_tiff"]

SOURCE: Final = "tiff"

TAGS: Final[Mapping[str, str]] = {
    "frames": "number of directories",
    "height": "ImageLength",
    "pixel_size": "XResolution",
    "software": "ImageDescription",
    "tilt_axis": "ImageDescription",
    "width": "ImageWidth",
}
SUPPLIES: Final[frozenset[str]] = frozenset(TAGS)

_WIDTH, _HEIGHT, _DESCRIPTION, _X_RESOLUTION = 256, 257, 270, 282
_UNIT, _SOFTWARE, _DATE = 296, 305, 306
_WANTED: Final = frozenset((_WIDTH, _HEIGHT, _DESCRIPTION, _X_RESOLUTION, _UNIT, _SOFTWARE, _DATE))
_ANGSTROMS: Final = {2: 2.54e8, 3: 1e8}
"""Angstroms in the unit of resolution: 2 is the inch, 3 the centimetre; 1 is none."""

LARGEST_PIXEL: Final = 1e5
"""Å. A larger pixel is one of a sheet of paper: 72 dots per inch are 3.5 million Å."""


def read_tiff(path: Path, *, data: bytes | None = None) -> tuple[Reading, ...]:
    """Read the tags of a TIFF file; one reading ``file header``."""
    return safely(SOURCE, "file header", path, data, _read)


def _read(file: BinaryIO, size: int) -> tuple[Reading, ...]:
    found = directories(file, size, _WANTED, "TIFF")
    tags = found.tags
    findings: tuple[Finding, ...] = () if found.whole else (truncated("TIFF"),)
    description = tags.get(_DESCRIPTION, b"")
    title = description.decode("latin-1") if isinstance(description, bytes) else ""
    titles = parse_titles(tuple(title.split("\0")[0].splitlines()))
    rules: dict[str, str] = {}
    pixel = None
    resolution, unit = positive(tags.get(_X_RESOLUTION)), number(tags.get(_UNIT))
    if resolution is not None and unit in _ANGSTROMS:
        length = scaled(_ANGSTROMS[int(unit)], 1 / resolution) or 0.0
        if 0.01 < length < LARGEST_PIXEL:
            pixel = length
            rules["pixel_size"] = "the unit of ResolutionUnit, divided by XResolution"
    values: dict[str, Any] = {
        "width": whole(tags.get(_WIDTH)),
        "height": whole(tags.get(_HEIGHT)),
        "frames": found.pages if found.pages > 1 and found.whole else None,
        "pixel_size": pixel,
        "software": titles.writer,
        "tilt_axis": titles.axis,
    }
    extra = {
        "description": text(title),
        "Software": text(tags.get(_SOFTWARE)),
        "DateTime": text(tags.get(_DATE)),
        "pages": found.pages,
    }
    return (
        reading(SOURCE, "file header", values, TAGS, rules=rules, findings=findings, extra=extra),
    )
