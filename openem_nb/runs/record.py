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
import platform
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from openem_nb import _processes
from openem_nb._processes import read_json, register_process, running_process
from openem_nb.errors import BadAnswer, NotFound
from openem_nb.settings import write_whole

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "Failure",
    "Record",
    "RunState",
    "is_alive",
    "now",
    "read_json",
    "register_process",
    "running_process",
    "show_life",
]

SIGN_OF_LIFE_EVERY = 5.0
"""Seconds between two signs of life of a run."""


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


def is_alive(folder: Path) -> bool:
    """Return whether the process of a run lives."""
    return _processes.is_alive(folder, "progress.json", "run.json")


def show_life(folder: Path) -> None:
    """Give a sign of life."""
    _processes.show_life(folder / "progress.json")
