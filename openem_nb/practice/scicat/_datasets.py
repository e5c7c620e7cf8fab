"""Lists, counts and single data sets, in v3 and v4."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from openem_nb.practice._answer import Answer, json_answer
from openem_nb.practice.scicat._metadata import decoded
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
from openem_nb.practice.scicat._users import can_open, can_see

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from openem_nb.practice.scicat._routes import Router
    from openem_nb.practice.scicat._users import User
    from openem_nb.practice.scicat.service import ScicatService

__all__ = ["FIELDS", "as_answer", "explorer", "fetch", "opened", "output", "routes", "text_of"]

FIELDS: Final = frozenset(
    (
        *("pid", "_id", "type", "owner", "ownerEmail", "contactEmail", "ownerGroup", "size"),
        *("accessGroups", "instrumentGroup", "orcidOfOwner", "sourceFolder", "sourceFolderHost"),
        *("packedSize", "numberOfFiles", "numberOfFilesArchived", "creationTime", "license"),
        *("validationStatus", "keywords", "description", "datasetName", "classification"),
        *("isPublished", "techniques", "sharedWith", "relationships", "datasetlifecycle"),
        *("scientificMetadata", "scientificMetadataSchema", "scientificMetadataValid", "comment"),
        *("dataQualityMetrics", "principalInvestigators", "startTime", "endTime", "runNumber"),
        *("creationLocation", "dataFormat", "proposalIds", "sampleIds", "instrumentIds"),
        *("inputDatasets", "usedSoftware", "jobParameters", "jobLogData", "version", "history"),
        *("createdBy", "updatedBy", "createdAt", "updatedAt", "datasetId", "dataFileList"),
    )
)
"""Names that a v4 filter may hold."""
_RELATIONS: Final = frozenset(
    ("instruments", "proposals", "origdatablocks", "datablocks", "attachments", "samples", "all")
)
_KEPT: Final = ("_shape", "_pictures")
_LARGEST_DOCUMENT: Final = 16 * 1024 * 1024
_SINGLE: Final = {
    "proposalId": "proposalIds",
    "sampleId": "sampleIds",
    "instrumentId": "instrumentIds",
    "principalInvestigator": "principalInvestigators",
}


def routes(service: ScicatService) -> list[Route]:
    """Return the routes of this theme."""
    return [
        Route("GET", None, "datasets", _listed),
        Route("GET", 4, "datasets/public", _listed),
        Route("GET", None, "datasets/count", _counted),
        Route("GET", 4, "datasets/public/count", _counted),
        Route("GET", None, "datasets/findOne", _first),
        Route("GET", 4, "datasets/public/findOne", _first),
        Route("GET", None, "datasets/{pid}", _one),
        Route("GET", 4, "datasets/public/{pid}", _one),
    ]


def explorer(router: Router) -> Answer:
    """Return which routes there are, as the services describe themselves."""
    paths: dict[str, Any] = {}
    for route in router.routes:
        for version in (3, 4) if route.version is None else (route.version,):
            about = paths.setdefault(f"/api/v{version}/{route.pattern}", {})
            about[route.method.lower()] = {"responses": {}}
    about = {"title": "SciCat backend API", "version": "4.5.0"}
    return json_answer({"openapi": "3.0.0", "info": about, "paths": paths})


def text_of(request: Request) -> str:
    """Return the filter as sent, in the query or (v3) as a header."""
    in_query = request.values.get("filter")
    header = request.question.headers.get("filter") if request.version == 3 else None
    if in_query is not None and header is not None:
        raise Refused(bad_request("Only one filter is allowed: in the query or in the header"))
    return in_query or header or "{}"


def _is_public(request: Request) -> bool:
    return "/datasets/public" in request.question.path.lower()


def _filter(request: Request, *, dates: bool = False) -> Filter:
    text, flavour = text_of(request), request.flavour
    if request.version == 3:
        return parse_v3(text, flavour)
    if request.user is None and not _is_public(request):
        raise Refused(forbidden())
    return parse_v4(text, FIELDS, flavour=flavour, dates=dates)


def fetch(
    service: ScicatService,
    user: User | None,
    where: Mapping[str, Any],
    sees: Callable[[User | None, Mapping[str, Any]], bool] = can_see,
) -> list[dict[str, Any]]:
    """Return the data sets that fulfil a condition and that a user sees, as they lie.

    That is not the order of creation: the database hands them out in an order of its own.
    """
    test = test_of(where)
    named = where.get("pid")
    if isinstance(named, dict) and isinstance(named.get("$in"), list):
        named = named["$in"]
    elif isinstance(named, str):
        named = [named]
    documents: Iterable[dict[str, Any]]
    if isinstance(named, list) and all(isinstance(pid, str) for pid in named):
        looked_up = (service.store.peek("datasets", pid) for pid in dict.fromkeys(named))
        documents = [document for document in looked_up if document is not None]
    else:
        documents = service.store.all("datasets")
    found = [document for document in documents if sees(user, document) and test(document)]
    return sorted(found, key=_place)


def _place(document: Mapping[str, Any]) -> str:
    return str(document["pid"])[-12:]


def _wanted(request: Request, *, dates: bool = False) -> tuple[Filter, list[dict[str, Any]]]:
    wanted = _filter(request, dates=dates)
    user = None if _is_public(request) else request.user
    return wanted, fetch(request.service, user, wanted.where)


def _listed(request: Request) -> Answer:
    wanted, found = _wanted(request)
    includes = _includes(wanted.include, wanted)
    return as_answer(
        output(request, document, fields=wanted.fields, includes=includes, history=False)
        for document in apply_list(found, wanted)
    )


def _counted(request: Request) -> Answer:
    _, found = _wanted(request, dates=True)
    return json_answer({"count": len(found)})


def _first(request: Request) -> Answer:
    wanted, found = _wanted(request)
    page = apply_list(found, wanted)
    if not page:
        return empty()
    includes = _includes(wanted.include, wanted)
    return json_answer(output(request, page[0], fields=wanted.fields, includes=includes))


def _one(request: Request) -> Answer:
    pid = request.parts["pid"]
    if request.version == 4 and request.user is None and not _is_public(request):
        return forbidden()
    document = request.service.store.peek("datasets", pid)
    if document is None:
        name = "null" if request.version == 4 else pid
        return not_found(f"dataset: {name} not found")
    user = None if _is_public(request) else request.user
    sees = can_see if request.version == 3 else can_open
    if not sees(user, document):
        return forbidden("Unauthorized access")
    wanted = parse_v3(text_of(request), request.flavour) if request.version == 3 else Filter()
    includes = _includes(wanted.include, wanted)
    if request.version == 4:
        pairs = request.question.target.partition("?")[2].split("&")
        names = tuple(pair[8:] for pair in pairs if pair.startswith("include="))
        includes = _includes(tuple(name for name in names if name in _RELATIONS), wanted)
    return json_answer(output(request, document, fields=wanted.fields, includes=includes))


def opened(request: Request) -> dict[str, Any]:
    """Return the data set whose parts are asked for by their nested address.

    Raises
    ------
    Refused
        If there is none, or the user may not open it.
    """
    pid = request.parts["pid"]
    document = request.service.store.peek("datasets", pid)
    if document is None:
        raise Refused(not_found(f"dataset: {pid} not found"))
    if not can_open(request.user, document):
        raise Refused(forbidden("Unauthorized access"))
    return document


def _includes(asked: Iterable[Any], wanted: Filter) -> list[tuple[str, Mapping[str, Any]]]:
    found: list[tuple[str, Mapping[str, Any]]] = []
    for item in asked:
        name = item.get("relation") if isinstance(item, dict) else item
        if name not in _RELATIONS:
            text = f'Provided include field "{name}" is not part of the dataset relations'
            raise Refused(bad_request(text))
        scope = item.get("scope") or {} if isinstance(item, dict) else {}
        names = sorted(_RELATIONS - {"all"}) if name == "all" else [name]
        found += [(relation, scope) for relation in names]
    return found


def output(
    request: Request,
    document: Mapping[str, Any],
    *,
    fields: Iterable[str] = (),
    includes: Iterable[tuple[str, Mapping[str, Any]]] = (),
    history: bool = True,
) -> dict[str, Any]:
    """Return a data set as an answer holds it."""
    chosen = tuple(fields)
    if chosen:
        found = {"_id": document["_id"], **project(document, chosen)}
    else:
        found = {key: value for key, value in document.items() if key not in _KEPT}
        if request.version == 3:
            for single, many in _SINGLE.items():
                found[single] = next(iter(found.get(many) or ()), None)
            if history:
                found.setdefault("history", [])
    # the older release forgets to decode the keys in v4
    if found.get("scientificMetadata") and (request.version == 3 or request.flavour == "psi5"):
        found["scientificMetadata"] = decoded(found["scientificMetadata"])
    for name, scope in includes:
        found[name] = list(_related(request, document, name, scope))
    return found


def _related(
    request: Request, document: Mapping[str, Any], name: str, scope: Mapping[str, Any]
) -> Iterator[Any]:
    store = request.service.store
    limits = scope.get("limits") or {}
    skip, limit = int(limits.get("skip") or 0), limits.get("limit")
    end = None if limit is None else skip + int(limit)
    if name in ("origdatablocks", "datablocks"):
        blocks: Iterable[Any] = store.blocks(name, document["pid"])[skip:end]
        if request.version == 4:  # there the blocks' own permissions count
            blocks = (block for block in blocks if can_open(request.user, block))
    elif name == "attachments":
        blocks = store.blocks(name, document["pid"])[skip:end]
    elif name == "instruments":
        wanted = document.get("instrumentIds") or ()
        blocks = (item for item in store.all(name) if item["pid"] in wanted)
    else:
        key = "proposalId" if name == "proposals" else "sampleId"
        wanted = document.get(f"{key}s") or ()
        blocks = (item for item in store.all(name) if item.get(key) in wanted)
    fields = scope.get("fields")
    size = 0
    for block in blocks:
        size += 60 * len(block.get("dataFileList") or ())
        if size > _LARGEST_DOCUMENT:
            raise Refused(bare_string(500, "Internal server error"))
        yield {"_id": block["_id"], **project(block, fields)} if fields else block


def as_answer(documents: Iterable[Any], status: int = 200) -> Answer:
    """Return a list, written one document after the other."""
    dump = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    return Answer(status, f"[{','.join(map(dump, documents))}]".encode())
