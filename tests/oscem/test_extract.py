"""A folder becomes a document: what is written, what is left out, and what a person is told."""

from __future__ import annotations

import json

import numpy as np
import pytest
import tifffile
from _epu_forms import fractions_xml, image_xml, session_xml, write_images
from _extracted import KRIOS, at, codes

import openem_nb as openem
from openem_nb import oscem
from openem_nb.errors import InvalidInput, InvalidMetadata


def test_a_session_becomes_a_document(session) -> None:
    found = openem.extract(session)
    assert found.technique == "spa"
    assert found.files == {"epu": {"image": 4}}
    document = found.document
    assert document["acquisition"]["technique"] == "spa"
    assert document["acquisition"]["date_time"] == "2025-03-01T10:00:00.1234567+01:00"
    assert document["acquisition"]["detectors"] == [{"name": "Falcon 4i", "mode": "counting"}]
    assert document["acquisition"]["image_size"] == {"width": 4096, "height": 4096}
    assert document["acquisition"]["binning_camera"] == {"width": 1, "height": 1}
    assert document["acquisition"]["energy_filter"]["used"] is True
    assert document["acquisition"]["dose_per_movie"] == {
        "value": 40,
        "unit": "1/Å^2",
        "valueSI": 4e21,
        "unitSI": "1/m^2",
    }
    assert at(found, "acquisition.nominal_defocus.minimal") == -1200
    assert at(found, "acquisition.nominal_defocus.maximal") == -800
    assert at(found, "acquisition.images_generated") == 4
    assert at(found, "instrument.acceleration_voltage") == 300
    assert at(found, "instrument.microscope.model") == "TITAN00000001"
    assert not found.problems
    assert not found.missing


def test_nothing_is_invented(session) -> None:
    """What no file holds and nobody gave is not there: no nought, no empty text."""
    found = openem.extract(session)
    for path in (
        *("instrument.cs", "acquisition.gainref_flip_rotate", "acquisition.frames_per_movie"),
        *(
            "acquisition.calibrated_defocus",
            "acquisition.holder",
            "acquisition.energy_filter.model",
        ),
        *("acquisition.specialist_optics", "sample", "organizational"),
    ):
        assert oscem.get_at(found.document, path) is None, path
    for path, value in oscem.paths(found.document):
        assert value not in ("", None, [], {}), path


def test_si_values_are_left_out_where_nobody_wants_them(session) -> None:
    found = openem.extract(session, si=False)
    assert found.document["acquisition"]["pixel_size"] == {"value": 0.82, "unit": "Å"}


def test_every_value_has_its_origin(session) -> None:
    found = openem.extract(session)
    values = {path.removesuffix(".value") for path, _value in oscem.paths(found.document)}
    assert set(found.provenance) == values
    dose = found.provenance["acquisition.dose_per_movie"]
    assert (dose.source, dose.kind, dose.agreed, dose.total) == ("epu", "image", 4, 4)
    assert (dose.low, dose.high, dose.unit) == (pytest.approx(30), pytest.approx(50), "1/Å^2")
    assert dose.tag == "CustomData[Dose]"
    assert "mean" in dose.rule
    assert dose.file.startswith("Images-Disc1/GridSquare_7/Data/")
    table = found.table().set_index("path")
    assert table.loc["acquisition.nominal_defocus.minimal", "value"] == -1200, "a number"
    assert table.loc["acquisition.energy_filter.used", "value"] is True
    assert table.loc["acquisition.pixel_size", "value"] == pytest.approx(0.82)
    assert len(table) == len(found.provenance)
    assert "CustomData[Dose]" in str(dose)


