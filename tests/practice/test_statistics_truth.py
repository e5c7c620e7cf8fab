"""Every table of the statistics against the truth of the practice archive."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from _truth_tables import Expected

from openem_nb import http, statistics
from openem_nb.practice import serve

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openem_nb.practice import Facility
    from openem_nb.statistics import Archive

DAYS = [None, date(2024, 11, 12), date(2021, 3, 31)]


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Facility, Archive]]:
    """Return a facility with some dozens of Swiss maps, and its harvested archive."""
    folder = tmp_path_factory.mktemp("truth")
    with (
        serve(entries=2000, seed=11) as own,
        pytest.MonkeyPatch.context() as patch,
        http.using(http.Session()),
    ):
        patch.setenv("OPENEM_HOME", str(folder))
        patch.setenv("OPENEM_PROFILE", "practice")
        patch.setenv("OPENEM_PRACTICE_URL", own.url)
        report = statistics.harvest(path=folder / "archive.duckdb")
        assert report.complete
        with statistics.archive(folder / "archive.duckdb") as archive:
            yield own, archive


def plain(value: Any) -> Any:
    """Return a cell as plain Python, None for every kind of nothing."""
    if isinstance(value, np.ndarray | list):
        return tuple(plain(item) for item in value)
    if isinstance(value, pd.Timestamp):
        return value.date()
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and np.isnan(value) else value


def records(table: pd.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    part = table[list(columns)] if columns else table
    return [tuple(plain(value) for value in row) for row in part.itertuples(index=False)]


def test_every_table_equals_the_truth(filled: tuple[Facility, Archive]) -> None:
    own, archive = filled
    for country in ("Switzerland", "united states "):
        for day in DAYS:
            result = statistics.swiss(day, country=country, archive=archive)
            expected = Expected(own.truth, result.as_of, country.strip().casefold())
            assert expected.local
            compare(result, expected, swiss=country == "Switzerland")


def compare(result: statistics.CountryStatistics, expected: Expected, *, swiss: bool) -> None:
    tables = result.tables
    totals = expected.totals()
    if not swiss:  # there are aliases for Switzerland only
        totals.update(alias_entries=0, both_rules=0)
    assert {name: getattr(result, name) for name in totals} == totals
    for name in (
        "annual",
        "cumulative",
        "methods",
        "microscopes",
        "organisms",
        "resolution",
        "methods_by_year",
        "funders",
        "to_release",
    ):
        assert records(tables[name]) == getattr(expected, name)(), name
    assert records(tables["delays"], "days", "emdb_id") == expected.delays()
    delay = records(tables["delay"])
    assert [row[:2] + row[5:] for row in delay] == [r[:2] + r[5:] for r in expected.delay()]
    for mine, theirs in zip(delay, expected.delay(), strict=True):
        assert mine[2:5] == pytest.approx(theirs[2:5])
    assert result.median_delay == (delay[0][3] if delay[0][0] == "country" else None)
    assert (
        records(tables["work_list"], "emdb_id", "title", "released", "doi", "funders")
        == expected.work_list()
    )
    assert records(
        tables["entries"],
        "emdb_id",
        "deposited",
        "released",
        "methods",
        "resolution",
        "empiar_ids",
    ) == [(*row[:5], row[5] or None) for row in expected.entries()]
    assert (
        records(tables["empiar"], "released", "empiar_id", "counted_maps", "linked", "own_grant")
        == expected.empiar()
    )
    matches = [
        (row[0], row[1], row[2].strip(), row[3])
        for row in records(tables["matches"], "emdb_id", "rule", "matched", "funder")
    ]
    assert matches == expected.matches()
    assert (
        records(tables["obsolete"], "obsoleted", "emdb_id", "obsoleted_after")
        == expected.obsolete()
    )
    assert result.obsolete == len(expected.obsolete())
    assert result.missing == 0 == len(tables["missing"])
    check_derived(result, totals)


def check_derived(result: statistics.CountryStatistics, totals: dict[str, int]) -> None:
    """Check the tables that follow from the totals, and that the yearly sums are the totals."""
    tables, only = result.tables, totals["entries"] - totals["both_rules"]
    assert dict(records(tables["rules"], "rule", "entries")) == {
        "country only": only,
        "funder alias only": totals["alias_entries"] - totals["both_rules"],
        "both": totals["both_rules"],
        "country (headline)": totals["entries"],
        "either": only + totals["alias_entries"],
    }
    ratios = records(tables["ratios"], "numerator", "denominator", "value")
    pairs = [
        ("empiar_any", "entries"),
        ("world_empiar_all", "world_entries"),
        ("empiar_entries", "entries"),
        ("world_empiar_entries", "world_entries"),
        ("with_raw_data", "entries"),
        ("world_with_raw_data", "world_entries"),
    ]
    assert ratios == [(totals[a], totals[b], totals[a] / totals[b]) for a, b in pairs]
    sums = tables["annual"].sum()
    last = tables["cumulative"].iloc[-1]
    for column in ("entries", "with_raw_data", "empiar_entries"):
        for name in (column, f"world_{column}"):
            assert sums[name] == totals[name] == last[name]
    assert tables["resolution"]["entries"].sum() == totals["entries"]
    assert len(tables["work_list"]) == totals["entries"] - totals["with_raw_data"]
    assert len(tables["entries"]) == totals["entries"]


def test_published_figures_are_quoted_and_recomputed(filled: tuple[Facility, Archive]) -> None:
    own, archive = filled
    totals = Expected(own.truth, date(2024, 11, 12)).totals()
    table = statistics.swiss("2026-01-01", archive=archive).tables["published"]
    published = [1013, 109, 39950, 1891]
    recomputed = [
        totals[name] for name in ("entries", "empiar_any", "world_entries", "world_empiar_all")
    ]
    assert records(table, "published", "recomputed", "difference") == [
        (a, b, b - a) for a, b in zip(published, recomputed, strict=True)
    ]
    earlier = statistics.swiss("2024-11-11", archive=archive).tables["published"]
    assert earlier["recomputed"].isna().all()
    assert list(earlier["published"]) == published
    other = statistics.swiss(country="Germany", archive=archive)
    assert "published" not in other.tables


def test_numbers_grow_with_the_date(filled: tuple[Facility, Archive]) -> None:
    _, archive = filled
    before: dict[str, int] | None = None
    for day in pd.date_range("2012-01-01", "2026-11-18", periods=12):
        result = statistics.swiss(day.date(), archive=archive)
        now = {
            name: getattr(result, name)
            for name in (
                "entries",
                "with_raw_data",
                "empiar_any",
                "world_entries",
                "world_with_raw_data",
                "world_empiar_all",
            )
        }
        if before is not None:
            assert all(now[name] >= before[name] for name in now)
        before = now
    assert before is not None
    assert before["entries"] > 10


def test_the_links_of_empiar_say_which_maps_are_known(filled: tuple[Facility, Archive]) -> None:
    own, archive = filled
    rows = archive.sql("SELECT empiar_id, emdb_id, known FROM empiar_emdb")
    links = set(rows.itertuples(index=False, name=None))
    expected = {
        (entry.empiar_id, emdb_id, emdb_id in own.truth.emdb)
        for entry in own.truth.empiar.values()
        for emdb_id in (*entry.emdb_ids, *entry.unknown_ids)
    }
    assert links == expected
    assert len(rows) == len(links)
    assert {known for *_, known in links} == {True, False}
