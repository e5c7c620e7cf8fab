"""Micrographs that are unlike the others, with the reason in words.

A value is judged by its distance from the median in robust standard deviations, 1.4826 times the
median absolute deviation (Rousseeuw and Croux 1993, J. Am. Stat. Assoc. 88, 1273), and 3.5 of them
are proposed as the limit (Iglewicz and Hoaglin 1993, "How to detect and handle outliers"). The
deviation is that of the side on which the value lies, because drift, ice and resolution have a long
tail on one side in every good session. Where more than half of the values are the same, as with
pixel sizes, a value that few share is named. A difference below a tenth of the median is not told,
however regular the others are: nobody would throw an image away for it. The motion of a movie in
which nothing could be followed is that of noise: it is not compared, but named where it is rare.

It is a proposal: a person decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.errors import InvalidInput
from openem_nb.images.reliability import doubtful

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["outliers", "unit_of"]

LIMIT: Final = 3.5
"""Robust standard deviations beyond which a value is unlike the others."""
FEWEST: Final = 8
"""Values that a column must have: of fewer nobody can say what is usual."""
_RARE: Final = 0.1
"""Share of rows that may differ from a value that most have."""
_SMALL: Final = 0.1
"""Part of the median below which a difference does not matter."""
_GOOD: Final = {
    "score": "high",
    "resolution": "low",
    "total": "low",
    "early": "low",
    "late": "low",
    "ring": "low",
    "hot_pixels": "low",
    "not_finite": "low",
    "gradient": "low",
    "unevenness": "low",
    "dark": "low",
    "deviation": "low",
    "deviation_u": "low",
    "deviation_v": "low",
}
"""The side of a measurement on which no value is too good."""
_UNITS: Final = {
    "defocus_u": "Å",
    "defocus_v": "Å",
    "defocus": "Å",
    "astigmatism": "Å",
    "deviation": "Å",
    "deviation_u": "Å",
    "deviation_v": "Å",
    "deviation_angle": "°",
    "distance": "Å",
    "counted": "e⁻/Å²",
    "resolution": "Å",
    "pixel_size": "Å",
    "total": "Å",
    "early": "Å",
    "late": "Å",
    "voltage": "kV",
    "angle": "°",
    "phase_shift": "°",
}
_GROUPS: Final = ("ctf_", "motion_", "ice_", "dose_", "statistics_", "spectrum_")
_NO_JUDGEMENT: Final = frozenset(
    {"angle", "deviation_angle", "distance", "measured", "mtime", "seconds"}
)
"""Columns that may be anything: directions are spread over the circle, that of little astigmatism
is not known; times are of the reading."""
_PROBLEMS: Final = ("problem", "error")


def outliers(
    frame: pd.DataFrame, *, limit: float = LIMIT, columns: list[str] | None = None
) -> pd.DataFrame:
    """Return the rows that are unlike the others.

    Parameters
    ----------
    frame :
        One row for each micrograph, columns of measurements in any units.
    limit :
        Robust standard deviations beyond which a value is named.
    columns :
        Which columns to judge; by default all that hold numbers.

    Returns
    -------
    DataFrame
        With the index of those rows, the strangest first: ``distance``, robust standard deviations
        of its strangest value (infinite where a file could not be read, or a value is one that few
        share), and ``reasons``, sentences.

    Examples
    --------
    >>> import pandas as pd
    >>> drift = [2.0, 2.1, 1.9, 2.2, 2.0, 1.8, 2.1, 30.0]
    >>> outliers(pd.DataFrame({"motion_total": drift}))["reasons"].item()
    'Motion total is 30 Å, much higher than in the others (median 2.05 Å).'
    """
    import pandas as pd

    if not limit > 0:
        raise InvalidInput("A limit is larger than 0.", hint="Usual is 3.5.")
    distance = np.zeros(len(frame))
    reasons: list[list[str]] = [[] for _ in range(len(frame))]
    for column in _PROBLEMS:
        if column in frame:
            for place, text in enumerate(frame[column]):
                if isinstance(text, str) and text:
                    distance[place] = np.inf
                    reasons[place].append(text)
    chosen = [str(one) for one in frame] if columns is None else columns
    for column in chosen:
        if column not in frame:
            raise InvalidInput(
                f"The table has no column {column!r}.",
                hint=f"It has {', '.join(map(str, frame.columns))}.",
            )
        values = frame[column]
        if values.dtype.kind not in "fiu" or (columns is None and _short(column) in _NO_JUDGEMENT):
            continue
        numbers = values.to_numpy(np.float64, na_value=np.nan)
        if column.startswith("motion_"):
            numbers = np.where(doubtful(frame, column), np.nan, numbers)
        _judge(column, numbers, limit, distance, reasons)
    _lost(frame, distance, reasons)
    found = pd.DataFrame(
        {"distance": distance, "reasons": [" ".join(texts) for texts in reasons]},
        index=frame.index,
    )
    return found[distance > 0].sort_values("distance", ascending=False, kind="stable")


def _lost(frame: pd.DataFrame, distance: NDArray[np.float64], reasons: list[list[str]]) -> None:
    """Name movies whose specimen could not be followed, where that is rare."""
    lost = doubtful(frame, "motion_reliable")
    known = int(frame["motion_reliable"].notna().sum()) if "motion_reliable" in frame else 0
    if known >= FEWEST and lost.sum() <= _RARE * known:
        for place in np.flatnonzero(lost):
            distance[place] = np.inf
            reasons[place].append(f"Motion is not reliable; {1 - lost.sum() / known:.0%} are.")


def unit_of(column: str) -> str:
    """Return the unit of a column of measurements; empty where it has none or is not known."""
    return _UNITS.get(_short(column), "")


def _short(column: str) -> str:
    for group in _GROUPS:
        if column.startswith(group) and len(column) > len(group):
            return column.removeprefix(group)
    return column


def _judge(
    column: str,
    values: NDArray[np.float64],
    limit: float,
    distance: NDArray[np.float64],
    reasons: list[list[str]],
) -> None:
    """Add what one column says of each row."""
    finite = values[np.isfinite(values)]
    if len(finite) < FEWEST:
        return
    middle = float(np.median(finite))
    low, high = _deviations(finite, middle)
    name, unit = column.replace("_", " ").capitalize(), unit_of(column)
    usual = _amount(middle, unit)
    if not (low > 0 or high > 0):
        different = np.flatnonzero(np.isfinite(values) & (values != middle))
        if len(different) <= _RARE * len(finite):
            share = 1 - len(different) / len(finite)
            for place in different:
                distance[place] = np.inf
                value = _amount(values[place], unit)
                reasons[place].append(f"{name} is {value}; {share:.0%} have {usual}.")
        return
    with np.errstate(invalid="ignore", divide="ignore"):
        away = np.where(values < middle, (middle - values) / low, (values - middle) / high)
    away[np.abs(values - middle) < _SMALL * abs(middle)] = 0
    good = _GOOD.get(_short(column))
    for place in np.flatnonzero(np.isfinite(away) & (away > limit)):
        side = "lower" if values[place] < middle else "higher"
        if good is not None and side.startswith(good):
            continue
        much = "much " if away[place] > 2 * limit else ""
        value = _amount(values[place], unit)
        reasons[place].append(
            f"{name} is {value}, {much}{side} than in the others (median {usual})."
        )
        distance[place] = max(distance[place], away[place])


def _deviations(finite: NDArray[np.float64], middle: float) -> tuple[float, float]:
    """Return the robust standard deviation below and above the median.

    A side on which nothing varies has that of both sides.
    """
    away = np.abs(finite - middle)
    both = float(np.median(away))
    sides = [float(np.median(away[side])) for side in (finite <= middle, finite >= middle)]
    return tuple(1.4826 * (one or both) for one in sides)  # type: ignore[return-value]


def _amount(value: Any, unit: str) -> str:
    text = f"{value:,.0f}" if abs(value) >= 1e3 else f"{value:.3g}" if value % 1 else f"{value:g}"
    return f"{text} {unit}".strip()
