"""Ice in a micrograph: the ring of crystals at 3.7 Å, against the spectrum around it.

Thon rings reach there too, in the best micrographs, and must not be taken for ice. Power is
compared with a straight line through that on both sides, and what rises above it counts as far as
it is higher than anything on the sides, where ice has no ring. Thon rings of little defocus are
wider than a side: they bend polynomials of low order, over which the same must be true.

How high the ring of the same crystals rises depends on the dose, as counting noise lies below it:
compare micrographs of one session.

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
"""Ratio from which crystals are certain: noise of images of 400 pixels stays below in each
of 60, and so do amorphous ice, whose maximum is broad, and strong Thon rings of 0.15 to 2 µm."""
_ORDERS: Final = (4, 6)
"""Of the polynomials that follow wide Thon rings, and not a ring of crystals."""
_ROUNDS: Final = 8
_OUT: Final = 1.5
"""Standard deviations above the polynomial from which a frequency does not bend it."""


@dataclass(frozen=True, slots=True)
class Ice:
    """How strong the ring of ice is."""

    ring: float | None
    """Strongest power between 3.95 and 3.4 Å over the spectrum around, so far as it is higher than
    noise and Thon rings rise beside it; 1 without ice, more for more crystals or more dose. None
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
    here = (k >= 1 / _SIDES[0][0]) & (k <= 1 / _SIDES[1][1])
    k, inside, around, values = k[here], inside[here], around[here], values[here]
    if inside.sum() < 3 or not (values > 0).all():
        return Ice(None, None)
    power_log = np.log(values)
    line = power_log - np.polynomial.Polynomial.fit(k[around], power_log[around], 1)(k)
    above = _smooth(line)
    over = above, *(_smooth(_bent(k, power_log, order)) for order in _ORDERS)
    rises = [float(one[inside].max() - one[around].max()) for one in over]
    best = int(np.argmax(above[inside]))
    return Ice(ring=1 + max(0.0, min(rises)), distance=float(1 / k[inside][best]))


def _bent(k: NDArray[np.float64], power: NDArray[np.float64], order: int) -> NDArray[np.float64]:
    """Return the logarithm of power over a polynomial that peaks do not bend."""
    use = np.ones(len(k), bool)
    left = power
    for _ in range(_ROUNDS):
        if use.sum() <= order + 1:
            break
        left = power - np.polynomial.Polynomial.fit(k[use], power[use], order)(k)
        use = left <= _OUT * left[use].std()
    return left


def _smooth(logarithm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the ratio as the mean of three frequencies; one alone is the highest of much noise."""
    padded = np.pad(logarithm, 1, mode="edge")
    found: NDArray[np.float64] = np.exp(np.convolve(padded, np.ones(3) / 3, mode="valid"))
    return found
