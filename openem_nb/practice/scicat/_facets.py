"""The search of the web site: full query, facets, names of metadata keys."""

from __future__ import annotations

import json
import re
from collections import Counter
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote

from openem_nb.practice._answer import json_answer
from openem_nb.practice.scicat._datasets import FIELDS, as_answer, fetch, output, text_of
from openem_nb.practice.scicat._dates import moment_of
from openem_nb.practice.scicat._metadata import enriched
from openem_nb.practice.scicat._query import Filter, apply_list, parse_v4
from openem_nb.practice.scicat._routes import Request, Route
from openem_nb.practice.scicat._shapes import Refused, bare_string, forbidden
from openem_nb.practice.scicat._users import can_open

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openem_nb.practice._answer import Answer
    from openem_nb.practice.scicat._users import User
    from openem_nb.practice.scicat.service import ScicatService

__all__ = ["routes"]

_LISTS: Final = ("type", "creationLocation", "ownerGroup", "keywords")
_MOST_KEYS: Final = 100
_MOST_PARENTS: Final = 10
_RELATIONS: Final = {
    "GREATER_THAN": "$gt",
    "LESS_THAN": "$lt",
    "GREATER_THAN_OR_EQUAL": "$gte",
    "LESS_THAN_OR_EQUAL": "$lte",
    "EQUAL_TO_STRING": "$eq",
    "EQUAL_TO_NUMERIC": "$eq",
}


def routes(service: ScicatService) -> list[Route]:
    """Return the routes of this theme."""
    return [
        Route("GET", 3, "datasets/fullquery", _full_query),
        Route("GET", None, "datasets/fullfacet", _full_facet),
        Route("GET", 4, "datasets/public/fullfacet", _full_facet),
        Route("GET", None, "datasets/metadataKeys", _keys),
        Route("GET", 4, "datasets/public/metadataKeys", _keys),
    ]


def _broken() -> Refused:
    return Refused(bare_string(500, "Internal server error"))


def _json(request: Request, name: str, default: str) -> Any:
    try:
        return json.loads(request.values.get(name) or default)
    except ValueError as error:  # nobody guards this in the service
        raise _broken() from error


def _sees(user: User | None, document: Mapping[str, Any]) -> bool:
    """Return whether a document is the user's own: published ones of others are not."""
    if user is None:
        return bool(document.get("isPublished"))
    own = {**document, "isPublished": False}
    return can_open(user, own) or user.email in (document.get("sharedWith") or ())


def _found(request: Request) -> list[dict[str, Any]]:
    fields = _json(request, "fields", "{}")
    where = _where(fields)
    public = "/datasets/public" in request.question.path.lower()
    if request.version == 4 and request.user is None and not public:
        raise Refused(forbidden())
    user = None if public else request.user
    if fields.get("isPublished") is True:
        return fetch(request.service, user, where, can_open)
    return fetch(request.service, user, where, _sees)


