"""The bytes of one object from any place on, whatever breaks on the way."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, Self

from openem_nb import http
from openem_nb.errors import BadAnswer, ChecksumMismatch, Unreachable
from openem_nb.transfer._source import CHUNK, Source, extent, same_as

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

__all__ = ["Changed", "Stream", "wrong_size"]

_JUMP: Final = 1 << 20
"""Bytes from which on a new request costs less than to receive what nobody wants."""
_ATTEMPTS: Final = 6
"""Attempts in a row that may bring nothing new."""


class Changed(Exception):
    """The server has another object in this place now."""


def wrong_size(name: str, found: int | None, expected: int | None) -> ChecksumMismatch:
    """Return the error for an object that has not the size that it must have."""
    return ChecksumMismatch(
        f"{name} has {found:,} bytes, {expected:,} were expected.",
        hint="It may have changed in the archive; ask for it again.",
    )


class Stream:
    """Reads an object forwards; :meth:`seek` jumps.

    Parameters
    ----------
    source :
        Where the object is.
    known :
        By what the server recognised it when it was begun, None for a new one.
    total :
        Bytes that it must have, None if that is not known.

    Raises
    ------
    Changed
        By every method that reads: if it is another object than the one that was begun.
    ChecksumMismatch
        If it has another size than it must have.
    """

    def __init__(self, source: Source, known: str | None = None, total: int | None = None) -> None:
        self.source = source
        self.known = known
        self.total = total
        self.place = 0
        """Offset of the next byte that is read."""
        self.received = 0
        """Bytes that came over the network."""
        self._until: int | None = None
        self._left = memoryview(b"")
        self._pieces: Iterator[bytes] | None = None
        self._answer = contextlib.ExitStack()

    def read(self, size: int) -> bytes:
        """Return the next bytes; fewer than asked for only at the end of the object."""
        found = bytearray()
        while len(found) < size and (piece := self._next(size - len(found))):
            found += piece
        return bytes(found)

    def copy(self, size: int, write: Callable[[memoryview], None]) -> int:
        """Hand the next bytes on, piece by piece, and return how many there were.

        That is fewer than asked for only at the end of the object.
        """
        left = size
        while left and (piece := self._next(left)):
            left -= len(piece)
            write(piece)
        return size - left

    def seek(self, place: int, *, until: int | None = None) -> None:
        """Go to another place: by reading on if it is near, else by a new request.

        A new request asks for no more than the bytes up to ``until``.
        """
        ahead = place - self.place
        if self._pieces is not None and 0 <= ahead <= max(_JUMP, len(self._left)):
            self.copy(ahead, lambda _: None)
        elif ahead or self._pieces is None:
            self.close()
            self.place, self._until = place, until

    def again(self, place: int) -> None:
        """Ask anew for what came damaged."""
        self.close()
        self.place, self._until = place, None

    def _next(self, most: int) -> memoryview:
        """Return some next bytes, none at the end of the object."""
        idle = 0
        while not self._left and (self.total is None or self.place < self.total):
            self.source.meter.check()
            try:
                self._left = self._receive()
            except (Unreachable, BadAnswer) as error:
                self.close()
                idle += 1
                if idle >= _ATTEMPTS:
                    raise type(error)(
                        f"{self.source.name}: {error}",
                        hint="Run it again later: what arrived is kept and continued.",
                    ) from error
                self.source.meter.wait(http.session().backoff * 2**idle)
            self.received += len(self._left)
        piece, self._left = self._left[:most], self._left[most:]
        self.place += len(piece)
        return piece

    def _receive(self) -> memoryview:
        """Return what the connection brings next; none where it ends as it should."""
        pieces = self._pieces or self._connect()
        piece = next(pieces, b"")
        if not piece:
            if self._until is not None and self.place >= self._until:
                self.again(self.place)  # all that was asked for is here
            elif self.total is None:
                self.total = self.place
            else:
                raise Unreachable(
                    f"The connection broke off after {self.place:,} of {self.total:,} bytes."
                )
        return memoryview(piece)

    def _connect(self) -> Iterator[bytes]:
        asked = {}
        if self.place or self._until is not None:
            last = "" if self._until is None else max(self._until - 1, self.place)
            asked["Range"] = f"bytes={self.place}-{last}"
        if asked and self.known:
            asked["If-Range"] = self.known
        with contextlib.ExitStack() as stack:
            expect = (200, 206, 416)
            answer = stack.enter_context(self.source.ask(headers=asked, expect=expect))
            start, total = extent(answer)
            if answer.headers.get("Content-Type", "").startswith("text/html"):
                raise BadAnswer(
                    f"{self.source.shown} answered with a web page in place of the archive.",
                    hint="The server may be in maintenance; try again later.",
                )
            if "Content-Encoding" in answer.headers:
                raise BadAnswer(f"{self.source.shown} comes packed, although it was asked not to.")
            known = same_as(answer.headers)
            if self.known is not None and known is not None and known != self.known:
                raise Changed
            if total is not None and self.total is not None and total != self.total:
                if known is None or known == self.known:  # no store answers so: a passing fault
                    raise BadAnswer(
                        f"{self.source.shown} answered with {total:,} of {self.total:,} bytes."
                    )
                raise wrong_size(self.source.name, total, self.total)
            if answer.status == 416 or start not in (0, self.place):
                raise BadAnswer(f"{self.source.shown} cannot be read from byte {self.place:,} on.")
            self.known = known if self.known is None else self.known
            self.total = total if self.total is None else self.total
            stack.enter_context(self.source.meter.listening(answer))
            pieces = answer.chunks(CHUNK)
            if start < self.place:  # a server that knows no ranges sends all of it again
                pieces = self._without(pieces, self.place)
            self._pieces = pieces
            self._answer = stack.pop_all()
            return pieces

    def _without(self, pieces: Iterator[bytes], size: int) -> Iterator[bytes]:
        for piece in pieces:
            self.source.meter.check()
            self.received += min(size, len(piece))
            if size < len(piece):
                yield piece[size:]
            size = max(0, size - len(piece))

    def close(self) -> None:
        """Give the connection back."""
        self._answer.close()
        self._pieces = None
        self._left = memoryview(b"")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
