"""The font of words in pictures."""

from __future__ import annotations

import functools
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont, ImageFont

__all__ = ["label_font"]

_PLACE: Final = Path("mpl-data", "fonts", "ttf", "DejaVuSans.ttf")


def label_font(size: float) -> FreeTypeFont | ImageFont:
    """Return a font with Å, µ and the letters of European names.

    That of Pillow has basic Latin letters alone and draws a box for all others. DejaVu Sans comes
    with Matplotlib, which need not be imported for it.

    Parameters
    ----------
    size :
        Height in pixels.
    """
    from PIL import ImageFont

    path = _path()
    if path is None:
        return ImageFont.load_default(size=size)
    return ImageFont.truetype(path, size)


@functools.cache
def _path() -> str | None:
    spec = find_spec("matplotlib")
    for folder in (spec and spec.submodule_search_locations) or ():
        path = Path(folder) / _PLACE
        if path.is_file():
            return str(path)
    return None
