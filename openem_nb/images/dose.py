"""The dose that a detector counted, against the dose that was meant.

>>> import numpy as np
>>> from openem_nb import images
>>> images.dose(np.full((64, 64), 36.0), pixel_size=1.0, expected=40).words
'36.0 e⁻/Å² counted of 40.0 expected; the specimen kept 10 % from the detector.'
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from openem_nb.errors import InvalidInput
from openem_nb.images._sources import (
    ImageLike,
    known_pixel_size,
    of_one_exposure,
    pixels,
    positive,
)
from openem_nb.images.statistics import statistics

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Dose", "dose"]

_THICK: Final = 0.6
"""Part of the expected dose below which it is not ice that keeps electrons away."""
_MORE: Final = 1.1
"""Part above which the expectation, the pixel size or the gain is wrong: ice adds no electrons."""


@dataclass(frozen=True, slots=True)
class Dose:
    """The dose of an exposure, electrons per Å²."""

    counted: float
    """What the pixels hold over the area of a pixel, all frames together."""
    expected: float | None
    """What was meant, where that was given."""

    @property
    def ratio(self) -> float | None:
        """Counted over expected."""
        return None if self.expected is None else self.counted / self.expected

    @property
    def agrees(self) -> bool | None:
        """Whether the counts can be the expected dose behind a specimen; None without it."""
        return None if self.ratio is None else _THICK <= self.ratio <= _MORE

    @property
    def words(self) -> str:
        """What was found, in a sentence."""
        said = f"{self.counted:.1f} e⁻/Å² counted"
        if self.expected is None or self.ratio is None:
            return said + "."
        said += f" of {self.expected:.1f} expected"
        if self.ratio > _MORE:
            return (
                f"{said}: {self.ratio:.2g} times as many; the pixels may not be single electrons."
            )
        if self.ratio < _THICK:
            return f"{said}: {self.ratio:.0%}; thick specimen, lost beam, or scaled pixels."
        if self.ratio < 0.98:
            return f"{said}; the specimen kept {1 - self.ratio:.0%} from the detector.".replace(
                "%", " %"
            )
        return said + "."


def dose(
    source: NDArray[Any] | ImageLike,
    *,
    expected: float | None = None,
    pixel_size: float | None = None,
    frames: int | None = None,
) -> Dose:
    """Compare the electrons that pixels hold with the dose that was meant.

    Parameters
    ----------
    source :
        Image (y, x) of counts, or an opened micrograph or movie; of a tilt series one
        ``frame(i)``.
    expected :
        Electrons per Å² of the whole exposure.
    pixel_size :
        Å; by default what the micrograph knows.
    frames :
        How many frames the image is the mean of; by default all of the micrograph, 1 for an array.

    Raises
    ------
    InvalidInput
        If the pixel size is not known, a number is not above zero, or it is a volume or tilt
        series, each section of which is an exposure of its own.
    """
    of_one_exposure(source, "A dose")
    size = known_pixel_size(source, pixel_size)
    if size is None:
        raise InvalidInput(
            "A dose is per area, and the image does not know its pixel size.",
            hint="Give pixel_size in Å.",
        )
    meant = None if expected is None else positive(expected, "expected dose", "e⁻/Å²")
    many = (source.frames if isinstance(source, ImageLike) else 1) if frames is None else frames
    mean = statistics(pixels(source)).mean
    return Dose(
        counted=mean * positive(many, "number of frames", "frames") / size**2, expected=meant
    )
