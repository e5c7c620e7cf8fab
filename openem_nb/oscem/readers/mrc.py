"""Header of an MRC file, with the extended headers of FEI and of SerialEM.

MRC2014 (Cheng et al. 2015, J Struct Biol 192, 146): 1024 bytes, then an extended header whose kind
is named at byte 104. FEI1 and FEI2 hold one record for each section, in SI units; the first record
is read. SERI holds a few short numbers for each section, the tilt angle in hundredths of a degree.
Nothing of the image itself is read.
"""

from __future__ import annotations

import struct
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from openem_nb._amounts import decimal
from openem_nb.formats.mdoc import parse_titles
from openem_nb.oscem.readers._binary import (
    damaged,
    number,
    positive,
    read_exactly,
    reading,
    safely,
    scaled,
    text,
    truncated,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from openem_nb.oscem.readers._reading import Finding, Reading

__all__ = ["SOURCE", "SUPPLIES", "read_mrc"]

SOURCE: Final = "mrc"

_HEADER: Final[dict[str, str]] = {
    "frames": "nz",
    "height": "ny",
    "pixel_size": "cella",
    "software": "label",
    "tilt_axis": "label",
    "width": "nx",
}
_RECORD: Final[Mapping[str, str]] = {
    "binning_x": "Binning Width",
    "binning_y": "Binning Height",
    "camera": "Camera name",
    "counting": "Direct detector electron counting",
    "defocus_measured": "Defocus",
    "defocus_nominal": "Applied defocus",
    "dose": "Dose",
    "exposure": "Integration time",
    "illumination": "Illumination mode",
    "magnification": "Magnification",
    "phase_plate_used": "Phase Plate",
    "pixel_size": "Pixel size X",
    "serial": "Microscope type",
    "slit_used": "Slit inserted",
    "slit_width": "Slit width",
    "software": "Application",
    "software_version": "Application version",
    "stage_tilt": "Alpha tilt",
    "tilt_axis": "Tilt axis angle",
    "time": "Timestamp",
    "voltage": "HT",
}
SUPPLIES: Final[frozenset[str]] = frozenset(_HEADER) | frozenset(_RECORD)

_BYTES: Final = {0: 1, 1: 2, 2: 4, 3: 4, 4: 8, 6: 2, 12: 2}
"""Bytes of one pixel in each mode; mode 101 packs two pixels into one."""

_OLE: Final = datetime(1899, 12, 30)  # noqa: DTZ001  (a date of OLE has no zone)

LONGEST: Final = 1 << 16
"""Pixels of the longest side that a camera or a montage has."""


def read_mrc(path: Path, *, data: bytes | None = None) -> tuple[Reading, ...]:
    """Read the header of an MRC file; one reading ``file header``.

    The sections of a stack are ``frames``, unless the file is a volume or a tilt series; their
    number is in ``extra["sections"]`` in each case. ``extra["tilts"]`` counts the angles that a
    header of SerialEM holds.
    """

    def read(file: BinaryIO, size: int) -> tuple[Reading, ...]:
        return (_read(file, size, path),)

    return safely(SOURCE, "file header", path, data, read)


def _read(file: BinaryIO, size: int, path: Path) -> Reading:
    head = read_exactly(file, 1024, "MRC")
    order = _byte_order(head)
    nx, ny, nz, mode = struct.unpack_from(order + "4i", head)
    mx, my = struct.unpack_from(order + "2i", head, 28)
    cell_x, cell_y = struct.unpack_from(order + "2f", head, 40)
    group, extended = struct.unpack_from(order + "2i", head, 88)
    kind = text(head[104:108])
    if extended < 0:
        raise damaged("MRC")
    findings: tuple[Finding, ...] = ()
    pixels = nx * ny * nz
    stored = pixels * _BYTES[mode] if mode in _BYTES else (pixels + 1) // 2
    if 1024 + extended + stored > size:
        findings = (truncated("MRC"),)
    labels = _labels(head, order)
    titles = parse_titles(labels)
    values: dict[str, Any] = {
        "width": nx,
        "height": ny,
        "pixel_size": _pixel(cell_x, mx) if _pixel(cell_y, my) is not None else None,
        "software": titles.writer,
        "tilt_axis": titles.axis,
    }
    extra: dict[str, Any] = {"sections": nz, "mode": mode, "label": text(" | ".join(labels))}
    rules: dict[str, str] = {}
    if values["pixel_size"] is not None:
        rules["pixel_size"] = "cell in Å, divided by the pixels across it"
    record: dict[str, Any] = {}
    if kind in ("FEI1", "FEI2"):
        record = _fei(file, extended, order, kind, rules)
        values |= record
    elif extended:
        extra["tilts"] = _serialem_tilts(file, head, extended, nz, order)
    if nz > 1 and group == 0 and not extra.get("tilts") and _is_movie(path):
        values["frames"] = nz
    tags = _tags(kind, frozenset(record))
    return reading(SOURCE, "file header", values, tags, rules=rules, findings=findings, extra=extra)


@cache
def _tags(kind: str, from_record: frozenset[str]) -> Mapping[str, str]:
    return _HEADER | {name: f"{kind} {_RECORD[name]}" for name in from_record}


def _byte_order(head: bytes) -> str:
    """Return ``<`` or ``>``: the order in which size and mode make sense.

    The machine stamp at byte 212 is wrong in many files, so it only decides where both do.
    """
    sensible = []
    for order in "<>":
        nx, ny, nz, mode = struct.unpack_from(order + "4i", head)
        if (
            0 < nx <= LONGEST
            and 0 < ny <= LONGEST
            and 0 < nz < 2**24
            and (mode in _BYTES or mode == 101)
        ):
            sensible.append(order)
    if not sensible:
        raise damaged("MRC")
    return ">" if sensible[0] == ">" or (len(sensible) == 2 and head[212] == 0x11) else "<"


def _pixel(cell: float, count: int) -> float | None:
    """Return the size of a pixel in Å.

    Exactly 1 Å is what programs write that do not know it, so it says nothing.
    """
    length = positive(cell)
    if length is None or count <= 0:
        return None
    size = length / count
    return decimal(size) if 0.01 < size < 1e5 and size != 1.0 else None


def _labels(head: bytes, order: str) -> tuple[str, ...]:
    count = min(max(struct.unpack_from(order + "i", head, 220)[0], 0), 10)
    labels = [head[224 + 80 * i : 304 + 80 * i].split(b"\0")[0] for i in range(count)]
    return tuple(label.decode("latin-1").rstrip() for label in labels if label.strip())


def _is_movie(path: Path) -> bool:
    """Return whether sections are frames: not in a stack of tilts or in a volume, by its name."""
    return not path.name.lower().endswith((".st", ".ali", ".preali", ".rec", ".rec.mrc", ".map"))


def _serialem_tilts(
    file: BinaryIO, head: bytes, extended: int, sections: int, order: str
) -> int | None:
    """Count the tilt angles of an extended header as SerialEM and IMOD write it.

    Two short numbers at byte 128 say how many bytes each section has, and by bits what they are;
    bit 0 is the tilt angle (IMOD, "MRC file format").
    """
    each, flags = struct.unpack_from(order + "2h", head, 128)
    if not (flags & 1) or flags > 63 or each < 2 or each * sections > extended:
        return None
    raw = read_exactly(file, each * sections, "MRC") if each * sections < 1 << 22 else b""
    angles = {struct.unpack_from(order + "h", raw, i)[0] for i in range(0, len(raw), each)}
    return len(angles) if len(angles) > 1 and all(abs(one) <= 9000 for one in angles) else None


@cache
def _record_type(kind: str, order: str) -> tuple[Any, dict[str, tuple[str, int]]]:
    """Return the type of a record, and for each field the mask and the bit that say it is set.

    Bits count the fields that follow the mask, one each; the unused range has six.
    """
    from mrcfile.dtypes import get_ext_header_dtype

    record = get_ext_header_dtype(kind.encode(), order)
    bits: dict[str, tuple[str, int]] = {}
    mask, bit = "", 0
    for name in record.names:
        if name.startswith("Bitmask"):
            mask, bit = name, 0
        elif mask:
            bits[name] = (mask, bit)
            bit += 6 if name == "Unused range" else 1
    return record, bits


def _fei(
    file: BinaryIO, extended: int, order: str, kind: str, rules: dict[str, str]
) -> dict[str, Any]:
    """Return the values of the first record of an FEI1 or FEI2 extended header."""
    import numpy as np

    size = _record_type(kind, order)[0].itemsize
    if extended < size:
        return {}
    raw = read_exactly(file, size, "MRC")
    # which order the record has does not follow from that of the file; the voltage tells
    for each in (order, ">" if order == "<" else "<"):
        record, bits = _record_type(kind, each)
        row = np.frombuffer(raw, record, count=1)[0]
        if 1e3 < row["HT"] < 5e6:
            return _values(row, bits, rules)
    return {}  # a record that nobody filled in


def _values(row: Any, bits: Mapping[str, tuple[str, int]], rules: dict[str, str]) -> dict[str, Any]:
    masked = bool(row["Bitmask 1"])

    def get(name: str) -> Any:
        mask, bit = bits[name]
        if bit < 32 and masked and not int(row[mask]) >> bit & 1:
            return None
        return row[name].item()

    def get_in(name: str, factor: float, *, zero: bool = False) -> float | None:
        value = number(get(name))
        if value is None or (value == 0 and not (zero and masked)):
            return None
        return scaled(value, factor)

    dose = get_in("Dose", 1e-20)
    if dose is not None:
        rules["dose"] = "Dose in e/m², times 1e-20"
    pixel = get_in("Pixel size X", 1e10)
    if pixel is not None:
        rules.pop("pixel_size", None)
    width = get_in("Slit width", 1.0)
    inserted = get("Slit inserted")
    counting = get("Direct detector electron counting")
    plate = get("Phase Plate")
    found: dict[str, Any] = {
        "binning_x": positive(get("Binning Width")),
        "binning_y": positive(get("Binning Height")),
        "camera": text(get("Camera name")),
        "counting": bool(counting) if counting is not None and masked else None,
        "defocus_measured": get_in("Defocus", 1e9),
        "defocus_nominal": get_in("Applied defocus", 1e9),
        "dose": dose if dose is not None and dose > 0 else None,
        "exposure": positive(get_in("Integration time", 1.0)),
        "illumination": text(get("Illumination mode")),
        "magnification": positive(get_in("Magnification", 1.0)),
        "phase_plate_used": bool(plate) if plate is not None and masked else None,
        "pixel_size": positive(pixel),
        "serial": text(get("Microscope type")),
        "slit_used": bool(inserted) if inserted is not None and masked else None,
        "slit_width": positive(width) if inserted else None,
        "software": text(get("Application")),
        "software_version": text(get("Application version")),
        "stage_tilt": get_in("Alpha tilt", 1.0, zero=True),
        "tilt_axis": get_in("Tilt axis angle", 1.0),
        "time": _ole(get("Timestamp")),
        "voltage": get_in("HT", 1e-3),
    }
    return {name: value for name, value in found.items() if value not in (None, "")}


def _ole(days: object) -> str | None:
    """Return a date of OLE, in days since 30 December 1899, as ISO 8601 in local time."""
    count = positive(days)
    if count is None or not 25_000 < count < 110_000:
        return None
    moment = _OLE + timedelta(seconds=round(count * 86_400, 3))
    return moment.isoformat(timespec="milliseconds").removesuffix(".000")
