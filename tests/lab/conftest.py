"""A real JupyterLab on loopback, started as ``openem lab`` does; one page is kept for all tests."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from browser import pytest_runtest_makereport, watched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from openem_nb.practice import Facility

__all__ = ["pytest_runtest_makereport"]  # a failure tells what the page showed

TOKEN = "test"
ENOUGH = 120
"""Seconds for a server to come or to go; a busy machine is slow."""
START = "from openem_nb.lab import lab; raise SystemExit(lab(port={port}, open_browser=False))"


@dataclass(frozen=True)
class Lab:
    """A running JupyterLab."""

    url: str
    home: Path
    process: subprocess.Popen[bytes]

    def address(self, path: str) -> str:
        """Return the address of a page, with the token."""
        return f"{self.url}/{path}?token={TOKEN}"


def free_port() -> int:
    """Return a port that no connection of another test takes before the server has it.

    The system gives those away from 32768 on.
    """
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", random.randrange(20_000, 32_000)))
            return int(probe.getsockname()[1])


def environment(home: Path, facility: Facility) -> dict[str, str]:
    """Return an environment in which nothing of the developer's own settings is seen."""
    config = home / "jupyter"
    config.mkdir(parents=True)
    exposed = {"LabApp": {"expose_app_in_browser": True}}
    (config / "jupyter_lab_config.json").write_text(json.dumps(exposed))
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OPENEM_", "JUPYTER"))}
    folders = {
        "JUPYTER_CONFIG_DIR": config,
        "JUPYTER_RUNTIME_DIR": home / "runtime",
        "JUPYTER_DATA_DIR": home / "share",
        "JUPYTERLAB_SETTINGS_DIR": home / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": home / "workspaces",
        "IPYTHONDIR": home / "ipython",
        "OPENEM_HOME": home / "openem",
        "OPENEM_DATA": home / "data",
    }
    return {
        **inherited,
        **{name: str(path) for name, path in folders.items()},
        "JUPYTER_TOKEN": TOKEN,
        "OPENEM_PROFILE": "practice",
        "OPENEM_PRACTICE_URL": facility.url,
    }


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + ENOUGH
    while True:
        try:
            with urllib.request.urlopen(url, timeout=10):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)


@pytest.fixture(scope="session")
def lab(
    browser: Any, shared_facility: Facility, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Lab]:
    """Run JupyterLab; Ctrl-C ends it and everything that it started."""
    home = tmp_path_factory.mktemp("lab")
    port = free_port()
    log = home / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-c", START.format(port=port)],
            env=environment(home, shared_facility),
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{url}/api/status?token={TOKEN}", process, log)
        yield Lab(url, home, process)
        family = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        assert process.wait(ENOUGH) == 0
        gone, alive = psutil.wait_procs(family, timeout=ENOUGH)
        assert alive == []
        assert gone
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(ENOUGH)


@dataclass
class Page:
    """The page with ``start.ipynb``, and what went wrong in it."""

    page: Any
    lab: Lab
    faults: list[str]
    foreign: list[str]

    def run(self, script: str) -> Any:
        """Run JavaScript with ``app``, the JupyterLab application."""
        return self.page.evaluate(f"async () => {{ const app = window.jupyterapp; {script} }}")

    def theme(self, name: str) -> None:
        """Change the theme and wait until it shows."""
        self.run(f"await app.commands.execute('apputils:change-theme', {{ theme: '{name}' }});")
        light = "false" if "Dark" in name else "true"
        self.page.wait_for_selector(f"body[data-jp-theme-light='{light}']", state="attached")
        # JupyterLab stumbles over its own splash if the next change comes before it is gone
        self.page.wait_for_selector("#jupyterlab-splash", state="detached")

    def wait_until_ready(self) -> None:
        """Wait until the notebook is shown and connected to its kernel."""
        self.page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.context")
        self.run(
            """await app.restored;
            const widget = app.shell.currentWidget;
            await widget.context.ready;
            await widget.sessionContext.ready;"""
        )


@pytest.fixture(scope="session")
def kept_page(browser: Any, lab: Lab) -> Iterator[Page]:
    """Open ``start.ipynb`` and run it once."""
    context = browser.new_context(viewport={"width": 1180, "height": 1000})
    page = watched(context.new_page())
    kept = Page(page, lab, [], [])
    page.on("pageerror", lambda error: kept.faults.append(error.stack or str(error)))
    page.on(
        "request",
        lambda request: (
            kept.foreign.append(request.url)
            if request.url.startswith("http") and "//127.0.0.1:" not in request.url
            else None
        ),
    )
    page.goto(lab.address("lab/tree/start.ipynb"))
    kept.wait_until_ready()
    kept.run("await app.commands.execute('application:toggle-left-area');")
    kept.run("await app.commands.execute('notebook:run-all-cells');")
    page.get_by_role("search", name="Search EMDB and EMPIAR").wait_for()
    yield kept
    context.close()


@pytest.fixture
def page(kept_page: Page, practice: Facility) -> Iterator[Page]:
    """Return the kept page; a fault of its scripts or a foreign request fails the test."""
    yield kept_page
    assert kept_page.faults == []
    assert kept_page.foreign == []


@pytest.fixture
def run_cell(page: Any) -> Iterator[Callable[[str], None]]:
    """Return ``run_cell(code)``, which runs it in a new cell; the cell is gone after the test."""

    def run(code: str) -> None:
        page.run(
            f"""const notebook = app.shell.currentWidget.content;
            notebook.activeCellIndex = notebook.widgets.length - 1;
            await app.commands.execute('notebook:insert-cell-below');
            notebook.activeCell.model.sharedModel.setSource({json.dumps(code)});
            await app.commands.execute('notebook:run-cell');"""
        )

    yield run
    page.run("await app.commands.execute('notebook:delete-cell');")
