"""The EMDB web service: entry, search (JSON and CSV), facet, yearly, annotations, analysis."""

from __future__ import annotations

import json
import random
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from openem_nb.practice._answer import Answer, Question, html, json_answer, not_found
from openem_nb.practice._emdb_entry import entry_json
from openem_nb.practice._emdb_maps import file_names
from openem_nb.practice._index import Field, Index, Value, csv_text
from openem_nb.practice._lucene import QuerySyntaxError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from openem_nb.practice.truth import EmdbTruth, Truth

__all__ = ["EmdbApi", "query_of", "solr_error"]

JSON_ROWS: Final = 100
"""Most rows of a JSON page, whatever is asked for."""
_DEFAULT_ROWS: Final = 10
_ENTRY_CACHE: Final = 512


def solr_error(query: str, error: QuerySyntaxError) -> Answer:
    """Return what Solr says to a query that it cannot use."""
    message = str(error)
    if not message.startswith(("undefined field", "Invalid")):
        message = f"org.apache.solr.search.SyntaxError: Cannot parse '{query}': {message}"
    classes = [
        "error-class",
        "org.apache.solr.common.SolrException",
        "root-error-class",
        "SyntaxError",
    ]
    header = {"status": 400, "QTime": 1, "params": {"q": query}}
    body = {"responseHeader": header, "error": {"metadata": classes, "msg": message, "code": 400}}
    return json_answer(body, 400)


def query_of(question: Question, start: str) -> str | None:
    """Return the query in the path after ``start``; None where a ``/`` in it breaks the path."""
    raw = question.raw_path[len(start) :]
    return None if "/" in raw else question.path[len(start) :]


def _maybe(value: Value | None) -> tuple[Value, ...]:
    return () if value is None else (value,)


def _shown(get: Callable[[EmdbTruth], Sequence[Value]]) -> Callable[[EmdbTruth], Sequence[Value]]:
    """Return the values of visible entries only."""
    return lambda entry: get(entry) if entry.visible else ()


def _links(entry: EmdbTruth, truth: Truth) -> tuple[str, ...]:
    kinds = (("pdb", entry.pdb_ids), ("empiar", truth.links(entry.emdb_id)), ("doi", entry.doi))
    return tuple(kind for kind, there in kinds if there)


def _fields(truth: Truth) -> dict[str, Field[EmdbTruth]]:
    """Return the fields of the index that these entries have; none is about funding."""
    fields: dict[str, Field[EmdbTruth]] = {
        "emdb_id": Field("exact", lambda e: (e.emdb_id,)),
        "title": Field("text", lambda e: (e.title if e.visible else "SUPPRESSED",)),
        "current_status": Field("text", lambda e: (e.status,)),
        "deposition_date": Field("date", lambda e: (e.deposited,)),
        "header_release_date": Field("date", lambda e: _maybe(e.header_released)),
        "map_release_date": Field("date", lambda e: _maybe(e.map_released)),
        "release_date": Field("date", lambda e: _maybe(e.map_released)),
        "update_date": Field("date", lambda e: (e.updated,)),
        "obsolete_date": Field("date", lambda e: _maybe(e.obsoleted)),
        "deposition_site": Field("text", lambda e: (e.site,)),
        "database": Field("text", lambda _: ("EMDB",)),
        "author": Field("text", _shown(lambda e: e.authors), many=True),
        "structure_determination_method": Field("text", lambda e: e.methods, many=True),
        "resolution": Field("number", _shown(lambda e: _maybe(_stated_resolution(e)))),
        "microscope_name": Field("text", lambda e: e.microscopes, many=True),
        "sample_name": Field("text", _shown(lambda e: (e.sample,))),
        "natural_source_organism": Field(
            "text", _shown(lambda e: tuple(n for n, _ in e.organisms)), many=True
        ),
        "natural_source_ncbi_code": Field(
            "exact", _shown(lambda e: tuple(str(t) for _, t in e.organisms if t)), many=True
        ),
        "fitted_pdbs": Field("text", _shown(lambda e: e.pdb_ids), many=True),
        "xref_EMPIAR": Field("exact", _shown(lambda e: truth.links(e.emdb_id)), many=True),
        "xref_DOI": Field("exact", _shown(lambda e: _maybe(e.doi))),
        "xref_PUBMED": Field("exact", _shown(lambda e: _maybe(e.pubmed if e.journal else None))),
        "xref_links": Field("text", _shown(lambda e: _links(e, truth)), many=True),
        "primary_citation_title": Field("text", _shown(lambda e: (e.sample,))),
        "primary_citation_year": Field("number", _shown(lambda e: _maybe(e.citation_year))),
        "primary_citation_journal_name": Field("text", _shown(lambda e: _maybe(e.journal))),
        "primary_citation_author_string": Field("text", _shown(lambda e: (", ".join(e.authors),))),
        "half_map_filename": Field("exact", lambda e: file_names(e, truth.seed)["half"], many=True),
    }
    fields["xref_PDB"] = fields["fitted_pdbs"]
    fields["organism"] = fields["natural_source_organism"]
    return fields


