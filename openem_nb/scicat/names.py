"""File names that come from other people, made harmless for this disk.

A catalogue takes any text as a file name: absolute, with ``..``, with control characters, with
names that Windows keeps for itself. One function turns it into a relative path below a folder, the
same for a listing and for the members of an archive, so that both meet on disk.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from pathlib import PurePosixPath
from typing import Final

from openem_nb.errors import InvalidInput

__all__ = ["safe_path"]

_FORBIDDEN: Final = re.compile(
    r'[\x00-\x1f\x7f-\x9f<>:"|?*\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]'
)
"""Control characters, what other systems forbid, and letters that hide or turn the text."""
_RESERVED: Final = frozenset(
    {"CON", "PRN", "AUX", "NUL", *(f"{stem}{n}" for stem in ("COM", "LPT") for n in range(1, 10))}
)
_LONGEST: Final = 255
"""Bytes of one part of a path that file systems take."""
_DEEPEST: Final = 64


def safe_path(name: str) -> PurePosixPath:
    """Return a relative path that stays below the folder it is put in, whatever the name says.

    Harmless names come back as they are, without ``./`` and doubled slashes. A leading slash and a
    drive letter are dropped. What would be forbidden or misleading on some disk is replaced by
    ``_``, and a few hexadecimal digits of the original name are added then, so that two different
    names stay two different files.

    Parameters
    ----------
    name :
        A path as a file list or an archive gives it.

    Raises
    ------
    InvalidInput
        If it leads out of its folder (``..``), is nothing at all, or is absurdly deep.

    Examples
    --------
    >>> safe_path("grid1/movie_001.tiff")
    PurePosixPath('grid1/movie_001.tiff')
    >>> safe_path("/data/movie.mrc")
    PurePosixPath('data/movie.mrc')
    """
    text = name.replace("\\", "/")
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if parts and re.fullmatch(r"[A-Za-z]:", parts[0]):
        parts = parts[1:]
    if not parts:
        raise InvalidInput(f"{name!r} is not the name of a file.")
    if ".." in (part.strip() for part in parts):
        raise InvalidInput(
            f"The file name {name!r} leads out of its folder.",
            hint="It is not written. Tell the owner of the data set.",
        )
    if len(parts) > _DEEPEST:
        raise InvalidInput(f"The file name {name[:60]!r}... is more than {_DEEPEST} folders deep.")
    clean = [_part(part) for part in parts]
    if clean != parts:
        stem, dot, ending = clean[-1].rpartition(".")
        mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
        ending = f".{ending}" if dot and stem and len(ending) <= 12 else ""
        body = clean[-1].removesuffix(ending) if ending else clean[-1]
        clean[-1] = f"{_short(body, _LONGEST - 9 - len(ending.encode()))}~{mark}{ending}"
    return PurePosixPath(*clean)


def _part(part: str) -> str:
    """Return one part of a path as every system can hold it."""
    text = part.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair is no name
    text = unicodedata.normalize("NFC", text) if not text.isascii() else text
    text = _FORBIDDEN.sub("_", text)
    stripped = text.rstrip(" .")
    if stripped != text:
        text = stripped + "_" * min(3, len(text) - len(stripped))
    text = text.lstrip(" ") or "_"
    if text.split(".")[0].upper() in _RESERVED:
        text = f"_{text}"
    return _short(text, _LONGEST)


def _short(text: str, most: int) -> str:
    data = text.encode()
    return text if len(data) <= most else data[:most].decode("utf-8", "ignore")
