"""XML that is cut, flipped, spliced or made to harm: findings or readings, nothing else."""

from __future__ import annotations

import random
import re
import time
from pathlib import Path

import pytest
from _epu_forms import fractions_xml, image_xml, session_xml
from hypothesis import given, settings
from hypothesis import strategies as st

import openem_nb as openem
from openem_nb.oscem.readers import QUANTITIES, Reading, _image_xml, epu, tomo5

TOMO = (
    '<?xml version="1.0"?>\n<TomographySession xmlns="Applications.Tomography.Version.2">\n'
    "<DoseFractionsFormat>MrcGainNormalized</DoseFractionsFormat><Mode>Eftem</Mode>"
    "<Name>lamella 3</Name></TomographySession>"
)
SEEDS = {
    "image": (epu.read_epu, "FoilHole_1_Data_2.xml", image_xml().encode()),
    "fractions": (epu.read_epu, "FoilHole_1_Data_2_Fractions.xml", fractions_xml().encode()),
    "session": (epu.read_epu, "EpuSession.dm", session_xml().encode()),
    "tomo5": (tomo5.read_tomo5, "Session.dm", TOMO.encode()),
}
SPLICES = (
    b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]>",
    b"&b;",
    b"&#0;",
    b"&#x110000;",
    b"<![CDATA[",
    b"]]>",
    b"<!--",
    b"<?xml version='1.0' encoding='utf-7'?>",
    b"<?xml version='1.0' encoding='nonsense'?>",
    b"\xff\xfe",
    b"\x00",
    b"<" * 50,
    b">" * 50,
    b"<a" * 300,
    b"<a>" * 300,
    b"1e999",
    b"-0",
    b"NaN",
    b"inf",
    b"9" * 5000,
    b"<CustomData><a><Key>Dose</Key><Value>1</Value></a></CustomData>",
    b' z:Ref="1"',
    "٣".encode(),
    b"2025-13-45T99:99:99",
)


def mutated(seed: bytes, rng: random.Random) -> bytes:
    """Return bytes that were whole before something happened to them."""
    data = bytearray(seed)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        if not data:
            break
        at = rng.randrange(len(data))
        kind = rng.randrange(7)
        if kind == 0:
            data[at] ^= 1 << rng.randrange(8)
        elif kind == 1:
            del data[at:]
        elif kind == 2:
            del data[at : at + rng.randrange(1, 200)]
        elif kind == 3:
            data[at:at] = rng.choice(SPLICES)
        elif kind == 4:
            end = min(len(data), at + rng.randrange(1, 400))
            data[at:at] = data[at:end]
        elif kind == 5:
            texts = [found.span(1) for found in re.finditer(rb">([^<]+)<", data)]
            if texts:
                start, end = rng.choice(texts)
                data[start:end] = rng.choice(SPLICES)
        else:
            data[at : at + 4] = rng.randbytes(4)
    return bytes(data)


def check(readings: tuple[Reading, ...]) -> None:
    """Whatever was read is of the kind that was promised."""
    for reading in readings:
        assert set(reading.values) <= set(QUANTITIES)
        for name, value in reading.values.items():
            assert isinstance(value, str | int | float), name
            assert value == value, name
            assert not isinstance(value, float) or abs(value) != float("inf"), name
            assert value != "", name
        for finding in reading.findings:
            assert finding.code
            assert "root:" not in finding.message
        assert "root:x:0" not in str(dict(reading.values))


def run(name: str, count: int, seed: int) -> None:
    reader, file, whole = SEEDS[name]
    rng = random.Random(seed)
    slowest = 0.0
    for _ in range(count):
        data = mutated(whole, rng)
        began = time.thread_time()  # of the processor: others may be at work, too
        check(reader(Path(file), data=data))
        slowest = max(slowest, time.thread_time() - began)
    _image_xml._forms.clear()
    assert slowest < 5


@pytest.mark.parametrize("name", SEEDS)
def test_mutated_files_are_readings_or_findings(name) -> None:
    run(name, 300, seed=1)


@pytest.mark.nightly
@pytest.mark.parametrize("name", SEEDS)
def test_many_mutated_files_are_readings_or_findings(name) -> None:
    run(name, 10_000, seed=2)


@settings(max_examples=100, deadline=None)
@given(data=st.binary(max_size=2000))
def test_any_bytes_are_readings_or_findings(data) -> None:
    for reader, file, _whole in SEEDS.values():
        check(reader(Path(file), data=data))
        check(reader(Path(file), data=b"<MicroscopeImage>" + data))


@settings(max_examples=100, deadline=None)
@given(texts=st.lists(st.text(st.characters(codec="utf-8"), max_size=20), min_size=4))
def test_a_form_that_is_known_gives_what_the_parser_gives(texts) -> None:
    """The short way and the parser say the same of each text that may stand in a file."""
    holder, detector, model, software = texts[:4]
    data = image_xml(holder=holder, detector=detector, serial=model, software=software).encode()
    _image_xml._forms.clear()
    first = epu.read_epu(Path("a.xml"), data=data)
    _image_xml._forms.clear()
    epu.read_epu(Path("a.xml"), data=image_xml(holder="x", serial="y").encode())
    second = epu.read_epu(Path("a.xml"), data=data)
    _image_xml._forms.clear()
    assert second == first


def test_a_folder_of_broken_files_is_extracted_all_the_same(tmp_path) -> None:
    rng = random.Random(3)
    for number in range(60):
        _reader, file, whole = SEEDS[("image", "fractions", "session", "tomo5")[number % 4]]
        folder = tmp_path / f"{number}"
        folder.mkdir()
        (folder / file).write_bytes(mutated(whole, rng))
    found = openem.extract(tmp_path)
    assert found.findings
    assert found.technique == "spa"
