"""Retrieval from tape: ask for data sets, find what was asked for before, take it up anywhere.

>>> import openem_nb as openem
>>> openem.retrieve("20.500.11935/1234", dry_run=True)  # what would come  # doctest: +SKIP
>>> retrieval = openem.retrieve("20.500.11935/1234")  # doctest: +SKIP
>>> retrieval.start()  # it goes on without this notebook  # doctest: +SKIP
>>> openem.retrievals()  # the next morning  # doctest: +SKIP
"""

from __future__ import annotations

import logging
import shutil
import unicodedata
import warnings
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal, overload

import pandas as pd

from openem_nb import settings
from openem_nb.errors import (
    CannotWrite,
    NotFound,
    NotLoggedIn,
    OpenEMError,
    QueryTruncatedWarning,
)
from openem_nb.scicat import _plan, _record, _tape_jobs
from openem_nb.scicat._ordering import Pace, place, refreshed, seen
from openem_nb.scicat._plan import PlannedDataSet, RetrievalPlan
from openem_nb.scicat._record import Order, Record, State, Wanted
from openem_nb.scicat._tape_files import Checked, dataset_folder, look
from openem_nb.scicat.connection import Connection
from openem_nb.scicat.retrieval import Retrieval
from openem_nb.values import format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from openem_nb.jobs import Progress
    from openem_nb.scicat._documents import DatasetDocument
    from openem_nb.scicat._tape_jobs import ServerJob

__all__ = [
    "Checked",
    "Pace",
    "PlannedDataSet",
    "Retrieval",
    "RetrievalPlan",
    "State",
    "reattach",
    "retrievals",
    "retrievals_frame",
    "retrieve",
]

_KEPT: Final = timedelta(days=8)
"""A job that has ended longer ago has no files any more; it is not asked for them."""
_NAMED: Final = 500
"""Data sets whose names are looked up for a list of jobs."""
_COLUMNS: Final = (
    *("id", "title", "state", "words", "created", "expires", "data_sets", "files", "size"),
    *("verified", "folder", "pids", "jobs", "profile"),
)

_log = logging.getLogger(__name__)


@overload
def retrieve(
    pids: str | Iterable[str],
    *,
    files: Iterable[str] | None = ...,
    folder: Path | str | None = ...,
    option: str | None = ...,
    email: str | None = ...,
    dry_run: Literal[False] = ...,
    profile: str | None = ...,
    progress: Progress | None = ...,
    pace: Pace | None = ...,
) -> Retrieval: ...
@overload
def retrieve(
    pids: str | Iterable[str],
    *,
    files: Iterable[str] | None = ...,
    folder: Path | str | None = ...,
    option: str | None = ...,
    email: str | None = ...,
    dry_run: Literal[True],
    profile: str | None = ...,
    progress: Progress | None = ...,
    pace: Pace | None = ...,
) -> RetrievalPlan: ...
@overload
def retrieve(
    pids: str | Iterable[str],
    *,
    files: Iterable[str] | None = ...,
    folder: Path | str | None = ...,
    option: str | None = ...,
    email: str | None = ...,
    dry_run: bool,
    profile: str | None = ...,
    progress: Progress | None = ...,
    pace: Pace | None = ...,
) -> RetrievalPlan | Retrieval: ...
def retrieve(
    pids: str | Iterable[str],
    *,
    files: Iterable[str] | None = None,
    folder: Path | str | None = None,
    option: str | None = None,
    email: str | None = None,
    dry_run: bool = False,
    profile: str | None = None,
    progress: Progress | None = None,
    pace: Pace | None = None,
) -> RetrievalPlan | Retrieval:
    """Ask the archive to read data sets from tape, and return the retrieval.

    - To ask twice does no harm: what was asked for before, here or by another program, is found
      and used; what is in the folder already, verified, is not fetched again.
    - One job is sent for each archive and for at most 100 data sets, each exactly once.
    - Nothing is downloaded yet: :meth:`Retrieval.run` does that here, :meth:`Retrieval.start` in
      a process that outlives this one.

    Parameters
    ----------
    pids :
        One data set or several, by PID.
    files :
        Paths or patterns (``*.mrc``) of the files that are wanted; None for all. Archives read
        whole tars, of which the other files are left out here.
    folder :
        Folder for the data sets' folders; the data folder of the package if None.
    option :
        Where the archive puts the files, if it leaves a choice: ``URLs`` (downloaded from here),
        ``PSI`` (copied by rsync with an account there), ``PSI-RA`` (the cluster Ra).
    email :
        Where the archive writes to, for public data that nobody had brought out before, if you are
        not logged in.
    dry_run :
        Ask for nothing; return what would come, how large it is and what cannot come and why.
    profile :
        The instance; the active profile if None.
    progress :
        Its cancel ends the preparations.
    pace :
        How often the server is asked.

    Raises
    ------
    NotOnDisk, NotFound, NotAllowed, NotLoggedIn
        If one of the data sets cannot be retrieved, each with the reason. Nothing is asked then.
    CannotWrite
        If there is no room for the files.
    InvalidInput
        If there is no such option, or no PID is given.

    Examples
    --------
    >>> openem.retrieve("20.500.11935/1234", dry_run=True)  # doctest: +SKIP
    >>> openem.retrieve(hits.pid[:5], files=["*.eer"]).start()  # doctest: +SKIP
    """
    from pathlib import Path

    here = Connection(settings.catalogue(profile))
    base = None if folder is None else Path(folder)
    plan = _plan.plan(
        here, pids, files=files, folder=base, option=option, email=email, progress=progress
    )
    if dry_run:
        return plan
    if plan.refused:
        raise _plan.refusal(plan.refused, len(plan.pids))
    known = _same(plan)
    if known is not None:
        if known.state in {State.EXPIRED, State.FAILED, State.CANCELLED}:
            return known.ask_again(pace=pace)
        return known.send(pace=pace)
    if any(order.kind == "public" and not order.email for order in plan.orders):
        raise NotLoggedIn(
            "Nobody has brought this public data out before, and you are not logged in.",
            hint="Log in with openem.login(), or name an e-mail address for the archive's answer: "
            'retrieve(..., email="you@example.org").',
        )
    if not plan.fits:
        raise CannotWrite(
            f"{format_bytes(plan.needed)} do not fit into {plan.folder}: "
            f"{format_bytes(plan.free)} are free.",
            hint="Free some space, or choose another folder=.",
        )
    return _ordered(here, plan, pace or Pace(), progress)


