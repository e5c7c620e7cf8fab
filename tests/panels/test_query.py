from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openem_nb import emdb, empiar
from openem_nb.errors import InvalidInput
from openem_nb.panels._query import METHODS, ORDERS, RepositoryQuery, form_fields
from openem_nb.values import SearchResult

words = st.text(max_size=30).map(str.strip)
plain = st.text("abcäöü0123 -'.,", max_size=20).map(str.strip)
angstrom = st.none() | st.floats(0.5, 99, allow_nan=False)
year = st.none() | st.integers(1990, 2100)


def ordered(pair: tuple[Any, Any]) -> tuple[Any, Any]:
    low, high = pair
    return (high, low) if None not in pair and low > high else pair


@st.composite
def queries(draw: Any) -> RepositoryQuery:
    resolution = ordered(draw(st.tuples(angstrom, angstrom)))
    years = ordered(draw(st.tuples(year, year)))
    return RepositoryQuery(
        repository=draw(st.sampled_from(["EMDB", "EMPIAR"])),
        text=draw(plain),
        resolution_from=resolution[0],
        resolution_to=resolution[1],
        organism=draw(words),
        method=draw(st.sampled_from(["", *METHODS])),
        funder=draw(words),
        microscope=draw(words),
        author=draw(words),
        year_from=years[0],
        year_to=years[1],
        raw_data=draw(st.none() | st.booleans()),
        order=draw(st.sampled_from(list(ORDERS))),
    )


@given(queries())
def test_a_query_survives_form_and_json(query: RepositoryQuery) -> None:
    assert RepositoryQuery.read(query.to_values()) == (query, {})
    assert RepositoryQuery.from_dict(json.loads(json.dumps(query.to_dict()))) == query


@given(queries())
def test_the_code_asks_what_the_panel_asks(query: RepositoryQuery) -> None:
    asked: list[str] = []

    def search(text: str, **_: Any) -> SearchResult:
        asked.append(text)
        frame = pd.DataFrame({"map_release_date": pd.to_datetime([]), "resolution": []})
        return SearchResult.of(frame, total=0, query=text)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(emdb, "search", search)
        patch.setattr(empiar, "search", search)
        names: dict[str, Any] = {}
        exec(query.code(), names)
    assert asked == [query.lucene()]
    assert len(names["results"]) == 0


def test_the_labels_are_those_of_the_client() -> None:
    assert set(METHODS) == set(emdb.METHODS)


def test_every_field_of_the_form_is_a_field_of_the_query() -> None:
    names = {field.name for field in form_fields("EMDB")}
    assert names == set(RepositoryQuery.__slots__)
    assert {field.name for field in form_fields("EMPIAR")} < names


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("resolution_to", "three"),
        ("resolution_to", "-1"),
        ("resolution_from", "nan"),
        ("year_from", "19"),
        ("year_to", "20x4"),
        ("method", "crystal ball"),
        ("raw_data", "maybe"),
        ("repository", "PDB"),
    ],
)
def test_a_field_that_cannot_be_read_is_named(field: str, text: str) -> None:
    _, errors = RepositoryQuery.read({field: text})
    assert list(errors) == [field]
    with pytest.raises(InvalidInput, match="nonsense"):
        RepositoryQuery.from_dict({"nonsense": text})


def test_ranges_the_wrong_way_round_are_named() -> None:
    values = {"resolution_from": "4", "resolution_to": "3", "year_from": "2020", "year_to": "2019"}
    _, errors = RepositoryQuery.read(values)
    assert set(errors) == {"resolution_to", "year_to"}


def test_rows_without_a_value_come_last() -> None:
    frame = pd.DataFrame(
        {
            "emdb_id": ["a", "b", "c"],
            "resolution": [3.0, None, 2.0],
            "map_release_date": pd.to_datetime(["2020-01-01", "2022-01-01", None]),
        }
    )
    found = SearchResult.of(frame, total=3, query="x")
    assert list(RepositoryQuery(order="resolution").sort(found)["emdb_id"]) == ["c", "a", "b"]
    assert list(RepositoryQuery(order="newest").sort(found)["emdb_id"]) == ["b", "a", "c"]
    assert RepositoryQuery().sort(found) is found
