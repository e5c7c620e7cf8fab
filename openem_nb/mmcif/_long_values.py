"""Values too long for gemmi's check, which follows a text letter by letter into the stack.

Its expressions are those of the C++ library: they call themselves once for each letter, and the
sequence of a giant protein ends the whole process. What is long is shown to it shortened.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from gemmi import cif

from openem_nb.mmcif._files import tags_of

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Long", "shortened"]

_LONGEST: Final = 500
"""Letters that are shown; threads may have a sixteenth of the stack of a process."""


@dataclass(frozen=True, slots=True)
class Long:
    """A value that was shortened."""

    tag: str
    block: str
    """Name of its data block."""
    text: str
    """All of it."""


@contextmanager
def shortened(document: cif.Document) -> Iterator[list[Long]]:
    """Cut long values while the context is open, and give back what they are in full."""
    found: list[tuple[Any, int, str, Long]] = []
    frames = [item.frame for block in document for item in block if item.frame is not None]
    for block in (*document, *frames):
        for tag in tags_of(block):
            column = block.find_values(tag)
            for place, raw in enumerate(column):
                if len(raw) > _LONGEST:
                    found.append((column, place, raw, Long(tag, block.name, cif.as_string(raw))))
    try:
        for column, place, _, long in found:
            column[place] = cif.quote(long.text[:_LONGEST])
        yield [long for *_, long in found]
    finally:
        for column, place, raw, _ in found:
            column[place] = raw
