"""Published data: drafts, publication and registration of DOIs, in v3 and v4."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from openem_nb.practice._answer import Answer, json_answer
from openem_nb.practice.scicat import _published_metadata as metadata
from openem_nb.practice.scicat._datasets import text_of
from openem_nb.practice.scicat._published_v3 import as_v3, checked_v3, from_v3
from openem_nb.practice.scicat._query import (
    Filter,
    apply_list,
    parse_v3,
    parse_v4,
    project,
    test_of,
)
from openem_nb.practice.scicat._routes import Request, Route
from openem_nb.practice.scicat._shapes import (
    Refused,
    bad_request,
    bare_string,
    empty,
    forbidden,
    not_found,
)
from openem_nb.practice.scicat._users import can_edit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openem_nb.practice.scicat._users import User
    from openem_nb.practice.scicat.service import ScicatService

__all__ = ["routes"]

_DOI_PREFIX: Final = "10.5072"
"""The prefix that is set aside for tests: no such DOI resolves."""
_KEYS: Final = ("title", "abstract", "datasetPids", "registeredTime", "status", "metadata")
_KNOWN: Final = frozenset(
    (
        *_KEYS,
        *("doi", "_id", "numberOfFiles", "sizeOfArchive"),
        *("createdBy", "updatedBy", "createdAt", "updatedAt"),
    )
)
_OPEN: Final = ("public", "registered", "amended")


def routes(service: ScicatService) -> list[Route]:
    """Return the routes of this theme."""
    name = "publisheddata"
    return [
        Route("GET", 4, f"{name}/config", _config),
        Route("GET", None, f"{name}/formpopulate", _prefilled),
        Route("GET", None, f"{name}/count", _counted),
        Route("GET", None, name, _listed),
        Route("POST", None, name, _created),
        Route("GET", None, f"{name}/{{doi}}", _one),
        Route("PATCH", None, f"{name}/{{doi}}", _patched),
        Route("DELETE", None, f"{name}/{{doi}}", _deleted),
        Route("POST", 4, f"{name}/{{doi}}/publish", _publish),
        Route("POST", None, f"{name}/{{doi}}/register", _register),
        Route("POST", None, f"{name}/{{doi}}/resync", _resync),
        Route("POST", 4, f"{name}/{{doi}}/amend", _amend),
    ]


def _output(request: Request, record: Mapping[str, Any]) -> dict[str, Any]:
    return as_v3(record) if request.version == 3 else dict(record)


def _config(request: Request) -> Answer:
    schema = metadata.schema_of(request.flavour)
    return json_answer({"metadataSchema": schema, "uiSchema": metadata.ui_schema(schema)})


def _prefilled(request: Request) -> Answer:
    pid = request.values.get("pid", "")
    dataset = request.service.store.peek("datasets", pid)
    if dataset is None:
        return not_found(f"dataset: {pid} not found")
    pictures = request.service.store.blocks("attachments", pid)
    found = {
        "resourceType": dataset["type"],
        "description": dataset.get("description", ""),
        "title": dataset["datasetName"],
        "abstract": dataset.get("description", ""),
        "thumbnail": pictures[0].get("thumbnail", "") if pictures else "",
    }
    if request.version == 4:
        found["metadata"] = metadata.defaults([dataset], request.service.clock())
    return json_answer(found)


def _is_listed(user: User | None, record: Mapping[str, Any]) -> bool:
    """Return whether a record stands in the lists of a user; nobody in particular sees few."""
    if user is None:
        return bool(record["status"] == "registered")
    return user.admin or record["createdBy"] == user.username or record["status"] in _OPEN


def _is_open(request: Request, record: Mapping[str, Any]) -> bool:
    user = request.user
    if user is None:
        return record["status"] in (_OPEN if request.version == 4 else ("registered", "amended"))
    return user.admin or record["createdBy"] == user.username or record["status"] in _OPEN


def _wanted(request: Request) -> tuple[Filter, list[dict[str, Any]]]:
    if request.version == 3:
        wanted = parse_v3(text_of(request), request.flavour)
    else:
        wanted = parse_v4(text_of(request), _KNOWN, flavour=request.flavour, default=100)
    test = test_of(wanted.where)
    records = [
        record
        for record in request.service.store.all("publisheddata")
        if _is_listed(request.user, record)
    ]
    return wanted, [
        record for record in records if test(as_v3(record) if request.version == 3 else record)
    ]


def _listed(request: Request) -> Answer:
    wanted, found = _wanted(request)
    page = [_output(request, record) for record in apply_list(found, wanted)]
    if wanted.fields:
        page = [{"_id": record["_id"], **project(record, wanted.fields)} for record in page]
    return json_answer(page)


def _counted(request: Request) -> Answer:
    return json_answer({"count": len(_wanted(request)[1])})


def _record(request: Request) -> dict[str, Any]:
    doi = request.parts["doi"]
    record = request.service.store.get("publisheddata", doi)
    if record is None or not _is_open(request, record):
        raise Refused(not_found(f"No PublishedData with the id {doi} exists"))
    return record


def _one(request: Request) -> Answer:
    return json_answer(_output(request, _record(request)))


def _signed_in(request: Request) -> User:
    if request.user is None:
        raise Refused(forbidden())
    return request.user


def _owned(request: Request) -> tuple[User, dict[str, Any]]:
    """Return who asks and the record, which must be theirs."""
    user, record = _signed_in(request), _record(request)
    if not (user.admin or record["createdBy"] == user.username):
        raise Refused(forbidden())
    return user, record


def _created(request: Request) -> Answer:
    user = _signed_in(request)
    service = request.service
    body = request.body
    given = from_v3(checked_v3(body)) if request.version == 3 else _checked(body, whole=True)
    doi, now = f"{_DOI_PREFIX}/practice-{uuid.uuid4()}", service.now()
    record = {
        "_id": doi,
        "doi": doi,
        "title": given["title"],
        "abstract": given["abstract"],
        "datasetPids": given["datasetPids"],
        "metadata": given.get("metadata") or {},
        "status": "private",
        "createdBy": user.username,
        "updatedBy": user.username,
        "createdAt": now,
        "updatedAt": now,
        "__v": 0,
    }
    datasets = _datasets(service, record)
    if request.version == 4 and request.flavour == "psi5" and record["metadata"]:
        filled = metadata.defaults(datasets, service.clock())
        record["metadata"] = {**filled, **record["metadata"]}
    _count_files(record, datasets)
    service.store.put("publisheddata", doi, record)
    return json_answer(_output(request, record), 201)


def _checked(body: Any, *, whole: bool) -> dict[str, Any]:
    """Return a v4 body that passes the framework's checks."""
    if not isinstance(body, dict):
        raise Refused(bad_request("Unexpected token in JSON at position 0"))
    problems = [f"property {name} should not exist" for name in body if name not in _KEYS]
    problems += [
        f"{name} must be a string"
        for name in ("title", "abstract")
        if not isinstance(body.get(name, None if whole else ""), str)
    ]
    pids = body.get("datasetPids", None if whole else [])
    if not isinstance(pids, list):
        problems.append("datasetPids must be an array")
    elif not all(isinstance(pid, str) for pid in pids):
        problems.append("each value in datasetPids must be a string")
    if not isinstance(body.get("metadata", {}), dict):
        problems.append("metadata must be an object")
    if problems:
        raise Refused(bad_request(problems))
    return body