def _same(plan: RetrievalPlan) -> Retrieval | None:
    """Return the newest retrieval of just these files into this folder, if there is one."""
    asked = {(one.pid, one.files) for one in plan.wanted()}
    for retrieval, record in _local():
        same = (record.profile, record.folder, record.option, record.username) == (
            plan.profile,
            str(plan.folder),
            plan.option,
            plan.username,
        )
        if same and {(one.pid, one.files) for one in record.wanted} == asked:
            if record.state is State.VERIFIED and plan.orders:
                continue  # files were removed or changed since
            return retrieval
    return None


def _ordered(
    here: Connection, plan: RetrievalPlan, pace: Pace, progress: Progress | None
) -> Retrieval:
    wanted = plan.wanted()
    record = Record(
        profile=plan.profile,
        title=_title([one.name for one in wanted]),
        folder=str(plan.folder),
        wanted=wanted,
        orders=plan.orders,
        created=_record.now(),
        username=plan.username,
        option=plan.option,
        notice=plan.notice,
    )
    complete = not plan.orders
    folder = _record.new_folder()
    with _record.locked(folder):
        record = record.becoming(State.VERIFIED if complete else State.REQUESTED).write(folder)
        try:
            record = place(here, folder, record, pace=pace, progress=progress)
        except OpenEMError:
            if not any(order.job or order.sent for order in Record.read(folder).orders):
                shutil.rmtree(folder)  # nothing was asked of the server: there is nothing to keep
            raise
        _record.remember_jobs(order.job for order in record.orders if order.job)
    return Retrieval(folder)


def _title(names: list[str]) -> str:
    # names come from other people: no letters that hide or turn what follows
    letters = (" " if unicodedata.category(one)[0] == "C" else one for one in names[0])
    first = " ".join("".join(letters).split()) or "without a name"
    return first if len(names) == 1 else f"{first} and {len(names) - 1:,} more"


def retrievals(
    profile: str | None = None, *, server: bool = True, progress: Progress | None = None
) -> list[Retrieval]:
    """Return all retrievals of this user, open and past, newest first.

    Parameters
    ----------
    profile :
        Those of one instance; None for those of all instances that are known here, and on the
        server of the active profile.
    server :
        Ask the server too: for jobs that this machine does not know, as another machine or the
        web interface has made them. They can be taken up like all others.
    progress :
        Its cancel ends the question to the server.

    Warns
    -----
    QueryTruncatedWarning
        If the server cannot be asked; what is known here is returned.

    Examples
    --------
    >>> openem.retrievals()[0].resume()  # doctest: +SKIP
    """
    found = [
        (retrieval, record)
        for retrieval, record in _local()
        if profile is None or record.profile == profile
    ]
    if server:
        known = {order.job for _, record in found for order in record.orders}
        try:
            here = Connection(settings.catalogue(profile))
            found += _from_server(here, known | _record.forgotten_jobs(), progress)
        except NotLoggedIn as error:
            _log.info("The server's own list is left out: %s", error)
        except OpenEMError as error:
            warnings.warn(
                f"Retrievals that only the server knows are missing: {error}",
                QueryTruncatedWarning,
                stacklevel=2,
            )
    found.sort(key=lambda pair: pair[1].created, reverse=True)
    return [retrieval for retrieval, _ in found]


