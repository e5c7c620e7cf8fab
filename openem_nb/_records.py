"""Records and identifiers that the EMDB and the EMPIAR client share."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Generic, TypeVar

from openem_nb.errors import InvalidInput

if TYPE_CHECKING:
    from openem_nb._payload import Node

__all__ = ["Citation", "Found", "Grant", "doi", "emdb_id", "empiar_id", "grants", "year"]

_DOI = re.compile(r"(?:doi:\s*|https?://(?:dx\.)?doi\.org/)?(10\..+)", re.IGNORECASE)


E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Found(Generic[E]):
    """Entries asked for by id, with what is missing and why kept apart."""

    found: dict[str, E] = field(default_factory=dict)
    """By id, in the order in which they were asked for, or came."""
    not_found: tuple[str, ...] = ()
    """Ids that the archive says it does not have."""
    failed: dict[str, str] = field(default_factory=dict)
    """Ids that may exist but could not be read, with the reason."""

    def __len__(self) -> int:
        return len(self.found)


@dataclass(frozen=True, slots=True)
class Grant:
    """One funding statement of a depositor."""

    funder: str
    """Name of the funding body as it is written in the entry; empty where it is missing."""
    country: str | None = None
    """Country as it is written in the entry; case and blanks may differ from the dictionary's."""
    code: str | None = None
    """Grant number."""


@dataclass(frozen=True, slots=True)
class Citation:
    """The publication that an entry belongs to."""

    title: str = ""
    journal: str = ""
    """Empty, or "To Be Published" in unpublished citations."""
    year: int | None = None
    doi: str | None = None
    """Without the ``doi:`` prefix and without resolver address."""
    pubmed: str | None = None
    published: bool = False


# People paste ids from papers: the dash may be any of the typographic ones, or be missing.
_DASH = r"[\s_:‐-―−-]*"
_EMDB = re.compile(rf"(?:emdb?{_DASH})?(?:emd{_DASH})?([0-9]{{1,9}})", re.IGNORECASE)
_EMPIAR = re.compile(rf"(?:empiar{_DASH})?([0-9]{{1,9}})", re.IGNORECASE)


def emdb_id(text: str | int) -> str:
    """Return the EMDB id in the archive's own spelling, padded to four digits: ``EMD-0339``.

    Accepts ``339``, ``"emd-339"``, ``"EMD_0339"`` and ``" EMD-0339 "`` alike.

    Raises
    ------
    InvalidInput
        If it is not an EMDB id.
    """
    return f"EMD-{_number(_EMDB, text, 'EMDB', 'EMD-0339'):04d}"


def empiar_id(text: str | int) -> str:
    """Return the EMPIAR id in the archive's own spelling: ``EMPIAR-10943``.

    Raises
    ------
    InvalidInput
        If it is not an EMPIAR id.
    """
    return f"EMPIAR-{_number(_EMPIAR, text, 'EMPIAR', 'EMPIAR-10943')}"


def _number(pattern: re.Pattern[str], text: str | int, archive: str, example: str) -> int:
    found = None
    if isinstance(text, (str, int)) and not isinstance(text, bool):
        found = pattern.fullmatch(str(text).strip())
    number = int(found[1]) if found else 0
    if number == 0:
        raise InvalidInput(
            f"{text!r} is not an {archive} id.", hint=f"Write it like {example} or just its number."
        )
    return number


def doi(text: str | None) -> str | None:
    """Return a DOI without the prefix that some entries put before it; None if it is none."""
    found = _DOI.fullmatch(text or "")
    return found[1] if found else None


def year(node: Node) -> int | None:
    """Return the year of a publication."""
    value = node.integer()
    if value is not None and not 1900 <= value <= 2100:
        node.bad("expected a year")
    return value


def grants(node: Node) -> tuple[Grant, ...]:
    """Return the grants of an entry; both archives write them with the same keys.

    Entries that are not released have ``Suppressed`` in place of every statement: that is nothing.
    """
    found = (
        Grant(
            _unless_suppressed(item["funding_body"].text()) or "",
            _unless_suppressed(item["country"].text()),
            _unless_suppressed(item["code"].text()),
        )
        for item in node.items()
    )
    return tuple(grant for grant in found if grant.funder or grant.country or grant.code)


def _unless_suppressed(text: str | None) -> str | None:
    return None if text is None or text.casefold() == "suppressed" else text
