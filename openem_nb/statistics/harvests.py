"""Filling an archive with all of EMDB and EMPIAR, and keeping it up to date.

A harvest works on a copy beside the archive (its name ends in ``.harvest``) and puts that in the
archive's place when it is whole. Readers therefore never see half a harvest, and a harvest that was
killed goes on from its copy: every few hundred entries are one transaction.
"""

from __future__ import annotations

import platform
import shutil
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

import duckdb
import pandas as pd

from openem_nb import emdb, empiar, settings
from openem_nb._version import __version__
from openem_nb.errors import BadAnswer, CannotWrite, InvalidInput
from openem_nb.jobs import Progress
from openem_nb.statistics import _schema
from openem_nb.statistics._store import Row, Store
from openem_nb.statistics.archives import archive_path, content_fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from openem_nb.settings import Services

__all__ = ["HarvestReport", "harvest"]

T = TypeVar("T")

LISTING: Final = {
    "emdb_id": "emdb_id",
    "current_status": "status",
    "deposition_date": "deposited",
    "header_release_date": "header_released",
    "map_release_date": "map_released",
    "update_date": "updated",
    "obsolete_date": "obsoleted",
}
"""Fields of the listing as EMDB names them, and the columns that they fill."""

EVERYTHING: Final = "*:*"

PORTION: Final = 500
"""Entries that are written in one transaction."""

OVERLAP: Final = timedelta(days=14)
"""How far before its last known update EMPIAR is asked again: updates are published weekly, some of
them late."""

_HANDFUL: Final = 10
_MOST_GONE: Final = 0.1
"""How many released entries, and which share of them, may vanish between two harvests."""

_TRIES: Final = 4


@dataclass(frozen=True, slots=True)
class HarvestReport:
    """What a harvest did, and where the services' own numbers differ from what it read."""

    path: Path
    """The archive."""
    service: str
    queries: tuple[str, ...]
    """What was asked, as it was sent."""
    started: datetime
    finished: datetime
    emdb_statuses: dict[str, int]
    """Entries that EMDB lists, by status."""
    emdb_released_stated: int
    """Released entries as EMDB itself counts them."""
    emdb_fetched: int
    """Entries whose details were read now."""
    empiar_read: int
    """EMPIAR entries that were read now."""
    empiar_entries: int
    """EMPIAR entries in the archive."""
    missing: dict[str, str]
    """Entries that could not be read, with the reason: released or obsolete ones of EMDB, and any
    of EMPIAR."""
    outdated: int
    """How many of those of EMDB are in the archive in an older version."""
    vanished: int
    """Entries that were listed once and are not any more."""
    mismatches: tuple[str, ...]
    """Where the numbers do not agree, in words."""
    fingerprint: str
    """SHA-256 of the archive's content."""

    @property
    def complete(self) -> bool:
        """Whether everything was read and all numbers agree."""
        return not self.missing and not self.mismatches

    def __str__(self) -> str:
        lines = [
            (
                f"{self.path.name}: {sum(self.emdb_statuses.values()):,} EMDB entries listed "
                f"({self.emdb_statuses.get('REL', 0):,} released), {self.emdb_fetched:,} read; "
                f"{self.empiar_entries:,} EMPIAR entries, {self.empiar_read:,} read."
            )
        ]
        if self.missing:
            lines.append(
                f"{len(self.missing):,} entries could not be read; the next harvest tries again."
            )
        return "\n".join([*lines, *self.mismatches])


