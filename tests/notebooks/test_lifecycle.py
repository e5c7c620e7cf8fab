"""A run from its start to each of its possible ends, in real processes."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import nbformat
import psutil
import pytest

from openem_nb import runs
from openem_nb.runs import RunState

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.notebook

ENOUGH = 400
"""Seconds that a small run may take on a busy machine."""


def until(condition: Callable[[], object], seconds: float = ENOUGH) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


ABOUT = """
import json, os, sys
from pathlib import Path
from ipykernel.connect import get_connection_info
about = {
    "executable": sys.executable,
    "folder": os.getcwd(),
    "transport": get_connection_info(unpack=True)["transport"],
    "types": [type(value).__name__ for value in (count, as_of, output, words)],
    "values": [count, str(as_of), str(output), words],
    "room": Path("../room").stat().st_size,
}
Path("about.json").write_text(json.dumps(about))
Path("summary.txt").write_text(f"{count} things")
"""

PARAMETERS = """
from datetime import date
from pathlib import Path

count: int = 1  # How many.
as_of: date | None = None  # The day.
output: Path = Path(".")  # Where to.
words: list[str] = []  # Some words.
"""

COUNTING = """
import time
from openem_nb import runs
progress = runs.progress()
for number in range(3):
    progress.update(number, total=3, message="Counting", unit="things")
    time.sleep(0.3)
"""

PICTURE = """
import io
from IPython.display import Image, display
from matplotlib.figure import Figure
stream = io.BytesIO()
Figure(figsize=(1, 1)).savefig(stream)
display(Image(stream.getvalue(), alt="A white square"))
"""


def test_a_run_does_its_work_and_can_be_done_again(
    notebook: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/proc/no/home/here")
    path = notebook(PARAMETERS, "## First", ABOUT, "## Second", COUNTING, "## Third", PICTURE)
    run = runs.start(path, {"count": "3", "as_of": "2024-11-12", "words": "it's\n{x}"})
    assert run.state in {RunState.QUEUED, RunState.RUNNING}
    path.unlink()  # the run has its own copy
    seen = set()
    while run.state.active:
        state = run.progress()
        seen.add((f"{state.message} {state.unit}", state.fraction))
        time.sleep(0.02)
    assert run.error is None
    assert run.state is RunState.DONE
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d{4}_try_[0-9a-f]{4}", run.id)

    about = json.loads((run.outputs / "about.json").read_text())
    assert about["executable"] == sys.executable
    assert about["folder"] == str(run.outputs)
    assert about["transport"] == "ipc"
    assert about["types"] == ["int", "date", "PosixPath", "list"]
    assert about["values"] == [3, "2024-11-12", ".", ["it's", "{x}"]]
    assert about["room"] > 10_000  # for the last word on a full disk
    assert not (run.folder / "room").exists()

    messages = {message for message, _ in seen}
    assert any(m.startswith("Second: Counting cells (1 of 3 things") for m in messages), messages
    fractions = [fraction for _, fraction in seen if fraction is not None]
    assert fractions
    assert max(fractions) <= 1
    assert run.progress().fraction == 1
    assert run.progress().message == "Finished"

    assert run.summary == "3 things"
    assert run.report == run.folder / "report.html"
    page = run.report.read_text()
    assert 'alt="A white square"' in page
    assert "import io" not in page
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page)
    executed = nbformat.read(run.notebook, as_version=4)
    assert str(run.folder) not in json.dumps(executed.metadata)
    assert not (run.outputs / "output.ipynb").exists()

    again = run.rerun()
    assert again.wait(ENOUGH) is RunState.DONE
    assert again.id != run.id
    assert (again.name, again.title, again.parameters) == (run.name, "A try", run.parameters)
    repeated = json.loads((again.outputs / "about.json").read_text())
    assert repeated["values"] == about["values"]
    assert set(runs.history()["id"]) == {run.id, again.id}
    assert runs.get(again.id).summary == "3 things"


def test_the_notebooks_own_report_is_the_report(notebook: Callable[..., Path]) -> None:
    run = runs.start(notebook("", 'open("report.html", "w").write("<p>mine</p>");'))
    assert run.wait(ENOUGH) is RunState.DONE
    assert run.report == run.outputs / "report.html"
    assert not (run.folder / "report.html").exists()


def test_a_failure_names_cell_error_and_hint(notebook: Callable[..., Path]) -> None:
    ours = """
