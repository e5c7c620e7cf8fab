"""What goes wrong with real metadata, by number; each has a test here or beside its format.

1. namespaces and prefixes of EPU; 2. roots that are no Gatan file; 3. fractions, overviews, data;
4. empty and truncated files; 5. nil and absent elements; 6. doses in many units, and none;
7. previews and super-resolution; 8. SuperResolutionFactor alone says nothing; 9. EER has no fixed
fractions; 10. signs and zero of defocus; 11. planned defocus lists; 12. times; 13. dates of mdoc;
14. titles of mdoc; 15. sections of mdoc; 16. order of tilts; 17. odd values of mdoc; 18. paths with
user names; 19. line ends and encodings; 20. code points of units; 21. serial numbers as models;
22. units of shifts and of the stage; 23. numbers and dates of DM; 24. gain references; 25. filters,
apertures, phase plates; 26. signals and times of Velox; 27. names of detectors.
"""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import pytest
from _epu_forms import fractions_xml, image_xml, session_xml, write_images

import openem_nb as openem
from openem_nb import oscem
from openem_nb.oscem._gather import Times
from openem_nb.oscem.instruments import Instrument
from openem_nb.oscem.readers import Reading, epu

NUMBERS = range(1, 28)
ELSEWHERE = {
    27: "the names of the dictionary are chosen when mmCIF is written: tests/mmcif",
}
"""Numbers that have no test of this name in this folder, and why."""


def test_each_number_has_a_test_or_a_reason() -> None:
    found = {
        int(number)
        for path in Path(__file__).parent.glob("test_*.py")
        for number in re.findall(r"^def test_gotcha_(\d+)_", path.read_text("utf-8"), re.MULTILINE)
    }
    assert found | set(ELSEWHERE) == set(NUMBERS)
    assert not found & set(ELSEWHERE)


def image(text: str, name: str = "FoilHole_1_Data_2.xml") -> Reading:
    (reading,) = epu.read_epu(Path(name), data=text.encode())
    return reading


def codes(found) -> set[str]:
    return {one.code for one in found.findings}


def at(found, path):
    value = oscem.get_at(found.document, path)
    return value["value"] if isinstance(value, dict) and "value" in value else value


def test_gotcha_01_prefixes_mean_nothing() -> None:
    text = image_xml()
    other = text.replace("a:", "q7:").replace("xmlns:a=", "xmlns:q7=")
    assert image(other).values == image(text).values
    bare = re.sub(r' xmlns(:\w+)?="[^"]*"| i:type="[^"]*"| i:nil=.true.', "", text)
    bare = re.sub(r"(</?)\w+:", r"\1", bare)
    expected = dict(image(text).values)
    # the way of fractionation stands in an attribute of a namespace, and with it which gain
    del expected["fractionation"], expected["gain_reference"]
    assert dict(image(bare).values) == expected
    declared = '<?xml version="1.0" encoding="utf-8"?>\r\n' + text
    assert image(declared).values == image(text).values


def test_gotcha_02_roots_tell_what_a_file_is() -> None:
    kinds = {
        session_xml(): ("epu", "session"),
        fractions_xml(): ("epu", "fractions"),
        image_xml(): ("epu", "image"),
        '<TomographySession xmlns="x"><Name>a</Name></TomographySession>': ("tomo5", "session"),
    }
    for text, expected in kinds.items():
        (reading,) = epu.read_epu(Path("EpuSession.dm"), data=text.encode())
        assert (reading.source, reading.kind) == expected
    (reading,) = epu.read_epu(Path("a.dm"), data=b"<ScreeningSessionXml/>")
    assert [one.code for one in reading.findings] == ["unknown-xml"]


def test_gotcha_03_only_data_are_counted(tmp_path) -> None:
    for path in write_images(tmp_path, 3):
        path.with_name(f"{path.stem}_Fractions.xml").write_text(fractions_xml())
    square = tmp_path / "Images-Disc1" / "GridSquare_7"
    (square / "GridSquare_2025.xml").write_text(image_xml(magnification=580))
    (tmp_path / "Atlas").mkdir()
    (tmp_path / "Atlas" / "Atlas_1.xml").write_text(image_xml(magnification=135))
    found = openem.extract(tmp_path)
    assert at(found, "acquisition.images_generated") == 3
    assert at(found, "acquisition.nominal_magnification") == 165000


