"""The files of an EMDB entry: maps, masks, the picture, the FSC curve, the header."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, get_args, overload

from openem_nb import settings, transfer
from openem_nb.emdb._fetch import entry
from openem_nb.emdb._map_check import check_map, check_packed
from openem_nb.emdb.records import EntryFile, FileKind
from openem_nb.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from openem_nb.emdb.records import Entry
    from openem_nb.jobs import Progress

__all__ = ["KINDS", "download"]

KINDS: Final[tuple[FileKind, ...]] = get_args(FileKind)
"""Kinds of files that an entry may have."""

_FOLDERS: Final[dict[FileKind, str]] = {
    "map": "map",
    "half_map": "other",
    "additional_map": "other",
    "mask": "masks",
    "image": "images",
    "fsc": "fsc",
    "header": "header",
}
_MAPS: Final = ("map", "half_map", "additional_map")
# Names that entries do not state, but most of them have; {} is the padded number.
_USUAL: Final[dict[FileKind, str]] = {
    "image": "emd_{}.png",
    "fsc": "emd_{}_fsc.xml",
    "header": "emd-{}-v30.xml",
}
_ENDINGS: Final[dict[FileKind, tuple[str, ...]]] = {
    "image": (".png", ".gif", ".jpg", ".jpeg"),
    "fsc": ("_fsc.xml", ".xml"),
    "header": (".xml",),
}


@overload
def download(
    id: str | int,
    what: FileKind | Sequence[FileKind] = ...,
    *,
    dry_run: Literal[True],
    folder: Path | str | None = ...,
    progress: Progress | None = ...,
) -> transfer.Plan: ...
@overload
def download(
    id: str | int,
    what: FileKind | Sequence[FileKind] = ...,
    *,
    dry_run: Literal[False] = ...,
    folder: Path | str | None = ...,
    progress: Progress | None = ...,
) -> tuple[Path, ...]: ...
@overload
def download(
    id: str | int,
    what: FileKind | Sequence[FileKind] = ...,
    *,
    dry_run: bool,
    folder: Path | str | None = ...,
    progress: Progress | None = ...,
) -> transfer.Plan | tuple[Path, ...]: ...
def download(
    id: str | int,  # noqa: A002  (the word users know)
    what: FileKind | Sequence[FileKind] = ("map",),
    *,
    dry_run: bool = False,
    folder: Path | str | None = None,
    progress: Progress | None = None,
) -> transfer.Plan | tuple[Path, ...]:
    """Download files of an entry and return their paths, or say what that would mean.

    Names come from the entry, because they cannot be derived for all; picture, FSC curve and header
    are looked up in the archive where they do not have their usual name. A map gets its name only
    after it was unpacked for a check: whole, its checksum right, and with the dimensions that the
    entry states. Files that are here already and have not changed since are not downloaded again.

    Parameters
    ----------
    id :
        EMDB id in any spelling.
    what :
        One or several of :data:`KINDS`: ``map``, ``half_map``, ``additional_map``, ``mask``,
        ``image``, ``fsc``, ``header``.
    dry_run :
        Ask for the sizes, return the plan and download nothing.
    folder :
        Where to; by default ``emdb/EMD-n`` in the data folder.
    progress :
        Told about bytes.

    Returns
    -------
    transfer.Plan or tuple of pathlib.Path
        With ``dry_run`` the plan, else the files.

    Raises
    ------
    InvalidInput
        If ``id`` is not an EMDB id, or ``what`` names no kind of file.
    NotFound
        If there is no such entry, or it has no such file.
    ChecksumMismatch
        If a map arrived damaged or is not the one that the entry describes.
    CannotWrite
        If the disk is full or the folder cannot be written.

    Examples
    --------
    >>> emdb.download("EMD-1000", what=("map", "half_map"), dry_run=True)
    >>> emdb.download("EMD-1000", what=("map", "half_map"))
    """
    kinds = [what] if isinstance(what, str) else list(dict.fromkeys(what))
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        raise InvalidInput(
            f"{', '.join(map(repr, unknown)) or 'Nothing'} is no kind of file of an entry.",
            hint=f"One or several of {', '.join(KINDS)}.",
        )
    found = entry(id, progress=progress)
    target = (
        Path(folder).expanduser()
        if folder is not None
        else settings.folders().data / "emdb" / found.id
    )
    if dry_run:
        return transfer.Plan(
            found.id,
            tuple(item for kind in kinds for item in _looked_at(found, kind, progress)),
            target,
            transfer.free_space(target),
            notice=settings.services().notice,
        )
    paths: list[Path] = []
    for kind in kinds:
        files = [file for file in found.files if file.kind == kind]
        if files:
            items = [_item(found, file, target) for file in files]
            paths += transfer.download_all(items, progress=progress)
        elif kind in _USUAL:
            paths.append(_unnamed(found, kind, target, progress))
        else:
            raise _missing(found, kind)
    return tuple(paths)


def _item(found: Entry, file: EntryFile, folder: Path) -> transfer.Item:
    check = None
    if file.kind in _MAPS:
        check = partial(check_map, name=file.name, dimensions=file.dimensions)
    elif file.kind == "mask":  # a mask may lack a proper header, it came from the depositor
        check = partial(check_packed, name=file.name)
    return transfer.Item(
        f"{_address(found, file.kind)}/{file.name}", folder / file.name, check=check
    )


def _looked_at(found: Entry, kind: FileKind, progress: Progress | None) -> list[transfer.Listed]:
    """Return the files of a kind with the sizes that the server states."""
    address = _address(found, kind)
    names = [file.name for file in found.files if file.kind == kind]
    if names:
        return [transfer.look(f"{address}/{name}", name, progress=progress) for name in names]
    if kind not in _USUAL:
        raise _missing(found, kind)
    name = _usual_name(found, kind)
    try:
        return [transfer.look(f"{address}/{name}", name, progress=progress)]
    except NotFound:
        return [_unusual(found, kind, progress)]


def _unnamed(found: Entry, kind: FileKind, folder: Path, progress: Progress | None) -> Path:
    """Download a file whose name the entry does not state."""
    name = _usual_name(found, kind)
    try:
        url = f"{_address(found, kind)}/{name}"
        return transfer.download(url, folder / name, progress=progress)
    except NotFound:
        item = _unusual(found, kind, progress)
        return transfer.download(item.url, folder / item.path, progress=progress)


def _usual_name(found: Entry, kind: FileKind) -> str:
    return _USUAL[kind].format(found.id.removeprefix("EMD-"))


def _unusual(found: Entry, kind: FileKind, progress: Progress | None) -> transfer.Listed:
    """Return the file of a kind that does not have its usual name."""
    try:
        listed = transfer.listing(_address(found, kind), progress=progress)
    except NotFound:
        listed = []
    for ending in _ENDINGS[kind]:
        for item in listed:
            if not item.is_folder and item.path.lower().endswith(ending):
                return item
    raise _missing(found, kind)


def _address(found: Entry, kind: FileKind) -> str:
    return f"{settings.services().emdb_files}/structures/{found.id}/{_FOLDERS[kind]}"


def _missing(found: Entry, kind: FileKind) -> NotFound:
    have = ", ".join(dict.fromkeys(file.kind for file in found.files)) or "no files"
    return NotFound(f"{found.id} has no {kind.replace('_', ' ')}.", hint=f"It has {have}.")
