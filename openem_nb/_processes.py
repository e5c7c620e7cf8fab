"""Work in processes of their own: which process does it, whether it lives, and signs of life.

A process is noted in ``process.json`` of the folder that its work has. Runs of notebooks and
retrievals from tape are such work: they go on when the kernel or the terminal that started them
has ended.
"""

from __future__ import annotations

import json
import os
import platform
import time
from typing import TYPE_CHECKING, Any

import psutil

from openem_nb._folders import write_whole
from openem_nb.errors import BadAnswer

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["is_alive", "read_json", "register_process", "running_process", "show_life"]

_SILENCE = 60.0
"""Seconds without a sign of life after which work on another machine is taken for dead."""


def read_json(path: Path) -> Any:
    """Return the content of a JSON file, None if there is no such file."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise BadAnswer(f"{path} is damaged: {error}.") from error


def register_process(folder: Path, pid: int) -> None:
    """Note which process does the work.

    The number alone would not do: the system gives it to another process one day. Number, start
    time and machine together are unique.
    """
    try:
        born = psutil.Process(pid).create_time()
    except psutil.NoSuchProcess:  # it was very short; no process will match
        born = 0.0
    data = {"pid": pid, "born": born, "machine": platform.node()}
    write_whole(folder / "process.json", json.dumps(data) + "\n", private=True)


def _process(folder: Path) -> dict[str, Any] | None:
    """Return what :func:`register_process` noted."""
    path = folder / "process.json"
    data = read_json(path)
    kinds = {"pid": int, "born": float, "machine": str}
    whole = isinstance(data, dict) and all(isinstance(data.get(k), t) for k, t in kinds.items())
    if data is not None and not whole:
        raise BadAnswer(f"{path} does not name a process.", hint=f"Remove the folder {folder}.")
    return data  # type: ignore[no-any-return]  # checked above


def running_process(folder: Path) -> psutil.Process | None:
    """Return the process that does the work if it lives on this machine."""
    data = _process(folder)
    if data is None or data["machine"] != platform.node():
        return None
    try:
        process = psutil.Process(data["pid"])
        same = abs(process.create_time() - data["born"]) < 1.0
        # One that was killed has ended when its last thread has: that may be writing to a disk.
        ended = process.status() == psutil.STATUS_ZOMBIE and process.num_threads() <= 1
    except psutil.NoSuchProcess:
        return None
    return process if same and not ended else None


def is_alive(folder: Path, *signs: str) -> bool:
    """Return whether the process that does the work lives.

    On another machine that shares the folder (a second node, or a container before it was
    replaced) the process cannot be seen; there the sign of life decides: the time of change of the
    first of the files ``signs`` that exists. The same holds for the moment between starting a
    process and noting its number.
    """
    data = _process(folder)
    if data is not None and data["machine"] == platform.node():
        return running_process(folder) is not None
    for name in signs:
        try:
            return time.time() - (folder / name).stat().st_mtime < _SILENCE
        except FileNotFoundError:
            continue
    return False


def show_life(path: Path) -> None:
    """Give a sign of life: the file's time of change becomes the present."""
    os.utime(path)
