"""Executes the notebook of a run folder and keeps the record; the work of the run's own process."""

from __future__ import annotations

import contextlib
import logging
import os
import re
import signal
import threading
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import papermill
from nbclient.exceptions import DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import Engine, NotebookExecutionManager, papermill_engines
from papermill.exceptions import PapermillExecutionError
from papermill.iorw import LocalHandler, papermill_io

from openem_nb.errors import Cancelled, OpenEMError
from openem_nb.runs.catalogue import form, injected_source
from openem_nb.runs.cells import VARIABLE, write_cells
from openem_nb.runs.kernel import RunKernel, connection
from openem_nb.runs.record import (
    SIGN_OF_LIFE_EVERY,
    Failure,
    Record,
    RunState,
    now,
    register_process,
    show_life,
)
from openem_nb.settings import write_whole

if TYPE_CHECKING:
    from types import FrameType

    from traitlets.config import Config

__all__ = ["main"]

_START_TIMEOUT = 120
"""Seconds for the kernel to start or to hand over output; a busy shared machine may need long."""
_ROOM = 1 << 15
"""Bytes set aside for the last word of a run, so that it can be said on a full disk too."""
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_HINT = "What to do: "  # the words with which an OpenEMError shows its hint in a notebook

_log = logging.getLogger(__name__)


class Execution:
    """One execution: where it is in the notebook, and how it is stopped from outside.

    Attributes
    ----------
    cell :
        Number of the cell that runs, counted from 1 in the notebook as its author wrote it.
    section :
        The heading above that cell.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.stopped = threading.Event()
        self.cell: int | None = None
        self.section = ""
        self._client: Any = None
        self._group: int | None = None
        self._sections: dict[str, str] = {}
        self._numbers: dict[str, int | None] = {}
        self._total = 0
        self._done = 0

    def prepare(self, notebook: Any, source: str) -> None:
        """Put the cell with the parameters into the notebook and learn its sections."""
        position = next(
            (
                index
                for index, cell in enumerate(notebook.cells)
                if "parameters" in cell.metadata.get("tags", [])
            ),
            -1,
        )
        injected = nbformat.v4.new_code_cell(  # type: ignore[no-untyped-call]  # untyped there
            source, metadata={"tags": ["injected-parameters"]}
        )
        section, number = "", 0
        for cell in notebook.cells:
            heading = _heading(cell)
            section, number = heading or section, number + 1
            self._sections[cell.id], self._numbers[cell.id] = section, number
        self._total = 1 + sum(cell.cell_type == "code" for cell in notebook.cells)
        self._sections[injected.id] = "Parameters"
        notebook.cells.insert(position + 1, injected)
        self._write()

    def follow(self, manager: NotebookExecutionManager, client: Any) -> None:
        """Count the cells that papermill executes."""
        self._client = client
        begin, end = manager.cell_start, manager.cell_complete

        def cell_start(cell: Any, cell_index: int | None = None, **more: Any) -> None:
            self.check()
            self._group = getattr(client.km.provisioner, "pgid", None)
            if cell.cell_type == "code":
                self.cell = self._numbers.get(cell.id)
                self.section = self._sections.get(cell.id, "")
                self._write()
            begin(cell, cell_index, **more)

        def cell_complete(cell: Any, cell_index: int | None = None, **more: Any) -> None:
            end(cell, cell_index, **more)
            self._done += cell.cell_type == "code"

        manager.cell_start, manager.cell_complete = cell_start, cell_complete

    def finish(self) -> None:
        """Count the last cell."""
        self._write()

    def stop(self, signum: int | None = None, frame: FrameType | None = None) -> None:
        """Stop for good: the kernel and what it has started are ended at once.

        A kernel inside a long computation would not listen to a polite request, and what a
        notebook writes is safe against a sudden end.
        """
        self.stopped.set()
        provisioner = getattr(getattr(self._client, "km", None), "provisioner", None)
        if provisioner is not None and provisioner.has_process:
            self._group = getattr(provisioner, "pgid", None)
        self.end_kernel()

    def end_kernel(self) -> None:
        """End the kernel, if it still runs, and whatever the notebook has started and left."""
        group, self._group = self._group, None
        if group:
            with contextlib.suppress(ProcessLookupError):  # all of it has ended already
                os.killpg(group, signal.SIGKILL)

    def check(self) -> None:
        """Raise ``Cancelled`` if the run was stopped."""
        if self.stopped.is_set():
            raise Cancelled("The run was cancelled.")

    def _write(self) -> None:
        write_cells(self.folder, done=self._done, total=self._total, section=self.section)


class _Engine(Engine):  # type: ignore[misc]  # papermill is untyped
    """Papermill's engine for runs; it tells the execution where it is."""

    @classmethod
    def execute_notebook(
        cls, nb: Any, kernel_name: str, *, execution: Execution, source: str, **more: Any
    ) -> Any:
        execution.prepare(nb, source)
        return super().execute_notebook(nb, kernel_name, execution=execution, **more)

    @classmethod
    def execute_managed_notebook(
        cls,
        nb_man: NotebookExecutionManager,
        kernel_name: str,
        *,
        execution: Execution,
        config: Config,
        **more: Any,
    ) -> None:
        client = PapermillNotebookClient(
            nb_man,
            kernel_name=kernel_name,
            kernel_manager_class=RunKernel,
            startup_timeout=_START_TIMEOUT,
            iopub_timeout=_START_TIMEOUT,
            timeout=None,
            config=config,
        )
        execution.follow(nb_man, client)
        execution.check()
        client.execute()


