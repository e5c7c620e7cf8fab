"""What works with a naive stand-in and fails with the real service: the client, number by number.

``GOTCHAS`` says for each number which tests prove it (here, elsewhere in the suite, and of the
practice services that show the behaviour), or why none is needed.
"""

from __future__ import annotations

import ast
import json
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

import pytest

from openem_nb import scicat, settings, tokens
from openem_nb.errors import (
    InvalidInput,
    NotAllowed,
    NotFound,
    NotLoggedIn,
    TokenExpired,
    Unreachable,
)
from openem_nb.practice.faults import Fault

if TYPE_CHECKING:
    from conftest import Place

GOTCHAS: Final[dict[int, tuple[str, ...] | str]] = {
    1: ("test_gotcha_01_the_slash_of_a_pid_arrives_encoded",),
    2: ("test_gotcha_02_the_filter_is_encoded_json_in_the_query_alone",),
    3: ("test_gotcha_03_limits_are_nested_and_obeyed",),
    4: ("test_gotcha_04_what_is_made_answers_201",),
    5: (
        "test_gotcha_05_nothing_stops_at_a_default",
        "test_half_a_million_files_in_a_hundred_and_five_blocks_all_come",
        "test_pictures_beyond_ten_come_and_only_real_ones_are_shown",
    ),
    6: ("test_gotcha_06_a_misspelt_name_is_refused_here",),
    7: (
        "test_gotcha_07_lists_and_counts_of_a_period_agree",
        "test_a_name_is_found_by_itself_whatever_is_in_it",
    ),
    8: ("test_gotcha_08_words_are_no_regular_expressions",),
    9: (
        "test_gotcha_09_nested_metadata_with_both_ends",
        "test_a_quantity_is_found_in_any_unit_that_measures_the_same",
    ),
    10: ("test_gotcha_10_own_private_and_foreign_public_data_in_one_list",),
    11: ("test_gotcha_11_all_words_in_all_fields_and_no_text_search_of_the_service",),
    12: (
        "test_gotcha_12_an_expired_token_is_never_public_data_only",
        "test_a_clock_that_differs_does_not_turn_private_data_into_public_only",
    ),
    13: ("test_gotcha_13_empty_and_odd_bodies_become_words",),
    14: ("test_gotcha_14_refusals_of_the_anonymous_and_of_the_proxy",),
    15: (
        "test_only_what_changes_is_sent_and_the_rest_stays",
        "test_what_cannot_be_changed_this_way_is_refused_before_it_is_sent",
        "test_a_lifecycle_is_changed_in_parts",
    ),
    16: ("test_gotcha_16_investigators_in_both_spellings",),
    17: ("test_gotcha_17_values_as_the_service_gives_them",),
    18: (
        "test_metadata_is_replaced_whole_and_comes_back_as_it_was_sent",
        "test_a_key_with_a_dot_or_a_blank_is_a_path_of_its_own",
    ),
    19: ("test_gotcha_19_both_shapes_of_a_job",),
    20: ("test_gotcha_20_unknown_ids_owner_groups_doubles_and_hundreds",),
    21: ("test_gotcha_21_the_newest_of_many_jobs_is_found",),
    22: (
        "test_gotcha_22_an_error_although_the_job_exists",
        "test_gotcha_22_one_job_for_each_archive",
    ),
    23: (
        "test_gotcha_23_finished_but_not_restored_yet",
        "test_gotcha_23_addresses_expire_and_are_secrets",
    ),
    24: ("test_gotcha_24_sizes_are_those_of_the_tape_blocks",),
    25: ("test_gotcha_25_retrievable_is_looked_at_right_before",),
    26: ("test_gotcha_26_what_the_archive_takes_away_is_said",),
    27: (
        "test_gotcha_27_groups_of_the_last_log_in_decide",
        "test_who_may_not_change_it_is_told_whose_it_is",
        "test_sharing_lets_a_group_read_and_shows_it_to_a_person",
    ),
    28: ("test_a_document_full_of_dirt_is_still_a_data_set",),
    29: ("test_gotcha_29_dates_of_the_lifecycle_are_no_evidence",),
    30: (
        "test_registering_keeps_what_is_on_tape_retrievable",
        "test_a_registration_that_fails_says_what_is_public_nevertheless",
    ),
    31: (
        "test_a_change_over_somebody_elses_is_refused",
        "test_a_data_set_can_be_changed_several_times_in_a_row",
    ),
    32: "This client creates no data sets, so it does not ask whether one would be valid; that a "
    "change may be refused all the same is test_what_the_service_finds_wrong_is_told_in_its_words.",
    33: ("test_gotcha_33_moments_carry_their_zone",),
    34: (
        "test_gotcha_34_long_lists_of_identifiers_are_asked_in_portions",
        "test_a_question_that_is_too_long_is_refused_in_words",
    ),
    35: ("test_gotcha_35_names_that_are_not_suggested_can_be_asked_for",),
    36: ("test_logging_out_forgets_the_token_and_says_that_it_lives_on",),
    37: (
        "test_gotcha_37_each_instance_has_its_own_token",
        "test_a_token_of_another_instance_is_refused_before_an_answer_is_believed",
    ),
    38: (
        "test_gotcha_38_what_is_sorted_by_is_asked_for",
        "test_pages_leave_nothing_out_and_give_nothing_twice",
    ),
    39: ("test_files_of_a_data_set_that_was_published_later_are_there_for_everybody",),
    40: (
        "test_gotcha_40_names_stay_below_their_folder",
        "test_any_name_becomes_a_path_below_the_folder_or_is_refused",
    ),
}


