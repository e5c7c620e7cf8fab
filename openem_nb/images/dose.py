"""The dose that a detector counted, against the dose that was meant.

>>> import numpy as np
>>> from openem_nb import images
>>> images.dose(np.full((64, 64), 36.0), pixel_size=1.0, expected=40).words
'36.0 e⁻/Å² counted of 40.0 expected; the specimen kept 10 % from the detector.'
"""

from __future__ import annotations

import math
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

__all__ = ["Dose", "dose", "frames_of"]

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
    counts: bool = True
    """Whether the pixels can be counts; not where their mean is near zero or below, as in images
    that were normalised."""

    @property
    def ratio(self) -> float | None:
        """Counted over expected; None too where the pixels are no counts."""
        return None if self.expected is None or not self.counts else self.counted / self.expected

    @property
    def agrees(self) -> bool | None:
        """Whether the counts can be the expected dose behind a specimen; None without it."""
        return None if self.ratio is None else _THICK <= self.ratio <= _MORE

    @property
    def words(self) -> str:
        """What was found, in a sentence."""
        if math.isnan(self.counted):
            return "No dose: no pixel holds a number."
        if not self.counts:
            return "No dose: pixels whose mean is near 0, or below, are no counts."
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
    frames: float | None = None,
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
        Of an event movie at an address, of which some raw frames are read, the dose is that of
        all.

    Raises
    ------
    InvalidInput
        If the pixel size is not known, a number is not above zero, it is a volume or tilt series,
        each section of which is an exposure of its own, or it is a part of a movie and nobody says
        which.
    """
    of_one_exposure(source, "A dose")
    size = known_pixel_size(source, pixel_size)
    if size is None:
        raise InvalidInput(
            "A dose is per area, and the image does not know its pixel size.",
            hint="Give pixel_size in Å.",
        )
    meant = None if expected is None else positive(expected, "expected dose", "e⁻/Å²")
    given = None if frames is None else positive(frames, "number of frames", "frames")
    found = statistics(pixels(source))
    # only once its pixels were read, a preview knows how many frames it has added
    many = frames_of(source) if given is None else given
    return Dose(
        counted=found.mean * many / size**2,
        expected=meant,
        counts=found.relative and found.mean > 0,
    )


def frames_of(source: object) -> float:
    """Return by how much the dose of an exposure is above that of the pixels that are measured.

    They are the mean of all frames. Of an event movie at an address they are the sum of some raw
    frames: its header says of how many, once they were read.

    Raises
    ------
    InvalidInput
        If only some frames of a movie were added, and nobody says of how many.
    """
    if not isinstance(source, ImageLike):
        return 1.0
    if source.frames > 1:
        return float(source.frames)
    told = getattr(source, "header", {}).get("preview") or {}
    added = told.get("raw frames added")
    if not added:
        return 1.0
    if not (known := told.get("raw frames in the movie")):
        raise InvalidInput(
            f"A dose is that of all frames; {added:,} were added, and the movie does not say of "
            "how many.",
            hint="Fetch the file and measure it on disk.",
        )
    return float(known) / float(added)
