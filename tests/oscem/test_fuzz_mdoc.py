"""Damaged mdoc files: readings and findings, never an error; and any text at all."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from _header_files import FRAME_SET, damaged, tilt_series
from hypothesis import given, settings
from hypothesis import strategies as st

from openem_nb.formats.mdoc import parse, parse_titles, stamp
from openem_nb.oscem.readers._reading import QUANTITIES
from openem_nb.oscem.readers._tilts import tilt_scheme, tilt_step
from openem_nb.oscem.readers.serialem import read_serialem, read_settings

WHOLES = (
    FRAME_SET.encode(),
    tilt_series([-10.0, -7.0, -4.0, -13.0, -16.0]).encode(),
    tilt_series([0.0, 3.0]).replace("\n", "\r\n").encode(),
)


def survive(seeds: range) -> None:
    found = 0
    for seed in seeds:
        data = damaged(WHOLES[seed % len(WHOLES)], random.Random(seed))
        for reading in read_serialem(Path("a.mdoc"), data=data):
            found += len(reading.findings)
            assert set(reading.values) <= set(QUANTITIES), seed
            for value in reading.values.values():
                assert value is not None, seed
                assert value != "", seed
                assert not isinstance(value, float) or abs(value) < float("inf"), seed
        assert read_settings(Path("a.txt"), data=data), seed
    assert found > len(seeds) / 10  # the damage was real


def test_damaged_files_are_survived() -> None:
    survive(range(300))


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_many_damaged_files_are_survived() -> None:
    survive(range(1000, 11_000))


_words = st.sampled_from(
    [
        "[ZValue = 0]",
        "[FrameSet = 0]",
        "[T = ",
        "]",
        " = ",
        "TiltAngle",
        "\n",
        "\r\n",
        "\0",
        "1e400",
    ]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.one_of(_words, st.text(max_size=20)), max_size=40).map("".join))
def test_any_text_is_read_in_some_way(text: str) -> None:
    mdoc = parse(text)
    parse_titles(mdoc.titles)
    assert isinstance(stamp(text), str)
    assert read_serialem(Path("a.mdoc"), data=text.encode("utf-8", "replace"))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.floats(-90, 90), max_size=50))
def test_any_angles_have_a_scheme(angles: list[float]) -> None:
    scheme, step = tilt_scheme(angles)
    assert step == tilt_step(angles)
    assert (step is None) <= (scheme == "irregular")


def test_a_file_of_one_endless_line_is_read_in_time() -> None:
    for text in ("[" * 2_000_000, "T = " * 500_000, "=\n" * 500_000, "[ZValue = 1]" * 100_000):
        assert read_serialem(Path("a.mdoc"), data=text.encode())
