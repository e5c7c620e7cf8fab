"""The same picture twice: files that were copied, scaled or inverted.

Two exposures of one place are found only where they lie over each other to a hundredth of the side:
shifted by that much they correlate by 0.85, by two hundredths 0.6, by four hardly any more.

>>> import numpy as np
>>> from openem_nb import images
>>> one, other = np.random.default_rng(1).normal(size=(2, 64, 64))
>>> [(pair.first, pair.second) for pair in images.duplicates({"a": one, "b": other, "c": one})]
[('a', 'c')]
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.errors import InvalidInput
from openem_nb.images.reduce import block_mean

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

__all__ = ["Duplicate", "duplicates"]

_SIDE: Final = 48
"""Pixels to which pictures are reduced before they are compared: some 80 Å each, large enough that
the noise of two exposures of one place is small against what lies there."""
_TOGETHER: Final = 512
"""Pictures that are compared with all others at a time."""
_COMMON: Final = 8
"""Distinct pictures from which on what they have in common, the illumination, is taken off."""
_COPY: Final = 0.9999
"""Correlation of a picture and its copy, at least, which a strong illumination alone hardly gives
two pictures."""


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Two pictures that show the same."""

    first: str | int
    """Name of the earlier, or its place where no names were given."""
    second: str | int
    correlation: float
    """1 for the same pixels, -1 for the same ones with the contrast inverted."""


def duplicates(
    thumbnails: Mapping[str, NDArray[Any]] | Sequence[NDArray[Any]], *, least: float = 0.8
) -> list[Duplicate]:
    """Find pictures that show the same.

    Slopes over the frame do not count, nor does what all pictures have in common. The answer is the
    same whatever machine or order of threads.

    Parameters
    ----------
    thumbnails :
        Pictures (y, x) by name, or in a row; of any size.
    least :
        Correlation from which on two pictures are the same; also that of an inverted one.

    Returns
    -------
    list
        Pairs, in the order of the pictures.

    Raises
    ------
    InvalidInput
        If ``least`` is not above 0 and at most 1, or a picture is not one.
    """
    if not 0 < least <= 1:
        raise InvalidInput(
            f"Pictures cannot correlate by {least} to be the same.", hint="Give 0.8, for example."
        )
    if isinstance(thumbnails, str | os.PathLike):
        raise InvalidInput(
            f"Pictures are compared, and {os.fspath(thumbnails)!r} is a path.",
            hint="Give them by name: {path.name: images.open_image(path).thumbnail(256) "
            "for path in folder.glob('*.mrc')}.",
        )
    if isinstance(thumbnails, Mapping):
        names: list[str | int] = list(thumbnails)
        pictures = list(thumbnails.values())
    else:
        names, pictures = list(range(len(thumbnails))), list(thumbnails)
    if len(pictures) < 2:
        return []
    rows = np.stack([_small(picture) for picture in pictures])
    distinct = rows[_distinct(_of_length_1(rows))]
    if len(distinct) >= _COMMON:
        rows -= np.median(distinct, axis=0)
    rows = _of_length_1(rows)
    found = []
    for start in range(0, len(rows), _TOGETHER):
        part = rows[start : start + _TOGETHER] @ rows[start:].T
        for i, j in np.argwhere(np.abs(part) >= least - 1e-6).tolist():
            if j > i:
                value = max(-1.0, min(float(part[i, j]), 1.0))
                found.append(Duplicate(names[start + i], names[start + j], value))
    return found


def _of_length_1(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    out = np.zeros_like(rows)
    np.divide(rows, length, out=out, where=length > 1e-6)
    return out


def _distinct(rows: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return which rows are no copy of an earlier one: what copies share is no illumination."""
    found = np.ones(len(rows), bool)
    for start in range(0, len(rows), _TOGETHER):
        part = np.abs(rows[start : start + _TOGETHER] @ rows[: start + _TOGETHER].T)
        found[start : start + _TOGETHER] = ~(np.tril(part, start - 1) >= _COPY).any(axis=1)
    return found


def _small(picture: NDArray[Any]) -> NDArray[np.float32]:
    """Return a picture small, without slope, and on the scale of its own deviation."""
    if isinstance(picture, str | os.PathLike):
        raise InvalidInput(
            f"Pictures are compared, and {os.fspath(picture)!r} is a path.",
            hint="Give images.open_image(path).thumbnail(256) in its place.",
        )
    whole = np.asarray(picture)
    shape = tuple(min(_SIDE, side) for side in whole.shape)
    reduced = block_mean(whole, shape=shape) if len(shape) == 2 else block_mean(whole)
    if reduced.shape != (_SIDE, _SIDE):
        y = np.arange(_SIDE) * reduced.shape[0] // _SIDE
        x = np.arange(_SIDE) * reduced.shape[1] // _SIDE
        reduced = reduced[y[:, None], x]
    values = np.nan_to_num(reduced.astype(np.float64), posinf=0, neginf=0)
    y, x = np.mgrid[:_SIDE, :_SIDE] / _SIDE - 0.5
    plane = np.stack([np.ones(_SIDE**2), y.ravel(), x.ravel()], axis=1)
    left = values.ravel() - plane @ np.linalg.lstsq(plane, values.ravel(), rcond=None)[0]
    scale = float(left.std())
    # what rounding leaves of an even picture is nothing
    small = scale <= 1e-6 * max(1e-30, float(np.abs(values).max()))
    return np.zeros(_SIDE**2, np.float32) if small else (left / scale).astype(np.float32)
