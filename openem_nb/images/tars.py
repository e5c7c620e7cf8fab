"""Tar archives whose files are opened where they lie, on disk or at an address.

Headers alone are read, never what lies between them, and where they lie is remembered: an archive
is looked through once, however often files of it are opened.

>>> archive = openem.images.open_tar(signed_address)  # doctest: +SKIP
>>> [one.name for one in archive.members()]  # doctest: +SKIP
>>> archive.open_image("raw/movie_003.mrc").thumbnail()  # doctest: +SKIP
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from openem_nb._folders import path_of
from openem_nb.errors import DamagedFile, NotFound, OpenEMError
from openem_nb.formats.source import LocalFile, Section
from openem_nb.images.remote import RemoteFile
from openem_nb.transfer._tar import BLOCK, Damaged, read_header, said

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from pathlib import Path

    from openem_nb.formats.source import Source
    from openem_nb.images.micrograph import Micrograph
    from openem_nb.jobs import Progress

__all__ = ["Tar", "TarMember", "member_of", "open_tar"]

_MOST_MEMBERS: Final = 200_000
_MOST_ARCHIVES: Final = 16
"""Archives of which it is remembered where their files lie."""


@dataclass(frozen=True, slots=True)
class TarMember:
    """One file in an archive."""

    name: str
    """With its folders, as it stands in the archive, without ``./``."""
    size: int
    """Bytes."""
    offset: int
    """Where its first byte lies in the archive."""


class _Index:
    """Where the files of one archive lie, as far as it was looked through."""

    def __init__(self) -> None:
        self.members: dict[str, TarMember] = {}
        self.at = self.seen = 0
        self.whole = self.cut = False
        self.lock = threading.Lock()

    def extend(self, archive: Source, until: str | None, progress: Progress | None) -> None:
        """Look on from where the last one stopped, up to a name or to the end."""
        with self.lock:
            while not self.whole and (until is None or until not in self.members):
                if progress is not None:
                    progress.update(
                        self.at, total=archive.size, message="Looking through", unit="B"
                    )
                self._step(archive)

    def _step(self, archive: Source) -> None:
        place = self.at

        def read(count: int) -> bytes:
            nonlocal place
            found = archive.read(place, count)
            place += len(found)
            return found

        if self.at >= archive.size or self.seen >= _MOST_MEMBERS:
            self.whole, self.cut = True, self.at > archive.size
            return
        try:
            header = read_header(read, self.at)
        except Damaged as error:
            raise DamagedFile(
                f"{archive.name} cannot be read as a tar archive. {error}",
                hint="Open it without member= if it is an image; an archive has to be there whole.",
            ) from error
        if header is None:
            self.whole = True
            return
        if header.kind == "file":
            size = min(header.size, max(0, archive.size - header.data))
            name = header.name.removeprefix("./")
            # of a name that comes twice the last one counts where all are known, as with tar
            self.members[name] = TarMember(name, size, header.data)
        self.at, self.seen = max(header.next, self.at + BLOCK), self.seen + 1


_known: OrderedDict[Hashable, _Index] = OrderedDict()
_lock = threading.Lock()


def _index(archive: Source) -> _Index:
    """Return what is known of this very archive."""
    stamp = getattr(archive, "stamp", None)
    if stamp is None:
        return _Index()
    with _lock:
        found = _known.setdefault(stamp, _Index())
        _known.move_to_end(stamp)
        while len(_known) > _MOST_ARCHIVES:
            _known.popitem(last=False)
        return found


def member_of(archive: Source, member: str) -> Section:
    """Return a file in a tar archive, found by the headers alone.

    Raises
    ------
    NotFound
        If the archive has no such file.
    DamagedFile
        If it is no tar archive, or damaged before the place of that file.
    """
    index, wanted = _index(archive), member.removeprefix("./")
    index.extend(archive, wanted, None)
    found = index.members.get(wanted)
    if found is None:
        raise NotFound(
            f"{archive.name} holds no file {said(member)}.",
            hint="Names in an archive have folders.",
        )
    return Section(archive, found.offset, found.size, wanted.rpartition("/")[2])


class Tar:
    """A tar archive that is open. Made by :func:`open_tar`.

    Parameters
    ----------
    archive :
        A file on disk or at an address.
    """

    def __init__(self, archive: LocalFile | RemoteFile) -> None:
        self._archive = archive

    @property
    def name(self) -> str:
        """Name of the archive, without its folder."""
        return self._archive.name

    @property
    def bytes_fetched(self) -> int:
        """Bytes that came over the network so far, for all that was opened; 0 for a local file."""
        return getattr(self._archive, "fetched", 0)

    def members(self, *, progress: Progress | None = None) -> tuple[TarMember, ...]:
        """Return all files of the archive, in their order.

        At an address each file that is larger than a few kilobytes takes one small request, all
        over one connection, the first time.

        Raises
        ------
        DamagedFile
            If it is no tar archive, damaged, or cut off.
        """
        index = _index(self._archive)
        index.extend(self._archive, None, progress)
        if index.cut:
            raise DamagedFile(
                f"{self.name} is cut off; what lies before that can be opened by its name.",
                hint="It may still be being written, or was copied in part.",
            )
        return tuple(sorted(index.members.values(), key=lambda one: one.offset))

    def open_image(self, member: str, **options: Any) -> Micrograph:
        """Open a file of the archive; the options are those of :func:`~openem_nb.open_image`.

        Raises
        ------
        NotFound
            If the archive has no such file.
        """
        from openem_nb.images.opening import open_image

        where = self._archive
        source = where.again() if isinstance(where, RemoteFile) else where.path
        return open_image(source, member=member, **options)

    def close(self) -> None:
        """Close the archive; images that were opened from it stay open."""
        self._archive.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Tar {self.name}, {self._archive.size:,} bytes>"


def open_tar(
    source: Path | str | Callable[[], str] | RemoteFile,
    *,
    name: str | None = None,
    progress: Progress | None = None,
) -> Tar:
    """Open a tar archive to open images in it. What is packed has to be unpacked before.

    Parameters
    ----------
    source :
        Path or address; or what gives a fresh address whenever the last one has expired.
    name :
        What to call it; by default the name of the file.

    Raises
    ------
    NotFound
        If there is no such file.
    """
    archive: LocalFile | RemoteFile
    if isinstance(source, RemoteFile):
        archive = source
    elif callable(source) or str(source).lower().startswith(("https://", "http://")):
        archive = RemoteFile(source, name=name, progress=progress)  # type: ignore[arg-type]
    else:
        archive = LocalFile(path_of(source))
    if archive.read(0, 3)[:2] in (b"\x1f\x8b", b"BZ") or archive.read(0, 6) == b"\xfd7zXZ\0":
        archive.close()
        raise OpenEMError(
            f"{archive.name} is packed as a whole, so that no file of it can be read alone.",
            hint="Download and unpack it.",
        )
    return Tar(archive)
