from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openem_nb.practice._index import Field, Index, csv_text
from openem_nb.practice._lucene import QuerySyntaxError, parse


@dataclass(frozen=True)
class Map:
    name: str
    title: str
    resolution: float | None
    released: dt.date | None
    tags: tuple[str, ...] = ()


MAPS = (
    Map("EMD-0001", "Human TRPM8, closed state", 2.5, dt.date(2020, 1, 1), ("a", "b,c")),
    Map("EMD-0002", "Human ribosome", 3.0, dt.date(2021, 6, 30)),
    Map("EMD-0003", 'Yeast ribosome "open"', 4.0, dt.date(2022, 3, 2), ("R&D",)),
    Map("EMD-0004", "Tomogram of a cell", None, None),
)
FIELDS: dict[str, Field[Map]] = {
    "emdb_id": Field("exact", lambda m: (m.name,)),
    "title": Field("text", lambda m: (m.title,)),
    "resolution": Field("number", lambda m: () if m.resolution is None else (m.resolution,)),
    "release_date": Field("date", lambda m: () if m.released is None else (m.released,)),
    "tag": Field("exact", lambda m: m.tags, many=True),
}
INDEX = Index(
    MAPS,
    fields=FIELDS,
    key="emdb_id",
    text=lambda m: f"{m.name} {m.title}",
    today=dt.date(2022, 3, 9),
)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("*:*", "1234"),
        ("*", "1234"),
        ("", "1234"),
        ("human", "12"),
        ("HUMAN ribosome", "2"),
        ('"human ribosome"', "2"),
        ('"ribosome human"', ""),
        ("human OR yeast", "123"),
        ("human || yeast", "123"),
        ("ribosome AND NOT yeast", "2"),
        ("ribosome -yeast", "2"),
        ("+ribosome !yeast", "2"),
        ("NOT human", "34"),
        ("-title:human", "34"),
        ("human AND (trpm8 OR ribosome)", "12"),
        ("title:(yeast OR tomogram)", "34"),
        ("yeast OR human AND ribosome", "23"),
        ("EMD-0002", "2"),
        ('emdb_id:"EMD-0001" OR emdb_id:"EMD-0004"', "14"),
        ("emdb_id:EMD-0003", "3"),
        ("emdb_id:emd-0003", ""),
        ("emdb_id:EMD-*", "1234"),
        ("emdb_id:EMD-000?", "1234"),
        ("emdb_id:EMD-00?1", "1"),
        ("ribo*", "23"),
        ("title:*ogram", "4"),
        ("r?bosome", "23"),
        ("resolution:*", "123"),
        ("NOT resolution:*", "4"),
        ("resolution:3", "2"),
        ("resolution:[2.5 TO 3]", "12"),
        ("resolution:{2.5 TO 3]", "2"),
        ("resolution:[2.5 TO 3}", "1"),
        ("resolution:[* TO 3]", "12"),
        ("resolution:[3 TO *]", "23"),
        ('release_date:"2020-1-1T00:00:00Z"', "1"),
        ("release_date:[2020-01-01T00:00:00Z TO 2021-06-30T00:00:00Z]", "12"),
        ("release_date:[2020-01-01T00:00:00Z TO 2021-06-30T00:00:00Z}", "1"),
        ("release_date:[2020-01-01T00:00:01Z TO NOW]", "23"),
        ("release_date:[NOW-7DAYS TO NOW]", ""),
        ("release_date:[NOW-8DAYS TO NOW]", "3"),
        ("release_date:[NOW-1YEAR TO *]", "23"),
        (r"tag:R\&D", "3"),
        ('tag:"b,c"', "1"),
        (r"title:trpm8\,", "1"),
        ("switzerland", ""),
    ],
)
def test_queries(query: str, expected: str) -> None:
    assert "".join(str(hit + 1) for hit in INDEX.find(query)) == expected


