"""Which image files a folder or data set holds."""

from __future__ import annotations

import fnmatch
import html
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, overload

from openem_nb._folders import path_of, status_of
from openem_nb.errors import InvalidInput, NotFound
from openem_nb.images.scanning import ENDINGS, NAMES
from openem_nb.mining._beside import known_beside, optics_beside
from openem_nb.mining.columns import as_text
from openem_nb.values import counted, format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import pandas as pd

    from openem_nb.images import Micrograph
    from openem_nb.jobs import Progress

__all__ = ["Far", "ImageFile", "ImageFiles", "as_text", "find", "root_of", "wanted"]

_NO_EXPOSURE: Final = re.compile(
    r"(?<![a-z])((gain|dark|defects?|flat)(_?ref(erence)?|_?map|_?image)?|(count|super)ref)(?![a-z])",
    re.IGNORECASE,
)
"""References of the camera lie beside the exposures of many sessions."""
_SHOWN: Final = 20
"""Files that a list shows as HTML."""


class Far(Protocol):
    """Where an image is that is not on this machine; it can be sent to another process."""

    @property
    def text(self) -> str:
        """What it is called in tables; never an address that opens it without a log-in."""

    def open(self, name: str, *, progress: Progress | None = None) -> Micrograph:
        """Open it where it is."""


@dataclass(frozen=True, slots=True)
class ImageFile:
    """A file and its state when it was found, on this machine or far away."""

    path: Path
    """Absolute path; of a file that is far away, where it would lie once it was fetched."""
    name: str
    """Path below the folder that is mined, with slashes, as text that can be written down."""
    size: int
    """Bytes; servers round them for files that are far away."""
    mtime: int
    """When it was last changed, nanoseconds since 1970; 0 where that is not known."""
    far: Far | None = None
    """Where it is, if not on this machine."""
    pixel_size: float | None = None
    """Å by the word of its data set, for files that do not know it."""
    voltage: float | None = None
    """In kV, by the word of its data set, for files that do not know it."""
    source: str = ""
    """The data set or entry that it belongs to, wherever it lies; empty for files of a folder."""
    uncertainty: int = 0
    """Bytes by which the size that its archive tells may be wrong."""

    @property
    def text(self) -> str:
        """The place as text that can be written down, whatever bytes its name is made of."""
        return as_text(str(self.path)) if self.far is None else self.far.text

    @property
    def told(self) -> bool:
        """Whether its data set, or the mdoc file beside it, may know more of it than it does."""
        if self.pixel_size is not None or self.voltage is not None:
            return True
        return self.far is None and optics_beside(self.path) != (None, None)

    def open(self, *, progress: Progress | None = None) -> Micrograph:
        """Open the image: read its header, from the disk or in one request over the network.

        Pixel size and voltage that it does not know are those of the mdoc file beside it, or else
        those of its data set.

        Raises
        ------
        NotFound, NotOnDisk, NotAllowed, Unreachable
            If it is not there, or not any more.
        DamagedFile, InvalidInput
            If it is no whole image.
        """
        from openem_nb.images import open_image

        if self.far is None:
            found = open_image(self.path)
        else:
            found = self.far.open(self.name.rpartition("/")[2], progress=progress)
        if self.far is None and (found.pixel_size is None or found.voltage is None):
            pixel_size, voltage, odd = known_beside(self.path)
            found.told(pixel_size=pixel_size, voltage=voltage, by="mdoc file", notes=odd)
        return found.told(pixel_size=self.pixel_size, voltage=self.voltage)

    @property
    def state(self) -> tuple[str, int, int]:
        """Path, size and time: what is the same while the file is."""
        return (self.text, self.size, self.mtime)

    def was(self, path: str, size: int, mtime: int) -> bool:
        """Return whether what was measured in that state, here or elsewhere, is this image.

        In the same place size and time have to be the same. In another one the size is enough:
        archives do not change the files of a data set or entry, whether these are still there or
        were brought here.
        """
        if path == self.text:
            return (size, mtime) == (self.size, self.mtime)
        return bool(self.source) and abs(size - self.size) <= self.uncertainty


