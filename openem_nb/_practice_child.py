"""Finding or starting the practice facility; the module ``settings`` asks here on first use."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from openem_nb import http, settings
from openem_nb.errors import InvalidInput, Unreachable
from openem_nb.settings import Services

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["catalogue", "services"]


def services() -> Services:
    """Return the addresses of EMDB and EMPIAR in the practice facility.

    Raises
    ------
    Unreachable
        If it does not answer or does not start.
    """
    found = _description()
    return Services(name=found["name"], notice=found["notice"], **found["services"])


def catalogue(name: str) -> dict[str, Any]:
    """Return the addresses of the practice SciCat of a profile, by the names of its fields.

    Raises
    ------
    Unreachable
        If the facility does not answer or does not start.
    """
    found: dict[str, Any] = _description()["catalogues"][name]
    return found


def _description() -> dict[str, Any]:
    """Return what the facility says of itself: that of ``OPENEM_PRACTICE_URL``, or an own one."""
    url = os.environ.get("OPENEM_PRACTICE_URL")
    if url:
        return running(url.rstrip("/"))
    asked = tuple(_number(variable, default) for variable, default in _SIZES.items())
    key = (settings.folders().state, asked)
    with _own_lock:  # panels ask from several threads at once; there is one facility for all
        own = _own.get(key)
        if own is None or own[0].poll() is not None:
            own = _own[key] = _start(*key)
    return own[1]


_SIZES: Final = {
    "OPENEM_PRACTICE_ENTRIES": 3000,
    "OPENEM_PRACTICE_DATASETS": 20_000,
    "OPENEM_PRACTICE_SEED": 1,
    "OPENEM_PRACTICE_TAPE_SECONDS": 8,
}
"""What can be chosen for an own facility, and its defaults, in the order that ``_start`` has."""


def _number(variable: str, default: int) -> int:
    text = os.environ.get(variable, str(default))
    if not text.isdecimal():
        raise InvalidInput(
            f"{variable} = {text!r} is not a whole number.", hint=f"The default is {default}."
        )
    return int(text)


def _checked(description: Any, where: str) -> dict[str, Any]:
    wanted = ("name", "notice", "services", "catalogues")
    if isinstance(description, dict) and all(key in description for key in wanted):
        return description
    raise Unreachable(
        f"{where} is not a practice facility.",
        hint="Start one with `openem practice`, or unset OPENEM_PRACTICE_URL.",
    )


@cache
def running(url: str) -> dict[str, Any]:
    """Return what a facility that runs already says of itself."""
    return _checked(http.session().json(url + "/"), url)


_own: dict[tuple[Path, tuple[int, ...]], tuple[subprocess.Popen[str], dict[str, Any]]] = {}
_own_lock = threading.Lock()


def _start(state: Path, sizes: tuple[int, ...]) -> tuple[subprocess.Popen[str], dict[str, Any]]:
    """Start the facility as a child; its stdin closes with this process, however it ends."""
    entries, datasets, seed, tape_seconds = map(str, sizes)
    child = subprocess.Popen(  # noqa: S603  (our own module, no outside text)
        [
            *(sys.executable, "-m", "openem_nb.practice", "--until-stdin-closes"),
            *("--entries", entries, "--datasets", datasets, "--seed", seed),
            *("--tape-seconds", tape_seconds),
            *("--state", str(state / f"practice-{datasets}-{seed}.sqlite")),
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
        return child, _checked(json.loads(line), "The child")
    except (ValueError, Unreachable) as error:
        stop()
        raise Unreachable(
            "The practice facility did not start.",
            hint="Run `openem practice` in a terminal to see why.",
        ) from error
