"""The EMDB client against the practice service: equal to the truth, and honest on bad days."""

from __future__ import annotations

import threading
import warnings
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from openem_nb import emdb, http
from openem_nb.errors import (
    BadAnswer,
    Cancelled,
    InvalidInput,
    NotFound,
    QueryTruncatedWarning,
    Unreachable,
)
from openem_nb.jobs import Progress
from openem_nb.practice import Facility, Fault

if TYPE_CHECKING:
    from openem_nb.practice.truth import EmdbTruth


def visible(facility: Facility) -> dict[str, EmdbTruth]:
    return {name: entry for name, entry in facility.truth.emdb.items() if entry.visible}


def test_every_entry_equals_the_truth_field_by_field(practice: Facility) -> None:
    found: dict[str, emdb.Entry] = {}
    for batch in emdb.fetch(practice.truth.emdb):
        assert not batch.failed
        assert not batch.not_found
        assert len(batch.found) <= 25
        found.update({entry.id: entry for entry in batch.found})
    assert set(found) == set(practice.truth.emdb)
    with_relations = 0
    for name, truth in practice.truth.emdb.items():
        entry = found[name]
        assert entry.status == truth.status
        assert entry.deposited == truth.deposited
        assert entry.map_released == truth.map_released
        assert entry.updated == truth.updated
        assert entry.obsoleted == truth.obsoleted
        assert entry.superseded_by == truth.superseded_by
        assert entry.url == f"{practice.url}/emdb/{name}"
        if not truth.visible:
            assert entry.grants == ()
            continue
        assert entry.title == truth.title
        assert entry.sample == truth.sample
        assert entry.methods == tuple(dict.fromkeys(truth.methods))
        assert entry.resolution == truth.resolution
        assert entry.resolutions == tuple(value for value in truth.resolutions if value)
        assert set(entry.microscopes) == set(truth.microscopes)
        assert [tuple(organism) for organism in entry.organisms] == list(truth.organisms)
        assert entry.authors == truth.authors
        assert entry.pdb_ids == truth.pdb_ids
        related = set(truth.related) - {name}
        assert set(entry.emdb_ids) in (related, set())  # some entries leave the relations out
        with_relations += bool(related and entry.emdb_ids)
        assert [(grant.funder, grant.country, grant.code) for grant in entry.grants] == [
            (grant.funder, grant.country.strip() if grant.country else None, grant.code)
            for grant in truth.grants
        ]
        citation = entry.citation or emdb.Citation()
        assert citation.doi == truth.doi
        assert citation.pubmed == truth.pubmed
        if entry.citation:
            assert citation.year == truth.citation_year
            assert citation.published is (truth.journal is not None)
        assert [file.kind for file in entry.files][:1] == ["map"]
    assert with_relations > 50


def test_search_of_everything_is_typed_and_complete(practice: Facility) -> None:
    hits = emdb.search("*:*")
    truth = practice.truth.emdb
    assert hits.total == len(hits) == len(truth)
    assert hits.query_sent == "*:*"
    assert hits.notice
    assert list(hits.columns) == list(emdb.DEFAULT_FIELDS)
    assert hits["resolution"].dtype == "float64"
    assert hits["deposition_date"].dtype == "datetime64[ns]"
    table = hits.set_index("emdb_id")
    for name, entry in visible(practice).items():
        row = table.loc[name]
        assert row["title"] == entry.title
        assert row["current_status"] == entry.status
        assert row["deposition_date"].date() == entry.deposited
        released = row["map_release_date"]
        assert (None if pd.isna(released) else released.date()) == entry.map_released
        best = row["resolution"]
        assert (None if pd.isna(best) else best) == entry.resolution
        assert set(row["natural_source_organism"]) == {organism for organism, _ in entry.organisms}
        assert set(row["microscope_name"]) == set(entry.microscopes)
        assert row["fitted_pdbs"] == entry.pdb_ids
        assert set(row["xref_EMPIAR"]) == set(practice.truth.links(name))


