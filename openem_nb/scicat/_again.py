"""Second looks at a retrieval: asking the archive anew, and comparing files with it once more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from openem_nb.errors import ChecksumMismatch
from openem_nb.scicat import _plan, _planning
from openem_nb.scicat._record import Record, State
from openem_nb.scicat._tape_files import Checked, check_files, tape_of

if TYPE_CHECKING:
    from openem_nb.jobs import Progress
    from openem_nb.scicat._record import Order
    from openem_nb.scicat.connection import Connection

__all__ = ["after_check", "checked", "ordered_again"]


def ordered_again(here: Connection, record: Record, state: State) -> Record:
    """Return the record with new orders for what is not here yet; nothing has been sent.

    Raises
    ------
    NotOnDisk, NotAllowed, NotFound
        If one of the data sets cannot be retrieved now.
    """
    missing = [one for one in record.wanted if not one.done]
    lost = {one.pid for one in missing if one.failure or state is State.EXPIRED}
    spent = {
        *record.spent,
        *(order.job for order in record.orders if order.job and lost.intersection(order.pids)),
    }
    new = _planning.plan(
        here,
        [one.pid for one in missing],
        files=_plan.paths(missing),
        folder=Path(record.folder),
        option=record.option,
        email=next((order.email for order in record.orders if order.email), None),
        but=spent,
    )
    if new.refused:
        raise _plan.refusal(new.refused, len(new.pids))
    for one in new.wanted():
        record = record.with_wanted(one)
    done = tuple(order for order in record.orders if order.done and not _lost(order, lost))
    return replace(
        record,
        orders=(*done, *new.orders),
        notes=(),
        username=new.username,
        spent=tuple(sorted(spent)),
    ).becoming(State.REQUESTED, worker=False)


def _lost(order: Order, pids: set[str]) -> bool:
    return bool(pids.intersection(order.pids))


def checked(
    here: Connection, record: Record, folder: Path | None, progress: Progress | None
) -> dict[str, Checked]:
    """Return what a comparison of all files with the archive finds, for each data set."""
    results = {}
    for one in record.wanted:
        place = Path(record.folder) / one.folder if folder is None else folder
        tape = tape_of(here, one.pid, progress=progress).wanted(one.files)
        results[one.pid] = check_files(tape, place, progress=progress)
    return results


def after_check(record: Record, results: dict[str, Checked]) -> Record:
    """Return the record with what a comparison has found."""
    if all(found.whole for found in results.values()):
        wanted = tuple(replace(one, done=True, failure="") for one in record.wanted)
        by_size = sum(found.by_size for found in results.values())
        record = replace(record, wanted=wanted, by_size=by_size)
        return record.becoming(State.VERIFIED, worker=False)
    if record.state is not State.VERIFIED:  # files that a person has not copied yet
        return record
    bad = {pid for pid, found in results.items() if not found.whole}
    first = results[next(iter(bad))]
    problem = ChecksumMismatch(
        f"The files are not whole any more: {first.words}.",
        hint="Move away those that are not what was archived; resume() fetches what is missing.",
    )
    wanted = tuple(replace(one, done=one.done and one.pid not in bad) for one in record.wanted)
    orders = tuple(replace(one, done=one.done and not _lost(one, bad)) for one in record.orders)
    record = replace(record, wanted=wanted, orders=orders)
    return record.becoming(State.FAILED, error=problem, worker=False)
