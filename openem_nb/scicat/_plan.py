"""What a retrieval would bring and what it needs, before anything is asked of the archive."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openem_nb._texts import one_line
from openem_nb.errors import NotFound, NotLoggedIn, NotOnDisk, OpenEMError
from openem_nb.scicat._record import Order, Wanted
from openem_nb.scicat._tape_files import dataset_folder
from openem_nb.settings import folders
from openem_nb.values import counted, format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["PlannedDataSet", "RetrievalPlan", "default_folder", "paths", "refusal"]


@dataclass(frozen=True, slots=True)
class PlannedDataSet:
    """One data set of a plan."""

    pid: str
    name: str
    location: str
    """Archive that holds it: ``PSI`` or ``ETHZ``."""
    count: int
    """Files that would come."""
    size: int
    """Their bytes on disk."""
    packed: int
    """Bytes to be downloaded for them: whole tar files."""
    here: int = 0
    """Bytes of these files that are in the folder already, verified."""
    done: bool = False
    """Whether all of them are."""
    owner_group: str = ""
    access_groups: tuple[str, ...] = ()
    published: bool = False
    source: str = ""
    """Where the files were recorded, at the facility."""
    files: tuple[str, ...] | None = None
    """Paths that would come; None for all."""
    why_not: str = ""
    """Why it cannot be retrieved; empty where it can."""
    kind: type[OpenEMError] = NotOnDisk
    """What kind of obstacle that is."""

    @property
    def retrievable(self) -> bool:
        """Whether it can be retrieved now."""
        return not self.why_not


@dataclass(frozen=True, slots=True)
class RetrievalPlan:
    """What a retrieval would bring. Nothing has been asked of the archive."""

    profile: str
    data_sets: tuple[PlannedDataSet, ...]
    orders: tuple[Order, ...]
    """The jobs that would be made; those with an id exist already and would be used."""
    folder: Path
    """Where the data sets' folders would be."""
    free: int
    """Bytes that are free there."""
    option: str | None = None
    """Where the archive would put the files, where there is a choice."""
    username: str | None = None
    notice: str | None = None
    """Text that must be shown with the data (practice data), None for real data."""

    @property
    def pids(self) -> tuple[str, ...]:
        """The data sets that can be retrieved."""
        return tuple(one.pid for one in self.data_sets if one.retrievable)

    @property
    def refused(self) -> tuple[PlannedDataSet, ...]:
        """The data sets that cannot be retrieved; each says why."""
        return tuple(one for one in self.data_sets if not one.retrievable)

    @property
    def _coming(self) -> tuple[PlannedDataSet, ...]:
        return tuple(one for one in self.data_sets if one.retrievable and not one.done)

    @property
    def count(self) -> int:
        """Number of files in all data sets that can be retrieved."""
        return sum(one.count for one in self.data_sets if one.retrievable)

    @property
    def size(self) -> int:
        """Bytes of these files on disk."""
        return sum(one.size for one in self.data_sets if one.retrievable)

    @property
    def packed(self) -> int:
        """Bytes to be downloaded."""
        return sum(one.packed for one in self._coming)

    @property
    def here(self) -> int:
        """Bytes of the files that are in the folder already, verified."""
        return sum(one.here for one in self.data_sets if one.retrievable)

    @property
    def needed(self) -> int:
        """Bytes of disk that are still needed in the folder; tars take no room of their own."""
        return sum(max(0, one.size - one.here) for one in self._coming)

    @property
    def fits(self) -> bool:
        """Whether there is room for what is needed."""
        return self.needed <= self.free

    def wanted(self) -> tuple[Wanted, ...]:
        """Return the data sets that can be retrieved, as they are noted in a record."""
        return tuple(
            Wanted(
                pid=one.pid,
                name=one.name,
                folder=dataset_folder(one.pid),
                count=one.count,
                size=one.size,
                files=one.files,
                access_groups=one.access_groups,
                published=one.published,
                owner_group=one.owner_group,
                source=one.source,
                done=one.done,
            )
            for one in self.data_sets
            if one.retrievable
        )

    def _order_words(self, order: Order) -> str:
        many = counted(len(order.pids), "data set")
        where = f" to {order.option}" if order.option else ""
        if order.kind == "broker":
            return f"{many} from {order.location}: public, and ready to be fetched"
        if order.job:
            return f"{many} from {order.location}{where}: job {order.job} brings them already"
        return f"{many} from {order.location}{where}: a new job"

    def _facts(self) -> list[tuple[str, str]]:
        room = "enough" if self.fits else "NOT enough"
        facts = [("Notice", self.notice)] if self.notice else []
        facts += [
            ("Data sets", f"{len(self.pids):,}"),
            ("Files", f"{self.count:,}"),
            ("To download", format_bytes(self.packed)),
            ("On disk", format_bytes(self.size)),
            ("Here already", format_bytes(self.here)),
            ("Folder", str(self.folder)),
            ("Free space", f"{format_bytes(self.free)}, {room}"),
        ]
        facts += [("Job", self._order_words(order)) for order in self.orders]
        facts += [("Cannot come", f"{_named(one)}: {one.why_not}") for one in self.refused]
        return [(name, one_line(value)) for name, value in facts]

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self._facts())
        lines = [f"{name:{width}}  {value}" for name, value in self._facts()]
        return "\n".join([f"Retrieval from tape ({self.profile})", *lines])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left">{html.escape(name)}</th>'
            f'<td style="text-align:left">{html.escape(value)}</td></tr>'
            for name, value in self._facts()
        )
        return (
            f"<table><caption>Retrieval from tape ({html.escape(self.profile)})</caption>"
            f"{rows}</table>"
        )


def default_folder(profile: str) -> Path:
    """Return the folder into which data sets of an instance go unless a person says otherwise."""
    return folders().data.absolute() / "scicat" / re.sub(r"[^A-Za-z0-9._-]", "_", profile)


def paths(wanted: Iterable[Wanted]) -> tuple[str, ...] | None:
    """Return the paths that are wanted of any of these data sets, None for all."""
    known = [one.files for one in wanted]
    if None in known:
        return None
    return tuple(dict.fromkeys(path for files in known for path in files or ()))


def _named(one: PlannedDataSet) -> str:
    return f"{one.name} ({one.pid})" if one.name else one.pid


def refusal(refused: tuple[PlannedDataSet, ...], others: int) -> OpenEMError:
    """Return the error for data sets that cannot be retrieved."""
    first = refused[0]
    named = _named(first)
    if len(refused) == 1:
        message = f"{named} cannot be retrieved: {first.why_not}."
    else:
        message = (
            f"{len(refused)} data sets cannot be retrieved. The first is {named}: {first.why_not}."
        )
    hint = "retrieve(..., dry_run=True) shows what can come, and its .pids are the others."
    if first.kind is NotLoggedIn:
        hint = "Log in first with openem.login(); what is published can be seen without."
    elif first.kind is NotFound and len(refused) == 1:
        hint = (
            "openem.get(pid).tape() lists what was archived, with the names of the files."
            if first.name
            else "Check the identifier and the instance; what is not public needs a log-in."
        )
    elif not others:
        hint = "Ask the contact person of the data set, or wait until it is on tape."
    return first.kind(message, hint=hint)
