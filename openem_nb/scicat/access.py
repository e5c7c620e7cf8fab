"""Where the files of a data set can be read right now: a folder on this machine, or open tars."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from openem_nb import settings
from openem_nb._processes import read_json
from openem_nb.errors import Conflict, NotFound, NotLoggedIn, NotOnDisk, OpenEMError
from openem_nb.scicat import _tape_jobs
from openem_nb.scicat._delivery import SUMMARY, Addresses, place_of
from openem_nb.scicat._history import local
from openem_nb.scicat._ordering import look_at
from openem_nb.scicat._plan import default_folder
from openem_nb.scicat._record import Order, State
from openem_nb.scicat._tape_files import Tape, dataset_folder, tape_of
from openem_nb.scicat.connection import Connection
from openem_nb.values import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openem_nb.jobs import Progress
    from openem_nb.scicat._record import Record
    from openem_nb.scicat._tape_jobs import Link
    from openem_nb.scicat.datasets import DataSet
    from openem_nb.scicat.files import TapedFile

__all__ = ["OpenTar", "Readable", "locate"]

_SAMPLED: Final = 200
"""Files that are looked for in the folder where a data set was recorded, before it is believed."""


@dataclass(frozen=True)
class OpenTar:
    """A tar archive that was read from tape and can be fetched, in parts, from an object store.

    It holds no address: whoever has one has the data. It can be sent to another process, which asks
    for an address of its own.
    """

    profile: str
    pid: str
    name: str
    """File name of the tar on tape."""
    order: Order
    """How the server knows what was asked for."""
    files: tuple[TapedFile, ...]
    """What is in it, by the catalogue's word."""

    def address(self) -> Callable[[], str]:
        """Return what gives the address: at first the known one, then fresh ones.

        Raises
        ------
        NotOnDisk
            When it is called, if what was read from tape was removed again.
        """
        place = settings.catalogue(self.profile).scicat_api or ""
        key = (place, self.profile, self.pid, self.name)
        with _lock:
            known = _known.get(key)
        if known is None:
            known = self._asked()
            with _lock:
                while len(_known) >= _MOST:
                    _known.pop(next(iter(_known)))
                _known[key] = known
        addresses, link = known
        return addresses.of(link)

    def _asked(self) -> tuple[Addresses, Link]:
        here = Connection(settings.catalogue(self.profile))
        _, links = look_at(here, self.order)
        mine = tuple(link for link in links or () if link.pid == self.pid)
        for link, block in tape_of(here, self.pid).pairs(mine):
            if block.name == self.name:
                return Addresses(self.profile, self.order, mine, None), link
        raise NotOnDisk(
            f"{self.name} of {self.pid} cannot be fetched any more.",
            hint=f"openem.retrieve({self.pid!r}) asks for it again.",
        )


_MOST: Final = 256
"""Tars whose addresses are remembered."""
_lock = threading.Lock()
_known: dict[tuple[str, str, str, str], tuple[Addresses, Link]] = {}


@dataclass(frozen=True)
class Readable:
    """Where files of a data set can be read."""

    folder: Path | None = None
    """A folder on this machine; None where there is none."""
    only: frozenset[str] | None = None
    """Paths in it that belong to the data set; None where all do."""
    tars: tuple[OpenTar, ...] = ()
    """Otherwise what lies open in the archive's store."""
    notes: tuple[str, ...] = ()
    """What is not all there, in sentences."""


def locate(data_set: DataSet, *, progress: Progress | None = None) -> Readable:
    """Return where the files of a data set can be read without asking the archive for anything.

    In this order: files that were retrieved to this machine, the folder in which they were recorded
    where this machine sees it, and what somebody has brought out of the archive that can still be
    fetched.

    Raises
    ------
    NotOnDisk
        If they are on tape, on the way from there, or on a disk that this machine cannot see.
    """
    for found in (_retrieved(data_set), _recorded(data_set, progress)):
        if found is not None:
            return found
    here = Connection(settings.catalogue(data_set.profile))
    orders = list(_orders(data_set))
    tape: Tape | None = None
    for order in [*orders, *_others(here, data_set, orders, progress)]:
        if progress is not None:
            progress.check()
        try:
            _, links = look_at(here, order, progress=progress)
        except (NotFound, NotOnDisk):  # it is gone; another may be there
            continue
        mine = tuple(link for link in links or () if link.pid == data_set.pid and link.is_fresh)
        if not mine:
            continue
        tape = tape or tape_of(here, data_set.pid, progress=progress)
        pairs = tape.pairs(mine)
        tars = tuple(
            OpenTar(data_set.profile, data_set.pid, block.name, order, block.files)
            for _, block in pairs
        )
        if tars:
            missing = len(tape.blocks) - len(tars)
            note = f"{counted(missing, 'archive')} of {len(tape.blocks)} cannot be fetched."
            return Readable(tars=tars, notes=(note,) if missing else ())
    raise _not_here(data_set)


