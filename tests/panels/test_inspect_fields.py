"""The fields that ask where the defocus is looked for: µm on the screen, Å in the call."""

from __future__ import annotations

from typing import Any

import pytest

from openem_nb.mining.sources import Facts
from openem_nb.panels._inspect_fields import measure_fields, read_fields

CTF = {"ctf": True, "statistics": True}


@pytest.mark.parametrize(
    ("first", "last", "expected"),
    [
        ("", "", None),
        ("3", "8", (30_000, 80_000)),
        ("", "8", (3000, 80_000)),
        ("0.1", "", (1000, 50_000)),
    ],
)
def test_a_range_goes_there_and_comes_back(first: str, last: str, expected: Any) -> None:
    given, wrong = read_fields({**CTF, "defocus_from": first, "defocus_to": last})
    assert wrong == {}
    assert given.get("defocus") == expected
    shown = {field.name: field.value for field in measure_fields(Facts(), {}, given)}
    again, _ = read_fields(
        {**CTF, **{name: shown[name] for name in ("defocus_from", "defocus_to")}}
    )
    assert again.get("defocus") == expected


@pytest.mark.parametrize(
    ("first", "last", "field"),
    [
        ("three", "8", "defocus_from"),
        ("8", "3", "defocus_to"),
        ("3000", "80000", "defocus_to"),
        ("nan", "", "defocus_to"),
    ],
)
def test_a_wrong_range_is_told_at_its_field(first: str, last: str, field: str) -> None:
    given, wrong = read_fields({**CTF, "defocus_from": first, "defocus_to": last})
    assert list(wrong) == [field]
    assert "defocus" not in given


def test_without_a_ctf_the_range_does_not_count() -> None:
    given, wrong = read_fields({"statistics": True, "defocus_from": "what"})
    assert wrong == {}
    assert "defocus" not in given
    known = {field.name: field for field in measure_fields(Facts(), {}, {})}
    assert known["defocus_from"].when == known["defocus_to"].when == "ctf"
