"""PRZ files of CEOS Panta Rhei: a zip archive of NumPy arrays.

``meta_data.npy`` holds the metadata as a pickle, ``meta_data_json.npy`` of newer versions as JSON.
No pickle is ever run: what it describes is read by a machine of our own that knows plain values
and nothing else. Values are in SI units. Of ``data.npy`` only the shape is read; axes are listed
from the fastest one on, against the order of the shape.
"""

from __future__ import annotations

import json
import re
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from openem_nb.formats.pickled import Refused, plain
from openem_nb.oscem.readers._binary import (
    damaged,
    number,
    positive,
    reading,
    safely,
    scaled,
    text,
    whole,
)
from openem_nb.oscem.readers._reading import Finding
from openem_nb.oscem.readers._xml import NotUsable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from openem_nb.oscem.readers._reading import Reading

__all__ = ["SOURCE", "SUPPLIES", "read_prz"]

SOURCE: Final = "prz"

TAGS: Final[Mapping[str, str]] = {
    "beam_convergence": "condenser.convergence_semi_angle",
    "binning_x": "camera.binning",
    "binning_y": "camera.binning",
    "collection_angle_max": "filter.collection_semi_angle",
    "detector": "source.detector_config.description",
    "dispersion": "device.calib",
    "exposure": "camera.exposure_time",
    "height": "data",
    "illumination": "condenser.mode",
    "imaging": "filter.mode",
    "magnification": "scan_driver.magnification",
    "operating_mode": "source.type",
    "pixel_size": "device.calib",
    "slit_used": "filter.slit.mode",
    "software": "file format",
    "time": "scan_generator.start_time",
    "voltage": "electron_gun.voltage",
    "width": "data",
}
SUPPLIES: Final[frozenset[str]] = frozenset(TAGS)

LARGEST: Final = 16 << 20
"""Bytes of metadata that are unpacked; real ones have some kB."""
LARGEST_DIRECTORY: Final = 1 << 20
"""Bytes of the archive's list of members; real ones have four to six members."""

_STORED, _DEFLATED = 0, 8
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,  # a member that is encrypted, or of a form that zipfile does not know
    EOFError,
    ValueError,
    struct.error,
)

_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?")
_SHAPE: Final = re.compile(rb"'shape':\s*\(([\d,\sL]*)\)")
_DESCR: Final = re.compile(rb"'descr':\s*'([<>=|]?[A-Za-z]\d*)'")

_PICKLED: Final = Finding(
    "pickled",
    "Some PRZ files hold Python objects in place of plain metadata: these were not loaded.",
    "Save the file again with a newer Panta Rhei, which writes its metadata as JSON, or give the"
    " values yourself. Do not load such a file with numpy and allow_pickle.",
)


def read_prz(path: Path, *, data: bytes | None = None) -> tuple[Reading, ...]:
    """Read the metadata of a PRZ file; one reading ``signal``."""
    return safely(SOURCE, "signal", path, data, _read)


def _read(file: BinaryIO, size: int) -> tuple[Reading, ...]:
    _check_directory(file, size)
    try:
        with zipfile.ZipFile(file) as archive:
            members = {one.filename: one for one in archive.infolist()}
            shape = _shape(_member(archive, members, "data.npy", 4096, cut=True) or b"")
            meta = _metadata(archive, members)
    except (
        zipfile.BadZipFile,
        zlib.error,
        RuntimeError,  # also NotImplementedError: a way of packing that zipfile does not know
        EOFError,
        ValueError,
        struct.error,
    ) as error:
        raise damaged("PRZ") from error
    return (_signal(meta, shape),)


def _check_directory(file: BinaryIO, size: int) -> None:
    """Refuse an archive whose list of members is larger than any that Panta Rhei writes."""
    if file.read(2) != b"PK":
        raise damaged("PRZ")
    tail = min(size, 66_000)
    file.seek(size - tail)
    end = file.read(tail)
    place = end.rfind(b"PK\x05\x06")
    if place < 0 or len(end) < place + 22:
        raise damaged("PRZ")
    listed = struct.unpack_from("<I", end, place + 12)[0]
    if listed == 0xFFFFFFFF:  # the longer form, of archives beyond 4 GiB
        longer = end.rfind(b"PK\x06\x06", 0, place)
        listed = struct.unpack_from("<Q", end, longer + 40)[0] if longer >= 0 else LARGEST_DIRECTORY
    if listed >= LARGEST_DIRECTORY:
        raise damaged("PRZ")
    file.seek(0)


