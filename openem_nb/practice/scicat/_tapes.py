"""Tape blocks: which files of a data set lie in which archive, and what each archive is called."""

from __future__ import annotations

import datetime as dt
import hashlib
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from openem_nb.practice.scicat._micrographs import checksum
from openem_nb.practice.scicat._tars import packed_size

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = [
    *("BUCKETS", "Stored", "has_folders", "is_known", "located", "named", "object_name", "parted"),
    *("stored_files", "tape_block", "utc"),
]

BUCKETS: Final = {"PSI": "psi-retrieve", "ETHZ": "prod.archival"}
"""Where each archive lays out what it has read from tape."""
_ALGORITHMS: Final = {"PSI": "sha1", "ETHZ": "md5"}
_WITH_FOLDERS: Final = "0.6.0"
"""Version of the archiver whose tars have members for folders, too."""
_VERSIONS: Final = {"PSI": _WITH_FOLDERS, "ETHZ": "1.0"}
_ETHZ_FOLDER: Final = "openem-network/datasets/"


class Stored(NamedTuple):
    """A file as an archive keeps it."""

    path: str
    size: int
    """In bytes."""
    modified: int
    """Seconds since 1970."""


def utc(moment: dt.datetime) -> str:
    """Return a moment as the services write it."""
    return moment.astimezone(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def tape_block(
    dataset: Mapping[str, Any],
    files: Sequence[Stored],
    *,
    position: int,
    archiver: str,
    archived: dt.datetime,
) -> dict[str, Any]:
    """Return the document of a block, with the checksums of its files.

    Parameters
    ----------
    dataset :
        The data set whose files they are.
    files :
        What the block holds, in this order.
    position :
        Number of the block in its data set, from 0.
    archiver :
        ``PSI`` or ``ETHZ``.
    archived :
        When it was written.
    """
    pid, group = dataset["pid"], dataset["ownerGroup"]
    algorithm, version, when = _ALGORITHMS[archiver], _VERSIONS[archiver], utc(archived)
    return {
        "_id": hashlib.sha256(f"{pid} tape {position}".encode()).hexdigest()[:24],
        "datasetId": pid,
        "archiveId": _archive_id(archiver, pid, group, position, archived),
        "size": sum(file.size for file in files),
        "packedSize": packed_size(files, folders=version == _WITH_FOLDERS),
        "chkAlg": algorithm,
        "version": version,
        "dataFileList": [
            {
                "path": file.path,
                "size": file.size,
                "time": utc(dt.datetime.fromtimestamp(file.modified, dt.UTC)),
                "chk": checksum(algorithm, pid, file.path, file.size),
                "uid": "practice",
                "gid": group,
                "perm": "-rw-r--r--",
            }
            for file in files
        ],
        "ownerGroup": group,
        "accessGroups": list(dataset.get("accessGroups") or ()),
        "isPublished": False,
        "createdBy": "archiveManager",
        "updatedBy": "archiveManager",
        "createdAt": when,
        "updatedAt": when,
    }


def _archive_id(archiver: str, pid: str, group: str, position: int, archived: dt.datetime) -> str:
    if archiver == "ETHZ":
        return f"{_ETHZ_FOLDER}{pid}/datablocks/{pid.replace('/', '-')}_{position}.tar"
    day, stamp = archived.strftime("%Y/%m/%d"), archived.strftime("%Y-%m-%d-%H-%M-%S")
    return f"1oneCopyBig/{group}/raw/{day}/{pid}_{position + 1}_{stamp}.tar"


def has_folders(block: Mapping[str, Any]) -> bool:
    """Return whether the tar of a block has members for folders."""
    return bool(block.get("version") == _WITH_FOLDERS)


def stored_files(block: Mapping[str, Any]) -> list[Stored]:
    """Return the files of a block of any kind."""
    return [
        Stored(file["path"], file["size"], int(dt.datetime.fromisoformat(file["time"]).timestamp()))
        for file in block["dataFileList"]
    ]


def parted(files: Sequence[Stored], tars: int) -> Iterable[Sequence[Stored]]:
    """Give files in so many groups of about the same number, in their order."""
    tars = max(1, min(tars, len(files)))
    edges = [len(files) * number // tars for number in range(tars + 1)]
    return (files[first:last] for first, last in pairwise(edges))


def object_name(block: Mapping[str, Any]) -> str:
    """Return the file name of a block's tar."""
    return str(block["archiveId"]).rpartition("/")[2]


def is_known(archiver: str, block: Mapping[str, Any]) -> bool:
    """Return whether a block lies in an archive."""
    return str(block["archiveId"]).startswith(_ETHZ_FOLDER) is (archiver == "ETHZ")


def located(archiver: str, block: Mapping[str, Any]) -> tuple[str, str]:
    """Return bucket and key under which an archive lays out a block."""
    if archiver == "ETHZ":
        return BUCKETS[archiver], block["archiveId"]
    return BUCKETS[archiver], f"{block['datasetId']}/{object_name(block)}"


def named(bucket: str, key: str) -> tuple[str, str, str] | None:
    """Return archiver, PID and file name of an object; None if no archive has such keys."""
    archiver = next((name for name, known in BUCKETS.items() if known == bucket), None)
    if archiver == "ETHZ":
        if not key.startswith(_ETHZ_FOLDER):
            return None
        key = key.removeprefix(_ETHZ_FOLDER).replace("/datablocks/", "/", 1)
    pid, _, name = key.rpartition("/")
    return (archiver, pid, name) if archiver and pid and name else None
