"""Where the bytes of a file come from: a disk, memory, or a part of another source.

A source is read by place, never by a moving position, so that many threads can read from one.
"""

from __future__ import annotations

import contextlib
import io
import mmap
import os
import re
import stat
from typing import TYPE_CHECKING, Any, BinaryIO, Final, Protocol

from openem_nb.errors import DamagedFile, InvalidInput, NotFound, OpenEMError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

__all__ = [
    "FOLLOWED",
    "STEP",
    "Handle",
    "LocalFile",
    "Memory",
    "Readable",
    "Section",
    "Source",
    "as_file",
    "changeable",
    "damaged",
    "in_order",
    "mapped",
    "truncated",
]

_EMDB: Final = re.compile(r"EMD-[0-9]{4,}", re.IGNORECASE)
FOLLOWED: Final = "Behind the packed content there are bytes that are none of it."
STEP: Final = 1 << 20
"""Bytes that are unpacked at once."""


class Readable(Protocol):
    """Bytes of which some can be read: all that a header needs."""

    name: str
    """What messages call it: the name of the file, without its folder."""

    @property
    def size(self) -> int:
        """Bytes in all; where that is not known before the end, the most it can be."""

    def read(self, offset: int, count: int) -> bytes:
        """Return ``count`` bytes from a place on; fewer where the file ends."""


class Source(Readable, Protocol):
    """Bytes that can be read by their place, also many at once."""

    near: bool
    """Whether many small reads cost little, as on a disk; over a line one long read is better."""

    def read_into(self, offset: int, buffer: Any) -> None:
        """Fill a buffer from a place on.

        Raises
        ------
        DamagedFile
            If the file ends before the buffer is full.
        """

    def stream(self, offset: int, count: int) -> Iterator[bytes | memoryview]:
        """Yield the bytes from a place on, piece by piece, each valid until the next is asked."""

    def close(self) -> None:
        """Give back what the operating system lent."""


def damaged(name: str, why: str) -> DamagedFile:
    """Return the error for a file whose content makes no sense."""
    return DamagedFile(
        f"{name} cannot be read: {why}.",
        hint="It may have been damaged on its way: copy it again from where it was written.",
    )


def truncated(name: str, wanted: int, size: int) -> DamagedFile:
    """Return the error for a file that ends before what its header promises."""
    return DamagedFile(
        f"{name} is cut off: its header promises {wanted:,} bytes, it has {size:,}.",
        hint="It may still be being written, or was copied in part: wait, or copy it again.",
    )


class LocalFile:
    """A regular file on disk.

    Raises
    ------
    NotFound
        If there is no such file.
    OpenEMError
        If it is no regular file, or may not be read.
    """

    near = True

    def __init__(self, path: Path) -> None:
        self.path, self.name = path, path.name
        self._handle = -1
        try:
            # without blocking: a pipe of that name would keep us waiting for its writer
            self._handle = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
            status = os.fstat(self._handle)
        except FileNotFoundError:
            hint = "Check the path."
            if _EMDB.fullmatch(path.name):
                name = path.name.upper()
                hint = f"emdb.download({name!r}) brings that map of EMDB to disk; open its path."
            raise NotFound(f"There is no file {path}.", hint=hint) from None
        except OSError as error:
            self.close()
            raise OpenEMError(
                f"{path} cannot be opened: {error.strerror or error}.",
                hint="Check the permissions and the network drive.",
            ) from error
        if not stat.S_ISREG(status.st_mode):
            self.close()
            raise OpenEMError(f"{path} is no file.", hint="Name one file.")
        self._size = status.st_size
        self.stamp = (status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size)
        """What tells this state of the file from any other."""

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self._size

    @property
    def _number(self) -> int:
        if self._handle < 0:
            raise InvalidInput(f"{self.name} was closed.", hint="Open it again.")
        return self._handle

    def read(self, offset: int, count: int) -> bytes:
        """Return ``count`` bytes from a place on; fewer where the file ends."""
        count = max(0, min(count, self._size - offset))
        if count == 0:  # a place may be further away than the operating system can count
            return b""
        found = os.pread(self._number, count, offset)
        while len(found) < count:
            piece = os.pread(self._number, count - len(found), offset + len(found))
            if not piece:
                raise self._shorter()
            found += piece
        return found

    def _shorter(self) -> DamagedFile:
        """Return the error for a file that has lost its end since it was opened."""
        now = os.fstat(self._number).st_size
        return DamagedFile(
            f"{self.name} has become shorter while it was open: {now:,} bytes are left of "
            f"{self._size:,}.",
            hint="It may be being copied or written anew: wait, and open it again.",
        )

    def read_into(self, offset: int, buffer: Any) -> None:
        """Fill a buffer from a place on."""
        view = memoryview(buffer).cast("B")
        done = 0
        while done < len(view):
            count = os.preadv(self._number, [view[done:]], offset + done)
            if count == 0:
                if offset + len(view) <= self._size:
                    raise self._shorter()
                raise truncated(self.name, offset + len(view), self._size)
            done += count

    def stream(self, offset: int, count: int) -> Iterator[memoryview]:
        """Yield the bytes from a place on in pieces of one buffer."""
        buffer = bytearray(min(STEP, count))
        done = 0
        while done < count:
            view = memoryview(buffer)[: min(len(buffer), count - done)]
            self.read_into(offset + done, view)
            done += len(view)
            yield view

    def reach(self, end: int) -> int:
        """Return the number of the open file."""
        return self._number

    def close(self) -> None:
        """Close the file."""
        handle, self._handle = self._handle, -1
        if handle >= 0:
            os.close(handle)

    def __del__(self) -> None:
        self.close()

    def __reduce__(self) -> Any:
        raise InvalidInput(  # a copy of its number would be that of any file, and close it
            f"{self.path} is open here, and cannot be copied or sent as it is.",
            hint="Send its path, and open it there.",
        )


