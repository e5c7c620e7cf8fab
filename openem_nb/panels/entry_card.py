"""One entry of an archive as a card: picture, facts, links."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Final

from openem_nb import emdb, empiar, settings
from openem_nb.errors import NotFound, OpenEMError
from openem_nb.panels._html import badge, definitions, escape, link, links
from openem_nb.panels._query import METHODS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from openem_nb._records import Citation
    from openem_nb.jobs import Progress

__all__ = ["emdb_card", "empiar_card", "entry_card"]

_SIGNATURES: Final = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
}
_LARGEST: Final = 4_000_000
"""Bytes of a picture that a card shows; larger ones would fill the notebook."""


def entry_card(name: str, *, progress: Progress) -> str:
    """Fetch an entry of EMDB or EMPIAR and return its card as HTML.

    The picture is fetched here and put into the card itself: the browser asks no foreign host.

    Raises
    ------
    NotFound
        If there is no such entry.
    """
    progress.update(message=f"Reading {name}")
    if name.startswith("EMPIAR-"):
        return empiar_card(empiar.entry(name, progress=progress))
    entry = emdb.entry(name, progress=progress)
    progress.check()
    try:
        picture = _picture(entry)
    except NotFound:
        picture = None
    except OpenEMError as error:  # the facts are worth showing without it
        return emdb_card(entry, problem=f"The picture could not be loaded. {error}")
    return emdb_card(entry, picture=picture)


def emdb_card(entry: emdb.Entry, *, picture: bytes | None = None, problem: str = "") -> str:
    """Return the card of an EMDB entry as HTML."""
    raw = len(entry.empiar_ids) > 0
    resolution = "" if entry.resolution is None else f"{entry.resolution:g} Å"
    site = settings.services().empiar_site
    organisms = (
        f"{organism.name} (taxon {organism.taxid})" if organism.taxid else organism.name
        for organism in entry.organisms
    )
    facts = definitions(
        [
            ("Method", _texts(METHODS.get(name, name) for name in entry.methods)),
            ("Resolution", escape(resolution)),
            ("Sample", escape(entry.sample)),
            ("Organism", _texts(organisms)),
            ("Microscope", _texts(entry.microscopes)),
            ("Detector", _texts(entry.detectors)),
            ("Voltage", _texts(f"{voltage:g} kV" for voltage in entry.voltages)),
            ("Deposited", _day(entry.deposited)),
            ("Map released", _day(entry.map_released)),
            ("Status", escape(entry.status)),
            ("Superseded by", _texts(entry.superseded_by)),
            ("Authors", _some(entry.authors)),
            ("Funding", _some(grant.funder for grant in entry.grants if grant.funder)),
            ("Publication", _citation(entry.citation)),
            ("Models", _models(entry.pdb_ids)),
            ("Raw data", links((name, f"{site}/{name}") for name in entry.empiar_ids)),
        ]
    )
    label = "Raw data in EMPIAR" if raw else "No raw data in EMPIAR"
    return _card(entry.id, entry.title, entry.url, badge(label, yes=raw), facts, picture, problem)


def empiar_card(entry: empiar.Entry) -> str:
    """Return the card of an EMPIAR entry as HTML."""
    site = settings.services().emdb_site
    facts = definitions(
        [
            ("Experiment", escape(entry.experiment_type)),
            ("Size", escape(entry.size_text)),
            ("Deposited", _day(entry.deposited)),
            ("Released", _day(entry.released)),
            ("Status", escape(entry.status)),
            ("Authors", _some(entry.authors)),
            ("Countries", _texts(entry.countries)),
            ("Funding", _some(grant.funder for grant in entry.grants if grant.funder)),
            ("DOI", _doi(entry.doi)),
            ("Publication", _citation(entry.citation)),
            ("Maps", links((name, f"{site}/{name}") for name in entry.emdb_ids)),
            ("Models", _models(entry.pdb_ids)),
            ("Image sets", "<br>".join(_image_set(item) for item in entry.imagesets)),
        ]
    )
    maps = len(entry.emdb_ids) > 0
    label = "Maps in EMDB" if maps else "No map in EMDB named"
    return _card(entry.id, entry.title, entry.url, badge(label, yes=maps), facts, None, "")


def _card(
    name: str, title: str, url: str, label: str, facts: str, picture: bytes | None, problem: str
) -> str:
    image = _image(name, picture)
    note = f'<p class="oem-muted">{escape(problem)}</p>' if problem else ""
    return (
        f'<article class="oem-card" aria-label="{escape(name, quote=True)}">{image}'
        f'<div class="oem-card-text"><h3>{link(name, url)} {label}</h3>'
        f"<p>{escape(title)}</p>{note}{facts}</div></article>"
    )


def _picture(entry: emdb.Entry) -> bytes:
    services = settings.services()
    folder = settings.folders().cache / "pictures" / services.name / entry.id
    (path,) = emdb.download(entry.id, "image", folder=folder)
    return path.read_bytes()


def _image(name: str, picture: bytes | None) -> str:
    """Return the picture as part of the page, nothing if it is no picture after all."""
    if picture is None or len(picture) > _LARGEST:
        return ""
    for signature, kind in _SIGNATURES.items():
        if picture.startswith(signature):
            data = base64.b64encode(picture).decode("ascii")
            return f'<img src="data:{kind};base64,{data}" alt="Picture of the map {escape(name)}">'
    return ""


def _image_set(item: empiar.ImageSet) -> str:
    count = "" if item.count is None else f"{item.count:,} × "
    pixel = "" if item.pixel_width is None else f", {item.pixel_width:g} Å a pixel"
    return escape(f"{count}{item.category or item.name}, {item.data_format}{pixel}")


def _citation(citation: Citation | None) -> str:
    if citation is None:
        return ""
    words = [citation.title, citation.journal, str(citation.year or "")]
    text = escape(". ".join(word.rstrip(".") for word in words if word))
    return " ".join(part for part in (text, _doi(citation.doi)) if part)


def _doi(doi: str | None) -> str:
    return link(f"doi:{doi}", f"https://doi.org/{doi}") if doi else ""


def _models(ids: Iterable[str]) -> str:
    return links((name, f"https://www.ebi.ac.uk/pdbe/entry/pdb/{name}") for name in ids)


def _texts(texts: Iterable[str]) -> str:
    return escape(", ".join(dict.fromkeys(texts)))


def _some(texts: Iterable[str], most: int = 8) -> str:
    several = list(dict.fromkeys(texts))
    more = f" and {len(several) - most} more" if len(several) > most else ""
    return escape(", ".join(several[:most]) + more)


def _day(day: date | None) -> str:
    return day.isoformat() if day else ""
