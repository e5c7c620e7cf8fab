"""The notebooks of the package as files: clean, explained, and on the public interface."""

from __future__ import annotations

import ast
import importlib
import json
import re
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import nbformat
import pytest

import openem_nb
from openem_nb import runs
from openem_nb.resources import folder

if TYPE_CHECKING:
    from pathlib import Path

NOTEBOOKS = sorted(folder("notebooks").glob("*.ipynb"))
each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells(path: Path, kind: str) -> list[str]:
    return [
        cell["source"]
        for cell in nbformat.read(path, as_version=4).cells
        if cell["cell_type"] == kind
    ]


def test_the_notebooks_are_there() -> None:
    templates = [
        *("convert_to_mmcif", "extract_session", "inspect_dataset", "inspect_map"),
        *("metadata_coverage", "mine_micrographs", "publish_dataset", "retrieve_dataset"),
        *("search_catalogue", "search_repositories", "swiss_statistics"),
    ]
    assert [path.stem for path in NOTEBOOKS] == sorted([*templates, "start"])
    assert list(runs.templates()) == templates


@each
def test_the_file_is_clean(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    notebook = json.loads(text)
    nbformat.validate(nbformat.from_dict(notebook))
    assert notebook["nbformat"] == 4
    assert notebook["nbformat_minor"] == 5
    assert notebook["metadata"] == {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    identifiers = [cell["id"] for cell in notebook["cells"]]
    assert len(set(identifiers)) == len(identifiers)
    # ids are words that a person chose, so that a saved notebook differs only where it changed
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", identifier) for identifier in identifiers)
    for cell in notebook["cells"]:
        assert set(cell["metadata"]) <= {"tags"}
        if cell["cell_type"] == "code":
            assert cell["outputs"] == []
            assert cell["execution_count"] is None
    assert text == json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


@each
def test_it_begins_with_title_and_explanation(path: Path) -> None:
    first = json.loads(path.read_text(encoding="utf-8"))["cells"][0]
    assert first["cell_type"] == "markdown"
    form = runs.form(path)
    assert form.title
    assert len(form.description) > 40


@each
def test_no_absolute_paths_and_no_secrets(path: Path) -> None:
    code = "\n".join(cells(path, "code"))
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not re.match(r"(/|~|[A-Za-z]:\\|file:)", node.value), node.value
    assert not re.search(r"token|password|secret", code, flags=re.IGNORECASE)


@pytest.mark.parametrize("name", list(runs.templates()))
def test_every_parameter_is_typed_explained_and_has_a_default(name: str) -> None:
    form = runs.form(name)
    assert form.parameters
    for parameter in form.parameters:
        assert len(parameter.help) > 10, f"{name}.{parameter.name} is not explained"
        assert parameter.help.endswith("."), f"{name}.{parameter.name}: end with a full stop"
    defaults = {p.name: p.plain(p.default) for p in form.parameters}
    assert form.problems(defaults) == {}
    assert form.read(defaults) == form.read() == {p.name: p.default for p in form.parameters}


@each
def test_code_is_sound(path: Path) -> None:
    if find_spec("ruff") is None:
        pytest.skip("ruff is not installed")
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--no-cache"]
    options = ["--line-length=100", "--target-version=py311", "--select=E4,E7,E9,F,I,B,UP"]
    done = subprocess.run(
        [*command, *options, str(path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@each
def test_only_the_public_interface_is_used(path: Path) -> None:
    tree = ast.parse("\n".join(cells(path, "code")))
    modules: dict[str, Any] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                if name.name.startswith("openem_nb"):
                    assert name.name == "openem_nb"
                    modules[name.asname or name.name] = openem_nb
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("openem_nb"):
            module = importlib.import_module(node.module or "")
            for name in node.names:
                assert name.name in module.__all__, f"{node.module}.{name.name} is not public"
                modules[name.asname or name.name] = getattr(module, name.name)
    used = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            module = modules.get(node.value.id)
            public = getattr(module, "__all__", None)
            if public is not None:
                used += 1
                assert node.attr in public, f"{node.value.id}.{node.attr} is not public"
    assert used
