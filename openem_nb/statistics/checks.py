"""Refusing a question that cannot be answered before the time for a harvest is spent on it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from openem_nb import emdb
from openem_nb.errors import InvalidInput
from openem_nb.statistics._asked import asked_country, asked_day, asked_years

if TYPE_CHECKING:
    from openem_nb.statistics._asked import Years

__all__ = ["check"]

_SPAN: Final = timedelta(days=60)
"""EMDB releases maps every week: where this long nothing was released, the day lies ahead."""

_LATEST: Final = 2100


def check(
    as_of: date | str | None = None,
    *,
    country: str = "Switzerland",
    years: Years | None = None,
) -> None:
    """Refuse what :func:`swiss` would refuse whatever the archive holds; needs no archive.

    EMDB is asked one small question where a date or a year is later than this machine's date.
    Whether grants name the country is known only to a harvested archive, and not checked here.

    Parameters
    ----------
    as_of, country, years :
        As for :func:`swiss`.

    Raises
    ------
    InvalidInput
        If the country is empty or not text, a date or year cannot be read or lies ahead, or the
        years are the wrong way round.

    Examples
    --------
    >>> statistics.check("2024-11-12", years=(2015, 2024))
    """
    asked_country(country)
    day = asked_day(as_of)
    first, _ = asked_years(years)
    if day is not None:
        _refuse_ahead(day, f"The last day that counts, {day}, lies ahead.")
    if first is not None:
        if day is not None and first > day.year:
            raise InvalidInput(
                f"The first year, {first}, is after the last day that counts, {day}.",
                hint="Choose an earlier year.",
            )
        _refuse_ahead(date(first, 1, 1), f"The first year, {first}, lies ahead.")


def _refuse_ahead(day: date, message: str) -> None:
    if day <= datetime.now(UTC).date():
        return
    # the clock of this machine may be behind the service, but not by a lifetime
    if day.year > _LATEST or not emdb.count(emdb.query(released=(day - _SPAN, None))):
        raise InvalidInput(message, hint="Choose an earlier one, or leave it out.")
