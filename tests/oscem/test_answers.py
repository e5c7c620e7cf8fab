"""What a person types for a field, read as what the schema wants there."""

from __future__ import annotations

import pytest

from openem_nb.errors import InvalidInput
from openem_nb.oscem.answers import read_answer, read_answers
from openem_nb.oscem.fields import TECHNIQUES, fields


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("instrument.cs = 2.7 mm", {"value": 2.7, "unit": "mm"}),
        ("instrument.cs=2.7mm", {"value": 2.7, "unit": "mm"}),
        ("instrument.c2_aperture = 50 µm", {"value": 50.0, "unit": "um"}),
        ("acquisition.nominal_defocus.minimal = -2.2 um", {"value": -2.2, "unit": "um"}),
        ("acquisition.pixel_size = 8.3e-1 angstrom", {"value": 0.83, "unit": "Å"}),
        ("acquisition.detectors[0].name = Falcon 4i", "Falcon 4i"),
        ("acquisition.frames_per_movie = 40", 40),
        ("acquisition.energy_filter.used = yes", True),
        ("acquisition.energy_filter.used = FALSE", False),
        ("sample.overall_molecule.assembly = particle", "PARTICLE"),
        ("acquisition.date_time = 2026-05-10T09:04:35+02:00", "2026-05-10T09:04:35+02:00"),
        ("sample.molecule = []", []),
        ("sample.name = a = b", "a = b"),
    ],
)
def test_a_line_becomes_the_value_of_its_field(line, value) -> None:
    found = read_answers([line, "  "], technique="spa")
    assert list(found.values()) == [value]
    assert [type(one) for one in found.values()] == [type(value)]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("instrument.cs", "cannot be read"),
        ("= 2.7 mm", "cannot be read"),
        ("instrument.cs = 2.7", "number with a unit, such as 2.7 mm"),
        ("instrument.cs = mm", "number with a unit"),
        ("instrument.cs = 1e999 mm", "number with a unit"),
        ("instrument.cs = 2.7 kV", "number in mm"),
        ("instrument.cs = 2.7 miles", "miles"),
        ("instrument.cs =", "no value"),
        ("instrument.cz = 2.7 mm", "has no instrument.cz"),
        ("acquisition.frames_per_movie = 40.5", "a whole number"),
        ("acquisition.energy_filter.used = perhaps", "yes or no"),
        ("sample.overall_molecule.assembly = LUMP", "one of FILAMENT"),
        ("sample.molecule = {}", "a list as JSON"),
        ("sample.grid = copper", "an object as JSON"),
        ("sample.grid.mesh = many", "a number"),
        ("sample.grid.mesh = nan", "a number"),
        ("acquisition.tilt_axis_angle = 84.3", "has no acquisition.tilt_axis_angle"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_is_expected(line, says) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_answers([line], technique="spa")
    assert says in f"{caught.value}"
    assert caught.value.hint


def test_a_place_of_a_list_takes_what_the_list_holds() -> None:
    path = "sample.specimen_env.organism[1]"
    assert read_answer(path, "Escherichia coli", technique="env_tomo") == "Escherichia coli"
    member = read_answer("sample.ligands[0]", '{"present": true}', technique="spa")
    assert member == {"present": True}
    with pytest.raises(InvalidInput, match="an object as JSON"):
        read_answer("sample.ligands[0]", "ATP", technique="spa")
    with pytest.raises(InvalidInput, match="has no instrument"):
        read_answer("instrument.cs[0]", "1 mm", technique="spa")


def test_a_misspelt_path_is_asked_about_and_a_value_is_given_once() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_answer("acquisition.pixelsize", "1 Å", technique="spa")
    assert "acquisition.pixel_size" in caught.value.hint
    with pytest.raises(InvalidInput, match="there twice"):
        read_answers(["instrument.cs = 2 mm", "instrument.cs = 3 mm"], technique="spa")


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_every_field_of_a_schema_can_be_typed(technique) -> None:
    texts = {
        "number": "1.5",
        "integer": "2",
        "text": "t",
        "truth": "no",
        "date": "2026-05-10",
        "date-time": "2026-05-10T09:04:35Z",
        "email": "a@example.org",
        "anything": "1",
        "object": "{}",
        "list": "[]",
    }
    for field in fields(technique):
        text = texts.get(field.type) or (field.choices[0] if field.choices else f"1 {field.unit}")
        if field.type == "quantity" and not field.unit:
            text = "1 nm"
        assert read_answer(field.path.replace("[]", "[0]"), text, technique=technique) is not None
