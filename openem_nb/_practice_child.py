"""Finding or starting the practice facility; the module ``settings`` asks here on first use."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from functools import cache
from typing import Any

from openem_nb import http
from openem_nb.errors import InvalidInput, Unreachable
from openem_nb.settings import Services

__all__ = ["services"]


def services() -> Services:
    """Return the addresses of the facility that ``OPENEM_PRACTICE_URL`` names, or of an own one.

    Raises
    ------
    Unreachable
        If it does not answer or does not start.
    """
    url = os.environ.get("OPENEM_PRACTICE_URL")
    if url:
        return running(url.rstrip("/"))
    size = _size()
    with _own_lock:  # panels ask from several threads at once; there is one facility for all
        own = _own.get(size)
        if own is None or own[0].poll() is not None:
            own = _own[size] = _start(*size)
    return own[1]


def _size() -> tuple[int, int]:
    numbers = []
    for variable, default in (("OPENEM_PRACTICE_ENTRIES", 3000), ("OPENEM_PRACTICE_SEED", 1)):
        text = os.environ.get(variable, str(default))
        if not text.isdecimal():
            raise InvalidInput(
                f"{variable} = {text!r} is not a whole number.", hint=f"The default is {default}."
            )
        numbers.append(int(text))
    return numbers[0], numbers[1]


def _described(description: dict[str, Any]) -> Services:
    return Services(
        name=description["name"], notice=description["notice"], **description["services"]
    )


@cache
def running(url: str) -> Services:
    """Return the addresses of a facility that runs already."""
    description = http.session().json(url + "/")
    try:
        return _described(description)
    except (KeyError, TypeError) as error:
        raise Unreachable(
            f"{url} is not a practice facility.",
            hint="Start one with `openem practice`, or unset OPENEM_PRACTICE_URL.",
        ) from error


_own: dict[tuple[int, int], tuple[subprocess.Popen[str], Services]] = {}
_own_lock = threading.Lock()


def _start(entries: int, seed: int) -> tuple[subprocess.Popen[str], Services]:
    """Start the facility as a child; its stdin closes with this process, however it ends."""
    child = subprocess.Popen(  # noqa: S603  (our own module, no outside text)
        [
            *(sys.executable, "-m", "openem_nb.practice", "--until-stdin-closes"),
            *("--entries", str(entries), "--seed", str(seed)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is for this process; the child ends through its pipe
    )

    def stop() -> None:
        try:
            child.communicate(timeout=5)
        except BrokenPipeError:  # it has ended already
            child.wait()
        except subprocess.TimeoutExpired:  # it is still making its archive
            child.kill()
            child.communicate()

    atexit.register(stop)
    line = child.stdout.readline() if child.stdout else ""
    try:
        return child, _described(json.loads(line))
    except (ValueError, KeyError, TypeError) as error:
        stop()
        raise Unreachable(
            "The practice facility did not start.",
            hint="Run `openem practice` in a terminal to see why.",
        ) from error
