"""Mining in jobs of a real Slurm, which the test starts and ends."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest
from _cluster_runs import in_threads, run
from _slurm import missing, slurm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")
pytestmark = pytest.mark.slurm

HANDS = 7
"""Files of a task with cheap measurements."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Run Slurm for all tests of this module."""
    if missing():
        pytest.skip(missing())
    with slurm(tmp_path_factory.mktemp("slurm")) as environment:
        yield environment


def test_jobs_find_what_threads_find(
    cluster: dict[str, str], session: Callable[[int], Path], tmp_path: Path
) -> None:
    folder = session(40)
    (folder / "bad.mrc").write_bytes(b"nothing")
    found = run("slurm", folder, tmp_path / "out", cluster)
    assert found["rows"] == in_threads(folder, tmp_path / "threads")
    assert len(found["problems"]) == 1
    assert 1 <= len(found["jobs"]) <= 2


def test_a_job_that_is_cancelled_costs_only_the_files_in_its_hands(
    cluster: dict[str, str], session: Callable[[int], Path], tmp_path: Path
) -> None:
    folder = session(120)
    found = run("cancelled_job", folder, tmp_path / "out", cluster)
    assert len(found["ended"]) == 1
    assert found["rows"] == in_threads(folder, tmp_path / "threads")
    assert found["problems"] == []
    twice = [name for name, count in Counter(found["measured"]).items() if count > 1]
    assert len(twice) <= 2 * HANDS
