"""What the state folder holds of a retrieval: what was asked, the jobs, the state, who works on it.

::

    retrievals/2026-11-20T0912_a1b2c3/
        record.json      what was asked for, the jobs on the server, the state, the error
        process.json     which process works on it
        progress.json    bytes done; its time of change is the sign of life
        ask              somebody asked the worker to pause or to cancel
        lock             held by whoever works on it
        log.txt          what the worker wrote

Every file can be read by its owner alone and is written whole or not at all, so that a killed
process leaves a folder that can be read. No address of a file is ever written: whoever has one can
fetch the data without a log-in.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import threading
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from openem_nb import _processes
from openem_nb._processes import read_json
from openem_nb._version import __version__
from openem_nb.errors import BadAnswer, CannotWrite, NotFound, OpenEMError
from openem_nb.jobs import ProgressState
from openem_nb.settings import folders, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no advisory locks; there the noted process has to do
    fcntl = None  # type: ignore[assignment]

__all__ = [
    "Order",
    "Record",
    "State",
    "Wanted",
    "ask",
    "asked",
    "forget_jobs",
    "forgotten_jobs",
    "home",
    "is_worked_on",
    "locked",
    "new_folder",
    "now",
    "read_progress",
    "remember_jobs",
    "write_progress",
]

_FORGOTTEN = "forgotten.json"
_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{5,79}")


class State(StrEnum):
    """Where a retrieval is in its life."""

    REQUESTED = "requested"
    QUEUED = "queued"
    READING = "being read from tape"
    READY = "ready"
    DOWNLOADING = "downloading"
    VERIFIED = "verified"
    PAUSED = "paused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    FAILED = "failed"
    WAITING = "waiting for log-in"
    INTERRUPTED = "interrupted"

    @property
    def open(self) -> bool:
        """Whether something may still come of it without a new decision of a person."""
        return self not in {State.VERIFIED, State.CANCELLED, State.EXPIRED, State.FAILED}

    @property
    def at_server(self) -> bool:
        """Whether the server decides what comes next."""
        return self in {State.REQUESTED, State.QUEUED, State.READING, State.READY, State.WAITING}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One data set of a retrieval, and how far it is."""

    pid: str
    name: str
    folder: str
    """Name of its folder below that of the retrieval."""
    count: int
    """Files wanted."""
    size: int
    """Bytes of these files on disk."""
    files: tuple[str, ...] | None = None
    """Paths wanted, None for all."""
    access_groups: tuple[str, ...] = ()
    """Who could read it when it was asked for; some archives lose that on the way."""
    published: bool = False
    owner_group: str = ""
    source: str = ""
    """Where the files were recorded, at the facility."""
    done: bool = False
    """Whether all its files are here and verified."""
    failure: str = ""
    """Why it cannot be had; empty while it can."""


@dataclass(frozen=True, slots=True)
class Order:
    """One job on the server, or the wish for one."""

    pids: tuple[str, ...]
    location: str
    """Archive that holds the data sets: ``PSI`` or ``ETHZ``."""
    kind: str = "retrieve"
    """``retrieve``; ``public``, which anybody may ask; ``broker`` where it is out already."""
    files: tuple[tuple[str, ...], ...] = ()
    """Paths asked of the server, for each data set; empty for all."""
    owner_group: str | None = None
    option: str | None = None
    """Where the archive puts the files, where it leaves a choice."""
    email: str | None = None
    """Where the archive writes to, if nobody is logged in."""
    job: str | None = None
    """Id of the job, None while the server has not said it."""
    sent: str | None = None
    """When it was sent; with no ``job``, nobody knows yet whether it arrived."""
    code: str = ""
    """Status of the job in the server's words."""
    said: str = ""
    """What the server said about it last."""
    expires: str | None = None
    """When the files go away again."""
    done: bool = False
    """Whether everything of it is here."""


