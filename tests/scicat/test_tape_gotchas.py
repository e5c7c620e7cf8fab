"""What passes on a naive stand-in and fails on the real service: jobs and retrievals (19 to 26)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from _tapes import FAST, FLAVOURS, Site, assert_whole, everything_written, site, until

from openem_nb import errors, jobs, settings
from openem_nb.practice.faults import Fault
from openem_nb.scicat import _record, _tape_jobs, connection
from openem_nb.scicat._ordering import place
from openem_nb.scicat._record import Order, Record
from openem_nb.scicat.tape import State, reattach, retrievals, retrieve

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture(params=FLAVOURS)
def archive(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with site(monkeypatch, request.param) as found:
        yield found


@pytest.fixture
def psi(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with site(monkeypatch, "practice") as found:
        yield found


@pytest.fixture
def ethz(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with site(monkeypatch, "practice-ethz", object_delay=1.0) as found:
        yield found


def test_gotcha_19_both_shapes_of_a_job(archive: Site) -> None:
    """Version 3 has datasetList on top and jobStatusMessage, version 4 jobParams and statusCode."""
    here = connection(archive.name)
    who = here.identity()
    assert who is not None
    option = "URLs" if archive.name == "practice" else None
    order = Order((archive.add(),), "PSI", owner_group=who.groups[0], option=option)
    new = _tape_jobs.create(here, order)
    old = here.send("POST", "jobs", _tape_jobs._old_body(here, order), version=3)["id"]
    read = [_tape_jobs.read(here, job) for job in (new, old)]
    for job in read:
        assert (job.owner, tuple(job.files), job.option) == ("ada", order.pids, option)
    for job in (new, old):
        row = here.get(f"jobs/{job}", version=3)
        assert "datasetList" in row
        seen = _tape_jobs._job(row)
        assert (seen.id, tuple(seen.files), seen.option) == (job, order.pids, option)
        assert seen.code
    assert {job.id for job in _tape_jobs.own(here)} == {new, old}
    rows = _tape_jobs._page_by_page(here, "retrieve", None)
    assert {_tape_jobs._job(row).id for row in rows} == {new, old}


def test_gotcha_20_unknown_ids_owner_groups_doubles_and_hundreds(archive: Site) -> None:
    with pytest.raises(errors.NotFound, match="no job"):  # it answers 400, not 404
        _tape_jobs.read(connection(archive.name), "00000000-0000-4000-8000-000000000000")
    letter = archive.service.letter
    guest = archive.add(group=f"{letter}20003", accessGroups=[f"{letter}20002"], tars=1)
    pids = [guest, *(archive.add(files=1, size=100) for _ in range(130))]
    retrieval = retrieve([*pids, *pids[:5]])
    lists = [job["jobParams"]["datasetList"] for job in archive.jobs]
    assert sorted(map(len, lists)) == [31, 100]
    assert [item["pid"] for items in lists for item in items] == pids
    assert {job["ownerGroup"] for job in archive.jobs} == {f"{letter}20001"}
    assert len(retrieval.jobs) == 2
    retrieve(guest)  # in the name of the group that may read it, not of its owners
    assert len(archive.jobs) == 2  # a running job brings it already
    retrieval.cancel()
    other = archive.add(group=f"{letter}20003", accessGroups=[f"{letter}20002"])
    retrieve(other)
    assert archive.jobs[-1]["ownerGroup"] == f"{letter}20002"


def test_gotcha_21_the_newest_of_many_jobs_is_found(archive: Site, tmp_path: Path) -> None:
    """The list begins with the oldest hundred, and cannot be paged."""
    pid = archive.add(files=1, size=100)
    retrieve(pid)
    model = archive.jobs[0]
    with archive.service.store.transaction():
        for number in range(150):
            job = f"00000000-0000-4000-8000-{number:012d}"
            times = {"createdAt": f"2020-01-01T00:{number // 60:02d}:{number % 60:02d}.000Z"}
            times["updatedAt"] = times["createdAt"]
            document = {**model, "id": job, "_id": job, **times}
            archive.service.store.put("jobs", job, document | {"statusCode": "finishedSuccessful"})
    new = archive.add(datasetName="the newest", files=1, size=100)
    archive.service.robot.ask(new, "hold")
    first = retrieve(new)
    archive.elsewhere(tmp_path)
    found = retrievals()
    assert len(found) == 152
    assert found[0].jobs == first.jobs
    assert found[-1].state is State.EXPIRED  # nobody asked the server for its files
    assert retrieve(new).jobs == first.jobs


def test_gotcha_22_an_answer_that_got_lost(archive: Site) -> None:
    pid = archive.add()
    archive.facility.add_fault(Fault("cut", path=r"/jobs$", times=1))
    retrieval = retrieve(pid, pace=FAST)
    assert len(archive.jobs) == 1
    assert retrieval.jobs == (archive.jobs[0]["id"],)
    assert retrieval.run(pace=FAST).state is State.VERIFIED


def test_gotcha_22_a_question_that_got_lost(archive: Site) -> None:
    """It is sent once; only who asks again sends it again, after a look into the list."""
    pid = archive.add()
    archive.facility.add_fault(Fault("status", path=r"/jobs$", status=503))
    with pytest.raises(errors.Unreachable):
        retrieve(pid, pace=FAST)
    assert archive.jobs_sent == 1
    archive.facility.clear_faults()
    assert archive.jobs == []
    retrieval = retrieve(pid, pace=FAST)
    assert len(archive.jobs) == 1
    assert retrieval.run(pace=FAST).state is State.VERIFIED


def test_gotcha_22_an_error_although_the_job_exists(psi: Site) -> None:
    """Data sets of both archives in one job: it is refused, and stored all the same."""
    pids = (psi.add(location="PSI"), psi.add(location="ETHZ"))
    here = connection("practice")
    order = Order(pids, "PSI", owner_group="p20001", option="URLs")
    record = Record("practice", "both", "/nowhere", (), (order,), created="2026-11-24T10:00+00:00")
    folder = _record.new_folder()
    noted = place(here, folder, record, pace=FAST)
    assert len(psi.jobs) == 1
    assert [one.job for one in noted.orders] == [psi.jobs[0]["id"]]
    assert "answered with an error, but has it" in noted.orders[0].said
    assert Record.read(folder) == noted


def test_gotcha_22_one_job_for_each_archive(psi: Site) -> None:
    """Of ETHZ and unset locations the service would send all to ETHZ, without a word."""
    unset, here, there = psi.add(), psi.add(location="PSI"), psi.add(location="ETHZ")
    plan = retrieve([unset, there, here], dry_run=True)
    assert [(order.location, order.pids) for order in plan.orders] == [
        ("PSI", (unset, here)),
        ("ETHZ", (there,)),
    ]
    retrieval = retrieve([unset, there, here])
    params = [job["jobParams"] for job in psi.jobs]
    assert [len(one["datasetList"]) for one in params] == [2, 1]
    assert (params[0]["option"], params[0]["retrieveDestination"]) == ("URLs", "URLs")
    assert "option" not in params[1]
    assert retrieval.run(pace=FAST).state is State.VERIFIED
    for pid in (unset, here):
        assert_whole(psi, pid, retrieval.folders[pid])


def test_gotcha_23_finished_but_not_restored_yet(ethz: Site) -> None:
    pid = ethz.add(files=4, tars=2)
    retrieval = retrieve(pid)
    job = jobs.runner().submit(
        lambda progress: retrieval.run(progress=progress, pace=FAST), title="retrieval"
    )
    until(lambda: any(one.status == 403 for one in ethz.tars_fetched))
    until(lambda: retrieval.state is State.READING)
    assert retrieval.words.startswith("being read from tape since ")
    job.result(120)
    assert retrieval.state is State.VERIFIED
    assert_whole(ethz, pid, retrieval.folders[pid])


def test_gotcha_23_addresses_expire_and_are_secrets(archive: Site) -> None:
    archive.service.robot.url_seconds = 1
    pid = archive.add()
    retrieval = retrieve(pid)
    until(lambda: retrieval.refresh().state is State.EXPIRED)
    assert retrieval.words.startswith("expired: What was read from tape was removed again on ")
    with pytest.raises(errors.NotOnDisk, match="removed again"):
        retrieval.run(pace=FAST)
    archive.service.robot.url_seconds = 3600
    assert retrieval.ask_again().state is State.REQUESTED
    assert len(archive.jobs) == 2
    assert retrieval.run(pace=FAST).state is State.VERIFIED
    written = everything_written(settings.folders().state, settings.folders().data)
    assert b"X-Amz" not in written


def test_gotcha_24_sizes_are_those_of_the_tape_blocks(archive: Site) -> None:
    pid = archive.add(files=4, tars=2)
    here = connection(archive.name)
    retrieval = retrieve(pid)
    until(lambda: retrieval.refresh().state is State.READY)
    said = here.get(f"jobs/{retrieval.jobs[0]}", version=4)["jobResultObject"]["result"]
    unpacked = [entry["size"] == 100_000 for entry in said]
    assert all(unpacked) if archive.name == "practice-ethz" else not any(unpacked)
    assert retrieve(pid, folder=retrieval.folder / "other", dry_run=True).packed > 200_000
    assert retrieval.run(pace=FAST).state is State.VERIFIED
    lines = (retrieval.folders[pid] / ".openem-manifest.jsonl").read_text(encoding="utf-8")
    assert lines.count("sha1:" if archive.name == "practice" else "md5:") == 4


def test_gotcha_25_retrievable_is_looked_at_right_before(archive: Site) -> None:
    pid = archive.add()
    assert retrieve(pid, dry_run=True).pids == (pid,)
    with archive.service.store.transaction():
        document = archive.service.store.get("datasets", pid)
        assert document is not None
        document["datasetlifecycle"] |= {"retrievable": False, "archivable": True}
        archive.service.store.put("datasets", pid, document)
    with pytest.raises(errors.NotOnDisk, match="not on tape"):
        retrieve(pid)
    assert archive.jobs_sent == 0


def test_gotcha_26_what_the_archive_takes_away_is_said(ethz: Site) -> None:
    ethz.service.robot.object_delay = 0
    ethz.service.ethz_wipes = True
    pid = ethz.add(accessGroups=["g20002"], published=True, datasetName="ours")
    retrieval = retrieve(pid).run(pace=FAST)
    assert retrieval.state is State.VERIFIED
    assert any("away from the groups g20002" in note for note in retrieval.notes)
    assert any("private again" in note for note in retrieval.notes)
    assert "g20002" in retrieval._repr_html_()


def test_other_peoples_jobs_cannot_be_taken_over(psi: Site) -> None:
    pid = psi.add(group="p20003")
    psi.login("ben")
    job = retrieve(pid).jobs[0]
    psi.login("ada")
    psi.monkeypatch.setenv("OPENEM_HOME", str(settings.folders().state / "ada"))
    psi.login("ada")
    with pytest.raises(errors.NotAllowed):
        reattach(job)
    assert retrievals() == []
