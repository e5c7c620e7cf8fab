"""One practice SciCat: its data sets, its people, its REST API."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from openem_nb.practice._answer import Answer, html
from openem_nb.practice.scicat import (
    _added,
    _attachments,
    _auth,
    _blocks,
    _broker,
    _datasets,
    _edits,
    _facets,
    _jobs,
    _others,
    _published,
)
from openem_nb.practice.scicat._generate import Generator, Shape, moment
from openem_nb.practice.scicat._robot import Robot
from openem_nb.practice.scicat._routes import Request, Router
from openem_nb.practice.scicat._shapes import Refused, bare_string, empty, not_found
from openem_nb.practice.scicat._store import Database, Store
from openem_nb.practice.scicat._users import Users

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openem_nb.practice._answer import Question

__all__ = ["INSTANCES", "ScicatService"]

INSTANCES: Final = {
    "practice": ("scicat-psi", "psi5", "20.500.11935", "PSI", "p"),
    "practice-ethz": ("scicat-ethz", "v427", "20.500.99998", "ETHZ", "g"),
}
"""Folder in the address, flavour, prefix of PIDs, archive, letter of groups by profile."""
_MODULES: Final = (
    _auth,
    _datasets,
    _edits,
    _facets,
    _blocks,
    _others,
    _attachments,
    _jobs,
    _published,
)
_LONGEST_HEAD: Final = 16 * 1024
_LONGEST_BODY: Final = 16 * 1024 * 1024


class ScicatService:
    """One instance.

    Parameters
    ----------
    name :
        Name of its profile: ``practice`` or ``practice-ethz``.
    database :
        Where changes are kept.
    datasets :
        Number of data sets that exist from the start.
    seed :
        Draws them.
    tape_seconds :
        Time in seconds that the tape robot takes for a job.
    url_seconds :
        How long the addresses of what it has read are good.
    object_delay :
        Seconds from the end of a job at ETHZ until its objects can be read.
    """

    def __init__(
        self,
        name: str,
        database: Database,
        *,
        datasets: int,
        seed: int,
        tape_seconds: float,
        url_seconds: float,
        object_delay: float,
    ) -> None:
        self.name = name
        self.folder, self.flavour, self.prefix, self.storage, self.letter = INSTANCES[name]
        self.datacite_trouble = ""
        """What goes wrong when a DOI is registered; empty for nothing."""
        self.ethz_wipes = False
        """Whether the archiver at ETHZ takes guests and publication away with each change."""
        self.generator = Generator(
            instance=name,
            count=datasets,
            seed=seed,
            prefix=self.prefix,
            letter=self.letter,
            storage=self.storage,
        )
        self.store = Store(database, name, self.generator)
        self.robot = Robot(self, tape_seconds, url_seconds, object_delay)
        self.users = Users(self)
        self.router = Router([route for module in _MODULES for route in module.routes(self)])

    @property
    def offset(self) -> dt.timedelta:
        """What the service's clock is ahead of the real one; survives restarts."""
        kept = self.store.peek("clock", "offset")
        return dt.timedelta(seconds=kept["seconds"] if kept else 0)

    @offset.setter
    def offset(self, value: dt.timedelta) -> None:
        self.store.put("clock", "offset", {"seconds": value.total_seconds()})

    def clock(self) -> dt.datetime:
        """Return the time of the service, aware."""
        return dt.datetime.now(dt.UTC) + self.offset

    def now(self) -> str:
        """Return the time as documents hold it."""
        return moment(self.clock())

    def description(self, url: str) -> dict[str, Any]:
        """Return the addresses, by the names that profiles have."""
        return {
            "scicat_api": f"{url}/{self.folder}/api/v3",
            "scicat_site": f"{url}/{self.folder}",
            "flavour": self.flavour,
            "pid_prefix": self.prefix,
            "storage": self.storage,
            "broker_api": f"{url}{_broker.FOLDER}" if self.storage == "PSI" else None,
        }

    def add_dataset(
        self,
        *,
        files: int = 4,
        size: int = 256 * 1024,
        tars: int = 1,
        blocks: int = 1,
        group: str | None = None,
        published: bool = False,
        path: str = "Images/micrograph_{:06d}.mrc",
        names: Sequence[str] | None = None,
        sizes: Sequence[int] | None = None,
        location: str | None = None,
        hostile: str | None = None,
        **fields: Any,
    ) -> str:
        """Add a data set of a given shape and return its PID.

        Parameters
        ----------
        files :
            Number of files.
        size :
            Bytes of each.
        tars :
            Tar files on tape; 0 for a data set that is not archived.
        blocks :
            Orig data blocks.
        group :
            Owner group; None for the first numbered one of ada.
        published :
            Whether it is public.
        path :
            Pattern of the paths.
        names :
            Paths of the files in place of ``files`` and ``path``.
        sizes :
            Bytes of each file in place of ``size``.
        location :
            Archive that the data set says it lies in, ``PSI`` or ``ETHZ``; None leaves it unsaid.
        hostile :
            How the first tar attacks, one of ``HOSTILE``; None for an honest one.
        fields :
            Further fields of the document.

        Raises
        ------
        InvalidInput
            If there is no such archive or attack, or names and sizes do not match.
        """
        names = list(names or ()) or [path.format(number) for number in range(len(sizes or ()))]
        shape = Shape(len(names) or files, size, blocks, tars, path)
        pid = f"{self.prefix}/{uuid.uuid4()}"
        document = self.generator.draw(pid, shape, group or f"{self.letter}20001", self.now())
        document |= {"isPublished": published, **fields}
        _added.locate(document, location)
        archiver = location or self.storage
        with self.store.transaction():
            if names or archiver != self.storage:
                names = names or [path.format(number) for number in range(files)]
                every = _added.paired(names, sizes or [size] * len(names))
                _added.listed(self, document, every, tars=tars, archiver=archiver)
            self.store.put("datasets", pid, document)
        if hostile is not None:
            _added.spoil(self, pid, hostile)
        return pid

    def fail_next_retrieval(self, pid: str) -> None:
        """Let the next job with a data set fail for it."""
        self.robot.ask(pid, "fail")

    def answer(self, question: Question) -> Answer:
        """Answer a request below the folder of the instance."""
        path = question.raw_path.removeprefix(f"/{self.folder}/")
        head = len(question.target) + sum(len(k) + len(v) + 4 for k, v in question.headers.items())
        if head > _LONGEST_HEAD:
            return empty(431)
        if len(question.body) > _LONGEST_BODY:
            return bare_string(500, "Internal server error")
        api, _, rest = path.partition("/")
        version, _, rest = rest.partition("/")
        if api != "api" or version not in ("v3", "v4"):
            return self._page(question, path)
        self.robot.settle()
        try:
            user = self.users.authenticate(question)
            route, parts = self.router.find(question.method, int(version[1]), rest)
            return route.handler(Request(self, question, int(version[1]), parts, user))
        except Refused as refused:
            return refused.answer
        except (AttributeError, KeyError, TypeError, ValueError):
            # the service, too, trips over questions of a shape that nobody thought of
            return bare_string(500, "Internal server error")

    def _page(self, question: Question, path: str) -> Answer:
        if path == "explorer-json":
            return _datasets.explorer(self.router)
        if path.startswith("datasets/") and question.path.count("/") > 2:
            pid = question.path.removeprefix(f"/{self.folder}/datasets/")
            if self.store.peek("datasets", pid) is not None:
                text = f"<h1>Practice data set</h1><p>{quote(pid, safe='/')}</p>"
                return html("Practice SciCat", text)
        return not_found(f"Cannot {question.method} /{path}")