@dataclass(frozen=True, slots=True)
class Record:
    """The content of ``record.json``."""

    profile: str
    title: str
    folder: str
    """Absolute path of the folder that the data sets' folders are in."""
    wanted: tuple[Wanted, ...]
    orders: tuple[Order, ...]
    created: str
    """When it was asked for: ISO 8601, UTC."""
    spent: tuple[str, ...] = ()
    """Jobs that have brought nothing, or whose files are gone."""
    username: str | None = None
    """Who asked; None for nobody (public data)."""
    option: str | None = None
    """Where the files are put, where the archive leaves a choice."""
    state: State = State.REQUESTED
    since: str = ""
    """When it came into this state."""
    worker: bool = False
    """Whether a process has taken it up and has not said goodbye."""
    error: tuple[str, str] | None = None
    """What went wrong, and a hint at what to do."""
    notes: tuple[str, ...] = ()
    """What a person should know although it went well."""
    by_size: int = 0
    """Files that could be checked by their size alone."""
    notice: str | None = None
    """Text that must be shown with the data (practice data), None for real data."""
    version: str = __version__

    @property
    def pids(self) -> tuple[str, ...]:
        """The data sets."""
        return tuple(one.pid for one in self.wanted)

    @property
    def expires(self) -> datetime | None:
        """When the first of the files that are still to be fetched goes away; None if unknown."""
        times = [one.expires for one in self.orders if one.expires and not one.done]
        return min(map(datetime.fromisoformat, times), default=None)

    def becoming(
        self, state: State, *, error: OpenEMError | tuple[str, str] | None = None, **changes: Any
    ) -> Record:
        """Return the record in another state."""
        if isinstance(error, OpenEMError):
            error = (str(error), error.hint)
        since = self.since if state is self.state and self.since else now()
        return replace(self, state=state, since=since, error=error, **changes)

    def with_order(self, order: Order, changed: Order) -> Record:
        """Return the record with one order replaced."""
        return replace(self, orders=tuple(changed if one is order else one for one in self.orders))

    def with_wanted(self, changed: Wanted) -> Record:
        """Return the record with the entry of one data set replaced."""
        return replace(
            self, wanted=tuple(changed if one.pid == changed.pid else one for one in self.wanted)
        )

    @classmethod
    def read(cls, folder: Path) -> Record:
        """Return the record in a folder.

        Raises
        ------
        NotFound
            If there is none, or no more.
        BadAnswer
            If it is damaged.
        """
        data = read_json(folder / "record.json")
        if data is None:
            raise NotFound(
                f"There is no retrieval {folder.name!r}.", hint="It may have been forgotten."
            )
        try:
            wanted = tuple(
                Wanted(
                    **{
                        **one,
                        "files": None if one["files"] is None else tuple(one["files"]),
                        "access_groups": tuple(one["access_groups"]),
                    }
                )
                for one in data.pop("wanted")
            )
            orders = tuple(
                Order(
                    **{
                        **one,
                        "pids": tuple(one["pids"]),
                        "files": tuple(map(tuple, one["files"])),
                    }
                )
                for one in data.pop("orders")
            )
            error = data.pop("error")
            return cls(
                **{
                    **data,
                    "state": State(data["state"]),
                    "notes": tuple(data["notes"]),
                    "spent": tuple(data["spent"]),
                },
                wanted=wanted,
                orders=orders,
                error=None if error is None else (str(error[0]), str(error[1])),
            )
        except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            raise BadAnswer(
                f"{folder / 'record.json'} is not the record of a retrieval: {error}.",
                hint="Remove the folder; the files that were retrieved lie elsewhere.",
            ) from error

    def write(self, folder: Path) -> Record:
        """Write the record into its folder, and return it."""
        write_whole(
            folder / "record.json",
            json.dumps(asdict(self), indent=1, ensure_ascii=False) + "\n",
            private=True,
        )
        return self


