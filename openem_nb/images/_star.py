"""STAR files of image processing: tables of named columns, read and written through gemmi.

The grammar is that of CIF (Hall 1991, J. Chem. Inf. Comput. Sci. 31, 326); RELION and crYOLO use a
part of it, one loop in each block.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from gemmi import cif

from openem_nb._folders import write_whole
from openem_nb.errors import DamagedFile, InvalidInput, NotFound
from openem_nb.values import counted

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["numbers", "read_star", "texts", "writable", "write_star"]

LARGEST: Final = 1 << 30
"""Bytes of a file that is still read; a table of ten million particles has fewer."""


def read_star(path: Path) -> cif.Document:
    """Read a STAR file.

    Raises
    ------
    NotFound
        If it is not there or cannot be opened.
    InvalidInput
        If it is too large to be read as a whole.
    DamagedFile
        If it is not STAR.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise InvalidInput(
                f"{path.name} has {size:,} bytes, too many for a table that is read as a whole.",
                hint="Split it by micrograph.",
            )
        return cif.read_file(str(path))
    except OSError as error:
        raise NotFound(
            f"{path} cannot be read: {error.strerror or error}.", hint="Look at its name."
        ) from error
    except (ValueError, RuntimeError) as error:
        reason = str(error).removeprefix(str(path)).lstrip(": ")
        raise DamagedFile(
            f"{path.name} is not a STAR file: {reason}.", hint="Export it once more."
        ) from error


def texts(block: cif.Block, *names: str) -> list[str] | None:
    """Return the values of the first of these columns that is there, as texts; else None."""
    for name in names:
        column = block.find_values(name)
        if len(column):
            return [cif.as_string(value) for value in column]
    return None


def numbers(block: cif.Block, *names: str) -> NDArray[np.float64] | None:
    """Return a column as numbers, NaN where a value is none; None where there is no column."""
    for name in names:
        column = block.find_values(name)
        if len(column):
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
