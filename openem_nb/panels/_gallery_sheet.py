"""A gallery as one picture, for notebooks that are read without a kernel."""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL import Image

__all__ = ["sheet"]

_SIDE: Final = 160
"""Pixels of a thumbnail."""
_LINE: Final = 16
"""Pixels of the line below it."""
_ACROSS: Final = 6
_LONGEST: Final = 24
"""Characters of a name; its end tells images of one session apart."""
_LARGEST: Final = 4096 * 4096
"""Pixels of a JPEG that is still unpacked."""


def sheet(cells: Sequence[tuple[str, str, bytes | None]]) -> bytes:
    """Return a JPEG of thumbnails with their names.

    Parameters
    ----------
    cells :
        Name, mark, and the JPEG of each image; None where there is none.
    """
    from PIL import Image, ImageDraw, ImageFont

    across = max(1, min(_ACROSS, len(cells)))
    down = max(1, math.ceil(len(cells) / across))
    page = Image.new("L", (across * (_SIDE + 4), down * (_SIDE + _LINE + 4)), 255)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=11)
    for place, (name, mark, jpeg) in enumerate(cells):
        left, top = place % across * (_SIDE + 4), place // across * (_SIDE + _LINE + 4)
        draw.rectangle((left, top, left + _SIDE - 1, top + _SIDE - 1), fill=225)
        picture = None if jpeg is None else _small(jpeg)
        if picture is not None:
            at = left + (_SIDE - picture.width) // 2, top + (_SIDE - picture.height) // 2
            page.paste(picture, at)
        short = name if len(name) <= _LONGEST else f"…{name[1 - _LONGEST :]}"
        draw.text((left, top + _SIDE + 1), f"{mark}: {short}" if mark else short, 0, font=font)
    out = io.BytesIO()
    page.save(out, "JPEG", quality=80)
    return out.getvalue()


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
