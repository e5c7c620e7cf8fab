"""TIA files."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from _header_files import emi, ser

from openem_nb.oscem.readers._reading import QUANTITIES, Reading
from openem_nb.oscem.readers.tia import CHUNK, SUPPLIES, read_tia

LABELS = (
    ("Microscope", "Microscope Tecnai 200 kV D2267 SuperTwin", ""),
    ("Mode", "STEM nP SA Zoom Diffraction", ""),
    ("High tension", "200", "kV"),
    ("Magnification", "56000", "x"),
    ("Defocus", "-1.5", "um"),
    ("Gun type", "FEG", ""),
    ("Stage A", "-2.5", "deg"),
    ("C2 Aperture", "50", "um"),
    ("Camera length", "0.3", "m"),
)


def read(data: bytes, name: str = "a.emi") -> tuple[Reading, ...]:
    return read_tia(Path(name), data=data)


def test_the_description_of_an_emi_file_in_our_units() -> None:
    (reading,) = read(emi(*LABELS))
    assert reading.kind == "signal"
    assert dict(reading.values) == {
        "c2_aperture": 50.0,
        "defocus_nominal": -1500.0,
        "electron_source": "FEG",
        "height": 1024,
        "magnification": 56000.0,
        "manufacturer": "FEI Company",
        "model": "Tecnai 200 kV D2267 SuperTwin",
        "operating_mode": "STEM",
        "software": "TIA",
        "stage_tilt": -2.5,
        "time": "2013-11-21T10:12:17",
        "voltage": 200.0,
        "width": 2048,
    }
    assert reading.extra["Camera length"] == 0.3


def test_a_value_in_an_unknown_unit_is_left_out() -> None:
    (reading,) = read(emi(("Defocus", "-1.5", "parsec"), ("Magnification", "56", "kx")))
    assert "defocus_nominal" not in reading.values
    assert reading.values["magnification"] == 56000.0
    assert reading.values["voltage"] == 200.0  # of AcceleratingVoltage, in V


@pytest.mark.parametrize("before", [CHUNK - 200, CHUNK - 6, CHUNK + 3, 2 * CHUNK - 1])
def test_a_description_is_found_wherever_it_lies(before: int) -> None:
    (reading,) = read(emi(*LABELS, before=before))
    assert reading.values["voltage"] == 200.0


def test_each_object_gives_a_reading() -> None:
    assert len(read(emi(*LABELS) + emi(*LABELS))) == 2


@pytest.mark.parametrize("version", [0x210, 0x220])
def test_the_header_of_a_ser_file(version: int) -> None:
    (reading,) = read(ser(1.5e-10, (20, 10), version=version), "a_1.ser")
    assert reading.kind == "file header"
    assert dict(reading.values) == {
        "height": 10,
        "pixel_size": pytest.approx(1.5),
        "software": "TIA",
        "width": 20,
    }


def test_a_diffraction_pattern_has_no_pixel_size() -> None:
    assert "pixel_size" not in read(ser(2.5e7), "a_1.ser")[0].values


def test_the_reader_gives_what_it_promises() -> None:
    with_camera = emi(*LABELS).replace(
        b"<AcquireDate>", b"<CameraNamePath>BM-UltraScan</CameraNamePath><AcquireDate>"
    )
    given = set(read(with_camera)[0].values) | set(read(ser(), "a.ser")[0].values)
    assert given == SUPPLIES
    assert set(QUANTITIES) >= SUPPLIES


@pytest.mark.parametrize(
    ("name", "data", "code"),
    [
        ("a.emi", b"", "empty"),
        ("a.emi", bytes(5000), "no-metadata"),
        ("a.emi", emi(*LABELS)[:3900], "no-metadata"),
        ("a.emi", b"<ObjectInfo>" + bytes(6 << 20), "no-metadata"),
        ("a.emi", b"<ObjectInfo><a></ObjectInfo>", "damaged"),
        ("a.emi", b"<ObjectInfo><!DOCTYPE x></ObjectInfo>", "refused"),
        ("a.ser", b"", "empty"),
        ("a.ser", b"II" + bytes(60), "damaged"),
        ("a.ser", ser()[:20], "truncated"),
        ("a.ser", ser()[:60], "truncated"),
        ("a.ser", ser()[:-250], "truncated"),
    ],
)
def test_half_written_and_damaged_files_are_findings(name: str, data: bytes, code: str) -> None:
    assert [one.code for one in read(data, name)[0].findings] == [code]


def test_a_place_that_is_not_in_the_file_is_not_read() -> None:
    data = bytearray(ser())
    struct.pack_into("<Q", data, 22, 1 << 60)
    assert [one.code for one in read(bytes(data), "a.ser")[0].findings] == ["truncated"]
