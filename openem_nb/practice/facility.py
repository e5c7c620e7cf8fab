"""The practice facility: all stand-ins behind one address, with faults, a log and a calendar."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
import tempfile
import threading
from collections import deque
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from openem_nb.errors import CannotWrite, InvalidInput
from openem_nb.practice._answer import Answer, Question, html, json_answer, not_found
from openem_nb.practice._emdb_api import EmdbApi
from openem_nb.practice._empiar_api import SEARCH_START, EmpiarApi
from openem_nb.practice._generate import GENERATION, advanced, generate
from openem_nb.practice._pages import site_page
from openem_nb.practice._server import Server
from openem_nb.practice._tree import EmdbFiles, EmpiarFiles
from openem_nb.practice.faults import Fault, FaultBook
from openem_nb.practice.scicat import _broker
from openem_nb.practice.scicat._objects import ObjectStore
from openem_nb.practice.scicat._store import Database
from openem_nb.practice.scicat.service import INSTANCES, ScicatService

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

    from openem_nb.practice.truth import Truth

__all__ = ["NOTICE", "Facility", "RequestRecord", "serve"]

NOTICE: Final = "Practice data: invented entries, not from EMDB or EMPIAR."
_LOGGED: Final = 20_000
_MOST_WEEKS: Final = 520
_MOST_DATASETS: Final = 200_000
_LONGEST_TARGET: Final = 8000
"""Characters of path and query that the servers in front of the services let through."""


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One request that the facility answered."""

    method: str
    path: str
    """Path and query as sent."""
    status: int
    """Status of the answer; with a fault, the one that would have been or was sent."""
    fault: str | None
    """Kind of the fault that hit it."""


class _Services:
    """All services on one state of the archive."""

    def __init__(self, truth: Truth) -> None:
        self.truth = truth
        self.emdb = EmdbApi(truth)
        self.empiar = EmpiarApi(truth)
        self.emdb_files = EmdbFiles(truth)
        self.empiar_files = EmpiarFiles(truth)

    def answer(self, question: Question) -> Answer:
        path = question.path
        answer = None
        if len(question.target) > _LONGEST_TARGET:
            return html("414", "<h1>Request-URI Too Long</h1>", 414)
        if question.method == "POST" and not path.startswith("/empiar/api/"):
            return json_answer({"code": 405, "message": "Method not allowed", "fields": ""}, 405)
        if path.startswith(SEARCH_START):
            answer = self.empiar.search(question)
        elif path.startswith("/emdb/api/"):
            answer = self.emdb.answer(question)
        elif path.startswith("/empiar/api/"):
            answer = self.empiar.answer(question)
        elif path.startswith("/pub/databases/emdb"):
            answer = self.emdb_files.answer(question)
        elif path.startswith("/empiar/world_availability"):
            answer = self.empiar_files.answer(question)
        elif path.startswith(("/emdb/", "/empiar/")):
            answer = site_page(self.truth, path)
        return answer or not_found(f"Page {path!r}")


