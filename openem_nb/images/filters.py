"""Filters of images by resolution."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.errors import InvalidInput
from openem_nb.images.threads import workers

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["low_pass"]

_EDGE: Final = 0.2
"""Width of the soft edge as a share of the cut-off frequency: a sharp one rings."""


def low_pass(array: NDArray[Any], resolution: float, *, pixel_size: float) -> NDArray[np.float32]:
    """Return an image without details finer than ``resolution``.

    Frequencies up to 0.9 of the cut-off stay as they are, those above 1.1 of it are gone, and a
    raised cosine lies between. The image is continued by its mirror image while it is filtered, so
    that opposite edges do not run into each other. What is no number is filtered as the mean and
    stays what it was.

    Parameters
    ----------
    array :
        Image, (y, x).
    resolution :
        Å. A resolution that the pixels cannot hold changes nothing.
    pixel_size :
        Å.
    """
    if not (0 < resolution < math.inf and 0 < pixel_size < math.inf):
        raise InvalidInput(
            f"A low-pass at {resolution:g} Å of pixels of {pixel_size:g} Å is none.",
            hint="Give both in Å, above 0.",
        )
    from scipy import fft

    values = np.asarray(array, np.float32)
    cut = pixel_size / resolution  # cycles per pixel
    if cut * (1 - _EDGE / 2) >= math.sqrt(0.5):
        return values
    numbers = np.isfinite(values)
    whole = bool(numbers.all())
    if not whole:
        mean = values[numbers].mean() if numbers.any() else np.float32(0)
        values = np.where(numbers, values, mean)
    margin = math.ceil(2 / cut)
    shape = tuple(
        fft.next_fast_len(length + 2 * min(margin, length), real=True) for length in values.shape
    )
    pads = [
        (min(margin, length), wide - length - min(margin, length))
        for length, wide in zip(values.shape, shape, strict=True)
    ]
    spectrum = fft.rfft2(np.pad(values, pads, mode="symmetric"), workers=workers())
    ky = fft.fftfreq(shape[0]).astype(np.float32)[:, None]
    kx = fft.rfftfreq(shape[1]).astype(np.float32)[None, :]
    away = np.sqrt(ky * ky + kx * kx) / np.float32(cut)
    place = np.clip((away - (1 - _EDGE / 2)) / _EDGE, 0, 1)
    spectrum *= 0.5 * (1 + np.cos(np.pi * place))
    found = fft.irfft2(spectrum, s=shape, workers=workers())
    (top, _), (left, _) = pads
    inner = found[top : top + values.shape[0], left : left + values.shape[1]]
    result = np.ascontiguousarray(inner, np.float32)
    if not whole:
        result[~numbers] = np.asarray(array, np.float32)[~numbers]
    return result
