"""Names that come from other people: which of them may become files here, and where."""

from __future__ import annotations

import os
import stat
import unicodedata
from pathlib import Path, PurePosixPath
from typing import Final

from openem_nb.errors import CannotWrite
from openem_nb.transfer._disk import writing
from openem_nb.transfer.manifest import MANIFEST

__all__ = ["PARTIAL", "fold", "inside", "objection", "plain"]

PARTIAL: Final = ".openem-partial"
"""Folder of what has arrived in part, within the target folder."""

_LONGEST: Final = 255
"""Bytes of one name on all common file systems."""
_DEEPEST: Final = 64
_BIDI: Final = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Signs that make a name read otherwise than it is (Unicode's bidirectional controls)."""


def plain(name: str) -> str:
    """Return a name without what means nothing: ``./a//b`` is ``a/b``."""
    return "/".join(piece for piece in name.split("/") if piece not in ("", "."))


def fold(name: str) -> str:
    """Return what two names share that some file system takes for one."""
    return unicodedata.normalize("NFC", name)


def objection(name: str) -> str:
    """Return what is wrong with a name from an archive, empty if it may become a file."""
    pieces = plain(name).split("/")
    if name.startswith("/"):
        return "is an absolute path"
    if ".." in pieces:
        return "leads out of the folder"
    if pieces == [""]:
        return "has no name"
    if any(unicodedata.category(sign) == "Cs" for sign in name):
        return "has a name that is no UTF-8"
    if any(unicodedata.category(sign) in ("Cc", "Zl", "Zp") or sign in _BIDI for sign in name):
        return "has invisible signs in its name"
    if "\\" in name or (os.name == "nt" and ":" in name):
        return "has a name that means a folder on other systems"
    if len(pieces) > _DEEPEST:
        return f"lies more than {_DEEPEST} folders deep"
    if any(len(piece.encode()) > _LONGEST for piece in pieces):
        return f"has a name of more than {_LONGEST} bytes"
    if pieces[0].casefold() in (PARTIAL, MANIFEST, MANIFEST + ".new"):
        return "has a name that is reserved"
    return ""


def inside(root: Path, name: str, *, make: bool = True) -> Path:
    """Return the path for a name below ``root``, and make the folders on the way.

    Raises
    ------
    CannotWrite
        If something on the way is no folder, or is a link, which may lead anywhere.
    """
    pieces = PurePosixPath(name).parts
    here = root
    for piece in pieces[:-1]:
        here = here / piece
        with writing(here):
            try:
                found = here.lstat()
            except FileNotFoundError:
                if not make:
                    return root.joinpath(*pieces)
                here.mkdir(exist_ok=True)
                found = here.lstat()
        if not stat.S_ISDIR(found.st_mode):
            what = "a link" if stat.S_ISLNK(found.st_mode) else "a file"
            raise CannotWrite(
                f"{here} is {what}, not a folder: files of {name!r} are not written through it.",
                hint="Move it away, or choose another folder.",
            )
    return root.joinpath(*pieces)
