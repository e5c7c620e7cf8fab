"""The table of an inspection: files, what their headers say, and what was measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openem_nb.mining.columns import COLUMNS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from openem_nb.mining.files import ImageFile

__all__ = ["listed", "measured"]

_HEADERS: Final = ("format", "height", "width", "frames", "pixel_size", "voltage", "notes")
_FILE: Final = frozenset({"path", "name", "source", "bytes", "mtime", "fetched"})


def listed(files: Iterable[ImageFile], known: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return one row for each file with what is known of its header; the rest is empty."""
    import pandas as pd

    rows = list(files)
    table: dict[str, Any] = {
        "name": [file.name for file in rows],
        "bytes": [file.size for file in rows],
        "problem": [known.get(file.name, {}).get("problem") for file in rows],
    }
    for column in _HEADERS:
        values = [known.get(file.name, {}).get(column) for file in rows]
        number = COLUMNS[column].type != "VARCHAR"
        table[column] = _typed(column, pd.Series(values, dtype="float64" if number else "object"))
    return pd.DataFrame(table)


def measured(table: pd.DataFrame, mined: pd.DataFrame) -> pd.DataFrame:
    """Return the table with what was measured; what a header says stays where nothing was."""
    wanted = [name for name in mined.columns if name not in _FILE]
    found = mined.drop_duplicates("name").set_index("name")[wanted].reindex(table["name"])
    found.index = table.index
    for column in wanted:
        values = found[column]
        if values.dtype.kind in "iuf":
            values = _typed(column, values.astype("float64"))
        table[column] = values.fillna(table[column]) if column in table else values
    return table


def _typed(column: str, values: pd.Series[Any]) -> pd.Series[Any]:
    """Return counts as whole numbers, also where some are missing: 1024, not 1024.0."""
    known = COLUMNS.get(column)
    return values.astype("Int64") if known is not None and known.type == "BIGINT" else values
