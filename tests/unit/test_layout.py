"""What the project promises about itself: names, packaging, cost of the import."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib.metadata import metadata, requires
from pathlib import Path

import pytest

import openem_nb
from openem_nb import resources

ROOT = Path(__file__).parents[2]
CONDA_NAMES = {"duckdb": "python-duckdb"}


@pytest.fixture
def project() -> dict:
    path = ROOT / "pyproject.toml"
    if not path.exists():
        pytest.skip("runs from a checkout only")
    return tomllib.loads(path.read_text())["project"]


def test_environment_yml_lists_the_same_packages(project) -> None:
    wanted = {
        CONDA_NAMES.get(name, name) + bound
        for name, bound in (
            re.match(r"([\w-]+)(.*)", line).groups() for line in project["dependencies"]
        )
    } | {"python" + project["requires-python"]}
    text = (ROOT / "environment.yml").read_text()
    listed = set(re.findall(r"^  - ([\w-]+>=[\d.]+)$", text, re.MULTILINE))
    assert listed == wanted


def test_each_dependency_has_a_lower_bound(project) -> None:
    for line in project["dependencies"]:
        assert re.fullmatch(r"[\w-]+>=[\d.]+", line), line


def test_the_installed_package_says_what_it_is() -> None:
    assert metadata("openem_nb")["Version"] == openem_nb.__version__
    assert any(line.startswith("jupyterlab") for line in requires("openem_nb"))


def test_notebooks_and_widgets_are_found() -> None:
    assert (resources.folder("notebooks") / "swiss_statistics.ipynb").is_file()
    assert (resources.folder("widgets") / "shared" / "theme.css").is_file()


def test_the_facade_gives_what_it_names() -> None:
    for name in openem_nb.__all__:
        assert getattr(openem_nb, name) is not None, name
    assert dir(openem_nb) == sorted(openem_nb.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        openem_nb.nonsense  # noqa: B018


def test_the_import_brings_the_facade_alone_and_touches_nothing() -> None:
    code = (
        "import sys, socket\n"
        "socket.socket = None\n"
        "before = set(sys.modules)\n"
        "import openem_nb\n"
        "came = set(sys.modules) - before\n"
        "own = [name for name in came if name.split('.')[0] not in sys.stdlib_module_names]\n"
        "print(*sorted(own))\n"
        "print(len(came))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=240
    )
    ours, count = done.stdout.splitlines()
    assert ours == "openem_nb openem_nb._version"
    assert int(count) < 60, "modules that have to be read before anything is asked for"
