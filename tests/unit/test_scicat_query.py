from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openem_nb.errors import InvalidInput
from openem_nb.scicat._periods import iso, span
from openem_nb.scicat._query import conditions, question
from openem_nb.units import si_units, spellings

WORD = st.text(st.characters(exclude_categories=("Z", "C"), exclude_characters='"'), min_size=1)


@given(WORD)
def test_a_word_is_found_in_itself_and_is_no_date(word: str) -> None:
    (clause,) = question(word).clauses
    pattern = clause["$or"][0]["datasetName"]["$regex"]
    assert re.search(pattern, word)
    assert re.search(pattern, f"before {word} after")
    assert not re.search(pattern, "")
    # an engine that reads dates finds a word behind the numbers, and gives up
    assert re.search(r"[a-z]\{0\}$", pattern)
    assert not re.match(r"\d{4}-\d\d-\d\d", pattern)


@given(st.lists(WORD, max_size=5))
def test_all_words_have_to_be_found(words: list[str]) -> None:
    asked = question(" ".join(words))
    assert len(asked.clauses) == len(words)
    json.dumps(asked.where, allow_nan=False)


def test_words_in_quotation_marks_stay_together() -> None:
    patterns = [
        clause["$or"][0]["datasetName"]["$regex"] for clause in question('a "b c" d').clauses
    ]
    assert patterns == ["ax{0}", "b\\ cx{0}", "dx{0}"]
    assert question(' "" " " ').clauses == ()


def test_nothing_asked_is_no_condition() -> None:
    assert question().where == {}
    assert question(type="raw").where == {"type": {"$in": ["raw"]}}
    both = question(type="raw", published=True).where
    assert both == {"$and": [{"type": {"$in": ["raw"]}}, {"isPublished": True}]}


@pytest.mark.parametrize(
    ("created", "first", "last"),
    [
        ("2024", "2024-01-01T00:00:00.000Z", "2024-12-31T23:59:59.999Z"),
        ("2024-2", "2024-02-01T00:00:00.000Z", "2024-02-29T23:59:59.999Z"),
        (date(2026, 3, 4), "2026-03-04T00:00:00.000Z", "2026-03-04T23:59:59.999Z"),
        (("2026-01-05", None), "2026-01-05T00:00:00.000Z", "2200-01-01T00:00:00.000Z"),
        (
            ("2026-01-05T10:00:00+02:00", "2026-01-05T10:00"),
            "2026-01-05T08:00:00.000Z",
            "2026-01-05T10:00:00.000Z",
        ),
    ],
)
def test_a_period_has_whole_ends(created: Any, first: str, last: str) -> None:
    found = span(created)
    assert found is not None
    assert [iso(moment) for moment in found] == [first, last]


@pytest.mark.parametrize("created", ["2024-13", "24", "x", ("a", "b"), 5, (1, 2, 3), "2026-02-30"])
def test_what_is_no_period_is_refused(created: Any) -> None:
    with pytest.raises(InvalidInput):
        span(created)


def test_no_period_is_no_condition() -> None:
    assert span(None) is None
    assert span((None, None)) is None


@given(st.sampled_from(["m", "mm", "um", "nm", "Å", "pm", "kV", "V", "ms", "min", "mrad", "°"]))
def test_a_unit_and_its_kin_measure_the_same(unit: str) -> None:
    own = [one for one in spellings(unit) if unit in one.names]
    assert [one.factor for one in own] == [1]
    for one in spellings(unit):
        back = [kin for kin in spellings(one.names[0]) if unit in kin.names]
        assert back[0].factor * one.factor == 1


def test_units_convert_exactly() -> None:
    factors = {one.names[0]: one.factor for one in spellings("um")}
    assert factors["nm"] == 1000
    assert factors["Å"] == 10_000
    assert factors["mm"] == Fraction(1, 1000)
    assert {one.names[0]: one.factor for one in spellings("kV")}["V"] == 1000
    (other,) = spellings("furlong")
    assert other.names == ("furlong",)
    assert si_units("furlong") is None
    metre = si_units("nm")
    assert metre is not None
    assert metre.factor == Fraction(1, 10**9)


def test_a_quantity_is_asked_in_each_unit_and_in_si() -> None:
    asked = question(where={"acquisition.dose": (">=", 0.5, "um")}).where
    path = "scientificMetadata.acquisition.dose"
    by_unit = {
        tuple(one[f"{path}.unit"]["$in"]): one for one in asked["$or"] if f"{path}.unit" in one
    }
    exact = next(one for names, one in by_unit.items() if "um" in names)
    assert exact[f"{path}.value"] == {"$gte": 0.5}
    nano = next(one for names, one in by_unit.items() if "nm" in names)
    assert nano[f"{path}.value"]["$gte"] == pytest.approx(500, rel=1e-8)
    assert nano[f"{path}.value"]["$gte"] <= 500
    (si,) = (one for one in asked["$or"] if f"{path}.unitSI" in one)
    assert si[f"{path}.valueSI"]["$gte"] == pytest.approx(0.5e-6, rel=1e-8)


@given(st.lists(st.text(min_size=1, max_size=8), min_size=1, max_size=4))
def test_a_path_of_any_keys_has_no_more_parts_than_keys(keys: list[str]) -> None:
    if keys[0] == "scientificMetadata" or keys[-1] == "value" or not all(map(str.strip, keys)):
        return
    (path,) = question(where={tuple(keys): ("exists", True)}).where
    assert len(path.split(".")) == len(keys) + 1
    assert path.isascii()
    assert "$" not in path


def test_moments_in_conditions_are_written_in_full() -> None:
    asked = question(where={"updatedAt": (">", datetime(2026, 1, 1, 12, tzinfo=UTC))}).where
    assert asked == {"updatedAt": {"$gt": "2026-01-01T12:00:00.000Z"}}
    asked = question(where={"endTime": "2026-01"}).where
    assert asked == {
        "endTime": {"$gte": "2026-01-01T00:00:00.000Z", "$lte": "2026-01-31T23:59:59.999Z"}
    }


@pytest.mark.parametrize("condition", [">= 81000", "<3", ">1", "!= TITAN1"])
def test_an_operator_inside_a_text_is_not_looked_for_as_a_text(condition: str) -> None:
    with pytest.raises(InvalidInput, match="compared as a text"):
        question(where={"acquisition.nominal_magnification": condition})
    assert question(where={"comment": ("=", condition)}).where == {"comment": {"$in": [condition]}}


def test_conditions_as_lines() -> None:
    assert conditions(
        [
            "acquisition.nominal_magnification >= 81000",
            "acquisition.nominal_defocus between 0.5 3 um",
            'instrument.microscope = "Titan Krios"',
            "acquisition.detector exists",
            "comment in good better nan",
        ]
    ) == {
        "acquisition.nominal_magnification": (">=", 81000),
        "acquisition.nominal_defocus": ("between", 0.5, 3, "um"),
        "instrument.microscope": ("=", "Titan Krios"),
        "acquisition.detector": ("exists", "True"),
        "comment": ("in", "good", "better", "nan"),
    }
    assert conditions([]) == {}


@pytest.mark.parametrize("line", ["", "a", "a =", "a ~ 3", 'a = "b', "= 3", "a 3"])
def test_what_is_no_condition_is_refused(line: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be read"):
        conditions([line])


def test_a_name_is_in_one_line_only() -> None:
    with pytest.raises(InvalidInput, match="twice"):
        conditions(["a > 1", "a < 3"])
