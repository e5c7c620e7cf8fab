"""Texts of variable length in HDF5, read by their places in the file.

The library beneath h5py believes what a file says of such a text: a length of four gigabytes is
allocated, and an object of its heap without a length keeps it going for ever. Here each step is
bounded by the bytes that are there. Known are attributes in the header of their object, as all
programs write a few of them (HDF5 File Format Specification 3.0: IV.A object headers, IV.A.2.m
attributes, III.E global heaps).
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openem_nb.formats.source import Source

__all__ = ["LONGEST", "text"]

LONGEST: Final = 1 << 12
"""Bytes of a text."""
_BLOCKS: Final = 64
"""Parts of the header of one object that are looked at."""
_HEADER: Final = 1 << 16
"""Bytes of each."""
_HEAP: Final = 16 << 20
"""Bytes of a collection of texts."""
_ATTRIBUTE: Final = 12
_CONTINUED: Final = 16
_VARIABLE_TEXT: Final = 0x19
"""First byte of a type: its version, and class 9; the next one says that it is a text."""


def text(source: Source, header: int, name: str) -> str | None:
    """Return an attribute that is one text of variable length.

    Parameters
    ----------
    header :
        Where the header of the object lies that has the attribute.

    Returns
    -------
    str or None
        None where there is no such attribute in the header, or it cannot be what it says.
    """
    try:
        for message in _messages(source, header):
            place = _reference(message, name.encode())
            if place is not None:
                return _from_heap(source, *place)
    except struct.error:  # the bytes end too early
        return None
    return None


def _messages(source: Source, header: int) -> Iterator[bytes]:
    """Yield the attributes in the header of an object."""
    start = source.read(header, 64)
    if start[:4] == b"OHDR":
        flags = start[5]
        at = 6 + (16 if flags & 0x20 else 0) + (4 if flags & 0x10 else 0)
        width = 1 << (flags & 3)
        size = int.from_bytes(start[at : at + width], "little")
        left, head = [(header + at + width, size)], "<BHB2x" if flags & 4 else "<BHB"
    elif start[:1] == b"\1":
        left, head = [(header + 16, struct.unpack_from("<I", start, 8)[0])], "<HHB3x"
    else:
        return
    for _ in range(_BLOCKS):
        if not left:
            return
        place, size = left.pop(0)
        block, at = source.read(place, min(size, _HEADER)), 0
        if block[:4] == b"OCHK":
            at, block = 4, block[:-4]
        while at + struct.calcsize(head) <= len(block):
            kind, length, flags = struct.unpack_from(head, block, at)
            at += struct.calcsize(head)
            content = block[at : at + length]
            at += length
            if kind == _CONTINUED:
                left.append(struct.unpack_from("<QQ", content))
            elif kind == _ATTRIBUTE and not flags & 2:  # those that are shared lie elsewhere
                yield content


def _reference(message: bytes, name: bytes) -> tuple[int, int, int] | None:
    """Return length, collection and number of the text of an attribute, if it has this name."""
    version, _, *sizes = struct.unpack_from("<BBHHH", message)
    at, lengths = 8 + (version == 3), sizes
    if version == 1:  # all parts begin at whole eights
        lengths = [-(-size // 8) * 8 for size in sizes]
    if message[at : at + sizes[0]].rstrip(b"\0") != name:
        return None
    at += lengths[0]
    kind = message[at : at + 2]
    space = message[at + lengths[1] : at + lengths[1] + 2]
    if len(kind) < 2 or kind[0] & 15 != _VARIABLE_TEXT & 15 or kind[1] & 15 != 1:
        return None
    if len(space) < 2 or space[1] != 0:  # more than one
        return None
    length, collection, number = struct.unpack_from("<IQI", message, at + lengths[1] + lengths[2])
    return length, collection, number


def _from_heap(source: Source, length: int, collection: int, number: int) -> str | None:
    """Return a text of a collection."""
    head = source.read(collection, 16)
    (size,) = struct.unpack_from("<Q", head, 8)
    if head[:5] != b"GCOL\1" or length > LONGEST or number == 0:
        return None
    content, at = source.read(collection, min(size, _HEAP)), 16
    while at + 16 <= len(content):
        found, _, extent = struct.unpack_from("<HH4xQ", content, at)
        if found == 0:  # what is free comes last
            return None
        if found == number:
            raw = content[at + 16 : at + 16 + min(length, extent)]
            return raw.split(b"\0")[0].decode("utf-8", "replace")
        at += 16 + -(-extent // 8) * 8
    return None
