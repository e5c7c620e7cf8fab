"""Small notebooks for tests of runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from openem_nb import runs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(autouse=True)
def no_run_is_left(own_environment: None) -> Iterator[None]:
    """End the runs of a test that failed half-way."""
    yield
    table = runs.history()
    for run_id in table.loc[table["state"].isin(["queued", "running"]), "id"]:
        run = runs.get(run_id)
        run.cancel()
        run.wait(120)


@pytest.fixture
def notebook(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a notebook; the first source is its parameters cell.

    A source that begins with ``#`` and a blank is a markdown cell.
    """

    def write(parameters: str, *sources: str, name: str = "try") -> Path:
        cells = [
            new_markdown_cell("# A try"),
            new_code_cell(parameters, metadata={"tags": ["parameters"]}),
        ]
        cells += [
            new_markdown_cell(text) if text.lstrip("#").startswith(" ") else new_code_cell(text)
            for text in sources
        ]
        path = tmp_path / f"{name}.ipynb"
        nbformat.write(new_notebook(cells=cells), path)
        return path

    return write
