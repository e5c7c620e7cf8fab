"""The rules of the statistics, one by one, on archives made by hand."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from _archives import NOTICE, entry, fill, raw
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openem_nb import emdb, statistics
from openem_nb.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from pathlib import Path

    from openem_nb.statistics import CountryStatistics

CH = ("Some fund", "Switzerland")
DAY = date(2021, 12, 31)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.duckdb"


def swiss(path: Path, as_of: Any = DAY, **values: Any) -> CountryStatistics:
    with statistics.archive(path) as archive:
        return statistics.swiss(as_of, archive=archive, **values)


def counted(result: CountryStatistics) -> list[str]:
    return sorted(result.tables["entries"]["emdb_id"])


def test_the_country_of_a_grant_decides(path: Path) -> None:
    fill(
        path,
        [
            entry(1, CH),
            entry(2, ("NIH", "United States"), ("x", " SWITZERLAND ")),
            entry(3, ("x", "switzerland"), ("y", "Switzerland")),
            entry(4, ("Swiss National Science Foundation", "Germany")),
            entry(5, ("EPFL", None)),
            entry(6, title="Made in Switzerland"),
            entry(7, ("x", "Switzerlandia")),
            entry(8, ("Roche", "Switzerland")),
        ],
    )
    result = swiss(path)
    assert counted(result) == ["EMD-0001", "EMD-0002", "EMD-0003", "EMD-0008"]
    assert result.entries == 4
    assert result.world_entries == 8
    rules = dict(result.tables["rules"][["rule", "entries"]].itertuples(index=False))
    assert rules == {
        "country only": 3,
        "funder alias only": 2,
        "both": 1,
        "country (headline)": 4,
        "either": 6,
    }
    why = result.tables["matches"].set_index("emdb_id")["matched"]
    assert why["EMD-0002"] == " SWITZERLAND "
    assert why["EMD-0005"] == "EPFL"
    assert swiss(path, country=" sWiTzErLaNd").country == "Switzerland"


def test_status_and_dates_decide_what_counts(path: Path) -> None:
    day = timedelta(1)
    fill(
        path,
        [
            entry(1, CH, map_released=DAY, deposited=DAY),
            entry(2, CH, map_released=DAY + day),
            entry(3, CH, deposited=DAY + day, map_released=DAY),
            entry(4, CH, status="OBS", obsoleted=DAY),
            entry(5, CH, status="OBS", obsoleted=DAY + day),
            entry(6, CH, status="HPUB", map_released=None),
            entry(7, CH, map_released=None),
            entry(8, CH, status="OBS", map_released=DAY + day, obsoleted=DAY + day),
        ],
    )
    result = swiss(path)
    assert counted(result) == ["EMD-0001"]
    apart = result.tables["obsolete"].set_index("emdb_id")["obsoleted_after"]
    assert apart.to_dict() == {"EMD-0004": False, "EMD-0005": True}
    assert swiss(path, DAY + day).entries == 3


def test_raw_data_need_a_released_entry_that_names_the_map(path: Path) -> None:
    maps = [entry(number, CH, deposited=date(2010 + number, 1, 1)) for number in range(1, 7)]
    fill(
        path,
        maps,
        [
            raw(10001, "EMD-0001", "EMD-0002"),
            raw(10002, "EMD-0001", "EMD-9999"),
            raw(10003, "EMD-0003", released=DAY + timedelta(1)),
            raw(10004, "EMD-0004", status="OBS"),
            raw(10005, "EMD-0005", released=None),
            raw(10006, grants=(emdb.Grant(funder="x", country="switzerland ", code=None),)),
        ],
    )
    result = swiss(path)
    assert (result.with_raw_data, result.empiar_entries) == (2, 2)
    assert (result.empiar_own_grant, result.empiar_any, result.world_empiar_all) == (1, 3, 3)
    annual = result.tables["annual"].set_index("year")
    assert annual["empiar_entries"].to_dict()[2011] == 2  # each once, at its earliest map
    assert annual["empiar_entries"].sum() == 2
    assert list(result.tables["work_list"]["emdb_id"]) == [
        "EMD-0003",
        "EMD-0004",
        "EMD-0005",
        "EMD-0006",
    ]
    empiar = result.tables["empiar"].set_index("empiar_id")
    assert empiar["counted_maps"].to_dict() == {
        "EMPIAR-10001": 2,
        "EMPIAR-10002": 1,
        "EMPIAR-10006": 0,
    }
    assert result.share == pytest.approx(2 / 6)


def test_the_delay_counts_from_map_to_first_raw_data(path: Path) -> None:
    start = date(2020, 6, 1)
    days = [-10, 0, 5, 100]
    fill(
        path,
        [entry(number, CH, map_released=start) for number in range(1, 6)],
        [
            item
            for number, delay in enumerate(days, 1)
            for item in (
                raw(10000 + number, f"EMD-{number:04d}", released=start + timedelta(delay)),
                raw(20000 + number, f"EMD-{number:04d}", released=start + timedelta(delay + 50)),
            )
        ],
    )
    result = swiss(path)
    row = result.tables["delay"].iloc[0]
    assert result.median_delay == row["median_days"] == 2.5
    assert (row["raw_data_first"], row["same_day"], row["maps"]) == (1, 1, 4)
    assert (row["lower_quartile_days"], row["upper_quartile_days"]) == (-2.5, 28.75)


def test_categories_count_entries_not_rows(path: Path) -> None:
    human = emdb.Organism("Homo sapiens", 9606)
    fill(
        path,
        [
            entry(1, CH, methods=("helical", "helical", "tomography"), resolution=2.0),
            entry(2, CH, methods=(), resolution=1.99, organisms=(human,)),
            entry(3, CH, resolution=None, organisms=(emdb.Organism("homo SAPIENS", 9606), human)),
            entry(4, resolution=50.0, microscopes=("TFS KRIOS",)),
        ],
    )
    tables = swiss(path).tables
    assert tables["methods"].set_index("method")["entries"].to_dict() == {
        "helical": 1,
        "tomography": 1,
        "not stated": 1,
        "singleParticle": 1,
    }
    assert list(tables["resolution"]["band"]) == ["below 2 Å", "2 to 3 Å", "not stated"]
    organisms = tables["organisms"].set_index("organism")
    assert organisms["entries"].to_dict() == {"Homo sapiens": 2, "not stated": 1}
    assert organisms["taxid"]["Homo sapiens"] == 9606
    assert tables["microscopes"]["world_entries"].tolist() == [3]


def test_funders_of_one_spelling(path: Path) -> None:
    fill(
        path,
        [
            entry(1, ("SNSF", "Switzerland"), ("SNSF", "Switzerland"), ("NIH", None)),
            entry(2, ("snsf ", "Switzerland")),
            entry(3, ("SNSF", "Germany"), CH),
        ],
    )
    rows = swiss(path).tables["funders"][["funder", "of_country", "entries"]]
    assert list(rows.itertuples(index=False, name=None)) == [
        ("SNSF", True, 2),
        ("Some fund", True, 1),
        ("NIH", False, 1),
        ("SNSF", False, 1),
    ]


def test_years_limit_the_yearly_tables_only(path: Path) -> None:
    fill(path, [entry(n, CH, deposited=date(2010 + n, 5, 1)) for n in range(1, 10)])
    result = swiss(path, years=(2015, 2018))
    assert list(result.tables["annual"]["year"]) == [2015, 2016, 2017, 2018]
    assert result.tables["cumulative"]["entries"].iloc[0] == 5
    assert result.entries == 9
    assert swiss(path, years=(1900, 2100)).years == (2011, 2021)
    assert not any("incomplete" in text for text in result.warnings)
    assert any("2020 and 2021" in text for text in swiss(path).warnings)
    assert swiss(path, years=(1900, 2100)).years_note is None
    assert swiss(path, years=(None, 2018)).years == (2011, 2018)
    limited = swiss(path, years=(2015, None))
    assert limited.years == (2015, 2021)
    assert limited.years_note in limited.headline()
    assert "5 of the 9 EMDB entries of Switzerland, and 5 of the 9 of the" in limited.years_note
    for wrong in ((2018, 2015), (1990, 1999), (2022, 2030), ("a", "b"), (2015,), 2015, (20, 2016)):
        with pytest.raises(InvalidInput) as caught:
            swiss(path, years=wrong)
        assert caught.value.hint
    with pytest.raises(InvalidInput, match="wrong way round"):
        swiss(path, years=(2018, 2015))


def test_dates_out_of_range(path: Path) -> None:
    fill(path, [entry(1, CH)], harvested=date(2022, 1, 1))
    assert swiss(path, None).as_of == date(2022, 1, 1)
    assert swiss(path, "2021-05-01").as_of == date(2021, 5, 1)
    assert swiss(path, datetime(2021, 5, 1, 12, tzinfo=UTC)).as_of == date(2021, 5, 1)
    with pytest.raises(InvalidInput, match="ends on 2022-01-01"):
        swiss(path, date(2022, 1, 2))
    with pytest.raises(InvalidInput, match="first release"):
        swiss(path, date(2020, 5, 31))
    assert swiss(path, date(2020, 6, 1)).entries == 1
    for wrong in ("yesterday", "2021-13-01", ""):
        with pytest.raises(InvalidInput) as caught:
            swiss(path, wrong)
        assert "YYYY-MM-DD" in caught.value.hint


def test_an_unknown_country_gets_close_names(path: Path) -> None:
    fill(path, [entry(1, CH, ("x", "Sweden"), ("x", "United Kingdom")), entry(2, ("x", "Japan"))])
    with pytest.raises(InvalidInput) as caught:
        swiss(path, country="Swizerland")
    assert "Switzerland" in caught.value.hint
    with pytest.raises(InvalidInput) as caught:
        swiss(path, country="kingdom")
    assert "United Kingdom" in caught.value.hint
    with pytest.raises(InvalidInput) as caught:
        swiss(path, country="Atlantis")
    assert "Japan" in caught.value.hint
    for wrong in ("", "  ", 3, None, ["Switzerland"]):
        with pytest.raises(InvalidInput, match="country"):
            swiss(path, country=wrong)


def test_a_country_with_no_counted_map_gives_zeros(path: Path) -> None:
    fill(path, [entry(1, ("x", "Japan")), entry(2, CH, status="OBS")])
    result = swiss(path)
    assert (result.entries, result.share, result.median_delay) == (0, None, None)
    assert result.tables["annual"]["entries"].sum() == 0
    assert "no entries" in " ".join(result.headline())
    assert result.obsolete == 1


@pytest.mark.parametrize(
    ("days", "words"),
    [
        (-310, "Median: the raw data came 310 days before the release of the map."),
        (-1, "Median: the raw data came 1 day before the release of the map."),
        (0, "Median delay from map release to raw data: 0 days."),
        (45, "Median delay from map release to raw data: 45 days."),
    ],
)
def test_the_delay_in_words(path: Path, days: int, words: str) -> None:
    start = date(2020, 6, 1)
    fill(path, [entry(1, CH)], [raw(10001, "EMD-0001", released=start + timedelta(days))])
    assert words in swiss(path).headline()


def test_without_archive_or_released_entries(path: Path) -> None:
    with pytest.raises(NotFound):
        swiss(path)
    fill(path, [entry(1, CH, status="HPUB")])
    with pytest.raises(InvalidInput):
        swiss(path)


def test_the_headline_says_what_it_is(path: Path) -> None:
    fill(path, [entry(1, CH), entry(2, CH)], [raw(10001, "EMD-0001")], notice=NOTICE)
    result = swiss(path)
    lines = result.headline()
    assert lines[0] == NOTICE
    assert "2 released EMDB entries as of 2021-12-31, 1 with raw data" in lines[1]
    assert "50.0 %" in lines[1]
    assert repr(result) == "<CountryStatistics Switzerland 2021-12-31: 2 maps, 1 with raw data>"
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.entries = 3  # type: ignore[misc]
    assert all(result.provenance.values())


dates = st.dates(date(2015, 1, 1), date(2020, 12, 31))


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    maps=st.lists(
        st.tuples(dates, st.integers(0, 900), st.booleans(), st.sampled_from(["REL", "OBS"])),
        min_size=1,
        max_size=12,
    ),
    images=st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11), dates), max_size=8),
    days=st.lists(dates, min_size=2, max_size=3),
)
def test_numbers_never_shrink_with_the_date(
    path: Path, maps: list[Any], images: list[Any], days: list[date]
) -> None:
    path.unlink(missing_ok=True)
    entries = [
        entry(
            n, *([CH] if own else []), deposited=day, map_released=day + timedelta(wait), status=s
        )
        for n, (day, wait, own, s) in enumerate(maps)
    ]
    entries.append(entry(500, CH, deposited=date(2014, 1, 1), map_released=date(2014, 1, 1)))
    fill(
        path,
        entries,
        [raw(10000 + n, f"EMD-{a:04d}", f"EMD-{b:04d}", released=day)
         for n, (a, b, day) in enumerate(images)],
    )  # fmt: skip
    before = None
    for day in sorted(days):
        result = swiss(path, day)
        now = (
            result.entries,
            result.with_raw_data,
            result.empiar_entries,
            result.world_entries,
            result.world_empiar_all,
        )
        sums = result.tables["annual"].sum()
        assert sums["entries"] == result.entries <= result.world_entries == sums["world_entries"]
        assert sums["empiar_entries"] == result.empiar_entries <= result.world_empiar_entries
        assert sums["with_raw_data"] == result.with_raw_data <= result.entries
        assert before is None or all(a <= b for a, b in zip(before, now, strict=True))
        before = now
