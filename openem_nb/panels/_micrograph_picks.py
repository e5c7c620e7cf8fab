"""Particle picks on their way to the screen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.images.picks import Picks, read_picks

if TYPE_CHECKING:
    from openem_nb.images import Micrograph

__all__ = ["of_micrograph", "packed"]

_CALIBRATED: Final = 0.05
"""Part by which two sizes of one pixel may differ, of which one was calibrated."""


def of_micrograph(
    picks: Picks | Path | str, micrograph: Micrograph, pixel_size: float | None = None
) -> Picks:
    """Return the picks of one micrograph, from a file or from those of many.

    Picks in pixels of a binned sum lie where they belong on the movie in super-resolution, too; a
    note then tells by how much they were scaled.

    Parameters
    ----------
    pixel_size :
        Å; of the micrograph.
    """
    known = picks if isinstance(picks, Picks) else read_picks(Path(picks))
    # with its folders, unless it was given another name than its file has
    place = Path(micrograph.source)
    return _scaled(
        known.of(place if place.name == micrograph.name else micrograph.name), pixel_size
    )


def _scaled(picks: Picks, pixel_size: float | None) -> Picks:
    if pixel_size is None or picks.pixel_size is None:
        return picks
    factor = picks.pixel_size / pixel_size
    whole = round(factor) if factor >= 1 else 1 / round(1 / factor)
    if abs(factor / whole - 1) <= _CALIBRATED:  # sizes are calibrated, pixels are added up
        factor = whole
    if factor == 1:
        return picks
    note = (
        f"Picks count pixels of {picks.pixel_size:.4g} Å, the image has {pixel_size:.4g} Å: "
        f"their places are multiplied by {factor:.4g}."
    )
    found = picks.scaled(picks.pixel_size / factor)
    return replace(found, notes=(*picks.notes, note))


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
