"""Headers of tar archives, read from any place of a stream: ustar, pax and GNU long names.

The standard library parses one block (:meth:`tarfile.TarInfo.frombuf`); what stands between the
blocks is read here, because its own reader cannot begin in the middle of an archive.
"""

from __future__ import annotations

import re
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from openem_nb.errors import BadAnswer

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["BLOCK", "Damaged", "Header", "read_header", "said"]

BLOCK: Final = 512
_LONGEST: Final = 1 << 20
"""Bytes of an extended header; names and times need a few hundred."""
_MOST: Final = 16
"""Extended headers in a row."""
_RECORD = re.compile(rb"([1-9][0-9]{0,7}) ([^=]+)=")
_LATEST: Final = 2**33
"""Times after the year 2242 are not believed."""
_GNU: Final = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
_PAX: Final = (tarfile.XHDTYPE, tarfile.SOLARIS_XHDTYPE)
_EXTENDED: Final = (*_GNU, *_PAX, tarfile.XGLTYPE)
_FILES: Final = (tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.CONTTYPE)
_KINDS: Final = {
    tarfile.DIRTYPE: "folder",
    tarfile.LNKTYPE: "hard link",
    tarfile.SYMTYPE: "symbolic link",
    tarfile.CHRTYPE: "device",
    tarfile.BLKTYPE: "device",
    tarfile.FIFOTYPE: "pipe",
    tarfile.GNUTYPE_SPARSE: "sparse file",
}


class Damaged(BadAnswer):
    """What stands where a header should be is none; it may have been damaged on its way."""


@dataclass(frozen=True, slots=True)
class Header:
    """One member of an archive. Offsets are bytes from the beginning of the archive."""

    name: str
    """As it stands in the archive; bytes that are no UTF-8 are kept as lone surrogates."""
    kind: str
    """``file``, ``folder``, or what else it claims to be."""
    size: int
    """Bytes of the file."""
    mtime: float
    """Seconds since 1970."""
    at: int
    """Where its (first) header begins."""
    data: int
    """Where its bytes begin."""
    next: int
    """Where the next header begins."""


def said(name: str) -> str:
    """Return a name from a foreign archive so that it can stand in a message."""
    text = ascii(name)
    return text if len(text) <= 120 else f"{text[:117]}…'"


def read_header(read: Callable[[int], bytes], at: int) -> Header | None:
    """Read the header at the present place of a stream; None at the end of the archive.

    Parameters
    ----------
    read :
        Returns the next bytes, as many as asked for unless the stream ends.
    at :
        The offset of the present place.

    Raises
    ------
    Damaged
        If there is no header, or the stream ends within it.
    """
    place = at
    pax: dict[str, str] = {}
    long_name: str | None = None
    for _ in range(_MOST):
        block = read(BLOCK)
        if place == at and (not block or block.count(0) == len(block) == BLOCK):
            if not block:
                raise Damaged("It ends without the mark that ends an archive.")
            return None
        try:
            found = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        except tarfile.HeaderError as error:
            raise Damaged(f"At byte {place:,} it holds no tar header ({error}).") from error
        place += BLOCK
        if found.size < 0:
            raise Damaged(f"At byte {at:,} a header claims a negative size.")
        if found.type not in _EXTENDED:
            return _header(found, pax, long_name, at, place)
        if found.size > _LONGEST:
            raise Damaged(f"At byte {at:,} an extended header claims {found.size:,} bytes.")
        padded = -(-found.size // BLOCK) * BLOCK
        body = read(padded)
        if len(body) < padded:
            raise Damaged(f"It ends within the header at byte {at:,}.")
        place += padded
        body = body[: found.size]
        if found.type == tarfile.GNUTYPE_LONGNAME:
            long_name = body.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
        elif found.type in _PAX:
            pax |= _records(body, at)
        # Global headers and names of links say nothing that is of use here.
    raise Damaged(f"At byte {at:,} more than {_MOST} extended headers follow each other.")


def _records(body: bytes, at: int) -> dict[str, str]:
    """Read the records of a pax header: ``LENGTH KEYWORD=VALUE`` and a line feed."""
    found = {}
    place = 0
    while place < len(body):
        match = _RECORD.match(body, place)
        end = place + int(match[1]) if match else 0
        if match is None or not match.end() < end <= len(body) or body[end - 1 : end] != b"\n":
            raise Damaged(f"The extended header at byte {at:,} cannot be read.")
        key = match[2].decode("utf-8", "surrogateescape")
        found[key] = body[match.end() : end - 1].decode("utf-8", "surrogateescape")
        place = end
    return found


def _header(
    found: tarfile.TarInfo, pax: dict[str, str], long_name: str | None, at: int, data: int
) -> Header:
    name = pax.get("path") or long_name or found.name
    kind = "file" if found.type in _FILES else _KINDS.get(found.type, f"of type {found.type!r}")
    if any(key.startswith("GNU.sparse.") for key in pax):
        kind = "sparse file"
    try:
        size = int(pax.get("size", found.size))
        mtime = float(pax.get("mtime", found.mtime))
    except ValueError:
        raise Damaged(f"The extended header at byte {at:,} holds no numbers.") from None
    if size < 0:
        raise Damaged(f"At byte {at:,} a header claims a negative size.")
    if kind == "folder":
        size = 0
    mtime = min(max(0.0, mtime), float(_LATEST)) if mtime == mtime else 0.0
    return Header(name, kind, size, mtime, at, data, data + -(-size // BLOCK) * BLOCK)
