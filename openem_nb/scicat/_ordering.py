"""Asking the archive: jobs made once, found again after a lost answer, and looked at."""

from __future__ import annotations

import contextlib
import logging
import random
import time
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from openem_nb.errors import NotLoggedIn, NotOnDisk, OpenEMError, Unreachable
from openem_nb.scicat import _tape_jobs
from openem_nb.scicat._record import Order, Record, State, now

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from openem_nb.jobs import Progress
    from openem_nb.scicat._tape_jobs import Link, ServerJob
    from openem_nb.scicat.connection import Connection

__all__ = [
    "PLACES",
    "LinksExpired",
    "Pace",
    "expired",
    "look_at",
    "place",
    "refreshed",
    "seen",
    "state_of",
]

PLACES: Final = ("PSI", "PSI-RA")
"""Options with which the archive puts files where this program may not be able to fetch them."""

_log = logging.getLogger(__name__)


class LinksExpired(NotOnDisk):
    """The files were read from tape, and have been removed again since."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the server is asked."""

    first: float = 15.0
    """Seconds before it is asked for the second time."""
    longest: float = 120.0
    """Seconds between two questions at most."""
    growth: float = 1.5
    """By which the time grows while nothing changes."""
    jitter: float = 0.2
    """Share by which each pause is made longer or shorter by chance."""
    looks: int = 3
    """How often the list of jobs is looked through for one whose answer got lost."""

    def pause(self, number: int) -> float:
        """Return the seconds to wait for the ``number``-th time in a row, counted from 0."""
        base = min(self.longest, self.first * self.growth ** min(number, 60))
        return base * random.uniform(1 - self.jitter, 1 + self.jitter)  # noqa: S311  (no secret)


def place(
    here: Connection,
    folder: Path,
    record: Record,
    *,
    pace: Pace,
    progress: Progress | None = None,
) -> Record:
    """Make the jobs of a retrieval that do not exist yet; each is noted before anything else.

    Raises
    ------
    OpenEMError
        If the server does not take one, and has it not in its list either.
    """
    for order in record.orders:
        if order.job or order.done or order.kind == "broker":
            continue
        if order.kind == "public" and order.sent:
            continue  # nobody in particular has a list to look into: the broker will show it
        if order.sent and (found := _found(here, record, order, progress)):
            record = _adopted(record, order, found).write(folder)
            continue
        sent = replace(order, sent=now())
        record = record.with_order(order, sent).write(folder)
        try:
            job = _tape_jobs.create(here, sent, progress=progress)
        except OpenEMError as error:
            record = _after(error, here, folder, record, sent, pace=pace, progress=progress)
        else:
            record = record.with_order(sent, replace(sent, job=job)).write(folder)
            _log.info("Job %s for %d data sets", job, len(sent.pids))
    return record


def _after(
    error: OpenEMError,
    here: Connection,
    folder: Path,
    record: Record,
    order: Order,
    *,
    pace: Pace,
    progress: Progress | None,
) -> Record:
    """Find out whether a job exists although its creation was answered with an error.

    The server may have stored it and failed afterwards, or its answer may have got lost. To send
    it again without looking would double it.
    """
    lost = isinstance(error, Unreachable)
    if order.kind == "public":
        if lost:
            return record
        record.with_order(order, replace(order, sent=None)).write(folder)
        raise error
    if isinstance(error, NotLoggedIn):  # it was refused before anything was done
        record.with_order(order, replace(order, sent=None)).write(folder)
        raise error
    for look in range(pace.looks if lost else 1):
        if look:
            _sleep(pace.pause(0), progress)
        with contextlib.suppress(Unreachable):
            if found := _found(here, record, order, progress):
                said = "" if lost else f"The server answered with an error, but has it: {error}"
                return _adopted(record, order, found, said).write(folder)
    if not lost:
        record.with_order(order, replace(order, sent=None)).write(folder)
    raise error


def _sleep(seconds: float, progress: Progress | None) -> None:
    if progress is not None:
        progress.wait(seconds)
    else:
        time.sleep(seconds)


