"""The files of a data set, complete also beyond the caps of the service; and its tape blocks."""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from openem_nb.errors import QueryTruncatedWarning
from openem_nb.scicat import _blocks
from openem_nb.scicat._documents import BlockDocument, number, text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from openem_nb.jobs import Progress
    from openem_nb.scicat.connection import Connection

__all__ = ["FileList", "TapeBlock", "TapedFile", "read_files", "read_tape"]

_TAPE_SUMMARY = ("archiveId", "size", "packedSize", "chkAlg", "createdAt")


class FileList(pd.DataFrame):
    """The files of a data set, one row each.

    Columns: ``path`` (below the source folder, as the catalogue has it: see
    :func:`openem_nb.scicat.safe_path` before it touches a disk), ``size`` in bytes, ``time`` (UTC),
    ``checksum`` (empty where none is known), ``algorithm`` of the checksum, and ``block``, the
    identifier of the block that lists the file.

    It is a :class:`pandas.DataFrame`; what is computed from it is a plain data frame again.

    Attributes
    ----------
    pid : str
        The data set.
    expected : int
        Number of files that the data set itself states.
    complete : bool
        Whether all blocks came, with as many files as the data set states.
    problem : str
        What is missing, in words; empty if nothing is.
    """

    _metadata = ["pid", "expected", "complete", "problem"]  # noqa: RUF012  (pandas asks for it)
    pid: str
    expected: int
    complete: bool
    problem: str

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    def __finalize__(self, other: Any, method: str | None = None, **kwargs: Any) -> FileList:
        """Copy nothing: a part of the list is not complete."""
        return self


class TapedFile(NamedTuple):
    """A file as a tape block lists it."""

    path: str
    size: int
    """Bytes."""
    checksum: str
    """Hexadecimal; empty where the archive has none."""


@dataclass(frozen=True, slots=True)
class TapeBlock:
    """One archive file on tape: a tar with files of the data set."""

    name: str
    """File name of the tar."""
    archive_id: str
    """Where it is in the archive, in the archive's own terms."""
    size: int
    """Bytes of the files in it, unpacked."""
    packed_size: int
    """Bytes of the tar itself."""
    algorithm: str
    """Of the files' checksums: ``sha1``, ``md5``; empty where there are none."""
    created: datetime | None = None
    """When it was written to tape, as far as the catalogue says."""
    files: tuple[TapedFile, ...] = ()


