"""The workers of a Dask scheduler: on this machine, on Slurm, or at any address."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import time
from typing import TYPE_CHECKING, Any, Final

import dask
import distributed
from distributed.diagnostics.plugin import WorkerPlugin

from openem_nb.errors import InvalidInput, Unreachable
from openem_nb.mining._work import ENVIRONMENT, settle, work

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence
    from pathlib import Path

    from openem_nb.mining.files import ImageFile
    from openem_nb.mining.parameters import Parameters

__all__ = ["Cluster", "start"]

_RETRIES: Final = 2
"""How often a task is tried again after an error of a worker."""
_SECONDS: Final = 15.0
"""How long a scheduler may take to answer."""
_PATIENCE: Final = 60.0
"""How long Slurm may take to say that it is there; its controller answers late when it is busy."""
_POLL: Final = 1.0
"""Seconds between two questions how many workers there are."""

_LINES: Final = (
    "job_script_prologue",
    "job_directives_skip",
    "job_extra_directives",
    "worker_extra_args",
)
"""Options that are lists of texts."""
_ENDLESS: Final = ("unlimited", "infinite")
"""Words of Slurm for a job without end, in any letters."""
_WALLTIME: Final = re.compile(r"(\d+-)?\d+(:\d+){0,2}", re.ASCII)


class Settle(WorkerPlugin):  # type: ignore[misc]  # distributed is half typed
    """Sets up every worker, also those that come later or again."""

    name = "openem-mining"

    def setup(self, worker: Any) -> None:
        """Tell the allocator of the worker's process."""
        del worker
        settle()


class Cluster:
    """A scheduler and its workers.

    Parameters
    ----------
    client :
        Connection to the scheduler.
    name :
        What it is, for people.
    own :
        What was started here and ends with the run.
    """

    def __init__(self, client: Any, name: str, own: contextlib.ExitStack) -> None:
        self._client, self.name, self._own = client, name, own
        self._count, self._asked = 0, -_POLL
        try:
            client.register_plugin(Settle())
        except Exception as error:
            own.close()
            raise InvalidInput(
                f"The workers of {name} cannot be used: {error}.",
                hint="Install the same release of openem_nb where scheduler and workers run.",
            ) from error

    def workers(self) -> int:
        """Return how many tasks run at once; workers may come and go."""
        now = time.monotonic()
        if now - self._asked >= _POLL:
            self._asked = now
            with self._asking():
                self._count = sum(self._client.nthreads().values())
        return self._count

    @contextlib.contextmanager
    def _asking(self) -> Iterator[None]:
        """Say in our words what a connection that is closed, or closing, does to a question."""
        self._connected()
        try:
            yield
        except Exception as error:
            if self._client.status == "running" and not isinstance(error, OSError):
                raise
            raise _gone(self.name) from error

    def _connected(self) -> None:
        if self._client.status != "running":
            raise _gone(self.name)

    def submit(self, files: Sequence[ImageFile], parameters: Parameters, folder: Path) -> Any:
        """Have files measured by one of the workers."""
        with self._asking():
            return self._client.submit(
                work, files, parameters, folder, pure=False, retries=_RETRIES
            )

    def withdraw(self, pending: Collection[Any]) -> None:
        """Do not begin with what is not in work yet."""
        if pending and self._client.status == "running":
            with contextlib.suppress(Unreachable), self._asking():
                self._client.cancel(list(pending), force=True)

    def lost(self) -> Unreachable:
        """Return the error of tasks that were withdrawn by somebody else."""
        return _gone(self.name)

    def check(self) -> None:
        """Raise ``Unreachable`` when the scheduler is gone."""
        self._connected()
        self.workers()

    def close(self) -> None:
        """End what was started here."""
        self._own.close()


def _gone(name: str) -> Unreachable:
    return Unreachable(
        f"The scheduler of {name} does not answer any more.",
        hint="What was measured is kept; start it again to go on.",
    )


