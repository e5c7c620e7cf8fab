"""Older dialects of OSC-EM in today's form."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
from _documents import ANY, small, spoilt, valid
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openem_nb import oscem
from openem_nb.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

QUICK = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def older() -> dict[str, Any]:
    """Return a document as it was written in 2024, as part of a data set."""
    return {
        "owner": "Ada",
        "scientificMetadata": {
            "acquisition": {
                "datetime": "2024-08-31T11:48:16+02:00",
                "detector": "Falcon 4i",
                "detector_mode": "counting",
                "binning_camera": 1,
                "dose_per_movie": {
                    "value": 40,
                    "unit": "e/Å²",
                    "si_value": 4e21,
                    "si_unit": "1/m^2",
                },
                "energy_filter": {"used": "True", "width": 10},
                "exposure_time": "2.5 s",
                "pixel_size": "0.83",
                "nominal_defocus": {"minimal": "-2 um", "maximal": -500},
            },
            "instrument": {
                "acceleration_voltage": 300,
                "electron_source": "FieldEmission",
                "illumination": "Parallel",
                "imaging": "BrightField",
                "microscope": "TITAN1",
            },
            "authors": [
                {
                    "name": "Lovelace",
                    "first_name": "Ada",
                    "email": "ada@example.org",
                    "type_org": "academic",
                    "work_phone": "1",
                }
            ],
            "grant": [{"name": "A1", "funder": "SNF"}, {"project_id": "2", "funder": "SNF"}],
            "sample": {
                "overall_molecule": {
                    "name": "Apoferritin",
                    "type": "Complex",
                    "source": "human",
                    "molecular_weight": 474000,
                },
                "molecules": [
                    {
                        "name": "chain",
                        "type": "protein",
                        "class": "none",
                        "sequence": "MTT",
                        "natural_source": "human",
                        "taxonomy_ID_source": "9606",
                    }
                ],
                "ligands": [{"present": "false"}],
            },
        },
    }


def test_an_older_document_becomes_valid() -> None:
    given_document = older()
    done = oscem.upgrade(given_document)
    assert given_document == older()  # it is kept
    assert oscem.validate(done.document) == ()
    assert done.document == {
        "acquisition": {
            "binning_camera": {"height": 1, "width": 1},
            "dose_per_movie": {"value": 40, "unit": "e/Å²", "valueSI": 4e21, "unitSI": "1/m^2"},
            "energy_filter": {"used": True, "width_energy_filter": {"value": 10, "unit": "eV"}},
            "exposure_time": {"value": 2.5, "unit": "s"},
            "pixel_size": {"value": 0.83, "unit": "Å"},
            "nominal_defocus": {
                "minimal": {"value": -2, "unit": "um"},
                "maximal": {"value": -500, "unit": "nm"},
            },
            "date_time": "2024-08-31T11:48:16+02:00",
            "detectors": [{"name": "Falcon 4i", "mode": "counting"}],
            "technique": "spa",
        },
        "instrument": {
            "acceleration_voltage": {"value": 300, "unit": "kV"},
            "electron_source": "FieldEmission",
            "illumination": "Parallel",
            "imaging": "BrightField",
            "microscope": {"model": "TITAN1"},
        },
        "organizational": {
            "authors": [
                {
                    "email": "ada@example.org",
                    "type_org": "Academic",
                    "family_name": "Lovelace",
                    "given_name": "Ada",
                    "telephone": "1",
                }
            ],
            "grants": [{"grant_name": "A1"}, {"project_id": "2"}],
            "funder": [{"funder_name": "SNF"}],
        },
        "sample": {
            "overall_molecule": {
                "name_sample": "Apoferritin",
                "molecular_overall_type": "COMPLEX",
                "source": "human",
                "molecular_weight": {"value": 474000, "unit": "Da"},
            },
            "molecule": [
                {
                    "name_mol": "chain",
                    "molecular_type": "protein",
                    "molecular_class": "none",
                    "sequence": "MTT",
                    "natural_source": "human",
                    "taxonomy_id_source": "9606",
                }
            ],
            "ligands": [{"present": False}],
        },
    }


def test_each_change_is_told() -> None:
    changes = oscem.upgrade(older()).changes
    assert changes[0] == (
        "the document was inside of scientificMetadata; 1 other member left behind"
    )
    assert "acquisition.datetime: is date_time now" in changes
    assert "acquisition.detector: moved to acquisition.detectors[0].name" in changes
    assert (
        "instrument.acceleration_voltage: 300 is 300 kV, the unit that the schema names" in changes
    )
    assert len(changes) == len(set(changes)) == 36
    assert oscem.upgrade(oscem.upgrade(older()).document).changes == ()


@QUICK
@given(st.data(), st.sampled_from(oscem.TECHNIQUES))
def test_a_valid_document_stays_as_it_is(data: st.DataObject, technique: str) -> None:
    document = data.draw(valid(technique))
    done = oscem.upgrade(document, technique=technique)
    assert done.document == document
    assert done.changes == ()


@QUICK
@given(st.data(), st.sampled_from(oscem.TECHNIQUES))
def test_no_document_gets_worse_and_twice_is_once(data: st.DataObject, technique: str) -> None:
    document = data.draw(spoilt(technique))
    kept = copy.deepcopy(document)
    done = oscem.upgrade(document, technique=technique)
    assert document == kept
    before = len(oscem.validate(document, technique=technique))
    assert len(oscem.validate(done.document, technique=technique)) <= before
    again = oscem.upgrade(done.document, technique=technique)
    assert again.document == done.document
    assert again.changes == ()


@QUICK
@given(st.dictionaries(st.sampled_from(["acquisition", "instrument", "sample", "grants"]), ANY))
def test_anything_at_all_is_taken(document: dict[str, Any]) -> None:
    assert isinstance(oscem.upgrade(document).document, dict)


@pytest.mark.parametrize(
    ("acquisition", "technique"),
    [
        ({"technique": "tomo"}, "subtomo"),
        ({"tilt_axis_angle": 3.0}, None),
        ({}, None),
    ],
)
def test_a_technique_is_named_only_where_it_shows(
    acquisition: dict[str, Any], technique: str | None
) -> None:
    done = oscem.upgrade({"acquisition": acquisition})
    assert done.document["acquisition"].get("technique") == technique


def test_a_technique_that_is_known_can_be_given() -> None:
    document = {"acquisition": {"tilt_axis_angle": {"value": 1.5, "unit": "°"}}}
    done = oscem.upgrade(document, technique="env_tomo")
    assert done.document["acquisition"] == {"tilt_axis_angle": 1.5, "technique": "env_tomo"}
    assert done.changes == (
        "acquisition.tilt_axis_angle: is the number 1.5 now",
        "acquisition.technique: env_tomo, as was said",
    )


def test_a_sample_of_molecules_shows_subtomogram_averaging() -> None:
    document = {"acquisition": {"tilt_axis_angle": 3.0}, "sample": {"overall_molecule": {}}}
    assert oscem.upgrade(document).document["acquisition"]["technique"] == "subtomo"


def test_a_complete_document_of_any_technique_gets_none() -> None:
    document = small("general")
    document["sample"] = {
        "name": "gold",
        "description": "particles",
        "overall_molecule": {"name_sample": "gold", "source": "synthetic"},
    }
    assert oscem.upgrade(document).changes == ()


@pytest.mark.parametrize(
    "acquisition",
    [
        {"calibrated_defocus": {"minimal": -2.0}},  # nanometres in files, micrometres in the schema
        {"beamshift": {"x_max": 0.2}},
        {"exposure_time": "long"},
        {"exposure_time": "2 furlongs"},
        {"detector": 3},
        {"tilt_axis_angle": {"value": 1, "unit": "kV"}},
        {"datetime": "a", "date_time": "b"},
        {"binning_camera": "2x2"},
    ],
)
def test_what_is_not_clear_stays_and_is_told(acquisition: dict[str, Any]) -> None:
    done = oscem.upgrade({"acquisition": acquisition})
    assert done.document["acquisition"] == acquisition
    assert done.changes == ()
    (name,) = list(acquisition)[:1]
    told = oscem.validate(done.document, technique="subtomo")
    assert any(problem.path.startswith(f"acquisition.{name}") for problem in told)


def test_what_is_no_document_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no document"):
        oscem.upgrade([])  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="technique"):
        oscem.upgrade({}, technique="tomo")
    deep: dict[str, Any] = {}
    deep["acquisition"] = deep
    with pytest.raises(InvalidInput, match="levels"):
        oscem.upgrade(deep)


def test_older_samples_lose_nothing_and_gain_validity(samples: Path) -> None:
    folder = samples / "mmcif" / "oscem_converter"
    for name in ("example_metadata.json", "data_instrument.json", "example2.json"):
        done = oscem.upgrade(oscem.read(folder / name))
        assert done.document["acquisition"]["detectors"] == [{"name": "Falcon 4i"}]
        assert done.document["acquisition"]["technique"] == "spa"
        left = {problem.path for problem in oscem.validate(done.document)}
        assert left <= {
            # what the schema has no place for, or cannot say without more being known
            "acquisition.specialist_optics.phaseplate.instrument_type",
            "sample.grid.holes",
            "sample.grid.current",
            "sample.specimen.state",
        }
    emd = samples / "ms" / "oscem_converter_flat" / "examples" / "oscem_output_example.json"
    done = oscem.upgrade(oscem.read(emd))
    assert done.document["instrument"]["microscope"] == {"model": "TITAN52339260"}
    series = oscem.upgrade(oscem.read(samples / "mdoc" / "lsreader" / "mdocs_correct.json"))
    assert series.document["acquisition"]["tilt_axis_angle"] == 84.3
