"""How one value of a document is edited: what a person is offered, and what is made of it."""

from __future__ import annotations

import math
import re
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from openem_nb import units
from openem_nb.errors import InvalidInput
from openem_nb.oscem.document import is_quantity
from openem_nb.panels._metadata_nodes import MISSING, spoken

if TYPE_CHECKING:
    from openem_nb.oscem.fields import FieldInfo
    from openem_nb.panels._metadata_nodes import Keys, Nodes

__all__ = ["editing", "read_value"]

_TRUTH: Final = (("", "Not stated"), ("true", "Yes"), ("false", "No"))
_WHOLE: Final = re.compile(r"[+-]?\d{1,300}")
_KINDS: Final = {
    "number": "number",
    "integer": "number",
    "truth": "truth",
    "choice": "choice",
    "date-time": "date-time",
    "quantity": "quantity",
}
_DATE_HELP: Final = "Date, time and zone, such as 2024-08-31T20:03:13+02:00."


def editing(nodes: Nodes, keys: Keys) -> dict[str, Any]:
    """Return what the front end needs to offer a value for editing."""
    field, value = nodes.field(keys), nodes.get(keys)
    kind = _kind(field, value)
    there = value is not MISSING
    text, unit = spoken(value) if there and value is not None else ("", "")
    if isinstance(value, int | float) and not isinstance(value, bool):
        text = repr(value)  # all digits
    choices: tuple[tuple[str, str], ...] = ()
    offered: list[str] = []
    about = field.description if field is not None else ""
    if kind == "choice" and field is not None:
        choices = (("", "Not stated"), *((one, one) for one in field.choices))
        if text and text not in field.choices:
            choices = (*choices, (text, f"{text} (not allowed)"))
    elif kind == "truth":
        choices, text = _TRUTH, str(value).lower() if isinstance(value, bool) else ""
    elif kind == "quantity":
        text = repr(value["value"]) if is_quantity(value) and _is_number(value["value"]) else text
        unit = unit or (field.unit if field is not None else "")
        offered = list(_alike(unit))
    elif kind == "date-time":
        about = f"{about} {_DATE_HELP}".strip()
    return {
        "kind": kind,
        "value": text,
        "unit": unit,
        "choices": choices,
        "units": offered,
        "help": about,
        "there": there,
    }


def read_value(nodes: Nodes, keys: Keys, text: str, unit: str) -> Any:
    """Return the value that a person wrote; ``MISSING`` where it was emptied.

    Raises
    ------
    InvalidInput
        If it cannot be what the field holds.
    """
    field, before = nodes.field(keys), nodes.get(keys)
    kind, text = _kind(field, before), text.strip()
    if not text:
        return MISSING
    if kind == "quantity":
        if not unit.strip():
            raise InvalidInput("The unit is missing.")
        si = isinstance(before, dict) and before.get("unitSI") is not None
        return units.quantity(_number(text), unit.strip(), si=si)
    if kind == "number":
        return _number(text, whole=field is not None and field.type == "integer")
    if kind == "truth":
        return text == "true"
    if kind == "date-time":
        return _date_time(text)
    return text


def _kind(field: FieldInfo | None, value: Any) -> str:
    """Return how a value is entered: as the model has it, else as it is now."""
    if field is not None and field.type != "anything":
        return _KINDS.get(field.type, "text")
    if is_quantity(value) and _is_number(value["value"]):
        return "quantity"
    if isinstance(value, bool):
        return "truth"
    return "number" if _is_number(value) else "text"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(text: str, *, whole: bool = False) -> float:
    if _WHOLE.fullmatch(text):
        return int(text)
    if whole:
        raise InvalidInput(f"{text[:40]!r} is not a whole number.")
    try:
        number = float(text)
    except ValueError:
        raise InvalidInput(f"{text[:40]!r} is not a number, such as 0.65 or -1.2e3.") from None
    if not math.isfinite(number):
        raise InvalidInput("The number has to be finite.")
    return number


def _date_time(text: str) -> str:
    try:
        zone = datetime.fromisoformat(text).tzinfo
    except ValueError:
        raise InvalidInput(f"{text[:40]!r} is not a date with time. {_DATE_HELP}") from None
    if zone is None:
        raise InvalidInput(f"The time zone is missing. {_DATE_HELP}")
    return text


@cache
def _alike(unit: str) -> tuple[str, ...]:
    """Return the units of the same dimension, the present one first; it alone if it is unknown."""
    if not unit:
        return ()
    if not units.is_known(unit):
        return (unit,)
    table, known = units.table(), units.find(unit)
    same = table.loc[table["dimension"] == known.dimension, "unit"]
    return tuple(dict.fromkeys([unit, *(one for one in same if one != known.symbol)]))
