"""The table of requirements: computed from dictionary, mapping and readers, never typed."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from _entries import tilted, whole

from openem_nb import mmcif, oscem
from openem_nb.errors import InvalidInput, NotFound
from openem_nb.mmcif import _requirements
from openem_nb.mmcif._dictionary import dictionary
from openem_nb.mmcif._mapping import MAPPING
from openem_nb.mmcif._requirements import FORMATS, parameters, supplied_by
from openem_nb.oscem import readers
from openem_nb.practice import sessions

if TYPE_CHECKING:
    from pathlib import Path


def test_without_a_session_it_says_what_each_format_can_supply() -> None:
    table = mmcif.coverage()
    frame = table.frame.set_index("item")
    assert frame.there.isna().all()
    assert list(frame.columns[-len(FORMATS) :]) == list(FORMATS.values())
    assert frame.loc["_em_imaging.accelerating_voltage", "EPU"]
    assert not frame.loc["_em_imaging.calibrated_magnification", list(FORMATS.values())].any()
    assert not frame.loc["_em_buffer.pH", list(FORMATS.values())].any()
    assert frame.loc["_em_image_scans.frames_per_image", "MRC"]
    assert "EPU: " in table.summary


def test_every_mark_follows_from_a_reader() -> None:
    for parameter in parameters("spa"):
        for name in supplied_by(parameter):
            assert name in readers.FORMATS
    # a reader that supplies nothing has an empty column, whatever else is known
    voltage = next(p for p in parameters("spa") if p.item.endswith("accelerating_voltage"))
    able = {name for name in FORMATS if "voltage" in readers.supplies(name)}
    assert supplied_by(voltage) == able > set()


def test_a_reader_that_learns_something_fills_its_column(monkeypatch: pytest.MonkeyPatch) -> None:
    magnification = next(
        p for p in parameters("spa") if p.item == "_em_imaging.calibrated_magnification"
    )
    assert supplied_by(magnification) == frozenset()
    before = readers.supplies
    monkeypatch.setattr(
        _requirements.readers,
        "supplies",
        lambda name: before(name) | ({"magnification_calibrated"} if name == "tiff" else set()),
    )
    assert supplied_by(magnification) == {"tiff"}


@pytest.mark.parametrize("technique", ["spa", "subtomo", "env_tomo", "cellular_tomo"])
def test_marks_of_emdb_are_the_codes_of_the_dictionary(technique: str) -> None:
    words = dictionary()
    rows = parameters(technique)
    assert len({(row.path, row.item, row.name) for row in rows}) == len(rows)
    mandatory = [row for row in rows if row.emdb == "mandatory"]
    assert len(mandatory) > 30
    assert all(words[row.item].mandatory for row in mandatory)
    mapped = {row.path for row in MAPPING if not row.techniques or technique in row.techniques}
    assert {row.path for row in rows if row.item and row.path} == mapped


def test_empiar_asks_for_an_image_set() -> None:
    rows = [row for row in parameters("spa") if row.empiar == "mandatory"]
    assert {row.path for row in rows if row.path} == {
        "acquisition.technique",
        "acquisition.images_generated",
        "acquisition.frames_per_movie",
    }
    assert len(rows) == 8


def test_the_baseline_of_parameters_is_covered() -> None:
    """The consortium's table of 2024 has 38 parameters; each is a row, by field or by item."""
    rows = {row.path for row in parameters("cellular_tomo")} | {
        row.item for row in parameters("cellular_tomo")
    }
    baseline = {
        *("instrument.microscope.model", "instrument.illumination", "instrument.imaging"),
        *("instrument.electron_source", "instrument.acceleration_voltage"),
        *("instrument.c2_aperture", "instrument.cs", "acquisition.nominal_defocus.minimal"),
        *("acquisition.calibrated_defocus.maximal", "acquisition.nominal_magnification"),
        *("acquisition.calibrated_magnification", "acquisition.holder", "acquisition.cryogen"),
        *("acquisition.temperature.minimal", "_em_imaging.alignment_procedure"),
        *("acquisition.microscope_software", "acquisition.detectors[].name"),
        *("acquisition.dose_per_movie", "acquisition.energy_filter.model"),
        *("acquisition.energy_filter.width_energy_filter", "acquisition.image_size.width"),
        *("acquisition.date_time", "acquisition.exposure_time"),
        *("acquisition.tilt_angle.minimal", "_em_imaging.residual_tilt", "_em_imaging.details"),
        "acquisition.specialist_optics.phaseplate.instrument_type",
        "acquisition.specialist_optics.spherical_aberration_corrector.instrument_type",
        "acquisition.specialist_optics.chromatic_aberration_corrector.instrument_type",
        *("acquisition.detectors[].mode", "_em_image_scans.sampling_size"),
        *("acquisition.frames_per_movie", "_em_image_scans.used_frames_per_image"),
        *("acquisition.grids_imaged", "acquisition.images_generated"),
        "_em_image_recording.details",
    }
    assert baseline <= rows


