"""Choose some of many things that stand in the order of time, evenly along it."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

__all__ = ["spread"]

_CANDIDATES: Final = 4


def spread(rng: random.Random, sizes: Sequence[int], *, wanted: int, mean: float) -> list[int]:
    """Return the positions of things whose sizes add up to about ``wanted``.

    One is taken from each of as many equal stretches as there are things of size ``mean`` in
    ``wanted``: of a few drawn there, the one that keeps the sum closest to what it should be by
    then, or none if that is closest. A plain draw would leave some years empty and crowd others in
    a small archive.
    """
    sums = list(accumulate(sizes, initial=0))
    count = min(len(sizes), max(1, round(wanted / mean)))
    positions: list[int] = []
    reached = end = 0
    for stretch in range(1, count + 1):
        first, end = end, bisect_left(sums, sums[-1] * stretch / count)
        few = rng.sample(range(first, end), min(_CANDIDATES, end - first))
        missing = wanted * stretch / count - reached
        best = min(few, key=lambda position: abs(sizes[position] - missing), default=None)
        if best is not None and abs(sizes[best] - missing) <= missing:
            positions.append(best)
            reached += sizes[best]
    return positions