class _WholeFile(LocalHandler):  # type: ignore[misc]  # papermill is untyped
    """Saves the notebook whole or not at all; it is saved often and read meanwhile."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder

    def write(self, buf: str, path: str) -> None:
        write_whole(self._folder / path, buf)


def main(folder: Path) -> int:
    """Execute the run in ``folder``; return 0 if it went well, 1 otherwise."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s: %(message)s")
    folder = folder.absolute()
    os.chdir(folder)
    register_process(folder, os.getpid())
    execution = Execution(folder)
    signal.signal(signal.SIGTERM, execution.stop)
    room = folder / "room"
    room.write_bytes(os.urandom(_ROOM))  # zeros take no room on some file systems
    record = replace(Record.read(folder), state=RunState.RUNNING, started=now())
    record.write(folder)
    ended = threading.Event()
    life = threading.Thread(target=_live, args=(execution, ended), daemon=True)
    life.start()
    try:
        state, failure = _execute(execution, record)
    finally:
        ended.set()
        life.join()
        execution.end_kernel()
    _log.info("The run ended: %s", state)
    room.unlink(missing_ok=True)
    record.ending(state, failure).write(folder)
    return 0 if state is RunState.DONE else 1


def _live(execution: Execution, ended: threading.Event) -> None:
    """Give signs of life, and see whether another machine asks to stop."""
    cancel = execution.folder / "cancel"
    progress = execution.folder / "progress.json"
    while not ended.wait(SIGN_OF_LIFE_EVERY):
        try:
            if progress.exists():
                show_life(execution.folder)
        except OSError as error:  # a network disk may be away for a moment
            _log.warning("No sign of life: %s", error)
        if cancel.exists() and not execution.stopped.is_set():
            execution.stop()


def _execute(execution: Execution, record: Record) -> tuple[RunState, Failure | None]:
    try:
        _run_notebook(execution, record)
        if not (execution.folder / "outputs" / "report.html").is_file():
            from openem_nb.runs.report import export  # not needed before, and slow to load

            export(Path("output.ipynb"), Path("report.html"), title=record.title)
        execution.check()
    except Cancelled:
        return RunState.CANCELLED, None
    except Exception as error:  # noqa: BLE001  (whatever it is belongs into the record)
        if execution.stopped.is_set():  # the error is the end of the kernel that we brought about
            return RunState.CANCELLED, None
        _log.error("The run failed.", exc_info=error)
        return RunState.FAILED, _failure(error, execution)
    return RunState.DONE, None


def _run_notebook(execution: Execution, record: Record) -> None:
    notebook = Path("notebook.ipynb")
    values = form(notebook).read(record.parameters)
    os.environ[VARIABLE] = str(execution.folder)
    papermill_engines.register("openem", _Engine)
    papermill_io.register("output.ipynb", _WholeFile(execution.folder))
    execution.check()
    with connection() as config:
        # relative names, because papermill writes them into the notebook
        papermill.execute_notebook(
            str(notebook),
            "output.ipynb",
            engine_name="openem",
            kernel_name="python3",
            language="python",
            progress_bar=False,
            cwd="outputs",
            execution=execution,
            source=injected_source(values),
            config=config,
        )
    execution.finish()


def _failure(error: Exception, execution: Execution) -> Failure:
    where = f"in cell {execution.cell}" if execution.cell else "before the first cell"
    if execution.section:
        where += f" ({execution.section})"
    if isinstance(error, PapermillExecutionError):
        shown = [_COLOURS.sub("", line) for line in error.traceback]
        hint = next((line.removeprefix(_HINT) for line in shown if line.startswith(_HINT)), "")
        return Failure(
            message=f"The notebook failed {where}: {error.evalue or error.ename}",
            cell=execution.cell,
            ename=error.ename,
            evalue=error.evalue,
            hint=hint or "Open output.ipynb of the run: the traceback stands below that cell.",
        )
    if isinstance(error, DeadKernelError):
        return Failure(
            message=f"The kernel died {where}.",
            cell=execution.cell,
            ename=type(error).__name__,
            evalue=str(error),
            hint="It may have run out of memory; see log.txt of the run.",
        )
    hint = error.hint if isinstance(error, OpenEMError) else ""
    return Failure(
        message=f"The run failed {where}: {error}",
        ename=type(error).__name__,
        evalue=str(error),
        hint=hint or "See log.txt of the run.",
    )


def _heading(cell: Any) -> str:
    if cell.cell_type != "markdown":
        return ""
    headings = re.findall(r"^#+\s+(.+?)\s*#*$", cell.source, flags=re.MULTILINE)
    return str(headings[-1]) if headings else ""
