"""Questions as people ask them, turned into conditions that every backend reads the same way.

The database sees regular expressions where people type words, turns texts that look like dates into
dates, ignores operators that it does not know, and finds nothing under a misspelt name. What is
written here avoids all of that: words are escaped, texts compared through ``$in``, moments written
in full with milliseconds and zone, and names are checked.
"""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from fractions import Fraction
from typing import Any, Final
from urllib.parse import quote

from openem_nb.errors import InvalidInput
from openem_nb.scicat._periods import iso, period, span
from openem_nb.units import si_units, spellings

__all__ = ["FIELDS", "Question", "conditions", "question", "several"]

FIELDS: Final = frozenset(
    (
        *("pid", "type", "owner", "ownerEmail", "contactEmail", "ownerGroup", "accessGroups"),
        *("sharedWith", "instrumentGroup", "orcidOfOwner", "sourceFolder", "sourceFolderHost"),
        *("size", "packedSize", "numberOfFiles", "numberOfFilesArchived", "creationTime"),
        *("startTime", "endTime", "createdAt", "updatedAt", "createdBy", "updatedBy", "license"),
        *("keywords", "description", "datasetName", "classification", "isPublished", "comment"),
        *("techniques", "relationships", "datasetlifecycle", "principalInvestigators"),
        *("creationLocation", "dataFormat", "proposalIds", "sampleIds", "instrumentIds"),
        *("inputDatasets", "usedSoftware", "jobParameters", "validationStatus", "runNumber"),
        *("scientificMetadataValid", "scientificMetadataSchema", "dataQualityMetrics", "version"),
    )
)
"""Names of a data set's own fields; every other key of ``where`` is scientific metadata."""
_OLD_NAMES: Final = {
    "proposalId": "proposalIds",
    "sampleId": "sampleIds",
    "instrumentId": "instrumentIds",
    "principalInvestigator": "principalInvestigators",
    "investigator": "principalInvestigators",
}
"""Names that the service understands in some places only."""
_TEXT_FIELDS: Final = ("datasetName", "description", "keywords", "pid", "owner")
_METADATA: Final = "scientificMetadata"
_DATES: Final = frozenset({"creationTime", "startTime", "endTime", "createdAt", "updatedAt"})
_COMPARE: Final = {">": "$gt", ">=": "$gte", "<": "$lt", "<=": "$lte"}
_OPERATORS: Final = (*_COMPARE, "=", "!=", "between", "in", "contains", "exists")
_SLACK: Final = 1e-9
"""Relative tolerance of bounds that were converted: 3e-6 and 2.9999999999999997e-06 are equal."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of a catalogue."""

    clauses: tuple[dict[str, Any], ...] = ()
    """Conditions in the database's own spelling; all of them have to hold."""
    created: tuple[datetime, datetime] | None = None
    """First and last moment of ``creationTime``, both included; apart, facets need it so."""

    @property
    def where(self) -> dict[str, Any]:
        """The whole condition."""
        clauses = list(self.clauses)
        if self.created is not None:
            first, last = self.created
            clauses.insert(0, {"creationTime": {"$gte": iso(first), "$lte": iso(last)}})
        return _together(clauses)

    @property
    def timeless(self) -> dict[str, Any]:
        """The condition without ``created``."""
        return _together(list(self.clauses))


def _together(clauses: list[dict[str, Any]]) -> dict[str, Any]:
    if len(clauses) == 1:
        return clauses[0]
    return {"$and": clauses} if clauses else {}


