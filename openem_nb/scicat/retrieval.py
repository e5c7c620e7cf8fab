"""One retrieval from tape: what was asked for, how far it is, and what can be done with it."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from openem_nb import settings
from openem_nb._processes import running_process
from openem_nb.errors import CannotWrite, Conflict, InvalidInput, OpenEMError
from openem_nb.jobs import ProgressState
from openem_nb.scicat import _again, _detached, _record
from openem_nb.scicat._delivery import commands
from openem_nb.scicat._ordering import Pace, place, refreshed
from openem_nb.scicat._record import Record, State
from openem_nb.scicat._tape_files import together
from openem_nb.scicat._words import table, words
from openem_nb.scicat._worker import Worker
from openem_nb.scicat.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openem_nb.jobs import Progress
    from openem_nb.scicat._tape_files import Checked

__all__ = ["Retrieval"]

_POLL: Final = 0.2
"""Seconds between two looks at a worker that somebody waits for."""
_MOMENT: Final = 5.0
"""Seconds for which whoever holds the record without working on it is waited for."""


class Retrieval:
    """One retrieval of data sets from tape.

    It is a view of a record in the state folder: every attribute is read when it is asked for, so
    that any process can follow it and take it up, also after a restart. Made by
    :func:`openem_nb.retrieve`, :func:`openem_nb.retrievals` and :func:`openem_nb.reattach`.

    Examples
    --------
    >>> retrieval = openem.retrieve("20.500.11935/1234")  # doctest: +SKIP
    >>> retrieval.start()  # it goes on without this notebook  # doctest: +SKIP
    >>> retrieval.words  # doctest: +SKIP
    'being read from tape since Mon 23 Nov 17:02'
    """

    def __init__(self, folder: Path, found: Record | None = None) -> None:
        self._folder = folder
        self._found = found  # what the server told of a job that has no record here yet

    # -- what it is --------------------------------------------------------------------------------

    @property
    def id(self) -> str:
        """By what :func:`openem_nb.reattach` finds it again."""
        return self._folder.name

    @property
    def pids(self) -> tuple[str, ...]:
        """The data sets."""
        return self._record.pids

    @property
    def title(self) -> str:
        """Name of the data set, and how many others."""
        return self._record.title

    @property
    def profile(self) -> str:
        """The instance, by the name of its profile."""
        return self._record.profile

    @property
    def jobs(self) -> tuple[str, ...]:
        """Ids of its jobs on the server."""
        return tuple(order.job for order in self._record.orders if order.job)

    @property
    def option(self) -> str | None:
        """Where the archive puts the files, where it leaves a choice: ``URLs``, ``PSI`` ..."""
        return self._record.option

    @property
    def folder(self) -> Path:
        """The folder with one folder for each data set."""
        return Path(self._record.folder)

    @property
    def folders(self) -> dict[str, Path]:
        """Where the files of each data set are, or will be."""
        record = self._record
        return {one.pid: Path(record.folder) / one.folder for one in record.wanted}

    @property
    def count(self) -> int:
        """Number of files."""
        return sum(one.count for one in self._record.wanted)

    @property
    def size(self) -> int:
        """Bytes of these files on disk."""
        return sum(one.size for one in self._record.wanted)

    @property
    def created(self) -> datetime:
        """When it was asked for."""
        return datetime.fromisoformat(self._record.created)

    @property
    def expires(self) -> datetime | None:
        """When what was read from tape is removed again; None while it is not known."""
        return self._record.expires

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know although it went well."""
        return self._record.notes

    @property
    def notice(self) -> str | None:
        """Text that must be shown with the data (practice data), None for real data."""
        return self._record.notice

    @property
    def log(self) -> Path:
        """What its worker wrote."""
        return self._folder / "log.txt"

    @property
    def known_here(self) -> bool:
        """Whether this machine has a record of it, or only the server tells of it."""
        return self._found is None

    # -- how far it is -----------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """Where it is in its life, as far as is known here; :meth:`refresh` asks the server."""
        return self._look()[1]

    @property
    def working(self) -> bool:
        """Whether a process works on it right now, here or on another machine."""
        record = self._record
        return self.known_here and _record.is_worked_on(self._folder, record)

    @property
    def words(self) -> str:
        """The state in words: ``ready until Mon 30 Nov 10:00``."""
        record, state = self._look()
        return words(record, state, self.progress(), self.commands)

    @property
    def error(self) -> OpenEMError | None:
        """What went wrong, None if nothing did."""
        error = self._record.error
        return None if error is None else OpenEMError(error[0], hint=error[1])

    def progress(self) -> ProgressState:
        """Return how far the download is, in bytes, with what is going on as message."""
        record, state = self._look()
        noted = _record.read_progress(self._folder) if self.known_here else None
        if state is State.VERIFIED:
            return ProgressState(self.size, self.size, "B", "Verified")
        if noted is None:
            done = sum(one.size for one in record.wanted if one.done)
            return ProgressState(done, self.size, "B", state.value)
        if not self.working:  # its rate and message are those of then
            return replace(noted, rate=None, message=state.value)
        return noted

    # -- what can be done with it ------------------------------------------------------------------

    def refresh(self) -> Retrieval:
        """Ask the server how far it is, unless a worker does so anyway.

        Raises
        ------
        NotLoggedIn
            If the server has to know who asks.
        Unreachable
            If it does not answer; what was known stays.
        """
        self._adopt()
        with self._held() as mine:
            record, state = self._look()
            if mine and state.at_server:
                here = Connection(settings.catalogue(record.profile))
                refreshed(here, record).write(self._folder)
        return self

    def run(self, *, progress: Progress | None = None, pace: Pace | None = None) -> Retrieval:
        """Wait for the tapes, fetch and verify the files, here and now; return when all is whole.

        It can be called again after whatever ended it, and goes on where it was. Files that an
        archive has put elsewhere (options ``PSI`` and ``PSI-RA``) are verified where they can be
        seen; otherwise the state is ``ready`` and :attr:`commands` tells how to copy them.

        Parameters
        ----------
        progress :
            Is told about bytes; its cancel pauses the retrieval.
        pace :
            How often the server is asked.

        Raises
        ------
        Conflict
            If another process works on it.
        NotOnDisk
            If the archive could not read some of it, or has removed it again since.
        OpenEMError
            Whatever else ended it; :attr:`error` says the same.
        """
        self._adopt()
        if self.state is not State.VERIFIED:
            self._clear()
            Worker(self._folder, progress, pace or Pace()).run()
        return self

    def start(self, *, pace: Pace | None = None) -> Retrieval:
        """Do what :meth:`run` does in a process of its own, and return at once.

        The process outlives this notebook, its kernel and the browser. There is at most one for a
        retrieval; if one works on it already, it goes on.
        """
        self._adopt()
        if self.state is State.VERIFIED:
            return self
        with self._held() as mine:
            if not mine:
                return self
            self._clear()
            _detached.launch(self._folder, pace)
            record = self._record
            state = record.state if record.state.at_server else State.REQUESTED
            record.becoming(state, worker=True).write(self._folder)
        return self

    def wait(self, timeout: float | None = None, *, progress: Progress | None = None) -> State:
        """Wait until the worker has ended, in whatever way, and return the state then.

        Parameters
        ----------
        timeout :
            Longest time to wait, in seconds.
        progress :
            Is told how far it is. Cancelling it ends the waiting, not the retrieval.

        Raises
        ------
        TimeoutError
            If it has not ended in time; it goes on.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while True:
            working = self.working
            if progress is not None:
                now = self.progress()
                progress.update(now.done, total=now.total, message=now.message, unit=now.unit)
            if not working:
                _detached.reap(self._folder)
                return self.state
            if end is not None and time.monotonic() >= end:
                raise TimeoutError(f"The retrieval {self.id} has not ended after {timeout} s.")
            if progress is not None:
                progress.wait(_POLL)
            else:
                time.sleep(_POLL)

    def pause(self) -> Retrieval:
        """Stop the worker; what has arrived stays, and :meth:`resume` goes on with it.

        The archive goes on reading from tape: a job on the server cannot be paused.
        """
        return self._stop("pause", State.PAUSED)

    def resume(self, *, pace: Pace | None = None) -> Retrieval:
        """Go on after a pause, an interruption or an error; the same as :meth:`start`."""
        return self.start(pace=pace)

    def cancel(self) -> Retrieval:
        """Give it up: nothing more is downloaded. The files that are here stay.

        Its jobs on the server go on, because nobody can cancel those; what they read from tape is
        removed there after some days.
        """
        return self._stop("cancel", State.CANCELLED)

    def forget(self) -> None:
        """Take it off the list of retrievals. The files that are here stay.

        Raises
        ------
        Conflict
            If a process works on it: pause or cancel it first.
        """
        jobs = self.jobs
        if self.known_here:
            with self._held() as mine:
                if not mine:
                    raise Conflict(
                        "A process works on this retrieval.", hint="Call .cancel() first."
                    )
                _detached.reap(self._folder)
                try:
                    shutil.rmtree(self._folder)
                except OSError as error:
                    raise CannotWrite(
                        f"{self._folder} cannot be removed: {error.strerror or error}."
                    ) from error
        _record.forget_jobs(jobs)

    def ask_again(self, *, pace: Pace | None = None) -> Retrieval:
        """Ask the archive once more for the data sets that are not here yet.

        For retrievals that have expired or failed, or were cancelled.

        Raises
        ------
        Conflict
            If it is still under way.
        NotOnDisk, NotAllowed, NotFound
            If one of the data sets cannot be retrieved now; nothing was asked then.
        """
        self._adopt()
        with self._held() as mine:
            record, state = self._look()
            if not mine or (state.open and not self._is_out_of_time(record)):
                raise Conflict(
                    f"This retrieval is still under way ({state}).",
                    hint="resume() goes on with it; cancel() gives it up.",
                )
            if all(one.done for one in record.wanted):
                return self
            if self._is_out_of_time(record):
                state = State.EXPIRED
            here = Connection(settings.catalogue(record.profile))
            record = _again.ordered_again(here, record, state).write(self._folder)
            place(here, self._folder, record, pace=pace or Pace())
        return self

    def verify(self, folder: Path | None = None, *, progress: Progress | None = None) -> Checked:
        """Compare the files with the checksums of the archive, every byte of them.

        For files that a person has copied (options ``PSI`` and ``PSI-RA``), and for whoever wants
        to be sure again years later. If all are whole, the state is ``verified``; files that have
        been verified and are not whole any more are missing from then on.

        Parameters
        ----------
        folder :
            Where the files are, for a retrieval of one data set; None for its own folder.

        Returns
        -------
        What was found; ``.whole`` says whether every file is as it was archived.
        """
        self._adopt()
        record = self._record
        if folder is not None and len(record.wanted) != 1:
            raise InvalidInput(
                "This retrieval has several data sets: one folder cannot hold them.",
                hint=f"Put each into its folder below {record.folder}.",
            )
        here = Connection(settings.catalogue(record.profile))
        results = _again.checked(here, record, folder and Path(folder), progress)
        with self._held() as mine:
            if mine and (folder is None or all(found.whole for found in results.values())):
                _again.after_check(self._record, results).write(self._folder)
        return together(results.values())

    @property
    def commands(self) -> tuple[str, ...]:
        """Shell commands that copy the files, where the archive puts them for people to fetch.

        They need an account at the facility, not the log-in of the catalogue.
        """
        return commands(self._record)

    def keep(self) -> Retrieval:
        """Make a record here of what only the server told of; nothing else happens."""
        self._adopt()
        return self

    def send(self, *, pace: Pace | None = None) -> Retrieval:
        """Make the jobs that the server may not have got; it is asked for them first.

        Only after a request whose answer got lost is there anything to do.

        Raises
        ------
        OpenEMError
            If the server does not take them, as for :func:`openem_nb.retrieve`.
        """
        with self._held() as mine:
            record, state = self._look()
            if mine and state is State.REQUESTED:
                here = Connection(settings.catalogue(record.profile))
                place(here, self._folder, record, pace=pace or Pace())
        return self

    # -- within ------------------------------------------------------------------------------------

    @property
    def _record(self) -> Record:
        return self._found or Record.read(self._folder)

    def _look(self) -> tuple[Record, State]:
        """Return the record, and the true state: the record of a killed worker says too much."""
        record = self._record
        state = record.state
        if self._found is None and record.worker and not self.working:
            record = self._record  # it may have ended between the two looks
            state = State.INTERRUPTED if record.worker else record.state
            _detached.reap(self._folder)
        return record, state

    def _adopt(self) -> None:
        """Make a record of a job that only the server told of."""
        if self._found is not None:
            folder = _record.new_folder(self.id)
            if not (folder / "record.json").exists():
                self._found.write(folder)
            self._folder, self._found = folder, None
            _record.remember_jobs(self.jobs)

    @contextlib.contextmanager
    def _held(self) -> Iterator[bool]:
        """Hold the record within the block; gives False if somebody works on the retrieval.

        Who has just stopped to work, or looks at it for a moment, is waited for.
        """
        end = time.monotonic() + _MOMENT
        while True:
            with _record.locked(self._folder) as mine:
                if mine or self.working or time.monotonic() >= end:
                    yield mine and not self.working
                    return
            time.sleep(_POLL / 4)

    def _clear(self) -> None:
        (self._folder / "ask").unlink(missing_ok=True)

    def _stop(self, what: str, state: State) -> Retrieval:
        self._adopt()
        if self.working:
            _record.ask(self._folder, what)
            process = running_process(self._folder)
            if process is not None and process.pid != os.getpid():
                process.terminate()
            end = time.monotonic() + _detached.LAST_STEPS
            while self.working and time.monotonic() < end:
                time.sleep(_POLL / 4)
        if not self.working:
            _detached.reap(self._folder)
        with self._held() as mine:
            record, now = self._look()
            if mine and now.open:
                record.becoming(state, worker=False).write(self._folder)
        return self

    @staticmethod
    def _is_out_of_time(record: Record) -> bool:
        expires = record.expires
        return expires is not None and expires <= datetime.now(expires.tzinfo)

    def __repr__(self) -> str:
        return f"Retrieval({self.id!r}, {self.title!r}: {self.words})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Retrieval) and other._folder == self._folder

    def __hash__(self) -> int:
        return hash(self._folder)

    def _repr_html_(self) -> str:
        record, state = self._look()
        commands = self.commands if state is not State.VERIFIED else ()
        bar = self.progress().html() if self.working else ""
        return table(record, self.words, commands) + bar
