"""Words for what is wrong with a document, and for what should stand there."""

from __future__ import annotations

import difflib
import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from openem_nb.oscem.document import join
from openem_nb.oscem.fields import fields

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openem_nb.oscem.fields import FieldInfo

__all__ = ["expected_at", "in_words", "names_at", "near", "shown"]

_OLDER: Final[Mapping[str, str]] = {
    "si_value": "valueSI",
    "si_unit": "unitSI",
    "detector": "detectors",
    "detector_mode": "detectors",
    "datetime": "date_time",
    "width": "width_energy_filter",
    "name": "family_name",
    "first_name": "given_name",
    "work_phone": "telephone",
}
"""Names of dialects before 1.0, with what took their place."""

_LONGEST: Final = 200
"""Characters of a path in a sentence; a key of a hostile file may have millions."""

_PLAIN: Final[Mapping[str, str]] = {
    "text": "a text",
    "truth": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "date-time": "day, time and zone such as 2024-08-31T20:03:13+02:00",
    "date": "a day such as 2024-08-31",
    "anything": "anything but a list",
}


@cache
def _by_place(technique: str) -> dict[tuple[str, ...], FieldInfo]:
    return {_place_of(info.path): info for info in fields(technique)}


@cache
def names_at(technique: str) -> dict[tuple[str, ...], list[str]]:
    """Return the names that may stand at each place, places of lists being ``[]``."""
    names: dict[tuple[str, ...], list[str]] = {}
    for place, info in _by_place(technique).items():
        names.setdefault(place[:-1], []).append(place[-1])
        if "quantity" in (info.type, info.item):
            pair = ["unitSI", "valueSI"] if info.si_pair else []
            names[place if info.type == "quantity" else (*place, "[]")] = ["unit", "value", *pair]
    return names


def _place_of(path: str) -> tuple[str, ...]:
    return tuple(path.replace("[]", ".[]").split("."))


def _place(loc: Sequence[int | str]) -> tuple[str, ...]:
    return tuple("[]" if isinstance(part, int) else part for part in loc)


def shown(value: Any) -> str:
    """Return a value as a person would name it, short."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        text = json.dumps(value[:61], ensure_ascii=False)
        return f"the text {text}" if len(value) <= 60 else f"a text of {len(value):,} characters"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, list | tuple):
        return "a list"
    if isinstance(value, int | float):
        if isinstance(value, int) and abs(value) >= 10**20:
            return "a number of more than 20 digits"
        return f"the number {value!r}"
    return f"a value of the Python type {type(value).__name__}"


def expected_at(technique: str, loc: Sequence[int | str]) -> str:
    """Return what should stand at a place; empty where nothing should."""
    place = _place(loc)
    if not place:
        return "an object with acquisition and instrument"
    places = _by_place(technique)
    info = places.get(place)
    if info is not None:
        return _expected(technique, place, info)
    above = places.get(place[:-1])
    if above is None:
        return ""
    if place[-1] == "[]" and above.item is not None:
        return _of(technique, (*place,), above, above.item)
    if "quantity" in (above.type, above.item):
        unit = above.unit or "its unit"
        parts = {
            "value": "a number" if not above.unit else f"a number, in {unit} or as its unit says",
            "unit": f"a text such as {unit}" if above.unit else "a text",
            "valueSI": "a number, in the SI unit",
            "unitSI": "a text, the SI unit",
        }
        return parts.get(place[-1], "")
    return ""


def _expected(technique: str, place: tuple[str, ...], info: FieldInfo) -> str:
    if info.type == "list":
        kind = info.item or "object"
        if kind == "choice":
            return f"a list of {', '.join(info.choices)}"
        plural = {"text": "texts", "integer": "whole numbers", "object": "objects"}
        inside = _of(technique, (*place, "[]"), info, kind) if kind == "object" else ""
        return f"a list of {plural.get(kind, kind)}{inside.removeprefix('an object')}"
    return _of(technique, place, info, info.type)


def _of(technique: str, place: tuple[str, ...], info: FieldInfo, kind: str) -> str:
    if kind == "choice":
        quoted = [json.dumps(one) for one in info.choices]
        return quoted[0] if len(quoted) == 1 else f"one of {', '.join(quoted)}"
    if kind == "quantity":
        unit = info.unit or "..."
        return f'a number with its unit, {{"value": ..., "unit": "{unit}"}}'
    if kind == "object":
        names = names_at(technique).get(place, [])
        must = [name for name in names if _by_place(technique)[(*place, name)].required]
        return f"an object with {', '.join(must)}" if must else f"an object with {_some(names)}"
    unit = f" ({info.unit})" if info.unit and kind in ("number", "integer") else ""
    return f"{_PLAIN[kind]}{unit}"


def _some(names: Sequence[str]) -> str:
    return f"any of {', '.join(names[:8])}{' and others' if len(names) > 8 else ''}"


def near(technique: str, loc: Sequence[int | str]) -> str:
    """Return the name that is meant by a misspelt or older one; empty where that is not clear."""
    names = names_at(technique).get(_place(loc[:-1]), [])
    key = str(loc[-1])
    if _OLDER.get(key) in names:
        return _OLDER[key]
    folded = {name.casefold().replace("_", ""): name for name in names}
    close = difflib.get_close_matches(
        key.casefold().replace("_", "").replace("-", "")[:80], list(folded), n=1, cutoff=0.75
    )
    return folded[close[0]] if close else ""


def in_words(
    technique: str,
    loc: Sequence[int | str],
    kind: str,
    value: Any,
    context: Mapping[str, Any],
    expected: str,
    document: Any,
) -> str:
    """Return one sentence on what is wrong at a place.

    Parameters
    ----------
    kind :
        The name that pydantic gives to the situation.
    value :
        What stands there; the whole object above where something is missing.
    context :
        What pydantic adds, or the checks of the model themselves.
    """
    path = join(loc) or "The document"
    if len(path) > _LONGEST:
        path = f"{path[: _LONGEST - 3]}..."
    if kind == "missing":
        return f"{path} is missing{_misspelt(technique, loc, document)}: {expected}."
    if kind == "extra_forbidden":
        return f"{path} is not a field of OSC-EM{_instead(technique, loc)}"
    if "wrong" in context:
        return f"{path} is {shown(value)}: {context['wrong']}."
    if kind == "finite_number":
        return f"{path} is not a finite number; leave an unknown value out."
    if value is None and loc:
        return f"{path} is null, which may not stand there: {expected}, or leave it out."
    return f"{path} is {shown(value)}; expected {expected}."


def _misspelt(technique: str, loc: Sequence[int | str], document: Any) -> str:
    """Return a hint where the document itself has a member of nearly the missing name."""
    if len(loc) != 1 or not isinstance(document, dict):
        return ""
    known = set(names_at(technique)[()])
    others = [key for key in document if isinstance(key, str) and key not in known]
    close = difflib.get_close_matches(str(loc[0]), others, n=1, cutoff=0.75)
    return f" ({close[0]} is nearly so)" if close else ""


def _instead(technique: str, loc: Sequence[int | str]) -> str:
    meant = near(technique, loc)
    if meant:
        return f"; did you mean {meant}?"
    names = names_at(technique).get(_place(loc[:-1]), [])
    where = join(loc[:-1])
    return f"; {where} has {_some(names).removeprefix('any of ')}." if names else "."
