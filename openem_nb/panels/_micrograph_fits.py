"""Fits of the defocus, each with the frame that it was fitted to: tilts have one of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openem_nb.images import Micrograph
    from openem_nb.images.ctf import Ctf
    from openem_nb.panels._micrograph_views import Frame

__all__ = ["Fit", "Fits"]


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """A transfer function, and what it belongs to."""

    ctf: Ctf
    """What was measured."""
    frame: Frame
    """Number of the frame, from 0, or ``"sum"`` for the mean of all."""
    around: int
    """Frames that were averaged, that one in the middle."""
    asked: Mapping[str, Any] | None = None
    """Arguments of :func:`~openem_nb.images.ctf` where it was fitted here; None if it was given."""


class Fits:
    """The fits of one micrograph.

    The frames of a movie are one exposure, so that a fit of some of them holds for all; sections
    and tilts have each their own.
    """

    def __init__(self, micrograph: Micrograph, frame: Frame, around: int) -> None:
        self._frames, self._movie = micrograph.frames, micrograph.is_movie
        self.usual: tuple[Frame, int] = self._place("sum" if self._movie else frame, around)
        """What a fit belongs to that is given without a word: the movie, or what is shown first."""
        self._found: dict[tuple[Frame, int], Fit] = {}

    def add(
        self,
        ctf: Ctf,
        frame: Frame | None = None,
        around: int = 1,
        *,
        asked: Mapping[str, Any] | None = None,
    ) -> None:
        """Keep a fit; it takes the place of an earlier one of the same frames."""
        place = self.usual if frame is None else self._place(frame, around)
        self._found.pop(place, None)  # the newest is the last
        self._found[place] = Fit(ctf, *place, asked)

    def of(self, frame: Frame, around: int) -> Fit | None:
        """Return the fit of these frames, or else the newest of the movie that they belong to."""
        found = self._found.get(self._place(frame, around))
        if found is None and self._movie and self._found:
            found = list(self._found.values())[-1]
        return found

    def is_of(self, fit: Fit, frame: Frame, around: int) -> bool:
        """Return whether it was fitted to these frames."""
        return (fit.frame, fit.around) == self._place(frame, around)

    def places(self, noun: str) -> list[str]:
        """Return what fits there are of, in words."""
        return [self.spoken(one, noun) for one in self._found.values()]

    def spoken(self, fit: Fit, noun: str) -> str:
        """Return what a fit is of, in words; ``noun`` is what a frame is called."""
        if fit.asked is None and self._movie and (fit.frame, fit.around) == self.usual:
            return "the movie"
        if fit.frame == "sum":
            return f"the mean of all {self._frames} frames"
        one = f"{noun.lower()} {fit.frame + 1}"
        return one if fit.around == 1 else f"the mean of {fit.around} {noun.lower()}s around {one}"

    def _place(self, frame: Frame, around: int) -> tuple[Frame, int]:
        if self._frames == 1:
            return 0, 1
        if frame == "sum":
            return "sum", 1
        return int(frame), max(1, min(int(around), self._frames))
