"""Tilt angles of a stack: those in its header, or those of the mdoc file that lies beside it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

from openem_nb.formats.mdoc import beside

if TYPE_CHECKING:
    from openem_nb.formats.mdoc import Mdoc
    from openem_nb.images import Micrograph

__all__ = ["tilts_of"]


def tilts_of(micrograph: Micrograph) -> tuple[float, ...]:
    """Return the angle of each section in degrees; nothing where they are not known for all.

    Where the header holds none, they are those of its mdoc file.
    """
    if micrograph.tilts or micrograph.frames == 1 or not micrograph.source:
        return micrograph.tilts
    if "://" in micrograph.source:
        return ()
    found = beside(Path(micrograph.source))
    return () if found is None else _angles(found, micrograph.frames)


def _angles(mdoc: Mdoc, count: int) -> tuple[float, ...]:
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
