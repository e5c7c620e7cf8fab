"""An extraction as a page for people."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from openem_nb.oscem.readers import label

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openem_nb.oscem.extraction import Extraction
    from openem_nb.oscem.readers import Finding

__all__ = ["html_of"]

_LEVELS = {"error": "⛔ Error", "warning": "⚠ Warning", "info": "ℹ Note"}


def html_of(found: Extraction) -> str:
    """Return what was found as HTML: files, findings, what is missing, and all values."""
    name, _colon, rest = str(found).partition(": ")
    parts = ['<div class="oem-extraction">', f"<p><b>{escape(name)}</b>: {escape(rest)}</p>"]
    if found.missing:
        questions = (
            (one.path, one.description, one.why, "yes" if one.required else "no")
            for one in found.missing
        )
        asked = _table(("Path", "What it is", "Why", "Required"), questions)
        parts += ["<p><b>Missing</b></p>", asked]
    if found.findings:
        rows = (
            (_LEVELS[one.level], f"{one.message} {one.hint}".strip(), _files(one))
            for one in found.findings
        )
        parts += ["<p><b>Findings</b></p>", _table(("Level", "What", "Files"), rows)]
    values = (
        (
            one.path,
            f"{one.value} {one.unit}".strip(),
            f"{label(one.source)}{f' ({one.kind})' if one.kind else ''}",
            f"{one.agreed} of {one.total}" if one.total else "",
            one.tag,
            one.rule,
        )
        for one in (*found.provenance.values(), *found.beside.values())
    )
    heads = ("Path", "Value", "Source", "Agreed", "Where in the file", "Rule")
    parts += [
        "<details><summary>All values and where they come from</summary>",
        _table(heads, values),
        "</details></div>",
    ]
    return "".join(parts)


def _files(finding: Finding) -> str:
    named = finding.files[:3]
    more = max(finding.count, len(finding.files)) - len(named) if named else 0
    return ", ".join(named) + (f" and {more:,} more" if more else "")


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    left = "text-align: left"  # notebooks put what is in cells to the right
    head = "".join(f'<th scope="col" style="{left}">{escape(one)}</th>' for one in heads)
    body = "".join(
        "<tr>"
        + "".join(f'<td style="{left}{_short(cell)}">{escape(cell)}</td>' for cell in row)
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _short(cell: str) -> str:
    """Keep a value with its unit on one line."""
    return "; white-space: nowrap" if len(cell) < 32 else ""
