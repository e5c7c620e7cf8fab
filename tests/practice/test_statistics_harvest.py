"""Harvesting: whole, again, and while the archive moves on."""

from __future__ import annotations

import threading
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from _truth_tables import Expected

from openem_nb import emdb, empiar, statistics
from openem_nb.errors import (
    BadAnswer,
    Cancelled,
    CannotWrite,
    InvalidInput,
)
from openem_nb.jobs import Progress
from openem_nb.practice import Fault
from openem_nb.statistics import checks, harvests

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo
    from pathlib import Path

    from openem_nb.practice import Facility


from _harvest_checks import assert_true, released


def test_the_first_harvest_holds_everything(practice: Facility, tmp_path: Path) -> None:
    path = tmp_path / "archive.duckdb"
    progress = Progress()
    stages: list[str] = []
    stop = progress.subscribe(lambda state: stages.append(state.message))
    report = statistics.harvest(path=path, progress=progress)
    stop()
    truth = practice.truth
    visible = [entry for entry in truth.emdb.values() if entry.visible]
    assert report.complete
    assert sum(report.emdb_statuses.values()) == len(truth.emdb)
    assert report.emdb_statuses["REL"] == report.emdb_released_stated == released(practice)
    assert report.emdb_fetched == len(visible)
    assert report.empiar_read == report.empiar_entries == len(truth.empiar)
    assert stages
    assert "Finishing" in progress.snapshot().message
    assert not list(tmp_path.glob("*.harvest*"))
    assert "entries listed" in str(report)
    with statistics.archive(path) as archive:
        assert archive.fingerprint() == report.fingerprint
        rows = archive.sql("SELECT emdb_id, title, details FROM emdb_entries")
        shown = {
            name: title if details == "current" else None
            for name, title, details in rows.itertuples(index=False)
        }
        assert shown == {e.emdb_id: e.title if e.visible else None for e in truth.emdb.values()}
        grants = archive.sql("SELECT count(*) AS n FROM emdb_grants")["n"][0]
        assert grants == sum(len(entry.grants) for entry in visible)
        harvest = archive.last_harvest()
        assert harvest["emdb_listed"] == len(truth.emdb)
        assert harvest["mismatches"] == []
        assert archive.info()["notice"] == practice.description()["notice"]


def test_a_second_harvest_asks_little_and_changes_nothing(
    facility: Callable[..., Facility], tmp_path: Path
) -> None:
    own = facility(entries=800)
    first = statistics.harvest(path=tmp_path / "a.duckdb")
    before = len(own.requests)
    second = statistics.harvest(path=tmp_path / "a.duckdb")
    assert len(own.requests) - before < 20
    assert second.emdb_fetched == 0
    assert second.fingerprint == first.fingerprint
    assert second.complete
    assert first.queries == ("EMDB *:*", "EMDB entries by id", "EMPIAR *")
    assert second.queries[2].startswith("EMPIAR database:EMPIAR AND update_date:[")
    assert second.empiar_read < second.empiar_entries
    assert second.empiar_entries == first.empiar_entries


def test_a_refresh_equals_a_harvest_from_scratch(
    facility: Callable[..., Facility], tmp_path: Path
) -> None:
    own = facility(entries=500)
    old = statistics.harvest(path=tmp_path / "a.duckdb")
    for weeks in (1, 3):
        own.advance(weeks)
        refreshed = statistics.harvest(path=tmp_path / "a.duckdb")
        fresh = statistics.harvest(path=tmp_path / f"fresh{weeks}.duckdb")
        assert refreshed.fingerprint == fresh.fingerprint != old.fingerprint
        assert 0 < refreshed.emdb_fetched < fresh.emdb_fetched / 2
        assert refreshed.complete
        assert_true(tmp_path / "a.duckdb", own)


