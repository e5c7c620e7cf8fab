"""Making the plan of a retrieval: what can come, from where, and which jobs that takes."""

from __future__ import annotations

from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Final

from openem_nb import transfer
from openem_nb.errors import InvalidInput, NotAllowed, NotFound, NotLoggedIn, OpenEMError
from openem_nb.scicat import _tape_jobs
from openem_nb.scicat._pids import pids_of
from openem_nb.scicat._plan import PlannedDataSet, RetrievalPlan, default_folder
from openem_nb.scicat._record import Order
from openem_nb.scicat._tape_files import dataset_folder, look, tape_of
from openem_nb.scicat.connection import quoted
from openem_nb.scicat.lifecycle import Lifecycle

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from openem_nb.jobs import Progress
    from openem_nb.scicat._documents import DatasetDocument
    from openem_nb.scicat._pids import Named
    from openem_nb.scicat.connection import Connection, Identity

__all__ = ["plan", "with_existing"]

_MOST_BLOCKS: Final = 100
"""Blocks of files that the server looks through for the files that a job names; not more."""
_MOST_NAMED: Final = 5000


def plan(
    connection: Connection,
    pids: Named,
    *,
    files: Iterable[str] | None = None,
    folder: Path | None = None,
    option: str | None = None,
    email: str | None = None,
    but: Iterable[str] = (),
    progress: Progress | None = None,
) -> RetrievalPlan:
    """Return what a retrieval would bring; the parameters are those of ``retrieve``.

    Jobs in ``but`` have been found to be of no use any more.
    """
    profile = connection.profile
    who = connection.identity()
    unique = pids_of(pids)
    patterns = None if files is None else _patterns(files)
    option = _option(profile.retrieve_options, option)
    base = (folder or default_folder(profile.name)).expanduser().absolute()
    known = look(connection, unique, progress=progress)
    planned: list[PlannedDataSet] = []
    blocks = 0
    for number, pid in enumerate(unique):
        if progress is not None:
            progress.update(number, total=len(unique), message="Looking at the data sets")
        document = known.get(pid)
        if document is None:
            planned.append(_absent(pid, "it does not exist, or you may not see it", NotFound))
            continue
        one = _planned(connection, document, who)
        if one.retrievable:
            one = _with_files(connection, one, patterns, base, progress)
        if patterns is not None and one.retrievable and blocks <= _MOST_BLOCKS:
            blocks += _count_of_blocks(connection, pid, progress)
        planned.append(one)
    if who is None:
        option = "URLs"  # nobody in particular has no place over there
    orders = _orders(planned, who, option, email, name_files=blocks <= _MOST_BLOCKS)
    return RetrievalPlan(
        profile=profile.name,
        data_sets=tuple(planned),
        orders=_with_existing(connection, orders, frozenset(but), progress),
        folder=base,
        free=transfer.free_space(base),
        option=option,
        username=who.username if who else None,
        notice=profile.notice,
    )


def with_existing(
    connection: Connection, plan: RetrievalPlan, progress: Progress | None
) -> RetrievalPlan:
    """Return a plan with the jobs in it that have been made since."""
    if all(order.job for order in plan.orders):
        return plan
    new = [order for order in plan.orders if not order.job and order.kind != "broker"]
    kept = tuple(order for order in plan.orders if order not in new)
    return replace(plan, orders=kept + _with_existing(connection, new, frozenset(), progress))


def _patterns(files: Iterable[str]) -> tuple[str, ...]:
    patterns = (files,) if isinstance(files, str) else tuple(files)
    if not patterns or not all(isinstance(one, str) and one.strip() for one in patterns):
        raise InvalidInput(
            "files names no file.", hint='Leave it out for all, or write files=["*.mrc"].'
        )
    return patterns


def _option(offered: tuple[str, ...], option: str | None) -> str | None:
    if option is None:
        return offered[0] if offered else None
    if option not in offered:
        choices = f"Choose one of {', '.join(offered)}." if offered else "Leave it out."
        raise InvalidInput(f"This archive does not put files to {option!r}.", hint=choices)
    return option


def _absent(pid: str, why: str, kind: type[OpenEMError]) -> PlannedDataSet:
    return PlannedDataSet(pid, "", "", 0, 0, 0, why_not=why, kind=kind)


def _planned(
    connection: Connection, document: DatasetDocument, who: Identity | None
) -> PlannedDataSet:
    life = Lifecycle.of(document.datasetlifecycle, connection.profile.storage)
    one = PlannedDataSet(
        pid=document.pid,
        name=document.datasetName or document.pid,
        location=life.location,
        count=document.numberOfFiles,
        size=document.size,
        packed=document.packedSize or document.size,
        owner_group=document.ownerGroup,
        access_groups=document.accessGroups,
        published=document.isPublished,
        source=document.sourceFolder,
    )
    groups = set(who.groups if who else ())
    mine = bool(groups & {document.ownerGroup, *document.accessGroups})
    shared = who is not None and who.email in document.sharedWith
    if not life.retrievable:
        return replace(one, why_not=f"it is not on tape ({life.words})")
    if shared and not (mine or document.isPublished):
        why = "it is shared with you by e-mail only, which shows it but not its files"
        return replace(one, why_not=why, kind=NotAllowed)
    if who is None and (connection.profile.broker_api is None or one.location != "PSI"):
        why = f"{one.location} brings files from tape only for those who are logged in"
        return replace(one, why_not=why, kind=NotLoggedIn)
    return one