def test_every_gotcha_has_a_test_or_a_reason() -> None:
    assert sorted(GOTCHAS) == list(range(1, 41))
    known = set()
    for path in Path(__file__).parents[1].rglob("test_*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
                known.add(node.name)
    for number, found in GOTCHAS.items():
        if isinstance(found, str):
            assert len(found) > 40, number
        else:
            assert found, number
            assert not set(found) - known, number


def filters(place: Place, begin: int) -> list[dict[str, Any]]:
    """Return the filters of the requests since then, decoded."""
    found = []
    for line in place.asked()[begin:]:
        values = parse_qs(urlsplit(line.partition(" ")[2]).query).get("filter")
        if values:
            found.append(json.loads(values[0]))
    return found


def test_gotcha_01_the_slash_of_a_pid_arrives_encoded(place: Place) -> None:
    begin = len(place.asked())
    found = scicat.get(place.pid(0))
    found.files()
    encoded = place.pid(0).replace("/", "%2F")
    paths = [urlsplit(line.partition(" ")[2]).path for line in place.asked()[begin:]]
    assert any(path.endswith(f"/datasets/{encoded}") for path in paths)
    assert not any(place.pid(0) in path for path in paths)


def test_gotcha_02_the_filter_is_encoded_json_in_the_query_alone(place: Place) -> None:
    begin = len(place.asked())
    scicat.search('A&B #1+2 "100%"', rows=3)
    lines = place.asked()[begin:]
    assert all(letter not in line.partition("filter=")[2] for line in lines for letter in "&# +")
    assert all("where" in one for one in filters(place, begin))


def test_gotcha_03_limits_are_nested_and_obeyed(place: Place) -> None:
    begin = len(place.asked())
    result = scicat.search(rows=7)
    assert len(result) == 7
    assert filters(place, begin)[-1]["limits"] == {
        "skip": 0,
        "limit": 7,
        "order": "creationTime:desc",
    }


def test_gotcha_04_what_is_made_answers_201(place: Place) -> None:
    assert place.service is not None
    pid = place.service.add_dataset(group=place.group(20001))
    try:
        place.log_in("ada")
        scicat.attach(pid, _png(), "Grid")  # 201
        assert scicat.update(pid, comment="x").pid == pid  # 200
        assert "Logged out" in scicat.logout()  # 200
    finally:
        place.service.store.delete("datasets", pid)


def _png() -> bytes:
    import io

    from PIL import Image

    data = io.BytesIO()
    Image.new("L", (8, 8), 9).save(data, "PNG")
    return data.getvalue()


def test_gotcha_05_nothing_stops_at_a_default(place: Place) -> None:
    whole = scicat.search(rows=None)
    assert len(whole) == len(place.seen_by(None)) > 100
    assert len(scicat.get(place.pid(2)).tape()) == 130


def test_gotcha_06_a_misspelt_name_is_refused_here(place: Place) -> None:
    for name in ("ownrGroup", "owner_group", "creationtime", "numberoffiles", "keyword"):
        with pytest.raises(InvalidInput, match="no field"):
            scicat.search(where={name: "x"})
    assert scicat.count(where={"scientificMetadata.ownrGroup": "x"}) == 0
    group = next(iter(place.seen_by(None).values()))["proposalIds"][0]
    assert scicat.count(where={"proposalId": group}) == sum(
        group in document["proposalIds"] for document in place.seen_by(None).values()
    )


def test_gotcha_07_lists_and_counts_of_a_period_agree(place: Place) -> None:
    for created in ("2025-06", ("2025-01-10", "2025-03"), (None, "2025")):
        assert len(scicat.search(created=created, rows=None)) == scicat.count(created=created) > 0
    where = {"updatedAt": (">=", "2025-06-01")}
    assert len(scicat.search(where=where, rows=None)) == scicat.count(where=where) > 0


def test_gotcha_08_words_are_no_regular_expressions(place: Place) -> None:
    assert scicat.count("a.o.e.r.t.n") == 0
    assert scicat.count("(") == sum(
        "(" in text
        for document in place.seen_by(None).values()
        for text in [" ".join((document["datasetName"], document.get("description", "")))]
    )
    assert scicat.count("apo|ribo") == 0
    assert scicat.count("[") == 0


def test_gotcha_09_nested_metadata_with_both_ends(place: Place) -> None:
    def value(document: dict[str, Any]) -> Any:
        return document["scientificMetadata"]["acquisition"]["nominal_magnification"]["value"]

    found = scicat.count(where={"acquisition.nominal_magnification": ("between", 81000, 105000)})
    expected = [value(d) for d in place.seen_by(None).values() if 81000 <= value(d) <= 105000]
    assert found == len(expected)
    assert {81000, 105000} == set(expected)


def test_gotcha_10_own_private_and_foreign_public_data_in_one_list(place: Place) -> None:
    place.log_in("ben")
    found = scicat.search(rows=None)
    mine = found["owner_group"] == place.group(20003)
    assert (mine & ~found["published"]).any()
    assert (~mine & found["published"]).any()
    assert scicat.count(published=True) == sum(
        d["isPublished"] for d in place.seen_by("ben").values()
    )


def test_gotcha_11_all_words_in_all_fields_and_no_text_search_of_the_service(
    place: Place,
) -> None:
    begin = len(place.asked())
    both = set(scicat.search("apoferritin KRIOS1", rows=None)["pid"])
    assert both < set(scicat.search("apoferritin", rows=None)["pid"])
    assert set(scicat.search("tomography cryo-EM", rows=None)["pid"])  # the latter is a keyword
    assert not any("fullquery" in line for line in place.asked()[begin:])


def test_gotcha_12_an_expired_token_is_never_public_data_only(place: Place) -> None:
    place.log_in("ada", seconds=-1)
    with pytest.raises(TokenExpired):
        scicat.search(rows=5)
    scicat.logout()
    assert scicat.search(rows=5).total == len(place.seen_by(None))


def test_gotcha_13_empty_and_odd_bodies_become_words(place: Place) -> None:
    assert place.facility is not None
    here = scicat.connection()
    assert here.get("auth/whoami") is None
    nobody = {"where": {"pid": {"$in": ["none"]}}}
    assert here.get("datasets/findOne", params={"filter": nobody}) is None
    with pytest.raises(InvalidInput) as a_list:
        here.get("datasets/public", params={"filter": {"where": {"foo": 1}}}, version=4)
    assert "should not exist" in a_list.value.said
    with pytest.raises(Unreachable) as bare:  # a text as the whole body
        here.get("datasets/fullquery", params={"fields": "{"})
    assert bare.value.said == "Internal server error"
    place.facility.add_fault(Fault("status", path="datasets/count", status=413))
    with pytest.raises(InvalidInput, match="too large") as page:  # HTML of a proxy
        scicat.count()
    assert "<" not in page.value.said + str(page.value)
    place.facility.clear_faults()
    place.facility.add_fault(Fault("status", path="datasets/count", status=431))
    with pytest.raises(InvalidInput, match="too large"):
        scicat.count()


def test_gotcha_14_refusals_of_the_anonymous_and_of_the_proxy(place: Place) -> None:
    assert place.facility is not None
    with pytest.raises(NotLoggedIn) as caught:
        scicat.connection().get("datasets", version=4)
    assert caught.value.status == 403
    assert "openem.login" in caught.value.hint
    place.facility.add_fault(Fault("status", path="auth/login", status=403))
    with pytest.raises(NotAllowed, match="only from inside its own network") as outside:
        scicat.login_with("ada", tokens.Secret("practice"))
    assert "copy the SciCat token" in outside.value.hint


def test_gotcha_16_investigators_in_both_spellings(place: Place) -> None:
    assert place.service is not None
    pid = place.service.add_dataset(published=True)
    store = place.service.store
    document = store.get("datasets", pid) or {}
    try:
        for fields, expected in (
            ({"principalInvestigators": ["A", "B"]}, ("A", "B")),
            ({"principalInvestigators": [], "investigator": "D"}, ("D",)),
        ):
            plain = {k: v for k, v in document.items() if "nvestigator" not in k}
            store.put("datasets", pid, {**plain, **fields})
            found = scicat.get(pid).investigators
            assert found == expected
    finally:
        store.delete("datasets", pid)


def test_gotcha_17_values_as_the_service_gives_them(place: Place) -> None:
    assert place.service is not None
    pid = place.service.add_dataset(
        published=True, proposalIds=[None], sampleIds=[None, "s1"], instrumentIds=[]
    )
    try:
        found = scicat.get(pid)
        assert found.proposal_ids == ()
        assert found.sample_ids == ("s1",)
        assert found.instrument_ids == ()
        row = scicat.search(f'"{pid}"').iloc[0]
        assert row["proposal_ids"] == ()
        assert row["sample_ids"] == ("s1",)
    finally:
        place.service.store.delete("datasets", pid)


def test_gotcha_27_groups_of_the_last_log_in_decide(place: Place) -> None:
    private = next(
        pid
        for pid, document in place.seen_by("ada").items()
        if pid not in place.seen_by("ben") and not document["isPublished"]
    )
    place.log_in("ben")
    with pytest.raises((NotAllowed, NotFound)) as caught:
        scicat.get(private)
    assert place.group(20003) in caught.value.hint
    assert "next log-in" in caught.value.hint


def test_gotcha_29_dates_of_the_lifecycle_are_no_evidence(place: Place) -> None:
    assert place.service is not None
    pid = place.service.add_dataset(group=place.group(20001))
    place.log_in("ada")
    try:
        found = scicat.get(pid)
        assert found.document["datasetlifecycle"]["publishedOn"]
        assert not found.published
        html = found._repr_html_()
        assert "<dt>Public</dt><dd>no</dd>" in html
        assert found.document["datasetlifecycle"]["publishedOn"][:10] not in html
        assert not any("published" in name for name in found.lifecycle.__slots__)
    finally:
        place.service.store.delete("datasets", pid)


def test_gotcha_33_moments_carry_their_zone(place: Place) -> None:
    begin = len(place.asked())
    naive = datetime(2026, 1, 15, 12)  # noqa: DTZ001  (what people write)
    aware = datetime(2026, 1, 15, 12, tzinfo=UTC)
    assert scicat.count(created=(naive, None)) == scicat.count(created=(aware, None))
    sent = [one["where"]["creationTime"] for one in filters(place, begin)]
    assert {one["$gte"] for one in sent} == {"2026-01-15T12:00:00.000Z"}
    result = scicat.search(rows=3)
    assert str(result["created"].dt.tz) == "UTC"
    assert scicat.get(result["pid"][0]).created.tzinfo is UTC


def test_gotcha_34_long_lists_of_identifiers_are_asked_in_portions(place: Place) -> None:
    from openem_nb.scicat.datasets import documents

    begin = len(place.asked())
    wanted = list(place.seen_by(None))[:301]
    assert list(documents(scicat.connection(), wanted, ["size"])) == wanted
    portions = [one["where"]["pid"]["$in"] for one in filters(place, begin)]
    assert sum(map(len, portions)) == 301
    assert max(map(len, portions)) <= 100
    assert max(map(len, place.asked()[begin:])) < 8000


def test_gotcha_35_names_that_are_not_suggested_can_be_asked_for(place: Place) -> None:
    assert place.service is not None
    pid = place.service.add_dataset(published=True, scientificMetadata={"rare": {"value": 5}})
    try:
        assert list(scicat.search(where={"rare": 5}, rows=None)["pid"]) == [pid]
        assert "complete" in (scicat.metadata_keys.__doc__ or "")
    finally:
        place.service.store.delete("datasets", pid)


def test_gotcha_37_each_instance_has_its_own_token(place: Place) -> None:
    place.log_in("ada")
    other = next(name for name in ("practice", "practice-ethz") if name != place.name)
    assert scicat.identity(other) is None
    assert scicat.search(rows=5, profile=other).total == scicat.count(profile=other)
    assert settings.catalogue(other).pid_prefix != settings.catalogue(place.name).pid_prefix
    mine = scicat.identity()
    assert mine is not None
    assert mine.profile == place.name


def test_gotcha_38_what_is_sorted_by_is_asked_for(place: Place) -> None:
    begin = len(place.asked())
    result = scicat.search(sort="updatedAt", rows=40)
    assert "updatedAt" in filters(place, begin)[-1]["fields"]
    truth = place.seen_by(None)
    stamps = [truth[pid]["updatedAt"] for pid in result["pid"]]
    assert stamps == sorted(document["updatedAt"] for document in truth.values())[:40]


def test_gotcha_40_names_stay_below_their_folder(place: Place) -> None:
    place.log_in("admin")
    names = []
    for index in (5, 6, 7, 8):  # data sets with names that other people made up
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            names += list(scicat.get(place.pid(index)).files()["path"])
    assert any(".." in name for name in names)
    for name in names:
        if ".." in name.split("/"):
            with pytest.raises(InvalidInput, match="leads out"):
                scicat.safe_path(name)
        else:
            path = scicat.safe_path(name)
            assert not path.is_absolute()
            assert not set(str(path)) & set('<>"\n\r\u202e')
