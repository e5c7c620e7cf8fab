"""Citing a data set: BibTeX, and a description in DataCite's schema."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from openem_nb._texts import one_line
from openem_nb.errors import NotAllowed, NotFound, NotLoggedIn
from openem_nb.scicat._documents import text

if TYPE_CHECKING:
    from openem_nb.scicat.connection import Connection
    from openem_nb.scicat.datasets import DataSet

__all__ = ["bibtex", "datacite", "publication_of"]

_SPECIAL: Final = {
    "\\": r"\textbackslash{}",
    # BibTeX counts braces, also those after a backslash: a name could end its entry.
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "_": r"\_",
    "%": r"\%",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
}
_REGISTERED: Final = ("registered", "amended")
_SCHEMA: Final = "http://datacite.org/schema/kernel-4"


def publication_of(here: Connection, pid: str) -> dict[str, Any]:
    """Return the registered publication that a data set is part of; empty if there is none.

    Only the one with a registered DOI counts: any other may still change or go.
    """
    question = {"where": {"datasetPids": {"$in": [pid]}}, "limits": {"limit": 100, "skip": 0}}
    try:
        answer = here.get("publisheddata", params={"filter": question}, version=4)
    except (NotAllowed, NotFound, NotLoggedIn):
        return {}
    found = [
        item
        for item in (answer if isinstance(answer, list) else ())
        if isinstance(item, dict)
        and item.get("status") in _REGISTERED
        and pid in (item.get("datasetPids") or ())
    ]
    return min(found, key=lambda item: text(item.get("createdAt"))) if found else {}


def bibtex(data_set: DataSet, publication: dict[str, Any]) -> str:
    """Return a BibTeX entry."""
    record = datacite(data_set, publication)
    authors = " and ".join(_author(creator["name"]) for creator in record["creators"])
    pairs = [
        ("author", authors),
        ("title", f"{{{_latex(record['titles'][0]['title'])}}}"),
        ("year", str(record.get("publicationYear") or "")),
        ("publisher", _latex(record["publisher"]["name"])),
        ("doi", _latex(record.get("doi", ""))),
        ("url", data_set.url if not record.get("doi") else ""),
        ("note", _latex(f"SciCat data set {data_set.pid}")),
    ]
    lines = [f"  {name} = {{{value}}}," for name, value in pairs if value]
    kind = "dataset" if publication else "misc"
    key = re.sub(r"[^A-Za-z0-9]+", "-", data_set.pid).strip("-")
    return "\n".join([f"@{kind}{{{key},", *lines, "}"])


def _author(name: str) -> str:
    # Braces keep a name of several words that has no comma from being taken apart at "and".
    return f"{{{_latex(name)}}}" if re.search(r"\band\b", name) else _latex(name)


def _latex(value: str) -> str:
    return "".join(_SPECIAL.get(letter, letter) for letter in one_line(text(value)))


def datacite(data_set: DataSet, publication: dict[str, Any]) -> dict[str, Any]:
    """Return a description in DataCite's schema 4, without what is not known."""
    stated = publication.get("metadata") if isinstance(publication.get("metadata"), dict) else {}
    stated = stated or {}
    doi = text(publication.get("doi"))
    creators = [_creator(item) for item in _list(stated.get("creators")) if _creator(item)]
    if not creators:
        people = data_set.investigators or (data_set.owner,)
        creators = [{"name": person} for person in people if person] or [{"name": "Unknown"}]
    publisher = stated.get("publisher")
    publisher_name = text(publisher.get("name") if isinstance(publisher, dict) else publisher)
    files = "file" if data_set.file_count == 1 else "files"
    record: dict[str, Any] = {
        "schemaVersion": _SCHEMA,
        "types": {"resourceTypeGeneral": "Dataset", "resourceType": data_set.type or "data set"},
        "titles": [{"title": text(publication.get("title")) or data_set.name}],
        "creators": creators,
        "publisher": {"name": publisher_name or _publisher(data_set)},
        "identifiers": [],
        "alternateIdentifiers": [
            {"alternateIdentifier": data_set.pid, "alternateIdentifierType": "SciCat PID"}
        ],
        "sizes": [f"{data_set.size} B", f"{data_set.file_count} {files}"],
        "subjects": [{"subject": word} for word in data_set.keywords],
        "url": data_set.url,
    }
    stated_year = text(stated.get("publicationYear"))
    if re.fullmatch(r"[12][0-9]{3}", stated_year):
        record["publicationYear"] = int(stated_year)
    elif data_set.created:
        record["publicationYear"] = data_set.created.year
    if doi:
        record["doi"] = doi
        record["identifiers"].append(
            {"identifier": f"https://doi.org/{doi}", "identifierType": "DOI"}
        )
    if data_set.created:
        record["dates"] = [{"date": data_set.created.date().isoformat(), "dateType": "Created"}]
    if data_set.license:
        record["rightsList"] = [{"rights": data_set.license}]
    words = text(publication.get("abstract")) or data_set.description
    if words:
        record["descriptions"] = [{"description": words, "descriptionType": "Abstract"}]
    if data_set.inputs:
        record["relatedIdentifiers"] = [
            {
                "relatedIdentifier": name,
                "relatedIdentifierType": "Handle",
                "relationType": "IsDerivedFrom",
            }
            for name in data_set.inputs
        ]
    return record


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _creator(item: Any) -> dict[str, Any]:
    if not isinstance(item, dict) or not text(item.get("name")):
        return {}
    found: dict[str, Any] = {"name": text(item["name"])}
    for key in ("givenName", "familyName"):
        if text(item.get(key)):
            found[key] = text(item[key])
    affiliations = [
        text(place.get("name") if isinstance(place, dict) else place)
        for place in _list(item.get("affiliation"))
    ]
    if any(affiliations):
        found["affiliation"] = [{"name": place} for place in affiliations if place]
    return found


def _publisher(data_set: DataSet) -> str:
    place = data_set.location.strip("/").split("/")[0]
    return place or data_set.lifecycle.location
