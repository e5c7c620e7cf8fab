"""Tar archives that exist only while they are read: any part of any size at the speed of memory."""

from __future__ import annotations

import hashlib
import tarfile
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from openem_nb.practice.scicat._micrographs import Content, content

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from openem_nb.practice.scicat._micrographs import Piece

__all__ = ["Entry", "TarSource", "entries_of", "packed_size"]

_BLOCK: Final = tarfile.BLOCKSIZE
_RECORD: Final = tarfile.RECORDSIZE
_SHORT_NAME: Final = tarfile.LENGTH_NAME
_OCTAL_LIMIT: Final = 8**11
"""Bytes from which the size of a member no longer fits its header."""
_SMALL: Final = 1 << 16
_GATHERED: Final = 1 << 20


@dataclass(frozen=True)
class Entry:
    """One member of an archive."""

    name: str
    size: int = 0
    """Bytes that its header claims and that follow."""
    content: Callable[[], Content] | None = field(default=None, repr=False)
    """Gives what follows; asked for only when that part is read."""
    modified: int = 0
    """Seconds since 1970."""
    kind: bytes = tarfile.REGTYPE
    link: str = ""
    """Where a link points to."""
    permissions: int = 0o644

    @property
    def header_size(self) -> int:
        """Return the length of its header, without making it where that is avoidable."""
        if (
            len(self.name) <= _SHORT_NAME
            and self.name.isascii()
            and self.size < _OCTAL_LIMIT
            and len(self.link) <= _SHORT_NAME
            and self.link.isascii()
        ):
            return _BLOCK
        return len(self.header())

    def header(self) -> bytes:
        """Return its header: one block, or several where the name is long or not ASCII."""
        info = tarfile.TarInfo(self.name)
        info.size, info.mtime, info.mode = self.size, self.modified, self.permissions
        info.type, info.linkname = self.kind, self.link
        info.uname, info.gname, info.uid, info.gid = "practice", "practice", 1000, 1000
        if self.kind in (tarfile.CHRTYPE, tarfile.BLKTYPE):
            info.devmajor, info.devminor = 1, 3
        return info.tobuf(tarfile.PAX_FORMAT)


class TarSource:
    """A tar archive of these members, in this order.

    Where each part lies follows from names and sizes; nothing is kept of the contents.
    """

    def __init__(self, entries: Iterable[Entry]) -> None:
        self._entries = tuple(entries)
        lengths = (entry.header_size + _padded(entry.size) for entry in self._entries)
        self._starts = list(accumulate(lengths, initial=0))
        end = self._starts[-1] + 2 * _BLOCK
        self.size: Final = end + -end % _RECORD

    @property
    def entries(self) -> Sequence[Entry]:
        """Return the members."""
        return self._entries

    def start_of(self, position: int) -> int:
        """Return the byte at which a member's header begins."""
        return self._starts[position]

    @property
    def etag(self) -> str:
        """Return a tag as object stores give it to what was uploaded in parts."""
        digest = hashlib.md5(usedforsecurity=False)
        for entry in self._entries:
            digest.update(f"{entry.name}\n{entry.size}\n{entry.modified}\n".encode())
        return f'"{digest.hexdigest()}-{self.size // (64 << 20) + 1}"'

    def read(self, start: int = 0, end: int | None = None) -> Iterator[Piece]:
        """Give the bytes from ``start`` to before ``end``, many small parts in one piece."""
        return _gathered(self._parts(start, self.size if end is None else min(end, self.size)))

    def _parts(self, start: int, end: int) -> Iterator[Piece]:
        at = start
        position = bisect_right(self._starts, at) - 1
        while at < end and position < len(self._entries):
            entry, first = self._entries[position], self._starts[position]
            stop = min(end, self._starts[position + 1])
            header = entry.header()
            data_start = first + len(header)
            if at < data_start:
                yield header[at - first : stop - first]
                at = min(stop, data_start)
            data_end = min(stop, data_start + entry.size)
            if at < data_end and entry.content is not None:
                yield from entry.content().read(at - data_start, data_end - data_start)
                at = data_end
            if at < stop:
                yield bytes(stop - at)
                at = stop
            position += 1
        if at < end:
            yield bytes(end - at)


def entries_of(pid: str, files: Iterable[tuple[str, int, int]], *, folders: bool) -> list[Entry]:
    """Return the members of a healthy archive.

    Parameters
    ----------
    pid :
        Identifier of the data set.
    files :
        Path, size in bytes and time of change in seconds since 1970 of each file.
    folders :
        Whether a folder has a member of its own, before the first file in it.
    """
    entries: list[Entry] = []
    known: set[str] = set()
    for path, size, modified in files:
        if folders:
            entries += [
                Entry(folder, modified=modified, kind=tarfile.DIRTYPE, permissions=0o755)
                for folder in _new_folders(path, known)
            ]
        entries.append(Entry(path, size, _later(pid, path, size), modified))
    return entries


def packed_size(files: Iterable[tuple[str, int, int]], *, folders: bool) -> int:
    """Return the size in bytes of the archive of these files."""
    return TarSource(entries_of("", files, folders=folders)).size


def _later(pid: str, path: str, size: int) -> Callable[[], Content]:
    return lambda: _content(pid, path, size)


@lru_cache(maxsize=64)
def _content(pid: str, path: str, size: int) -> Content:
    """Return a content again: ranges of one file are asked for one after the other."""
    return content(pid, path, size)


def _new_folders(path: str, known: set[str]) -> Iterator[str]:
    parts = path.split("/")[:-1]
    for count in range(1, len(parts) + 1):
        folder = "/".join(parts[:count])
        if folder not in known:
            known.add(folder)
            yield folder


def _padded(size: int) -> int:
    return size + -size % _BLOCK


def _gathered(parts: Iterable[Piece]) -> Iterator[Piece]:
    """Join small parts; let large ones through without a copy."""
    waiting = bytearray()
    for part in parts:
        if len(part) < _SMALL and len(waiting) < _GATHERED:
            waiting += part
            continue
        if waiting:
            yield bytes(waiting)
            waiting.clear()
        yield part
    if waiting:
        yield bytes(waiting)
