"""The command as a person uses it: a process with output and exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from openem_nb.errors import InvalidInput
from openem_nb.mining import open_mined, read_options

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def openem(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-m", "openem_nb", *map(str, arguments)],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )


def test_a_folder_is_mined_and_mined_again(session: Callable[[int], Path], tmp_path: Path) -> None:
    folder, out = session(3), tmp_path / "out"
    (folder / "\x1b[31mred.mrc").write_bytes(b"nothing")
    command = ["mine", folder, "-o", out, "--measure", "statistics", "--measure", "ctf"]
    done = openem(*command, "--csv", tmp_path / "table.csv")
    assert done.returncode == 0, done.stderr
    assert "3 files measured, 1 file could not be read." in done.stdout
    assert f"Table and pictures: {out}" in done.stdout
    assert "is no image" in done.stderr
    assert "\x1b[31m" not in done.stderr
    assert "left out of 3: ctf: voltage and Cs are not known." in done.stderr
    table = pd.read_csv(tmp_path / "table.csv")
    assert len(table) == 4
    assert table["mean"].notna().sum() == 3
    measured = open_mined(out).frame["measured"]
    assert openem(*command).returncode == 0
    assert open_mined(out).frame["measured"].equals(measured), "nothing is measured twice"


def test_what_is_wrong_is_told_with_what_to_do(
    session: Callable[[int], Path], tmp_path: Path
) -> None:
    done = openem("mine", tmp_path / "missing")
    assert done.returncode == 1
    assert "There is no folder" in done.stderr
    done = openem("mine", session(1), "--cluster", "nonsense")
    assert done.returncode == 1
    assert "Give --cluster local, slurm, or an address like tcp://" in done.stderr
    done = openem("mine", tmp_path / "session", "--pattern", "*.eer")
    assert "holds no file like *.eer" in done.stderr
    assert "--pattern '*.hdf5', in a notebook by -p pattern='*.hdf5'" in done.stderr


def test_options_of_a_cluster() -> None:
    given = ["queue=day", "walltime = 04:00:00", "cores=2", "job_extra=a=b"]
    assert read_options(given) == {
        "queue": "day",
        "walltime": "04:00:00",
        "cores": 2,
        "job_extra": "a=b",
    }
    for wrong in ("queue", "=day", "queue=", ""):
        with pytest.raises(InvalidInput, match="no option with a value"):
            read_options([wrong])
