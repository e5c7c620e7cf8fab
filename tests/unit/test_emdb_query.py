"""Building Lucene queries, and finding mistakes in them."""

from __future__ import annotations

import contextlib
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openem_nb import emdb
from openem_nb.errors import InvalidInput


@pytest.mark.parametrize(
    ("conditions", "lucene"),
    [
        ({}, 'current_status:"REL"'),
        ({"status": None}, "*:*"),
        ({"status": None, "raw_data": False}, "*:* AND NOT xref_EMPIAR:*"),
        ({"raw_data": True}, 'current_status:"REL" AND xref_EMPIAR:*'),
        ({"status": ["rel", "obs"]}, '(current_status:"REL" OR current_status:"OBS")'),
        ({"status": None, "resolution": (2, 3.5)}, "resolution:[2 TO 3.5]"),
        ({"status": None, "resolution": (None, 3.5)}, "resolution:{0 TO 3.5]"),
        ({"status": None, "resolution": (2.05, None)}, "resolution:[2.05 TO *]"),
        ({"status": None, "organism": "9606"}, 'natural_source_ncbi_code:"9606"'),
        ({"status": None, "organism": "Homo  sapiens"}, 'natural_source_organism:"Homo sapiens"'),
        (
            {"status": None, "method": "Single particle"},
            'structure_determination_method:"singleParticle"',
        ),
        ({"status": None, "funder": "SNSF"}, '"SNSF"'),
        ({"status": None, "author": 'O"Neil \\ J'}, 'author:"O\\"Neil \\\\ J"'),
        ({"status": None, "microscope": "TFS KRIOS"}, 'microscope_name:"TFS KRIOS"'),
        (
            {"status": None, "deposited": 2024},
            "deposition_date:[2024-01-01T00:00:00Z TO 2024-12-31T23:59:59Z]",
        ),
        (
            {"status": None, "released": (date(2024, 5, 1), None)},
            "map_release_date:[2024-05-01T00:00:00Z TO *]",
        ),
        (
            {"status": None, "released": ("2023", "2024-02-29")},
            "map_release_date:[2023-01-01T00:00:00Z TO 2024-02-29T23:59:59Z]",
        ),
    ],
)
def test_conditions(conditions: dict[str, Any], lucene: str) -> None:
    assert emdb.query(**conditions) == lucene


def test_free_text_is_kept_as_typed_and_cannot_swallow_the_rest() -> None:
    assert emdb.query("TRPM8", status=None) == "TRPM8"
    assert emdb.query(' "ion channel" ') == '"ion channel" AND current_status:"REL"'
    assert emdb.query("a OR b") == '(a OR b) AND current_status:"REL"'
    with pytest.raises(InvalidInput, match="has no partner"):
        emdb.query("a) OR (b")


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ({"resolution": (4, 2)}, "upside down"),
        ({"resolution": (-1, 2)}, "not a resolution"),
        ({"resolution": (float("nan"), 2)}, "not a resolution"),
        ({"resolution": ("2", 3)}, "not a resolution"),
        ({"method": "x-ray"}, "no method 'x-ray'"),
        ({"deposited": ("2024-02-30", None)}, "deposition_date: '2024-02-30' is not a date"),
        ({"released": (2024, 2023)}, "comes after"),
        ({"organism": 9606}, "organism must be text"),
        ({"resolution": 3.0}, "resolution is a range of two values"),
        ({"released": ("2024-01-01",)}, "map_release_date is a range of two values"),
        ({"author": ["x", 3]}, "author must be text"),
    ],
)
def test_conditions_that_cannot_be_meant(conditions: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInput, match=message):
        emdb.query(**conditions)


@pytest.mark.parametrize(
    ("text", "problem", "place"),
    [
        ('title:"abc', "quotation mark has no partner", 7),
        ('a "b\\"', "quotation mark has no partner", 3),
        ("a AND", "missing after AND", 3),
        ("OR b", "missing before OR", 1),
        ("a AND OR b", "missing before OR", 7),
        ("(a OR b", "bracket has no partner", 1),
        ("a OR b)", "bracket has no partner", 7),
        ("()", "missing before the bracket", 2),
        ("(a AND)", "missing before the bracket", 7),
        ("resolution:[2 4]", r"written like \[2 TO 4\]", 12),
        ("resolution:[2 TO 4", r"written like \[2 TO 4\]", 12),
        ("resolution:[2 TO ]", r"written like \[2 TO 4\]", 12),
        ("x ]", "bracket has no partner", 3),
        ("title:", "missing after title:", 1),
        ("title: AND x", "missing before AND", 8),
        ("NOT", "missing after NOT", 1),
        ("a \\", "backslash has no partner", 3),
    ],
)
def test_mistakes_are_pointed_at(text: str, problem: str, place: int) -> None:
    with pytest.raises(InvalidInput, match=problem) as caught:
        emdb.check(text)
    assert f"(character {place})" in str(caught.value)
    *_, shown, arrow = str(caught.value).splitlines()
    assert shown[arrow.index("^")] == text[place - 1]


@pytest.mark.parametrize(
    "text",
    [
        "*:*",
        "*",
        "ribosome",
        '"a phrase with (brackets] and AND"',
        "a AND NOT b",
        "NOT a",
        "-a +b",
        "(a OR (b AND c)) NOT d",
        "resolution:[2 TO 4}",
        "resolution:{* TO 3]",
        "update_date:[2025-01-01T00:00:00Z TO NOW]",
        'release_date:["2025-01-01" TO "2025-02-01"]',
        "author:(Smith OR Meier)",
        r"G\(i\)",
        "xref_EMPIAR:*",
        "title:rib?some~ AND x^2",
    ],
)
def test_good_queries_pass(text: str) -> None:
    emdb.check(text)


@pytest.mark.parametrize("text", ["", "  ", "\n"])
def test_empty_queries_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="empty"):
        emdb.check(text)


@given(
    st.text(st.characters(codec="utf-8"), min_size=1),
    st.sampled_from(["organism", "funder", "microscope", "author"]),
)
def test_any_value_is_one_phrase(value: str, field: str) -> None:
    built = emdb.query(status=None, **{field: value})
    words = " ".join(value.split())
    if not words:
        assert built == "*:*"
        return
    emdb.check(built)
    phrase = built[built.index('"') :]
    assert phrase.startswith('"')
    assert phrase.endswith('"')
    # Undoing the escapes gives the words back: nothing of the value works as an operator.
    plain, escaped = "", False
    for sign in phrase[1:-1]:
        if sign == "\\" and not escaped:
            escaped = True
            continue
        assert sign != '"' or escaped
        plain, escaped = plain + sign, False
    assert plain == words


@given(st.text(alphabet='ab "()[]{}\\:*ANDORT -', max_size=30))
def test_the_check_never_fails_otherwise(text: str) -> None:
    with contextlib.suppress(InvalidInput):
        emdb.check(text)
