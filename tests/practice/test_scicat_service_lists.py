"""Lists, counts, searches and files of the practice SciCat, as raw HTTP."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jsonschema
import pytest
import requests
from _scicat_caller import PROFILES, Caller

from openem_nb.practice import serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openem_nb.practice import Facility


@pytest.fixture(scope="module")
def scicat() -> Iterator[Facility]:
    with serve(entries=50, datasets=400) as facility:
        yield facility


@pytest.fixture
def anyone(scicat: Facility, profile: str) -> Caller:
    return Caller(scicat, profile)


@pytest.fixture
def admin(scicat: Facility, profile: str) -> Caller:
    return Caller(scicat, profile, "admin")


def test_gotcha_01_the_slash_of_a_pid_must_be_encoded(anyone: Caller) -> None:
    pid = anyone.service.generator.pid(0)
    assert anyone.json(f"Datasets/{quote(pid, safe='')}")["pid"] == pid
    answer = anyone.call(f"datasets/{pid}")
    assert answer.status_code == 404
    assert answer.json()["message"] == f"Cannot GET /api/v3/datasets/{pid}"


def test_gotcha_02_filter_in_query_or_header_but_not_both(anyone: Caller) -> None:
    text = json.dumps({"limits": {"limit": 3}})
    assert len(anyone.json("datasets", filter=text)) == 3
    assert len(anyone.json("datasets", headers={"filter": text})) == 3
    assert anyone.call("datasets", filter=text, headers={"filter": text}).status_code == 400
    assert anyone.call("datasets", filter="{").status_code == 400


def test_gotcha_03_order_of_v3_and_sort_of_v4(admin: Caller) -> None:
    loopback = admin.json("datasets", filter={"limit": 3, "order": "creationTime DESC"})
    assert len(loopback) == 100
    times = [document["creationTime"] for document in loopback]
    assert times not in (sorted(times), sorted(times, reverse=True))
    nested = {"limits": {"limit": 20, "order": "creationTime:desc"}}
    found = [row["creationTime"] for row in admin.json("datasets", filter=nested)]
    assert found == sorted(found, reverse=True)
    answer = admin.call("datasets", version=4, filter={"limits": {"order": "pid:asc"}})
    assert "limits.order should not exist" in answer.json()["message"]


def test_gotcha_05_defaults_and_caps(admin: Caller) -> None:
    assert len(admin.json("datasets")) == 100
    newest = admin.json("datasets", version=4)
    assert len(newest) == 10
    dates = [document["createdAt"] for document in newest]
    assert dates == sorted(dates, reverse=True)
    pid = quote(admin.service.generator.pid(3), safe="")
    assert len(admin.json(f"datasets/{pid}/origdatablocks")) == 100
    assert admin.json(f"datasets/{pid}/origdatablocks/count") == {"count": 120}


def test_gotcha_06_a_misspelt_name_is_empty_in_v3_and_refused_in_v4(admin: Caller) -> None:
    wrong = {"where": {"ownerGrup": "x"}}
    assert admin.json("datasets", filter=wrong) == []
    answer = admin.call("datasets", version=4, filter=wrong)
    assert answer.status_code == 400
    assert "Property where.ownerGrup should not exist" in answer.json()["message"]


def test_gotcha_07_dates_in_v4_lists_and_strings_like_dates_in_v3(admin: Caller) -> None:
    dates = {"where": {"creationTime": {"$gte": "2020-01-01T00:00:00.000Z"}}}
    assert admin.json("datasets", version=4, filter=dates) == []
    assert admin.json("datasets/count", version=4, filter=dates) == {"count": 400}
    in_v3 = {"where": {"creationTime": {"gte": "2020-01-01T00:00:00.000Z"}}}
    assert len(admin.json("datasets", filter=in_v3)) == 100
    name = "Krios 1"
    pid = admin.service.add_dataset(datasetName=name)
    plain = admin.json("datasets", filter={"where": {"datasetName": name}})
    assert bool(plain) is (admin.service.flavour == "psi5")
    assert admin.json("datasets", filter={"where": {"datasetName": {"inq": [name]}}})
    admin.service.store.delete("datasets", pid)


def test_gotcha_08_like_is_a_regular_expression(admin: Caller) -> None:
    def hits(condition: Any) -> Any:
        return admin.call("datasets", filter={"where": {"datasetName": condition}})

    assert hits({"like": "apo.erritin"}).json()
    assert not hits({"like": "APOFERRITIN"}).json()
    assert hits({"ilike": "APOFERRITIN"}).json()
    assert hits({"like": "("}).status_code == 400
    for name in ("eq", "neq", "regexp", "exists", "between"):
        assert hits({name: "apoferritin"}).json() == []


def test_gotcha_09_scientific_conditions(admin: Caller) -> None:
    nested = {"lhs": "instrument.acceleration_voltage", "relation": "GREATER_THAN", "rhs": 1}
    assert admin.json("datasets/fullquery", fields={"scientific": [nested]}) == []
    where = {"scientificMetadata.instrument.acceleration_voltage.value": {"gt": 250}}
    assert admin.json("datasets", filter={"where": where})


def test_gotcha_10_full_query_and_the_published_data_of_others(scicat: Facility) -> None:
    ada = Caller(scicat, "practice", "ada")
    every = ada.json("datasets", filter={"limits": {"limit": 500}})
    own = ada.json("datasets/fullquery", fields={}, limits={"limit": 500})
    public = ada.json("datasets/fullquery", fields={"isPublished": True}, limits={"limit": 500})
    assert len(own) < len(every)
    assert {row["pid"] for row in own} | {row["pid"] for row in public} == {
        row["pid"] for row in every
    }
    assert all(row["isPublished"] for row in public)


def test_gotcha_11_pages_of_the_text_search_are_short(scicat: Facility) -> None:
    anyone = Caller(scicat, "practice")
    fields = {"text": "apoferritin tubulin"}
    pages = [
        anyone.json("datasets/fullquery", fields=fields, limits={"limit": 10, "skip": skip})
        for skip in range(0, 400, 10)
    ]
    assert any(len(page) < 10 and any(pages[at + 1 :]) for at, page in enumerate(pages))
    for row in (row for page in pages for row in page):
        text = row["datasetName"] + row.get("description", "")
        assert "apoferritin" in text or "tubulin" in text


def test_gotcha_13_nothing_found_is_an_empty_body(anyone: Caller) -> None:
    answer = anyone.call("datasets/findOne", filter={"where": {"pid": "none"}})
    assert (answer.status_code, answer.content) == (200, b"")
    broken = anyone.call("datasets/fullquery", fields="{")
    assert (broken.status_code, broken.json()) == (500, "Internal server error")
    half = anyone.call("datasets/fullquery", fields={"creationTime": {"begin": "2026-01-01"}})
    assert half.status_code == 500


def test_gotcha_14_protected_routes_refuse_anonymous(anyone: Caller) -> None:
    for path in ("datasets", "datasets/count"):
        answer = anyone.call(path, version=4)
        assert (answer.status_code, answer.json()["message"]) == (403, "Forbidden resource")
    public = anyone.json("datasets/public", version=4)
    assert public
    assert all(document["isPublished"] for document in public)


def test_gotcha_34_a_long_address_is_431_without_a_body(anyone: Caller) -> None:
    answer = anyone.call("datasets", filter={"where": {"pid": {"inq": ["x" * 40] * 400}}})
    assert (answer.status_code, answer.content) == (431, b"")


def test_gotcha_35_metadata_keys_are_dotted(anyone: Caller) -> None:
    assert "instrument.acceleration_voltage" in anyone.json("datasets/metadataKeys")


def test_gotcha_38_a_sort_field_that_is_cut_does_not_sort(admin: Caller) -> None:
    limits = {"limit": 100, "order": "creationTime:desc"}
    cut = admin.json("datasets", filter={"fields": ["pid"], "limits": limits})
    kept = admin.json("datasets", filter={"fields": ["pid", "creationTime"], "limits": limits})
    assert [row["pid"] for row in cut] != [row["pid"] for row in kept]
    times = [row["creationTime"] for row in kept]
    assert times == sorted(times, reverse=True)


def test_gotcha_39_only_v3_include_shows_all_blocks_of_published_data(anyone: Caller) -> None:
    service = anyone.service
    pid = service.add_dataset(files=105, size=2048, blocks=105, tars=0, published=True)
    found: list[str] = []
    for skip in (0, 50, 100):
        scope = {"limits": {"limit": 50, "skip": skip}}
        wanted = {
            "where": {"pid": pid},
            "fields": ["pid"],
            "include": [{"relation": "origdatablocks", "scope": scope}],
        }
        (row,) = anyone.json("datasets", filter=wanted)
        found += [block["_id"] for block in row["origdatablocks"]]
    assert len(set(found)) == 105
    where = {"where": {"datasetId": pid}}
    assert anyone.call("origdatablocks", filter=where).status_code == 403
    assert anyone.json("origdatablocks/public", version=4, filter=where) == []
    path = f"datasets/public/{quote(pid, safe='')}?include=origdatablocks"
    assert anyone.json(path, version=4)["origdatablocks"] == []
    service.store.delete("datasets", pid)


def test_gotcha_40_names_of_other_people(admin: Caller) -> None:
    service = admin.service
    paths = [
        service.store.blocks("origdatablocks", service.generator.pid(index))[0]["dataFileList"][0]
        for index in range(5, 9)
    ]
    texts = [file["path"] for file in paths]
    assert any(text.startswith("../") for text in texts)
    assert any("\n" in text for text in texts)
    assert any("\u202e" in text for text in texts)


def test_gotcha_38_ties_come_in_another_order_on_each_page(admin: Caller) -> None:
    pids: list[str] = []
    for skip in range(0, 400, 50):
        limits = {"limit": 50, "skip": skip, "order": "type:asc"}
        wanted = {"fields": ["pid", "type"], "limits": limits}
        pids += [row["pid"] for row in admin.json("datasets", filter=wanted)]
    assert len(set(pids)) < 400


def test_instruments_proposals_and_samples(admin: Caller) -> None:
    names = [row["name"] for row in admin.json("instruments")]
    assert "KRIOS1" in names
    assert admin.json("instruments/count") == {"count": len(names)}
    proposals = admin.json("proposals")
    assert any("startTime" not in row for row in proposals)
    key = proposals[0]["proposalId"]
    assert admin.json(f"proposals/{key}")["title"] == proposals[0]["title"]
    rows = admin.json(f"proposals/{key}/datasets")
    assert rows
    assert all(key in row["proposalIds"] for row in rows)
    assert len(admin.json("samples")) == 100
    assert admin.json("samples/count") == {"count": 300}
    body = {"uniqueName": "new", "name": "new"}
    pid = admin.json("instruments", method="POST", body=body)["pid"]
    assert admin.json(f"instruments/{pid}")["name"] == "new"
    del body["uniqueName"]
    answer = admin.call("instruments", method="POST", body=body)
    assert answer.json()["message"] == ["uniqueName must be a string"]


def test_the_description_of_the_service_lists_its_routes(anyone: Caller) -> None:
    paths = requests.get(f"{anyone.root}/explorer-json", timeout=10).json()["paths"]
    assert "/api/v3/datasets/{pid}" in paths
    oidc = "/api/v3/auth/oidc/token" in paths
    assert oidc is (anyone.service.flavour == "psi5")


def test_answers_fit_the_real_description(admin: Caller, samples: Path) -> None:
    file = "openapi_psi5.json" if admin.service.flavour == "psi5" else "openapi.json"
    api = json.loads((samples / "scicat" / file).read_text())
    for version, name in ((3, "OutputDatasetObsoleteDto"), (4, "OutputDatasetDto")):
        schema = {"$ref": f"#/components/schemas/{name}", "components": api["components"]}
        wanted = {"limits": {"limit": 40}}
        for document in admin.json("datasets", version=version, filter=wanted):
            dropped = {"proposalId", "sampleId", "instrumentId"}  # may be null there, too
            document = {key: document[key] for key in document if key not in dropped}
            if document["proposalIds"] != [None]:
                jsonschema.validate(document, schema)


def test_all_paths_exist_in_the_real_description(anyone: Caller, samples: Path) -> None:
    file = "openapi_psi5.json" if anyone.service.flavour == "psi5" else "openapi.json"
    real = json.loads((samples / "scicat" / file).read_text())["paths"]
    shapes = {re.sub(r"{\w+}", "{}", path).lower() for path in real}
    mine = requests.get(f"{anyone.root}/explorer-json", timeout=10).json()["paths"]
    extra = {path for path in mine if re.sub(r"{\w+}", "{}", path).lower() not in shapes}
    known = {"/api/v3/proposals/findOne"}  # an id like any other to the real ones
    assert extra <= known


def test_sizes_fit_the_files_and_the_tars(admin: Caller) -> None:
    for index in (0, 2, 20, 33):
        pid = admin.service.generator.pid(index)
        document = admin.json(f"datasets/{quote(pid, safe='')}")
        blocks = admin.json(f"datasets/{quote(pid, safe='')}/origdatablocks")
        files = [file for block in blocks for file in block["dataFileList"]]
        assert len(files) == document["numberOfFiles"]
        assert sum(file["size"] for file in files) == document["size"]
        tape = admin.service.store.blocks("datablocks", pid)
        assert sum(block["packedSize"] for block in tape) == document["packedSize"]


def test_facets_count_what_is_listed(admin: Caller) -> None:
    facets = ["type", "keywords", "creationTime", "ownerGroup"]
    (answer,) = admin.json("datasets/fullfacet", fields={}, facets=facets)
    assert answer["all"] == [{"totalSets": 400}]
    assert sum(item["count"] for item in answer["type"]) == 400
    assert answer["creationTime"][0]["_id"].keys() == {"year", "month", "day"}
    (nothing,) = admin.json("datasets/fullfacet", fields={"type": ["x"]}, facets=["type"])
    assert nothing == {"type": [], "all": []}


def test_the_same_seed_gives_the_same_data_sets(scicat: Facility) -> None:
    with serve(entries=50, datasets=400) as other:
        for profile in PROFILES:
            mine = list(scicat.scicat[profile].generator.all("datasets"))
            assert mine == list(other.scicat[profile].generator.all("datasets"))
    assert scicat.scicat["practice"].generator.pid(1) != scicat.scicat[
        "practice-ethz"
    ].generator.pid(1)


def test_changes_survive_a_restart(tmp_path: Any) -> None:
    state = tmp_path / "state.sqlite"
    with serve(entries=50, datasets=5, state=state) as facility:
        token = facility.scicat["practice"].users.token("ada")
        pid = facility.scicat["practice"].add_dataset()
        with serve(entries=50, datasets=5, state=state) as second:
            assert second.scicat["practice"].store.get("datasets", pid) is not None
            second.scicat["practice"].store.delete("datasets", pid)
        assert facility.scicat["practice"].store.get("datasets", pid) is None
    with serve(entries=50, datasets=5, state=state) as facility:
        me = requests.get(
            f"{facility.url}/scicat-psi/api/v3/auth/whoami",
            headers={"Authorization": f"Bearer {token}"},
            timeout=10,
        )
        assert me.json()["username"] == "ada"


def test_nothing_is_drawn_before_it_is_asked_for() -> None:
    begin = time.perf_counter()
    with serve(entries=50, datasets=200_000) as facility:
        assert time.perf_counter() - begin < 5
        assert all(not service.generator._made for service in facility.scicat.values())
