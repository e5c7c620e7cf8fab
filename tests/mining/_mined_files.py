"""Small image files to mine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mrcfile
import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["noisy", "write_mrc"]


def write_mrc(path: Path, array: np.ndarray[Any, Any], pixel_size: float = 1.06) -> Path:
    """Write an image or a movie."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with mrcfile.new(path, overwrite=True) as file:
        file.set_data(array)
        if array.ndim == 3:
            file.set_image_stack()
        file.voxel_size = pixel_size
    return path


def noisy(folder: Path, count: int, *, side: int = 64) -> Path:
    """Write a folder of small noisy images, each different."""
    for number in range(count):
        noise = np.random.default_rng(number).normal(100 + number, 5, (side, side))
        write_mrc(folder / f"mic_{number:03d}.mrc", noise.astype(np.float32))
    return folder
