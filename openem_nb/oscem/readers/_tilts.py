"""The order of a tilt series: how far apart its angles are, and in which scheme they came."""

from __future__ import annotations

import itertools
from statistics import median
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Scheme", "distinct_angles", "tilt_scheme", "tilt_step"]

Scheme = Literal["unidirectional", "bidirectional", "dose-symmetric", "irregular"]

SAME: Final = 0.1
"""Degrees within which two angles are one: a goniometer sets to about 0.02°."""


def distinct_angles(angles: Sequence[float]) -> tuple[float, ...]:
    """Return the different angles in degrees, ascending; repeated ones are one."""
    found: list[float] = []
    for angle in sorted(angles):
        if not found or angle - found[-1] > SAME:
            found.append(angle)
    return tuple(found)


def tilt_step(angles: Sequence[float]) -> float | None:
    """Return the step of a tilt series in degrees, to a hundredth; None of fewer than two angles.

    It is the median of the differences of the sorted angles, which an image that is missing, or
    was taken twice, does not change.
    """
    sorted_angles = distinct_angles(angles)
    if len(sorted_angles) < 2:
        return None
    return round(median(b - a for a, b in itertools.pairwise(sorted_angles)), 2)


def tilt_scheme(angles_in_time_order: Sequence[float]) -> tuple[Scheme, float | None]:
    """Return scheme and step of a tilt series.

    Parameters
    ----------
    angles_in_time_order
        Angles in degrees in the order in which the images were taken.

    Returns
    -------
    tuple
        ``unidirectional`` from one end to the other; ``bidirectional`` from the start to one end,
        then from the start to the other; ``dose-symmetric`` to both sides in turn, in groups of
        any size (Hagen et al. 2017, J Struct Biol 197, 191); ``irregular`` for anything else. The
        step in degrees, None of fewer than two different angles.
    """
    step = tilt_step(angles_in_time_order)
    if step is None:
        return "irregular", None
    half = step / 2
    start = angles_in_time_order[0]
    far = {1: 0.0, -1: 0.0}  # how far each side has got from the start
    sides: list[int] = []
    for angle in angles_in_time_order:
        away = angle - start
        if abs(away) < half:
            continue  # the first image, or the start once more
        side = 1 if away > 0 else -1
        if abs(away) < far[side] - half:
            return "irregular", step
        far[side] = max(far[side], abs(away))
        if not sides or sides[-1] != side:
            sides.append(side)
    changes = len(sides) - 1
    if changes == 0:
        return "unidirectional", step
    return ("bidirectional" if changes == 1 else "dose-symmetric"), step