def _datasets(service: ScicatService, record: Mapping[str, Any]) -> list[dict[str, Any]]:
    found = (service.store.get("datasets", pid) for pid in record["datasetPids"])
    return [dataset for dataset in found if dataset is not None]


def _count_files(record: dict[str, Any], datasets: list[dict[str, Any]]) -> None:
    record["numberOfFiles"] = sum(dataset.get("numberOfFiles", 0) for dataset in datasets)
    record["sizeOfArchive"] = sum(dataset.get("size", 0) for dataset in datasets)


def _patched(request: Request) -> Answer:
    user, record = _owned(request)
    if record["status"] != "private" and not user.admin:
        return bare_string(400, "Published data can only be updated if it is in private state.")
    if request.version == 3:
        changes = from_v3(checked_v3(request.body, whole=False))
    else:
        changes = dict(_checked(request.body, whole=False))
    changes.pop("status", None)
    if request.version == 3 and "metadata" in changes:
        changes["metadata"] = {**record["metadata"], **changes["metadata"]}
    record |= changes
    return _kept(request, record)


def _kept(request: Request, record: dict[str, Any], status: int = 200) -> Answer:
    service = request.service
    _count_files(record, _datasets(service, record))
    record["updatedAt"], record["updatedBy"] = service.now(), _signed_in(request).username
    service.store.put("publisheddata", record["doi"], record)
    return json_answer(_output(request, record), status)