def retrievals_frame(
    profile: str | None = None, *, server: bool = True, progress: Progress | None = None
) -> pd.DataFrame:
    """Return all retrievals of this user as a table, newest first.

    Columns: ``id``, ``title``, ``state``, ``words``, ``created`` and ``expires`` (UTC),
    ``data_sets`` and ``files`` (numbers), ``size`` and ``verified`` (bytes), ``folder`` (Path),
    ``pids``, ``jobs``, ``profile``. The parameters are those of :func:`retrievals`.
    """
    rows = [
        (
            *(one.id, one.title, str(one.state), one.words, one.created, one.expires),
            *(len(one.pids), one.count, one.size, int(one.progress().done)),
            *(one.folder, one.pids, one.jobs, one.profile),
        )
        for one in retrievals(profile, server=server, progress=progress)
    ]
    # objects, so that what is missing stays None with every version of pandas
    frame = pd.DataFrame(rows, columns=list(_COLUMNS), dtype=object)
    for column in ("created", "expires"):
        frame[column] = pd.to_datetime(frame[column], utc=True)
    return frame.astype(dict.fromkeys(("data_sets", "files", "size", "verified"), "int64"))


def reattach(id: str, *, profile: str | None = None) -> Retrieval:  # noqa: A002  (as they say)
    """Return a retrieval by its id, or by the id of a job on the server.

    A job that this machine does not know, made on another one or in the web interface, is taken
    over: its files go to the data folder of the package.

    Raises
    ------
    NotFound
        If there is none; the hint lists the newest ones.
    NotAllowed, NotLoggedIn
        If the job is somebody else's, or the server has to know who asks.
    """
    known = list(_local())
    for retrieval, record in known:
        if id == retrieval.id or id in {order.job for order in record.orders}:
            return retrieval
    here = Connection(settings.catalogue(profile))
    try:
        job = _tape_jobs.read(here, id)
    except NotFound as error:
        newest = ", ".join(retrieval.id for retrieval, _ in known[:5]) or "none yet"
        raise NotFound(
            f"There is no retrieval {id!r}, here or at {here.profile.name}.",
            hint=f"Newest retrievals: {newest}.",
        ) from error
    if job.kind not in _tape_jobs.KINDS:
        raise NotFound(
            f"Job {id!r} does not bring files from tape, it is of the kind {job.kind!r}.",
            hint="openem.retrievals() lists those that do.",
        )
    documents = look(here, job.files)
    record = refreshed(here, _of_job(here, job, documents))
    retrieval = Retrieval(_record.home() / job.id, record)
    return retrieval.keep()


def _local() -> Iterable[tuple[Retrieval, Record]]:
    """Return what has a record here, newest first; damaged records are reported and left out."""
    found = []
    for path in _record.home().glob("*/record.json"):
        try:
            found.append((Retrieval(path.parent), Record.read(path.parent)))
        except OpenEMError as error:  # damaged, or forgotten by somebody just now
            _log.warning("%s", error)
    return sorted(found, key=lambda pair: pair[1].created, reverse=True)


def _from_server(
    here: Connection, known: set[str | None] | frozenset[str | None], progress: Progress | None
) -> list[tuple[Retrieval, Record]]:
    """Return what the server knows and this machine does not."""
    jobs = [job for job in _tape_jobs.own(here, progress=progress) if job.id not in known]
    pids = list(dict.fromkeys(pid for job in jobs for pid in job.files))[:_NAMED]
    documents = look(here, pids, progress=progress)
    found = []
    for job in jobs:
        record = _of_job(here, job, documents)
        if job.ended and not job.failed:
            if job.changed is not None and job.changed < datetime.now(UTC) - _KEPT:
                record = record.becoming(State.EXPIRED)
            else:  # the list comes without addresses, and so without the time when they end
                record = refreshed(here, record, progress=progress)
        found.append((Retrieval(_record.home() / job.id, record), record))
    return found


def _of_job(here: Connection, job: ServerJob, documents: dict[str, DatasetDocument]) -> Record:
    """Return the record that a job of the server would have here."""
    wanted = []
    for pid, files in job.files.items():
        document = documents.get(pid)
        wanted.append(
            Wanted(
                pid=pid,
                name=(document.datasetName if document else "") or pid,
                folder=dataset_folder(pid),
                count=len(files) or (document.numberOfFiles if document else 0),
                size=document.size if document else 0,
                files=tuple(sorted(files)) or None,
                access_groups=document.accessGroups if document else (),
                published=document.isPublished if document else False,
                owner_group=document.ownerGroup if document else "",
                source=document.sourceFolder if document else "",
            )
        )
    who = here.identity()
    location: str = here.profile.storage
    for pid in job.files:
        if (document := documents.get(pid)) and document.datasetlifecycle.storageLocation:
            location = document.datasetlifecycle.storageLocation
    created = (job.created or datetime.now(UTC)).astimezone(UTC)
    order = Order(
        pids=tuple(job.files),
        location=location,
        kind=job.kind,
        job=job.id,
        sent=created.isoformat(timespec="microseconds"),
        code=job.code,
        said=job.said,
        option=job.option if location == "PSI" else None,
    )
    record = Record(
        profile=here.profile.name,
        title=_title([one.name for one in wanted] or ["nothing"]),
        folder=str(_plan.default_folder(here.profile.name)),
        wanted=tuple(wanted),
        orders=(order,),
        created=created.isoformat(timespec="microseconds"),
        username=who.username if who else None,
        option=order.option,
        notice=here.profile.notice,
    )
    return replace(record, state=State.FAILED if job.failed else seen(order))