class _Columns:
    """Files as columns: half a million of them are arrays and texts, not objects."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        self.checksums: list[str] = []
        self.sizes: list[np.ndarray[Any, Any]] = []
        self.times: list[pd.Series[Any]] = []
        self.blocks: list[str] = []
        self.algorithms: list[str] = []
        self.lengths: list[int] = []

    def add(self, block: dict[str, Any]) -> int:
        document = BlockDocument.model_validate(block)
        entries = _entries(block)
        self.paths += [_path(entry) for entry in entries]
        self.checksums += [text(entry.get("chk")).lower() for entry in entries]
        self.sizes.append(np.array([number(entry.get("size")) for entry in entries], dtype="int64"))
        times = pd.Series([entry.get("time") for entry in entries], dtype="object")
        self.times.append(
            pd.to_datetime(times, utc=True, format="ISO8601", errors="coerce").astype(
                "datetime64[ns, UTC]"
            )
        )
        self.blocks.append(document.id)
        self.algorithms.append(document.chkAlg.lower())
        self.lengths.append(len(entries))
        return len(entries)

    def frame(self) -> pd.DataFrame:
        lengths = np.array(self.lengths, dtype="int64")
        times = (
            pd.concat(self.times, ignore_index=True)
            if self.times
            else pd.Series([], dtype="datetime64[ns, UTC]")
        )
        return pd.DataFrame(
            {
                "path": pd.Series(self.paths, dtype="object"),
                "size": np.concatenate(self.sizes) if self.sizes else np.array([], dtype="int64"),
                "time": times,
                "checksum": pd.Series(self.checksums, dtype="object"),
                "algorithm": _repeated(self.algorithms, lengths),
                "block": _repeated(self.blocks, lengths),
            }
        )


def _repeated(values: list[str], lengths: np.ndarray[Any, Any]) -> pd.Categorical:
    codes, names = pd.factorize(np.array(values, dtype="object"))
    return pd.Categorical.from_codes(
        np.repeat(codes, lengths), categories=pd.Index(names, dtype="object")
    )


def _entries(block: dict[str, Any]) -> list[dict[str, Any]]:
    listed = block.get("dataFileList")
    if isinstance(listed, dict):  # one row for each file, as version 4 of the API gives them
        listed = [listed]
    return [entry for entry in listed or () if isinstance(entry, dict)]


def _path(entry: dict[str, Any]) -> str:
    path = entry.get("path")
    return path.encode("utf-8", "replace").decode("utf-8") if isinstance(path, str) else ""


def read_files(
    here: Connection, pid: str, expected: int, *, progress: Progress | None = None
) -> FileList:
    """Return all files of a data set.

    Parameters
    ----------
    expected :
        Number of files that the data set states.

    Warns
    -----
    QueryTruncatedWarning
        If blocks or files are missing, or there are more than stated.
    """
    relation = "origdatablocks"
    if progress is not None:
        progress.update(
            0, total=expected or None, message="Reading the list of files", unit="files"
        )
    blocks = _blocks.count(here, pid, relation, progress=progress)
    first = 50 if not blocks else max(1, min(50, 40_000 * blocks // max(1, expected)))
    columns = _Columns()
    for block in _blocks.included(here, pid, relation, page=first, progress=progress):
        came = columns.add(block)
        if progress is not None:
            progress.advance(came)
    result = FileList(columns.frame())
    result.pid, result.expected = pid, expected
    result.problem = _problem(pid, len(columns.blocks), blocks, len(result), expected)
    result.complete = not result.problem
    if result.problem:
        warnings.warn(result.problem, QueryTruncatedWarning, stacklevel=3)
    return result


def _problem(pid: str, came: int, blocks: int | None, files: int, expected: int) -> str:
    if blocks is not None and came != blocks:
        return f"The file list of {pid} is incomplete: {came:,} of {blocks:,} blocks came."
    if files != expected:
        return (
            f"The data set {pid} states {expected:,} files, its list of files has {files:,}. "
            "The list may be incomplete."
        )
    return ""


def read_tape(
    here: Connection, pid: str, *, files: bool = True, progress: Progress | None = None
) -> list[TapeBlock]:
    """Return all tape blocks of a data set; empty if it was never archived.

    Parameters
    ----------
    files :
        With the files in each block and their checksums.

    Warns
    -----
    QueryTruncatedWarning
        If fewer (or more) came than the service counts.
    """
    relation = "datablocks"
    stated = _blocks.count(here, pid, relation, progress=progress)
    if stated == 0:
        return []
    page = 4 if files else 50
    found = [
        _tape_block(block)
        for block in _blocks.included(
            here, pid, relation, fields=() if files else _TAPE_SUMMARY, page=page, progress=progress
        )
    ]
    if stated is not None and len(found) != stated:
        warnings.warn(
            f"SciCat counts {stated:,} tape blocks of {pid}, {len(found):,} came.",
            QueryTruncatedWarning,
            stacklevel=3,
        )
    return sorted(found, key=_order)


def _tape_block(block: dict[str, Any]) -> TapeBlock:
    document = BlockDocument.model_validate(block)
    return TapeBlock(
        name=document.archiveId.rpartition("/")[2] or document.id,
        archive_id=document.archiveId,
        size=document.size,
        packed_size=document.packedSize,
        algorithm=document.chkAlg.lower(),
        created=document.createdAt,
        files=_taped(_entries(block)),
    )


def _taped(entries: Iterable[dict[str, Any]]) -> tuple[TapedFile, ...]:
    return tuple(
        TapedFile(_path(entry), number(entry.get("size")), text(entry.get("chk")).lower())
        for entry in entries
    )


def _order(block: TapeBlock) -> tuple[Any, ...]:
    """Sort ``..._2.tar`` before ``..._10.tar``."""
    parts = re.split(r"([0-9]+)", block.name)  # every second one is a number
    return tuple((int(part), "") if place % 2 else (0, part) for place, part in enumerate(parts))
