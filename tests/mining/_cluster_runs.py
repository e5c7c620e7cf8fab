"""Run the programs of ``_cluster.py`` and compare with what threads find."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from openem_nb.mining import mine

__all__ = ["in_threads", "run"]

PROGRAM = Path(__file__).with_name("_cluster.py")


def run(
    name: str, folder: Path, out: Path, environment: dict[str, str] | None = None
) -> dict[str, Any]:
    """Run a program in a process of its own and return what it tells."""
    done = subprocess.run(
        [sys.executable, str(PROGRAM), name, str(folder), str(out)],
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=400,  # half a minute on a quiet machine
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def in_threads(folder: Path, out: Path) -> list[dict[str, Any]]:
    """Return the rows that threads of this process find."""
    frame = mine(folder, measures=("thumbnail", "statistics"), out=out).frame
    rows: list[dict[str, Any]] = json.loads(
        frame.drop(columns=["measured", "seconds"]).to_json(orient="records")
    )
    return rows