class Facility:
    """A running facility; made by :func:`serve`."""

    def __init__(
        self,
        *,
        entries: int,
        seed: int,
        port: int,
        datasets: int,
        state: Path | None,
        tape_seconds: float,
        url_seconds: float,
        object_delay: float,
    ) -> None:
        self._entries = entries
        self._seed = seed
        self._services = _Services(generate(entries, seed))
        self._faults = FaultBook()
        self._log: deque[RequestRecord] = deque(maxlen=_LOGGED)
        self._moving = threading.Lock()
        self._started = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        if not 0 <= port <= 65535:
            raise InvalidInput(
                f"{port} is not a port.", hint="Choose 1024 to 65535, or 0 for a free one."
            )
        self._folder = None if state else tempfile.TemporaryDirectory(prefix="practice-")
        path = Path(state or f"{self._folder.name if self._folder else ''}/state.sqlite")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = Database(path)
        except (OSError, sqlite3.Error) as error:
            raise CannotWrite(
                f"The state of the practice facility cannot be kept in {path}: {error}.",
                hint="Choose another file, or remove this one to start afresh.",
            ) from error
        self.scicat = {
            name: ScicatService(
                name,
                self._database,
                datasets=datasets,
                seed=seed,
                tape_seconds=tape_seconds,
                url_seconds=url_seconds,
                object_delay=object_delay,
            )
            for name in INSTANCES
        }
        self._objects = ObjectStore(self.scicat.values())
        try:
            self._server = Server(self._reply, self._note, port)
        except OSError as error:
            self._close_state()
            raise CannotWrite(
                f"Port {port} of this machine cannot be used: {error.strerror}.",
                hint="Choose another port, or 0.",
            ) from error

    @property
    def url(self) -> str:
        """Address without a slash at the end."""
        return self._server.url

    @property
    def truth(self) -> Truth:
        """What the generator drew, as of the archive's present week."""
        return self._services.truth

    @property
    def requests(self) -> list[RequestRecord]:
        """The last requests, oldest first; those to the facility's own pages are not among them."""
        return list(self._log)

    def description(self) -> dict[str, Any]:
        """Return name, notice, size, and the addresses of the services."""
        return {
            "name": f"practice{GENERATION}-{self._entries}-{self._seed}",
            "notice": NOTICE,
            "entries": self._entries,
            "seed": self._seed,
            "started": self._started,
            "url": self.url,
            "services": {
                "emdb_api": f"{self.url}/emdb/api",
                "emdb_files": f"{self.url}/pub/databases/emdb",
                "emdb_site": f"{self.url}/emdb",
                "empiar_api": f"{self.url}/empiar/api",
                "empiar_files": f"{self.url}/empiar/world_availability",
                "empiar_site": f"{self.url}/empiar",
            },
            "catalogues": {
                name: service.description(self.url) for name, service in self.scicat.items()
            },
        }

    def add_fault(self, fault: Fault) -> None:
        """Make some requests go wrong from now on."""
        self._faults.add(fault)

    def clear_faults(self) -> None:
        """Let everything go right again."""
        self._faults.clear()

    def advance(self, weeks: int = 1) -> None:
        """Let the archive move on: releases, updates, obsoleted entries, new raw data.

        Raises
        ------
        InvalidInput
            If ``weeks`` is not between 1 and 520.
        """
        if not 1 <= weeks <= _MOST_WEEKS:
            raise InvalidInput(
                f"The archive cannot move on by {weeks} weeks.", hint=f"1 to {_MOST_WEEKS}."
            )
        with self._moving:
            truth = self.truth
            for _ in range(weeks):
                truth = advanced(truth)
            self._services = _Services(truth)

    def move_clock(self, seconds: float) -> None:
        """Let the clocks of the practice SciCats run ahead by so many seconds more."""
        for service in self.scicat.values():
            service.offset += dt.timedelta(seconds=seconds)

    def ask_robot(self, pid: str, outcome: str) -> None:
        """Choose what happens to the next tape job with a data set.

        Parameters
        ----------
        pid :
            Data set of either practice SciCat.
        outcome :
            ``fail``, ``hold`` (wait in the queue until ``normal`` is asked for), ``partial`` (the
            last tar is missing) or ``normal``.

        Raises
        ------
        InvalidInput
            If there is no such outcome.
        """
        for service in self.scicat.values():
            if pid.startswith(f"{service.prefix}/"):
                service.robot.ask(pid, outcome)

    def start(self) -> None:
        """Serve in threads of this process until :meth:`stop`."""
        self._server.start()

    def stop(self) -> None:
        """Close everything within a second, hanging requests too."""
        self._server.stop()
        self._close_state()

    def _close_state(self) -> None:
        self._database.close()
        if self._folder is not None:
            self._folder.cleanup()

    def _note(self, question: Question, status: int, fault: Fault | None) -> None:
        if not _is_own(question.raw_path):
            kind = fault.kind if fault else None
            self._log.append(RequestRecord(question.method, question.target, status, kind))

    def _reply(self, question: Question) -> tuple[Answer, tuple[Fault, random.Random] | None]:
        if _is_own(question.raw_path):
            return self._own(question), None
        hit = self._faults.draw(question.target)
        if hit is not None and hit[0].kind in ("status", "html", "wrong_json"):
            return Answer(200, b""), hit  # the true answer is not needed
        for service in self.scicat.values():
            if question.raw_path.startswith(f"/{service.folder}/"):
                return service.answer(question), hit
        if question.raw_path.startswith(f"{_broker.FOLDER}/"):
            return _broker.answer(self.scicat["practice"], question), hit
        if question.raw_path.startswith("/s3/"):
            return self._objects.answer(question), hit
        return self._services.answer(question), hit

    def _own(self, question: Question) -> Answer:
        """Answer the facility's own pages, which no fault hits."""
        match (question.method, question.raw_path):
            case ("GET" | "HEAD", "/"):
                return json_answer(self.description())
            case ("GET", "/practice/truth"):
                return _plain(self.truth)
            case ("GET", "/practice/log"):
                return json_answer([asdict(record) for record in self.requests])
            case ("POST", "/practice/faults" | "/practice/advance"):
                return self._changed(question)
            case ("POST", "/practice/clock" | "/practice/tape"):
                return self._changed(question)
            case ("DELETE", "/practice/faults"):
                self.clear_faults()
                return json_answer({"faults": 0})
        return not_found(f"{question.method} {question.raw_path}")

    def _changed(self, question: Question) -> Answer:
        try:
            values = json.loads(question.body or b"{}")
            if question.raw_path == "/practice/faults":
                self.add_fault(Fault(**values))
                return json_answer(values)
            if question.raw_path == "/practice/clock":
                self.move_clock(**values)
                return json_answer({name: one.now() for name, one in self.scicat.items()})
            if question.raw_path == "/practice/tape":
                self.ask_robot(**values)
                return json_answer(values)
            self.advance(**values)
            return json_answer({"today": self.truth.today.isoformat()})
        except (InvalidInput, TypeError, ValueError) as error:
            return json_answer({"code": 400, "message": str(error), "fields": ""}, 400)


