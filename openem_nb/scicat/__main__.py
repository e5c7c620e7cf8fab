"""The process of a retrieval: ``python -m openem_nb.scicat FOLDER``."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from openem_nb._texts import printable
from openem_nb.errors import Cancelled, Conflict, OpenEMError
from openem_nb.jobs import Progress
from openem_nb.scicat._ordering import Pace
from openem_nb.scicat._worker import Worker

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["main"]

_log = logging.getLogger("openem_nb.scicat")


class _Plain(logging.Formatter):
    """Lines that a terminal can show, whatever names from outside are in them."""

    def format(self, record: logging.LogRecord) -> str:
        return printable(super().format(record))


def main(arguments: Sequence[str] | None = None) -> int:
    """Work on a retrieval until it is done; SIGTERM stops it after the piece that it has.

    Returns
    -------
    0 if all is well, or somebody asked to stop; 1 if it failed, 2 if somebody else works on it.
    """
    parser = argparse.ArgumentParser(prog="python -m openem_nb.scicat", description=__doc__)
    parser.add_argument("folder", type=Path, help="folder of the record of the retrieval")
    for field in fields(Pace):
        kind = int if isinstance(field.default, int) else float
        parser.add_argument(f"--{field.name}", type=kind, default=field.default)
    asked = vars(parser.parse_args(arguments))
    folder = asked.pop("folder").absolute()
    handler = logging.StreamHandler()
    handler.setFormatter(_Plain("%(asctime)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO, handlers=[handler])
    progress = Progress()
    signal.signal(signal.SIGTERM, lambda *_: progress.cancel())
    try:
        worker = Worker(folder, progress, Pace(**asked), detached=True)
        worker.run()
    except Cancelled:
        _log.info("Stopped as asked.")
    except Conflict as error:
        _log.info("%s", error)
        return 2
    except OpenEMError as error:
        _log.error("%s %s", error, error.hint)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