class ImageFiles(Sequence[ImageFile]):
    """The image files of a folder or data set, by name.

    Examples
    --------
    >>> files = openem.images_of("EMPIAR-10028")  # doctest: +SKIP
    >>> files["data/Micrographs/FoilHole_1.mrc"].open()  # doctest: +SKIP
    """

    def __init__(
        self, files: Iterable[ImageFile], notes: Iterable[str] = (), *, notice: str | None = None
    ) -> None:
        self.files = tuple(sorted(files, key=lambda one: one.name))
        """By name."""
        self.notes = tuple(notes)
        """What could not be looked into, or is not all there, in sentences."""
        self.notice = notice
        """Text that must be shown with the images (practice data), None for real data."""

    @property
    def far(self) -> bool:
        """Whether images have to come over the network."""
        return any(file.far is not None for file in self.files)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def far_count(self) -> int:
        """How many images have to come over the network."""
        return sum(file.far is not None for file in self.files)

    @property
    def far_size(self) -> int:
        """Bytes of the files that have to come over the network."""
        return sum(file.size for file in self.files if file.far is not None)

    @property
    def frame(self) -> pd.DataFrame:
        """One row for each file: ``name``, ``bytes``, ``far``, and ``path`` where it is."""
        import pandas as pd

        rows = [(one.name, one.size, one.far is not None, one.text) for one in self.files]
        return pd.DataFrame(rows, columns=["name", "bytes", "far", "path"])

    @overload
    def __getitem__(self, which: int | str) -> ImageFile: ...
    @overload
    def __getitem__(self, which: slice) -> Sequence[ImageFile]: ...
    def __getitem__(self, which: int | str | slice) -> ImageFile | Sequence[ImageFile]:
        """Return a file by number or name.

        Raises
        ------
        InvalidInput
            If there is none of that name.
        """
        if isinstance(which, str):
            found = next((one for one in self.files if one.name == which), None)
            if found is None:
                raise InvalidInput(
                    f"There is no image {which!r} here.", hint="Look at .frame for their names."
                )
            return found
        return self.files[which]

    def __contains__(self, what: object) -> bool:
        return any(what == (one.name if isinstance(what, str) else one) for one in self.files)

    def __len__(self) -> int:
        return len(self.files)

    def __repr__(self) -> str:
        where = ", over the network" if self.far else ""
        if 0 < self.far_count < len(self):
            amount = format_bytes(self.far_size)
            where = f", {self.far_count:,} of {len(self):,} over the network, {amount}"
        return f"<ImageFiles {counted(len(self), 'image')}, {format_bytes(self.size)}{where}>"

    def _repr_html_(self) -> str:
        said = "".join(f"<p>{html.escape(note)}</p>" for note in (self.notice, *self.notes) if note)
        listed = self.frame.head(_SHOWN).to_html(index=False)
        more = f"<p>and {len(self) - _SHOWN:,} more</p>" if len(self) > _SHOWN else ""
        return f"<p>{html.escape(repr(self)[1:-1])}</p>{said}{listed}{more}"


def root_of(source: Any) -> Path | None:
    """Return the folder that is meant: a path, or what has one in ``.folder``; None for a list.

    Raises
    ------
    NotFound
        If there is no such folder.
    """
    if isinstance(source, (str, os.PathLike)):
        path = path_of(source).absolute()
    elif getattr(source, "folder", None) is not None:
        path = Path(source.folder).absolute()
    else:
        return None
    if status_of(path) is None:
        raise NotFound(
            f"There is no folder {path}.",
            hint="Look at its name; a data set on tape has to be retrieved first.",
        )
    return path


def find(
    source: Any, *, pattern: str | None = None, progress: Progress | None = None
) -> ImageFiles:
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
        return ImageFiles(_listed(source))
    if not root.is_dir():
        if not root.is_file():
            raise InvalidInput(
                f"{root} is neither a file nor a folder.", hint="Name a folder, or one file."
            )
        return ImageFiles(_listed([root]))
    found: list[ImageFile] = []
    notes: list[str] = []
    for entry, name in _walk(root, notes):
        if wanted(name, pattern):
            try:
                state = entry.stat()
            except OSError as error:  # it went away, or it is a link that leads nowhere
                notes.append(_passed_over(entry, name, error))
                continue
            path = Path(entry.path)
            found.append(ImageFile(path, as_text(name), state.st_size, state.st_mtime_ns))
            if progress is not None and len(found) % 256 == 0:
                progress.update(len(found), message=f"Looking for images in {root.name}")
                progress.check()
    if not found:
        what = f"like {pattern}" if pattern else "that is an image"
        raise NotFound(
            f"{root} holds no file {what}.",
            hint="Image files are known by their endings: "
            f"{NAMES}. Others are found by pattern, like *.hdf5.",
        )
    return ImageFiles(found, notes)


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
            notes.append(f"{as_text(before)} cannot be looked into: {error.strerror or error}.")
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                waiting.append((entry.path, f"{before}{entry.name}/"))
            elif _is_file(entry):
                yield entry, before + entry.name


def _is_file(entry: os.DirEntry[str]) -> bool:
    """Return whether an entry is a file, or a link whose target cannot be looked at."""
    try:
        return entry.is_file() or (entry.is_symlink() and not os.path.exists(entry.path))  # noqa: PTH110
    except OSError:
        return True


def _passed_over(entry: os.DirEntry[str], name: str, error: OSError) -> str:
    """Return the note for an entry that is called as images are, and cannot be looked at."""
    if isinstance(error, FileNotFoundError):
        why = "is a link to a file that is not there" if entry.is_symlink() else "has gone"
    else:
        why = f"cannot be looked at: {error.strerror or error}"
    return f"{as_text(name)} {why}."


def wanted(name: str, pattern: str | None) -> bool:
    """Return whether a file is an image that is wanted, by its path in the folder."""
    own = name.rpartition("/")[2]
    if pattern:
        return fnmatch.fnmatch(own, pattern) or fnmatch.fnmatch(name, pattern)
    return own.lower().endswith(ENDINGS) and not _NO_EXPOSURE.search(own)


def _listed(source: Iterable[Any]) -> tuple[ImageFile, ...]:
    try:
        paths = [Path(os.path.abspath(path_of(one))) for one in source]  # noqa: PTH100
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
        state = status_of(path)
        if state is None:
            raise NotFound(f"There is no file {path}.", hint="Look at its name.")
        if stat.S_ISDIR(state.st_mode):
            raise InvalidInput(
                f"{path} is a folder, and this is a list of files.", hint="Give it by itself."
            )
        name = path.relative_to(top).as_posix()
        found[path] = ImageFile(path, as_text(name), state.st_size, state.st_mtime_ns)
    return tuple(found.values())
