"""Creating, changing and removing data sets: what is allowed, what is refused, what is reset."""

from __future__ import annotations

import json
import re
import uuid
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from openem_nb.practice._answer import json_answer
from openem_nb.practice.scicat._datasets import opened, output
from openem_nb.practice.scicat._dates import moment_of
from openem_nb.practice.scicat._generate import moment
from openem_nb.practice.scicat._metadata import decoded, encoded, enriched
from openem_nb.practice.scicat._routes import Request, Route
from openem_nb.practice.scicat._shapes import (
    Refused,
    bad_request,
    conflict,
    empty,
    forbidden,
    nest,
    old_validation,
    status_message,
)
from openem_nb.practice.scicat._users import can_edit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openem_nb.practice._answer import Answer
    from openem_nb.practice.scicat.service import ScicatService

__all__ = ["LIFECYCLE", "routes"]

_COMMON: Final = frozenset(
    (
        *("ownerGroup", "accessGroups", "instrumentGroup", "owner", "ownerEmail", "orcidOfOwner"),
        *("contactEmail", "sourceFolder", "sourceFolderHost", "size", "packedSize", "keywords"),
        *("numberOfFiles", "numberOfFilesArchived", "creationTime", "validationStatus"),
        *("description", "datasetName", "classification", "license", "isPublished", "techniques"),
        *("sharedWith", "relationships", "datasetlifecycle", "scientificMetadata", "comment"),
        *("scientificMetadataSchema", "scientificMetadataValid", "dataQualityMetrics"),
        *("runNumber", "startTime", "endTime", "creationLocation", "dataFormat", "inputDatasets"),
        *("usedSoftware", "jobParameters", "jobLogData"),
    )
)
_V3: Final = _COMMON | {
    *("proposalId", "sampleId", "instrumentId", "principalInvestigator", "investigator"),
}
_V4: Final = _COMMON | {"principalInvestigators", "proposalIds", "sampleIds", "instrumentIds"}
_REQUIRED: Final = ("owner", "contactEmail", "ownerGroup", "sourceFolder", "creationTime")
LIFECYCLE: Final[Mapping[str, Any]] = {
    "archivable": True,
    "retrievable": False,
    "publishable": False,
    "isOnCentralDisk": True,
    "archiveStatusMessage": "datasetCreated",
    "retrieveStatusMessage": "",
    "retrieveIntegrityCheck": False,
    "archiveReturnMessage": {},
    "retrieveReturnMessage": {},
    "publishedOn": "2026-11-02T04:00:00.000Z",
    "dateOfDiskPurging": "2026-11-02T04:00:00.000Z",
    "archiveRetentionTime": "2036-11-02T00:00:00.000Z",
    "dateOfPublishing": "2029-11-02T00:00:00.000Z",
}
"""What a lifecycle holds where nothing else is said; the dates are no evidence of anything."""
_LIFECYCLE_KEYS: Final = frozenset((*LIFECYCLE, "storageLocation", "exportedTo"))
_HOST: Final = re.compile(
    r"(?:[a-z][a-z0-9+.-]*://)?[\w-]+(?:\.[\w-]+)+(?:[:/].*)?$", re.IGNORECASE
)


def routes(service: ScicatService) -> list[Route]:
    """Return the routes of this theme."""
    return [
        Route("POST", None, "datasets", _create),
        Route("POST", None, "datasets/isValid", _is_valid),
        Route("PATCH", None, "datasets/{pid}", _change),
        Route("PUT", None, "datasets/{pid}", _change),
        Route("DELETE", None, "datasets/{pid}", _delete),
        Route("GET", None, "datasets/{pid}/datasetlifecycle", _lifecycle),
        Route("PATCH", None, "datasets/{pid}/datasetlifecycle", _change_lifecycle),
        Route("POST", 3, "datasets/{pid}/appendToArrayField", _append),
    ]


def _problems(body: Mapping[str, Any], version: int) -> list[tuple[str, str, str]]:
    """Return property, rule and words of what is wrong with the values of a data set."""
    required: tuple[str, ...] = (*_REQUIRED, "type")
    if version == 4:
        required = (*(name for name in required if name != "owner"), "datasetName")
    elif body.get("type") == "derived":
        required = (*required, "investigator", "inputDatasets", "usedSoftware")
    else:
        required = (*required, "principalInvestigator", "creationLocation")
    missing = [
        (name, "isString", f"{name} must be a string") for name in required if not body.get(name)
    ]
    return missing + _wrong(body)


