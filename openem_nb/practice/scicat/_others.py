"""Instruments, proposals and samples: what data sets refer to."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from openem_nb.practice._answer import json_answer
from openem_nb.practice.scicat._datasets import as_answer, fetch, output, text_of
from openem_nb.practice.scicat._metadata import enriched
from openem_nb.practice.scicat._query import apply_list, parse_v3, project, test_of
from openem_nb.practice.scicat._routes import Request, Route
from openem_nb.practice.scicat._shapes import bad_request, conflict, empty, forbidden, not_found
from openem_nb.practice.scicat._users import can_edit, can_open

if TYPE_CHECKING:
    from openem_nb.practice._answer import Answer
    from openem_nb.practice.scicat.service import ScicatService

__all__ = ["routes"]

_GROUPS: Final = ("ownerGroup", "accessGroups", "instrumentGroup")


@dataclass(frozen=True)
class _Kind:
    """One collection with its key, what it needs and what else it may hold."""

    name: str
    key: str
    required: tuple[str, ...]
    optional: tuple[str, ...]
    refers: str
    """Field of a data set that holds its keys."""

    def routes(self) -> list[Route]:
        found = [
            Route("GET", 3, self.name, self.listed),
            Route("GET", 3, f"{self.name}/count", self.counted),
            Route("GET", 3, f"{self.name}/findOne", self.first),
            Route("GET", 3, f"{self.name}/{{id}}", self.one),
            Route("POST", 3, self.name, self.created),
            Route("PATCH", 3, f"{self.name}/{{id}}", self.changed),
        ]
        if self.name != "instruments":
            found.append(Route("GET", 3, f"{self.name}/{{id}}/datasets", self.datasets))
        return found

    def _seen(self, request: Request, document: dict[str, Any]) -> bool:
        return self.name == "instruments" or can_open(request.user, document)

    def _found(self, request: Request) -> tuple[Any, list[dict[str, Any]]]:
        wanted = parse_v3(text_of(request), request.flavour)
        test = test_of(wanted.where)
        every = request.service.store.all(self.name)
        return wanted, [one for one in every if self._seen(request, one) and test(one)]

    def listed(self, request: Request) -> Answer:
        wanted, found = self._found(request)
        page = apply_list(found, wanted)
        if wanted.fields:
            page = [{"_id": one["_id"], **project(one, wanted.fields)} for one in page]
        return as_answer(page)

    def counted(self, request: Request) -> Answer:
        return json_answer({"count": len(self._found(request)[1])})

    def first(self, request: Request) -> Answer:
        wanted, found = self._found(request)
        page = apply_list(found, wanted)
        return json_answer(page[0]) if page else empty()

    def one(self, request: Request) -> Answer:
        key = request.parts["id"]
        document = request.service.store.peek(self.name, key)
        if document is None:
            return not_found(f"{self.name[:-1]}: {key} not found")
        if not self._seen(request, document):
            return forbidden("Unauthorized access")
        return json_answer(document)

    def _problems(self, body: dict[str, Any], *, new: bool) -> list[str]:
        allowed = {*self.required, *self.optional, self.key}
        problems = [f"property {key} should not exist" for key in body if key not in allowed]
        if new:
            problems += [f"{key} must be a string" for key in self.required if not body.get(key)]
        return problems

    def created(self, request: Request) -> Answer:
        user, body, service = request.user, request.body, request.service
        allowed = user is not None and (
            user.admin or (self.name != "instruments" and can_edit(user, body))
        )
        if user is None or not allowed:
            return forbidden()
        problems = self._problems(body, new=True)
        if problems:
            return bad_request(problems)
        key, now = body.get(self.key) or str(uuid.uuid4()), service.now()
        document = {
            **({} if self.name == "instruments" else {"accessGroups": [], "isPublished": False}),
            **body,
            **_enriched(body),
            self.key: key,
            "_id": key,
            "createdBy": user.username,
            "updatedBy": user.username,
            "createdAt": now,
            "updatedAt": now,
        }
        with service.store.transaction():
            if service.store.peek(self.name, key) is not None:
                return conflict(f"{self.name[:-1].title()} with {self.key} {key} already exists!")
            service.store.put(self.name, key, document)
        return json_answer(document, 201)

    def changed(self, request: Request) -> Answer:
        user, body, service = request.user, request.body, request.service
        with service.store.transaction():
            document = service.store.get(self.name, request.parts["id"])
            if document is None:
                return not_found(f"{self.name[:-1]}: {request.parts['id']} not found")
            if user is None or not (
                user.admin or (self.name != "instruments" and can_edit(user, document))
            ):
                return forbidden()
            if problems := self._problems(body, new=False):
                return bad_request(problems)
            document |= {**body, **_enriched(body)}
            document |= {"updatedAt": service.now(), "updatedBy": user.username}
            service.store.put(self.name, request.parts["id"], document)
        return json_answer(document)

    def datasets(self, request: Request) -> Answer:
        found = fetch(request.service, request.user, {self.refers: request.parts["id"]})
        return as_answer(output(request, document, history=False) for document in found[:100])


def _enriched(body: dict[str, Any]) -> dict[str, Any]:
    name = "sampleCharacteristics"
    return {name: enriched(body[name])} if name in body else {}


def routes(service: ScicatService) -> list[Route]:
    """Return the routes of this theme."""
    psi = service.flavour == "psi5"
    kinds = (
        _Kind("instruments", "pid", ("uniqueName", "name"), ("customMetadata",), "instrumentIds"),
        _Kind(
            "proposals",
            "proposalId",
            ("proposalId", "email", "title", "ownerGroup"),
            (
                *("pi_email", "pi_firstname", "pi_lastname", "firstname", "lastname", "abstract"),
                *("startTime", "endTime", "MeasurementPeriodList", "metadata", "type"),
                *("parentProposalId", "instrumentIds", *_GROUPS),
            ),
            "proposalIds",
        ),
        _Kind(
            "samples",
            "sampleId",
            ("ownerGroup", "sampleName") if psi else ("ownerGroup",),
            (
                *("owner", "description", "type", "proposalId", "parentSampleId", *_GROUPS),
                *("sampleCharacteristics", "isPublished"),
            ),
            "sampleIds",
        ),
    )
    return [route for kind in kinds for route in kind.routes()]
