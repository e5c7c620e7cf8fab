"""Numbers that tell a good micrograph from a bad one before anyone looks at it.

>>> import numpy as np
>>> from openem_nb import images
>>> found = images.statistics(np.arange(64.0).reshape(8, 8))
>>> found.mean, found.min, found.max
(31.5, 0.0, 63.0)

One pass over the image in bands that fit the cache: mean, deviation, extremes and patches are those
of all pixels. Percentiles come from a regular sample of some 60,000 pixels.

How even the illumination is, and what is dark, is relative to the mean, which needs a scale whose
zero means no electrons. It has one if hardly a pixel lies below zero, as in counts, or if the mean
is further from zero than half the deviation of the patches, as where at least a fifth of the frame
is bright. Of an image that was normalised to the mean 0 neither is true, and the mean, all that
rounding has left, would make any slope 10,000 times itself: ``gradient``, ``unevenness`` and
``dark`` are then no number.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.images._pixels import borrowed
from openem_nb.images._sources import ImageLike, pixels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["Statistics", "statistics"]

PATCHES: Final = 8
"""Patches along each side whose means are compared."""
_BAND: Final = 1 << 20
_SAMPLE: Final = 60_000
_PERCENTS: Final = (0.5, 5, 50, 95, 99.5)
_HOT: Final = 10.0
"""Standard deviations above the median from which a pixel may be hot."""
_ALONE: Final = 3.0
"""A hot pixel stands so many standard deviations above its neighbours' mean too; the edge of a hole
does not."""
_MOST: Final = 1e30
"""No detector counts so much: bytes that were never written, or are read in another order."""
_LARGE: Final = 1e15
_NAMED: Final = 1000
"""Most hot pixels whose places are kept."""
_DARK: Final = 0.8
"""Part of the median patch below which a patch is dark: carbon takes a tenth, a grid bar all."""

_FAR: Final = 0.5
"""Deviations of the patches that the mean is away from zero, if zero means no electrons. Of a frame
whose part f is bright and the rest dark it is the root of f / (1 - f): a fifth may be bright."""


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Measurements of the grey values of one image."""

    mean: float
    std: float
    """Standard deviation of all pixels."""
    min: float
    max: float
    percentiles: dict[float, float]
    """By percent: 0.5, 5, 50, 95 and 99.5."""
    skewness: float
    """Third moment of the sample over the cube of its deviation, without hot pixels; negative where
    a part of the frame is dark."""
    hot_pixels: int
    """Pixels that stand alone, far above all others."""
    hot_places: NDArray[np.intp]
    """Where they are, (count, 2) as y, x; the first thousand."""
    not_finite: int
    """Pixels that hold no number, or one beyond 1e30."""
    gradient: float
    """Change of the mean over the frame along its steepest direction, relative to the mean; NaN
    where the mean says nothing, see :attr:`relative`."""
    unevenness: float
    """Deviation of the patches from that slope, relative to the mean; NaN like the gradient."""
    dark: float
    """Part of the frame that is dark: thick ice, a grid bar, the edge of an aperture; NaN like the
    gradient, and where the mean is negative."""
    patches: NDArray[np.float64]
    """Mean of each of eight by eight patches, (y, x)."""

    @property
    def empty(self) -> bool:
        """Whether all pixels have one value, or none has a number."""
        return not self.max > self.min

    @property
    def relative(self) -> bool:
        """Whether the mean is a measure of illumination; not in images normalised to the mean 0."""
        return math.isfinite(self.gradient)

    @property
    def words(self) -> tuple[str, ...]:
        """What is conspicuous, in sentences."""
        if math.isnan(self.mean):
            return ("Empty: no pixel holds a number.",)
        if self.empty:
            return ("Empty: all pixels have the same value.",)
        found = []
        if self.not_finite:
            found.append(f"{self.not_finite:,} pixels hold no number.")
        if self.dark > 0:
            found.append(f"Dark over {self.dark:.0%} of the frame: thick ice, carbon or a bar.")
        if self.hot_pixels:
            found.append(f"{self.hot_pixels:,} hot pixels.")
        if self.gradient > 0.3:
            found.append(f"The illumination changes by {self.gradient:.0%} over the frame.")
        return tuple(found)


