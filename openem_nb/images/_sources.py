"""What measurements are made of: an array, or a micrograph that has to be read first."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

import numpy as np

from openem_nb.errors import InvalidInput
from openem_nb.images._given import number

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["ImageLike", "is_stack", "known_pixel_size", "of_one_exposure", "pixels", "positive"]


@runtime_checkable
class ImageLike(Protocol):
    """An opened micrograph, as far as measurements need to know it.

    One that has several frames and an attribute ``is_movie`` which is false is a volume or tilt
    series: its frames are then no parts of one exposure.
    """

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of a frame."""

    @property
    def frames(self) -> int:
        """Frames of the movie; 1 for a single image."""

    @property
    def pixel_size(self) -> float | None:
        """Å, or None."""

    @property
    def voltage(self) -> float | None:
        """In kV, or None."""

    def frame(self, i: int = 0) -> NDArray[Any]:
        """Return one frame, (y, x)."""

    def average(self) -> NDArray[np.float32]:
        """Return the mean of all frames, (y, x)."""


def pixels(source: NDArray[Any] | ImageLike) -> NDArray[Any]:
    """Return the image to measure: an array as it is, a single image, the mean of a movie.

    Of a volume or tilt series it is the middle section, as in its thumbnail: the sum of tilts is
    no image of anything.

    Raises
    ------
    InvalidInput
        If it is not one image of real numbers, or the path of one that is not open.
    """
    if isinstance(source, ImageLike):
        if is_stack(source):
            return source.frame(source.frames // 2)
        return source.average() if source.frames > 1 else source.frame(0)
    _no_path(source)
    array = np.asarray(source)
    if array.ndim != 2 or 0 in array.shape or array.dtype.kind not in "buif":
        raise InvalidInput(
            f"A measurement needs one image of real numbers (y, x); this has the shape "
            f"{array.shape} and the type {array.dtype}.",
            hint="Choose a frame, or average the movie first.",
        )
    return array


def is_stack(source: ImageLike) -> bool:
    """Return whether an opened image is a volume or tilt series."""
    return source.frames > 1 and not getattr(source, "is_movie", True)


def of_one_exposure(source: object, what: str) -> None:
    """Make sure that a source is no volume or tilt series, which is no single exposure.

    Raises
    ------
    InvalidInput
        If it is one; ``what`` begins the sentence: "A defocus".
    """
    if isinstance(source, ImageLike) and is_stack(source):
        raise InvalidInput(
            f"{what} is that of one exposure, and these are {source.frames:,} sections of a volume "
            "or tilt series.",
            hint="Give one section, such as micrograph.frame(i), with its pixel_size.",
        )


def known_pixel_size(source: object, given: float | None) -> float | None:
    """Return the pixel size in Å that was given, else that of the micrograph, else None.

    Raises
    ------
    InvalidInput
        If it is impossible, or the source is the path of an image that is not open.
    """
    _no_path(source)
    value = getattr(source, "pixel_size", None) if given is None else given
    return None if value is None else positive(value, "pixel size", "Å")


def positive(value: float, name: str, unit: str) -> float:
    """Return a number that has to be above zero.

    Raises
    ------
    InvalidInput
        If it is not, or is no number at all.
    """
    found = number(f"The {name}", value, f"Give it in {unit}.")
    if found <= 0:
        raise InvalidInput(
            f"The {name} is {value}, and has to be above 0 {unit}.", hint=f"Give it in {unit}."
        )
    return found


def _no_path(source: object) -> None:
    if isinstance(source, str | bytes | PurePath):
        shown = "…" if isinstance(source, bytes) else repr(str(source))
        raise InvalidInput(
            "A measurement needs an image, not the name of its file.",
            hint=f"Open it first: images.open_image({shown}).",
        )
