"""All retrievals of this user: those with a record here, and those that only the server knows."""

from __future__ import annotations

import logging
import unicodedata
import warnings
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

import pandas as pd

from openem_nb import settings
from openem_nb.errors import NotFound, NotLoggedIn, OpenEMError, QueryTruncatedWarning
from openem_nb.scicat import _plan, _record, _tape_jobs
from openem_nb.scicat._ordering import refreshed, seen
from openem_nb.scicat._record import Order, Record, State, Wanted
from openem_nb.scicat._tape_files import dataset_folder, look
from openem_nb.scicat.connection import Connection
from openem_nb.scicat.retrieval import Retrieval

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openem_nb.jobs import Progress
    from openem_nb.scicat._documents import DatasetDocument
    from openem_nb.scicat._tape_jobs import ServerJob

__all__ = ["local", "reattach", "retrievals", "retrievals_frame", "title_of"]

_KEPT: Final = timedelta(days=8)
"""A job that has ended longer ago has no files any more; it is not asked for them."""
_NAMED: Final = 500
"""Data sets whose names are looked up for a list of jobs."""
_COLUMNS: Final = (
    *("id", "title", "state", "words", "created", "expires", "data_sets", "files", "size"),
    *("verified", "folder", "pids", "jobs", "profile"),
)

_log = logging.getLogger(__name__)


def title_of(names: list[str]) -> str:
    """Return what a retrieval of data sets of these names is called."""
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
        for retrieval, record in local()
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
    known = list(local())
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


def local() -> Iterable[tuple[Retrieval, Record]]:
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
        title=title_of([one.name for one in wanted] or ["nothing"]),
        folder=str(_plan.default_folder(here.profile.name)),
        wanted=tuple(wanted),
        orders=(order,),
        created=created.isoformat(timespec="microseconds"),
        username=who.username if who else None,
        option=order.option,
        notice=here.profile.notice,
    )
    return replace(record, state=State.FAILED if job.failed else seen(order))
