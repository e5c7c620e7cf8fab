"""The kernel of a run: this very Python, whatever kernels are installed, talking over files.

A run must use the environment that asked for it. The installed kernel specifications may name
another one, or there may be none, so that the run brings its own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from traitlets import default
from traitlets.config import Config

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["RunKernel", "connection"]

_PREFIX = "openem-"
_LOCK = "run.lock"
"""File in the folder of a run, locked as long as the run lives."""
_SOCKET_PATH_LIMIT = 80
"""Longest folder name for which the path of a socket stays below the system's 104 characters."""


class _ThisPython(KernelSpecManager):
    """Knows one kernel: the Python that runs this code."""

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        return KernelSpec(
            argv=[sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
            display_name="Python",
            language="python",
        )


class RunKernel(AsyncKernelManager):
    """Starts the kernel of a run."""

    @default("kernel_spec_manager")
    def _own_specifications(self) -> KernelSpecManager:
        return _ThisPython()


@contextlib.contextmanager
def connection() -> Iterator[Config]:
    """Give the settings of a kernel that only this user can reach, in a passing folder.

    The kernel listens on Unix sockets in a private folder: a TCP port could be reached by
    everybody on a shared machine. Where the system has no such sockets, or its folder for
    temporary files has too long a name for them, it is a TCP port of this machine after all.
    The folder also keeps history and profile of IPython, so that a read-only home folder and the
    user's own start-up files make no difference to a run. That of a run which was killed goes
    when the next one begins.
    """
    _sweep()
    with (
        tempfile.TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as folder,
        _held(Path(folder)),
    ):
        sockets = os.name == "posix" and len(folder) < _SOCKET_PATH_LIMIT
        os.environ["IPYTHONDIR"] = folder
        yield Config(
            KernelManager={
                "transport": "ipc" if sockets else "tcp",
                "connection_file": str(Path(folder) / "kernel.json"),
            }
        )


@contextlib.contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Lock a folder while it is in use; the system lets go of it however the process ends."""
    made = folder / f"{_LOCK}.new"
    with made.open("wb") as lock:
        if fcntl is not None:
            with contextlib.suppress(OSError):  # a file system without locks: the folder is kept
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                made.rename(folder / _LOCK)  # it is never seen unlocked
        yield


def _sweep() -> None:
    """Remove the folders of runs that were killed: what they were given stands in them."""
    for found in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*/{_LOCK}"):
        with contextlib.suppress(OSError):  # it has just gone, or cannot be read
            if fcntl is None or found.parent.lstat().st_uid != os.getuid():
                continue
            with found.open("rb") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails where its run lives
                shutil.rmtree(found.parent, ignore_errors=True)