def statistics(source: NDArray[Any] | ImageLike, *, frame: int | None = None) -> Statistics:
    """Measure the grey values of an image.

    Parameters
    ----------
    source :
        Image (y, x) or opened micrograph; of a movie the mean of its frames is measured, of a
        volume or tilt series the middle section.
    frame :
        Measure this frame of a micrograph instead.

    Raises
    ------
    InvalidInput
        If it is not one image of real numbers.
    """
    if isinstance(source, ImageLike) and (frame is not None or source.frames == 1):
        image = source.frame(frame or 0)
    else:
        image = pixels(source)
    if image.dtype.kind == "b":
        image = image.astype(np.uint8)
    sample = _sample(image)
    if sample.size == 0:
        return _nothing(image)
    percents = np.percentile(sample, (*_PERCENTS, 15.87, 84.13))
    middle = float(percents[2])
    spread = max(
        float(percents[-1] - percents[-2]) / 2, float(np.minimum(sample, percents[4]).std())
    )
    limit = middle + _HOT * spread if spread > 0 else math.inf
    sums = _Sums(image.shape, middle)
    hot: list[NDArray[np.intp]] = []
    for y, band in _bands(image):
        rows = np.flatnonzero(sums.add(y, band) > limit)
        if len(rows):
            over = np.argwhere((band[rows] > limit) & (band[rows] < _MOST))
            over[:, 0] = rows[over[:, 0]] + y
            hot.append(over)
    places = _alone(image, np.concatenate(hot), _ALONE * spread) if hot else _none()
    normal = sample[sample <= limit]
    deviation = float(normal.std())
    off = normal - normal.mean()  # to the power of 3 by multiplying, which is ten times as fast
    mean, std = sums.moments()
    patches = sums.patches()
    # a sample's lowest half per cent may lie below zero in counts that were interpolated
    gradient, unevenness, dark = _slope(patches, mean, counts=bool(percents[0] >= 0))
    return Statistics(
        mean=mean,
        std=std,
        min=sums.low,
        max=sums.high,
        percentiles=dict(zip(_PERCENTS, percents[:5].tolist(), strict=True)),
        skewness=float((off * off * off).mean()) / deviation**3 if deviation else 0.0,
        hot_pixels=len(places),
        hot_places=places[:_NAMED],
        not_finite=sums.missing,
        gradient=gradient,
        unevenness=unevenness,
        dark=dark,
        patches=patches,
    )


def _nothing(image: NDArray[Any]) -> Statistics:
    """Return the statistics of an image in which no number was found."""
    nan = math.nan
    return Statistics(
        mean=nan,
        std=nan,
        min=nan,
        max=nan,
        percentiles=dict.fromkeys(_PERCENTS, nan),
        skewness=nan,
        hot_pixels=0,
        hot_places=_none(),
        not_finite=image.size,
        gradient=nan,
        unevenness=nan,
        dark=nan,
        patches=np.full((PATCHES, PATCHES), nan),
    )


def _none() -> NDArray[np.intp]:
    return np.empty((0, 2), dtype=np.intp)


