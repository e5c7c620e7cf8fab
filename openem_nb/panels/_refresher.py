"""The one throttle between work and widgets."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

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
        self._asked = False
        self._closed = threading.Event()
        self._thread: threading.Thread | None = None

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

    def close(self) -> None:
        """Stop, and wait until the thread has ended."""
        with self._lock:
            self._closed.set()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        more = True
        try:
            while not self._closed.is_set():
                with self._lock:
                    if not (more or self._asked):
                        self._thread = None
                        return
                    self._asked = False
                more = self._draw()
                self._closed.wait(self._interval)
        except BaseException:
            with self._lock:  # the next request starts a new thread; this error is reported
                self._thread = None
            raise
