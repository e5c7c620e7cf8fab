"""CIF files from outside: unpacked, decoded, and refused in words where they are not whole."""

from __future__ import annotations

import gzip
import re
import zlib
from typing import TYPE_CHECKING, Any, Final

from gemmi import cif

from openem_nb.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["category_of", "decoded", "document_of", "tags_of", "unpacked"]

_LARGEST: Final = 1 << 30  # bytes of a dictionary or a model, unpacked


def unpacked(path: Path) -> bytes:
    """Return the content of a file, unpacked if it is packed with gzip.

    Raises
    ------
    NotFound
        If there is no such file.
    InvalidInput
        If it is damaged, or larger than a gigabyte.
    """
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as file:
            data: bytes = file.read(_LARGEST + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InvalidInput(f"{path} is damaged: {error}.", hint="Fetch the file again.") from error
    except OSError as error:
        raise NotFound(
            f"{path} cannot be read: {error.strerror or error}.", hint="Check its name."
        ) from error
    if len(data) > _LARGEST:
        raise InvalidInput(f"{path} is larger than a gigabyte when unpacked.")
    return data


def decoded(data: bytes, name: str) -> str:
    """Return bytes as text.

    Raises
    ------
    InvalidInput
        If they are not UTF-8.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InvalidInput(
            f"{name} is not a text: line {line} holds bytes that are no UTF-8.",
            hint="Save it again; PDBx/mmCIF allows ASCII alone.",
        ) from error


def document_of(text: str, name: str) -> cif.Document:
    """Return a text as gemmi reads it.

    Raises
    ------
    InvalidInput
        If it is no CIF, or its loops are not those of mmCIF; the message names the line.
    """
    try:
        document = cif.read_string(text)
    except (ValueError, RuntimeError) as error:
        said = re.sub(r"^\w+:(\d+)(:\S+)?", r"line \1", str(error))
        raise InvalidInput(
            f"{name} is no whole CIF file: {said}.",
            hint="Look at that line: a quote, a loop or the end of the file may be missing.",
        ) from error
    if not len(document) or not any(len(list(block)) for block in document):
        raise InvalidInput(f"{name} holds no data block.", hint="A CIF file starts with data_.")
    for block in document:
        _check_loops(block, name)
    return document


def _check_loops(block: cif.Block, name: str) -> None:
    """Refuse loops of several categories, and categories in several places."""
    looped: set[str] = set()
    paired: set[str] = set()
    for item in block:
        category = category_of(item)
        loop: Any = item.loop  # None for a pair, which gemmi does not say
        if loop is None:
            paired.add(category)
        else:
            mixed = {_category(tag) for tag in loop.tags} != {category}
            if mixed or category in looped or not loop.length():
                what = "mixes categories" if mixed else f"is the second of _{category}"
                what = what if loop.length() else "has no values"
                raise InvalidInput(
                    f"{name} is no mmCIF: the loop on line {item.line_number} {what}.",
                    hint="In mmCIF each category stands in one place.",
                )
            looped.add(category)
        if category in looped & paired and category:
            raise InvalidInput(
                f"{name} is no mmCIF: _{category} stands in a loop and beside it, see line "
                f"{item.line_number}.",
                hint="In mmCIF each category stands in one place.",
            )


def category_of(item: cif.Item) -> str:
    """Return the category of a pair or loop, in lower case; empty for what is neither."""
    pair: Any = item.pair  # gemmi does not say of what type it is
    tag = pair[0] if pair is not None else item.loop.tags[0] if item.loop is not None else ""
    return _category(tag)


def tags_of(block: cif.Block) -> Iterator[str]:
    """Yield the tags of a block, of pairs and of loops."""
    for item in block:
        pair: Any = item.pair  # gemmi does not say of what type it is
        if pair is not None:
            yield str(pair[0])
        elif item.loop is not None:
            yield from map(str, item.loop.tags)


def _category(tag: str) -> str:
    return str(tag).removeprefix("_").partition(".")[0].lower()
