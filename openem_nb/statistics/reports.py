"""Writing a result down: ``report.html``, ``summary.txt``, CSV tables and figures.

The report is one file that needs nothing else and asks the network for nothing; links to entries
are links only, and left out where the entries are invented. Everything is first written beside its
place and then moved, so that no half-written file has a final name.
"""

from __future__ import annotations

import base64
import shutil
import tempfile
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import jinja2
import pandas as pd

from openem_nb._version import __version__
from openem_nb.errors import CannotWrite
from openem_nb.statistics._layout import SECTIONS, TITLES, TableLayout
from openem_nb.statistics.definitions import DEFINITIONS
from openem_nb.statistics.figures import Figure, figures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openem_nb.statistics.countries import CountryStatistics

__all__ = ["write_report"]

_SHARES: Final = frozenset({"share", "ratio", "world_share", "world_ratio", "value"})
_UNBROKEN: Final = frozenset({"emdb_id", "empiar_id", "released", "obsoleted"})
_LONG: Final = 30
"""A table with more rows stands in a box that scrolls."""
_PLAIN: Final = frozenset({"year", "taxid", "resolution"})


def write_report(result: CountryStatistics, folder: Path | str) -> Path:
    """Write the report of a result into a folder and return the path of ``report.html``.

    Beside it: ``summary.txt`` (the headline as plain text), ``tables/`` (one CSV per table) and
    ``figures/`` (SVG and PNG). An older report in the folder is replaced; other files there are
    left alone.

    Raises
    ------
    CannotWrite
        If the folder cannot be made or written, or the disk is full; an older report is then kept.
    """
    target = Path(folder)
    drawn = figures(result)
    with _written_aside(target) as aside:
        (aside / "tables").mkdir()
        for name, table in sorted(result.tables.items()):
            if result.notice and "link" in table:
                # invented entries have pages only as long as their service runs
                table = table.assign(link=None)
            (aside / "tables" / f"{name}.csv").write_bytes(_csv(table))
        (aside / "tables" / "README.txt").write_text(_table_guide(result), encoding="utf-8")
        (aside / "figures").mkdir()
        for figure in drawn:
            (aside / "figures" / f"{figure.name}.svg").write_bytes(figure.svg)
            (aside / "figures" / f"{figure.name}.png").write_bytes(figure.png)
        (aside / "summary.txt").write_text("\n".join(result.headline()) + "\n", encoding="utf-8")
        (aside / "report.html").write_text(_page(result, drawn), encoding="utf-8")
    return target / "report.html"


@contextmanager
def _written_aside(target: Path) -> Iterator[Path]:
    """Give a folder beside the final places, and move its contents there at the end."""
    try:
        target.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=target, prefix=".report-") as made:
            aside, old = Path(made) / "new", Path(made) / "old"
            aside.mkdir()
            old.mkdir()
            yield aside
            # report.html comes last: where it is new, everything is
            for item in sorted(aside.iterdir(), key=lambda path: path.name == "report.html"):
                final = target / item.name
                if item.is_dir() and final.is_dir():
                    shutil.move(final, old / item.name)
                item.replace(final)
    except OSError as error:
        raise CannotWrite(
            f"The report cannot be written to {target}: {error.strerror or error}.",
            hint="Choose a folder where you may write and that has space.",
        ) from error


def _texts(column: pd.Series[Any]) -> Any:
    """Return dates and lists of a column as text, everything else as it is."""
    if pd.api.types.is_datetime64_any_dtype(column):
        return column.dt.strftime("%Y-%m-%d")
    return column.map(_joined) if column.dtype == object else column


def _joined(value: Any) -> Any:
    if hasattr(value, "tolist"):
        value = value.tolist()
    return "; ".join(map(str, value)) if isinstance(value, list) else value


def _csv(table: pd.DataFrame) -> bytes:
    text: str = table.apply(_texts).to_csv(index=False, lineterminator="\n")
    return text.encode()


def _table_guide(result: CountryStatistics) -> str:
    lines = [result.notice, ""] if result.notice else []
    lines += [f"{result.country}, as of {result.as_of}; archive {result.fingerprint}", ""]
    lines += [f"{name}.csv: {TITLES[name]}" for name in sorted(result.tables)]
    return "\n".join(lines) + "\n"


