"""The EMDB dialect, trap by trap, over HTTP."""

from __future__ import annotations

import csv
import datetime as dt
import io
import random
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
import requests

if TYPE_CHECKING:
    from openem_nb.practice import EmdbTruth, Facility


@pytest.fixture
def api(practice: Facility) -> str:
    return str(practice.description()["services"]["emdb_api"])


def _search(api: str, query: str, **parameters: Any) -> requests.Response:
    return requests.get(f"{api}/search/{quote(query, safe='')}", params=parameters, timeout=10)


def _rows(answer: requests.Response) -> list[dict[str, str]]:
    assert answer.headers["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


def _all_entries(api: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = []
    for page in range(1, 100):
        rows = _search(api, "*:*", rows=1000, page=page).json()
        if not rows:
            return entries
        entries += rows
    raise AssertionError("no end")


def _some(practice: Facility, **wanted: Any) -> EmdbTruth:
    for entry in practice.truth.emdb.values():
        if all(getattr(entry, name) == value for name, value in wanted.items()):
            return entry
    raise AssertionError(f"no entry with {wanted}")


def test_every_answer_is_marked_as_practice_data(practice: Facility, api: str) -> None:
    for url in (practice.url, f"{api}/entry/EMD-99999", f"{api}/search/x", f"{api}/nothing"):
        assert "X-Practice-Data" in requests.get(url, timeout=10).headers


def test_description(practice: Facility) -> None:
    data = requests.get(practice.url, timeout=10).json()
    assert data == practice.description()
    assert data["name"] == "practice4-400-7"
    assert "not from EMDB" in data["notice"]
    assert not any(url.endswith("/") for url in data["services"].values())


def test_entry(practice: Facility, api: str) -> None:
    entry = _some(practice, status="REL")
    data = requests.get(f"{api}/entry/{entry.emdb_id}", timeout=10).json()
    assert data["emdb_id"] == entry.emdb_id
    assert data["admin"]["title"] == entry.title
    assert data["admin"]["current_status"]["code"]["valueOf_"] == "REL"
    assert data["admin"]["key_dates"]["deposition"] == f"{entry.deposited}T00:00:00"


def test_unknown_unpadded_and_lower_case_ids_are_404(practice: Facility, api: str) -> None:
    padded = next(emdb_id for emdb_id in practice.truth.emdb if emdb_id.startswith("EMD-0"))
    assert requests.get(f"{api}/entry/{padded}", timeout=10).status_code == 200
    for wrong in (f"EMD-{int(padded[4:])}", padded.lower(), "EMD-99999", "x"):
        answer = requests.get(f"{api}/entry/{wrong}", timeout=10)
        assert answer.status_code == 404
        assert answer.json()["code"] == 404


def test_json_pages_are_bare_lists_of_at_most_100(api: str) -> None:
    pages = [_search(api, "*:*", rows=1000, page=page).json() for page in range(1, 7)]
    assert [len(page) for page in pages] == [100, 100, 100, 100, 0, 0]
    assert len({entry["emdb_id"] for page in pages for entry in page}) == 400
    assert len(_search(api, "*:*").json()) == 10


def test_fl_is_ignored_in_json(api: str) -> None:
    (entry,) = _search(api, "*:*", rows=1, fl="emdb_id").json()
    assert {"admin", "crossreferences", "sample"} < set(entry)


def test_csv_has_no_cap_and_the_columns_that_are_asked_for(practice: Facility, api: str) -> None:
    fields = "emdb_id,resolution,fitted_pdbs,deposition_date,map_release_date"
    rows = _rows(_search(api, "*:*", rows=1_000_000, fl=fields, wt="csv"))
    assert [row["emdb_id"] for row in rows] == list(practice.truth.emdb)
    for row in rows:
        entry = practice.truth.emdb[row["emdb_id"]]
        assert row["deposition_date"] == f"{entry.deposited}T00:00:00Z"
        assert bool(row["map_release_date"]) == (entry.map_released is not None)
        if entry.visible:
            assert tuple(filter(None, row["fitted_pdbs"].split(","))) == entry.pdb_ids
            assert float(row["resolution"] or 0) == (entry.resolution or 0)
    by_header = requests.get(f"{api}/search/*:*?rows=3", headers={"Accept": "text/csv"}, timeout=10)
    assert len(_rows(by_header)) == 3


def test_csv_multivalues_escape_their_commas(practice: Facility, api: str) -> None:
    rows = _rows(
        _search(api, "*:*", rows=1000, wt="csv", fl="emdb_id,natural_source_organism,title")
    )
    escaped = 0
    for row in rows:
        entry = practice.truth.emdb[row["emdb_id"]]
        if entry.visible:
            names = [
                n.replace("\\,", ",") for n in re.split(r"(?<!\\),", row["natural_source_organism"])
            ]
            assert names == [name for name, _ in entry.organisms]
            assert row["title"] == entry.title
            escaped += "\\," in row["natural_source_organism"]
    assert escaped
    assert any('"' in row["title"] for row in rows)


def test_csv_without_fl_shows_all_fields_and_none_about_money(api: str) -> None:
    header = _search(api, "*:*", rows=1, wt="csv").text.splitlines()[0].split(",")
    assert {"emdb_id", "xref_EMPIAR", "author", "update_date"} < set(header)
    assert not [name for name in header if re.search("grant|fund|country", name)]
    assert _search(api, "grant_country:Switzerland").status_code == 400


def test_three_shapes_of_nothing(api: str) -> None:
    assert _search(api, "nosuchword").json() == []
    answers = [_search(api, f"nosuchword{n}", wt="csv", fl="emdb_id") for n in range(8)]
    assert {answer.status_code for answer in answers} == {200}
    assert {answer.text for answer in answers} == {"", "emdb_id\n"}
    assert _search(api, "*:*", wt="csv", rows=1000, page=2).text == ""


def test_facet_counts_only_released_under_lower_case_keys(practice: Facility, api: str) -> None:
    released = sum(entry.status == "REL" for entry in practice.truth.emdb.values())
    facet = f"{api}/facet/{{}}?field=current_status"
    answer = requests.get(facet.format(quote("*:*", safe="")), timeout=10)
    assert answer.json() == {"current_status": {"rel": released}}
    waiting = requests.get(facet.format(quote("current_status:HPUB", safe="")), timeout=10)
    assert waiting.json() == {"current_status": {}}
    assert len(_search(api, "current_status:HPUB", rows=100).json()) > 0
    unknown = requests.get(f"{api}/facet/*:*?field=grant_country", timeout=10)
    assert unknown.status_code == 400


def test_yearly(practice: Facility, api: str) -> None:
    years = requests.get(f"{api}/yearly/*:*", timeout=10).json()["annually"]
    released = sum(entry.status == "REL" for entry in practice.truth.emdb.values())
    assert sum(year["value"] for year in years) == released


def test_batches_by_id(practice: Facility, api: str) -> None:
    wanted = random.Random(1).sample(list(practice.truth.emdb), 25)
    query = " OR ".join(f'emdb_id:"{emdb_id}"' for emdb_id in [*wanted, "EMD-99999"])
    entries = _search(api, query, rows=25, page=1).json()
    assert {entry["emdb_id"] for entry in entries} == set(wanted)
    assert _search(api, query, rows=25, page=2).json() == []


def test_long_queries_break_at_the_url_limit(api: str) -> None:
    def ask(count: int) -> int:
        query = " OR ".join(f'emdb_id:"EMD-{number}"' for number in range(10000, 10000 + count))
        return _search(api, query).status_code

    assert ask(25) == ask(100) == 200
    assert ask(400) == 414


def test_sort(practice: Facility, api: str) -> None:
    rows = _rows(
        _search(api, "*:*", rows=999, wt="csv", fl="release_date", sort="release_date desc")
    )
    dates = [row["release_date"] for row in rows]
    there = [date for date in dates if date]
    assert there == sorted(there, reverse=True)
    assert dates == there + [""] * (len(dates) - len(there))
    newest = requests.get(f"{api}/search/?q=ribosome", timeout=10).json()
    assert newest[0]["admin"]["key_dates"]["map_release"][:10] == there[0][:10]
    assert _search(api, "*:*", sort="nonsense").status_code == 400


def test_malformed_queries_get_solrs_error(api: str) -> None:
    answer = _search(api, 'title:"open')
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == 400
    assert "Cannot parse" in answer.json()["error"]["msg"]


def test_a_slash_breaks_the_path_and_a_plus_is_a_plus(practice: Facility, api: str) -> None:
    assert requests.get(f"{api}/search/a/b", timeout=10).status_code == 404
    assert requests.get(f"{api}/search/a%2Fb", timeout=10).json() == []
    entry = _some(practice, status="REL")
    word = next(word for word in re.findall("[A-Za-z]{5,}", entry.title))
    assert requests.get(f"{api}/search/{word}+nosuchword", timeout=10).json() == []


def test_free_text_finds_grants_and_decoys(practice: Facility, api: str) -> None:
    rows = _rows(
        _search(api, '"Switzerland" AND current_status:"REL"', rows=9999, wt="csv", fl="emdb_id")
    )
    found = {row["emdb_id"] for row in rows}
    released = {key for key, entry in practice.truth.emdb.items() if entry.status == "REL"}
    swiss = {key for key in released if "switzerland" in practice.truth.countries(key)}
    assert swiss < found
    hidden = [
        e
        for e in practice.truth.emdb.values()
        if not e.visible and practice.truth.countries(e.emdb_id)
    ]
    assert hidden
    assert not found & {entry.emdb_id for entry in hidden}


def test_unreleased_entries_hide_title_authors_and_funding(practice: Facility, api: str) -> None:
    titles = set()
    funded = 0
    for data in _all_entries(api):
        entry = practice.truth.emdb[data["emdb_id"]]
        if entry.visible:
            assert data["admin"]["title"] == entry.title
            continue
        titles.add(data["admin"]["title"])
        assert "map_release" not in data["admin"]["key_dates"]
        grants = data["admin"].get("grant_support", {}).get("grant_reference", [])
        assert all(grant["country"].casefold() == "suppressed" for grant in grants)
        funded += bool(grants)
    assert titles == {"SUPPRESSED", "Suppressed"}
    assert funded


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for item in value.values() for text in _texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in _texts(item)]
    return [value] if isinstance(value, str) else []


def test_shapes_of_entries(facility: Any) -> None:
    own = facility(entries=2000, seed=11)
    entries = _all_entries(own.description()["services"]["emdb_api"])
    shown = [e for e in entries if own.truth.emdb[e["emdb_id"]].visible]

    def kinds(*path: str) -> set[str]:
        found = set()
        for entry in shown:
            value: Any = entry
            for name in path:
                value = value.get(name, "missing") if isinstance(value, dict) else value
            found.add("missing" if value == "missing" else type(value).__name__)
        return found

    assert kinds("admin", "grant_support") == {"missing", "NoneType", "dict"}
    assert kinds("admin", "grant_support", "grant_reference") >= {"list", "dict"}
    assert kinds("crossreferences", "pdb_list") == {"missing", "NoneType", "dict"}
    assert kinds("crossreferences", "pdb_list", "pdb_reference") >= {"list", "dict"}
    assert kinds("crossreferences", "citation_list") == {"missing", "dict"}
    assert kinds("interpretation") == {"missing", "dict"}
    assert kinds("admin", "keywords") == {"missing", "str"}
    determinations = ("structure_determination_list", "structure_determination")
    assert kinds(*determinations) == {"list", "dict"}
    assert kinds("_id") == {"missing", "str"}
    assert kinds("map", "symmetry", "space_group") == {"str", "int"}
    numbers = [entry["structure_determination_list"]["structure_determination"] for entry in shown]
    several = [d for d in numbers if isinstance(d, list) and len(d) > 1]
    assert several
    units = {
        text for entry in shown[:300] for text in _texts(entry) if text in ("\u212b", "\u00c5")
    }
    assert units == {"\u212b"}
    papers = [
        e["crossreferences"]
        .get("citation_list", {})
        .get("primary_citation", {})
        .get("citation_type", {})
        for e in shown
    ]
    assert all("year" not in paper for paper in papers if paper.get("published") is False)
    refs = [ref for paper in papers for ref in paper.get("external_references", [])]
    assert all(ref["valueOf_"].startswith("doi:10.") for ref in refs if ref["type_"] == "DOI")
    assert {"DOI", "PUBMED", "ISSN", "CSD", "ASTM"} == {ref["type_"] for ref in refs}
    lists = [e["crossreferences"].get("emdb_list", {}).get("emdb_reference", []) for e in shown]
    assert any(len(items) > 1 for items in lists)
    for entry, items in zip(shown, lists, strict=True):
        assert not items or entry["emdb_id"] in [item["emdb_id"] for item in items]
    assert any("other_db_list" in entry["crossreferences"] for entry in shown)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def test_entries_say_what_the_truth_says(practice: Facility, api: str) -> None:
    for data in _all_entries(api):
        entry = practice.truth.emdb[data["emdb_id"]]
        admin = data["admin"]
        dates = admin["key_dates"]
        for name, day in (
            ("deposition", entry.deposited),
            ("header_release", entry.header_released),
            ("map_release", entry.map_released),
            ("obsolete", entry.obsoleted),
            ("update", entry.updated),
        ):
            shown = dates.get(name)
            assert (dt.date.fromisoformat(shown[:10]) if shown else None) == day
        if not entry.visible:
            continue
        grants = _list((admin.get("grant_support") or {}).get("grant_reference"))
        read = [(g["funding_body"], g.get("country") or None, g.get("code")) for g in grants]
        assert read == [(g.funder, g.country, g.code) for g in entry.grants]
        sections = _list(data["structure_determination_list"]["structure_determination"])
        assert tuple(section["method"] for section in sections) == entry.methods
        values = [
            float(processing["final_reconstruction"]["resolution"]["valueOf_"])
            for section in sections
            for processing in section["image_processing"]
            if "resolution" in processing["final_reconstruction"]
        ]
        assert min((value for value in values if value), default=None) == entry.resolution
        microscopes = {
            m["microscope"] for s in sections for m in s["microscopy_list"]["microscopy"]
        }
        assert microscopes == set(entry.microscopes)
        models = _list((data["crossreferences"].get("pdb_list") or {}).get("pdb_reference"))
        assert tuple(model["pdb_id"] for model in models) == entry.pdb_ids
        sources = data["sample"]["supramolecule_list"]["supramolecule"][0]["natural_source"]
        organisms = tuple((s["organism"]["valueOf_"], s["organism"].get("ncbi")) for s in sources)
        assert organisms == entry.organisms
        replaced = _list(admin.get("superseded_by_list", {}).get("entry"))
        assert tuple(item["entry"] for item in replaced) == entry.superseded_by


def test_annotations_and_analysis(practice: Facility, api: str) -> None:
    linked = next(
        i for i, e in practice.truth.emdb.items() if practice.truth.links(i) and e.visible
    )
    data = requests.get(f"{api}/annotations/{linked}", timeout=10).json()
    assert tuple(item["id"] for item in data["annotations"]["EMPIAR"]) == practice.truth.links(
        linked
    )
    statuses, nested = set(), set()
    for emdb_id, entry in practice.truth.emdb.items():
        if entry.visible:
            answer = requests.get(f"{api}/analysis/{emdb_id}?information=all", timeout=10)
            statuses.add(answer.status_code)
            if answer.ok:
                nested.add(emdb_id[4:] in answer.json()[emdb_id[4:]])
    assert statuses == {200, 500}
    assert nested == {True, False}


def test_site_pages_say_what_they_are(practice: Facility) -> None:
    entry = _some(practice, status="REL")
    page = requests.get(f"{practice.url}/emdb/{entry.emdb_id}", timeout=10)
    assert "practice data" in page.text
    assert page.headers["Content-Type"].startswith("text/html")
    assert requests.get(f"{practice.url}/emdb/EMD-99999", timeout=10).status_code == 404


def test_posting_to_a_page_that_only_reads(api: str) -> None:
    assert requests.post(f"{api}/search/x", timeout=10).status_code == 405
