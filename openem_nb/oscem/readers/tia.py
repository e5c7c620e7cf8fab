"""FEI TIA files: the description in an .emi file, and size and scale in a .ser file.

An .emi file holds, among its own bytes, one XML document ``<ObjectInfo>`` for each object: what the
microscope was set to, as label, value and unit. A .ser file holds the numbers of one object; its
header is read, its numbers are not.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from openem_nb.formats.mdoc import stamp
from openem_nb.oscem.readers._binary import (
    basename,
    damaged,
    number,
    positive,
    read_exactly,
    reading,
    safely,
    scaled,
    text,
    truncated,
    whole,
)
from openem_nb.oscem.readers._reading import Finding
from openem_nb.oscem.readers._xml import NotUsable, local, parse

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from openem_nb.oscem.readers._reading import Reading

__all__ = ["SOURCE", "SUPPLIES", "read_tia"]

SOURCE: Final = "tia"

_EMI: Final[Mapping[str, str]] = {
    "c2_aperture": "ExperimentalDescription C2 Aperture",
    "camera": "AcquireInfo CameraNamePath",
    "defocus_nominal": "ExperimentalDescription Defocus",
    "electron_source": "ExperimentalDescription Gun type",
    "height": "DetectorPixelHeight",
    "magnification": "ExperimentalDescription Magnification",
    "manufacturer": "Manufacturer",
    "model": "ExperimentalDescription Microscope",
    "operating_mode": "ExperimentalDescription Mode",
    "software": "file format",
    "stage_tilt": "ExperimentalDescription Stage A",
    "time": "AcquireDate",
    "voltage": "ExperimentalDescription High tension",
    "width": "DetectorPixelWidth",
}
_SER: Final[Mapping[str, str]] = {
    "height": "ArraySizeY",
    "pixel_size": "CalibrationDeltaX",
    "software": "file format",
    "width": "ArraySizeX",
}
SUPPLIES: Final[frozenset[str]] = frozenset(_EMI) | frozenset(_SER)

CHUNK: Final = 1 << 20
LARGEST_XML: Final = 4 << 20
MOST_SEARCHED: Final = 1 << 30
"""Bytes of an .emi file that are searched: it holds the last image as well."""
MOST_OBJECTS: Final = 200

_BEGIN, _END = b"<ObjectInfo>", b"</ObjectInfo>"
_RULE: Final = {"software": ".emi and .ser are the formats of TIA"}

_NO_OBJECT: Final = Finding(
    "no-metadata",
    "Some .emi files hold no description of what was acquired.",
    "If the session is still running, extract again when it has ended.",
)


def read_tia(path: Path, *, data: bytes | None = None) -> tuple[Reading, ...]:
    """Read an .emi file, one reading ``signal`` for each object in it; or the header of a .ser."""
    if path.suffix.lower() == ".ser":
        return safely(SOURCE, "file header", path, data, _read_ser)
    return safely(SOURCE, "signal", path, data, _read_emi)


# The description


def _read_emi(file: BinaryIO, size: int) -> tuple[Reading, ...]:
    found = [_object(document) for document in _documents(file)]
    return tuple(found) or (reading(SOURCE, "signal", {}, _EMI, findings=(_NO_OBJECT,)),)


def _documents(file: BinaryIO) -> Iterator[bytes]:
    """Find the documents in a file, reading it in pieces; one longer than 4 MiB is none."""
    held, searched, found = b"", 0, 0
    while (piece := file.read(CHUNK)) and searched < MOST_SEARCHED and found < MOST_OBJECTS:
        searched += len(piece)
        held += piece
        while (start := held.find(_BEGIN)) >= 0:
            end = held.find(_END, start)
            if end < 0:
                held = held[start:] if len(held) - start <= LARGEST_XML else held[start + 1 :]
                break
            found += 1
            yield held[start : end + len(_END)]
            held = held[end + len(_END) :]
        else:
            held = held[-len(_BEGIN) :]


def _object(document: bytes) -> Reading:
    try:
        root = parse(document)
    except NotUsable as refused:
        return reading(SOURCE, "signal", {}, _EMI, findings=(refused.finding,))
    said = _description(root)
    leaves = _leaves(root)
    values: dict[str, Any] = {
        "c2_aperture": _in(said, "C2 Aperture", {"um": 1.0, "µm": 1.0}),
        "camera": basename(leaves.get("CameraNamePath", "")),
        "defocus_nominal": _signed(said, "Defocus", {"um": 1e3, "µm": 1e3, "nm": 1.0}),
        "electron_source": text(said.get("Gun type", ("", ""))[0]),
        "magnification": _in(said, "Magnification", {"x": 1.0, "kx": 1e3}),
        "manufacturer": text(leaves.get("Manufacturer", "")),
        "model": text(said.get("Microscope", ("", ""))[0]).removeprefix("Microscope "),
        "operating_mode": _mode(said),
        "software": "TIA",
        "stage_tilt": _signed(said, "Stage A", {"deg": 1.0, "°": 1.0}),
        "time": _date(leaves.get("AcquireDate", "")),
        "voltage": _in(said, "High tension", {"kV": 1.0, "V": 1e-3}),
        "width": whole(leaves.get("DetectorPixelWidth")),
        "height": whole(leaves.get("DetectorPixelHeight")),
    }
    rules = dict(_RULE)
    if values["voltage"] is None and (volts := positive(leaves.get("AcceleratingVoltage"))):
        values["voltage"] = volts / 1000.0
        rules["voltage"] = "AcceleratingVoltage in V"
    extra: dict[str, Any] = {
        "Mode": text(said.get("Mode", ("", ""))[0]),
        "Camera length": _in(said, "Camera length", {"m": 1.0}),
        "Spot size": number(said.get("Spot size", ("", ""))[0]),
    }
    return reading(SOURCE, "signal", values, _EMI, rules=rules, extra=extra)


def _description(root: Any) -> dict[str, tuple[str, str]]:
    """Return value and unit of each label."""
    said: dict[str, tuple[str, str]] = {}
    for element in root.iter():
        if isinstance(element.tag, str) and local(element.tag) == "Data":
            parts = {local(one.tag): one.text or "" for one in element if isinstance(one.tag, str)}
            label = parts.get("Label", "").strip()
            if label and len(said) < 500:
                said[label] = (parts.get("Value", "").strip(), parts.get("Unit", "").strip())
    return said


_LEAVES: Final = frozenset(
    (
        "AcceleratingVoltage",
        "AcquireDate",
        "CameraNamePath",
        "DetectorPixelHeight",
        "DetectorPixelWidth",
        "Manufacturer",
    )
)


def _leaves(root: Any) -> dict[str, str]:
    return {
        local(one.tag): one.text.strip()
        for one in root.iter()
        if isinstance(one.tag, str) and local(one.tag) in _LEAVES and one.text
    }


def _signed(
    said: Mapping[str, tuple[str, str]], label: str, units: Mapping[str, float]
) -> float | None:
    """Return a number in our unit; None where its own unit is not one of those known."""
    value, unit = said.get(label, ("", ""))
    return scaled(number(value), units[unit]) if unit in units else None


def _in(
    said: Mapping[str, tuple[str, str]], label: str, units: Mapping[str, float]
) -> float | None:
    return positive(_signed(said, label, units))


def _mode(said: Mapping[str, tuple[str, str]]) -> str:
    first = text(said.get("Mode", ("", ""))[0]).split(" ")[0]
    return first if first in ("TEM", "STEM") else ""


_DATE: Final = re.compile(
    r"[A-Za-z]{3}\s+([A-Za-z]{3})\s+(\d{1,2})\s+(\d{1,2}:\d{2}:\d{2})\s+(\d{4})"
)


def _date(value: str) -> str:
    """Return ``Thu Nov 21 10:12:17 2013`` as ISO 8601 without a zone."""
    match = _DATE.fullmatch(value.strip())
    if match is None:
        return ""
    month, day, clock, year = match.groups()
    return stamp(f"{day}-{month}-{year}  {clock}")


# The numbers


def _read_ser(file: BinaryIO, size: int) -> tuple[Reading, ...]:
    head = read_exactly(file, 22, "TIA")
    order, series, version, kind, _tag, _total, valid = struct.unpack("<3H4I", head)
    if (order, series) != (0x4949, 0x0197) or kind not in (0x4120, 0x4122):
        raise damaged("TIA")
    wide = version >= 0x220
    where, dimensions = struct.unpack(
        "<QI" if wide else "<II", read_exactly(file, 12 if wide else 8, "TIA")
    )
    findings: tuple[Finding, ...] = ()
    values: dict[str, Any] = {"software": "TIA"}
    extra: dict[str, Any] = {"elements": valid, "dimensions": dimensions}
    rules = dict(_RULE)
    if kind == 0x4122 and valid:
        pixel, width, height = _element(file, size, where, wide=wide)
        if width is None:
            findings = (truncated("TIA"),)
        else:
            values["width"], values["height"] = width, height
            values["pixel_size"] = pixel
            rules["pixel_size"] = "step in m, times 1e10"
    return (
        reading(SOURCE, "file header", values, _SER, rules=rules, findings=findings, extra=extra),
    )


def _element(
    file: BinaryIO, size: int, where: int, *, wide: bool
) -> tuple[float | None, int | None, int | None]:
    """Return pixel size in Å, width and height of the first image; None where there is none.

    The unit of the scale is not in the file. An image has less than a millimetre for each pixel; a
    diffraction pattern has many reciprocal metres, and no pixel size.
    """
    nothing = (None, None, None)
    each = 8 if wide else 4
    if where + each > size:
        return nothing
    file.seek(where)
    (start,) = struct.unpack("<Q" if wide else "<I", read_exactly(file, each, "TIA"))
    if start + 50 > size:
        return nothing
    file.seek(start)
    found = struct.unpack("<ddIddIHII", read_exactly(file, 50, "TIA"))
    step, width, height = positive(abs(found[1])), whole(found[7]), whole(found[8])
    if width is None or height is None or start + 50 + width * height > size:
        return nothing
    return (scaled(step, 1e10) if step is not None and step < 1e-3 else None), width, height
