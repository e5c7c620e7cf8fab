"""The disk that a download goes to: its free space, its quota, and its errors in plain words."""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from openem_nb.errors import CannotWrite
from openem_nb.values import format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["free_space", "need_room", "no_room", "writing"]

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
_KEEP_SIZE: Final = 1  # FALLOC_FL_KEEP_SIZE


def free_space(folder: Path) -> int:
    """Return the bytes that are free where ``folder`` is, or will be.

    Raises
    ------
    CannotWrite
        If nothing may be written there. It is tried with a file that is gone at once, because
        permissions alone do not tell it for file systems of a network or for the superuser.
    """
    place = _existing(folder)
    with writing(place):
        tempfile.TemporaryFile(dir=place).close()
        return shutil.disk_usage(place).free


def _existing(folder: Path) -> Path:
    place = folder.absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return place


def no_room(folder: Path, size: int, free: int) -> CannotWrite:
    """Return the error for ``size`` bytes that do not fit."""
    return CannotWrite(
        f"{format_bytes(size)} do not fit into {folder}: {format_bytes(free)} are free.",
        hint="Free some space, or choose another folder.",
    )


def need_room(folder: Path, size: int) -> None:
    """Make sure before the first byte that ``size`` more bytes fit, also into the user's quota.

    Free space says nothing about a quota. On Linux the space is reserved for a moment with a file
    that has no name; where a file system cannot reserve, free space has to do.

    Raises
    ------
    CannotWrite
        If they do not fit, or nothing may be written there.
    """
    free = free_space(folder)
    if size > free:
        raise no_room(folder, size, free)
    place = _existing(folder)
    if size <= 0 or not sys.platform.startswith("linux") or _is_memory(place):
        return
    with writing(place), tempfile.TemporaryFile(dir=place) as probe:
        refused = _reserve(probe.fileno(), size)
    if refused in (errno.ENOSPC, errno.EDQUOT):
        reason = "your quota" if refused == errno.EDQUOT else "what the file system gives you"
        raise CannotWrite(
            f"{format_bytes(size)} do not fit into {folder}: that is more than {reason} allows, "
            f"although {format_bytes(free)} are free.",
            hint="Remove files of yours, ask for a larger quota, or choose another folder.",
        )


def _reserve(descriptor: int, size: int) -> int:
    """Reserve space for a file and return the error number, 0 if it went well."""
    libc = ctypes.CDLL(None, use_errno=True)
    call = getattr(libc, "fallocate64", None) or getattr(libc, "fallocate", None)
    if call is None:
        return errno.ENOSYS
    call.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    while call(descriptor, _KEEP_SIZE, 0, size) != 0:
        if ctypes.get_errno() != errno.EINTR:
            return ctypes.get_errno()
    return 0


def _is_memory(folder: Path) -> bool:
    """Whether files there live in memory, where to reserve means to fill it."""
    device = folder.stat().st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    try:
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        if before.split()[2] == number:
            return after.split()[0] in ("tmpfs", "ramfs")
    return False


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an operating system error within the block into :class:`CannotWrite`."""
    try:
        yield
    except CannotWrite:
        raise
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
