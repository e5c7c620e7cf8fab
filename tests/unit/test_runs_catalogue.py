"""The parameters cell as its author writes it."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

import pytest

from openem_nb import runs
from openem_nb.errors import CannotWrite, InvalidInput, NotFound


def notebook(path: Path, parameters: str, *, before: str = "# A title\n\nWhat it\ndoes.") -> Path:
    cells = [
        {"cell_type": "markdown", "metadata": {}, "source": before},
        {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": parameters},
    ]
    path.write_text(json.dumps({"cells": cells, "nbformat": 4, "nbformat_minor": 5}))
    return path


GOOD = """
from datetime import date
from pathlib import Path
from typing import Literal

country: str = "Switzerland"  # Whose grants are counted.

# A line above
# and a second one,
as_of: date | None = None  # and one at the end.
first: date = date(2015, 1, 1)
resolution: float | None = None
limit: float = 3
rows: int = -1
refresh: bool = True
output: Path = Path(".")  # Where to.
archive: Path = "x"
repository: Literal["EMDB", "EMPIAR"] = "EMDB"  # a # inside
ids: list[str] = ["a", "b"]
"""


def test_the_cell_is_read_as_python(tmp_path: Path) -> None:
    form = runs.form(notebook(tmp_path / "good one.ipynb", GOOD))
    assert (form.title, form.description, form.name) == ("A title", "What it does.", "good one")
    found = {parameter.name: parameter for parameter in form.parameters}
    assert [(p.name, p.annotation, p.kind, p.optional) for p in form.parameters] == [
        ("country", "str", "str", False),
        ("as_of", "date | None", "date", True),
        ("first", "date", "date", False),
        ("resolution", "float | None", "float", True),
        ("limit", "float", "float", False),
        ("rows", "int", "int", False),
        ("refresh", "bool", "bool", False),
        ("output", "Path", "Path", False),
        ("archive", "Path", "Path", False),
        ("repository", "Literal['EMDB', 'EMPIAR']", "Literal", False),
        ("ids", "list[str]", "list[str]", False),
    ]
    assert found["as_of"].help == "A line above and a second one, and one at the end."
    assert found["country"].help == "Whose grants are counted."
    assert found["repository"].help == "a # inside"
    assert found["first"].help == ""
    assert found["repository"].choices == ("EMDB", "EMPIAR")
    assert form.read()["first"] == date(2015, 1, 1)
    assert form.read()["output"] == Path()
    assert form.read()["archive"] == Path("x")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("x = 1", "a parameter is written as"),
        ("x: int", "a parameter is written as"),
        ("print(1)", "a parameter is written as"),
        ("x: int = ", "a parameter is written as"),
        ("%matplotlib inline", "a parameter is written as"),
        ("x: complex = 1", "type complex"),
        ("x: int | str = 1", "type int"),
        ("x: Literal[1.5] = 1.5", "type Literal"),
        ("x: Literal['a'] = 'b'", "default 'b' of x is not one of a"),
        ("x: int = '1'", "default '1' of x is not a whole number"),
        ("x: int = None", "default None of x is not a whole number"),
        ("x: int = len('a')", "default len"),
        ("x: date = date(2024, 2, 30)", "is not a date"),
        ("x: bool = 'yes'", "is not yes or no"),
        ("x: int = 1\nx: int = 2", "twice"),
    ],
)
def test_what_is_no_parameter_is_named_with_cell_and_line(
    tmp_path: Path, line: str, words: str
) -> None:
    path = notebook(tmp_path / "bad.ipynb", f"y: int = 1\n{line}")
    with pytest.raises(InvalidInput, match=r"bad\.ipynb, cell 2, line [23]: ") as caught:
        runs.form(path)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "name", ["token", "SCICAT_TOKEN", "password", "pwd", "api_key", "client_secret", "auth"]
)
def test_secrets_are_no_parameters(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="looks like a secret"):
        runs.form(notebook(tmp_path / "n.ipynb", f'{name}: str = ""'))


def test_a_notebook_without_parameters_has_an_empty_form(tmp_path: Path) -> None:
    path = tmp_path / "plain.ipynb"
    path.write_text(json.dumps({"cells": [], "nbformat": 4, "nbformat_minor": 5}))
    form = runs.form(path)
    assert form.parameters == ()
    assert form.title == "plain"
    with pytest.raises(InvalidInput, match="no such parameter"):
        form.read({"x": "1"})


def test_what_is_no_notebook_is_refused(tmp_path: Path) -> None:
    text, listing = tmp_path / "text.ipynb", tmp_path / "list.ipynb"
    text.write_text("hello")
    listing.write_text("[1]")
    for path in (text, listing):
        with pytest.raises(InvalidInput, match="notebook"):
            runs.form(path)


@pytest.mark.parametrize(
    "cell",
    [
        {"cell_type": "code", "metadata": None},
        {"cell_type": "code", "metadata": {"tags": None}},
        {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": [1]},
    ],
)
def test_a_damaged_cell_is_refused(tmp_path: Path, cell: dict[str, object]) -> None:
    path = tmp_path / "damaged.ipynb"
    path.write_text(json.dumps({"cells": [cell]}))
    with pytest.raises(InvalidInput, match="not a notebook"):
        runs.form(path)


@pytest.mark.parametrize("name", ["~nobody-of-this-name/x.ipynb", "x" * 300 + ".ipynb"])
def test_a_name_that_no_file_can_have_is_not_found(name: str) -> None:
    with pytest.raises(NotFound):
        runs.form(name)


def test_an_unknown_name_lists_the_templates() -> None:
    with pytest.raises(NotFound) as caught:
        runs.form("swiss_statistic")
    assert "Did you mean swiss_statistics?" in caught.value.hint
    assert "search_repositories" in caught.value.hint


def test_copies_leave_a_persons_work_alone(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "notebooks"
    first = runs.copy_templates(target)
    assert {"start.ipynb", "swiss_statistics.ipynb"} <= {path.name for path in first}
    mine = target / "start.ipynb"
    mine.write_text("mine")
    (target / "swiss_statistics.ipynb").unlink()
    assert [path.name for path in runs.copy_templates(target)] == ["swiss_statistics.ipynb"]
    assert mine.read_text() == "mine"
    with pytest.raises(CannotWrite):
        runs.copy_templates(mine / "below")
