"""Where the Jupyter server sees a folder of ours: below its root, or through a link to it."""

from __future__ import annotations

import os
from pathlib import Path

from openem_nb import lab

__all__ = ["server_path"]


def server_path(path: Path) -> str | None:
    """Return the path of a file or folder below the server's root; None where it cannot see it.

    ``openem lab`` says by ``OPENEM_LAB_ROOT`` where its root is, and lays links into it.
    """
    named = os.environ.get("OPENEM_LAB_ROOT")
    if named is None:
        return None
    root, found = Path(named), path.absolute()
    for name, target in lab.links().items():
        link = root / name
        if found.is_relative_to(target) and link.exists() and link.samefile(target):
            return f"{name}/{found.relative_to(target).as_posix()}".removesuffix("/.")
    return found.relative_to(root).as_posix() if found.is_relative_to(root) else None
