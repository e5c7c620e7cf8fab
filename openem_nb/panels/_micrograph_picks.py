"""Particle picks on their way to the screen."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from openem_nb.images.picks import Picks, read_picks

if TYPE_CHECKING:
    from openem_nb.images import Micrograph

__all__ = ["of_micrograph", "packed"]


def of_micrograph(picks: Picks | Path | str, micrograph: Micrograph) -> Picks:
    """Return the picks of one micrograph, from a file or from those of many."""
    known = picks if isinstance(picks, Picks) else read_picks(Path(picks))
    # with its folders, unless it was given another name than its file has
    place = Path(micrograph.source)
    return known.of(place if place.name == micrograph.name else micrograph.name)


def packed(picks: Picks) -> dict[str, Any]:
    """Return picks as columns of bytes."""
    columns: dict[str, Any] = {"x": picks.x.astype("<f4"), "y": picks.y.astype("<f4")}
    if picks.score is not None:
        columns["score"] = picks.score.astype("<f4")
    if picks.kind is not None:
        columns["kind"] = picks.kind.astype("<i4")
    return {
        "columns": list(columns),
        "diameter": picks.diameter,
        "buffers": [np.ascontiguousarray(one).tobytes() for one in columns.values()],
    }
