"""The kernel of a run: this very Python, whatever kernels are installed, talking over files.

A run must use the environment that asked for it. The installed kernel specifications may name
another one, or there may be none, so that the run brings its own.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from traitlets import default
from traitlets.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["RunKernel", "connection"]

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
    user's own start-up files make no difference to a run.
    """
    with tempfile.TemporaryDirectory(prefix="openem-", ignore_cleanup_errors=True) as folder:
        sockets = os.name == "posix" and len(folder) < _SOCKET_PATH_LIMIT
        os.environ["IPYTHONDIR"] = folder
        yield Config(
            KernelManager={
                "transport": "ipc" if sockets else "tcp",
                "connection_file": str(Path(folder) / "kernel.json"),
            }
        )
