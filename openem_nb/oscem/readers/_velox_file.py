"""What is in a Velox EMD file, of that which :mod:`openem_nb.formats.hdf5` deems safe to open."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from openem_nb.formats.hdf5 import child, contained, names
from openem_nb.oscem.readers._reading import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["NO_METADATA", "image_size", "metadata", "signals"]

MOST_SIGNALS: Final = 200
LARGEST_METADATA: Final = 8 << 20
"""Bytes of the metadata of one signal; real ones have 30 to 60 kB."""
LARGEST_CHUNK: Final = 64 << 20
"""Bytes that HDF5 would unpack at once."""

NO_METADATA: Final = Finding(
    "no-metadata",
    "Some signals in Velox files have no metadata that can be read.",
    "Open the file in Velox and save it again.",
)
_LINKS: Final = Finding(
    "refused",
    "Some HDF5 files refer to other files or other places; these were not followed.",
    "No microscope writes such files: look where they come from.",
)


def signals(emd: Any) -> Iterator[tuple[str, Any]]:
    """Find the signals of a file, each with its kind: ``Image``, ``Spectrum``."""
    import h5py

    data = child(emd, "Data", h5py.Group)
    if data is None:
        return
    many = 0
    for kind in names(data):
        group = child(data, kind, h5py.Group)
        if group is None:
            continue
        for name in names(group):
            signal = child(group, name, h5py.Group)
            if signal is None or (kind == "SpectrumStream" and "Metadata" not in signal):
                continue
            many += 1
            if many > MOST_SIGNALS:
                return
            yield kind, signal


def metadata(signal: Any) -> tuple[dict[str, Any], tuple[Finding, ...]]:
    """Return the metadata of a signal: of its first frame, where it has several."""
    import h5py

    if signal.get("Metadata", getlink=True) is None:
        return {}, (NO_METADATA,)
    stored = child(signal, "Metadata", h5py.Dataset)
    if stored is None or not contained(stored, LARGEST_CHUNK):
        return {}, (_LINKS,)
    if stored.dtype.itemsize != 1 or stored.dtype.kind not in "uiS" or not 1 <= stored.ndim <= 2:
        return {}, (NO_METADATA,)
    if not 0 < stored.shape[0] <= LARGEST_METADATA or 0 in stored.shape:
        return {}, (NO_METADATA,)
    raw = bytes((stored[:, 0] if stored.ndim == 2 else stored[:]).tobytes())
    try:
        found = json.loads(raw.split(b"\0", 1)[0].decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return {}, (NO_METADATA,)
    return (found, ()) if isinstance(found, dict) else ({}, (NO_METADATA,))


def image_size(signal: Any) -> tuple[int, int] | None:
    """Return width and height in pixels of the image of a signal."""
    import h5py

    data = child(signal, "Data", h5py.Dataset)
    if data is None or data.ndim < 2 or 0 in data.shape:
        return None
    return int(data.shape[1]), int(data.shape[0])
