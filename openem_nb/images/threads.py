"""How many threads one piece of work may use, and what threads must not wait for one another for.

A person who waits for one image gets several; where each core has images of its own, as in mining,
more threads would only take the cores from one another.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar, overload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["alone", "once", "plain_algebra", "workers"]

_Value = TypeVar("_Value")
_MOST: Final = 4
"""More threads than this wait for memory, not for each other."""

_local = threading.local()


class _Algebra:
    """How many pieces of work hold linear algebra to one thread, and how many it had before.

    The number is one of the whole process: the last to leave gives it back, whoever came first.
    """

    lock = threading.Lock()
    inside = 0
    held: Any = None
    found: Any = None


class once(Generic[_Value]):  # noqa: N801  (a decorator, named like those of the standard library)
    """A property that is computed when it is first asked for, and kept by its object.

    Up to Python 3.11 ``functools.cached_property`` has one lock for all objects of a class: threads
    with an image each would compute one spectrum after the other. This has no lock; two threads
    that ask one object for the first time both compute it.
    """

    def __init__(self, compute: Callable[[Any], _Value]) -> None:
        self._compute = compute
        self._name = compute.__name__
        self.__doc__ = compute.__doc__

    @overload
    def __get__(self, instance: None, owner: type) -> once[_Value]: ...
    @overload
    def __get__(self, instance: object, owner: type | None = None) -> _Value: ...
    def __get__(self, instance: object, owner: type | None = None) -> once[_Value] | _Value:
        """Return the value, from the second time on straight from the object."""
        if instance is None:
            return self
        value = instance.__dict__[self._name] = self._compute(instance)
        return value


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


@contextmanager
def plain_algebra() -> Iterator[None]:
    """Let linear algebra use one thread until the end of the context.

    To share out small products takes several times as long as to do them where cores are busy.
    """
    from threadpoolctl import ThreadpoolController

    with _Algebra.lock:
        if _Algebra.inside == 0:
            if _Algebra.found is None:  # to look for the library takes longer than a small fit
                _Algebra.found = ThreadpoolController()
            _Algebra.held = _Algebra.found.limit(limits=1, user_api="blas")
        _Algebra.inside += 1
    try:
        yield
    finally:
        with _Algebra.lock:
            _Algebra.inside -= 1
            if _Algebra.inside == 0:
                _Algebra.held.restore_original_limits()
