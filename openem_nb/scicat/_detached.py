"""Starting the worker of a retrieval as a process that outlives this one."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from openem_nb._processes import register_process

if TYPE_CHECKING:
    from openem_nb.scicat._ordering import Pace

__all__ = ["LAST_STEPS", "launch", "reap"]

LAST_STEPS: Final = 20.0
"""Seconds that a worker may need to stop: it finishes writing the piece that it has."""
_FOLDER_VARIABLES: Final = ("OPENEM_HOME", "OPENEM_DATA", "OPENEM_TOKEN_FILE")

_children: dict[Path, subprocess.Popen[bytes]] = {}
"""Workers that this process started and that have not been reaped."""


def launch(folder: Path, pace: Pace | None) -> None:
    """Start the worker of a retrieval and note which process it is; the caller holds the record.

    A session of its own lets it survive the end of a notebook kernel or of a terminal.
    """
    reap(folder)
    command = [sys.executable, "-m", "openem_nb.scicat", str(folder)]
    if pace is not None:
        command += [f"--{name}={value}" for name, value in asdict(pace).items()]
    environment = dict(os.environ)
    for name in _FOLDER_VARIABLES:
        if name in environment:
            environment[name] = str(Path(environment[name]).expanduser().absolute())
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0)
    with os.fdopen(os.open(folder / "log.txt", flags, 0o600), "ab") as log:
        child = subprocess.Popen(  # noqa: S603  (our own module, no outside text)
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[folder] = child
    register_process(folder, child.pid)


def reap(folder: Path) -> None:
    """Take note of the end of a worker that this process started, else it stays a zombie."""
    child = _children.pop(folder, None)
    if child is not None:
        try:
            child.wait(LAST_STEPS)
        except subprocess.TimeoutExpired:
            _children[folder] = child
