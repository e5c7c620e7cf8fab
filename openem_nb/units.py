"""Units in which electron microscopists write metadata: names, conversion, SI.

>>> from openem_nb import units
>>> units.convert(2.5, "µm", "nanometres")
2500.0
>>> units.same("e-/Å²", "1/Å^2")
True
>>> units.quantity(300, "kilovolts", si=True)
{'value': 300, 'unit': 'kV', 'valueSI': 300000.0, 'unitSI': 'V'}

There is one table for readers, checks, the search in the catalogue and mmCIF. A unit is known under
every spelling that files use: two code points for the angstrom and for micro, powers with and
without a caret, words, and the names of the PDBx/mmCIF dictionary. All arithmetic is in fractions,
so that 0.1 nm is 1 Å and not nearly so.
"""

from __future__ import annotations

import difflib
import math
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openem_nb._unit_table import TABLE
from openem_nb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd

__all__ = [
    "Spelling",
    "Unit",
    "convert",
    "find",
    "is_known",
    "quantity",
    "same",
    "si",
    "si_units",
    "spellings",
    "table",
]

_SAME_TEXT: Final = (
    ("\u03bc", "\u00b5"),  # Greek mu for the micro sign: NFC leaves both as they are
    ("\u2212", "-"),  # the typographic minus
    ("⁻¹", "^-1"),
    ("⁻²", "^-2"),
    ("⁻³", "^-3"),
    ("²", "^2"),
    ("³", "^3"),
    ("**", "^"),
)
_WORD: Final = 4
"""From this length on a name is a word, whose capitals say nothing; ``MeV`` and ``meV`` differ."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit, under all the names that files give it."""

    symbol: str
    """As OSC-EM documents write it, in Unicode's composed form (NFC): ``um``, ``Å``, ``1/Å^2``."""
    names: tuple[str, ...]
    """All known spellings, the symbol first."""
    dimension: str
    """What it measures: ``length``, ``dose``. Units convert inside one dimension."""
    factor: Fraction
    """A value in this unit, times this, is the value in the SI unit."""
    si: str
    """The SI unit of the dimension; empty where there is none, as for pixels."""
    si_names: tuple[str, ...] = ()
    """How a catalogue may write the SI unit, the plain symbol first."""
    pdbx: str = ""
    """The name in the PDBx/mmCIF dictionary; empty where the dictionary has none."""
    offset: Fraction = Fraction(0)
    """What is added after the factor: 273.15 for degrees Celsius."""

    @property
    def about(self) -> str:
        """Symbol and dimension, for people: ``um (length)``."""
        return f"{self.symbol} ({self.dimension})"


class Spelling(NamedTuple):
    """Ways to write one unit, and how many of the asked unit it is."""

    names: tuple[str, ...]
    factor: Fraction
    """A value in the asked unit, times this, is the value in this unit."""


def _spelt_alike(name: str) -> Iterator[str]:
    """Yield a name as it stands and with the other code points that look the same."""
    yield name
    for composed, other in (("Å", "\u212b"), ("µ", "\u03bc"), ("^2", "²"), ("^3", "³")):
        if composed in name:
            yield name.replace(composed, other)


def _plain(name: str) -> str:
    text = unicodedata.normalize("NFC", name)
    for one, other in _SAME_TEXT:
        text = text.replace(one, other)
    return " ".join(text.split()).replace(" /", "/").replace("/ ", "/")


def _units() -> Iterator[Unit]:
    for dimension, si_names, rows in TABLE:
        for names, factor, pdbx, offset in rows:
            alike = dict.fromkeys(one for name in names.split("|") for one in _spelt_alike(name))
            if pdbx:
                alike[pdbx] = None
            yield Unit(
                symbol=next(iter(alike)),
                names=tuple(alike),
                dimension=dimension,
                factor=Fraction(factor),
                si=si_names[0] if si_names else "",
                si_names=si_names,
                pdbx=pdbx,
                offset=Fraction(offset),
            )


_ALL: Final = tuple(_units())
_BY_NAME: Final = {_plain(name): unit for unit in _ALL for name in unit.names}
_BY_WORD: Final = {name.casefold(): unit for name, unit in _BY_NAME.items() if len(name) >= _WORD}


@cache
def _known(name: str) -> Unit | None:
    plain = _plain(name)
    found = _BY_NAME.get(plain)
    if found is None and len(plain) >= _WORD:
        found = _BY_WORD.get(plain.casefold())
    return found


def _found(name: str) -> Unit | None:
    # what is longer than any unit is not worth a place in the memory of answers
    return _known(name) if isinstance(name, str) and len(name) < 64 else None


def is_known(name: str) -> bool:
    """Return whether this is a spelling of a unit of the table."""
    return _found(name) is not None