def test_fields_builder_finds_what_the_truth_says(practice: Facility) -> None:
    truth = visible(practice).values()
    released = [entry for entry in truth if entry.status == "REL"]
    found = emdb.search(emdb.query(resolution=(None, 3.5)), fields=["resolution"])
    # The service compares any stated resolution, a stated zero is left out by the query.
    assert set(found["emdb_id"]) == {
        entry.emdb_id
        for entry in released
        if any(value and value <= 3.5 for value in entry.resolutions)
    }
    found = emdb.search(emdb.query(raw_data=True))
    assert set(found["emdb_id"]) == {
        entry.emdb_id for entry in released if practice.truth.links(entry.emdb_id)
    }
    found = emdb.search(emdb.query(deposited=2020, method="helical"))
    assert set(found["emdb_id"]) == {
        entry.emdb_id
        for entry in released
        if entry.deposited.year == 2020 and "helical" in entry.methods
    }
    name, taxid = released[0].organisms[0]
    for organism in filter(None, (name, str(taxid) if taxid else None)):
        found = emdb.search(emdb.query(organism=organism), fields=["title"])
        assert {entry.emdb_id for entry in released if (name, taxid) in entry.organisms} <= set(
            found["emdb_id"]
        )
    assert list(found.columns) == ["emdb_id", "title"]


def test_rows_limit_is_not_a_truncation(practice: Facility) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        hits = emdb.search(emdb.query(), rows=5)
    assert len(hits) == 5
    assert hits.total == sum(entry.status == "REL" for entry in practice.truth.emdb.values())


def test_nothing_found_is_an_empty_table_with_types(practice: Facility) -> None:
    hits = emdb.search('"no such words at all"')
    assert (len(hits), hits.total) == (0, 0)
    assert hits["deposition_date"].dtype == "datetime64[ns]"
    assert hits["resolution"].dtype == "float64"


def test_count_is_the_services_own(practice: Facility) -> None:
    released = sum(entry.status == "REL" for entry in practice.truth.emdb.values())
    assert emdb.count() == {"REL": released}


def test_a_short_answer_warns(practice: Facility, monkeypatch: pytest.MonkeyPatch) -> None:
    from openem_nb.emdb import _search

    monkeypatch.setattr(_search, "_ALL_ROWS", 7)
    with pytest.warns(QueryTruncatedWarning, match="its answer holds 7"):
        hits = emdb.search(emdb.query())
    assert len(hits) == 7
    assert hits.total == emdb.count()["REL"]


def test_bad_queries(practice: Facility) -> None:
    asked = len(practice.requests)
    for text in ("", "(a", "a AND"):
        with pytest.raises(InvalidInput):
            emdb.search(text)
    with pytest.raises(InvalidInput, match="not the name of a field"):
        emdb.search("a", fields=["title,authors"])
    with pytest.raises(InvalidInput, match="rows"):
        emdb.search("a", rows=0)
    assert len(practice.requests) == asked  # found before anything was sent
    with pytest.raises(InvalidInput) as caught:  # this one only the service can refuse
        emdb.search("resolution:[abc TO def]")
    assert caught.value.hint


def test_single_entry_with_raw_data(practice: Facility) -> None:
    name = next(name for name in visible(practice) if practice.truth.raw_data(name))
    entry = emdb.entry(f" {name.lower().replace('-', '_')}")
    assert entry.id == name
    assert set(entry.empiar_ids) == set(practice.truth.links(name))


def test_unknown_entry(practice: Facility) -> None:
    with pytest.raises(NotFound, match="EMD-999999") as caught:
        emdb.entry(999999)
    assert caught.value.hint
    with pytest.raises(InvalidInput):
        emdb.entry("EMPIAR-1")


def test_entries_keep_order_and_say_what_is_missing(practice: Facility) -> None:
    names = list(visible(practice))[40:0:-1]
    answer = emdb.entries([*names[:20], "EMD-999999", *names[20:], names[3], 999998])
    assert list(answer.found) == names
    assert answer.not_found == ("EMD-999999", "EMD-999998")
    assert answer.failed == {}
    frame = answer.frame()
    assert list(frame["emdb_id"]) == names
    assert frame["deposited"].dtype == "datetime64[ns]"
    for name in names:
        assert set(answer.found[name].empiar_ids) == set(practice.truth.links(name))


def test_invalid_id_stops_before_the_first_request(practice: Facility) -> None:
    asked = len(practice.requests)
    with pytest.raises(InvalidInput):
        emdb.fetch(["EMD-1234", "nonsense"])
    assert len(practice.requests) == asked


def test_empty_list_of_ids(practice: Facility) -> None:
    assert list(emdb.fetch([])) == []
    assert emdb.entries([]).frame().empty


