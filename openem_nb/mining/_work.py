"""What runs on a worker: a few files measured, with the settings that make it fast.

Dask's nanny sets MALLOC_TRIM_THRESHOLD_ for its workers. To glibc any threshold that is set ends
the one it adapts by itself, so that every large temporary array is fetched from the operating
system anew and cleared page by page (https://github.com/dask/distributed/issues/3898): spectra took
1.7 times as long. Thresholds above the size of any image keep the memory in the process.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Final

from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from openem_nb.mining.files import ImageFile
    from openem_nb.mining.parameters import Parameters

__all__ = ["ENVIRONMENT", "THREADS", "one_thread", "settle", "sharing", "work"]

THREADS: Final = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""What tells linear algebra how many threads to use; a worker has a core to itself."""
_KEEP: Final = 1 << 30
"""Bytes below which memory is kept: 1 GiB."""
ENVIRONMENT: Final = {
    **dict.fromkeys(THREADS, "1"),
    "MALLOC_TRIM_THRESHOLD_": str(_KEEP),
    "MALLOC_MMAP_THRESHOLD_": str(_KEEP),
}
"""Environment of the processes that we start ourselves."""
_INTERVAL: Final = 1e-3
"""Seconds after which a thread that waits for the interpreter asks for it."""
_sharing = threading.Lock()
_intervals: list[float] = []
"""The interval of the process, and that of each context."""
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h of glibc


def work(files: Sequence[ImageFile], parameters: Parameters, folder: Path) -> list[dict[str, Any]]:
    """Measure some files in this thread alone and return their rows."""
    from openem_nb.images.threads import alone
    from openem_nb.mining.measure import measure

    with alone():
        return [measure(file, parameters, folder) for file in files]


def one_thread() -> threadpool_limits:
    """Let linear algebra use one thread; as a context, until its end.

    Its products are small here: to share one out among threads that already have a file each takes
    several times as long as to do it.
    """
    import numpy as np

    np.ones((2, 2)) @ np.ones((2, 2))  # the library is there, and is found
    return threadpool_limits(1, user_api="blas")


@contextlib.contextmanager
def sharing() -> Iterator[None]:
    """Let threads wait a millisecond for the interpreter, not five, until the end of the context.

    A thread that comes back from a transform wants the interpreter for microseconds, to say what
    comes next; two threads do 2 % more so. The process has its own interval again when the last
    of several contexts ends.
    """
    with _sharing:
        if not _intervals:
            _intervals.append(sys.getswitchinterval())
        _intervals.append(_INTERVAL)
        sys.setswitchinterval(min(_intervals))
    try:
        yield
    finally:
        with _sharing:
            _intervals.pop()
            if len(_intervals) == 1:
                sys.setswitchinterval(_intervals.pop())


def settle() -> bool:
    """Set up this process, which is a worker's; return whether the allocator could be told."""
    for name in THREADS:  # for libraries that are loaded later
        os.environ.setdefault(name, "1")
    one_thread()
    if not sys.platform.startswith("linux"):
        return False
    with contextlib.suppress(OSError, AttributeError):  # another C library than glibc
        library = ctypes.CDLL(None)
        return bool(
            library.mallopt(_M_MMAP_THRESHOLD, _KEEP) and library.mallopt(_M_TRIM_THRESHOLD, _KEEP)
        )
    return False
