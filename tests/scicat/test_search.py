from __future__ import annotations

import pickle
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from openem_nb import scicat
from openem_nb.errors import (
    BadAnswer,
    InvalidInput,
    MisspeltNameWarning,
    QueryTruncatedWarning,
)
from openem_nb.practice.faults import Fault
from openem_nb.scicat import _pages

if TYPE_CHECKING:
    from collections.abc import Callable

    from conftest import Place

    from openem_nb.values import SearchResult

PEOPLE = (None, "ada", "ben", "reader")


def all_pages(result: SearchResult) -> list[pd.DataFrame]:
    pages = [result]
    while (page := pages[-1].next()) is not None:
        pages.append(page)
    return pages


def pids_of(
    documents: dict[str, dict[str, Any]], test: Callable[[dict[str, Any]], bool]
) -> set[str]:
    return {pid for pid, document in documents.items() if test(document)}


@pytest.mark.parametrize("who", PEOPLE)
def test_everybody_finds_own_shared_and_public_data_in_one_list(
    place: Place, who: str | None
) -> None:
    if who:
        place.log_in(who)
    found = scicat.search(rows=None)
    assert set(found["pid"]) == set(place.seen_by(who))
    assert found.total == len(found) == scicat.count()
    assert found["pid"].is_unique


def test_the_table_says_what_the_documents_say(place: Place) -> None:
    place.log_in("ada")
    truth = place.seen_by("ada")
    found = scicat.search(rows=None).set_index("pid")
    for pid, document in truth.items():
        row = found.loc[pid]
        assert row["type"] == document["type"]
        assert (
            row["created"].isoformat()
            == datetime.fromisoformat(document["creationTime"]).isoformat()
        )
        assert row["size"] == document["size"]
        assert row["files"] == document["numberOfFiles"]
        assert row["published"] == document["isPublished"]
        assert list(row["keywords"]) == document["keywords"]
        assert row["owner_group"] == document["ownerGroup"]
        assert row["location"] == document.get("creationLocation", "")
        assert row["proposal_ids"] == tuple(name for name in document["proposalIds"] if name)
        on_tape = document["datasetlifecycle"]["retrievable"]
        assert (row["state"] == "on tape") == on_tape
        assert "\n" not in row["name"]


@pytest.mark.parametrize("sort", ["-created", "created", "type", "-size", "name", "owner_group"])
def test_pages_leave_nothing_out_and_give_nothing_twice(place: Place, sort: str) -> None:
    place.log_in("ada")
    pages = all_pages(scicat.search(sort=sort, rows=93))
    whole = pd.concat(pages)
    truth = place.seen_by("ada")
    assert len(whole) == len(truth)
    assert set(whole["pid"]) == set(truth)
    assert [page.start for page in pages] == [93 * number for number in range(len(pages))]
    assert all(len(page) == 93 for page in pages[:-1])


def test_a_page_is_in_order_and_can_be_asked_for_again(place: Place) -> None:
    result = scicat.search(rows=50)
    truth = sorted((d["creationTime"] for d in place.seen_by(None).values()), reverse=True)
    stamps = [moment.isoformat(timespec="milliseconds") for moment in result["created"]]
    assert stamps == [text.replace("Z", "+00:00") for text in truth[:50]]
    first, again = result.next(), result.next()
    assert first is not None
    assert again is not None
    assert set(first["pid"]) == set(again["pid"])
    assert not set(first["pid"]) & set(result["pid"])


def test_a_whole_list_is_in_the_order_that_was_asked_for(place: Place) -> None:
    truth = place.seen_by(None)
    by_size = scicat.search(sort="-size", rows=None)
    assert list(by_size["size"]) == sorted((d["size"] for d in truth.values()), reverse=True)
    by_name = scicat.search(sort="datasetName", rows=None)
    names = {pid: document["datasetName"] for pid, document in truth.items()}
    assert [names[pid] for pid in by_name["pid"]] == sorted(names.values())


