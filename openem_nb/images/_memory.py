"""Room for whole images, asked for before it is taken: a process that takes too much is ended."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["room"]

_ASKED: Final = 1 << 30
"""Bytes from which on it is worth to look whether they are free."""
_GROUP: Final = Path("/sys/fs/cgroup")
"""Where a container finds its own limit (Linux, control groups, version 2)."""


def room(shape: tuple[int, int], dtype: np.dtype[Any] | type) -> NDArray[Any]:
    """Return an array that is not filled.

    Raises
    ------
    InvalidInput
        If there is not as much memory.
    """
    size = shape[0] * shape[1] * np.dtype(dtype).itemsize
    if size < _ASKED:
        return np.empty(shape, dtype)
    left = _free()
    if size <= left:
        try:
            return np.empty(shape, dtype)
        except MemoryError:
            left = 0
    free = f", and {left / 2**30:,.1f} GiB are free" if left else ""
    raise InvalidInput(
        f"{shape[1]} × {shape[0]} pixels fill {size / 2**30:,.1f} GiB of memory{free}.",
        hint="Read a part with window(), or make a thumbnail(), which takes little memory.",
    )


def _free() -> int:
    """Return the bytes that this process may still take: of the machine, and of its container."""
    import psutil

    left = int(psutil.virtual_memory().available)
    try:
        most = (_GROUP / "memory.max").read_text().strip()
        if most != "max":
            taken = int((_GROUP / "memory.current").read_text())
            # pages of files that were read are given back where they are needed
            lines = (_GROUP / "memory.stat").read_text().splitlines()
            held = next((int(one.split()[1]) for one in lines if one.startswith("file ")), 0)
            left = min(left, int(most) - taken + held)
    except (OSError, ValueError):  # no container, or one of another kind
        pass
    return max(0, left)
