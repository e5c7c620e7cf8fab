"""What is on tape of a data set, which of it is wanted, and what of that is on disk already."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final

from openem_nb.errors import CannotWrite, InvalidInput
from openem_nb.scicat._documents import DatasetDocument
from openem_nb.scicat.files import read_tape
from openem_nb.scicat.names import safe_path
from openem_nb.transfer import MANIFEST, Checksum, Manifest, Member
from openem_nb.values import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from openem_nb.jobs import Progress
    from openem_nb.scicat._tape_jobs import Link
    from openem_nb.scicat.connection import Connection
    from openem_nb.scicat.files import TapeBlock, TapedFile

__all__ = [
    "Checked",
    "Here",
    "Tape",
    "check_files",
    "dataset_folder",
    "is_here",
    "look",
    "member",
    "members",
    "tape_of",
    "together",
]

_AT_ONCE: Final = 50
"""Identifiers asked for in one request; a longer address is refused on the way."""
_FIELDS: Final = (
    *("pid", "datasetName", "size", "packedSize", "numberOfFiles", "ownerGroup", "accessGroups"),
    *("sharedWith", "isPublished", "datasetlifecycle", "sourceFolder"),
)
_KNOWN: Final = ("md5", "sha1", "sha256", "sha512")


def look(
    connection: Connection, pids: Iterable[str], *, progress: Progress | None = None
) -> dict[str, DatasetDocument]:
    """Return data sets as they are now, by identifier; those that nobody shows are missing."""
    pids = tuple(pids)
    found: dict[str, DatasetDocument] = {}
    for start in range(0, len(pids), _AT_ONCE):
        asked = {
            "where": {"pid": {"inq": list(pids[start : start + _AT_ONCE])}},
            "fields": list(_FIELDS),
            "limits": {"limit": _AT_ONCE},
        }
        rows = connection.get("datasets", params={"filter": json.dumps(asked)}, progress=progress)
        for row in rows or ():
            document = DatasetDocument(**row)
            found[document.pid] = document
    return found


def dataset_folder(pid: str) -> str:
    """Return the name of the folder of a data set: its PID, as one harmless name.

    Every instance and every archive puts files elsewhere; here there is one place for a data set,
    which a later retrieval finds again.
    """
    return str(safe_path(re.sub(r"[/\\]", "-", pid)))


@dataclass(frozen=True, slots=True)
class Here:
    """What is in a folder already, verified."""

    count: int
    bytes: int


@dataclass(frozen=True)
class Tape:
    """The tars of a data set, and which of the files in them are wanted."""

    pid: str
    blocks: tuple[TapeBlock, ...]
    only: frozenset[str] | None = None
    """Paths that are wanted; None for all."""

    def files(self, block: TapeBlock) -> Iterable[TapedFile]:
        """Return the wanted files of a tar."""
        return (one for one in block.files if self.only is None or one.path in self.only)

    @cached_property
    def wanted_blocks(self) -> tuple[TapeBlock, ...]:
        """The tars that hold a wanted file."""
        return tuple(block for block in self.blocks if any(True for _ in self.files(block)))

    @cached_property
    def members(self) -> Mapping[str, TapedFile]:
        """The wanted files by path, as the catalogue has it."""
        return {file.path: file for block in self.blocks for file in self.files(block)}

    @property
    def size(self) -> int:
        """Bytes of the wanted files, unpacked."""
        return sum(file.size for file in self.members.values())

    @property
    def packed(self) -> int:
        """Bytes of the tars that have to be downloaded for them."""
        return sum(block.packed_size or block.size for block in self.wanted_blocks)

    def wanted(self, files: Iterable[str] | None) -> Tape:
        """Return the tape of which these files are wanted."""
        return self if files is None else Tape(self.pid, self.blocks, frozenset(files))

    def verified(self, folder: Path) -> Here:
        """Return what of the files is in a folder already, verified by an earlier retrieval."""
        if not (folder / MANIFEST).is_file():
            return Here(0, 0)
        known = Manifest(folder / MANIFEST)
        sizes = [
            file.size
            for block in self.blocks
            for file in self.files(block)
            if is_here(known, folder, member(file, block.algorithm))
        ]
        return Here(len(sizes), sum(sizes))

    def block_of(self, link: Link) -> TapeBlock | None:
        """Return the tar that a link leads to: by its place in the archive, else by its name."""
        for block in self.blocks:
            if link.archive_id and link.archive_id == block.archive_id:
                return block
        name = link.name.rpartition("/")[2]
        return next((block for block in self.blocks if block.name == name), None)

    def pairs(self, links: Iterable[Link]) -> list[tuple[Link, TapeBlock]]:
        """Return which link leads to which tar, for the tars that hold a wanted file.

        Where names say nothing, but as many links as tars are left, their order does.
        """
        found = [(link, self.block_of(link)) for link in links]
        pairs = [(link, block) for link, block in found if block is not None]
        known = {id(block) for _, block in pairs}
        left = [block for block in self.blocks if id(block) not in known]
        strange = sorted((link for link, block in found if block is None), key=_natural)
        if len(strange) == len(left):
            pairs += zip(strange, left, strict=True)
        wanted = {id(block) for block in self.wanted_blocks}
        return [(link, block) for link, block in pairs if id(block) in wanted]


def _natural(link: Link) -> list[tuple[int, str]]:
    """Sort ``..._2.tar`` before ``..._10.tar``."""
    parts = re.split(r"([0-9]+)", link.name)
    return [(len(part) if part.isdigit() else 0, part) for part in parts]


def tape_of(connection: Connection, pid: str, *, progress: Progress | None = None) -> Tape:
    """Return the tars of a data set with all their files."""
    return Tape(pid, tuple(read_tape(connection, pid, progress=progress)))


def member(file: TapedFile, algorithm: str) -> Member:
    """Return a file of a tar as the unpacking knows it."""
    name = algorithm.replace("-", "")
    checksum = Checksum(name, file.checksum) if file.checksum and name in _KNOWN else None
    return Member(str(safe_path(file.path)), file.size, checksum)


def members(block: TapeBlock) -> dict[str, Member]:
    """Return the files of a tar by their name in it.

    Raises
    ------
    InvalidInput
        If two of them would be one file here.
    """
    found = {file.path: member(file, block.algorithm) for file in block.files}
    if len({one.path for one in found.values()}) < len(found):
        raise InvalidInput(
            f"The tar {block.name} holds two files that would be one here.",
            hint="Tell the owner of the data set; its other tars can be retrieved.",
        )
    return found


def is_here(known: Manifest, folder: Path, wanted: Member) -> bool:
    """Return whether a file is in its folder, as it was when it was verified."""
    return known.knows(folder / wanted.path, wanted.checksum, size=wanted.size)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a comparison of files on disk with the archive found."""

    good: int
    """Files whose checksum is the archive's."""
    by_size: int
    """Files of the right size for which the archive has no checksum."""
    missing: tuple[str, ...]
    wrong: tuple[str, ...]
    """Files that are not what was archived."""
    bytes: int
    """Bytes of the files that are right."""

    @property
    def whole(self) -> bool:
        """Whether every file is here and nothing is wrong."""
        return not self.missing and not self.wrong

    @property
    def words(self) -> str:
        """The result in one sentence."""
        good, missing, wrong = self.good, len(self.missing), len(self.wrong)
        have = "has" if good == 1 else "have"
        parts = [f"{counted(good, 'file')} {have} the checksum of the archive"]
        if self.by_size:
            parts.append(f"{self.by_size:,} could be compared by size only")
        if self.missing:
            parts.append(f"{missing:,} {_are(missing)} missing (first: {self.missing[0]!r})")
        if self.wrong:
            parts.append(f"{wrong:,} {_are(wrong)} not what was archived ({self.wrong[0]!r})")
        return ", ".join(parts)


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def together(found: Iterable[Checked]) -> Checked:
    """Return what was found in several folders as one."""
    results = list(found)
    return Checked(
        good=sum(one.good for one in results),
        by_size=sum(one.by_size for one in results),
        missing=tuple(path for one in results for path in one.missing),
        wrong=tuple(path for one in results for path in one.wrong),
        bytes=sum(one.bytes for one in results),
    )


