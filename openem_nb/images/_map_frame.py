"""Where the voxels of a map lie: sizes, axes and place, as the header says, and what is odd there.

MRC2014 (Cheng et al. 2015, J Struct Biol 192, 146) lets columns, rows and sections run along any
of x, y and z. Everything here is in the order of an array, (z, y, x), whatever the file has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from openem_nb._amounts import decimal
from openem_nb.errors import InvalidInput

if TYPE_CHECKING:
    from openem_nb.formats.mrc import MrcHeader

__all__ = ["SIDES", "Frame", "Three", "frame_of"]

Three = tuple[float, float, float]

SIDES: Final = {"z": ("x", "y"), "y": ("x", "z"), "x": ("y", "z")}
"""What lies to the right and upwards in a slice across an axis."""

_ALIKE: Final = 1e-3
"""Relative difference below which sizes of voxels are the same: cells are single precision, and
often rounded to a few digits."""


@dataclass(frozen=True, slots=True)
class Frame:
    """How an array of a file becomes a map."""

    order: tuple[int, int, int] = (0, 1, 2)
    """Which axis of the file (section, row, column) is z, y and x."""
    voxel_size: Three | None = None
    """Å along z, y, x; None where the file does not know it."""
    start: tuple[int, int, int] = (0, 0, 0)
    """Where the first voxel stands in the cell, in voxels, z, y, x."""
    origin: Three | None = None
    """Å of the first voxel along z, y, x; None without a size of voxels."""
    volumes: int = 1
    """Maps that lie one behind the other in the file."""
    doubts: tuple[str, ...] = ()
    """What is odd, in sentences."""


def frame_of(header: MrcHeader, sections: int, voxel_size: Three | None = None) -> Frame:
    """Return how the voxels of an MRC file lie.

    Parameters
    ----------
    header :
        What its first 1,024 bytes say.
    sections :
        Sections that are whole.
    voxel_size :
        Å along z, y, x, where the header is wrong.
    """
    doubts: list[str] = []
    axes = header.map_axes
    if set(axes) != {1, 2, 3}:
        if axes != (0, 0, 0):
            doubts.append(f"The axes {axes} of the header make no sense; x, y, z are taken.")
        axes = (1, 2, 3)
    elif axes != (1, 2, 3):
        names = ", ".join("xyz"[one - 1] for one in axes)
        doubts.append(f"Columns, rows and sections of the file run along {names}; put in order.")
    # header: columns, rows, sections; file as an array: sections, rows, columns
    order = tuple(2 - axes.index(axis) for axis in (3, 2, 1))
    start = tuple(header.start[axes.index(axis)] for axis in (3, 2, 1))
    volumes = _volumes(header, sections, doubts)
    size = voxel_size or _voxel_size(header, doubts)
    if size is not None and not all(0 < one < math.inf for one in size):
        raise InvalidInput(
            f"Voxels of {size} Å cannot be.", hint="Give their sizes, z, y, x, in Å."
        )
    if header.space_group == 0 and header.sections > 1:
        doubts.append("The header says that it is a stack of images (space group 0), not a map.")
    if any(header.angles) and not all(abs(one - 90) < 0.01 for one in header.angles):
        angles = ", ".join(f"{one:g}°" for one in header.angles)
        doubts.append(f"The cell has angles of {angles}; it is taken as if all were 90°.")
    origin = _origin(header, start, size, doubts)
    return Frame(order, size, start, origin, volumes, tuple(doubts))  # type: ignore[arg-type]


def _volumes(header: MrcHeader, sections: int, doubts: list[str]) -> int:
    """Return how many volumes there are: from space group 401 on, each has ``mz`` sections."""
    each = header.grid[2]
    if header.space_group < 401 or each < 1:
        return 1
    if sections % each:
        doubts.append(f"{sections:,} sections are not whole volumes of {each:,}.")
        return max(1, sections // each)
    return sections // each


def _voxel_size(header: MrcHeader, doubts: list[str]) -> Three | None:
    found = []
    for length, count in zip(header.cell[::-1], header.grid[::-1], strict=True):
        size = length / count if count > 0 else 0.0
        if not (math.isfinite(size) and 0.01 < size < 1e5):
            doubts.append("The header does not say how large a voxel is.")
            return None
        found.append(decimal(size))
    z, y, x = found
    if x == y == z == 1.0:
        doubts.append("Voxels of exactly 1 Å: programs write that when they do not know the size.")
    elif max(found) > min(found) * (1 + _ALIKE):
        doubts.append(f"Voxels are not cubes: {x:.4g} × {y:.4g} × {z:.4g} Å (x, y, z).")
    return z, y, x


def _origin(
    header: MrcHeader, start: tuple[int, ...], size: Three | None, doubts: list[str]
) -> Three | None:
    """Return where the first voxel lies: by the origin if there is one, else by the start.

    MRC2014 has both; CCP4 and EMDB use the start, many programs of single particles the origin.
    """
    stated = header.origin[::-1]
    if not all(math.isfinite(one) and abs(one) < 1e9 for one in stated):
        doubts.append("The origin in the header is no place; it is left out.")
        stated = (0.0, 0.0, 0.0)
    if size is None:
        return None
    by_start = tuple(one * width for one, width in zip(start, size, strict=True))
    if any(stated):
        if any(start) and any(
            abs(one - other) > width / 2
            for one, other, width in zip(stated, by_start, size, strict=True)
        ):
            told = " × ".join(f"{one:.4g}" for one in stated[::-1])
            other = " × ".join(f"{one:.4g}" for one in by_start[::-1])
            doubts.append(
                f"Origin ({told} Å) and start ({other} Å) of the header are different places; "
                "programs differ in which they use. Here it is the origin."
            )
        return stated
    return by_start  # type: ignore[return-value]
