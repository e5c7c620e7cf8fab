"""What lies beside an image and knows more of it: the mdoc file of SerialEM or Tomography."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openem_nb.formats.mdoc import beside
from openem_nb.images._given import possible

if TYPE_CHECKING:
    from pathlib import Path

    from openem_nb.formats.mdoc import Mdoc

__all__ = ["known_beside", "optics_beside"]

_KEYS: Final = ("PixelSpacing", "Voltage")


def optics_beside(path: Path) -> tuple[float | None, float | None]:
    """Return the pixel size (Å) and voltage (kV) that the mdoc file of an image states.

    A value is None where it is not stated, is impossible, or is not the same for all sections. The
    pixel size is that of the sections of a stack, the only ones whose pixels are those of the
    file: frames of a movie may be saved in other sizes.
    """
    pixel_size, voltage, _odd = known_beside(path)
    return pixel_size, voltage


def known_beside(path: Path) -> tuple[float | None, float | None, tuple[str, ...]]:
    """Return what :func:`optics_beside` does, and sentences on what is no number there."""
    found = beside(path, _KEYS)
    if found is None:
        return None, None, ()
    odd: list[str] = []
    stack = all(section.kind == "ZValue" for section in found.sections)
    pixel_size = _stated(found, "PixelSpacing", odd) if stack else None
    voltage = _stated(found, "Voltage", odd)
    return possible("pixel_size", pixel_size), possible("voltage", voltage), tuple(odd)


def _stated(found: Mdoc, key: str, odd: list[str]) -> float | None:
    place = _KEYS.index(key)
    texts = {section.wanted[place] for section in found.sections} - {None}
    if key in found.header:
        texts.add(found.header[key])
    values = set()
    for text in texts:
        try:
            values.add(float(text or "nan"))
        except ValueError:  # somebody has written in it, or its computer writes decimal commas
            odd.append(f"{key} = {text:.40} in its mdoc file is no number.")
            return None
    values = {one for one in values if one == one}
    return values.pop() if len(values) == 1 else None