def test_a_result_is_an_ordinary_table_that_can_be_kept(place: Place) -> None:
    result = scicat.search("apoferritin", rows=5)
    assert result.notice == "Practice data: invented data sets, not from a real facility."
    assert type(result[result["published"]]) is pd.DataFrame
    copy = pickle.loads(pickle.dumps(result))
    assert copy.total == result.total
    following, expected = copy.next(), result.next()
    assert (following is None) == (expected is None)
    if expected is not None:
        assert set(following["pid"]) == set(expected["pid"])


def test_nothing_found_is_a_table_with_the_same_columns(place: Place) -> None:
    for rows in (10, None):
        nothing = scicat.search("xyzzy", rows=rows)
        something = scicat.search("apoferritin", rows=rows)
        assert nothing.total == len(nothing) == 0
        assert list(nothing.columns) == list(something.columns)
        assert nothing.next() is None
        for name in ("created", "size", "files", "published"):
            assert nothing[name].dtype == something[name].dtype


def test_words_must_all_be_found_in_any_of_the_fields(place: Place) -> None:
    place.log_in("ada")
    found = set(scicat.search('APOFERRITIN "ada keller" spa', rows=None)["pid"])

    def has(document: dict[str, Any]) -> bool:
        fields = (
            document["datasetName"],
            document.get("description", ""),
            *document["keywords"],
            document["pid"],
            document["owner"],
        )
        texts = [text.lower() for text in fields]
        return all(
            any(word in text for text in texts) for word in ("apoferritin", "ada keller", "spa")
        )

    assert found == pids_of(place.seen_by("ada"), has)
    assert found


@pytest.mark.parametrize(
    "name",
    [
        "A&B #1+2 (x) [50%] 'q' {a}",
        "Krios 1",
        "2024",
        "EMPIAR-10025",
        "2024-01-05 session",
        "May 3",
        "back\\slash ^start$ .* a|b ?",
        "größe 5 µm 電子",
    ],
)
def test_a_name_is_found_by_itself_whatever_is_in_it(place: Place, name: str) -> None:
    assert place.service is not None
    pid = place.service.add_dataset(datasetName=name, keywords=[name], published=True)
    try:
        assert pid in set(scicat.search(f'"{name}"', rows=None)["pid"])
        assert pid in set(scicat.search(name, rows=None)["pid"])
        assert pid in set(scicat.search(keywords=name, rows=None)["pid"])
        assert set(scicat.search(where={"datasetName": name}, rows=None)["pid"]) == {pid}
    finally:
        place.service.store.delete("datasets", pid)


def test_values_are_chosen_exactly_and_one_of_several_is_enough(place: Place) -> None:
    truth = place.seen_by(None)
    assert set(scicat.search(type="raw", rows=None)["pid"]) == pids_of(
        truth, lambda d: d["type"] == "raw"
    )
    chosen = ("SPA", "STEM")
    assert set(scicat.search(keywords=chosen, rows=None)["pid"]) == pids_of(
        truth, lambda d: bool(set(chosen) & set(d["keywords"]))
    )
    group = place.group(20002)
    assert set(scicat.search(owner_group=group, rows=None)["pid"]) == pids_of(
        truth, lambda d: d["ownerGroup"] == group
    )
    where = next(d["creationLocation"] for d in truth.values() if "creationLocation" in d)
    assert set(scicat.search(location=where, rows=None)["pid"]) == pids_of(
        truth, lambda d: d.get("creationLocation") == where
    )
    assert scicat.count(type="ra") == 0


def test_flags_split_the_list_in_two(place: Place) -> None:
    place.log_in("ada")
    truth = place.seen_by("ada")
    for flag, field in (("published", None), ("on_disk", "isOnCentralDisk")):
        both = [set(scicat.search(rows=None, **{flag: value})["pid"]) for value in (True, False)]
        assert not both[0] & both[1]
        assert both[0] | both[1] == set(truth)
        assert both[0] == pids_of(
            truth, lambda d, f=field: d["datasetlifecycle"][f] if f else d["isPublished"]
        )
    assert scicat.count(retrievable=True) == len(
        pids_of(truth, lambda d: d["datasetlifecycle"]["retrievable"])
    )


