"""The EMPIAR web service, and the EMPIAR half of the EMDB search service."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from openem_nb.practice._answer import Answer, Question, json_answer, not_found
from openem_nb.practice._emdb_api import query_of, solr_error
from openem_nb.practice._empiar_entry import empiar_json
from openem_nb.practice._index import Field, Index
from openem_nb.practice._lucene import QuerySyntaxError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from openem_nb.practice.truth import EmpiarTruth, Truth

__all__ = ["EmpiarApi"]

SEARCH_START: Final = "/emdb/api/empiar/search/"
_MOST_ROWS: Final = 10_000
_RANGE: Final = re.compile(r"(?:([A-Z]+)-)?(\d+)(?:\s*-\s*(?:\1-)?(\d+))?")

_FIELDS: Final[dict[str, Field[EmpiarTruth]]] = {
    "empiar_id": Field("exact", lambda e: (e.empiar_id,)),
    "title": Field("text", lambda e: (e.title,)),
    "status": Field("text", lambda e: (e.status,)),
    "current_status": Field("text", lambda e: (e.status,)),
    "database": Field("text", lambda _: ("EMPIAR",)),
    "deposition_date": Field("date", lambda e: (e.deposited,)),
    "release_date": Field("date", lambda e: (e.released,) if e.released else ()),
    "update_date": Field("date", lambda e: (e.updated,)),
    "obsolete_date": Field("date", lambda e: (e.obsoleted,) if e.obsoleted else ()),
    "experiment_type": Field("text", lambda e: (e.experiment_type,)),
    "author": Field("text", lambda e: e.authors, many=True),
    "xref_EMDB": Field("exact", lambda e: e.emdb_ids, many=True),
}


def _words(entry: EmpiarTruth) -> str:
    grants = (f"{grant.funder} {grant.country} {grant.code}" for grant in entry.grants)
    parts = (
        entry.empiar_id,
        entry.title,
        entry.experiment_type,
        entry.country,
        *entry.authors,
        *entry.references,
    )
    return " | ".join((*parts, *grants))


class EmpiarApi:
    """The service on one state of the archive; it answers from several threads."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.index = Index(
            list(truth.empiar.values()),
            fields=_FIELDS,
            key="empiar_id",
            text=_words,
            today=truth.today,
        )

    def search(self, question: Question) -> Answer:
        """Answer ``/emdb/api/empiar/search/{query}``: a dict by id, ``{}`` past the end."""
        query = query_of(question, SEARCH_START)
        if query is None:
            return not_found("The path")
        try:
            hits = self.index.find(query)
        except QuerySyntaxError as error:
            return solr_error(query, error)
        rows = min(question.number("rows", 10), _MOST_ROWS)
        page = max(1, question.number("page", 1))
        return self._keyed(
            (self.index.entries[hit] for hit in hits[(page - 1) * rows : page * rows]), flat=True
        )

    def answer(self, question: Question) -> Answer | None:
        """Answer a request below ``/empiar/api``; None where there is no such endpoint."""
        kind, _, rest = question.path.removeprefix("/empiar/api/").partition("/")
        rest = rest.strip("/")
        by_post = question.method == "POST" and not rest
        match kind:
            case "entry":
                wanted = question.body.decode("utf-8", "replace") if by_post else rest
                return self._asked(wanted, "EMPIAR", self._one, many=by_post)
            case "emdb_ref":
                wanted = question.body.decode("utf-8", "replace") if by_post else rest
                return self._asked(wanted, "EMD", self._referring, many=by_post)
            case "latest_citations":
                return self._latest()
        return None

    def _asked(
        self, wanted: str, prefix: str, find: Callable[[int], Iterable[EmpiarTruth]], *, many: bool
    ) -> Answer:
        """Answer a list: ``10050, EMPIAR-10060-10072`` or ``EMD-3233, EMD-2200-EMD-2400``."""
        found: dict[str, EmpiarTruth] = {}
        pieces = wanted.strip().strip('"').split(",") if many else [wanted]
        for piece in pieces:
            match = _RANGE.fullmatch(piece.strip())
            if match is None or match[1] not in (prefix, None) or (match[3] and not many):
                if many:
                    return json_answer(
                        {"code": 400, "message": f"Cannot read {piece!r}", "fields": ""}, 400
                    )
                return not_found(f"Entry {wanted!r}")
            first, last = int(match[2]), int(match[3] or match[2])
            for number in range(first, min(last, first + 100_000) + 1):
                found |= {entry.empiar_id: entry for entry in find(number)}
        if not found and not many:
            return not_found(f"Entry {wanted!r}")
        return self._keyed(found.values())

    def _one(self, number: int) -> Iterable[EmpiarTruth]:
        entry = self.truth.empiar.get(f"EMPIAR-{number}")
        return [entry] if entry else []

    def _referring(self, number: int) -> Iterable[EmpiarTruth]:
        """Return the entries with this EMDB id; obsolete ones are left out."""
        entries = (
            self.truth.empiar[empiar_id] for empiar_id in self.truth.links(f"EMD-{number:04d}")
        )
        return [entry for entry in entries if entry.status != "OBS"]

    def _keyed(self, entries: Iterable[EmpiarTruth], *, flat: bool = False) -> Answer:
        seed = self.truth.seed
        return json_answer({e.empiar_id: empiar_json(e, seed, flat=flat) for e in entries})

    def _latest(self) -> Answer:
        cited = sorted(
            (e for e in self.truth.empiar.values() if e.doi), key=lambda e: e.updated, reverse=True
        )
        return json_answer(
            [
                {
                    "pmid": str(30_000_000 + int(entry.empiar_id[7:])),
                    "pub_year": entry.updated.year,
                    "author_string": ", ".join(entry.authors),
                    "title": entry.title,
                }
                for entry in cited[:5]
            ]
        )
