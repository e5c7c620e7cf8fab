"""Conditions and filters: what the database makes of them, and what the services refuse."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from openem_nb.practice.scicat._dates import DATES, Moment, cast
from openem_nb.practice.scicat._shapes import Refused, bad_request, bare_string

__all__ = ["Filter", "apply_list", "matches", "parse_v3", "parse_v4", "project", "test_of"]

Test = Callable[[Mapping[str, Any]], bool]

_V3_OPERATORS: Final[dict[str, str]] = {
    **{name: f"${name}" for name in ("nin", "and", "or", "gt", "gte", "lt", "lte")},
    "inq": "$in",
}
_V4_OPERATORS: Final = frozenset(
    (
        *("$in", "$or", "$and", "$nor", "$match", "$eq", "$gt", "$gte", "$lt", "$lte"),
        *("$ne", "$nin", "$not", "$exists", "$regex", "$options"),
    )
)
_FREE: Final = ("scientificMetadata", "jobParams", "jobParameters", "jobResultObject", "metadata")
_OLD_NAMES: Final = {
    "proposalId": "proposalIds",
    "sampleId": "sampleIds",
    "instrumentId": "instrumentIds",
    "investigator": "principalInvestigators",
    "principalInvestigator": "principalInvestigators",
}
_ORDERS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "$gt": lambda left, right: left > right,
    "$gte": lambda left, right: left >= right,
    "$lt": lambda left, right: left < right,
    "$lte": lambda left, right: left <= right,
}


@dataclass(frozen=True)
class Filter:
    """A filter, read."""

    where: Mapping[str, Any] = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    include: tuple[Any, ...] = ()
    limit: int = 100
    skip: int = 0
    sort: tuple[tuple[str, bool], ...] = ()
    """Fields, and whether they fall."""


def matches(document: Mapping[str, Any], where: Mapping[str, Any]) -> bool:
    """Return whether a document fulfils a condition in the database's own spelling."""
    return test_of(where)(document)


def test_of(where: Mapping[str, Any]) -> Test:
    """Return a condition as a function.

    Raises
    ------
    Refused
        For a broken regular expression or an operator that the database does not know.
    """
    tests = [_clause(key, value) for key, value in where.items()]
    return lambda document: all(test(document) for test in tests)


def _clause(key: str, value: Any) -> Test:
    if key in ("$and", "$or", "$nor"):
        if not isinstance(value, list):
            raise Refused(bare_string(500, "Internal server error"))
        inner = [test_of(item) for item in value]
        if key == "$and":
            return lambda document: all(test(document) for test in inner)
        wanted = key == "$or"
        return lambda document: any(test(document) for test in inner) is wanted
    if key == "$text":
        words = str(value.get("$search", "")).lower().split()
        return lambda document: not set(words).isdisjoint(_words(document))
    if key.startswith("$"):
        raise Refused(bare_string(500, "Internal server error"))
    path = tuple(key.split("."))
    is_date = path[-1] in DATES and path[0] != "scientificMetadata"
    condition = _condition(value, is_date=is_date)
    return lambda document: condition(_found(document, path))


def _words(document: Mapping[str, Any]) -> set[str]:
    texts = [value for value in document.values() if isinstance(value, str)]
    texts += [str(word) for word in document.get("keywords") or ()]
    return set(re.findall(r"\w+", " ".join(texts).lower()))


def _found(document: Any, path: tuple[str, ...]) -> list[Any]:
    """Return all values at a path; arrays are looked through."""
    found = [document]
    for name in path:
        deeper: list[Any] = []
        for value in found:
            items = value if isinstance(value, list) else (value,)
            deeper += [item[name] for item in items if isinstance(item, Mapping) and name in item]
        found = deeper
    return found


def _flat(values: list[Any]) -> list[Any]:
    return values + [item for value in values if isinstance(value, list) for item in value]


def _condition(value: Any, *, is_date: bool) -> Callable[[list[Any]], bool]:
    if isinstance(value, Mapping) and any(key.startswith("$") for key in value):
        tests = [
            _operator(name, item, value, is_date=is_date)
            for name, item in value.items()
            if name != "$options"
        ]
        return lambda found: all(test(found) for test in tests)
    return _equal(value, is_date=is_date)


def _equal(value: Any, *, is_date: bool) -> Callable[[list[Any]], bool]:
    if value is None:
        return lambda found: not found or any(item is None for item in _flat(found))
    if isinstance(value, str) and isinstance(value, Moment) is not is_date:
        return lambda found: False  # a text is no date and a date is no text
    if isinstance(value, bool):
        return lambda found: any(item is value for item in _flat(found))
    return lambda found: any(item == value and not isinstance(item, bool) for item in _flat(found))