def _stated_resolution(entry: EmdbTruth) -> float | None:
    """Return the best resolution; where there is only a stated zero, the zero."""
    if entry.resolution is not None:
        return entry.resolution
    return 0.0 if 0.0 in entry.resolutions else None


def _words(entry: EmdbTruth) -> str:
    """Return everything that a free word finds: grants and the journal's country too."""
    if not entry.visible:
        return f"{entry.emdb_id} {entry.status} {entry.site} {' '.join(entry.microscopes)}"
    parts = [
        entry.emdb_id,
        entry.status,
        entry.site,
        entry.title,
        entry.sample,
        entry.journal or "",
        entry.doi or "",
    ]
    parts += [
        *entry.methods,
        *entry.microscopes,
        *entry.authors,
        *entry.pdb_ids,
        entry.citation_country or "",
    ]
    parts += [name for name, _ in entry.organisms]
    for grant in entry.grants:
        parts += [grant.funder, grant.country or "", grant.code or ""]
    return " | ".join(parts)


class EmdbApi:
    """The service on one state of the archive; it answers from several threads."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.fields = _fields(truth)
        self.index = Index(
            list(truth.emdb.values()),
            fields=self.fields,
            key="emdb_id",
            text=_words,
            today=truth.today,
        )

    def answer(self, question: Question) -> Answer | None:
        """Answer a request below ``/emdb/api``; None where there is no such endpoint."""
        path = question.raw_path.removeprefix("/emdb/api")
        kind, _, rest = path.lstrip("/").partition("/")
        match kind:
            case "entry" | "annotations" | "analysis":
                entry = self.truth.emdb.get(rest.rstrip("/"))
                if entry is None:
                    return not_found(f"Entry {rest!r}")
                if kind == "entry":
                    return json_answer(entry_json(entry, self.truth.seed))
                return self._annotations(entry) if kind == "annotations" else self._analysis(entry)
            case "search" | "facet" | "yearly":
                query = query_of(question, f"/emdb/api/{kind}/")
                if query is None:
                    return not_found("The path")
                try:
                    return self._found(kind, query, question)
                except QuerySyntaxError as error:
                    return solr_error(query, error)
        return None

    def _found(self, kind: str, query: str, question: Question) -> Answer:
        if kind == "search" and not query.strip():  # no query: the newest entries
            hits = self._sorted(self.index.find("*:*"), "release_date desc")
        else:
            hits = self._sorted(self.index.find(query), question.parameters.get("sort", ""))
        entries = [self.index.entries[hit] for hit in hits]
        if kind == "facet":
            return self._facet(entries, question.parameters.get("field", "current_status"))
        if kind == "yearly":
            years = Counter(
                e.map_released.year for e in entries if e.status == "REL" and e.map_released
            )
            return json_answer(
                {"annually": [{"year": year, "value": n} for year, n in sorted(years.items())]}
            )
        wants_csv = question.parameters.get("wt") == "csv" or "text/csv" in question.headers.get(
            "accept", ""
        )
        rows = question.number("rows", _DEFAULT_ROWS)
        page = max(1, question.number("page", 1))
        if wants_csv:
            return self._csv(query, entries, rows, page, question)
        rows = min(rows, JSON_ROWS)
        texts = [
            json.dumps(entry_json(entry, self.truth.seed), ensure_ascii=False)
            for entry in entries[(page - 1) * rows : page * rows]
        ]
        return Answer(200, f"[{','.join(texts)}]".encode())

    def _sorted(self, hits: list[int], sort: str) -> list[int]:
        name, _, direction = sort.strip().partition(" ")
        if not name:
            return hits
        field = self.fields.get(name)
        if field is None or direction not in ("asc", "desc"):
            raise QuerySyntaxError(f"Invalid sort: {sort}")
        values = {hit: field.values(self.index.entries[hit]) for hit in hits}
        there = sorted(
            (h for h in hits if values[h]), key=lambda h: values[h][0], reverse=direction == "desc"
        )
        return there + [hit for hit in hits if not values[hit]]

    def _csv(
        self, query: str, entries: list[EmdbTruth], rows: int, page: int, question: Question
    ) -> Answer:
        names = [name for name in question.parameters.get("fl", "").split(",") if name] or list(
            self.fields
        )
        if names == ["*"]:
            names = list(self.fields)
        wanted = entries[(page - 1) * rows : page * rows]
        headers = {}
        if question.parameters.get("download") == "true":
            headers["Content-Disposition"] = 'attachment; filename="search.csv"'
        if not wanted and (
            entries or zlib.crc32(query.encode()) % 2
        ):  # nothing may be zero bytes, too
            return Answer(200, b"", "text/csv; charset=utf-8", headers)
        text = csv_text([self.fields.get(name) for name in names], names, wanted)
        return Answer(200, text.encode(), "text/csv; charset=utf-8", headers)

    def _facet(self, entries: list[EmdbTruth], name: str) -> Answer:
        """Count released entries only, under keys in lower case."""
        field = self.fields.get(name)
        if field is None:
            raise QuerySyntaxError(f"undefined field {name}")
        counts: Counter[str] = Counter()
        for entry in entries:
            if entry.status == "REL":
                counts.update(str(value).lower() for value in field.values(entry))
        return json_answer({name: dict(counts.most_common())})

    def _annotations(self, entry: EmdbTruth) -> Answer:
        """Cross references added by EMICSS: every EMPIAR entry, obsolete ones too."""
        rows: dict[str, list[dict[str, Any]]] = {"ORCID": [], "EMPIAR": [], "PDB": []}
        if entry.visible:
            rows["EMPIAR"] = [
                {"id": i, "method": "EMPIAR"} for i in self.truth.links(entry.emdb_id)
            ]
            rows["PDB"] = [{"id": pdb_id, "method": "AUTHOR"} for pdb_id in entry.pdb_ids]
        empty: dict[str, Any] = {"macromolecules": {}, "supramolecules": {}}
        return json_answer({"emdb_id": entry.emdb_id, "annotations": rows, **empty})

    def _analysis(self, entry: EmdbTruth) -> Answer:
        """Return an analysis keyed by the bare number, sometimes twice; some are broken."""
        number = entry.emdb_id[4:]
        rng = random.Random(int(number))
        if rng.random() < 0.08 or not entry.visible:
            return html("500", "<h1>Internal Server Error</h1>", 500)
        analysis = {
            "resolution": {"value": entry.resolution},
            "recommended_contour_level": {"recl": 0.1},
        }
        return json_answer({number: {number: analysis} if rng.random() < 0.1 else analysis})
