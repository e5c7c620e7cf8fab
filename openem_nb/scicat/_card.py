"""A data set as HTML: readable without style or script, and every word of it escaped."""

from __future__ import annotations

from html import escape, unescape
from typing import TYPE_CHECKING, Any, Final, TypeVar

from openem_nb._texts import one_line, printable
from openem_nb.errors import OpenEMError
from openem_nb.scicat import citation
from openem_nb.scicat.attachments import read_attachments
from openem_nb.scicat.files import read_tape
from openem_nb.values import counted, format_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from openem_nb.scicat.attachments import Attachment
    from openem_nb.scicat.connection import Connection
    from openem_nb.scicat.datasets import DataSet
    from openem_nb.scicat.files import TapeBlock

__all__ = ["card", "lines", "tree"]

T = TypeVar("T")

_PICTURES: Final = 4
_BLOCKS: Final = 20
_NODES: Final = 600
"""Lines of metadata that are shown; the rest is said to be there."""
_DEEPEST: Final = 12
_LONGEST: Final = 400


def lines(data_set: DataSet) -> str:
    """Return the facts of a data set as lines for a terminal, without asking for more."""
    facts = [
        ("", data_set.name),
        ("PID", data_set.pid),
        ("Type", data_set.type),
        ("Files", data_set.lifecycle.words),
        ("Page", data_set.url),
        *((name, unescape(html)) for name, html in _facts(data_set, "")),
    ]
    found = [
        f"{name + ':' if name else '':15}{one_line(text)}".strip() for name, text in facts if text
    ]
    if data_set.notice:
        found.append(data_set.notice)
    return "\n".join(found)


def card(data_set: DataSet, here: Connection) -> str:
    """Return the card of a data set; what cannot be read now is said in it, not raised."""
    problems: list[str] = []
    pictures = _try(problems, "The pictures", lambda: _pictures_of(here, data_set)) or ()
    blocks = _try(problems, "The tape blocks", lambda: _blocks_of(here, data_set)) or []
    doi = _try(problems, "The publication", lambda: _doi_of(here, data_set)) or ""
    notes = "".join(f"<p>{escape(problem)}</p>" for problem in problems)
    label = escape(data_set.name, quote=True)
    return printable(
        f'<article class="oem-card" aria-label="Data set {label}">'
        f"{_banner(data_set.notice)}{_thumbnail(pictures)}"
        '<div class="oem-card-text">'
        f"<h3>{_link(data_set.name, data_set.url)}</h3>"
        f"<p><code>{escape(data_set.pid)}</code> · {escape(data_set.type or 'no type stated')} · "
        f"{escape(_where(data_set, blocks))}</p>"
        f"{_description(data_set.description)}{notes}"
        f"{_definitions(_facts(data_set, doi))}"
        f"{_tape(data_set, blocks)}{_gallery(pictures)}{_metadata(data_set)}"
        "</div></article>"
    )


