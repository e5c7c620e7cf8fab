"""Views of a micrograph for the screen: the right frames, small enough to travel, in 16 bits."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from openem_nb import jobs
from openem_nb.errors import InvalidInput
from openem_nb.images import block_mean
from openem_nb.images.filters import low_pass

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from openem_nb.images import Gain, Micrograph
    from openem_nb.jobs import Job, Progress

__all__ = ["Encoded", "Part", "Views", "base_factor", "encode"]

Frame = int | Literal["sum"]

_BASE: Final = 2048
"""Pixels of the longest side of the whole image as it is kept in memory."""
_LARGEST: Final = 2304
"""Pixels of a side of one answer: a screen of 2048 and a little around it."""
_SMALLEST: Final = 1e-30
"""Range of values that is taken for none: steps of it could not be computed."""
_SAMPLE: Final = 1 << 16
"""Pixels that the range of values is found from; all of them are drawn."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an image at a size for the screen."""

    values: NDArray[np.float32]
    """Means of blocks, (y, x)."""
    y0: int
    """First row of the image that it shows."""
    y1: int
    """Row behind the last one."""
    x0: int
    """First column."""
    x1: int
    """Column behind the last one."""
    factor: int
    """Pixels of the image along each side of a block."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Pixels in 16 bits: ``offset + scale * level``; level 0 stands for what is no number."""

    levels: NDArray[np.uint16]
    """Levels, (y, x)."""
    scale: float
    """Value of one step."""
    offset: float
    """Value of level 0, if it stood for one."""
    cut: tuple[bool, bool] = (False, False)
    """Whether the lowest, and the highest, level stands also for what lies beyond it."""


def base_factor(shape: tuple[int, int]) -> int:
    """Return the power of two that brings an image to 2048 pixels at most.

    Views are binned by powers of two, so that those of the whole image are made of each other.
    """
    factor = 1
    while max(shape) > factor * _BASE:
        factor *= 2
    return factor


