"""The work of a retrieval: make the jobs, wait for the tapes, fetch and verify the files.

Everything in it can be done again: whoever takes a retrieval up, after whatever ended the last
worker, goes on where that one was. What is known is in the record and on disk, nothing else counts.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from openem_nb import settings
from openem_nb._processes import register_process, show_life
from openem_nb.errors import (
    BadAnswer,
    Cancelled,
    ChecksumMismatch,
    Conflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    NotLoggedIn,
    NotOnDisk,
    OpenEMError,
    RateLimited,
    Unreachable,
)
from openem_nb.jobs import Progress
from openem_nb.scicat import _delivery, _record
from openem_nb.scicat._ordering import PLACES, LinksExpired, Pace, look_at, place, seen
from openem_nb.scicat._record import Order, Record, State, Wanted
from openem_nb.scicat._tape_files import Checked, Tape, check_files, tape_of
from openem_nb.scicat.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openem_nb.jobs import ProgressState
    from openem_nb.scicat._tape_jobs import Link

__all__ = ["Worker"]

_GLANCE: Final = 0.2
"""Seconds between two looks at whether somebody asked to stop."""
_NOTED: Final = 0.5
"""Seconds between two notes of how far it is."""
_ALIVE: Final = 5.0
"""Seconds between two signs of life."""
_BAD_ANSWERS: Final = 10
"""Answers in a row that cannot be read, after which somebody has to look at it."""
_HOPELESS: Final = (BadAnswer, ChecksumMismatch, InvalidInput, NotAllowed, NotFound)
"""What is wrong with one data set and would be again; the others can still come."""

_log = logging.getLogger(__name__)


class Worker:
    """One worker on one retrieval.

    Parameters
    ----------
    folder :
        The folder of the record.
    progress :
        Is told how far it is; its cancel pauses the work.
    pace :
        How often the server is asked.
    detached :
        Whether it is a process for this work alone: who ends that has not asked for a pause.
    """

    def __init__(
        self, folder: Path, progress: Progress | None, pace: Pace, *, detached: bool = False
    ) -> None:
        self.folder = folder
        self.progress = progress or Progress()
        self.pace = pace
        self._detached = detached
        self._tapes: dict[str, Tape] = {}
        self._record = Record.read(folder)
        self._quiet = 0
        self._bad = 0
        self._here = 0

    def run(self) -> Record:
        """Work until it is done, or a person has to decide; return the record then.

        Raises
        ------
        Conflict
            If somebody else works on it.
        OpenEMError
            What ended it; the record says the same.
        """
        with _record.locked(self.folder) as mine:
            if not mine or self._somebody_else():
                raise Conflict(
                    "Another process works on this retrieval already.",
                    hint="Follow it with .wait(), or end it with .pause().",
                )
            return self._run()

    def _somebody_else(self) -> bool:
        from openem_nb._processes import running_process

        process = running_process(self.folder)
        foreign = process is None or process.pid != os.getpid()
        return foreign and _record.is_worked_on(self.folder, Record.read(self.folder))

    def _run(self) -> Record:
        register_process(self.folder, os.getpid())
        self._record = Record.read(self.folder)
        state = self._record.state
        if not state.at_server:
            state = State.REQUESTED
        self._note(self._record.becoming(state, worker=True))
        self._begin_progress()
        with self._living():
            try:
                self._work()
            except Cancelled:
                asked = _record.asked(self.folder)
                stopped = State.INTERRUPTED if self._detached else State.PAUSED
                choice = {"pause": State.PAUSED, "cancel": State.CANCELLED}
                self._end(choice.get(asked, stopped))
                raise
            except OpenEMError as error:
                expired = isinstance(error, LinksExpired)
                self._end(State.EXPIRED if expired else State.FAILED, error)
                raise
            except BaseException as error:
                stop = isinstance(error, KeyboardInterrupt | SystemExit)
                problem = OpenEMError(
                    f"The work ended unexpectedly: {type(error).__name__}.",
                    hint=f"See {self.folder / 'log.txt'}; resume() goes on.",
                )
                self._end(State.INTERRUPTED, None if stop else problem)
                raise
        return self._record

    def _end(self, state: State, error: OpenEMError | None = None) -> None:
        self._note(self._record.becoming(state, error=error, worker=False))

    def _note(self, record: Record) -> None:
        if record.state is not self._record.state:
            _log.info("%s", record.state)
        self._record = record.write(self.folder)

    # -- progress and signs of life ----------------------------------------------------------------

    @property
    def _total(self) -> int:
        return sum(one.size for one in self._record.wanted if not one.failure)

    def _begin_progress(self) -> None:
        self._here = sum(one.size for one in self._record.wanted if one.done)
        self.progress.update(0, total=self._total, message="Starting", unit="B")
        self.progress.advance(self._here, earlier=True)
        _record.write_progress(self.folder, self.progress.snapshot())

    def _say(self, words: str) -> None:
        self.progress.update(message=words, total=self._total)

    @contextlib.contextmanager
    def _living(self) -> Iterator[None]:
        """Within the block, note the progress, give signs of life, listen to who asks to stop."""
        ended = threading.Event()
        thread = threading.Thread(target=self._live, args=(ended,), name="openem: retrieval")
        thread.daemon = True
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            with contextlib.suppress(OSError):  # a full disk shall not hide what ended the work
                _record.write_progress(self.folder, self.progress.snapshot())

    def _live(self, ended: threading.Event) -> None:
        last: ProgressState | None = None
        noted = 0.0
        while not ended.wait(_GLANCE):
            try:
                if _record.asked(self.folder):
                    self.progress.cancel()
                state, now = self.progress.snapshot(), time.monotonic()
                changed = last is None or (state.done, state.message) != (last.done, last.message)
                if changed and now - noted >= _NOTED:
                    _record.write_progress(self.folder, state)
                    last, noted = state, now
                elif now - noted >= _ALIVE:
                    show_life(self.folder / "progress.json")
                    noted = now
            except OSError as error:  # a network disk may be away for a moment, or full
                _log.warning("The progress cannot be noted: %s", error)

    # -- the work ----------------------------------------------------------------------------------

    def _work(self) -> None:
        while True:
            self.progress.check()
            try:
                before = self._record
                here = self._connected()
                self._note(place(here, self.folder, self._record, pace=self.pace))
                finished = self._go_on(here)
                self._bad = 0
                if finished:
                    return
                if self._record.orders != before.orders:
                    self._quiet = 0
                self._wait(self._record.state, self._record.state.value)
            except NotLoggedIn as error:
                self._wait(State.WAITING, f"Waiting for a log-in: {error} {error.hint}")
            except (Unreachable, RateLimited, BadAnswer) as error:
                self._bad = self._bad + 1 if isinstance(error, BadAnswer) else 0
                if self._bad >= _BAD_ANSWERS:
                    raise
                _log.info("%s", error)
                state = self._record.state
                state = state if state.at_server else State.READY
                self._wait(state, f"{error} Trying again", least=error.retry_after or 0)

    def _connected(self) -> Connection:
        """Return a connection as it has to be made now: another token, another address."""
        here = Connection(settings.catalogue(self._record.profile))
        asker = self._record.username
        if asker is not None:
            who = here.identity()
            if who is None or who.username != asker:
                instead = f"{who.username} is" if who else "Nobody is"
                raise NotLoggedIn(
                    f"{instead} logged in, {asker} has asked for this.",
                    hint=f"Log in as {asker}: openem.login({self._record.profile!r}).",
                )
        return here

    def _wait(self, state: State, words: str, *, least: float = 0) -> None:
        self._note(self._record.becoming(state))
        self._say(words)
        seconds = max(least, self.pace.pause(self._quiet))
        self._quiet += 1
        self.progress.wait(seconds)

    def _go_on(self, here: Connection) -> bool:
        """Do what can be done now; return whether nothing is left to do for this worker."""
        states: list[State] = []
        elsewhere = False
        for order in self._record.orders:
            if order.done:
                continue
            changed, links = look_at(here, order, progress=self.progress)
            self._note(self._record.with_order(order, changed))
            if links is None:
                states.append(seen(changed))
            elif changed.option in PLACES:
                elsewhere |= not self._look_elsewhere(here, changed)
            else:
                try:
                    self._fetch(here, changed, links)
                except LinksExpired:
                    raise
                except NotOnDisk as error:  # ready by its word, but the store has it not yet
                    _log.info("%s", error)
                    states.append(State.READING)
        if states:
            line = (State.REQUESTED, State.QUEUED, State.READING)
            self._note(self._record.becoming(max(states, key=line.index)))
            return False
        if elsewhere:
            self._end(State.READY)
        else:
            self._finish(here)
        return True

    # -- files -------------------------------------------------------------------------------------

    def _tape(self, here: Connection, wanted: Wanted) -> Tape:
        if wanted.pid not in self._tapes:
            tape = tape_of(here, wanted.pid, progress=self.progress)
            self._tapes[wanted.pid] = tape.wanted(wanted.files)
        return self._tapes[wanted.pid]

    def _fetch(self, here: Connection, order: Order, links: tuple[Link, ...]) -> None:
        """Fetch and verify the data sets of a job that are not here yet."""
        late: NotOnDisk | None = None
        for wanted in self._wanted_of(order):
            tape = self._tape(here, wanted)
            mine = [link for link in links if link.pid == wanted.pid]
            if not mine:
                why = _delivery.failure_of(here, order, wanted.pid, progress=self.progress)
                self._give_up(wanted, why)
                continue
            wanted = replace(wanted, count=len(tape.members), size=tape.size)
            self._note(self._record.becoming(State.DOWNLOADING).with_wanted(wanted))
            try:
                self._deliver(order, wanted, tape, mine)
            except LinksExpired:
                raise
            except NotOnDisk as error:
                late = error
            except _HOPELESS as error:  # a tar that attacks, is damaged, or is not there
                self._give_up(wanted, f"{error} {error.hint}".strip())
        if late is not None:
            raise late
        self._note(self._record.with_order(order, replace(order, done=True)))

    def _give_up(self, wanted: Wanted, why: str) -> None:
        _log.warning("%s: %s", wanted.pid, why)
        self._note(self._record.with_wanted(replace(wanted, failure=why)))

    def _deliver(
        self,
        order: Order,
        wanted: Wanted,
        tape: Tape,
        links: list[Link],
    ) -> None:
        folder = Path(self._record.folder) / wanted.folder
        addresses = _delivery.Addresses(self._record.profile, order, links, self.progress)
        share = _delivery.Share(self.progress, self._here, self._total)
        checked = _delivery.deliver(tape, folder, addresses, progress=share)
        self._quiet = 0
        if not checked.whole:
            self._give_up(wanted, f"{checked.words} after all its tars were unpacked")
            return
        self._here += tape.size
        _delivery.write_summary(folder, self._record, order, wanted, tape, checked)
        self._verified(wanted, checked)

    def _look_elsewhere(self, here: Connection, order: Order) -> bool:
        """Check files that the archive has put elsewhere; return whether all are good.

        They may be where this machine sees them (Ra), or a person has copied them already.
        """
        for wanted in self._wanted_of(order):
            copied = Path(self._record.folder) / wanted.folder
            for folder in (copied, _delivery.place_of(self._record, order, wanted)):
                if folder is None or not folder.is_dir():
                    continue
                checked = check_files(self._tape(here, wanted), folder, progress=self.progress)
                if checked.whole:
                    self._verified(wanted, checked)
                    break
        if any(self._wanted_of(order)):
            return False
        self._note(self._record.with_order(order, replace(order, done=True)))
        return True

    def _wanted_of(self, order: Order) -> list[Wanted]:
        """Return the data sets of a job that may still come."""
        return [
            one
            for one in self._record.wanted
            if one.pid in order.pids and not (one.done or one.failure)
        ]

    def _verified(self, wanted: Wanted, checked: Checked) -> None:
        _log.info("%s: %s", wanted.pid, checked.words)
        record = self._record.with_wanted(replace(wanted, done=True))
        self._note(replace(record, by_size=record.by_size + checked.by_size))

    def _finish(self, here: Connection) -> None:
        """Say how it ended."""
        failed = [one for one in self._record.wanted if one.failure]
        if failed:
            first = failed[0]
            raise NotOnDisk(
                f"{len(failed)} of {len(self._record.wanted)} data sets could not be retrieved. "
                f"{first.name} ({first.pid}): {first.failure.rstrip('.')}.",
                hint="The others are here, verified. ask_again() asks for what is missing.",
            )
        notes = _delivery.losses(here, self._record.wanted, progress=self.progress)
        notes = tuple(dict.fromkeys((*self._record.notes, *notes)))
        self.progress.update(self._total, total=self._total, message="Verified")
        self._note(self._record.becoming(State.VERIFIED, worker=False, notes=notes))