@pytest.mark.parametrize(
    "query",
    [
        *(
            "(human",
            "human)",
            '"human',
            "AND human",
            "human AND",
            "human OR",
            "NOT",
            "()",
            "title:",
        ),
        *(
            "title:OR",
            ":human",
            "a:b:c",
            "[1 TO 2]",
            "resolution:[1 2]",
            "resolution:[1 TO",
            "human~",
        ),
        *("human^2", "resolution:abc", "resolution:[a TO 3]", "release_date:[2020 TO NOW]"),
        *("release_date:2020-13-01", "grant_country:Switzerland", "human AND nofield:x", "\\"),
        *("zzz AND nofield:x", "(" * 100 + "a" + ")" * 100),
    ],
)
def test_what_does_not_parse(query: str) -> None:
    with pytest.raises(QuerySyntaxError):
        INDEX.find(query)


@given(st.text(max_size=60))
def test_any_text_parses_or_is_a_syntax_error(query: str) -> None:
    try:
        hits = INDEX.find(query)
    except QuerySyntaxError:
        return
    assert hits == sorted(set(hits))
    assert set(hits) <= {0, 1, 2, 3}


_WORDS = st.sampled_from(
    ["human", "yeast", "ribosome", "closed", "EMD-0001", "none", "resolution:*"]
)
_QUERIES = st.recursive(
    _WORDS,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" AND ", " OR ", " "]), inner).map("".join),
        inner.map("NOT ({})".format),
        inner.map("({})".format),
    ),
    max_leaves=8,
)


@given(_QUERIES, _QUERIES)
def test_boolean_algebra(one: str, two: str) -> None:
    def find(query: str) -> set[int]:
        return set(INDEX.find(query))

    assert find(f"({one}) AND ({two})") == find(one) & find(two) == find(f"({one}) ({two})")
    assert find(f"({one}) OR ({two})") == find(one) | find(two)
    assert find(f"NOT ({one})") == {0, 1, 2, 3} - find(one)
    assert find(f"NOT (({one}) OR ({two}))") == find(f"(NOT ({one})) AND (NOT ({two}))")


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20))
def test_a_quoted_value_finds_exactly_itself(name: str) -> None:
    one: Index[Map] = Index(
        (Map("x", "", None, None, (name,)), Map("y", "", None, None, (name + "!",))),
        fields=FIELDS,
        key="emdb_id",
        text=lambda m: m.name,
        today=dt.date(2022, 1, 1),
    )
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    assert one.find(f'tag:"{quoted}"') == [0]


@given(st.floats(0, 20), st.floats(0, 20), st.booleans(), st.booleans())
def test_ranges_of_numbers(low: float, high: float, with_low: bool, with_high: bool) -> None:
    query = f"resolution:{'[' if with_low else '{'}{low} TO {high}{']' if with_high else '}'}"
    expected = [
        at
        for at, entry in enumerate(MAPS)
        if entry.resolution is not None
        and (low < entry.resolution or (with_low and low == entry.resolution))
        and (entry.resolution < high or (with_high and entry.resolution == high))
    ]
    assert INDEX.find(query) == expected


def test_depth_is_limited_but_length_is_not() -> None:
    parse(" OR ".join(f'emdb_id:"EMD-{n:04d}"' for n in range(2000)))
    with pytest.raises(QuerySyntaxError, match="deep"):
        parse("NOT " * 500 + "a")


def test_csv_dialect() -> None:
    names = ["emdb_id", "title", "tag", "release_date", "resolution", "nothing"]
    text = csv_text([FIELDS.get(name) for name in names], names, MAPS)
    assert text.splitlines() == [
        "emdb_id,title,tag,release_date,resolution,nothing",
        'EMD-0001,"Human TRPM8, closed state","a,b\\,c",2020-01-01T00:00:00Z,2.5,',
        "EMD-0002,Human ribosome,,2021-06-30T00:00:00Z,3.0,",
        'EMD-0003,"Yeast ribosome ""open""",R&D,2022-03-02T00:00:00Z,4.0,',
        "EMD-0004,Tomogram of a cell,,,,",
    ]
