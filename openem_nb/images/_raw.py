"""Pixels that lie in a file as they are, row after row, read in bands into a buffer used again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.formats.source import mapped
from openem_nb.images._memory import room
from openem_nb.images._pixels import BAND, borrowed, rows_of_band

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from openem_nb.formats.source import Source

__all__ = ["RawPixels"]

_BUDGET: Final = 4 * BAND
"""Bytes of a band. Whole frames are made small in half the time as with 1 MiB: threads wait for one
another between bands, while each wants to say what comes next."""


class RawPixels:
    """Frames one behind the other.

    Parameters
    ----------
    offset :
        Byte of the first row of the first frame.
    stored :
        Type of the numbers in the file. Complex ones are shown by their amplitude.
    samples :
        Numbers of a pixel; more than one are colours, of which the mean is shown.
    row_bytes :
        Bytes of a row in the file, if they are not those of its numbers.
    """

    grain = 1

    def __init__(
        self,
        source: Source,
        offset: int,
        shape: tuple[int, int],
        frames: int,
        stored: np.dtype[Any],
        *,
        samples: int = 1,
        row_bytes: int = 0,
    ) -> None:
        self.source, self.shape, self.frames = source, shape, frames
        self.stored, self.samples = stored, samples
        self.row_bytes = row_bytes or shape[1] * samples * stored.itemsize
        self.frame_bytes = self.row_bytes * shape[0]
        self.apart = source.near
        """Whether several threads read several parts of a frame in less time than one thread."""
        self._offset = offset
        self._as_is = samples == 1 and stored.kind in "uif" and not row_bytes
        self.dtype = stored.newbyteorder("=") if self._as_is else np.dtype(np.float32)

    def place(self, frame: int, row: int) -> int:
        """Return where a row begins in the file."""
        return self._offset + frame * self.frame_bytes + row * self.row_bytes

    @property
    def plain(self) -> bool:
        """Whether the numbers of the file are the pixels, in some byte order."""
        return self._as_is

    def mapped(self) -> NDArray[Any] | None:
        """Return all frames as an array whose pages come from the file as they are touched.

        It is (frame, y, x), in the byte order of the file, and cannot be written to. None where
        numbers of the file are no pixels, or the file is far away.
        """
        if not self._as_is:
            return None
        raw = mapped(self.source, self._offset, self.frames * self.frame_bytes)
        if raw is None:
            return None
        return raw.view(self.stored).reshape(self.frames, *self.shape)

    def decode(self, raw: NDArray[np.uint8], rows: int) -> NDArray[Any]:
        """Return pixels from the bytes of some rows."""
        values = raw.view(self.stored)
        if self.samples > 1:
            pixels = values.reshape(rows, self.shape[1], self.samples)
            colours = pixels[..., : 3 if self.samples >= 3 else 1]
            means: NDArray[Any] = colours.mean(axis=2, dtype=np.float32)
            return means
        if self.stored.kind == "c":
            sizes: NDArray[Any] = np.abs(values.reshape(rows, self.shape[1]))
            return sizes.astype(np.float32, copy=False)
        return values.reshape(rows, self.shape[1])

    def band(self, frame: int, y0: int, y1: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return rows of a section; straight into ``out`` where its bytes are the file's."""
        rows = y1 - y0
        if self._as_is and self.stored.isnative:
            if out is None or out.dtype != self.dtype or not out.flags.c_contiguous:
                target = room((rows, self.shape[1]), self.dtype)
            else:
                target = out
            self.source.read_into(self.place(frame, y0), target)
        else:
            raw = room((rows, self.row_bytes), np.dtype(np.uint8)).ravel()
            self.source.read_into(self.place(frame, y0), raw)
            target = self.decode(raw, rows).astype(self.dtype, copy=False)
        if out is None or out is target:
            return target
        out[...] = target
        return out

    def window(self, frame: int, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        """Return a part of a section."""
        found = room((y1 - y0, x1 - x0), self.dtype)
        if self._as_is and self.stored.isnative and self.source.near:
            first = self.place(frame, y0) + x0 * self.dtype.itemsize
            for row in range(y1 - y0):
                self.source.read_into(first + row * self.row_bytes, found[row])
            return found
        done = 0
        for band in self.bands(frame, y0, y1, 1):
            found[done : done + len(band)] = band[:, x0:x1]
            done += len(band)
        return found

    def bands(self, frame: int, y0: int, y1: int, multiple: int) -> Iterator[NDArray[Any]]:
        """Yield rows in order, from one buffer."""
        step = min(rows_of_band(self.row_bytes, multiple, _BUDGET), y1 - y0)
        if not self.source.near:
            yield from self._streamed(frame, y0, y1, step)
            return
        with borrowed(step * self.row_bytes, np.dtype(np.uint8)) as raw:
            for start in range(y0, y1, step):
                rows = min(step, y1 - start)
                part = raw[: rows * self.row_bytes]
                self.source.read_into(self.place(frame, start), part)
                yield self.decode(part, rows)

    def _streamed(self, frame: int, y0: int, y1: int, step: int) -> Iterator[NDArray[Any]]:
        """Yield rows as they come over a line, in one request."""
        with borrowed(step * self.row_bytes, np.dtype(np.uint8)) as raw:
            room, filled = memoryview(raw.data), 0
            count = (y1 - y0) * self.row_bytes
            for piece in self.source.stream(self.place(frame, y0), count):
                view = memoryview(piece)
                while len(view):
                    take = min(len(view), len(room) - filled)
                    room[filled : filled + take] = view[:take]
                    view, filled = view[take:], filled + take
                    if filled == len(room):
                        yield self.decode(raw, step)
                        filled = 0
            if filled:
                yield self.decode(raw[:filled], filled // self.row_bytes)

    def close(self) -> None:
        """Close the file."""
        self.source.close()
