"""Archives that attack whoever unpacks them, or are not what they should be."""

from __future__ import annotations

import tarfile
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from openem_nb.errors import InvalidInput
from openem_nb.practice.scicat._micrographs import plain, zeros
from openem_nb.practice.scicat._tars import Entry, TarSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openem_nb.practice._answer import Source
    from openem_nb.practice.scicat._micrographs import Content, Piece

__all__ = ["HOSTILE", "checked_kind", "spoiled"]

HOSTILE: Final = (
    *("dotdot", "absolute", "symlink", "hardlink", "device", "fifo", "duplicate", "bomb"),
    *("unlisted", "truncated", "wrong-byte", "not-a-tar"),
)
"""Kinds of attack."""
_BOMB: Final = 1 << 40
_LOOT: Final = b"practice: this must not be written\n"


def checked_kind(kind: str) -> str:
    """Return the name of an attack.

    Raises
    ------
    InvalidInput
        If there is none of this name.
    """
    if kind not in HOSTILE:
        raise InvalidInput(
            f"There is no attack {kind!r}.", hint=f"Choose one of {', '.join(HOSTILE)}."
        )
    return kind


def spoiled(tar: TarSource, kind: str) -> Source:
    """Return an archive turned into an attack; the bad member comes after the first good file.

    Parameters
    ----------
    tar :
        The archive as it should be, with at least one file.
    kind :
        One of :data:`HOSTILE`.
    """
    at = next(n for n, entry in enumerate(tar.entries) if entry.kind == tarfile.REGTYPE)
    first = tar.entries[at]
    match kind:
        case "dotdot":
            bad = [_loot("../practice-escape.txt")]
        case "absolute":
            bad = [_loot("/practice-escape.txt")]
        case "symlink":
            bad = [_link("way-out", "../..", tarfile.SYMTYPE), _loot("way-out/practice-escape.txt")]
        case "hardlink":
            bad = [_link("way-in", "../../../../etc/hostname", tarfile.LNKTYPE)]
        case "device":
            bad = [Entry("null", kind=tarfile.CHRTYPE)]
        case "fifo":
            bad = [Entry("pipe", kind=tarfile.FIFOTYPE)]
        case "duplicate":
            bad = [replace(first, content=_zeros(first.size))]
        case "bomb":
            bad = [Entry("bomb.mrc", _BOMB, _zeros(_BOMB))]
        case "unlisted":
            bad = [_loot("not-in-the-list.txt")]
        case "truncated":
            last = max(n for n, entry in enumerate(tar.entries) if entry.kind == tarfile.REGTYPE)
            return _Cut(tar, _middle(tar, last))
        case "wrong-byte":
            return _Flipped(tar, _middle(tar, at))
        case _:
            return plain(b"<html><body><h1>Practice: no archive</h1></body></html>\n")
    return TarSource([*tar.entries[: at + 1], *bad, *tar.entries[at + 1 :]])


def _loot(name: str) -> Entry:
    return Entry(name, len(_LOOT), lambda: plain(_LOOT))


def _link(name: str, target: str, kind: bytes) -> Entry:
    return Entry(name, kind=kind, link=target, permissions=0o777)


def _zeros(size: int) -> Callable[[], Content]:
    return lambda: zeros(size)


def _middle(tar: TarSource, at: int) -> int:
    """Return where the middle of a file lies in its archive; of an empty one, behind its header."""
    entry = tar.entries[at]
    return tar.start_of(at) + entry.header_size + entry.size // 2


@dataclass(frozen=True)
class _Cut:
    """An archive that ends too early."""

    whole: TarSource
    size: int

    def read(self, start: int = 0, end: int | None = None) -> Iterator[Piece]:
        return self.whole.read(start, self.size if end is None else min(end, self.size))


@dataclass(frozen=True)
class _Flipped:
    """An archive with one wrong byte."""

    whole: TarSource
    at: int

    @property
    def size(self) -> int:
        return self.whole.size

    def read(self, start: int = 0, end: int | None = None) -> Iterator[Piece]:
        for piece in self.whole.read(start, end):
            if start <= self.at < start + len(piece):
                changed = bytearray(piece)
                changed[self.at - start] ^= 0xFF
                yield bytes(changed)
            else:
                yield piece
            start += len(piece)
