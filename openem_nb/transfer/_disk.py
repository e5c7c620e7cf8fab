"""The disk that a download goes to: its free space, and its errors in plain words."""

from __future__ import annotations

import errno
import shutil
import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING

from openem_nb.errors import CannotWrite
from openem_nb.values import format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["free_space", "need_space", "writing"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def free_space(folder: Path) -> int:
    """Return the bytes that are free where ``folder`` is, or will be.

    Raises
    ------
    CannotWrite
        If nothing may be written there. It is tried with a file that is gone at once, because
        permissions alone do not tell it for file systems of a network or for the superuser.
    """
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    with writing(place):
        tempfile.TemporaryFile(dir=place).close()
        return shutil.disk_usage(place).free


def need_space(folder: Path, size: int) -> None:
    """Raise :class:`CannotWrite` if ``size`` more bytes do not fit."""
    free = free_space(folder)
    if size > free:
        raise CannotWrite(
            f"{format_bytes(size)} do not fit into {folder}: {format_bytes(free)} are free.",
            hint="Free some space, or choose another folder.",
        )


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an operating system error within the block into :class:`CannotWrite`."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise CannotWrite(
                f"The disk is full: {path} could not be written.",
                hint="Free some space and run it again; what arrived is kept and continued.",
            ) from error
        if error.errno in _FORBIDDEN:
            raise CannotWrite(
                f"{path} may not be written: {error.strerror}.",
                hint="Choose a folder that you may write to.",
            ) from error
        raise CannotWrite(
            f"{path} could not be written: {error.strerror or error}.",
            hint="Choose another folder.",
        ) from error
