"""Image files that several folders of tests write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mrcfile

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write_mrc"]


def write_mrc(path: Path, array: Any, *, pixel_size: float = 2.0) -> Path:
    """Write an MRC file of pixels of some Å; a stack of several is a movie."""
    with mrcfile.new(path) as file:
        file.set_data(array)
        if array.ndim == 3:
            file.set_image_stack()
        if pixel_size:
            file.voxel_size = pixel_size
    return path
