"""Pixels that hold no number: a few of them cost nothing, an image of them says nothing."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.errors import InvalidInput
from openem_nb.images.reduce import block_mean

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["averaged", "filled"]

_MOST: Final = 0.5
"""Part of the pixels that may hold no number; of more, what is left is no image of the specimen."""

_SAMPLE: Final = 16
"""One row of so many is looked at: a few blocks lost cost nothing, to look at all would."""


def filled(image: NDArray[Any]) -> NDArray[Any]:
    """Return an image (y, x) in which pixels that hold no number, or infinity, hold the mean.

    Raises
    ------
    InvalidInput
        If more than half of the pixels hold none.
    """
    good = np.isfinite(image)
    missing = image.size - int(np.count_nonzero(good))
    if not missing:
        return image
    if missing > _MOST * image.size:
        raise InvalidInput(
            f"{missing:,} pixels hold no number, of {image.size:,}.",
            hint="Look at how the file was written; a spectrum needs half of them at least.",
        )
    mean = image.mean(dtype=np.float64, where=good)
    return np.where(good, image, image.dtype.type(mean))


def averaged(image: NDArray[Any], by: int) -> NDArray[Any]:
    """Return the means of ``by`` times ``by`` pixels; where many hold no number, of the others.

    A few blocks may be left that hold no number.
    """
    height, width = (side // by * by for side in image.shape)
    image = image[:height, :width]
    means = block_mean(image, by)
    # a pixel without a number takes its block along, and the sum: many of them are in any sample
    if means.size and not math.isfinite(float(means[::_SAMPLE].sum())):
        means = block_mean(filled(image), by)
    return means