def test_what_cannot_be_read_is_named_and_tried_again(
    facility: Callable[..., Facility], tmp_path: Path
) -> None:
    own = facility(entries=300)
    path = tmp_path / "a.duckdb"
    swiss = Expected(own.truth, own.truth.today).local
    lost = swiss[0].emdb_id
    own.add_fault(Fault("garbage", path=lost))
    report = statistics.harvest(path=path)
    assert set(report.missing) == {lost}
    assert report.missing[lost]
    assert not report.complete
    assert "could not be read" in str(report)
    with statistics.archive(path) as archive:
        result = statistics.swiss(own.truth.today, archive=archive)
    assert result.entries == len(swiss) - 1
    assert result.world_entries == released(own)
    assert list(result.tables["missing"]["emdb_id"]) == [lost]
    assert any("lower bounds" in warning for warning in result.warnings)
    own.clear_faults()
    again = statistics.harvest(path=path)
    assert again.emdb_fetched == 1
    assert again.complete
    assert_true(path, own)


def test_an_outdated_entry_is_named(facility: Callable[..., Facility], tmp_path: Path) -> None:
    own = facility(entries=300)
    path = tmp_path / "a.duckdb"
    statistics.harvest(path=path)
    before = own.truth
    own.advance()
    changed = next(
        e.emdb_id
        for e in own.truth.emdb.values()
        if e.status == before.emdb[e.emdb_id].status == "REL" and e != before.emdb[e.emdb_id]
    )
    own.add_fault(Fault("garbage", path=changed))
    report = statistics.harvest(path=path)
    assert set(report.missing) == {changed}
    assert report.outdated == 1
    with statistics.archive(path) as archive:
        result = statistics.swiss(own.truth.today, archive=archive)
    assert list(result.tables["missing"]["state"]) == ["outdated"]
    assert any("older version" in warning for warning in result.warnings)


