"""Packed files that are far away: unpacked while they come, kept neither in memory nor on disk.

What gzip packed can be unpacked from its beginning on only, unless one has the state in which the
unpacking was at a later place. Such states, of some 40 KiB each, are kept on the way, so that going
back costs a few megabytes of the line and not all that lies before.
"""

from __future__ import annotations

import bz2
import threading
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from openem_nb.formats.source import FOLLOWED, damaged, truncated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openem_nb.formats.source import Source

__all__ = ["Flowing"]

_FIRST: Final = 1 << 16
"""Packed bytes at the beginning that are read alone: a header needs no more."""
_MAGIC: Final = 3
"""Bytes that tell the begin of a packed piece."""
_BITE: Final = 1 << 16
"""Packed bytes given to the unpacker at once."""
_STEP: Final = 1 << 18
"""Unpacked bytes taken from it at once."""
_HEAD: Final = 1 << 20
"""Unpacked bytes at the beginning that are kept: headers are looked at more than once."""
_MOST_STATES: Final = 96
_APART: Final = 4 << 20
"""Unpacked bytes between two states at first; twice as many each time that there are too many."""


@dataclass(frozen=True, slots=True)
class _State:
    """Where the unpacking was: places in the file and in its content, and the unpacker."""

    packed: int
    place: int
    unpacker: Any


