"""Micrographs of one practice entry of EMPIAR that can be judged and measured, not noise alone.

Made when they are first asked for, the same bytes every time.
"""

from __future__ import annotations

import random
from functools import lru_cache
from typing import Final

from openem_nb.practice._volumes import mrc

__all__ = ["PIXEL_SIZE", "SIDE", "micrograph"]

SIDE: Final = 512
"""Pixels of each side."""
PIXEL_SIZE: Final = 1.77
"""Å."""
_FAULTY: Final = 4
"""Every so manieth has something wrong with it."""


@lru_cache(maxsize=32)
def micrograph(seed: int, number: int) -> bytes:
    """Return a micrograph at 300 kV with a Cs of 2.7 mm, as MRC of 16-bit counts.

    Parameters
    ----------
    seed :
        Draws it.
    number :
        Its place in the data set, from 0.
    """
    from openem_nb.practice.micrographs import FAULTS, simulate  # the facility starts without numpy

    rng = random.Random(seed)
    middle, half = rng.uniform(8_000, 20_000), rng.uniform(0, 300)
    faults = list(FAULTS.values())
    fault = faults[number // _FAULTY % len(faults)] if number % _FAULTY == _FAULTY - 1 else {}
    values = {
        "pixel_size": PIXEL_SIZE,
        "defocus_u": middle + half,
        "defocus_v": middle - half,
        "angle": rng.uniform(-90, 90),
        "hot_pixels": 4,
        "seed": seed,
    }
    counts, _ = simulate((SIDE, SIDE), **{**values, **fault})
    pixels = counts.clip(0, 65535).astype("<u2")
    return mrc(
        (SIDE, SIDE, 1),
        6,
        pixels.ravel().tolist(),
        pixels.tobytes(),
        voxel=PIXEL_SIZE,
        label="practice data",
        space_group=0,
    )
