"""OME-Zarr folders at an address: each chunk is a file of its own, fetched when it is needed.

A folder at an address cannot be listed, so what is in it is known by its metadata alone. Those are
asked for once; which of the two generations of the format it is, the first answers tell.
"""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit

from zarr.abc.store import OffsetByteRequest, RangeByteRequest, Store, SuffixByteRequest

from openem_nb.errors import BadAnswer, NotAllowed, NotFound
from openem_nb.images._zarr_chunks import Limits
from openem_nb.images.remote import steady
from openem_nb.transfer._meter import Meter
from openem_nb.transfer._source import CHUNK, Patience, Source

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype

    from openem_nb.jobs import Progress

__all__ = ["FarStore"]

_MARKS: Final = ("zarr.json", ".zarray", ".zgroup", ".zattrs", ".zmetadata")
_LARGEST_METADATA: Final = 8 << 20
_LARGEST: Final = 512 << 20
"""Bytes of a chunk as it is stored."""
_AT_ONCE: Final = Patience(total=0)


class FarStore(Store):
    """Reads the files of a folder at an address.

    Parameters
    ----------
    address :
        The folder; a query in it is sent with each request, as signatures of a whole folder ask.
    """

    def __init__(self, address: str, *, progress: Progress | None = None) -> None:
        super().__init__(read_only=True)
        base, _, query = address.partition("?")
        self._base, self._query = base.rstrip("/"), query
        self.name = unquote(urlsplit(self._base).path.rpartition("/")[2]) or "image"
        """Name of the folder."""
        self.limits = Limits(self.name)
        """How large its chunks may become."""
        self._meter = Meter(progress, "Reading")
        self._lock = threading.Lock()
        self._metadata: dict[str, bytes | None] = {}
        self.fetched = 0
        """Bytes that came over the network so far."""
        self.requests = 0
        """Requests so far."""

    @property
    def shown(self) -> str:
        """The address without its query."""
        parts = urlsplit(self._base)
        return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    def generation(self) -> int:
        """Return which generation of the format it is: 2 or 3.

        Raises
        ------
        NotFound
            If there are no metadata of either.
        """
        if self.read("zarr.json") is not None:
            return 3
        if self.read(".zgroup") is not None or self.read(".zarray") is not None:
            return 2
        raise NotFound(
            f"There is no OME-Zarr image at {self.shown}.",
            hint="Name the folder that holds zarr.json, .zgroup or .zarray.",
        )

    def read(self, key: str, byte_range: ByteRequest | None = None) -> bytes | None:
        """Return a file of the folder, or a part of it; None if there is no such file."""
        is_metadata = key.rpartition("/")[2] in _MARKS
        if not is_metadata or byte_range is not None:
            return self._asked(key, byte_range, _LARGEST)
        with self._lock:
            if key in self._metadata:
                return self._metadata[key]
        try:
            found = self._asked(key, None, _LARGEST_METADATA)
        except NotAllowed:  # so say stores whose folders may not be listed, of what is not there
            if not self._metadata:
                raise
            found = None
        with self._lock:
            return self._metadata.setdefault(key, found)

    def _asked(self, key: str, byte_range: ByteRequest | None, most: int) -> bytes | None:
        address = f"{self._base}/{quote(key)}" + (f"?{self._query}" if self._query else "")
        source = Source(address, f"{self.name}/{key}", self._meter, _AT_ONCE)
        headers = {} if byte_range is None else {"Range": _range(byte_range)}
        with self._lock:
            self.requests += 1
        try:
            answer = source.ask(headers=headers, expect=(200, 206))
        except NotFound:
            return None
        found = bytearray()
        with answer:
            for piece in steady(answer, source.name, self._meter, CHUNK):
                found += piece
                if len(found) > most:
                    answer.abort()
                    raise BadAnswer(
                        f"{source.name} has more than {most:,} bytes.",
                        hint="Chunks of images are smaller; the address may lead elsewhere.",
                    )
        with self._lock:
            self.fetched += len(found)
        whole = bytes(found)
        return whole if byte_range is None or answer.status == 206 else _cut(whole, byte_range)

    # what the package asks of a store

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    async def get(
        self, key: str, prototype: BufferPrototype, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Return a file, or a part of it."""
        found = await asyncio.to_thread(self.read, key, byte_range)
        if found is None:
            return None
        buffer = prototype.buffer.from_bytes(found)
        await asyncio.to_thread(self.limits.check, key, buffer, byte_range)
        return buffer

    async def get_partial_values(
        self,
        prototype: BufferPrototype,
        key_ranges: Iterable[tuple[str, ByteRequest | None]],
    ) -> list[Buffer | None]:
        """Return parts of several files."""
        asked = [self.get(key, prototype, byte_range) for key, byte_range in key_ranges]
        return list(await asyncio.gather(*asked))

    async def exists(self, key: str) -> bool:
        """Return whether there is such a file."""
        return await asyncio.to_thread(self.read, key) is not None

    @property
    def supports_writes(self) -> bool:
        """It is never written to."""
        return False

    async def set(self, key: str, value: Buffer) -> None:
        """Refuse to write."""
        raise NotImplementedError

    @property
    def supports_deletes(self) -> bool:
        """Nothing is deleted."""
        return False

    async def delete(self, key: str) -> None:
        """Refuse to delete."""
        raise NotImplementedError

    @property
    def supports_listing(self) -> bool:
        """A folder at an address cannot be listed."""
        return False

    def list(self) -> AsyncIterator[str]:
        """Refuse to list."""
        raise NotImplementedError

    def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Refuse to list."""
        raise NotImplementedError

    def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Refuse to list."""
        raise NotImplementedError


def _range(asked: ByteRequest) -> str:
    """Return the part in the words of RFC 9110, section 14."""
    if isinstance(asked, SuffixByteRequest):
        return f"bytes=-{asked.suffix}"
    if isinstance(asked, OffsetByteRequest):
        return f"bytes={asked.offset}-"
    return f"bytes={asked.start}-{asked.end - 1}"


def _cut(whole: bytes, asked: ByteRequest) -> bytes:
    """Return the part from the whole, of a server that sends whole files only."""
    if isinstance(asked, RangeByteRequest):
        return whole[asked.start : asked.end]
    if isinstance(asked, SuffixByteRequest):
        return whole[max(0, len(whole) - asked.suffix) :]
    return whole[asked.offset :]
