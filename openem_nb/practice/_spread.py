"""Choose some of many things that stand in the order of time, evenly along it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

__all__ = ["spread"]

_CANDIDATES: Final = 3


def spread(rng: random.Random, sizes: Sequence[int], *, wanted: int, mean: float) -> list[int]:
    """Return the positions of things whose sizes add up to about ``wanted``.

    One is taken from each of as many equal stretches as there are things of size ``mean`` in
    ``wanted``: of a few drawn there, the one that keeps the sum closest to what it should be by
    then. A plain draw would leave some years empty and crowd others in a small archive.
    """
    count = min(len(sizes), max(1, round(wanted / mean)))
    positions: list[int] = []
    reached = 0
    for stretch in range(count):
        first, end = (len(sizes) * (stretch + step) // count for step in (0, 1))
        few = rng.sample(range(first, end), min(_CANDIDATES, end - first))
        missing = wanted * (stretch + 1) / count - reached
        best = min(few, key=lambda position: abs(sizes[position] - missing))
        positions.append(best)
        reached += sizes[best]
    return positions
