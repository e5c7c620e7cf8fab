"""Putting a data set on tape, and taking it off again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openem_nb.practice.scicat._store import blocks_of
from openem_nb.practice.scicat._tapes import parted, stored_files, tape_block

if TYPE_CHECKING:
    import datetime as dt

    from openem_nb.practice.scicat.service import ScicatService

__all__ = ["FRESH", "archive", "forget"]

FRESH: Final[dict[str, Any]] = {
    "archivable": True,
    "retrievable": False,
    "publishable": False,
    "isOnCentralDisk": True,
    "archiveStatusMessage": "datasetCreated",
    "retrieveStatusMessage": "",
    "retrieveIntegrityCheck": False,
    "archiveReturnMessage": {},
    "retrieveReturnMessage": {},
}
"""Lifecycle of a data set that nobody has said anything about."""
_TAR_BYTES: Final = 20_000_000_000


def archive(service: ScicatService, pid: str, archiver: str, when: dt.datetime) -> bool:
    """Write the listed files of a data set to tape; return whether there were any."""
    store = service.store
    dataset = store.get("datasets", pid)
    if dataset is None:
        return False
    files = [
        file for block in blocks_of(store, "origdatablocks", pid) for file in stored_files(block)
    ]
    if not files:
        return False
    forget(service, pid)
    tars = sum(file.size for file in files) // _TAR_BYTES + 1
    packed = 0
    for position, part in enumerate(parted(files, tars)):
        block = tape_block(dataset, part, position=position, archiver=archiver, archived=when)
        packed += block["packedSize"]
        store.put("datablocks", block["_id"], block)
    dataset["packedSize"], dataset["numberOfFilesArchived"] = packed, len(files)
    store.put("datasets", pid, dataset)
    return True


def forget(service: ScicatService, pid: str) -> None:
    """Remove the tape blocks of a data set."""
    for block in list(blocks_of(service.store, "datablocks", pid)):
        service.store.delete("datablocks", block["_id"])