class Views:
    """Gives parts of a micrograph: of one frame, of several around it, or of the mean of all.

    Parameters
    ----------
    micrograph :
        What is looked at.
    gain :
        Gain reference that frames are multiplied by.
    arrived :
        Called, in another thread, when the mean of all frames is there or cannot be had.
    """

    def __init__(
        self,
        micrograph: Micrograph,
        *,
        gain: Gain | None = None,
        arrived: Callable[[], None] = lambda: None,
    ) -> None:
        self.micrograph = micrograph
        self.gain = None if gain is None else gain.fitted(micrograph)
        self.base = base_factor(micrograph.shape)
        self._arrived = arrived
        self._averaging, self._correcting = threading.Lock(), threading.Lock()
        self._average: NDArray[np.float32] | None = None
        self._corrected: tuple[int, NDArray[np.float32]] | None = None
        self._job: Job[Any] | None = None
        self._first: tuple[int, Job[NDArray[np.float32]]] | None = None

    # the mean of all frames

    @property
    def averaged(self) -> bool:
        """Whether the mean of all frames is there."""
        return self._average is not None or self.micrograph.frames == 1

    def average(self, progress: Progress | None = None) -> NDArray[np.float32]:
        """Return the mean of all frames, multiplied by the gain; it is computed once."""
        with self._averaging:
            if self._average is None:
                self._average = self.micrograph.average(gain=self.gain, progress=progress)
            return self._average

    def begin_average(self) -> Job[Any]:
        """Begin to average in the background; return the work."""
        if self._job is None:
            title = f"Average {self.micrograph.frames} frames"
            self._job = jobs.runner().submit(self.average, title=title)
            self._job.when_done(lambda _: self._arrived())
        return self._job

    def prepare(self, frame: Frame) -> None:
        """Begin to read what will be shown first, while the front end has not asked for it yet."""
        if frame == "sum" and self.micrograph.frames > 1:
            self.begin_average()
        elif self.gain is None:
            number = 0 if frame == "sum" else frame
            title = f"Read {self.micrograph.name}"
            job = jobs.runner().submit(lambda _: self._small(number), title=title)
            self._first = number, job

    @property
    def first(self) -> tuple[int, Job[NDArray[np.float32]]] | None:
        """The frame that is read first, and the work that reads it; None if nothing is."""
        return self._first

    def whole(self, frame: Frame, around: int = 1) -> NDArray[np.float32]:
        """Return a whole frame at full size, multiplied by the gain."""
        frames = self._around(frame, around)
        if frames is None:
            return self.average()
        if len(frames) == 1:
            return self._full(frames[0])
        return self.micrograph.average(gain=self.gain, frames=frames)

    # parts

    def part(
        self,
        frame: Frame,
        box: tuple[int, int, int, int],
        factor: int,
        *,
        around: int = 1,
        resolution: float | None = None,
        pixel_size: float | None = None,
    ) -> Part:
        """Return a part of an image.

        Parameters
        ----------
        frame :
            Number of a frame, or ``"sum"`` for the mean of all.
        box :
            First row, row behind the last, first column, column behind the last. It is widened to
            whole blocks, and cut at the edges of the image.
        factor :
            Pixels along each side of a block, a power of two.
        around :
            How many frames are averaged, the chosen one in the middle.
        resolution :
            Å below which details are taken away; needs ``pixel_size``.
        """
        box = _whole_blocks(box, self.micrograph.shape, factor)
        frames = self._around(frame, around)
        if frames is None:
            values = self._of_average(box, factor)
        else:
            values = self._of_frame(frames[0], box, factor)
            for one in frames[1:]:
                values = values + self._of_frame(one, box, factor)
            if len(frames) > 1:
                values = values / np.float32(len(frames))
        if resolution is not None and pixel_size is not None:
            values = low_pass(values, resolution, pixel_size=pixel_size * factor)
        return Part(values, *box, factor)

    def around(self, frame: int, count: int) -> list[int]:
        """Return so many frames around one of them, in their order; tilts in that of their angles.

        At either end they are the first, or the last, of all.
        """
        many, tilts = self.micrograph.frames, self.micrograph.tilts
        order = list(range(many))
        if len(tilts) == many:
            order.sort(key=lambda one: tilts[one])
        count = max(1, min(count, many))
        first = min(max(0, order.index(frame) - (count - 1) // 2), many - count)
        return order[first : first + count]

    def _around(self, frame: Frame, around: int) -> Sequence[int] | None:
        """Return the frames to be averaged; None for all of them."""
        many = self.micrograph.frames
        if frame == "sum":
            return None if many > 1 else range(1)
        if not 0 <= frame < many:
            raise InvalidInput(
                f"{self.micrograph.name} has no frame {frame}.",
                hint=f"Frames are counted from 0 to {many - 1}.",
            )
        return self.around(frame, around)

    def _of_average(self, box: tuple[int, int, int, int], factor: int) -> NDArray[np.float32]:
        y0, y1, x0, x1 = box
        return block_mean(self.average()[y0:y1, x0:x1], factor)

    def _of_frame(
        self, frame: int, box: tuple[int, int, int, int], factor: int
    ) -> NDArray[np.float32]:
        y0, y1, x0, x1 = box
        if self.gain is not None:
            return block_mean(self._full(frame)[y0:y1, x0:x1], factor)
        if factor >= self.base:  # the whole image in memory is read once for all of them
            first = self._first
            prepared = first is not None and first[0] == frame
            small = first[1].result() if first is not None and prepared else self._small(frame)
            rows = slice(y0 // self.base, -(-y1 // self.base))
            columns = slice(x0 // self.base, -(-x1 // self.base))
            seen = small[rows, columns]
            return seen if factor == self.base else block_mean(seen, factor // self.base)
        height, width = (y1 - y0) // factor, (x1 - x0) // factor
        return self.micrograph.view(y0, y1, x0, x1, height=height, width=width, frame=frame)

    def _small(self, frame: int) -> NDArray[np.float32]:
        """Return a frame binned by the base factor; the micrograph remembers it for a while."""
        size = -(-max(self.micrograph.shape) // self.base)
        return self.micrograph.thumbnail(size, frame=frame)

    def _full(self, frame: int) -> NDArray[np.float32]:
        """Return a frame at full size; the last one with a gain is kept."""
        if self.gain is None:
            return self.micrograph.frame(frame).astype(np.float32, copy=False)
        with self._correcting:
            if self._corrected is None or self._corrected[0] != frame:
                self._corrected = None
                found = self.gain.apply(self.micrograph.frame(frame))
                self._corrected = (frame, found)
            return self._corrected[1]

    def close(self) -> None:
        """End what runs in the background, so that the file can be closed."""
        if self._job is not None:
            self._job.cancel()
        if self._first is not None:
            self._first[1].cancel()
        for job in (self._job, self._first and self._first[1]):
            if job is not None:
                with contextlib.suppress(Exception):  # whoever asked for it was told
                    job.result()


def _whole_blocks(
    box: tuple[int, int, int, int], shape: tuple[int, int], factor: int
) -> tuple[int, int, int, int]:
    if factor < 1 or factor & (factor - 1):
        raise InvalidInput(f"Views are not binned by {factor}.", hint="Choose 1, 2, 4, 8 or more.")
    sides: list[int] = []
    for first, last, length in ((*box[:2], shape[0]), (*box[2:], shape[1])):
        begin = max(0, first) // factor * factor
        end = min(length, -(-last // factor) * factor)
        if end < length or begin > 0:  # a block that is cut off belongs to the whole image alone
            end = max(begin, end // factor * factor)
        if end <= begin:
            raise InvalidInput(
                f"Rows or columns {first} to {last} are not in the image.",
                hint=f"It has {shape[0]} rows and {shape[1]} columns.",
            )
        if end - begin > _LARGEST * factor:
            raise InvalidInput(
                f"A view of {(end - begin) // factor} pixels is too large for a screen.",
                hint="Ask for a smaller part, or bin more.",
            )
        sides += [begin, end]
    return sides[0], sides[1], sides[2], sides[3]


def encode(values: NDArray[np.float32]) -> Encoded:
    """Return values in 16 bits.

    The whole range is kept where a picture does not suffer from it: a few pixels far outside, such
    as hot ones, are cut to sixteen times the range of the others. Whole numbers stay exact.
    """
    step = max(1, values.size // _SAMPLE)
    sample = values.ravel()[:: step | 1]
    finite = sample[np.isfinite(sample)]
    low, high = _ends(values)
    least, most = low, high
    if np.isinf(values).any():
        least, most = float(np.nanmin(values)), float(np.nanmax(values))
    if finite.size and high > low:
        places = [int(finite.size * 0.001), int((finite.size - 1) * 0.999)]
        parted = np.partition(finite, places)
        inner = [float(parted[place]) for place in places]
        room = 16 * (inner[1] - inner[0])
        if room > 0:
            low, high = max(low, inner[0] - room), min(high, inner[1] + room)
    if not high - low > _SMALLEST:
        return Encoded(_levels(values, 1.0, low - 1), 1.0, low - 1, (least < low, most > high))
    scale = (high - low) / 65534
    if scale < 1 and low.is_integer() and high.is_integer() and _counts(finite):
        scale = 1.0
    offset = low - scale
    return Encoded(_levels(values, scale, offset), scale, offset, (least < low, most > high))


def _ends(values: NDArray[np.float32]) -> tuple[float, float]:
    """Return the smallest and the largest number; 0 for both where there is none."""
    low, high = float(values.min()), float(values.max())
    if np.isfinite(low) and np.isfinite(high):
        return low, high
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)


def _counts(sample: NDArray[np.float32]) -> bool:
    return bool((sample == np.rint(sample)).all())


def _levels(values: NDArray[np.float32], scale: float, offset: float) -> NDArray[np.uint16]:
    with np.errstate(over="ignore"):  # what is too large is cut below
        if abs(offset) < 1e4 * scale < 1e37:
            moved = values - np.float32(offset)
            moved *= np.float32(1 / scale)
        else:  # in double precision, because the offset may be a million times the step
            moved = ((values.astype(np.float64) - offset) / scale).astype(np.float32)
    moved += np.float32(0.5)
    np.clip(moved, 1, 65535, out=moved)
    if not np.isfinite(float(moved.sum())):
        moved[np.isnan(values)] = 0
    return moved.astype("<u2")
