"""Which measurements rest on a fit that is not to be relied on.

A fit that found nothing has values all the same: a defocus of somewhere, rings that it seems to
follow to some resolution. Noise does not stand still either: where frames have nothing to follow,
the way is long. They must not rank with those of a fit that holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["RELIABLE", "doubtful", "rests_on"]

RELIABLE: Final = "ctf_reliable"
"""Column that says whether the CTF of an image can be relied on."""
_GROUPS: Final = {"ctf_": RELIABLE, "motion_": "motion_reliable"}
"""How columns of a fit begin, and which one says whether it holds."""
_SURE: Final = frozenset(
    {*_GROUPS.values(), "ctf_cs", "ctf_amplitude_contrast", "ctf_score", "motion_dose"}
)
"""What was given to the fit, and what says how good it is: it holds for bad fits as well."""


def rests_on(column: str) -> str:
    """Return the column that says whether values of this one hold; empty if they always do.

    Examples
    --------
    >>> rests_on("ctf_resolution"), rests_on("ctf_score"), rests_on("motion_total")
    ('ctf_reliable', '', 'motion_reliable')
    """
    if column in _SURE:
        return ""
    return next((told for group, told in _GROUPS.items() if column.startswith(group)), "")


def doubtful(frame: pd.DataFrame, column: str = RELIABLE) -> NDArray[np.bool_]:
    """Return for each row whether its fit was not reliable, so that its value says little.

    Parameters
    ----------
    frame :
        Table of measurements, one row for each image.
    column :
        Whose values; of columns that rest on no fit none are doubtful.
    """
    told = column if column in _GROUPS.values() else rests_on(column)
    if not told or told not in frame:
        return np.zeros(len(frame), bool)
    values = frame[told]
    known = values.notna().to_numpy(bool)
    found = np.zeros(len(frame), bool)
    found[known] = ~values[known].astype(bool).to_numpy()
    return found