def start(cluster: Any, workers: int | None, options: dict[str, Any]) -> Cluster:
    """Return the workers that are asked for, starting them where they are not there yet."""
    with contextlib.ExitStack() as stack:
        if isinstance(cluster, distributed.Client):
            client, name = cluster, _address(cluster)
        elif cluster == "local":
            made = stack.enter_context(_local(workers, options))
            client, name = _connected(made, stack), "this machine"
        elif cluster == "slurm":
            made = stack.enter_context(_slurm(workers, options))
            client, name = _connected(made, stack), "Slurm"
        elif isinstance(cluster, str):
            client, name = _connected(cluster, stack), cluster
        elif hasattr(cluster, "scheduler_address"):
            client, name = _connected(cluster, stack), cluster.scheduler_address
        else:
            raise InvalidInput(
                f"{type(cluster).__name__} is no cluster.",
                hint="Give 'local', 'slurm', an address, a distributed.Client, or a cluster of "
                "Dask that runs.",
            )
        return Cluster(client, name, stack.pop_all())


def _address(client: Any) -> str:
    scheduler = client.scheduler
    return str(scheduler.address) if scheduler is not None else "the client"


def _connected(where: Any, stack: contextlib.ExitStack) -> Any:
    try:
        client = distributed.Client(where, timeout=_SECONDS, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise Unreachable(
            f"No scheduler answers at {where}.",
            hint="Start one with `dask scheduler`, or look at its address.",
        ) from error
    return stack.enter_context(client)


@contextlib.contextmanager
def _local(workers: int | None, options: dict[str, Any]) -> Iterator[Any]:
    from openem_nb.mining.engines import cores

    with _environment(), tempfile.TemporaryDirectory(prefix="openem-") as folder:
        given = {
            "n_workers": workers or cores(),
            "threads_per_worker": 1,
            "processes": True,
            "dashboard_address": None,
            "host": "127.0.0.1",
            "local_directory": folder,
            "silence_logs": 40,
            **options,
        }
        with _started(lambda: distributed.LocalCluster(**given), "local") as cluster:
            yield cluster


@contextlib.contextmanager
def _environment() -> Iterator[None]:
    """Start workers with our environment, and leave none of it behind in this process.

    Nannies put what the configuration says into the environment of their own process, where it
    stays, and what is there already wins.
    """
    before = {name: os.environ.get(name) for name in ENVIRONMENT}
    try:
        os.environ.update(ENVIRONMENT)
        with dask.config.set({"distributed.nanny.pre-spawn-environ": ENVIRONMENT}):
            yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextlib.contextmanager
def _slurm(workers: int | None, options: dict[str, Any]) -> Iterator[Any]:
    try:
        from dask_jobqueue import SLURMCluster
    except ImportError as error:
        raise InvalidInput(
            "Slurm needs dask-jobqueue, which is not installed.",
            hint="Install it with: pip install 'openem_nb[mining]'.",
        ) from error
    given = _of_slurm(options)
    _asked()
    with _started(lambda: SLURMCluster(**given), "slurm") as cluster:
        # as many as were asked for, and another one for each that Slurm has ended
        cluster.adapt(minimum=workers or 1, maximum=workers or 1)
        yield cluster


def _asked() -> None:
    """Ask Slurm whether it is there: Dask tries to submit jobs for ever, without a word.

    Raises
    ------
    Unreachable
        If it does not answer.
    """
    hint = "Try `sinfo` in a terminal; jobs are sent from a machine that Slurm knows."
    try:
        found = subprocess.run(
            ["sinfo", "--noheader"],  # noqa: S607  (wherever this cluster keeps it)
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except FileNotFoundError:
        raise Unreachable(
            "There is no Slurm on this machine: no program sinfo.", hint=hint
        ) from None
    except subprocess.TimeoutExpired:
        raise Unreachable(f"Slurm has not answered for {_PATIENCE:.0f} s.", hint=hint) from None
    if found.returncode:
        said = (found.stderr or found.stdout).strip().splitlines() or ["no reason given"]
        raise Unreachable(f"Slurm does not answer: {said[-1]}.", hint=hint)


def _of_slurm(options: dict[str, Any]) -> dict[str, Any]:
    """Return what a cluster of Slurm is made with: ours, the site's, and the person's."""
    given = {**_defaults(), **options}
    for name in _LINES:
        if isinstance(given.get(name), str):  # as the console gives it; Dask would take its letters
            given[name] = [given[name]]
    # what others want before a worker starts comes after ours, so that theirs wins
    exports = [f"export {name}={value}" for name, value in ENVIRONMENT.items()]
    given["job_script_prologue"] = [*exports, *given["job_script_prologue"]]
    given["scheduler_options"] = {
        "dashboard_address": None,
        **(given.get("scheduler_options") or {}),
    }
    if not any("--lifetime" in text for text in given["worker_extra_args"]):
        lifetime = _lifetime(str(given["walltime"]))
        given["worker_extra_args"] = [*lifetime, *given["worker_extra_args"]]
    return given


def _defaults() -> dict[str, Any]:
    """Return what the configuration of dask-jobqueue says of Slurm, and ours where it is silent."""

    def known(name: str, ours: Any) -> Any:
        return dask.config.get(f"jobqueue.slurm.{name}", None) or ours

    return {
        "cores": known("cores", 1),
        "processes": known("processes", 1),
        "memory": known("memory", "4GB"),
        "walltime": known("walltime", "01:00:00"),
        "python": known("python", sys.executable),
        "local_directory": known("local-directory", tempfile.gettempdir()),
        "job_script_prologue": known("job-script-prologue", []),
        "worker_extra_args": known("worker-extra-args", []),
    }


def _lifetime(walltime: str) -> list[str]:
    """Return how long a worker of a job lives: nine tenths of the time that the job has.

    It ends by itself before Slurm ends it, so that it hands on what it has not begun. A job
    without end has workers without one.

    Raises
    ------
    InvalidInput
        If it is not written as Slurm reads it.
    """
    walltime = walltime.strip()
    if walltime.lower() in _ENDLESS:
        return []
    if not _WALLTIME.fullmatch(walltime):
        raise InvalidInput(
            f"{walltime!r} is no time that Slurm gives to a job.",
            hint='Write walltime="04:00:00" (hours first), "1-12" (days-hours), "30" (minutes), or '
            '"UNLIMITED".',
        )
    days, dash, clock = walltime.rpartition("-")
    parts = [int(part) for part in clock.split(":")]
    # Slurm reads 30 as minutes, 30:00 as minutes and seconds, 1:30:00 and 1-12 as hours first
    if dash or len(parts) == 3:
        hours, minutes, seconds = (*parts, 0, 0)[:3]
    else:
        hours, minutes, seconds = (0, *parts, 0)[:3]
    total = (int(days or 0) * 24 + hours) * 3600 + minutes * 60 + seconds
    return ["--lifetime", f"{int(total * 0.9)}s", "--lifetime-stagger", f"{int(total * 0.05)}s"]


@contextlib.contextmanager
def _started(make: Callable[[], Any], kind: str) -> Iterator[Any]:
    try:
        cluster = make()
    except TypeError as error:
        raise InvalidInput(
            f"The workers cannot be started: {error}.", hint=f"Look at the options for {kind!r}."
        ) from error
    except (OSError, RuntimeError, ValueError) as error:
        hint = "Look at the options, and try `sinfo` in a terminal."
        if kind == "local":  # each process begins with reading the script again
            hint = (
                "A script has to start them below a line `if __name__ == '__main__':`. "
                "Otherwise look at the options."
            )
        raise InvalidInput(f"The workers cannot be started: {error}.", hint=hint) from error
    try:
        yield cluster
    finally:
        cluster.close()
