"""A large retrieval that is killed, loses its server and its addresses: it ends whole."""

from __future__ import annotations

import contextlib
import os
import random
import re
import stat
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from _tapes import FAST, Site, assert_whole, site, until

from openem_nb import practice, settings, tokens
from openem_nb._processes import running_process
from openem_nb.practice.faults import Fault
from openem_nb.practice.scicat._store import blocks_of
from openem_nb.scicat.tape import Retrieval, State, reattach, retrieve

if TYPE_CHECKING:
    from pathlib import Path

    from openem_nb.practice import Facility
    from openem_nb.practice._answer import Answer, Question

TARS = 20
FILES = 100
SIZE = 20_000_000
INTERRUPTIONS = 10
CHUNK = 1 << 20


@dataclass
class Watch:
    """From which byte on each tar was asked for, in each life of the worker."""

    life: int = 0
    starts: dict[str, list[tuple[int, int]]] = field(default_factory=dict)

    def over(self, facility: Facility) -> None:
        answer = facility._objects.answer

        def watched(question: Question) -> Answer:
            found = answer(question)
            if found.status == 200 and question.method == "GET":
                asked = re.match(r"bytes=(\d+)-", question.headers.get("range", ""))
                key = question.raw_path.rpartition("/")[2]
                self.starts.setdefault(key, []).append((self.life, int(asked[1]) if asked else 0))
            return found

        facility._objects.answer = watched  # type: ignore[method-assign]

    def still_to_fetch(self, life: int, packed: dict[str, int]) -> int:
        """Return the bytes that a life of the worker, or a later one, went on to ask for."""
        total = 0
        for key, size in packed.items():
            later = [start for number, start in self.starts.get(key, ()) if number >= life]
            total += size - later[0] if later else 0
        return total

    def went_back(self) -> list[str]:
        """Return tars of which more than a chunk was asked for again within one life.

        The last request of a life that is being killed may be answered in the next one.
        """
        return [
            key
            for key, starts in self.starts.items()
            if any(
                life == other and again < place - CHUNK
                for (life, place), (other, again) in pairwise(starts)
            )
        ]


def on_disk(folder: Path) -> int:
    """Return the bytes of the data set's files, whole ones and parts."""
    total = 0
    for path in folder.rglob("*"):
        if path.suffix not in (".json", ".jsonl", ".journal"):
            with contextlib.suppress(FileNotFoundError):  # a part has just got its name
                found = path.stat()
                total += found.st_size if stat.S_ISREG(found.st_mode) else 0
    return total


def kill_at(retrieval: Retrieval, folder: Path, amount: int) -> int:
    """Kill the worker when so many bytes are here; return how many there were then."""

    def is_time() -> bool:
        return on_disk(folder) >= amount or not retrieval.working

    until(is_time, timeout=240)
    process = running_process(retrieval._folder)
    assert process is not None, retrieval.words
    process.kill()
    until(lambda: not retrieval.working, timeout=240)  # a full disk queue holds it up
    assert retrieval.state is State.INTERRUPTED
    return on_disk(folder)


@pytest.mark.timeout(1200)
def test_killed_ten_times_with_faults_restarts_and_expired_addresses(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    state = tmp_path / "facility.sqlite"
    watch = Watch()
    rng = random.Random(3)
    points = sorted(rng.uniform(0.02, 0.95) for _ in range(INTERRUPTIONS))
    total = FILES * SIZE
    waste: list[int] = []
    with ExitStack() as stack:
        one = stack.enter_context(site(monkeypatch, "practice", state=state))
        pid = one.add(files=FILES, size=SIZE, tars=TARS)
        blocks = blocks_of(one.service.store, "datablocks", pid)
        packed = {block["archiveId"].rpartition("/")[2]: block["packedSize"] for block in blocks}
        retrieval = retrieve(pid)
        folder = retrieval.folders[pid]
        here: list[int] = []
        for number, point in enumerate(points):
            if number in (0, 4):
                watch.over(one.facility)
            faults(one)
            if retrieval.state is State.EXPIRED:
                retrieval.ask_again()
            retrieval.start(pace=FAST)
            here.append(kill_at(retrieval, folder, int(point * total)))
            watch.life += 1
            retrieval = reattach(retrieval.id)  # as after the restart of a kernel
            if number == 3:  # the server comes back at another address
                one.facility.stop()
                monkeypatch.setenv("OPENEM_PRACTICE_URL", "http://127.0.0.1:9")
                other = practice.serve(entries=50, datasets=0, state=state, tape_seconds=0.05)
                one.facility = stack.enter_context(other)
                monkeypatch.setenv("OPENEM_PRACTICE_URL", one.facility.url)
            if number == 6:  # eight days later
                one.facility.clear_faults()
                one.facility.move_clock(8 * 86400)
                one.login()
                retrieval.start(pace=FAST)
                assert retrieval.wait(120) is State.EXPIRED, retrieval.words
                watch.life += 1
        faults(one)
        retrieval.start(pace=FAST)
        assert retrieval.wait(120) is State.VERIFIED, retrieval.log.read_text()[-2000:]
        one.facility.clear_faults()
        assert_whole(one, pid, folder)
        assert len(one.jobs) == 2  # the first, and the one after the addresses had expired
        for life, bytes_here in enumerate(here):
            life += 1 + (life > 6)
            waste.append(watch.still_to_fetch(life, packed) - (total - bytes_here))
    allowed = CHUNK + sum(packed.values()) - total
    assert max(waste) <= allowed, [f"{one:,}" for one in waste]
    assert watch.went_back() == []
    token = tokens.find("practice")
    assert token is not None
    log = retrieval.log.read_text(encoding="utf-8")
    assert "X-Amz" not in log
    assert token.reveal() not in log
    assert settings.folders().state in retrieval.log.parents
    assert os.environ["OPENEM_PROFILE"] == "practice"


def faults(one: Site) -> None:
    """Let five of a hundred requests go wrong."""
    one.facility.clear_faults()
    one.facility.add_fault(Fault("cut", path="/s3/", share=0.05, seed=1))
    one.facility.add_fault(Fault("status", path="/s3/", share=0.05, status=503, seed=2))
    one.facility.add_fault(Fault("status", path="/jobs/", share=0.05, status=502, seed=3))