def _retrieved(data_set: DataSet) -> Readable | None:
    """Return the folder of a retrieval that has brought the files; the newest whole one first."""
    partial: Readable | None = None
    for _, record in local():
        if record.profile != data_set.profile:
            continue
        for one in record.wanted:
            if one.pid != data_set.pid:
                continue
            folder = _folder_of(record, one.folder, one.done, data_set)
            if folder is None:
                continue
            if one.files is None:
                return Readable(folder)
            note = f"Retrieved: {one.count:,} of {counted(data_set.file_count, 'file')}."
            partial = partial or Readable(folder, notes=(note,))
    folder = default_folder(data_set.profile) / dataset_folder(data_set.pid)
    told = read_json(folder / SUMMARY)  # the retrieval may have been forgotten since
    if isinstance(told, dict) and told.get("pid") == data_set.pid and told.get("all_files"):
        return Readable(folder)
    return partial


def _folder_of(record: Record, name: str, done: bool, data_set: DataSet) -> Path | None:
    folder = Path(record.folder) / name
    if done and folder.is_dir():
        return folder
    for order in record.orders:
        if data_set.pid in order.pids and order.code.startswith("finished"):
            wanted = next(one for one in record.wanted if one.pid == data_set.pid)
            place = place_of(record, order, wanted)
            if place is not None and place.is_dir():
                return place
    return None


def _recorded(data_set: DataSet, progress: Progress | None) -> Readable | None:
    """Return the folder in which the files were recorded, where this machine sees the same files.

    Another machine may have another folder of that name, so sizes are compared.
    """
    folder = Path(data_set.source_folder)
    try:
        if not data_set.source_folder or not folder.is_absolute() or not folder.is_dir():
            return None
        listed = data_set.files(progress=progress)
        some = listed.iloc[:: max(1, len(listed) // _SAMPLED)]
        for path, size in zip(some["path"], some["size"], strict=True):
            inside = folder / path
            if ".." in Path(path).parts or inside.stat().st_size != size:
                return None
    except OSError:
        return None
    return Readable(folder, only=frozenset(listed["path"])) if len(listed) else None


def _orders(data_set: DataSet) -> Iterator[Order]:
    """Yield what was asked for on this machine and has been brought out."""
    for _, record in local():
        if record.profile != data_set.profile or record.state is State.EXPIRED:
            continue
        for order in record.orders:
            if data_set.pid in order.pids and (order.job or order.kind in ("broker", "public")):
                yield order


def _others(
    here: Connection, data_set: DataSet, known: list[Order], progress: Progress | None
) -> Iterator[Order]:
    """Yield what the server has of other machines, and of other people where it is public."""
    location = data_set.lifecycle.location
    jobs = {order.job for order in known}
    for option in ("URLs", None) if location == "PSI" else (None,):
        wish = Order((data_set.pid,), location, option=option)
        try:
            found = _tape_jobs.covering(here, wish, progress=progress)
        except NotLoggedIn:
            break
        for job, _ in found:
            if job.id not in jobs:
                jobs.add(job.id)
                yield Order((data_set.pid,), location, option=option, job=job.id, code=job.code)
    if data_set.published and here.profile.broker_api is not None:
        try:
            if _tape_jobs.published(here, data_set.pid, progress=progress):
                yield Order((data_set.pid,), location, kind="broker")
        except Conflict:
            pass


def _not_here(data_set: DataSet) -> OpenEMError:
    pid, life = data_set.pid, data_set.lifecycle
    for retrieval, record in local():
        if record.profile == data_set.profile and pid in record.pids and retrieval.state.open:
            return NotOnDisk(
                f"{data_set.name} is not here yet: {retrieval.words}.",
                hint="Look again when it is ready; openem.RetrievalPanel() follows it.",
            )
    if life.state == "on tape":
        return NotOnDisk(
            f"{data_set.name} is on tape at {life.location}.",
            hint=f"openem.retrieve({pid!r}).start() brings it to disk; look at it then.",
        )
    return NotOnDisk(
        f"The files of {data_set.name} are not where this machine can read them: {life.words}.",
        hint=f"They were recorded in {data_set.source_folder or 'an unknown folder'}: open that "
        "folder on a machine that sees it.",
    )
