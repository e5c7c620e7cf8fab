"""Headers of EER files."""

from __future__ import annotations

from pathlib import Path

import pytest
from _header_files import EER_XML, eer, tiff

from openem_nb.oscem.readers._reading import QUANTITIES, Reading
from openem_nb.oscem.readers.eer import SUPPLIES, read_eer


def read(data: bytes) -> Reading:
    (reading,) = read_eer(Path("a.eer"), data=data)
    return reading


def test_what_the_camera_says() -> None:
    reading = read(eer())
    assert dict(reading.values) == {
        "width": 32,
        "height": 16,
        "detector": "Falcon 4i",
        "exposure": 3.5,
        "dose_per_pixel": 33.5,
        "gain_reference": "20240829_gain.gain",
        "time": "2024-08-31T20:03:13.25+02:00",
        "counting": True,
    }
    assert set(reading.values) == SUPPLIES
    assert set(QUANTITIES) >= SUPPLIES
    assert reading.findings == ()


def test_gotcha_09_raw_frames_are_no_fractions() -> None:
    reading = read(eer())
    assert "frames" not in reading.values
    assert reading.extra["numberOfFrames"] == 861


def test_the_pitch_of_the_sensor_is_no_pixel_size() -> None:
    reading = read(eer())
    assert "pixel_size" not in reading.values
    assert "dose" not in reading.values
    assert reading.extra["sensorPixelSize.width"] == 1.4e-5


def test_gotcha_18_the_server_of_the_gain_reference_is_not_told() -> None:
    assert "camera\\" not in str((read(eer()).values, read(eer()).extra))


def test_a_time_in_another_form_is_left_out() -> None:
    assert "time" not in read(eer(EER_XML.replace(b"2024-08-31T", b"31.08.2024 "))).values


def test_without_metadata_only_the_size_is_known() -> None:
    assert dict(read(tiff(3, big=True)).values) == {"width": 32, "height": 16}


@pytest.mark.parametrize(
    ("xml", "code"),
    [
        (EER_XML[:-30], "truncated"),
        (b"<!DOCTYPE a [<!ENTITY b 'c'>]><metadata/>", "refused"),
        (
            (
                b"<?xml version='1.0'?><!DOCTYPE m [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>"
                b"<metadata><item name='commercialName'>&x;</item></metadata>"
            ),
            "refused",
        ),
    ],
)
def test_metadata_that_are_broken_or_not_safe_are_findings(xml: bytes, code: str) -> None:
    reading = read(eer(xml))
    assert [one.code for one in reading.findings] == [code]
    assert dict(reading.values) == {"width": 32, "height": 16}


@pytest.mark.parametrize(("data", "code"), [(b"", "empty"), (b"no tiff at all", "damaged")])
def test_what_is_no_eer_is_a_finding(data: bytes, code: str) -> None:
    assert [one.code for one in read(data).findings] == [code]