def _found(
    here: Connection, record: Record, order: Order, progress: Progress | None
) -> list[tuple[ServerJob, frozenset[str]]]:
    """Return jobs of the server that bring all of an order; empty if they do not."""
    found = _tape_jobs.covering(here, order, but=record.spent, progress=progress)
    brought = frozenset[str]().union(*(brings for _, brings in found))
    return found if brought == frozenset(order.pids) else []


def _adopted(
    record: Record,
    order: Order,
    found: Iterable[tuple[ServerJob, frozenset[str]]],
    said: str = "",
) -> Record:
    """Return the record with jobs that exist in place of an order that nobody has confirmed."""
    orders = tuple(
        replace(
            order,
            pids=tuple(pid for pid in order.pids if pid in brings),
            files=(),
            job=job.id,
            code=job.code,
            said=said,
        )
        for job, brings in found
    )
    at = next(number for number, one in enumerate(record.orders) if one is order)
    before, after = record.orders[:at], record.orders[at + 1 :]
    return replace(record, orders=(*before, *orders, *after))


def look_at(
    here: Connection, order: Order, *, progress: Progress | None = None
) -> tuple[Order, tuple[Link, ...] | None]:
    """Return an order as the server knows it now, and its links; None while it is not ready.

    Raises
    ------
    LinksExpired
        If its files were ready and are no more.
    """
    if order.kind in ("public", "broker"):
        links: list[Link] = []
        for pid in order.pids:
            found = _tape_jobs.published(here, pid, progress=progress)
            if not found or not all(link.works for link in found):
                if order.kind == "broker" or order.code:  # they were there
                    raise expired(found)
                return order, None
            links += found
        return replace(order, code="finishedSuccessful", expires=_first(links)), tuple(links)
    if order.job is None:
        return order, None
    job = _tape_jobs.read(here, order.job, progress=progress)
    mine = tuple(link for link in job.links if link.pid in order.pids)
    said = job.said or (order.said if not job.ended else "")
    changed = replace(order, code=job.code, said=said, expires=_first(mine))
    if not job.ended:
        return changed, None
    if any(not link.works for link in mine):
        raise expired(mine)
    return changed, mine


def _first(links: Iterable[Link]) -> str | None:
    moment = min((link.expires for link in links if link.expires), default=None)
    return moment.isoformat() if moment else None


def expired(links: Iterable[Link]) -> LinksExpired:
    """Return the error for files that are not there any more."""
    moments = [link.expires for link in links if link.expires]
    past = [moment for moment in moments if moment <= datetime.now(moment.tzinfo)]
    when = f" on {min(past).astimezone():%a %d %b %H:%M}" if past else ""
    return LinksExpired(
        f"What was read from tape was removed again{when}.",
        hint="ask_again() asks for it anew; files that are here already are not fetched twice.",
    )


def seen(order: Order) -> State:
    """Return the state of an order by what the server says about its job."""
    if order.code.startswith("finished"):
        return State.READY
    if order.code in ("", "jobSubmitted", "jobForwarded", "jobCreated"):
        return State.QUEUED if order.code or order.sent else State.REQUESTED
    return State.READING


def refreshed(here: Connection, record: Record, *, progress: Progress | None = None) -> Record:
    """Return the record with what the server says of its jobs now."""
    for order in record.orders:
        if order.done:
            continue
        try:
            changed, _ = look_at(here, order, progress=progress)
        except LinksExpired as error:
            return record.becoming(State.EXPIRED, error=error)
        record = record.with_order(order, changed)
    left = [order for order in record.orders if not order.done]
    if left and all(order.code == "finishedUnsuccessful" for order in left):
        said = next((order.said for order in left if order.said), "")
        more = f": {said}" if said else "."
        problem = NotOnDisk(
            f"The archive could not read it from tape{more}",
            hint="ask_again() asks once more; if it fails again, ask the facility.",
        )
        return record.becoming(State.FAILED, error=problem)
    return record.becoming(state_of(record))


def state_of(record: Record) -> State:
    """Return the state of a retrieval that nobody works on, by what the server says of its jobs.

    The slowest job decides.
    """
    states = [seen(order) for order in record.orders if not order.done]
    if not states:
        return State.VERIFIED if all(one.done for one in record.wanted) else State.FAILED
    line = (State.REQUESTED, State.QUEUED, State.READING, State.READY)
    return min(states, key=line.index)
