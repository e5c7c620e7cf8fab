"""Mining on the workers of Dask: the same table, and a dead worker costs only what it held."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from typing import TYPE_CHECKING

import pytest
from _cluster_runs import in_threads, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytest.importorskip("distributed", reason="distributed is not installed")

HANDS = 7
"""Files of a task with cheap measurements."""


def test_processes_find_what_threads_find(session: Callable[[int], Path], tmp_path: Path) -> None:
    folder = session(20)
    (folder / "bad.mrc").write_bytes(b"nothing")
    found = run("local", folder, tmp_path / "out")
    assert found["rows"] == in_threads(folder, tmp_path / "threads")
    assert len(found["problems"]) == 1
    picture = found["rows"][3]["thumbnail"]
    here, there = (tmp_path / name / picture for name in ("out", "threads"))
    assert here.read_bytes() == there.read_bytes()


def test_a_scheduler_a_client_and_a_cluster_are_left_running(
    session: Callable[[int], Path], tmp_path: Path
) -> None:
    folder = session(5)
    found = run("address", folder, tmp_path / "out")
    assert found["rows"] == in_threads(folder, tmp_path / "threads")
    assert (found["alive"], found["after"]) == (7, 8)
    assert (found["client"], found["cluster"]) == (5, 5)


def test_a_killed_worker_costs_only_the_files_in_its_hands(
    session: Callable[[int], Path], tmp_path: Path
) -> None:
    folder = session(60)
    found = run("killed", folder, tmp_path / "out")
    assert found["dead"] == 1
    assert found["problems"] == []
    assert found["rows"] == in_threads(folder, tmp_path / "threads")
    twice = [name for name, count in Counter(found["measured"]).items() if count > 1]
    # one task in work, and one whose rows were measured but perhaps not fetched yet
    assert len(twice) <= 2 * HANDS
    assert len(found["measured"]) <= 60 + 2 * HANDS


def test_a_file_that_ends_its_workers_is_a_row_and_the_others_go_on(
    session: Callable[[int], Path], tmp_path: Path
) -> None:
    folder = session(12)
    (folder / "mic_005.mrc").rename(folder / "poison.mrc")
    found = run("poison", folder, tmp_path / "out")
    rows = {row["name"]: row for row in found["rows"]}
    assert len(rows) == 12
    assert "KilledWorker" in rows.pop("poison.mrc")["problem"]
    assert all(row["problem"] is None for row in rows.values())


def test_workers_keep_their_memory_and_one_thread(
    session: Callable[[int], Path], tmp_path: Path
) -> None:
    found = run("settled", session(1), tmp_path / "out")
    assert found["ours"]["threads"] == [1]
    assert found["ours"]["trim"] == str(1 << 30)
    if sys.platform.startswith("linux"):
        # 1 MiB are 256 pages, forty times
        assert found["before"]["faults"] > 5000, "what the settings of Dask cost"
        assert found["after"]["faults"] < 500
        assert found["ours"]["faults"] < 500
    assert found["after"]["threads"] == [1]
    assert found["left"] == [], "our own environment is as it was"


def test_nobody_answers(session: Callable[[int], Path], tmp_path: Path) -> None:
    found = run("nobody", session(1), tmp_path / "out")
    assert found["error"].startswith("Unreachable: No scheduler answers at tcp://127.0.0.1:9")


@pytest.mark.parametrize("how", ["gone", "dead"])
def test_a_scheduler_that_goes_away_loses_nothing_that_was_measured(
    how: str, session: Callable[[int], Path], tmp_path: Path
) -> None:
    folder = session(60)
    found = run(how, folder, tmp_path / "out")
    assert found["error"].startswith("Unreachable: ")
    assert 0 < found["kept"] < 60
    assert found["rows"] == in_threads(folder, tmp_path / "threads")


def test_a_script_without_a_guard_is_told_what_it_lacks(
    session: Callable[[int], Path], tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import openem_nb, sys\n"
        f"openem_nb.mine({str(session(1))!r}, measures='statistics', cluster='local', workers=1,\n"
        f"               out={str(tmp_path / 'out')!r})\n"
    )
    found = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=300)
    assert found.returncode == 1
    assert "InvalidInput: The workers cannot be started" in found.stderr
    assert "What to do: A script has to start them below a line `if __name__" in found.stderr
