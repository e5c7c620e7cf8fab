"""Small parts that the JSON shapes of EMDB entries have in common."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from openem_nb.practice.truth import EmdbTruth

__all__ = ["ANGSTROM", "Json", "one_or_list", "rng_of"]

Json = dict[str, Any]
ANGSTROM: Final = "\u212b"
"""The ANGSTROM SIGN, which is not the letter A with a ring."""


def rng_of(entry: EmdbTruth, seed: int, part: int) -> random.Random:
    """Return a generator that is always the same for one part of one entry."""
    return random.Random((seed * 100_003 + int(entry.emdb_id[4:])) * 8 + part)


def one_or_list(rng: random.Random, items: list[Any], share: float) -> Any:
    """Return the list, or sometimes the bare object where there is one only."""
    return items[0] if len(items) == 1 and rng.random() < share else items
