"""What jobs of Slurm are asked for: ours, where nobody has said otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from image_files import write_mrc

from openem_nb.errors import InvalidInput, Unreachable

if TYPE_CHECKING:
    from pathlib import Path

dask = pytest.importorskip("dask", reason="dask is not installed")
pytest.importorskip("dask_jobqueue", reason="dask-jobqueue is not installed")


@pytest.mark.parametrize(
    ("walltime", "seconds"),
    [("30", 1620), ("10:00", 540), ("01:00:00", 3240), ("2-00:00:00", 155_520), ("1-12", 116_640)],
)
def test_a_worker_ends_before_its_job(walltime: str, seconds: int) -> None:
    from openem_nb.mining._dask import _lifetime

    assert _lifetime(walltime)[:2] == ["--lifetime", f"{seconds}s"]


@pytest.mark.parametrize("walltime", ["UNLIMITED", "infinite", " Unlimited "])
def test_a_job_without_end_has_workers_without_one(walltime: str) -> None:
    from openem_nb.mining._dask import _lifetime

    assert _lifetime(walltime) == []


@pytest.mark.parametrize("walltime", ["1h", "60m", "", "1:2:3:4", "1-", "-1", "soon", "²"])
def test_a_time_that_slurm_does_not_read_is_refused(walltime: str) -> None:
    from openem_nb.mining._dask import _lifetime

    with pytest.raises(InvalidInput, match="no time that Slurm gives") as caught:
        _lifetime(walltime)
    assert "04:00:00" in caught.value.hint


def test_the_configuration_of_a_site_is_kept() -> None:
    from openem_nb.mining._dask import _defaults

    silent = _defaults()
    assert (silent["cores"], silent["processes"], silent["memory"]) == (1, 1, "4GB")
    site = {
        "jobqueue.slurm.memory": "16GB",
        "jobqueue.slurm.job-script-prologue": ["module load python"],
        "jobqueue.slurm.local-directory": "/scratch",
    }
    with dask.config.set(site):
        found = _defaults()
    assert found["memory"] == "16GB"
    assert found["job_script_prologue"] == ["module load python"]
    assert found["local_directory"] == "/scratch"


def test_a_text_is_one_line_of_a_list_and_is_not_taken_apart() -> None:
    from openem_nb.mining._dask import _of_slurm

    found = _of_slurm(
        {
            "job_script_prologue": "module load python",
            "job_extra_directives": "--partition=day",
            "worker_extra_args": "--no-dashboard",
            "scheduler_options": None,
        }
    )
    assert found["job_script_prologue"][-1] == "module load python"
    assert found["job_script_prologue"][0].startswith("export ")
    assert found["job_extra_directives"] == ["--partition=day"]
    assert found["worker_extra_args"][-1] == "--no-dashboard"
    assert found["worker_extra_args"][0] == "--lifetime"
    assert found["scheduler_options"] == {"dashboard_address": None}


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("echo 'sinfo: error: failed to fetch config' >&2; exit 1", "failed to fetch config"),
        (None, "There is no Slurm on this machine"),
    ],
)
def test_a_slurm_that_does_not_answer_is_told_at_once(
    program: str | None, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from openem_nb import mine

    if program is not None:
        (tmp_path / "sinfo").write_text(f"#!/bin/sh\n{program}\n")
        (tmp_path / "sinfo").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    write_mrc(tmp_path / "a.mrc", np.ones((8, 8), np.float32))
    with pytest.raises(Unreachable, match=words) as raised:
        mine(tmp_path, measures="statistics", cluster="slurm", out=tmp_path / "out")
    assert "sinfo" in raised.value.hint
