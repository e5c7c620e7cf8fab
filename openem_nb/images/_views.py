"""Parts of an image at the size of a screen, and a memory of those that were asked for."""

from __future__ import annotations

import threading
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.images.reduce import BlockMean
from openem_nb.images.threads import workers

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from numpy.typing import NDArray

    from openem_nb.images._pixels import Pixels

__all__ = ["forget", "reduced", "remembered"]

_LARGE: Final = 1 << 22
"""Pixels from which on several threads are worth starting."""
ROOM: Final = 256 << 20
"""Bytes of answers that are kept."""

_held: OrderedDict[Hashable, NDArray[Any]] = OrderedDict()
_used = 0
_lock = threading.Lock()


def remembered(key: Hashable, make: Callable[[], NDArray[Any]]) -> NDArray[Any]:
    """Return the answer to a question, made anew only if it is not remembered.

    Answers are shared, so they cannot be written to. The ones that were not asked for longest go
    first when there is no more room.
    """
    global _used
    with _lock:
        if key in _held:
            _held.move_to_end(key)
            return _held[key]
    found = make()
    found.flags.writeable = False
    if found.nbytes > ROOM // 2:
        return found
    with _lock:
        if key not in _held:
            _held[key] = found
            _used += found.nbytes
        while _used > ROOM:
            _used -= _held.popitem(last=False)[1].nbytes
    return found


def forget() -> None:
    """Forget all answers."""
    global _used
    with _lock:
        _held.clear()
        _used = 0


def reduced(
    pixels: Pixels,
    frame: int,
    part: tuple[int, int, int, int],
    *,
    shape: tuple[int, int] | None,
    factor: int | None,
) -> NDArray[np.float32]:
    """Return the block mean of a part of one frame, band by band."""
    y0, y1, x0, x1 = part
    if shape is not None and shape == (y1 - y0, x1 - x0):
        return pixels.window(frame, y0, y1, x0, x1).astype(np.float32, copy=False)
    reducer = BlockMean((y1 - y0, x1 - x0), pixels.dtype, factor=factor, shape=shape)
    multiple = factor or -(-(y1 - y0) // reducer.shape[0])
    large = (y1 - y0) * pixels.shape[1] >= _LARGE and getattr(pixels, "apart", False)

    def take(share: tuple[int, int, BlockMean]) -> None:
        top, bottom, one = share
        for band in pixels.bands(frame, y0 + top, y0 + bottom, multiple):
            one.add(band[:, x0:x1])

    mine, *others = reducer.parts(workers() if large else 1)
    if not others:
        take(mine)
        return reducer.result()
    # this thread takes a share, too: it has a buffer already
    with ThreadPoolExecutor(len(others), thread_name_prefix="openem-view") as pool:
        tasks = [pool.submit(take, one) for one in others]
        take(mine)
    for task in tasks:
        task.result()
    return reducer.result()
