"""Moments and periods as people write them, and as every backend reads them."""

from __future__ import annotations

import calendar
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from openem_nb.errors import InvalidInput

__all__ = ["iso", "period", "span"]

_EARLIEST: Final = datetime(1900, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2200, 1, 1, tzinfo=UTC)


def iso(moment: datetime) -> str:
    """Return a moment as every backend reads it: UTC with milliseconds."""
    text = moment.astimezone(UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def span(created: Any) -> tuple[datetime, datetime] | None:
    """Return the first and last moment of a period: ``"2026-01"`` or ``(start, end)``.

    Both ends are whole: ``("2026-01", "2026-02")`` is both months. What names no zone is UTC.

    Raises
    ------
    InvalidInput
        If it is no period, or ends before it begins.
    """
    if created is None:
        return None
    if isinstance(created, str | date):
        created = (created, created)
    if not isinstance(created, Sequence) or len(created) != 2:
        raise InvalidInput(
            f"{created!r} is not a period.", hint='Write "2026-01", or ("2026-01-15", None).'
        )
    start, end = created
    if start is None and end is None:
        return None
    first = _EARLIEST if start is None else period(start)[0]
    last = _LATEST if end is None else period(end)[1]
    if first > last:
        raise InvalidInput(f"{created!r} ends before it begins.")
    return first, last


def period(value: Any) -> tuple[datetime, datetime]:
    """Return the first and last millisecond of a year, month, day or moment.

    Raises
    ------
    InvalidInput
        If it is none of these.
    """
    if isinstance(value, datetime):
        moment = value if value.tzinfo else value.replace(tzinfo=UTC)
        return moment, moment
    if isinstance(value, date):
        return _days(value, value)
    text = value.strip() if isinstance(value, str) else ""
    found = re.fullmatch(r"([0-9]{4})(?:-([0-9]{1,2}))?", text)
    try:
        if found and found[2]:
            year, month = int(found[1]), int(found[2])
            last = calendar.monthrange(year, month)[1]
            return _days(date(year, month, 1), date(year, month, last))
        if found:
            return _days(date(int(found[1]), 1, 1), date(int(found[1]), 12, 31))
        if len(text) == 10:
            day = date.fromisoformat(text)
            return _days(day, day)
        moment = datetime.fromisoformat(text)
    except (ValueError, calendar.IllegalMonthError) as error:
        raise InvalidInput(
            f"{value!r} is not a date.", hint="Write 2026, 2026-01, 2026-01-15 or a datetime."
        ) from error
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return moment, moment


def _days(first: date, last: date) -> tuple[datetime, datetime]:
    return (
        datetime.combine(first, time(), UTC),
        datetime.combine(last, time(), UTC) + timedelta(days=1, milliseconds=-1),
    )
