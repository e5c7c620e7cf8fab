"""Arrays of NumPy: in PRZ files of CEOS Panta Rhei, which are zip archives of them, and alone.

Headers are read by a pattern and never evaluated, pickles are never run, and what an archive
claims to unpack to is compared with what its packed bytes can hold.
"""

from __future__ import annotations

import json
import math
import re
import struct
import zipfile
import zlib
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.errors import InvalidInput, OpenEMError
from openem_nb.formats.mrc import LONGEST
from openem_nb.formats.pickled import Refused, plain
from openem_nb.formats.source import STEP, Section, as_file, damaged, truncated
from openem_nb.formats.unpacking import Unpacked
from openem_nb.images._pixels import About
from openem_nb.images._raw import RawPixels

if TYPE_CHECKING:
    from openem_nb.formats.source import Source

__all__ = ["open_npy", "open_prz"]

_DESCR: Final = re.compile(rb"'descr':\s*'([<>=|]?[uifcb]\d{1,2})'")
_ORDER: Final = re.compile(rb"'fortran_order':\s*(True|False)")
_SHAPE: Final = re.compile(rb"'shape':\s*\(([\d,\sL]{1,200})\)")
_LONGEST_HEADER: Final = 1 << 16
_LARGEST_META: Final = 16 << 20
_LARGEST_DIRECTORY: Final = 1 << 20
_BROKEN: Final = (
    zipfile.BadZipFile,
    zlib.error,
    RuntimeError,  # a member that is encrypted, or of a form that zipfile does not know
    EOFError,
    ValueError,
    struct.error,
)
_MOST: Final = 1100
"""Bytes that one byte of Deflate can unpack to, with room."""


def open_npy(source: Source, *, form: str = "npy", about: About | None = None) -> Any:
    """Stand ready for the pixels of one array: its last two axes, planes of the others as frames.

    Returns
    -------
    tuple
        The pixels and what is known of them.
    """
    head = source.read(0, 12)
    if head[:6] != b"\x93NUMPY" or len(head) < 12:
        raise damaged(source.name, "its array does not begin as one of NumPy does")
    start, letter = (10, "<H") if head[6] == 1 else (12, "<I")
    length = struct.unpack_from(letter, head, 8)[0]
    if length > _LONGEST_HEADER:
        raise damaged(source.name, "the header of its array is too long")
    header = source.read(start, length)
    kind, order, shape = _DESCR.search(header), _ORDER.search(header), _SHAPE.search(header)
    if kind is None or order is None or shape is None:
        raise InvalidInput(
            f"{source.name} holds no array of numbers.", hint="Save the image as a plain array."
        )
    dtype = np.dtype(kind[1].decode())
    sizes = [int(one) for one in re.findall(rb"\d{1,9}", shape[1])]
    if order[1] == b"True":
        raise InvalidInput(
            f"{source.name} holds an array column by column.",
            hint="Save it row by row: numpy.ascontiguousarray.",
        )
    if len(sizes) < 2:
        raise InvalidInput(
            f"{source.name} holds a spectrum, not an image.", hint="Open an image of two axes."
        )
    height, width = sizes[-2:]
    frames = math.prod(sizes[:-2])
    if not (0 < width <= LONGEST and 0 < height <= LONGEST and 0 < frames < 1 << 31):
        raise damaged(source.name, f"an image cannot have {width} × {height} pixels")
    need = start + length + width * height * frames * dtype.itemsize
    if need > source.size:
        raise truncated(source.name, need, source.size)
    kind_of = np.dtype(np.uint8) if dtype.kind == "b" else dtype
    pixels = RawPixels(source, start + length, (height, width), frames, kind_of)
    known = about or About(form)
    slow = ("frame",) if frames > 1 else ()
    notes = known.notes
    if dtype.kind == "c":
        notes = (*notes, "The file holds complex numbers; their amplitudes are shown.")
    return pixels, About(
        format=form,
        axes=(*slow, "y", "x"),
        pixel_size=known.pixel_size,
        voltage=known.voltage,
        header={**known.header, "NumPy": {"dtype": str(dtype), "shape": sizes}},
        notes=notes,
    )


def open_prz(source: Source) -> Any:
    """Find the array ``data.npy`` in the archive, and what the metadata beside it say."""
    _check_directory(source)
    try:
        archive = zipfile.ZipFile(as_file(source))
        names = {one.filename: one for one in archive.infolist()}
        info = names.get("data.npy")
        if info is None:
            raise InvalidInput(
                f"{source.name} is an archive without an image.",
                hint="A PRZ file of Panta Rhei has a member data.npy.",
            )
        meta, notes = _metadata(archive, names)
        member = _member(source, archive, info)
    except OpenEMError:
        raise
    except _BROKEN as bad:
        raise damaged(source.name, f"its archive is broken ({bad})") from bad
    about = About(
        "prz",
        pixel_size=_pixel_size(meta),
        voltage=_voltage(meta),
        header={"Panta Rhei": meta} if meta else {},
        notes=notes,
    )
    return open_npy(member, form="prz", about=about)


