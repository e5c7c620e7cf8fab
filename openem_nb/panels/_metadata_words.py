"""What is wrong in a document, and how two of them differ, for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openem_nb.oscem.document import is_quantity
from openem_nb.panels import _html
from openem_nb.panels._metadata_nodes import spoken
from openem_nb.panels.job_list import Row
from openem_nb.values import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openem_nb.oscem import Change, Problem

__all__ = ["SHOWN", "differences", "problem_row", "upgraded"]

SHOWN: Final = 30
"""So many problems, or differences, are listed."""


def problem_row(one: Problem, state: str) -> Row:
    """Return a problem as a row, with a button that leads to its place."""
    path = _html.plain(one.path) or "The document"
    message = _html.plain(one.message)
    return Row(one.path, path, state, message=message, actions=(("show", "Show"),))


def differences(name: str, found: Iterable[Change]) -> str:
    """Return a table of what another document has and what this one has."""
    changes = list(found)
    heading = f"<h3>Compared with {_html.escape(name)}</h3>"
    if not changes:
        return f"{heading}{_html.status('There is no difference.')}"
    rows = "".join(
        f"<tr><th scope='row'>{_html.escape(one.path)}</th>"
        f"<td>{_cell(one.before, there=one.kind != 'added')}</td>"
        f"<td>{_cell(one.after, there=one.kind != 'removed')}</td></tr>"
        for one in changes[:SHOWN]
    )
    return (
        f"{heading}{_html.status(counted(len(changes), 'difference'))}"
        "<table class='oem-plain'><thead><tr><th scope='col'>Path</th>"
        "<th scope='col'>There</th><th scope='col'>Here</th></tr></thead>"
        f"<tbody>{rows}</tbody></table>{_more(len(changes))}"
    )


def upgraded(changes: tuple[str, ...]) -> str:
    """Return what was changed in an older document as a list."""
    rows = "".join(f"<li>{_html.escape(text)}</li>" for text in changes[:SHOWN])
    many = counted(len(changes), "change") if changes else "There was nothing to change"
    return (
        f"<h3>Brought up to date</h3>{_html.status(f'{many}.')}<ul>{rows}</ul>{_more(len(changes))}"
    )


def _more(count: int) -> str:
    return f"<p>and {count - SHOWN:,} more</p>" if count > SHOWN else ""


def _cell(value: Any, *, there: bool) -> str:
    if not there:
        return "<span class='oem-muted'>not there</span>"
    if isinstance(value, dict | list) and not is_quantity(value):
        return _html.escape(str(value))
    return _html.escape(" ".join(spoken(value)).strip())