def _with_files(
    connection: Connection,
    one: PlannedDataSet,
    patterns: tuple[str, ...] | None,
    base: Path,
    progress: Progress | None,
) -> PlannedDataSet:
    """Return a planned data set with its wanted files and what of them is here already.

    The list of its files is asked for only where it is needed: it may be long.
    """
    folder = base / dataset_folder(one.pid)
    if patterns is None and one.size and not folder.is_dir():
        return one
    try:
        tape = tape_of(connection, one.pid, progress=progress)
    except NotAllowed:
        return replace(one, why_not="you may see it, but not its files", kind=NotAllowed)
    files = None
    if patterns is not None:
        files = tuple(path for path in tape.members if _matches(path, patterns))
        if not files:
            return replace(
                one, why_not=f"none of its files on tape is {' or '.join(patterns)}", kind=NotFound
            )
    if not tape.blocks:
        return replace(one, why_not="the catalogue knows no tape file of it")
    wanted = tape.wanted(files)
    here = wanted.verified(folder)
    return replace(
        one,
        count=len(wanted.members),
        size=wanted.size,
        packed=wanted.packed,
        here=here.bytes,
        done=here.count == len(wanted.members),
        files=files,
    )


def _matches(path: str, patterns: tuple[str, ...]) -> bool:
    """Return whether a path is one of those wanted: as it stands, or by a pattern with stars.

    A pattern without a slash is compared with the name alone.
    """
    name = path.rpartition("/")[2]
    return any(
        path == one or fnmatchcase(path, one) or ("/" not in one and fnmatchcase(name, one))
        for one in patterns
    )


def _count_of_blocks(connection: Connection, pid: str, progress: Progress | None) -> int:
    path = f"datasets/{quoted(pid)}/origdatablocks/count"
    answer = connection.get(path, progress=progress)
    return int(answer.get("count", _MOST_BLOCKS + 1)) if isinstance(answer, dict) else 0


def _orders(
    planned: list[PlannedDataSet],
    who: Identity | None,
    option: str | None,
    email: str | None,
    *,
    name_files: bool,
) -> list[Order]:
    """Return the jobs for what is still to come: one archive each, and not too many data sets.

    A job with data sets of two archives would be refused, or go to one of them as a whole.
    """
    coming = [one for one in planned if one.retrievable and not one.done]
    orders = []
    for location in dict.fromkeys(one.location for one in coming):
        there = [one for one in coming if one.location == location]
        for start in range(0, len(there), _tape_jobs.MOST_PIDS):
            part = there[start : start + _tape_jobs.MOST_PIDS]
            named = tuple(one.files or () for one in part)
            # ETHZ brings whole tars whatever is named; elsewhere long lists are refused
            few = name_files and location != "ETHZ" and 0 < sum(map(len, named)) <= _MOST_NAMED
            orders.append(
                Order(
                    pids=tuple(one.pid for one in part),
                    location=location,
                    kind="retrieve" if who else "public",
                    files=named if few else (),
                    owner_group=_owner_group(part, who) if who else None,
                    option=option if location == "PSI" else None,
                    email=None if who else email,
                )
            )
    return orders


def _owner_group(part: list[PlannedDataSet], who: Identity) -> str:
    """Return the group in whose name to ask: one of the user's, best one that owns the data.

    Left to itself the server takes the owners of the first data set, who may be others.
    """
    if not who.groups:
        raise NotAllowed(
            f"{who.display_name} is in no group, and a retrieval is asked for by a group.",
            hint="Log in again if you have joined one; else ask the facility.",
        )

    def weight(group: str) -> int:
        owned = sum(one.owner_group == group for one in part)
        return 2 * owned + sum(group in one.access_groups for one in part)

    return max(who.groups, key=weight)


def _with_existing(
    connection: Connection, orders: list[Order], but: frozenset[str], progress: Progress | None
) -> tuple[Order, ...]:
    """Return the orders, with jobs that exist in place of new ones."""
    result: list[Order] = []
    for order in orders:
        if order.kind == "public":
            result += _public(connection, order, progress)
            continue
        left = list(order.pids)
        files = dict(zip(order.pids, order.files or ((),) * len(order.pids), strict=True))
        for job, brings in _tape_jobs.covering(connection, order, but=but, progress=progress):
            pids = tuple(pid for pid in left if pid in brings)
            left = [pid for pid in left if pid not in brings]
            result.append(replace(order, pids=pids, files=(), job=job.id, code=job.code))
        if left:
            named = tuple(files[pid] for pid in left) if order.files else ()
            result.append(replace(order, pids=tuple(left), files=named))
    return tuple(result)


def _public(connection: Connection, order: Order, progress: Progress | None) -> list[Order]:
    """Split an order of public data into what is out already and what has to be asked for."""
    out: list[str] = []
    left: list[str] = []
    for pid in order.pids:
        links = _tape_jobs.published(connection, pid, progress=progress)
        fresh = bool(links) and all(link.is_fresh for link in links)
        (out if fresh else left).append(pid)
    orders = []
    if out:
        orders.append(replace(order, pids=tuple(out), files=(), kind="broker"))
    if left:
        orders.append(replace(order, pids=tuple(left), files=()))
    return orders
