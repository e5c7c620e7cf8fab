"""What can be inspected and mined: a folder, a data set of SciCat, an entry of EMPIAR."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, runtime_checkable

from openem_nb._folders import path_of, status_of
from openem_nb.errors import InvalidInput, NotFound, OpenEMError
from openem_nb.mining.files import ImageFile, ImageFiles, find, root_of, wanted

if TYPE_CHECKING:
    from openem_nb.jobs import Progress

__all__ = ["Facts", "Folder", "Source", "images_of", "is_asked_for", "source_of"]

_EMPIAR: Final = re.compile(r"EMPIAR-[0-9]+", re.IGNORECASE)
_PAGE: Final = re.compile(
    r"https?://(?:www\.)?ebi\.ac\.uk/(?:empiar|pdbe/emdb/empiar/entry)/"
    r"(?:entry/)?(?:EMPIAR-)?([0-9]+)/?(?:[?#].*)?",
    re.IGNORECASE,
)
"""The address of an entry's page in a browser."""
_LIKE_EMPIAR: Final = re.compile(r"(?:EMPIAR[\s_:‐-―−-]*)?([0-9]{4,6})", re.IGNORECASE)
"""Numbers of entries have five digits so far."""
_LIKE_EMDB: Final = re.compile(r"EMDB?[\s_:‐-―−-]*([0-9]{4,6})", re.IGNORECASE)
_PID: Final = re.compile(r"[0-9]+(\.[0-9]+)+/\S+")
"""A handle or DOI: a prefix of numbers with dots, and what follows the first slash."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a data set beside its files."""

    title: str = ""
    url: str = ""
    """Its page, for people; empty if there is none."""
    voltage: float | None = None
    """In kV."""
    cs: float | None = None
    """Spherical aberration, mm."""
    pixel_size: float | None = None
    """Å."""
    lines: tuple[tuple[str, str], ...] = ()
    """More of it, each with its name."""


@runtime_checkable
class Source(Protocol):
    """Where images come from."""

    @property
    def title(self) -> str:
        """A few words for people."""

    @property
    def key(self) -> str:
        """What is the same each time, and of no other source."""

    @property
    def given(self) -> str:
        """What a person writes to name it, in a form or a call."""

    @property
    def notice(self) -> str | None:
        """Text that must be shown with the images (practice data), None for real data."""

    @property
    def facts(self) -> Facts:
        """What is known beside the files."""

    def find(self, *, pattern: str | None = None, progress: Progress | None = None) -> ImageFiles:
        """Return its images."""

    def code(self) -> str:
        """Return the Python expression that gives it again."""


@dataclass(frozen=True)
class Folder:
    """A folder, or a single file."""

    path: Path
    notice: str | None = None

    @property
    def title(self) -> str:
        """Its name."""
        return self.path.name or "root"

    @property
    def key(self) -> str:
        """Its path, whatever links lead to it."""
        return str(self.path.resolve())

    @property
    def given(self) -> str:
        """Its path."""
        return str(self.path)

    @property
    def facts(self) -> Facts:
        """Nothing."""
        return Facts()

    def find(self, *, pattern: str | None = None, progress: Progress | None = None) -> ImageFiles:
        """Return its images, and those in its folders."""
        return find(self.path, pattern=pattern, progress=progress)

    def code(self) -> str:
        """Return its path."""
        return repr(str(self.path))


class _Several:
    """Images that somebody has put together, which no name stands for."""

    @property
    def given(self) -> str:
        """Nothing: they cannot be written into a field."""
        return ""

    @property
    def facts(self) -> Facts:
        """Nothing but what each of them knows."""
        return Facts()


@dataclass(frozen=True)
class Listed(_Several):
    """A list of files."""

    paths: tuple[Any, ...]
    title: str = "files"
    notice: str | None = None

    @property
    def key(self) -> str:
        """All paths."""
        return "\n".join(sorted(os.path.abspath(one) for one in self.paths))  # noqa: PTH100

    def find(self, *, pattern: str | None = None, progress: Progress | None = None) -> ImageFiles:
        """Return them by name; whoever lists files wants all of them."""
        del pattern, progress
        return find(self.paths)

    def code(self) -> str:
        """Return the list."""
        return repr([str(one) for one in self.paths])


