"""What gzip or bzip2 packed, unpacked as far as it is asked for."""

from __future__ import annotations

import bz2
import gzip
import os
import tempfile
import threading
import zlib
from typing import TYPE_CHECKING, Any, Final

from openem_nb.errors import CannotWrite
from openem_nb.formats.source import FOLLOWED, STEP, as_file, damaged, truncated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openem_nb.formats.source import Source

__all__ = ["Unpacked", "unpacked"]

_NO_PIECE: Final = "Not a gzipped file"
"""What the library says of bytes behind a packed piece that begin no other one."""


def _no_room(name: str, error: OSError) -> CannotWrite:
    """Return the error for a disk that does not take what is unpacked; the file is not to blame."""
    return CannotWrite(
        f"{name} cannot be unpacked into {tempfile.gettempdir()}: {error.strerror or error}.",
        hint="Free some space there, or name another folder by TMPDIR before the kernel starts.",
    )


class Unpacked:
    """A file that is unpacked as far as it is asked for, into a file without a name.

    The unpacked bytes live on disk and not in memory, and vanish with the source.

    Parameters
    ----------
    packed :
        The file as it is; closed with the source.
    unpacker :
        A file to read the unpacked bytes from, from their beginning on.
    breaks :
        Errors of it, beside the usual ones, that mean that the content is broken.
    """

    near = True

    def __init__(
        self, packed: Source, unpacker: Any, breaks: tuple[type[Exception], ...] = ()
    ) -> None:
        self.name = packed.name
        self._packed = packed
        self._ended = False
        self._have = 0
        self._left = b""
        self.odd: tuple[str, ...] = ()
        """What of it is odd, in sentences, as far as it was unpacked."""
        self._lock = threading.Lock()
        try:
            self._file = tempfile.TemporaryFile(prefix="openem-")  # noqa: SIM115  (as long as we)
        except OSError as error:
            raise _no_room(self.name, error) from error
        self._unpacker = unpacker
        self._breaks: tuple[type[Exception], ...] = (
            EOFError,
            OSError,
            zlib.error,
            ValueError,
            *breaks,
        )

    @property
    def size(self) -> int:
        """Bytes in all, once the end has been seen; until then more than anything can be."""
        return self._have if self._ended else 1 << 62

    def reach(self, end: int) -> int:
        """Unpack up to a place, where there is as much; return the number of the open file."""
        with self._lock:
            while self._have < end and not self._ended:
                piece = self._left or self._next()
                self._ended = not piece
                self._left = piece
                try:
                    while self._left:
                        count = os.pwrite(self._file.fileno(), self._left, self._have)
                        self._left, self._have = self._left[count:], self._have + count
                except OSError as error:
                    raise _no_room(self.name, error) from error
            return self._file.fileno()

    def _next(self) -> bytes:
        """Unpack some more; none at the end."""
        try:
            # one read at a time: what is whole before something broken is not lost
            read: Callable[[int], bytes] = getattr(self._unpacker, "read1", self._unpacker.read)
            return read(STEP)
        except self._breaks as error:
            if self._have and isinstance(error, gzip.BadGzipFile) and _NO_PIECE in str(error):
                self.odd = (FOLLOWED,)
                return b""
            raise damaged(self.name, f"its compressed content is broken ({error})") from error

    def read(self, offset: int, count: int) -> bytes:
        """Return ``count`` bytes from a place on; fewer where the file ends."""
        self.reach(offset + count)
        count = max(0, min(count, self._have - offset))
        return os.pread(self._file.fileno(), count, offset) if count else b""

    def read_into(self, offset: int, buffer: Any) -> None:
        """Fill a buffer from a place on."""
        view = memoryview(buffer).cast("B")
        self.reach(offset + len(view))
        if offset + len(view) > self._have:
            raise truncated(self.name, offset + len(view), self._have)
        done = 0
        while done < len(view):
            done += os.preadv(self._file.fileno(), [view[done:]], offset + done)

    def stream(self, offset: int, count: int) -> Iterator[bytes]:
        """Yield the bytes from a place on, piece by piece."""
        for start in range(offset, offset + count, STEP):
            wanted = min(STEP, offset + count - start)
            piece = self.read(start, wanted)
            if len(piece) < wanted:
                raise truncated(self.name, offset + count, self._have)
            yield piece

    def close(self) -> None:
        """Throw away what was unpacked."""
        self._unpacker.close()
        self._file.close()
        self._packed.close()

    def __del__(self) -> None:
        if hasattr(self, "_file"):  # there was no room for it
            self._file.close()


def unpacked(source: Source) -> Source:
    """Return the unpacked content of what gzip or bzip2 packed; any other source as it is.

    On this machine it is unpacked into a file without a name; what is far away is unpacked while it
    comes, and kept nowhere.
    """
    head = source.read(0, 3)
    if not source.near and (head[:2] == b"\x1f\x8b" or head == b"BZh"):
        from openem_nb.formats.flowing import Flowing

        return Flowing.gzip(source) if head[:2] == b"\x1f\x8b" else Flowing.bzip2(source)
    if head[:2] == b"\x1f\x8b":
        return Unpacked(source, gzip.GzipFile(fileobj=as_file(source)))
    return Unpacked(source, bz2.BZ2File(as_file(source))) if head == b"BZh" else source