@pytest.mark.parametrize(
    ("created", "first", "last"),
    [
        ("2026-01", "2026-01-01T00:00", "2026-02-01T00:00"),
        ("2025", "2025-01-01T00:00", "2026-01-01T00:00"),
        (("2026-01-15", "2026-02"), "2026-01-15T00:00", "2026-03-01T00:00"),
        ((None, "2024-12-31"), "1900-01-01T00:00", "2025-01-01T00:00"),
        ((datetime(2026, 3, 1, tzinfo=UTC), None), "2026-03-01T00:00", "2100-01-01T00:00"),
    ],
)
def test_a_period_holds_both_of_its_ends(place: Place, created: Any, first: str, last: str) -> None:
    expected = pids_of(place.seen_by(None), lambda d: first <= d["creationTime"][:16] < last)
    assert set(scicat.search(created=created, rows=None)["pid"]) == expected
    assert expected


def nominal(document: dict[str, Any], *path: str) -> Any:
    value: Any = document["scientificMetadata"]
    for key in path:
        value = value.get(key, {}) if isinstance(value, dict) else {}
    return value.get("value") if isinstance(value, dict) else value


def test_nested_metadata_is_compared_as_it_stands(place: Place) -> None:
    truth = place.seen_by(None)
    path = ("acquisition", "nominal_magnification")
    assert set(
        scicat.search(where={"acquisition.nominal_magnification": (">=", 81000)}, rows=None)["pid"]
    ) == pids_of(truth, lambda d: nominal(d, *path) >= 81000)
    for key in (
        "scientificMetadata.acquisition.nominal_magnification",
        "scientificMetadata.acquisition.nominal_magnification.value",
        path,
    ):
        assert scicat.count(where={key: 45000}) == len(
            pids_of(truth, lambda d: nominal(d, *path) == 45000)
        )
    raw = {"scientificMetadata.acquisition.nominal_magnification.value": {"$in": [81000, 105000]}}
    assert scicat.count(where=raw) == len(
        pids_of(truth, lambda d: nominal(d, *path) in (81000, 105000))
    )
    detector = {"acquisition.detector": ("contains", "falcon 4")}
    assert scicat.count(where=detector) == len(
        pids_of(truth, lambda d: nominal(d, "acquisition", "detector") == "Falcon 4i")
    )
    tilt = {"acquisition.tilt_angle": ("exists", True)}
    assert scicat.count(where=tilt) == len(
        pids_of(truth, lambda d: "tilt_angle" in d["scientificMetadata"]["acquisition"])
    )
    microscope = {"instrument.microscope": ["KRIOS1", "KRIOS2"]}
    assert scicat.count(where=microscope) == len(
        pids_of(truth, lambda d: d["instrumentIds"][0] in ("KRIOS1", "KRIOS2"))
    )


@pytest.mark.parametrize(
    ("low", "high", "unit"),
    [(1.9, 3, "um"), (1900, 3000, "nm"), (19000, 30000, "Å"), (1.9e-6, 3e-6, "m"), (1.9, 3, "µm")],
)
def test_a_quantity_is_found_in_any_unit_that_measures_the_same(
    place: Place, low: float, high: float, unit: str
) -> None:
    key = "acquisition.nominal_defocus.maximal"
    expected = pids_of(
        place.seen_by(None),
        lambda d: 1.9 <= nominal(d, "acquisition", "nominal_defocus", "maximal") <= 3,
    )
    found = scicat.search(where={key: ("between", low, high, unit)}, rows=None)
    assert set(found["pid"]) == expected


