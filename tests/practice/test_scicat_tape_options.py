"""Jobs of the practice SciCat: options, archiving, whose they are, what one waits for."""

from __future__ import annotations

import base64
import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from _scicat_caller import Caller
from _scicat_tape import ended, lifecycle_of, retrieve, retrieved, until

from openem_nb.practice import serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openem_nb.practice import Facility


@pytest.fixture(scope="module")
def scicat() -> Iterator[Facility]:
    with serve(entries=50, datasets=300, tape_seconds=0.0) as facility:
        yield facility


def test_gotcha_24_sizes_of_results_are_unpacked_at_ethz_only(ada: Caller) -> None:
    pid = ada.service.add_dataset(files=3, size=3000, tars=1)
    (entry,) = retrieved(ada, pid)
    (block,) = ada.json(f"datasets/{pid.replace('/', '%2F')}/datablocks")
    assert entry["size"] == block["packedSize" if ada.service.storage == "PSI" else "size"]
    assert block["size"] == 9000 < block["packedSize"]
    assert entry["archiveId"] == block["archiveId"]
    assert entry["name"] == block["archiveId"].rpartition("/")[2]
    assert block["chkAlg"] == ("sha1" if ada.service.storage == "PSI" else "md5")


def test_files_choose_tars_at_psi_and_nothing_at_ethz(ada: Caller) -> None:
    pid = ada.service.add_dataset(files=4, size=100, tars=4)
    results = retrieved(ada, pid, files=["Images/micrograph_000002.mrc"])
    assert len(results) == (1 if ada.service.storage == "PSI" else 4)


def test_ethz_restores_no_more_than_100_tars(ada: Caller) -> None:
    pid = ada.service.add_dataset(files=110, size=10, tars=110)
    assert len(retrieved(ada, pid)) == (110 if ada.service.storage == "PSI" else 100)


def test_ethz_leaves_a_script(at_ethz: Caller, at_psi: Caller) -> None:
    pid = at_ethz.service.add_dataset()
    result = ended(at_ethz, retrieve(at_ethz, [pid]).json()["id"])["jobResultObject"]
    script = base64.b64decode(result["downloadScript"]).decode()
    assert script.startswith("#!/bin/bash\n")
    assert result["result"][0]["url"] in script
    psi = at_psi.service.add_dataset()
    found = ended(at_psi, retrieve(at_psi, [psi]).json()["id"])["jobResultObject"]
    assert set(found) == {"result"}


@pytest.mark.parametrize(
    ("option", "place"),
    [
        ("PSI", "pb-retrieve.psi.ch:retrieve/"),
        ("PSI-RA", "/das/work/p20/retrieve/p20001/data/added/"),
    ],
)
def test_other_options_of_psi_say_where_the_files_are(
    at_psi: Caller, option: str, place: str
) -> None:
    pid = at_psi.service.add_dataset()
    job = ended(at_psi, retrieve(at_psi, [pid], params={"option": option}).json()["id"])
    assert job["jobResultObject"] == {"result": []}
    assert place in job["statusMessage"]
    sent_by_gui = {"option": "", "retrieveDestination": option}
    job = ended(at_psi, retrieve(at_psi, [pid], params=sent_by_gui).json()["id"])
    assert place in job["statusMessage"]


def test_gotcha_26_ethz_resets_lifecycles_and_wipes_guests_where_asked_to(
    at_ethz: Caller, at_psi: Caller
) -> None:
    def after(caller: Caller) -> dict[str, Any]:
        pid = caller.service.add_dataset(accessGroups=["group2"], published=True)
        retrieved(caller, pid)
        found = caller.service.store.get("datasets", pid)
        assert found is not None
        return found

    dataset = after(at_ethz)
    lifecycle = dataset["datasetlifecycle"]
    assert lifecycle["archiveStatusMessage"] == "datasetCreated"  # no sign of the tape is left
    assert (lifecycle["retrievable"], lifecycle["archivable"]) == (True, False)
    assert lifecycle["storageLocation"] == "ETHZ"
    assert (dataset["accessGroups"], dataset["isPublished"]) == (["group2"], True)
    at_ethz.service.ethz_wipes = True
    try:
        dataset = after(at_ethz)
    finally:
        at_ethz.service.ethz_wipes = False
    assert (dataset["accessGroups"], dataset["isPublished"]) == ([], False)
    kept = after(at_psi)
    assert kept["datasetlifecycle"]["archiveStatusMessage"] == "datasetOnArchiveDisk"
    assert (kept["accessGroups"], kept["isPublished"]) == (["group2"], True)


def test_archiving_makes_a_data_set_that_can_be_retrieved(ada: Caller) -> None:
    pid = ada.service.add_dataset(files=3, size=1000, tars=0)
    job = ended(ada, retrieve(ada, [pid], kind="archive").json()["id"])
    assert job["statusCode"] == "finishedSuccessful"
    (block,) = ada.json(f"datasets/{pid.replace('/', '%2F')}/datablocks")
    assert [file["size"] for file in block["dataFileList"]] == [1000] * 3
    assert all(file["chk"] for file in block["dataFileList"])
    dataset = ada.json(f"datasets/{pid.replace('/', '%2F')}")
    assert dataset["packedSize"] == block["packedSize"]
    assert dataset["datasetlifecycle"]["archiveStatusMessage"] == "datasetOnArchiveDisk"
    assert len(retrieved(ada, pid)) == 1
    again = retrieve(ada, [pid], kind="archive")
    assert again.json()["message"].endswith("'datasetlifecycle.archivable'")