def test_a_damaged_empiar_entry_is_named_and_read_alone(
    practice: Facility, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.duckdb"
    whole = statistics.harvest(path=tmp_path / "whole.duckdb").fingerprint
    bad = min(practice.truth.empiar)
    pages, entries = empiar.pages, empiar.entries

    def damaged(*args: object, **kwargs: object) -> object:
        for page in pages(*args, **kwargs):
            kept = [entry for entry in page if entry.id != bad]
            reason = {bad: "no status"} if len(kept) < len(page) else {}
            yield empiar.Page(kept, failed={**page.failed, **reason})

    def refused(ids: list[str], **_: object) -> empiar.Entries:
        return empiar.Entries({}, (), dict.fromkeys(ids, "no status"))

    monkeypatch.setattr(empiar, "pages", damaged)
    monkeypatch.setattr(empiar, "entries", refused)
    report = statistics.harvest(path=path)
    assert report.missing == {bad: "no status"}
    with statistics.archive(path) as archive:
        result = statistics.swiss(archive=archive)
        assert archive.last_harvest()["empiar_missing"] == 1
    assert any("EMPIAR entries could not be read" in warning for warning in result.warnings)
    monkeypatch.setattr(empiar, "entries", entries)
    assert statistics.harvest(path=path).fingerprint == whole


def test_cancel_keeps_the_archive_and_the_work(
    facility: Callable[..., Facility], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = facility(entries=500)
    path = tmp_path / "a.duckdb"
    monkeypatch.setattr(harvests, "PORTION", 50)
    progress = Progress()
    fetch = emdb.fetch

    def cancelling(*args: object, **kwargs: object) -> object:
        for number, batch in enumerate(fetch(*args, **kwargs)):
            if number == 5:
                progress.cancel()
            yield batch

    monkeypatch.setattr(emdb, "fetch", cancelling)
    with pytest.raises(Cancelled):
        statistics.harvest(path=path, progress=progress)
    assert not path.exists()
    monkeypatch.setattr(emdb, "fetch", fetch)
    resumed = statistics.harvest(path=path)
    visible = sum(entry.visible for entry in own.truth.emdb.values())
    assert 0 < resumed.emdb_fetched <= visible - 100
    assert resumed.complete


def test_a_listing_that_disagrees_marks_nothing_as_vanished(
    facility: Callable[..., Facility], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = facility(entries=300)
    path = tmp_path / "a.duckdb"
    statistics.harvest(path=path)
    search, count = emdb.search, emdb.count
    gone = next(e.emdb_id for e in own.truth.emdb.values() if e.status == "REL")

    def shorter(*args: object, **kwargs: object) -> object:
        hits = search(*args, **kwargs)
        return hits[hits["emdb_id"] != gone]

    monkeypatch.setattr(emdb, "search", shorter)
    report = statistics.harvest(path=path)
    assert report.vanished == 0
    assert any("lists" in text for text in report.mismatches)
    with statistics.archive(path) as archive:
        result = statistics.swiss(own.truth.today, archive=archive)
    assert result.world_entries == released(own)
    assert any(text.startswith("Harvest: EMDB counts") for text in result.warnings)

    # now EMDB itself counts one less: the entry is gone
    monkeypatch.setattr(
        emdb, "count", lambda *a, **k: {**(c := count(*a, **k)), "REL": c["REL"] - 1}
    )
    report = statistics.harvest(path=path)
    assert report.vanished == 1
    with statistics.archive(path) as archive:
        result = statistics.swiss(own.truth.today, archive=archive)
        kept = archive.sql(f"SELECT vanished, title FROM emdb_entries WHERE emdb_id = '{gone}'")
    assert result.world_entries == released(own) - 1
    assert kept["vanished"].notna().all()
    assert kept["title"][0] == own.truth.emdb[gone].title
    assert any("no longer listed" in warning for warning in result.warnings)
    assert statistics.harvest(path=path).fingerprint == report.fingerprint
    fresh = statistics.harvest(path=tmp_path / "fresh.duckdb")
    assert fresh.fingerprint == report.fingerprint

    # and it comes back
    monkeypatch.setattr(emdb, "search", search)
    monkeypatch.setattr(emdb, "count", count)
    assert statistics.harvest(path=path).vanished == 0


def test_only_one_harvest_at_a_time(facility: Callable[..., Facility], tmp_path: Path) -> None:
    own = facility(entries=300)
    path = tmp_path / "a.duckdb"
    statistics.harvest(path=path)
    own.advance()
    own.add_fault(Fault("delay", path="emdb_id", seconds=0.5))
    done: list[object] = []
    worker = threading.Thread(target=lambda: done.append(statistics.harvest(path=path)))
    worker.start()
    deadline = time.monotonic() + 5
    while not (tmp_path / "a.duckdb.harvest").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(0.1)
    with pytest.raises(CannotWrite, match="in use by another harvest") as caught:
        statistics.harvest(path=path)
    assert "Wait" in caught.value.hint
    assert "refresh=false" in caught.value.hint
    with statistics.archive(path) as archive:  # readers are not disturbed
        assert archive.last_harvest()["emdb_listed"] == 300
        worker.join()
        assert archive.sql("SELECT count(*) AS n FROM harvests")["n"][0] == 1
    with statistics.archive(path) as archive:
        assert archive.sql("SELECT count(*) AS n FROM harvests")["n"][0] == 2
    assert len(done) == 1


def test_an_archive_belongs_to_one_service(
    facility: Callable[..., Facility], tmp_path: Path
) -> None:
    facility(entries=100, seed=1)
    statistics.harvest(path=tmp_path / "a.duckdb")
    facility(entries=100, seed=2)
    with pytest.raises(InvalidInput, match="practice4-100-1"):
        statistics.harvest(path=tmp_path / "a.duckdb")


def test_two_worlds_of_one_name_are_not_mixed(
    facility: Callable[..., Facility], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.duckdb"
    own = facility(entries=200, seed=1)
    name = own.description()["name"]
    statistics.harvest(path=path)
    before = path.read_bytes()
    other = facility(entries=200, seed=2)
    described = {**other.description(), "name": name}
    monkeypatch.setattr(other, "description", lambda: described)
    for _ in range(2):  # and it is not the copy of the first time that goes on
        with pytest.raises(BadAnswer, match="not in EMDB's list") as caught:
            statistics.harvest(path=path)
        assert f"move {path} away" in caught.value.hint
        assert path.read_bytes() == before
        assert [file.name for file in tmp_path.glob("a.duckdb*")] == ["a.duckdb"]
    path.rename(tmp_path / "old")
    statistics.harvest(path=path)
    assert_true(path, other)


def test_unfinished_work_of_another_service_is_dropped(
    facility: Callable[..., Facility], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.duckdb"
    name = facility(entries=200, seed=1).description()["name"]
    statistics.harvest(path=path)
    path.rename(tmp_path / "a.duckdb.harvest")
    other = facility(entries=200, seed=2)
    described = {**other.description(), "name": name}
    monkeypatch.setattr(other, "description", lambda: described)
    with pytest.raises(BadAnswer) as caught:
        statistics.harvest(path=path)
    assert "harvest again" in caught.value.hint
    assert "move" not in caught.value.hint.replace("removed", "")
    statistics.harvest(path=path)
    assert_true(path, other)


def test_a_question_is_checked_before_the_harvest(practice: Facility) -> None:
    today = practice.truth.today
    statistics.check()
    statistics.check("2024-11-12", country="Austria", years=(2015, None))
    statistics.check(today, years=(today.year, None))
    asked = len(practice.requests)
    for words, question in {
        "is not a date": {"as_of": "2024-13-01"},
        "is not the name": {"country": 3},
        "country is empty": {"country": " "},
        "wrong way round": {"years": (2020, 2015)},
        "after the last day": {"as_of": "2019-05-05", "years": (2020, None)},
    }.items():
        with pytest.raises(InvalidInput, match=words) as caught:
            statistics.check(**question)
        assert caught.value.hint
    assert len(practice.requests) == asked
    for question in ({"as_of": "2106-11-12"}, {"years": (2106, None)}):
        with pytest.raises(InvalidInput, match="lies ahead"):
            statistics.check(**question)


def test_the_clock_of_the_service_counts(
    practice: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Slow(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return datetime(2025, 1, 1, tzinfo=tz)

    monkeypatch.setattr(checks, "datetime", Slow)
    statistics.check(practice.truth.today)
    with pytest.raises(InvalidInput, match="lies ahead"):
        statistics.check(practice.truth.today + timedelta(200))


def test_the_default_path_names_the_services(practice: Facility, tmp_path: Path) -> None:
    report = statistics.harvest()
    name = practice.description()["name"]
    assert report.path == tmp_path / "data" / f"archive-{name}.duckdb"
    assert statistics.swiss().notice == practice.description()["notice"]


def test_a_folder_that_cannot_be_written(practice: Facility, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(CannotWrite) as caught:
        statistics.harvest(path=tmp_path / "file" / "a.duckdb")
    assert caught.value.hint


def test_an_empty_listing_is_no_listing(practice: Facility, tmp_path: Path) -> None:
    practice.add_fault(Fault("html", path="/search/"))
    with pytest.raises(BadAnswer):
        statistics.harvest(path=tmp_path / "a.duckdb")
    assert not (tmp_path / "a.duckdb").exists()


def test_a_working_copy_that_is_no_archive_is_made_again(
    practice: Facility, tmp_path: Path
) -> None:
    path = tmp_path / "a.duckdb"
    (tmp_path / "a.duckdb.harvest").write_bytes(b"half a header")
    first = statistics.harvest(path=path)
    (tmp_path / "a.duckdb.harvest").write_bytes(b"no archive" * 10_000)
    assert statistics.harvest(path=path).fingerprint == first.fingerprint
    path.write_bytes(b"no archive" * 10_000)
    with pytest.raises(InvalidInput, match=r"a\.duckdb is not an archive"):
        statistics.harvest(path=path)