def _deleted(request: Request) -> Answer:
    user, record = _owned(request)
    if not (user.admin or (record["status"] == "private" and user.deletes)):
        return forbidden()
    request.service.store.delete("publisheddata", record["doi"])
    return empty()


def _make_public(request: Request, record: Mapping[str, Any], *, registers: bool) -> None:
    """Publish the data sets one after the other; a foreign one stops it half way.

    Registration through v3, and through v4 of the older backend, writes the date of publication in
    a way that sets the rest of the lifecycle back to its defaults.
    """
    user, service = _signed_in(request), request.service
    resets = registers and (request.version == 3 or request.flavour == "v427")
    for pid in record["datasetPids"]:
        dataset = service.store.get("datasets", pid)
        if dataset is None:
            raise Refused(not_found(f"dataset: {pid} not found"))
        if not can_edit(user, dataset):
            raise Refused(forbidden("Unauthorized access"))
        dataset["isPublished"] = True
        if resets:
            dataset["datasetlifecycle"] = metadata.fresh_lifecycle(dataset["datasetlifecycle"])
        if registers:
            dataset["datasetlifecycle"]["publishedOn"] = service.now()
        dataset["updatedAt"], dataset["updatedBy"] = service.now(), user.username
        service.store.put("datasets", pid, dataset)


def _validated(request: Request, record: Mapping[str, Any]) -> None:
    problems = metadata.problems(record["metadata"], metadata.schema_of(request.flavour))
    if problems:
        raise Refused(json_answer(problems, 400))


def _publish(request: Request) -> Answer:
    _, record = _owned(request)
    if record["status"] != "private":
        text = "Published data can only be published if it is in private state."
        return bare_string(400, text)
    _validated(request, record)
    _make_public(request, record, registers=False)
    record["status"] = "public"
    return _kept(request, record, 201)


def _register(request: Request) -> Answer:
    _, record = _owned(request)
    if request.version == 4:
        _validated(request, record)
    _make_public(request, record, registers=True)
    if trouble := request.service.datacite_trouble:
        return bare_string(424, f"Error occurred: {trouble}")
    record["status"] = "registered"
    record["registeredTime"] = request.service.now()
    answer = _kept(request, record, 201)
    if request.version == 3 and request.flavour == "psi5":
        return json_answer({"status": 200, "message": "published data registered"}, 200)
    return answer


def _resync(request: Request) -> Answer:
    user, record = _owned(request)
    if record["status"] != "private" and not user.admin:
        text = "Published data can only be resynced if it is in private state."
        return bare_string(400, text)
    body = request.body
    changes = from_v3(checked_v3(body, whole=False)) if request.version == 3 else body
    record |= {key: value for key, value in changes.items() if key in _KEYS and key != "status"}
    return _kept(request, record)


def _amend(request: Request) -> Answer:
    user, record = _owned(request)
    if not user.admin:
        return bare_string(403, "Only admin users can amend published data.")
    if record["status"] not in ("registered", "amended"):
        text = "Published data can only be amended if it is in registered state."
        return bare_string(400, text)
    record["status"] = "amended"
    return _kept(request, record)
