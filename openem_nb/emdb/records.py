"""What an EMDB entry is once it is read: plain values with units, the same for every entry."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, NamedTuple

import pandas as pd

from openem_nb._records import Found

if TYPE_CHECKING:
    from datetime import date

    from openem_nb._records import Citation, Grant

__all__ = ["Batch", "Entries", "Entry", "EntryFile", "FileKind", "Organism"]

FileKind = Literal["map", "half_map", "additional_map", "mask", "image", "fsc", "header"]


class Organism(NamedTuple):
    """A natural source of the sample."""

    name: str
    taxid: int | None
    """NCBI taxonomy identifier."""


@dataclass(frozen=True, slots=True)
class EntryFile:
    """A file that an entry names."""

    kind: FileKind
    name: str
    dimensions: tuple[int, int, int] | None = None
    """Voxels along the fast, medium and slow axis of the file (columns, rows, sections)."""
    level: float | None = None
    """Of a map, the contour level that its authors recommend: the primary one, else the first."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One EMDB entry.

    What the archive does not state is None or an empty tuple; no number is derived or guessed.
    """

    id: str
    """``EMD-0339``."""
    title: str
    status: str
    """Status code as the archive writes it, upper case: ``REL``, ``OBS``, ``HPUB`` ..."""
    deposited: date | None = None
    header_released: date | None = None
    map_released: date | None = None
    updated: date | None = None
    obsoleted: date | None = None
    superseded_by: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    """In EMDB's spelling, see :data:`openem_nb.emdb.METHODS`."""
    resolution: float | None = None
    """Best of ``resolutions``, angstrom."""
    resolutions: tuple[float, ...] = ()
    """Resolution of every final reconstruction, angstrom, in the order of the entry."""
    microscopes: tuple[str, ...] = ()
    detectors: tuple[str, ...] = ()
    voltages: tuple[float, ...] = ()
    """Acceleration voltages, kV."""
    sample: str = ""
    organisms: tuple[Organism, ...] = ()
    authors: tuple[str, ...] = ()
    citation: Citation | None = None
    pdb_ids: tuple[str, ...] = ()
    """Fitted models, lower case."""
    emdb_ids: tuple[str, ...] = ()
    """Related EMDB entries, without the entry itself."""
    empiar_ids: tuple[str, ...] = ()
    """Raw data. The entry itself does not hold them: see :func:`openem_nb.emdb.entry`."""
    grants: tuple[Grant, ...] = ()
    files: tuple[EntryFile, ...] = ()
    url: str = ""
    """The page of the entry, for people."""

    @property
    def level(self) -> float | None:
        """The contour level of the entry's map; None where it states none."""
        return next((file.level for file in self.files if file.kind == "map"), None)


@dataclass(frozen=True, slots=True)
class Batch:
    """The part of an answer that came together."""

    found: tuple[Entry, ...] = ()
    not_found: tuple[str, ...] = ()
    """Ids that the archive says it does not have."""
    failed: dict[str, str] = field(default_factory=dict)
    """Ids that may exist but could not be read, with the reason."""


@dataclass(frozen=True, slots=True)
class Entries(Found[Entry]):
    """Entries asked for by id, with what is missing and why kept apart."""

    def frame(self) -> pd.DataFrame:
        """Return one row for each entry; what can be several is a tuple, a grant its funder."""
        rows = [
            {
                "emdb_id": entry.id,
                "title": entry.title,
                "status": entry.status,
                "deposited": entry.deposited,
                "map_released": entry.map_released,
                "updated": entry.updated,
                "methods": entry.methods,
                "resolution": entry.resolution,
                "microscopes": entry.microscopes,
                "detectors": entry.detectors,
                "voltages": entry.voltages,
                "sample": entry.sample,
                "organisms": tuple(organism.name for organism in entry.organisms),
                "authors": entry.authors,
                "journal": entry.citation.journal if entry.citation else "",
                "doi": entry.citation.doi if entry.citation else None,
                "pdb_ids": entry.pdb_ids,
                "empiar_ids": entry.empiar_ids,
                "funders": tuple(grant.funder for grant in entry.grants),
                "countries": tuple(
                    dict.fromkeys(grant.country for grant in entry.grants if grant.country)
                ),
                "url": entry.url,
            }
            for entry in self.found.values()
        ]
        columns = list(rows[0]) if rows else ["emdb_id", "title", "status", "resolution", "url"]
        frame = pd.DataFrame(rows, columns=columns)
        for column in {"deposited", "map_released", "updated"} & set(columns):
            frame[column] = pd.to_datetime(frame[column]).astype("datetime64[ns]")
        frame["resolution"] = frame["resolution"].astype("float64")
        return frame
