"""A soft mask around what two half maps have in common, by a rule that is stated.

>>> mask = images.soft_mask("half1.map", "half2.map")  # doctest: +SKIP
>>> mask.words  # doctest: +SKIP
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.errors import InvalidInput
from openem_nb.images._half_maps import back, pair, transform
from openem_nb.images.contours import corner_noise

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from openem_nb.images.maps import Map

__all__ = ["SoftMask", "soft_mask"]

LOW_PASS: Final = 15.0
"""Å; RELION makes its masks of maps filtered to that (Scheres 2016, Methods Enzymol 579, 125)."""
_FEWEST: Final = 6.0
"""Voxels that a low-pass has at least, and that it has where their size is not known."""
EXTEND, SOFT = 3.0, 6.0
"""Voxels by which the mask is wider than what is above the threshold, and of its soft edge, in
which it falls as a cosine. The edge is that of RELION's tutorial."""
SIGMAS: Final = 5.0
"""Deviations of the noise in the corners of the box that the threshold lies above their median: of
independent normal values one in 3.5 million is above that."""
LEAST: Final = 0.1
"""Part of the largest value that the threshold is at least: below it lies what the filter itself
has spread around the particle."""
_DUST: Final = 0.01
"""Pieces below this part of the largest one are left out."""
_MOST: Final = 0.7
"""Part of the box from which on a mask masks nothing."""


@dataclass(frozen=True, slots=True, eq=False)
class SoftMask:
    """A mask, and how it came about."""

    values: NDArray[np.float32]
    """(z, y, x), from 0 to 1."""
    threshold: float
    """In the filtered mean of the half maps."""
    words: str
    """The rule, in a sentence."""

    @property
    def fraction(self) -> float:
        """Part of the box that is inside, its soft edge by its values."""
        return float(self.values.mean(dtype=np.float64))


def soft_mask(
    half1: Map | NDArray[Any] | Path | str,
    half2: Map | NDArray[Any] | Path | str,
    *,
    voxel_size: float | None = None,
    low_pass: float = LOW_PASS,
    threshold: float | None = None,
    extend: float = EXTEND,
    soft: float = SOFT,
) -> SoftMask:
    """Return a soft mask around what the mean of two half maps shows at a low resolution.

    The mean is filtered with a Gaussian that is one half at ``low_pass``. The threshold lies five
    standard deviations of the noise above it, both measured by the median in the corners of
    the box, outside the sphere that fits into it, and at a tenth of the largest value at least.
    Where these were masked away it is the threshold of
    Otsu (1979, IEEE Trans Syst Man Cybern 9, 62), which parts the voxels into two classes that
    differ most. Pieces below a hundredth of the largest one are left out.

    Parameters
    ----------
    half1, half2 :
        Maps, files of them, or arrays (z, y, x).
    voxel_size :
        Å, of arrays, or where the files do not know it.
    low_pass :
        Å; at least six voxels.
    threshold :
        In the filtered mean, in place of the rule.
    extend, soft :
        Voxels by which it is wider, and of the edge beyond that.

    Raises
    ------
    InvalidInput
        If the maps are not of one box, nothing stands out of the noise, or nearly all does.
    """
    one, two, sizes = pair(half1, half2, voxel_size)
    spectrum = transform(one)
    spectrum += transform(two)
    spectrum *= np.float32(0.5)
    return of_spectrum(
        spectrum, one.shape, sizes, low_pass=low_pass, threshold=threshold, extend=extend, soft=soft
    )


