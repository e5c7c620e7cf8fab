"""Threads in the background end before the interpreter does.

A daemon thread that is in compiled code when Python is taken down is ended there, by force; C++
answers that by aborting the process, after all work of the script was done well.
"""

from __future__ import annotations

import atexit
import threading
import time
import weakref
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["Stoppable", "stop_at_exit"]

PATIENCE: Final = 10.0
"""Seconds for which the end of all threads together is waited for: a server may hold one longer."""


class Stoppable(Protocol):
    """Whatever has threads in the background."""

    def stop(self) -> Iterable[threading.Thread]:
        """Ask its threads to end, without waiting; return those that still run."""
        ...


_known: weakref.WeakSet[Stoppable] = weakref.WeakSet()
_lock = threading.Lock()


def stop_at_exit(owner: Stoppable) -> None:
    """Have the threads of ``owner`` stopped, and waited for, when the program ends."""
    with _lock:
        _known.add(owner)


def _stop_all() -> None:
    with _lock:
        owners = list(_known)
    threads = [thread for owner in owners for thread in owner.stop()]
    until = time.monotonic() + PATIENCE
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))


atexit.register(_stop_all)