def test_gotcha_04_empty_and_truncated_files_are_findings(tmp_path) -> None:
    paths = write_images(tmp_path, 5)
    paths[0].write_bytes(b"")
    paths[1].write_text(image_xml()[:1500])
    paths[2].write_bytes(bytes(4096))
    found = openem.extract(tmp_path)
    assert at(found, "acquisition.images_generated") == 2
    counted = {one.code: one.count for one in found.findings}
    assert (counted["empty"], counted["truncated"]) == (2, 1)
    assert not found.problems


def test_gotcha_05_nil_and_absent_say_the_same() -> None:
    for name in ("illumination", "magnification", "holder", "source"):
        given = dict(image(image_xml(**{name: "nil"})).values)
        assert given == dict(image(image_xml(**{name: None})).values)
    assert "slit_used" not in image(image_xml(slit=None)).values
    assert "detector" not in image(image_xml(detector=None)).values


@pytest.mark.parametrize("linear", [False, True])
def test_gotcha_06_a_dose_is_of_electrons_per_area(tmp_path, linear) -> None:
    counting = "false" if linear else None
    write_images(tmp_path, 2, dose=1.31e23, counting=counting)
    found = openem.extract(tmp_path)
    assert at(found, "acquisition.dose_per_movie") is None
    assert ("linear-dose" if linear else "implausible-dose") in codes(found)
    assert not found.problems  # a dose is not required; a wrong one would be worse


def test_gotcha_06_electrons_per_pixel_are_no_dose(tmp_path) -> None:
    write_images(tmp_path, 1, dose=None, dose_on_camera=4.9096, pixel=4.1502e-11)
    found = openem.extract(tmp_path)
    assert at(found, "acquisition.dose_per_movie") == pytest.approx(28.5, abs=0.05)
    write_images(tmp_path, 1, dose=0, dose_on_camera=0)
    assert at(openem.extract(tmp_path), "acquisition.dose_per_movie") is None


def tiff(path: Path, width: int, height: int, pages: int = 1) -> None:
    import numpy as np
    import tifffile

    page = np.zeros((pages, height, width), np.uint8)
    tifffile.imwrite(path, page, compression="zlib", photometric="minisblack")


def test_gotcha_07_a_preview_is_not_the_movie(tmp_path) -> None:
    k3 = {"detector": "BioQuantum K3", "camera": "EF-CCD", "fractionation": None}
    (path,) = write_images(tmp_path, 1, width=2880, height=2046, binning=2, pixel=1.056e-10, **k3)
    preview = openem.extract(tmp_path)
    assert at(preview, "acquisition.image_size.width") == 2880
    assert "maybe-preview" in codes(preview)
    tiff(path.with_name(f"{path.stem}_fractions.tiff"), 5760, 4092)
    found = openem.extract(tmp_path)
    assert oscem.get_at(found.document, "acquisition.image_size") == {"width": 5760, "height": 4092}
    assert at(found, "acquisition.pixel_size") == pytest.approx(0.528)
    assert oscem.get_at(found.document, "acquisition.binning_camera") == {"width": 1, "height": 1}
    assert at(found, "acquisition.detectors[0].mode") == "counting"
    assert at(found, "acquisition.images_generated") == 1
    assert "preview" in codes(found)
    assert "disagree" not in codes(found)


def test_gotcha_07_super_resolution_is_told_by_the_pixels(tmp_path) -> None:
    k3 = {"detector": "BioQuantum K3", "camera": "EF-CCD", "fractionation": None}
    (path,) = write_images(tmp_path, 1, width=5760, height=4092, pixel=1.056e-10, **k3)
    tiff(path.with_name(f"{path.stem}_fractions.tiff"), 11520, 8184)
    found = openem.extract(tmp_path)
    assert at(found, "acquisition.pixel_size") == pytest.approx(0.528)
    assert oscem.get_at(found.document, "acquisition.binning_camera") == {"width": 1, "height": 1}
    assert at(found, "acquisition.detectors[0].mode") == "super-resolution"
    assert "super-resolution" in codes(found)
    assert not found.problems


