"""What is loaded before there is anything to see: people wait for it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def loaded(*arguments: str) -> tuple[set[str], str]:
    """Return the modules that a Python process has loaded, and what it wrote as its errors."""
    command = [sys.executable, "-X", "importtime", *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    times = [line for line in ended.stderr.splitlines() if line.startswith("import time:")]
    return {line.rpartition("|")[2].strip() for line in times}, ended.stderr


def test_the_process_of_a_run_loads_only_what_it_needs_to_start(tmp_path: Path) -> None:
    modules, errors = loaded("-m", "openem_nb.runs", str(tmp_path / "none"))
    assert "FileNotFoundError" in errors  # it had loaded all that comes before its folder
    assert {"papermill", "jsonschema", "openem_nb.runs.execution"} <= modules
    assert modules.isdisjoint({"rfc3987_syntax.syntax_helpers", "nbconvert", "pandas"})


def test_the_console_command_loads_what_its_subcommand_needs() -> None:
    modules, _ = loaded("-m", "openem_nb", "--version")
    assert "openem_nb.cli._app" in modules
    assert modules.isdisjoint({"numpy", "pandas", "requests", "IPython", "matplotlib"})
