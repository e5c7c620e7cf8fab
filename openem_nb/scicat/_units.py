"""Units in which electron microscopists write metadata, grouped by what they measure.

A catalogue holds the same length as ``0.5 um``, ``500 nm`` or ``0.5 µm``. A question in one unit is
asked in all that measure the same, because the server's own conversion knows only some spellings.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Spelling", "si_units", "spellings"]


class Spelling(NamedTuple):
    """Ways to write one unit, and how many of the asked unit it is."""

    names: tuple[str, ...]
    factor: Fraction
    """A value in the asked unit, times this, is the value in this unit."""


_LENGTH: Final[Mapping[tuple[str, ...], str]] = {
    ("m",): "1",
    ("cm",): "1e-2",
    ("mm",): "1e-3",
    ("um", "µm", "μm", "micron", "micrometer", "micrometre"): "1e-6",
    ("nm",): "1e-9",
    ("Å", "\u212b", "A", "Angstrom", "angstrom"): "1e-10",
    ("pm",): "1e-12",
}
_VOLTAGE: Final[Mapping[tuple[str, ...], str]] = {
    ("MV",): "1e6",
    ("kV",): "1e3",
    ("V",): "1",
    ("mV",): "1e-3",
}
_ENERGY: Final[Mapping[tuple[str, ...], str]] = {
    ("MeV",): "1e6",
    ("keV",): "1e3",
    ("eV",): "1",
    ("meV",): "1e-3",
}
_CURRENT: Final[Mapping[tuple[str, ...], str]] = {
    ("mA",): "1e-3",
    ("uA", "µA", "μA"): "1e-6",
    ("nA",): "1e-9",
    ("pA",): "1e-12",
}
_TIME: Final[Mapping[tuple[str, ...], str]] = {
    ("h", "hour", "hours"): "3600",
    ("min", "minute", "minutes"): "60",
    ("s", "sec", "second", "seconds"): "1",
    ("ms",): "1e-3",
    ("us", "µs", "μs"): "1e-6",
}
_ANGLE: Final[Mapping[tuple[str, ...], str]] = {
    ("rad",): "1",
    ("mrad",): "1e-3",
    ("deg", "degree", "degrees", "°"): "0.017453292519943295",
}
_TEMPERATURE: Final[Mapping[tuple[str, ...], str]] = {("K", "kelvin"): "1"}
_DOSE: Final[Mapping[tuple[str, ...], str]] = {
    ("e/Å^2", "e/A^2", "e-/Å^2", "e-/A^2", "e/Å²", "e-/Å²", "e/angstrom^2"): "1",
    ("e/nm^2", "e-/nm^2", "e/nm²", "e-/nm²"): "0.01",
}
_MASS: Final[Mapping[tuple[str, ...], str]] = {("MDa",): "1e6", ("kDa",): "1e3", ("Da",): "1"}

_DIMENSIONS: Final[tuple[tuple[Mapping[tuple[str, ...], str], tuple[str, ...]], ...]] = (
    (_LENGTH, ("m",)),
    (_VOLTAGE, ("V", "(kg m^2) / (s^3 A)", "(kg m^2) / (A s^3)")),
    (_ENERGY, ()),  # its SI value is in joule, which nobody asks for
    (_CURRENT, ("A",)),
    (_TIME, ("s",)),
    (_ANGLE, ("rad",)),
    (_TEMPERATURE, ("K",)),
    (_DOSE, ()),
    (_MASS, ()),
)


def _find(unit: str) -> tuple[Mapping[tuple[str, ...], str], tuple[str, ...], Fraction] | None:
    for table, si in _DIMENSIONS:
        for names, size in table.items():
            if unit in names:
                return table, si, Fraction(size)
    return None


def spellings(unit: str) -> tuple[Spelling, ...]:
    """Return all units that measure the same as ``unit``; itself alone where it is not known."""
    found = _find(unit)
    if found is None:
        return (Spelling((unit,), Fraction(1)),)
    table, _, asked = found
    return tuple(Spelling(names, asked / Fraction(size)) for names, size in table.items())


def si_units(unit: str) -> Spelling | None:
    """Return how the server may write the SI unit, with the factor to it; None if not known."""
    found = _find(unit)
    if found is None or not found[1]:
        return None
    return Spelling(found[1], found[2])
