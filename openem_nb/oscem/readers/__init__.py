"""Readers of what microscopes write, one module for each writer.

>>> from openem_nb.oscem import readers
>>> for found in readers.find("/data/session"):  # doctest: +SKIP
...     print(found.name, readers.read(found))

Which reader a file belongs to is told by its name first and by what it reads then: an XML file is
opened once, and its root element decides.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final

from openem_nb._texts import one_line
from openem_nb.errors import InvalidInput, NotFound
from openem_nb.oscem.readers._reading import QUANTITIES, Finding, Quantity, Reading, Value

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = [
    "FORMATS",
    "QUANTITIES",
    "Finding",
    "Format",
    "Found",
    "Quantity",
    "Reading",
    "Value",
    "find",
    "label",
    "read",
    "supplies",
]


@dataclass(frozen=True, slots=True)
class Format:
    """A form of files and the reader of it."""

    name: str
    """Name of the source in readings, and of the module that reads it."""
    label: str
    """Name for people."""
    endings: tuple[str, ...]
    """How names of its files end, in lower case."""
    large: bool = False
    """Whether these are image files, of which the reader opens what it needs."""
    movies: bool = False
    """Whether there are as many as exposures, so that the headers of some tell of all."""


_FORMATS: Final = (
    Format("epu", "EPU", (".xml", ".dm")),
    Format("tomo5", "Tomography 5", (".xml", ".dm")),
    Format("serialem", "SerialEM", (".mdoc",)),
    Format("mrc", "MRC", (".mrc", ".mrcs", ".st", ".rec"), large=True, movies=True),
    Format("tiff", "TIFF", (".tif", ".tiff"), large=True, movies=True),
    Format("eer", "EER", (".eer",), large=True, movies=True),
    Format("velox", "Velox EMD", (".emd",), large=True),
    Format("prz", "Panta Rhei PRZ", (".prz",), large=True),
    Format("dm", "Gatan DM3/DM4", (".dm3", ".dm4"), large=True),
    Format("tia", "FEI TIA", (".emi", ".ser"), large=True),
)
FORMATS: Final[Mapping[str, Format]] = {one.name: one for one in _FORMATS}
"""All formats by name."""

_BY_ENDING: Final = {ending: one for one in reversed(_FORMATS) for ending in one.endings}
_DEPTH: Final = 32
"""Folders below the session that are looked into; real ones have six."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file that a reader may know."""

    path: Path
    name: str
    """Its place below the session's folder, with slashes."""
    format: Format | None
    """None: a link, which is not followed, or a folder that cannot be read."""
    problem: str = ""
    """``link``, ``unreadable`` or ``deep`` where there is no format."""


def find(folder: Path | str, *, others: Callable[[str], None] | None = None) -> Iterator[Found]:
    """Find the files that readers know, folder by folder in the order of their names.

    Links are not followed, neither out of the folder nor within it, where a file would be counted
    twice. Names that begin with a point are left out.

    Parameters
    ----------
    others :
        Is told the ending of each file that no reader knows.

    Raises
    ------
    NotFound
        If there is no such folder.
    InvalidInput
        If it is a file.
    """
    top = Path(folder).expanduser()
    if not top.exists():
        raise NotFound(f"There is no folder {top}.", hint="Check the path of the session.")
    if not top.is_dir():
        raise InvalidInput(
            f"{top} is a file, not the folder of a session.",
            hint="Give the folder that holds it.",
        )
    yield from _below(top, "", 0, others)


def _below(
    folder: Path, prefix: str, depth: int, others: Callable[[str], None] | None
) -> Iterator[Found]:
    try:
        entries = sorted(_entries(folder))
    except OSError:
        yield Found(folder, prefix or ".", None, "unreadable")
        return
    folders = []
    for name, link, is_folder in entries:
        place = prefix + (name if name.isprintable() else one_line(name))
        if link:
            if is_folder or _format(name) is not None:
                yield Found(folder / name, place, None, "link")
        elif is_folder:
            folders.append(name)
        elif (form := _format(name)) is not None:
            yield Found(folder / name, place, form)
        elif others is not None:
            others(Path(name).suffix.lower())
    for name in folders:
        if depth >= _DEPTH:
            yield Found(folder / name, prefix + one_line(name), None, "deep")
        else:
            yield from _below(folder / name, f"{prefix}{one_line(name)}/", depth + 1, others)


def _entries(folder: Path) -> Iterator[tuple[str, bool, bool]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_symlink():
                yield entry.name, True, entry.is_dir()
            elif entry.is_dir(follow_symlinks=False):
                yield entry.name, False, True
            elif entry.is_file(follow_symlinks=False):
                yield entry.name, False, False


def _format(name: str) -> Format | None:
    dot = name.rfind(".")
    if dot <= 0:
        return None
    ending = name[dot:].lower()
    if ending == ".txt":  # of all texts only the settings and properties of SerialEM
        return FORMATS["serialem"] if name.lower().startswith("serialem") else None
    return _BY_ENDING.get(ending)


def read(found: Found, *, data: bytes | None = None) -> tuple[Reading, ...]:
    """Return what one file says; a damaged one says so in the findings of its reading."""
    if found.format is None:
        return ()
    name = found.format.name
    ending = found.path.suffix.lower()
    function = "read_settings" if name == "serialem" and ending == ".txt" else f"read_{name}"
    return _reader(name, function)(found.path, data=data)


@cache
def _reader(name: str, function: str) -> Callable[..., tuple[Reading, ...]]:
    reader: Callable[..., tuple[Reading, ...]] = getattr(
        import_module(f"{__name__}.{name}"), function
    )
    return reader


def label(source: str) -> str:
    """Return the name for people of a source of readings; others keep theirs."""
    return FORMATS[source].label if source in FORMATS else source


def supplies(name: str) -> frozenset[str]:
    """Return the names of the quantities that the reader of a format can give.

    Raises
    ------
    InvalidInput
        If there is no such format.
    """
    if name not in FORMATS:
        raise InvalidInput(
            f"There is no format {name!r}.", hint=f"Formats are {', '.join(FORMATS)}."
        )
    found: frozenset[str] = getattr(import_module(f"{__name__}.{name}"), "SUPPLIES", frozenset())
    return found