def _operator(
    name: str, value: Any, whole: Mapping[str, Any], *, is_date: bool
) -> Callable[[list[Any]], bool]:
    match name:
        case "$eq":
            return _equal(value, is_date=is_date)
        case "$ne":
            equal = _equal(value, is_date=is_date)
            return lambda found: not equal(found)
        case "$in" | "$nin":
            if not isinstance(value, list):
                raise Refused(bare_string(500, "Internal server error"))
            tests = [_equal(item, is_date=is_date) for item in value]
            wanted = name == "$in"
            return lambda found: any(test(found) for test in tests) is wanted
        case "$exists":
            return lambda found: bool(found) is bool(value)
        case "$not":
            inner = _condition(value, is_date=is_date)
            return lambda found: not inner(found)
        case "$regex":
            try:
                flags = re.IGNORECASE if "i" in str(whole.get("$options", "")) else 0
                search = re.compile(str(value), flags).search
            except re.error as error:
                raise Refused(bad_request(f"Regular expression is invalid: {error.msg}")) from error
            return lambda found: any(
                isinstance(item, str) and search(item) is not None for item in _flat(found)
            )
    if name not in _ORDERS:
        raise Refused(bare_string(500, "Internal server error"))
    order = _ORDERS[name]
    if isinstance(value, str):
        if isinstance(value, Moment) is not is_date:
            return lambda found: False
        return lambda found: any(
            isinstance(item, str) and order(item, value) for item in _flat(found)
        )
    if isinstance(value, bool) or not isinstance(value, int | float):
        return lambda found: False
    return lambda found: any(
        isinstance(item, int | float) and not isinstance(item, bool) and order(item, value)
        for item in _flat(found)
    )


def _mapped(value: Any) -> Any:
    """Return a v3 condition in the database's spelling; unknown operators stay as they are."""
    if isinstance(value, list):
        return [_mapped(item) for item in value]
    if not isinstance(value, dict):
        return value
    found: dict[str, Any] = {}
    for key, item in value.items():
        if key in ("like", "ilike"):
            found["$regex"] = item
            if key == "ilike":
                found["$options"] = "i"
        else:
            found[_V3_OPERATORS.get(key) or key] = _mapped(item)
    return found


def _read(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except ValueError as error:
        raise Refused(bad_request(f"Invalid JSON in filter: {error}")) from error
    if not isinstance(value, dict):
        raise Refused(bad_request("Invalid JSON in filter: not an object"))
    return value


def _count(value: Any, default: int) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return default


def parse_v3(text: str, flavour: str) -> Filter:
    """Read a filter of v3; ``limit``, ``skip`` and ``order`` beside ``where`` are ignored."""
    value = _read(text)
    where = _mapped(value.get("where") or {})
    where = {_OLD_NAMES.get(key, key): item for key, item in where.items()}
    limits = value.get("limits") or {}
    name, _, direction = str(limits.get("order") or "").partition(":")
    return Filter(
        where=cast(where, flavour),
        fields=tuple(value.get("fields") or ()),
        include=tuple(value.get("include") or ()),
        limit=_count(limits.get("limit", 100), 100) or 10,
        skip=_count(limits.get("skip", 0), 0),
        sort=((name, direction == "desc"),) if name else (),
    )


def parse_v4(
    text: str, known: Iterable[str], *, flavour: str, default: int = 10, dates: bool = False
) -> Filter:
    """Read a filter of v4, which refuses names it does not know; ``dates``: as a count does."""
    value = _read(text)
    problems = _unknown(value.get("where") or {}, frozenset(known), "where")
    limits = value.get("limits") or {}
    problems += [f"limits.{key}" for key in limits if key not in ("limit", "skip", "sort")]
    if problems:
        raise Refused(bad_request(f"Property {problems[0]} should not exist in the filter object"))
    where = value.get("where") or {}
    sort = limits.get("sort") or {"createdAt": "desc"}
    return Filter(
        where=cast(where, flavour) if dates else where,
        fields=tuple(value.get("fields") or ()),
        include=tuple(value.get("include") or ()),
        limit=_count(limits.get("limit", default), default) or default,
        skip=_count(limits.get("skip", 0), 0),
        sort=tuple((key, str(way).lower() in ("desc", "-1")) for key, way in sort.items()),
    )


def _unknown(where: Any, known: frozenset[str], path: str) -> list[str]:
    problems: list[str] = []
    if not isinstance(where, dict):
        return problems
    for key, value in where.items():
        first = key.split(".")[0]
        if key.startswith("$"):
            if key not in _V4_OPERATORS:
                problems.append(f"{path}.{key}")
        elif first not in known:
            problems.append(f"{path}.{key}")
        if first not in _FREE:
            problems += _unknown(value, known, f"{path}.{key}")
    return problems


def apply_list(documents: list[dict[str, Any]], wanted: Filter) -> list[dict[str, Any]]:
    """Return a page, in the database's order.

    Fields are cut before sorting, so that a field that is not among them does not sort. Ties come
    in another order on each page. Without an order the documents come as they lie.
    """
    page = wanted.skip // max(1, wanted.limit)
    ordered = documents
    if wanted.sort:
        if page % 2:
            ordered = ordered[::-1]
        for name, falling in reversed(wanted.sort):
            if wanted.fields and name.split(".")[0] not in wanted.fields:
                continue
            path = tuple(name.split("."))
            ordered = sorted(
                ordered,
                key=lambda document, path=path: _rank(_found(document, path)),  # type: ignore[misc]
                reverse=falling,
            )
    return ordered[wanted.skip : wanted.skip + wanted.limit]


def _rank(found: list[Any]) -> tuple[int, Any]:
    value = found[0] if found else None
    if isinstance(value, bool):
        return 3, value
    if isinstance(value, int | float):
        return 1, value
    if isinstance(value, str):
        return 2, value
    return 0, 0


def project(document: Mapping[str, Any], fields: Iterable[str]) -> dict[str, Any]:
    """Return the fields that are asked for, by dotted names."""
    found: dict[str, Any] = {}
    for name in fields:
        source: Any = document
        target = found
        *path, last = name.split(".")
        for part in path:
            source = source.get(part) if isinstance(source, Mapping) else None
            target = target.setdefault(part, {})
        if isinstance(source, Mapping) and last in source:
            target[last] = source[last]
    return found
