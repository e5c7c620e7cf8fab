"""What a person types for a field of a document, read as what the schema wants there."""

from __future__ import annotations

import difflib
import json
import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from openem_nb import units
from openem_nb.errors import InvalidInput
from openem_nb.oscem.fields import fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from openem_nb.oscem.fields import FieldInfo

__all__ = ["field_of", "read_answer", "read_answers"]

_PLACE: Final = re.compile(r"\[\d+\]")
_QUANTITY: Final = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*(.*)")
_ARTICLES: Final = {"list": "a list", "object": "an object"}
_TRUTH: Final = {
    **dict.fromkeys(("true", "yes", "1", "on"), True),
    **dict.fromkeys(("false", "no", "0", "off"), False),
}


def read_answers(lines: Iterable[str], *, technique: str) -> dict[str, Any]:
    """Return values by path from lines such as ``instrument.cs = 2.7 mm``.

    Parameters
    ----------
    lines :
        A path in a document, an equals sign and a value: a number with its unit for a quantity,
        ``yes`` or ``no`` for a truth, text as it is, JSON for a list or an object. Empty lines are
        passed over.
    technique :
        Whose schema says what stands at a path.

    Raises
    ------
    InvalidInput
        If a line has no equals sign, a path is not in the schema or is there twice, or a value is
        not what the schema wants.

    Examples
    --------
    >>> read_answers(["instrument.cs = 2.7 mm"], technique="spa")
    {'instrument.cs': {'value': 2.7, 'unit': 'mm'}}
    """
    found: dict[str, Any] = {}
    for line in lines:
        if not line.strip():
            continue
        path, equals, text = (part.strip() for part in line.partition("="))
        if not equals or not path:
            raise InvalidInput(
                f"{line!r} cannot be read.",
                hint="Write a path, an equals sign and a value: instrument.cs = 2.7 mm.",
            )
        if path in found:
            raise InvalidInput(f"{path} is there twice.", hint="Give each value once.")
        found[path] = read_answer(path, text, technique=technique)
    return found


def read_answer(path: str, text: str, *, technique: str) -> Any:
    """Return the value that a text means at a path of a document; see :func:`read_answers`."""
    field = field_of(path, technique=technique)
    if not text.strip():
        raise InvalidInput(
            f"{path} has no value.", hint="Leave the line out where the value is not known."
        )
    return _READERS.get(field.type, _text)(field, path, text.strip())


def field_of(path: str, *, technique: str) -> FieldInfo:
    """Return the field that stands at a path of a document.

    A place of a list, such as ``sample.specimen_env.organism[0]``, is a field of what the list
    holds.

    Raises
    ------
    InvalidInput
        If the schema has no such path; the hint names similar ones.
    """
    known = {field.path: field for field in fields(technique)}
    general = _PLACE.sub("[]", path)
    field = known.get(general)
    if field is not None:
        return field
    above = known.get(general.removesuffix("[]"))
    if above is not None and above.type == "list" and above.item is not None:
        return replace(above, path=general, type=above.item, item=None)
    near = difflib.get_close_matches(path, known, n=3)
    raise InvalidInput(
        f"A document of {technique} has no {path}.",
        hint=f"Did you mean {' or '.join(near)}?"
        if near
        else f"openem.oscem.fields({technique!r}) lists all paths.",
    )


def _text(field: FieldInfo, path: str, text: str) -> Any:
    return text


def _choice(field: FieldInfo, path: str, text: str) -> Any:
    for choice in field.choices:
        if str(choice).casefold() == text.casefold():
            return choice
    raise _wrong(path, text, f"one of {', '.join(map(str, field.choices))}")


def _number(field: FieldInfo, path: str, text: str) -> Any:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise _wrong(path, text, "a number")
    return number


def _integer(field: FieldInfo, path: str, text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        raise _wrong(path, text, "a whole number") from None


def _truth(field: FieldInfo, path: str, text: str) -> Any:
    if text.casefold() not in _TRUTH:
        raise _wrong(path, text, "yes or no")
    return _TRUTH[text.casefold()]


def _quantity(field: FieldInfo, path: str, text: str) -> Any:
    found = _QUANTITY.fullmatch(text)
    unit = field.unit
    example = f"a number with a unit, such as 2.7 {unit}" if unit else "a number with a unit"
    if found is None or not found[2]:
        raise _wrong(path, text, example)
    number = float(found[1])
    if not math.isfinite(number):
        raise _wrong(path, text, example)
    given = units.find(found[2])
    expected = [units.find(one) for one in (unit, *field.other_units) if units.is_known(one)]
    if expected and given.dimension not in {one.dimension for one in expected}:
        raise _wrong(path, text, f"a number in {' or '.join(one.symbol for one in expected)}")
    return {"value": number, "unit": given.symbol}


def _json(field: FieldInfo, path: str, text: str) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    wanted = {"list": list, "object": dict}.get(field.type)
    if wanted is not None and not isinstance(value, wanted):
        raise _wrong(path, text, f"{_ARTICLES[field.type]} as JSON")
    return value


def _wrong(path: str, text: str, expected: str) -> InvalidInput:
    return InvalidInput(f"{path} = {text}: not {expected}.", hint=f"Write {expected}.")


_READERS: Final[dict[str, Callable[[FieldInfo, str, str], Any]]] = {
    "number": _number,
    "integer": _integer,
    "truth": _truth,
    "quantity": _quantity,
    "choice": _choice,
    "object": _json,
    "list": _json,
    "anything": _json,
}