def test_number_of_requests(practice: Facility) -> None:
    names = list(visible(practice))[:60]
    asked = len(practice.requests)
    list(emdb.fetch(names))
    assert len(practice.requests) - asked == 3


def test_a_poisonous_entry_takes_no_other_with_it(practice: Facility) -> None:
    names = list(visible(practice))[:50]
    poison = names[7]
    number = poison.removeprefix("EMD-")
    practice.add_fault(Fault("status", path=rf"search/.*EMD-{number}\b", status=500))
    practice.add_fault(Fault("status", path=rf"entry/{poison}\b", status=500))
    answer = emdb.entries(names)
    assert set(answer.found) == set(names) - {poison}
    assert list(answer.failed) == [poison]
    assert "500" in answer.failed[poison]
    assert answer.not_found == ()


def test_a_damaged_entry_is_failed_not_missing(practice: Facility) -> None:
    names = list(visible(practice))[:25]
    practice.add_fault(Fault("wrong_json", path=r"/search/"))
    practice.add_fault(Fault("wrong_json", path=rf"entry/{names[0]}\b"))
    found = emdb.fetch(names)
    batch = next(found)
    assert len(batch.found) == 24
    assert list(batch.failed) == [names[0]]
    assert batch.not_found == ()


@pytest.mark.parametrize(
    "fault",
    [
        Fault("status", share=0.2, status=503),
        Fault("status", share=0.2, status=429, retry_after=0.01),
        Fault("cut", share=0.2),
        Fault("garbage", share=0.2),
        Fault("html", share=0.2),
        Fault("wrong_json", share=0.2),
        Fault("delay", share=0.2, seconds=0.02),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status}",
)
def test_faults_change_nothing_or_are_said(practice: Facility, fault: Fault) -> None:
    practice.add_fault(fault)
    names = list(practice.truth.emdb)
    found: dict[str, emdb.Entry] = {}
    failed: dict[str, str] = {}
    for batch in emdb.fetch(names):
        found.update({entry.id: entry for entry in batch.found})
        failed.update(batch.failed)
        assert batch.not_found == ()
    assert found.keys() | failed.keys() == set(names)
    assert len(found) > 0.9 * len(names)
    assert any(record.fault for record in practice.requests)
    for name, entry in found.items():
        truth = practice.truth.emdb[name]
        assert (entry.status, entry.updated) == (truth.status, truth.updated)
        if truth.visible:
            assert entry.resolution == truth.resolution


def test_hanging_answers_are_asked_for_again(practice: Facility) -> None:
    practice.add_fault(Fault("hang", path="/search/", times=2))
    names = list(visible(practice))[:30]
    with http.using(http.Session(retries=2, backoff=0.01, timeout=(1, 0.3))):
        answer = emdb.entries(names)
    assert list(answer.found) == names


def test_a_dead_service_is_an_error_soon(practice: Facility) -> None:
    practice.add_fault(Fault("status", status=503))
    asked = len(practice.requests)
    with pytest.raises(Unreachable):
        list(emdb.fetch(practice.truth.emdb))
    # 400 ids are 16 batches; only the first few were tried.
    assert len(practice.requests) - asked < 200
    with pytest.raises(Unreachable):
        emdb.search("*:*")


def test_html_in_place_of_the_table(practice: Facility) -> None:
    practice.add_fault(Fault("html", path="/search/"))
    with pytest.raises(BadAnswer):
        emdb.search("*:*")


def test_one_damaged_table_is_asked_for_again(practice: Facility) -> None:
    practice.add_fault(Fault("garbage", path="/search/", times=1))
    practice.add_fault(Fault("wrong_json", path="/facet/", times=1))
    assert len(emdb.search("*:*")) == len(practice.truth.emdb)


def test_cancel_stops_fetching(practice: Facility) -> None:
    progress = Progress()
    batches = emdb.fetch(practice.truth.emdb, progress=progress)
    next(batches)
    progress.cancel()
    with pytest.raises(Cancelled):
        list(batches)


def test_leaving_early_leaves_no_threads(practice: Facility) -> None:
    before = threading.active_count()
    for _ in emdb.fetch(practice.truth.emdb):
        break
    assert threading.active_count() <= before + 8  # the server's own


def test_progress_counts_entries(practice: Facility) -> None:
    progress = Progress()
    names = list(practice.truth.emdb)[:60]
    list(emdb.fetch(names, progress=progress))
    state = progress.snapshot()
    assert (state.done, state.total) == (60, 60)
