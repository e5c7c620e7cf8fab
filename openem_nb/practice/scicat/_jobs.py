"""Jobs: lists with their quirks, single jobs, updates by the archive, in v3 and v4."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from openem_nb.practice._answer import Answer, json_answer
from openem_nb.practice.scicat._new_jobs import create
from openem_nb.practice.scicat._query import Filter, apply_list, parse_v4, project, test_of
from openem_nb.practice.scicat._results import result_object, store_address
from openem_nb.practice.scicat._routes import Request, Route
from openem_nb.practice.scicat._shapes import (
    Refused,
    bad_request,
    empty,
    forbidden,
    status_message,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openem_nb.practice.scicat._users import User
    from openem_nb.practice.scicat.service import ScicatService

__all__ = ["routes"]

_NEW_NAMES: Final = {
    "creationTime": "createdAt",
    "jobStatusMessage": "statusCode",
    "emailJobInitiator": "contactEmail",
    "datasetList": "jobParams.datasetList",
    "executionTime": "jobParams.executionTime",
}
"""Names of v3 and what v4 calls them."""
_KNOWN: Final = frozenset(
    (
        *("id", "_id", "type", "ownerUser", "ownerGroup", "contactEmail", "jobParams"),
        *("statusCode", "statusMessage", "configVersion", "jobResultObject"),
        *("createdBy", "updatedBy", "createdAt", "updatedAt", "instrumentGroup"),
    )
)
_NO_LIMIT: Final = 10**9


def routes(service: ScicatService) -> list[Route]:
    """Return the routes of this theme."""
    return [
        Route("POST", None, "jobs", _created),
        Route("GET", 3, "jobs", _listed_v3),
        Route("GET", 4, "jobs", _listed_v4),
        Route("GET", 3, "jobs/fullquery", _queried),
        Route("GET", 4, "jobs/fullquery", _listed_v4),
        Route("GET", None, "jobs/fullfacet", _facets),
        Route("GET", None, "jobs/{id}", _one),
        Route("PATCH", None, "jobs/{id}", _patched),
        Route("DELETE", None, "jobs/{id}", _deleted),
    ]


def _created(request: Request) -> Answer:
    return json_answer(_output(request, create(request)), 201)


def _one(request: Request) -> Answer:
    user = _known_user(request)
    job = _job(request)
    if not _may_read(user, job):
        return forbidden("Unauthorized to get this job.")
    return json_answer(_output(request, job))


def _job(request: Request) -> dict[str, Any]:
    """Return the job that the address names; there is no 404 for jobs."""
    request.service.robot.settle()
    job = request.service.store.get("jobs", request.parts["id"])
    if job is None:
        raise Refused(status_message(400, "Invalid job id."))
    return job


def _known_user(request: Request) -> User:
    if request.user is None:
        raise Refused(forbidden())
    return request.user


def _may_read(user: User, job: Mapping[str, Any]) -> bool:
    return (
        user.admin
        or user.username in (job.get("ownerUser"), "archiveManager")
        or job.get("ownerGroup") in user.groups
    )


def _output(request: Request, job: Mapping[str, Any]) -> dict[str, Any]:
    """Return a job in the shape of the version that is asked for."""
    base = store_address(request.question)
    made = result_object(request.service, base, job["id"])
    found = {**job, "jobResultObject": {**job["jobResultObject"], **made}}
    if request.version == 4:
        return found
    params = {
        key: value
        for key, value in found["jobParams"].items()
        if key not in ("datasetList", "executionTime")
    }
    if "ownerUser" in found:
        params["username"] = found["ownerUser"]
    old = {
        "id": found["id"],
        "_id": found["_id"],
        "emailJobInitiator": found["contactEmail"],
        "type": found["type"],
        "creationTime": found["createdAt"],
        "jobParams": params,
        "jobStatusMessage": found["statusCode"],
        "datasetList": found["jobParams"].get("datasetList", []),
        "jobResultObject": found["jobResultObject"],
    }
    if when := found["jobParams"].get("executionTime"):
        old["executionTime"] = when
    return old


def _visible(request: Request, where: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the jobs that a user may read, oldest first."""
    user = _known_user(request)
    request.service.robot.settle()
    test = test_of(where)
    found = [job for job in request.service.store.all("jobs") if _may_read(user, job) and test(job)]
    return sorted(found, key=lambda job: str(job["createdAt"]))


def _listed_v3(request: Request) -> Answer:
    """List without pages: this route knows no limits."""
    value = _json(request, "filter")
    if limits := value.get("limits"):
        name = f"limits.{next(iter(limits))}"
        raise Refused(bad_request(f"Property {name} should not exist in the filter object"))
    where = _renamed(value.get("where") or {})
    parse_v4(json.dumps({"where": where}), _KNOWN, flavour=request.flavour)
    found = _visible(request, where)
    return json_answer([_output(request, job) for job in found])


