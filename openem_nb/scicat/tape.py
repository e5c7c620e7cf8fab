"""Retrieval from tape: ask for data sets, find what was asked for before, take it up anywhere.

>>> import openem_nb as openem
>>> openem.retrieve("20.500.11935/1234", dry_run=True)  # what would come  # doctest: +SKIP
>>> retrieval = openem.retrieve("20.500.11935/1234")  # doctest: +SKIP
>>> retrieval.start()  # it goes on without this notebook  # doctest: +SKIP
>>> openem.retrievals()  # the next morning  # doctest: +SKIP
"""

from __future__ import annotations

import contextlib
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, overload

from openem_nb import settings
from openem_nb.errors import CannotWrite, Conflict, NotLoggedIn, OpenEMError
from openem_nb.scicat import _plan, _planning, _record
from openem_nb.scicat._history import (
    local,
    reattach,
    retrievals,
    retrievals_frame,
    title_of,
)
from openem_nb.scicat._ordering import Pace, place
from openem_nb.scicat._plan import PlannedDataSet, RetrievalPlan
from openem_nb.scicat._record import Record, State
from openem_nb.scicat._tape_files import Checked
from openem_nb.scicat.connection import Connection
from openem_nb.scicat.retrieval import Retrieval
from openem_nb.values import format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from openem_nb.jobs import Progress
    from openem_nb.scicat._pids import Named

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

_LONGEST_WAIT: Final = 300.0
"""Seconds for which another program that is just asking is waited for."""
_POLL: Final = 0.1


@overload
def retrieve(
    pids: Named,
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
    pids: Named,
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
    pids: Named,
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
    pids: Named,
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
        One data set or several: PIDs, what ``get`` returned, or the rows that a search found.
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
    Conflict
        If another program has been asking the archive for minutes.
    InvalidInput
        If there is no such option, or no PID is given.

    Examples
    --------
    >>> openem.retrieve("20.500.11935/1234", dry_run=True)  # doctest: +SKIP
    >>> openem.retrieve(hits.head(5), files=["*.eer"]).start()  # doctest: +SKIP
    """
    began = _record.now()
    here = Connection(settings.catalogue(profile))
    base = None if folder is None else Path(folder)
    plan = _planning.plan(
        here, pids, files=files, folder=base, option=option, email=email, progress=progress
    )
    if dry_run:
        return plan
    if plan.refused:
        raise _plan.refusal(plan.refused, len(plan.pids))
    with _alone(progress):
        return _asked(here, plan, began, pace or Pace(), progress)


@contextlib.contextmanager
def _alone(progress: Progress | None) -> Iterator[None]:
    """Let one program after the other ask, so that none asks for what another is asking for."""
    home = _record.home()
    end = time.monotonic() + _LONGEST_WAIT
    while True:
        with _record.locked(home) as mine:
            if mine:
                yield
                return
        if time.monotonic() >= end:
            raise Conflict(
                f"Another program has been asking the archive for {_LONGEST_WAIT:.0f} s.",
                hint=f"Wait for it, or end it: it holds {home / 'lock'}.",
            )
        if progress is not None:
            progress.wait(_POLL)
        else:
            time.sleep(_POLL)


def _asked(
    here: Connection, plan: RetrievalPlan, began: str, pace: Pace, progress: Progress | None
) -> Retrieval:
    """Return the retrieval of a plan: one that is known, or a new one whose jobs are made."""
    known = _same(plan, began)
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
    # what others have asked for since the plan was made is found now
    return _ordered(here, _planning.with_existing(here, plan, progress), pace, progress)


def _same(plan: RetrievalPlan, began: str) -> Retrieval | None:
    """Return the newest retrieval of just these files into this folder, if there is one.

    The plan knows what was in the folder when it was ``began``.
    """
    asked = {(one.pid, one.files) for one in plan.wanted()}
    for retrieval, record in local():
        same = (record.profile, record.folder, record.option, record.username) == (
            plan.profile,
            str(plan.folder),
            plan.option,
            plan.username,
        )
        if same and {(one.pid, one.files) for one in record.wanted} == asked:
            if record.state is State.VERIFIED and plan.orders and record.since < began:
                continue  # files were removed or changed since
            return retrieval
    return None


def _ordered(
    here: Connection, plan: RetrievalPlan, pace: Pace, progress: Progress | None
) -> Retrieval:
    wanted = plan.wanted()
    record = Record(
        profile=plan.profile,
        title=title_of([one.name for one in wanted]),
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
