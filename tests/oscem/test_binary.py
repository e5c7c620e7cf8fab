"""Numbers, texts and names that stand in headers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openem_nb.oscem.readers._binary import (
    angstroms,
    basename,
    number,
    positive,
    safely,
    scaled,
    text,
    whole,
)

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from openem_nb.oscem.readers._reading import Reading


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1.04811e-005", 1.04811e-05),
        (" 20.00 ", 20.0),
        (b"7", 7.0),
        (3, 3.0),
        *((nothing, None) for nothing in ("", "NaN", "inf", "1e999", "x", "1_000", None, True, [])),
        (10**400, None),
    ],
)
def test_only_finite_numbers_are_numbers(value: object, expected: float | None) -> None:
    assert number(value) == expected


def test_zero_is_no_answer_where_a_quantity_is_above_it() -> None:
    assert positive("0") is None
    assert positive("-1") is None
    assert whole("2.5") is None
    assert whole("8.0") == 8
    assert whole(1e300) is None


def test_numbers_in_another_unit_have_no_noise_in_their_last_digits() -> None:
    assert scaled(2.1e-10, 1e10) == 2.1
    assert scaled(None, 1e10) is None
    assert angstroms(0.21, "nm") == 2.1
    assert angstroms(0.21, "\u00b5m") == 2100.0
    assert angstroms(3.0, "\u212b") == angstroms(3.0, "\u00c5") == 3.0
    assert angstroms(0.21, "1/nm") is None
    assert angstroms(0, "nm") is None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (r"X:\Users\Jane\a b.tif", "a b.tif"),
        ("X:a.tif", "a.tif"),
        (r"\\10.0.0.1\share\\x\a.mrc", "a.mrc"),
        ("/data/jane/a.mrc", "a.mrc"),
        ("./a.eer", "a.eer"),
        ("a.mrc\r\n", "a.mrc"),
        ("folder/", "folder"),
        ("\\", ""),
        ("", ""),
    ],
)
def test_names_lose_their_folders(path: str, name: str) -> None:
    assert basename(path) == name


@given(st.text())
def test_names_and_texts_are_on_one_line_and_short(value: str) -> None:
    for found in (text(value), basename(value), text(value.encode("utf-8", "replace"))):
        assert len(found) <= 400
        assert found.isprintable()
        assert found == found.strip()
    assert not set(basename(value)) & set("/\\")


def test_an_error_of_the_disk_while_reading_is_a_finding(tmp_path: Path) -> None:
    def read(file: BinaryIO, size: int) -> tuple[Reading, ...]:
        raise OSError(5, "Input/output error")

    path = tmp_path / "a"
    path.write_bytes(b"x")
    (reading,) = safely("mrc", "file header", path, None, read)
    assert [one.code for one in reading.findings] == ["unreadable"]
    assert "Input/output error" in reading.findings[0].message
