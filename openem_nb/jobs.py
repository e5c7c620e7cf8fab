"""Work that takes a while: progress as plain data, cancel by asking, and a runner of threads.

One :class:`Progress` serves all three places where people look: it draws itself as a line in a
terminal (:func:`follow`), as HTML in a notebook, and a panel copies its state into widgets.
Whoever listens is told at most five times a second, because a browser cannot follow thousands of
updates; the last state always arrives.

Work never prints and never touches a widget: it calls ``progress.update(...)`` now and then,
which is also where it can be cancelled.
"""

from __future__ import annotations

import contextlib
import html
import logging
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, Generic, TextIO, TypeVar

from openem_nb._amounts import format_bytes, format_duration
from openem_nb._exits import stop_at_exit
from openem_nb._texts import one_line
from openem_nb.errors import Cancelled

__all__ = ["Job", "JobRunner", "JobState", "Progress", "ProgressState", "follow", "runner"]

T = TypeVar("T")
Listener = Callable[["ProgressState"], None]

INTERVAL: Final = 0.2
"""Seconds between two messages to a listener."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ProgressState:
    """How far a piece of work is."""

    done: float = 0.0
    """Amount done, in ``unit``."""
    total: float | None = None
    """Amount in all, None while it is not known."""
    unit: str = ""
    """What is counted: ``entries``, ``requests``, ``B`` for bytes."""
    message: str = ""
    """What is being done now, in words."""
    seconds: float = 0.0
    """Seconds since the work began."""
    rate: float | None = None
    """Amount per second since this stage began, None while nothing has been done."""

    @property
    def fraction(self) -> float | None:
        """Share done, 0 to 1; None while the total is not known."""
        if self.total is None:
            return None
        return min(1.0, self.done / self.total) if self.total > 0 else 1.0

    @property
    def seconds_left(self) -> float | None:
        """Seconds that the rest takes at the present rate; None while that cannot be said."""
        if self.total is None or not self.rate:
            return None
        return max(0.0, self.total - self.done) / self.rate

    def _amount(self, value: float) -> str:
        return format_bytes(value) if self.unit == "B" else f"{value:,.0f}"

    @property
    def text(self) -> str:
        """The state in words, without the message: ``120 of 3,000 entries, 40 s left``."""
        unit = "" if self.unit == "B" else f" {self.unit}".rstrip()
        if self.total is None:
            return f"{self._amount(self.done)}{unit}" if self.done else ""
        words = f"{self._amount(self.done)} of {self._amount(self.total)}{unit}"
        left = self.seconds_left
        return f"{words}, {format_duration(left)} left" if left is not None and left >= 1 else words

    def line(self, width: int = 80) -> str:
        """Return one line for a terminal, at most ``width`` characters."""
        parts = [
            f"{self.fraction:4.0%}" if self.fraction is not None else "    ",
            one_line(self.message),
            self.text,
        ]
        text = "  ".join(part for part in parts if part)
        return text if len(text) <= width else text[: max(1, width - 1)] + "…"

    def html(self) -> str:
        """Return a labelled progress bar with the state in words (accessible, no script)."""
        label = html.escape(one_line(self.message) or "Progress", quote=True)
        value = "" if self.fraction is None else f' value="{self.fraction * 100:.0f}"'
        return (
            '<div class="oem-progress">'
            f'<progress aria-label="{label}" max="100"{value}></progress> '
            f"<span>{label}</span> <span>{html.escape(self.text)}</span></div>"
        )

    def _repr_html_(self) -> str:
        return self.html()


class _Subscription:
    """One listener, told at most once an interval; what came too soon is delivered late."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._lock = threading.Lock()
        self._delivering = threading.RLock()  # a listener may end its own subscription
        self._last = -INTERVAL
        self._pending: ProgressState | None = None
        self._timer: threading.Timer | None = None

    def tell(self, state: ProgressState) -> None:
        with self._lock:
            wait = self._last + INTERVAL - time.monotonic()
            if wait > 0:
                self._pending = state
                if self._timer is None:
                    self._timer = threading.Timer(wait, self._deliver_late)
                    self._timer.daemon = True
                    self._timer.start()
                return
            self._last, self._pending = time.monotonic(), None
            late, self._timer = self._timer, None
            if late is not None:  # it was about to deliver an older state
                late.cancel()
        self._listener(state)

    def _deliver_late(self) -> None:
        with self._lock:
            if self._timer is not threading.current_thread():
                return  # overtaken by a newer state or by the end
            self._timer = None
        self._deliver_pending()

    def _deliver_pending(self) -> None:
        with self._delivering:
            with self._lock:
                state, self._pending = self._pending, None
                self._last = time.monotonic()
            if state is not None:
                self._listener(state)

    def close(self) -> None:
        """Deliver what is pending, now and in this thread, and stop."""
        with self._lock:
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        self._deliver_pending()


