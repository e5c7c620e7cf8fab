"""Small pieces of HTML; everything that comes from outside is escaped here."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING

import ipywidgets

from openem_nb._texts import one_line, printable
from openem_nb.panels._front_end import style

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "badge",
    "banner",
    "definitions",
    "escape",
    "lines",
    "link",
    "links",
    "plain",
    "status",
    "text_widget",
    "theme",
    "untangled",
]

plain = one_line
"""A text from outside on one line, with a mark in place of what hides or turns text."""
untangled = printable
"""HTML in which nothing hides or turns the text any more."""


def lines(texts: Iterable[str]) -> str:
    """Return texts from outside on a line each."""
    return "\n".join(map(plain, texts))


def escape(text: str, *, quote: bool = True) -> str:
    """Return a text from outside as HTML that shows it, and nothing else."""
    return html.escape(plain(text), quote=quote)


def theme() -> ipywidgets.HTML:
    """Return the style of all panels as a widget; a panel carries it as its first child."""
    return ipywidgets.HTML(f"<style>{style()}</style>", layout={"display": "none"})


def text_widget(value: str = "") -> ipywidgets.HTML:
    """Return a widget that shows HTML; it takes no room while it is empty."""
    return ipywidgets.HTML(value, layout={"margin": "0", "width": "auto"})


def banner(notice: str | None) -> str:
    """Return the notice that practice data must carry, nothing for real data."""
    return f'<p class="oem-banner" role="note">{escape(notice)}</p>' if notice else ""


def status(text: str) -> str:
    """Return a line that a screen reader says when it changes."""
    return f'<p role="status" aria-live="polite">{escape(text)}</p>'


def link(label: str, address: str) -> str:
    """Return a link that opens in a new tab; only web addresses become links."""
    if not address.startswith(("https://", "http://")):
        return escape(label)
    return (
        f'<a href="{html.escape(address, quote=True)}" target="_blank" rel="noopener noreferrer">'
        f"{escape(label)}</a>"
    )


def links(pairs: Iterable[tuple[str, str]]) -> str:
    """Return several links in a row."""
    return ", ".join(link(label, address) for label, address in pairs)


def badge(text: str, *, yes: bool) -> str:
    """Return a framed word; it says by text, not by colour alone, what it means."""
    return f'<span class="oem-badge{" oem-badge-yes" if yes else ""}">{escape(text)}</span>'


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """Return name and HTML value pairs as a list; pairs with an empty value are left out."""
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in pairs if value)
    return f"<dl>{rows}</dl>"
