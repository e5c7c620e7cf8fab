"""The first directory of a TIFF or BigTIFF file, and how many there are, within limits."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from openem_nb.errors import DamagedFile
from openem_nb.formats.source import Handle
from openem_nb.formats.tiff import Tiff
from openem_nb.oscem.readers._binary import damaged, truncated
from openem_nb.oscem.readers._xml import NotUsable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openem_nb.formats.tiff import Directory

__all__ = ["Directories", "directories"]

MOST_PAGES: Final = 20_000


@dataclass(frozen=True, slots=True)
class Directories:
    """What the first directory of a file holds."""

    tags: Mapping[int, bytes | int | float]
    """First value of each tag that was asked for; texts and opaque bytes whole."""
    pages: int
    """Directories in the file; 0 if nobody asked."""
    whole: bool
    """Whether the chain of directories comes to its end inside the file."""


def directories(
    file: BinaryIO, size: int, wanted: frozenset[int], what: str, *, count: bool = True
) -> Directories:
    """Read the tags ``wanted`` of the first directory, and count all if asked to.

    Raises
    ------
    NotUsable
        If the file is no TIFF, or ends before its first directory does.
    """
    try:
        tiff = Tiff(Handle(file, size, what))
    except DamagedFile as error:
        raise damaged(what) from error
    try:
        first = tiff.directory(tiff.start)
    except DamagedFile as error:
        raise NotUsable(truncated(what)) from error
    tags = {tag: value for tag in wanted if (value := _value(first, tag)) is not None}
    if not count:
        return Directories(tags, 0, whole=True)
    pages, whole = 1, first.following == 0
    try:
        for found in islice(tiff.directories(), 1, MOST_PAGES):
            pages, whole = pages + 1, found.following == 0
    except DamagedFile:  # the chain leads out of the file or back: what was counted counts
        whole = False
    return Directories(tags, pages, whole)


def _value(directory: Directory, tag: int) -> Any:
    return directory.data(tag) or next(iter(directory.values(tag)), None)