def find(name: str) -> Unit:
    """Return a unit by any of its spellings.

    Raises
    ------
    InvalidInput
        If it is not known; the hint names units that are written nearly so.
    """
    found = _found(name)
    if found is not None:
        return found
    shown = repr(name)[:60]
    near = difflib.get_close_matches(_plain(str(name)[:64]), list(_BY_NAME), n=3, cutoff=0.6)
    near = list(dict.fromkeys(_BY_NAME[one].symbol for one in near))
    raise InvalidInput(
        f"{shown} is not a unit that is known here.",
        hint=f"Did you mean {' or '.join(near)}?" if near else "units.table() shows all units.",
    )


def _of_numpy(value: Any) -> float:
    """Return the number in a scalar of another library; what is no number as not a number."""
    found = value.item() if hasattr(value, "item") else None
    return float(found) if isinstance(found, int | float) else math.nan


def _exact(value: Any) -> Fraction:
    """Return a number as people wrote it: 0.1 is a tenth, not the nearest binary fraction."""
    if isinstance(value, bool) or not isinstance(value, int | float | Fraction):
        value = _of_numpy(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidInput(
                "Only a finite number can be converted.", hint="Leave an unknown value out."
            )
        return Fraction(repr(float(value)))
    return Fraction(value)


def _float(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise InvalidInput("The converted number is too large.", hint="Check the unit.") from error


def convert(value: float, unit: str, to: str) -> float:
    """Return a value in another unit of the same dimension, rounded once at the very end.

    Raises
    ------
    InvalidInput
        If a unit is unknown, the two measure different things, or the value is not finite.
    """
    source, target = find(unit), find(to)
    if source.dimension != target.dimension:
        raise InvalidInput(
            f"{source.about} cannot be converted to {target.about}.",
            hint="Check which of the two units is meant.",
        )
    in_si = _exact(value) * source.factor + source.offset
    return _float((in_si - target.offset) / target.factor)


def same(a: str, b: str) -> bool:
    """Return whether two spellings mean one unit; unknown ones are the same if spelt alike."""
    first, second = _found(a), _found(b)
    if first is None or second is None:
        return first is second and _plain(a) == _plain(b)
    return first == second


def si(value: float, unit: str) -> tuple[float, str] | None:
    """Return value and SI unit; None where the unit is unknown or has no SI counterpart."""
    found = _found(unit)
    if found is None or not found.si:
        return None
    return _float(_exact(value) * found.factor + found.offset), found.si


def quantity(value: float, unit: str, si: bool = False) -> dict[str, Any]:
    """Return value and unit as an OSC-EM document holds them, the unit in its usual spelling.

    Parameters
    ----------
    si :
        Also ``valueSI`` and ``unitSI``, where the unit has an SI counterpart: the pair that the
        catalogue searches by.
    """
    found = _found(unit)
    made: dict[str, Any] = {"value": value, "unit": unit if found is None else found.symbol}
    if si and found is not None and found.si:
        made["valueSI"] = _float(_exact(value) * found.factor + found.offset)
        made["unitSI"] = found.si
    return made


def spellings(unit: str) -> tuple[Spelling, ...]:
    """Return all units that measure the same as ``unit``; itself alone where it is not known.

    Units with an offset (degrees Celsius) are not among the others: a factor does not lead there.
    """
    asked = _found(unit)
    if asked is None:
        return (Spelling((unit,), Fraction(1)),)
    if asked.offset:
        return (Spelling(_written(asked), Fraction(1)),)
    return tuple(
        Spelling(_written(one), asked.factor / one.factor)
        for one in _ALL
        if one.dimension == asked.dimension and not one.offset
    )


def _written(unit: Unit) -> tuple[str, ...]:
    # nobody writes the dictionary's name into a catalogue, and a question should stay short
    return tuple(name for name in unit.names if name != unit.pdbx or name == unit.symbol)


def si_units(unit: str) -> Spelling | None:
    """Return how a catalogue may write the SI unit, with the factor to it; None if not known."""
    found = _found(unit)
    if found is None or not found.si or found.offset:
        return None
    return Spelling(found.si_names, found.factor)


def table() -> pd.DataFrame:
    """Return all units: symbol, dimension, spellings, factor to SI, SI unit, name in PDBx/mmCIF."""
    import pandas as pd

    return pd.DataFrame(
        {
            "unit": unit.symbol,
            "dimension": unit.dimension,
            "also written": ", ".join(unit.names[1:]),
            "factor": float(unit.factor),
            "offset": float(unit.offset),
            "SI": unit.si,
            "PDBx/mmCIF": unit.pdbx,
        }
        for unit in _ALL
    )
