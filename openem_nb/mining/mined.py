"""What mining has found: a table that may still grow, and its pictures."""

from __future__ import annotations

import html
import json
import threading
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from openem_nb._folders import path_of
from openem_nb.errors import DamagedFile, NotFound, OpenEMError
from openem_nb.mining.columns import chosen
from openem_nb.mining.parameters import arguments
from openem_nb.mining.store import Store
from openem_nb.values import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    import pandas as pd

    from openem_nb.jobs import Job
    from openem_nb.mining.files import ImageFile

__all__ = ["Mined", "open_mined"]

_NAMED = 5
"""Files with a problem that are told by name."""


class Mined:
    """The measurements of a folder, made by :func:`~openem_nb.mining.mine`.

    Everything can be asked for at any time, also while files are still being measured.
    """

    def __init__(self, store: Store, key: str, measures: Iterable[str]) -> None:
        self.store = store
        """The folder of the results, read and written."""
        self.key = key
        """Identifies the parameters: only rows that were measured with them are told."""
        self.measures = tuple(measures)
        """What was measured."""
        self.given: dict[str, Any] = {}
        """Arguments of ``mine`` that make the same table; without the usual ones."""
        self.job: Job[None] | None = None
        """The work in the background, where there is some."""
        self.notes: tuple[str, ...] = ()
        """What could not be looked into, in sentences."""
        self.files: int | None = None
        """How many files there are in all, as soon as that is known."""
        self._asked_for: Callable[[pd.DataFrame], pd.DataFrame] = lambda rows: rows
        self._listeners: list[Callable[[list[dict[str, Any]]], None]] = []
        self._lock = threading.Lock()

    @property
    def folder(self) -> Path:
        """Where table and pictures lie."""
        return self.store.folder

    @property
    def frame(self) -> pd.DataFrame:
        """One row for each file that was measured so far, by name.

        :data:`~openem_nb.mining.COLUMNS` says what is in it and in which unit. Files that have gone
        since, or that this run was not asked for, are not in it; :func:`open_mined` tells all.
        """
        return self._asked_for(self.store.frame(self.key))[chosen(self.measures)]

    def ask_for(self, files: Iterable[ImageFile]) -> None:
        """Tell from now on of these files only."""
        every = tuple(files)
        self.files = len(every)
        paths = {file.text for file in every if not file.source}
        images = {(file.source, file.name) for file in every if file.source}
        names = {name for _, name in images} if self.store.own else set()

        def asked_for(rows: pd.DataFrame) -> pd.DataFrame:
            columns = (rows[name] for name in ("path", "source", "name"))
            wanted = [
                path in paths or (source, name) in images or name in names
                for path, source, name in zip(*columns, strict=True)
            ]
            # of a list without a row pandas would take columns
            return rows.loc[np.array(wanted, bool)].reset_index(drop=True)

        self._asked_for = asked_for

    @property
    def problems(self) -> pd.DataFrame:
        """The files that could not be measured: ``name``, ``problem`` and ``path``."""
        found = self.frame
        failed = found[found["problem"].notna()]
        return failed[["name", "problem", "path"]].reset_index(drop=True)

    @property
    def running(self) -> bool:
        """Whether files are being measured in the background."""
        return self.job is not None and not self.job.done

    def wait(self, timeout: float | None = None) -> Mined:
        """Wait for the end of the work in the background, and raise what ended it.

        Raises
        ------
        TimeoutError
            If it has not ended after so many seconds.
        """
        if self.job is not None:
            self.job.result(timeout)
        return self

    def cancel(self) -> None:
        """Ask the work in the background to stop; what was measured is kept."""
        if self.job is not None:
            self.job.cancel()

    def subscribe(self, listener: Callable[[list[dict[str, Any]]], None]) -> Callable[[], None]:
        """Call ``listener(rows)`` with new rows as they come; return what ends that.

        It is called from the thread that writes them down, and has to be quick.
        """
        with self._lock:
            self._listeners.append(listener)

        def unsubscribe() -> None:
            with self._lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return unsubscribe

    def add(self, rows: Iterable[dict[str, Any]]) -> None:
        """Write rows down and tell everybody who listens."""
        known = self.store.add(rows)
        with self._lock:
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(known)

    def lost(self, file: ImageFile, error: BaseException) -> dict[str, Any]:
        """Return the row of a file whose workers ended, each in its turn."""
        return {
            "path": file.text,
            "source": file.source,
            "name": file.name,
            "bytes": file.size,
            "mtime": file.mtime,
            "parameters": self.key,
            "measured": time.time(),
            "problem": f"The worker that measured it ended: {type(error).__name__}: {error}",
            "problem_kind": type(error).__name__,
        }

    def picture(self, name: str) -> bytes:
        """Return a JPEG that the column ``thumbnail`` or ``spectrum`` names.

        Raises
        ------
        NotFound
            If it is not there.
        """
        return self.store.picture(name)

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def words(self) -> str:
        """How many files were measured, in a sentence or two."""
        found = self.frame
        failed = int(found["problem"].notna().sum())
        text = f"{counted(len(found) - failed, 'file')} measured"
        if self.files is not None and self.files > len(found):
            text += f" of {self.files:,}"
        if failed:
            text += f", {counted(failed, 'file')} could not be read"
        return " ".join([f"{text}.", *self.notes])

    def __repr__(self) -> str:
        return f"<Mined {self.words} {self.folder}>"

    def _repr_html_(self) -> str:
        problems = self.problems
        rows = [
            f"<li>{html.escape(name)}: {html.escape(problem)}</li>"
            for name, problem in problems[["name", "problem"]].head(_NAMED).itertuples(index=False)
        ]
        if len(problems) > _NAMED:
            rows.append(f"<li>and {len(problems) - _NAMED:,} more</li>")
        listed = f"<ul>{''.join(rows)}</ul>" if rows else ""
        return f"<p>{html.escape(self.words)}</p>{listed}"


def open_mined(folder: Path | str) -> Mined:
    """Open what was mined before, or is being mined by another process, to read it.

    Parameters
    ----------
    folder :
        The folder that was given as ``out``, or that ``Mined.folder`` told.

    Raises
    ------
    NotFound
        If nothing was mined into that folder.
    DamagedFile
        If what it says of its parameters cannot be read.
    """
    path = path_of(folder).absolute()
    try:
        told = json.loads((path / "mine.json").read_text(encoding="utf-8"))
        key, content = str(told["key"]), told["parameters"]
        found = Mined(Store(path), key, map(str, content["measures"]))
        found.given = arguments(content)
    except (FileNotFoundError, NotADirectoryError):
        raise NotFound(
            f"Nothing was mined into {path}.", hint="Give the folder that mine() wrote to."
        ) from None
    except OSError as error:
        raise OpenEMError(
            f"{path / 'mine.json'} cannot be read: {error.strerror or error}.",
            hint="Check the permissions and the network drive.",
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise DamagedFile(
            f"{path / 'mine.json'} is not what mine() writes: {error}.",
            hint="Mine the folder again: what was measured is kept.",
        ) from error
    return found
