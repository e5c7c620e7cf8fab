"""Whether a downloaded map is whole and the one that its entry describes."""

from __future__ import annotations

import gzip
import shutil
import struct
import zlib
from typing import TYPE_CHECKING, Final

from openem_nb.errors import ChecksumMismatch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["check_map", "check_packed"]

_MAGIC: Final = b"\x1f\x8b"
_HEADER: Final = 1024
_CHUNK: Final = 1 << 20
# Bytes of a voxel by mode (MRC2014, and mode 101 of 4 bits).
_VOXEL: Final = {0: 1.0, 1: 2.0, 2: 4.0, 3: 4.0, 4: 8.0, 6: 2.0, 12: 2.0, 101: 0.5}


def check_packed(path: Path, name: str) -> None:
    """Check that a gzip file is whole, and restore one that was unpacked on the way.

    Some servers and proxies unpack ``.gz`` files while they deliver them. What arrives is packed
    again, so that a name means the same content everywhere.

    Raises
    ------
    ChecksumMismatch
        If the file is neither a whole gzip file nor an unpacked map.
    """
    with path.open("rb") as file:
        start = file.read(_HEADER)
    if start.startswith(_MAGIC):
        for _ in _content(path, name):
            pass
    elif name.endswith(".gz"):
        if start[208:211] != b"MAP":
            raise _bad(name, "is not packed with gzip, as its name says")
        _pack(path)


def check_map(path: Path, name: str, dimensions: tuple[int, int, int] | None) -> None:
    """Check that a map (MRC/CCP4, packed or not) is whole and has the right size.

    Parameters
    ----------
    path :
        The file, under whatever name.
    name :
        Its name in the archive.
    dimensions :
        Voxels along columns, rows and sections that the entry states, None if it states none.

    Raises
    ------
    ChecksumMismatch
        If it is damaged, no map, shorter than its header says, or of other dimensions.
    """
    header, size = b"", 0
    for chunk in _content(path, name):
        if len(header) < _HEADER:
            header += chunk[:_HEADER]
        size += len(chunk)
    if len(header) < _HEADER or header[208:211] != b"MAP":
        raise _bad(name, "is not a map in MRC format")
    order = "<" if header[212] == 0x44 else ">"
    columns, rows, sections, mode = struct.unpack(f"{order}4i", header[:16])
    (extended,) = struct.unpack(f"{order}i", header[92:96])
    if dimensions is not None and (columns, rows, sections) != dimensions:
        raise _bad(
            name,
            f"has {columns} x {rows} x {sections} voxels, its entry says "
            f"{' x '.join(map(str, dimensions))}",
        )
    if mode not in _VOXEL or min(columns, rows, sections) < 1 or extended < 0:
        raise _bad(name, "has a header that makes no sense")
    expected = _HEADER + extended + int(columns * rows * sections * _VOXEL[mode])
    if size < expected:
        raise _bad(name, f"ends after {size:,} of {expected:,} bytes")
    check_packed(path, name)


def _content(path: Path, name: str) -> Iterator[bytes]:
    """Yield the unpacked content; the end of a gzip file carries its checksum."""
    with path.open("rb") as raw:
        packed = raw.read(2) == _MAGIC
    try:
        with gzip.open(path) if packed else path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                yield chunk
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise _bad(name, f"is damaged ({error})") from error


def _pack(path: Path) -> None:
    packed = path.with_name(path.name + ".gz")
    # No name and no time inside, so that the same map gives the same bytes.
    with (
        path.open("rb") as source,
        packed.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", compresslevel=6, fileobj=raw, mtime=0) as target,
    ):
        shutil.copyfileobj(source, target, _CHUNK)
    packed.replace(path)


def _bad(name: str, what: str) -> ChecksumMismatch:
    return ChecksumMismatch(f"{name} {what}.", hint="The download was discarded; run it again.")