class Progress:
    """How far a piece of work is, and whether it was asked to stop; safe in any thread.

    Examples
    --------
    >>> progress = Progress()
    >>> progress.update(3, total=12, message="Reading headers")
    >>> progress.snapshot().fraction
    0.25
    """

    def __init__(self, *, unit: str = "") -> None:
        self._lock = threading.Lock()
        self._started = self._stage_started = time.monotonic()
        self._stage_done = 0.0
        self._done = 0.0
        self._total: float | None = None
        self._unit, self._message = unit, ""
        self._waits: list[str] = []
        self._subscriptions: list[_Subscription] = []
        self._cancel = threading.Event()

    def update(
        self,
        done: float | None = None,
        *,
        total: float | None = None,
        message: str | None = None,
        unit: str | None = None,
    ) -> None:
        """Say how far the work is; what is not given stays.

        An amount below the last one begins a new stage, with a new rate and no total. While nothing
        has been done in a stage, another message begins the time for its rate anew: what is waited
        for before does not count.
        """
        with self._lock:
            if done is not None:
                if done < self._done:
                    self._stage_started, self._stage_done, self._total = (
                        time.monotonic(),
                        done,
                        None,
                    )
                self._done = done
            if total is not None:
                self._total = total
            if message is not None and message != self._message:
                if self._done == self._stage_done:
                    self._stage_started = time.monotonic()
                self._message = message
            if unit is not None:
                self._unit = unit
        self._tell()

    def advance(self, amount: float = 1, *, earlier: bool = False) -> None:
        """Add to the amount done; what was done ``earlier`` does not count for the rate."""
        with self._lock:
            self._done += amount
            if earlier:
                self._stage_done += amount
        self._tell()

    def _tell(self) -> None:
        with self._lock:
            subscriptions = tuple(self._subscriptions)
        if subscriptions:
            state = self.snapshot()
            for subscription in subscriptions:
                subscription.tell(state)

    def snapshot(self) -> ProgressState:
        """Return the state at this moment."""
        with self._lock:
            now = time.monotonic()
            span, amount = now - self._stage_started, self._done - self._stage_done
            return ProgressState(
                done=self._done,
                total=self._total,
                unit=self._unit,
                message=self._waits[-1] if self._waits else self._message,
                seconds=now - self._started,
                rate=amount / span if amount > 0 and span > 0.05 else None,
            )

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Call ``listener(state)`` on changes, at most five times a second, in some thread.

        Returns the function that ends this; it delivers the last state before it returns.
        """
        subscription = _Subscription(listener)
        with self._lock:
            self._subscriptions.append(subscription)

        def unsubscribe() -> None:
            with self._lock:
                if subscription not in self._subscriptions:
                    return
                self._subscriptions.remove(subscription)
            subscription.close()

        return unsubscribe

    def cancel(self) -> None:
        """Ask the work to stop at the next point where it can."""
        self._cancel.set()

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked the work to stop."""
        return self._cancel.is_set()

    def check(self) -> None:
        """Raise :class:`~openem_nb.errors.Cancelled` if somebody asked the work to stop."""
        if self._cancel.is_set():
            raise Cancelled(
                "The work was cancelled.",
                hint="What was finished before is kept; start it again to go on.",
            )

    def wait(self, seconds: float, *, why: str = "") -> None:
        """Sleep, but wake up and raise ``Cancelled`` at once when the work is cancelled.

        Meanwhile the message says ``why``, where that is given.
        """
        if why:
            with self._lock:
                self._waits.append(why)
            self._tell()
        try:
            self._cancel.wait(seconds)
        finally:
            if why:
                with self._lock:
                    self._waits.remove(why)
                self._tell()
        self.check()

    def _repr_html_(self) -> str:
        return self.snapshot().html()