def question(
    text: str = "",
    *,
    type: str | Iterable[str] | None = None,  # noqa: A002  (the catalogue's own word)
    keywords: str | Iterable[str] = (),
    created: Any = None,
    where: Mapping[Any, Any] | None = None,
    owner_group: str | Iterable[str] | None = None,
    location: str | Iterable[str] | None = None,
    published: bool | None = None,
    on_disk: bool | None = None,
    retrievable: bool | None = None,
) -> Question:
    """Return what is asked as a question; the parameters are those of :func:`search`.

    Raises
    ------
    InvalidInput
        If a part cannot be understood.
    """
    clauses = [_word(word) for word in _words(text)]
    for name, values in (
        ("type", type),
        ("keywords", keywords),
        ("ownerGroup", owner_group),
        ("creationLocation", location),
    ):
        chosen = several(values, name)
        if chosen:
            clauses.append({name: {"$in": chosen}})
    for name, flag in (
        ("isPublished", published),
        ("datasetlifecycle.isOnCentralDisk", on_disk),
        ("datasetlifecycle.retrievable", retrievable),
    ):
        if flag is not None:
            if not isinstance(flag, bool):
                raise InvalidInput(f"{flag!r} is not True, False or None.")
            clauses.append({name: True} if flag else {name: {"$ne": True}})
    for key, condition in (where or {}).items():
        clauses.append(_condition(key, condition))
    return Question(tuple(clauses), span(created))


def _words(text: str) -> list[str]:
    if not isinstance(text, str):
        raise InvalidInput(f"{text!r} is not a text to look for.")
    found = re.findall(r'"([^"]+)"|(\S+)', text)
    words = [(phrase or word).strip() for phrase, word in found]
    return [word for word in words if word.strip('"')]


def _word(word: str) -> dict[str, Any]:
    pattern = _pattern(word)
    return {"$or": [{name: {"$regex": pattern, "$options": "i"}} for name in _TEXT_FIELDS]}


def _pattern(word: str) -> str:
    # The end matches nothing and keeps backends that see dates in "Krios 1" from seeing one here.
    whole = word.encode("utf-8", "replace").decode("utf-8")  # half a surrogate pair cannot be sent
    return f"{re.escape(whole)}x{{0}}"


def several(values: str | Iterable[str] | None, name: str) -> list[str]:
    """Return the texts that are given as one text or several, each once."""
    if values is None:
        return []
    found = [values] if isinstance(values, str) else list(values)
    for value in found:
        if not isinstance(value, str) or not value.strip():
            raise InvalidInput(f"{value!r} cannot be one of {name}.", hint="Give a text.")
    return list(dict.fromkeys(found))


def conditions(lines: Iterable[str]) -> dict[str, tuple[Any, ...]]:
    """Return what ``search`` takes as ``where``, from conditions written as one line each.

    Parameters
    ----------
    lines :
        A name, an operator, a value and perhaps a unit: ``acquisition.pixel_size < 1 angstrom``.
        A value with blanks stands in quotation marks.

    Raises
    ------
    InvalidInput
        If a line is no condition, or two are on the same name.

    Examples
    --------
    >>> conditions(["acquisition.nominal_magnification >= 81000"])
    {'acquisition.nominal_magnification': ('>=', 81000)}
    """
    found: dict[str, tuple[Any, ...]] = {}
    for line in lines:
        try:
            name, operator, *words = shlex.split(line)
        except ValueError:  # too few words, or quotation marks without an end
            name, operator, words = "", "", []
        if operator == "exists" and not words:
            words = ["True"]
        if operator not in _OPERATORS or not words:
            raise InvalidInput(
                f"The condition {line!r} cannot be read.",
                hint="Write a name, an operator, a value and perhaps a unit, with blanks between: "
                f"acquisition.pixel_size < 1 angstrom. Operators: {' '.join(_OPERATORS)}.",
            )
        if name in found:
            raise InvalidInput(f"{name} is there twice.", hint="Use between for two ends.")
        found[name] = (operator, *map(_plain, words))
    return found


def _plain(word: str) -> str | int | float:
    for kind in (int, float):
        try:
            number = kind(word)
        except ValueError:
            continue
        return word if kind is float and not math.isfinite(number) else number
    return word


# -- conditions ------------------------------------------------------------------------------------


