"""Ice in a micrograph: the ring of crystals at 3.7 Å, against the spectrum around it.

>>> from openem_nb import images
>>> images.ice(images.periodogram(image, pixel_size=1.06)).ring  # doctest: +SKIP
1.02
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.errors import InvalidInput
from openem_nb.images._sources import known_pixel_size
from openem_nb.images.spectrum import Spectrum, periodogram

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openem_nb.images._sources import ImageLike

__all__ = ["Ice", "ice"]

_RING: Final = (3.95, 3.4)
"""Å; the rings of hexagonal ice at 3.90, 3.67 and 3.44 and that of cubic ice at 3.67 lie inside."""
_SIDES: Final = ((4.9, 4.2), (3.3, 3.1))
"""Å; where the spectrum around the ring is taken, without the ring's wings."""
_CRYSTALS: Final = 1.08
"""Ratio from which crystals are certain: amorphous ice stays below, whose maximum is broad."""


@dataclass(frozen=True, slots=True)
class Ice:
    """How strong the ring of ice is."""

    ring: float | None
    """Strongest power between 3.95 and 3.4 Å over that of the spectrum around; 1 without ice, None
    where pixels are too large to tell, or the image too small or empty."""
    distance: float | None
    """Å at which it is strongest."""

    @property
    def crystalline(self) -> bool | None:
        """Whether there are crystals; None where pixels are too large to tell."""
        return None if self.ring is None else self.ring >= _CRYSTALS

    @property
    def words(self) -> str:
        """What was found, in a sentence."""
        if self.ring is None:
            return "No ring of ice can be told: pixels are too large, or the image small or empty."
        if self.crystalline:
            return f"Crystalline ice: a ring at {self.distance:.2f} Å, {self.ring:.2f} times above."
        return "No ring of ice."


def ice(source: Spectrum | NDArray[Any] | ImageLike, *, pixel_size: float | None = None) -> Ice:
    """Measure the ring that crystalline ice leaves in a spectrum.

    Parameters
    ----------
    source :
        Spectrum, image (y, x) or opened micrograph; of a volume or tilt series the middle section.
    pixel_size :
        Å; by default what the source knows.

    Raises
    ------
    InvalidInput
        If the pixel size is not known.
    """
    size = known_pixel_size(source, pixel_size)
    if size is None:
        raise InvalidInput(
            "A ring of ice cannot be found without the pixel size, which the image does not know.",
            hint="Give pixel_size in Å.",
        )
    power = (
        source
        if isinstance(source, Spectrum)
        else periodogram(source, pixel_size=size, limit=min(0.5, max(0.05, 1.02 * size / 3.1)))
    )
    k = power.frequency * ((power.pixel_size or 1.0) / size)
    values = power.radial
    inside = (k >= 1 / _RING[0]) & (k <= 1 / _RING[1])
    around = np.zeros_like(inside)
    for far, near in _SIDES:
        side = (k >= 1 / far) & (k <= 1 / near)
        if side.sum() < 3:
            return Ice(None, None)
        around |= side
    if inside.sum() < 3 or not (values[inside | around] > 0).all():
        return Ice(None, None)
    line = np.polynomial.Polynomial.fit(k[around], np.log(values[around]), 1)
    above = values[inside] / np.exp(line(k[inside]))
    # the mean of three rings: one alone is as high as noise makes the highest of many
    smooth = np.convolve(above, np.ones(3) / 3, mode="valid")
    best = int(np.argmax(smooth))
    return Ice(ring=float(smooth[best]), distance=float(1 / k[inside][best + 1]))
