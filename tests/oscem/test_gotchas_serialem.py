"""What surprises in real mdoc files, by the numbers of the list of such surprises."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from _header_files import FRAME_SET, TILT_HEADER, tilt_series

from openem_nb.formats.mdoc import parse, parse_titles
from openem_nb.oscem.readers.serialem import read_serialem

if TYPE_CHECKING:
    from openem_nb.oscem.readers._reading import Reading


def read(text: str | bytes) -> tuple[Reading, ...]:
    return read_serialem(Path("a.mdoc"), data=text.encode() if isinstance(text, str) else text)


def image(**changes: str) -> Reading:
    text = FRAME_SET
    for key, value in changes.items():
        lines = [line for line in text.splitlines() if not line.startswith(f"{key} =")]
        text = "\n".join([*lines, f"{key} = {value}"]) + "\n"
    return read(text)[0]


def test_gotcha_06_a_dose_of_zero_is_unknown() -> None:
    unknown = image(ExposureDose="0", FrameDosesAndNumber="0 7  0 3")
    assert "dose" not in unknown.values
    assert [one.code for one in unknown.findings] == ["dose-unknown"]
    from_frames = image(ExposureDose="0", FrameDosesAndNumber="0.5 7  1.5 3")
    assert from_frames.values["dose"] == 8.0
    assert "FrameDosesAndNumber" in from_frames.rules["dose"]
    assert image().values["dose"] == 39.2291


def test_gotcha_06_doses_that_vary_are_kept_apart() -> None:
    first, second = (
        one.values["dose"]
        for one in read(
            tilt_series([0.0, 3.0]).replace("ExposureDose = 3.08367", "ExposureDose = 6", 1)
        )[1:]
    )
    assert (first, second) == (6.0, 3.08367)


def test_gotcha_07_a_binning_of_a_half_is_super_resolution() -> None:
    finer = image(Binning="0.5")
    assert finer.values["binning_x"] == 0.5
    assert finer.values["super_resolution"] is True
    assert "super_resolution" not in image(Binning="1").values
    assert "binning_x" not in image(Binning="0").values


def test_gotcha_10_defocus_that_the_microscope_shows_is_not_taken_when_it_was_reset() -> None:
    reset = image(Defocus="5.77443", TargetDefocus="-3.5")
    assert "defocus_measured" not in reset.values
    assert reset.values["defocus_nominal"] == -3500.0
    assert [one.code for one in reset.findings] == ["defocus-reset"]
    fitted = image(Defocus="5.77443", TargetDefocus="-3.5", CtfFind="-3.42")
    assert fitted.values["defocus_measured"] == -3420.0
    near = image(Defocus="-3.4", TargetDefocus="-3.5")
    assert near.values["defocus_measured"] == -3400.0


def test_gotcha_10_one_tilt_that_is_off_puts_all_of_its_series_in_doubt() -> None:
    text = tilt_series([0.0, 3.0, 6.0]).replace("Defocus = -3.41", "Defocus = 5.8", 1)
    whole, *tilts = read(text)
    assert all("defocus_measured" not in one.values for one in tilts)
    assert [one.code for one in whole.findings] == ["defocus-reset"]
    _, *tilts = read(tilt_series([0.0, 3.0]))
    assert [one.values["defocus_measured"] for one in tilts] == [-3410.0] * 2


def test_gotcha_12_times_have_no_zone() -> None:
    time = str(image().values["time"])
    assert time == "2023-09-25T17:52:42"
    assert not time.endswith("Z")


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("03-May-23  13:59:32", "2023-05-03T13:59:32"),
        ("01-Aug-2022  18:58:31", "2022-08-01T18:58:31"),
        ("30-Sep-2025  14:55:42", "2025-09-30T14:55:42"),
        ("03-May-23 13:59:32   ", "2023-05-03T13:59:32"),
        ("2023-May-03  13:59:32", "2023-05-03T13:59:32"),
    ],
)
def test_gotcha_13_dates_in_all_forms(written: str, read_as: str) -> None:
    assert image(DateTime=written).values["time"] == read_as


def test_gotcha_13_months_are_english_in_every_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    import locale

    for name in ("de_DE.UTF-8", "fr_FR.UTF-8"):
        try:
            locale.setlocale(locale.LC_TIME, name)
        except locale.Error:
            monkeypatch.setattr("time.strptime", None)  # whoever parses with it fails here
        assert image(DateTime="01-Dec-23  01:02:03").values["time"] == "2023-12-01T01:02:03"
    locale.setlocale(locale.LC_TIME, "C")


@pytest.mark.parametrize(
    ("titles", "writer", "version", "axis"),
    [
        (
            (
                "[T = SerialEM: Ours on Krios   03-May-23  13:59:32  ]\n\n"
                "[T =     Tilt axis angle = 84.3, binning = 1  spot = 6  camera = 0 bidir = -10.0]"
            ),
            "SerialEM",
            "",
            84.3,
        ),
        (
            (
                "[T = Tomography: TITAN52337740    30-Sep-2025  14:55:42]\n\n"
                "[T =   TiltAxisAngle = -175.84  Binning = 2  SpotSize = 6]"
            ),
            "Tomography",
            "",
            -175.84,
        ),
        (
            (
                "T = Tomography_5.24.0.10938: TITAN52337740    07-Jan-2026  18:19:19]\n\n"
                "[T =   TiltAxisAngle = -175.84  Binning = 2  SpotSize = 6]"
            ),
            "Tomography",
            "5.24.0.10938",
            -175.84,
        ),
        ("T = SerialEM: Ours on Krios   25-Sep-23  13:01:47    ", "SerialEM", "", None),
        (
            (
                "[T = SerialEM: Ours on Krios   03-May-23  13:59:32  ]\n\n"
                "[T =     Tilt axis angle = 84.3, binning = 1\n   spot = 6  camera = 0 dosym = 0.0]"
            ),
            "SerialEM",
            "",
            84.3,
        ),
    ],
)
def test_gotcha_14_titles_in_all_forms(
    titles: str, writer: str, version: str, axis: float | None
) -> None:
    mdoc = parse(f"Voltage = 300\n{titles}\nImageSize = 4 5\n\n[ZValue = 0]\nTiltAngle = 3\n")
    found = parse_titles(mdoc.titles)
    assert (found.writer, found.version, found.axis) == (writer, version, axis)
    assert mdoc.header == {"Voltage": "300", "ImageSize": "4 5"}
    assert len(mdoc.sections) == 1


def test_gotcha_14_the_title_of_tomography_holds_the_serial_number() -> None:
    text = tilt_series([0.0]).replace(
        TILT_HEADER, "T = Tomography_5.24.0.10938: TITAN52337740    07-Jan-2026  18:19:19]\n"
    )
    whole = read(text)[0]
    assert whole.values["serial"] == "TITAN52337740"
    assert whole.values["software"] == "Tomography"
    assert whole.values["software_version"] == "5.24.0.10938"


def test_gotcha_14_a_title_that_is_never_closed_takes_no_key_with_it() -> None:
    mdoc = parse("[T = SerialEM: without an end\nVoltage = 300\n\n[ZValue = 0]\nTiltAngle = 3\n")
    assert mdoc.header == {"Voltage": "300"}


def test_gotcha_14_the_version_of_serialem() -> None:
    text = "Version = SerialEM Version 4.0.6 64-bit,  built Apr 30 2022  23:07:13\n" + FRAME_SET
    assert read(text)[0].values["software_version"] == "4.0.6"


def test_gotcha_15_a_frame_tilt_series_has_its_own_doses() -> None:
    below = "".join(
        f"\n[ZValue = {i}]\nTiltAngle = {3 * i}\nFrameTSStartEndFrames = {22 * i} {22 * i + 12}\n"
        f"PriorRecordDose = {7.5 * i}\nExposureDose = 7.5\n"
        for i in range(4)
    )
    whole, *tilts = read(FRAME_SET + below)
    assert whole.kind == "tilt series"
    assert "dose" not in whole.values  # it is the sum over all tilts
    assert whole.extra["total dose"] == 39.2291
    assert [one.values["dose"] for one in tilts] == [7.5] * 4
    assert [one.values["tilt_angle"] for one in tilts] == [0, 3, 6, 9]


def test_gotcha_15_a_section_of_a_whole_montage_is_no_image() -> None:
    text = tilt_series([0.0, 3.0]) + "\n[MontSection = 0]\nPixelSpacing = 9\n"
    assert [one.kind for one in read(text)] == ["tilt series", "tilt", "tilt"]


def test_gotcha_16_tilts_come_as_the_file_has_them_with_their_times() -> None:
    _, *tilts = read(tilt_series([0.0, 3.0, -3.0, 6.0, -6.0]))
    assert [one.values["tilt_angle"] for one in tilts] == [-6, -3, 0, 3, 6]
    in_time = sorted(tilts, key=lambda one: str(one.values["time"]))
    assert [one.values["tilt_angle"] for one in in_time] == [0, 3, -3, 6, -6]


def test_gotcha_17_values_that_are_none() -> None:
    odd = image(
        ChannelName="",
        CountsPerElectron="NaN",
        ExposureTime="inf",
        PixelSpacing="NaN",
        ImageShift="1.04811e-005 -2e-004",
        UncroppedSize="-4096 -4096",
        FilterSlitAndLoss="20",
        NumSubFrames="0",
    )
    assert odd.values["image_shift_x"] == 1.04811e-05
    for name in ("exposure", "pixel_size", "slit_used", "frames", "width", "height"):
        assert name not in odd.values
    assert "CountsPerElectron" not in odd.extra


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (r"X:\Users\BioEM\Jane Doe\raw\a b_-67.0.tif", "a b_-67.0.tif"),
        (r"\\192.168.10.81\Server\Off\\Tem\EF-Falcon\chrom_-0.0.mrc", "chrom_-0.0.mrc"),
        ("./CA1_G1_64kx_ts_28_011_35.0.eer", "CA1_G1_64kx_ts_28_011_35.0.eer"),
        (r"\\192.168.12.2\DoseFractions\~_fractions.tiff", "~_fractions.tiff"),
    ],
)
def test_gotcha_18_paths_lose_their_folders(path: str, name: str) -> None:
    reading = image(SubFramePath=path)
    assert reading.values["movie"] == name
    everything = str((reading.values, reading.extra, reading.findings))
    assert "Jane" not in everything
    assert "192.168" not in everything


def test_gotcha_19_line_ends_codings_and_repeated_keys() -> None:
    plain = read(FRAME_SET)[0]
    assert read(FRAME_SET.replace("\n", "\r\n"))[0] == plain
    assert read(FRAME_SET.replace("\n", "\r"))[0] == plain
    assert read(b"\xef\xbb\xbf" + FRAME_SET.encode())[0] == plain
    latin = FRAME_SET.replace("microscope of ours", "Mikroskop in Zürich")
    assert read(latin.encode("latin-1"))[0].extra["title"] == "A Mikroskop in Zürich"
    assert read(latin)[0].extra["title"] == "A Mikroskop in Zürich"
    assert read(FRAME_SET + "PixelSpacing = 1.5\n")[0].values["pixel_size"] == 1.5


def test_gotcha_23_a_tilt_axis_stands_in_the_title_and_not_in_the_rotation() -> None:
    assert read(tilt_series([0.0, 3.0]))[0].values["tilt_axis"] == 84.3
    tomo = tilt_series([0.0]).replace(
        TILT_HEADER,
        "[T = Tomography: TITAN52337740]\n\n[T =   TiltAxisAngle = -175.84  Binning = 2]\n",
    )
    assert read(tomo)[0].values["tilt_axis"] == -175.84


def test_gotcha_25_a_slit_of_zero_is_no_slit() -> None:
    none = image(FilterSlitAndLoss="0 0")
    assert none.values["slit_used"] is False
    assert "slit_width" not in none.values
    slit = image(FilterSlitAndLoss="20.00 0.00 ")
    assert slit.values["slit_used"] is True
    assert slit.values["slit_width"] == 20.0


def test_one_section_is_enough_for_the_slit_the_software_and_the_date() -> None:
    reading = image(FilterSlitAndLoss="10 0")
    assert reading.values["slit_width"] == 10.0
    assert reading.values["software"] == "SerialEM"
    assert reading.values["time"] == "2023-09-25T17:52:42"


def test_names_of_cameras_come_from_the_keys_that_a_script_writes() -> None:
    assert image().values["camera"] == "Camera0"
    assert "detector" not in image().values
    assert image(Camera0="K2 Summit", Camera1="Ceta").values["detector"] == "K2 Summit"
    assert read("Camera0 = K2 Summit\n" + FRAME_SET)[0].values["detector"] == "K2 Summit"
