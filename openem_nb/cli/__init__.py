"""The console command ``openem``: the public functions, one command each.

A command ends with code 0 when it did what it was asked, 1 with message and hint when it could
not, and 2 when it was called wrongly.
"""

from __future__ import annotations

# Each module adds its commands to the application when it is loaded; the help shows this order.
from openem_nb.cli import (  # noqa: F401  # isort: skip
    _services,
    _scicat,
    _metadata,
    _mining,
    _mmcif,
    _statistics,
    _notebooks,
)
from openem_nb.cli._app import main

__all__ = ["main"]
