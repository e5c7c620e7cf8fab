"""Pixels of MRC files of all modes and dialects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from openem_nb.errors import InvalidInput
from openem_nb.formats.mrc import (
    HEADER,
    MrcHeader,
    fei_record,
    oddities,
    parse_header,
    tilt_angles,
)
from openem_nb.formats.source import truncated
from openem_nb.images._pixels import About
from openem_nb.images._raw import RawPixels

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openem_nb.formats.source import Source

__all__ = ["MrcPixels", "open_mrc"]

_NOT_FRAMES = (".st", ".ali", ".preali", ".rec", ".rec.mrc", ".map", ".map.gz", ".ccp4")
"""How files are named whose sections are no frames of a movie."""


def open_mrc(source: Source) -> tuple[MrcPixels, About]:
    """Read the header of an MRC file and stand ready for its pixels."""
    head = source.read(0, HEADER)
    header = parse_header(head, source.name)
    if header.mode == 16:
        raise InvalidInput(
            f"{source.name} is a colour picture (MRC mode 16), not a micrograph.",
            hint="Convert it to PNG to look at it.",
        )
    notes: list[str] = oddities(head, header)
    problems: list[str] = []
    known = source.size < 1 << 62
    if header.offset > source.size and known:
        raise truncated(source.name, header.offset, source.size)
    whole = (source.size - header.offset) // header.section_bytes
    if whole < 1:
        raise truncated(source.name, header.offset + header.section_bytes, source.size)
    if known and whole < header.sections:
        problems.append(
            f"The file is cut off: {whole:,} of {header.sections:,} sections are whole."
        )
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
        problems=tuple(problems),
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


class MrcPixels(RawPixels):
    """Sections of an MRC file."""

    def __init__(self, source: Source, header: MrcHeader, frames: int) -> None:
        pairs = header.mode == 3
        super().__init__(
            source,
            header.offset,
            (header.height, header.width),
            frames,
            np.dtype(header.dtype),
            row_bytes=header.row_bytes if header.nibbles or pairs else 0,
        )
        self.header = header
        self._nibbles, self._pairs = header.nibbles, pairs
        if header.nibbles:
            self.dtype = np.dtype(np.uint8)

    def decode(self, raw: NDArray[np.uint8], rows: int) -> NDArray[Any]:
        """Return pixels from the bytes of some rows."""
        width = self.shape[1]
        if self._nibbles:
            packed = raw.reshape(rows, self.row_bytes)
            found = np.empty((rows, 2 * self.row_bytes), np.uint8)
            np.bitwise_and(packed, 15, out=found[:, ::2])
            np.right_shift(packed, 4, out=found[:, 1::2])
            return found[:, :width]
        if self._pairs:
            pairs = raw.view(self.stored).reshape(rows, width, 2).astype(np.float32)
            sizes: NDArray[Any] = np.hypot(pairs[..., 0], pairs[..., 1])
            return sizes
        return super().decode(raw, rows)
