"""Data sets of a wanted shape: odd names and sizes, other archives, tars that attack."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import TYPE_CHECKING, Any

from openem_nb.errors import InvalidInput
from openem_nb.practice.scicat._hostile import checked_kind
from openem_nb.practice.scicat._store import blocks_of
from openem_nb.practice.scicat._tapes import BUCKETS, Stored, parted, tape_block, utc

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openem_nb.practice.scicat.service import ScicatService

__all__ = ["listed", "locate", "paired", "spoil"]

_FILES_PER_BLOCK = 20_000


def paired(names: Sequence[str], sizes: Sequence[int]) -> list[tuple[str, int]]:
    """Return names with sizes.

    Raises
    ------
    InvalidInput
        If there are more of one than of the other.
    """
    if len(names) != len(sizes):
        raise InvalidInput(
            f"{len(names)} names and {len(sizes)} sizes do not match.", hint="One size per name."
        )
    return list(zip(names, sizes, strict=True))


def listed(
    service: ScicatService,
    document: dict[str, Any],
    files: Sequence[tuple[str, int]],
    *,
    tars: int,
    archiver: str,
) -> None:
    """Give a data set that is about to be added exactly these files, each block written out.

    Parameters
    ----------
    service :
        Instance that gets it.
    document :
        The data set; sizes and counts in it are put right.
    files :
        Path and size in bytes of each.
    tars :
        Archives on tape; 0 for a data set that is not archived.
    archiver :
        ``PSI`` or ``ETHZ``.
    """
    created = dt.datetime.fromisoformat(document["creationTime"])
    stored = [Stored(path, size, int(created.timestamp())) for path, size in files]
    document.pop("_shape", None)
    total = sum(file.size for file in stored)
    document |= {"size": total, "numberOfFiles": len(stored)}
    for position, first in enumerate(range(0, len(stored), _FILES_PER_BLOCK)):
        part = stored[first : first + _FILES_PER_BLOCK]
        block = _orig_block(document, part, position)
        service.store.put("origdatablocks", block["_id"], block)
    packed = 0
    for position, some in enumerate(parted(stored, tars) if tars else ()):
        block = tape_block(document, some, position=position, archiver=archiver, archived=created)
        packed += block["packedSize"]
        service.store.put("datablocks", block["_id"], block)
    document |= {"packedSize": packed, "numberOfFilesArchived": len(stored) if tars else 0}


def _orig_block(document: dict[str, Any], files: Sequence[Stored], position: int) -> dict[str, Any]:
    key = hashlib.sha256(f"{document['pid']} files {position}".encode()).hexdigest()[:24]
    return {
        "_id": key,
        "datasetId": document["pid"],
        "size": sum(file.size for file in files),
        "dataFileList": [
            {
                "path": file.path,
                "size": file.size,
                "time": utc(dt.datetime.fromtimestamp(file.modified, dt.UTC)),
            }
            for file in files
        ],
        "ownerGroup": document["ownerGroup"],
        "accessGroups": list(document["accessGroups"]),
        "isPublished": False,
        "createdBy": "ingestor",
        "updatedBy": "ingestor",
        "createdAt": document["createdAt"],
        "updatedAt": document["createdAt"],
    }


def locate(document: dict[str, Any], location: str | None) -> None:
    """Write down which archive a data set lies in; None leaves it unsaid.

    Raises
    ------
    InvalidInput
        If there is no such archive.
    """
    if location is not None and location not in BUCKETS:
        raise InvalidInput(
            f"There is no archive {location!r}.", hint=f"Choose one of {', '.join(BUCKETS)}."
        )
    document["datasetlifecycle"].pop("storageLocation", None)
    if location is not None:
        document["datasetlifecycle"]["storageLocation"] = location


def spoil(service: ScicatService, pid: str, kind: str) -> None:
    """Let the first tar of a data set attack whoever unpacks it; kinds as in ``HOSTILE``.

    Raises
    ------
    InvalidInput
        If there is no such attack, or the data set is not on tape.
    """
    checked_kind(kind)
    blocks = blocks_of(service.store, "datablocks", pid, checks=False)
    if not blocks:
        raise InvalidInput(f"{pid} is not on tape.", hint="Add it with tars=1 or more.")
    service.store.put("hostile", blocks[0]["archiveId"], {"kind": kind})