def harvest(*, path: Path | None = None, progress: Progress | None = None) -> HarvestReport:
    """Fill the archive of the active services, or bring it up to date.

    EMDB is listed whole, unreleased entries included; the details of released and obsolete entries
    are read where they are not in the archive or have changed since. EMPIAR is read whole at first,
    later only what has changed. Cancelling or killing a harvest loses nothing: the next one goes
    on, and the archive stays as it was until then.

    Parameters
    ----------
    path :
        The archive file, made if missing; by default the one of the active services.
    progress :
        Told the stage in words and the entries done; cancels when asked.

    Raises
    ------
    CannotWrite
        If another harvest of this archive runs, the folder is read-only or the disk is full.
    InvalidInput
        If the archive there belongs to other services, or is not an archive.
    Unreachable, BadAnswer, RateLimited
        If a service does not give its listing after several tries.
    BadAnswer
        If so many of the archive's released entries are not listed any more that it must be of
        another service; it stays as it is.
    Cancelled
        If ``progress`` was cancelled.

    Examples
    --------
    >>> with jobs.follow(sys.stderr) as progress:                           # doctest: +SKIP
    ...     report = statistics.harvest(progress=progress)
    """
    progress = progress or Progress()
    services = settings.services()
    target = path if path is not None else archive_path()
    working = _schema.working_copy(target)
    started = datetime.now(UTC)
    if target.exists():
        _schema.open_read_only(target).close()  # says so if it is no archive of this version
    with _open(target, working) as store:
        _claim(store, services, target)
        stated, mismatches = _list_emdb(store, progress, started.date(), target)
        fetched = _read_details(store, progress)
        read, query = _read_empiar(store, progress)
        progress.update(message="Finishing the archive")
        report = _conclude(
            store,
            services,
            target,
            started,
            stated,
            mismatches,
            fetched=fetched,
            read=read,
            queries=(f"EMDB {EVERYTHING}", "EMDB entries by id", f"EMPIAR {query}"),
        )
        store.settle()
    try:
        working.replace(target)
    except OSError as error:
        raise CannotWrite(
            f"{target} cannot be replaced: {error.strerror or error}.",
            hint="Close what has it open and harvest again; the work is kept.",
        ) from error
    return report


def _open(target: Path, working: Path) -> Store:
    """Open the working copy, made from the archive or left by an earlier harvest."""
    _make_working_copy(target, working)
    try:
        return Store(working)
    except InvalidInput:
        # The stump of a harvest that ended while it made the file, or one of another version:
        # only work that can be done again is lost with it.
        _remove(working)
        _make_working_copy(target, working)
        return Store(working)


def _remove(working: Path) -> None:
    for file in (working, working.with_name(working.name + ".wal")):
        file.unlink(missing_ok=True)


