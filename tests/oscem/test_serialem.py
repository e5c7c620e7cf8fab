"""mdoc files of SerialEM and of Tomography, and the order of a tilt series."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _header_files import FRAME_SET, TILT_HEADER, tilt_series

from openem_nb.formats.mdoc import parse, stamp
from openem_nb.oscem.readers._reading import QUANTITIES
from openem_nb.oscem.readers._tilts import distinct_angles, tilt_scheme, tilt_step
from openem_nb.oscem.readers.serialem import SUPPLIES, read_serialem, read_settings

if TYPE_CHECKING:
    from openem_nb.oscem.readers._reading import Reading

BIDIRECTIONAL = [
    -10.0,
    *(float(a) for a in range(-7, 60, 3)),
    *(float(a) for a in range(-13, -62, -3)),
]


def read(text: str, name: str = "a.mrc.mdoc") -> tuple[Reading, ...]:
    return read_serialem(Path(name), data=text.encode())


def test_a_frame_set_is_one_image_in_our_units() -> None:
    (reading,) = read(FRAME_SET)
    assert reading.kind == "image"
    assert reading.findings == ()
    assert dict(reading.values) == {
        "voltage": 300.0,
        "software": "SerialEM",
        "pixel_size": 0.82,
        "magnification": 165000,
        "defocus_nominal": -2000.0,
        "defocus_measured": -2053.21,
        "exposure": 3.0,
        "frames": 40,
        "image_shift_x": 1.52034,
        "image_shift_y": -4.81549,
        "time": "2023-09-25T17:52:42",
        "movie": "a_0025.tif",
        "slit_used": False,
        "binning_x": 1,
        "binning_y": 1,
        "camera": "Camera0",
        "dose": 39.2291,
        "gain_reference": "CountRef_a.dm4",
        "stage_tilt": -0.000999877,
    }
    assert reading.extra["title"] == "A microscope of ours"


def test_a_tilt_series_is_a_header_and_one_reading_for_each_tilt() -> None:
    whole, *tilts = read(tilt_series(BIDIRECTIONAL))
    assert whole.kind == "tilt series"
    assert whole.values["tilt_axis"] == 84.3
    assert (whole.values["width"], whole.values["height"]) == (3708, 3838)
    assert whole.extra["scheme"] == "bidir"
    assert whole.extra["start"] == -10.0
    assert whole.extra["images"] == len(tilts) == len(BIDIRECTIONAL)
    assert {one.kind for one in tilts} == {"tilt"}
    assert [one.values["tilt_angle"] for one in tilts] == sorted(BIDIRECTIONAL)
    assert tilts[0].values["dose"] == 3.08367
    assert tilts[3].extra["section"] == "3"
    assert "stage_tilt" not in tilts[0].values


def test_values_have_names_of_quantities_that_the_reader_promises() -> None:
    texts = [FRAME_SET, tilt_series(BIDIRECTIONAL)]
    names = {name for text in texts for reading in read(text) for name in reading.values}
    assert names <= SUPPLIES <= set(QUANTITIES)
    assert all(set(one.values) <= set(one.tags) for text in texts for one in read(text))


def test_every_promised_quantity_is_given_by_some_file() -> None:
    full = FRAME_SET + (
        "OpticalGroup = 3\nPhasePlateInserted = 1\nCtfFind = -1.9\nBeamshift = 0.1 0.2\n"
        "BeamTilt = 0.3 0.4\nCs = 2.7\nSource = FEG\nDarkField = 0\nEMmode = 2\nCamera0 = K3\n"
        "FilterSlitAndLoss = 20 0\nBinning = 0.5\nPriorRecordDose = 3\n"
    )
    tomo = "T = Tomography_5.24.0.10938: TITAN52337740    07-Jan-2026  18:19:19]\n\n" + tilt_series(
        [0.0, 3.0]
    ).replace(TILT_HEADER, "ImageSize = 10 20\n\n[T =   TiltAxisAngle = -175.84  Binning = 2]\n")
    given = {name for text in (full, tomo) for one in read(text) for name in one.values}
    assert given == SUPPLIES


def test_a_montage_is_one_reading_and_a_search_area_an_overview() -> None:
    section = (
        "[ZValue = {}]\nPieceCoordinates = 0 {} 0\nTiltAngle = 0\nMagnification = 2250\n"
        "PixelSpacing = 76.8\nLowDoseConSet = {}\nExposureDose = 0\n\n"
    )
    header = "Montage = 1\nImageSize = 100 200\n\n"
    for area, kind in (("-8", "montage"), ("1", "overview"), ("4", "montage")):
        text = header + "".join(section.format(i, 100 * i, area) for i in range(3))
        (reading,) = read(text)
        assert reading.kind == kind
        assert reading.extra["pieces"] == 3
        assert "dose" not in reading.values


def test_images_at_one_angle_in_one_stack_are_no_tilt_series() -> None:
    text = tilt_series([0.0, 0.01, 0.02], header="PixelSpacing = 1\n\n")
    assert [one.kind for one in read(text)] == ["image"] * 3
    one_more = tilt_series([0.0, 3.0], header="PixelSpacing = 1\n\n")
    assert [one.kind for one in read(one_more)] == ["tilt series", "tilt", "tilt"]


@pytest.mark.parametrize(
    ("content", "code"),
    [(b"", "empty"), (b"\0\0\0", "empty"), (b"%PDF-1.4 nothing of ours\n", "damaged")],
)
def test_what_is_no_mdoc_is_a_finding(content: bytes, code: str) -> None:
    (reading,) = read_serialem(Path("a.mdoc"), data=content)
    assert [one.code for one in reading.findings] == [code]
    assert not reading.values


def test_a_missing_file_is_a_finding(tmp_path: Path) -> None:
    (reading,) = read_serialem(tmp_path / "gone.mdoc")
    assert [one.code for one in reading.findings] == ["unreadable"]


def test_a_file_that_breaks_off_does_not_give_half_a_number() -> None:
    whole = FRAME_SET.replace("ExposureTime = 3\n", "")
    cut = whole[: whole.index("PixelSpacing = 0.82") + len("PixelSpacing = 0.8")]
    (reading,) = read(cut)
    assert [one.code for one in reading.findings] == ["truncated"]
    assert "pixel_size" not in reading.values
    assert reading.values["dose"] == 39.2291


def test_a_file_is_read_the_same_from_disk_and_from_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.mdoc"
    path.write_bytes(FRAME_SET.encode())
    assert read_serialem(path) == read_serialem(path, data=path.read_bytes())


def test_the_fast_way_through_a_section_reads_what_the_slow_one_does() -> None:
    odd = "[ZValue = 0]\nA = 1\nB =2\nnonsense\nC = x = y\n= 5\n# D = 7\nE = \n"
    assert parse(odd).sections[0].values == {"A": "1", "B": "2", "C": "x = y", "E": ""}
    even = (
        "[ZValue = 0]\nA = 1\nB = 2\n\n[ZValue = 1]\nA = 3\nB = 4\n\n[ZValue = 2]\nB = 5\nA = 6\n"
    )
    assert [one.values for one in parse(even).sections] == [
        {"A": "1", "B": "2"},
        {"A": "3", "B": "4"},
        {"B": "5", "A": "6"},
    ]


def test_settings_of_serialem_give_the_aberration_and_the_names_of_cameras() -> None:
    text = (
        "SerialEMProperties\nSphericalAberration 2.7  # mm\nCameraProperties 0\nName  Ceta\n"
        "SphericalAberration 9\nEndCameraProperties\nCameraProperties 1\nName K3 GIF\n"
        "EndCameraProperties\nName nothing\n"
    )
    (reading,) = read_settings(Path("SerialEMproperties.txt"), data=text.encode())
    assert dict(reading.values) == {"software": "SerialEM", "cs": 2.7}
    assert dict(reading.extra) == {"Camera0": "Ceta", "Camera1": "K3 GIF"}


# Order and step of a tilt series


def dose_symmetric(group: int = 1) -> list[float]:
    angles, side, done = [0.0], 1, {1: 0, -1: 0}
    while min(done.values()) < 20:
        for _ in range(group):
            done[side] += 1
            angles.append(3.0 * side * done[side])
        side = -side
    return angles


@pytest.mark.parametrize(
    ("angles", "scheme"),
    [
        ([3.0 * i for i in range(-20, 21)], "unidirectional"),
        ([-3.0 * i for i in range(-20, 21)], "unidirectional"),
        (BIDIRECTIONAL, "bidirectional"),
        ([-10.0, *BIDIRECTIONAL], "bidirectional"),
        (dose_symmetric(1), "dose-symmetric"),
        (dose_symmetric(2), "dose-symmetric"),
        (dose_symmetric(4), "dose-symmetric"),
        ([0.0, 30.0, 3.0, 27.0, -9.0, 12.0, -3.0, 6.0], "irregular"),
    ],
)
def test_the_scheme_of_a_tilt_series(angles: list[float], scheme: str) -> None:
    noisy = [angle + 0.01 * (-1) ** place for place, angle in enumerate(angles)]
    found, step = tilt_scheme(noisy)
    assert found == scheme
    assert step == pytest.approx(3.0, abs=0.03)


def test_the_step_is_the_median_of_differences_and_not_of_the_range() -> None:
    assert tilt_step([-60 + 3 * i for i in range(41)]) == 3.0
    assert tilt_step([0, 3, 6, 12, 15]) == 3.0  # one is missing
    assert tilt_step([0, 3, 3.02, 6, 9]) == 3.0  # one was taken twice
    assert tilt_step([33.0, 33.0, 33.01]) is None
    assert distinct_angles([3.0, 0.0, 3.05]) == (0.0, 3.0)
    assert tilt_scheme([]) == ("irregular", None)


def test_dates_that_no_calendar_has_are_left_out() -> None:
    assert stamp("29-Feb-24  13:59:32") == "2024-02-29T13:59:32"
    for nonsense in ("29-Feb-23  13:59:32", "31-Apr-23  01:01:01", "03-Mai-23  13:59:32", "0", ""):
        assert stamp(nonsense) == ""
    assert stamp("03-May-23  24:00:00") == ""


# Real files


@pytest.mark.parametrize(
    ("name", "tilts", "first", "last", "dose", "prior"),
    [
        ("TS_41", 40, "2023-05-03T13:28:10", "2023-05-03T13:59:32", 123.35, 132.84),
        ("TS_42", 36, "2023-05-03T14:05:19", "2023-05-03T14:32:23", 111.01, 115.76),
    ],
)
def test_truth_of_the_real_tilt_series(
    samples: Path, name: str, tilts: int, first: str, last: str, dose: float, prior: float
) -> None:
    path = samples / "mdoc" / "lsreader" / "mdocs" / f"{name}.mrc.mdoc"
    whole, *images = read_serialem(path)
    assert len(images) == tilts
    in_time: list[Any] = sorted(images, key=lambda one: str(one.values["time"]))
    assert in_time[0].values["time"] == first
    assert in_time[-1].values["time"] == last
    assert {one.values["defocus_nominal"] for one in images} == {-3500.0}
    assert {one.values["dose"] for one in images} == {3.08367}
    assert sum(float(one.values["dose"]) for one in images) == pytest.approx(dose, abs=0.01)
    end = max(float(one.values["prior_dose"]) + float(one.values["dose"]) for one in images)
    assert end == pytest.approx(prior, abs=0.01)
    assert {one.values["frames"] for one in images} == {26}
    assert {one.values["slit_width"] for one in images} == {20.0}
    assert whole.values["pixel_size"] == 2.66
    # the title says "bidir", but what came when shows groups to both sides in turn
    assert whole.extra["scheme"] == "bidir"
    assert tilt_scheme([one.values["tilt_angle"] for one in in_time]) == ("dose-symmetric", 3.0)


def test_truth_of_the_other_real_files(samples: Path) -> None:
    folder = samples / "mdoc"
    whole, *tilts = read_serialem(folder / "mdocfile" / "frame_set_multiple.mdoc")
    assert (whole.kind, len(tilts)) == ("tilt series", 20)
    assert whole.extra["total dose"] == 291.302
    assert tilts[0].values["dose"] == 7.66184
    assert "dose" not in whole.values
    _, *tilts = read_serialem(folder / "mdocfile" / "tilt_series.mdoc")
    angles: list[Any] = [one.values["tilt_angle"] for one in tilts]
    assert (len(tilts), tilt_step(angles)) == (41, 3.0)
    _, *tilts = read_serialem(folder / "murfey" / "test_1.mdoc")
    angles = [one.values["tilt_angle"] for one in tilts]
    assert (len(tilts), tilt_step(angles)) == (11, 3.0)
    for path in sorted(folder.rglob("*.mdoc")):
        for reading in read_serialem(path):
            assert set(reading.values) <= SUPPLIES
            assert all(one.code != "damaged" for one in reading.findings), path


def test_the_oracle_reads_the_same_sections(samples: Path) -> None:
    mdocfile = pytest.importorskip("mdocfile", reason="mdocfile is not installed")
    import warnings

    path = samples / "mdoc" / "lsreader" / "mdocs" / "TS_41.mrc.mdoc"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        table = mdocfile.read(path)
    _, *tilts = read_serialem(path)
    for ours, theirs in (
        ("tilt_angle", "TiltAngle"),
        ("dose", "ExposureDose"),
        ("prior_dose", "PriorRecordDose"),
        ("exposure", "ExposureTime"),
    ):
        assert [one.values[ours] for one in tilts] == pytest.approx(list(table[theirs]))
