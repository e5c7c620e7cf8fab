"""Published data as v3 writes it: the old names of what v4 keeps in its metadata."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openem_nb.practice.scicat._shapes import Refused, bad_request

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["as_v3", "checked_v3", "from_v3"]

_TEXTS: Final = ("title", "abstract", "dataDescription", "resourceType", "publisher")
_LISTS: Final = ("creator", "pidArray")
_PLAIN: Final = (
    *("affiliation", "publicationYear", "url", "dataDescription", "resourceType", "scicatUser"),
    *("thumbnail", "relatedPublications", "downloadLink"),
)
"""Names that mean the same in v4's metadata."""
_KEYS: Final = frozenset(
    (
        *(*_TEXTS, *_LISTS, *_PLAIN),
        *("doi", "numberOfFiles", "sizeOfArchive", "authors", "registeredTime", "status"),
    )
)


def checked_v3(body: Any, *, whole: bool = True) -> dict[str, Any]:
    """Return a body that passes the framework's checks.

    Raises
    ------
    Refused
        With the list of what is wrong.
    """
    if not isinstance(body, dict):
        raise Refused(bad_request("Unexpected token in JSON at position 0"))
    problems = [f"property {name} should not exist" for name in body if name not in _KEYS]
    problems += [
        f"{name} must be a string"
        for name in _TEXTS
        if (whole or name in body) and not isinstance(body.get(name), str)
    ]
    for name in _LISTS:
        value = body.get(name)
        if (whole or name in body) and not (
            isinstance(value, list) and all(isinstance(item, str) for item in value)
        ):
            problems.append(f"each value in {name} must be a string")
    if whole and not isinstance(body.get("publicationYear"), int):
        problems.append("publicationYear must be a number")
    if problems:
        raise Refused(bad_request(problems))
    return body


def from_v3(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what v4 keeps of a v3 body."""
    found: dict[str, Any] = {name: body[name] for name in ("title", "abstract") if name in body}
    if "pidArray" in body:
        found["datasetPids"] = body["pidArray"]
    about: dict[str, Any] = {name: body[name] for name in _PLAIN if name in body}
    if "creator" in body:
        about["creators"] = [{"name": name} for name in body["creator"]]
    if "authors" in body:
        about["contributors"] = [{"name": name} for name in body["authors"]]
    if "publisher" in body:
        about["publisher"] = {"name": body["publisher"]}
    if about:
        found["metadata"] = about
    return found


def as_v3(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return a record with the old names."""
    about: Mapping[str, Any] = record["metadata"]
    publisher = about.get("publisher")
    found = {
        "_id": record["_id"],
        "doi": record["doi"],
        "title": record["title"],
        "abstract": record["abstract"],
        "pidArray": record["datasetPids"],
        "creator": _names(about.get("creators")),
        "authors": _names(about.get("contributors")),
        "publisher": publisher.get("name", "") if isinstance(publisher, dict) else publisher or "",
        "publicationYear": about.get("publicationYear"),
        "resourceType": about.get("resourceType", ""),
        "dataDescription": about.get("dataDescription", ""),
        "numberOfFiles": record["numberOfFiles"],
        "sizeOfArchive": record["sizeOfArchive"],
        "status": "registered"
        if record["status"] in ("registered", "amended")
        else "pending_registration",
        "createdAt": record["createdAt"],
        "updatedAt": record["updatedAt"],
        "createdBy": record["createdBy"],
        "updatedBy": record["updatedBy"],
    }
    if "registeredTime" in record:
        found["registeredTime"] = record["registeredTime"]
    return found | {name: about[name] for name in _PLAIN if name in about and name not in found}


def _names(people: Any) -> list[str]:
    if not isinstance(people, list):
        return []
    return [str(person.get("name", "")) for person in people if isinstance(person, dict)]
