"""Files of data sets: orig data blocks, data blocks on tape, attachments, thumbnails."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Final

from openem_nb.practice._answer import json_answer
from openem_nb.practice.scicat._datasets import FIELDS, as_answer, opened, text_of
from openem_nb.practice.scicat._query import apply_list, parse_v3, parse_v4, test_of
from openem_nb.practice.scicat._routes import Request, Route
from openem_nb.practice.scicat._shapes import Refused, bad_request, forbidden, not_found
from openem_nb.practice.scicat._users import can_edit, can_open

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from openem_nb.practice._answer import Answer
    from openem_nb.practice.scicat.service import ScicatService

__all__ = ["routes"]

_CAPS: Final = {"origdatablocks": 100, "datablocks": 100, "attachments": 10}
"""What a nested list stops at without a word."""


def routes(service: ScicatService) -> list[Route]:
    """Return the routes of this theme."""
    found: list[Route] = []
    for name in _CAPS:
        nested = _Nested(name)
        found += [
            Route("GET", 3, f"datasets/{{pid}}/{name}", nested.listed),
            Route("GET", 3, f"datasets/{{pid}}/{name}/count", nested.counted),
            Route("POST", 3, f"datasets/{{pid}}/{name}", nested.created),
        ]
    return [
        *found,
        Route("GET", 3, "datasets/{pid}/thumbnail", _thumbnail),
        Route("GET", None, "origdatablocks", _listed("origdatablocks", files=False)),
        Route("GET", 4, "origdatablocks/public", _listed("origdatablocks", files=False)),
        Route("GET", 4, "origdatablocks/files", _listed("origdatablocks", files=True)),
        Route("GET", 4, "origdatablocks/public/files", _listed("origdatablocks", files=True)),
        Route("GET", 3, "datablocks", _listed("datablocks", files=False)),
    ]


class _Nested:
    """Blocks or attachments below the address of a data set, whose permissions count."""

    def __init__(self, name: str) -> None:
        self._name = name

    def listed(self, request: Request) -> Answer:
        document = opened(request)
        blocks = request.service.store.blocks(self._name, document["pid"])
        cap = _CAPS[self._name]
        if self._name == "attachments":
            return as_answer(blocks[::-1][:cap])
        return as_answer(blocks[:cap])

    def counted(self, request: Request) -> Answer:
        document = opened(request)
        count = len(request.service.store.blocks(self._name, document["pid"]))
        return json_answer({"count": min(count, 10) if self._name == "attachments" else count})

    def created(self, request: Request) -> Answer:
        dataset = opened(request)
        if not can_edit(request.user, dataset) or request.user is None:
            return forbidden()
        body = request.body
        required = {
            "origdatablocks": ("size", "dataFileList"),
            "datablocks": ("archiveId", "size", "packedSize", "version", "dataFileList"),
            "attachments": ("caption",),
        }[self._name]
        problems = [f"{key} should not be empty" for key in required if key not in body]
        optional: tuple[str, ...] = (
            "chkAlg",
            "thumbnail",
            "ownerGroup",
            "accessGroups",
            "isPublished",
            "_id",
        )
        if self._name == "attachments":
            optional += ("id", "datasetId", "proposalId", "sampleId", "instrumentGroup")
        problems += [
            f"property {key} should not exist" for key in body if key not in (*required, *optional)
        ]
        if problems:
            return bad_request(problems)
        service = request.service
        key, now = str(uuid.uuid4()), service.now()
        block = {
            "ownerGroup": dataset["ownerGroup"],
            "accessGroups": dataset.get("accessGroups") or [],
            "isPublished": False,
            **body,
            "_id": key,
            "datasetId": dataset["pid"],
            "createdBy": request.user.username,
            "updatedBy": request.user.username,
            "createdAt": now,
            "updatedAt": now,
        }
        if self._name == "attachments":
            target = {"targetId": dataset["pid"], "targetType": "dataset"}
            target["relationType"] = "is attached to"
            block |= {"id": key, "aid": key, "relationships": [target]}
        with service.store.transaction():
            service.store.put(self._name, key, block)
            if self._name != "attachments":
                self._added(service, dataset["pid"], block)
        return json_answer(block, 201)

    def _added(self, service: ScicatService, pid: str, block: Mapping[str, Any]) -> None:
        """Add the sizes of a new block to whatever the data set says."""
        dataset = service.store.get("datasets", pid) or {}
        count = len(block["dataFileList"])
        if self._name == "origdatablocks":
            sums = {"size": block["size"], "numberOfFiles": count}
        else:
            sums = {"packedSize": block["packedSize"], "numberOfFilesArchived": count}
        for key, more in sums.items():
            dataset[key] = (dataset.get(key) or 0) + more
        service.store.put("datasets", pid, dataset)


def _thumbnail(request: Request) -> Answer:
    document = opened(request)
    for attachment in request.service.store.blocks("attachments", document["pid"]):
        return json_answer({"thumbnail": attachment.get("thumbnail", "")})
    return json_answer({})


def _listed(name: str, *, files: bool) -> Any:
    """Return a handler for lists over all data sets, where the blocks' own permissions count."""

    def handler(request: Request) -> Answer:
        public = "/public" in request.question.path.lower()
        if request.user is None and not public:
            return forbidden()
        text, flavour = text_of(request), request.flavour
        wanted = (
            parse_v3(text, flavour)
            if request.version == 3
            else parse_v4(text, FIELDS, flavour=flavour)
        )
        store = request.service.store
        pid = wanted.where.get("datasetId")
        blocks: Iterable[dict[str, Any]]
        blocks = store.blocks(name, pid) if isinstance(pid, str) else store.all(name)
        user, test = (None if public else request.user), test_of(wanted.where)
        found = [block for block in blocks if can_open(user, block) and test(block)]
        if request.version == 3:  # published data of others is not among them
            groups = request.user.groups if request.user else ()
            mine = request.user is not None and request.user.admin
            found = [block for block in found if mine or block["ownerGroup"] in groups]
        if files:
            found = [
                {**block, "dataFileList": file} for block in found for file in block["dataFileList"]
            ]
        if not found and isinstance(pid, str) and store.peek("datasets", pid) is None and files:
            raise Refused(not_found(f"dataset: {pid} not found"))
        return as_answer(apply_list(found, wanted))

    return handler
