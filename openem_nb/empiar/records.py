"""What an EMPIAR entry is once it is read: plain values with units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from openem_nb._records import Found

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from openem_nb._records import Citation, Grant

__all__ = ["Entries", "Entry", "ImageSet", "Page"]


@dataclass(frozen=True, slots=True)
class ImageSet:
    """One set of images within an entry; what is not stated is None or empty.

    Depositors leave numbers out by writing 0 or less: those become None as well.
    """

    name: str
    directory: str
    """Folder below the entry's own, ``data/Tiff``, without a slash at either end."""
    category: str
    """``micrographs - multiframe``, ``tilt series`` ..., in EMPIAR's words."""
    header_format: str
    data_format: str
    count: int | None = None
    """Number of images or tilt series."""
    frames: int | None = None
    """Frames per image."""
    voxel_type: str = ""
    pixel_width: float | None = None
    """Angstrom."""
    pixel_height: float | None = None
    """Angstrom."""
    image_width: int | None = None
    """Pixels."""
    image_height: int | None = None
    """Pixels."""
    details: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One EMPIAR entry."""

    id: str
    """``EMPIAR-10943``."""
    title: str
    status: str
    """``REL`` or ``OBS``, upper case as the archive writes it."""
    deposited: date | None = None
    released: date | None = None
    obsoleted: date | None = None
    updated: date | None = None
    experiment_type: str = ""
    """``EMDB`` for raw data of maps, else ``SBF-SEM``, ``FIB-SEM``, ``SXT`` ..."""
    size_bytes: int | None = None
    """``size_text`` in decimal units. EMPIAR does not say whether its units are decimal or binary:
    the true size may be up to 13 % larger (units of PB)."""
    size_text: str = ""
    doi: str | None = None
    """DOI of the entry itself."""
    emdb_ids: tuple[str, ...] = ()
    """EMDB entries it names, in EMDB's spelling, each once.

    They may be obsolete, on hold or unknown to EMDB.
    """
    emdb_refs_rejected: tuple[str, ...] = ()
    """References that could not be read as an EMDB id."""
    pdb_ids: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = ()
    authors: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    """Countries of the corresponding author and the principal investigators."""
    citation: Citation | None = None
    imagesets: tuple[ImageSet, ...] = ()
    url: str = ""
    """The page of the entry, for people."""


class Page(list[Entry]):
    """Entries that came together, and what was among them but could not be read.

    Attributes
    ----------
    failed : dict
        EMPIAR ids (or what stood in their place) with the reason.
    """

    def __init__(self, entries: Iterable[Entry] = (), *, failed: dict[str, str]) -> None:
        super().__init__(entries)
        self.failed = failed


@dataclass(frozen=True, slots=True)
class Entries(Found[Entry]):
    """Entries, with what is missing and why kept apart."""

    def frame(self) -> pd.DataFrame:
        """Return one row for each entry; what can be several is a tuple."""
        return table(self.found.values())


COLUMNS = (
    "empiar_id",
    "title",
    "status",
    "experiment_type",
    "deposited",
    "released",
    "updated",
    "size_bytes",
    "size",
    "emdb_ids",
    "imagesets",
    "authors",
    "countries",
    "doi",
    "url",
)


def table(entries: Iterable[Entry]) -> pd.DataFrame:
    """Return one row for each entry, with dates as ``datetime64`` and sizes as ``Int64``."""
    rows = [
        (
            entry.id,
            entry.title,
            entry.status,
            entry.experiment_type,
            entry.deposited,
            entry.released,
            entry.updated,
            entry.size_bytes,
            entry.size_text,
            entry.emdb_ids,
            len(entry.imagesets),
            entry.authors,
            entry.countries,
            entry.doi,
            entry.url,
        )
        for entry in entries
    ]
    frame = pd.DataFrame(rows, columns=list(COLUMNS), dtype="object")
    for column in ("deposited", "released", "updated"):
        frame[column] = pd.to_datetime(frame[column]).astype("datetime64[ns]")
    for column in ("size_bytes", "imagesets"):
        frame[column] = frame[column].astype("Int64")
    return frame
