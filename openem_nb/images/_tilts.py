"""Tilt angles of a stack whose header holds none: those of the mdoc file that lies beside it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from openem_nb.formats.mdoc import beside

if TYPE_CHECKING:
    from pathlib import Path

    from openem_nb.formats.mdoc import Mdoc
    from openem_nb.images._pixels import About

__all__ = ["with_tilts_beside"]


def with_tilts_beside(about: About, frames: int, path: Path) -> About:
    """Return what a file says of its images, with the tilt angles of its mdoc file.

    They count where the header holds none and the mdoc file has one for each section: the sections
    are then tilts, and no frames of a movie, whatever the file is called.
    """
    if frames == 1 or about.tilts:
        return about
    found = beside(path)
    tilts = () if found is None else _angles(found, frames)
    if not tilts:
        return about
    note = "The tilt angles are those of the mdoc file beside it."
    return replace(about, tilts=tilts, axes=("tilt", *about.axes[1:]), notes=(*about.notes, note))


def _angles(mdoc: Mdoc, count: int) -> tuple[float, ...]:
    """Return the angle of each section in degrees; nothing where they are not known for all."""
    found: dict[int, float] = {}
    for section in mdoc.sections:
        try:
            angle = float(section.get("TiltAngle") or "")
            if section.kind == "ZValue" and math.isfinite(angle):
                found[int(section.name)] = angle
        except ValueError:  # a section that says no angle, as those of a montage
            continue
    if sorted(found) != list(range(count)) or len(set(found.values())) == 1:
        return ()
    return tuple(found[number] for number in range(count))
