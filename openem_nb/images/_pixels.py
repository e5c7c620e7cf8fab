"""What the reader of each format gives: pixels by place, and what the file says about them."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

__all__ = ["BAND", "About", "Pixels", "Plain", "borrowed", "rows_of_band"]

BAND: Final = 1 << 20
"""Bytes of a band: it stays in the cache of one core from reading to adding."""

_local = threading.local()


class Pixels(Protocol):
    """Frames of one size and type in a file, read from many threads at once."""

    shape: tuple[int, int]
    """Rows and columns of a frame."""
    frames: int
    dtype: np.dtype[Any]
    grain: int
    """Rows that are decoded at once: 1 where each row can be read alone."""

    def band(self, frame: int, y0: int, y1: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return the rows from ``y0`` to before ``y1``, in ``out`` where it is given."""

    def window(self, frame: int, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        """Return a part of a frame, contiguous."""

    def bands(self, frame: int, y0: int, y1: int, multiple: int) -> Iterator[NDArray[Any]]:
        """Yield the rows in order; each band is valid until the next is asked for.

        Bands have a multiple of ``multiple`` rows where the format leaves the choice.
        """

    def close(self) -> None:
        """Close the file."""


@dataclass(frozen=True, slots=True)
class About:
    """What a file says of its images."""

    format: str
    """``mrc``, ``tiff``, ``eer``, ``dm``, ``velox``, ``ncem``, ``prz``, ``zarr``, ``hdf5``..."""
    axes: tuple[str, ...] = ("y", "x")
    """Names of the axes, the slowest first: ``frame``, ``z`` or ``tilt`` before ``y`` and ``x``."""
    pixel_size: float | None = None
    """Å in x; None where the file does not know it."""
    voltage: float | None = None
    """kV; None where the file does not know it."""
    header: Mapping[str, Any] = field(default_factory=dict)
    """The header as a tree of names and plain values."""
    notes: tuple[str, ...] = ()
    """What is odd about the file, in sentences."""
    problems: tuple[str, ...] = ()
    """What of the file is missing or broken, in sentences."""
    origin: str = "upper"
    """Where the first row is drawn: ``lower`` for MRC, ``upper`` for all others."""
    tilts: tuple[float, ...] = ()
    """Tilt angle of each section in degrees, where they are known."""


def rows_of_band(row_bytes: int, multiple: int, budget: int = BAND) -> int:
    """Return the rows of a band: near the budget, and a multiple where that is possible."""
    rows = max(1, budget // max(1, row_bytes))
    return rows // multiple * multiple if rows >= multiple else rows


@contextmanager
def borrowed(count: int, dtype: np.dtype[Any]) -> Iterator[NDArray[Any]]:
    """Lend a buffer of this thread, which goes back to be used again.

    A fresh array costs more than reading into it does, because the operating system has to clear
    every page of it. Buffers are a few bands large at most; larger ones are not kept.
    """
    held: list[NDArray[np.uint8]] = _local.__dict__.setdefault("held", [])
    need = max(1, count) * dtype.itemsize
    index = next((i for i, one in enumerate(held) if one.nbytes >= need), None)
    buffer = np.empty(max(need, BAND), np.uint8) if index is None else held.pop(index)
    try:
        yield buffer[: count * dtype.itemsize].view(dtype)
    finally:
        if buffer.nbytes <= 4 * BAND and len(held) < 4:
            held.append(buffer)


class Plain(ABC):
    """Pixels that a reader has whole in memory, or gets frame by frame: a base for small formats.

    A subclass says how to get one frame, in :meth:`load`.
    """

    grain = 1

    def __init__(self, shape: tuple[int, int], frames: int, dtype: np.dtype[Any]) -> None:
        self.shape, self.frames, self.dtype = shape, frames, dtype
        self._lock = threading.Lock()
        self._last: tuple[int, NDArray[Any]] | None = None

    @abstractmethod
    def load(self, frame: int) -> NDArray[Any]:
        """Return one frame."""

    def _frame(self, frame: int) -> NDArray[Any]:
        with self._lock:
            if self._last is None or self._last[0] != frame:
                self._last = None
                self._last = (frame, self.load(frame))
            return self._last[1]

    def band(self, frame: int, y0: int, y1: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return rows of a frame."""
        found = self._frame(frame)[y0:y1]
        if out is None:
            return found.copy()
        out[...] = found
        return out

    def window(self, frame: int, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        """Return a part of a frame."""
        return self._frame(frame)[y0:y1, x0:x1].copy()

    def bands(self, frame: int, y0: int, y1: int, multiple: int) -> Iterator[NDArray[Any]]:
        """Yield the rows in order."""
        whole = self._frame(frame)
        step = rows_of_band(self.shape[1] * self.dtype.itemsize, multiple)
        for start in range(y0, y1, step):
            yield whole[start : min(start + step, y1)]

    def close(self) -> None:
        """Let go of the frame that is held."""
        self._last = None
