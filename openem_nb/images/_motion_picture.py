"""The way of a specimen as a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from openem_nb.images.motion import Motion

__all__ = ["drawn"]

_EARLY: Final = "#D55E00"
_LATE: Final = "#0072B2"  # told apart by any eye, and in grey
_LEAST: Final = 1.0
"""Å or pixels from side to side at least, so that a specimen that stood looks as if it did."""


def drawn(motion: Motion) -> Any:
    """Return a figure of the track over x and y, with what each frame was seen at."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.4, 4.6), dpi=110, layout="constrained")
    axes = figure.add_subplot()
    track, turn = motion.track, motion.early_frames
    axes.plot(motion.seen[:, 1], motion.seen[:, 0], ".", color="0.7", label="frames, each alone")
    for part, colour, label in (
        (track[: turn + 1], _EARLY, f"early: {motion.early:.1f} {motion.unit}"),
        (track[turn:], _LATE, f"late: {motion.late:.1f} {motion.unit}"),
    ):
        axes.plot(part[:, 1], part[:, 0], ".-", color=colour, linewidth=1.5, label=label)
    axes.plot(*track[0, ::-1], "o", color="black", markersize=7, label="first frame")
    places = np.concatenate([track, motion.seen]) if motion.reliable else track
    middle = (places.max(axis=0) + places.min(axis=0)) / 2
    half = max(_LEAST, float(np.ptp(places, axis=0).max())) * 0.55
    axes.set_xlim(middle[1] - half, middle[1] + half)
    axes.set_ylim(middle[0] - half, middle[0] + half)
    axes.set_aspect("equal")
    axes.set_xlabel(f"x, along the rows ({motion.unit})")
    axes.set_ylabel(f"y, towards higher rows of the file ({motion.unit})")
    if not motion.reliable:
        axes.set_title("No motion to rely on", fontsize=10)
    axes.legend(fontsize=8)
    return figure
