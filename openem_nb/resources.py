"""Where the notebooks and the browser half of the widgets lie."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

__all__ = ["folder"]

_PACKAGE = Path(str(files("openem_nb")))


def folder(name: str) -> Path:
    """Return the folder ``notebooks`` or ``widgets``.

    A wheel carries them inside the package, a checkout has them beside it; templates are copied
    from here and never run in place, because site-packages may be read-only.
    """
    inside, beside = _PACKAGE / name, _PACKAGE.parent / name
    return inside if inside.is_dir() else beside