def _wrong(body: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    found = []
    for name in ("creationTime", "startTime", "endTime"):
        if name in body and (not isinstance(body[name], str) or moment_of(body[name]) is None):
            words = f"{name} must be a valid ISO 8601 date string"
            found.append((name, "isDateString", words))
    found += [
        (name, "isArray", f"{name} must be an array")
        for name in ("keywords", "accessGroups", "sharedWith", "principalInvestigators")
        if name in body and not isinstance(body[name], list)
    ]
    host = body.get("sourceFolderHost")
    if host is not None and not _HOST.match(str(host)):
        words = "sourceFolderHost must be a URL address"
        found.append(("sourceFolderHost", "isUrl", words))
    return found


def _unknown(body: Mapping[str, Any], version: int, *, more: tuple[str, ...] = ()) -> list[str]:
    allowed = (_V3 if version == 3 else _V4) | set(more)
    return [f"property {key} should not exist" for key in body if key not in allowed]


def _create(request: Request) -> Answer:
    user, body, service = request.user, request.body, request.service
    if user is None or not (user.creates or user.privileged):
        return forbidden()
    unknown = _unknown(body, request.version, more=("type", "pid", "version"))
    problems = _problems(body, request.version)
    if request.version == 3 and (unknown or problems):
        return old_validation(
            [(line.split()[1], "whitelistValidation", line) for line in unknown] + problems
        )
    if unknown or problems:
        return bad_request(unknown + [words for _, _, words in problems])
    own = body.get("pid")
    if (own and not user.privileged) or not (
        user.admin or user.privileged or body["ownerGroup"] in user.groups
    ):
        return forbidden("Unauthorized to create datasets")
    if "owner" not in body:
        return nest(500, "Something went wrong. Please try again later.")
    pid = own or f"{service.prefix}/{uuid.uuid4()}"
    now = service.now()
    lifecycle = body.get("datasetlifecycle") or {}
    document = {
        "_id": pid,
        "accessGroups": [],
        "sharedWith": [],
        "keywords": [],
        "techniques": [],
        "relationships": [],
        "inputDatasets": [],
        "usedSoftware": [],
        "isPublished": False,
        "size": 0,
        "packedSize": 0,
        "numberOfFiles": 0,
        "numberOfFilesArchived": 0,
        **_stored(body, request.version, creating=True),
        "pid": pid,
        "classification": "IN=medium,AV=low,CO=low",
        "datasetlifecycle": {**LIFECYCLE, **lifecycle},
        "createdBy": user.username,
        "updatedBy": user.username,
        "createdAt": now,
        "updatedAt": now,
        "version": "3",
        "__v": 0,
    }
    with service.store.transaction():
        if service.store.peek("datasets", pid) is not None:
            return conflict(f"A dataset with pid {pid} already exists!")
        service.store.put("datasets", pid, document)
    return json_answer(output(request, document), 201)


def _stored(body: Mapping[str, Any], version: int, *, creating: bool = False) -> dict[str, Any]:
    """Return values as they are stored: names of v4, dates in UTC, quantities with SI beside."""
    found = dict(body)
    if version == 3:
        for single in ("proposalId", "sampleId", "instrumentId"):
            if single in found or creating:
                found[f"{single}s"] = [found.pop(single, None)]
        name = found.pop("principalInvestigator", None) or found.get("investigator")
        if name:
            found["principalInvestigators"] = [name]
    for name in ("creationTime", "startTime", "endTime"):
        if found.get(name):
            found[name] = str(moment_of(found[name]))
    if "sourceFolder" in found:
        found["sourceFolder"] = found["sourceFolder"].rstrip("/") or "/"
        if creating and not found.get("datasetName"):
            found["datasetName"] = "/".join(found["sourceFolder"].split("/")[-2:])
    if "classification" in found:
        found["classification"] = "IN=medium,AV=low,CO=low"
    if "scientificMetadata" in found:
        found["scientificMetadata"] = encoded(enriched(found["scientificMetadata"]))
    return found


def _is_valid(request: Request) -> Answer:
    if request.user is None or not (request.user.creates or request.user.privileged):
        return forbidden()
    problems = [words for _, _, words in _problems(request.body, request.version)]
    if request.version == 4:
        unknown = _unknown(request.body, 4, more=("type", "pid", "version"))
        return json_answer({"valid": not (problems or unknown)})
    if problems:
        return json_answer({"valid": False, "error": "; ".join(problems)})
    return json_answer({"valid": True})


def _editable(request: Request) -> dict[str, Any]:
    """Return a copy of the data set to change, or refuse."""
    if request.user is None:
        raise Refused(forbidden())
    document = opened(request)
    if not can_edit(request.user, document):
        raise Refused(forbidden())
    return request.service.store.get("datasets", document["pid"]) or {}


def _not_since(request: Request, document: Mapping[str, Any]) -> None:
    """Refuse where the data set was changed after the moment in ``If-Unmodified-Since``."""
    text = request.question.headers.get("if-unmodified-since", "")
    since = _http_date(text) or moment_of(text)
    if since is None:
        return
    psi = request.flavour == "psi5"
    fresh = document["updatedAt"] <= since if psi else document["updatedAt"] < since
    if not fresh:
        words = (
            f"Dataset #{document['pid']} has been modified on the server since {since}"
            if psi
            else "Resource has been modified on server"
        )
        raise Refused(nest(412, words, "Precondition Failed"))


def _http_date(text: str) -> str | None:
    try:
        return moment(parsedate_to_datetime(text))
    except (TypeError, ValueError):
        return None


def _change(request: Request) -> Answer:
    body = request.body
    with request.service.store.transaction():
        document = _editable(request)
        unknown = _unknown(body, request.version)
        problems = _wrong(body)
        if unknown or problems:
            return bad_request(unknown + [words for _, _, words in problems])
        _not_since(request, document)
        merging = request.version == 4 and "merge-patch" in request.question.headers.get(
            "content-type", ""
        )
        if merging:
            _whole_pairs(document, body.get("scientificMetadata"))
        new = _stored(body, request.version)
        if "datasetlifecycle" in new:
            # an ordinary change replaces the whole part by what is given and the defaults
            before = document["datasetlifecycle"] if merging else LIFECYCLE
            new["datasetlifecycle"] = {**before, **new["datasetlifecycle"]}
        if merging and "scientificMetadata" in body:
            old = document.get("scientificMetadata") or {}
            new["scientificMetadata"] = encoded(
                enriched(_merged(decoded(old), body["scientificMetadata"]))
            )
        _save(request, document | new)
    return json_answer(output(request, document | new))


def _whole_pairs(document: Mapping[str, Any], change: Any) -> None:
    def halves(old: Any, new: Any) -> bool:
        if not isinstance(old, dict) or not isinstance(new, dict):
            return False
        if {"value", "unit"} <= old.keys() and len({"value", "unit"} & new.keys()) == 1:
            return True
        return any(halves(old.get(key), item) for key, item in new.items())

    if halves(document.get("scientificMetadata"), change):
        text = f"Original dataset {document['pid']} contains both value and unit in a quantity"
        raise Refused(bad_request(text))


def _merged(old: Any, new: Any) -> Any:
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    found = dict(old)
    for key, item in new.items():
        if item is None:
            found.pop(key, None)
        else:
            found[key] = _merged(old.get(key), item)
    return found


def _save(request: Request, document: dict[str, Any]) -> None:
    document["updatedAt"] = request.service.now()
    document["updatedBy"] = request.user.username if request.user else "anonymous"
    request.service.store.put("datasets", document["pid"], document)


def _delete(request: Request) -> Answer:
    if request.user is None or not request.user.deletes:
        return forbidden()
    document = opened(request)
    request.service.store.delete("datasets", document["pid"])
    return json_answer(output(request, document)) if request.version == 3 else empty()


def _lifecycle(request: Request) -> Answer:
    return json_answer(opened(request).get("datasetlifecycle") or {})


def _change_lifecycle(request: Request) -> Answer:
    body = request.body
    with request.service.store.transaction():
        document = _editable(request)
        unknown = [f"property {key} should not exist" for key in body if key not in _LIFECYCLE_KEYS]
        if unknown:
            return bad_request(unknown)
        if not body:
            return status_message(400, "dataset lifecycle DTO must not be empty")
        _not_since(request, document)
        document["datasetlifecycle"] = {**document["datasetlifecycle"], **body}
        _save(request, document)
    return json_answer(output(request, document))


def _append(request: Request) -> Answer:
    if request.user is None or not request.user.deletes:
        return forbidden()
    with request.service.store.transaction():
        document = request.service.store.get("datasets", opened(request)["pid"]) or {}
        name = request.values.get("fieldName", "")
        document[name] = [*(document.get(name) or []), *json.loads(request.values["data"])]
        _save(request, document)
    return json_answer(output(request, document))