@pytest.mark.parametrize("factor", [1, 2])
def test_gotcha_08_a_factor_alone_is_no_super_resolution(tmp_path, factor) -> None:
    write_images(tmp_path, 1, super_resolution=factor)
    assert at(openem.extract(tmp_path), "acquisition.detectors[0].mode") == "counting"
    write_images(tmp_path, 1, super_resolution=factor, counting="false")
    assert at(openem.extract(tmp_path), "acquisition.detectors[0].mode") == "integrating"


def test_gotcha_09_eer_has_no_number_of_fractions(tmp_path) -> None:
    write_images(tmp_path, 1)
    found = openem.extract(tmp_path)
    assert "eer" in codes(found)
    assert at(found, "acquisition.frames_per_movie") is None
    write_images(tmp_path, 1, fractionation="VaridistantFractionation", fractions=40)
    assert at(openem.extract(tmp_path), "acquisition.frames_per_movie") == 40


def test_gotcha_10_where_the_lens_stood_is_no_defocus(tmp_path) -> None:
    write_images(tmp_path, 2, defocus=-2e-6, lens=1.0e-6)
    found = openem.extract(tmp_path)
    assert at(found, "acquisition.nominal_defocus.minimal") == -2000  # underfocus is negative
    assert at(found, "acquisition.calibrated_defocus") is None
    assert "lens-defocus" in codes(found)


def test_gotcha_11_one_defocus_is_both_ends_and_a_list_is_a_range(tmp_path) -> None:
    write_images(tmp_path, 1, defocus=-1.2e-6)
    found = openem.extract(tmp_path)
    ends = [at(found, f"acquisition.nominal_defocus.{end}") for end in ("minimal", "maximal")]
    assert ends == [-1200, -1200]
    planned = session_xml(defocus=("−8E-07", "–1.2E-06", "-1E-06"))
    (reading,) = epu.read_epu(Path("EpuSession.dm"), data=planned.encode())
    assert reading.values["defocus_planned_min"] == pytest.approx(-1200)
    assert reading.values["defocus_planned_max"] == pytest.approx(-800)


def test_gotcha_12_times_with_seven_digits_zones_and_clock_changes(tmp_path) -> None:
    times = [
        "2025-10-26T02:30:00.1234567+01:00",  # after the clocks went back
        "2025-10-26T02:45:00.7654321+02:00",  # three quarters of an hour earlier
        "2025-10-26T01:50:00Z",
    ]
    write_images(tmp_path, 3, time=times)
    found = openem.extract(tmp_path)
    assert at(found, "acquisition.date_time") == times[1]
    assert not found.problems
    known = Times()
    for text in ("2024-12-31T23:59:59.9999999+01:00", "2025-01-01T00:00:01+01:00"):
        known.add(text, "a")
    assert known.earliest[True][1].startswith("2024")


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("2025-03-01T10:00:00.1234567Z", "2025-03-01T10:00:00.1234567Z"),
        ("2025-03-01 10:00:00+0100", "2025-03-01T10:00:00+01:00"),
        ("2025-03-01T10:00+01:00", "2025-03-01T10:00:00+01:00"),
        ("0001-01-01T00:00:00+14:00", "0001-01-01T00:00:00+14:00"),
        ("2025-13-45T99:99:99+01:00", None),
    ],
)
def test_gotcha_12_times_are_written_as_the_schema_wants_them(tmp_path, text, written) -> None:
    write_images(tmp_path, 1, time=text)
    found = openem.extract(tmp_path)
    assert at(found, "acquisition.date_time") == written
    assert bool(found.problems) is (written is None)


