"""Extraction of real folders: still written, of many kinds of files, of samples, of tilts."""

from __future__ import annotations

import json
import threading
import tracemalloc

import jsonschema
import numpy as np
import pytest
import tifffile
from _epu_forms import image_xml, write_images
from _extracted import KRIOS, TILTS, at, codes

import openem_nb as openem
from openem_nb import oscem
from openem_nb.errors import Cancelled, InvalidInput, NotFound
from openem_nb.jobs import Progress
from openem_nb.oscem.instruments import Instrument


def test_bad_input_is_an_error(tmp_path) -> None:
    with pytest.raises(InvalidInput, match="technique"):
        openem.extract(tmp_path, technique="sem")
    with pytest.raises(InvalidInput, match="time zone"):
        openem.extract(tmp_path, time_zone="Mars/Olympus")
    with pytest.raises(NotFound, match="no folder"):
        openem.extract(tmp_path / "none")
    with pytest.raises(NotFound):
        openem.extract(tmp_path, instruments=tmp_path / "none.toml")


def test_a_session_that_is_still_written_can_be_read_twice(tmp_path) -> None:
    """The second document differs only where the session does."""
    write_images(tmp_path, 20)
    last = tmp_path / "Images-Disc1" / "GridSquare_7" / "Data" / "FoilHole_1_Data_20_2025.xml"
    last.write_text(image_xml(time="2025-03-01T10:00:20+01:00")[:2000])
    (last.parent / "FoilHole_1_Data_21_2025.xml").touch()
    first = openem.extract(tmp_path)
    assert codes(first) >= {"truncated", "empty"}
    assert first.findings[0].files
    write_images(tmp_path, 3, first=20, defocus=-2e-6)
    last.unlink()
    (last.parent / "FoilHole_1_Data_21_2025.xml").unlink()
    second = openem.extract(tmp_path)
    assert {change.path for change in oscem.diff(first.document, second.document)} == {
        "acquisition.images_generated",
        "acquisition.nominal_defocus.minimal",
    }
    assert not codes(second) & {"truncated", "empty"}
    assert openem.extract(tmp_path).document == second.document


def test_progress_is_told_and_the_work_can_be_cancelled(session) -> None:
    progress = Progress()
    openem.extract(session, progress=progress)
    state = progress.snapshot()
    assert (state.done, state.total, state.unit) == (4, 4, "files")
    progress = Progress()
    progress.cancel()
    before = threading.active_count()
    with pytest.raises(Cancelled):
        openem.extract(session, progress=progress)
    assert threading.active_count() == before


def test_names_that_no_text_can_hold_are_shown_with_a_mark(tmp_path) -> None:
    import os

    folder = tmp_path / "s" / os.fsdecode(b"Gr\xfcn\x1b[2J")
    folder.mkdir(parents=True)
    (folder / os.fsdecode(b"FoilHole_1_Data_\xff.xml")).write_text(image_xml())
    found = openem.extract(tmp_path / "s")
    assert at(found, "acquisition.images_generated") == 1
    draft = found.write_draft(tmp_path / "draft.json").read_text("utf-8")
    assert "\x1b" not in draft
    assert found.provenance["acquisition.pixel_size"].file.startswith("Gr")


def test_files_that_no_reader_knows_are_counted(session) -> None:
    (session / "a.jpg").touch()
    (session / "b.jpg").touch()
    assert openem.extract(session).others == {".jpg": 2}


def test_the_page_of_an_extraction_shows_text_as_text(tmp_path) -> None:
    write_images(tmp_path, 1, holder="&lt;script&gt;alert(1)&lt;/script&gt;", illumination="nil")
    page = openem.extract(tmp_path)._repr_html_()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "instrument.illumination" in page


def official(samples, technique: str):
    path = samples / f"oscem_schema/v1.0.2/oscem_schemas_{technique}.schema.json"
    return jsonschema.Draft201909Validator(
        json.loads(path.read_text()), format_checker=jsonschema.FormatChecker()
    )


SESSIONS = (
    "epu_xml/epu_dataset_merger/testing/Y",
    "epu_xml/lsreader_tests/xml",
    "epu_xml/lsreader_tests/depthcheck",
    "epu_xml/lsreader_tests/combine",
    "epu_xml/transphire_transform",
    "mdoc/lsreader/mdocs",
    "mdoc/lsreader/mdocspa",
    "mdoc/murfey",
    "mdoc/mdocfile",
)