def _member(
    archive: zipfile.ZipFile,
    members: Mapping[str, zipfile.ZipInfo],
    name: str,
    limit: int,
    *,
    cut: bool = False,
) -> bytes | None:
    """Return the content of a member, at most ``limit`` bytes whatever its size claims to be."""
    info = members.get(name)
    if info is None:
        return None
    if info.compress_type not in (_STORED, _DEFLATED):
        raise damaged("PRZ")
    with archive.open(info) as member:
        content = member.read(limit if cut else limit + 1)
    if len(content) > limit:
        raise damaged("PRZ")
    return content


def _array(content: bytes) -> tuple[bytes, bytes]:
    """Return header and content of a npy file."""
    if content[:6] != b"\x93NUMPY" or len(content) < 12:
        raise damaged("PRZ")
    start, length = (10, "<H") if content[6] == 1 else (12, "<I")
    end = start + struct.unpack_from(length, content, 8)[0]
    return content[start:end], content[end:]


def _shape(content: bytes) -> tuple[int, ...]:
    if not content:
        return ()
    match = _SHAPE.search(_array(content)[0])
    return tuple(int(one) for one in re.findall(rb"\d{1,9}", match.group(1))) if match else ()


def _metadata(archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo]) -> dict[str, Any]:
    """Return the metadata: as JSON where the file has it, else from the pickle's plain values.

    Raises
    ------
    NotUsable
        If the pickle holds anything else.
    """
    written = _member(archive, members, "meta_data_json.npy", LARGEST)
    if written is not None:
        return _first(_json(written))
    pickled = _member(archive, members, "meta_data.npy", LARGEST)
    if pickled is None:
        raise damaged("PRZ")
    try:
        return _first(plain(_array(pickled)[1]))
    except Refused as refused:
        raise NotUsable(_PICKLED) from refused


def _json(content: bytes) -> Any:
    header, body = _array(content)
    kind = _DESCR.search(header)
    code = kind.group(1) if kind else b""
    if code.lstrip(b"<>=|")[:1] == b"U":
        written = body.decode("utf-32-be" if code.startswith(b">") else "utf-32-le", "replace")
    else:
        written = body.decode("utf-8", "replace")
    try:
        return json.loads(written.rstrip("\0"))
    except RecursionError as error:
        raise damaged("PRZ") from error


def _first(found: Any) -> dict[str, Any]:
    """Return the metadata of the first data set: a dict, or a list that begins with one."""
    if isinstance(found, list) and found:
        found = found[0]
    if not isinstance(found, dict):
        raise damaged("PRZ")
    return found


def _at(meta: Mapping[str, Any], name: str) -> Any:
    """Return a value by its dotted name, which is one key or a path of keys."""
    if name in meta:
        return meta[name]
    head, _, rest = name.partition(".")
    while rest:
        below = meta.get(head)
        if isinstance(below, dict):
            found = _at(below, rest)
            if found is not None:
                return found
        step, _, rest = rest.partition(".")
        head = f"{head}.{step}"
    return None


