"""Run the practice facility as a process: one line of JSON on stdout says where it is."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openem_nb.errors import OpenEMError
from openem_nb.practice.facility import serve

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["main"]


def _as_json(description: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(description) + "\n")
    sys.stdout.flush()


def main(
    arguments: Sequence[str] | None = None, *, announce: Callable[[dict[str, Any]], None] = _as_json
) -> int:
    """Serve until SIGTERM, SIGINT or (if asked) the end of stdin.

    Parameters
    ----------
    arguments :
        Command line; None for that of the process.
    announce :
        Called once with :meth:`Facility.description`.

    Returns
    -------
    Exit code: 0 after an ordinary end, 2 where the facility cannot start.
    """
    parser = argparse.ArgumentParser(prog="python -m openem_nb.practice", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="port on 127.0.0.1; 0 for a free one")
    parser.add_argument("--entries", type=int, default=3000, help="EMDB entries, 50 to 60000")
    parser.add_argument("--seed", type=int, default=1, help="same seed and size: same archive")
    parser.add_argument("--datasets", type=int, default=20_000, help="data sets of each SciCat")
    parser.add_argument("--state", type=Path, help="file that keeps what users change")
    parser.add_argument("--tape-seconds", type=float, default=8.0, help="time of a tape job")
    parser.add_argument(
        "--until-stdin-closes",
        action="store_true",
        help="end with the process that started this one",
    )
    asked = parser.parse_args(arguments)
    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    try:
        with serve(
            entries=asked.entries,
            seed=asked.seed,
            port=asked.port,
            datasets=asked.datasets,
            state=asked.state,
            tape_seconds=asked.tape_seconds,
        ) as facility:
            announce(facility.description())
            if asked.until_stdin_closes:
                threading.Thread(target=_wait_for_end, args=(done,), daemon=True).start()
            done.wait()
    except OpenEMError as error:
        sys.stderr.write(f"{error} {error.hint}".rstrip() + "\n")
        return 2
    return 0


def _wait_for_end(done: threading.Event) -> None:
    # the bare descriptor: a thread inside sys.stdin would hold up the interpreter's end
    while os.read(0, 4096):
        pass
    done.set()


if __name__ == "__main__":
    sys.exit(main())