def of_spectrum(
    spectrum: NDArray[np.complex64],
    shape: tuple[int, ...],
    sizes: tuple[float, ...] | None,
    *,
    low_pass: float = LOW_PASS,
    threshold: float | None = None,
    extend: float = EXTEND,
    soft: float = SOFT,
) -> SoftMask:
    """Return the mask of a mean whose real transform is there; it is filtered in place."""
    if not (0 < low_pass < math.inf and extend >= 0 and soft >= 0):
        raise InvalidInput("A mask needs a low-pass in Å, and widths from 0 on.", hint="Mend them.")
    voxel = max(sizes) if sizes else 1.0
    width = max(low_pass if sizes else 0.0, _FEWEST * voxel)
    filtered = _filtered(spectrum, shape, sizes or (1.0, 1.0, 1.0), width)
    rule = "as it was given"
    if threshold is None:
        threshold, rule = _threshold(filtered)
    inside = _kept(filtered >= threshold)
    values = _softened(inside, extend, soft)
    found = SoftMask(
        values,
        float(threshold),
        f"Soft mask: the mean filtered to {width:.3g} {'Å' if sizes else 'voxels'} is above "
        f"{threshold:.3g} there ({rule}), {extend:g} voxels more, and an edge of {soft:g}.",
    )
    if found.fraction > _MOST:
        raise InvalidInput(
            f"A mask at {threshold:.3g} would hold {found.fraction:.0%} of the box.",
            hint="The box is too small for a mask of its own making: give one, or none.",
        )
    return found


def _filtered(
    spectrum: NDArray[np.complex64],
    shape: tuple[int, ...],
    sizes: tuple[float, ...],
    width: float,
) -> NDArray[np.float32]:
    for axis in range(3):
        count, size = shape[axis], sizes[axis]
        steps = np.fft.rfftfreq(count, size) if axis == 2 else np.fft.fftfreq(count, size)
        # a Gaussian is the product of three
        weight = np.exp(-math.log(2) * (steps * width) ** 2).astype(np.float32)
        spectrum *= weight.reshape([-1 if i == axis else 1 for i in range(3)])
    return back(spectrum, shape)


def _threshold(filtered: NDArray[np.float32]) -> tuple[float, str]:
    middle, spread = corner_noise(filtered, whole=False)
    most = float(filtered.max())
    # what a filter spreads into corners that were masked away is no noise
    if not spread > 1e-3 * float(filtered.std(dtype=np.float64)):
        return _otsu(filtered), "by Otsu, for there is no noise in the corners"
    noise, part = middle + SIGMAS * spread, middle + LEAST * (most - middle)
    if noise >= part:
        return noise, f"{SIGMAS:g} deviations of the noise in the corners"
    return part, "a tenth of the largest value, well above the noise in the corners"


def _otsu(values: NDArray[np.float32]) -> float:
    """Return the edge between two classes of the values that differ most."""
    counts, edges = np.histogram(values, 512)
    middles = (edges[1:] + edges[:-1]) / 2
    below = np.cumsum(counts)[:-1].astype(np.float64)
    above = counts.sum() - below
    sums = np.cumsum(counts * middles)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (sums[:-1] / below - (sums[-1] - sums[:-1]) / above) ** 2
    return float(edges[1 + int(np.nanargmax(between))])


def _kept(above: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return what is above without dust."""
    from scipy.ndimage import label

    marks, count = label(above, output=np.int32)
    if not count:
        raise InvalidInput(
            "Nothing of the two half maps stands out of their noise.",
            hint="Give a mask, or correlate the whole boxes.",
        )
    sizes = np.bincount(marks.ravel(), minlength=count + 1)
    sizes[0] = 0
    kept: NDArray[np.bool_] = (sizes >= _DUST * sizes.max())[marks]
    kept[marks == 0] = False
    return kept


def _softened(inside: NDArray[np.bool_], extend: float, soft: float) -> NDArray[np.float32]:
    """Return 1 up to a distance of ``extend`` voxels, and a cosine from there on to 0."""
    from scipy.ndimage import distance_transform_edt

    reach = math.ceil(extend + soft) + 1
    box = []
    for axis in range(3):
        there = np.flatnonzero(inside.any(axis=tuple(i for i in range(3) if i != axis)))
        box.append(slice(max(0, int(there[0]) - reach), int(there[-1]) + reach + 1))
    away = distance_transform_edt(~inside[tuple(box)]).astype(np.float32)
    found = np.zeros(inside.shape, np.float32)
    beyond = np.clip((away - extend) / soft if soft else (away > extend) * 1.0, 0, 1)
    edge = 0.5 + 0.5 * np.cos(np.float32(math.pi) * beyond)
    edge[beyond >= 1] = 0
    found[tuple(box)] = edge
    return found