def _where(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the condition that the fields of a full query mean, without ``text``."""
    where: dict[str, Any] = dict(fields.get("mode") or {})
    for name, value in fields.items():
        if name in _LISTS and value:
            where[name] = {"$in": value if isinstance(value, list) else [value]}
        elif name == "isPublished":
            where[name] = value
        elif name == "creationTime":
            begin, end = (moment_of(str(value.get(side))) for side in ("begin", "end"))
            if begin is None or end is None:
                raise _broken()
            where[name] = {"$gte": begin, "$lte": end}
        elif name == "scientific":
            for one in value:
                where |= _scientific(one)
        elif isinstance(value, dict) and {"min", "max"} & value.keys():
            limits = {"min": "$gte", "max": "$lte"}
            where[name] = {limits[side]: value[side] for side in limits if side in value}
        elif name not in ("text", "mode", "metadataKey", "userGroups", "sharedWith", *_LISTS):
            where[name] = value
    return where


def _scientific(one: Mapping[str, Any]) -> dict[str, Any]:
    """Return a condition on metadata; the dots of a nested key are encoded, so it never fits."""
    key = "scientificMetadata." + quote(str(one["lhs"]), safe="").replace(".", "%2E")
    relation, value, unit = one.get("relation"), one.get("rhs"), one.get("unit")
    if relation == "RANGE" and isinstance(value, list) and len(value) == 2:
        tests: dict[str, Any] = {"$gt": value[0], "$lt": value[1]}
    elif relation in _RELATIONS:
        tests = {_RELATIONS[relation]: value}
    else:
        return {f"{key}.no such operator": True}
    if unit:
        scaled = {name: _si(number, str(unit)) for name, number in tests.items()}
        base = enriched({"value": 1, "unit": unit})["unitSI"]
        return {f"{key}.valueSI": scaled, f"{key}.unitSI": base}
    if relation in ("RANGE", "EQUAL_TO_NUMERIC"):
        return {f"{key}.value": tests}
    return {"$or": [{key: tests}, {f"{key}.v": tests}, {f"{key}.value": tests}]}


def _si(value: Any, unit: str) -> Any:
    return enriched({"value": value, "unit": unit})["valueSI"]


def _hit(document: Mapping[str, Any], words: list[str]) -> bool:
    """Return whether any word stands in name or description, as the search index has it."""
    text = f"{document.get('datasetName', '')} {document.get('description', '')}".lower()
    return any(word in text for word in words)


def _with_text(
    documents: list[dict[str, Any]], fields: Mapping[str, Any], flavour: str
) -> list[dict[str, Any]]:
    words = str(fields.get("text") or "").lower().split()
    if not words:
        return documents
    if flavour == "psi5":
        return [document for document in documents if _hit(document, words)]
    wanted = set(words)
    return [document for document in documents if not wanted.isdisjoint(_words(document))]


def _words(document: Mapping[str, Any]) -> set[str]:
    """Return the words of all texts, as the database's own text index has them."""
    texts = [value for value in document.values() if isinstance(value, str)]
    return set(re.findall(r"\w+", " ".join((*texts, *document.get("keywords", ()))).lower()))


def _full_query(request: Request) -> Answer:
    limits = _json(request, "limits", "{}")
    fields = _json(request, "fields", "{}")
    name, _, direction = str(limits.get("order") or "").partition(":")
    page = Filter(
        limit=int(limits.get("limit", 100)) or 10,
        skip=int(limits.get("skip") or 0),
        sort=((name, direction == "desc"),) if name else (),
    )
    found = _found(request)
    words = str(fields.get("text") or "").lower().split()
    if words and request.flavour == "psi5":
        # the search index cuts the page out of its own hits, before anybody's rights are looked at
        everybody = request.service.store.all("datasets")
        hits = [document["pid"] for document in everybody if _hit(document, words)]
        chosen = set(hits[page.skip : page.skip + page.limit])
        found = [document for document in found if document["pid"] in chosen]
        page = Filter(limit=page.limit, sort=page.sort)
    else:
        found = _with_text(found, fields, request.flavour)
    return as_answer(
        output(request, document, history=False) for document in apply_list(found, page)
    )


def _full_facet(request: Request) -> Answer:
    facets = _json(request, "facets", "[]")
    fields = _json(request, "fields", "{}")
    found = _with_text(_found(request), fields, request.flavour)
    answer: dict[str, Any] = {}
    for facet in facets:
        counts: Counter[Any] = Counter()
        for document in found:
            value = document.get(facet)
            for item in value if isinstance(value, list) else (value,):
                counts[item[:10] if facet == "creationTime" and item else item] += 1
        if facet == "creationTime":
            answer[facet] = [
                {
                    "_id": dict(
                        zip(("year", "month", "day"), map(int, day.split("-")), strict=True)
                    ),
                    "count": count,
                }
                for day, count in sorted(counts.items(), reverse=True)
                if day
            ]
        else:
            answer[facet] = [
                {"_id": value, "count": count}
                for value, count in counts.most_common()
                if value is not None
            ]
    return json_answer([{**answer, "all": [{"totalSets": len(found)}] if found else []}])


def _keys(request: Request) -> Answer:
    """Return some dotted names of metadata keys: from the first few data sets, up to a limit."""
    if request.version == 4:
        parse_v4(text_of(request), FIELDS, flavour=request.flavour)
    part = str(_json(request, "fields", "{}").get("metadataKey") or "")
    names: dict[str, None] = {}
    for document in _found(request)[:_MOST_PARENTS]:
        names.update(dict.fromkeys(_dotted(document.get("scientificMetadata") or {})))
    return json_answer([name for name in names if part in name][:_MOST_KEYS])


def _dotted(value: Mapping[str, Any], before: str = "") -> list[str]:
    found: list[str] = []
    for key, item in value.items():
        name = f"{before}{unquote(key)}"
        inner = isinstance(item, dict) and not {"value", "v"} & item.keys()
        found += _dotted(item, f"{name}.") if inner else [name]
    return found
