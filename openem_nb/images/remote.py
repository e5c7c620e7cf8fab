"""Files at an address, read in ranges: a header is one request, a preview one stream.

Nothing is written to disk, and in memory are a few blocks. A server that knows no ranges (RFC 9110,
section 14) is noticed by its first answer, before the file is pulled; its files can only be read
from their beginning on. The address with its query never leaves this module: whoever has a signed
address has the data.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from openem_nb.errors import BadAnswer, InvalidInput, NotFound, Unreachable
from openem_nb.formats.source import truncated
from openem_nb.transfer._meter import Meter
from openem_nb.transfer._source import Patience, Source, extent, same_as

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openem_nb import http
    from openem_nb.jobs import Progress
    from openem_nb.transfer._source import Address

__all__ = ["RemoteFile"]

FIRST: Final = 1 << 16
"""Bytes of the first request: headers with their extensions are shorter."""
_LEAST: Final = 1 << 14
_MOST: Final = 4 << 20
"""Bytes of a request that reads ahead: from the least on twice as many, as long as one read begins
where the last one ended."""
_PIECE: Final = 1 << 18
"""Bytes taken from a connection at once, at most."""
_ROOM: Final = 8 << 20
"""Bytes of blocks that are kept."""
_SKIPPED: Final = 1 << 20
"""Bytes that are read in vain where that is quicker than to ask anew, or a server knows no ranges:
on a line of 50 MB/s they take 20 ms."""
_RESUMED: Final = 4
"""Connections in a row that break with less than :data:`FIRST` bytes each."""
_SLOW: Final = 30.0
"""Seconds of waiting for bytes, after which it is looked at how many came."""
_SLOWEST: Final = 1024
"""Bytes a second at least; less is no line but a server that holds on to whoever asks."""
_PAGE: Final = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:\s+|<!--.*?-->|<\?xml[^>]*>)*<(?:!doctype\s+html|html|head)\b",
    re.IGNORECASE | re.DOTALL,
)
"""How a page for people begins: after a byte order mark and comments."""
_AT_ONCE: Final = Patience(total=0)
"""Nobody waits in front of a picture until a tape is read."""


class _TooSlow(Unreachable):
    """A server sends, but next to nothing: to ask again would take as long."""


def steady(answer: http.Response, name: str, meter: Meter, size: int) -> Iterator[bytes]:
    """Yield what an answer brings, as long as something comes and nobody has cancelled it.

    The time that the caller takes between pieces does not count.

    Raises
    ------
    Unreachable
        If less than a kilobyte comes in each second.
    Cancelled
        If whoever waits does not want to any more.
    """
    pieces = answer.chunks(size)
    waited, got = 0.0, 0
    while True:
        began = time.monotonic()
        piece = next(pieces, None)
        waited += time.monotonic() - began
        try:
            meter.check()
        except BaseException:
            answer.abort()
            raise
        if piece is None:
            return
        got += len(piece)
        if waited > _SLOW:
            if got < waited * _SLOWEST:
                answer.abort()
                raise _TooSlow(
                    f"The server of {name} sends too slowly: {got:,} bytes in {waited:,.0f} s.",
                    hint="Try again later, or from another network.",
                )
            waited, got = 0.0, 0
        yield piece


class RemoteFile:
    """A file at an address.

    Parameters
    ----------
    address :
        The address, or what gives a fresh one whenever the last one has expired.

    Raises
    ------
    NotFound, NotAllowed, NotOnDisk, Unreachable
        As the server answers.
    BadAnswer
        If its answer to the first request makes no sense.
    InvalidInput
        If it is no address, or what should give one gives something else.
    """

    near = False

    def __init__(
        self, address: Address, *, name: str | None = None, progress: Progress | None = None
    ):
        _check(address)
        given = name or ("image" if not isinstance(address, str) else _name(address))
        self._where = Source(address, given, Meter(progress, "Reading"), _AT_ONCE)
        self.name = name or _name(self._where.key)
        self._where.name = self.name
        self.fetched = 0
        """Bytes that came over the network so far."""
        self.requests = 0
        """Requests so far."""
        self._counting = threading.Lock()
        self._fresh(None)
        self._known: str | None = None
        self.ranges = True
        """Whether the server knows ranges."""
        self._size = 0
        try:
            self._keep(0, self._begun())
        except NotFound as error:
            error.hint = "Check the address."  # nobody has given an identifier
            raise

    def _fresh(self, parent: RemoteFile | None) -> None:
        self._parent = parent
        self._lock = threading.RLock()
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._ahead, self._end = _LEAST, -1
        self._lines: list[_Line] = []

    def again(self) -> RemoteFile:
        """Return the same file, opened a second time without a request.

        It counts for itself, and what it counts is counted here, too.
        """
        found = RemoteFile.__new__(type(self))
        found.__dict__.update(self.__dict__)
        found.fetched = found.requests = 0
        found._fresh(self)  # noqa: SLF001  (one of ours)
        return found

    @property
    def stamp(self) -> tuple[object, ...]:
        """What tells this state of the file from any other: address, size, mark of the server.

        Where a server gives no mark, each opening is taken for another file.
        """
        return self.shown, self._size, self._known or self._counting

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self._size

    @property
    def shown(self) -> str:
        """The address without its query."""
        return self._where.shown

    def _begun(self) -> bytes:
        """Return the first bytes; learn of the server and of the size of the file."""
        broken = 0
        while True:
            with self._ask(0, FIRST) as answer:
                self._size = self._first(answer)
                try:
                    head = self._received(answer, FIRST)
                except Unreachable as error:
                    broken += 1
                    if broken > _RESUMED or isinstance(error, _TooSlow):
                        raise
                    continue
                if not self.ranges:
                    answer.abort()
            break
        if self._size < 0:  # a server that says no length, and sends little
            if len(head) >= FIRST:
                raise BadAnswer(
                    f"The server of {self.name} says not how long the file is.",
                    hint="Download the file, and open it then.",
                )
            self._size = len(head)
        if len(head) > self._size:
            raise BadAnswer(
                f"The server of {self.name} sent more than the {self._size:,} bytes that it says "
                "the file has.",
                hint="Download the file, and open it then.",
            )
        if _PAGE.match(head[:4096]):
            raise BadAnswer(
                f"The server of {self.name} sent a page for people, not the file.",
                hint="Open the address in a browser; it may lead to a log-in.",
            )
        return head

    def _first(self, answer: http.Response) -> int:
        """Return the size of the file, by the answer to the first request; -1 if it is not said."""
        self._known = same_as(answer.headers)
        start, size = extent(answer)
        self.ranges = answer.status != 200
        if answer.status == 416 and size in (0, None):
            return 0
        packed = answer.status == 206 and "Content-Encoding" in answer.headers
        if answer.status == 416 or start != 0 or packed:
            answer.abort()
            raise BadAnswer(
                f"The server of {self.name} answered with a part that was not asked for.",
                hint="Download the file.",
            )
        return -1 if size is None else size

    def _ask(self, offset: int, count: int) -> http.Response:
        headers = {"Range": f"bytes={offset}-{offset + count - 1}"}
        if self._known:
            headers["If-Range"] = self._known
        self._count(requests=1)
        return self._where.ask(headers=headers, expect=(200, 206, 416))

    def _count(self, *, requests: int = 0, fetched: int = 0) -> None:
        one: RemoteFile | None = self
        with self._counting:  # shared by all that are the same file
            while one is not None:
                one.requests += requests
                one.fetched += fetched
                one = one._parent  # noqa: SLF001  (one of ours)

    def _pieces(self, answer: http.Response, most: int) -> Iterator[bytes]:
        """Yield what an answer brings, ``most`` bytes of it.

        It is read to its end where that is near, so that its connection can be used again.
        """
        for piece in steady(answer, self.name, self._where.meter, _PIECE):
            self._count(fetched=len(piece))
            if most:
                yield piece[:most]
            over, most = len(piece) > most, max(0, most - len(piece))
            told = answer.headers.get("Content-Length", "").isdecimal()
            if over or (not most and (answer.status == 200 or not told)):
                answer.abort()
                break

    def _received(self, answer: http.Response, most: int) -> bytes:
        return b"" if answer.status == 416 else b"".join(self._pieces(answer, most))

    def _keep(self, offset: int, block: bytes) -> None:
        self._blocks[offset] = block
        while sum(map(len, self._blocks.values())) > _ROOM and len(self._blocks) > 1:
            self._blocks.popitem(last=False)

    def _kept(self, offset: int) -> bytes:
        """Return what is kept from a place on; empty if nothing is."""
        for start, block in self._blocks.items():
            if start <= offset < start + len(block):
                self._blocks.move_to_end(start)
                return block[offset - start :]
        return b""

    def read(self, offset: int, count: int) -> bytes:
        """Return ``count`` bytes from a place on; fewer where the file ends."""
        count = max(0, min(count, self._size - offset))
        parts = []
        with self._lock:
            while count > 0:
                piece = self._kept(offset)[:count]
                line = None if piece else self._announced(offset, count)
                if line is not None:
                    piece = line.take(offset, count)
                if not piece:
                    self._ahead = min(2 * self._ahead, _MOST) if offset == self._end else _LEAST
                    wanted = min(max(count, self._ahead), self._size - offset)
                    block = b"".join(bytes(one) for one in self.stream(offset, wanted))
                    self._end = offset + len(block)
                    self._keep(offset, block)
                    continue
                parts.append(piece)
                offset, count = offset + len(piece), count - len(piece)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    @contextlib.contextmanager
    def in_order(self, offset: int, count: int) -> Iterator[None]:
        """Answer reads within the block from one request, as long as they go from first to last.

        Parameters
        ----------
        offset, count :
            The bytes that are going to be read. What is left of them is not fetched.
        """
        line = _Line(self, offset, max(0, min(count, self._size - offset)))
        with self._lock:
            self._lines.append(line)
        try:
            yield
        finally:
            with self._lock:  # other threads may have announced something else meanwhile
                self._lines.remove(line)
                line.close()

    def _announced(self, offset: int, count: int) -> _Line | None:
        """Return a line on which bytes are about to come."""
        return next((one for one in self._lines if one.leads_to(offset, count)), None)

    def read_into(self, offset: int, buffer: Any) -> None:
        """Fill a buffer from a place on."""
        view = memoryview(buffer).cast("B")
        with self._lock:
            announced = self._announced(offset, len(view))
        if announced is not None or len(view) <= _MOST:
            for start in range(0, len(view), _MOST):
                part = view[start : start + _MOST]
                found = self.read(offset + start, len(part))
                if len(found) < len(part):
                    raise truncated(self.name, offset + len(view), self._size)
                part[:] = found
            return
        done = 0
        for piece in self.stream(offset, len(view)):
            view[done : done + len(piece)] = piece
            done += len(piece)

    def stream(self, offset: int, count: int) -> Iterator[bytes]:
        """Yield the bytes from a place on as they come; a connection that breaks is taken up again.

        Those that are kept are not fetched a second time: of pixels behind a header that was read
        these are the first.

        Raises
        ------
        InvalidInput
            If the server knows no ranges, and the place is not near the beginning.
        """
        if offset + count > self._size:
            raise truncated(self.name, offset + count, self._size)
        with self._lock:
            held = self._kept(offset)[:count]
        if held:
            offset, count = offset + len(held), count - len(held)
            yield held
        resumed = 0
        while count > 0:
            began = offset
            try:
                for piece in self._streamed(offset, count):
                    offset, count = offset + len(piece), count - len(piece)
                    yield piece
                if count > 0 and offset == began:
                    raise truncated(self.name, offset + count, offset)
            except Unreachable as error:
                if isinstance(error, _TooSlow) or not self.ranges or resumed >= _RESUMED:
                    raise
            resumed = 0 if offset - began >= FIRST else resumed + 1
            if count > 0 and resumed > _RESUMED:
                raise truncated(self.name, offset + count, offset)

    def _streamed(self, offset: int, count: int) -> Iterator[bytes]:
        if not self.ranges and offset > _SKIPPED:
            raise InvalidInput(
                f"The server of {self.name} sends whole files only.",
                hint="Download the file, and open it then.",
            )
        with self._ask(offset, count) as answer:
            whole = answer.status == 200 and not self.ranges
            other = _differ(self._known, same_as(answer.headers))
            if other or (
                not whole and (answer.status != 206 or extent(answer) != (offset, self._size))
            ):
                answer.abort()
                raise BadAnswer(
                    f"{self.name} has changed on its server while it was read.",
                    hint="Open it again.",
                )
            skip = offset if whole else 0
            for piece in self._pieces(answer, skip + count):
                part = piece[skip:]
                skip = max(0, skip - len(piece))
                if part:
                    yield part
            if whole:
                answer.abort()

    def close(self) -> None:
        """Forget what is kept; the next read asks again."""
        with self._lock:
            self._blocks.clear()


class _Line:
    """Bytes that come in one request and are taken in order, never faster than they are asked for.

    The connection waits meanwhile; what the operating system takes in for it is some 100 KiB.
    """

    def __init__(self, file: RemoteFile, offset: int, count: int) -> None:
        self._file, self._at, self._end = file, offset, offset + count
        self._pieces: Iterator[bytes] | None = None
        self._held = memoryview(b"")

    def leads_to(self, offset: int, count: int) -> bool:
        """Return whether bytes are still to come, and soon."""
        return 0 <= offset - self._at <= _SKIPPED and offset + count <= self._end

    def take(self, offset: int, count: int) -> bytes:
        """Return bytes that lie ahead; what lies before them is dropped."""
        found = bytearray()
        while len(found) < count:
            if not self._held:
                if self._pieces is None:
                    self._at = offset  # the first read says where it begins
                    self._pieces = self._file.stream(offset, self._end - offset)
                piece = next(self._pieces, b"")
                if not piece:
                    raise truncated(self._file.name, offset + count, self._at)
                self._held = memoryview(piece)
            skip = min(offset - self._at, len(self._held)) if not found else 0
            part = self._held[skip : skip + count - len(found)]
            self._held = self._held[skip + len(part) :]
            self._at += skip + len(part)
            found += part
        return bytes(found)

    def close(self) -> None:
        """Break off what is not needed any more."""
        if self._pieces is not None:
            self._pieces.close()  # type: ignore[attr-defined]  # it is a generator


def _check(address: Address) -> None:
    """Refuse text that no address is: what reads addresses says so in many ways."""
    if isinstance(address, str):
        try:
            known = bool(urlsplit(address).hostname)
        except ValueError:  # brackets that are not closed, for example
            known = False
        if not known:
            raise InvalidInput(
                f"{address.partition('?')[0]:.200} is no address.",
                hint="An address is text that begins with https:// or http://.",
            )


def _differ(one: str | None, other: str | None) -> bool:
    """Return whether a server says of two answers that they are of two files.

    Marks are compared with marks, and times with times; what is not said is no difference. Servers
    that do not know ``If-Range`` tell a change in no other way.
    """
    if not one or not other:
        return False
    return one != other and one.startswith('"') == other.startswith('"')


def _name(address: str) -> str:
    return unquote(address.partition("?")[0].rpartition("/")[2]) or "image"
