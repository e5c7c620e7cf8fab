"""Searching EMDB: one CSV answer, typed, and counted against the service's own figure."""

from __future__ import annotations

import csv
import io
import re
import warnings
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pandas as pd

from openem_nb import http, settings
from openem_nb._payload import Node, ask_twice
from openem_nb.emdb import _lucene
from openem_nb.errors import BadAnswer, InvalidInput, NotFound, QueryTruncatedWarning
from openem_nb.values import SearchResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from openem_nb.jobs import Progress

__all__ = ["DEFAULT_FIELDS", "count", "search"]

DEFAULT_FIELDS: Final = (
    "emdb_id",
    "title",
    "current_status",
    "structure_determination_method",
    "resolution",
    "natural_source_organism",
    "microscope_name",
    "deposition_date",
    "map_release_date",
    "xref_EMPIAR",
    "fitted_pdbs",
)
"""Columns of a search when none are named."""

_ALL_ROWS: Final = 1_000_000
_SEVERAL: Final = frozenset(
    {
        "acceleration_voltage",
        "additional_map_filename",
        "author",
        "author_orcid",
        "fitted_pdbs",
        "half_map_filename",
        "microscope_name",
        "natural_source_ncbi_code",
        "natural_source_organism",
        "organism",
        "segmentation_filename",
        "software",
        "structure_determination_method",
    }
)
_NUMBERS: Final = frozenset({"resolution", "image_reconstruction_resolution"})
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


def search(
    query: str,
    *,
    fields: Sequence[str] | None = None,
    rows: int | None = None,
    progress: Progress | None = None,
) -> SearchResult:
    """Return the entries that a Lucene query finds, one row each.

    Columns have the service's own names. Identifiers and texts are strings, dates
    ``datetime64`` without zone, ``resolution`` is a float in angstrom (the best one where an entry
    states several), years are ``Int64``, and what can be several (organisms, authors, fitted PDB
    models, ``xref_...``) is a tuple.

    Parameters
    ----------
    query :
        Lucene, for example from :func:`openem_nb.emdb.query`; ``*:*`` is everything, including
        entries that are not released.
    fields :
        Columns, by the service's names; by default :data:`DEFAULT_FIELDS`. ``emdb_id`` is always
        among them.
    rows :
        Return at most so many; None returns all.

    Returns
    -------
    SearchResult
        ``.total`` is the number of hits. The service counts released entries only, so this is its
        own count of the released hits plus the others that came.

    Raises
    ------
    InvalidInput
        If the query cannot be read, here or by the service.
    BadAnswer
        If the answer is not the table that was asked for.

    Warns
    -----
    QueryTruncatedWarning
        If the answer holds another number of released entries than the service counts.

    Examples
    --------
    >>> hits = emdb.search(emdb.query("TRPM8", resolution=(None, 3.0)))
    >>> hits.total, hits.query_sent
    """
    _lucene.check(query)
    wanted = list(dict.fromkeys(["emdb_id", *(DEFAULT_FIELDS if fields is None else fields)]))
    for field in wanted:
        if not (isinstance(field, str) and _FIELD.fullmatch(field)):
            raise InvalidInput(f"{field!r} is not the name of a field.")
    if rows is not None and (isinstance(rows, bool) or not isinstance(rows, int) or rows < 1):
        raise InvalidInput(f"rows must be a number above zero, not {rows!r}.")
    if progress is not None:
        progress.update(message="Searching EMDB")
    asked = list(dict.fromkeys([*wanted, "current_status"]))
    services = settings.services()
    columns = _table(query, asked, rows or _ALL_ROWS, progress)
    counted = count(query, progress=progress)
    received = pd.Series(columns["current_status"], dtype="object").str.upper().value_counts()
    # Released entries are compared even where the count is silent about them.
    stated = {"REL": 0, **counted}
    total = sum(stated.values()) + int(received[~received.index.isin(list(stated))].sum())
    for status, number in stated.items():
        came = int(received.get(status, 0))
        if rows is None and came != number:
            warnings.warn(
                f"EMDB counts {number} {status} entries for this query, its answer holds {came}.",
                QueryTruncatedWarning,
                stacklevel=2,
            )
    frame = pd.DataFrame({field: _column(field, columns) for field in wanted})
    return SearchResult.of(frame, total=max(total, len(frame)), query=query, notice=services.notice)


def _table(
    query: str, fields: Sequence[str], rows: int, progress: Progress | None
) -> dict[str, list[str]]:
    def ask() -> dict[str, list[str]]:
        text = http.session().text(
            f"{settings.services().emdb_api}/search/{quote(query, safe='')}",
            params={"rows": rows, "fl": ",".join(fields), "wt": "csv", "download": "false"},
            headers={"Accept": "text/csv"},
            progress=progress,
        )
        return read_csv(text, fields)

    try:
        return ask_twice(ask)
    except NotFound:
        return read_csv("", fields)


