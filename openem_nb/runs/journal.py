"""All runs of this user: start one, find one, list them."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openem_nb._version import __version__
from openem_nb.errors import CannotWrite, NotFound, OpenEMError
from openem_nb.runs.catalogue import form
from openem_nb.runs.cells import VARIABLE
from openem_nb.runs.record import Record, now, register_process
from openem_nb.runs.run import Run, launch
from openem_nb.settings import folders

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from openem_nb.runs.parameters import Form

__all__ = ["get", "history", "restart", "start"]

_COLUMNS = (
    "id",
    "name",
    "title",
    "state",
    "created",
    "started",
    "ended",
    "seconds",
    "parameters",
    "summary",
    "report",
    "folder",
)

_FOLDER_VARIABLES = {"OPENEM_HOME", "OPENEM_DATA", "OPENEM_TOKEN_FILE"}

_log = logging.getLogger(__name__)


def start(name: str | Path, parameters: Mapping[str, object] | None = None) -> Run:
    """Start a notebook in a process of its own and return its run at once.

    Parameters
    ----------
    name :
        Name of a template (see :func:`templates`), or path of any notebook.
    parameters :
        Values by name, typed or as text; the others keep their defaults.

    Raises
    ------
    NotFound
        If there is no such notebook.
    InvalidInput
        If a parameter cannot be used; the message names each. Nothing has been started then.
    CannotWrite
        If the run folder cannot be made. Nothing is left behind then.

    Examples
    --------
    >>> from openem_nb import runs
    >>> run = runs.start("swiss_statistics", {"as_of": "2024-11-12"})  # doctest: +SKIP
    >>> run.wait()  # doctest: +SKIP
    <RunState.DONE: 'done'>
    """
    chosen = form(name)
    values = chosen.plain(chosen.read(parameters))
    return _start(chosen, chosen.name, str(chosen.path), values)


def restart(run: Run) -> Run:
    """Start the notebook that a run keeps a copy of, with the run's parameters."""
    record = Record.read(run.folder)
    chosen = form(run.folder / "notebook.ipynb")
    values = chosen.plain(chosen.read(record.parameters))
    return _start(chosen, record.name, record.source, values)


def _start(chosen: Form, name: str, source: str, values: dict[str, Any]) -> Run:
    run = Run(_new_folder(name))
    try:
        run.outputs.mkdir()
        shutil.copyfile(chosen.path, run.folder / "notebook.ipynb")
        Record(
            name=name,
            title=chosen.title,
            source=source,
            parameters=values,
            version=__version__,
            created=now(),
        ).write(run.folder)
        command = [sys.executable, "-m", "openem_nb.runs", str(run.folder)]
        register_process(run.folder, launch(run, command, _environment()))
    except OSError as error:
        shutil.rmtree(run.folder, ignore_errors=True)
        raise _cannot_write(error) from error
    return run


def _environment() -> dict[str, str]:
    """Return the environment of a run: this one, independent of the current folder."""
    environment = {key: value for key, value in os.environ.items() if key != VARIABLE}
    for name in _FOLDER_VARIABLES & environment.keys():
        environment[name] = str(Path(environment[name]).expanduser().absolute())
    return environment


def _new_folder(name: str) -> Path:
    time = datetime.now().astimezone().strftime("%Y-%m-%dT%H%M")
    while True:
        folder = folders().runs.absolute() / f"{time}_{name}_{secrets.token_hex(2)}"
        try:
            folder.mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise _cannot_write(error) from error
        return folder


def _cannot_write(error: OSError) -> CannotWrite:
    if isinstance(error, CannotWrite):
        return error
    return CannotWrite(
        f"The run cannot be prepared: {error.strerror or error}.",
        hint="Free some space, or set OPENEM_HOME to a folder where you may write.",
    )


def get(run_id: str) -> Run:
    """Return the run with this id.

    Raises
    ------
    NotFound
        If there is none; the hint lists the newest ones.
    """
    for run in (runs := _all()):
        if run.id == run_id:
            return run
    newest = ", ".join(run.id for run in runs[:5]) or "none yet"
    raise NotFound(f"There is no run {run_id!r}.", hint=f"Newest runs: {newest}.")


def history() -> pd.DataFrame:
    """Return all runs of this user, newest first.

    Columns: ``id``, ``name``, ``title``, ``state``, ``created``, ``started``, ``ended`` (UTC),
    ``seconds`` (NaN where nobody knows), ``parameters`` (dict), ``summary``, ``report`` and
    ``folder`` (Path).
    """
    import pandas as pd

    rows = []
    for run in _all():
        try:
            rows.append(
                (
                    run.id,
                    run.name,
                    run.title,
                    str(run.state),
                    run.created,
                    run.started,
                    run.ended,
                    run.progress().seconds if run.ended or run.state.active else None,
                    run.parameters,
                    run.summary,
                    run.report,
                    run.folder,
                )
            )
        except OpenEMError as error:  # damaged, or deleted by somebody just now
            _log.warning("%s", error)
    rows.sort(key=lambda row: row[4], reverse=True)
    # objects, so that what is missing stays None with every version of pandas
    frame = pd.DataFrame(rows, columns=list(_COLUMNS), dtype=object)
    frame["seconds"] = frame["seconds"].astype(float)
    for column in ("created", "started", "ended"):
        frame[column] = pd.to_datetime(frame[column], utc=True)
    return frame


def _all() -> list[Run]:
    """Return the runs, newest folder name first."""
    found = [Run(path.parent) for path in folders().runs.absolute().glob("*/run.json")]
    return sorted(found, key=lambda run: run.id, reverse=True)
