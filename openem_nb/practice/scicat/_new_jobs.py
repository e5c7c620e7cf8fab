"""Creation of jobs: what is refused, by whom, and in which of the services' words."""

from __future__ import annotations

import json
import re
import uuid
from typing import TYPE_CHECKING, Any, Final

from openem_nb.practice._answer import Answer, json_answer
from openem_nb.practice.scicat._shapes import Refused, bad_request, forbidden, status_message
from openem_nb.practice.scicat._store import blocks_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openem_nb.practice.scicat._routes import Request
    from openem_nb.practice.scicat._users import User
    from openem_nb.practice.scicat.service import ScicatService

__all__ = ["create"]

_TYPES: Final = {
    "psi5": ("archive", "retrieve", "public", "reset", "globus_transfer_job"),
    "v427": ("archive", "retrieve", "reset"),
}
_KEYS: Final = ("type", "jobParams", "ownerUser", "ownerGroup", "contactEmail")
_MOST_SEEN: Final = 100
"""Documents that the services' own checks look at."""
_MAIL: Final = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
_VERSION: Final = "v0.2.0 2026-07-09"


def create(request: Request) -> dict[str, Any]:
    """Check, store and plan a job; return it as stored.

    Raises
    ------
    Refused
        With the answer of the flavour. Where an archive refuses, the job is stored all the same.
    """
    given = _from_v3(request) if request.version == 3 else _checked_keys(request.body)
    kind = given.get("type")
    if kind not in _TYPES[request.flavour]:
        raise Refused(status_message(400, f"Invalid job type: {kind}"))
    params = given["jobParams"]
    items = _dataset_list(request.flavour, params.get("datasetList"))
    _check_files(request, items)
    owner, group = _owner(request, given)
    datasets = _datasets(request.service, items)
    if not _allowed(request.user, kind, datasets, len(items)):
        raise Refused(_no_access(request.flavour))
    for dataset in datasets:
        _validate(request.service, kind, dataset)
    job = _document(request, given, owner, group)
    service = request.service
    archiver = _archiver(request, datasets)
    with service.store.transaction():
        service.store.put("jobs", job["id"], job)
        if isinstance(archiver, str):
            service.robot.accept(job, archiver)
    if isinstance(archiver, Answer):
        raise Refused(archiver)
    return job


def _checked_keys(body: Any) -> dict[str, Any]:
    """Check a v4 body, as the framework does before anyone else sees it."""
    if not isinstance(body, dict):
        raise Refused(bad_request("Unexpected token in JSON at position 0"))
    problems = [f"property {name} should not exist" for name in body if name not in _KEYS]
    if not isinstance(body.get("type"), str):
        problems.append("type must be a string")
    if not isinstance(body.get("jobParams"), dict):
        problems.append("jobParams must be an object")
    problems += [
        f"{name} must be a string"
        for name in ("ownerUser", "ownerGroup")
        if name in body and not isinstance(body[name], str)
    ]
    mail = body.get("contactEmail", "a@practice.example")
    if not (isinstance(mail, str) and _MAIL.fullmatch(mail)):
        problems.append("contactEmail must be an email")
    if problems:
        raise Refused(bad_request(problems))
    return body


def _from_v3(request: Request) -> dict[str, Any]:
    """Return a v3 body as v4 has it; what v3 does not know is dropped without a word."""
    body = request.body if isinstance(request.body, dict) else {}
    problems = [] if isinstance(body.get("type"), str) else ["type must be a string"]
    if not isinstance(body.get("jobParams", {}), dict):
        problems.append("jobParams must be an object")
    if problems:
        raise Refused(bad_request(problems))
    params = {k: v for k, v in body.get("jobParams", {}).items() if k != "datasetList"}
    if "datasetList" in body:
        params["datasetList"] = body["datasetList"]
    for name in ("executionTime", "jobStatusMessage"):
        if body.get(name) is not None:
            params[name] = body[name]
    found: dict[str, Any] = {"type": body["type"], "jobParams": params}
    if body.get("emailJobInitiator"):
        found["contactEmail"] = body["emailJobInitiator"]
    user = request.user
    if "username" in params:
        user = request.service.users.people.get(str(params["username"]))
    if user is not None:
        found["ownerUser"] = user.username
        group = params.get("ownerGroup") or _derived_group(request.service, user, params)
        if group:
            found["ownerGroup"] = group
    return found