def _listed_v4(request: Request) -> Answer:
    """List as the database is asked: cut to the limit first, then skip."""
    value = _json(request, "filter")
    wanted = parse_v4(json.dumps(value), _KNOWN, flavour=request.flavour)
    limits = value.get("limits") or {}
    found = _visible(request, wanted.where)
    if "sort" in limits and request.flavour == "psi5":
        whole = Filter(fields=wanted.fields, limit=_NO_LIMIT, sort=wanted.sort)
        found = apply_list(found, whole)
    most = 100 if request.flavour == "psi5" else _NO_LIMIT
    limit = wanted.limit if limits.get("limit") else most
    page = [_output(request, job) for job in found[:limit][wanted.skip :]]
    if wanted.fields:
        page = [{"_id": job["_id"], **project(job, wanted.fields)} for job in page]
    return json_answer(page)


def _queried(request: Request) -> Answer:
    """Give a page in the order asked for: the one list of jobs that pages as one expects."""
    where = _query(_json(request, "fields"))
    limits = _json(request, "limits")
    name, _, way = str(limits.get("order") or "creationTime:asc").partition(":")
    wanted = Filter(
        limit=int(limits.get("limit") or 100),
        skip=int(limits.get("skip") or 0),
        sort=((_NEW_NAMES.get(name, name), way == "desc"),),
    )
    # each page in the same order: the pages of jobs do not shuffle
    found = apply_list(_visible(request, where), Filter(limit=_NO_LIMIT, sort=wanted.sort))
    page = found[wanted.skip : wanted.skip + wanted.limit]
    return json_answer([_output(request, job) for job in page])


def _facets(request: Request) -> Answer:
    found = _visible(request, _query(_json(request, "fields")))
    try:
        names = json.loads(request.values.get("facets") or "[]")
    except ValueError as error:
        raise Refused(bad_request(f"Invalid JSON in facets: {error}")) from error
    answer: dict[str, Any] = {}
    for name in names:
        counts = Counter(str(job.get(_NEW_NAMES.get(name, name))) for job in found)
        answer[name] = [{"_id": value, "count": count} for value, count in counts.items()]
    answer["all"] = [{"totalSets": len(found)}] if found else []
    return json_answer([answer])


def _query(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a query as a condition."""
    where: dict[str, Any] = {}
    for name, value in _renamed(fields).items():
        if isinstance(value, list):
            where[name] = {"$in": value}
        elif isinstance(value, dict) and {"begin", "end"} <= value.keys():
            where["createdAt"] = {"$gte": value["begin"], "$lte": value["end"]}
        else:
            where[name] = value
    return where


def _renamed(where: Any) -> Any:
    if isinstance(where, list):
        return [_renamed(item) for item in where]
    if not isinstance(where, dict):
        return where
    found = {}
    for key, value in where.items():
        first, _, rest = key.partition(".")
        name = _NEW_NAMES.get(first, first)
        found[f"{name}.{rest}" if rest else name] = _renamed(value)
    return found


def _json(request: Request, name: str) -> dict[str, Any]:
    text = request.values.get(name) or "{}"
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Refused(bad_request(f"Invalid JSON in {name}: {error}")) from error
    if not isinstance(value, dict):
        raise Refused(bad_request(f"Invalid JSON in {name}: not an object"))
    return value


def _patched(request: Request) -> Answer:
    user = _known_user(request)
    job = _job(request)
    is_own = job["type"] == "globus_transfer_job" and job.get("ownerUser") == user.username
    if not (user.admin or user.username == "archiveManager" or is_own):
        return forbidden("Unauthorized to update this job.")
    body = request.body if isinstance(request.body, dict) else {}
    allowed = {3: ("jobStatusMessage", "executionTime"), 4: ("statusCode", "statusMessage")}
    names = (*allowed[request.version], "jobResultObject")
    problems = [f"property {name} should not exist" for name in body if name not in names]
    if request.version == 4:
        problems += [
            f"{name} must be a string"
            for name in ("statusCode", "statusMessage")
            if not isinstance(body.get(name), str)
        ]
    if problems:
        raise Refused(bad_request(problems))
    if request.version == 4:
        job["statusCode"], job["statusMessage"] = body["statusCode"], body["statusMessage"]
    elif "jobStatusMessage" in body:  # the old name stands for both
        job["statusCode"] = job["statusMessage"] = body["jobStatusMessage"]
    job["jobResultObject"] = body.get("jobResultObject", job["jobResultObject"])
    job["updatedBy"], job["updatedAt"] = user.username, request.service.now()
    request.service.store.put("jobs", job["id"], job)
    return json_answer(_output(request, job))


def _deleted(request: Request) -> Answer:
    user = _known_user(request)
    if not (user.admin or user.deletes):
        return forbidden()
    job = _job(request)
    for collection in ("jobs", "plans", "results"):
        request.service.store.delete(collection, job["id"])
    return empty()
