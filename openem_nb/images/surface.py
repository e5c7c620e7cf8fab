"""The surface of a map at a level as a picture, seen from three sides, without a graphics card.

A ray goes through the box for each pixel, parallel to an axis, up to the first voxel that reaches
the level. Its place between two voxels follows by linear interpolation, the way that the surface
faces from the slope of the map there; light comes from the eye, and what is farther away is darker.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from openem_nb.errors import InvalidInput
from openem_nb.images.map_small import binned

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openem_nb.images.maps import Map

__all__ = ["VIEWS", "views"]

VIEWS: Final = {
    "front": "from -y: x to the right, z up",
    "side": "from +x: y to the right, z up",
    "top": "from +z: x to the right, y up",
}
"""From where, and what lies where; all right-handed."""
_LONGEST: Final = 192
"""Voxels of the longest side that rays go through; larger maps are averaged down."""
_SHORTEST: Final = 128
"""Smaller maps are interpolated, so that their voxels do not show as steps."""
_BACKGROUND: Final = 255
_AMBIENT, _DEPTH = 0.25, 0.35
"""Light that comes from everywhere, and how much darker the far side of the box is."""


def views(source: Map, level: float, *, size: int = 320) -> dict[str, NDArray[np.uint8]]:
    """Return pictures of the surface, (rows, columns) in 256 greys, the first row at the top.

    Parameters
    ----------
    size :
        Pixels of the longest side of the box.
    """
    if not math.isfinite(level) or size < 1:
        raise InvalidInput("A surface needs a level and a size.", hint="Give numbers.")
    from PIL import Image

    volume = _sized(np.nan_to_num(binned(source, _LONGEST), nan=-np.inf), level)
    # the way a ray goes is the first axis; the two others become rows from above, and columns
    turned = {
        "front": volume.transpose(1, 0, 2)[:, ::-1],
        "side": volume.transpose(2, 0, 1)[::-1, ::-1],
        "top": volume[::-1, ::-1],
    }
    sides = source.voxel_size or (1.0, 1.0, 1.0)
    z, y, x = (n * one for n, one in zip(source.shape, sides, strict=True))
    shapes = {"front": (z, x), "side": (z, y), "top": (y, x)}
    found = {}
    for name, rays in turned.items():
        picture = Image.fromarray(_shaded(rays, level))
        height, width = (max(1, round(size * one / max(x, y, z))) for one in shapes[name])
        found[name] = np.asarray(picture.resize((width, height), Image.Resampling.BICUBIC))
    return found


def _sized(volume: NDArray[np.float32], level: float) -> NDArray[np.float32]:
    factor = math.ceil(_SHORTEST / max(volume.shape))
    if factor > 1:
        from scipy.ndimage import zoom

        low = np.float32(min(level, float(volume[np.isfinite(volume)].min(initial=level))) - 1)
        volume = zoom(np.maximum(volume, low), factor, order=1, mode="nearest", grid_mode=True)
    return volume


def _shaded(rays: NDArray[np.float32], level: float) -> NDArray[np.uint8]:
    """Return the picture that rays along the first axis see."""
    above = rays >= level
    first = above.argmax(axis=0)
    rows, columns = np.nonzero(above.any(axis=0))
    depth = first[rows, columns]
    ends = [n - 1 for n in rays.shape]
    here = rays[depth, rows, columns]
    before = rays[np.maximum(depth - 1, 0), rows, columns]
    with np.errstate(invalid="ignore", divide="ignore"):
        back = np.where(depth > 0, (here - level) / (here - before), 0.0)
    slopes = []
    for axis in range(3):
        place = [depth, rows, columns]
        up, down = list(place), list(place)
        up[axis] = np.minimum(place[axis] + 1, ends[axis])
        down[axis] = np.maximum(place[axis] - 1, 0)
        slopes.append(rays[tuple(up)] - rays[tuple(down)])
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        length = np.sqrt(slopes[0] ** 2 + slopes[1] ** 2 + slopes[2] ** 2)
        facing = np.clip(slopes[0] / length, 0, 1)  # the map rises into the surface
    # where the box cuts the surface off, its cut faces the eye
    facing = np.where(np.isfinite(facing) & (depth > 0), facing, 1.0)
    light = _AMBIENT + (1 - _AMBIENT) * facing
    light *= 1 - _DEPTH * (depth - np.nan_to_num(back)) / max(1, ends[0])
    picture = np.full(rays.shape[1:], _BACKGROUND, np.uint8)
    picture[rows, columns] = np.clip(230 * light, 0, 230).astype(np.uint8)
    return picture