class Handle:
    """A file that somebody else has opened and closes; for one thread."""

    def __init__(self, file: BinaryIO, size: int, name: str) -> None:
        self._file, self._size, self.name = file, size, name

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self._size

    def read(self, offset: int, count: int) -> bytes:
        """Return ``count`` bytes from a place on; fewer where the file ends."""
        self._file.seek(min(offset, self._size))
        return self._file.read(max(0, min(count, self._size - offset)))


class Memory:
    """Bytes that are in memory already."""

    near = True

    def __init__(self, data: bytes, name: str) -> None:
        self.name = name
        self.data = memoryview(data)

    @property
    def size(self) -> int:
        """Bytes in all."""
        return len(self.data)

    def read(self, offset: int, count: int) -> bytes:
        """Return ``count`` bytes from a place on; fewer where they end."""
        return bytes(self.data[offset : offset + max(0, count)])

    def read_into(self, offset: int, buffer: Any) -> None:
        """Fill a buffer from a place on."""
        view = memoryview(buffer).cast("B")
        piece = self.data[offset : offset + len(view)]
        if len(piece) < len(view):
            raise truncated(self.name, offset + len(view), len(self.data))
        view[:] = piece

    def stream(self, offset: int, count: int) -> Iterator[memoryview]:
        """Yield the bytes from a place on, in one piece."""
        if offset + count > len(self.data):
            raise truncated(self.name, offset + count, len(self.data))
        yield self.data[offset : offset + count]

    def close(self) -> None:
        """Nothing is held."""


class Section:
    """A part of another source, as a member of an archive is."""

    def __init__(self, whole: Source, offset: int, size: int, name: str) -> None:
        self.whole, self.offset, self._size, self.name = whole, offset, size, name
        self.near = whole.near

    @property
    def size(self) -> int:
        """Bytes of the part."""
        return self._size

    def read(self, offset: int, count: int) -> bytes:
        """Return ``count`` bytes from a place on; fewer where the part ends."""
        return self.whole.read(self.offset + offset, max(0, min(count, self._size - offset)))

    def read_into(self, offset: int, buffer: Any) -> None:
        """Fill a buffer from a place on."""
        length = memoryview(buffer).nbytes
        if offset + length > self._size:
            raise truncated(self.name, offset + length, self._size)
        self.whole.read_into(self.offset + offset, buffer)

    def stream(self, offset: int, count: int) -> Iterator[bytes | memoryview]:
        """Yield the bytes from a place on, piece by piece."""
        if offset + count > self._size:
            raise truncated(self.name, offset + count, self._size)
        return self.whole.stream(self.offset + offset, count)

    def close(self) -> None:
        """Close the whole."""
        self.whole.close()


def changeable(source: Source) -> bool:
    """Return whether others can cut off what is read: a file on disk that has a name."""
    while isinstance(source, Section):
        source = source.whole
    return isinstance(source, LocalFile)


def mapped(source: Source, offset: int, count: int) -> NDArray[np.uint8] | None:
    """Return bytes of a source as an array whose pages are read as they are touched.

    Of what is packed it unpacks as much first. None where the bytes are not on this machine. Where
    a file is :func:`changeable`, the process ends if it is cut off while its array is in use.

    Raises
    ------
    DamagedFile
        If the source ends before.
    """
    import numpy as np

    if isinstance(source, Section):
        if offset + count > source.size:
            raise truncated(source.name, offset + count, source.size)
        return mapped(source.whole, source.offset + offset, count)
    if isinstance(source, Memory):
        data: Any = source.data
    elif (reach := getattr(source, "reach", None)) is not None:
        handle = reach(offset + count)
        data = mmap.mmap(handle, 0, access=mmap.ACCESS_READ) if count else b""
    else:
        return None
    if offset + count > len(data):
        raise truncated(source.name, offset + count, len(data))
    return np.frombuffer(data, np.uint8, count, offset)


def in_order(source: Source, offset: int, count: int) -> contextlib.AbstractContextManager[None]:
    """Say that within the block bytes are read from first to last: far away, in one request.

    Reads that leave the order are answered all the same, by a request of their own.
    """
    while isinstance(source, Section):
        count = min(count, max(0, source.size - offset))
        offset, source = offset + source.offset, source.whole
    announced = None if source.near else getattr(source, "in_order", None)
    if announced is None:
        return contextlib.nullcontext()
    found: contextlib.AbstractContextManager[None] = announced(offset, count)
    return found


def as_file(source: Source) -> io.BufferedReader:
    """Return a source as a file for libraries that want one; closing it leaves the source open."""
    return io.BufferedReader(_Raw(source), STEP // 16)


class _Raw(io.RawIOBase):
    """A source with a moving position."""

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source, self._place = source, 0

    def readinto(self, buffer: Any) -> int:
        found = self._source.read(self._place, len(buffer))
        buffer[: len(found)] = found
        self._place += len(found)
        return len(found)

    def seek(self, place: int, whence: int = 0) -> int:
        self._place = max(0, place + (0, self._place, self._source.size)[whence])
        return self._place

    def tell(self) -> int:
        return self._place

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True