def test_of_a_document_it_says_what_is_there_and_who_has_the_rest() -> None:
    table = mmcif.coverage(whole())
    frame = table.frame.set_index("item")
    voltage = frame.loc["_em_imaging.accelerating_voltage"]
    assert (bool(voltage.there), voltage.value, voltage.source) == (True, "300 kV", "the document")
    method = frame.loc["_em_experiment.reconstruction_method"]
    assert (bool(method.there), method.source) == (True, "follows from the technique spa")
    ctf = frame.loc["_em_ctf_correction.type"]
    assert (bool(ctf.there), ctf.who) == (False, "reconstruction")
    assert frame.loc["_em_admin.title"].who == "OneDep"
    assert re.match(r"\d+ of \d+ parameters are there, \d+ of \d+ mandatory ones\.", table.summary)


def test_a_value_that_is_refused_is_not_there_and_says_why() -> None:
    document = whole()
    document["instrument"]["microscope"]["model"] = "TITAN52339260"
    document["acquisition"]["energy_filter"]["used"] = False
    frame = mmcif.coverage(document).frame.set_index("item")
    model = frame.loc["_em_imaging.microscope_model"]
    assert not model.there
    assert "serial number" in model.why
    assert model.who == "microscope file"
    assert bool(frame.loc["_em_imaging.microscope_serial_number"].there)
    slit = frame.loc["_em_imaging_optics.energyfilter_slit_width"]
    assert (bool(slit.there), slit.why) == (False, "the filter was not in use")


def test_what_has_no_item_is_not_said_to_be_refused() -> None:
    document = whole()
    document["instrument"]["microscope"]["model"] = "House microscope"
    rows = {one.parameter.name: one for one in mmcif.coverage(document).rows}
    assert rows["imaging: microscope model"].why
    assert rows["imaging: microscope serial number"].why == ""
    assert rows["image set: name"].why == ""


def test_parameters_are_named_in_words() -> None:
    names = {one.parameter.name for one in mmcif.coverage(technique="subtomo").rows}
    assert "imaging: nominal Cs" in names
    assert "3D reconstruction: number of particles" in names
    short = r"\b(max|min|num|avg|src|org|tax|id|molwt|cs|sph|chr)\b"
    assert [name for name in names if re.search(short, name)] == []


def test_of_tomography_it_asks_for_tilts_and_sections() -> None:
    frame = mmcif.coverage(tilted()).frame.set_index("item")
    assert bool(frame.loc["_em_tomography.axis1_min_angle"].there)
    assert bool(frame.loc["_em_tomography_specimen.sectioning"].there)
    assert not frame.loc["_em_tomography_specimen.fiducial_markers"].there
    assert "_em_start_model.type" not in frame.index