def _try(problems: list[str], what: str, ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except OpenEMError as error:
        problems.append(f"{what} could not be read now: {error}")
        return None


def _pictures_of(here: Connection, data_set: DataSet) -> tuple[Attachment, ...]:
    return read_attachments(here, data_set.pid, most=_PICTURES)


def _blocks_of(here: Connection, data_set: DataSet) -> list[TapeBlock]:
    if not data_set.lifecycle.retrievable:
        return []
    return read_tape(here, data_set.pid, files=False)


def _doi_of(here: Connection, data_set: DataSet) -> str:
    if not data_set.published:
        return ""
    return str(citation.publication_of(here, data_set.pid).get("doi") or "")


def _where(data_set: DataSet, blocks: list[TapeBlock]) -> str:
    words = data_set.lifecycle.words
    moments = [block.created for block in blocks if block.created is not None]
    if not moments:
        return words
    place = f"on tape at {data_set.lifecycle.location}"
    return words.replace(place, f"{place} since {max(moments):%Y-%m-%d}", 1)


def _facts(data_set: DataSet, doi: str) -> Iterable[tuple[str, str]]:
    yield "Owner", escape(data_set.owner)
    yield "Contact", escape(", ".join(data_set.contact))
    yield "Investigators", escape(", ".join(data_set.investigators))
    yield "Owner group", escape(data_set.owner_group)
    yield "Readable for", escape(", ".join(data_set.access_groups))
    yield "Shared with", escape(", ".join(data_set.shared_with))
    yield "Public", "yes, everybody can see it" if data_set.published else "no"
    if data_set.created:
        yield "Recorded", f"{data_set.created:%Y-%m-%d %H:%M} UTC"
    yield "Where", escape(data_set.location)
    yield "Instruments", escape(", ".join(data_set.instrument_ids))
    yield "Proposals", escape(", ".join(data_set.proposal_ids))
    yield "Techniques", escape(", ".join(data_set.techniques))
    yield "Keywords", escape(", ".join(data_set.keywords))
    yield "Size", f"{format_bytes(data_set.size)} in {counted(data_set.file_count, 'file')}"
    yield "On tape", format_bytes(data_set.packed_size) if data_set.packed_size else ""
    yield "License", escape(data_set.license)
    yield "Derived from", escape(", ".join(data_set.inputs))
    yield "Related", escape(", ".join(f"{relation} {name}" for relation, name in data_set.related))
    yield "DOI", _link(doi, f"https://doi.org/{doi}") if doi else ""


def _banner(notice: str | None) -> str:
    return f'<p class="oem-banner" role="note">{escape(notice)}</p>' if notice else ""


def _description(text: str) -> str:
    shown = text if len(text) <= 1500 else f"{text[:1500]}…"
    return f'<p style="white-space: pre-line">{escape(shown)}</p>' if shown else ""


def _link(label: str, address: str) -> str:
    if not address.startswith(("https://", "http://")):
        return escape(label)
    return (
        f'<a href="{escape(address, quote=True)}" target="_blank" rel="noopener noreferrer">'
        f"{escape(label)}</a>"
    )


def _definitions(pairs: Iterable[tuple[str, str]]) -> str:
    rows = "".join(f"<dt>{escape(name)}</dt><dd>{html}</dd>" for name, html in pairs if html)
    return f"<dl>{rows}</dl>"


def _thumbnail(pictures: tuple[Attachment, ...]) -> str:
    first = next((picture for picture in pictures if picture.uri), None)
    return _image(first, 220) if first else ""


def _image(picture: Attachment, width: int) -> str:
    caption = escape(picture.caption or "Picture of the data set", quote=True)
    return f'<img src="{picture.uri}" alt="{caption}" style="max-width: {width}px">'


def _gallery(pictures: tuple[Attachment, ...]) -> str:
    if not pictures:
        return ""
    items = "".join(
        "<li>"
        + (f"{_image(picture, 160)}<br>" if picture.uri else "")
        + f"{escape(picture.caption or 'without a caption')}"
        + ("" if picture.uri else " (no picture that can be shown)")
        + "</li>"
        for picture in pictures
    )
    more = " or more" if len(pictures) == _PICTURES else ""
    return (
        f"<details><summary>Attachments ({len(pictures)}{more})</summary><ul>{items}</ul></details>"
    )


def _tape(data_set: DataSet, blocks: list[TapeBlock]) -> str:
    if not blocks:
        return ""
    packed = sum(block.packed_size for block in blocks)
    rows = "".join(
        f'<tr><th scope="row">{escape(block.name)}</th><td>{format_bytes(block.packed_size)}</td>'
        f"<td>{format_bytes(block.size)}</td><td>{escape(block.algorithm) or 'none'}</td></tr>"
        for block in blocks[:_BLOCKS]
    )
    more = f"<p>And {len(blocks) - _BLOCKS:,} more.</p>" if len(blocks) > _BLOCKS else ""
    return (
        f"<details><summary>Tape blocks ({len(blocks):,}, {format_bytes(packed)})</summary><table>"
        f"<caption>Archive files at {escape(data_set.lifecycle.location)}</caption><thead><tr>"
        '<th scope="col">Name</th><th scope="col">On tape</th><th scope="col">Unpacked</th>'
        f'<th scope="col">Checksums</th></tr></thead><tbody>{rows}</tbody></table>{more}</details>'
    )


def _metadata(data_set: DataSet) -> str:
    if not data_set.metadata:
        return ""
    return (
        f"<details><summary>Scientific metadata ({len(data_set.metadata)})</summary>"
        f"{tree(data_set.metadata)}</details>"
    )


def tree(metadata: Mapping[str, Any]) -> str:
    """Return nested metadata as nested lists; branches can be folded."""
    left = [_NODES]
    html = _branch(metadata, left, 0)
    return html if left[0] > 0 else f"{html}<p>There is more; see <code>.metadata</code>.</p>"


def _branch(node: Mapping[str, Any], left: list[int], depth: int) -> str:
    items = []
    for key, value in node.items():
        if left[0] <= 0:
            break
        left[0] -= 1
        items.append(f"<li>{_twig(str(key), value, left, depth)}</li>")
    return f"<ul>{''.join(items)}</ul>"


def _twig(key: str, value: Any, left: list[int], depth: int) -> str:
    name = escape(_cut(key))
    if isinstance(value, dict) and not _is_quantity(value):
        if depth >= _DEEPEST:
            return f"{name}: …"
        inner = _branch(value, left, depth + 1)
        return f"<details{' open' if depth < 1 else ''}><summary>{name}</summary>{inner}</details>"
    if isinstance(value, list) and any(isinstance(item, dict | list) for item in value):
        if depth >= _DEEPEST:
            return f"{name}: …"
        inner = _branch({str(place): item for place, item in enumerate(value)}, left, depth + 1)
        return f"<details><summary>{name} ({len(value)})</summary>{inner}</details>"
    return f"{name}: {escape(_cut(_words(value)))}"


def _is_quantity(node: Mapping[str, Any]) -> bool:
    return "value" in node and set(node) <= {"value", "unit", "type"}


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return f"{_words(value.get('value'))} {value.get('unit') or ''}".strip()
    if isinstance(value, list):
        return ", ".join(_words(item) for item in value[:50]) + (" …" if len(value) > 50 else "")
    return "not stated" if value is None else str(value)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
