"""Reading the CSV tables of EMDB's search."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openem_nb.emdb._search import _column, read_csv, split_values
from openem_nb.errors import BadAnswer

if TYPE_CHECKING:
    from pathlib import Path

FIELDS = ["emdb_id", "resolution", "fitted_pdbs", "deposition_date", "map_release_date"]


def test_a_real_table(samples: Path) -> None:
    text = (samples / "emdb" / "EMapHandedness_EMDB_metadata.csv").read_text()
    columns = read_csv(text, FIELDS)
    frame = pd.DataFrame({field: _column(field, columns) for field in FIELDS})
    assert len(frame) == 8071
    assert frame["emdb_id"].is_unique
    assert frame["map_release_date"].isna().sum() == 26
    assert (frame["fitted_pdbs"] == ()).sum() == 1635
    years = frame["deposition_date"].dt.year.value_counts().sort_index()
    assert years.loc[2014:2020].to_dict() == {
        2014: 69,
        2015: 215,
        2016: 412,
        2017: 554,
        2018: 1155,
        2019: 2062,
        2020: 2693,
    }
    row = frame.set_index("emdb_id").loc["EMD-4002"]
    assert row["fitted_pdbs"] == ("5l4g", "5l4k")
    assert row["resolution"] == 3.9
    assert row["deposition_date"] == pd.Timestamp(2016, 5, 25)


@pytest.mark.parametrize(
    "text", ["", "\n", "  ", "emdb_id,resolution\n", "\ufeffemdb_id,resolution"]
)
def test_shapes_of_nothing(text: str) -> None:
    assert read_csv(text, ["emdb_id", "resolution"]) == {"emdb_id": [], "resolution": []}


@pytest.mark.parametrize(
    "text",
    [
        "<html><body>Maintenance</body></html>",
        '{"error": {"msg": "no"}}',
        "emdb_id\nEMD-1000\n",
        "emdb_id,resolution\nEMD-1000\n",
        "emdb_id,resolution\nEMD-1000,3.9,4\n",
        'emdb_id,resolution\nEMD-1000,"3.',
    ],
)
def test_what_is_not_the_table_is_an_error(text: str) -> None:
    with pytest.raises(BadAnswer, match="table"):
        read_csv(text, ["emdb_id", "resolution"])


def column(field: str, *values: str) -> list[object]:
    columns = {"emdb_id": [f"EMD-{1000 + row}" for row in range(len(values))], field: list(values)}
    return list(_column(field, columns))


def test_types_of_columns() -> None:
    assert column("resolution", "3.9", "4.2,3.1") == [3.9, 3.1]
    assert pd.isna(column("resolution", "0")[0])
    assert pd.isna(column("resolution", "")[0])
    assert column("title", 'A\\, B "C"', "A, B") == ['A, B "C"', "A, B"]
    assert column("author", "Smith J,O'Neil\\, Jr J") == [("Smith J", "O'Neil, Jr J")]
    assert column("xref_EMPIAR", "") == [()]
    assert column("primary_citation_year", "2020", "")[0] == 2020
    assert column("update_date", "2014-05-13T00:00:00Z") == [pd.Timestamp(2014, 5, 13)]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("resolution", "high"),
        ("resolution", "-3"),
        ("update_date", "2014-02-30T00:00:00Z"),
        ("primary_citation_year", "20x0"),
    ],
)
def test_values_that_cannot_be_understood_name_their_place(field: str, value: str) -> None:
    with pytest.raises(BadAnswer, match=rf"EMD-1000\.{field}"):
        column(field, value)


@given(st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=1)))
def test_several_values_survive_the_service_s_dialect(values: list[str]) -> None:
    clean = [value.strip() for value in values if value.strip()]
    joined = ",".join(value.replace("\\", "\\\\").replace(",", "\\,") for value in clean)
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow(["EMD-1000", joined])
    columns = read_csv("emdb_id,author\n" + written.getvalue(), ["emdb_id", "author"])
    assert split_values(columns["author"][0]) == clean


@given(st.text(max_size=80))
def test_any_text_is_a_table_or_an_error(text: str) -> None:
    try:
        columns = read_csv("emdb_id,resolution\n" + text, ["emdb_id", "resolution"])
    except BadAnswer:
        return
    assert len(columns["emdb_id"]) == len(columns["resolution"])