def test_an_instrument_file_says_what_the_files_do_not(session) -> None:
    found = openem.extract(session, instruments=KRIOS)
    assert at(found, "instrument.microscope.model") == "Titan Krios G4"
    assert at(found, "instrument.microscope.manufacturer") == "Thermo Fisher Scientific"
    assert found.document["instrument"]["cs"]["value"] == 2.7
    assert at(found, "acquisition.energy_filter.model") == "Selectris"
    assert at(found, "acquisition.gainref_flip_rotate") == "flip x"  # the movies are EER files
    assert at(found, "acquisition.holder") == "Autogrid holder"
    assert at(found, "acquisition.cryogen") == "Nitrogen"
    assert at(found, "instrument.c2_aperture") == 50  # the files know better than the default
    assert found.provenance["instrument.cs"].source == "instrument file"
    assert "model-is-serial" not in codes(found)


def test_instrument_files_of_the_configuration_are_found_by_the_serial_number(session) -> None:
    from openem_nb._folders import folders

    assert "no-instrument-file" in codes(openem.extract(session))
    place = folders().config / "instruments"
    place.mkdir()
    (place / "own.toml").write_text('[TITAN00000001]\nname = "Titan Krios G4"\ncs = 2.7\n')
    found = openem.extract(session)
    assert at(found, "instrument.cs") == 2.7
    (place / "own.toml").write_text('[TITAN00000002]\nname = "Other"\ncs = 0.1\n')
    assert at(openem.extract(session), "instrument.cs") is None
    assert "other-instrument" in codes(openem.extract(session, instruments=place / "own.toml"))


def test_metadata_that_the_facility_keeps_elsewhere_is_found(tmp_path) -> None:
    own, mirror = tmp_path / "data" / "run7", tmp_path / "mpc"
    own.mkdir(parents=True)
    (own / "notes.jpg").write_text("x")
    write_images(mirror / "run7", 2)
    from dataclasses import replace

    found = openem.extract(own, instruments=replace(KRIOS, mirror=mirror))
    assert at(found, "acquisition.images_generated") == 2
    write_images(own, 3)  # what lies beside the images goes first, and nothing is counted twice
    found = openem.extract(own, instruments=replace(KRIOS, mirror=mirror))
    assert at(found, "acquisition.images_generated") == 3


def test_values_that_differ_in_few_files_are_told_and_taken(tmp_path) -> None:
    write_images(tmp_path, 40, magnification=[165000] * 39 + [130000])
    found = openem.extract(tmp_path)
    assert at(found, "acquisition.nominal_magnification") == 165000
    assert found.provenance["acquisition.nominal_magnification"].agreed == 39
    assert found.provenance["acquisition.nominal_magnification"].others == ("130000",)
    (mixed,) = [one for one in found.findings if one.code == "mixed"]
    assert "165000 (39), 130000 (1)" in mixed.message


def test_values_that_differ_in_many_files_are_told_and_left_out(tmp_path) -> None:
    write_images(tmp_path, 4, magnification=[165000, 165000, 165000, 130000])
    found = openem.extract(tmp_path)
    assert at(found, "acquisition.nominal_magnification") is None
    assert any("left out" in one.message for one in found.findings if one.code == "mixed")