def _make_working_copy(target: Path, working: Path) -> None:
    """Copy the archive, unless an earlier harvest has left its copy to go on with."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists() and not working.exists():
            unfinished = working.with_name(working.name + ".copy")
            shutil.copyfile(target, unfinished)
            unfinished.replace(working)
    except OSError as error:
        raise CannotWrite(
            f"{working} cannot be written: {error.strerror or error}.",
            hint="Choose a folder where you may write and that has space (OPENEM_DATA).",
        ) from error


def _claim(store: Store, services: Services, target: Path) -> None:
    owner = store.meta().get("service", services.name)
    if owner != services.name:
        raise InvalidInput(
            f"{target} holds data of {owner}, and the active services are {services.name}.",
            hint="Use another file for each, or leave the path out.",
        )
    store.set_meta(
        {
            "service": services.name,
            "notice": services.notice,
            "emdb_api": services.emdb_api,
            "emdb_site": services.emdb_site,
            "empiar_api": services.empiar_api,
            "empiar_site": services.empiar_site,
        }
    )


def _again(work: Callable[[], T], progress: Progress) -> T:
    """Do ``work``, again if the answer is damaged; broken connections are repeated below."""
    for tries_left in range(_TRIES - 1, 0, -1):
        try:
            return work()
        except BadAnswer:
            progress.wait(0.5 * (_TRIES - tries_left))
            progress.check()
    return work()


def _list_emdb(
    store: Store, progress: Progress, today: date, target: Path
) -> tuple[int, list[str]]:
    progress.update(0, message="Listing EMDB", unit="entries")
    rows, stated = _again(lambda: _listing(progress), progress)
    released = sum(row["status"] == "REL" for row in rows)
    whole = released == stated
    if whole:
        _refuse_other_service(store, rows, target)
    mismatches = (
        []
        if whole
        else [
            (
                f"EMDB counts {stated:,} released entries and lists {released:,}; "
                "ids that are not in the list were kept as they were."
            )
        ]
    )
    store.put_listing(rows, whole=whole, day=today)
    return stated, mismatches


def _refuse_other_service(store: Store, rows: list[Row], target: Path) -> None:
    """Refuse to mix two worlds: the released entries of one service do not vanish in numbers."""
    known = store.released()
    gone = len(known - {row["emdb_id"] for row in rows})
    if gone > max(_HANDFUL, _MOST_GONE * len(known)):
        store.close()
        _remove(store.path)  # else the next harvest would go on with it
        raise BadAnswer(
            f"{gone:,} of the {len(known):,} released entries of {target} are not in EMDB's list.",
            hint=f"This archive seems to be of another service; move {target} away and harvest "
            "again."
            if target.exists()
            else "What an unfinished harvest had left there was of another service and has been "
            "removed; harvest again.",
        )


def _listing(progress: Progress) -> tuple[list[Row], int]:
    hits = emdb.search(EVERYTHING, fields=tuple(LISTING), progress=progress)
    frame = pd.DataFrame(hits).rename(columns=LISTING)[list(LISTING.values())]
    if frame.empty:
        raise BadAnswer("EMDB's listing is empty.", hint="Try again later.")
    for column in frame.select_dtypes("datetime"):
        frame[column] = frame[column].dt.strftime("%Y-%m-%d")
    frame = frame.astype(object).where(frame.notna(), None).drop_duplicates("emdb_id", keep="last")
    frame["status"] = frame["status"].str.upper()
    rows = [
        {str(column): value for column, value in row.items()} for row in frame.to_dict("records")
    ]
    return rows, emdb.count(EVERYTHING, progress=progress).get("REL", 0)


def _read_details(store: Store, progress: Progress) -> int:
    pending = store.pending()
    if not pending:
        return 0
    progress.update(0, total=len(pending), message="Reading EMDB entries", unit="entries")
    fetched = 0
    entries: list[emdb.Entry] = []
    failures: dict[str, str] = {}

    def write() -> None:
        nonlocal fetched
        store.put_details(entries, failures, listed=pending)
        fetched += len(entries)
        entries.clear()
        failures.clear()

    try:
        for batch in emdb.fetch(pending, progress=progress):
            entries.extend(batch.found)
            failures.update(batch.failed)
            failures.update(dict.fromkeys(batch.not_found, "listed by EMDB, but not found there"))
            if len(entries) + len(failures) >= PORTION:
                write()
    finally:
        # what has come is kept, also when the service stops answering or the harvest is cancelled
        write()
    return fetched


def _read_empiar(store: Store, progress: Progress) -> tuple[int, str]:
    """Return how many entries were read, and the query that found them."""
    progress.update(0, message="Reading EMPIAR", unit="entries")
    since = store.meta().get("empiar_since")
    changed = f"database:EMPIAR AND update_date:[{since}T00:00:00Z TO NOW]"
    query = "*" if since is None else changed
    read = _again(lambda: _read_pages(store, query, progress), progress)
    if since is None:
        if not read:
            raise BadAnswer("EMPIAR's listing is empty.", hint="Try again later.")
        store.keep_empiar(read)
    _retry_empiar(store, progress)
    last = store.connection.execute("SELECT max(updated) FROM empiar_entries").fetchone()
    if last and last[0]:
        store.set_meta({"empiar_since": (last[0] - OVERLAP).isoformat()})
    return len(read), query


def _read_pages(store: Store, query: str, progress: Progress) -> set[str]:
    read: set[str] = set()
    for page in empiar.pages(query, progress=progress):
        store.put_empiar(page, page.failed)
        read.update(entry.id for entry in page)
        read.update(page.failed)
    return read


def _retry_empiar(store: Store, progress: Progress) -> None:
    """Ask alone for the entries that came damaged, now or in an earlier harvest."""
    names = []
    for name in store.failed_empiar():
        try:
            names.append(empiar.normalise_id(name))
        except InvalidInput:  # the record had no name to ask for; it stays noted
            continue
    if names:
        answer = empiar.entries(names, progress=progress)
        store.put_empiar(list(answer.found.values()), answer.failed)
        store.drop_empiar_failures(answer.not_found)


_DISAGREE: Final = """
    SELECT count(*) FROM emdb_listing l JOIN emdb_details d USING (emdb_id)
    WHERE l.vanished IS NULL AND d.listed_update IS NOT DISTINCT FROM l.updated AND
      (l.status, l.deposited, l.map_released)
        IS DISTINCT FROM (d.status, d.deposited, d.map_released)
