"""What is safe to open in an HDF5 file of unknown origin.

HDF5 may hold links to other files, data sets whose bytes lie elsewhere, and chunks that unpack to
any size. None of that is followed or read. Texts of variable length are read without the library,
which a damaged heap of them keeps busy for ever.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

from openem_nb.formats._hdf5_texts import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from openem_nb.formats.source import Source

__all__ = ["attribute", "child", "contained", "datasets", "inflated", "names"]

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


def inflated(dataset: Any, places: Iterable[Sequence[int]]) -> bool:
    """Return whether a chunk holds more bytes than it may, so that it unpacks to any size.

    Deflate makes what it cannot pack larger by 5 bytes in 16 KiB and 6 more (zlib.net, technical
    details), never more than that: a chunk with more bytes than its pixels have is none. One that
    has no more unpacks to at most 1,032 times those.

    Parameters
    ----------
    places :
        Where chunks begin, in the axes of the data set.
    """
    from h5py import h5z

    plain = math.prod(dataset.chunks) * dataset.dtype.itemsize
    filters = dataset.id.get_create_plist()
    kinds = {filters.get_filter(n)[0] for n in range(filters.get_nfilters())}
    if not kinds or not kinds <= {h5z.FILTER_DEFLATE, h5z.FILTER_SHUFFLE, h5z.FILTER_FLETCHER32}:
        return False
    most = plain + plain // 1000 + 64
    return any(dataset.id.get_chunk_info_by_coord(tuple(one)).size > most for one in places)


def attribute(thing: Any, name: str, source: Source | None = None) -> Any:
    """Return an attribute that is a number or a text; None for any other.

    A text of variable length is returned only where the bytes of the file are given, too.
    """
    if name not in thing.attrs:
        return None
    kind = thing.attrs.get_id(name)
    if kind.dtype.kind == "O":
        return _text(thing, name, source) if source is not None else None
    if kind.dtype.kind not in "iufbS" or math.prod(kind.shape or (1,)) > 4096:
        return None
    value = thing.attrs[name]
    if hasattr(value, "tolist"):
        value = value.tolist()
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _text(thing: Any, name: str, source: Source) -> str | None:
    import h5py

    if thing.file.userblock_size or thing.file.id.get_create_plist().get_sizes() != (8, 8):
        return None  # places are not what they are in all other files
    return text(source, h5py.h5o.get_info(thing.id).addr, name)


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
