"""What several transfers have in common: bytes and files counted together, and one way to stop."""

from __future__ import annotations

import contextlib
import threading
import time
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Final, Self, TypeVar

from openem_nb.errors import Cancelled, CannotWrite, ChecksumMismatch, OpenEMError
from openem_nb.transfer import _disk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from openem_nb import http
    from openem_nb.jobs import Progress

__all__ = ["Meter", "in_parallel"]

T = TypeVar("T")
R = TypeVar("R")

_GLANCE: Final = 0.1
"""Seconds between two looks at whether somebody cancelled."""
_AGAIN: Final = "Run it again: files that are whole are not downloaded twice."
_SURE: Final = 1.0
"""Seconds for which the free space that was looked up is believed."""


class Meter:
    """Counts bytes and files, says what is going on, and ends everything at once when asked to.

    Parameters
    ----------
    what :
        What is done, for the message: ``Downloading``.
    files :
        How many files there are; None where the name of the only one stands in ``what``.
    """

    def __init__(
        self, progress: Progress | None, what: str, *, files: int | None = None, alone: bool = False
    ) -> None:
        self.progress = progress
        self._what = what
        self.files = files
        """How many files there are, None where that is not known."""
        self._alone = alone
        self._done = 0
        self._waiting: dict[str, str] = {}
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._open: set[http.Response] = set()
        self._free: dict[Path, tuple[float, int]] = {}
        self._watcher: threading.Thread | None = None

    def begin(self, total: int | None) -> None:
        """Start to count; ``total`` bytes are expected."""
        if self.progress is not None:
            self.progress.update(0, total=total, message=self._message(), unit="B")

    def add(self, size: int, *, earlier: bool = False) -> None:
        """Count bytes; those that were here ``earlier`` do not count for the rate."""
        if self.progress is not None and size:
            self.progress.advance(size, earlier=earlier)

    def expect(self, total: int | None) -> None:
        """Take the total of an only file from the server."""
        if self.progress is not None and self._alone and total is not None:
            self.progress.update(total=total)

    def finished(self, files: int = 1) -> None:
        """Count files that are whole."""
        with self._lock:
            self._done += files
        self._say()

    def _message(self) -> str:
        with self._lock:
            waiting = list(self._waiting.values())
            count = "" if self.files is None else f" {self._done:,} of {self.files:,} files"
        if not waiting:
            return f"{self._what}{count}"
        more = f" (and {len(waiting) - 1} more)" if len(waiting) > 1 else ""
        return f"{self._what}{count}; {waiting[0]}{more}"

    def _say(self) -> None:
        if self.progress is not None:
            self.progress.update(message=self._message())

    @contextlib.contextmanager
    def waiting(self, name: str, words: str) -> Iterator[None]:
        """Say within the block what ``name`` waits for."""
        with self._lock:
            self._waiting[name] = words
        self._say()
        try:
            yield
        finally:
            with self._lock:
                del self._waiting[name]
            self._say()

    def check(self) -> None:
        """Raise ``Cancelled`` if the work is to end."""
        if self._stopped.is_set():
            raise Cancelled("The transfer was stopped.")
        if self.progress is not None:
            self.progress.check()

    def wait(self, seconds: float) -> None:
        """Sleep, but wake up at once when the work is to end."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            self.check()
            self._stopped.wait(min(left, _GLANCE))
        self.check()

    @contextlib.contextmanager
    def listening(self, answer: http.Response) -> Iterator[None]:
        """Break the connection off within the block when somebody cancels."""
        with self._lock:
            self._open.add(answer)
            if self._watcher is None and self.progress is not None:
                self._watcher = threading.Thread(target=self._watch, name="cancel", daemon=True)
                self._watcher.start()
        try:
            yield
        except OpenEMError:
            self.check()  # broken off by a cancel: that is what to say
            raise
        finally:
            with self._lock:
                self._open.discard(answer)

    def _watch(self) -> None:
        while not self._stopped.wait(_GLANCE):
            if self.progress is not None and self.progress.cancelled:
                break
        with self._lock:
            for answer in self._open:
                answer.abort()

    def stop(self) -> None:
        """End all that still runs."""
        self._stopped.set()
        if self._watcher is not None:
            self._watcher.join()

    def need(self, folder: Path, size: int) -> None:
        """Raise :class:`CannotWrite` if ``size`` more bytes do not fit into a folder."""
        now = time.monotonic()
        with self._lock:
            since, free = self._free.get(folder, (-_SURE, 0))
            if now - since > _SURE or size > free:
                since, free = now, _disk.free_space(folder)
            self._free[folder] = since, free - size
        if size > free:
            raise _disk.no_room(folder, size, free)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def in_parallel(
    work: Callable[[T], R], items: Sequence[T], meter: Meter, *, workers: int, what: str
) -> tuple[R, ...]:
    """Do the work for all items; the first error is raised after all others are done.

    What concerns all of them, a full disk or a cancel, ends everything at once.
    """
    failures: list[OpenEMError] = []
    done: dict[int, R] = {}

    def attempt(number: int, item: T) -> None:
        try:
            done[number] = work(item)
        except OpenEMError as error:
            if isinstance(error, CannotWrite | Cancelled):
                raise
            failures.append(error)

    with ThreadPoolExecutor(workers, thread_name_prefix="transfer") as pool:
        try:
            futures = [pool.submit(attempt, *numbered) for numbered in enumerate(items)]
            wait(futures, return_when=FIRST_EXCEPTION)
            for future in futures:
                if future.done() and (error := future.exception()):
                    raise error
        finally:
            meter.stop()
            pool.shutdown(wait=True, cancel_futures=True)
    if failures:
        first = failures[0]
        if len(items) == 1:
            raise first
        summary = type(first)(
            f"{len(failures)} of {len(items)} {what} could not be downloaded. First: {first}",
            hint=first.hint if isinstance(first, ChecksumMismatch) else _AGAIN,
        )
        summary.status, summary.said = first.status, first.said
        raise summary from first
    return tuple(done[number] for number in range(len(items)))
