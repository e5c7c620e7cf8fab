"""Fixtures for all layers: a practice facility and an environment that points at it."""

from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from browser import browser

from openem_nb import _practice_child, http, jobs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openem_nb.practice import Facility

__all__ = ["browser"]  # one browser for all layers that need one

LISTED = Path(f"/proc/self/task/{os.getpid()}/children")
"""Where Linux lists the processes that the first thread of this one has started."""
SAMPLES = Path(__file__).parents[2] / "shared" / "data"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what takes long or needs a Slurm, unless it is asked for by its marker."""
    asked = config.getoption("markexpr", "")
    for marker in ("nightly", "slurm"):
        out = [item for item in items if item.get_closest_marker(marker)]
        if out and marker not in asked:
            config.hook.pytest_deselected(items=out)
            items[:] = [item for item in items if not item.get_closest_marker(marker)]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> object | None:
    """Share the tests by file where several processes are asked for, and no other way to share."""
    if config.getoption("dist") != "load":
        return None
    from side_by_side import Scheduler

    return Scheduler(config, log)


@pytest.fixture(scope="session")
def samples() -> Path:
    """Return the folder of real samples beside the checkout; skip where it is missing."""
    if not SAMPLES.is_dir():
        pytest.skip("the folder of real samples is not beside the checkout")
    return SAMPLES


@pytest.fixture(autouse=True)
def own_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give each test settings, folders and a session of its own; fail if it leaves work behind."""
    for name in list(os.environ):
        if name.startswith("OPENEM_") and name != "OPENEM_PICTURES":
            monkeypatch.delenv(name)
    monkeypatch.setenv("OPENEM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPENEM_DATA", str(tmp_path / "data"))
    threads = set(threading.enumerate())
    children = _children()
    _practice_child.running.cache_clear()
    with http.using(http.Session(retries=3, backoff=0.01, timeout=(2.0, 5.0))):
        yield
    jobs.runner().close()
    deadline = time.monotonic() + 60  # a thread that ends is no leak, however slow the machine
    while left := _left_behind(threads, children):
        if time.monotonic() > deadline:
            pytest.fail(f"left behind: {left}")
        time.sleep(0.02)


def _children() -> set[int]:
    """Return the numbers of our child processes.

    Linux is asked for them: psutil looks at every process there is, and thousands of tests would
    each wait some milliseconds for that, twice.
    """
    if not LISTED.exists():
        return {child.pid for child in psutil.Process().children()}
    found: set[int] = set()
    for thread in Path("/proc/self/task").iterdir():
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            found.update(map(int, (thread / "children").read_text().split()))
    return found


def _left_behind(threads: set[threading.Thread], children: set[int]) -> list[object]:
    """Return new threads and child processes, except the threads of a practice facility."""
    new: list[object] = [
        thread
        for thread in threading.enumerate()
        if thread not in threads and not thread.name.startswith("practice")
    ]
    for pid in _children() - children:
        with suppress(psutil.NoSuchProcess):
            child = psutil.Process(pid)
            if child.status() != psutil.STATUS_ZOMBIE:
                new.append(child)
    return new


@pytest.fixture(scope="session")
def shared_facility() -> Iterator[Facility]:
    """Run one practice facility for all tests that only read from it."""
    from openem_nb.practice import serve

    with serve(entries=400, seed=7) as facility:
        yield facility


@pytest.fixture
def practice(shared_facility: Facility, monkeypatch: pytest.MonkeyPatch) -> Iterator[Facility]:
    """Point the environment at the shared facility; faults end with the test."""
    monkeypatch.setenv("OPENEM_PROFILE", "practice")
    monkeypatch.setenv("OPENEM_PRACTICE_URL", shared_facility.url)
    yield shared_facility
    shared_facility.clear_faults()


@pytest.fixture
def facility(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Facility]]:
    """Return a function that starts a facility of the test's own and points to it."""
    from openem_nb.practice import serve

    with ExitStack() as stack:

        def start(*, entries: int = 300, seed: int = 1) -> Facility:
            own = stack.enter_context(serve(entries=entries, seed=seed))
            monkeypatch.setenv("OPENEM_PROFILE", "practice")
            monkeypatch.setenv("OPENEM_PRACTICE_URL", own.url)
            return own

        yield start
