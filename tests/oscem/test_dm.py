"""DM3 and DM4 files."""

from __future__ import annotations

import io
import struct
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from _header_files import dm, dm_tree

from openem_nb.formats.dm import Stored, branch, read_tags
from openem_nb.oscem.readers._reading import QUANTITIES, Reading
from openem_nb.oscem.readers.dm import SUPPLIES, read_dm


def read(data: bytes, name: str = "a.dm3") -> tuple[Reading, ...]:
    return read_dm(Path(name), data=data)


def filetime(year: int, month: int, day: int, hour: int = 12) -> float:
    since = datetime(year, month, day, hour) - datetime(1601, 1, 1)  # noqa: DTZ001
    return since.total_seconds() * 1e7


@pytest.mark.parametrize("version", [3, 4])
@pytest.mark.parametrize("little", [True, False])
def test_the_image_and_not_its_thumbnail(version: int, little: bool) -> None:
    (reading,) = read(dm(dm_tree(), version=version, little=little))
    assert reading.kind == "signal"
    assert reading.findings == ()
    assert dict(reading.values) == {
        "binning_x": 2,
        "binning_y": 2,
        "cs": 2.7,
        "detector": "K2 Summit",
        "exposure": 1.5,
        "height": 80,
        "illumination": "TEM NANOPROBE",
        "imaging": "MAG1",
        "magnification": 37000.0,
        "model": "FEI Titan",
        "operating_mode": "IMAGING",
        "pixel_size": 2.1,
        "sample_name": "gold on carbon",
        "software": "DigitalMicrograph",
        "software_version": "3.32.2403.0",
        "stage_tilt": 10.5,
        "voltage": 300.0,
        "width": 100,
    }


def test_a_spectrum_has_a_dispersion_and_no_pixel_size() -> None:
    tree = dm_tree()
    image = tree["ImageList"]["1"]
    image["ImageData"] = {
        "Calibrations": {"Dimension": {"0": {"Scale": 0.05, "Units": "eV"}}},
        "Dimensions": {"0": 2048},
    }
    image["ImageTags"]["EELS"] = {
        "Experimental Conditions": {
            "Collection semi-angle (mrad)": 30.0,
            "Convergence semi-angle (mrad)": 21.4,
        }
    }
    values = read(dm(tree))[0].values
    assert values["dispersion"] == 0.05
    assert values["collection_angle_max"] == 30.0
    assert values["beam_convergence"] == 21.4
    for name in ("pixel_size", "width", "height"):
        assert name not in values


def test_a_diffraction_pattern_has_no_pixel_size() -> None:
    tree = dm_tree()
    for axis in tree["ImageList"]["1"]["ImageData"]["Calibrations"]["Dimension"].values():
        axis["Units"] = "1/nm"
    assert "pixel_size" not in read(dm(tree))[0].values


def test_zeros_and_words_for_nothing_are_left_out() -> None:
    tree = dm_tree()
    info = tree["ImageList"]["1"]["ImageTags"]["Microscope Info"]
    info.update({"Voltage": 0.0, "Cs(mm)": 0.0, "Microscope": "Unknown", "Imaging Mode": ""})
    values = read(dm(tree))[0].values
    for name in ("voltage", "cs", "model", "imaging"):
        assert name not in values


# Dates: gotcha 23


@pytest.mark.parametrize(
    ("date", "clock", "expected"),
    [
        ("25/12/2019", "15:04:05", "2019-12-25T15:04:05"),
        ("12/25/2019", "3:04:05 PM", "2019-12-25T15:04:05"),
        ("25.12.2019", "15:04:05", "2019-12-25T15:04:05"),
        ("2019-03-04", "12:04:05 AM", "2019-03-04T00:04:05"),
        ("4/4/2019", "15:04:05", "2019-04-04T15:04:05"),
    ],
)
def test_gotcha_23_dates_that_mean_one_day_are_read(date: str, clock: str, expected: str) -> None:
    tree = dm_tree(**{"Acquisition Date": date, "Acquisition Time": clock})
    (reading,) = read(dm(tree))
    assert reading.values["time"] == expected
    assert reading.findings == ()


@pytest.mark.parametrize(
    ("date", "clock"),
    [("3/4/2019", "15:04:05"), ("03.04.19", "15:04:05"), ("25/12/2019", "15 h 04"), ("x", "y")],
)
def test_gotcha_23_dates_that_mean_two_days_are_findings(date: str, clock: str) -> None:
    (reading,) = read(dm(dm_tree(**{"Acquisition Date": date, "Acquisition Time": clock})))
    assert "time" not in reading.values
    assert [one.code for one in reading.findings] == ["ambiguous-date"]


