"""What is known of an image before it is opened: its defocus, measured, and the picks beside it."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.errors import OpenEMError
from openem_nb.images.ctf import Ctf
from openem_nb.images.gain import read_gain
from openem_nb.images.picks import read_picks
from openem_nb.mining.parameters import Parameters
from openem_nb.panels import _html

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from openem_nb.images import Micrograph
    from openem_nb.mining.files import ImageFile

__all__ = ["known_gain", "known_picks", "measured_ctf", "picks_beside"]

_ENDS: Final = (".cbox", ".box", ".star", "_manualpick.star", "_autopick.star")
"""What follows the name of a micrograph in that of its picks: EMAN, crYOLO, RELION."""
_NEEDED: Final = ("defocus_u", "defocus_v", "angle", "score", "deviation")


def picks_beside(path: Path) -> Path | None:
    """Return the file of picks that lies beside an image; None where there is none."""
    found = (path.with_name(f"{path.stem}{end}") for end in _ENDS)
    return next((one for one in found if one != path and one.is_file()), None)


def known_picks(file: ImageFile) -> tuple[Path | None, str]:
    """Return the picks beside an image, and why a file of that name holds none."""
    picks = None if file.far is not None else picks_beside(file.path)
    try:
        if picks is not None:
            read_picks(picks)
    except OpenEMError as error:  # another program may name other things like this
        return None, f"{_html.plain(file.path.stem)} has no picks: {_html.plain(str(error))}"
    return picks, ""


def known_gain(micrograph: Micrograph, given: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
    """Return the gain reference of a movie as arguments of a viewer, and why it is not applied.

    Parameters
    ----------
    given :
        What the measurement was given: ``gain`` and ``flip_rotate``, which hold for movies alone.
    """
    found = {name: given[name] for name in ("gain", "flip_rotate") if given.get(name)}
    if "gain" not in found or not micrograph.is_movie:
        return {}, ""
    found["gain"] = str(found["gain"])
    try:
        read_gain(found["gain"], flip_rotate=found.get("flip_rotate", "")).check(micrograph.shape)
    except OpenEMError as error:  # as it is where a folder holds movies of two cameras
        return {}, f"It is shown without the gain reference: {_html.plain(str(error))}"
    return found, ""


def measured_ctf(table: pd.DataFrame, name: str, given: Mapping[str, Any]) -> Ctf | None:
    """Return the transfer function that was measured; None where it was not.

    Parameters
    ----------
    table :
        What was measured, one row for each image.
    name :
        Which image.
    given :
        What the measurement was given, for tables that do not hold it: ``cs``, and what the files
        did not know.
    """
    import pandas as pd

    rows = table[table["name"] == name]
    if not len(rows) or not {f"ctf_{one}" for one in _NEEDED} <= set(table.columns):
        return None
    row = rows.iloc[-1]
    known: dict[str, Any] = {
        name: _first(row.get(f"ctf_{name}"), given.get(name), row.get(name))
        for name in ("voltage", "pixel_size", "cs")
    }
    usual = Parameters().amplitude_contrast
    contrast = _first(row.get("ctf_amplitude_contrast"), given.get("amplitude_contrast"), usual)
    values = [row[f"ctf_{one}"] for one in _NEEDED]
    if any(one is None or pd.isna(one) for one in [*values, *known.values()]):
        return None
    resolution, shift = row.get("ctf_resolution"), row.get("ctf_phase_shift")
    names = ("frequency", "power", "fit", "ctf", "cc")
    # a table need not hold how exact each of them is
    told = [one.name for one in fields(Ctf) if one.name.startswith("deviation_")]
    exact: dict[str, Any] = {one: float(row.get(f"ctf_{one}", np.nan)) for one in told}
    found: dict[str, Any] = {one: float(value) for one, value in zip(_NEEDED, values, strict=True)}
    found |= {one: float(value) for one, value in known.items()}
    return Ctf(
        **found,
        phase_shift=0.0 if shift is None or pd.isna(shift) else float(shift),
        resolution=None if resolution is None or pd.isna(resolution) else float(resolution),
        reliable=bool(row["ctf_reliable"]),
        amplitude_contrast=float(contrast),
        **exact,
        profile=pd.DataFrame({one: np.empty(0) for one in names}),
    )


def _first(*values: Any) -> Any:
    """Return the first value that is one; None if none is."""
    import pandas as pd

    return next((one for one in values if one is not None and not pd.isna(one)), None)