def _derived_group(service: ScicatService, user: User, params: Mapping[str, Any]) -> str | None:
    """Return the group that v3 takes where none is given, rightly or not."""
    listed = params.get("datasetList")
    if not isinstance(listed, list) or not all(isinstance(item, dict) for item in listed):
        return None
    datasets = _datasets(service, listed)
    if len(datasets) != len(listed) or len(listed) > _MOST_SEEN:
        return None
    private = [dataset for dataset in datasets if not dataset.get("isPublished")]
    if not private:
        return next(iter(user.groups), None)
    return str(private[0]["ownerGroup"])


def _dataset_list(flavour: str, listed: Any) -> list[dict[str, Any]]:
    status = 422 if flavour == "psi5" else 400
    if listed is None:
        text = "Dataset ids list was not provided in jobParams"
        raise Refused(status_message(status, text))
    problems = _list_problems(listed)
    if problems and flavour == "psi5":
        found = {"message": "Invalid dataset list.", "error": json.dumps(problems)}
        raise Refused(json_answer(found, 422))
    if problems:
        raise Refused(status_message(400, next(iter(problems[0]["constraints"].values()))))
    if not listed:
        raise Refused(status_message(status, "List of passed datasets is empty."))
    return list(listed)


def _list_problems(listed: Any) -> list[dict[str, Any]]:
    def problem(name: str, words: str) -> dict[str, Any]:
        return {"property": name, "children": [], "constraints": {"isValid": words}}

    if not isinstance(listed, list):
        return [problem("datasetList", "datasetList must be an array")]
    found = []
    for item in listed:
        if not isinstance(item, dict) or not isinstance(item.get("pid"), str):
            found.append(problem("pid", "In datasetList each 'pid' field should be a string."))
        elif not isinstance(item.get("files"), list):
            found.append(problem("files", "In datasetList each 'files' field should be an array."))
        elif not all(isinstance(name, str) for name in item["files"]):
            words = "In datasetList each 'files' field should be an array of strings."
            found.append(problem("files", words))
        elif extra := [name for name in item if name not in ("pid", "files")]:
            found.append(problem(extra[0], f"property {extra[0]} should not exist"))
    return found