@pytest.mark.parametrize("name", SESSIONS)
def test_documents_of_all_samples_are_valid_by_the_official_schema(samples, name) -> None:
    """With an instrument file and what only a person knows, what is written is valid."""
    serials = ("TITAN52339260", "TITAN52334050", "TALOS-9950416")
    known = Instrument(
        serial="any",
        also=serials,
        name="Titan Krios",
        electron_source="FieldEmission",
        illumination="Parallel",
        imaging="BrightField",
        time_zone="Europe/Zurich",
    )
    found = openem.extract(samples / name, instruments=known)
    answers = {
        one.path: "x" if one.type == "text" else {"value": 1.0, "unit": "Å"}
        for one in found.missing
        if one.required
    }
    if "transphire" not in name:  # one folder of five microscopes: much of it is mixed
        assert not answers, answers
    whole = found.complete(answers)
    problems = [
        one.message for one in official(samples, found.technique).iter_errors(whole.document)
    ]
    assert not problems
    assert not whole.problems


def test_overviews_tell_of_the_microscope_and_no_more(tmp_path) -> None:
    (tmp_path / "Position_1.mdoc").write_text(TILTS.replace("Voltage = 300\n", ""))
    maps = tmp_path / "SearchMaps"
    maps.mkdir()
    overview = image_xml(software="Tomography", magnification=2250, pixel=6e-9, dose=1e19)
    (maps / "SearchMap_1.xml").write_text(overview)
    found = openem.extract(tmp_path, instruments=KRIOS)
    assert at(found, "instrument.acceleration_voltage") == 300
    assert at(found, "instrument.microscope.model") == "Titan Krios G4"
    assert at(found, "acquisition.pixel_size") == 2.1
    assert at(found, "acquisition.nominal_magnification") is None
    assert at(found, "acquisition.dose_per_movie") == 3
    assert at(found, "acquisition.date_time") == "2023-05-03T13:10:10+02:00"


def test_a_tilt_series_is_put_in_the_order_of_exposure(tmp_path) -> None:
    (tmp_path / "Position_1.mdoc").write_text(TILTS)
    found = openem.extract(tmp_path, technique="cellular_tomo")
    assert found.technique == "cellular_tomo"
    assert "technique-taken" not in codes(found)
    table = found.tilts()
    assert list(table["angle"]) == [0, 3, -3, 6, -6]
    assert list(table["accumulated_dose"]) == [3, 6, 9, 12, 15]
    assert at(found, "acquisition.tilt_angle.increment") == 3
    assert at(found, "acquisition.tilt_axis_angle") == -175.84
    assert at(found, "acquisition.images_generated") == 5
    (told,) = [one for one in found.findings if one.code == "tilt-series"]
    assert "dose-symmetric (1)" in told.message


def test_gotcha_16_the_dose_seen_before_tells_the_order_where_times_do_not(tmp_path) -> None:
    text = "".join(
        f"[ZValue = {n}]\nTiltAngle = {angle}\nExposureDose = 3\nPriorRecordDose = {prior}\n\n"
        for n, (angle, prior) in enumerate(((-6, 12), (-3, 6), (0, 0), (3, 3), (6, 9)))
    )
    (tmp_path / "a.mdoc").write_text(text)
    assert list(openem.extract(tmp_path).tilts()["angle"]) == [0, 3, -3, 6, -6]
    (tmp_path / "a.mdoc").write_text(text.replace("PriorRecordDose = 6", "Other = 6"))
    assert list(openem.extract(tmp_path).tilts()["angle"]) == [-6, -3, 0, 3, 6]


def test_single_images_beside_tilt_series_are_set_aside(tmp_path) -> None:
    write_images(tmp_path, 3)
    (tmp_path / "Position_1.mdoc").write_text(TILTS)
    found = openem.extract(tmp_path)
    assert found.technique == "subtomo"
    assert "set-aside" in codes(found)
    assert at(found, "acquisition.images_generated") == 5
    assert at(found, "acquisition.beamshift") is None
    single = openem.extract(tmp_path, technique="spa")
    assert at(single, "acquisition.images_generated") == 3
    assert single.tilts().empty


def movie(path, frames: int) -> None:

    path.parent.mkdir(exist_ok=True)
    tifffile.imwrite(path, np.zeros((frames, 32, 24), np.uint8), photometric="minisblack")


