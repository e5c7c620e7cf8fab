"""The tree of tags in a Gatan DM3 or DM4 file, without the images in it.

Version, size and byte order come first, then groups of tags in groups of tags. Numbers of the
structure are big-endian; values have the byte order of the file. Arrays of more than 4,096 numbers
are images, as are those called ``Data``: they are passed over, and kept is where they lie.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Broken", "Ended", "Stored", "Tree", "branch", "read_tags"]

Tree = dict[str, Any]
"""Groups are trees; values are numbers, truths, texts or short lists of numbers."""


class Broken(ValueError):
    """A file that is no DM3 or DM4 file, or a place in it where the tags end."""


class Ended(Broken):
    """A file that ends too early."""


@dataclass(frozen=True, slots=True)
class Stored:
    """An array that was passed over."""

    dtype: str
    """Type of its numbers as NumPy writes it."""
    at: int
    """Byte of the file where it begins."""
    count: int
    """Numbers in it, as the file says."""


DEEPEST: Final = 40
MOST_TAGS: Final = 200_000
MOST_BYTES: Final = 32 << 20
"""Bytes of values that are read of one file."""
LONGEST_ARRAY: Final = 4096

_NUMBERS: Final[Mapping[int, tuple[str, int]]] = {
    2: ("h", 2),
    3: ("i", 4),
    4: ("H", 2),
    5: ("I", 4),
    6: ("f", 4),
    7: ("d", 8),
    8: ("?", 1),
    9: ("b", 1),
    10: ("B", 1),
    11: ("q", 8),
    12: ("Q", 8),
}
_ARRAYS: Final[Mapping[str, str]] = {
    "h": "i2",
    "i": "i4",
    "H": "u2",
    "I": "u4",
    "f": "f4",
    "d": "f8",
    "?": "u1",
    "b": "i1",
    "B": "u1",
    "q": "i8",
    "Q": "u8",
}
"""For each letter of :mod:`struct` the type of NumPy."""
_WHY: Final = "its tags make no sense"
_STRUCT, _STRING, _ARRAY = 15, 18, 20


def read_tags(file: BinaryIO, size: int) -> tuple[Tree, bool]:
    """Return the tree of tags, and whether the file holds all of it.

    Raises
    ------
    Broken
        If the file is no DM3 or DM4 file.
    """
    (version,) = struct.unpack(">i", _exactly(file, 4))
    if version not in (3, 4):
        raise Broken("it does not begin as a DM3 or DM4 file does")
    file.seek(8 if version == 3 else 12)
    (little,) = struct.unpack(">i", _exactly(file, 4))
    if little not in (0, 1):
        raise Broken("it does not begin as a DM3 or DM4 file does")
    reader = _Reader(file, size, "<" if little else ">", wide=version == 4)
    tree: Tree = {}
    try:
        reader.group(tree, 0)
    except (Broken, struct.error):
        return tree, False
    return tree, True


def _exactly(file: BinaryIO, count: int) -> bytes:
    found = file.read(count)
    if len(found) < count:
        raise Ended("it ends in the middle of a tag")
    return found


def branch(tree: object, *names: str) -> Any:
    """Return what stands at the end of a path of names, None if there is no such path."""
    for name in names:
        if not isinstance(tree, dict):
            return None
        tree = tree.get(name)
    return tree


class _Reader:
    """Reads groups one after the other and counts what it has read."""

    def __init__(self, file: BinaryIO, size: int, order: str, *, wide: bool) -> None:
        self.file, self.size, self.order, self.wide = file, size, order, wide
        self.tags = self.bytes = 0

    def take(self, count: int) -> bytes:
        self.bytes += count
        if count < 0 or self.bytes > MOST_BYTES:
            raise Broken(_WHY)
        return _exactly(self.file, count)

    def skip(self, count: int) -> None:
        here = self.file.tell() + count
        if count < 0 or here > self.size:
            raise Broken(_WHY)
        self.file.seek(here)

    def integer(self) -> int:
        """Return one number of the structure: four bytes, eight in DM4."""
        width, letter = (8, ">Q") if self.wide else (4, ">I")
        found: int = struct.unpack(letter, self.take(width))[0]
        return found

    def group(self, tree: Tree, depth: int) -> None:
        if depth > DEEPEST:
            raise Broken(_WHY)
        self.take(2)  # whether it is sorted, and open
        unnamed = 0
        for _ in range(self.integer()):
            self.tags += 1
            if self.tags > MOST_TAGS:
                raise Broken(_WHY)
            kind, length = struct.unpack(">BH", self.take(3))
            name = self.take(length).decode("latin-1")
            if not name:
                name, unnamed = str(unnamed), unnamed + 1
            end = self.file.tell() + 8 + self.integer() if self.wide else None
            if kind == 20:
                child: Tree = {}
                tree[name] = child
                self.group(child, depth + 1)
            elif kind == 21:
                value = self.value(name)
                if value is not None:
                    tree[name] = value
            else:
                raise Broken(_WHY)
            if end is not None and end != self.file.tell():
                if not self.file.tell() < end <= self.size:
                    raise Broken(_WHY)
                self.file.seek(end)

    def value(self, name: str) -> Any:
        if self.take(4) != b"%%%%":
            raise Broken(_WHY)
        many = self.integer()
        if not 0 < many <= 10_000:
            raise Broken(_WHY)
        info = [self.integer() for _ in range(many)]
        return self.typed(info, LONGEST_ARRAY if name != "Data" else 0)

    def typed(self, info: list[int], longest: int) -> Any:
        kind = info[0]
        if kind in _NUMBERS:
            letter, width = _NUMBERS[kind]
            return struct.unpack(self.order + letter, self.take(width))[0]
        if kind == _STRUCT:
            return [
                struct.unpack(self.order + letter, self.take(width))[0]
                for letter, width in self.fields(info)
            ]
        if kind == _STRING and len(info) > 1:
            return self.text(info[1], 2)
        if kind == _ARRAY and len(info) > 2:
            length = info[-1]
            if info[1] == _STRUCT:
                fields = self.fields(info[1:-1])
                at = self.file.tell()
                self.skip(length * sum(width for _letter, width in fields))
                letters = {letter for letter, _width in fields}
                if len(letters) == 1:
                    return Stored(f"{self.order}{_ARRAYS[letters.pop()]}", at, length * len(fields))
                return None
            if info[1] not in _NUMBERS:
                raise Broken(_WHY)
            letter, width = _NUMBERS[info[1]]
            if info[1] == 4 and length <= longest:  # texts are arrays of UTF-16
                return self.text(length, 2)
            if length > longest:
                at = self.file.tell()
                self.skip(length * width)
                return Stored(f"{self.order}{_ARRAYS[letter]}", at, length)
            return list(struct.unpack(f"{self.order}{length}{letter}", self.take(length * width)))
        raise Broken(_WHY)

    def fields(self, info: list[int]) -> list[tuple[str, int]]:
        """Return format and size of each field of a structure: pairs of name length and type."""
        kinds = info[4::2]
        if len(info) < 3 or len(kinds) != info[2] or any(one not in _NUMBERS for one in kinds):
            raise Broken(_WHY)
        return [_NUMBERS[kind] for kind in kinds]

    def text(self, length: int, width: int) -> str:
        if length > LONGEST_ARRAY:
            self.skip(length * width)
            return ""
        coding = "utf-16-le" if self.order == "<" else "utf-16-be"
        return self.take(length * width).decode(coding, "replace").split("\0", 1)[0]