from openem_nb.errors import InvalidInput
print("before")
raise InvalidInput("No grant names the country 'X'.", hint="Did you mean Y?")
"""
    path = notebook("count: int = 1  # How many.", "## Deep work", ours, "print('never')")
    run = runs.start(path)
    other = runs.start(notebook("", "import os", "os.kill(os.getpid(), 9)", name="dies"))

    assert run.wait(ENOUGH) is RunState.FAILED
    error = run.error
    assert error is not None
    assert "cell 4 (Deep work)" in str(error)
    assert "No grant names the country 'X'." in str(error)
    assert (error.cell, error.ename) == (4, "InvalidInput")
    assert error.evalue == "No grant names the country 'X'."
    assert error.hint == "Did you mean Y?"
    assert run.report is None
    assert run.progress().message == "Failed"
    assert 0 < (run.progress().fraction or 0) < 1
    text = run.notebook.read_text()
    assert "before" in text
    assert "never\\n" not in text

    assert other.wait(ENOUGH) is RunState.FAILED
    assert other.error is not None
    assert "kernel died in cell 4" in str(other.error)
    assert "memory" in other.error.hint


LONG = """
import os, subprocess, time
from pathlib import Path
child = subprocess.Popen(["sleep", "600"])
Path("pids.txt").write_text(f"{os.getpid()} {child.pid}")
Path("half.txt").write_text("half")
sum(range(10**12))  # deaf to signals
"""


def started_long(notebook: Callable[..., Path]) -> tuple[runs.Run, list[int]]:
    run = runs.start(notebook("", "print('kept')", "## Long work", LONG))
    until((run.outputs / "half.txt").exists)
    assert run.state is RunState.RUNNING
    assert run.progress().message == "Long work"
    return run, [int(pid) for pid in (run.outputs / "pids.txt").read_text().split()]


def test_cancel_ends_everything_and_keeps_what_is_there(notebook: Callable[..., Path]) -> None:
    run, pids = started_long(notebook)
    run.cancel()
    assert run.wait(ENOUGH) is RunState.CANCELLED
    until(lambda: all(map(gone, pids)))
    assert run.error is None
    assert run.report is None
    assert run.progress().message == "Cancelled"
    assert (run.outputs / "half.txt").read_text() == "half"
    assert "kept" in json.dumps(nbformat.read(run.notebook, as_version=4).cells)
    run.cancel()  # once more does no harm
    assert run.state is RunState.CANCELLED
    run.delete()
    assert runs.history().empty


def test_a_run_that_ends_leaves_no_process_of_its_notebook(notebook: Callable[..., Path]) -> None:
    code = """
import subprocess
child = subprocess.Popen(["sleep", "600"])
open("pid.txt", "w").write(str(child.pid))
"""
    run = runs.start(notebook("", code))
    assert run.wait(ENOUGH) is RunState.DONE
    pid = int((run.outputs / "pid.txt").read_text())
    until(lambda: gone(pid))


def test_a_run_that_is_cancelled_at_once_is_cancelled(notebook: Callable[..., Path]) -> None:
    run = runs.start(notebook("", "import time; time.sleep(600)"))
    run.cancel()
    assert run.wait(ENOUGH) is RunState.CANCELLED


def test_a_killed_run_is_lost_and_its_kernel_ends(notebook: Callable[..., Path]) -> None:
    # not deaf: a kernel whose run is gone notices it by itself between two instructions
    run = runs.start(
        notebook(
            "",
            "import os, time\nfrom pathlib import Path\n"
            "Path('pids.txt').write_text(str(os.getpid()))\ntime.sleep(600)",
        )
    )
    until(lambda: (run.outputs / "pids.txt").exists() and (run.outputs / "pids.txt").read_text())
    process = psutil.Process(json.loads((run.folder / "process.json").read_text())["pid"])
    process.kill()
    until(lambda: not run.state.active)
    assert run.state is RunState.LOST
    assert run.error is not None
    assert nbformat.read(run.notebook, as_version=4).cells
    until(lambda: gone(int((run.outputs / "pids.txt").read_text())))


STARTER = """
import sys, time
from openem_nb import runs
print(runs.start(sys.argv[1]).id, flush=True)
time.sleep(600)
"""


def test_a_run_survives_whoever_started_it(notebook: Callable[..., Path]) -> None:
    path = notebook("", "import time; time.sleep(1.5)", "open('done.txt', 'w').write('done');")
    starter = subprocess.Popen(
        [
            sys.executable,
            "-c",
            STARTER,
            str(path),
        ],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert starter.stdout is not None
    run = runs.get(starter.stdout.readline().strip())
    os.killpg(starter.pid, signal.SIGKILL)
    starter.communicate()
    assert run.wait(ENOUGH) is RunState.DONE
    assert (run.outputs / "done.txt").exists()


@pytest.mark.parametrize(("length", "transport"), [(10, "ipc"), (120, "tcp")])
def test_a_long_name_for_temporary_files_is_no_obstacle(
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    length: int,
    transport: str,
) -> None:
    import tempfile

    from openem_nb.runs.kernel import connection

    monkeypatch.setenv("IPYTHONDIR", "elsewhere")
    base = os.path.realpath("/tmp")
    with tempfile.TemporaryDirectory(dir=base, prefix="x" * length) as folder:
        monkeypatch.setattr(tempfile, "tempdir", folder)
        with connection() as config:
            assert config.KernelManager.transport == transport
            assert os.environ["IPYTHONDIR"].startswith(folder)
