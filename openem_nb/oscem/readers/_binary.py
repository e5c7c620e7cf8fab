"""What the readers of image headers share: opening with limits, checked numbers, names, findings.

A header is a claim of whoever wrote the file. Sizes that stand in it are compared with the size
of the file before anything is read by them, and numbers that are not finite are no numbers.
"""

from __future__ import annotations

import io
import stat
import struct
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from openem_nb.oscem.readers._reading import Finding, Kind, Reading
from openem_nb.oscem.readers._xml import NotUsable

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

__all__ = [
    "angstroms",
    "basename",
    "damaged",
    "number",
    "positive",
    "read_exactly",
    "reading",
    "safely",
    "scaled",
    "text",
    "truncated",
    "whole",
]

_INFINITE: Final = float("inf")
_LONGEST: Final = 400
"""Characters that are kept of one text."""

_LENGTHS: Final[Mapping[str, float]] = {
    "m": 1e10,
    "mm": 1e7,
    "µm": 1e4,
    "μm": 1e4,
    "um": 1e4,
    "nm": 10.0,
    "\u00c5": 1.0,
    "\u212b": 1.0,  # the other code point of the same sign
    "A": 1.0,
    "pm": 0.01,
}
"""Angstroms in one of the units of length that image files name."""


def number(value: object) -> float | None:
    """Return a finite number, or None for anything else: empty text, words, NaN, infinity."""
    if isinstance(value, str):
        if "_" in value:  # Python reads 1_000, no microscope writes it
            return None
    elif isinstance(value, bool) or not isinstance(value, (int, float, bytes)):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if -_INFINITE < found < _INFINITE else None


def positive(value: object) -> float | None:
    """Return a number above zero, or None: where zero is how writers say that they do not know."""
    found = number(value)
    return found if found is not None and found > 0 else None


def scaled(value: float | None, factor: float) -> float | None:
    """Return a number in another unit, to twelve digits: no header has more."""
    return None if value is None else float(f"{value * factor:.12g}")


def whole(value: object) -> int | None:
    """Return a whole number above zero, or None."""
    found = positive(value)
    return int(found) if found is not None and found == int(found) and found < 2**53 else None


def text(value: object) -> str:
    """Return a text on one line without control characters, at most 400 characters long."""
    if isinstance(value, bytes):
        value = value.split(b"\0", 1)[0].decode("utf-8", "replace")
    if not isinstance(value, str):
        return ""
    if len(value) <= _LONGEST and value.isprintable() and "  " not in value:
        return value.strip()
    words = " ".join(value[: 4 * _LONGEST].split())
    harmless = "".join(letter for letter in words if letter.isprintable())
    return harmless.strip()[:_LONGEST].rstrip()


def basename(value: str) -> str:
    """Return the name of a file from a path of Windows, UNC or Unix.

    Folders are dropped: they hold the names of people and of projects.
    """
    name = value.rstrip(" \t\r\n\\/").replace("\\", "/").rpartition("/")[2]
    return text(name.rpartition(":")[2])  # of a drive


def angstroms(value: object, unit: str) -> float | None:
    """Return a length above zero in Å, None if the unit is no length."""
    length, factor = positive(value), _LENGTHS.get(unit.strip())
    return scaled(length, factor) if factor is not None else None


def damaged(what: str) -> NotUsable:
    """Return the refusal of a file whose content is not what its name says."""
    return NotUsable(
        Finding(
            "damaged",
            f"Some {what} files are damaged: their header makes no sense.",
            "Copy these files again from the microscope; their values are missing here.",
        )
    )


def truncated(what: str) -> Finding:
    """Return the finding for a file that is shorter than its header says."""
    return Finding(
        "truncated",
        f"Some {what} files are shorter than their header says: still being written, or copied in"
        " part.",
        "If the session is still running, extract again when it has ended; if not, copy them"
        " again.",
    )


def read_exactly(file: BinaryIO, count: int, what: str) -> bytes:
    """Return the next ``count`` bytes.

    Raises
    ------
    NotUsable
        If the file ends before.
    """
    found = file.read(count)
    if len(found) < count:
        raise NotUsable(truncated(what))
    return found


def reading(
    source: str,
    kind: Kind,
    values: Mapping[str, Any],
    tags: Mapping[str, str],
    *,
    rules: Mapping[str, str] | None = None,
    findings: tuple[Finding, ...] = (),
    extra: Mapping[str, Any] | None = None,
) -> Reading:
    """Return a reading of what is there: None and empty texts are left out."""
    return Reading(
        source,
        kind,
        {name: value for name, value in values.items() if value is not None and value != ""},
        tags,
        rules or {},
        findings,
        {name: value for name, value in (extra or {}).items() if value is not None and value != ""},
    )


def safely(
    source: str,
    kind: Kind,
    path: Path,
    data: bytes | None,
    read: Callable[[BinaryIO, int], tuple[Reading, ...]],
) -> tuple[Reading, ...]:
    """Open a file, or the bytes in hand, and read it; whatever is wrong with it is a finding.

    ``read`` gets the file and its size in bytes.
    """
    try:
        with _opened(path, data) as (file, size):
            if size:
                return read(file, size)
        finding = Finding(
            "empty",
            "Some files are empty: nothing was written, or not yet.",
            "If the session is still running, extract again when it has ended.",
        )
    except NotUsable as refused:
        finding = refused.finding
    except struct.error:
        finding = truncated(source)
    except OSError as error:
        finding = Finding(
            "unreadable",
            f"Some files cannot be read: {error.strerror or type(error).__name__}.",
            "Check the permissions and the network drive, then extract again.",
            "error",
        )
    return (Reading(source, kind, {}, {}, findings=(finding,)),)


@contextmanager
def _opened(path: Path, data: bytes | None) -> Iterator[tuple[BinaryIO, int]]:
    if data is not None:
        yield io.BytesIO(data), len(data)
        return
    status = Path(path).stat()
    if not stat.S_ISREG(status.st_mode):  # a pipe would keep us waiting
        raise OSError(None, "not a regular file")
    with Path(path).open("rb") as file:
        yield file, status.st_size
