"""Running the statements of ``queries.sql`` in a cursor of an archive."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import duckdb
    import pandas as pd

__all__ = ["counts", "frame", "prepare", "rows", "shape", "table_names"]


@cache
def _statements() -> dict[str, str]:
    text = files("openem_nb.statistics").joinpath("queries.sql").read_text(encoding="utf-8")
    parts = re.split(r"^-- name: (.+)$", text, flags=re.MULTILINE)
    bodies = (re.sub(r"^--.*$", "", body, flags=re.MULTILINE).strip() for body in parts[2::2])
    return dict(zip(parts[1::2], bodies, strict=True))


def _execute(
    cursor: duckdb.DuckDBPyConnection, name: str, values: Mapping[str, Any]
) -> duckdb.DuckDBPyConnection:
    query = _statements()[name]
    used = {key: value for key, value in values.items() if f"${key}" in query}
    return cursor.execute(query, used)


def prepare(
    cursor: duckdb.DuckDBPyConnection,
    values: Mapping[str, Any],
    aliases: Iterable[tuple[str, str]],
) -> None:
    """Make the temporary tables from which all numbers follow.

    Parameters
    ----------
    values :
        What the statements name: ``as_of``, ``country`` and the addresses of the sites.
    aliases :
        Pairs of a funder's name as it stands in the archive, and the phrase that it matches.
    """
    pairs = list(aliases)
    cursor.execute(
        "CREATE OR REPLACE TEMP TABLE aliases AS SELECT unnest($funders::VARCHAR[]) AS funder, "
        "unnest($phrases::VARCHAR[]) AS phrase",
        {"funders": [pair[0] for pair in pairs], "phrases": [pair[1] for pair in pairs]},
    )
    _run_all(cursor, "prepare ", values)


def shape(cursor: duckdb.DuckDBPyConnection, values: Mapping[str, Any]) -> None:
    """Make, from the prepared ones, the temporary tables that the tables of the result need."""
    _run_all(cursor, "shape ", values)


def _run_all(cursor: duckdb.DuckDBPyConnection, kind: str, values: Mapping[str, Any]) -> None:
    for name in _statements():
        if name.startswith(kind):
            _execute(cursor, name, values)


def counts(cursor: duckdb.DuckDBPyConnection, values: Mapping[str, Any]) -> dict[str, int]:
    """Return the totals of the prepared tables by name."""
    answer = _execute(cursor, "counts", values)
    names = [column[0] for column in answer.description]
    return dict(zip(names, answer.fetchall()[0], strict=True))


def rows(
    cursor: duckdb.DuckDBPyConnection, name: str, values: Mapping[str, Any] | None = None
) -> list[tuple[Any, ...]]:
    """Return the rows of a statement."""
    return _execute(cursor, name, values or {}).fetchall()


def frame(cursor: duckdb.DuckDBPyConnection, name: str, values: Mapping[str, Any]) -> pd.DataFrame:
    """Return one table of the result."""
    return _execute(cursor, f"table {name}", values).df()


def table_names() -> list[str]:
    """Return the names of all tables."""
    return [name.removeprefix("table ") for name in _statements() if name.startswith("table ")]
