"""Lifecycles of data sets that are registered: what is on tape has to stay retrievable."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any, Final

from openem_nb.errors import OpenEMError
from openem_nb.scicat.connection import quoted
from openem_nb.scicat.datasets import documents

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from openem_nb.scicat.connection import Connection

__all__ = ["lifecycles", "mend"]

_KEPT: Final = (
    *("archivable", "retrievable", "isOnCentralDisk", "archiveStatusMessage"),
    *("retrieveStatusMessage", "storageLocation"),
)
"""Parts of a lifecycle that registering must not change."""


def lifecycles(here: Connection, pids: Iterable[str]) -> dict[str, dict[str, Any]]:
    found = documents(here, list(pids), ["datasetlifecycle"])
    return {pid: dict(item.get("datasetlifecycle") or {}) for pid, item in found.items()}


def mend(here: Connection, before: Mapping[str, Mapping[str, Any]]) -> None:
    """Give lifecycles back what registering has reset: some versions forget what is on tape."""
    after = lifecycles(here, before)
    for pid, old in before.items():
        new = after.get(pid, {})
        lost = {
            key: old[key]
            for key in _KEPT
            if old.get(key) is not None and old.get(key) != new.get(key)
        }
        if not lost:
            continue
        try:
            here.send("PATCH", f"datasets/{quoted(pid)}/datasetlifecycle", lost)
        except OpenEMError as error:
            warnings.warn(
                f"Registering has reset the lifecycle of {pid} ({', '.join(lost)}), and it could "
                f"not be mended: {error} Tell the facility.",
                UserWarning,
                stacklevel=4,
            )
