"""How much electron microscopy of a country is in EMDB, and how much of it has raw data in EMPIAR.

The rules are those of ``statistics.DEFINITIONS``; the report prints them, and every number follows
from them.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from openem_nb._version import __version__
from openem_nb.errors import InvalidInput
from openem_nb.statistics import _queries
from openem_nb.statistics._asked import asked_country, asked_day, asked_years
from openem_nb.statistics._schema import country_key
from openem_nb.statistics.archives import Archive, archive_path, content_fingerprint
from openem_nb.statistics.definitions import PUBLISHED, RATIOS
from openem_nb.statistics.funders import AliasList, aliases

if TYPE_CHECKING:
    from datetime import date

    import duckdb

    from openem_nb.statistics._asked import Years

__all__ = ["CountryStatistics", "swiss"]


@dataclass(frozen=True, slots=True, eq=False)
class CountryStatistics:
    """The statistics of one country at one date, as numbers and as tables."""

    country: str
    """The country as most grants in the archive spell it."""
    as_of: date
    """The last day that counts."""
    years: tuple[int, int]
    """First and last deposition year of the yearly tables; the totals cover all years."""
    all_years: tuple[int, int]
    """First and last deposition year of the totals."""
    entries: int
    """Counted maps of the country."""
    with_raw_data: int
    """Those with raw data."""
    empiar_entries: int
    """Released EMPIAR entries linked to them."""
    empiar_own_grant: int
    """Released EMPIAR entries with a grant of the country of their own."""
    empiar_any: int
    """Either of the two."""
    world_entries: int
    """Counted maps of the world."""
    world_with_raw_data: int
    """Those with raw data."""
    world_empiar_entries: int
    """Released EMPIAR entries linked to a counted map."""
    world_empiar_all: int
    """All released EMPIAR entries."""
    alias_entries: int
    """Counted maps found by a funder alias."""
    both_rules: int
    """Counted maps found by the country and by a funder alias."""
    obsolete: int
    """Obsolete entries of the country, not counted."""
    missing: int
    """Released or obsolete entries whose details the archive lacks, or has in an older version
    only."""
    median_delay: float | None
    """Median days from map release to raw data; None without raw data."""
    notice: str | None
    """Text that every output must show (practice data); None for real data."""
    warnings: tuple[str, ...]
    """What a reader must know before using the numbers."""
    provenance: dict[str, str]
    """Where the numbers come from: services, queries, counts, dates, versions."""
    fingerprint: str
    """SHA-256 of the archive's content."""
    tables: dict[str, pd.DataFrame]
    """All tables by name; ``report`` writes each as CSV."""

    @property
    def share(self) -> float | None:
        """Share of the country's counted maps that have raw data, 0 to 1."""
        return self.with_raw_data / self.entries if self.entries else None

    @property
    def years_note(self) -> str | None:
        """What the yearly tables leave out, in words; None where they show all years."""
        if self.years == self.all_years:
            return None
        sums = self.tables["annual"][["entries", "world_entries"]].sum()
        return (
            f"The yearly tables and figures show only the deposition years {self.years[0]} to "
            f"{self.years[1]} of {self.all_years[0]} to {self.all_years[1]}: "
            f"{sums['entries']:,} of the {self.entries:,} EMDB entries of {self.country}, and "
            f"{sums['world_entries']:,} of the {self.world_entries:,} of the world."
        )

    def headline(self) -> list[str]:
        """Return the result in a few sentences."""
        lines = [self.notice] if self.notice else []
        lines += [
            (
                f"{self.country}: {self.entries:,} released EMDB entries as of {self.as_of}, "
                f"{self.with_raw_data:,} with raw data in EMPIAR "
                f"({_percent(self.with_raw_data, self.entries)})."
            ),
            (
                f"World: {self.world_entries:,} released EMDB entries, "
                f"{self.world_with_raw_data:,} with raw data "
                f"({_percent(self.world_with_raw_data, self.world_entries)})."
            ),
            (
                f"EMPIAR entries linked to these maps: {self.empiar_entries:,} for {self.country} "
                f"({_percent(self.empiar_entries, self.entries)} of the maps' number), "
                f"{self.world_empiar_entries:,} for the world "
                f"({_percent(self.world_empiar_entries, self.world_entries)})."
            ),
            f"Work list: {self.entries - self.with_raw_data:,} maps without raw data.",
        ]
        if self.median_delay is not None:
            lines.append(_delay_words(self.median_delay))
        if self.years_note:
            lines.append(self.years_note)
        return lines + [f"Note: {warning}" for warning in self.warnings]

    def __repr__(self) -> str:
        return (
            f"<CountryStatistics {self.country} {self.as_of}: {self.entries} maps, "
            f"{self.with_raw_data} with raw data>"
        )


