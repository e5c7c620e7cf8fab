"""Tar archives for tests of unpacking, friendly and hostile."""

from __future__ import annotations

import hashlib
import io
import random
import tarfile
from typing import TYPE_CHECKING, Any

from openem_nb import transfer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MTIME = 1_700_000_000


def some_files(count: int, size: int, *, seed: int = 1, folder: str = "grid/") -> dict[str, bytes]:
    """Return files of different sizes around ``size``."""
    chance = random.Random(seed)
    return {
        f"{folder}image_{seed}_{number:03}.tif": chance.randbytes(size + 37 * number)
        for number in range(count)
    }


def info(name: str, size: int = 0, **fields: Any) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.size, found.mtime, found.mode = size, MTIME, 0o4777
    for key, value in fields.items():
        setattr(found, key, value)
    return found


def tar_of(
    files: Mapping[str, bytes], *more: tarfile.TarInfo | tuple[tarfile.TarInfo, bytes], **how: Any
) -> bytes:
    """Return an archive of files, then of whatever else is given."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", **how) as tar:
        for name, data in files.items():
            tar.addfile(info(name, len(data)), io.BytesIO(data))
        for one in more:
            head, data = one if isinstance(one, tuple) else (one, b"")
            tar.addfile(head, io.BytesIO(data))
    return buffer.getvalue()


def listed(files: Mapping[str, bytes], algorithm: str = "sha1") -> dict[str, transfer.Member]:
    """Return what must come out."""
    return {
        name: transfer.Member(
            name,
            len(data),
            transfer.Checksum(algorithm, hashlib.new(algorithm, data).hexdigest()),
        )
        for name, data in files.items()
    }


def on_disk(folder: Path) -> dict[str, bytes]:
    """Return all files below a folder that are not our own."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and ".openem" not in path.as_posix()
    }


def left_over(folder: Path) -> list[str]:
    """Return names of what is left of archives that are not whole."""
    return sorted(path.name for path in (folder / ".openem-partial").glob("*"))


def unpack(archives: list[transfer.Archive], folder: Path, **options: Any) -> transfer.Unpacked:
    with transfer.Manifest(folder / transfer.MANIFEST) as manifest:
        return transfer.unpack(archives, manifest=manifest, **options)
