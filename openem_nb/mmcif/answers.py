"""Answers to what a deposition asks for, as a person types them, one a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openem_nb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["read_answers"]


def read_answers(lines: Iterable[str]) -> dict[str, str]:
    """Return what :func:`~openem_nb.mmcif.to_mmcif` takes as ``answers``.

    Parameters
    ----------
    lines :
        An item, with the number of its row in brackets where it is not the first, an equals sign
        and a value. Empty lines are passed over.

    Raises
    ------
    InvalidInput
        If a line has no item or no value, or an item is there twice. Whether the dictionary knows
        the item and takes the value is told by ``to_mmcif``.

    Examples
    --------
    >>> read_answers(["_em_ctf_correction.type = NONE"])
    {'_em_ctf_correction.type': 'NONE'}
    """
    found: dict[str, str] = {}
    for line in lines:
        if not line.strip():
            continue
        item, _, value = (part.strip() for part in line.partition("="))
        if not item.startswith("_") or not value:
            raise InvalidInput(
                f"{line!r} is not an item with a value.",
                hint="Write it like _em_ctf_correction.type = NONE.",
            )
        if item in found:
            raise InvalidInput(f"{item} is there twice.", hint="Give each answer once.")
        found[item] = value
    return found