def swiss(
    as_of: date | str | None = None,
    *,
    country: str = "Switzerland",
    years: Years | None = None,
    archive: Archive | None = None,
) -> CountryStatistics:
    """Return the statistics of a country at a date, by the rules of ``DEFINITIONS``.

    Parameters
    ----------
    as_of :
        The last day that counts, as a date or ``YYYY-MM-DD``; without it the last day that the
        archive knows of.
    country :
        Any country that a grant in the archive names, in any case.
    years :
        First and last deposition year to show in the yearly tables and figures, None where a side
        is open; the totals cover all years.
    archive :
        An open archive; without it the one of the active services.

    Raises
    ------
    NotFound
        If nothing has been harvested yet.
    InvalidInput
        If no grant names the country (the hint lists close names), or a date or year is out of
        range.

    Examples
    --------
    >>> result = statistics.swiss(as_of="2024-11-12")                       # doctest: +SKIP
    >>> result.entries, result.with_raw_data                                # doctest: +SKIP
    >>> result.tables["work_list"].head()                                   # doctest: +SKIP
    """
    if archive is None:
        with Archive(archive_path()) as own:
            return swiss(as_of, country=country, years=years, archive=own)
    key = asked_country(country)
    limits = asked_years(years)
    last = archive.known_until()
    meta, harvest = archive.meta(), archive.last_harvest()
    with archive.cursor() as cursor:
        name = _known_country(cursor, country, key)
        day = _day(as_of, first=_first_day(cursor), last=last)
        alias_list = aliases(name)
        values = {
            "as_of": day,
            "country": key,
            "emdb_site": meta["emdb_site"],
            "empiar_site": meta["empiar_site"],
        }
        totals = _count(cursor, values, alias_list)
        _queries.shape(cursor, values)
        whole = (int(_queries.rows(cursor, "first year")[0][0]), day.year)
        shown = _years(limits, whole)
        tables = _tables(cursor, values, shown)
        tables["totals"] = _totals_table(totals, name)
        tables["ratios"] = _ratios_table(totals, name)
        tables["rules"] = _rules_table(totals)
        tables["aliases"] = pd.DataFrame(
            [(alias.phrase, alias.source) for alias in alias_list.aliases],
            columns=["phrase", "source"],
        )
        if key == country_key(PUBLISHED.country):
            tables["published"] = _published_table(cursor, values, alias_list)
        fingerprint = content_fingerprint(cursor)
    return CountryStatistics(
        country=name,
        as_of=day,
        years=shown,
        all_years=whole,
        **totals,
        obsolete=len(tables["obsolete"]),
        missing=len(tables["missing"]),
        median_delay=_median(tables["delay"]),
        notice=meta.get("notice"),
        warnings=_warnings(tables, harvest, day, shown, name),
        provenance=_provenance(harvest, meta, alias_list, archive),
        fingerprint=fingerprint,
        tables=tables,
    )


def _count(
    cursor: duckdb.DuckDBPyConnection, values: dict[str, Any], alias_list: AliasList
) -> dict[str, int]:
    """Prepare the temporary tables for a date and a country, and return the totals."""
    funders = [row[0] for row in _queries.rows(cursor, "funders")]
    _queries.prepare(
        cursor,
        values,
        (
            (funder, alias.phrase)
            for alias in alias_list.aliases
            for funder in funders
            if alias.matches(funder)
        ),
    )
    return _queries.counts(cursor, values)


def _tables(
    cursor: duckdb.DuckDBPyConnection, values: dict[str, Any], shown: tuple[int, int]
) -> dict[str, pd.DataFrame]:
    tables = {name: _queries.frame(cursor, name, values) for name in _queries.table_names()}
    for name in ("annual", "cumulative", "methods_by_year"):
        inside = tables[name]["year"].between(*shown)
        tables[name] = tables[name][inside].reset_index(drop=True)
    return tables