def test_movies_alone_tell_their_size_and_number(tmp_path) -> None:
    for number in range(3):
        movie(tmp_path / "movies" / f"{number}.tif", 5)
    found = openem.extract(tmp_path)
    assert found.files == {"tiff": {"file header": 3}}
    assert at(found, "acquisition.frames_per_movie") == 5
    assert at(found, "acquisition.images_generated") == 3
    assert oscem.get_at(found.document, "acquisition.image_size") == {"width": 24, "height": 32}
    assert {one.path for one in found.missing} >= {"acquisition.pixel_size"}


def test_of_very_many_movies_some_are_looked_into(tmp_path, monkeypatch) -> None:
    from openem_nb.oscem import _extract

    monkeypatch.setattr(_extract, "HEADERS", 3)
    for number in range(5):
        movie(tmp_path / "movies" / f"{number}.tif", 5)
    found = openem.extract(tmp_path)
    assert "sampled" in codes(found)
    assert at(found, "acquisition.frames_per_movie") == 5
    assert at(found, "acquisition.images_generated") is None  # the others may be anything


def test_image_files_that_are_no_movies_say_nothing(tmp_path) -> None:
    write_images(tmp_path, 2)
    movie(tmp_path / "processed" / "map_bin4.tif", 7)
    found = openem.extract(tmp_path)
    assert "no-movies" in codes(found)
    assert at(found, "acquisition.image_size.width") == 4096
    assert at(found, "acquisition.frames_per_movie") is None


def test_a_gain_reference_is_no_image(tmp_path) -> None:
    from _header_files import dm, dm_tree

    write_images(tmp_path, 2)
    before = openem.extract(tmp_path).document
    (tmp_path / "gain.dm4").write_bytes(dm(dm_tree()))
    found = openem.extract(tmp_path)
    assert found.technique == "spa"
    assert found.document == before
    assert "set-aside" in codes(found)
    only = tmp_path / "only"
    only.mkdir()
    (only / "image.dm3").write_bytes(dm(dm_tree()))
    assert openem.extract(only).technique == "general"


def test_every_file_of_materials_science_is_read(tmp_path, monkeypatch) -> None:
    from _header_files import velox, velox_metadata

    from openem_nb.oscem import _extract

    monkeypatch.setattr(_extract, "HEADERS", 3)
    for number in range(5):
        (tmp_path / f"{number}.emd").write_bytes(velox(("a", velox_metadata())))
    found = openem.extract(tmp_path)
    assert found.technique == "general"
    assert at(found, "acquisition.images_generated") == 5
    assert "sampled" not in codes(found)


def test_what_is_implausible_is_told(tmp_path) -> None:
    write_images(tmp_path, 1, voltage=3_000_000_000)
    found = openem.extract(tmp_path)
    assert any("voltage" in one.message for one in found.findings if one.code == "doubt")


def test_memory_does_not_grow_with_the_session(tmp_path) -> None:
    """What stays of each further image is no more than its name."""
    peaks = []
    for count in (300, 2400):
        folder = tmp_path / f"{count}"
        write_images(folder, count, dose=[4e21 + n * 1e17 for n in range(count)])
        openem.extract(folder)
        tracemalloc.start()
        openem.extract(folder)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] - peaks[0] < 5_000_000  # their readings alone would be 12 MB


def test_values_are_taken_out_with_their_origin(session) -> None:
    given = {"sample.molecule": [{"name_mol": "one"}, {"name_mol": "two"}, {"name_mol": "three"}]}
    found = openem.extract(session, instruments=KRIOS).complete(
        {"sample.overall_molecule.name_sample": "x"}
    )
    for place, one in enumerate(given["sample.molecule"]):
        found = found.complete({f"sample.molecule[{place}].name_mol": one["name_mol"]})
    left = found.without("sample.molecule[1].name_mol", "instrument.cs")
    assert [one["name_mol"] for one in left.document["sample"]["molecule"]] == ["one", "three"]
    origins = {p: one.value for p, one in left.provenance.items() if "name_mol" in p}
    assert origins == {"sample.molecule[0].name_mol": "one", "sample.molecule[1].name_mol": "three"}
    assert all(path == one.path for path, one in left.provenance.items())
    assert "instrument.cs" not in left.provenance
    assert "cs" not in left.document["instrument"]
    assert "cs" in found.document["instrument"], "the one before is as it was"
    without_sample = left.without("sample")
    assert not [path for path in without_sample.provenance if path.startswith("sample")]
    with pytest.raises(InvalidInput, match="There is no"):
        left.without("instrument.cs")
