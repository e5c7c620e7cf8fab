"""Files at an address, read in ranges: a header is one request, a preview one stream.

Nothing is written to disk, and in memory are a few blocks. A server that knows no ranges (RFC 9110,
section 14) is noticed by its first answer, before the file is pulled; its files can only be read
from their beginning on. The address with its query never leaves this module: whoever has a signed
address has the data.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from openem_nb import http
from openem_nb.errors import BadAnswer, InvalidInput, NotFound, Unreachable
from openem_nb.formats.source import Section, truncated
from openem_nb.transfer._tar import BLOCK, Damaged, read_header, said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openem_nb.formats.source import Source
    from openem_nb.jobs import Progress

__all__ = ["RemoteFile", "member_of"]

FIRST: Final = 1 << 16
"""Bytes of the first request: headers with their extensions are shorter."""
_LEAST: Final = 1 << 14
_MOST: Final = 4 << 20
"""Bytes of a request that reads ahead: from the least on twice as many, as long as one read begins
where the last one ended."""
_ROOM: Final = 16 << 20
"""Bytes of blocks that are kept."""
_SKIPPED: Final = 1 << 20
"""Bytes at the beginning that are read in vain, where a server knows no ranges."""
_RESUMED: Final = 4
_MOST_MEMBERS: Final = 20_000

_CONTENT_RANGE: Final = re.compile(r"bytes ([0-9]+)-([0-9]+)/([0-9]+)")


class RemoteFile:
    """A file at an address.

    Raises
    ------
    NotFound, NotAllowed, Unreachable
        As the server answers.
    BadAnswer
        If its answer to the first request makes no sense.
    """

    near = False

    def __init__(self, url: str, *, name: str | None = None, progress: Progress | None = None):
        self.name = name or unquote(urlsplit(url).path.rpartition("/")[2]) or "image"
        self.fetched = 0
        """Bytes that came over the network so far."""
        self.requests = 0
        """Requests so far."""
        self._url, self._progress = url, progress
        self._lock = threading.RLock()
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self._known: str | None = None
        self._ahead, self._end = _LEAST, -1
        self.ranges = True
        """Whether the server knows ranges."""
        with self._ask(0, FIRST) as answer:
            self._size = self._first(answer)
            head = self._received(answer, FIRST)
            if not self.ranges:
                answer.abort()
        if self._size < 0:  # a server that says no length, and sends little
            self._size = len(head)
        self._keep(0, head)

    @property
    def size(self) -> int:
        """Bytes in all."""
        return self._size

    def _first(self, answer: http.Response) -> int:
        """Return the size of the file, by the answer to the first request."""
        length = answer.headers.get("Content-Length", "")
        etag = answer.headers.get("ETag", "")
        self._known = etag if etag and not etag.startswith("W/") else None
        if answer.status == 416:
            return 0
        if answer.status == 200:
            self.ranges = False
            return int(length) if length.isdecimal() else -1
        found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
        if found is None or found[1] != "0":
            raise BadAnswer(
                f"The server of {self.name} answered with a part that was not asked for.",
                hint="Download the file.",
            )
        return int(found[3])

    def _ask(self, offset: int, count: int) -> http.Response:
        headers = {"Accept-Encoding": "identity", "Range": f"bytes={offset}-{offset + count - 1}"}
        if self._known and self.requests:
            headers["If-Range"] = self._known
        self.requests += 1
        return http.session().request(
            "GET",
            self._url,
            headers=headers,
            stream=True,
            expect=(200, 206, 416),
            progress=self._progress,
        )

    def _received(self, answer: http.Response, most: int) -> bytes:
        """Return what an answer brings, ``most`` bytes of it."""
        if answer.status == 416:
            return b""
        parts, left = [], most
        for piece in answer.chunks():
            self.fetched += len(piece)
            parts.append(piece[:left])
            left -= len(parts[-1])
            if left <= 0:
                break
        return b"".join(parts)

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

    def read_into(self, offset: int, buffer: Any) -> None:
        """Fill a buffer from a place on."""
        view = memoryview(buffer).cast("B")
        if len(view) <= _MOST:
            found = self.read(offset, len(view))
            if len(found) < len(view):
                raise truncated(self.name, offset + len(view), self._size)
            view[:] = found
            return
        done = 0
        for piece in self.stream(offset, len(view)):
            view[done : done + len(piece)] = piece
            done += len(piece)

    def stream(self, offset: int, count: int) -> Iterator[bytes]:
        """Yield the bytes from a place on as they come; a connection that breaks is taken up again.

        Raises
        ------
        InvalidInput
            If the server knows no ranges, and the place is not near the beginning.
        """
        if offset + count > self._size:
            raise truncated(self.name, offset + count, self._size)
        resumed = 0
        while count > 0:
            try:
                for piece in self._streamed(offset, count):
                    offset, count = offset + len(piece), count - len(piece)
                    yield piece
                if count > 0:
                    raise truncated(self.name, offset + count, offset)
            except Unreachable:
                resumed += 1
                if resumed > _RESUMED or not self.ranges:
                    raise

    def _streamed(self, offset: int, count: int) -> Iterator[bytes]:
        if not self.ranges and offset > _SKIPPED:
            raise InvalidInput(
                f"The server of {self.name} sends whole files only.",
                hint="Download the file, and open it then.",
            )
        with self._ask(offset, count) as answer:
            skip = 0 if answer.status == 206 else offset
            if answer.status == 206:
                found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
                fits = found is not None and (int(found[1]), int(found[3])) == (offset, self._size)
            else:
                fits = answer.status == 200 and not self.ranges
            if not fits:
                answer.abort()
                raise BadAnswer(
                    f"{self.name} has changed on its server while it was read.",
                    hint="Open it again.",
                )
            for piece in answer.chunks():
                self.fetched += len(piece)
                part = memoryview(piece)[skip:][:count]
                skip = max(0, skip - len(piece))
                if part:
                    count -= len(part)
                    yield bytes(part)
                if count <= 0:
                    break
            if answer.status == 200:
                answer.abort()

    def close(self) -> None:
        """Forget what is kept."""
        with self._lock:
            self._blocks.clear()


def member_of(archive: Source, member: str) -> Section:
    """Return a file in a tar archive, found by the headers alone.

    Raises
    ------
    NotFound
        If the archive has no such file.
    """
    at, seen = 0, 0
    while at < archive.size and seen < _MOST_MEMBERS:
        place = at

        def read(count: int) -> bytes:
            nonlocal place
            found = archive.read(place, count)
            place += len(found)
            return found

        try:
            header = read_header(read, at)
        except Damaged as error:
            raise Damaged(f"{archive.name} cannot be read as a tar archive. {error}") from error
        if header is None:
            break
        if header.kind == "file" and header.name.removeprefix("./") == member.removeprefix("./"):
            size = min(header.size, max(0, archive.size - header.data))
            return Section(archive, header.data, size, header.name.rpartition("/")[2])
        at, seen = max(header.next, at + BLOCK), seen + 1
    raise NotFound(
        f"{archive.name} holds no file {said(member)}.", hint="Names in an archive have folders."
    )