def _datasets(service: ScicatService, items: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the data sets of a list, each once."""
    found = (
        service.store.peek("datasets", str(pid)) for pid in {item.get("pid"): 0 for item in items}
    )
    return [dataset for dataset in found if dataset is not None]


def _check_files(request: Request, items: Sequence[Mapping[str, Any]]) -> None:
    """Check that data sets and files exist, as far as the services look: 100 documents."""
    service = request.service
    status = 422 if request.flavour == "psi5" else 400
    pids = list({item["pid"]: 0 for item in items})
    known = [pid for pid in pids if service.store.peek("datasets", pid) is not None][:_MOST_SEEN]
    if missing := [pid for pid in pids if pid not in set(known)]:
        text = f"Datasets with pid {', '.join(missing)} do not exist."
        raise Refused(status_message(status, text))
    asking = [item for item in items if item["files"]]
    seen = 0
    files: dict[str, set[str]] = {}
    for pid in {item["pid"]: 0 for item in asking}:
        for block in blocks_of(service.store, "origdatablocks", pid)[: _MOST_SEEN - seen]:
            seen += 1
            files.setdefault(pid, set()).update(file["path"] for file in block["dataFileList"])
    if any(not set(item["files"]) <= files.get(item["pid"], set()) for item in asking):
        text = "At least one requested file could not be found."
        raise Refused(status_message(status, text))


def _owner(request: Request, given: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return owner and group of the new job."""
    user, name, group = request.user, given.get("ownerUser"), given.get("ownerGroup")
    status = 403 if request.flavour == "psi5" else 400

    def refuse(text: str) -> None:
        raise Refused(status_message(status, f"Invalid new job. {text}"))

    if user is None:
        if name or group:
            refuse("Unauthenticated user cannot initiate a job owned by another user.")
        if "contactEmail" not in given:
            raise Refused(
                status_message(400, "Invalid new job. Contact email should be specified.")
            )
        return None, None
    if user.admin:
        return name or user.username, group
    if request.version == 3 and name is None:
        refuse("Owner group should be specified.")
    if name not in (None, user.username):
        refuse("User owning the job should match user logged in.")
    if not group:
        refuse("Owner group should be specified.")
    if group not in user.groups:
        refuse("User needs to belong to job owner group.")
    return user.username, group


def _allowed(
    user: User | None, kind: str, datasets: Sequence[Mapping[str, Any]], listed: int
) -> bool:
    """Return whether a user may have such a job; the same data set twice counts as one too few."""
    if kind == "reset":
        return user is not None and (user.admin or user.username == "archiveManager")
    if len(datasets) < listed:
        return False
    if kind == "public":
        return all(dataset.get("isPublished") for dataset in datasets)
    if user is None:
        return False
    if user.admin:
        return True
    groups = set(user.groups)
    if kind == "archive":
        return all(dataset["ownerGroup"] in groups for dataset in datasets)
    return all(
        dataset.get("isPublished")
        or dataset["ownerGroup"] in groups
        or not groups.isdisjoint(dataset.get("accessGroups") or ())
        for dataset in datasets
    )


def _no_access(flavour: str) -> Answer:
    if flavour == "psi5":
        text = "User does not have access to all datasets, cannot create job."
        return status_message(403, text)
    return forbidden("Unauthorized to create this job.")


def _validate(service: ScicatService, kind: str, dataset: Mapping[str, Any]) -> None:
    """Check what the site's configuration wants of each data set."""
    lifecycle = dataset["datasetlifecycle"]
    location = lifecycle.get("storageLocation") or ""
    wanted: list[tuple[str, bool]] = []
    if kind == "archive":
        wanted.append(("datasetlifecycle.archivable", lifecycle.get("archivable") is True))
    if kind == "retrieve":
        wanted.append(("datasetlifecycle.retrievable", lifecycle.get("retrievable") is True))
    if kind == "public":
        wanted.append(("isPublished", dataset.get("isPublished") is True))
    if kind in ("public", "reset"):
        wanted.append(("datasetlifecycle.storageLocation", location in ("", service.storage)))
    elif kind != "globus_transfer_job":
        wanted.append(("datasetlifecycle.storageLocation", location in ("", "PSI", "ETHZ")))
    for name, good in wanted:
        if not good:
            text = f"Invalid request. Invalid value for '{name}'"
            raise Refused(status_message(400, text))


def _document(
    request: Request, given: Mapping[str, Any], owner: str | None, group: str | None
) -> dict[str, Any]:
    user, now = request.user, request.service.now()
    job_id = str(uuid.uuid4())
    params = dict(given["jobParams"])
    code = str(params.pop("jobStatusMessage", "jobSubmitted"))
    name = "anonymous" if user is None else user.username
    job: dict[str, Any] = {"id": job_id, "_id": job_id, "type": given["type"]}
    if owner:
        job["ownerUser"] = owner
    if group:
        job["ownerGroup"] = group
    mail = given.get("contactEmail") or (user.email if user else None)
    return job | {
        "contactEmail": mail,
        "jobParams": params,
        "statusCode": code,
        "statusMessage": "Job submitted.",
        "configVersion": _VERSION,
        "jobResultObject": {},
        "createdBy": name,
        "updatedBy": name,
        "createdAt": now,
        "updatedAt": now,
    }


def _archiver(request: Request, datasets: Sequence[Mapping[str, Any]]) -> str | Answer:
    """Return the archive that gets the job, or the error with which handing over ends.

    Data sets without a location are not counted: one of ETHZ takes all of them there.
    """
    service = request.service
    places = {dataset["datasetlifecycle"].get("storageLocation") or "" for dataset in datasets}
    places.discard("")
    if service.storage == "PSI" and len(places) > 1:
        field = "datasets[*].datasetlifecycle.storageLocation"
        text = f"Ambiguous value for '{field}' ({len(places)} distinct results).'"
        return status_message(400, text)
    archiver = next(iter(places), service.storage)
    if service.robot.unreachable and archiver == "ETHZ":
        text = (
            f"Invalid job input. Job '{request.body.get('type')}' unable to perform action 'url' "
            "due to TypeError: fetch failed"
        )
        return status_message(400, text)
    return archiver
