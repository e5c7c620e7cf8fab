"""What is safe to open in an HDF5 file of unknown origin.

HDF5 may hold links to other files, data sets whose bytes lie elsewhere, and chunks that unpack to
any size. None of that is followed or read; nor are texts of variable length, whose heap, where it
is damaged, keeps the library busy for ever.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["attribute", "child", "contained", "datasets", "names"]

LARGEST_CHUNK: Final = 512 << 20
"""Bytes that HDF5 would unpack at once; the frame of a large camera is one chunk."""
MOST_NAMES: Final = 2000
MOST_OBJECTS: Final = 2000
DEEPEST: Final = 12


def child(group: Any, name: str, kind: type) -> Any:
    """Return a member of a group if it lies in the group itself and in this file; else None."""
    import h5py

    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        return None
    member = group.get(name)
    return member if isinstance(member, kind) else None


def names(group: Any) -> list[str]:
    """Return the names in a group, the first two thousand."""
    found = []
    for name in group:
        found.append(str(name))
        if len(found) >= MOST_NAMES:
            break
    return found


def contained(dataset: Any, largest: int = LARGEST_CHUNK) -> bool:
    """Return whether a data set lies in this file and unpacks to a size that is sensible."""
    chunk = math.prod(dataset.chunks) * dataset.dtype.itemsize if dataset.chunks else 0
    return not dataset.external and not dataset.is_virtual and chunk <= largest


def attribute(thing: Any, name: str) -> Any:
    """Return an attribute that is a number or a text of fixed length; None for any other."""
    if name not in thing.attrs:
        return None
    kind = thing.attrs.get_id(name)
    if kind.dtype.kind not in "iufbS" or math.prod(kind.shape or (1,)) > 4096:
        return None
    value = thing.attrs[name]
    if hasattr(value, "tolist"):
        value = value.tolist()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def datasets(group: Any, depth: int = 0, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the data sets below a group that lie in this file, with their paths."""
    import h5py

    left = [(path, group, depth)]
    seen: set[Any] = set()
    while left and len(seen) < MOST_OBJECTS:
        place, one, deep = left.pop(0)
        for name in names(one):
            dataset = child(one, name, h5py.Dataset)
            if dataset is not None:
                seen.add(dataset.id)
                yield f"{place}/{name}", dataset
                continue
            below = child(one, name, h5py.Group)
            if below is None or deep >= DEEPEST:
                continue
            token = h5py.h5o.get_info(below.id).addr
            if token not in seen:  # groups may lie in each other
                seen.add(token)
                left.append((f"{place}/{name}", below, deep + 1))
