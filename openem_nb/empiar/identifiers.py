"""Spelling of EMPIAR identifiers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openem_nb._records import empiar_id as normalise_id

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["normalise_id", "number", "ranges"]


def number(id: str | int) -> int:  # noqa: A002  (the word users know)
    """Return the number of an EMPIAR id, which is also its folder on the file server."""
    return int(normalise_id(id).removeprefix("EMPIAR-"))


def ranges(ids: Iterable[str]) -> str:
    """Return ids the short way that the service reads: ``10050, 10054, 10060-10072``."""
    numbers = sorted({number(name) for name in ids})
    parts: list[list[int]] = []
    for value in numbers:
        if parts and value == parts[-1][-1] + 1:
            parts[-1][1:] = [value]
        else:
            parts.append([value])
    return ", ".join("-".join(map(str, part)) for part in parts)
