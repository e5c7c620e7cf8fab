"""Directories of a TIFF or BigTIFF file: their tags, within limits, and how many there are.

TIFF 6.0 (Adobe 1992) and BigTIFF. Offsets come from the file, so a chain of directories may lead
in circles or anywhere: each is visited once, and what lies beyond the end of the file is an end.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Final

from openem_nb.oscem.readers._binary import damaged, truncated
from openem_nb.oscem.readers._xml import NotUsable

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Directories", "directories"]

_SIZES: Final[Mapping[int, tuple[str, int]]] = {
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
LARGEST_TAG: Final = 1 << 20
"""Bytes of one tag that are read."""

MOST_TAGS: Final = 4096
MOST_PAGES: Final = 20_000


@dataclass(frozen=True, slots=True)
class Directories:
    """What the first directory of a file holds."""

    tags: Mapping[int, bytes | int | float]
    """First value of each tag that was asked for; texts and opaque bytes whole."""
    pages: int
    """Directories in the file; 0 if nobody asked."""
    whole: bool
    """Whether the chain of directories comes to its end inside the file."""


def directories(
    file: BinaryIO, size: int, wanted: frozenset[int], what: str, *, count: bool = True
) -> Directories:
    """Read the tags ``wanted`` of the first directory, and count all if asked to.

    Raises
    ------
    NotUsable
        If the file is no TIFF, or ends before its first directory does.
    """
    head = file.read(16)
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        raise damaged(what)
    version = struct.unpack_from(order + "H", head, 2)[0]
    big = version == 43
    if big and len(head) == 16 and struct.unpack_from(order + "HH", head, 4) == (8, 0):
        start = struct.unpack_from(order + "Q", head, 8)[0]
    elif version == 42:
        start = struct.unpack_from(order + "I", head, 4)[0]
    else:
        raise damaged(what)
    if not 8 <= start < size:
        raise NotUsable(truncated(what))
    entries, following = _entries(file, start, order, big=big)
    if entries is None:
        raise NotUsable(truncated(what))
    tags = {
        tag: value
        for tag, kind, number, place in entries
        if tag in wanted and (value := _value(file, size, order, kind, number, place)) is not None
    }
    pages, whole = 1, following == 0
    seen = {start}
    while count and following and pages < MOST_PAGES:
        if following in seen or not 8 <= following < size:
            break
        seen.add(following)
        found, following = _entries(file, following, order, big=big)
        if found is None:
            break
        pages += 1
        whole = following == 0
    return Directories(tags, pages if count else 0, whole or not count)


def _entries(
    file: BinaryIO, start: int, order: str, *, big: bool
) -> tuple[list[tuple[int, int, int, bytes | int]] | None, int]:
    """Return entries (tag, type, count, value or offset) of a directory and where the next is."""
    file.seek(start)
    head = file.read(8 if big else 2)
    if len(head) < (8 if big else 2):
        return None, 0
    many = struct.unpack(order + ("Q" if big else "H"), head)[0]
    if not 0 < many <= MOST_TAGS:
        return None, 0
    each, inside, offset = (20, 8, order + "Q") if big else (12, 4, order + "I")
    raw = file.read(many * each)
    tail = file.read(8 if big else 4)
    if len(raw) < many * each:
        return None, 0
    entries: list[tuple[int, int, int, bytes | int]] = []
    for position in range(0, len(raw), each):
        tag, kind = struct.unpack_from(order + "HH", raw, position)
        number = struct.unpack_from(offset, raw, position + 4)[0]
        field = raw[position + each - inside : position + each]
        width = _SIZES.get(kind, ("", 0))[1]
        place = field if width * number <= inside else struct.unpack(offset, field)[0]
        entries.append((tag, kind, number, place))
    following = struct.unpack(offset, tail)[0] if len(tail) == inside else 0
    return entries, following


def _value(
    file: BinaryIO, size: int, order: str, kind: int, number: int, place: bytes | int
) -> bytes | int | float | None:
    letter, width = _SIZES.get(kind, ("", 0))
    if not width or not number:
        return None
    many = number if letter == "s" or kind == 1 else 1
    length = min(many * width, LARGEST_TAG)
    if isinstance(place, int):
        if place + length > size:
            return None
        file.seek(place)
        raw = file.read(length)
    else:
        raw = place[:length]
    if len(raw) < length:
        return None
    if letter == "s" or (kind == 1 and number > 8):
        return raw
    values = struct.unpack_from(order + letter, raw)
    if len(values) == 2:
        return values[0] / values[1] if values[1] else None
    return values[0]  # type: ignore[no-any-return]