def _signal(meta: dict[str, Any], shape: tuple[int, ...]) -> Reading:
    rules = {"software": "PRZ is the format of Panta Rhei"}
    source = text(_at(meta, "source.type"))
    mode = {"scan_generator": "STEM", "camera": "TEM"}.get(source, "")
    if mode:
        rules["operating_mode"] = "a scan generator as source is STEM, a camera TEM"
    values: dict[str, Any] = {
        "beam_convergence": scaled(positive(_at(meta, "condenser.convergence_semi_angle")), 1e3),
        "collection_angle_max": scaled(positive(_at(meta, "filter.collection_semi_angle")), 1e3),
        "detector": text(_at(meta, "source.detector_config.description")),
        "exposure": positive(_at(meta, "camera.exposure_time")),
        "illumination": text(_at(meta, "condenser.mode")),
        "imaging": text(_at(meta, "filter.mode")),
        "magnification": _magnification(meta, mode, rules),
        "operating_mode": mode,
        "slit_used": False if text(_at(meta, "filter.slit.mode")) == "open" else None,
        "software": "Panta Rhei",
        "time": _time(meta, rules),
        "voltage": _voltage(meta, rules),
    }
    binning = _at(meta, "camera.binning")
    if isinstance(binning, list) and len(binning) == 2:
        values["binning_x"], values["binning_y"] = whole(binning[0]), whole(binning[1])
    values |= _axes(meta, shape, rules)
    extra: dict[str, Any] = {
        "title": text(_at(meta, "repo_id")),
        "camera_length": positive(_at(meta, "projector.camera_length")),
        "energy_offset": number(_at(meta, "filter.energy_offset")),
        "aperture": text(_at(meta, "filter.aperture")),
    }
    return reading(SOURCE, "signal", values, TAGS, rules=rules, extra=extra)


def _voltage(meta: Mapping[str, Any], rules: dict[str, str]) -> float | None:
    for name in ("electron_gun.voltage", "electron_gun.voltage_target"):
        volts = positive(_at(meta, name))
        if volts is not None:
            rules["voltage"] = f"{name} in V"
            return volts / 1000.0
    return None


def _magnification(meta: Mapping[str, Any], mode: str, rules: dict[str, str]) -> float | None:
    """Return the magnification of what made the image: the scan, or the projector.

    The scan driver has one in TEM as well, which says nothing of the image.
    """
    name = {"STEM": "scan_driver.magnification", "TEM": "projector.magnification"}.get(mode, "")
    found = positive(_at(meta, name)) if name else None
    if found is not None:
        rules["magnification"] = name
    return found


def _time(meta: Mapping[str, Any], rules: dict[str, str]) -> str:
    for name in (
        "scan_generator.start_time",
        "acquisition.time",
        "camera.time",
        "camera.start_time",
    ):
        found = text(_at(meta, name))
        if _ISO.fullmatch(found):
            rules["time"] = name
            return found
    return ""


def _axes(meta: Mapping[str, Any], shape: tuple[int, ...], rules: dict[str, str]) -> dict[str, Any]:
    """Return size and pixel of the image plane and the dispersion, from the calibrated axes.

    The plane is that of the scan where there is one, else that of the camera. The physical pitch
    of the camera's pixels is not the pixel size of an image.
    """
    values: dict[str, Any] = {}
    types, calibrations = _at(meta, "content.types"), _at(meta, "device.calib")
    if not isinstance(types, list) or len(types) != len(shape):
        return values
    if not isinstance(calibrations, list) or len(calibrations) != len(types):
        calibrations = [None] * len(types)
    lengths = dict(enumerate(reversed(shape)))
    plain_axes = [place for place, one in enumerate(types) if one in (None, "None", "X", "Y")]
    if "ScanX" in types and "ScanY" in types:
        x, y = types.index("ScanX"), types.index("ScanY")
    elif len(plain_axes) == 2:
        x, y = plain_axes
    else:
        x = y = -1
    if x >= 0:
        values["width"], values["height"] = whole(lengths[x]), whole(lengths[y])
        values["pixel_size"] = scaled(_step(calibrations[x], "m"), 1e10)
        rules["pixel_size"] = "step of the first axis of the image in m, times 1e10"
    if "Energy" in types:
        values["dispersion"] = _step(calibrations[types.index("Energy")], "eV")
        rules["dispersion"] = "step of the axis of energies in eV"
    return values


def _step(calibration: object, unit: str) -> float | None:
    if not isinstance(calibration, dict) or text(calibration.get("unit")) != unit:
        return None
    value, factor = positive(calibration.get("value")), positive(calibration.get("pixel_factor", 1))
    return value * factor if value is not None and factor is not None else None
