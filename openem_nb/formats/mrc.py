"""Headers of MRC files: MRC2014, its older and newer dialects, extended headers.

MRC2014 (Cheng et al. 2015, J Struct Biol 192, 146): 1,024 bytes, then an extended header whose
kind stands at byte 104, then the sections, row by row. IMOD ("MRC file format") adds mode 16, a
flag for unsigned bytes and one for two pixels in a byte; mode 101 is the same as a mode of its own.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from openem_nb._amounts import decimal
from openem_nb.errors import DamagedFile
from openem_nb.formats.source import damaged

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from openem_nb.formats.source import Source

__all__ = [
    "HEADER",
    "LONGEST",
    "MODES",
    "MrcHeader",
    "fei_record",
    "oddities",
    "parse_header",
    "tilt_angles",
]

HEADER: Final = 1024
"""Bytes of the header proper."""
LONGEST: Final = 1 << 16
"""Pixels of the longest side that a camera or a montage has."""
MOST_SECTIONS: Final = 1 << 24
LARGEST_EXTENDED: Final = 1 << 30
"""Bytes of an extended header; FEI2 has 888 for each section."""

MODES: Final[Mapping[int, tuple[str, int]]] = {
    0: ("i1", 8),
    1: ("i2", 16),
    2: ("f4", 32),
    3: ("i2", 32),
    4: ("c8", 64),
    6: ("u2", 16),
    12: ("f2", 16),
    16: ("u1", 24),
    101: ("u1", 4),
}
"""For each mode the type of its numbers, and the bits of one pixel."""

_FEI: Final = ("FEI1", "FEI2")
"""Kinds of extended headers with a record for each section, in SI units."""
_MOST_RECORDS: Final = 1 << 22
"""Bytes of records that are read."""
_TILTED: Final = 0.5
"""Degrees between the ends of a tilt series at least; the frames of a movie are at one tilt."""

_STAMPS: Final = (b"\x44\x44", b"\x44\x41", b"\x44\0", b"\x11\x11", b"\x11\0")
"""Machine stamps of little-endian and big-endian files; some programs write half of one."""
_LABELS: Final = 10

_IMOD: Final = 1146047817
"""The stamp of IMOD at byte 152: after it stand flags."""
_FLAG_SIGNED, _FLAG_NIBBLES = 1, 16


@dataclass(frozen=True, slots=True)
class MrcHeader:
    """What the first 1,024 bytes say."""

    order: str
    """Byte order, ``<`` or ``>``, as size and mode make sense."""
    width: int
    """Pixels of a row."""
    height: int
    """Rows of a section."""
    sections: int
    mode: int
    dtype: str
    """Type of a number as NumPy writes it, with its byte order."""
    row_bytes: int
    """Bytes of a row in the file."""
    nibbles: bool
    """Whether a byte holds two pixels, the first one in its low half."""
    grid: tuple[int, int, int]
    """Pixels across the cell in x, y, z; of a stack of volumes z is that of one of them."""
    cell: tuple[float, float, float]
    """Cell in Å."""
    start: tuple[int, int, int]
    """Where the first column, row and section stand in the cell, in pixels."""
    angles: tuple[float, float, float]
    """Angles of the cell in degrees; zero in many files of images."""
    map_axes: tuple[int, int, int]
    """Which axis columns, rows and sections are: 1 is x."""
    statistics: tuple[float, float, float, float]
    """Smallest, largest, mean and deviation as the writer says; not to be relied upon."""
    space_group: int
    """0 for images, 1 for a volume, from 401 on for a stack of volumes."""
    extended: int
    """Bytes of the extended header."""
    kind: str
    """Its kind: ``FEI1``, ``FEI2``, ``SERI``, ``AGAR``, ``CCP4``, ``MRCO``; often empty."""
    version: int
    origin: tuple[float, float, float]
    labels: tuple[str, ...]

    @property
    def offset(self) -> int:
        """Where the first section begins."""
        return HEADER + self.extended

    @property
    def section_bytes(self) -> int:
        """Bytes of a section."""
        return self.row_bytes * self.height

    @property
    def pixel_size(self) -> float | None:
        """Å of a pixel in x; None where the file does not know it.

        Exactly 1 Å is what programs write that do not know it, so it says nothing.
        """
        length, count = self.cell[0], self.grid[0]
        if not (count > 0 and 0 < length < 1e30):
            return None
        size = length / count
        return decimal(size) if 0.01 < size < 1e5 and size != 1.0 else None

    def tree(self) -> dict[str, Any]:
        """Return the header as a table of names and values, for people."""
        names = ("x", "y", "z")
        return {
            "columns, rows, sections": [self.width, self.height, self.sections],
            "mode": self.mode,
            "byte order": "little-endian" if self.order == "<" else "big-endian",
            "grid": list(self.grid),
            "cell (Å)": list(self.cell),
            "angles (°)": list(self.angles),
            "start": list(self.start),
            "axes": [names[one - 1] if 1 <= one <= 3 else one for one in self.map_axes],
            "min, max, mean, rms": list(self.statistics),
            "space group": self.space_group,
            "extended header (bytes)": self.extended,
            "extended header": self.kind,
            "version": self.version,
            "origin": list(self.origin),
            "labels": list(self.labels),
        }


def byte_order(head: bytes) -> str | None:
    """Return the order in which size and mode make sense, None if neither does.

    The machine stamp at byte 212 is wrong in many files, so it only decides where both do.
    """
    sensible = []
    for order in "<>":
        width, height, sections, mode = struct.unpack_from(order + "4i", head)
        if (
            0 < width <= LONGEST
            and 0 < height <= LONGEST
            and 0 < sections < MOST_SECTIONS
            and mode in MODES
        ):
            sensible.append(order)
    if not sensible:
        return None
    return ">" if sensible[0] == ">" or (len(sensible) == 2 and head[212:213] == b"\x11") else "<"


def parse_header(head: bytes, name: str) -> MrcHeader:
    """Read the header from the first 1,024 bytes.

    Raises
    ------
    DamagedFile
        If they are fewer, or size and mode make sense in neither byte order.
    """
    if len(head) < HEADER:
        raise DamagedFile(
            f"{name} is cut off: it has {len(head):,} bytes, and the header of an MRC file alone "
            "has 1,024.",
            hint="It may still be being written, or was copied in part: wait, or copy it again.",
        )
    order = byte_order(head)
    if order is None:
        raise damaged(name, "size and mode in its header make no sense")
    width, height, sections, mode = struct.unpack_from(order + "4i", head)
    grid = struct.unpack_from(order + "3i", head, 28)
    cell = struct.unpack_from(order + "3f", head, 40)
    angles = struct.unpack_from(order + "3f", head, 52)
    axes = struct.unpack_from(order + "3i", head, 64)
    low, high, mean = struct.unpack_from(order + "3f", head, 76)
    group, extended = struct.unpack_from(order + "2i", head, 88)
    if not 0 <= extended <= LARGEST_EXTENDED:
        raise damaged(name, f"its extended header cannot have {extended:,} bytes")
    version = struct.unpack_from(order + "i", head, 108)[0]
    stamp, flags = struct.unpack_from(order + "2i", head, 152)
    nibbles = mode == 101
    letters, bits = MODES[mode]
    row_bytes = (width * bits + 7) // 8
    if mode == 0 and stamp == _IMOD:
        if flags & _FLAG_NIBBLES:
            nibbles, width, letters = True, 2 * width, "u1"
        elif not flags & _FLAG_SIGNED:
            letters = "u1"
    return MrcHeader(
        order=order,
        width=width,
        height=height,
        sections=sections,
        mode=mode,
        dtype=letters if letters.endswith("1") else order + letters,
        row_bytes=row_bytes,
        nibbles=nibbles,
        grid=grid,
        cell=cell,
        start=struct.unpack_from(order + "3i", head, 16),
        angles=angles,
        map_axes=axes,
        statistics=(low, high, mean, struct.unpack_from(order + "f", head, 216)[0]),
        space_group=group,
        extended=extended,
        kind=_letters(head[104:108]),
        version=version if 20140 <= version < 21000 else 0,
        origin=struct.unpack_from(order + "3f", head, 196),
        labels=_labels(head, order),
    )


def _letters(raw: bytes) -> str:
    text = raw.split(b"\0")[0].decode("latin-1").strip()
    return text if text.isprintable() else ""


def _labels(head: bytes, order: str) -> tuple[str, ...]:
    count = min(max(struct.unpack_from(order + "i", head, 220)[0], 0), _LABELS)
    labels = [head[224 + 80 * i : 304 + 80 * i].split(b"\0")[0] for i in range(count)]
    return tuple(label.decode("latin-1").rstrip() for label in labels if label.strip())


def oddities(head: bytes, header: MrcHeader) -> list[str]:
    """Return what the first 1,024 bytes say that cannot be, in sentences.

    What MRC2014 (note 6 there) calls undetermined is none of it: a largest density below the
    smallest, or a mean below both.
    """
    found = []
    if head[208:211] != b"MAP":
        found.append("The header does not say that it is one of MRC2014 (no MAP at byte 208).")
    elif head[212:214] not in _STAMPS:
        found.append(
            f"The machine stamp {head[212]:02x} {head[213]:02x} is not known; the byte order is "
            "that in which size and mode make sense."
        )
    low, high, mean, _ = header.statistics
    top = max(low, high)
    if not all(map(math.isfinite, (low, high, mean))) or mean > top + 1e-4 * max(1, abs(top)):
        found.append("Smallest, largest and mean density in the header contradict each other.")
    count = struct.unpack_from(header.order + "i", head, 220)[0]
    if not 0 <= count <= _LABELS:
        found.append(f"The header counts {count:,} labels, and has room for {_LABELS}.")
    return found


def tilt_angles(source: Source, header: MrcHeader) -> tuple[float, ...]:
    """Return the tilt angle of each section, in degrees, from the extended header.

    Of SerialEM and IMOD, two short numbers at byte 128 say how many bytes each section has and, by
    bits, what they are; bit 0 is the tilt angle, in hundredths of a degree (IMOD, "MRC file
    format"). In FEI1 and FEI2 each section has a record with ``Alpha tilt`` in degrees. Empty where
    there are none, or all are the same.
    """
    if header.kind in _FEI:
        return _fei_tilts(source, header)
    head = source.read(0, HEADER)
    each, flags = struct.unpack_from(header.order + "2h", head, 128)
    length = each * header.sections
    if not flags & 1 or flags > 63 or each < 2 or length > min(header.extended, 1 << 22):
        return ()
    raw = source.read(HEADER, length)
    if len(raw) < length:
        return ()
    found = [struct.unpack_from(header.order + "h", raw, i)[0] for i in range(0, length, each)]
    if len(set(found)) < 2 or any(abs(one) > 9000 for one in found):
        return ()
    return tuple(one / 100 for one in found)


def fei_record(source: Source, header: MrcHeader) -> dict[str, Any]:
    """Return the first record of an FEI1 or FEI2 extended header: names and values, SI units.

    Which byte order the record has does not follow from that of the file; the voltage tells.
    Empty where nobody filled it in.
    """
    rows = _fei_records(source, header, 1)
    return {} if rows is None else {name: _plain(rows[0][name]) for name in rows.dtype.names or ()}


def _fei_records(source: Source, header: MrcHeader, count: int) -> NDArray[Any] | None:
    """Return the first records of an FEI extended header; None if they are not all there."""
    import numpy as np
    from mrcfile.dtypes import get_ext_header_dtype

    if header.kind not in _FEI:
        return None
    for order in (header.order, ">" if header.order == "<" else "<"):
        kind = get_ext_header_dtype(header.kind.encode(), order)
        length = count * kind.itemsize
        if length > min(header.extended, _MOST_RECORDS):
            return None
        raw = source.read(HEADER, length)
        if len(raw) < length:
            return None
        rows: NDArray[Any] = np.frombuffer(raw, kind)
        if 1e3 < rows[0]["HT"] < 5e6:
            return rows
    return None


def _fei_tilts(source: Source, header: MrcHeader) -> tuple[float, ...]:
    rows = None if header.sections == 1 else _fei_records(source, header, header.sections)
    if rows is None:
        return ()
    found = [float(one) for one in rows["Alpha tilt"]]
    # a stage that stands still is read a little differently each time
    if not (all(abs(one) <= 90 for one in found) and max(found) - min(found) >= _TILTED):
        return ()
    return tuple(decimal(one) for one in found)


def _plain(value: Any) -> Any:
    found = value.item() if hasattr(value, "item") else value
    return _letters(found) if isinstance(found, bytes) else found
