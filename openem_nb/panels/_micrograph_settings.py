"""How a micrograph is shown: as a person chose it, as plain values, and as Python."""

from __future__ import annotations

import operator
from typing import TYPE_CHECKING, Any, Final, SupportsIndex

from openem_nb import images
from openem_nb.errors import InvalidInput
from openem_nb.images._given import number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from openem_nb.images import Micrograph
    from openem_nb.panels._micrograph_views import Frame

__all__ = ["changed", "defaults", "limits_of", "of_contrast", "of_pixels"]

_PERCENT: Final = 0.5
_PASSED: Final = (0.01, 1e7)
"""Å between which a low-pass filter can be: what lies beyond was given in another unit."""
_SPELLED: Final = ("frame", "invert", "low_pass", "binning", "around")


def defaults(micrograph: Micrograph, *, movie: bool) -> dict[str, Any]:
    """Return how a micrograph is shown before anybody has changed anything."""
    return {
        "mode": "percentile",
        "percent": _PERCENT,
        "sigma": 3.0,
        "low": None,
        "high": None,
        "invert": False,
        **of_pixels(micrograph, None, None, 1, 1, movie=movie, pixel_size=None),
    }


def changed(settings: Mapping[str, Any], micrograph: Micrograph) -> list[str]:
    """Return the arguments that show a micrograph like this, without those that are as ever."""
    found = []
    if settings["mode"] == "window":
        found.append(f"contrast=({settings['low']!r}, {settings['high']!r})")
    elif settings["mode"] == "sigma":
        found.append(f"sigma={settings['sigma']!r}")
    elif settings["percent"] != _PERCENT:
        found.append(f"percent={settings['percent']!r}")
    usual = defaults(micrograph, movie=micrograph.is_movie)
    others = [name for name in _SPELLED if settings[name] != usual[name]]
    return [*found, *(f"{name}={settings[name]!r}" for name in others)]


def limits_of(settings: Mapping[str, Any], values: NDArray[Any]) -> tuple[float, float]:
    """Return the values that are drawn black and white."""
    if settings["mode"] == "window":
        return float(settings["low"]), float(settings["high"])
    if settings["mode"] == "sigma":
        return images.contrast(values, sigma=settings["sigma"])
    return images.contrast(values, percent=settings["percent"])


def of_contrast(
    contrast: tuple[float, float] | None, percent: float | None, sigma: float | None
) -> Mapping[str, Any]:
    if sum(one is not None for one in (contrast, percent, sigma)) > 1:
        raise InvalidInput(
            "Contrast is given twice.", hint="Give one of contrast, percent and sigma."
        )
    if contrast is not None:
        low, high = map(float, contrast)
        if not low < high:
            raise InvalidInput(
                f"Contrast from {low:g} to {high:g} shows nothing.", hint="Give the lower first."
            )
        return {"mode": "window", "low": low, "high": high}
    if sigma is not None:
        return {"mode": "sigma", "sigma": _positive(sigma)}
    if percent is not None:
        if not 0 < percent < 50:
            raise InvalidInput(
                f"{percent} percent at each end leave no contrast.", hint="Usually 0.5."
            )
        return {"percent": float(percent)}
    return {}


def of_pixels(
    micrograph: Micrograph,
    frame: Frame | None,
    low_pass: float | None,
    binning: int,
    around: int,
    *,
    movie: bool,
    pixel_size: float | None,
) -> dict[str, Any]:
    many = micrograph.frames
    if frame is None:
        far = "://" in micrograph.source  # the mean would bring the whole movie over the line
        frame = (0 if far else "sum") if movie else _first_section(micrograph)
    if frame == "sum":
        frame = "sum" if many > 1 else 0
    else:
        frame = _whole("frame", frame, f"Frames are counted from 0 to {many - 1}.")
        if not 0 <= frame < many:
            raise InvalidInput(
                f"{micrograph.name} has no frame {frame}.",
                hint=f"Frames are counted from 0 to {many - 1}.",
            )
    binning = _whole("binning", binning, "Choose 1, 2, 4, 8 or more.")
    if binning < 1 or binning & (binning - 1):
        raise InvalidInput(f"Nothing is binned by {binning}.", hint="Choose 1, 2, 4, 8 or more.")
    around = _whole("around", around, "It is a number of frames: 1, 3 or 5, for example.")
    return {
        "frame": frame,
        "low_pass": None if low_pass is None else _passed(low_pass, pixel_size),
        "binning": binning,
        "around": max(1, min(around, many)),
    }


def _first_section(micrograph: Micrograph) -> int:
    """Return the section that is shown first: the least tilted one, or that in the middle."""
    tilts = micrograph.tilts
    if len(tilts) == micrograph.frames > 1:
        return min(range(len(tilts)), key=lambda one: abs(tilts[one]))
    return micrograph.frames // 2


def _whole(name: str, value: object, hint: str) -> int:
    """Return a whole number as Python has them, which its own code can repeat."""
    if isinstance(value, SupportsIndex) and not isinstance(value, bool):
        return operator.index(value)
    raise InvalidInput(f"{name} is {value!r}, and has to be a whole number.", hint=hint)


def _passed(low_pass: float, pixel_size: float | None) -> float:
    found = number("low_pass", low_pass, "Give it in Å: 20, for example.")
    low, high = _PASSED
    if not low <= found <= high:
        raise InvalidInput(
            f"low_pass is {found:.10g} Å, and has to be {low:g} to {high:g} Å.",
            hint="Give it in Å: 20, for example.",
        )
    if pixel_size is None:
        raise InvalidInput(
            "Nothing is filtered to a distance where the pixel size is not known.",
            hint="Give pixel_size in Å, too.",
        )
    return found


def _positive(value: float) -> float:
    found = float(value)
    if not 0 < found < float("inf"):
        raise InvalidInput(f"{value} is not above 0.", hint="Leave it out if it is not known.")
    return found
