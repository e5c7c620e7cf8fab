"""The files of an EMPIAR entry: what there is, and downloading it."""

from __future__ import annotations

from fnmatch import fnmatchcase
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Literal, overload

import pandas as pd

from openem_nb import settings, transfer
from openem_nb.empiar._plan import Plan
from openem_nb.empiar.identifiers import normalise_id, number
from openem_nb.errors import CannotWrite, InvalidInput, NotFound
from openem_nb.values import format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from openem_nb.jobs import Progress

__all__ = ["download", "files"]


def files(id: str | int, *, progress: Progress | None = None) -> pd.DataFrame:  # noqa: A002  (the word users know)
    """Return the files of an entry as the file server lists them, folder by folder.

    A listing takes one request for each folder, and minutes where a folder holds ten thousands of
    files.

    Returns
    -------
    pandas.DataFrame
        ``path`` below the entry's folder, ``size`` in bytes, ``rounded`` where the server
        rounds the size to three digits, ``modified`` in the server's local time, and ``url``.

    Raises
    ------
    NotFound
        If the server has no folder for this entry; some entries have none although they exist.

    Examples
    --------
    >>> empiar.files("EMPIAR-10943").query("path.str.endswith('.mrc')")
    """
    name = normalise_id(id)
    rows = [
        (item.path, item.size, item.rounded, item.modified, item.url)
        for item in _listed(name, progress)
    ]
    frame = pd.DataFrame(
        rows, columns=["path", "size", "rounded", "modified", "url"], dtype="object"
    )
    frame["size"] = frame["size"].astype("Int64")
    frame["rounded"] = frame["rounded"].astype("bool")
    frame["modified"] = pd.to_datetime(frame["modified"]).astype("datetime64[ns]")
    return frame


def _listed(name: str, progress: Progress | None) -> Iterator[transfer.Listed]:
    try:
        yield from transfer.walk(_address(name), progress=progress)
    except NotFound:
        raise NotFound(
            f"The file server has no files of {name}.",
            hint="Look at the page of the entry; its files may not be public yet.",
        ) from None


def _address(name: str) -> str:
    return f"{settings.services().empiar_files}/{number(name)}"


@overload
def download(
    id: str | int,
    *,
    pattern: str = ...,
    limit: int | None = ...,
    dry_run: Literal[True],
    folder: Path | str | None = ...,
    progress: Progress | None = ...,
) -> Plan: ...
@overload
def download(
    id: str | int,
    *,
    pattern: str = ...,
    limit: int | None = ...,
    dry_run: Literal[False] = ...,
    folder: Path | str | None = ...,
    progress: Progress | None = ...,
) -> tuple[Path, ...]: ...
@overload
def download(
    id: str | int,
    *,
    pattern: str = ...,
    limit: int | None = ...,
    dry_run: bool,
    folder: Path | str | None = ...,
    progress: Progress | None = ...,
) -> Plan | tuple[Path, ...]: ...
def download(
    id: str | int,  # noqa: A002  (the word users know)
    *,
    pattern: str = "*",
    limit: int | None = None,
    dry_run: bool = False,
    folder: Path | str | None = None,
    progress: Progress | None = None,
) -> Plan | tuple[Path, ...]:
    """Download raw data of an entry, or say what that would mean.

    Entries are large: begin with ``dry_run=True``, and for terabytes use the Globus or Aspera
    command of the plan. A download that was interrupted goes on where it stopped when it is run
    again; whole files are not downloaded twice.

    Parameters
    ----------
    id :
        EMPIAR id in any spelling.
    pattern :
        Shell pattern for the path below the entry's folder; ``*`` also crosses folders:
        ``*.mdoc``, ``data/frames/*_00[12].tif``.
    limit :
        Fetch at most so many files, the first ones in the server's order. Listing stops there too.
    dry_run :
        Return the plan and download nothing.
    folder :
        Where to; by default ``empiar/NUMBER`` in the data folder. The entry's own folders are kept.
    progress :
        Told about the listing, then about bytes.

    Returns
    -------
    Plan or tuple of pathlib.Path
        With ``dry_run`` the plan, else the files.

    Raises
    ------
    InvalidInput
        If ``limit`` is not above zero.
    NotFound
        If there are no files, or none that match.
    CannotWrite
        If they do not fit on the disk, or the folder cannot be written.

    Examples
    --------
    >>> empiar.download("EMPIAR-10943", pattern="*.mdoc", dry_run=True)
    """
    name = normalise_id(id)
    if limit is not None and (isinstance(limit, bool) or limit < 1):
        raise InvalidInput(f"limit must be a number above zero, not {limit!r}.")
    target = (
        Path(folder).expanduser()
        if folder is not None
        else settings.folders().data / "empiar" / str(number(name))
    )
    matching = (item for item in _listed(name, progress) if fnmatchcase(item.path, pattern))
    # One more than asked for tells whether the limit leaves something out.
    found = list(islice(matching, None if limit is None else limit + 1))
    plan = Plan(
        name,
        tuple(found[:limit]),
        target,
        transfer.free_space(target),
        complete=limit is None or len(found) <= limit,
        notice=settings.services().notice,
    )
    if dry_run:
        return plan
    if not plan.files:
        raise NotFound(
            f"{name} has no files that match {pattern!r}.",
            hint=f"empiar.files({name!r}) shows what there is.",
        )
    if not plan.fits:
        raise CannotWrite(
            f"{name}: about {format_bytes(plan.bytes)} do not fit into {target}, where "
            f"{format_bytes(plan.free)} are free.",
            hint="Free some space, choose another folder, or fetch less with pattern and limit.",
        )
    items = [
        transfer.Item(item.url, target / item.path, None if item.rounded else item.size)
        for item in plan.files
    ]
    return transfer.download_all(items, progress=progress)
