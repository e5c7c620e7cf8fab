"""From the links of a job to verified files, and what a person should know of them afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import stat
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from openem_nb import settings
from openem_nb.errors import BadAnswer, CannotWrite, InvalidInput, NotAllowed, Unreachable
from openem_nb.jobs import Progress
from openem_nb.scicat._ordering import PLACES, expired, look_at
from openem_nb.scicat._record import now
from openem_nb.scicat._tape_files import Checked, Tape, is_here, look, member, members
from openem_nb.scicat.connection import Connection
from openem_nb.scicat.names import safe_path
from openem_nb.settings import write_whole
from openem_nb.transfer import MANIFEST, Archive, Manifest, Patience, unpack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from openem_nb.scicat._record import Order, Record, Wanted
    from openem_nb.scicat._tape_jobs import Link

__all__ = [
    "SUMMARY",
    "Addresses",
    "Share",
    "commands",
    "deliver",
    "failure_of",
    "losses",
    "place_of",
    "write_summary",
]

SUMMARY: Final = "retrieved.json"
"""Name of the file beside the files of a data set that says where they come from."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_ONE_LOOK: Final = Patience(first=0, longest=0, total=0)
"""Whether the store has read its objects from tape is asked again by the worker, at its pace."""


class Addresses:
    """Fresh addresses of the tars of a data set, whatever happens to the old ones.

    They are never kept anywhere but here. An address may stop to work because it has run out, or
    because the store has moved (the practice facility has another port after each start).
    """

    def __init__(
        self, profile: str, order: Order, links: Iterable[Link], progress: Progress | None
    ) -> None:
        self._profile = profile
        self._order = order
        self.links = tuple(links)
        self._progress = progress
        self._lock = threading.Lock()
        self._given: set[str] = set()

    def of(self, link: Link) -> Callable[[], str]:
        """Return what gives the address of a tar: at first the known one, later a fresh one."""

        def address() -> str:
            with self._lock:
                if link.name in self._given:
                    self._renew(link.pid)
                self._given.add(link.name)
                return next((one.url for one in self.links if one.name == link.name), link.url)

        return address

    def _renew(self, pid: str) -> None:
        here = Connection(settings.catalogue(self._profile))
        try:
            _, links = look_at(here, self._order, progress=self._progress)
        except BadAnswer as error:  # of the catalogue, not of the store: it is worth another look
            raise Unreachable(str(error), hint=error.hint) from None
        if links is not None:
            self.links = tuple(link for link in links if link.pid == pid)


class Share(Progress):
    """The progress of one data set as a share of that of the whole retrieval."""

    def __init__(self, whole: Progress, before: float, total: float) -> None:
        super().__init__(unit="B")
        self._whole, self._before, self._of = whole, before, total

    def update(self, done: float | None = None, **changes: Any) -> None:
        """Say how far it is; the whole hears of it."""
        super().update(done, **changes)
        self._pass_on()

    def advance(self, amount: float = 1, *, earlier: bool = False) -> None:
        """Add to the amount done; the whole hears of it."""
        super().advance(amount, earlier=earlier)
        self._pass_on()

    def _pass_on(self) -> None:
        state = self.snapshot()
        done = min(self._of, self._before + state.done)
        self._whole.update(done, total=self._of, message=state.message)

    def cancel(self) -> None:
        """Stop the whole."""
        self._whole.cancel()

    @property
    def cancelled(self) -> bool:
        """Whether the whole is to stop."""
        return self._whole.cancelled

    def check(self) -> None:
        """Raise ``Cancelled`` if the whole is to stop."""
        self._whole.check()

    def wait(self, seconds: float, *, why: str = "") -> None:
        """Sleep, but wake up when the whole is to stop."""
        self._whole.wait(seconds, why=why)


