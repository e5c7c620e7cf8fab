"""What the process of a run loads before it starts: people wait for it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def test_the_process_of_a_run_loads_only_what_it_needs_to_start(tmp_path: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "openem_nb.runs", str(tmp_path / "none")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "FileNotFoundError" in ended.stderr  # it had loaded all that comes before its folder
    times = [line for line in ended.stderr.splitlines() if line.startswith("import time:")]
    loaded = {line.rpartition("|")[2].strip() for line in times}
    assert {"papermill", "jsonschema", "openem_nb.runs.execution"} <= loaded
    assert loaded.isdisjoint({"rfc3987_syntax.syntax_helpers", "nbconvert", "pandas"})