def test_bounds_that_were_converted_still_include_what_is_equal(place: Place) -> None:
    key = "acquisition.nominal_defocus.maximal"
    truth = place.seen_by(None)
    path = ("acquisition", "nominal_defocus", "maximal")
    assert scicat.count(where={key: ("=", 2200, "nm")}) == len(
        pids_of(truth, lambda d: nominal(d, *path) == 2.2)
    )
    assert scicat.count(where={key: (">=", 2200, "nm")}) == len(
        pids_of(truth, lambda d: nominal(d, *path) >= 2.2)
    )
    assert scicat.count(where={key: (">", 2200, "nm")}) == len(
        pids_of(truth, lambda d: nominal(d, *path) > 2.2)
    )


def test_a_key_with_a_dot_or_a_blank_is_a_path_of_its_own(place: Place) -> None:
    assert place.service is not None
    pid = place.service.add_dataset(
        published=True,
        scientificMetadata={"a%2Eb": {"c%20d": {"value": 7}}, "a": {"b": {"value": 9}}},
    )
    try:
        found = scicat.search(where={("a.b", "c d"): 7}, rows=None)
        assert list(found["pid"]) == [pid]
        assert list(scicat.search(where={"a.b": 9}, rows=None)["pid"]) == [pid]
        assert scicat.count(where={("a.b",): 9}) == 0
        assert scicat.get(pid).metadata["a.b"] == {"c d": {"value": 7}}
    finally:
        place.service.store.delete("datasets", pid)


@pytest.mark.parametrize("who", [None, "ada", "ben"])
@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"text": "apoferritin"},
        {"type": "raw", "created": ("2025-03", "2026-01")},
        {"where": {"acquisition.nominal_magnification": (">=", 81000)}},
        {"where": {"updatedAt": (">", "2025-06")}},
    ],
)
def test_facets_count_what_the_list_counts(
    place: Place, who: str | None, asked: dict[str, Any]
) -> None:
    if who:
        place.log_in(who)
    found = scicat.facets(**asked)
    listed = scicat.search(rows=None, **asked)
    for name in ("type", "owner_group", "location"):
        values = listed[name].astype("object")
        expected = values[values != ""].value_counts().to_dict()
        assert dict(found[name].itertuples(index=False, name=None)) == expected
    for name, column in (("keywords", "keywords"), ("instrument", "instrument_ids")):
        expected = listed[column].explode().value_counts().to_dict()
        assert dict(found[name].itertuples(index=False, name=None)) == expected
    months = listed["created"].dt.strftime("%Y-%m").value_counts().to_dict()
    assert dict(found["created"].itertuples(index=False, name=None)) == months
    assert list(found["created"]["value"]) == sorted(months)
    expected = listed["published"].value_counts().to_dict()
    assert dict(found["published"].itertuples(index=False, name=None)) == expected


def test_facets_of_nothing_are_empty_tables(place: Place) -> None:
    for table in scicat.facets("xyzzy").values():
        assert list(table.columns) == ["value", "count"]
        assert table.empty


def test_names_of_metadata_are_suggestions_that_can_be_asked_for(place: Place) -> None:
    place.log_in("ada")
    names = scicat.metadata_keys()
    assert "acquisition.nominal_magnification" in names
    assert scicat.count(where={names[0]: ("exists", True)}) > 0


def test_the_progress_says_how_many_have_come(place: Place) -> None:
    from openem_nb.jobs import Progress

    progress = Progress()
    result = scicat.search(rows=None, progress=progress)
    assert progress.snapshot().done == progress.snapshot().total == len(result)