def test_only_the_archive_manager_resets(scicat: Facility) -> None:
    ada, manager = (Caller(scicat, "practice", name) for name in ("ada", "archiveManager"))
    pid = ada.service.add_dataset()
    assert retrieve(ada, [pid], kind="reset").status_code == 403
    answer = retrieve(manager, [pid], kind="reset", group="archivemanager")
    assert answer.status_code == 201
    ended(manager, answer.json()["id"])
    dataset = ada.service.store.get("datasets", pid)
    assert dataset is not None
    assert dataset["datasetlifecycle"]["retrievable"] is False
    assert list(ada.service.store.blocks("datablocks", pid)) == []


def test_jobs_of_public_data_need_no_account(scicat: Facility, at_psi: Caller) -> None:
    nobody = Caller(scicat, "practice")
    public, private = at_psi.service.add_dataset(published=True), at_psi.service.add_dataset()
    asked = {"kind": "public", "group": None, "contactEmail": "a@b.ch"}
    assert retrieve(nobody, [public], **asked).status_code == 201
    assert retrieve(nobody, [private], **asked).status_code == 403
    silent = retrieve(nobody, [public], kind="public", group=None)
    assert silent.status_code == 400
    elsewhere = at_psi.service.add_dataset(published=True, location="ETHZ")
    refused = retrieve(nobody, [elsewhere], **asked)
    assert refused.json()["message"].endswith("'datasetlifecycle.storageLocation'")


def test_the_archive_updates_jobs(scicat: Facility, profile: str) -> None:
    ada, manager, admin = (
        Caller(scicat, profile, name) for name in ("ada", "archiveManager", "admin")
    )
    pid = ada.service.add_dataset()
    scicat.ask_robot(pid, "hold")
    job_id = retrieve(ada, [pid]).json()["id"]
    assert ada.call(f"jobs/{job_id}", method="PATCH", body={}).status_code == 403
    old = manager.call(f"jobs/{job_id}", method="PATCH", body={"jobStatusMessage": "inProgress"})
    assert old.status_code == 200
    job = ada.json(f"jobs/{job_id}", version=4)
    assert (job["statusCode"], job["statusMessage"]) == ("inProgress", "inProgress")
    half = {"statusCode": "inProgress"}
    refused = manager.call(f"jobs/{job_id}", method="PATCH", version=4, body=half)
    assert refused.json()["message"] == ["statusMessage must be a string"]
    assert ada.call(f"jobs/{job_id}", method="DELETE").status_code == 403
    assert admin.call(f"jobs/{job_id}", method="DELETE").content == b""
    assert ada.call(f"jobs/{job_id}").status_code == 400
    scicat.ask_robot(pid, "normal")


def test_facets_of_jobs(ada: Caller) -> None:
    pid = ada.service.add_dataset()
    retrieve(ada, [pid])
    (found,) = ada.json("jobs/fullfacet", fields={"datasetList.pid": pid}, facets=["type"])
    assert found == {"type": [{"_id": "retrieve", "count": 1}], "all": [{"totalSets": 1}]}
    until(lambda: ada.json("jobs", filter={"where": {"datasetList.pid": pid}}))


def test_a_data_set_without_files_cannot_be_archived(ada: Caller) -> None:
    pid = ada.service.add_dataset(tars=0)
    ada.service.fail_next_retrieval(pid)
    job = ended(ada, retrieve(ada, [pid], kind="archive").json()["id"])
    assert job["statusCode"] == "finishedUnsuccessful"
    lifecycle = lifecycle_of(ada, pid)
    assert lifecycle["archiveStatusMessage"] == "scheduleArchiveJobFailed"
    assert (lifecycle["archivable"], lifecycle["retrievable"]) == (True, False)


def test_at_ethz_a_job_waits_for_another_that_reads_the_same_tapes(at_ethz: Caller) -> None:
    robot = at_ethz.service.robot
    pid = at_ethz.service.add_dataset()
    before = at_ethz.service.offset
    robot.tape_seconds = 100.0
    try:
        first = retrieve(at_ethz, [pid]).json()["id"]
        at_ethz.service.offset += dt.timedelta(seconds=30)
        assert at_ethz.json(f"jobs/{first}", version=4)["statusCode"] == "inProgress"
        second = retrieve(at_ethz, [pid]).json()["id"]
        at_ethz.service.offset += dt.timedelta(seconds=50)
        assert at_ethz.json(f"jobs/{second}", version=4)["statusCode"] == "jobSubmitted"
        at_ethz.service.offset += dt.timedelta(seconds=30)
        assert at_ethz.json(f"jobs/{first}", version=4)["statusCode"] == "finishedSuccessful"
        at_ethz.service.offset += dt.timedelta(seconds=110)
        assert at_ethz.json(f"jobs/{second}", version=4)["statusCode"] == "finishedSuccessful"
    finally:
        robot.tape_seconds = 0.0
        at_ethz.service.offset = before


def test_answers_fit_the_real_description(ada: Caller, samples: Path) -> None:
    file = "openapi_psi5.json" if ada.service.flavour == "psi5" else "openapi.json"
    api = json.loads((samples / "scicat" / file).read_text())
    job = ended(ada, retrieve(ada, [ada.service.add_dataset()]).json()["id"])
    old = ada.json(f"jobs/{job['id']}")
    # the description of v4 has a single job in the list with data sets only, as if always there
    for document, name in ((job, "PartialOutputJobDto"), (old, "OutputJobV3Dto")):
        described = api["components"]["schemas"][name]
        needed = set(described["required"]) - {"datasets", "datasetDetails"}
        schema = {**described, "required": sorted(needed), "components": api["components"]}
        jsonschema.validate(document, schema)
        assert set(document) - {"_id"} <= set(described["properties"])
