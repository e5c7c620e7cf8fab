"""What a data set is called in the form, and what is known of it beside its images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from openem_nb.panels import _html
from openem_nb.values import format_bytes

if TYPE_CHECKING:
    from openem_nb.mining.files import ImageFiles
    from openem_nb.mining.sources import Facts, Source

__all__ = ["about", "far_words", "optics_words", "written"]


def about(source: Source) -> str:
    """Return the facts of a data set as HTML; empty for a folder, which has none."""
    facts = source.facts
    optics = [
        ("Voltage", "" if facts.voltage is None else f"{facts.voltage:g} kV"),
        ("Cs", "" if facts.cs is None else f"{facts.cs:g} mm"),
        ("Pixel size", "" if facts.pixel_size is None else f"{facts.pixel_size:g} Å"),
    ]
    if not facts.title:
        return ""
    pairs = [(name, _html.escape(text)) for name, text in (*optics, *facts.lines)]
    label = _html.escape(facts.title)
    return (
        f'<article class="oem-card" aria-label="{label}"><div class="oem-card-text">'
        f"<h3>{_html.link(facts.title, facts.url)}</h3>{_html.definitions(pairs)}"
        "</div></article>"
    )


def far_words(files: ImageFiles, fetched: int, *, waiting: bool) -> str:
    """Say how much has come over the network; empty where all images are on this machine."""
    if not files.far:
        return ""
    which, these = "They are", "all of them"
    if (many := files.far_count) < len(files):
        which, these = f"{many:,} of them {'is' if many == 1 else 'are'}", "what is not here"
    words = (
        f"{which} read over the network as you look at them: {format_bytes(fetched)} fetched; "
        f"{these} {'has' if many < len(files) else 'have'} {format_bytes(files.far_size)}."
    )
    return f"{words} No more is fetched unasked." if waiting else words


def optics_words(facts: Facts) -> dict[str, str]:
    """Return what stands in empty fields for values that the data set states."""
    values = {"voltage": facts.voltage, "cs": facts.cs, "pixel_size": facts.pixel_size}
    return {name: f"{value:g}" for name, value in values.items() if value is not None}


def written(given: Any) -> str:
    """Return what stands in the field for something that was given."""
    if isinstance(given, Path):
        return str(given)
    text = getattr(given, "given", None)
    if isinstance(text, str):
        return text
    return ", ".join(getattr(given, "pids", ()))
