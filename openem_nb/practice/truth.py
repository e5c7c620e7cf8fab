"""The truth about the practice archive: what the generator drew, not what the services say.

Tests compare results with it, so that they never compare one run of the same code with another.
Entries that are not released keep everything here, while the services hide what has to wait: title,
authors, grants, sample, resolution, citation and PDB models.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Mapping

__all__ = ["EmdbTruth", "EmpiarTruth", "GrantTruth", "Truth"]


@dataclass(frozen=True, slots=True)
class GrantTruth:
    """One grant as the depositor wrote it; ``country`` may have odd case and blanks."""

    funder: str
    country: str | None
    code: str | None


@dataclass(frozen=True, slots=True)
class EmdbTruth:
    """One EMDB entry."""

    emdb_id: str
    status: str
    """``REL``, ``OBS``, ``WDRN``, or one of the states before release (``HPUB``, ``HOLD``, ...)."""
    deposited: dt.date
    header_released: dt.date | None
    map_released: dt.date | None
    updated: dt.date
    obsoleted: dt.date | None
    superseded_by: tuple[str, ...]
    title: str
    sample: str
    methods: tuple[str, ...]
    """One name per structure determination, the main one first."""
    resolutions: tuple[float | None, ...]
    """Angstrom, one per reconstruction (at least one per method); None where none is stated, 0
    where the depositor wrote zero."""
    microscopes: tuple[str, ...]
    organisms: tuple[tuple[str, int | None], ...]
    """Name and NCBI taxonomy number."""
    authors: tuple[str, ...]
    grants: tuple[GrantTruth, ...]
    journal: str | None
    """None where the citation is not published."""
    citation_country: str | None
    """Country of the journal: no statement about the work."""
    citation_year: int | None
    doi: str | None
    pubmed: str | None
    pdb_ids: tuple[str, ...]
    related: tuple[str, ...]
    """EMDB ids of the same study, this one included."""
    site: str
    """Deposition site: ``PDBe``, ``PDBj`` or ``RCSB``."""

    @property
    def method(self) -> str:
        """Return the main method."""
        return self.methods[0]

    @property
    def resolution(self) -> float | None:
        """Return the best resolution in angstrom; a stated zero is no resolution."""
        return min((value for value in self.resolutions if value), default=None)

    @property
    def visible(self) -> bool:
        """Return whether the services show title, authors and grants."""
        return self.status in ("REL", "OBS")


@dataclass(frozen=True, slots=True)
class EmpiarTruth:
    """One EMPIAR entry."""

    empiar_id: str
    status: str
    """``REL`` or ``OBS``."""
    deposited: dt.date
    released: dt.date | None
    updated: dt.date
    obsoleted: dt.date | None
    title: str
    emdb_ids: tuple[str, ...]
    """Existing EMDB entries (of any status) that it references, each once."""
    references: tuple[str, ...]
    """The cross references as the depositor wrote them, with all their dirt."""
    unknown_ids: tuple[str, ...]
    """Well-formed EMDB ids among the references that no entry has."""
    rubbish: tuple[str, ...]
    """References that are no EMDB id at all."""
    experiment_type: str
    grants: tuple[GrantTruth, ...]
    authors: tuple[str, ...]
    country: str
    """Country of the people, not of the money."""
    doi: str | None
    """DOI of the paper."""
    size_text: str
    size_bytes: int
    """``size_text`` read in decimal units."""


@dataclass(frozen=True)
class Truth:
    """Both archives on one day."""

    seed: int
    today: dt.date
    """The archive's own date: independent of the clock."""
    emdb: Mapping[str, EmdbTruth]
    empiar: Mapping[str, EmpiarTruth]
    _links: dict[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        links: dict[str, tuple[str, ...]] = {}
        for entry in self.empiar.values():
            for emdb_id in entry.emdb_ids:
                links[emdb_id] = (*links.get(emdb_id, ()), entry.empiar_id)
        object.__setattr__(self, "_links", links)

    def countries(self, emdb_id: str) -> set[str]:
        """Return the countries of an entry's grants, stripped and casefolded."""
        grants = self.emdb[emdb_id].grants
        return {grant.country.strip().casefold() for grant in grants if grant.country}

    def links(self, emdb_id: str) -> tuple[str, ...]:
        """Return every EMPIAR entry that references an EMDB entry, obsolete ones too."""
        return self._links.get(emdb_id, ())

    def raw_data(self, emdb_id: str, as_of: dt.date | None = None) -> tuple[str, ...]:
        """Return the EMPIAR entries of an EMDB entry released on ``as_of`` at the latest."""
        return tuple(
            empiar_id
            for empiar_id in self.links(emdb_id)
            if (entry := self.empiar[empiar_id]).status == "REL"
            and entry.released is not None
            and (as_of is None or entry.released <= as_of)
        )
