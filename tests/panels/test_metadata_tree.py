"""The Python half of the tree: what travels, and what is made of an edit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openem_nb import oscem
from openem_nb.errors import InvalidInput
from openem_nb.oscem.document import DEEPEST, join
from openem_nb.panels._metadata_edit import editing, read_value
from openem_nb.panels._metadata_nodes import MISSING, PAGE, Nodes, keys_of
from openem_nb.panels.metadata_tree import MetadataTree

if TYPE_CHECKING:
    from collections.abc import Callable

EVIL = "<img src=x onerror=alert(1)>\u202egpj\x1b[2J"

leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
documents = st.dictionaries(st.text(), values, max_size=5)


def spa() -> Nodes:
    return Nodes(
        {"acquisition": {"pixel_size": {"value": 0.65, "unit": "Å"}, "detectors": [{}]}},
        fields=oscem.fields("spa"),
    )


def everything(nodes: Nodes) -> list[dict[str, Any]]:
    """Open all that can be opened."""
    found, opened = [], {"": 10_000}
    while True:
        rows = nodes.rows(opened)
        if len(rows) == len(found):
            return rows
        found = rows
        opened |= {row["id"]: 10_000 for row in rows if row.get("branch")}


@given(documents)
def test_every_value_of_any_document_is_a_row_with_its_path(document: dict[str, Any]) -> None:
    rows = {row["id"]: row for row in everything(Nodes(document))}
    json.dumps(list(rows.values()), allow_nan=False)
    for path, value in oscem.paths(document):
        row = rows[path]
        assert Nodes(document).get(keys_of(path)) == value
        if not isinstance(value, dict | list):
            assert not row["branch"]
    for row in rows.values():
        assert join(keys_of(row["id"])) == row["id"]
        assert 1 <= row["place"] <= row["size"]


@given(documents, st.text(max_size=3))
def test_a_search_finds_what_has_all_words_and_shows_what_is_above(
    document: dict[str, Any], text: str
) -> None:
    nodes = Nodes(document)
    rows, hits, searched = nodes.search(text)
    assert hits <= searched
    assert bool(rows) is bool(hits)
    ids = {row["id"] for row in rows}
    for row in rows:
        above = keys_of(row["id"])[:-1]
        assert not above or join(above) in ids


def test_no_more_than_a_page_of_members_travels() -> None:
    nodes = Nodes({"list": list(range(1000))})
    rows = nodes.children(("list",))
    assert len(rows) == PAGE + 1
    assert rows[-1]["left"] == 800
    last = nodes.children(("list",), start=900)
    assert [row["text"] for row in last] == [str(number) for number in range(900, 1000)]
    assert nodes.way_to("list[650]") == {"": PAGE, "list": 800}


def test_a_document_without_end_has_an_end_here() -> None:
    document: dict[str, Any] = {}
    inner = document
    for _ in range(3 * DEEPEST):
        inner["a"] = {}
        inner = inner["a"]
    nodes = Nodes(document)
    assert len(everything(nodes)) == DEEPEST
    nodes.search("a")


def test_a_problem_shows_at_the_row_that_is_shown() -> None:
    nodes = Nodes(
        {"acquisition": {"pixel_size": {"value": "x", "unit": "Å"}}},
        fields=oscem.fields("spa"),
        problems=[
            ("acquisition.pixel_size.value", "no number"),
            ("acquisition.date_time", "missing"),
            ("instrument", "missing"),
            ("acquisition.nowhere[3].deep", "odd"),
            ("", "all of it"),
        ],
    )
    rows = {row["id"]: row for row in nodes.rows({"acquisition": 200})}
    assert rows["acquisition.pixel_size"]["problems"] == ["no number"]
    assert rows["acquisition.date_time"]["problems"] == ["missing"]
    assert rows["acquisition.date_time"]["there"] is False
    assert rows["acquisition"]["below"] == 2
    assert rows["acquisition"]["problems"] == ["odd"]
    assert rows["instrument"]["problems"] == ["missing"]


def test_fields_that_are_not_there_are_rows_on_demand() -> None:
    nodes = spa()
    few = {row["id"] for row in nodes.rows({"acquisition": 200})}
    assert "acquisition.date_time" in few  # it has to be there
    assert "acquisition.holder" not in few
    every = {row["id"]: row for row in nodes.rows({"acquisition": 200}, all_fields=True)}
    assert every["acquisition.holder"]["there"] is False
    assert every["acquisition.holder"]["about"]
    assert {"sample", "organizational"} <= every.keys()
    more = [row["id"] for row in nodes.children(("acquisition", "detectors"), all_fields=True)]
    assert more == ["acquisition.detectors[0]", "acquisition.detectors[1]"]
    inner = nodes.children(("acquisition", "detectors", 1), all_fields=True)
    assert "acquisition.detectors[1].name" in [row["id"] for row in inner]


def test_each_type_of_the_model_has_an_editor() -> None:
    nodes = spa()
    assert editing(nodes, ("acquisition", "pixel_size"))["kind"] == "quantity"
    offered = editing(nodes, ("acquisition", "pixel_size"))["units"]
    assert offered[0] == "Å"
    assert "nm" in offered
    choice = editing(nodes, ("sample", "overall_molecule", "assembly"))
    assert choice["kind"] == "choice"
    assert ("PARTICLE", "PARTICLE") in choice["choices"]
    assert editing(nodes, ("sample", "specimen", "vitrification"))["kind"] == "truth"
    assert editing(nodes, ("acquisition", "date_time"))["kind"] == "date-time"
    assert editing(nodes, ("acquisition", "frames_per_movie"))["kind"] == "number"
    assert editing(nodes, ("instrument", "acceleration_voltage"))["unit"] == "kV"


@pytest.mark.parametrize(
    ("path", "text", "unit", "value"),
    [
        ("acquisition.pixel_size", "0.065", "nm", {"value": 0.065, "unit": "nm"}),
        ("acquisition.frames_per_movie", "40", "", 40),
        ("sample.specimen.vitrification", "true", "", True),
        ("sample.specimen.ph", "7.4", "", 7.4),
        ("acquisition.holder", " autoloader ", "", "autoloader"),
        ("acquisition.date_time", "2024-08-31T20:03:13Z", "", "2024-08-31T20:03:13Z"),
        ("acquisition.holder", "  ", "", MISSING),
    ],
)
def test_what_is_written_is_read_as_the_model_wants_it(
    path: str, text: str, unit: str, value: Any
) -> None:
    found = read_value(spa(), keys_of(path), text, unit)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("path", "text", "unit", "words"),
    [
        ("acquisition.pixel_size", "much", "nm", "not a number"),
        ("acquisition.pixel_size", "inf", "nm", "finite"),
        ("acquisition.pixel_size", "1", "", "unit is missing"),
        ("acquisition.frames_per_movie", "1.5", "", "whole number"),
        ("acquisition.date_time", "yesterday", "", "not a date"),
        ("acquisition.date_time", "2024-08-31T20:03:13", "", "zone is missing"),
    ],
)
def test_what_cannot_be_is_refused_in_words(path: str, text: str, unit: str, words: str) -> None:
    with pytest.raises(InvalidInput, match=words):
        read_value(spa(), keys_of(path), text, unit)


def test_without_a_model_a_value_stays_what_it_is() -> None:
    nodes = Nodes(
        {"n": 1, "t": True, "s": "x", "q": {"value": 1, "unit": "nm", "valueSI": 0, "unitSI": "m"}}
    )
    assert read_value(nodes, ("n",), "2.5", "") == 2.5
    assert read_value(nodes, ("t",), "false", "") is False
    assert read_value(nodes, ("s",), "2.5", "") == "2.5"
    with_si = read_value(nodes, ("q",), "2", "um")
    assert with_si == {"value": 2, "unit": "um", "valueSI": 2e-6, "unitSI": "m"}


def test_details_hold_all_that_is_known(ask: Callable[..., dict[str, Any]]) -> None:
    tree = MetadataTree()
    tree.show(
        {"instrument": {"cs": {"value": 2.7, "unit": "mm", "valueSI": 0.0027, "unitSI": "m"}}},
        fields=oscem.fields("spa"),
        problems=[("instrument.cs", "Odd.")],
        origins={"instrument.cs": [("File", EVIL)]},
    )
    content = ask(tree, "details", id="instrument.cs")["content"]
    assert content["path"] == "instrument.cs"
    found = dict(content["rows"])
    assert found["Value"] == "2.7 mm"
    assert found["In SI units"] == "0.0027 m"
    assert found["Wrong"] == "Odd."
    assert found["Needed"] == "no"
    assert "\u202e" not in found["File"]
    assert "\x1b" not in found["File"]


def test_an_answer_always_comes(ask: Callable[..., dict[str, Any]]) -> None:
    tree = MetadataTree()
    tree.show({"a": 1})
    assert ask(tree, "children", id="nowhere.at.all")["content"]["rows"] == []
    assert ask(tree, "details", id="not a [path")["type"] == "error"
    refused = ask(tree, "edit", id="a", value="2")
    assert refused["type"] == "error"
    assert "cannot be edited" in refused["message"]
    assert ask(tree, "search", text="")["content"]["told"] == "1 of 1 row match."
