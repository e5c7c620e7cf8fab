"""The EMPIAR client against the practice service: equal to the truth, and honest on bad days."""

from __future__ import annotations

import pandas as pd
import pytest

from openem_nb import empiar
from openem_nb.errors import BadAnswer, Cancelled, InvalidInput, NotFound, Unreachable
from openem_nb.jobs import Progress
from openem_nb.practice import Facility, Fault


def assert_true(found: dict[str, empiar.Entry], practice: Facility) -> None:
    """Compare entries field by field with what the generator drew."""
    for name, entry in found.items():
        truth = practice.truth.empiar[name]
        assert entry.id == name
        assert entry.title == truth.title
        assert entry.status == truth.status
        assert entry.deposited == truth.deposited
        assert entry.released == truth.released
        assert entry.updated == truth.updated
        assert entry.obsoleted == truth.obsoleted
        assert entry.experiment_type == truth.experiment_type
        assert entry.size_text == truth.size_text
        assert entry.size_bytes == truth.size_bytes
        assert set(entry.emdb_ids) == {*truth.emdb_ids, *truth.unknown_ids}
        assert set(entry.emdb_refs_rejected) == {text.strip() for text in truth.rubbish} - {""}
        assert entry.authors == truth.authors
        assert truth.country in entry.countries
        assert [(grant.funder, grant.country, grant.code) for grant in entry.grants] == [
            (grant.funder, grant.country.strip() if grant.country else None, grant.code)
            for grant in truth.grants
        ]
        assert entry.url == f"{practice.url}/empiar/{name}"
        if entry.citation and truth.doi:
            assert entry.citation.doi == truth.doi
        for imageset in entry.imagesets:
            assert imageset.directory
            assert not imageset.directory.startswith("/")


def test_all_entries_equal_the_truth(facility) -> None:  # type: ignore[no-untyped-def]
    practice = facility(entries=3000, seed=3)
    asked = len(practice.requests)
    answer = empiar.entries()
    assert set(answer.found) == set(practice.truth.empiar)
    assert answer.failed == {}
    assert len(answer) > 100  # more than one page
    assert_true(answer.found, practice)
    assert len(practice.requests) - asked == -(-len(answer) // 100) + 2
    frame = answer.frame()
    assert frame["size_bytes"].sum() == sum(
        entry.size_bytes for entry in practice.truth.empiar.values()
    )


def test_entries_by_id(practice: Facility) -> None:
    names = list(practice.truth.empiar)[::-1]
    asked = len(practice.requests)
    answer = empiar.entries([name.lower() for name in names] + [names[0]])
    assert list(answer.found) == names
    assert len(practice.requests) - asked == 1
    assert_true(answer.found, practice)
    answer = empiar.entries([names[0], 99999])
    assert (list(answer.found), answer.not_found) == ([names[0]], ("EMPIAR-99999",))


def test_single_entry(practice: Facility) -> None:
    name = next(iter(practice.truth.empiar))
    assert_true({name: empiar.entry(name.removeprefix("EMPIAR-"))}, practice)
    with pytest.raises(NotFound, match="EMPIAR-99999"):
        empiar.entry(99999)


def test_changes_since_a_day(practice: Facility) -> None:
    updates = sorted(entry.updated for entry in practice.truth.empiar.values())
    day = updates[len(updates) // 2]
    query = f"database:EMPIAR AND update_date:[{day.isoformat()}T00:00:00Z TO NOW]"
    found = {entry.id for page in empiar.pages(query) for entry in page}
    assert found == {name for name, entry in practice.truth.empiar.items() if entry.updated >= day}


def test_search(practice: Facility) -> None:
    hits = empiar.search("*")
    assert hits.total == len(hits) == len(practice.truth.empiar)
    assert hits.notice
    assert empiar.search('"no such words"').empty
    with pytest.raises(InvalidInput, match="empty"):
        empiar.search(" ")


@pytest.mark.parametrize("many", [False, True])
def test_raw_data_of_maps(practice: Facility, monkeypatch: pytest.MonkeyPatch, many: bool) -> None:
    from openem_nb.empiar import _entries

    if many:
        monkeypatch.setattr(_entries, "_JOIN_FROM", 1)
    names = list(practice.truth.emdb)
    frame = empiar.for_emdb(names)
    pairs = list(zip(frame["emdb_id"], frame["empiar_id"], strict=True))
    assert set(pairs) == {(name, raw) for name in names for raw in practice.truth.raw_data(name)}
    assert len(pairs) == len(set(pairs)) > 10
    order = {name: place for place, name in enumerate(names)}
    assert [order[name] for name, _ in pairs] == sorted(order[name] for name, _ in pairs)
    without = next(name for name in names if not practice.truth.links(name))
    nothing = empiar.for_emdb([without])
    assert nothing.empty
    assert list(nothing.columns) == list(frame.columns)
    assert nothing["released"].dtype == "datetime64[ns]"


@pytest.mark.parametrize("kind", ["status", "cut", "garbage", "html", "wrong_json"])
def test_faults_change_nothing(facility, kind: str) -> None:  # type: ignore[no-untyped-def]
    practice = facility(entries=3000, seed=3)
    for number in range(1, 4):
        # Each page is hit once, the empty one at the end as well.
        practice.add_fault(Fault(kind, path=rf"page={number}\b", times=1))
    answer = empiar.entries()
    assert set(answer.found) == set(practice.truth.empiar)
    assert answer.failed == {}


def test_an_empty_page_has_to_be_given_twice(practice: Facility) -> None:
    practice.add_fault(Fault("wrong_json", path="/empiar/search/"))
    with pytest.raises(BadAnswer):
        empiar.entries()
    practice.clear_faults()
    practice.add_fault(Fault("status", path="/empiar/search/", status=503))
    with pytest.raises(Unreachable):
        empiar.entries()


def test_a_service_that_does_not_page_is_an_error(
    practice: Facility, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openem_nb.empiar import _entries

    page = _entries._page
    monkeypatch.setattr(_entries, "_page", lambda query, number, progress: page(query, 1, progress))
    with pytest.raises(BadAnswer, match="repeats"):
        empiar.entries()


def test_cancel(practice: Facility) -> None:
    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        list(empiar.pages(progress=progress))


def test_files_of_an_entry(practice: Facility) -> None:
    nested = False
    released = [key for key, entry in practice.truth.empiar.items() if entry.status == "REL"]
    for name in released[:10]:
        files = empiar.files(name)
        assert files["path"].is_unique
        assert files["path"].str.startswith("data/").any()
        nested = nested or any(path.count("/") > 2 for path in files["path"])
    assert nested
    assert files["size"].dtype == "Int64"
    assert pd.api.types.is_datetime64_any_dtype(files["modified"])
    assert not files["path"].str.contains("[?]").any()
    with pytest.raises(NotFound, match="EMPIAR-99999"):
        empiar.files(99999)
