"""How far a run is: cells done, and inside the running cell what its work reports.

Two processes write: the one that executes the notebook counts cells (``progress.json``), and the
notebook itself may report on a long cell through :func:`progress` (``cell.json``).
"""

from __future__ import annotations

import json
import logging
import os
import time
from datetime import UTC, datetime
from pathlib import Path

from openem_nb.errors import CannotWrite
from openem_nb.jobs import Progress, ProgressState
from openem_nb.runs.record import Record, RunState, read_json
from openem_nb.settings import write_whole

__all__ = ["VARIABLE", "progress", "read_progress", "write_cells"]

VARIABLE = "OPENEM_RUN"
"""Environment variable that tells a notebook the folder of its run."""

_log = logging.getLogger(__name__)

_WORDS = {
    RunState.QUEUED: "Waiting to start",
    RunState.DONE: "Finished",
    RunState.FAILED: "Failed",
    RunState.CANCELLED: "Cancelled",
    RunState.LOST: "The process of the run is gone",
}


def progress() -> Progress:
    """Return a progress that shows in the run, for a notebook to pass on to long work.

    Outside a run, for example where the notebook is worked through by hand, it is a plain
    progress that shows nowhere.

    Examples
    --------
    >>> from openem_nb import runs, statistics
    >>> statistics.harvest(progress=runs.progress())  # doctest: +SKIP
    """
    result = Progress()
    if os.environ.get(VARIABLE):
        path = Path(os.environ[VARIABLE]) / "cell.json"
        result.subscribe(lambda state: _write_cell(path, state))
    return result


def _write_cell(path: Path, state: ProgressState) -> None:
    data = {
        "done": state.done,
        "total": state.total,
        "unit": state.unit,
        "message": state.message,
        "time": time.time(),
    }
    try:
        write_whole(path, json.dumps(data))
    except CannotWrite:  # work must not fail for want of a progress display
        _log.debug("progress not written", exc_info=True)


def write_cells(folder: Path, *, done: int, total: int, section: str) -> None:
    """Write how many code cells are done and the heading of the section that runs now."""
    data = {"done": done, "total": total, "section": section, "time": time.time()}
    write_whole(folder / "progress.json", json.dumps(data))


def read_progress(folder: Path, record: Record, state: RunState) -> ProgressState:
    """Return how far a run is, in code cells; a cell that reports counts by its part.

    The message names the section and the stage of the work in it. Amounts stand beside the count
    of cells and not in the message, so that a message is a stage and a log shows each once.
    """
    cells = read_json(folder / "progress.json") or {}
    done, total = float(cells.get("done", 0)), cells.get("total")
    message, unit = _WORDS.get(state, cells.get("section") or "Starting"), "cells"
    if state is RunState.RUNNING and cells:
        cell = read_json(folder / "cell.json")
        if cell is not None and cell["time"] >= cells["time"]:
            inner = ProgressState(cell["done"], cell["total"], cell["unit"], cell["message"])
            message = ": ".join(text for text in (message, inner.message) if text)
            unit = f"cells ({inner.text})" if inner.text else unit
            done += inner.fraction or 0.0
    return ProgressState(
        done=done,
        total=total,
        unit=unit,
        message=message,
        seconds=_seconds(record, state),
    )


def _seconds(record: Record, state: RunState) -> float:
    if record.started is None:
        return 0.0
    if record.ended is not None:
        end = datetime.fromisoformat(record.ended)
    elif state.active:
        end = datetime.now(UTC)
    else:  # lost: nobody knows when
        return 0.0
    return (end - datetime.fromisoformat(record.started)).total_seconds()
