"""What lies beside an image and knows more of it: the mdoc file of SerialEM or Tomography."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openem_nb.formats.mdoc import beside
from openem_nb.images._given import possible

if TYPE_CHECKING:
    from pathlib import Path

    from openem_nb.formats.mdoc import Mdoc

__all__ = ["optics_beside"]

_KEYS: Final = ("PixelSpacing", "Voltage")


def optics_beside(path: Path) -> tuple[float | None, float | None]:
    """Return the pixel size (Å) and voltage (kV) that the mdoc file of an image states.

    A value is None where it is not stated, is impossible, or is not the same for all sections. The
    pixel size is that of the sections of a stack, the only ones whose pixels are those of the
    file: frames of a movie may be saved in other sizes.
    """
    found = beside(path, _KEYS)
    if found is None:
        return None, None
    stack = all(section.kind == "ZValue" for section in found.sections)
    pixel_size = _stated(found, "PixelSpacing") if stack else None
    return possible("pixel_size", pixel_size), possible("voltage", _stated(found, "Voltage"))


def _stated(found: Mdoc, key: str) -> float | None:
    place = _KEYS.index(key)
    texts = {section.wanted[place] for section in found.sections} - {None}
    if key in found.header:
        texts.add(found.header[key])
    try:
        values = {float(text) for text in texts if text}
    except ValueError:  # somebody has written in it
        return None
    return values.pop() if len(values) == 1 else None
