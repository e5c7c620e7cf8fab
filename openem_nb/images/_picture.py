"""Pictures: PNG and JPEG, grey or with colours, read with Pillow."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.errors import InvalidInput
from openem_nb.formats.source import as_file, damaged
from openem_nb.images._pixels import About, Plain

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openem_nb.formats.source import Source

__all__ = ["open_picture"]

MOST_PIXELS: Final = 178_956_970
"""As Pillow refuses by itself: what is larger is made to fill memory, or no picture."""
_GREY: Final = {"1": "u1", "L": "u1", "I;16": "u2", "I;16B": "u2", "I": "i4", "F": "f4"}


def open_picture(source: Source) -> tuple[Plain, About]:
    """Read the header of a picture."""
    picture, name = _opened(source)
    width, height = picture.size
    if width * height > MOST_PIXELS:
        raise InvalidInput(
            f"{source.name} has {width} × {height} pixels, too many for a picture.",
            hint="Convert it to TIFF or MRC, which are read in parts.",
        )
    grey = _GREY.get(picture.mode)
    notes = () if grey else ("The image has colours; the mean of its channels is shown.",)
    pixels = PicturePixels(source, (height, width), np.dtype(grey or "f4"))
    header = {name: {"mode": picture.mode, "width": width, "height": height}}
    return pixels, About(format=name.lower(), header=header, notes=notes)


def _opened(source: Source) -> tuple[Any, str]:
    from PIL import Image

    try:
        with warnings.catch_warnings():
            # the limit is ours, and lies where Pillow refuses
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            picture = Image.open(as_file(source), formats=("PNG", "JPEG"))
    except Image.DecompressionBombError as error:
        raise InvalidInput(
            f"{source.name} has too many pixels for a picture.",
            hint="Convert it to TIFF or MRC, which are read in parts.",
        ) from error
    except (OSError, SyntaxError, ValueError, OverflowError) as error:
        raise damaged(source.name, f"it is no picture ({error})") from error
    return picture, str(picture.format)


class PicturePixels(Plain):
    """A picture, unpacked when it is first asked for."""

    def __init__(self, source: Source, shape: tuple[int, int], dtype: np.dtype[Any]) -> None:
        super().__init__(shape, 1, dtype)
        self.source = source

    def load(self, frame: int) -> NDArray[Any]:
        """Return the picture."""
        picture, _name = _opened(self.source)
        if picture.size != self.shape[::-1]:
            raise damaged(self.source.name, "it has changed")
        try:
            picture.load()
            if picture.mode not in _GREY:
                colours = np.asarray(picture.convert("RGB"))
                means: NDArray[Any] = colours.mean(axis=2, dtype=np.float32)
                return means
            return np.asarray(picture).astype(self.dtype)
        except (OSError, SyntaxError, ValueError, MemoryError) as error:
            raise damaged(self.source.name, f"its picture is broken ({error})") from error

    def close(self) -> None:
        """Close the file."""
        super().close()
        self.source.close()
