"""What the classes of the model are made of: kinds of values, and fields with their units.

JSON Schema's words decide what passes: 1.0 is an integer, true is no number, a text of digits is no
number either. Format checks are those of RFC 3339; a time without a zone does not pass.
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic_core import PydanticCustomError

__all__ = [
    "Anything",
    "DateTime",
    "Day",
    "Email",
    "Kind",
    "Number",
    "Part",
    "Root",
    "Text",
    "Truth",
    "Whole",
    "needed",
    "optional",
    "wrong_time",
]

_EMAIL: Final = r"^[a-zA-Z0-9_.+-]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9-.]+$"
_IS_EMAIL: Final = re.compile(_EMAIL.removesuffix("$") + r"\Z")
_DAY: Final = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_TIME: Final = re.compile(r"([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?", re.ASCII)
_ZONE: Final = re.compile(r"Z|[+-]([01]\d|2[0-3]):[0-5]\d", re.ASCII)


class Part(BaseModel):
    """A class of a schema: nothing is converted, and only its own fields may stand in it."""

    model_config = ConfigDict(
        strict=True, extra="forbid", allow_inf_nan=False, defer_build=True, protected_namespaces=()
    )


class Root(BaseModel):
    """A whole document: other members may stand beside those that the schema names."""

    model_config = ConfigDict(
        strict=True, extra="allow", allow_inf_nan=False, defer_build=True, protected_namespaces=()
    )


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value is, where its Python type does not say it."""

    name: str


def needed(about: str, *, unit: str = "", also: tuple[str, ...] = ()) -> Any:
    """Return a field that has to be there; unit and ``also`` are what its numbers come in."""
    return Field(description=about, json_schema_extra=_extra(unit, also))


def optional(about: str, *, unit: str = "", also: tuple[str, ...] = ()) -> Any:
    """Return a field that may be missing. Whether it may be null is said by its type."""
    return Field(default=None, description=about, json_schema_extra=_extra(unit, also))


def _extra(unit: str, also: tuple[str, ...]) -> dict[str, Any] | None:
    if not unit:
        return None
    return {"unit": unit, "otherUnits": list(also)} if also else {"unit": unit}


def wrong_day(text: str) -> str:
    """Return what is wrong with a day; empty where nothing is."""
    found = _DAY.fullmatch(text)
    if found is None:
        return "a day is written as year-month-day, such as 2024-08-31"
    year, month, day = (int(part) for part in found.groups())
    if not year or not 1 <= month <= 12 or not 1 <= day <= monthrange(year, month)[1]:
        return "there is no such day in the calendar"
    return ""


def wrong_time(text: str) -> str:
    """Return what is wrong with a date and time after RFC 3339; empty where nothing is."""
    day, time = text[:10], text[11:]
    if wrong := wrong_day(day):
        return wrong
    if text[10:11] not in ("T", "t"):
        return "a T stands between day and time" if time else "the time of day is missing"
    clock = _TIME.match(time)
    if clock is None:
        return "the time is written as hours:minutes:seconds, such as 20:03:13"
    zone = time[clock.end() :]
    if not zone:
        return "the time zone is missing: Z for UTC, or an offset such as +02:00"
    if not _ZONE.fullmatch(zone.upper()):
        return "the time zone is written as Z for UTC, or as an offset such as +02:00"
    return ""


def _whole(value: Any) -> Any:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _date_time(text: str) -> str:
    if wrong := wrong_time(text):
        raise PydanticCustomError("date_time", "{wrong}", {"wrong": wrong})
    return text


def _day(text: str) -> str:
    if wrong := wrong_day(text):
        raise PydanticCustomError("date", "{wrong}", {"wrong": wrong})
    return text


def _email(text: str) -> str:
    if not _IS_EMAIL.match(text):
        raise PydanticCustomError(
            "email",
            "{wrong}",
            {"wrong": "an address has letters, digits and . _ + - before one @ and a domain after"},
        )
    return text


def _anything(value: Any) -> Any:
    if isinstance(value, list | tuple):
        raise PydanticCustomError(
            "no_list", "{wrong}", {"wrong": "a list may not stand here, an object may"}
        )
    return value


Text = str
Truth = bool
Number = float
Whole = Annotated[int, BeforeValidator(_whole)]
DateTime = Annotated[
    str,
    AfterValidator(_date_time),
    Kind("date-time"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Day = Annotated[
    str, AfterValidator(_day), Kind("date"), WithJsonSchema({"type": "string", "format": "date"})
]
Email = Annotated[
    str,
    AfterValidator(_email),
    Kind("email"),
    WithJsonSchema({"type": "string", "pattern": _EMAIL}),
]
Anything = Annotated[
    Any,
    AfterValidator(_anything),
    Kind("anything"),
    WithJsonSchema({"type": ["null", "boolean", "object", "number", "string"]}),
]