def column(query: str, field: str, *, progress: Progress | None = None) -> dict[str, list[str]]:
    """Return the values of one field for every hit, by EMDB id."""
    table = _table(query, ["emdb_id", field], _ALL_ROWS, progress)
    return {
        name: split_values(value)
        for name, value in zip(table["emdb_id"], table[field], strict=True)
    }


def count(query: str = "*:*", *, progress: Progress | None = None) -> dict[str, int]:
    """Return the service's own number of hits by status, upper case.

    In practice it counts released entries only: ``{"REL": 47123}``.

    Raises
    ------
    InvalidInput
        If the query cannot be read.
    BadAnswer
        If the answer is not a count.
    """
    _lucene.check(query)
    try:
        return ask_twice(lambda: _facet(query, progress))
    except NotFound:
        return {}


def _facet(query: str, progress: Progress | None) -> dict[str, int]:
    answer = http.session().json(
        f"{settings.services().emdb_api}/facet/{quote(query, safe='')}",
        params={"field": "current_status"},
        headers={"Accept": "application/json"},
        progress=progress,
    )
    if answer in ([], {}):
        return {}
    found = Node(answer, "facet")
    if not isinstance(answer, dict) or "current_status" not in answer:
        found.bad("expected counts by current_status")
    counts: dict[str, int] = {}
    for status in found["current_status"].value or {}:
        number = found["current_status"][status].integer()
        if number is None or number < 0:
            found.bad("expected a count")
        counts[status.upper()] = counts.get(status.upper(), 0) + number
    return counts


def read_csv(text: str, fields: Sequence[str]) -> dict[str, list[str]]:
    """Return the columns of a CSV answer; no hits come as a header alone or as nothing at all."""
    if not text.strip():
        return {field: [] for field in fields}
    reader = csv.reader(io.StringIO(text.lstrip("\ufeff"), newline=""), strict=True)
    try:
        header = next(reader)
        missing = [field for field in fields if field not in header]
        if missing:
            raise BadAnswer(
                f"EMDB's table has no column {', '.join(missing)}; it begins with "
                f"{text[:80].splitlines()[0]!r}.",
                hint="Check the names of the fields; if they are right, try again later.",
            )
        places = [header.index(field) for field in fields]
        columns: list[list[str]] = [[] for _ in fields]
        for row in reader:
            if len(row) != len(header):
                if not row:
                    continue
                raise BadAnswer(
                    f"EMDB's table is damaged in line {reader.line_num}: {len(row)} values for "
                    f"{len(header)} columns.",
                    hint="Try again.",
                )
            for values, place in zip(columns, places, strict=True):
                values.append(row[place])
    except csv.Error as error:
        raise BadAnswer(f"EMDB's table is damaged: {error}.", hint="Try again.") from error
    return dict(zip(fields, columns, strict=True))


def _column(field: str, columns: dict[str, list[str]]) -> pd.Series[Any]:
    values = columns[field]
    if field.endswith("_date"):
        dates = (_node(field, value, columns, row).date() for row, value in enumerate(values))
        return pd.Series(pd.to_datetime(pd.Series(list(dates), dtype="object")), name=field).astype(
            "datetime64[ns]"
        )
    if field in _NUMBERS:
        numbers = [
            min(_numbers(field, value, columns, row), default=None)
            for row, value in enumerate(values)
        ]
        return pd.Series(numbers, dtype="float64")
    if field.endswith("_year"):
        years = [_node(field, value, columns, row).integer() for row, value in enumerate(values)]
        return pd.Series(years, dtype="Int64")
    if field in _SEVERAL or field.startswith("xref_"):
        return pd.Series([tuple(split_values(value)) for value in values], dtype="object")
    return pd.Series([value.replace("\\,", ",") for value in values], dtype="object")


def _numbers(field: str, text: str, columns: dict[str, list[str]], row: int) -> Iterable[float]:
    for part in split_values(text):
        value = _node(field, part, columns, row).positive()
        if value is not None:
            yield value


def _node(field: str, value: str, columns: dict[str, list[str]], row: int) -> Node:
    return Node(value, f"{columns['emdb_id'][row]}.{field}")


def split_values(text: str) -> list[str]:
    r"""Return the values of one CSV cell: joined by commas, a comma within a value is ``\,``."""
    if "\\" not in text:
        parts = text.split(",")
    else:
        parts = [re.sub(r"\\(.)", r"\1", part) for part in re.findall(r"(?:[^\\,]|\\.|\\$)+", text)]
    return [part.strip() for part in parts if part.strip()]