def _condition(key: Any, condition: Any) -> dict[str, Any]:
    if isinstance(key, str) and key.startswith("$"):
        return {key: condition}
    if isinstance(key, str):
        key = _OLD_NAMES.get(key, key)
        _check_name(key)
    if isinstance(condition, Mapping):  # the database's own spelling, as it stands
        if not isinstance(key, str) or not all(str(name).startswith("$") for name in condition):
            raise InvalidInput(
                f"The condition {dict(condition)!r} on {key!r} cannot be read.",
                hint='Write {"$gte": 1}, or (">=", 1), or a value.',
            )
        return {key: dict(condition)}
    operator, values, unit = _taken_apart(key, condition)
    if isinstance(key, str) and key.split(".")[0] in FIELDS:
        if unit is not None:
            raise InvalidInput(f"{key} has no unit.", hint="Sizes are bytes.")
        return _of_field(key, operator, values)
    return _of_metadata(_path(key), operator, values, unit)


def _check_name(key: str) -> None:
    """Refuse a name that is nearly that of a field: as metadata it would just find nothing."""
    if "." in key or key in FIELDS:
        return
    near = get_close_matches(
        key.replace("_", "").lower(), [name.lower() for name in FIELDS], 1, 0.85
    )
    if near:
        name = next(field for field in FIELDS if field.lower() == near[0])
        raise InvalidInput(
            f"A data set has no field {key!r}.",
            hint=f"Is {name} meant? A name in the metadata is written scientificMetadata.{key}.",
        )


def _taken_apart(key: Any, condition: Any) -> tuple[str, list[Any], str | None]:
    """Return operator, values and unit of ``(">=", 1, "um")`` or of a plain value."""
    if not isinstance(condition, tuple):
        if isinstance(condition, list | set | frozenset):
            return "in", _scalars(key, list(condition)), None
        if isinstance(condition, str) and condition.startswith((*_COMPARE, "!=")):
            raise InvalidInput(
                f"The condition {condition!r} on {key!r} would be compared as a text.",
                hint='Write (">=", 81000), or ("=", ">= 81000") if the text is meant.',
            )
        return "=", _scalars(key, [condition]), None
    if not condition or condition[0] not in _OPERATORS:
        raise InvalidInput(
            f"The condition {condition!r} on {key!r} begins with no operator.",
            hint=f'Write for example (">=", 81000). There are: {" ".join(_OPERATORS)}.',
        )
    operator, *rest = condition
    needed = 2 if operator == "between" else 1
    if operator == "in":
        rest = [*(rest[0] if rest and isinstance(rest[0], list | tuple | set) else rest)]
        return operator, _scalars(key, rest), None
    unit = rest.pop() if len(rest) == needed + 1 else None
    if len(rest) != needed or not (unit is None or (isinstance(unit, str) and unit.strip())):
        raise InvalidInput(
            f"The condition {condition!r} on {key!r} cannot be read.",
            hint='Write (">=", 0.5, "um") or ("between", 0.5, 3, "um").',
        )
    values = _scalars(key, rest)
    if unit is not None and not all(_is_number(value) for value in values):
        raise InvalidInput(f"Only numbers have a unit, not {values!r} for {key!r}.")
    if operator == "between" and values[0] > values[1]:
        raise InvalidInput(f"{condition!r}: the first of the two is larger.")
    return operator, values, unit.strip() if unit else None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _scalars(key: Any, values: list[Any]) -> list[Any]:
    if not values:
        raise InvalidInput(f"There is nothing to compare {key!r} with.")
    found = []
    for value in values:
        plain = value.item() if hasattr(value, "item") else value  # a number of numpy
        if isinstance(plain, float) and not math.isfinite(plain):
            raise InvalidInput(f"{key!r} cannot be compared with {plain}.")
        if isinstance(plain, date):
            plain = iso(period(plain)[0])
        if not isinstance(plain, str | int | float | bool):
            raise InvalidInput(f"{key!r} cannot be compared with {plain!r}.")
        found.append(plain)
    if len({isinstance(value, str) for value in found}) > 1:
        raise InvalidInput(f"{key!r} is compared with texts and numbers at once.")
    return found


def _of_field(name: str, operator: str, values: list[Any]) -> dict[str, Any]:
    if name.split(".")[0] in _DATES and operator != "exists":
        return _of_date(name, operator, values)
    return {name: _test(operator, values)}


