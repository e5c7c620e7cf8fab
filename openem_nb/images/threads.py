"""How many threads one piece of work may use.

A person who waits for one image gets several; where each core has images of its own, as in mining,
more threads would only take the cores from one another.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["alone", "workers"]

_MOST: Final = 4
"""More threads than this wait for memory, not for each other."""

_local = threading.local()


def workers() -> int:
    """Return how many threads one piece of work uses: what we may use, four at most."""
    if getattr(_local, "alone", False):
        return 1
    ours = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    return max(1, min(_MOST, ours))


@contextmanager
def alone() -> Iterator[None]:
    """Use one thread for all that this thread does, until the end of the context."""
    before = getattr(_local, "alone", False)
    _local.alone = True
    try:
        yield
    finally:
        _local.alone = before
