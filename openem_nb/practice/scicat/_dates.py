"""Which strings become dates on the way to the database: nearly all of them, or ISO ones only."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any, Final
from zoneinfo import ZoneInfo

__all__ = ["DATES", "Moment", "cast", "moment_of"]

DATES: Final = frozenset(
    (
        *("creationTime", "startTime", "endTime", "createdAt", "updatedAt"),
        *("publishedOn", "dateOfDiskPurging", "archiveRetentionTime", "dateOfPublishing"),
    )
)
"""Last names of the fields that hold dates."""
_ZONE: Final = ZoneInfo("Europe/Zurich")
_ISO: Final = re.compile(
    r"(\d{4})-(\d\d)(?:-(\d\d)"
    r"(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6})\d*)?)?(Z|[+-]\d\d:?\d\d)?)?)?$"
)
_TOKEN: Final = re.compile(r"[A-Za-z]+|\d+|[^A-Za-z\d]")
_MONTHS: Final = (
    "jan",
    "feb",
    "mar",
    "apr",
    "may",
    "jun",
    "jul",
    "aug",
    "sep",
    "oct",
    "nov",
    "dec",
)


class Moment(str):
    """A date in a question, as the services write it; equal only to dates."""

    __slots__ = ()


def moment_of(text: str) -> Moment | None:
    """Return the date that JavaScript reads in a text, in UTC; None where it reads none.

    A text without a zone is read in the zone of the server.
    """
    found = _ISO.match(text.strip())
    if found:
        year, month, day, hour, minute, second, fraction, zone = found.groups()
        try:
            when = dt.datetime(
                int(year),
                int(month),
                int(day or 1),
                int(hour or 0),
                int(minute or 0),
                int(second or 0),
                int((fraction or "0").ljust(6, "0")),
                tzinfo=dt.UTC if hour is None else _ZONE,
            )
        except ValueError:
            return None
        if zone:
            sign = zone.replace("Z", "+0000").replace(":", "")
            shift = dt.timedelta(hours=int(sign[1:3]), minutes=int(sign[3:]))
            shift = -shift if sign[0] == "-" else shift
            when = when.replace(tzinfo=dt.timezone(shift))
        return _moment(when)
    return _old_reading(text)


def _old_reading(text: str) -> Moment | None:
    """Read a text as the engine's fallback does: words before the first number do not matter."""
    numbers: list[int] = []
    month = 0
    for token in _TOKEN.findall(text):
        if token.isdecimal():
            numbers.append(int(token))
        elif token.isalpha():
            if token[:3].lower() in _MONTHS:
                month = _MONTHS.index(token[:3].lower()) + 1
            elif numbers:
                return None
    if not numbers or len(numbers) > 3:
        return None
    first, second, third = (*numbers, 1, 1)[:3]
    if month:
        year, day = (second if len(numbers) > 1 else 2001), first
    elif 1 <= first <= 31:
        month, day, year = first, second, third
    else:
        year, month, day = first, second, third
    year += 2000 if year < 50 else 1900 if year < 100 else 0
    try:
        return _moment(dt.datetime(min(year, 9998), month, day, tzinfo=_ZONE))
    except ValueError:
        return None


def _moment(when: dt.datetime) -> Moment:
    text = when.astimezone(dt.UTC).isoformat(timespec="milliseconds")
    return Moment(text.replace("+00:00", "Z"))


def cast(value: Any, flavour: str) -> Any:
    """Return a condition with its dates as dates, as v3 and the counts of v4 do.

    Strings in arrays are left alone.
    """
    if isinstance(value, str):
        if flavour == "psi5" and not re.match(r"\d{4}-\d\d-\d\d", value):
            return value
        return moment_of(value) or value
    if isinstance(value, dict):
        return {
            key: item if key in ("$regex", "$options") else cast(item, flavour)
            for key, item in value.items()
        }
    if isinstance(value, list):
        return [cast(item, flavour) if isinstance(item, dict) else item for item in value]
    return value
