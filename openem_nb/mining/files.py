"""Which image files a folder or data set holds."""

from __future__ import annotations

import fnmatch
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from openem_nb.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from openem_nb.jobs import Progress

__all__ = ["ENDINGS", "Found", "ImageFile", "as_text", "find", "find_images", "root_of"]

ENDINGS: Final = (
    *(".mrc", ".mrcs", ".st", ".ali", ".map", ".rec", ".tif", ".tiff", ".eer"),
    *(".dm3", ".dm4", ".emd", ".prz", ".mrc.gz", ".mrc.bz2", ".map.gz"),
)
"""How the files end that are measured; pictures for people (PNG, JPEG) only where asked for."""
_NO_EXPOSURE: Final = re.compile(
    r"(?<![a-z])((gain|dark|defects?|flat)(_?ref(erence)?|_?map|_?image)?|(count|super)ref)(?![a-z])",
    re.IGNORECASE,
)
"""References of the camera lie beside the exposures of many sessions."""


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A file and its state when it was found."""

    path: Path
    """Absolute path."""
    name: str
    """Path below the folder that is mined, with slashes; the whole path where it lies elsewhere."""
    size: int
    """Bytes."""
    mtime: int
    """When it was last changed, nanoseconds since 1970."""

    @property
    def text(self) -> str:
        """The path as text that can be written down, whatever bytes its name is made of."""
        return as_text(str(self.path))

    @property
    def state(self) -> tuple[str, int, int]:
        """Path, size and time: what is the same while the file is."""
        return (self.text, self.size, self.mtime)


def as_text(path: str) -> str:
    """Return a path without the halves of characters that stand for bytes that are no text."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


@dataclass(frozen=True, slots=True)
class Found:
    """The image files of a folder."""

    files: tuple[ImageFile, ...]
    """By name."""
    notes: tuple[str, ...] = ()
    """What could not be looked into, in sentences."""


def root_of(source: Any) -> Path | None:
    """Return the folder that is meant: a path, or what has one in ``.folder``; None for a list.

    Raises
    ------
    NotFound
        If there is no such folder.
    """
    if isinstance(source, (str, os.PathLike)):
        path = Path(source).expanduser().absolute()
    elif getattr(source, "folder", None) is not None:
        path = Path(source.folder).absolute()
    else:
        return None
    if not path.exists():
        raise NotFound(
            f"There is no folder {path}.",
            hint="Look at its name; a data set on tape has to be retrieved first.",
        )
    return path


def find(source: Any, *, pattern: str | None = None, progress: Progress | None = None) -> Found:
    """Return the image files of a folder, of all folders in it, or of a list, by name.

    Links to folders are not followed, and neither hidden files nor references of the camera are
    taken.

    Parameters
    ----------
    source :
        Folder, file, list of files, or anything with a ``folder``.
    pattern :
        Like ``*_fractions.tiff`` or ``Images-Disc1/*/*.mrc``: only files whose name, or path in the
        folder, is like that, whatever they end in.

    Raises
    ------
    NotFound
        If there is no such folder or file, or none of its files is an image.
    InvalidInput
        If ``source`` is no folder, file or list of files.
    """
    root = root_of(source)
    if root is None:
        return Found(_listed(source))
    if root.is_file():
        return Found(_listed([root]))
    found: list[ImageFile] = []
    notes: list[str] = []
    for entry, name in _walk(root, notes):
        if _wanted(name, pattern):
            state = entry.stat()
            path = Path(entry.path)
            found.append(ImageFile(path, name, state.st_size, state.st_mtime_ns))
            if progress is not None and len(found) % 256 == 0:
                progress.update(len(found), message=f"Looking for images in {root.name}")
                progress.check()
    if not found:
        what = f"like {pattern}" if pattern else "that is an image"
        raise NotFound(
            f"{root} holds no file {what}.",
            hint="Image files are known by their endings: "
            f"{', '.join(ENDINGS)}. Others are found by pattern, like *.hdf5.",
        )
    return Found(tuple(sorted(found, key=lambda one: one.name)), tuple(notes))


def find_images(
    source: Any, *, pattern: str | None = None, progress: Progress | None = None
) -> tuple[ImageFile, ...]:
    """Return the image files that would be mined; see :func:`find`, which tells more."""
    return find(source, pattern=pattern, progress=progress).files


def _walk(root: Path, notes: list[str]) -> Iterator[tuple[os.DirEntry[str], str]]:
    """Yield the files below a folder with their paths in it; note folders that are closed."""
    waiting = [(str(root), "")]
    while waiting:
        folder, before = waiting.pop()
        try:
            entries = list(os.scandir(folder))
        except OSError as error:
            if not before:
                raise NotFound(
                    f"{root} cannot be read: {error.strerror or error}.",
                    hint="Look at the permissions of the folder.",
                ) from error
            notes.append(f"{before} cannot be looked into: {error.strerror or error}.")
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append((entry.path, f"{before}{entry.name}/"))
            elif entry.is_file():
                yield entry, before + entry.name


def _wanted(name: str, pattern: str | None) -> bool:
    own = name.rpartition("/")[2]
    if pattern:
        return fnmatch.fnmatch(own, pattern) or fnmatch.fnmatch(name, pattern)
    return own.lower().endswith(ENDINGS) and not _NO_EXPOSURE.search(own)


def _listed(source: Iterable[Any]) -> tuple[ImageFile, ...]:
    try:
        paths = [Path(one).expanduser().absolute() for one in source]
    except TypeError:
        raise InvalidInput(
            f"{type(source).__name__} is neither a folder nor a list of files.",
            hint="Give a path, a list of paths, or a data set that was brought to disk.",
        ) from None
    if not paths:
        raise NotFound("The list of files is empty.", hint="Give one file at least.")
    top = Path(os.path.commonpath([path.parent for path in paths]))
    found = {}
    for path in paths:
        try:
            state = path.stat()
        except OSError as error:
            raise NotFound(
                f"{path} cannot be read: {error.strerror or error}.", hint="Look at its name."
            ) from error
        name = path.relative_to(top).as_posix()
        found[path] = ImageFile(path, name, state.st_size, state.st_mtime_ns)
    return tuple(sorted(found.values(), key=lambda one: one.name))
