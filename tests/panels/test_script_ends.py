"""A script with panels ends as it should, whatever its threads were doing."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from openem_nb import InspectPanel, mining
from openem_nb.practice import micrographs

if TYPE_CHECKING:
    from pathlib import Path

SCRIPTS = {
    "waits": "panel = openem.InspectPanel(folder)\npanel.wait()",
    "does not wait": "panel = openem.InspectPanel(folder)",
    "measures": "mined = openem.mine(folder, cs=2.7, out=folder + '-out', wait=False)",
}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home with a measured folder ``images``."""
    monkeypatch.setenv("OPENEM_HOME", str(tmp_path))
    folder = tmp_path / "images"
    micrographs.write_dataset(folder, 12)
    mining.mine(folder, measures="statistics", cs=2.7, voltage=300.0)
    return tmp_path


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_ends_well(script: str, home: Path) -> None:
    code = f"import openem_nb as openem\nfolder = {str(home / 'images')!r}\n{SCRIPTS[script]}\n"
    for _ in range(5):
        done = subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "OPENEM_HOME": str(home)},
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_wait_returns_when_what_it_shows_is_there(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[bool] = []
    refresh = InspectPanel._refresh

    def slow(panel: InspectPanel) -> bool:
        time.sleep(0.5)
        shown.append(refresh(panel))
        return False

    monkeypatch.setattr(InspectPanel, "_refresh", slow)
    panel = InspectPanel(home / "images")
    try:
        panel.wait()
        assert shown
        assert panel.frame is not None
        assert {"mean", "height"} <= set(panel.frame.dropna(axis="columns", how="any"))
    finally:
        panel.close()
