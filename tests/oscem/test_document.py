"""Values by path: get, set, walk, compare."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openem_nb import oscem
from openem_nb.errors import InvalidInput
from openem_nb.oscem.document import (
    Change,
    diff,
    get_at,
    is_quantity,
    join,
    paths,
    set_at,
    split,
    without,
)

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
VALUES = st.recursive(
    LEAVES,
    lambda below: st.lists(below, max_size=3) | st.dictionaries(st.text(), below, max_size=3),
    max_leaves=12,
)
DOCUMENTS = st.dictionaries(st.text(), VALUES, max_size=4)

EXAMPLE: dict[str, Any] = {
    "acquisition": {
        "detectors": [{"name": "Falcon 4i"}, {"name": "Ceta"}],
        "pixel_size": {"value": 0.415, "unit": "Å"},
        "tilt_axis_angle": None,
    },
    "notes": [],
}


def test_values_are_reached_by_path() -> None:
    assert get_at(EXAMPLE, "acquisition.detectors[1].name") == "Ceta"
    assert get_at(EXAMPLE, "acquisition.pixel_size.unit") == "Å"
    assert get_at(EXAMPLE, "acquisition.detectors[2].name") is None
    assert get_at(EXAMPLE, "acquisition.detectors.name", "nowhere") == "nowhere"
    assert get_at(EXAMPLE, "acquisition.tilt_axis_angle", "nowhere") is None


@pytest.mark.parametrize(
    "path",
    [
        *("", ".", "a.", ".a", "a..b", "[0]", "a[", "a[x]", "a[-1]", "a]b", 'a["b]', "a[0]b"),
        *("a.[0]", 'a["\\x"]', ".".join("a" * 101)),
    ],
)
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(InvalidInput, match="not a path"):
        split(path)


@given(DOCUMENTS)
def test_every_value_is_reached_by_the_path_it_is_listed_with(document: dict[str, Any]) -> None:
    listed = list(paths(document))
    assert len({path for path, _ in listed}) == len(listed)
    nothing = object()
    for path, value in listed:
        found = get_at(document, path, nothing)
        assert found is value
        assert join(split(path)) == path


@given(DOCUMENTS)
def test_a_document_can_be_built_from_its_paths(document: dict[str, Any]) -> None:
    built: dict[str, Any] = {}
    for path, value in paths(document):
        set_at(built, path, copy.deepcopy(value))
    assert built == document


def test_setting_makes_what_leads_there() -> None:
    document: dict[str, Any] = {"acquisition": None}
    set_at(document, "acquisition.detectors[0].name", "K3")
    set_at(document, "acquisition.detectors[1].name", "Ceta")
    set_at(document, "acquisition.detectors[0].name", "Falcon 4i")
    assert document == {"acquisition": {"detectors": [{"name": "Falcon 4i"}, {"name": "Ceta"}]}}


@pytest.mark.parametrize(
    "path",
    [
        "acquisition.detectors[3].name",
        "acquisition.detectors.name",
        "acquisition.detectors[0].name.first",
        "acquisition.new[0].list[1]",
        "acquisition[0]",
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(path: str) -> None:
    document = copy.deepcopy(EXAMPLE)
    with pytest.raises(InvalidInput, match="cannot be set"):
        set_at(document, path, 1)
    assert document == EXAMPLE


def test_a_quantity_is_one_value() -> None:
    assert dict(paths(EXAMPLE)) == {
        "acquisition.detectors[0].name": "Falcon 4i",
        "acquisition.detectors[1].name": "Ceta",
        "acquisition.pixel_size": {"value": 0.415, "unit": "Å"},
        "acquisition.tilt_axis_angle": None,
        "notes": [],
    }
    assert is_quantity({"value": 1, "unit": "m", "valueSI": 1, "unitSI": "m"})
    assert not is_quantity({"value": 1, "unit": "m", "more": 1})
    assert not is_quantity({"value": 1})


def test_a_document_without_a_floor_is_refused() -> None:
    deep: dict[str, Any] = {}
    deep["deep"] = deep
    with pytest.raises(InvalidInput, match="100 levels"):
        list(paths(deep))


def test_differences_are_told_in_words() -> None:
    other = copy.deepcopy(EXAMPLE)
    other["acquisition"]["pixel_size"]["value"] = 0.83
    del other["acquisition"]["detectors"][1]
    other["sample"] = {"name": "apoferritin"}
    changes = oscem.diff(EXAMPLE, other)
    assert changes == (
        Change("acquisition.detectors[1].name", "removed", "Ceta", None),
        Change(
            "acquisition.pixel_size",
            "changed",
            {"value": 0.415, "unit": "Å"},
            {"value": 0.83, "unit": "Å"},
        ),
        Change("sample.name", "added", None, "apoferritin"),
    )
    assert [str(change) for change in changes] == [
        'acquisition.detectors[1].name: "Ceta" is gone',
        "acquisition.pixel_size: 0.415 Å became 0.83 Å",
        'sample.name: "apoferritin" is new',
    ]


def test_a_number_is_a_number_and_no_truth() -> None:
    assert diff({"a": 1}, {"a": 1.0}) == ()
    assert len(diff({"a": 1}, {"a": True})) == 1
    assert diff({"a": float("nan")}, {"a": float("nan")}) == ()


@given(DOCUMENTS)
def test_a_document_does_not_differ_from_its_copy(document: dict[str, Any]) -> None:
    assert diff(document, copy.deepcopy(document)) == ()


def test_what_becomes_empty_goes_too() -> None:
    document = {"a": {"b": [{"c": 1}]}, "d": 2}
    assert without(document, "a.b[0].c") == ({"d": 2}, "a")
    assert document["a"] == {"b": [{"c": 1}]}  # the one before is as it was
    assert without({"a": [1, 2, 3]}, "a[1]") == ({"a": [1, 3]}, "a[1]")
    assert without({"a": 1}, "a") == ({}, "a")
    assert without({"a.b": {"c": 1, "d": 2}}, '["a.b"].c') == ({"a.b": {"d": 2}}, '["a.b"].c')


@pytest.mark.parametrize("path", ["b", "a.x", "a[0]", "a.b[5]", "a.b.c"])
def test_what_is_not_there_cannot_be_taken_out(path: str) -> None:
    with pytest.raises(InvalidInput, match="There is no"):
        without({"a": {"b": [1]}}, path)