def test_a_service_that_gives_shorter_pages_is_asked_on(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pages of the size that a proxy or a later version may set."""
    monkeypatch.setattr(_pages, "PAGE", 250)
    assert len(scicat.search(rows=None)) == len(place.seen_by(None))


def test_an_answer_that_is_no_list_is_no_empty_list(place: Place) -> None:
    assert place.facility is not None
    place.facility.add_fault(Fault("wrong_json", path=r"/v3/datasets\?filter"))
    for rows in (10, None):
        with pytest.raises(BadAnswer):
            scicat.search(rows=rows)


def test_a_list_that_is_short_of_the_count_is_said_to_be(place: Place) -> None:
    assert place.service is not None
    pid = place.service.add_dataset(published=True)
    document = place.service.store.get("datasets", pid)
    assert document is not None
    place.service.store.put("datasets", pid, {**document, "pid": None})  # nobody can name it
    try:
        for rows in (None, 2000):
            with pytest.warns(QueryTruncatedWarning, match="came"):
                result = scicat.search(rows=rows)
            assert result.total == len(result) + 1
    finally:
        place.service.store.delete("datasets", pid)


@pytest.mark.parametrize(
    "asked",
    [
        {"rows": 0},
        {"rows": True},
        {"sort": "colour"},
        {"sort": "-"},
        {"created": "yesterday"},
        {"created": ("2026-02", "2026-01")},
        {"created": ("2026-01",)},
        {"type": ""},
        {"keywords": ["a", 3]},
        {"published": "yes"},
        {"where": {"": 1}},
        {"where": {"a..b": 1}},
        {"where": {"a": (">=",)}},
        {"where": {"a": ("~", 1)}},
        {"where": {"a": ("between", 3, 1)}},
        {"where": {"a": (">=", "many")}},
        {"where": {"a": (">=", "1", "um")}},
        {"where": {"a": float("nan")}},
        {"where": {"a": {"gte": 1}}},
        {"where": {"size": (">", 1, "GB")}},
        {"where": {"creationTime": ("contains", "2026")}},
        {"text": 5},
    ],
)
def test_what_cannot_be_understood_is_refused_before_anything_is_asked(
    place: Place, asked: dict[str, Any]
) -> None:
    before = len(place.asked())
    with pytest.raises(InvalidInput):
        scicat.search(**asked)
    assert len(place.asked()) == before


def test_half_a_letter_finds_nothing_and_breaks_nothing(place: Place) -> None:
    assert scicat.search("\ud800").total == 0
    assert scicat.count(where={"\ud800": 1}) == 0


def test_a_question_that_is_too_long_is_refused_in_words(place: Place) -> None:
    with pytest.raises(InvalidInput, match="too long"):
        scicat.search(" ".join(f"word{number}" for number in range(80)))


def test_a_misspelt_name_of_metadata_that_finds_nothing_is_told(place: Place) -> None:
    known = scicat.metadata_keys()
    name = next(one for one in known if one.startswith("acquisition.nominal"))
    for spelt in (f"{name[:-2]}{name[-1]}", f"scientificMetadata.{name[:-2]}{name[-1]}.value"):
        with pytest.warns(MisspeltNameWarning, match=f"Is {name} meant"):
            assert scicat.search(where={spelt: (">=", 0)}).total == 0
    # neither what is simply not there, nor what is spelt right
    assert scicat.search(where={"quite.another": (">=", 0)}).total == 0
    assert scicat.search(where={name: (">=", 1e30)}).total == 0


def test_values_and_units_that_do_not_occur_are_told(place: Place) -> None:
    types = set(scicat.facets()["type"]["value"])
    with pytest.warns(MisspeltNameWarning, match="No data set has the type row") as told:
        found = scicat.search(type="row")
    assert found.total == 0
    assert len(told) == len(found.doubts) == 1
    assert all(one in found.doubts[0] for one in types)
    name = next(one for one in scicat.metadata_keys() if one.startswith("acquisition.nominal"))
    with pytest.warns(MisspeltNameWarning, match="No unit called parsec"):
        found = scicat.search(where={name: ("between", 0, 1, "parsec")})
    assert found.total == 0
    assert scicat.search(where={name: ("between", 2e30, 3e30, "um")}).doubts == ()
    assert scicat.search(type=[*types], text="nosuchwordanywhere").doubts == ()