def _known_country(cursor: duckdb.DuckDBPyConnection, asked: str, key: str) -> str:
    names: dict[str, str] = {}
    for known, name, _ in _queries.rows(cursor, "countries"):
        names.setdefault(known, name)  # the most used spelling comes first
    if key in names:
        return names[key]
    close = difflib.get_close_matches(key, names, n=5, cutoff=0.6)
    close += [known for known in names if key in known and known not in close][:5]
    hint = (
        f"Did you mean {', '.join(names[known] for known in close)}?"
        if close
        else f"Countries with most grants: {', '.join(list(names.values())[:10])}."
    )
    raise InvalidInput(f"No grant in the archive names the country {asked.strip()!r}.", hint=hint)


def _first_day(cursor: duckdb.DuckDBPyConnection) -> date:
    day: date | None = _queries.rows(cursor, "first day")[0][0]
    if day is None:
        raise InvalidInput("The archive holds no released entry.", hint="Harvest again.")
    return day


def _day(asked: date | str | None, *, first: date, last: date) -> date:
    day = asked_day(asked)
    if day is None:
        return last
    if day > last:
        raise InvalidInput(
            f"The archive knows nothing of {day}: it ends on {last}.",
            hint="Choose an earlier date, or harvest again.",
        )
    if day < first:
        raise InvalidInput(
            f"Nothing had been released on {day}: the first release in the archive is of {first}.",
            hint="Choose a later date.",
        )
    return day


def _years(asked: Years, whole: tuple[int, int]) -> tuple[int, int]:
    (begin, end), (first, last) = asked, whole
    if (begin is not None and begin > last) or (end is not None and end < first):
        given = " to ".join(str(year) for year in asked if year is not None)
        raise InvalidInput(
            f"The years asked for ({given}) do not lie within those of the archive up to the last "
            f"day that counts, {first} to {last}.",
            hint="Choose other years, or leave them out.",
        )
    return max(begin or first, first), min(end or last, last)


def _totals_table(totals: dict[str, int], name: str) -> pd.DataFrame:
    rows = [
        (f"EMDB entries, {name}", totals["entries"]),
        (f"EMDB entries with raw data, {name}", totals["with_raw_data"]),
        (f"EMPIAR entries linked to them, {name}", totals["empiar_entries"]),
        (f"EMPIAR entries with a grant of their own, {name}", totals["empiar_own_grant"]),
        (f"EMPIAR entries by either, {name}", totals["empiar_any"]),
        ("EMDB entries, world", totals["world_entries"]),
        ("EMDB entries with raw data, world", totals["world_with_raw_data"]),
        ("EMPIAR entries linked to them, world", totals["world_empiar_entries"]),
        ("EMPIAR entries, world", totals["world_empiar_all"]),
    ]
    return pd.DataFrame(rows, columns=["quantity", "number"])


def _rules_table(totals: dict[str, int]) -> pd.DataFrame:
    country, alias, both = totals["entries"], totals["alias_entries"], totals["both_rules"]
    rows = [
        ("country only", country - both, "a grant of the country, no funder of the alias list"),
        ("funder alias only", alias - both, "a funder of the alias list, no grant of the country"),
        ("both", both, "found by both rules"),
        ("country (headline)", country, "a grant of the country"),
        ("either", country + alias - both, "found by at least one rule"),
    ]
    return pd.DataFrame(rows, columns=["rule", "entries", "meaning"])


def _ratios_table(totals: dict[str, int], name: str) -> pd.DataFrame:
    rows = []
    for ratio, definition, local, world in RATIOS:
        for scope, (above, below) in ((name, local), ("World", world)):
            value = totals[above] / totals[below] if totals[below] else None
            rows.append((ratio, scope, totals[above], totals[below], value, definition))
    columns = ["ratio", "scope", "numerator", "denominator", "value", "definition"]
    return pd.DataFrame(rows, columns=columns)