@dataclass(frozen=True)
class Chosen(_Several):
    """Images that :func:`images_of` has found, or some of them."""

    files: ImageFiles
    title: str = "images"

    @property
    def notice(self) -> str | None:
        """That of where they were found."""
        return self.files.notice

    @property
    def key(self) -> str:
        """What each is, wherever it is read."""
        return "\n".join(
            f"{one.source}\t{one.name if one.source else one.text}" for one in self.files
        )

    def find(self, *, pattern: str | None = None, progress: Progress | None = None) -> ImageFiles:
        """Return those that are like the pattern."""
        del progress
        found = [one for one in self.files if pattern is None or wanted(one.name, pattern)]
        if not found:
            raise NotFound(f"None of these images is like {pattern}.", hint="Look at their names.")
        return ImageFiles(found, self.files.notes, notice=self.files.notice)

    def code(self) -> str:
        """Return the list of their places."""
        return repr([one.text for one in self.files])


def source_of(given: Any, *, progress: Progress | None = None) -> Source:
    """Return the source that is meant.

    Parameters
    ----------
    given :
        A folder or file; a list of files; what :func:`images_of` returned, or some of it; a data
        set that :func:`openem_nb.get` returned, or its PID, or its row of what a search found; an
        EMPIAR entry, its id (``EMPIAR-10028``) or the address of its page; a retrieval of one data
        set; anything that has a ``.folder``. A text
        that is the path of something on disk means that.

    Raises
    ------
    NotFound
        If there is no such folder, data set or entry.
    InvalidInput
        If it is none of these.
    """
    if isinstance(given, Source):
        return given
    if isinstance(given, ImageFile):
        given = [given]
    if isinstance(given, ImageFiles):
        return Chosen(given)
    if _is_table(given):
        given = _named_in(given)
    if isinstance(given, str):
        text = given.strip()
        if not text:
            raise InvalidInput(
                "No source is named.",
                hint="Give a folder ('.' is this one), a data set or an entry.",
            )
        if not _is_there(text):
            if (name := _entry_name(text)) is not None:
                from openem_nb import empiar
                from openem_nb.mining._empiar import Entry

                return Entry(empiar.entry(name, progress=progress))
            if _PID.fullmatch(text):
                from openem_nb import scicat
                from openem_nb.mining._scicat import Catalogued

                return Catalogued(scicat.get(text, progress=progress))
            _refuse_other(text)
    elif hasattr(given, "imagesets"):
        from openem_nb.mining._empiar import Entry

        return Entry(given)
    elif hasattr(given, "lifecycle"):
        from openem_nb.mining._scicat import Catalogued

        return Catalogued(given)
    elif hasattr(given, "pids"):
        from openem_nb.mining._scicat import of_retrieval

        return of_retrieval(given, progress=progress)
    root = root_of(given)
    if root is not None:
        return Folder(root)
    listable = isinstance(given, Iterable) and not isinstance(given, bytes)
    listed = tuple(given) if listable else ()
    if listed and all(isinstance(one, ImageFile) for one in listed):
        return Chosen(ImageFiles(listed))
    if not listable or not all(isinstance(one, str | os.PathLike) for one in listed):
        raise InvalidInput(
            f"{type(given).__name__} is neither a folder nor a list of files, nor a data set.",
            hint="Give a path, a list of paths, a data set, or an entry of EMPIAR.",
        )
    return Listed(listed)


def is_asked_for(given: Any) -> bool:
    """Return whether a service has to be asked before :func:`source_of` knows what is meant."""
    if not isinstance(given, str):
        return hasattr(given, "pids") or _is_table(given)
    text = given.strip()
    named = _entry_name(text) is not None or _PID.fullmatch(text) is not None
    return named and not _is_there(text)


