"""What surprises in files of materials science, by the numbers of the list of such surprises."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from _header_files import prz, prz_metadata, velox, velox_metadata

from openem_nb.oscem.readers.prz import read_prz
from openem_nb.oscem.readers.velox import read_velox

if TYPE_CHECKING:
    import pytest

    from openem_nb.oscem.readers._reading import Reading


def signal(**changes: Any) -> Reading:
    meta = velox_metadata()
    for group, values in changes.items():
        meta[group] = {**meta.get(group, {}), **values} if values is not None else {}
    (reading,) = read_velox(Path("a.emd"), data=velox(("Image", meta)))
    return reading


def test_gotcha_21_the_serial_number_is_no_model() -> None:
    assert signal().values["model"] == "Titan Themis"
    assert signal().values["serial"] == "TITAN52335100"
    named = signal(Instrument={"InstrumentClass": "Titan", "InstrumentModel": "Titan Krios G4"})
    assert named.values["model"] == "Titan Krios G4"
    assert "serial" not in signal(Instrument={"ComputerName": "microscope-pc"}).values


def test_gotcha_22_the_tilt_of_the_stage_is_in_radians() -> None:
    assert (
        round(float(signal(Stage={"AlphaTilt": "0.5235987755982988"}).values["stage_tilt"]), 9)
        == 30
    )


def test_gotcha_25_an_aperture_may_be_none() -> None:
    none = signal(CustomProperties={"Aperture[C2].Name": {"type": "string", "value": "None"}})
    assert "c2_aperture" not in none.values
    listed = signal(
        CustomProperties={"Aperture[C2].Name": {"value": "None"}},
        Optics={
            "Apertures": {"Aperture-1": {"Name": "C2", "Type": "Circular", "Diameter": "7e-05"}}
        },
    )
    assert listed.values["c2_aperture"] == 70.0
    assert signal().values["c2_aperture"] == 70.0


def test_gotcha_26_the_start_is_in_utc_whatever_the_clock_on_the_wall(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import time

    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert signal().values["time"] == "2023-06-23T08:48:51+00:00"
    finally:
        monkeypatch.undo()
        time.tzset()
    unknown = signal(Acquisition={"AcquisitionStartDatetime": {"DateTime": "0"}})
    assert "time" not in unknown.values


def test_gotcha_26_each_signal_has_its_own_metadata() -> None:
    spectrum = velox_metadata()
    spectrum["BinaryResult"]["Detector"] = "SuperXG1"
    spectrum["Detectors"]["Detector-5"] = {
        "DetectorName": "SuperXG1",
        "DetectorType": "AnalyticalDetector",
        "Dispersion": "10",
        "Enabled": "true",
    }
    data = velox(("Image", velox_metadata()), ("Spectrum", spectrum))
    first, second = read_velox(Path("a.emd"), data=data)
    assert first.values["detector"] == "HAADF"
    assert second.values["detector"] == "SuperXG1"
    assert second.values["dispersion"] == 10.0
    assert "width" not in second.values
    assert "imaging" not in second.values


def test_gotcha_26_nothing_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    signal()
    read_prz(Path("a.prz"), data=prz(prz_metadata()))
    assert capsys.readouterr() == ("", "")


def test_the_current_of_the_screen_is_converted_from_ampere() -> None:
    last = signal(Optics={"ScreenCurrent": "", "LastMeasuredScreenCurrent": "1.7e-09"})
    assert last.values["screen_current"] == 1.7
    now = signal(Optics={"ScreenCurrent": "2.5e-10", "LastMeasuredScreenCurrent": "1.7e-09"})
    assert now.values["screen_current"] == 0.25


def test_a_detector_that_is_merely_there_is_not_reported() -> None:
    reading = signal(BinaryResult={"Detector": ""})
    assert reading.values["detector"] == "HAADF"  # the only one that is enabled and inserted
    meta = velox_metadata()
    meta["BinaryResult"]["Detector"] = ""
    meta["Detectors"]["Detector-4"]["Inserted"] = "false"
    (none,) = read_velox(Path("a.emd"), data=velox(("Image", meta)))
    for name in ("detector", "collection_angle_max", "detector_mode"):
        assert name not in none.values


def test_a_file_without_a_binary_result_is_read() -> None:
    reading = signal(BinaryResult=None)
    assert reading.values["voltage"] == 300.0
    assert "pixel_size" not in reading.values


def test_empty_texts_are_left_out_and_not_zero() -> None:
    empty = signal(
        Optics={"BeamConvergence": "", "Defocus": "", "AccelerationVoltage": ""},
        Scan={"FrameTime": ""},
        CustomProperties={"StemMagnification": {"value": ""}},
        Sample={"SampleId": "", "SampleDescription": ""},
    )
    for name in (
        "beam_convergence",
        "defocus_nominal",
        "voltage",
        "exposure",
        "magnification",
        "sample_name",
        "sample_description",
    ):
        assert name not in empty.values
    assert all(value != "" for value in empty.values.values())


def test_the_size_is_that_of_the_data_and_not_of_the_scan_as_planned() -> None:
    reading = signal(Scan={"ScanSize": {"width": "2048", "height": "2048"}})
    assert (reading.values["width"], reading.values["height"]) == (32, 24)


def test_a_reciprocal_pixel_is_no_pixel_size() -> None:
    reading = signal(BinaryResult={"PixelUnitX": "1/m"})
    assert "pixel_size" not in reading.values


def test_imaging_is_a_mode_and_not_the_name_of_a_detector() -> None:
    assert signal().values["imaging"] == "DarkField"
    for name, mode in (("BF", "BrightField"), ("DF4", "DarkField"), ("SuperXG1", None)):
        reading = signal(BinaryResult={"Detector": name})
        assert reading.values.get("imaging") == mode


def test_prz_sizes_are_not_swapped_and_the_sensor_is_no_pixel() -> None:
    (reading,) = read_prz(Path("a.prz"), data=prz(prz_metadata(), (5, 7, 11)))
    assert (reading.values["width"], reading.values["height"]) == (7, 5)
    assert round(float(reading.values["pixel_size"]), 4) == 137.0614  # and not 750000