def _page(result: CountryStatistics, drawn: tuple[Figure, ...]) -> str:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = files("openem_nb.statistics").joinpath("report.html.j2").read_text(encoding="utf-8")
    by_name = {figure.name: figure for figure in drawn}
    body = [
        {
            "id": section.id,
            "title": section.title,
            "text": (result.years_note or "") if section.id == "years" else section.text,
            "figures": [_figure(by_name[name]) for name in section.figures],
            "tables": [
                _table(layout, result.tables[layout.name], linked=result.notice is None)
                for layout in section.tables
                if layout.name in result.tables
            ],
        }
        for section in SECTIONS
        # the published figures are those of one country
        if section.id != "published" or "published" in result.tables
    ]
    return environment.from_string(source).render(
        result=result,
        version=__version__,
        tiles=_tiles(result),
        sections=[(section["id"], section["title"]) for section in body],
        body=body,
        definitions=DEFINITIONS,
        provenance={**result.provenance, "Archive fingerprint (SHA-256)": result.fingerprint},
    )


def _tiles(result: CountryStatistics) -> list[tuple[str, str]]:
    return [
        (f"{result.entries:,}", f"EMDB entries of {result.country}"),
        (f"{result.with_raw_data:,}", "of them with raw data in EMPIAR"),
        (_share(result.share), "share with raw data"),
        (
            _share(
                result.world_with_raw_data / result.world_entries if result.world_entries else None
            ),
            "the same for the world",
        ),
        (f"{result.empiar_entries:,}", "EMPIAR entries linked to them"),
        (f"{result.entries - result.with_raw_data:,}", "maps without raw data: the work list"),
    ]


def _figure(figure: Figure) -> dict[str, str]:
    return {
        "title": figure.title,
        "alt": figure.alt,
        "caption": figure.caption,
        "data": base64.b64encode(figure.svg).decode(),
    }


def _table(layout: TableLayout, table: pd.DataFrame, *, linked: bool) -> dict[str, Any]:
    if layout.since:
        table = table[(table[layout.since] > 0).cummax()]
    shown = table.head(layout.limit) if layout.limit else table
    names = list(layout.columns)
    numbers = {
        name
        for name in names
        if pd.api.types.is_numeric_dtype(table[name]) and table[name].dtype != bool
    }
    rest = len(table) - len(shown)
    mark = table[layout.mark] if layout.mark else None
    return {
        "id": layout.name,
        "caption": TITLES[layout.name],
        "note": layout.note,
        "columns": [
            {"title": title, "number": name in numbers} for name, title in layout.columns.items()
        ],
        "rows": [
            {
                "cells": [_cell(name, row, numbers, linked=linked) for name in names],
                "mark": bool(mark is not None and mark.iloc[position]),
            }
            for position, row in enumerate(shown.to_dict("records"))
        ],
        "long": len(shown) > _LONG and not layout.since,
        "more": f"{rest:,} more rows in tables/{layout.name}.csv." if rest else "",
    }


def _cell(name: str, row: dict[Any, Any], numbers: set[str], *, linked: bool) -> dict[str, Any]:
    value = _joined(row[name])
    text = _text(name, value)
    link = None
    if not (text and linked):
        pass
    elif name in {"emdb_id", "empiar_id"}:
        link = row.get("link")
    elif name == "doi":
        link = f"https://doi.org/{quote(text, safe='/().;:_-')}"
    kind = "n" if name in numbers else "whole" if name in _UNBROKEN else ""
    return {"text": text, "kind": kind, "link": link}


def _text(name: str, value: Any) -> str:
    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return ""
    if isinstance(value, pd.Timestamp):
        return f"{value:%Y-%m-%d}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name in _SHARES and isinstance(value, float):
        return _share(value)
    if name in _PLAIN:
        return str(value)
    if isinstance(value, int | float):
        return f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"
    return str(value)


def _share(value: float | None) -> str:
    return "" if value is None else f"{value * 100:.1f} %"
