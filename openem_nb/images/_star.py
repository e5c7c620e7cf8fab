"""STAR files of image processing: tables of named columns, read and written through gemmi.

The grammar is that of CIF (Hall 1991, J. Chem. Inf. Comput. Sci. 31, 326); RELION and crYOLO use a
part of it, one loop in each block.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from gemmi import cif

from openem_nb._folders import write_whole
from openem_nb.errors import DamagedFile, InvalidInput
from openem_nb.formats.source import LocalFile
from openem_nb.values import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["content_of", "numbers", "read_star", "texts", "writable", "write_star"]

LARGEST: Final = 1 << 30
"""Bytes of a file that is still read; a table of ten million particles has fewer."""
_FOREIGN: Final = re.compile(rb"[\x80-\xff]+")
_INITIAL: Final = re.compile(rb"(?m)(?:(?<=[ \t])|^)\$|(?<=[ \t])_(?=\S)")
"""What a name begins with that is not quoted; ``_`` at the begin of a line is that of a column."""
_ROW: Final = re.compile(rb"(?m)^(?![ \t]*(?:_|#|loop_|data_)).+$")
_NAMED: Final = re.compile(rb"<byte-([0-9a-f]{2})>")


def content_of(path: Path, largest: int = LARGEST) -> bytes:
    """Return all bytes of a file of text, without a byte order mark; UTF-16 as UTF-8.

    Raises
    ------
    NotFound
        If it is not there.
    OpenEMError
        If it cannot be opened, or is no file: a pipe would keep us waiting for ever.
    InvalidInput
        If it is too large to be read as a whole.
    """
    source = LocalFile(path)
    try:
        if source.size > largest:
            raise InvalidInput(
                f"{path.name} has {source.size:,} bytes, too many for a table that is read as a "
                "whole.",
                hint="Split it by micrograph.",
            )
        content = source.read(0, source.size)
    finally:
        source.close()
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        content = content.decode("utf-16", "replace").encode()
    return content.removeprefix(b"\xef\xbb\xbf")


def read_star(path: Path) -> cif.Document:
    """Read a STAR file.

    Some programs write names as they are, without quotes, which the grammar does not allow where
    they hold other than ASCII or begin with ``$`` or ``_``. Such bytes are read by another name,
    which :func:`texts` takes back.

    Raises
    ------
    NotFound
        If it is not there.
    OpenEMError
        If it cannot be opened, or is no file.
    InvalidInput
        If it is too large to be read as a whole.
    DamagedFile
        If it is not STAR.
    """
    content = content_of(path)
    if _INITIAL.search(content):
        content = _ROW.sub(lambda row: _INITIAL.sub(_named, row[0]), content)
    if not content.isascii():
        content = _FOREIGN.sub(_named, content)
    try:
        return cif.read_string(content.decode("ascii"))
    except (ValueError, RuntimeError) as error:
        reason = str(error).removeprefix("string").lstrip(": ")
        raise DamagedFile(
            f"{path.name} is not a STAR file: {reason}.", hint="Export it once more."
        ) from error


def _named(match: re.Match[bytes]) -> bytes:
    return b"".join(b"<byte-%02x>" % one for one in match[0])


def _plain(text: str) -> str:
    """Return a text with its own bytes; those that are no UTF-8 as ``writable`` has them."""
    if "<byte-" not in text:
        return text
    content = _NAMED.sub(lambda found: bytes.fromhex(found[1].decode()), text.encode())
    return content.decode("utf-8", "backslashreplace")


def _column(block: cif.Block, name: str, beside: tuple[str, ...]) -> cif.Column | None:
    """Return a column; None if it is not there, or in another table than what it stands beside."""
    column = block.find_values(name)
    if not len(column):
        return None
    key = next((one for one in beside if len(block.find_values(one))), name)
    loop: Any = block.find_loop(key).get_loop()  # None, whatever its types say
    if loop is None:  # a table of one row is often written without a loop
        return column if len(column) == 1 and _alone(block, name) else None
    return column if name.lower() in (tag.lower() for tag in loop.tags) else None


def _alone(block: cif.Block, name: str) -> bool:
    loop: Any = block.find_loop(name).get_loop()
    return loop is None


def texts(block: cif.Block, *names: str, beside: tuple[str, ...] = ()) -> list[str] | None:
    """Return the values of the first of these columns that is there, as texts; else None.

    Parameters
    ----------
    beside :
        Only columns of the table that has the first of these, one value to one, count.
    """
    for name in names:
        column = _column(block, name, beside)
        if column is not None:
            return [_plain(cif.as_string(value)) for value in column]
    return None


def numbers(
    block: cif.Block, *names: str, beside: tuple[str, ...] = ()
) -> NDArray[np.float64] | None:
    """Return a column as numbers, NaN where a value is none; None where there is no column.

    Parameters
    ----------
    beside :
        As of :func:`texts`.
    """
    for name in names:
        column = _column(block, name, beside)
        if column is not None:
            return np.fromiter(map(_number, column), np.float64, len(column))
    return None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:  # ``None``, ``<NA>``, ``?``
        return float("nan")


def write_star(
    path: Path, tables: Mapping[str, Mapping[str, Sequence[Any]]], *, remarks: Sequence[str] = ()
) -> None:
    """Write tables as STAR, whole or not at all.

    Parameters
    ----------
    tables :
        Columns by their names, without the underscore, of each block by its name: RELION 3.1 and
        later look for ``optics``, ``micrographs`` and ``particles``. A missing value (None, NaN) is
        written as ``None``.
    remarks :
        Lines of comment at the top.
    """
    lines = ["", *(f"# {' '.join(remark.split())}" for remark in remarks)]
    for name, columns in tables.items():
        lengths = {len(values) for values in columns.values()}
        if len(lengths) != 1:
            raise InvalidInput(
                "The columns of a table have the same length.",
                hint=f"These have {', '.join(counted(one, 'row') for one in sorted(lengths))}.",
            )
        lines += ["", "# version 30001", "", f"data_{name}", "", "loop_ "]
        lines += [f"_{column} #{place} " for place, column in enumerate(columns, 1)]
        lines += [_row(row) for row in zip(*columns.values(), strict=True)]
        lines += [""]
    write_whole(path, "\n".join([*lines, ""]))


def _row(values: Iterable[Any]) -> str:
    return " ".join(map(_word, values))


def _word(value: Any) -> str:
    if value is None or value != value:
        return "None"
    if isinstance(value, float | np.floating):
        return f"{value:.10g}"
    if isinstance(value, int | np.integer):
        return str(value)
    text = " ".join(writable(str(value)).split())
    plain = text.isascii() and text and text[0] not in "\"'#$_[];" and " " not in text
    reserved = text.lower().startswith(("data_", "save_", "loop_", "stop_", "global_"))
    reserved = reserved or text in ("?", ".")  # which mean that a value is not there
    return text if plain and not reserved else _quoted(text)


def writable(text: str) -> str:
    """Return a name of a file as text that can be written, whatever bytes it is made of."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _quoted(text: str) -> str:
    """Return a text as one value; a line of STAR cannot hold one with both kinds of quotes."""
    if '" ' not in f"{text} ":
        return f'"{text}"'
    if "' " not in f"{text} ":
        return f"'{text}'"
    return '"' + text.replace('"', "'") + '"'
