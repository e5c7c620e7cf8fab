"""Pictures for people: contrast limits and JPEG.

Micrographs are noise to an encoder: PNG keeps all of it, at the price of the raw bytes and ten
times the time, so pictures are JPEG of quality 85. Contrast limits come from the small picture and
never from the full frame, where a percentile costs a hundred times as much and says the same.
"""

from __future__ import annotations

import io
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.errors import InvalidInput
from openem_nb.images.fonts import label_font
from openem_nb.images.reduce import block_mean, factor_for

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["contrast", "grey", "jpeg", "scale_bar"]

QUALITY: Final = 85
_LARGEST: Final = 2048
"""Pixels of the longest side from which limits are taken."""


def contrast(
    array: NDArray[Any], *, percent: float = 0.5, sigma: float | None = None
) -> tuple[float, float]:
    """Return the values that are drawn black and white.

    Parameters
    ----------
    array :
        A picture; of one that is larger than 2048 pixels the block mean is taken.
    percent :
        Share of the pixels that may become all black, and all white, in percent.
    sigma :
        Instead of it, so many standard deviations on both sides of the mean.

    Returns
    -------
    tuple
        (lo, hi), with lo < hi always.

    Raises
    ------
    InvalidInput
        If ``percent`` or ``sigma`` leaves no contrast.
    """
    if not 0 <= percent < 50:
        raise InvalidInput(
            f"{percent} percent at each end leave no contrast.", hint="Give 0 to 49, usually 0.5."
        )
    if sigma is not None and not 0 < sigma < math.inf:
        raise InvalidInput(
            f"{sigma} standard deviations around the mean leave no contrast.",
            hint="Give a number above 0, usually 3.",
        )
    if array.ndim == 2 and max(array.shape) > _LARGEST:
        array = block_mean(array, factor_for((array.shape[0], array.shape[1]), _LARGEST))
    values = np.asarray(array, np.float32)
    finite = np.isfinite(values)
    values = values.ravel() if finite.all() else values[finite]
    if values.size == 0:
        return 0.0, 1.0
    if sigma is not None:
        mean, deviation = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
        low, high = mean - sigma * deviation, mean + sigma * deviation
    else:
        ends = np.array((percent, 100 - percent)) / 100 * (values.size - 1)
        # one place at a time: NumPy is ten times as fast at it as at two places at once
        low, high = (
            float(np.partition(values, place)[place])
            for place in (math.floor(ends[0]), math.ceil(ends[1]))
        )
    if not low < high:
        low, high = float(values.min()), float(values.max())
    if not low < high:  # one value alone: mid-grey
        step = max(abs(low) * 1e-6, 0.5)
        low, high = low - step, low + step
    return low, high


def grey(array: NDArray[Any], limits: tuple[float, float]) -> NDArray[np.uint8]:
    """Return a picture in 256 greys; what is no number is drawn black."""
    low, high = limits
    if not low < high:
        raise InvalidInput(
            f"Contrast from {low:g} to {high:g} shows nothing.", hint="The first must be smaller."
        )
    scaled = np.subtract(array, np.float32(low), dtype=np.float32)
    scaled *= np.float32(255 / (high - low))
    scaled += np.float32(0.5)
    np.fmax(scaled, 0, out=scaled)  # of a number and what is none, the number
    np.fmin(scaled, 255, out=scaled)
    greys: NDArray[np.uint8] = scaled.astype(np.uint8)
    return greys


def jpeg(
    array: NDArray[Any],
    *,
    contrast: tuple[float, float] | None = None,
    size: int | None = None,
    pixel_size: float | None = None,
    origin: str = "upper",
    quality: int = QUALITY,
) -> bytes:
    """Return a JPEG of an image.

    Parameters
    ----------
    array :
        Image, (y, x), of any real type.
    contrast :
        Values that are drawn black and white; by default 0.5 % of the pixels at each end are.
    size :
        Most pixels of the longest side; larger images are averaged down, never thinned out.
    pixel_size :
        Å of a pixel of ``array``: draws a scale bar.
    origin :
        ``"lower"`` draws the first row at the bottom, as the rows of an MRC file are counted.
    """
    from PIL import Image

    if array.ndim != 2 or 0 in array.shape:
        raise InvalidInput(
            f"A picture has two sides, this array has the shape {array.shape}.",
            hint="Choose one frame or section of it.",
        )
    if size is not None and max(array.shape) > size:
        factor = factor_for((array.shape[0], array.shape[1]), size)
        array = block_mean(array, factor)
        pixel_size = None if pixel_size is None else pixel_size * factor
    limits = contrast if contrast is not None else _limits(array)
    greys = grey(array, limits)
    picture = Image.fromarray(greys[::-1] if origin == "lower" else greys)
    if pixel_size is not None:
        _draw_bar(picture, pixel_size)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


_limits = contrast


def scale_bar(pixel_size: float, width: int) -> tuple[float, str]:
    """Return length in pixels and label of a bar of a round length, about a fifth of the width.

    Parameters
    ----------
    pixel_size :
        Å of a pixel.
    width :
        Pixels of the picture.
    """
    if not (0 < pixel_size < math.inf):
        raise InvalidInput(
            f"A pixel of {pixel_size:g} Å cannot be drawn.", hint="Leave an unknown one out."
        )
    wanted = pixel_size * width / 5
    decade = 10.0 ** math.floor(math.log10(wanted))
    length = max(step * decade for step in (1, 2, 5) if step * decade <= wanted * (1 + 1e-9))
    if length < 10:
        label = f"{length:g} Å"
    elif length < 1e4:
        label = f"{length / 10:g} nm"
    else:
        label = f"{length / 1e4:g} µm"
    return length / pixel_size, label


def _draw_bar(picture: Any, pixel_size: float) -> None:
    from PIL import ImageDraw

    width, height = picture.size
    if min(width, height) < 64:
        return
    length, label = scale_bar(pixel_size, width)
    margin, thick = max(6, width // 50), max(3, height // 100)
    draw = ImageDraw.Draw(picture)
    font = label_font(max(10, height // 28))
    _left, top, right, bottom = draw.textbbox((0, 0), label, font=font)
    tall = int(bottom - top)
    box = (
        margin,
        height - margin - thick - tall - 12,
        margin + 12 + max(length, right),
        height - margin,
    )
    draw.rectangle(box, fill=0)
    draw.rectangle((box[0] + 6, box[3] - 4 - thick, box[0] + 6 + length, box[3] - 5), fill=255)
    draw.text((box[0] + 6, box[1] + 3 - top), label, fill=255, font=font)