def _check_directory(source: Source) -> None:
    """Refuse an archive whose list of members is longer than any that is meant."""
    tail = min(source.size, 66_000)
    end = source.read(source.size - tail, tail)
    place = end.rfind(b"PK\x05\x06")
    if place < 0 or len(end) < place + 22:
        raise damaged(source.name, "its archive has no end")
    listed = struct.unpack_from("<I", end, place + 12)[0]
    if _LARGEST_DIRECTORY <= listed < 0xFFFFFFFF:
        raise damaged(source.name, "its archive lists too many members")


def _member(source: Source, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Source:
    if info.flag_bits & 1:
        raise InvalidInput(f"{source.name} is encrypted.", hint="Save it without a password.")
    if info.compress_type == zipfile.ZIP_STORED:
        at = _place(source, info)
        return Section(source, at, min(info.file_size, source.size - at), source.name)
    if info.compress_type != zipfile.ZIP_DEFLATED:
        raise InvalidInput(
            f"{source.name} is packed in a way that is not read here.", hint="Use Deflate or none."
        )
    if info.file_size > info.compress_size * _MOST + STEP:
        raise damaged(source.name, "its image cannot be as large as it says")
    if not source.near:
        from openem_nb.formats.flowing import Flowing

        at = _place(source, info)
        packed = Section(source, at, min(info.compress_size, source.size - at), source.name)
        return Flowing.deflated(packed, info.file_size)
    return _Limited(source, archive.open(info), info.file_size)


def _place(source: Source, info: zipfile.ZipInfo) -> int:
    """Return where the bytes of a member begin."""
    local = source.read(info.header_offset, 30)
    if local[:4] != b"PK\x03\x04" or len(local) < 30:
        raise damaged(source.name, "its archive names a place where nothing is")
    name, extra = struct.unpack_from("<HH", local, 26)
    return info.header_offset + 30 + int(name) + int(extra)


class _Limited(Unpacked):
    """An unpacked member, of a size that is known."""

    def __init__(self, packed: Source, unpacker: Any, size: int) -> None:
        super().__init__(packed, unpacker, (zipfile.BadZipFile,))
        self._size = size

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self._size


def _metadata(
    archive: zipfile.ZipFile, names: dict[str, zipfile.ZipInfo]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    found: Any = {}
    for name in ("meta_data_json.npy", "meta_data.npy"):
        info = names.get(name)
        if info is None or info.file_size > _LARGEST_META:
            continue
        with archive.open(info) as member:
            content = member.read(_LARGEST_META)
        start, letter = (10, "<H") if content[6:7] == b"\x01" else (12, "<I")
        end = start + struct.unpack_from(letter, content, 8)[0]
        try:
            body = content[end:]
            found = _json(content[start:end], body) if "json" in name else plain(body)
        except (Refused, RecursionError, ValueError):
            return {}, ("Its metadata hold more than plain values, and were not read.",)
        break
    first = found[0] if isinstance(found, list) and found else found
    return (first, ()) if isinstance(first, dict) else ({}, ())


def _json(header: bytes, body: bytes) -> Any:
    wide = re.search(rb"'descr':\s*'([<>=|]?)U", header)
    if wide is None:
        return json.loads(body.decode("utf-8", "replace").rstrip("\0"))
    coding = "utf-32-be" if wide[1] == b">" else "utf-32-le"
    return json.loads(body.decode(coding, "replace").rstrip("\0"))


def _at(meta: dict[str, Any], name: str) -> Any:
    """Return a value by its dotted name, which is one key or a path of two."""
    if name in meta:
        return meta[name]
    head, _, rest = name.partition(".")
    below = meta.get(head)
    return below.get(rest) if isinstance(below, dict) else None


def _voltage(meta: dict[str, Any]) -> float | None:
    volts = _at(meta, "electron_gun.voltage")
    known = isinstance(volts, float | int) and not isinstance(volts, bool) and 0 < volts < 1e7
    return volts / 1000 if known else None


def _pixel_size(meta: dict[str, Any]) -> float | None:
    """Return the step of the fastest axis in Å, which is listed first."""
    calibrations = _at(meta, "device.calib")
    first = calibrations[0] if isinstance(calibrations, list) and calibrations else None
    if not isinstance(first, dict) or first.get("unit") != "m":
        return None
    value, factor = first.get("value"), first.get("pixel_factor", 1)
    if not (isinstance(value, float | int) and isinstance(factor, float | int)):
        return None
    step = value * factor
    return float(f"{step * 1e10:.9g}") if 0 < step < 1e-3 else None