def _published_table(
    cursor: duckdb.DuckDBPyConnection, values: dict[str, Any], alias_list: AliasList
) -> pd.DataFrame:
    recomputed: dict[str, int] = {}
    if values["as_of"] >= PUBLISHED.day:
        recomputed = _count(cursor, {**values, "as_of": PUBLISHED.day}, alias_list)
    rows: list[tuple[str, int, int | None, int | None]] = []
    for quantity, published, own in (
        ("EMDB entries, Switzerland", PUBLISHED.emdb, "entries"),
        ("EMPIAR entries, Switzerland", PUBLISHED.empiar, "empiar_any"),
        ("EMDB entries, world", PUBLISHED.world_emdb, "world_entries"),
        ("EMPIAR entries, world", PUBLISHED.world_empiar, "world_empiar_all"),
    ):
        number = recomputed.get(own)
        rows.append((quantity, published, number, None if number is None else number - published))
    table = pd.DataFrame(rows, columns=["quantity", "published", "recomputed", "difference"])
    return table.astype({"recomputed": "Int64", "difference": "Int64"})


def _warnings(
    tables: dict[str, pd.DataFrame],
    harvest: dict[str, Any],
    day: date,
    shown: tuple[int, int],
    name: str,
) -> tuple[str, ...]:
    found = []
    details = tables["missing"]["state"].value_counts()
    if missing := int(details.get("missing", 0)):
        found.append(
            f"{missing:,} released or obsolete entries could not be read. They count for the "
            f"world but cannot be attributed to a country: the figures for {name} are lower "
            "bounds until the next harvest."
        )
    if outdated := int(details.get("outdated", 0)):
        found.append(
            f"{outdated:,} entries have changed since they were read and could not be read again; "
            "what is counted of them is the older version."
        )
    if gone := int(details.get("vanished", 0)):
        found.append(
            f"{gone:,} entries that once were released are no longer listed by EMDB; they are "
            "not counted."
        )
    if lost := harvest["empiar_missing"]:
        found.append(
            f"{lost:,} EMPIAR entries could not be read: maps may count as without raw data "
            "although they have some."
        )
    found += [f"Harvest: {text}" for text in harvest["mismatches"]]
    delay = _median(tables["to_release"])
    if shown[1] >= day.year - 1:
        found.append(
            f"The deposition years {day.year - 1} and {day.year} are incomplete: maps deposited "
            "then may be on hold and will be added to these years later"
            + (
                "."
                if delay is None
                else f" (median from deposition to release: {delay:,.0f} days)."
            )
        )
    return tuple(found)


def _provenance(
    harvest: dict[str, Any], meta: dict[str, str], alias_list: AliasList, archive: Archive
) -> dict[str, str]:
    return {
        "Services": f"{meta['service']}: EMDB {meta['emdb_api']}, EMPIAR {meta['empiar_api']}",
        "Archive file": archive.path.name,
        "Last harvest (UTC)": (
            f"{harvest['started']:%Y-%m-%d %H:%M} to {harvest['finished']:%Y-%m-%d %H:%M}"
        ),
        "Queries": "; ".join(harvest["queries"]),
        "EMDB entries listed": f"{harvest['emdb_listed']:,}",
        "EMDB entries released, listed": f"{harvest['emdb_released']:,}",
        "EMDB entries released, as EMDB counts": f"{harvest['emdb_released_stated']:,}",
        "EMPIAR entries": f"{harvest['empiar_entries']:,}",
        "Mismatches": "; ".join(harvest["mismatches"]) or "none",
        "Funder aliases": f"{len(alias_list.aliases)} phrases, "
        + (
            "list of the package"
            if alias_list.origin == "package"
            else "the user's own funders.toml"
        ),
        "Versions": f"openem_nb {__version__}; harvested with {harvest['versions']}",
    }


def _delay_words(median: float) -> str:
    days = f"{abs(median):,.0f} day{'' if abs(round(median)) == 1 else 's'}"
    if round(median) < 0:
        return f"Median: the raw data came {days} before the release of the map."
    return f"Median delay from map release to raw data: {days}."


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.1%}".replace("%", " %") if whole else "no entries"


def _median(table: pd.DataFrame) -> float | None:
    found = table.loc[table["scope"] == "country", "median_days"]
    return float(found.iloc[0]) if len(found) else None
