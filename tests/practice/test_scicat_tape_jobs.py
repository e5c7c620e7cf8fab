"""Jobs of the practice SciCat: bodies, refusals, lists of both dialects, the robot's progress."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from _scicat_caller import Caller
from _scicat_tape import ended, lifecycle_of, retrieve, retrieved

from openem_nb.practice import serve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openem_nb.practice import Facility


@pytest.fixture(scope="module")
def scicat() -> Iterator[Facility]:
    with serve(entries=50, datasets=300, tape_seconds=0.0) as facility:
        yield facility


def test_gotcha_19_v3_and_v4_bodies_differ(ada: Caller) -> None:
    pid = ada.service.add_dataset()
    listed = [{"pid": pid, "files": []}]
    group = f"{ada.service.letter}20001"
    fourth = retrieve(ada, [pid], contactEmail="ada@practice.example").json()
    assert fourth["id"] == fourth["_id"]
    assert (fourth["statusCode"], fourth["statusMessage"]) == ("jobSubmitted", "Job submitted.")
    assert fourth["jobParams"]["datasetList"] == listed
    third = retrieve(
        ada, [pid], version=3, emailJobInitiator="a@b.ch", creationTime="2026-01-01T00:00:00Z"
    ).json()
    assert third["id"] == third["_id"]
    assert third["jobStatusMessage"] == "jobSubmitted"
    assert third["datasetList"] == listed
    assert third["emailJobInitiator"] == "a@b.ch"
    assert "datasetList" not in third["jobParams"]
    assert third["creationTime"] != "2026-01-01T00:00:00Z"
    crossed = ada.json(f"jobs/{third['id']}", version=4)
    assert crossed["jobParams"]["datasetList"] == listed
    assert (crossed["ownerUser"], crossed["ownerGroup"]) == ("ada", group)
    assert crossed["contactEmail"] == "a@b.ch"
    old = ada.json(f"jobs/{fourth['id']}")
    assert old["datasetList"] == listed
    nested = {"type": "retrieve", "jobParams": {"datasetList": listed, "ownerGroup": group}}
    assert ada.call("jobs", method="POST", body=nested).status_code in (400, 422)
    flat = {"type": "retrieve", "datasetList": listed, "jobParams": {}, "ownerGroup": group}
    answer = ada.call("jobs", method="POST", body=flat, version=4)
    assert answer.status_code == 400
    assert answer.json()["message"] == ["property datasetList should not exist"]


def test_v3_takes_a_state_and_a_time_of_execution(ada: Caller) -> None:
    pid = ada.service.add_dataset()
    when = "2026-08-20T10:00:00Z"
    job = retrieve(
        ada, [pid], version=3, jobStatusMessage="jobSubmitted", executionTime=when
    ).json()
    assert job["executionTime"] == when
    assert ada.json(f"jobs/{job['id']}", version=4)["jobParams"]["executionTime"] == when


def test_gotcha_20_unknown_ids_are_400(ada: Caller) -> None:
    for version in (3, 4):
        for method, body in (("GET", None), ("PATCH", {"statusCode": "x", "statusMessage": "x"})):
            answer = ada.call("jobs/not-one", method=method, version=version, body=body)
            assert answer.status_code == 400
            assert answer.json() == {"status": 400, "message": "Invalid job id."}


def _refused(ada: Caller, listed: Any, **given: Any) -> tuple[int, Any]:
    body = {
        "type": "retrieve",
        "ownerGroup": f"{ada.service.letter}20001",
        "jobParams": {"datasetList": listed},
        **given,
    }
    before = len(ada.service.store._changes.get("jobs", {}))
    answer = ada.call("jobs", method="POST", version=4, body=body)
    assert len(list(ada.service.store.all("jobs"))) == before
    return answer.status_code, answer.json()


def test_gotcha_20_refusals_have_the_words_and_the_status_of_the_flavour(ada: Caller) -> None:
    at_psi = ada.service.flavour == "psi5"
    status, list_status = (403, 422) if at_psi else (400, 400)
    pid = ada.service.add_dataset()
    good = [{"pid": pid, "files": []}]
    assert _refused(ada, good, type="nonsense") == (
        400,
        {"status": 400, "message": "Invalid job type: nonsense"},
    )
    assert _refused(ada, None) == (
        list_status,
        {"status": list_status, "message": "Dataset ids list was not provided in jobParams"},
    )
    code, words = _refused(ada, [{"pid": pid, "files": "all"}])
    assert code == list_status
    assert "'files' field should be an array" in words["error" if at_psi else "message"]
    assert (words["message"] == "Invalid dataset list.") is at_psi
    code, words = _refused(ada, [])
    assert (code, words["message"]) == (list_status, "List of passed datasets is empty.")
    code, words = _refused(ada, [{"pid": "20.500.1/no", "files": []}])
    assert code == list_status
    assert words["message"] == "Datasets with pid 20.500.1/no do not exist."
    code, words = _refused(ada, [{"pid": pid, "files": ["no/such.mrc"]}])
    assert code == list_status
    assert words["message"] == "At least one requested file could not be found."
    for given, sentence in (
        ({"ownerGroup": ""}, "Owner group should be specified."),
        ({"ownerGroup": "p99999"}, "User needs to belong to job owner group."),
        ({"ownerUser": "ben"}, "User owning the job should match user logged in."),
    ):
        code, words = _refused(ada, good, **given)
        assert (code, words["message"]) == (status, f"Invalid new job. {sentence}")
    foreign = ada.service.add_dataset(group=f"{ada.service.letter}20009")
    for listed in ([{"pid": foreign, "files": []}], good * 2):  # the same one twice is no access
        code, words = _refused(ada, listed)
        assert code == 403
        assert words["message"] == (
            "User does not have access to all datasets, cannot create job."
            if at_psi
            else "Unauthorized to create this job."
        )


def test_gotcha_20_more_than_100_data_sets_do_not_exist(ada: Caller) -> None:
    pids = [ada.service.add_dataset(files=1, size=10) for _ in range(103)]
    assert retrieve(ada, pids[:100]).status_code == 201
    answer = retrieve(ada, pids)
    assert answer.status_code == (422 if ada.service.flavour == "psi5" else 400)
    assert answer.json()["message"].startswith("Datasets with pid ")
    assert answer.json()["message"].endswith(" do not exist.")
    assert sum(pid in answer.text for pid in pids) == 3


def test_files_are_looked_for_in_100_blocks_only(ada: Caller) -> None:
    pid = ada.service.add_dataset(files=120, size=100, blocks=120)
    early, late = "Images/micrograph_000003.mrc", "Images/micrograph_000110.mrc"
    assert retrieve(ada, [pid], files=[early]).status_code == 201
    answer = retrieve(ada, [pid], files=[late])
    assert answer.json()["message"] == "At least one requested file could not be found."


def test_v3_takes_the_group_of_the_first_private_data_set(ada: Caller) -> None:
    letter = ada.service.letter
    own = ada.service.add_dataset(group=f"{letter}20002")
    job = retrieve(ada, [own], version=3, group=None).json()
    assert ada.json(f"jobs/{job['id']}", version=4)["ownerGroup"] == f"{letter}20002"
    shared = ada.service.add_dataset(group=f"{letter}20007", accessGroups=["emf-krios"])
    answer = retrieve(ada, [shared], version=3, group=None)
    assert "User needs to belong to job owner group." in answer.text
    assert retrieve(ada, [shared], version=3).status_code == 201
    unknown = retrieve(ada, [own], version=3, group=None, params={"username": "nobody"})
    assert "Owner group should be specified." in unknown.text


def test_nobody_in_particular_gets_no_job(scicat: Facility, profile: str) -> None:
    nobody = Caller(scicat, profile)
    pid = nobody.service.add_dataset(published=True)
    answer = retrieve(nobody, [pid], group=None, contactEmail="a@b.ch")
    assert answer.status_code == 403
    assert nobody.call("jobs", version=4).status_code == 403
    assert nobody.call("jobs/some", version=4).status_code == 403


def test_gotcha_21_lists_of_v4_cut_before_they_skip(ada: Caller) -> None:
    pid = ada.service.add_dataset(files=1, size=10)
    ids = [retrieve(ada, [pid]).json()["id"] for _ in range(7)]
    where = {"jobParams.datasetList.pid": pid}

    def page(**limits: Any) -> list[str]:
        listed = ada.json("jobs", version=4, filter={"where": where, "limits": limits})
        return [job["id"] for job in listed]

    assert page() == ids  # oldest first
    assert page(limit=5) == ids[:5]
    assert page(limit=5, skip=2) == ids[2:5]
    assert page(limit=5, skip=5) == []
    newest_first = page(limit=3, sort={"createdAt": "desc"})
    assert newest_first == (ids[:-4:-1] if ada.service.flavour == "psi5" else ids[:3])
    wrong = ada.call("jobs", version=4, filter={"limits": {"order": "createdAt:desc"}})
    assert wrong.status_code == 400
    assert wrong.json()["message"].startswith("Property limits.order should not exist")
    misspelt = ada.call("jobs", version=4, filter={"where": {"foo": 1}})
    assert misspelt.status_code == 400


def test_gotcha_21_lists_of_v3_know_no_limits_but_queries_page(ada: Caller) -> None:
    pid = ada.service.add_dataset(files=1, size=10)
    ids = [retrieve(ada, [pid]).json()["id"] for _ in range(5)]
    refused = ada.call("jobs", filter={"limits": {"limit": 2}})
    assert refused.status_code == 400
    assert refused.json()["message"] == (
        "Property limits.limit should not exist in the filter object"
    )
    where = {"datasetList.pid": pid}
    assert [job["id"] for job in ada.json("jobs", filter={"where": where})] == ids

    def page(skip: int, order: str = "creationTime:desc") -> list[str]:
        limits = {"skip": skip, "limit": 2, "order": order}
        listed = ada.json("jobs/fullquery", fields={**where, "type": "retrieve"}, limits=limits)
        return [job["id"] for job in listed]

    assert page(0) + page(2) + page(4) == ids[::-1]
    assert page(0, "creationTime:asc") == ids[:2]
    assert ada.call("jobs/fullquery", fields="{broken").status_code == 400


def test_gotcha_21_without_limits_psi_gives_the_oldest_hundred(ada: Caller) -> None:
    pid = ada.service.add_dataset(files=1, size=10)
    ids = [retrieve(ada, [pid]).json()["id"] for _ in range(103)]
    where = {"where": {"jobParams.datasetList.pid": pid}}
    found = [job["id"] for job in ada.json("jobs", version=4, filter=where)]
    assert found == (ids[:100] if ada.service.flavour == "psi5" else ids)


def test_only_the_jobs_one_may_read_are_listed(scicat: Facility, profile: str) -> None:
    ada, ben, reader, admin = (
        Caller(scicat, profile, name) for name in ("ada", "ben", "reader", "admin")
    )
    job = retrieve(ada, [ada.service.add_dataset()]).json()
    where = {"where": {"id": job["id"]}}
    people = (ada, ben, reader, admin)
    seen = [len(who.json("jobs", version=4, filter=where)) for who in people]
    assert seen == [1, 0, 1, 1]
    refused = ben.call(f"jobs/{job['id']}", version=4)
    assert refused.status_code == 403
    assert refused.json()["message"] == "Unauthorized to get this job."


def test_gotcha_22_mixed_locations_are_refused_but_stored(at_psi: Caller) -> None:
    here = at_psi.service.add_dataset(location="PSI")
    there = at_psi.service.add_dataset(location="ETHZ")
    answer = retrieve(at_psi, [here, there])
    assert answer.status_code == 400
    assert answer.json()["message"].startswith(
        "Ambiguous value for 'datasets[*].datasetlifecycle.storageLocation' (2 distinct results)."
    )
    where = {"where": {"jobParams.datasetList.pid": here}}
    (stored,) = at_psi.json("jobs", version=4, filter=where)
    assert stored["statusCode"] == "jobSubmitted"


def test_gotcha_22_unset_locations_go_to_ethz_with_one_of_ethz_and_fail(at_psi: Caller) -> None:
    unset = at_psi.service.add_dataset()
    there = at_psi.service.add_dataset(location="ETHZ")
    answer = retrieve(at_psi, [unset, there])
    assert answer.status_code == 201
    assert ended(at_psi, answer.json()["id"])["statusCode"] == "finishedUnsuccessful"
    lifecycle = lifecycle_of(at_psi, unset)
    assert lifecycle["retrieveStatusMessage"] == "datasetRetrievalFailed"
    assert lifecycle["storageLocation"] == "ETHZ"  # the archiver has put its name there
    assert len(retrieved(at_psi, there)) == 1


def test_gotcha_22_an_archiver_out_of_reach_leaves_a_job(at_ethz: Caller) -> None:
    pid = at_ethz.service.add_dataset()
    at_ethz.service.robot.unreachable = True
    try:
        answer = retrieve(at_ethz, [pid])
    finally:
        at_ethz.service.robot.unreachable = False
    assert answer.status_code == 400
    assert "unable to perform action 'url' due to TypeError: fetch failed" in answer.text
    where = {"where": {"jobParams.datasetList.pid": pid}}
    assert len(at_ethz.json("jobs", version=4, filter=where)) == 1


def test_gotcha_25_retrievable_is_checked_when_the_job_is_made(ada: Caller) -> None:
    pid = ada.service.add_dataset(tars=0)
    answer = retrieve(ada, [pid])
    assert answer.status_code == 400
    assert answer.json() == {
        "status": 400,
        "message": "Invalid request. Invalid value for 'datasetlifecycle.retrievable'",
    }
    taped = ada.service.add_dataset()
    answer = retrieve(ada, [taped], kind="archive")
    assert answer.json()["message"].endswith("'datasetlifecycle.archivable'")


def test_a_job_goes_its_way(scicat: Facility, profile: str) -> None:
    ada = Caller(scicat, profile, "ada")
    service = ada.service
    pids = [service.add_dataset(), service.add_dataset()]
    service.robot.tape_seconds = 100.0
    try:
        job_id = retrieve(ada, pids).json()["id"]
    finally:
        service.robot.tape_seconds = 0.0
    seen = []
    before = service.offset
    try:
        for seconds in (0, 6, 15, 30, 30, 30):
            service.offset += dt.timedelta(seconds=seconds)
            job = Caller(scicat, profile, "ada").json(f"jobs/{job_id}", version=4)
            messages = [lifecycle_of(ada, pid)["retrieveStatusMessage"] for pid in pids]
            seen.append((job["statusCode"], *messages))
    finally:
        service.offset = before
    forwarded = "jobForwarded" if profile == "practice" else "jobSubmitted"
    assert seen == [
        ("jobSubmitted", "", ""),
        (forwarded, "", ""),
        ("inProgress", "started", ""),
        ("inProgress", "started", ""),
        ("inProgress", "datasetRetrieved", "started"),
        ("finishedSuccessful", "datasetRetrieved", "datasetRetrieved"),
    ]
    # the old route of the archiver at ETHZ puts the code in both places
    assert (job["statusMessage"] == job["statusCode"]) is (profile == "practice-ethz")


def test_jobs_go_on_in_another_process(tmp_path: Path) -> None:
    state = tmp_path / "state.sqlite"
    with serve(entries=50, datasets=20, state=state, tape_seconds=0.5) as first:
        ada = Caller(first, "practice", "ada")
        pid = ada.service.add_dataset()
        job_id = retrieve(ada, [pid]).json()["id"]
        with serve(entries=50, datasets=20, state=state) as second:
            other = Caller(second, "practice", "ada")
            job = ended(other, job_id)
            (entry,) = job["jobResultObject"]["result"]
            assert entry["url"].startswith(f"{second.url}/s3/")
            assert ended(ada, job_id)["updatedAt"] == job["updatedAt"]
    with serve(entries=50, datasets=20, state=state) as third:
        again = Caller(third, "practice", "ada")
        (entry,) = ended(again, job_id)["jobResultObject"]["result"]
        assert entry["url"].startswith(f"{third.url}/s3/")
        assert job["createdAt"] == again.json(f"jobs/{job_id}", version=4)["createdAt"]


def test_outcomes_on_request(ada: Caller) -> None:
    service = ada.service
    good, bad, half = (service.add_dataset(files=2, tars=2) for _ in range(3))
    service.fail_next_retrieval(bad)
    job = ended(ada, retrieve(ada, [good, bad]).json()["id"])
    lifecycle = lifecycle_of(ada, bad)
    assert lifecycle["retrieveStatusMessage"] == "datasetRetrievalFailed"
    if service.storage == "PSI":
        assert job["statusCode"] == "finishedWithDatasetErrors"
        assert {entry["datasetId"] for entry in job["jobResultObject"]["result"]} == {good}
    else:
        assert job["statusCode"] == "finishedUnsuccessful"
        assert job["jobResultObject"] == {}
    assert len(retrieved(ada, bad)) == 2  # the next time it works
    service.robot.ask(half, "partial")
    job = ended(ada, retrieve(ada, [half]).json()["id"])
    assert job["statusCode"] == "finishedWithDatasetErrors"
    assert len(job["jobResultObject"]["result"]) == 1


def test_a_job_can_be_kept_waiting(scicat: Facility, ada: Caller) -> None:
    pid = ada.service.add_dataset()
    scicat.ask_robot(pid, "hold")
    job_id = retrieve(ada, [pid]).json()["id"]
    for _ in range(3):
        assert ada.json(f"jobs/{job_id}", version=4)["statusCode"] == "jobSubmitted"
    scicat.ask_robot(pid, "normal")
    assert ended(ada, job_id)["statusCode"] == "finishedSuccessful"
