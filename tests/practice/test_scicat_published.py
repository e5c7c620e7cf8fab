"""Publication in the practice SciCat: both dialects, and the traps on the way to a DOI."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import jsonschema
import pytest
import requests
from _scicat_caller import Caller

from openem_nb.practice import serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openem_nb.practice import Facility
    from openem_nb.practice.scicat import ScicatService

SCHEME = {"name": "Practice", "affiliationIdentifierScheme": "ROR"}
METADATA = {
    "creators": [
        {"name": "Keller, Ada", "givenName": "Ada", "familyName": "Keller", "affiliation": [SCHEME]}
    ],
    "publisher": {"name": "Practice", "publisherIdentifierScheme": "ROR"},
    "publicationYear": 2026,
    "resourceType": "raw",
    "dates": [{"date": "2026-01-01", "dateType": "Collected"}],
    "language": "en",
    "rightsList": [{"rights": "CC BY-SA 4.0"}],
    "relatedItems": [],
}


@pytest.fixture(scope="module")
def scicat() -> Iterator[Facility]:
    with serve(entries=50, datasets=60, tape_seconds=0.0) as facility:
        yield facility


@pytest.fixture
def nobody(scicat: Facility, profile: str) -> Caller:
    return Caller(scicat, profile)


def _draft(ada: Caller, *pids: str, **changed: Any) -> dict[str, Any]:
    body = {
        "title": "Practice publication",
        "abstract": "Of practice data",
        "datasetPids": list(pids),
        "metadata": METADATA,
        **changed,
    }
    answer = ada.call("publisheddata", method="POST", version=4, body=body)
    assert answer.status_code == 201, answer.text
    record: dict[str, Any] = answer.json()
    return record


def _act(who: Caller, record: dict[str, Any], verb: str, version: int = 4) -> requests.Response:
    path = f"publisheddata/{quote(record['doi'], safe='')}/{verb}".rstrip("/")
    return who.call(path, method="POST", version=version)


def _get(who: Caller, record: dict[str, Any], version: int = 4) -> requests.Response:
    return who.call(f"publisheddata/{quote(record['doi'], safe='')}", version=version)


def _dataset(service: ScicatService, pid: str) -> dict[str, Any]:
    found = service.store.get("datasets", pid)
    assert found is not None
    return found


def test_a_draft_becomes_public_then_registered(ada: Caller, nobody: Caller) -> None:
    pid = ada.service.add_dataset(files=3, size=1000)
    record = _draft(ada, pid)
    assert record["status"] == "private"
    assert record["_id"] == record["doi"]
    assert (record["numberOfFiles"], record["sizeOfArchive"]) == (3, 3000)
    assert _get(nobody, record).status_code == 404
    assert _get(ada, record).status_code == 200
    assert _act(ada, record, "publish").status_code in (200, 201)
    assert _dataset(ada.service, pid)["isPublished"] is True
    assert _get(nobody, record).json()["status"] == "public"
    assert _get(nobody, record, 3).status_code == 404  # v3 shows nobody what has no DOI yet
    again = _act(ada, record, "publish")
    assert (again.status_code, again.json()) == (
        400,
        "Published data can only be published if it is in private state.",
    )
    assert _act(ada, record, "register").status_code == 201
    registered = _get(nobody, record).json()
    assert registered["status"] == "registered"
    assert registered["registeredTime"]
    assert _get(nobody, record, 3).json()["status"] == "registered"


def test_foreign_drafts_are_not_found(scicat: Facility, profile: str, ada: Caller) -> None:
    ben = Caller(scicat, profile, "ben")
    record = _draft(ada, ada.service.add_dataset())
    assert _get(ben, record).status_code == 404
    assert _act(ben, record, "publish").status_code == 404
    body = {"title": "x", "abstract": "x", "datasetPids": []}
    stranger = Caller(scicat, profile)
    answer = stranger.call("publisheddata", method="POST", version=4, body=body)
    assert answer.status_code == 403


def test_lists_and_counts_show_nobody_only_what_is_registered(ada: Caller, nobody: Caller) -> None:
    records = [_draft(ada, ada.service.add_dataset()) for _ in range(3)]
    _act(ada, records[1], "publish")
    _act(ada, records[2], "register")
    dois = [record["doi"] for record in records]

    def listed(who: Caller, version: int) -> set[str]:
        where = {"where": {"doi": {"$in": dois}}, "limits": {"limit": 100}}
        found = who.json("publisheddata", version=version, filter=where)
        count = who.json("publisheddata/count", version=version, filter=where)["count"]
        assert count == len(found)
        return {record["doi"] for record in found}

    for version in (3, 4):
        assert listed(nobody, version) == {dois[2]}
        assert listed(ada, version) == set(dois)


def test_drafts_may_be_empty_but_not_published(ada: Caller) -> None:
    record = _draft(ada, "20.500.1/no-such", metadata={})
    assert record["metadata"] == {}
    answer = _act(ada, record, "publish")
    assert answer.status_code == 400
    missing = [problem["params"]["missingProperty"] for problem in answer.json()]
    assert missing[0] == "creators"
    assert "publisher" in missing
    assert answer.json()[0] | {"schemaPath": ""} == {
        "instancePath": "",
        "schemaPath": "",
        "keyword": "required",
        "params": {"missingProperty": "creators"},
        "message": "must have required property 'creators'",
    }
    refused = ada.call(
        "publisheddata", method="POST", version=4, body={"title": 1, "abstract": "", "owner": "me"}
    )
    assert refused.status_code == 400
    assert refused.json()["message"] == [
        "property owner should not exist",
        "title must be a string",
        "datasetPids must be an array",
    ]


def test_the_form_describes_what_is_checked(ada: Caller) -> None:
    config = ada.json("publisheddata/config", version=4)
    jsonschema.validate(METADATA, config["metadataSchema"])
    for required in config["metadataSchema"]["required"]:
        broken = {key: value for key, value in METADATA.items() if key != required}
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(broken, config["metadataSchema"])
        if ada.service.flavour == "v427" or required not in ("creators", "publicationYear"):
            record = _draft(ada, ada.service.add_dataset(), metadata=broken)
            answer = _act(ada, record, "publish")
            assert answer.json()[0]["params"] == {"missingProperty": required}
    assert config["uiSchema"]["elements"]


def test_prefilled_values_come_from_the_data_set(ada: Caller) -> None:
    pid = ada.service.add_dataset()
    dataset = _dataset(ada.service, pid)
    old = ada.json("publisheddata/formpopulate", pid=pid)
    assert old["title"] == dataset["datasetName"]
    new = ada.json("publisheddata/formpopulate", version=4, pid=pid)
    assert new["metadata"]["publicationYear"] == ada.service.clock().year
    assert [subject["subject"] for subject in new["metadata"]["subjects"]] == dataset["keywords"]
    assert "metadata" not in old
    record = _draft(ada, pid, metadata={"language": "en"})
    assert ("creators" in record["metadata"]) is (ada.service.flavour == "psi5")


def test_v3_and_v4_are_two_views_of_one_record(ada: Caller) -> None:
    pid = ada.service.add_dataset()
    body = {
        "creator": ["Keller, Ada"],
        "authors": ["Rossi, Ben"],
        "publisher": "Practice",
        "publicationYear": 2026,
        "title": "Old",
        "abstract": "Of practice data",
        "dataDescription": "Movies",
        "resourceType": "raw",
        "pidArray": [pid],
        "downloadLink": "https://practice.example/x",
        "status": "pending_registration",
    }
    answer = ada.call("publisheddata", method="POST", body=body)
    assert answer.status_code == 201, answer.text
    old = answer.json()
    assert {key: old[key] for key in body} == body
    new = _get(ada, old).json()
    assert new["datasetPids"] == [pid]
    assert new["metadata"]["creators"] == [{"name": "Keller, Ada"}]
    assert new["metadata"]["contributors"] == [{"name": "Rossi, Ben"}]
    assert new["metadata"]["publisher"] == {"name": "Practice"}
    assert new["status"] == "private"
    assert ada.call("publisheddata", method="POST", body={**body, "x": 1}).status_code == 400


def test_only_private_records_can_be_changed(scicat: Facility, profile: str, ada: Caller) -> None:
    admin = Caller(scicat, profile, "admin")
    record = _draft(ada, ada.service.add_dataset())
    path = f"publisheddata/{quote(record['doi'], safe='')}"
    changed = ada.call(path, method="PATCH", version=4, body={"title": "Better"})
    assert changed.json()["title"] == "Better"
    assert ada.call(path, method="PATCH", version=4, body={"doi": "x"}).status_code == 400
    _act(ada, record, "publish")
    refused = ada.call(path, method="PATCH", version=4, body={"title": "Late"})
    assert refused.status_code == 400
    assert isinstance(refused.json(), str)
    resync = ada.call(f"{path}/resync", method="POST", version=4, body={"title": "Late"})
    assert resync.json() == "Published data can only be resynced if it is in private state."
    amend = _act(ada, record, "amend")
    assert (amend.status_code, amend.json()) == (
        403,
        "Only admin users can amend published data.",
    )
    _act(ada, record, "register")
    assert _act(admin, record, "amend").json()["status"] == "amended"


def test_gotcha_30_trap_a_a_failure_at_datacite_leaves_the_data_public(ada: Caller) -> None:
    pid = ada.service.add_dataset()
    record = _draft(ada, pid)
    ada.service.datacite_trouble = "Error: connect ECONNREFUSED 127.0.0.1:443"
    try:
        answer = _act(ada, record, "register")
    finally:
        ada.service.datacite_trouble = ""
    assert answer.status_code == 424
    assert answer.json() == "Error occurred: Error: connect ECONNREFUSED 127.0.0.1:443"
    assert _get(ada, record).json()["status"] == "private"
    assert _dataset(ada.service, pid)["isPublished"] is True


@pytest.mark.parametrize("version", [3, 4])
def test_gotcha_30_trap_b_registration_resets_the_lifecycle(ada: Caller, version: int) -> None:
    pid = ada.service.add_dataset(location=ada.service.storage)
    before = _dataset(ada.service, pid)["datasetlifecycle"]
    assert before["retrievable"] is True
    record = _draft(ada, pid)
    assert _act(ada, record, "register", version).ok
    after = _dataset(ada.service, pid)["datasetlifecycle"]
    kept = version == 4 and ada.service.flavour == "psi5"
    assert after["retrievable"] is kept
    assert ("storageLocation" in after) is kept
    assert after["publishedOn"] != before["publishedOn"]


def test_publishing_keeps_the_lifecycle(ada: Caller) -> None:
    pid = ada.service.add_dataset()
    before = _dataset(ada.service, pid)["datasetlifecycle"]
    assert _act(ada, _draft(ada, pid), "publish").ok
    assert _dataset(ada.service, pid)["datasetlifecycle"] == before


def test_trap_c_a_foreign_data_set_stops_publication_half_way(ada: Caller) -> None:
    letter = ada.service.letter
    mine = ada.service.add_dataset()
    foreign = ada.service.add_dataset(group=f"{letter}20009")
    record = _draft(ada, mine, foreign)
    assert _act(ada, record, "publish").status_code == 403
    assert _get(ada, record).json()["status"] == "private"
    assert _dataset(ada.service, mine)["isPublished"] is True
    assert _dataset(ada.service, foreign)["isPublished"] is False


def test_trap_d_v3_at_psi_answers_registration_with_200(ada: Caller) -> None:
    record = _draft(ada, ada.service.add_dataset())
    answer = _act(ada, record, "register", 3)
    assert answer.status_code == (200 if ada.service.flavour == "psi5" else 201)
    assert _get(ada, record).json()["status"] == "registered"


def test_published_data_behind_the_broker(scicat: Facility) -> None:
    ada = Caller(scicat, "practice", "ada")
    pid = ada.service.add_dataset()
    record = _draft(ada, pid)
    _act(ada, record, "register")
    base = scicat.description()["catalogues"]["practice"]["broker_api"]
    found = requests.get(f"{base}/publisheddata/urls", params={"id": record["doi"]}, timeout=10)
    assert found.json()["urls"] == {
        pid: {
            "expires": "1970-01-01T00:00:00Z",
            "s3Uri": f"s3://psi-retrieve/{pid}/",
            "urls": [],
        }
    }


def test_answers_fit_the_real_description(ada: Caller, samples: Path) -> None:
    file = "openapi_psi5.json" if ada.service.flavour == "psi5" else "openapi.json"
    api = json.loads((samples / "scicat" / file).read_text())
    record = _draft(ada, ada.service.add_dataset())
    _act(ada, record, "register")
    names = {3: "PublishedDataObsoleteDto", 4: "PublishedData"}
    for version, name in names.items():
        schema = {"$ref": f"#/components/schemas/{name}", "components": api["components"]}
        jsonschema.validate(_get(ada, record, version).json(), schema)
    config = ada.json("publisheddata/config", version=4)
    assert set(config) == {"metadataSchema", "uiSchema"}
