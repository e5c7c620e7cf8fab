"""A process that is killed while it mines loses the files in its hands, and no others."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING, Any

from openem_nb.mining import measure as measuring
from openem_nb.mining import mine, open_mined

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

PROGRAM = textwrap.dedent(
    """
    import json, sys, threading
    from openem_nb.mining import measure as measuring, mine

    real, hold = measuring.measure, threading.Event()

    def measure(file, *more):
        if file.name >= "mic_020.mrc":
            hold.wait()  # in work for ever
        return real(file, *more)

    measuring.measure = measure
    told = 0

    def rows(new):
        global told
        told += len(new)
        sys.stdout.write(json.dumps([told, [row["name"] for row in new]]) + "\\n")
        sys.stdout.flush()

    mine(sys.argv[1], measures="statistics", workers=2, out=sys.argv[2], on_rows=rows)
    """
)


def test_killed_in_the_middle(
    session: Callable[[int], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, out = session(40), tmp_path / "out"
    command = [sys.executable, "-c", PROGRAM, str(folder), str(out)]
    told: set[str] = set()
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            count, names = json.loads(line)
            told |= set(names)
            if count >= 14:
                break
        process.send_signal(signal.SIGKILL)
        for line in process.stdout:
            told |= set(json.loads(line)[1])
    assert process.returncode == -signal.SIGKILL
    kept = open_mined(out).frame
    assert told <= set(kept["name"]), "whatever was told is kept"
    assert 14 <= len(kept) < 40

    seen: list[str] = []
    real = measuring.measure

    def measure(file: Any, *more: Any) -> dict[str, Any]:
        seen.append(file.name)
        return real(file, *more)

    monkeypatch.setattr(measuring, "measure", measure)
    mined = mine(folder, measures="statistics", out=out)
    assert set(seen) == {path.name for path in folder.iterdir()} - set(kept["name"])
    assert len(seen) == len(set(seen))
    whole = mine(folder, measures="statistics", out=tmp_path / "other").frame
    times = ["measured", "seconds"]
    assert mined.frame.drop(columns=times).equals(whole.drop(columns=times))