class Flowing:
    """The content of a packed file, unpacked as it comes.

    Parameters
    ----------
    packed :
        The file as it is; closed with this.
    begun :
        Gives a new unpacker, of :mod:`zlib` or :mod:`bz2`.
    size :
        Bytes of the content, where that is known.
    many :
        Whether more packed pieces may follow the first one.
    """

    near = False

    def __init__(
        self,
        packed: Source,
        begun: Callable[[], Any],
        *,
        size: int | None = None,
        many: bool = True,
    ) -> None:
        self.name = packed.name
        self._packed, self._begun, self._many = packed, begun, many
        self._size = size
        self._lock = threading.RLock()
        self._states: list[_State] = []
        self._apart = _APART
        self._head = bytearray()
        self.odd: tuple[str, ...] = ()
        """What of it is odd, in sentences, as far as it was unpacked."""
        self._start(_State(0, 0, begun()))

    @classmethod
    def gzip(cls, packed: Source) -> Flowing:
        """Unpack what gzip packed, also several pieces one behind the other."""
        return cls(packed, lambda: zlib.decompressobj(31))

    @classmethod
    def bzip2(cls, packed: Source) -> Flowing:
        """Unpack what bzip2 packed; to go back is to begin anew."""
        return cls(packed, bz2.BZ2Decompressor)

    @classmethod
    def deflated(cls, packed: Source, size: int) -> Flowing:
        """Unpack a member of a zip archive."""
        return cls(packed, lambda: zlib.decompressobj(-15), size=size, many=False)

    @property
    def size(self) -> int:
        """Bytes in all, once the end has been seen; until then more than anything can be."""
        return 1 << 62 if self._size is None else self._size

    def _start(self, state: _State) -> None:
        self._place, self._at, self._unpacker = state.place, state.packed, state.unpacker
        self._input = b""
        self._more = False
        self._held = memoryview(b"")
        self._pieces: Iterator[bytes | memoryview] | None = None
        self._bites: memoryview = memoryview(b"")
        self._ended = False

    def _go_to(self, offset: int) -> None:
        """Stand at a place, or before it, in the best state that there is."""
        best = _State(0, 0, None)
        for one in self._states:
            if one.place <= offset:
                best = one
        if self._place <= offset and best.place <= self._place:
            return
        self._let_go()
        unpacker = self._begun() if best.unpacker is None else best.unpacker.copy()
        self._start(_State(best.packed, best.place, unpacker))

    def _let_go(self) -> None:
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()
        self._pieces = None

    def _bite(self) -> bytes:
        """Return the next packed bytes; none at the end."""
        if not self._bites:
            if self._at >= self._packed.size:
                return b""
            if self._at < _FIRST:
                count = min(_FIRST, self._packed.size) - self._at
                self._bites = memoryview(self._packed.read(self._at, count))
            else:
                if self._pieces is None:
                    left = self._packed.size - self._at
                    self._pieces = iter(self._packed.stream(self._at, left))
                self._bites = memoryview(next(self._pieces, b""))
        found = bytes(self._bites[:_BITE])
        self._bites = self._bites[_BITE:]
        self._at += len(found)
        return found

    def _remember(self) -> None:
        """Keep the state in which the unpacking is between two bites."""
        last = self._states[-1].place if self._states else 0
        if self._place < last + self._apart or not hasattr(self._unpacker, "copy"):
            return
        self._states.append(_State(self._at, self._place, self._unpacker.copy()))
        if len(self._states) > _MOST_STATES:
            self._states, self._apart = self._states[1::2], 2 * self._apart

    def _unpack(self) -> bytes:
        """Return the next unpacked bytes; none at the end."""
        while not self._ended:
            if self._unpacker.eof:
                self._input = self._input.lstrip(b"\0")
                if self._many and not self._input:
                    bite = self._bite()
                    self._input = bite.lstrip(b"\0")
                    if not bite:
                        self._ended = True
                        break
                    if not self._input:
                        continue
                if not self._many:
                    self._ended = True
                    break
                if len(self._input) < _MAGIC:
                    self._input += self._bite()
                if not self._input.startswith((b"\x1f\x8b", b"BZh")):
                    self.odd, self._ended = (FOLLOWED,), True
                    break
                self._unpacker = self._begun()
            if not self._input and not self._more:
                self._remember()
                self._input = self._bite()
                if not self._input:
                    raise damaged(self.name, "its compressed content ends in the middle")
            try:
                found: bytes = self._unpacker.decompress(self._input, _STEP)
            except (zlib.error, OSError, ValueError, EOFError) as error:
                raise damaged(self.name, f"its compressed content is broken ({error})") from error
            if self._unpacker.eof:
                self._input = self._unpacker.unused_data
            else:
                self._input = getattr(self._unpacker, "unconsumed_tail", b"")
            self._more = not self._unpacker.eof and len(found) == _STEP
            if found:
                return found
        if self._size is None:
            self._size = self._place
        return b""

    def _next(self, offset: int, most: int) -> bytes:
        """Return some bytes from a place on; none where the content ends."""
        with self._lock:
            if offset < len(self._head):
                return bytes(self._head[offset : offset + most])
            held_from = self._place - len(self._held)
            if not held_from <= offset < self._place:
                self._held = memoryview(b"")
                self._go_to(offset)
                while self._place <= offset:
                    found = self._unpack()
                    if not found:
                        return b""
                    if self._place == len(self._head) < _HEAD:
                        self._head += found[: _HEAD - len(self._head)]
                    self._place += len(found)
                    self._held = memoryview(found)
                held_from = self._place - len(self._held)
            start = offset - held_from
            return bytes(self._held[start : start + most])

    def read(self, offset: int, count: int) -> bytes:
        """Return ``count`` bytes from a place on; fewer where the content ends."""
        found = bytearray()
        while len(found) < count:
            piece = self._next(offset + len(found), count - len(found))
            if not piece:
                break
            found += piece
        return bytes(found)

    def read_into(self, offset: int, buffer: Any) -> None:
        """Fill a buffer from a place on."""
        view = memoryview(buffer).cast("B")
        done = 0
        for piece in self.stream(offset, len(view)):
            view[done : done + len(piece)] = piece
            done += len(piece)

    def stream(self, offset: int, count: int) -> Iterator[bytes]:
        """Yield the bytes from a place on as they come."""
        done = 0
        while done < count:
            piece = self._next(offset + done, count - done)
            if not piece:
                raise truncated(self.name, offset + count, self.size)
            yield piece
            done += len(piece)

    def close(self) -> None:
        """Break off what still comes, and close the file."""
        with self._lock:
            self._let_go()
            self._states.clear()
        self._packed.close()
