"""The EMPIAR dialect over HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import requests

if TYPE_CHECKING:
    from openem_nb.practice import Facility


@pytest.fixture
def api(practice: Facility) -> str:
    return str(practice.description()["services"]["empiar_api"])


def _search(practice: Facility, query: str, **parameters: Any) -> requests.Response:
    start = f"{practice.description()['services']['emdb_api']}/empiar/search/"
    return requests.get(start + quote(query, safe=""), params=parameters, timeout=10)


def test_search_is_a_dict_by_id_and_empty_past_the_end(practice: Facility) -> None:
    truth = practice.truth.empiar
    found = _search(practice, "*", rows=10000, fl="*").json()
    assert list(found) == list(truth)
    pages = [_search(practice, "*", rows=10, page=page).json() for page in range(1, 6)]
    assert {key for page in pages for key in page} == set(truth)
    assert pages[-1] == {}
    assert len(_search(practice, "*").json()) == 10


def test_search_by_date_and_words(practice: Facility) -> None:
    truth = practice.truth.empiar
    day = sorted(entry.updated for entry in truth.values())[len(truth) // 2]
    query = f"database:EMPIAR AND update_date:[{day}T00:00:00Z TO NOW]"
    found = _search(practice, query, rows=1000).json()
    assert set(found) == {key for key, entry in truth.items() if entry.updated >= day}
    assert _search(practice, "database:EMDB", rows=1000).json() == {}
    assert _search(practice, 'title:"open').status_code == 400


def test_one_entry_is_keyed_too(practice: Facility, api: str) -> None:
    key, entry = next(iter(practice.truth.empiar.items()))
    for spelling in (key, key[7:], f"{key}/", f"{key[7:]}/"):
        data = requests.get(f"{api}/entry/{spelling}", timeout=10).json()
        assert list(data) == [key]
        assert data[key]["title"] == entry.title
    for wrong in ("EMPIAR-99999", "99999", "abc", "EMD-10001"):
        answer = requests.get(f"{api}/entry/{wrong}", timeout=10)
        assert answer.status_code == 404
        assert set(answer.json()) == {"code", "message", "fields"}


def test_lists_and_ranges_by_post(practice: Facility, api: str) -> None:
    numbers = sorted(int(key[7:]) for key in practice.truth.empiar)
    body = f"{numbers[0]}, EMPIAR-{numbers[1]}, {numbers[2]}-{numbers[6]}, 99999"
    found = requests.post(f"{api}/entry/", data=body, timeout=10).json()
    assert list(found) == [f"EMPIAR-{number}" for number in numbers[:7]]
    quoted = requests.post(f"{api}/entry/", data=f'"{numbers[0]}-{numbers[3]}"', timeout=10)
    assert len(quoted.json()) == 4
    assert requests.post(f"{api}/entry/", data="99990-99999", timeout=10).json() == {}
    assert requests.post(f"{api}/entry/", data="a b c", timeout=10).status_code == 400


def test_emdb_ref_leaves_out_obsolete_entries(practice: Facility, api: str) -> None:
    truth = practice.truth
    linked = {emdb_id: truth.links(emdb_id) for emdb_id in truth.emdb if truth.links(emdb_id)}
    for emdb_id, links in linked.items():
        current = {key for key in links if truth.empiar[key].status != "OBS"}
        answer = requests.get(f"{api}/emdb_ref/{emdb_id}", timeout=10)
        if current:
            assert set(answer.json()) == current
        else:
            assert answer.status_code == 404
    body = ", ".join([*linked, "EMD-2200-EMD-2400"])
    found = requests.post(f"{api}/emdb_ref/", data=body, timeout=10).json()
    expected = {
        key for links in linked.values() for key in links if truth.empiar[key].status != "OBS"
    }
    assert set(found) >= expected


def test_shapes_of_entries(facility: Any) -> None:
    own: Facility = facility(entries=6000, seed=2)
    flat = _search(own, "*", rows=10000).json()
    body = "10000-20000"
    api = own.description()["services"]["empiar_api"]
    wrapped = requests.post(f"{api}/entry/", data=body, timeout=10).json()
    assert set(flat) == set(wrapped)

    def kinds(name: str) -> set[str]:
        return {type(e[name]).__name__ if name in e else "missing" for e in wrapped.values()}

    def set_kinds(name: str) -> set[str]:
        return {type(part[name]).__name__ for e in wrapped.values() for part in e["imagesets"]}

    references = [ref for entry in wrapped.values() for ref in entry["cross_references"]]
    assert {type(reference) for reference in references} == {str, dict}
    assert kinds("scale") == {"missing", "str", "NoneType"}
    assert kinds("obsolete_date") == {"str", "NoneType"}
    assert set_kinds("image_width") == {"str", "NoneType"}
    assert set_kinds("pixel_width") == {"float", "NoneType"}
    assert set_kinds("micrographs_file_pattern") == {"str", "NoneType"}
    assert {len(entry["imagesets"]) for entry in wrapped.values()} == {1, 2, 3}
    assert any(entry["entry_doi"].startswith("doi:") for entry in wrapped.values())
    assert {entry["dataset_size"].split()[1] for entry in wrapped.values()} >= {"MB", "GB", "TB"}
    assert {entry["status"] for entry in wrapped.values()} == {"REL", "OBS"}
    assert len({entry["experiment_type"] for entry in wrapped.values()}) > 4
    leaders = [p for e in wrapped.values() for p in e["principal_investigator"]]
    assert all("author" in person for person in leaders)
    assert all("author" not in p for e in flat.values() for p in e["principal_investigator"])
    countries = {e["corresponding_author"]["author"]["country"] for e in wrapped.values()}
    assert "Switzerland" in countries


def test_entries_say_what_the_truth_says(practice: Facility, api: str) -> None:
    found = requests.post(f"{api}/entry/", data="10000-20000", timeout=10).json()
    assert set(found) == set(practice.truth.empiar)
    for key, data in found.items():
        entry = practice.truth.empiar[key]
        written = [r if isinstance(r, str) else r["name"] for r in data["cross_references"]]
        assert tuple(written) == entry.references
        assert data["status"] == entry.status
        assert data["release_date"] == str(entry.released)
        assert data["dataset_size"] == entry.size_text
        grants = [
            (g["funding_body"], g["country"] or None, g["code"]) for g in data["grant_references"]
        ]
        assert grants == [(g.funder, g.country, g.code) for g in entry.grants]


def test_latest_citations(api: str) -> None:
    rows = requests.get(f"{api}/latest_citations", timeout=10).json()
    assert len(rows) == 5
    assert set(rows[0]) == {"pmid", "pub_year", "author_string", "title"}
