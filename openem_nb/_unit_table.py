"""The rows of :mod:`openem_nb.units`: spellings, factor to SI, name in the PDBx dictionary.

Exact by definition: the electronvolt (SI brochure, 9th edition, 2019), bar, torr (as 101325/760
pascal) and the degree Celsius. Measured: the dalton (CODATA 2018). The degree of arc is rounded to
double precision. Names of the dictionary are those of ``item_units_list`` in PDBx/mmCIF 5.413.
"""

from __future__ import annotations

from typing import Final, NamedTuple

__all__ = ["TABLE", "Row"]


class Row(NamedTuple):
    """One unit; spellings are separated by ``|``, the one of OSC-EM first."""

    names: str
    factor: str
    pdbx: str = ""
    offset: str = "0"


_EV: Final = "1.602176634e-19"
_DA: Final = "1.66053906660e-27"
_DEGREE: Final = "0.017453292519943295"


def _times(power: str, unit: str) -> str:
    """Return a decimal number times a power of ten, still as exact text."""
    digits, _, exponent = unit.partition("e")
    return f"{digits}e{int(exponent or 0) + int(power)}"


def _per_area(area: str) -> str:
    """Return the spellings of electrons per area, of which OSC-EM writes ``1/Å^2``."""
    forms = ("1/{}^2", "e/{}^2", "e-/{}^2", "e⁻/{}^2", "{}^-2", "electrons/{}^2", "el/{}^2")
    letters = (area, "A") if area == "Å" else (area,)
    made = [form.format(letter) for letter in letters for form in forms]
    if area == "Å":
        made += ["e/Angstrom^2", "e-/Angstrom^2", "e/angstrom^2", "e-/angstrom^2", "1/Angstrom^2"]
        made += ["1/angstrom^2", "electrons/Angstrom^2", "electrons per square angstrom"]
    return "|".join(made)


