"""One run of a notebook: a folder on disk and, while it lasts, a process of its own."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import psutil

from openem_nb.errors import CannotWrite, InvalidInput, RunFailed
from openem_nb.runs.cells import read_progress
from openem_nb.runs.record import Record, RunState, is_alive, running_process

if TYPE_CHECKING:
    from pathlib import Path

    from openem_nb.jobs import Progress, ProgressState

__all__ = ["Run"]

_POLL = 0.1
"""Seconds between two looks at a run that somebody waits for."""

_LAST_STEPS = 2.0
"""Seconds that a process may need to end after it has written the final state."""

_children: dict[Path, subprocess.Popen[bytes]] = {}
"""Run processes that this process started and that have not been reaped."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a notebook.

    It is a view of the run's folder: every attribute is read when it is asked for, so that any
    process can follow any run, also after a restart.

    Attributes
    ----------
    folder :
        The folder of the run; ``output.ipynb`` in it is the executed notebook.
    """

    folder: Path

    @property
    def id(self) -> str:
        """Name of the folder, for example ``2026-11-20T0912_swiss_statistics_a1b2``."""
        return self.folder.name

    @property
    def name(self) -> str:
        """Name of the notebook."""
        return self._record().name

    @property
    def title(self) -> str:
        """Heading of the notebook."""
        return self._record().title

    @property
    def parameters(self) -> dict[str, Any]:
        """All parameters of the run, as JSON can hold them (a date as text)."""
        return self._record().parameters

    @property
    def created(self) -> datetime:
        """When the run was asked for."""
        return datetime.fromisoformat(self._record().created)

    @property
    def started(self) -> datetime | None:
        """When its process began, None before."""
        return _time(self._record().started)

    @property
    def ended(self) -> datetime | None:
        """When it ended; None before, and where nobody knows."""
        return _time(self._record().ended)

    @property
    def state(self) -> RunState:
        """Where the run is in its life."""
        return self._look()[1]

    @property
    def outputs(self) -> Path:
        """The folder in which the notebook ran."""
        return self.folder / "outputs"

    @property
    def notebook(self) -> Path:
        """The executed notebook; it exists from the first cell on."""
        return self.folder / "output.ipynb"

    @property
    def log(self) -> Path:
        """What the processes of the run wrote."""
        return self.folder / "log.txt"

    @property
    def report(self) -> Path | None:
        """The report: the notebook's own, else the executed notebook as HTML; None before."""
        if self.state is not RunState.DONE:
            return None
        own, exported = self.outputs / "report.html", self.folder / "report.html"
        return next((path for path in (own, exported) if path.is_file()), None)

    @property
    def summary(self) -> str | None:
        """What the notebook wrote into ``outputs/summary.txt``, None if it did not."""
        path = self.outputs / "summary.txt"
        try:
            return path.read_text(encoding="utf-8", errors="replace").strip()
        except OSError:  # there is none, or no more
            return None

    @property
    def error(self) -> RunFailed | None:
        """Why the run failed or was lost, None otherwise."""
        record, state = self._look()
        if state is RunState.LOST:
            return RunFailed(
                "The process of the run is gone without a last word.",
                hint=f"It may have been killed or run out of memory; see {self.log}, then re-run.",
            )
        failure = record.failure
        if failure is None:
            return None
        return RunFailed(
            failure.message,
            cell=failure.cell,
            ename=failure.ename,
            evalue=failure.evalue,
            hint=failure.hint,
        )

    def progress(self) -> ProgressState:
        """Return how far the run is, in code cells, with the section that runs as message."""
        return read_progress(self.folder, *self._look())

    def cancel(self) -> None:
        """Ask the run to stop; what it has written stays.

        Returns at once; the state becomes ``cancelled`` within about two seconds. A run that has
        ended is left as it is.
        """
        if not self.state.active:
            return
        try:
            (self.folder / "cancel").touch()
        except OSError as error:
            raise CannotWrite(f"{self.folder} cannot be written: {error.strerror}.") from error
        process = running_process(self.folder)
        if process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
                process.terminate()

    def wait(self, timeout: float | None = None, *, progress: Progress | None = None) -> RunState:
        """Wait until the run has ended and return its final state.

        Parameters
        ----------
        timeout :
            Longest time to wait, in seconds.
        progress :
            Is told how far the run is. Cancelling it ends the waiting, not the run.

        Raises
        ------
        TimeoutError
            If the run has not ended in time; it goes on.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            state = self.state
            # the bar of a run that failed stays where it was; what went wrong is in `error`
            if progress is not None and (state.active or state is RunState.DONE):
                now = self.progress()
                progress.update(now.done, total=now.total, message=now.message, unit=now.unit)
            if not state.active:
                return state
            if end is not None and time.monotonic() >= end:
                raise TimeoutError(f"The run {self.id} has not ended after {timeout} s.")
            if progress is not None:
                progress.wait(_POLL)
            else:
                time.sleep(_POLL)

    def rerun(self) -> Run:
        """Start the same notebook, as it was then, with the same parameters again."""
        from openem_nb.runs.journal import restart

        return restart(self)

    def delete(self) -> None:
        """Remove the folder of the run with everything in it.

        Raises
        ------
        InvalidInput
            If the run has not ended.
        CannotWrite
            If something in the folder cannot be removed.
        """
        if self.state.active:
            raise InvalidInput(f"The run {self.id} has not ended.", hint="Cancel it first.")
        try:
            shutil.rmtree(self.folder)
        except OSError as error:
            raise CannotWrite(f"{self.folder} cannot be removed: {error.strerror}.") from error

    def _record(self) -> Record:
        return Record.read(self.folder)

    def _look(self) -> tuple[Record, RunState]:
        """Return the record, and the true state: the record of a killed process says too much."""
        record = self._record()
        state = record.state
        if state.active and not is_alive(self.folder):
            record = self._record()  # it may have ended between the two looks
            state = record.state
            if state.active:
                asked = (self.folder / "cancel").exists()
                state = RunState.CANCELLED if asked else RunState.LOST
        if not state.active:
            _reap(self.folder)
        return record, state


def _reap(folder: Path) -> None:
    """Take note of the end of a process that this one started, which else stays as a zombie."""
    child = _children.pop(folder, None)
    if child is not None:
        try:
            child.wait(_LAST_STEPS)
        except subprocess.TimeoutExpired:
            _children[folder] = child


def launch(run: Run, command: list[str], environment: dict[str, str]) -> int:
    """Start the process of a run, independent of this one, and return its number.

    A session of its own lets it survive the end of a notebook kernel or of a terminal.
    """
    with run.log.open("ab") as log:
        child = subprocess.Popen(  # noqa: S603  (our own module, no outside text)
            command,
            cwd=run.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[run.folder] = child
    return child.pid


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