class JobState(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Job(Generic[T]):
    """One piece of work in the background. Made by :meth:`JobRunner.submit`."""

    def __init__(self, title: str) -> None:
        self.title = title
        """What the work is, for people."""
        self.progress = Progress()
        """How far it is."""
        self._future: Future[T] = Future()

    @property
    def state(self) -> JobState:
        """Where the job is in its life."""
        if not self._future.done():
            return JobState.RUNNING if self._future.running() else JobState.QUEUED
        error = self.error
        if error is None:
            return JobState.DONE
        return JobState.CANCELLED if isinstance(error, Cancelled) else JobState.FAILED

    @property
    def done(self) -> bool:
        """Whether the job has ended, in whatever way."""
        return self._future.done()

    @property
    def error(self) -> BaseException | None:
        """What ended the job, None while it runs or when it went well."""
        return self._future.exception() if self._future.done() else None

    def cancel(self) -> None:
        """Ask the job to stop at its next point where it can."""
        self.progress.cancel()

    def result(self, timeout: float | None = None) -> T:
        """Wait for the end and return the result.

        Raises
        ------
        TimeoutError
            If the job has not ended after ``timeout`` seconds.
        BaseException
            Whatever ended the job.
        """
        try:
            return self._future.result(timeout)
        except FutureTimeout:
            if self._future.done():
                raise
            raise TimeoutError(f"{self.title!r} has not ended after {timeout} s.") from None

    def when_done(self, callback: Callable[[Job[T]], None]) -> None:
        """Call ``callback(job)`` once when the job has ended, from the working thread."""
        self._future.add_done_callback(lambda _: callback(self))

    def run(self, work: Callable[[Progress], T]) -> None:
        """Do the work in this thread and keep its result or error; called once, by the runner."""
        if not self._future.set_running_or_notify_cancel():
            return
        try:
            self.progress.check()
            result = work(self.progress)
        except BaseException as error:  # noqa: BLE001  (kept with the job; result() raises it)
            if not isinstance(error, Cancelled):
                _log.debug("%s failed", self.title, exc_info=error)
            self._future.set_exception(error)
        else:
            self._future.set_result(result)


class JobRunner:
    """Threads for work that waits for networks and disks.

    The threads are daemons: a job never keeps a finished program alive. What still runs when the
    program ends is cancelled.

    Parameters
    ----------
    workers :
        How many jobs run at once; further ones queue.
    """

    def __init__(self, *, workers: int = 4) -> None:
        self._places = threading.BoundedSemaphore(workers)
        self._running: dict[threading.Thread, Job[Any]] = {}
        self._lock = threading.Lock()
        stop_at_exit(self)

    def submit(self, work: Callable[[Progress], T], /, *, title: str) -> Job[T]:
        """Run ``work(progress)`` in the background and return its job at once."""
        job: Job[T] = Job(title)

        def run() -> None:
            try:
                with self._places:
                    job.run(work)
            finally:
                with self._lock:
                    del self._running[threading.current_thread()]

        thread = threading.Thread(target=run, name=f"openem: {title}", daemon=True)
        with self._lock:
            self._running[thread] = job
        thread.start()
        return job

    def close(self) -> None:
        """Cancel what runs or queues and wait until all threads have ended."""
        for thread in self.stop():
            thread.join()

    def stop(self) -> list[threading.Thread]:
        """Cancel what runs or queues, without waiting; return the threads that still run."""
        with self._lock:
            running = dict(self._running)
        for job in running.values():
            job.cancel()
        return list(running)


_shared = JobRunner()


def runner() -> JobRunner:
    """Return the runner that this process shares."""
    return _shared


@contextlib.contextmanager
def follow(stream: TextIO) -> Iterator[Progress]:
    """Give a :class:`Progress` drawn as one line of a terminal, or as rare lines of a log."""
    progress = Progress()
    terminal = stream.isatty()
    last_message: list[str] = []

    def draw(state: ProgressState) -> None:
        if terminal:
            width = shutil.get_terminal_size().columns - 1
            stream.write(f"\r\x1b[2K{state.line(width)}")
            stream.flush()
        elif [state.message] != last_message:  # a log file gets one line for each stage
            last_message[:] = [state.message]
            stream.write(state.line(200).strip() + "\n")
            stream.flush()

    unsubscribe = progress.subscribe(draw)
    try:
        yield progress
    finally:
        unsubscribe()
        if terminal:
            stream.write("\r\x1b[2K")
            stream.flush()