def _is_own(path: str) -> bool:
    return path == "/" or path.startswith("/practice/")


def _plain(truth: Truth) -> Answer:
    value = {
        "seed": truth.seed,
        "today": truth.today,
        "emdb": {key: asdict(entry) for key, entry in truth.emdb.items()},
        "empiar": {key: asdict(entry) for key, entry in truth.empiar.items()},
    }
    return Answer(200, json.dumps(value, default=dt.date.isoformat, ensure_ascii=False).encode())


@contextmanager
def serve(
    entries: int = 3000,
    seed: int = 1,
    port: int = 0,
    *,
    datasets: int = 20_000,
    state: Path | None = None,
    tape_seconds: float = 8.0,
    url_seconds: float = 7 * 86400.0,
    object_delay: float = 0.0,
) -> Iterator[Facility]:
    """Run a practice facility on 127.0.0.1 in threads of this process.

    Parameters
    ----------
    entries :
        Number of EMDB entries of any status, 50 to 60,000.
    seed :
        The same seed and size give the same archive, byte for byte.
    port :
        0 for a free one.
    datasets :
        Number of data sets in each practice SciCat; drawn when they are first asked for.
    state :
        File that keeps what users create and change; None for one that ends with the facility.
        Several facilities may share a file.
    tape_seconds :
        Time in seconds that the tape robot takes for a job.
    url_seconds :
        How long, in seconds from the end of a job, the addresses of what it has read are good.
    object_delay :
        Seconds from the end of a job at ETHZ until its objects can be read.

    Yields
    ------
    The running facility.

    Raises
    ------
    InvalidInput
        If ``entries`` or ``datasets`` is out of range.
    CannotWrite
        If the port is taken or not allowed, or the state cannot be kept.

    Examples
    --------
    >>> with serve(entries=300) as facility:  # doctest: +SKIP
    ...     facility.add_fault(Fault("status", path="/search/", share=0.05))
    ...     print(facility.url)
    """
    if not 0 <= datasets <= _MOST_DATASETS:
        raise InvalidInput(
            f"{datasets} data sets are not possible.", hint=f"Choose 0 to {_MOST_DATASETS}."
        )
    facility = Facility(
        entries=entries,
        seed=seed,
        port=port,
        datasets=datasets,
        state=state,
        tape_seconds=tape_seconds,
        url_seconds=url_seconds,
        object_delay=object_delay,
    )
    facility.start()
    try:
        yield facility
    finally:
        facility.stop()
