"""Headers of TIFF files."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from _header_files import tiff

from openem_nb.oscem.readers._ifd import MOST_PAGES
from openem_nb.oscem.readers._reading import QUANTITIES, Reading
from openem_nb.oscem.readers.tiff import SUPPLIES, read_tiff


def read(data: bytes) -> Reading:
    (reading,) = read_tiff(Path("a.tif"), data=data)
    return reading


@pytest.mark.parametrize("big", [False, True])
def test_size_and_frames(big: bool) -> None:
    reading = read(tiff(5, big=big))
    assert dict(reading.values) == {"width": 32, "height": 16, "frames": 5}
    assert reading.findings == ()
    assert "frames" not in read(tiff(1, big=big)).values


@pytest.mark.parametrize(("unit", "angstroms"), [(3, 1e8), (2, 2.54e8)])
def test_a_pixel_size_needs_a_unit(unit: int, angstroms: float) -> None:
    per_unit = angstroms / 1.25
    with_unit = tiff(resolution=(per_unit, per_unit), resolutionunit=unit)
    assert read(with_unit).values["pixel_size"] == pytest.approx(1.25, rel=1e-6)
    without = tiff(resolution=(per_unit, per_unit), resolutionunit=1)
    assert "pixel_size" not in read(without).values


def test_a_resolution_of_paper_is_no_pixel_size() -> None:
    assert "pixel_size" not in read(tiff(resolution=(300, 300), resolutionunit=2)).values


def test_the_description_of_serialem() -> None:
    words = "SerialEM: Acquired on Ours  01-Aug-2022  18:58:31\nTilt axis angle = 83.8, binning = 1"
    reading = read(tiff(description=words, resolution=(1e8, 1e8), resolutionunit=3))
    assert reading.values["software"] == "SerialEM"
    assert reading.values["tilt_axis"] == 83.8
    assert str(reading.extra["description"]).startswith("SerialEM: Acquired on Ours")
    assert set(reading.values) == SUPPLIES
    assert set(QUANTITIES) >= SUPPLIES


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"II*\0", "damaged"),
        (b"PK\3\4 no image of ours", "damaged"),
        (tiff()[:6] + b"\xff\xff" + tiff()[8:], "truncated"),
        (tiff()[:40], "truncated"),
    ],
)
def test_half_written_and_damaged_files_are_findings(data: bytes, code: str) -> None:
    assert [one.code for one in read(data).findings] == [code]


def test_a_chain_of_directories_that_breaks_off_gives_no_number_of_frames() -> None:
    whole = tiff(5)
    places = [at for at in range(len(whole)) if whole[at : at + 4] == struct.pack("<HH", 256, 4)]
    cut = whole[: places[-1]] if places else whole[:-300]
    reading = read(cut)
    assert "frames" not in reading.values
    assert reading.values["width"] == 32
    assert [one.code for one in reading.findings] == ["truncated"]


def test_a_chain_that_leads_in_a_circle_ends() -> None:
    directory = struct.pack("<H", 1) + struct.pack("<HHII", 256, 4, 1, 7) + struct.pack("<I", 8)
    reading = read(b"II*\0" + struct.pack("<I", 8) + directory + bytes(8))
    assert reading.values["width"] == 7
    assert [one.code for one in reading.findings] == ["truncated"]


def test_a_chain_without_an_end_is_counted_up_to_a_limit() -> None:
    parts, place = [b"II*\0" + struct.pack("<I", 8)], 8
    for _ in range(MOST_PAGES + 50):
        place += 18
        parts.append(struct.pack("<HHHIII", 1, 256, 4, 1, 7, place))
    reading = read(b"".join(parts))
    assert reading.extra["pages"] == MOST_PAGES
    assert "frames" not in reading.values
