"""What jobs of Slurm are asked for: ours, where nobody has said otherwise."""

from __future__ import annotations

import pytest

from openem_nb.errors import InvalidInput

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
