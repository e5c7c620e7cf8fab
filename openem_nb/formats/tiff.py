"""Directories of TIFF and BigTIFF files: tags within limits, wherever their offsets lead.

TIFF 6.0 (Adobe 1992) and BigTIFF. Offsets come from the file, so a chain of directories may lead
in circles or anywhere: each is visited once, and one that lies beyond the end of the file is an
error with its reason. Nothing is decoded here.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from openem_nb.formats.source import damaged

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from openem_nb.formats.source import Readable

__all__ = ["Directory", "Tiff", "is_tiff"]

_TYPES: Final[Mapping[int, tuple[str, int]]] = {
    1: ("B", 1),
    2: ("s", 1),
    3: ("H", 2),
    4: ("I", 4),
    5: ("II", 8),
    6: ("b", 1),
    7: ("s", 1),
    8: ("h", 2),
    9: ("i", 4),
    10: ("ii", 8),
    11: ("f", 4),
    12: ("d", 8),
    13: ("I", 4),
    16: ("Q", 8),
    17: ("q", 8),
    18: ("Q", 8),
}
"""For each type of a tag the letter of :mod:`struct` and its bytes."""

LARGEST_TAG: Final = 4 << 20
"""Bytes of one tag that are read: the places of half a million strips."""
MOST_TAGS: Final = 4096
MOST_DIRECTORIES: Final = 50_000

_GULP: Final = 1024
"""Bytes read at the place of a directory; most are shorter."""


@dataclass(frozen=True, slots=True)
class Directory:
    """One directory: for each tag its type, count, and value or place."""

    tiff: Tiff
    entries: Mapping[int, tuple[int, int, bytes | int]]
    at: int
    following: int
    """Where the next directory is; 0 at the end."""

    def values(self, tag: int) -> tuple[Any, ...]:
        """Return the numbers of a tag; empty where it is not there or cannot be read."""
        kind, count, place = self.entries.get(tag, (0, 0, b""))
        letter, width = _TYPES.get(kind, ("", 0))
        if not count or not width or letter == "s" or count * width > LARGEST_TAG:
            return ()
        raw = self._raw(place, count * width)
        if len(raw) < count * width:
            return ()
        if len(letter) == 2:
            pairs = struct.unpack(f"{self.tiff.order}{2 * count}{letter[0]}", raw)
            return tuple(
                top / bottom if bottom else 0.0
                for top, bottom in zip(pairs[::2], pairs[1::2], strict=True)
            )
        return struct.unpack(f"{self.tiff.order}{count}{letter}", raw)

    def number(self, tag: int, default: int) -> int:
        """Return the first number of a tag as a whole number, or the default."""
        found = self.values(tag)
        return int(found[0]) if found and abs(found[0]) < 2**62 else default

    def last(self, tag: int) -> int:
        """Return the last number of a tag, read alone; 0 where there is none.

        Of thousands of strips it takes one read of a few bytes to see where the last one is.
        """
        kind, count, place = self.entries.get(tag, (0, 0, b""))
        letter, width = _TYPES.get(kind, ("", 0))
        if not count or not width or letter == "s" or len(letter) != 1:
            return 0
        if isinstance(place, bytes):
            raw = place[(count - 1) * width : count * width]
        else:
            raw = self.tiff.source.read(place + (count - 1) * width, width)
        return int(struct.unpack(self.tiff.order + letter, raw)[0]) if len(raw) == width else 0

    @property
    def end(self) -> int:
        """Where the last strip or tile ends, which writers write last; 0 where that is not said."""
        strips = 324 not in self.entries
        offset, count = self.last(273 if strips else 324), self.last(279 if strips else 325)
        return offset + count if offset and count else 0

    def data(self, tag: int) -> bytes:
        """Return a text or opaque bytes, up to the limit; empty where there are none."""
        kind, count, place = self.entries.get(tag, (0, 0, b""))
        if _TYPES.get(kind, ("", 0))[1] != 1:
            return b""
        return self._raw(place, min(count, LARGEST_TAG))

    def text(self, tag: int) -> str:
        """Return a text up to its first NUL."""
        return self.data(tag).split(b"\0", 1)[0].decode("utf-8", "replace").strip()

    def _raw(self, place: bytes | int, length: int) -> bytes:
        if isinstance(place, bytes):
            return place[:length]
        return self.tiff.source.read(place, length)


def is_tiff(head: bytes) -> bool:
    """Return whether a file begins as TIFF or BigTIFF do."""
    return head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


class Tiff:
    """A TIFF or BigTIFF file.

    Raises
    ------
    DamagedFile
        If it does not begin like one.
    """

    def __init__(self, source: Readable) -> None:
        head = source.read(0, 16)
        self.source = source
        self.order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
        if not self.order or len(head) < 8:
            raise damaged(source.name, "it does not begin as a TIFF file does")
        version = struct.unpack_from(self.order + "H", head, 2)[0]
        self.big = version == 43
        if (
            self.big
            and len(head) == 16
            and struct.unpack_from(self.order + "HH", head, 4) == (8, 0)
        ):
            self.start = struct.unpack_from(self.order + "Q", head, 8)[0]
        elif version == 42:
            self.start = struct.unpack_from(self.order + "I", head, 4)[0]
        else:
            raise damaged(source.name, "it does not begin as a TIFF file does")

    def directories(self) -> Iterator[Directory]:
        """Yield one directory after the other.

        Raises
        ------
        DamagedFile
            If one lies beyond the end of the file, or the chain comes back to where it was.
        """
        seen: set[int] = set()
        place = self.start
        while place and len(seen) < MOST_DIRECTORIES:
            if place in seen:
                raise damaged(self.source.name, "its directories lead in a circle")
            seen.add(place)
            found = self.directory(place)
            yield found
            place = found.following

    def directory(self, at: int) -> Directory:
        """Read the directory at a place.

        Raises
        ------
        DamagedFile
            If there is none, or the file ends in it.
        """
        order, big, source = self.order, self.big, self.source
        prefix, each, inside, last = (8, 20, 8, 8) if big else (2, 12, 4, 4)
        raw = source.read(at, _GULP) if 8 <= at < source.size else b""
        if len(raw) < prefix:
            raise damaged(source.name, "a directory of it lies beyond its end")
        many = struct.unpack_from(order + ("Q" if big else "H"), raw)[0]
        if not 0 < many <= MOST_TAGS:
            raise damaged(source.name, f"a directory cannot have {many:,} entries")
        length = prefix + many * each + last
        if length > len(raw):
            raw = source.read(at, length)
        if len(raw) < length:
            raise damaged(source.name, "it ends in the middle of a directory")
        number = "Q" if big else "I"
        entries: dict[int, tuple[int, int, bytes | int]] = {}
        for place in range(prefix, length - last, each):
            tag, kind, count = struct.unpack_from(f"{order}HH{number}", raw, place)
            field = raw[place + each - inside : place + each]
            width = _TYPES.get(kind, ("", 0))[1]
            fits = width * count <= inside
            entries[tag] = (kind, count, field if fits else struct.unpack(order + number, field)[0])
        return Directory(
            self, entries, at, struct.unpack_from(order + number, raw, length - last)[0]
        )