"""


def _conclude(
    store: Store,
    services: Services,
    target: Path,
    started: datetime,
    stated: int,
    mismatches: list[str],
    *,
    fetched: int,
    read: int,
    queries: tuple[str, ...],
) -> HarvestReport:
    ask = store.connection.execute
    if disagree := _one(store, _DISAGREE):
        mismatches = [
            *mismatches,
            f"In {disagree:,} entries status or dates differ from EMDB's list; the list is used.",
        ]
    statuses = dict(
        ask(
            "SELECT status, count(*) FROM emdb_listing WHERE vanished IS NULL GROUP BY 1 ORDER BY 1"
        ).fetchall()
    )
    missing = dict(
        ask(
            "SELECT e.emdb_id, coalesce(f.reason, 'not read') FROM emdb_entries e LEFT JOIN "
            "emdb_failures f USING (emdb_id) WHERE e.details IN ('missing', 'outdated') AND "
            "e.vanished IS NULL ORDER BY 1"
        ).fetchall()
    )
    lost = dict(ask("SELECT empiar_id, reason FROM empiar_failures ORDER BY 1").fetchall())
    report = HarvestReport(
        path=target,
        service=services.name,
        queries=queries,
        started=started,
        finished=datetime.now(UTC),
        emdb_statuses=statuses,
        emdb_released_stated=stated,
        emdb_fetched=fetched,
        empiar_read=read,
        empiar_entries=_one(store, "SELECT count(*) FROM empiar_entries"),
        missing={**missing, **lost},
        outdated=_one(
            store,
            "SELECT count(*) FROM emdb_entries WHERE details = 'outdated' AND vanished IS NULL",
        ),
        vanished=_one(store, "SELECT count(*) FROM emdb_listing WHERE vanished IS NOT NULL"),
        mismatches=tuple(mismatches),
        fingerprint=content_fingerprint(store.connection),
    )
    store.add_harvest(_row(report))
    return report


def _row(report: HarvestReport) -> dict[str, Any]:
    return {
        "started": report.started.strftime("%Y-%m-%d %H:%M:%S.%f"),
        "finished": report.finished.strftime("%Y-%m-%d %H:%M:%S.%f"),
        "service": report.service,
        "queries": report.queries,
        "emdb_listed": sum(report.emdb_statuses.values()),
        "emdb_released": report.emdb_statuses.get("REL", 0),
        "emdb_released_stated": report.emdb_released_stated,
        "emdb_fetched": report.emdb_fetched,
        "emdb_missing": sum(name.startswith("EMD-") for name in report.missing) - report.outdated,
        "emdb_outdated": report.outdated,
        "emdb_vanished": report.vanished,
        "empiar_read": report.empiar_read,
        "empiar_entries": report.empiar_entries,
        "empiar_missing": sum(not name.startswith("EMD-") for name in report.missing),
        "mismatches": report.mismatches,
        "versions": (
            f"openem_nb {__version__}, DuckDB {duckdb.__version__}, pandas {pd.__version__}, "
            f"Python {platform.python_version()}"
        ),
    }


def _one(store: Store, query: str) -> int:
    row = store.connection.execute(query).fetchone()
    return int(row[0]) if row else 0
