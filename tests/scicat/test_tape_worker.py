"""Retrievals in a process of their own: they outlive kernels, crashes, log-ins and servers."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest
from _tapes import FAST, FLAVOURS, Site, assert_whole, contents, everything_written, site, until

from openem_nb import errors, jobs, practice, scicat, tokens
from openem_nb._processes import running_process
from openem_nb.scicat.tape import Retrieval, State, reattach, retrieve

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(params=FLAVOURS)
def archive(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with site(monkeypatch, request.param) as found:
        yield found


def worker_of(retrieval: Retrieval) -> psutil.Process:
    process = running_process(retrieval._folder)
    assert process is not None
    return process


def kill(retrieval: Retrieval) -> None:
    process = worker_of(retrieval)
    process.kill()
    until(lambda: not retrieval.working)


def test_a_worker_of_its_own(archive: Site) -> None:
    pid = archive.add(files=5, tars=2)
    archive.service.robot.ask(pid, "hold")
    retrieval = retrieve(pid).start(pace=FAST)
    process = worker_of(retrieval)
    assert os.getsid(process.pid) == process.pid != os.getsid(0)  # no terminal can end it
    assert retrieval.start(pace=FAST).working
    assert worker_of(retrieval).pid == process.pid
    with pytest.raises(errors.Conflict, match="Another process"):
        retrieval.run(pace=FAST)
    with pytest.raises(TimeoutError, match="has not ended"):
        retrieval.wait(0.05)
    archive.service.robot.ask(pid, "normal")
    assert retrieval.wait(120) is State.VERIFIED
    assert_whole(archive, pid, retrieval.folders[pid])
    assert stat.S_IMODE(retrieval.log.stat().st_mode) == 0o600
    token = tokens.find(archive.name)
    assert token is not None
    state = Path(os.environ["OPENEM_HOME"]) / "state"
    written = everything_written(state, Path(os.environ["OPENEM_DATA"]))
    assert token.reveal().encode() not in written
    assert b"X-Amz-Signature" not in written
    assert "verified" in retrieval.log.read_text(encoding="utf-8")


def test_a_killed_worker_is_taken_up_again(archive: Site) -> None:
    pid = archive.add()
    archive.service.robot.ask(pid, "hold")
    retrieval = retrieve(pid).start(pace=FAST)
    until(lambda: retrieval.state is State.QUEUED)
    kill(retrieval)
    assert retrieval.state is State.INTERRUPTED
    assert retrieval.words.startswith("interrupted; .resume() goes on")
    archive.service.robot.ask(pid, "normal")
    retrieval.resume(pace=FAST)
    assert retrieval.wait(120) is State.VERIFIED
    assert len(archive.jobs) == 1


def test_a_machine_that_shuts_down_leaves_it_interrupted(archive: Site) -> None:
    pid = archive.add()
    archive.service.robot.ask(pid, "hold")
    retrieval = retrieve(pid).start(pace=FAST)
    until(lambda: retrieval.state is State.QUEUED)
    os.kill(worker_of(retrieval).pid, signal.SIGTERM)
    until(lambda: not retrieval.working)
    assert retrieval.state is State.INTERRUPTED
    assert retrieval.pause().state is State.PAUSED


def test_pause_ends_the_worker(archive: Site) -> None:
    pid = archive.add()
    archive.service.robot.ask(pid, "hold")
    retrieval = retrieve(pid).start(pace=FAST)
    until(lambda: retrieval.state is State.QUEUED)
    process = worker_of(retrieval)
    assert retrieval.pause().state is State.PAUSED
    until(lambda: not process.is_running())
    archive.service.robot.ask(pid, "normal")
    assert retrieval.resume(pace=FAST).wait(120) is State.VERIFIED


def test_it_waits_for_a_log_in_and_goes_on(archive: Site) -> None:
    pid = archive.add()
    archive.service.robot.ask(pid, "hold")
    retrieval = retrieve(pid)
    tokens.save(archive.name, archive.service.users.token("ada", seconds=3))
    job = jobs.runner().submit(
        lambda progress: retrieval.run(progress=progress, pace=FAST), title="retrieval"
    )
    until(lambda: retrieval.state is State.WAITING)
    assert retrieval.words.startswith("waiting for log-in since ")
    archive.service.robot.ask(pid, "normal")
    scicat.logout()
    archive.login("ben")
    until(lambda: "ben is logged in, ada has asked" in retrieval.progress().message)
    for _ in range(3):  # it has looked again and again, and goes on to wait
        looked = (retrieval._folder / "record.json").stat().st_mtime_ns
        until(lambda: (retrieval._folder / "record.json").stat().st_mtime_ns != looked)  # noqa: B023
    assert retrieval.state is State.WAITING
    archive.login()
    job.result(120)
    assert retrieval.state is State.VERIFIED
    assert_whole(archive, pid, retrieval.folders[pid])


def test_a_server_that_is_away_for_a_while(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    state = tmp_path / "facility.sqlite"
    with site(monkeypatch, "practice", state=state, tape_seconds=0.2) as first:
        pid = first.add(files=6, tars=3)
        retrieval = retrieve(pid)
        facility = first.facility
        facility.stop()
        job = jobs.runner().submit(
            lambda progress: retrieval.run(progress=progress, pace=FAST), title="retrieval"
        )
        until(lambda: "Trying again" in retrieval.progress().message)
        assert retrieval.state.at_server
        other = practice.serve(entries=50, datasets=0, state=state, tape_seconds=0.2)
        with other as second:
            assert second.url != facility.url
            monkeypatch.setenv("OPENEM_PRACTICE_URL", second.url)
            job.result(120)
            first.facility = second
            assert_whole(first, pid, retrieval.folders[pid])
    assert retrieval.state is State.VERIFIED


KERNEL = """
import sys
from openem_nb import scicat
from openem_nb.scicat import tape
from openem_nb.tokens import Secret

scicat.login_with("ada", Secret("practice"))
hits = scicat.search(retrievable=True, published=True, sort="size")
pid = next(hits.pid[n] for n in range(len(hits)) if hits.size_[n] > 0)
""".replace("hits.size_[n]", 'hits["size"][n]')

RETRIEVE = """
retrieval = tape.retrieve(pid).start(pace=tape.Pace(first=0.1, longest=0.5))
print(retrieval.id)
"""


def test_the_practice_facility_of_a_kernel_ends_with_it_and_the_retrieval_does_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENEM_PROFILE", "practice")
    for name, value in (("ENTRIES", 50), ("DATASETS", 60), ("TAPE_SECONDS", 3)):
        monkeypatch.setenv(f"OPENEM_PRACTICE_{name}", str(value))
    kernel = subprocess.run(
        [sys.executable, "-c", KERNEL + RETRIEVE],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert kernel.returncode == 0, kernel.stderr
    retrieval = reattach(kernel.stdout.strip())  # needs no server
    assert retrieval.working
    assert retrieval.wait(120) is State.VERIFIED, retrieval.words
    assert contents(next(iter(retrieval.folders.values())))
    until(lambda: not psutil.pid_exists(int(_noted_pid(retrieval))))


def _noted_pid(retrieval: Retrieval) -> int:
    import json

    text = (retrieval._folder / "process.json").read_text(encoding="utf-8")
    return int(json.loads(text)["pid"])