@pytest.mark.parametrize(
    ("local", "zoned", "code"),
    [
        ("03-May-23  13:28:10", "2023-05-03T13:28:10+02:00", ""),
        ("03-Jan-2023  13:28:10", "2023-01-03T13:28:10+01:00", ""),
        ("29-Oct-2023  02:30:00", "2023-10-29T02:30:00+02:00", "clock-change"),
    ],
)
def test_gotcha_12_local_time_needs_a_zone(tmp_path, local, zoned, code) -> None:
    (tmp_path / "a.mdoc").write_text(
        f"T = SerialEM: here\n\n[FrameSet = 0]\nDateTime = {local}\nPixelSpacing = 1\n"
    )
    without = openem.extract(tmp_path)
    assert "zone-unknown" in codes(without)
    (asked,) = [one for one in without.missing if one.path == "acquisition.date_time"]
    assert "local time" in asked.why
    found = openem.extract(tmp_path, time_zone="Europe/Zurich")
    assert at(found, "acquisition.date_time") == zoned
    assert not code or code in codes(found)
    known = Instrument(serial="any", time_zone="Europe/Zurich")
    assert at(openem.extract(tmp_path, instruments=known), "acquisition.date_time") == zoned


def test_gotcha_20_units_have_one_spelling(tmp_path) -> None:
    write_images(tmp_path, 1)
    found = openem.extract(tmp_path)
    for path, value in oscem.paths(found.document):
        if isinstance(value, dict) and "unit" in value:
            assert unicodedata.is_normalized("NFC", value["unit"]), path
            assert oscem.units.find(value["unit"]).symbol == value["unit"], path
    assert found.document["acquisition"]["pixel_size"]["unit"] == "\u00c5"


def test_gotcha_21_a_serial_number_is_told_to_be_one(tmp_path) -> None:
    write_images(tmp_path, 1, software="Fei EPU", version="1.0.2.24")
    found = openem.extract(tmp_path)
    assert at(found, "instrument.microscope.model") == "TITAN00000001"
    assert "model-is-serial" in codes(found)
    assert at(found, "acquisition.microscope_software") == "EPU"  # its version is another one's


def test_gotcha_22_shifts_are_as_written_and_the_stage_in_radians(tmp_path) -> None:
    write_images(tmp_path, 2, beam_shift=[(0.24, -0.1), (-0.24, 0.1)], tilt=0.5235987755982988)
    found = openem.extract(tmp_path)
    box = found.document["acquisition"]["beamshift"]
    assert [box[key]["value"] for key in ("x_min", "x_max", "y_min", "y_max")] == [
        *(-0.24, 0.24, -0.1, 0.1)
    ]
    assert "shift-units" in codes(found)
    assert image(image_xml(tilt=0.5235987755982988)).values["stage_tilt"] == pytest.approx(30)


def test_gotcha_24_a_gain_flip_belongs_to_a_format(tmp_path) -> None:
    known = Instrument(serial="TITAN00000001", gain_flip_rotate={"eer": "flip x", "tiff": "none"})
    write_images(tmp_path, 1)
    found = openem.extract(tmp_path, instruments=known)
    assert at(found, "acquisition.gainref_flip_rotate") == "flip x"
    write_images(tmp_path, 1, fractionation="EquidistantFractionation", fractions=40)
    found = openem.extract(tmp_path, instruments=known)
    assert at(found, "acquisition.gainref_flip_rotate") is None  # the format is not known
    (reading,) = epu.read_epu(Path("EpuSession.dm"), data=session_xml().encode())
    assert reading.values["output_format"] == "Gain normalized"


def test_gotcha_25_slit_out_no_aperture_and_a_plate_without_type(tmp_path) -> None:
    write_images(tmp_path, 1, slit="false", slit_width=20, c2="None", phase_plate="true")
    known = Instrument(serial="TITAN00000001", c2_aperture=50.0)
    found = openem.extract(tmp_path, instruments=known)
    assert at(found, "acquisition.energy_filter.used") is False
    assert at(found, "acquisition.energy_filter.width_energy_filter") == 20
    assert at(found, "instrument.c2_aperture") is None  # the files say that there was none
    assert at(found, "acquisition.specialist_optics") is None
    assert {"slit-out", "phase-plate"} <= codes(found)
    assert not found.problems
