"""Pixels of MRC files, read in bands into a buffer that is used again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from openem_nb.errors import InvalidInput
from openem_nb.formats.mrc import HEADER, MrcHeader, fei_record, parse_header, tilt_angles
from openem_nb.formats.source import truncated
from openem_nb.images._pixels import About, borrowed, rows_of_band

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from openem_nb.formats.source import Source

__all__ = ["MrcPixels", "open_mrc"]

_NOT_FRAMES = (".st", ".ali", ".preali", ".rec", ".rec.mrc", ".map", ".map.gz", ".ccp4")
"""How files are named whose sections are no frames of a movie."""


def open_mrc(source: Source) -> tuple[MrcPixels, About]:
    """Read the header of an MRC file and stand ready for its pixels."""
    header = parse_header(source.read(0, HEADER), source.name)
    if header.mode == 16:
        raise InvalidInput(
            f"{source.name} is a colour picture (MRC mode 16), not a micrograph.",
            hint="Convert it to PNG to look at it.",
        )
    notes = []
    known = source.size < 1 << 62
    if header.offset > source.size and known:
        raise truncated(source.name, header.offset, source.size)
    whole = (source.size - header.offset) // header.section_bytes
    if whole < 1:
        raise truncated(source.name, header.offset + header.section_bytes, source.size)
    if known and whole < header.sections:
        notes.append(f"The file is cut off: {whole:,} of {header.sections:,} sections are whole.")
    elif known and source.size > header.offset + header.sections * header.section_bytes:
        more = source.size - header.offset - header.sections * header.section_bytes
        notes.append(f"{more:,} bytes follow the last section; they are not read.")
    frames = min(header.sections, whole)
    record = fei_record(source, header)
    tilts = tilt_angles(source, header)
    if header.mode in (3, 4):
        notes.append("The file holds Fourier coefficients; their amplitudes are shown.")
    if set(header.map_axes) == {1, 2, 3} and header.map_axes != (1, 2, 3):
        names = ", ".join("xyz"[one - 1] for one in header.map_axes)
        notes.append(f"Columns, rows and sections of this file run along {names}.")
    axes = (
        ("y", "x") if header.sections == 1 else (_slow_axis(source.name, header, tilts), "y", "x")
    )
    tree: dict[str, Any] = {"MRC": header.tree()}
    if record:
        tree[header.kind] = record
    if tilts:
        tree["tilt angles (°)"] = list(tilts)
    about = About(
        format="mrc",
        axes=axes,
        pixel_size=_si(record.get("Pixel size X"), 1e10) or header.pixel_size,
        voltage=_si(record.get("HT"), 1e-3),
        header=tree,
        notes=tuple(notes),
        origin="lower",
        tilts=tilts,
    )
    return MrcPixels(source, header, frames), about


def _slow_axis(name: str, header: MrcHeader, tilts: tuple[float, ...]) -> str:
    if tilts:
        return "tilt"
    if header.space_group != 0 or name.lower().endswith(_NOT_FRAMES):
        return "tilt" if name.lower().endswith((".st", ".ali", ".preali")) else "z"
    return "frame"


def _si(value: Any, factor: float) -> float | None:
    if not isinstance(value, float) or not 0 < value < 1e30:
        return None
    return float(f"{value * factor:.12g}")


class MrcPixels:
    """Sections of an MRC file."""

    grain = 1

    def __init__(self, source: Source, header: MrcHeader, frames: int) -> None:
        self.source, self.header, self.frames = source, header, frames
        self.shape = (header.height, header.width)
        self._stored = np.dtype(header.dtype)
        self._parts = 2 if header.mode == 3 else 1
        self._as_is = not header.nibbles and header.mode not in (3, 4)
        amplitude = np.dtype(np.float32)
        self.dtype = (self._stored if not header.nibbles else np.dtype(np.uint8)).newbyteorder("=")
        if header.mode in (3, 4):
            self.dtype = amplitude
        self.row_bytes = header.row_bytes

    def place(self, frame: int, row: int) -> int:
        """Return where a row begins in the file."""
        return self.header.offset + frame * self.header.section_bytes + row * self.row_bytes

    def decode(self, raw: NDArray[np.uint8], rows: int) -> NDArray[Any]:
        """Return pixels from the bytes of some rows."""
        width = self.shape[1]
        if self.header.nibbles:
            packed = raw.reshape(rows, self.row_bytes)
            found = np.empty((rows, 2 * self.row_bytes), np.uint8)
            np.bitwise_and(packed, 15, out=found[:, ::2])
            np.right_shift(packed, 4, out=found[:, 1::2])
            return found[:, :width]
        values = raw.view(self._stored)
        if self.header.mode == 3:
            pairs = values.reshape(rows, width, 2).astype(np.float32)
            amplitudes: NDArray[Any] = np.hypot(pairs[..., 0], pairs[..., 1])
            return amplitudes
        if self.header.mode == 4:
            sizes: NDArray[Any] = np.abs(values.reshape(rows, width))
            return sizes.astype(np.float32, copy=False)
        return values.reshape(rows, width)

    def band(self, frame: int, y0: int, y1: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return rows of a section; straight into ``out`` where its bytes are the file's."""
        rows = y1 - y0
        if self._as_is and self._stored.isnative:
            if out is None or out.dtype != self.dtype or not out.flags.c_contiguous:
                target = np.empty((rows, self.shape[1]), self.dtype)
            else:
                target = out
            self.source.read_into(self.place(frame, y0), target)
        else:
            raw = np.empty(rows * self.row_bytes, np.uint8)
            self.source.read_into(self.place(frame, y0), raw)
            target = self.decode(raw, rows).astype(self.dtype, copy=False)
        if out is None or out is target:
            return target
        out[...] = target
        return out

    def window(self, frame: int, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        """Return a part of a section."""
        found = np.empty((y1 - y0, x1 - x0), self.dtype)
        if self._as_is and self._stored.isnative and self.source.near:
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
        step = min(rows_of_band(self.row_bytes, multiple), y1 - y0)
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
