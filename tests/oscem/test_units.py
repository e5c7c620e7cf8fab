"""One table of units: spellings, exact conversion, SI."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openem_nb import oscem, units
from openem_nb.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

ALL = [units.find(symbol) for symbol in units.table()["unit"]]


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        (0.1, "nm", "Å", 1.0),
        (0.415015, "Å", "m", 0.415015e-10),
        (-1.2, "µm", "nm", -1200.0),
        (70, "um", "m", 70e-6),
        (300000, "V", "kV", 300.0),
        (474, "kDa", "MDa", 0.474),
        (25.225, "1/Å^2", "1/nm^2", 2522.5),
        (2.8505e21, "e/m^2", "e/Å^2", 28.505),
        (180, "°", "rad", math.pi),
        (20, "celsius", "K", 293.15),
        (293.15, "kelvins", "°C", 20.0),
        (1, "mbar", "Pa", 100.0),
        (760, "Torr", "Pa", 101325.0),
        (0.5, "mg/ml", "µg/ml", 500.0),
        (95, "%", "1", 0.95),
        (2, "h", "min", 120.0),
        (1, "kHz", "Hz", 1000.0),
        (1, "eV", "J", 1.602176634e-19),
    ],
)
def test_values_convert_without_rounding_on_the_way(
    value: float, unit: str, to: str, expected: float
) -> None:
    assert units.convert(value, unit, to) == expected


@pytest.mark.parametrize(
    "spellings",
    [
        ("Å", "\u212b", "\u00c5", "A\u030a", "angstroms", "Angstrom", "ANGSTROM"),
        ("um", "µm", "\u03bcm", "\u00b5m", "microns", "micrometres", "Micrometer", " um "),
        ("1/Å^2", "1/\u212b^2", "1/Å²", "e/Å²", "e-/Å^2", "e/A^2", "electrons_angstrom_squared"),
        ("1/Å^2", "Å⁻²", "e⁻/Å²", "e / Å^2"),
        ("°", "deg", "degree", "degrees"),
        ("K", "kelvins", "degrees_kelvin", "Kelvin"),
        ("MDa", "megadaltons"),
        ("nm", "nanometres", "nanometers"),
        ("mg/ml", "mg_per_ml", "g/L"),
        ("kV", "kilovolts"),
        ("eV", "electron_volts"),
    ],
)
def test_a_unit_has_many_spellings(spellings: tuple[str, ...]) -> None:
    assert {units.find(name).symbol for name in spellings} == {spellings[0]}
    assert all(units.same(spellings[0], name) for name in spellings)


@pytest.mark.parametrize(("a", "b"), [("meV", "MeV"), ("mV", "MV"), ("mPa", "MPa"), ("m", "M")])
def test_capitals_of_symbols_count(a: str, b: str) -> None:
    assert not units.same(a, b)


def test_unknown_units_are_the_same_only_if_spelt_alike() -> None:
    assert units.same("furlong", " furlong ")
    assert not units.same("furlong", "fathom")
    assert not units.same("furlong", "m")
    assert not units.is_known("furlong")
    assert not units.is_known("")


def test_an_unknown_unit_is_told_with_what_is_near() -> None:
    with pytest.raises(InvalidInput, match="'nanometer s' is not a unit") as caught:
        units.find("nanometer s")
    assert "nm" in caught.value.hint
    with pytest.raises(InvalidInput) as caught:
        units.find("x" * 5000)
    assert len(str(caught.value)) < 200


def test_what_measures_something_else_does_not_convert() -> None:
    with pytest.raises(InvalidInput, match=r"nm \(length\) cannot be converted to kV \(voltage\)"):
        units.convert(1, "nm", "kV")
    with pytest.raises(InvalidInput, match="cannot be converted"):
        units.convert(1, "e/px", "e/Å^2")


@pytest.mark.parametrize("value", [math.nan, math.inf, True, "1"])
def test_only_finite_numbers_convert(value: object) -> None:
    with pytest.raises(InvalidInput, match="finite number"):
        units.convert(value, "nm", "m")  # type: ignore[arg-type]


def test_numbers_of_numpy_convert() -> None:
    assert units.convert(np.float64(0.1), "nm", "Å") == 1.0
    assert units.convert(np.int32(2), "nm", "Å") == 20.0
    assert units.si(np.float32(0.5), "mm") == (0.0005, "m")


def test_what_overflows_is_said() -> None:
    with pytest.raises(InvalidInput, match="too large"):
        units.convert(1e308, "m", "fm")


@given(
    st.sampled_from([(a, b) for a in ALL for b in ALL if a.dimension == b.dimension]),
    st.just(0.0) | st.floats(1e-12, 1e12) | st.floats(-1e12, -1e-12),
)
def test_conversion_comes_back(pair: tuple[units.Unit, units.Unit], value: float) -> None:
    one, other = pair
    there = units.convert(value, one.symbol, other.symbol)
    tolerance = {"rel_tol": 1e-12, "abs_tol": 1e-9 if one.offset or other.offset else 1e-300}
    assert math.isclose(units.convert(there, other.symbol, one.symbol), value, **tolerance)


def test_every_name_leads_to_its_unit() -> None:
    for unit in ALL:
        for name in unit.names:
            assert units.find(name) == unit, name


def test_quantities_are_written_as_documents_hold_them() -> None:
    assert units.quantity(0.83, "\u212b") == {"value": 0.83, "unit": "\u00c5"}
    assert units.quantity(70, "microns", si=True) == {
        "value": 70,
        "unit": "um",
        "valueSI": 70e-6,
        "unitSI": "m",
    }
    assert units.quantity(5, "e/px", si=True) == {"value": 5, "unit": "1/px"}
    assert units.quantity(5, "furlong", si=True) == {"value": 5, "unit": "furlong"}
    assert units.si(5, "furlong") is None
    assert units.si(20, "°C") == (293.15, "K")


def test_degrees_celsius_are_no_multiple_of_kelvin() -> None:
    assert all("°C" not in one.names for one in units.spellings("K"))
    assert [one.factor for one in units.spellings("°C")] == [1]
    assert units.si_units("°C") is None


def test_an_angstrom_is_asked_with_both_code_points() -> None:
    asked = {one.names[0]: one for one in units.spellings("nm")}
    assert asked["Å"].factor == 10
    assert {"\u00c5", "\u212b"} <= set(asked["Å"].names)
    assert "angstroms" not in asked["Å"].names
    dose = units.spellings("e/Å^2")[0]
    assert {"1/\u212b^2", "1/\u00c5²", "e-/\u212b^2"} <= set(dose.names)
    assert units.si_units("nm") == (("m",), Fraction(1, 10**9))


def test_the_si_unit_is_a_unit_itself() -> None:
    for unit in ALL:
        if unit.si and unit.si != "A":  # the letter alone is the angstrom in files of microscopes
            assert units.find(unit.si).factor == 1
            assert units.find(unit.si).si == unit.si


def test_the_table_lists_all_units() -> None:
    table = units.table()
    assert table["unit"].is_unique
    assert len(table) > 80
    assert set(table.columns) >= {"unit", "dimension", "factor", "SI", "PDBx/mmCIF"}
    assert oscem.units is units


def test_units_of_the_dictionary_are_known(samples: Path) -> None:
    items = json.loads((samples / "mmcif_dict" / "em_items_5.413.json").read_text("utf-8"))
    used: set[str] = set()

    def look(value: object) -> None:
        if isinstance(value, dict):
            for key, below in value.items():
                if "unit" in key and isinstance(below, str):
                    used.add(below)
                look(below)
        elif isinstance(value, list):
            for below in value:
                look(below)

    look(items)
    assert len(used) >= 14
    assert {name for name in used if not units.is_known(name)} == set()