def _sample(image: NDArray[Any]) -> NDArray[np.float64]:
    step = max(1, math.isqrt(image.size // _SAMPLE))
    sample = image[::step, ::step].astype(np.float64).ravel()
    return sample[np.abs(sample) < _MOST]


def _bands(image: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Yield the first row and the rows of each band; none crosses the edge of a patch."""
    rows = max(1, _BAND // max(1, image.shape[1] * 4))
    ends = _edges(image.shape[0])
    for top, bottom in zip(ends[:-1].tolist(), ends[1:].tolist(), strict=True):
        for y in range(top, bottom, rows):
            yield y, image[y : min(y + rows, bottom)]


def _edges(side: int) -> NDArray[np.intp]:
    return (np.arange(PATCHES + 1) * side // PATCHES).astype(np.intp)


class _Sums:
    """Adds up an image band by band.

    The rows of a band are added in its precision, relative to a value near the mean, and what they
    give in double precision: rounding errors of a few rows stay small, and those of many cancel.
    """

    def __init__(self, shape: tuple[int, ...], near: float) -> None:
        self._shape = shape
        self._near = float(np.float32(near))
        self._edges = _edges(shape[0]), _edges(shape[1])
        self._columns = np.zeros((PATCHES, shape[1]))
        self._square = 0.0
        self.low, self.high = math.inf, -math.inf
        self.missing = 0

    def add(self, y: int, band: NDArray[Any]) -> NDArray[Any]:
        """Take rows in, and return the largest value of each."""
        single = band.dtype.itemsize <= 2 or band.dtype == np.float32
        with borrowed(band.size, np.dtype(np.float32 if single else np.float64)) as buffer:
            return self._add(y, band, buffer.reshape(band.shape))

    def _add(self, y: int, band: NDArray[Any], apart: NDArray[Any]) -> NDArray[Any]:
        largest: NDArray[Any] = band.max(axis=1)
        low, high = float(band.min()), float(largest.max())
        if max(-low, high) > _LARGE:  # squares of them are no numbers in single precision
            apart = np.empty(band.shape)
        with np.errstate(invalid="ignore"):
            np.subtract(band, apart.dtype.type(self._near), out=apart, casting="unsafe")
        if not (low > -_MOST and high < _MOST):
            good = np.abs(band) < _MOST
            self.missing += int(band.size - good.sum())
            apart[~good] = 0
            there = band[good]
            low, high = (
                (float(there.min()), float(there.max())) if there.size else (math.inf, -math.inf)
            )
            largest = np.where(good, band, -math.inf).max(axis=1)
        self.low, self.high = min(self.low, low), max(self.high, high)
        row = int(np.searchsorted(self._edges[0], y, side="right")) - 1
        self._columns[row] += apart.sum(axis=0, dtype=apart.dtype)
        # each row with itself: one pass, where squares and their sum would be two
        squares = apart[:, None, :] @ apart[:, :, None]
        self._square += float(squares.sum(dtype=np.float64))
        return largest

    def _patches(self) -> NDArray[np.float64]:
        """Return the sum of each patch, relative to the value near the mean."""
        sums = np.cumsum(self._columns, axis=1)
        first = np.zeros((PATCHES, 1))
        return np.diff(np.concatenate([first, sums], axis=1)[:, self._edges[1]], axis=1)

    def moments(self) -> tuple[float, float]:
        """Return mean and standard deviation."""
        count = self._shape[0] * self._shape[1] - self.missing
        off = float(self._columns.sum()) / count
        return self._near + off, math.sqrt(max(self._square / count - off**2, 0.0))

    def patches(self) -> NDArray[np.float64]:
        """Return the mean of each patch; of a side shorter than eight pixels some have none."""
        area = np.outer(np.diff(self._edges[0]), np.diff(self._edges[1]))
        with np.errstate(invalid="ignore"):
            return np.where(area > 0, self._patches() / np.maximum(area, 1) + self._near, np.nan)


def _alone(image: NDArray[Any], places: NDArray[np.intp], reach: float) -> NDArray[np.intp]:
    """Return those places whose pixel stands above the four beside it."""
    if len(places) > 100 * _NAMED:  # a bright part of the frame, not single pixels
        return _none()
    height, width = image.shape
    y, x = places[:, 0], places[:, 1]
    own = image[y, x].astype(np.float64)
    beside = np.sort(
        [
            image[np.clip(y + dy, 0, height - 1), np.clip(x + dx, 0, width - 1)].astype(np.float64)
            for dy, dx in ((2, 0), (-2, 0), (0, 2), (0, -2))
        ],
        axis=0,
    )
    alone: NDArray[np.intp] = places[own - beside[1:3].mean(axis=0) > reach]
    return alone


def _slope(
    patches: NDArray[np.float64], mean: float, *, counts: bool
) -> tuple[float, float, float]:
    """Return the change over the frame, what is left of the patches, and how much is dark.

    All but counts need a mean that is far from zero; an unevenness is then at most 2.
    """
    good = np.isfinite(patches)
    if np.ptp(patches[good]) == 0:
        return 0.0, 0.0, 0.0
    if not counts and abs(mean) <= _FAR * patches[good].std():
        return math.nan, math.nan, math.nan
    y, x = np.mgrid[: patches.shape[0], : patches.shape[1]] / patches.shape[0] - 0.5
    plane = np.stack([np.ones(good.sum()), y[good], x[good]], axis=1)
    found = np.linalg.lstsq(plane, patches[good], rcond=None)[0]
    left = patches[good] - plane @ found
    scale = abs(mean)
    middle = float(np.median(patches[good]))
    dark = float((patches[good] < _DARK * middle).mean())
    dark = math.nan if mean < 0 else dark
    return float(np.hypot(found[1], found[2])) / scale, float(left.std()) / scale, dark
