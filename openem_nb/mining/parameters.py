"""What is measured, and with which values: the same for all files of a run."""

from __future__ import annotations

import hashlib
import json
import operator
import os
import stat
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb._folders import path_of, status_of
from openem_nb.errors import InvalidInput, NotFound
from openem_nb.images._given import checked, checked_range
from openem_nb.images.gain import turned

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["DEFAULT", "MEASURES", "Parameters", "arguments"]

MEASURES: Final = {
    "thumbnail": "a small JPEG",
    "statistics": "mean, deviation and range of the pixels, hot pixels, gradient of illumination",
    "spectrum": "a small JPEG of the power spectrum",
    "ctf": "defocus, astigmatism, phase shift and how far the fit holds",
    "ice": "how strongly the rings of crystalline ice stand out of the spectrum",
    "dose": "the electrons that were counted, against the dose that was meant",
    "motion": "how far the specimen moved over the frames of a movie",
}
"""What can be measured, in the order in which it is done."""
DEFAULT: Final = ("thumbnail", "statistics", "spectrum", "ctf", "ice")
"""What is measured where nothing else is asked for."""

_VERSION: Final = 4
"""Raised when a measurement changes, so that files are measured again."""


@dataclass(frozen=True, slots=True)
class Parameters:
    """What is measured, and the values that are the same for all files.

    A value that is None is that of the file itself, where the file knows it.
    """

    measures: tuple[str, ...] = DEFAULT
    """Names out of :data:`MEASURES`."""
    voltage: float | None = None
    """Acceleration voltage, kV."""
    cs: float | None = None
    """Spherical aberration, mm; hardly any file knows it, and without it no CTF is fitted."""
    pixel_size: float | None = None
    """Å of a pixel."""
    amplitude_contrast: float = 0.07
    """Part of the contrast that comes from amplitude."""
    phase_plate: bool = False
    """Whether a phase shift is fitted, too."""
    quick: bool = False
    """Whether the CTF is fitted in less time and less exactly."""
    defocus: tuple[float, float] | None = None
    """Å between which the defocus is looked for; None for the range of :func:`images.ctf`."""
    dose: float | None = None
    """Electrons per Å² that an exposure was meant to have."""
    gain: Path | None = None
    """Gain reference of movies, which their mean is multiplied by; not applied to other images."""
    flip_rotate: str = ""
    """How the gain reference is turned before, as OSC-EM says it."""
    size: int = 256
    """Pixels of the longest side of a thumbnail."""

    def __post_init__(self) -> None:
        """Refuse what cannot be measured.

        Raises
        ------
        InvalidInput
            If a measure is unknown, a value impossible, or nobody knows how to turn the gain.
        NotFound
            If there is no such gain reference.
        """
        unknown = [name for name in self.measures if name not in MEASURES]
        if unknown or not self.measures:
            raise InvalidInput(
                f"{unknown[0]!r} cannot be measured." if unknown else "Nothing is to be measured.",
                hint=f"Choose from {', '.join(MEASURES)}.",
            )
        for name in ("voltage", "cs", "pixel_size", "amplitude_contrast", "dose"):
            value = getattr(self, name)
            if value is not None or name == "amplitude_contrast":
                # as one type: 300 and 300.0, of a table or of the console, are the same
                object.__setattr__(self, name, checked(name, value))
        if self.defocus is not None:
            object.__setattr__(self, "defocus", checked_range(self.defocus))
        turned(np.empty((1, 1)), self.flip_rotate)  # which knows the words
        for name in ("phase_plate", "quick"):
            value = getattr(self, name)
            if not isinstance(value, (bool, np.bool_)):
                raise InvalidInput(f"{name} is {value!r}.", hint="Give True or False.")
            object.__setattr__(self, name, bool(value))
        try:
            object.__setattr__(self, "size", operator.index(self.size))
        except TypeError:
            raise InvalidInput(
                f"size is {self.size!r}, and has to be a whole number.", hint="Give 16 to 2048."
            ) from None
        if not 16 <= self.size <= 2048:
            raise InvalidInput(
                f"Thumbnails of {self.size} pixels are not made.", hint="Give 16 to 2048."
            )
        state = None if self.gain is None else status_of(path_of(self.gain))
        if self.gain is not None and (state is None or not stat.S_ISREG(state.st_mode)):
            raise NotFound(f"There is no gain reference {self.gain}.", hint="Look at its name.")

    @classmethod
    def of(cls, measures: Iterable[str] | str, gain: Path | str | None, **more: Any) -> Parameters:
        """Return parameters from what a person gives: names in any order, paths as text."""
        try:
            names = (measures,) if isinstance(measures, str) else tuple(measures)
        except TypeError:
            raise InvalidInput(
                f"{measures!r:.80} is no list of measures.",
                hint=f"Choose from {', '.join(MEASURES)}.",
            ) from None
        if not isinstance(gain, str | os.PathLike | None):
            raise InvalidInput(
                f"Mining reads the gain reference itself; {type(gain).__name__} is no path.",
                hint="Give the path of the file.",
            )
        ordered = [name for name in MEASURES if name in names]
        ordered += [name for name in names if name not in MEASURES]
        path = None if gain is None else Path(gain).expanduser().absolute()
        return cls(tuple(ordered), gain=path, **more)

    @property
    def content(self) -> dict[str, Any]:
        """The values as plain data; what the gain reference is tells its size and time."""
        content = asdict(self)
        content["version"] = _VERSION
        content["measures"] = list(self.measures)
        content["defocus"] = None if self.defocus is None else list(self.defocus)
        if self.gain is not None:
            state = self.gain.stat()
            content["gain"] = [str(self.gain), state.st_size, state.st_mtime_ns]
        return content

    @property
    def key(self) -> str:
        """What is the same for the same measurements only: 16 hexadecimal digits."""
        text = json.dumps(self.content, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def arguments(content: Mapping[str, Any]) -> dict[str, Any]:
    """Return what :func:`~openem_nb.mining.mine` was given, by what was written down of it.

    Parameters
    ----------
    content :
        Made by :attr:`Parameters.content`; what is not known of it is left out.
    """
    usual = asdict(Parameters())
    found = {}
    for name, value in content.items():
        if name == "gain" and isinstance(value, list) and value:
            value = str(value[0])
        elif name == "measures" or (name == "defocus" and isinstance(value, list)):
            value = tuple(value)
        if name in usual and value != usual[name]:
            found[name] = value
    return found
