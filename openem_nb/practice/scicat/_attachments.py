"""Pictures of data sets in v4, and their removal."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from openem_nb.practice._answer import json_answer
from openem_nb.practice.scicat._datasets import as_answer, opened, text_of
from openem_nb.practice.scicat._query import apply_list, parse_v4, project, test_of
from openem_nb.practice.scicat._routes import Request, Route
from openem_nb.practice.scicat._shapes import bad_request, empty, forbidden, not_found
from openem_nb.practice.scicat._users import can_edit, can_open

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openem_nb.practice._answer import Answer
    from openem_nb.practice.scicat.service import ScicatService

__all__ = ["routes"]

_FIELDS: Final = (
    *("aid", "thumbnail", "caption", "relationships", "ownerGroup", "accessGroups"),
    *("instrumentGroup", "isPublished", "createdAt", "updatedAt"),
)
_WRITABLE: Final = frozenset(_FIELDS) - {"createdAt", "updatedAt"}


def routes(service: ScicatService) -> list[Route]:
    """Return the routes of this theme."""
    return [
        Route("GET", 4, "attachments", _listed),
        Route("GET", 4, "attachments/public", _listed),
        Route("POST", 4, "attachments", _created),
        Route("GET", 4, "attachments/{aid}", _one),
        Route("DELETE", 4, "attachments/{aid}", _removed),
        Route("DELETE", 3, "datasets/{pid}/attachments/{aid}", _removed),
    ]


def _listed(request: Request) -> Answer:
    public = "/public" in request.question.path.lower()
    if request.user is None and not public:
        return forbidden()
    wanted = parse_v4(text_of(request), _FIELDS, flavour=request.flavour)
    store, pid = request.service.store, wanted.where.get("relationships.targetId")
    found: Iterable[dict[str, Any]]
    found = store.blocks("attachments", pid) if isinstance(pid, str) else store.all("attachments")
    user, test = (None if public else request.user), test_of(wanted.where)
    page = apply_list([one for one in found if can_open(user, one) and test(one)], wanted)
    return as_answer(project(one, wanted.fields or _FIELDS) for one in page)


def _created(request: Request) -> Answer:
    user, body, service = request.user, request.body, request.service
    if user is None or not can_edit(user, body):
        return forbidden()
    problems = [f"property {key} should not exist" for key in body if key not in _WRITABLE]
    needed = ("caption", "ownerGroup", "isPublished")
    problems += [f"{key} should not be empty" for key in needed if key not in body]
    if problems:
        return bad_request(problems)
    key, now = body.get("aid") or str(uuid.uuid4()), service.now()
    targets = [item.get("targetId") for item in body.get("relationships") or ()]
    document = {
        "accessGroups": [],
        "relationships": [],
        **body,
        "_id": key,
        "id": key,
        "aid": key,
        "datasetId": targets[0] if targets else None,
        "createdAt": now,
        "updatedAt": now,
        "createdBy": user.username,
        "updatedBy": user.username,
    }
    service.store.put("attachments", key, document)
    return json_answer(project(document, _FIELDS), 201)


def _one(request: Request) -> Answer:
    key = request.parts["aid"]
    document = request.service.store.peek("attachments", key)
    if document is None:
        return not_found(f"attachment: {key} not found")
    if not can_open(request.user, document):
        return forbidden("Unauthorized access")
    return json_answer(project(document, _FIELDS))


def _removed(request: Request) -> Answer:
    key, store = request.parts["aid"], request.service.store
    document = store.peek("attachments", key)
    owner = opened(request) if "pid" in request.parts else document
    if document is None or owner is None:
        return not_found(f"attachment: {key} not found")
    if not can_edit(request.user, owner):
        return forbidden()
    store.delete("attachments", key)
    return empty()