def _is_there(text: str) -> bool:
    """Return whether text is the path of something on disk."""
    try:
        return status_of(path_of(text)) is not None
    except OpenEMError:
        return True  # it is a path and nothing else; who opens it says what is wrong


def _entry_name(text: str) -> str | None:
    """Return the id of an EMPIAR entry that is named by its id or page; None if none is."""
    if _EMPIAR.fullmatch(text):
        return text
    page = _PAGE.fullmatch(text)
    return None if page is None else f"EMPIAR-{page[1]}"


def _is_table(given: Any) -> bool:
    """Return whether it is a table of pandas or a row of one; a column is a list, as of paths."""
    if not hasattr(given, "iloc"):
        return False
    return given.ndim == 2 or bool({"pid", "id"} & set(given.index))


def _named_in(given: Any) -> str:
    """Return what the only row of a table of search results names.

    Raises
    ------
    InvalidInput
        If it names nothing, or several.
    """
    rows = given if given.ndim == 2 else given.to_frame().T
    column = next((name for name in ("pid", "id") if name in rows), None)
    names = [] if column is None else list(rows[column])
    if len(names) != 1 or not isinstance(names[0], str):
        raise InvalidInput(
            f"This table names {len(names)} data sets; the images of one are wanted.",
            hint="Give one row, as found.iloc[0], or its pid.",
        )
    return names[0]


def _refuse_other(text: str) -> None:
    """Say what a name is that looks like one of an archive; what is none is left to others."""
    if emdb := _LIKE_EMDB.fullmatch(text):
        name = f"EMD-{int(emdb[1]):04d}"
        raise InvalidInput(
            f"{name} is a map of EMDB, not a set of images.",
            hint=f"emdb.download({name!r}) brings it to disk, open_map(path) opens it; "
            f"empiar.for_emdb({name!r}) finds its images in EMPIAR.",
        )
    if like := _LIKE_EMPIAR.fullmatch(text):
        name = f"EMPIAR-{like[1]}"
        raise NotFound(
            f"There is no folder {Path(text).absolute()}. Is {name} meant?",
            hint=f"Write {name!r} for the entry of EMPIAR.",
        )
    if text.lower().startswith(("https://", "http://")):
        raise InvalidInput(
            f"{text} is no data set, entry or folder that is known here.",
            hint="Name a data set by its PID, an entry by its id (EMPIAR-10028); "
            "open_image opens the address of one image.",
        )


def images_of(
    source: Any, *, pattern: str | None = None, progress: Progress | None = None
) -> ImageFiles:
    """Return the images of a folder, a data set of SciCat or an entry of EMPIAR.

    Nothing of an image is fetched before it is opened. Files that are on this machine are read
    here: retrieved from tape, downloaded from EMPIAR, or in the folder where they were recorded.
    Of the others, headers and pixels come over the network as they are asked for: from EMPIAR's
    file server, or from the archive's store where somebody has brought the data set out.

    Parameters
    ----------
    source :
        A folder; a data set, its PID or its row of what a search found; an EMPIAR entry, its id or
        the address of its page; a retrieval; a list of files.
    pattern :
        Like ``*_fractions.tiff`` or ``data/Micrographs/*``: only files whose name, or path in the
        data set, is like that. Of an EMPIAR entry only the folders before the first star are
        listed, which saves minutes with large ones.
    progress :
        Told how many were found; its cancel ends the search.

    Raises
    ------
    NotOnDisk
        If the data set is on tape and was not retrieved.
    NotFound
        If there is no such source, or no image in it.
    InvalidInput
        If ``source`` is none of these.

    Examples
    --------
    >>> files = openem.images_of("EMPIAR-10028", pattern="data/Micrographs/*")  # doctest: +SKIP
    >>> with files[0].open() as micrograph:  # doctest: +SKIP
    ...     micrograph.thumbnail(), micrograph.bytes_fetched
    """
    return source_of(source, progress=progress).find(pattern=pattern, progress=progress)
