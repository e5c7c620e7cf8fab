from __future__ import annotations

import pandas as pd
import pytest

from openem_nb.values import SearchResult, format_bytes, format_duration


def test_a_search_result_is_a_table_with_a_total() -> None:
    result = SearchResult.of(
        pd.DataFrame({"id": ["EMD-1", "EMD-2"]}), total=12_070, query="a:b", notice="practice"
    )
    assert list(result["id"]) == ["EMD-1", "EMD-2"]
    assert (result.total, result.query_sent, result.notice) == (12_070, "a:b", "practice")


def test_what_is_derived_from_it_is_a_plain_table() -> None:
    result = SearchResult.of(pd.DataFrame({"n": [1, 2, 3]}), total=3, query="*")
    for derived in (result[result.n > 1], result.head(), result.copy(), result.query("n > 1")):
        assert type(derived) is pd.DataFrame


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (123_456, "123 kB"),
        (999_600, "1 MB"),
        (1_250_000_000, "1.25 GB"),
        (8.9e15, "8.9 PB"),
    ],
)
def test_sizes(size: float, text: str) -> None:
    assert format_bytes(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.2, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (125, "2 min 5 s"),
        (7500, "2 h 5 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
