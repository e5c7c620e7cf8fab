"""What a run folder holds: the record of a run, its progress, and whether its process still lives.

::

    2026-11-20T0912_statistics_a1b2/
        run.json         what was asked, the state, times, the error
        process.json     which process does it
        progress.json    cells done; its time of change is the sign of life
        cell.json        how far the running cell is, if it says so
        cancel           somebody asked to stop
        room             space for the last word on a full disk, while it runs
        notebook.ipynb   copy of the notebook as it was started
        output.ipynb     the executed notebook, saved after each cell
        log.txt          what the processes wrote
        report.html      the report, if the notebook wrote none itself
        outputs/         working folder of the notebook

Every file is written whole or not at all, and each has one writer at a time, so that a reader
never meets half a file and a killed process leaves a folder that can be read.
"""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import psutil

from openem_nb.errors import BadAnswer, NotFound
from openem_nb.settings import write_whole

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Failure", "Record", "RunState", "is_alive", "now", "read_json", "register_process"]

SIGN_OF_LIFE_EVERY = 5.0
"""Seconds between two signs of life of a run."""
_SILENCE = 60.0
"""Seconds without a sign of life after which a run on another machine is taken for dead."""


class RunState(StrEnum):
    """Where a run is in its life; LOST means that its process is gone without a last word."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def active(self) -> bool:
        """Whether the run may still change."""
        return self in {RunState.QUEUED, RunState.RUNNING}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a run failed; the fields are those of :class:`~openem_nb.errors.RunFailed`."""

    message: str
    cell: int | None = None
    ename: str = ""
    evalue: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """The content of ``run.json``.

    Attributes
    ----------
    name, title :
        Name and heading of the notebook.
    source :
        Where the notebook was copied from.
    parameters :
        All parameters of the run, as JSON can hold them.
    version, python :
        Versions of the package and of Python that run it.
    created, started, ended :
        Times in ISO 8601, UTC; None while it has not come to that.
    """

    name: str
    title: str
    source: str
    parameters: dict[str, Any]
    version: str
    created: str
    python: str = field(default_factory=platform.python_version)
    state: RunState = RunState.QUEUED
    started: str | None = None
    ended: str | None = None
    failure: Failure | None = None

    @classmethod
    def read(cls, folder: Path) -> Record:
        """Return the record of a run folder.

        Raises
        ------
        NotFound
            If there is none, or no more.
        BadAnswer
            If it is damaged.
        """
        data = read_json(folder / "run.json")
        if data is None:
            raise NotFound(f"There is no run {folder.name!r}.", hint="It may have been deleted.")
        try:
            failure = data.pop("failure", None)
            state = RunState(data.pop("state"))
            record = cls(**data, state=state, failure=Failure(**failure) if failure else None)
            for moment in (record.created, record.started or now(), record.ended or now()):
                datetime.fromisoformat(moment)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise BadAnswer(
                f"{folder / 'run.json'} is not the record of a run: {error}.",
                hint="Remove the folder; its outputs are files of their own.",
            ) from error
        return record

    def write(self, folder: Path) -> None:
        """Write the record into a run folder."""
        write_whole(folder / "run.json", json.dumps(asdict(self), indent=1) + "\n")

    def ending(self, state: RunState, failure: Failure | None = None) -> Record:
        """Return the record of the same run in a final state."""
        return replace(self, state=state, ended=now(), failure=failure)


def now() -> str:
    """Return the present time in ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def read_json(path: Path) -> Any:
    """Return the content of a JSON file, None if there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise BadAnswer(f"{path} is damaged: {error}.") from error


def register_process(folder: Path, pid: int) -> None:
    """Note which process does the run.

    The number alone would not do: the system gives it to another process one day. Number, start
    time and machine together are unique.
    """
    try:
        born = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:  # it was very short; no process will match
        born = 0.0
    data = {"pid": pid, "born": born, "machine": platform.node()}
    write_whole(folder / "process.json", json.dumps(data) + "\n")


def _process(folder: Path) -> dict[str, Any] | None:
    """Return what :func:`register_process` noted."""
    path = folder / "process.json"
    data = read_json(path)
    kinds = {"pid": int, "born": float, "machine": str}
    whole = isinstance(data, dict) and all(isinstance(data.get(k), t) for k, t in kinds.items())
    if data is not None and not whole:
        raise BadAnswer(f"{path} does not name a process.", hint="Remove the folder of the run.")
    return data  # type: ignore[no-any-return]  # checked above


def running_process(folder: Path) -> psutil.Process | None:
    """Return the process of a run if it lives on this machine."""
    data = _process(folder)
    if data is None or data["machine"] != platform.node():
        return None
    try:
        process = psutil.Process(data["pid"])
        same = abs(process.create_time() - data["born"]) < 1.0
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


def is_alive(folder: Path) -> bool:
    """Return whether the process of a run lives.

    On another machine that shares the folder (a second node, or a container before it was
    replaced) the process cannot be seen; there the sign of life decides. The same holds for the
    moment between starting a process and noting its number.
    """
    data = _process(folder)
    if data is not None and data["machine"] == platform.node():
        return running_process(folder) is not None
    for name in ("progress.json", "run.json"):
        try:
            return time.time() - (folder / name).stat().st_mtime < _SILENCE
        except FileNotFoundError:
            continue
    return False


def show_life(folder: Path) -> None:
    """Give a sign of life."""
    os.utime(folder / "progress.json")
