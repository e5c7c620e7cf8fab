"""Headers of MRC files, plain and with the extended headers of FEI and of SerialEM."""

from __future__ import annotations

import struct
from pathlib import Path

import mrcfile
import numpy as np
import pytest
from _header_files import fei_record, mrc

from openem_nb.oscem.readers._reading import QUANTITIES, Reading
from openem_nb.oscem.readers.mrc import SUPPLIES, read_mrc

FIELDS = {
    "Timestamp": 45000.5,
    "Microscope type": b"TITAN52339260",
    "Application": b"EPU",
    "Application version": b"3.8.1",
    "HT": 300000.0,
    "Dose": 2.8505e21,
    "Alpha tilt": 0.0,
    "Tilt axis angle": 84.5,
    "Pixel size X": 0.415015e-10,
    "Defocus": -1.02e-6,
    "Applied defocus": -1.2e-6,
    "Magnification": 165000.0,
    "Illumination mode": b"Parallel",
    "Slit inserted": True,
    "Slit width": 10.0,
    "Integration time": 3.5,
    "Binning Width": 1,
    "Binning Height": 1,
    "Camera name": b"EF-Falcon",
    "Direct detector electron counting": True,
    "Phase Plate": False,
}


def read(data: bytes, name: str = "a.mrc") -> Reading:
    (reading,) = read_mrc(Path(name), data=data)
    return reading


@pytest.mark.parametrize("order", ["<", ">"])
def test_size_pixel_and_frames(order: str) -> None:
    reading = read(mrc((3, 8, 10), order=order, pixel=1.2))
    assert reading.kind == "file header"
    assert reading.values["width"] == 10
    assert reading.values["height"] == 8
    assert reading.values["frames"] == 3
    assert reading.values["pixel_size"] == pytest.approx(1.2, rel=1e-6)
    assert reading.findings == ()


def test_what_mrcfile_writes_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.mrc"
    with mrcfile.new(path) as file:
        file.set_data(np.zeros((4, 6, 5), np.float32))
        file.voxel_size = 2.5
        file.set_image_stack()
    (reading,) = read_mrc(path)
    assert (reading.values["width"], reading.values["height"]) == (5, 6)
    assert (reading.values["frames"], reading.values["pixel_size"]) == (4, 2.5)
    assert reading.findings == ()


def test_a_pixel_of_exactly_one_angstrom_says_nothing() -> None:
    assert "pixel_size" not in read(mrc(pixel=1.0)).values
    assert "pixel_size" not in read(mrc(pixel=None)).values


def test_sections_of_volumes_and_tilt_series_are_no_frames() -> None:
    assert "frames" not in read(mrc(group=1)).values
    assert "frames" not in read(mrc(), "TS_01.st").values
    assert "frames" not in read(mrc((1, 8, 10))).values
    assert read(mrc(group=1)).extra["sections"] == 3


@pytest.mark.parametrize("kind", ["FEI1", "FEI2"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("record_order", ["<", ">"])
def test_fei_headers_in_our_units(kind: str, order: str, record_order: str) -> None:
    record = fei_record(kind, record_order, fields=FIELDS)
    values = read(mrc(order=order, extended=record, kind=kind.encode(), pixel=9.0)).values
    assert values["voltage"] == 300.0
    assert values["dose"] == pytest.approx(28.505)
    assert values["defocus_nominal"] == pytest.approx(-1200.0)
    assert values["defocus_measured"] == pytest.approx(-1020.0)
    assert values["pixel_size"] == pytest.approx(0.415015)
    assert values["magnification"] == 165000
    assert values["serial"] == "TITAN52339260"
    assert values["software"] == "EPU"
    assert values["software_version"] == "3.8.1"
    assert values["camera"] == "EF-Falcon"
    assert values["slit_used"] is True
    assert values["slit_width"] == 10.0
    assert values["counting"] is True
    assert values["phase_plate_used"] is False
    assert values["stage_tilt"] == 0.0
    assert values["exposure"] == 3.5
    assert values["time"] == "2023-03-15T12:00:00"


def test_a_field_whose_bit_is_not_set_is_left_out() -> None:
    fields = {"HT": 300000.0, "Applied defocus": -1e-6}
    record = bytearray(fei_record("FEI1", fields=fields))
    reading = read(mrc(extended=bytes(record), kind=b"FEI1"))
    for name in ("counting", "slit_used", "stage_tilt", "dose", "time", "magnification", "serial"):
        assert name not in reading.values
    assert reading.values["defocus_nominal"] == pytest.approx(-1000.0)
    assert reading.tags["defocus_nominal"] == "FEI1 Applied defocus"
    assert reading.tags["pixel_size"] == "cella"


def test_a_record_that_nobody_filled_in_says_nothing() -> None:
    reading = read(mrc(extended=bytes(768), kind=b"FEI1"))
    assert set(reading.values) == {"width", "height", "frames", "pixel_size"}


def test_tilt_angles_of_serialem_are_counted() -> None:
    angles = [-300, 0, 300]
    extended = struct.pack("<3h", *angles) + bytes(1018)
    data = bytearray(mrc(extended=extended, kind=b"SERI"))
    struct.pack_into("<2h", data, 128, 2, 1)
    reading = read(bytes(data))
    assert reading.extra["tilts"] == 3
    assert "frames" not in reading.values


def test_labels_of_serialem_give_software_and_tilt_axis() -> None:
    labels = (
        "SerialEM: Digitized on our Krios                            30-Nov-15  15:14:20",
        "    Tilt axis angle = 85.3, binning = 4  spot = 8  camera = 2",
    )
    values = read(mrc(labels=labels)).values
    assert values["software"] == "SerialEM"
    assert values["tilt_axis"] == 85.3


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"\0" * 1024, "damaged"),
        (b"abc", "truncated"),
        (mrc(short=1), "truncated"),
        (mrc(mode=77), "damaged"),
        (mrc(extended=fei_record("FEI1", fields=FIELDS), kind=b"FEI1")[:1100], "truncated"),
    ],
)
def test_half_written_and_damaged_files_are_findings(data: bytes, code: str) -> None:
    assert code in [one.code for one in read(data).findings]


def test_sizes_in_the_header_are_not_believed() -> None:
    data = bytearray(mrc())
    struct.pack_into("<3i", data, 0, 60_000, 60_000, 16_000_000)
    assert [one.code for one in read(bytes(data)).findings] == ["truncated"]
    struct.pack_into("<i", data, 92, 2_000_000_000)  # of an extended header
    data[104:108] = b"FEI1"
    assert [one.code for one in read(bytes(data)).findings] == ["truncated"]


def test_what_is_no_file_is_a_finding(tmp_path: Path) -> None:
    import os

    os.mkfifo(tmp_path / "pipe.mrc")
    for path in (tmp_path, tmp_path / "gone.mrc", tmp_path / "pipe.mrc"):
        (reading,) = read_mrc(path)
        assert [one.code for one in reading.findings] == ["unreadable"]


def test_the_reader_gives_what_it_promises() -> None:
    record = fei_record("FEI2", fields=FIELDS)
    given = set(read(mrc(extended=record, kind=b"FEI2")).values)
    assert given == SUPPLIES
    assert set(QUANTITIES) >= SUPPLIES
