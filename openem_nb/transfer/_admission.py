"""Which members of an archive may become files: the ones that are promised, and nothing else."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from openem_nb.errors import BadAnswer, OpenEMError
from openem_nb.transfer._names import fold, objection, plain
from openem_nb.transfer._tar import said

if TYPE_CHECKING:
    from pathlib import Path

    from openem_nb.transfer._checksum import Checksum
    from openem_nb.transfer._tar import Header
    from openem_nb.transfer.archives import Archive, Member

__all__ = ["Admission", "Claims", "Refused"]

_MOST_MEMBERS: Final = 2_000_000
"""Members of one archive; a list of files of SciCat ends at 500,000."""
_HINT: Final = (
    "Nothing of it was written outside of the folder. Tell the people who keep the archive."
)


class Refused(Exception):
    """An archive is not unpacked further; ``error`` says why."""

    def __init__(self, error: OpenEMError) -> None:
        super().__init__(str(error))
        self.error = error


@dataclass(slots=True)
class Claims:
    """Which archive brings which file, for all archives of one call."""

    _of: dict[Path, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def other(self, path: Path, archive: str) -> str | None:
        """Return the name of the other archive that brings this file already."""
        with self._lock:
            found = self._of.setdefault(path, archive)
        return None if found == archive else found


class Admission:
    """The list of what an archive must bring, and what it has brought up so far."""

    def __init__(self, archive: Archive, claims: Claims) -> None:
        self.name = archive.name
        self.root = archive.folder.absolute()
        """Where the files go."""
        members = archive.members
        self.listed: dict[str, Member] | None = None
        """What is promised, by the plain names within the archive."""
        if members is not None:
            self.listed = {plain(name): member for name, member in members.items()}
        self._only = None if archive.only is None else {plain(name) for name in archive.only}
        self._claims = claims
        self._seen: dict[str, str] = {}
        """Names of files as they are, by what some file system may take them for."""
        self._folders: set[str] = set()
        self._cases: dict[str, str] = {}
        self._count = 0
        self.notes: list[str] = []
        """What a person should know."""

    def forget(self) -> None:
        """Begin anew with another archive of the same name."""
        self._seen.clear()
        self._folders.clear()
        self._cases.clear()
        self._count = 0
        self.notes.clear()

    @property
    def everything(self) -> bool:
        """Whether all members are wanted."""
        return self._only is None

    def wants(self, name: str) -> bool:
        """Whether a file is wanted."""
        return self._only is None or name in self._only

    def wanted(self) -> dict[str, Member] | None:
        """Return the files that must come out, by their names; None where there is no list."""
        if self.listed is None:
            return None
        return {name: member for name, member in self.listed.items() if self.wants(name)}

    def path(self, name: str) -> Path:
        """Return where a file goes."""
        member = None if self.listed is None else self.listed.get(name)
        return self.root / (plain(member.path) if member else name)

    def promised(self, name: str) -> Checksum | None:
        """Return what the bytes of a file must come to."""
        member = None if self.listed is None else self.listed.get(name)
        return member.checksum if member else None

    def refusal(self, why: str) -> Refused:
        """Return the error for an archive that is not unpacked further."""
        return Refused(BadAnswer(f"{self.name} is refused: {why}.", hint=_HINT))

    def check_list(self) -> None:
        """Refuse a list that names files outside of the folder, or two for one place.

        Another archive may be unpacked by now, and this one not be looked into where it is, so
        that files which both bring are found here and not only when they come.
        """
        places: dict[str, str] = {}
        for name, member in (self.wanted() or {}).items():
            if wrong := objection(member.path):
                raise self.refusal(f"its list of files has {said(member.path)}, which {wrong}")
            first = places.setdefault(fold(plain(member.path)), name)
            if first != name:
                raise self.refusal(f"its list of files has {said(member.path)} twice")
            if other := self._claims.other(self.path(name), self.name):
                raise self.refusal(f"its {said(member.path)} comes out of {other} as well")

    def admit(self, header: Header, total: int | None = None) -> None:
        """Take note of a member, or refuse the archive because of it."""
        self._count += 1
        if self._count > _MOST_MEMBERS:
            raise self.refusal(f"it has more than {_MOST_MEMBERS:,} members")
        name = plain(header.name)
        member = f"its member {said(header.name)}"
        if header.kind == "folder" and not name:
            return
        if header.kind not in ("file", "folder"):
            raise self.refusal(f"{member} is no file but a {header.kind}")
        if wrong := objection(header.name):
            raise self.refusal(f"{member} {wrong}")
        if header.kind == "folder":
            if fold(name) in self._seen:
                raise self.refusal(f"{member} is a file and a folder at once")
            self._note_folder(fold(name), member)
            return
        self._note_file(name, member)
        if total is not None and header.data + header.size > total:
            raise self.refusal(
                f"{member} claims {header.size:,} bytes, more than the archive has: it is cut off"
            )
        if self.listed is None:
            return
        listed = self.listed.get(name)
        if listed is None:
            raise self.refusal(f"{member} is not in the list of files")
        if listed.size != header.size:
            raise self.refusal(
                f"{member} has {header.size:,} bytes, {listed.size:,} in the list of files"
            )

    def _note_folder(self, name: str, member: str) -> None:
        """Note a folder with all above it."""
        pieces = name.split("/")
        for end in range(1, len(pieces) + 1):
            above = "/".join(pieces[:end])
            if above in self._seen:
                raise self.refusal(f"{member} lies below a file")
            self._folders.add(above)

    def _note_file(self, name: str, member: str) -> None:
        key = fold(name)
        if key in self._seen:
            same = self._seen[key] == name
            raise self.refusal(f"{member} comes {'twice' if same else 'twice, written otherwise'}")
        if key in self._folders:
            raise self.refusal(f"{member} is a file and a folder at once")
        if "/" in key:
            self._note_folder(key.rpartition("/")[0], member)
        self._seen[key] = name
        alike = self._cases.setdefault(key.casefold(), name)
        if alike != name:
            self.notes.append(
                f"{self.name} has {said(alike)} and {said(name)}: some systems take them for one."
            )
        if self.wants(name) and (other := self._claims.other(self.path(name), self.name)):
            raise self.refusal(f"{member} comes out of {other} as well")

    def check_whole(self) -> None:
        """Refuse an archive that did not bring what was promised or wanted."""
        wanted = self.wanted()
        names = (self._only or set()) if wanted is None else set(wanted)
        lacking = sorted(names - set(self._seen.values()))
        if lacking:
            raise self.refusal(
                f"it lacks {len(lacking):,} of its files, first {said(lacking[0])}; "
                "it may be cut off"
            )