def _of_date(name: str, operator: str, values: list[Any]) -> dict[str, Any]:
    periods = [period(value) for value in values]
    first, last = iso(periods[0][0]), iso(periods[-1][1])
    match operator:
        case "=" | "between":
            return {name: {"$gte": first, "$lte": last}}
        case ">" | "<=":
            return {name: {_COMPARE[operator]: last}}
        case "<" | ">=":
            return {name: {_COMPARE[operator]: first}}
    raise InvalidInput(
        f"{name} cannot be asked with {operator!r}.", hint="Use =, between, >, >=, < or <=."
    )


def _test(operator: str, values: list[Any]) -> dict[str, Any]:
    """Return a condition on one value in the database's spelling."""
    match operator:
        case "=" | "in":
            return {"$in": values}
        case "!=":
            return {"$exists": True, "$nin": values}
        case "between":
            return {"$gte": values[0], "$lte": values[1]}
        case "contains":
            return {"$regex": _pattern(str(values[0])), "$options": "i"}
        case "exists":
            return {"$exists": bool(values[0])}
    if isinstance(values[0], str):
        raise InvalidInput(
            f"{operator} compares numbers, not {values[0]!r}.", hint='Write ("=", ...) for a text.'
        )
    return {_COMPARE[operator]: values[0]}


def _path(key: Any) -> str:
    """Return a path of metadata keys as the database has them: percent-encoded, dots as well."""
    parts = key.split(".") if isinstance(key, str) else key
    if not isinstance(parts, Sequence) or not all(isinstance(part, str) for part in parts):
        raise InvalidInput(
            f"{key!r} is not a path of metadata.",
            hint='Write "acquisition.nominal_magnification", or a tuple of keys.',
        )
    parts = list(parts)
    if parts and parts[0] == _METADATA:
        parts = parts[1:]
    if parts and parts[-1] == "value":
        parts = parts[:-1]
    if not parts or not all(part.strip() for part in parts):
        raise InvalidInput(f"{key!r} is not a path of metadata: a key is empty.")
    encoded = (quote(part, safe="!~*'()-_", errors="replace").replace(".", "%2E") for part in parts)
    return ".".join((_METADATA, *encoded))


def _of_metadata(path: str, operator: str, values: list[Any], unit: str | None) -> dict[str, Any]:
    if operator == "exists":
        return {path: _test(operator, values)}
    if unit is not None:
        return {"$or": list(_by_unit(path, operator, values, unit))}
    test = _test(operator, values)
    if operator == "!=":
        return {"$and": [{path: test}, {f"{path}.value": {"$nin": values}}]}
    return {"$or": [{f"{path}.value": test}, {path: test}, {f"{path}.v": test}]}


def _by_unit(path: str, operator: str, values: list[Any], unit: str) -> Iterable[dict[str, Any]]:
    """Yield the same condition in every unit that measures the same, and on the SI value."""
    if operator in ("!=", "contains"):
        raise InvalidInput(f"{operator!r} does not go with a unit.", hint="Use between, < or >.")
    for names, factor in spellings(unit):
        converted = [float(factor * _exact(value)) for value in values]
        exact = converted == values
        test = _test(operator, values) if exact else _loose(operator, converted)
        yield {f"{path}.unit": {"$in": list(names)}, f"{path}.value": test}
    si = si_units(unit)
    if si is not None:
        test = _loose(operator, [float(si.factor * _exact(value)) for value in values])
        yield {f"{path}.unitSI": {"$in": list(si.names)}, f"{path}.valueSI": test}


def _exact(value: float) -> Fraction:
    return Fraction(str(value))


def _loose(operator: str, values: list[float]) -> dict[str, Any]:
    """Return a condition on a converted number; what is equal but for rounding counts as equal."""
    lower, upper = min(values), max(values)
    low, high = lower - abs(lower) * _SLACK, upper + abs(upper) * _SLACK
    inside_low, inside_high = lower + abs(lower) * _SLACK, upper - abs(upper) * _SLACK
    match operator:
        case "=" | "between":
            return {"$gte": low, "$lte": high}
        case ">=":
            return {"$gte": low}
        case "<=":
            return {"$lte": high}
        case ">":
            return {"$gt": inside_low}
        case _:
            return {"$lt": inside_high}
