"""The web pages of entries, for links that a person follows: tiny, and they say what they are."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from openem_nb.practice._answer import Answer, html

if TYPE_CHECKING:
    from openem_nb.practice.truth import Truth

__all__ = ["site_page"]


def site_page(truth: Truth, path: str) -> Answer | None:
    """Return the page ``/emdb/EMD-n`` or ``/empiar/EMPIAR-n``; None for an unknown entry."""
    site, _, identifier = path.strip("/").partition("/")
    title: str
    if site == "emdb" and identifier in truth.emdb:
        entry = truth.emdb[identifier]
        title = entry.title if entry.visible else "Not released"
    elif site == "empiar" and identifier in truth.empiar:
        title = truth.empiar[identifier].title
    else:
        return None
    note = "<strong>This is practice data</strong>: an invented entry."
    text = f"<h1>{identifier}</h1><p>{escape(title)}</p><p>{note}</p>"
    return html(f"{identifier} (practice data)", text)
