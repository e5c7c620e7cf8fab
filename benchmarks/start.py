"""What a person waits for at the start: a console command, and a run of a notebook of one line.

- ours: ``openem --version``, and ``runs.start(notebook).wait()`` with a notebook of one line, which
  has its form, its record and its report;
- the peer: the command ``papermill`` with the same notebook, which has neither form nor report;
- the limit: Python that does nothing, and a kernel that is started, runs that line, and is ended by
  a process that has loaded all it needs before.

All take turns in ``--rounds`` rounds; the best time and the median count, and the best processor
time of all processes that take part. Run it with ``python -m benchmarks.start [--rounds N]``.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
from jupyter_client.manager import start_new_kernel

from openem_nb import runs
from openem_nb.runs import RunState

if TYPE_CHECKING:
    from collections.abc import Callable


def write_notebook(path: Path) -> None:
    """Write a notebook with one parameter and one line."""
    v4 = nbformat.v4
    cells = [
        v4.new_markdown_cell("# A try"),  # type: ignore[no-untyped-call]  # untyped there
        v4.new_code_cell(  # type: ignore[no-untyped-call]
            "n: int = 1  # How many.", metadata={"tags": ["parameters"]}
        ),
        v4.new_code_cell("print(n)"),  # type: ignore[no-untyped-call]
    ]
    kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python"}}
    notebook = v4.new_notebook(cells=cells, metadata=kernel)  # type: ignore[no-untyped-call]
    nbformat.write(notebook, path)  # type: ignore[no-untyped-call]


def call(*arguments: str | Path) -> None:
    """Run a Python process to its end."""
    subprocess.run([sys.executable, *arguments], capture_output=True, check=True)


def run(notebook: Path) -> None:
    """Run a notebook as ``openem run`` does."""
    state = runs.start(notebook, {"n": "2"}).wait(120)
    assert state is RunState.DONE, state


def kernel() -> None:
    """Start a kernel, run one line in it, end it."""
    manager, client = start_new_kernel()
    try:
        client.execute_interactive("print(2)", output_hook=lambda _: None)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def processor_seconds() -> float:
    """Return the processor time of this process and of all that it waited for."""
    used = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    rounds: int = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        os.environ.update(OPENEM_HOME=str(home), OPENEM_DATA=str(home / "data"))
        notebook = home / "try.ipynb"
        write_notebook(notebook)
        contestants: dict[str, Callable[[], None]] = {
            "Python that does nothing": lambda: call("-c", "pass"),
            "openem --version": lambda: call("-m", "openem_nb", "--version"),
            "a kernel and one line": kernel,
            "a run of a notebook": lambda: run(notebook),
            "papermill": lambda: call("-m", "papermill", notebook, home / "out.ipynb"),
        }
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in contestants}
        for number in range(rounds + 1):
            for name, work in contestants.items():
                begin, used = time.perf_counter(), processor_seconds()
                work()
                took = time.perf_counter() - begin, processor_seconds() - used
                if number:  # in the first round modules are compiled
                    found[name].append(took)
    for name, times in found.items():
        best, middle = min(t for t, _ in times), statistics.median(t for t, _ in times)
        least = min(used for _, used in times)
        print(f"{name:26} best {best:5.2f} s  median {middle:5.2f} s  processor {least:5.2f} s")


if __name__ == "__main__":
    main()
