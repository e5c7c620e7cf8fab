"""The one throttle between work and widgets."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from openem_nb._exits import stop_at_exit

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Refresher"]


class Refresher:
    """Draws when asked, at most every ``interval`` seconds, in a thread that ends when idle.

    Parameters
    ----------
    draw :
        Copies the state of the work into traits; returns whether it wants to be called again
        without being asked (something still runs).
    interval :
        Seconds between two drawings; a browser cannot follow many more than five a second.
    """

    def __init__(self, draw: Callable[[], bool], *, interval: float = 0.2) -> None:
        self._draw = draw
        self._interval = interval
        self._lock = threading.Lock()
        self._drawn = threading.Condition(self._lock)
        self._asked = self._drawing = False
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None
        stop_at_exit(self)

    def ask(self) -> None:
        """Ask for a drawing soon; returns at once, in any thread."""
        with self._lock:
            if self._closed.is_set():
                return
            self._asked = True
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="openem-refresh", daemon=True
                )
                self._thread.start()

    def settle(self) -> None:
        """Wait until everything is drawn that was asked for before; not in a drawing itself."""
        with self._drawn:
            self._drawn.wait_for(lambda: self._thread is None or not (self._asked or self._drawing))

    def close(self) -> None:
        """Stop, and wait until the thread has ended."""
        for thread in self.stop():
            if thread is not threading.current_thread():
                thread.join()

    def stop(self) -> list[threading.Thread]:
        """Draw no more, without waiting for a drawing that goes on; return the thread of that."""
        with self._lock:
            self._closed.set()
            return [] if self._thread is None else [self._thread]

    def _run(self) -> None:
        more = True
        try:
            while not self._closed.is_set():
                with self._drawn:
                    if not (more or self._asked):
                        self._thread = None
                        return
                    self._asked, self._drawing = False, True
                more = self._draw()
                with self._drawn:
                    self._drawing = False
                    self._drawn.notify_all()
                self._closed.wait(self._interval)
            self._end()
        except BaseException:
            self._end()  # the next request starts a new thread; this error is reported
            raise

    def _end(self) -> None:
        with self._drawn:
            self._thread, self._drawing = None, False
            self._drawn.notify_all()
