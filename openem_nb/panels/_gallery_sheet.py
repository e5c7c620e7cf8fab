"""A gallery as one picture, for notebooks that are read without a kernel."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Final

from openem_nb.images.fonts import label_font

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from PIL import Image

__all__ = ["sheet"]

_SIDE: Final = 160
"""Pixels of a thumbnail."""
_LINE: Final = 16
"""Pixels of the line below it."""
_ACROSS: Final = 6
_LARGEST: Final = 4096 * 4096
"""Pixels of a JPEG that is still unpacked."""


def sheet(cells: Sequence[tuple[str, str, bytes | str | None]]) -> bytes:
    """Return a JPEG of thumbnails with their names.

    Parameters
    ----------
    cells :
        Name, mark, and the JPEG of each image: words where there is none, None where there is
        none yet.
    """
    from PIL import Image, ImageDraw

    across = max(1, min(_ACROSS, len(cells)))
    down = max(1, math.ceil(len(cells) / across))
    page = Image.new("L", (across * (_SIDE + 4), down * (_SIDE + _LINE + 4)), 255)
    draw, font = ImageDraw.Draw(page), label_font(11)
    for place, (name, mark, jpeg) in enumerate(cells):
        left, top = place % across * (_SIDE + 4), place // across * (_SIDE + _LINE + 4)
        draw.rectangle((left, top, left + _SIDE - 1, top + _SIDE - 1), fill=225)
        picture = _small(jpeg) if isinstance(jpeg, bytes) else None
        if picture is not None:
            at = left + (_SIDE - picture.width) // 2, top + (_SIDE - picture.height) // 2
            page.paste(picture, at)
        elif isinstance(jpeg, str):
            draw.text((left + _SIDE / 2, top + _SIDE / 2), jpeg, 60, font=font, anchor="mm")
        before = f"{mark}: " if mark else ""
        words = _fitting(before, name, lambda text: draw.textlength(text, font=font) <= _SIDE)
        draw.text((left, top + _SIDE + 1), words, 0, font=font)
    out = io.BytesIO()
    page.save(out, "JPEG", quality=80)
    return out.getvalue()


def _fitting(before: str, name: str, fits: Callable[[str], bool]) -> str:
    """Return as much of the end of a name as there is room for."""
    if fits(before + name):
        return before + name
    ends = (f"{before}…{name[start:]}" for start in range(1, len(name)))
    return next(filter(fits, ends), before)


def _small(jpeg: bytes) -> Image.Image | None:
    """Return a thumbnail in grey; None where the bytes are no JPEG, or too large a one."""
    from PIL import Image

    try:
        picture = Image.open(io.BytesIO(jpeg), formats=["JPEG"])
        if picture.width * picture.height > _LARGEST:
            return None
        picture.thumbnail((_SIDE, _SIDE))
        return picture.convert("L")
    except (OSError, ValueError, Image.DecompressionBombError):
        return None
