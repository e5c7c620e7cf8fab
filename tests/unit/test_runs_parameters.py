"""What a person fills in, and what a notebook gets."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openem_nb.errors import InvalidInput
from openem_nb.runs.catalogue import form, injected_source
from openem_nb.runs.parameters import Form, Kind, Parameter


def parameter(kind: Kind, default: Any = None, **more: Any) -> Parameter:
    return Parameter(name="x", annotation=kind, kind=kind, default=default, **more)


@pytest.mark.parametrize(
    ("kind", "given_value", "expected"),
    [
        ("bool", "yes", True),
        ("bool", " False ", False),
        ("bool", "0", False),
        ("bool", True, True),
        ("int", "12", 12),
        ("int", " -3 ", -3),
        ("float", "2.5", 2.5),
        ("float", 3, 3.0),
        ("float", "1e-3", 0.001),
        ("str", "  as it is ", "  as it is "),
        ("str", "", ""),
        ("date", "2024-11-12", date(2024, 11, 12)),
        ("date", date(2024, 11, 12), date(2024, 11, 12)),
        ("date", datetime(2024, 11, 12, 8, 0), date(2024, 11, 12)),  # noqa: DTZ001
        ("list[str]", "a\n b \n\nc, d", ["a", "b", "c, d"]),
        ("list[str]", "a, b", ["a", "b"]),
        ("list[str]", ["a"], ["a"]),
        ("list[str]", "", []),
        ("Path", "/somewhere/else", Path("/somewhere/else")),
    ],
)
def test_text_and_values_are_read_in_the_type(
    kind: Kind, given_value: object, expected: object
) -> None:
    found = parameter(kind).read(given_value)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        ("bool", "perhaps", "yes or no"),
        ("bool", 1, "yes or no"),
        ("int", "1.5", "whole number"),
        ("int", True, "whole number"),
        ("int", "", "blank is not a whole number"),
        ("float", "nan", "a number"),
        ("float", "inf", "a number"),
        ("float", None, "a number"),
        ("str", 5, "text"),
        ("date", "12.11.2024", "2024-11-12"),
        ("date", "2024-02-30", "2024-11-12"),
        ("Path", " ", "path"),
        ("Path", "a\0b", "path"),
        ("Path", "~nobody-of-this-name/x", "path"),
        ("list[str]", [1], "list of texts"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_is_expected(
    kind: Kind, value: object, words: str
) -> None:
    with pytest.raises(InvalidInput, match=words):
        parameter(kind).read(value)


@pytest.mark.parametrize("blank", [None, "", "  ", "none", "None"])
@pytest.mark.parametrize("kind", ["int", "float", "str", "date", "Path", "bool"])
def test_blank_means_none_where_it_may(kind: Kind, blank: object) -> None:
    assert parameter(kind, optional=True).read(blank) is None


def test_choices_are_matched_in_their_type() -> None:
    choice = parameter("Literal", "EMDB", choices=("EMDB", "EMPIAR", 3))
    assert choice.read("EMPIAR") == "EMPIAR"
    assert choice.read("3") == 3
    with pytest.raises(InvalidInput, match="one of EMDB, EMPIAR, 3"):
        choice.read("PDB")


def test_a_path_is_relative_to_the_caller_and_the_default_to_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    output = parameter("Path", Path())
    assert output.read("results") == tmp_path / "results"
    assert output.read(".") == Path()
    assert output.read("~/x") == Path.home() / "x"


def test_text_that_is_the_path_of_something_is_taken_from_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "away").symlink_to("nothing")
    monkeypatch.chdir(tmp_path)
    source = parameter("Path | str", "")
    for text in ("raw", "./raw", " raw ", Path("raw")):
        assert source.read(text) == str(tmp_path / "raw")
    assert source.read("away") == str(tmp_path / "away"), "a link that leads nowhere is told later"
    for text in ("EMPIAR-10028", "20.500.12345/a-b", "raw/not-there", "", "x" * 5000):
        assert source.read(text) == text
    assert source.read(source.plain(source.read("raw"))) == str(tmp_path / "raw")
    for odd in (1, None, "~nobody-of-that-name/x"):
        with pytest.raises(InvalidInput, match="text, or the path"):
            source.read(odd)


@pytest.mark.parametrize("name", ["mine_micrographs", "inspect_dataset"])
def test_the_source_of_images_may_be_a_folder_of_the_caller(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "raw").mkdir()
    monkeypatch.chdir(tmp_path)
    assert form(name).read({"source": "raw"})["source"] == str(tmp_path / "raw")
    assert form(name).read({})["source"] == ""


def test_every_wrong_field_is_named_at_once() -> None:
    form = Form(
        title="",
        description="",
        name="statistics",
        path=Path("statistics.ipynb"),
        parameters=(
            Parameter("as_of", "date | None", "date", None, optional=True),
            Parameter("rows", "int", "int", 10),
            Parameter("country", "str", "str", "Switzerland"),
        ),
    )
    answers = {"as_of": "soon", "rows": "many", "contry": "Austria", "country": "Austria"}
    assert set(form.problems(answers)) == {"as_of", "rows", "contry"}
    with pytest.raises(InvalidInput) as caught:
        form.read(answers)
    message = str(caught.value)
    assert message.startswith("3 parameters of statistics cannot be used")
    for part in ("as_of: 'soon'", "rows: 'many'", "did you mean country"):
        assert part in message
    assert "as_of, rows, country" in caught.value.hint
    assert form.read({"rows": "3"}) == {"as_of": None, "rows": 3, "country": "Switzerland"}


values = st.one_of(
    st.tuples(st.just("bool"), st.booleans()),
    st.tuples(st.just("int"), st.integers()),
    st.tuples(st.just("float"), st.floats(allow_nan=False, allow_infinity=False)),
    st.tuples(st.just("str"), st.text()),
    st.tuples(st.just("date"), st.dates()),
    st.tuples(st.just("list[str]"), st.lists(st.text(min_size=1).map(str.strip).filter(bool))),
    st.tuples(
        st.just("Path"),
        st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
        .filter(str.strip)
        .map(lambda text: Path("/", text)),
    ),
)


@given(values)
def test_a_value_survives_the_record_and_the_notebook(example: tuple[Kind, Any]) -> None:
    kind, value = example
    one = parameter(kind)
    assert one.read(one.plain(value)) == value
    namespace: dict[str, Any] = {}
    exec(injected_source({"x": value}), namespace)
    assert namespace["x"] == value
    assert type(namespace["x"]) is type(value)