@pytest.mark.parametrize(
    ("ticks", "expected"),
    [
        (filetime(2019, 4, 3), "2019-04-03T15:04:05"),
        (filetime(2019, 3, 4), "2019-03-04T15:04:05"),
        (filetime(2019, 7, 1), None),
    ],
)
def test_gotcha_23_the_clock_of_the_system_decides(ticks: float, expected: str | None) -> None:
    bar: dict[str, Any] = {
        "Acquisition Date": "3/4/2019",
        "Acquisition Time": "15:04:05",
        "Acquisition Time (OS)": ticks,
    }
    assert read(dm(dm_tree(**bar)))[0].values.get("time") == expected


# What is not trusted


def test_arrays_of_numbers_are_passed_over_and_not_read() -> None:
    data = dm(dm_tree())
    tree, whole = read_tags(io.BytesIO(data), len(data))
    assert whole
    assert isinstance(branch(tree, "ImageList", "1", "ImageData", "Data"), Stored)
    assert branch(tree, "ImageList", "1", "Name") == "image of ours"


def test_structures_and_lists_are_read() -> None:
    tree, whole = read_tags(io.BytesIO(data := dm({"a": (1.5, 2.5), "b": [1.0, 2.0]})), len(data))
    assert (whole, tree) == (True, {"a": [1.5, 2.5], "b": [1.0, 2.0]})


@pytest.mark.parametrize("version", [3, 4])
def test_a_file_that_breaks_off_keeps_what_came_before(version: int) -> None:
    data = dm(dm_tree(), version=version)
    (reading,) = read(data[: data.index(b"Session Info")])
    assert [one.code for one in reading.findings] == ["truncated"]
    assert reading.values["voltage"] == 300.0
    assert "sample_name" not in reading.values


def test_groups_that_go_too_deep_and_counts_without_an_end() -> None:
    deep: dict[str, Any] = {}
    for _ in range(200):
        deep = {"x": deep}
    assert [one.code for one in read(dm(deep))[0].findings] == ["truncated"]
    data = bytearray(dm(dm_tree()))
    struct.pack_into(">I", data, 14, 0xFFFFFFFF)
    assert [one.code for one in read(bytes(data))[0].findings] == ["truncated"]


@pytest.mark.parametrize(
    ("data", "code"),
    [(b"", "empty"), (b"\0\0\0\7" + bytes(40), "damaged"), (b"\0\0", "truncated")],
)
def test_what_is_no_dm_file_is_a_finding(data: bytes, code: str) -> None:
    assert [one.code for one in read(data)[0].findings] == [code]


@pytest.mark.parametrize("name", ["CountRef_a.dm4", "SuperRef_s_mmm_00000_-15.0_Oct08.dm4"])
def test_a_gain_reference_of_serialem_is_no_exposure(name: str) -> None:
    (reading,) = read(dm(dm_tree()), name)
    assert reading.kind == "file header"
    assert dict(reading.values) == {"gain_reference": name}


def test_the_reader_gives_what_it_promises() -> None:
    tree = dm_tree(**{"Acquisition Date": "25/12/2019", "Acquisition Time": "15:04:05"})
    image = tree["ImageList"]["1"]
    image["ImageTags"]["EELS"] = {
        "Collection semi-angle (mrad)": 30.0,
        "Convergence semi-angle (mrad)": 21.4,
    }
    image["ImageData"]["Dimensions"]["2"] = 2048
    image["ImageData"]["Calibrations"]["Dimension"]["2"] = {"Scale": 0.05, "Units": "eV"}
    given = set(read(dm(tree))[0].values) | set(read(b"", "CountRef_a.dm4")[0].values)
    assert given == SUPPLIES
    assert set(QUANTITIES) >= SUPPLIES


@pytest.mark.parametrize("version", [3, 4])
def test_rosettasciio_reads_the_same_tags(version: int) -> None:
    api = pytest.importorskip(
        "rsciio.digitalmicrograph._api", reason="the extra for materials science is not installed"
    )
    data = dm(dm_tree(), version=version)
    oracle = api.DigitalMicrographReader(io.BytesIO(data))
    oracle.parse_file()
    theirs = oracle.tags_dict["ImageList"]["TagGroup1"]["ImageTags"]
    tree, whole = read_tags(io.BytesIO(data), len(data))
    ours = branch(tree, "ImageList", "1", "ImageTags")
    assert whole
    assert ours["Microscope Info"] == theirs["Microscope Info"]
    assert ours["Session Info"] == theirs["Session Info"]
    assert ours["GMS Version"] == theirs["GMS Version"]