def check_files(tape: Tape, folder: Path, *, progress: Progress | None = None) -> Checked:
    """Compare the files in a folder with what the archive knows of them, every byte."""
    good = by_size = size = 0
    missing: list[str] = []
    wrong: list[str] = []
    if progress is not None:
        progress.update(0, total=tape.size, message=f"Checking {tape.pid}", unit="B")
    for block in tape.blocks:
        for file in tape.files(block):
            wanted = member(file, block.algorithm)
            path = folder / wanted.path
            if not path.is_file():
                missing.append(file.path)
                continue
            if path.stat().st_size != file.size or not _same(path, wanted.checksum, progress):
                wrong.append(file.path)
                continue
            good, by_size = (good + 1, by_size) if wanted.checksum else (good, by_size + 1)
            size += file.size
            if progress is not None:
                progress.update(size)
    return Checked(good, by_size, tuple(missing), tuple(wrong), size)


def _same(path: Path, promised: Checksum | None, progress: Progress | None) -> bool:
    if promised is None:
        return True
    check = None if progress is None else progress.check
    try:
        return Checksum.of(path, algorithm=promised.algorithm, check=check) == promised
    except OSError as error:
        raise CannotWrite(
            f"{path} cannot be read: {error.strerror or error}.", hint="Look at its permissions."
        ) from error
