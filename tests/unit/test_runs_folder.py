"""The passing folder of a run: private while the run lives, gone soon after it was killed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

import pytest

from openem_nb.runs.kernel import connection

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("fcntl", reason="other systems keep the folder")

RUN = """
import os
from openem_nb.runs.kernel import connection
with connection():
    print(os.environ["IPYTHONDIR"], flush=True)
    input()
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder for temporary files, which is the test's own."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setenv("IPYTHONDIR", "")  # connection() sets it
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def folders(place: Path) -> set[str]:
    return {str(one) for one in place.glob("openem-*")}


def test_the_folder_of_a_killed_run_goes_when_the_next_one_begins(place: Path) -> None:
    (place / "openem-other").mkdir()  # of something else
    with subprocess.Popen(
        [sys.executable, "-c", RUN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as killed:
        assert killed.stdout is not None
        folder = killed.stdout.readline().strip()
        with connection():
            assert folder in folders(place), "a run that lives keeps its folder"
            assert len(folders(place)) == 3
        killed.kill()
        killed.wait(120)
    assert folder in folders(place)
    with connection():
        assert folder not in folders(place)
    assert folders(place) == {str(place / "openem-other")}


def test_folders_of_runs_side_by_side_stay(place: Path) -> None:
    with connection():
        first = folders(place)
        with connection():
            assert first < folders(place)
        assert folders(place) == first
    assert folders(place) == set()
