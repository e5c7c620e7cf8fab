"""What a finished retrieval leaves in its job: names, sizes, addresses that expire, a script."""

from __future__ import annotations

import base64
import datetime as dt
import secrets
from typing import TYPE_CHECKING, Any

from openem_nb.practice.scicat._signing import presigned
from openem_nb.practice.scicat._store import blocks_of
from openem_nb.practice.scicat._tapes import located, object_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from openem_nb.practice._answer import Question
    from openem_nb.practice.scicat.service import ScicatService

__all__ = ["entries", "result_object", "secret_of", "store_address"]

_MOST_AT_ETHZ = 100
"""Blocks of a data set that the archiver at ETHZ gets to see."""


def secret_of(service: ScicatService) -> str:
    """Return the key with which the archive of an instance signs."""
    return service.store.setting("archive key", secrets.token_hex(20))


def store_address(question: Question) -> str:
    """Return the address of the object store, as whoever asks reaches it."""
    return f"http://{question.headers.get('host', '127.0.0.1')}/s3"


def entries(
    service: ScicatService, archiver: str, pid: str, files: list[str]
) -> list[dict[str, Any]]:
    """Return the restored blocks of a data set, without their addresses.

    PSI restores the blocks that hold one of the wanted files; ETHZ restores all that it sees.
    """
    blocks = blocks_of(service.store, "datablocks", pid, checks=False)
    wanted = set(files)
    found = []
    for block in blocks[:_MOST_AT_ETHZ] if archiver == "ETHZ" else blocks:
        paths = {file["path"] for file in block["dataFileList"]} if wanted else wanted
        if archiver == "PSI" and wanted and wanted.isdisjoint(paths):
            continue
        found.append(
            {
                "datasetId": pid,
                "name": object_name(block),
                # ETHZ gives the size of the files, PSI that of the tar
                "size": block["size"] if archiver == "ETHZ" else block["packedSize"],
                "archiveId": block["archiveId"],
            }
        )
    return found


def result_object(service: ScicatService, base: str, job_id: str) -> dict[str, Any]:
    """Return the ``jobResultObject`` of a job as of now.

    Parameters
    ----------
    service :
        Instance that the job belongs to.
    base :
        Address of the object store, as whoever asks reaches it.
    job_id :
        Id of the job; one without results has an empty object.
    """
    kept = service.store.peek("results", job_id)
    if kept is None:
        return {}
    archiver, secret = kept["archiver"], secret_of(service)
    signed = dt.datetime.fromtimestamp(kept["signed"], dt.UTC)
    result = []
    for entry in kept["entries"]:
        bucket, key = located(archiver, entry)
        url = presigned(secret, f"{base}/{bucket}", key, signed=signed, seconds=kept["seconds"])
        result.append({**entry, "url": url})
    found: dict[str, Any] = {"result": result}
    if archiver == "ETHZ":
        found["downloadScript"] = base64.b64encode(_script(result).encode()).decode()
    return found


def _script(result: Iterable[Mapping[str, Any]]) -> str:
    """Return what the archiver offers for a shell, careless about names as it is."""
    lines = ["#!/bin/bash", "# practice data"]
    for entry in result:
        name = entry["name"]
        lines += [f'curl -C - --output {name} "{entry["url"]}"', f"tar -xf {name}"]
    return "\n".join(lines) + "\n"
