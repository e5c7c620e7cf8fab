"""Where measuring is done: threads of this process, or the workers of a Dask scheduler."""

from __future__ import annotations

import contextlib
import os
import re
from concurrent.futures import Future, ThreadPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Protocol

from openem_nb.errors import Cancelled, InvalidInput
from openem_nb.mining._work import one_thread, sharing, work

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path

    from openem_nb.errors import OpenEMError
    from openem_nb.jobs import Progress
    from openem_nb.mining.files import ImageFile
    from openem_nb.mining.parameters import Parameters

__all__ = ["Engine", "Pending", "Threads", "check", "cores", "engine", "read_options"]

KINDS: Final = ("threads", "local", "slurm")
ADDRESS: Final = re.compile(r"(tcp|tls|ucx|ws|wss|inproc)://\S+")
"""How the address of a scheduler is written."""


class Pending(Protocol):
    """Rows that are on their way."""

    def result(self) -> list[dict[str, Any]]:
        """Return them, or raise what has happened."""

    def add_done_callback(self, callback: Callable[[Any], None]) -> Any:
        """Call when they are there, from another thread."""


class Engine(Protocol):
    """Something that measures files."""

    name: str
    """What it is, for people."""

    def workers(self) -> int:
        """Return how many files it measures at once, now."""

    def submit(self, files: Sequence[ImageFile], parameters: Parameters, folder: Path) -> Pending:
        """Have some files measured."""

    def withdraw(self, pending: Collection[Any]) -> None:
        """Do not begin with what is not in work yet."""

    def lost(self) -> OpenEMError:
        """Return the error of tasks that were withdrawn by somebody else."""

    def check(self) -> None:
        """Raise what makes it useless to wait on; called now and then."""

    def close(self) -> None:
        """Stop it, if it was started here."""


class Threads:
    """Threads of this process: nothing is started or copied, and it is there at once."""

    def __init__(self, workers: int | None = None) -> None:
        self._workers = workers or cores()
        self.name = f"{self._workers} threads" if self._workers > 1 else "1 thread"
        self._pool = ThreadPoolExecutor(self._workers, thread_name_prefix="openem-mining")
        self._alone = contextlib.ExitStack()
        self._alone.enter_context(one_thread())
        self._alone.enter_context(sharing())

    def workers(self) -> int:
        """Return the number of threads."""
        return self._workers

    def submit(
        self, files: Sequence[ImageFile], parameters: Parameters, folder: Path
    ) -> Future[list[dict[str, Any]]]:
        """Measure in one of the threads."""
        return self._pool.submit(work, files, parameters, folder)

    def withdraw(self, pending: Collection[Future[Any]]) -> None:
        """Do not begin with what is not in work yet."""
        for one in pending:
            one.cancel()

    def lost(self) -> OpenEMError:
        """Return the error of tasks that were withdrawn, which happens as the process ends."""
        return Cancelled("The threads were stopped.", hint="Start it again to go on.")

    def check(self) -> None:
        """Threads do not go away."""

    def close(self) -> None:
        """Wait for the files in work, and end the threads."""
        self._pool.shutdown(cancel_futures=True)
        self._alone.close()


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def read_options(lines: Iterable[str]) -> dict[str, Any]:
    """Return options from lines like ``queue=day``; whole numbers become numbers.

    Raises
    ------
    InvalidInput
        If a line has no name, or no value.
    """
    found: dict[str, Any] = {}
    for text in lines:
        name, equals, value = (part.strip() for part in text.partition("="))
        if not (equals and name and value):
            raise InvalidInput(
                f"{text!r} is no option with a value.", hint="Write it like queue=day."
            )
        found[name] = int(value) if value.isdecimal() else value
    return found


def check(cluster: Any, workers: int | None, options: Mapping[str, Any] | None) -> None:
    """Refuse what cannot be an engine, before anything is read.

    Raises
    ------
    InvalidInput
        If it is nothing known, or needs a package that is not installed.
    """
    if workers is not None and workers < 1:
        raise InvalidInput(f"{workers} workers measure nothing.", hint="Give 1 at least.")
    if isinstance(cluster, str) and not (cluster in KINDS or ADDRESS.fullmatch(cluster)):
        raise InvalidInput(
            f"{cluster!r} is no cluster.",
            hint="Give 'local', 'slurm', an address like tcp://10.0.0.5:8786, or a "
            "distributed.Client; without one, threads of this process do it.",
        )
    if options and cluster not in ("local", "slurm"):
        raise InvalidInput(
            f"There is nothing that takes options such as {next(iter(options))}.",
            hint="Options are for cluster='local' or 'slurm'; threads have none, and a scheduler "
            "that runs already has its own.",
        )
    if cluster is not None and cluster != "threads":
        try:
            import_module("openem_nb.mining._dask")
        except ImportError as error:
            raise InvalidInput(
                f"Clusters need a package that is not installed: {error.name}.",
                hint="Install it with: pip install 'openem_nb[mining]'.",
            ) from error


def engine(
    cluster: Any, workers: int | None, options: Mapping[str, Any] | None, progress: Progress
) -> Engine:
    """Return what was asked for.

    Raises
    ------
    InvalidInput
        If workers cannot be started with these options.
    Unreachable
        If no scheduler answers.
    """
    if cluster is None or cluster == "threads":
        return Threads(workers)
    from openem_nb.mining import _dask

    progress.update(message="Starting workers")
    return _dask.start(cluster, workers, dict(options or {}))