def deliver(tape: Tape, folder: Path, addresses: Addresses, *, progress: Progress) -> Checked:
    """Fetch the tars of a data set and unpack them into its folder; return what is there then.

    Raises
    ------
    LinksExpired
        If the store has removed it again.
    NotOnDisk
        If the store has not read some of it from tape yet; the rest is here.
    BadAnswer, ChecksumMismatch
        If a tar is not what the catalogue says, or would do harm.
    """
    _refuse_planted(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with Manifest(folder / MANIFEST) as manifest:
        archives = [
            Archive(
                addresses.of(link),
                folder,
                block.name,
                packed_size=block.packed_size or None,
                members=members(block),
                only=tape.only and tape.only & {file.path for file in block.files},
            )
            for link, block in tape.pairs(addresses.links)
        ]
        try:
            unpack(archives, manifest=manifest, patience=_ONE_LOOK, progress=progress)
        except NotAllowed as error:
            if "expired" not in f"{error.said} {error}".lower():
                raise
            raise expired(addresses.links) from None
        return _came(tape, folder, manifest)


def _refuse_planted(folder: Path) -> None:
    """Refuse to write through a link that another user has made: it may lead anywhere.

    A link of one's own, to a larger disk for example, is followed.
    """
    if not hasattr(os, "geteuid"):  # Windows: only administrators make links there
        return
    for place in (folder.parent, folder):
        with contextlib.suppress(FileNotFoundError):
            found = place.lstat()
            if stat.S_ISLNK(found.st_mode) and found.st_uid not in (0, os.geteuid()):
                raise CannotWrite(
                    f"{place} is a link that another user has made; nothing is written through it.",
                    hint="Remove the link, or choose another folder.",
                )


def _came(tape: Tape, folder: Path, manifest: Manifest) -> Checked:
    good = by_size = size = 0
    missing = []
    for block in tape.blocks:
        for file in tape.files(block):
            one = member(file, block.algorithm)
            if not is_here(manifest, folder, one):
                missing.append(file.path)
                continue
            size += one.size
            good, by_size = (good + 1, by_size) if one.checksum else (good, by_size + 1)
    return Checked(good, by_size, tuple(missing), (), size)


def failure_of(
    here: Connection, order: Order, pid: str, *, progress: Progress | None = None
) -> str:
    """Say why a job that has ended brought nothing of a data set."""
    life = look(here, (pid,), progress=progress).get(pid)
    if life is None:
        return "it is not there any more, or you may not see it any more"
    # The data set's own word may be that of an earlier retrieval: it counts only beside the job's.
    failed = life.datasetlifecycle.retrieveStatusMessage == "datasetRetrievalFailed"
    if failed or order.code == "finishedUnsuccessful":
        more = f" ({order.said})" if order.said else ""
        return f"the archive could not read it from tape{more}"
    return f"job {order.job} has ended ({order.code}) without files of it"


def losses(
    here: Connection, wanted: Iterable[Wanted], *, progress: Progress | None = None
) -> tuple[str, ...]:
    """Say what a person should know of data sets that came back whole from tape.

    An archive may lose who could read a data set when it writes the state of it; and what never
    arrived there cannot come back.
    """
    wanted = tuple(wanted)
    known = look(here, [one.pid for one in wanted], progress=progress)
    notes = []
    for one in wanted:
        document = known.get(one.pid)
        if document is None:
            notes.append(f"{one.name} ({one.pid}) cannot be seen any more.")
            continue
        lost = [group for group in one.access_groups if group not in document.accessGroups]
        if lost:
            notes.append(
                f"The archive has taken {one.name} ({one.pid}) away from the groups "
                f"{', '.join(lost)}: its owner can share it again."
            )
        if one.published and not document.isPublished:
            notes.append(f"The archive has made {one.name} ({one.pid}) private again.")
        if one.files is None and document.numberOfFiles > one.count:
            notes.append(
                f"{one.name} ({one.pid}) lists {document.numberOfFiles:,} files, "
                f"{one.count:,} of them are on tape."
            )
    return tuple(notes)


def place_of(record: Record, order: Order, wanted: Wanted) -> Path | None:
    """Return where on this machine the archive puts a data set, if it does so; it may be absent."""
    group, here = wanted.owner_group, settings.profiles().get(record.profile)
    disk = None if here is None else here.work_disk
    if order.option != "PSI-RA" or disk is None or not _PLAIN.fullmatch(group):
        return None
    try:
        return Path(disk) / group[:3] / "retrieve" / group / safe_path(wanted.source)
    except InvalidInput:  # it would lead elsewhere
        return None


def commands(record: Record) -> tuple[str, ...]:
    """Return shell commands that copy data sets from where the archive puts them for people."""
    return tuple(
        line
        for order in record.orders
        if order.option in PLACES
        for one in record.wanted
        if one.pid in order.pids
        for line in _copying(record, order, one)
    )


def _copying(record: Record, order: Order, wanted: Wanted) -> tuple[str, ...]:
    target = f"{Path(record.folder) / wanted.folder}/"
    place = place_of(record, order, wanted)
    if place is not None:
        return (shlex.join(["rsync", "-av", f"{place}/", target]),)
    here = settings.profiles().get(record.profile)  # none where it was taken out of the settings
    host = None if here is None else here.copy_host
    if order.option != "PSI" or host is None:
        return ()
    name = wanted.pid.rpartition("/")[2]
    if not _PLAIN.fullmatch(name):  # it would stand in a command for a shell over there
        return ()
    source = f"{host}:retrieve/{name}"
    return (
        shlex.join(["rsync", "-e", "ssh", "-av", f"{source}/", target]),
        shlex.join(["sftp", "-P", "4222", "-r", f"{source}/", target]),
    )


def write_summary(
    folder: Path, record: Record, order: Order, wanted: Wanted, tape: Tape, checked: Checked
) -> None:
    """Write ``retrieved.json`` beside the files: what came, when, from where, how it was checked.

    It stays with the files when they are moved. It holds no address of a file. Where the data set
    has a file of that name, that file stays.
    """
    names = (file.path for block in tape.blocks for file in block.files)
    if any(safe_path(name).parts[0].casefold() == SUMMARY for name in names):
        return
    content = {
        "pid": wanted.pid,
        "name": wanted.name,
        "profile": record.profile,
        "notice": record.notice,
        "archive": order.location,
        "job": order.job,
        "retrieved": now(),
        "files": checked.good + checked.by_size,
        "bytes": checked.bytes,
        "verified_by_checksum": checked.good,
        "verified_by_size_only": checked.by_size,
        "all_files": wanted.files is None,
        "tars": [block.name for block in tape.blocks],
    }
    write_whole(folder / SUMMARY, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
