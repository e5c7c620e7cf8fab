"""Harvests that are killed, disturbed, or run out of disk: nothing is lost and nothing is wrong."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from openem_nb import http, statistics
from openem_nb.errors import (
    NotFound,
    OpenEMError,
    QueryTruncatedWarning,
)
from openem_nb.practice import Fault

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from openem_nb.practice import Facility


from _harvest_checks import assert_true

ZYGOTE = """
import os, sys
from pathlib import Path
from openem_nb.statistics import harvests
harvests.PORTION = 25
for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        harvests.harvest(path=Path(line.strip()))
        os._exit(0)
    print("started", flush=True)
    sys.stdin.readline()
    os.kill(pid, 9)  # ended or not, it is still there until it is waited for
    print(os.waitpid(pid, 0)[1], flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and SIGKILL")
def test_a_harvest_killed_at_any_point_goes_on(
    facility: Callable[..., Facility], tmp_path: Path
) -> None:
    own = facility(entries=500)
    reference = statistics.harvest(path=tmp_path / "whole.duckdb")
    needed = len(own.requests)
    chance = random.Random(4)
    # a process with everything loaded and nothing open, which forks one harvest for each kill
    with subprocess.Popen(
        [sys.executable, "-c", ZYGOTE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as zygote:
        assert zygote.stdin is not None
        assert zygote.stdout is not None
        killed = unfinished = 0
        for number in range(20):
            path = tmp_path / f"{number}.duckdb"
            # the last ones while the harvest writes its end
            point = chance.randint(1, needed) if number < 16 else needed
            start = len(own.requests)
            print(path, file=zygote.stdin, flush=True)
            assert zygote.stdout.readline() == "started\n"
            while len(own.requests) < start + point:
                time.sleep(0.0005)
            time.sleep(chance.random() * (0.02 if number < 16 else 0.1))
            print("kill", file=zygote.stdin, flush=True)
            killed += int(zygote.stdout.readline()) == signal.SIGKILL
            unfinished += not path.exists()
            if not path.exists():
                with pytest.raises(NotFound, match="no archive"):
                    statistics.archive(path)
            resumed = statistics.harvest(path=path)
            assert resumed.fingerprint == reference.fingerprint, (number, point)
            assert resumed.complete
            assert sum(resumed.emdb_statuses.values()) == len(own.truth.emdb)
        zygote.stdin.close()
        assert zygote.wait(120) == 0
    assert killed >= 15
    assert unfinished >= 12
    left = [item.name for item in tmp_path.iterdir() if "harvest" in item.name]
    assert left == []


def attempt(path: Path) -> statistics.HarvestReport | None:
    """Harvest; None where it ended with an error that says why."""
    try:
        return statistics.harvest(path=path)
    except (OpenEMError, QueryTruncatedWarning):
        return None


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 503},
        {"kind": "status", "status": 429, "retry_after": 0},
        {"kind": "hang"},
        {"kind": "cut"},
        {"kind": "garbage"},
        {"kind": "html"},
        {"kind": "wrong_json"},
    ],
    ids=lambda fault: f"{fault['kind']}-{fault.get('status', '')}".rstrip("-"),
)
def test_faults_give_the_same_or_a_clear_statement(
    fault: dict[str, object], facility: Callable[..., Facility], tmp_path: Path
) -> None:
    own = facility(entries=300)
    reference = statistics.harvest(path=tmp_path / "whole.duckdb").fingerprint
    hits = same = 0
    with http.using(http.Session(retries=3, backoff=0.01, timeout=(1.0, 0.4))):
        for seed in range(3):
            path = tmp_path / f"{seed}.duckdb"
            before = len(own.requests)
            own.add_fault(Fault(path="^/emdb/api", share=0.05, seed=seed, **fault))
            report = attempt(path)
            if report is None:
                assert not path.exists()
            else:
                assert (report.fingerprint == reference) == report.complete
                same += report.complete
                with statistics.archive(path) as archive:
                    result = statistics.swiss(own.truth.today, archive=archive)
                stated = " ".join(result.warnings)
                if not report.complete:
                    assert "could not be read" in stated or "Harvest:" in stated
            hits += sum(request.fault is not None for request in own.requests[before:])
            own.clear_faults()
            # whatever happened, the next harvest mends it
            assert statistics.harvest(path=path).fingerprint == reference
            assert_true(path, own)
    assert hits > 0
    assert same > 0


FULL = """
import resource, signal, sys
from pathlib import Path
from openem_nb.errors import CannotWrite
from openem_nb.statistics import harvests
harvests.PORTION = 25
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    harvests.harvest(path=Path(sys.argv[1]))
except CannotWrite as error:
    print(error.hint)
"""


@pytest.mark.skipif(os.name != "posix", reason="limits the size of a file")
@pytest.mark.parametrize("size", [2_000, 150_000, 700_000])
def test_a_full_disk_says_so_and_nothing_is_lost(
    size: int, practice: Facility, tmp_path: Path
) -> None:
    whole = statistics.harvest(path=tmp_path / "whole.duckdb")
    path = tmp_path / "a.duckdb"
    done = subprocess.run(
        [sys.executable, "-c", FULL, path, str(size)], stdout=subprocess.PIPE, text=True, check=True
    )
    assert "space" in done.stdout
    assert not path.exists()
    report = statistics.harvest(path=path)
    assert report.fingerprint == whole.fingerprint
    assert (report.emdb_fetched < whole.emdb_fetched) == (size > 2_000)