TABLE: Final[tuple[tuple[str, tuple[str, ...], tuple[Row, ...]], ...]] = (
    (
        "length",
        ("m",),
        (
            Row("m|meter|metre|meters", "1", "metres"),
            Row("cm|centimeter|centimetre|centimeters", "1e-2", "centimetres"),
            Row("mm|millimeter|millimetre|millimeters", "1e-3", "millimetres"),
            Row("um|µm|micron|micrometer|micrometre|micrometers|micrometres|µ", "1e-6", "microns"),
            Row("nm|nanometer|nanometre|nanometers", "1e-9", "nanometres"),
            Row("Å|A|Angstrom|angstrom|Ångström|Ångstrom|Angstroms", "1e-10", "angstroms"),
            Row("pm|picometer|picometre|picometers", "1e-12", "picometres"),
            Row("fm|femtometer|femtometre", "1e-15", "femtometres"),
        ),
    ),
    (
        "reciprocal length",
        ("1/m",),
        (
            Row("1/m|m^-1", "1", "reciprocal_metres"),
            Row("1/mm|mm^-1", "1e3", "reciprocal_millimetres"),
            Row("1/um|1/µm|um^-1|µm^-1", "1e6"),
            Row("1/nm|nm^-1", "1e9", "reciprocal_nanometres"),
            Row("1/Å|1/A|Å^-1|A^-1", "1e10", "reciprocal_angstroms"),
        ),
    ),
    (
        "area",
        ("m^2",),
        (
            Row("m^2", "1"),
            Row("um^2|µm^2", "1e-12", "microns_squared"),
            Row("nm^2", "1e-18", "nanometres_squared"),
            Row("Å^2|A^2", "1e-20", "angstroms_squared"),
        ),
    ),
    (
        "volume",
        ("m^3",),
        (
            Row("m^3", "1"),
            Row("l|L|liter|litre", "1e-3"),
            Row("ml|mL|milliliter|millilitre", "1e-6", "milliliters"),
            Row("ul|µl|uL|µL|microliter|microlitre", "1e-9"),
            Row("nl|nL|nanoliter", "1e-12"),
            Row("nm^3", "1e-27", "nanometres_cubed"),
            Row("Å^3|A^3", "1e-30", "angstroms_cubed"),
        ),
    ),
    (
        "voltage",
        # the longer ones are how the catalogue's own conversion, and examples of OSC-EM, write it
        ("V", "(kg m^2) / (s^3 A)", "(kg m^2) / (A s^3)", "kgm^2s^-3/A"),
        (
            Row("MV|megavolt", "1e6"),
            Row("kV|kilovolt", "1e3", "kilovolts"),
            Row("V|volt", "1", "volts"),
            Row("mV|millivolt", "1e-3"),
        ),
    ),
    (
        "energy",
        ("J", "(kg m^2) / s^2"),
        (
            Row("MeV", _times("6", _EV)),
            Row("keV|kiloelectronvolt", _times("3", _EV), "kiloelectron_volts"),
            Row("eV|electronvolt|electron volt", _EV, "electron_volts"),
            Row("meV", _times("-3", _EV)),
            Row("J|joule", "1", "joules"),
            Row("uJ|µJ|microjoule", "1e-6", "microjoules"),
        ),
    ),
    (
        "current",
        ("A",),
        (
            Row("ampere|amp|Ampere", "1"),  # the letter alone is the angstrom
            Row("mA|milliampere", "1e-3", "milliamperes"),
            Row("uA|µA|microampere", "1e-6"),
            Row("nA|nanoampere", "1e-9"),
            Row("pA|picoampere", "1e-12"),
        ),
    ),
    (
        "time",
        ("s",),
        (
            Row("d|day|days", "86400"),
            Row("h|hour", "3600", "hours"),
            Row("min|minute", "60", "minutes"),
            Row("s|sec|second", "1", "seconds"),
            Row("ms|millisecond|milliseconds", "1e-3"),
            Row("us|µs|microsecond", "1e-6", "microseconds"),
            Row("ns|nanosecond|nanoseconds", "1e-9"),
            Row("fs|femtosecond", "1e-15", "femtoseconds"),
        ),
    ),
    (
        "frequency",
        ("Hz", "1 / s", "s^-1"),
        (
            Row("Hz|1/s|s^-1|hertz|fps", "1"),
            Row("kHz", "1e3"),
            Row("MHz", "1e6"),
        ),
    ),
    (
        "angle",
        ("rad",),
        (
            Row("rad|radian|radians", "1"),
            Row("mrad|milliradian", "1e-3", "milliradians"),
            Row("urad|µrad|microradian", "1e-6"),
            Row("°|deg|degree", _DEGREE, "degrees"),
        ),
    ),
    (
        "temperature",
        ("K",),
        (
            Row("K|kelvin|Kelvin|degrees_kelvin|degree kelvin", "1", "kelvins"),
            Row("°C|degC|C|Celsius|degrees_celsius|degree celsius", "1", "celsius", "273.15"),
        ),
    ),
    (
        "dose",
        ("1/m^2", "1 / m^2", "m^-2"),
        (
            Row(_per_area("Å"), "1e20", "electrons_angstrom_squared"),
            Row(_per_area("nm"), "1e18"),
            Row(_per_area("m"), "1"),
        ),
    ),
    (
        "dose rate",
        ("1/(m^2 s)", "1 / (m^2 s)"),
        (
            Row("1/Å^2/s|e/Å^2/s|e-/Å^2/s|1/A^2/s|e/A^2/s|e-/A^2/s", "1e20"),
            Row("1/nm^2/s|e/nm^2/s|e-/nm^2/s", "1e18"),
            Row("1/cm^2/s|ions/cm^2/s", "1e4", "ions_per_cm_squared_per_sec"),
            Row("1/m^2/s|e/m^2/s|e-/m^2/s|1/(m^2 s)", "1"),
        ),
    ),
    ("pixels", (), (Row("px|pixel|pixels|pix", "1"),)),
    ("dose per pixel", (), (Row("1/px|e/px|e-/px|e/pixel|e-/pixel|e/pix|e-/pix", "1"),)),
    (
        "dose rate per pixel",
        (),
        (Row("1/px/s|e/px/s|e-/px/s|e/pixel/s|e-/pixel/s|e/pix/s|e-/pix/s", "1"),),
    ),
    (
        "pressure",
        ("Pa", "kg / (m s^2)", "kg/ms^2"),
        (
            Row("GPa", "1e9", "gigapascals"),
            Row("bar", "1e5"),
            Row("kPa|kilopascal", "1e3", "kilopascals"),
            Row("mbar|millibar|hPa", "1e2"),
            Row("Torr|torr|mmHg", "101325/760"),
            Row("Pa|pascal", "1", "pascals"),
            Row("mPa", "1e-3"),
        ),
    ),
    (
        "molecular mass",
        ("kg",),
        (
            Row("MDa|megadalton|MDalton", _times("6", _DA), "megadaltons"),
            Row("kDa|KDa|kilodalton|kDalton|kg/mol", _times("3", _DA), "kilodaltons"),
            Row("Da|dalton|Dalton|daltons|amu|g/mol", _DA),
        ),
    ),
    (
        "mass",
        ("kg",),
        (
            Row("kg|kilogram", "1"),
            Row("g|gram|grams", "1e-3"),
            Row("mg|milligram", "1e-6", "milligrams"),
            Row("ug|µg|microgram", "1e-9"),
        ),
    ),
    (
        "mass concentration",
        ("kg/m^3", "kg / m^3"),
        (
            Row("mg/ml|mg/mL|g/l|g/L|ug/ul|µg/µl|ug/uL|µg/µL|kg/m^3", "1", "mg_per_ml"),
            Row("ug/ml|ug/mL|µg/ml|µg/mL|mg/l|mg/L", "1e-3"),
            Row("g/cm^3|g/ml|g/mL", "1e3", "megagrams_per_cubic_metre"),
        ),
    ),
    (
        "molar concentration",
        ("mol/m^3", "mol / m^3"),
        (
            Row("M|mol/l|mol/L|molar", "1e3"),
            Row("mM|mmol/l|mmol/L|mol/m^3", "1", "millimolar"),
            Row("uM|µM|umol/l|µmol/l", "1e-3"),
            Row("nM|nmol/l", "1e-6"),
        ),
    ),
    (
        "ratio",
        ("1",),
        (
            Row("1|fraction", "1"),
            Row("%|percent|per cent|pct", "1e-2"),
        ),
    ),
)
"""Dimension, its SI unit as catalogues may write it (the plain symbol first), and its units."""
