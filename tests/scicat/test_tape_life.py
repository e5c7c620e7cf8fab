"""Retrievals from tape, from the question to verified files, on both flavours of SciCat."""

from __future__ import annotations

import json
import logging
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _tapes import FAST, FLAVOURS, Site, assert_whole, everything_written, site, until

from openem_nb import errors, jobs, scicat, settings
from openem_nb.practice.scicat._store import blocks_of
from openem_nb.scicat import _planning, _record, tape
from openem_nb.scicat.tape import (
    State,
    reattach,
    retrievals,
    retrievals_frame,
    retrieve,
)

if TYPE_CHECKING:
    from collections.abc import Iterator


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
    with site(monkeypatch, "practice-ethz") as found:
        yield found


def test_whole_life(archive: Site, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    pid = archive.add(files=6, tars=2, datasetName="Apoferritin <b>grid</b> 3")
    archive.service.robot.tape_seconds = 0.5
    plan = retrieve(pid, dry_run=True)
    assert plan.pids == (pid,)
    assert (plan.count, plan.size, plan.fits) == (6, 300_000, True)
    assert plan.packed > 300_000
    assert archive.jobs_sent == 0

    retrieval = retrieve(pid)
    assert archive.jobs_sent == 1
    assert retrieval.state is State.REQUESTED
    assert retrieval.words.startswith("requested since ")
    states = [retrieval.state]

    def note(_: object) -> None:
        if (now := retrieval.state) is not states[-1]:
            states.append(now)

    progress = jobs.Progress()
    stop = progress.subscribe(note)
    assert retrieval.run(progress=progress, pace=FAST) is retrieval
    stop()
    assert retrieval.state is State.VERIFIED
    assert State.READING in states
    assert retrieval.words == "verified: 6 files, 300 kB"
    assert retrieval.progress().fraction == 1
    folder = retrieval.folders[pid]
    assert_whole(archive, pid, folder)

    summary = json.loads((folder / "retrieved.json").read_text(encoding="utf-8"))
    assert summary["pid"] == pid
    assert (summary["files"], summary["verified_by_checksum"]) == (6, 6)
    assert summary["notice"] == settings.profile().notice
    record = settings.folders().state / "retrievals" / retrieval.id / "record.json"
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert "<b>" not in retrieval._repr_html_()

    secrets = (b"X-Amz-Signature", b"X-Amz-Credential")
    written = everything_written(Path(os.environ["OPENEM_HOME"]), Path(os.environ["OPENEM_DATA"]))
    shown = repr(retrieval) + retrieval._repr_html_() + str(plan) + plan._repr_html_() + caplog.text
    for secret in secrets:
        assert secret not in written
        assert secret.decode() not in shown


def test_asking_twice_does_nothing_twice(archive: Site) -> None:
    pid = archive.add()
    first = retrieve(pid).run(pace=FAST)
    archive.mark()
    second = retrieve(pid)
    assert second == first
    assert second.run(pace=FAST).state is State.VERIFIED
    assert (archive.jobs_sent, archive.tars_fetched) == (0, [])
    plan = retrieve(pid, dry_run=True)
    assert (plan.packed, plan.needed, plan.here) == (0, 0, 200_000)


def test_who_asks_at_the_same_time_asks_once(archive: Site) -> None:
    one, two = archive.add(), archive.add()
    archive.service.robot.ask(one, "hold")
    archive.service.robot.ask(two, "hold")
    with ThreadPoolExecutor(8) as pool:
        wishes = [[one], [one, two]] * 4
        found = list(pool.map(retrieve, wishes))
    assert len({retrieval.id for retrieval in found}) == 2
    assert sorted(one for job in archive.jobs for one in _brought(job)) == sorted([one, two])


def _brought(job: dict[str, Any]) -> list[str]:
    parameters = job.get("jobParams") or {}
    wanted = parameters.get("datasetList") or job.get("datasetList")
    return [entry["pid"] for entry in wanted]


def test_what_is_verified_while_another_makes_its_plan_is_not_asked_for_again(
    archive: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = archive.add()
    made = _planning.plan

    def slow(*args: Any, **options: Any) -> Any:
        plan = made(*args, **options)
        if not archive.jobs_sent:
            monkeypatch.setattr(_planning, "plan", made)
            retrieve(pid).run(pace=FAST)
        return plan

    monkeypatch.setattr(_planning, "plan", slow)
    second = retrieve(pid)
    assert second.state is State.VERIFIED
    assert len(retrievals()) == archive.jobs_sent == 1


def test_a_program_that_asks_for_ever_is_named(psi: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tape, "_LONGEST_WAIT", 0.3)
    pid = psi.add()
    with (
        _record.locked(_record.home()),
        pytest.raises(errors.Conflict, match="Another program") as caught,
    ):
        retrieve(pid)
    assert "lock" in caught.value.hint
    assert psi.jobs_sent == 0
    assert retrieve(pid).jobs


def test_a_new_folder_of_what_is_verified_needs_no_job(archive: Site) -> None:
    pid = archive.add()
    first = retrieve(pid).run(pace=FAST)
    folder = first.folder
    first.forget()
    archive.mark()
    again = retrieve(pid, folder=folder)
    assert again.state is State.VERIFIED
    assert archive.jobs_sent == 0


def test_files_that_were_removed_are_fetched_again_and_only_they(archive: Site) -> None:
    pid = archive.add(files=4, tars=2)
    first = retrieve(pid).run(pace=FAST)
    lost = next(first.folders[pid].rglob("*.mrc"))
    lost.unlink()
    archive.mark()
    again = retrieve(pid).run(pace=FAST)
    assert again.state is State.VERIFIED
    assert archive.jobs_sent == 0  # what the last job has read from tape is still there
    assert len({one.path.partition("?")[0] for one in archive.tars_fetched}) == 1
    assert_whole(archive, pid, again.folders[pid])


def test_a_running_job_is_found_on_another_machine(archive: Site, tmp_path: Path) -> None:
    pid = archive.add()
    archive.service.robot.ask(pid, "hold")
    first = retrieve(pid)
    archive.elsewhere(tmp_path / "other")
    plan = retrieve(pid, dry_run=True)
    assert [order.job for order in plan.orders] == list(first.jobs)
    second = retrieve(pid)
    assert second.jobs == first.jobs
    assert len(archive.jobs) == 1
    archive.service.robot.ask(pid, "normal")
    assert second.run(pace=FAST).state is State.VERIFIED


def test_a_job_of_another_wish_is_not_taken_for_this_one(psi: Site) -> None:
    pid = psi.add(files=4)
    psi.service.robot.ask(pid, "hold")
    retrieve(pid, option="PSI")
    retrieve(pid, files=["*_000001.mrc"])
    retrieve(pid, files=["*_000002.mrc"])
    whole = retrieve(pid)
    assert len(psi.jobs) == 4
    part = retrieve(pid, files=["*_000003.mrc"])
    assert part.jobs == whole.jobs  # the whole data set has this file, too


def test_some_files_only(archive: Site) -> None:
    pid = archive.add(files=6, tars=3)
    plan = retrieve(pid, files=["*_000001.mrc", "Images/micrograph_000000.mrc"], dry_run=True)
    assert (plan.count, plan.size) == (2, 100_000)
    assert 100_000 < plan.packed < 110_000  # one of the three tars
    retrieval = retrieve(pid, files=["*_000001.mrc", "Images/micrograph_000000.mrc"])
    retrieval.run(pace=FAST)
    found = sorted(path.name for path in retrieval.folders[pid].rglob("*.mrc"))
    assert found == ["micrograph_000000.mrc", "micrograph_000001.mrc"]
    assert len({one.path.partition("?")[0] for one in archive.tars_fetched}) == 1
    named = archive.jobs[0]["jobParams"]["datasetList"][0]["files"]
    assert len(named) == (2 if archive.name == "practice" else 0)  # ETHZ does not read them
    with pytest.raises(errors.NotFound, match=r"\*\.eer"):
        retrieve(pid, files=["*.eer"])


def test_what_cannot_come_says_why(archive: Site) -> None:
    good, not_taped = archive.add(), archive.add(tars=0)
    letter = archive.service.letter
    private = archive.add(group=f"{letter}20003")
    shared = archive.add(group=f"{letter}20003", sharedWith=["ada@practice.example"])
    nowhere = f"{archive.service.prefix}/00000000-0000-0000-0000-000000000000"
    pids = [good, not_taped, private, shared, nowhere, good]
    plan = retrieve(pids, dry_run=True)
    assert plan.pids == (good,)
    why = {one.pid: one.why_not for one in plan.refused}
    assert "not on tape" in why[not_taped]
    assert "may not see" in why[private]
    assert "e-mail only" in why[shared]
    assert "does not exist" in why[nowhere]
    assert "Cannot come" in str(plan)
    with pytest.raises(errors.NotOnDisk, match="4 data sets cannot be retrieved") as raised:
        retrieve(pids)
    assert "dry_run=True" in raised.value.hint
    with pytest.raises(errors.NotAllowed):
        retrieve(shared)
    with pytest.raises(errors.NotFound):
        retrieve(nowhere)
    assert archive.jobs_sent == 0


def test_bad_questions_are_refused(psi: Site) -> None:
    pid = psi.add()
    with pytest.raises(errors.InvalidInput, match="Name at least one"):
        retrieve([])
    with pytest.raises(errors.InvalidInput, match="does not put files"):
        retrieve(pid, option="Mars")
    with pytest.raises(errors.InvalidInput, match="names no file"):
        retrieve(pid, files=[])
    assert psi.jobs_sent == 0


def test_data_sets_are_named_by_whatever_knows_them(psi: Site) -> None:
    pids = (psi.add(datasetName="Named grid"), psi.add(datasetName="Named grid"))
    found = scicat.search('"Named grid"')
    one = scicat.get(pids[0])
    for named in (found, found.pid, [scicat.get(pid) for pid in pids], list(pids)):
        assert set(retrieve(named, dry_run=True).pids) == set(pids)
    assert retrieve(one, dry_run=True).pids == (pids[0],)
    assert retrieve([one, pids[0]], dry_run=True).pids == (pids[0],)
    for nothing in (None, found.head(0), found[["name"]], [None], 7, [pids[0], ""]):
        with pytest.raises(errors.InvalidInput, match="Name at least one"):
            retrieve(nothing, dry_run=True)


def test_what_to_do_depends_on_why_it_cannot_come(psi: Site) -> None:
    pid, not_taped = psi.add(), psi.add(tars=0)
    for asked, files, hint in (
        (f"{psi.service.prefix}/nowhere", None, "Check the identifier"),
        (pid, ["*.eer"], "names of the files"),
        (not_taped, None, "contact person"),
    ):
        with pytest.raises((errors.NotFound, errors.NotOnDisk)) as raised:
            retrieve(asked, files=files)
        assert hint in raised.value.hint


def test_no_room_is_said_before_anything_is_asked(
    psi: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    pid = psi.add(files=3, size=1 << 60)
    plan = retrieve(pid, dry_run=True)
    assert not plan.fits
    assert "NOT enough" in str(plan)
    with pytest.raises(errors.CannotWrite, match="do not fit"):
        retrieve(pid)
    assert psi.jobs_sent == 0


def test_a_failure_at_the_archive_is_told_and_can_be_asked_again(archive: Site) -> None:
    pid = archive.add()
    archive.service.robot.ask(pid, "fail")
    retrieval = retrieve(pid)
    with pytest.raises(errors.NotOnDisk, match="could not read it from tape"):
        retrieval.run(pace=FAST)
    assert retrieval.state is State.FAILED
    assert retrieval.words.startswith("failed: 1 of 1 data sets could not be retrieved")
    assert retrieval.error is not None
    retrieval.ask_again()
    assert retrieval.state is State.REQUESTED
    assert len(archive.jobs) == 2
    assert retrieval.run(pace=FAST).state is State.VERIFIED
    assert_whole(archive, pid, retrieval.folders[pid])


def test_one_of_two_data_sets_fails(psi: Site) -> None:
    good, bad = psi.add(), psi.add(datasetName="Spoilt tape")
    psi.service.robot.ask(bad, "fail")
    retrieval = retrieve([good, bad])
    with pytest.raises(errors.NotOnDisk, match=r"1 of 2 data sets .* Spoilt tape"):
        retrieval.run(pace=FAST)
    assert_whole(psi, good, retrieval.folders[good])
    psi.mark()
    retrieval.ask_again().run(pace=FAST)
    asked = psi.jobs[-1]["jobParams"]["datasetList"]
    assert [item["pid"] for item in asked] == [bad]
    assert retrieval.state is State.VERIFIED
    assert all(bad.rpartition("/")[2] in one.path for one in psi.tars_fetched)


def test_a_tar_that_is_missing_from_the_result_is_noticed(archive: Site) -> None:
    pid = archive.add(files=4, tars=2)
    archive.service.robot.ask(pid, "partial")
    retrieval = retrieve(pid)
    with pytest.raises(errors.NotOnDisk, match="2 are missing"):
        retrieval.run(pace=FAST)
    assert retrieval.state is State.FAILED


def test_retrievals_of_here_and_of_the_server(archive: Site, tmp_path: Path) -> None:
    old, new = archive.add(datasetName="old one"), archive.add(datasetName="new one")
    first = retrieve(old).run(pace=FAST)
    archive.service.robot.ask(new, "hold")
    archive.elsewhere(tmp_path / "other")
    second = retrieve(new)
    found = retrievals()
    assert [one.title for one in found] == ["new one", "old one"]
    assert [one.known_here for one in found] == [True, False]
    assert found[1].id == first.jobs[0]
    frame = retrievals_frame()
    assert list(frame["title"]) == ["new one", "old one"]
    assert frame["created"].dt.tz is not None
    assert retrievals(server=False) == [second]

    adopted = reattach(first.jobs[0])
    assert adopted.known_here
    assert adopted.run(pace=FAST).state is State.VERIFIED
    assert_whole(archive, old, adopted.folders[old])
    assert len(archive.jobs) == 2
    assert reattach(adopted.id) == adopted == reattach(first.jobs[0])
    with pytest.raises(errors.NotFound, match="no retrieval"):
        reattach("00000000-0000-4000-8000-000000000000")


def test_forgotten_retrievals_do_not_come_back(archive: Site) -> None:
    pid = archive.add()
    retrieval = retrieve(pid).run(pace=FAST)
    folder = retrieval.folders[pid]
    retrieval.forget()
    assert retrievals() == []
    assert_whole(archive, pid, folder)
    with pytest.raises(errors.NotFound):
        _ = retrieval.state
    assert reattach(retrieval_job(archive)).known_here  # who asks for it by name gets it
    assert len(retrievals()) == 1


def retrieval_job(archive: Site) -> str:
    return str(archive.jobs[0]["id"])


def test_what_the_server_does_not_answer_is_not_hidden(archive: Site) -> None:
    pid = archive.add()
    retrieve(pid)
    archive.facility.stop()
    with pytest.warns(errors.QueryTruncatedWarning, match="only the server knows"):
        found = retrievals()
    assert len(found) == 1


def test_pause_cancel_and_resume(archive: Site) -> None:
    pid = archive.add()
    archive.service.robot.ask(pid, "hold")
    retrieval = retrieve(pid)
    assert retrieval.pause().state is State.PAUSED
    assert "resume()" in retrieval.words
    job = jobs.runner().submit(
        lambda progress: retrieval.run(progress=progress, pace=FAST), title="retrieval"
    )
    until(lambda: retrieval.working)
    with pytest.raises(errors.Conflict, match="Another process"):
        retrieval.run(pace=FAST)
    with pytest.raises(errors.Conflict, match="still under way"):
        retrieval.ask_again()
    with pytest.raises(errors.Conflict, match="A process works"):
        retrieval.forget()
    assert retrieval.cancel().state is State.CANCELLED
    assert isinstance(job.error or until(lambda: job.error), errors.Cancelled)
    archive.service.robot.ask(pid, "normal")
    assert retrieval.run(pace=FAST).state is State.VERIFIED
    assert len(archive.jobs) == 1


def test_refresh_asks_the_server(archive: Site) -> None:
    pid = archive.add()
    archive.service.robot.ask(pid, "hold")
    retrieval = retrieve(pid)
    assert retrieval.refresh().state is State.QUEUED
    archive.service.robot.ask(pid, "normal")
    until(lambda: retrieval.refresh().state is State.READY)
    assert retrieval.words.startswith("ready until ")
    assert retrieval.expires is not None


def test_names_of_the_server_are_harmless(archive: Site) -> None:
    name = "x<script>alert(1)</script>\n\u202e../../etc"
    pid = archive.add(datasetName=name)
    retrieval = retrieve(pid).run(pace=FAST)
    shown = retrieval._repr_html_() + retrieve(pid, dry_run=True)._repr_html_()
    assert "<script" not in shown
    assert retrieval.title == "x<script>alert(1)</script> ../../etc"
    assert retrieval.folders[pid].parent == retrieval.folder


def test_sending_a_retrieval_needs_a_group(psi: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    del monkeypatch
    pid = psi.add(published=True)
    scicat.logout()
    psi.login("ben")  # not of the owners, but it is public
    retrieval = retrieve(pid)
    job = psi.jobs[0]
    assert job["type"] == "retrieve"
    assert job["ownerGroup"] == "p20003"
    assert retrieval.run(pace=FAST).state is State.VERIFIED


def test_what_could_be_checked_by_size_only_or_was_never_archived_is_said(archive: Site) -> None:
    pid = archive.add(names=["a.mrc", "b.mrc", "c.mrc"], sizes=[3000] * 3, datasetName="grid 3")
    (block,) = blocks_of(archive.service.store, "datablocks", pid)
    files = block["dataFileList"]
    bare = {name: value for name, value in files[1].items() if name != "chk"}
    changed = {**block, "dataFileList": [files[0], bare, files[2]]}
    archive.service.store.put("datablocks", block["_id"], changed)
    document = archive.service.store.get("datasets", pid)
    assert document is not None
    archive.service.store.put("datasets", pid, document | {"numberOfFiles": 5})
    retrieval = retrieve(pid).run(pace=FAST)
    assert retrieval.words == (
        "verified: 3 files, 9 kB, 1 of them by size only (no checksum in the archive)"
    )
    summary = (retrieval.folders[pid] / "retrieved.json").read_text(encoding="utf-8")
    assert json.loads(summary)["verified_by_size_only"] == 1
    assert retrieval.verify().by_size == 1
    assert retrieval.notes == (f"grid 3 ({pid}) lists 5 files, 3 of them are on tape.",)
