"""One check of the numbers that a person gives, for all ways to give them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

from openem_nb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["checked", "checked_phase_range", "checked_range", "number", "possible"]


class _Value(NamedTuple):
    unit: str
    low: float
    """Least value that is possible..."""
    high: float
    """...and the most: what lies beyond was given in another unit."""
    hint: str


_VALUES: Final = {
    # scanning microscopes begin at 1 kV; the highest voltage of any microscope was 3.5 MV
    "voltage": _Value("kV", 1, 5000, "Give it in kV: 300, not 300000."),
    # correctors leave some 0.01 mm of either sign, long lenses have 10 mm and less
    "cs": _Value("mm", -1, 20, "Give it in mm: 2.7, not 2700; near 0 with a corrector."),
    "pixel_size": _Value("Å", 1e-3, 1e7, "Give it in Å, 1.06 for example."),
    "amplitude_contrast": _Value(
        "", 0, 1, "It is a part of 1: 0.07 to 0.1 are usual for ice, 0.2 and more for stain."
    ),
    "dose": _Value("e⁻/Å²", 1e-6, 1e9, "Give it in e⁻/Å², 40 for example."),
    "defocus": _Value("Å", 1e-3, 1e6, "Give it in Å: 5000 to 30000 for 0.5 to 3 µm."),
}
_SHALLOW: Final = 100.0
"""Å; a range of defoci that ends below was given in µm: no ring of it lies above 3 Å."""


def number(name: str, value: object, hint: str = "") -> float:
    """Return a finite number.

    Raises
    ------
    InvalidInput
        If it is none.
    """
    try:
        found = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        found = math.nan
    if not math.isfinite(found):
        raise InvalidInput(
            f"{name} is {value!r}, and has to be a number.", hint=hint or "Give a number."
        )
    return found


def checked(name: str, value: object) -> float:
    """Return a number of the microscope or the exposure that is possible in its unit.

    Parameters
    ----------
    name :
        ``voltage`` (kV), ``cs`` (mm), ``pixel_size`` or ``defocus`` (Å), ``amplitude_contrast``, or
        ``dose`` (e⁻/Å²).

    Raises
    ------
    InvalidInput
        If it is no number or impossible, with its unit.
    """
    unit, low, high, hint = _VALUES[name]
    found = number(name, value, hint)
    if not low <= found <= high:
        shown = f"{found:.10g} {unit}".rstrip()
        ends = f"{low:g} to {high:g} {unit}".rstrip()
        raise InvalidInput(f"{name} is {shown}, and has to be {ends}.", hint=hint)
    return found


def possible(name: str, value: float | None) -> float | None:
    """Return a number that was read somewhere if it is possible, else None."""
    try:
        return None if value is None else checked(name, value)
    except InvalidInput:
        return None


def checked_range(defocus: Sequence[float]) -> tuple[float, float]:
    """Return the two ends between which a defocus is looked for, Å.

    Raises
    ------
    InvalidInput
        If they are no pair in order, or in another unit.
    """
    hint = _VALUES["defocus"].hint
    try:
        first, last = defocus
    except (TypeError, ValueError):
        raise InvalidInput(f"defocus is {defocus!r}, and has to be a pair.", hint=hint) from None
    low, high = checked("defocus", first), checked("defocus", last)
    if low >= high:
        raise InvalidInput(
            f"No defocus lies between {low:g} and {high:g} Å.", hint="Give the lower one first."
        )
    if high < _SHALLOW:
        raise InvalidInput(
            f"A defocus of {low:g} to {high:g} Å leaves no rings to look for.", hint=hint
        )
    return low, high


def checked_phase_range(given: object) -> tuple[float, float]:
    """Return the two ends between which a phase shift is looked for, degrees.

    Parameters
    ----------
    given :
        One number, or a pair in any sequence.

    Raises
    ------
    InvalidInput
        If it is neither, or the ends are not in order or further apart than 180 degrees.
    """
    hint = "Give a number of degrees, True, or the lower and the upper end."
    try:
        first, last = given  # type: ignore[misc]  # whatever a person gives
    except TypeError:
        first = last = given
    except ValueError:
        raise InvalidInput(
            f"The phase shift is {given!r}, and has to be a number or a pair.", hint=hint
        ) from None
    low, high = (number("The phase shift", one, hint) for one in (first, last))
    if not low <= high <= low + 180:
        raise InvalidInput(
            f"A phase shift of {low:g} to {high:g} degrees cannot be looked for.", hint=hint
        )
    return low, high