@pytest.mark.parametrize("kind", ["epu", "serialem"])
def test_of_a_session_each_value_has_its_file_and_tag(tmp_path: Path, kind: str) -> None:
    sessions.write_session(tmp_path / "s", kind=kind, images=5, seed=3)
    found = oscem.extract(tmp_path / "s", time_zone="Europe/Zurich")
    table = mmcif.coverage(found)
    assert table.technique == found.technique
    frame = table.frame
    there = frame[frame.there & frame.path.str.startswith("acquisition.") & (frame.item != "")]
    assert len(there) > 6
    assert there.source.str.contains(kind).sum() > 5
    # nothing is expected of formats that the session does not have
    assert set(frame[~frame.there].who) <= {
        *("instrument file", "depositor", "reconstruction", "OneDep", "image files"),
    }
    again = mmcif.coverage(tmp_path / "s", technique=found.technique)
    columns = ["item", "value"]
    assert again.frame[columns].equals(frame[columns]) or kind == "serialem"


def test_it_shows_itself_as_html_and_as_a_picture() -> None:
    document = whole()
    document["acquisition"]["holder"] = "<b>bold</b>"
    table = mmcif.coverage(document)
    shown = table._repr_html_()
    assert shown.count('<th scope="row"') == len(table.rows)
    assert "<b>" not in shown
    for one in (table, mmcif.coverage()):
        picture = io.BytesIO()
        one.figure().savefig(picture, format="png", dpi=40)
        assert picture.getvalue().startswith(b"\x89PNG")
    axes = table.figure().axes[0]
    assert len(axes.get_yticklabels()) == len(table.rows)
    assert axes.get_xticklabels()[0].get_text() == "this document"
    # no meaning is in colour alone: each filled cell has its mark
    filled = [p for p in axes.patches if p.get_facecolor()[:3] != (0.9490196078431372,) * 3]
    marks = [t.get_text() for t in axes.texts if t.get_text()]
    assert len(filled) == len(marks)


def test_of_what_is_none_of_it_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="list"):
        mmcif.coverage([1, 2])
    with pytest.raises(InvalidInput, match="technique"):
        mmcif.coverage(technique="x-ray")
    with pytest.raises(NotFound):
        mmcif.coverage(tmp_path / "none")


def test_an_empty_document_has_nothing() -> None:
    table = mmcif.coverage({})
    assert not any(one.there for one in table.rows)
    assert replace(table, name="x").summary == table.summary


def test_the_instrument_file_of_an_extraction_names_the_microscope(tmp_path: Path) -> None:
    sessions.write_session(tmp_path / "s", images=4)
    found = oscem.extract(tmp_path / "s", instruments=tmp_path / "s" / sessions.INSTRUMENT)
    serial = found.instrument.serial
    row = mmcif.coverage(found).frame.set_index("item").loc["_em_imaging.microscope_serial_number"]
    assert (bool(row.there), row.value) == (True, serial)
    assert row.source == f"the instrument file says so of {serial}"
    again = mmcif.coverage(tmp_path / "s", instruments=tmp_path / "s" / sessions.INSTRUMENT)
    assert again.frame["value"].equals(mmcif.coverage(found).frame["value"])
    made = mmcif.to_mmcif(found)
    assert made.block.find_value("_em_imaging.microscope_serial_number") == serial
    bare = oscem.extract(tmp_path / "s")
    assert bare.instrument is None
    row = mmcif.coverage(bare).frame.set_index("item").loc["_em_imaging.microscope_serial_number"]
    assert row.there or row.who == "instrument file"


def test_what_a_document_has_no_place_for_is_there_if_a_file_says_it(tmp_path: Path) -> None:
    sessions.write_session(tmp_path, images=3)
    found = oscem.extract(tmp_path)
    frame = mmcif.coverage(found).frame.set_index("item")
    version = frame.loc["_em_software.version"]
    assert version.there
    assert version.value == found.beside["software_version"].value
    assert "ApplicationSoftwareVersion; OSC-EM has no place for it" in version.source
    assert not version.who
    assert frame.loc["_em_imaging.microscope_serial_number", "value"] == "PRACTICE-0001"
    without = mmcif.coverage(replace(found, beside={})).frame.set_index("item")
    assert not without.loc["_em_software.version", "there"]
