"""Reading what a person asked for: country, last day and years, before any archive is looked at."""

from __future__ import annotations

from datetime import date, datetime
from typing import Final

from openem_nb.errors import InvalidInput
from openem_nb.statistics._schema import country_key

__all__ = ["Years", "asked_country", "asked_day", "asked_years"]

Years = tuple[int | None, int | None]

_YEARS: Final = range(1900, 10000)


def asked_country(country: str) -> str:
    """Return the key under which an archive holds a country."""
    hint = 'For example country="Switzerland".'
    if not isinstance(country, str):
        raise InvalidInput(f"country={country!r} is not the name of a country.", hint=hint)
    key = country_key(country)
    if key is None:
        raise InvalidInput("The country is empty.", hint=hint)
    return key


def asked_day(asked: date | str | None) -> date | None:
    """Return the day, read where it is text; None for the newest."""
    if isinstance(asked, str):
        try:
            return date.fromisoformat(asked.strip())
        except ValueError as error:
            raise InvalidInput(
                f"{asked!r} is not a date.", hint="Write it as YYYY-MM-DD."
            ) from error
    if isinstance(asked, datetime):
        return asked.date()
    if asked is not None and not isinstance(asked, date):
        raise InvalidInput(f"{asked!r} is not a date.", hint='For example "2024-11-12".')
    return asked


def asked_years(asked: Years | None) -> Years:
    """Return first and last year, None where a side is open."""
    hint = "Give the first and the last year, for example (2015, 2024); None leaves a side open."
    try:
        first, last = (
            None if year is None else int(year)
            for year in ((None, None) if asked is None else asked)
        )
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"years={asked!r} is not a pair of years.", hint=hint) from error
    for year in (first, last):
        if year is not None and year not in _YEARS:
            raise InvalidInput(f"{year} is not a year.", hint=hint)
    if first is not None and last is not None and first > last:
        raise InvalidInput(
            f"The years are the wrong way round: the first, {first}, is after the last, {last}.",
            hint=f"Exchange them: first year {last}, last year {first}.",
        )
    return first, last