def now() -> str:
    """Return the present time in ISO 8601, UTC."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def home() -> Path:
    """Return the folder of all records, made on first use."""
    path = folders().state.absolute() / "retrievals"
    try:
        path.mkdir(exist_ok=True, mode=0o700)
    except OSError as error:
        raise CannotWrite(
            f"The folder {path} cannot be made: {error.strerror or error}.",
            hint="Set OPENEM_HOME to a folder where you may write.",
        ) from error
    return path


def new_folder(name: str | None = None) -> Path:
    """Return a new folder for a record: named, or with time and chance in its name.

    A name that comes from a server is used only if it is harmless.
    """
    while True:
        time = datetime.now().astimezone().strftime("%Y-%m-%dT%H%M")
        given = name if name and _SAFE_ID.fullmatch(name) else None
        folder = home() / (given or f"{time}_{secrets.token_hex(3)}")
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            if given:
                return folder
            continue
        except OSError as error:
            raise CannotWrite(
                f"The retrieval cannot be noted: {error.strerror or error}.",
                hint="Free some space, or set OPENEM_HOME to a folder where you may write.",
            ) from error
        return folder


def forgotten_jobs() -> frozenset[str]:
    """Return the jobs on the server that a person does not want to see in the list any more."""
    known = read_json(home() / _FORGOTTEN)
    return frozenset(map(str, known)) if isinstance(known, list) else frozenset()


def forget_jobs(jobs: Iterable[str]) -> None:
    """Leave jobs out of the list from now on."""
    _write_forgotten(forgotten_jobs() | set(jobs))


def remember_jobs(jobs: Iterable[str]) -> None:
    """Let jobs appear in the list again."""
    _write_forgotten(forgotten_jobs() - set(jobs))


def _write_forgotten(jobs: Iterable[str]) -> None:
    if (known := frozenset(jobs)) != forgotten_jobs():
        write_whole(home() / _FORGOTTEN, json.dumps(sorted(known)) + "\n", private=True)


_held: set[Path] = set()
_held_lock = threading.Lock()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """Hold the lock of a record within the block; gives False if somebody else has it.

    It holds among the threads of this process and among processes, and ends with the process.
    """
    with _held_lock:
        mine = folder not in _held
        if mine:
            _held.add(folder)
    if not mine:
        yield False
        return
    try:
        with os.fdopen(_open_lock(folder), "w") as handle:
            if fcntl is not None:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    yield False
                    return
                except OSError:  # some network disks have no locks; the noted process has to do
                    if _alive(folder):
                        yield False
                        return
            yield True
    finally:
        with _held_lock:
            _held.discard(folder)


def _open_lock(folder: Path) -> int:
    path = folder / "lock"
    flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        return os.open(path, flags, 0o600)
    except FileNotFoundError:  # the record was forgotten meanwhile
        raise
    except OSError as error:
        raise CannotWrite(
            f"{path} cannot be locked: {error.strerror or error}.",
            hint="It has to be a plain file of yours; remove it if it is not.",
        ) from error


def _alive(folder: Path) -> bool:
    return _processes.is_alive(folder, "progress.json", "record.json")


def is_worked_on(folder: Path, record: Record) -> bool:
    """Return whether a process works on a retrieval, here or on another machine."""
    return record.worker and _alive(folder)


def ask(folder: Path, what: str) -> None:
    """Leave word for the worker: ``pause`` or ``cancel``."""
    write_whole(folder / "ask", what, private=True)


def asked(folder: Path) -> str:
    """Return what was asked of the worker, empty if nothing."""
    try:
        return (folder / "ask").read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def write_progress(folder: Path, state: ProgressState) -> None:
    """Note how far the worker is; this is its sign of life, too."""
    write_whole(folder / "progress.json", json.dumps(asdict(state)) + "\n", private=True)


def read_progress(folder: Path) -> ProgressState | None:
    """Return how far the worker is, or was; None before it began."""
    data = read_json(folder / "progress.json")
    try:
        return None if data is None else ProgressState(**data)
    except TypeError as error:
        raise BadAnswer(f"{folder / 'progress.json'} is damaged: {error}.") from error
