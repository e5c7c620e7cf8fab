"""Faults on demand: what real services do on bad days, chosen by seed and number of the request."""

from __future__ import annotations

import random
import re
import threading
from dataclasses import dataclass
from typing import Final, Literal, get_args

from openem_nb.errors import InvalidInput

__all__ = ["Fault", "FaultBook", "FaultKind"]

FaultKind = Literal["status", "delay", "hang", "cut", "garbage", "html", "wrong_json"]
_KINDS: Final = get_args(FaultKind)
_MAY_BE_NONE: Final = ("times", "retry_after")


@dataclass(frozen=True, slots=True)
class Fault:
    """One kind of misbehaviour for a share of the requests.

    Parameters
    ----------
    kind :
        ``status`` (an error status), ``delay`` (right, but late), ``hang`` (nothing or half of the
        answer, and the connection stays open), ``cut`` (the connection closes before Content-Length
        is reached), ``garbage`` (bytes that are no text), ``html`` (a page with status 200),
        ``wrong_json`` (JSON of another shape).
    path :
        Regular expression; searched for in path and query as sent.
    share :
        Part of the matching requests that is hit, 0 to 1.
    times :
        At most this many hits; None for no limit.
    status :
        HTTP status of ``status``.
    seconds :
        Length of ``delay``.
    retry_after :
        Seconds for the header ``Retry-After`` of ``status``; None for no header.
    seed :
        Draws which of the requests are hit.
    """

    kind: FaultKind
    path: str = ""
    share: float = 1.0
    times: int | None = None
    status: int = 503
    seconds: float = 1.0
    retry_after: float | None = None
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in _KINDS:
            raise InvalidInput(
                f"There is no fault {self.kind!r}.", hint=f"Choose one of {', '.join(_KINDS)}."
            )
        try:
            re.compile(self.path)
        except re.error as error:
            raise InvalidInput(f"The path of a fault is no regular expression: {error}.") from error
        for name in ("share", "times", "status", "seconds", "retry_after"):
            value = getattr(self, name)
            if not (isinstance(value, int | float) or (value is None and name in _MAY_BE_NONE)):
                raise InvalidInput(f"The {name} of a fault is no number: {value!r}.")


class FaultBook:
    """The faults in force; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[_Counted] = []

    def add(self, fault: Fault) -> None:
        """Put one more fault in force; where several hit, the first one counts."""
        with self._lock:
            self._faults.append(_Counted(fault))

    def clear(self) -> None:
        """Take all faults back."""
        with self._lock:
            self._faults.clear()

    def draw(self, target: str) -> tuple[Fault, random.Random] | None:
        """Return the fault that hits this request, with a generator for its details."""
        with self._lock:
            for counted in self._faults:
                rng = counted.draw(target)
                if rng is not None:
                    return counted.fault, rng
        return None


@dataclass(slots=True)
class _Counted:
    fault: Fault
    seen: int = 0
    hits: int = 0

    def draw(self, target: str) -> random.Random | None:
        if not re.search(self.fault.path, target):
            return None
        self.seen += 1
        rng = random.Random(f"{self.fault.seed} {self.seen}")
        if rng.random() >= self.fault.share or (
            self.fault.times is not None and self.hits >= self.fault.times
        ):
            return None
        self.hits += 1
        return rng
