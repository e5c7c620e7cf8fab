"""Tilt angles of a stack: those in its header, or those of the mdoc file that lies beside it."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Final

from openem_nb.formats.mdoc import parse

if TYPE_CHECKING:
    from openem_nb.images import Micrograph

__all__ = ["tilts_of"]

_LARGEST: Final = 16 << 20
"""Bytes of an mdoc file that is read; one of a thousand tilts has a few."""


def tilts_of(micrograph: Micrograph) -> tuple[float, ...]:
    """Return the angle of each section in degrees; nothing where they are not known for all.

    The mdoc file of ``stack.st`` is ``stack.st.mdoc`` (SerialEM) or ``stack.mdoc`` (Tomography).
    """
    if micrograph.tilts or micrograph.frames == 1 or not micrograph.source:
        return micrograph.tilts
    if "://" in micrograph.source:
        return ()
    path = Path(micrograph.source)
    for beside in (path.with_name(f"{path.name}.mdoc"), path.with_suffix(".mdoc")):
        try:
            if not beside.is_file() or beside.stat().st_size > _LARGEST:
                continue
            content = beside.read_text(encoding="utf-8", errors="replace")
        except OSError:  # it is looked for, and need not be there
            continue
        return _angles(content, micrograph.frames)
    return ()


def _angles(content: str, count: int) -> tuple[float, ...]:
    found: dict[int, float] = {}
    for section in parse(content).sections:
        try:
            angle = float(section.get("TiltAngle") or "")
            if section.kind == "ZValue" and math.isfinite(angle):
                found[int(section.name)] = angle
        except ValueError:  # a section that says no angle, as those of a montage
            continue
    if sorted(found) != list(range(count)) or len(set(found.values())) == 1:
        return ()
    return tuple(found[number] for number in range(count))