def test_required_values_that_differ_are_asked_for(tmp_path) -> None:
    write_images(tmp_path, 2, pixel=[8.2e-11, 1.0e-10])
    found = openem.extract(tmp_path)
    assert [one.path for one in found.missing] == ["acquisition.pixel_size"]
    with pytest.raises(InvalidMetadata, match="pixel_size"):
        found.write(tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()


def test_rounding_is_no_difference(tmp_path) -> None:
    write_images(tmp_path, 2, exposure=[2.5, 2.5001])
    found = openem.extract(tmp_path)
    assert at(found, "acquisition.exposure_time") == 2.5
    assert "mixed" not in codes(found)


def test_overviews_are_no_data(session) -> None:
    square = session / "Images-Disc1" / "GridSquare_7"
    (square / "GridSquare_20250301.xml").write_text(image_xml(magnification=580, pixel=3e-8))
    (square / "FoilHoles").mkdir()
    (square / "FoilHoles" / "FoilHole_1_20250301.xml").write_text(image_xml(magnification=2250))
    (session / "BatchPositionsList.xml").write_text("<BatchPositionsList/>")
    found = openem.extract(session)
    assert found.files["epu"] == {"image": 4, "overview": 2}
    assert at(found, "acquisition.images_generated") == 4
    assert at(found, "acquisition.nominal_magnification") == 165000
    assert "mixed" not in codes(found)


def test_fractions_are_no_more_images_and_know_their_number(tmp_path) -> None:
    for path in write_images(tmp_path, 3, fractionation=None, detector=None, camera="BM-Falcon"):
        path.with_name(f"{path.stem}_Fractions.xml").write_text(fractions_xml())
    found = openem.extract(tmp_path)
    assert at(found, "acquisition.images_generated") == 3
    assert at(found, "acquisition.frames_per_movie") == 22
    assert found.document["acquisition"]["detectors"][0]["name"] == "Falcon-3"
    assert found.provenance["acquisition.frames_per_movie"].kind == "fractions"


def test_sources_that_disagree_are_told(tmp_path) -> None:
    kind = "EquidistantFractionation"
    for path in write_images(tmp_path, 2, fractionation=kind, fractions=40):
        path.with_name(f"{path.stem}_Fractions.xml").write_text(fractions_xml())
    found = openem.extract(tmp_path)
    assert at(found, "acquisition.frames_per_movie") == 22  # the camera goes before the settings
    assert "disagree" in codes(found)


def test_the_plan_of_a_session_fills_what_images_do_not_say(tmp_path) -> None:
    write_images(tmp_path, 2, defocus=None)
    (tmp_path / "EpuSession.dm").write_text(session_xml())
    found = openem.extract(tmp_path)
    assert at(found, "acquisition.nominal_defocus.minimal") == -1200
    assert at(found, "acquisition.nominal_defocus.maximal") == -800
    assert "planned" in found.provenance["acquisition.nominal_defocus.minimal"].rule
    assert at(found, "acquisition.grids_imaged") == 1
    write_images(tmp_path, 2, defocus=-5e-7)
    assert at(openem.extract(tmp_path), "acquisition.nominal_defocus.minimal") == -500


def test_the_plan_of_another_session_is_not_believed(tmp_path) -> None:
    write_images(tmp_path, 2, defocus=None)
    (tmp_path / "EpuSession.dm").write_text(session_xml(start="2025-06-01T08:00:00Z"))
    found = openem.extract(tmp_path)
    assert "other-plan" in codes(found)
    assert at(found, "acquisition.nominal_defocus") is None
    assert at(found, "acquisition.grids_imaged") is None


def test_two_sessions_are_told(tmp_path) -> None:
    write_images(tmp_path, 2)
    write_images(tmp_path, 2, first=10, time="2025-03-04T10:00:00+01:00")
    assert "two-sessions" in codes(openem.extract(tmp_path))
    (tmp_path / "b").mkdir()
    write_images(tmp_path / "b", 2)
    write_images(tmp_path / "b", 2, first=10, serial="TALOS-9950416")
    assert "two-sessions" in codes(openem.extract(tmp_path / "b"))
    (tmp_path / "c" / "2").mkdir(parents=True)
    write_images(tmp_path / "c", 2)
    (tmp_path / "c" / "EpuSession.dm").write_text(session_xml())
    assert "two-sessions" not in codes(openem.extract(tmp_path / "c"))
    (tmp_path / "c" / "2" / "EpuSession.dm").write_text(session_xml(start="2025-02-01T08:00:00Z"))
    assert "two-sessions" in codes(openem.extract(tmp_path / "c"))


def test_a_phase_plate_waits_for_its_type(tmp_path) -> None:
    write_images(tmp_path, 1, phase_plate="true", phase_plate_name="Ph P4")
    found = openem.extract(tmp_path)
    path = "acquisition.specialist_optics.phaseplate"
    assert at(found, path) is None
    (asked,) = found.missing
    assert (asked.path, asked.required) == (f"{path}.instrument_type", False)
    whole = found.complete({f"{path}.instrument_type": "Volta"})
    assert oscem.get_at(whole.document, path) == {"instrument_type": "Volta", "used": True}
    assert whole.provenance[f"{path}.used"].tag == "CustomData[PhasePlateUsed]"
    assert not whole.missing
    assert not whole.problems


def test_a_slit_waits_for_its_width(tmp_path) -> None:
    write_images(tmp_path, 1, slit_width=None)
    found = openem.extract(tmp_path)
    path = "acquisition.energy_filter"
    assert at(found, path) is None
    whole = found.complete({f"{path}.width_energy_filter": "20 eV"})
    assert oscem.get_at(whole.document, f"{path}.used") is True
    assert at(whole, f"{path}.width_energy_filter") == 20


def test_a_person_completes_what_is_missing(tmp_path) -> None:
    write_images(tmp_path, 2, illumination="nil")
    (tmp_path / "EpuSession.dm").write_text(session_xml())
    found = openem.extract(tmp_path)
    (asked,) = found.missing
    assert asked.path == "instrument.illumination"
    assert asked.required
    with pytest.raises(InvalidMetadata, match="illumination"):
        found.write(tmp_path / "a.json")
    whole = found.complete({"instrument.illumination": "Parallel", "instrument.cs": "2.7 mm"})
    assert at(found, "instrument.illumination") is None  # the first one stays as it is
    assert whole.provenance["instrument.illumination"].source == "given by a person"
    assert whole.document["instrument"]["cs"] == {
        "value": 2.7,
        "unit": "mm",
        "valueSI": 0.0027,
        "unitSI": "m",
    }
    written = whole.write(tmp_path / "a.json")
    assert oscem.read(written) == whole.document
    assert oscem.validate(whole.document) == ()
    with pytest.raises(InvalidInput, match=r"no instrument\.colour"):
        found.complete({"instrument.colour": "red"})


def test_a_draft_keeps_what_is_there(tmp_path) -> None:
    write_images(tmp_path, 2, illumination="nil")
    found = openem.extract(tmp_path)
    draft = json.loads(found.write_draft(tmp_path / "draft.json").read_text())
    assert draft["draft"] == found.document
    assert draft["missing"][0]["path"] == "instrument.illumination"
    assert draft["provenance"]["acquisition.pixel_size"]["tag"].endswith("numericValue")


def test_an_empty_folder_gives_an_empty_document(tmp_path) -> None:
    found = openem.extract(tmp_path)
    assert found.document == {}, "a technique that no file shows is not stated"
    assert found.provenance == {}
    asked = {one.path: one for one in found.missing}["acquisition.technique"]
    assert asked.choices == oscem.TECHNIQUES
    assert {one.path for one in found.missing} >= {
        "acquisition.pixel_size",
        "acquisition.date_time",
        "acquisition.detectors[0].name",
        "acquisition.binning_camera.height",
        "acquisition.binning_camera.width",
        "instrument.microscope.model",
    }
    assert "no-metadata" in codes(found)


def test_what_osc_em_has_no_place_for_is_kept_beside_the_document(tmp_path) -> None:
    write_images(tmp_path, 3, dose_on_camera=[20.0, 22.0, 27.0], version=["3.8", "3.8", "3.9"])
    found = openem.extract(tmp_path)
    assert found.beside["serial"].value == "TITAN00000001"
    dose = found.beside["dose_per_pixel"]
    assert (float(dose.value), dose.low, dose.high) == (23, 20, 27)
    assert dose.tag == "CustomData[DoseOnCamera]"
    version = found.beside["software_version"]
    assert (version.value, version.agreed, version.total) == ("3.8", 2, 3)
    assert version.others == ("3.9",)
    assert found.beside["time_last"].value == "2025-03-01T10:00:02.1234567+01:00"
    assert "3.8" not in json.dumps(found.document), "it has no place there"
    assert "dose_per_pixel" in found._repr_html_()
    assert openem.extract(tmp_path / "Images-Disc1" / "GridSquare_7").beside.keys() == (
        found.beside.keys()
    )


def test_the_page_of_an_extraction_counts_files_that_it_does_not_name(tmp_path) -> None:
    for path in write_images(tmp_path, 6)[1:]:
        path.write_bytes(b"")
    page = openem.extract(tmp_path)._repr_html_()
    assert page.count(".xml") >= 3
    assert " and 2 more</td>" in page


def test_an_extraction_is_a_line_to_read(session) -> None:
    found = openem.extract(session)
    line = str(found)
    assert line.startswith(f"{session.name}: spa, 4 EPU (image); {len(found.provenance)} values; ")
    assert "; valid; " in line
    assert f"; {len(found.findings)} notes; " in line
    assert len(repr(found)) < 300
    assert str(found.findings[0]).startswith("info: No instrument file")
    assert "; 1 value missing; " in str(found.without("instrument.illumination"))


def test_a_text_that_says_nothing_shows_no_technique(tmp_path) -> None:
    (tmp_path / "SerialEM notes.txt").write_text("We collected on a rainy day\n")
    found = openem.extract(tmp_path)
    assert found.document == {}
    assert "no-metadata" in codes(found)


def test_image_files_alone_do_not_say_what_they_are_for(tmp_path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((16, 16), "u1"))
    found = openem.extract(tmp_path)
    assert found.technique == "spa"
    (told,) = (one for one in found.findings if one.code == "technique-taken")
    assert "'subtomo', 'env_tomo', 'cellular_tomo' or 'general'" in told.hint
    assert "technique-taken" not in codes(openem.extract(tmp_path, technique="spa"))


def test_a_dose_of_some_exposures_says_of_how_many_it_is(tmp_path) -> None:
    write_images(tmp_path, 3, dose=[4e21, 4e21, None], dose_on_camera=[26.9, 26.9, None])
    found = openem.extract(tmp_path)
    assert at(found, "acquisition.dose_per_movie") == pytest.approx(40)
    (told,) = (one for one in found.findings if one.code == "some-doses")
    assert "2 of 3 exposures" in told.message


def test_a_technique_that_a_person_gives_changes_the_schema(tmp_path) -> None:
    found = openem.extract(tmp_path).complete({"acquisition.technique": "env_tomo"})
    assert found.technique == "env_tomo"
    assert "acquisition.tilt_axis_angle" in {one.path for one in found.missing}
    assert found.provenance["acquisition.technique"].source == "given by a person"
    with pytest.raises(InvalidInput, match="not a technique"):
        found.complete({"acquisition.technique": "sem"})


def test_members_of_lists_can_be_given(tmp_path) -> None:
    found = openem.extract(tmp_path, technique="env_tomo")
    path = "sample.specimen_env.organism"
    found = found.complete({f"{path}[0]": "Escherichia coli"}).complete({f"{path}[1]": "phage T4"})
    assert oscem.get_at(found.document, path) == ["Escherichia coli", "phage T4"]
    assert found.provenance[f"{path}[1]"].value == "phage T4"
    with pytest.raises(InvalidInput, match="gap"):
        found.complete({f"{path}[7]": "nothing"})


def test_values_that_are_no_text_need_a_path_of_the_schema_too(session) -> None:
    with pytest.raises(InvalidInput, match=r"no instrument\.cz"):
        openem.extract(session).complete({"instrument.cz": {"value": 2.7, "unit": "mm"}})


def test_all_that_is_missing_makes_a_valid_document(tmp_path) -> None:
    """Whoever answers the questions has a document that can be written."""
    found = openem.extract(tmp_path)
    answers = {
        "quantity": {"value": 1.0, "unit": "Å"},
        "integer": 1,
        "number": 1.0,
        "truth": True,
        "date-time": "2025-03-01T10:00:00Z",
    }
    values = {
        one.path: one.choices[0] if one.choices else answers.get(one.type, "x")
        for one in found.missing
        if one.required
    }
    assert found.complete(values).problems == ()


@pytest.mark.parametrize("technique", oscem.TECHNIQUES)
def test_a_technique_that_is_given_is_followed(session, technique) -> None:
    found = openem.extract(session, technique=technique)
    assert found.technique == technique
    assert found.document["acquisition"]["technique"] == technique
