"""A real JupyterLab with one notebook in headless Chromium, for what is measured there."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["jupyterlab", "opened"]

TOKEN: Final = "benchmark"


@contextlib.contextmanager
def jupyterlab(folder: Path) -> Iterator[str]:
    """Run JupyterLab on loopback with settings of its own; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = folder / "jupyter"
    config.mkdir()
    exposed = {"LabApp": {"expose_app_in_browser": True, "extension_manager": "readonly"}}
    (config / "jupyter_lab_config.json").write_text(json.dumps(exposed))
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(config),
        "JUPYTER_RUNTIME_DIR": str(folder / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(folder / "workspaces"),
        "IPYTHONDIR": str(folder / "ipython"),
        "JUPYTER_TOKEN": TOKEN,
    }
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"]
    with (folder / "log.txt").open("wb") as log:
        process = subprocess.Popen(
            [*command, f"--ServerApp.root_dir={folder}"],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                with urllib.request.urlopen(f"{url}/api/status?token={TOKEN}", timeout=2):
                    break
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait(30)


@contextlib.contextmanager
def opened(url: str, folder: Path, source: str, ready: str, hooks: str) -> Iterator[Any]:
    """Open a notebook of one cell, run it, and yield the page.

    It is there when something matches ``ready``; then the JavaScript function ``hooks`` is called.
    The address ends with the view: ``/doc/tree`` for the notebook alone, ``/lab/tree`` for all.
    """
    from playwright.sync_api import sync_playwright

    cell: dict[str, Any] = {
        "cell_type": "code",
        "id": "a",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
        "source": source,
    }
    notebook = {
        "cells": [cell],
        "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    (folder / "benchmark.ipynb").write_text(json.dumps(notebook))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=os.environ.get("CHROMIUM") or shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu"],
        )
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(120_000)
        page.goto(f"{url}/benchmark.ipynb?token={TOKEN}")
        page.wait_for_function("() => window.jupyterapp?.shell?.currentWidget?.context")
        page.evaluate(
            """async () => {
              await window.jupyterapp.restored;
              const widget = window.jupyterapp.shell.currentWidget;
              await widget.context.ready;
              await widget.sessionContext.ready;
              await window.jupyterapp.commands.execute('notebook:run-all-cells');
            }"""
        )
        page.wait_for_selector(ready)
        page.evaluate(hooks)
        yield page
        browser.close()
