"""Chunks of Zarr arrays before they are unpacked: none may become much larger than it is said to.

A chunk of a few bytes can unpack to gigabytes. How large it will be stands in the head of what
Blosc, LZ4 and (nearly always) Zstandard write; of others the bytes are counted, and thrown away.
Layouts: Blosc README_CHUNK_FORMAT, RFC 8878 (Zstandard, section 3.1.1.1), Zarr 3 sharding_indexed.
"""

from __future__ import annotations

import bz2
import lzma
import math
import os
import stat
import struct
import zlib
from asyncio import to_thread
from typing import TYPE_CHECKING, Any, Final

from zarr.abc.store import RangeByteRequest
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import LocalStore

from openem_nb.errors import DamagedFile, OpenEMError
from openem_nb.formats.source import damaged

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from zarr.abc.store import ByteRequest
    from zarr.core.buffer import Buffer, BufferPrototype

__all__ = ["Limits", "LocalFolder"]

_SMALL: Final = 16 << 20
"""Bytes that any chunk may unpack to; more only as twice what its array says."""
_DEFLATED: Final = 1032
"""Bytes that one byte of deflate can unpack to (zlib.net, technical details)."""
_STEP: Final = 1 << 20
_MISSING: Final = (1 << 64) - 1


class Limits:
    """How large the chunks of the arrays of a folder may become."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._of: dict[str, tuple[str, int, int, bool]] = {}

    def add(self, array: Any) -> None:
        """Hold the chunks of an array to its own word."""
        codec, inner, first = _codec(array.metadata)
        many = math.prod(array.shards) // math.prod(array.chunks) if inner else 0
        size = math.prod(array.chunks) * array.dtype.itemsize
        self._of[array.path] = codec, max(_SMALL, 2 * size), many, first

    def check(self, key: str, data: Buffer | None, part: ByteRequest | None = None) -> None:
        """Refuse what would unpack to more than it may.

        Raises
        ------
        DamagedFile
            Where it would.
        """
        of = [path for path in self._of if not path or key.startswith(f"{path}/")]
        if data is None or not of or key.rpartition("/")[2].startswith((".z", "zarr.json")):
            return
        codec, most, many, first = self._of[max(of, key=len)]
        content = data.to_bytes()
        if not many:
            pieces: Iterable[bytes] = (content,)
        elif part is None:
            pieces = _inner(content, many, first=first)
        else:  # one chunk of a shard, or the list of them, which nobody packs
            is_chunk = isinstance(part, RangeByteRequest) and not (first and part.start == 0)
            pieces = (content,) if is_chunk else ()
        if any(_unpacked(codec, piece, most) > most for piece in pieces):
            raise damaged(self._name, f"{key} in it unpacks to more than its array can hold")


def _codec(metadata: Any) -> tuple[str, bool, bool]:
    """Return what packs the chunks, whether they lie in shards, and if their list is the first."""
    if metadata.zarr_format == 2:
        return getattr(metadata.compressor, "codec_id", ""), False, False
    codecs, shards, first = [one.to_dict() for one in metadata.codecs], False, False
    if codecs and codecs[-1]["name"] == "sharding_indexed":
        told = codecs[-1]["configuration"]
        codecs, shards, first = list(told["codecs"]), True, told["index_location"] == "start"
    names = [str(one["name"]).removeprefix("numcodecs.") for one in codecs]
    return next((one for one in reversed(names) if one != "crc32c"), ""), shards, first


def _inner(shard: bytes, many: int, *, first: bool) -> Iterable[bytes]:
    """Yield the chunks of a shard by its list: place and length of each, and a checksum."""
    length = 16 * many
    start = 0 if first else max(0, len(shard) - length - 4)
    listed = shard[start : start + length]
    for place, size in struct.iter_unpack("<QQ", listed[: len(listed) // 16 * 16]):
        if place != _MISSING:
            yield shard[place : place + size]


def _unpacked(codec: str, data: bytes, most: int) -> int:
    """Return how many bytes a chunk unpacks to; counted no further than beyond the most."""
    if codec == "blosc":
        return int.from_bytes(data[4:8], "little")
    if codec == "lz4":
        return int.from_bytes(data[:4], "little")
    if codec == "zstd":
        return _zstd(data)
    if codec in ("zlib", "gzip"):
        if len(data) * _DEFLATED <= most:
            return 0
        return _counted(lambda: zlib.decompressobj(47), data, most)
    if codec == "bz2":
        return _counted(bz2.BZ2Decompressor, data, most)
    return _counted(lzma.LZMADecompressor, data, most) if codec == "lzma" else 0


def _zstd(data: bytes) -> int:
    """Return the size in the head of a frame; 0 where its writer did not know it."""
    if data[:4] != b"\x28\xb5\x2f\xfd" or len(data) < 5:
        return 0
    told = data[4]
    single, kind = told >> 5 & 1, told >> 6
    start = 5 + (1 - single) + (0, 1, 2, 4)[told & 3]
    length = (single, 2, 4, 8)[kind]
    return int.from_bytes(data[start : start + length], "little") + (256 if kind == 1 else 0)


def _counted(make: Any, data: bytes, most: int) -> int:
    done, left = 0, data
    try:
        while left and done <= most:
            unpacker, piece = make(), left
            while done <= most and not unpacker.eof:
                found = unpacker.decompress(piece, _STEP)
                done += len(found)
                piece = getattr(unpacker, "unconsumed_tail", b"")
                if not found and not piece:
                    break
            left = unpacker.unused_data if unpacker.eof else b""
    except (zlib.error, OSError, EOFError, lzma.LZMAError):
        return done  # the package says better what is wrong with it
    return done


class LocalFolder(LocalStore):
    """A folder of which only regular files are read, and none that lies outside of it."""

    def __init__(self, root: Path, limits: Limits) -> None:
        super().__init__(root, read_only=True)
        self._limits, self._real = limits, os.path.realpath(root)

    def _allowed(self, key: str) -> None:
        path = os.path.join(self.root, key)  # noqa: PTH118  (one for each chunk)
        try:
            mode = os.stat(path).st_mode  # noqa: PTH116
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            raise OpenEMError(
                f"{path} cannot be read: {error.strerror or error}.",
                hint="Check the permissions and the network drive.",
            ) from error
        outside = not os.path.realpath(path).startswith(self._real + os.sep)
        if not stat.S_ISDIR(mode) and (outside or not stat.S_ISREG(mode)):
            why = "leads out of its folder" if outside else "is no file"
            raise DamagedFile(
                f"{path} {why}, and is not read.", hint="Copy the whole folder from where it was."
            )

    async def get(
        self,
        key: str,
        prototype: BufferPrototype | None = None,
        byte_range: ByteRequest | None = None,
    ) -> Buffer | None:
        """Return a file, or a part of it."""
        await to_thread(self._allowed, key)
        found = await super().get(key, prototype or default_buffer_prototype(), byte_range)
        await to_thread(self._limits.check, key, found, byte_range)
        return found

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Return parts of several files."""
        return [await self.get(key, prototype, part) for key, part in key_ranges]
