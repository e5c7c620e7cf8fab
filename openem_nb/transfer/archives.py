"""Tar archives that become files while they arrive: no second copy, and nothing read twice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from openem_nb.errors import InvalidInput
from openem_nb.transfer._admission import Claims
from openem_nb.transfer._disk import need_room, writing
from openem_nb.transfer._meter import Meter, in_parallel
from openem_nb.transfer._names import plain
from openem_nb.transfer._tar import said
from openem_nb.transfer._unpacking import Unpacking

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from openem_nb.jobs import Progress
    from openem_nb.transfer._checksum import Checksum
    from openem_nb.transfer._source import Address, Patience
    from openem_nb.transfer.manifest import Manifest

__all__ = ["Archive", "Member", "Unpacked", "unpack"]


@dataclass(frozen=True, slots=True)
class Member:
    """One file that must come out of an archive."""

    path: str
    """Where it goes, relative to the folder of the archive, with ``/``."""
    size: int
    """Bytes."""
    checksum: Checksum | None = None


@dataclass(frozen=True, slots=True)
class Archive:
    """One tar archive to unpack."""

    url: Address
    """Where it is, or a function that returns a fresh address; see :func:`transfer.download`."""
    folder: Path
    """Where its files go."""
    name: str
    """What it is called, in messages and beside its files while they arrive."""
    packed_size: int | None = None
    """Bytes of the archive itself."""
    members: Mapping[str, Member] | None = None
    """What must come out, by the names within the archive; None if that is not known."""
    only: frozenset[str] | None = None
    """Names within the archive of the files that are wanted; None wants all."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What was brought."""

    paths: tuple[Path, ...]
    """All wanted files, also those that were there already."""
    size: int
    """Bytes of them."""
    received: int
    """Bytes that came over the network for it."""
    unverified: tuple[Path, ...] = ()
    """Files of the right size that no checksum was promised for."""
    notes: tuple[str, ...] = ()
    """What a person should know: names that differ in upper and lower case only."""


def unpack(
    archives: Iterable[Archive],
    *,
    manifest: Manifest,
    workers: int = 4,
    patience: Patience | None = None,
    progress: Progress | None = None,
) -> Unpacked:
    """Bring the files of tar archives to disk while the archives arrive, several at a time.

    - A file has its name only once it is whole and, where the list says what its bytes come to,
      verified. What has arrived of it lies in ``.openem-partial``; after a crash at any moment, a
      cancel or a cut connection the next call goes on in the middle of it.
    - Files that the manifest vouches for are skipped; what is not wanted is jumped over.
    - A file with a wrong checksum is fetched once more, alone, from its place in the archive.
    - An archive is refused, with the member named, if a member is a link, a device or anything but
      a file or folder, has a name that leads elsewhere or comes twice, or is not what the list
      says. The other archives are finished first. So they are if a file stays wrong.

    Parameters
    ----------
    archives :
        What to unpack. Their folders may be the same, their files may not.
    manifest :
        What is verified; see :class:`transfer.Manifest`.
    workers :
        Archives at the same time.
    patience :
        How long to wait for an archive that its store still reads from tape.
    progress :
        Told about bytes of files; its cancel ends the work and keeps what arrived.

    Raises
    ------
    InvalidInput
        If two archives are to bring the same file, or a wanted name is not in the list.
    CannotWrite
        If the disk or quota is full, or there is a link in the folder where a folder should be.
    BadAnswer
        If an archive is refused, cut off, or is none.
    ChecksumMismatch
        If a file is wrong twice, or an archive has not the size that it must have.
    NotFound, NotAllowed, NotOnDisk, Unreachable
        As :func:`transfer.download`.
    """
    archives = list(archives)
    claims = Claims()
    with Meter(progress, "Unpacking") as meter:
        works = [Unpacking(archive, meter, manifest, claims, patience) for archive in archives]
        _check(works)
        if all(archive.members is not None for archive in archives):
            meter.files = sum(len(work.admission.wanted() or ()) for work in works)
        sizes = [work.expected for work in works]
        meter.begin(None if None in sizes else sum(size or 0 for size in sizes))
        _make_room(works)
        try:
            brought = in_parallel(Unpacking.run, works, meter, workers=workers, what="archives")
        finally:
            manifest.flush()
    files = [file for found in brought for file in found]
    return Unpacked(
        paths=tuple(file.path for file in files),
        size=sum(file.size for file in files),
        received=sum(work.received for work in works),
        unverified=tuple(file.path for file in files if file.checksum is None),
        notes=tuple(note for work in works for note in work.admission.notes),
    )


def _check(works: Sequence[Unpacking]) -> None:
    """Refuse questions that contradict themselves."""
    names: set[tuple[Path, str]] = set()
    for work in works:
        archive = work.archive
        if (archive.folder, archive.name) in names:
            raise InvalidInput(
                f"{archive.name} is asked for twice.", hint="Name each archive once."
            )
        names.add((archive.folder, archive.name))
        if archive.only is not None and archive.members is not None:
            unknown = {plain(name) for name in archive.only} - {*map(plain, archive.members)}
            if unknown:
                raise InvalidInput(
                    f"{archive.name} has no file {said(min(unknown))}.",
                    hint="Take names from its list of files.",
                )


def _make_room(works: Sequence[Unpacking]) -> None:
    """Make the folders, and refuse before the first byte what does not fit into them."""
    needed: dict[Path, int] = {}
    for work in works:
        folder = work.admission.root
        needed[folder] = needed.get(folder, 0) + work.missing()
    for folder, size in needed.items():
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        need_room(folder, size)
