"""The power spectrum of a micrograph: how much of it varies at which distance.

Two estimates of the same quantity, on the same scale:

- :func:`spectrum` cuts the image into overlapping tiles that fit the processor's cache, weights
  each with a Hann window and averages the squared amplitudes (P. D. Welch, IEEE Trans. Audio
  Electroacoust. 15, 1967, 70);
- :func:`periodogram` transforms the whole image once and averages the squared amplitudes over small
  blocks of spatial frequencies (P. J. Daniell, J. R. Stat. Soc. Suppl. 8, 1946, 88). It keeps
  finer rings, uses every pixel, and is faster; the defocus is measured on it.

Power is scaled so that its mean over all frequencies is the variance of the image. Pixels that hold
no number are taken as the mean of the others.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import scipy.fft

from openem_nb.errors import InvalidInput
from openem_nb.images import _polar
from openem_nb.images._holes import filled
from openem_nb.images._sources import known_pixel_size, pixels
from openem_nb.images.threads import once

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from openem_nb.images._sources import ImageLike

__all__ = ["CELLS", "Spectrum", "periodogram", "spectrum"]

CELLS: Final = 800
"""Least number of cells across the spectrum of a whole image: rings of 3 µm defocus at 4 Å are
three cells apart then, for pixels of 1 Å."""
_EDGE: Final = 1 / 64
"""Part of each side over which the image fades into its mean, so that its edges make no streaks."""
_FAR: Final = 10.0
"""Standard deviations from the median beyond which a pixel says nothing of the specimen."""
_ROWS: Final = 64
_KEPT: Final = 128 << 20
"""Largest buffer in bytes that a thread keeps for the next image; to clear fresh memory would cost
half as much as the transform."""

_local = threading.local()


@dataclass(frozen=True, eq=False)
class Spectrum:
    """Power at spatial frequencies in half the plane; the other half mirrors it."""

    power: NDArray[np.float32]
    """Mean squared amplitudes, (y, x), without the window's influence; its square root is what is
    usually shown. Rows are ordered as :attr:`fy` says: 0 first, then positive, then negative."""
    fy: NDArray[np.float64]
    """Spatial frequency of each row, cycles per pixel; +y is the direction of later rows."""
    fx: NDArray[np.float64]
    """Spatial frequency of each column, cycles per pixel, from 0 on."""
    samples: float
    """Independent estimates that each value averages."""
    pixel_size: float | None = None
    """Å of a pixel of the image; None where nobody knows it."""
    voltage: float | None = None
    """Acceleration voltage in kV, where the micrograph knew it."""

    @once
    def _rings(self) -> _polar.Rings:
        return _polar.rings(self.power, self.fy, self.fx)

    @property
    def frequency(self) -> NDArray[np.float64]:
        """Spatial frequency of each ring, 1/Å; cycles per pixel where no pixel size is known."""
        return self._rings.frequency / (self.pixel_size or 1.0)

    @property
    def radial(self) -> NDArray[np.float64]:
        """Mean power of each ring."""
        return self._rings.power

    def picture(self, size: int = 512, *, flatten: bool = True) -> NDArray[np.float32]:
        """Return the whole plane as a picture, zero frequency in the middle.

        Parameters
        ----------
        size :
            Pixels of a side, which spans the frequencies from -0.5 to 0.5 cycles per pixel; zero
            frequency is at ``size // 2``.
        flatten :
            Divide by the smooth decline from the middle outwards, so that rings show everywhere;
            otherwise the logarithm of the power.

        Returns
        -------
        ndarray
            float32, (y, x), row 0 at the bottom as in the image.
        """
        if size < 2:
            raise InvalidInput("A picture has two pixels at least.", hint="Give a size like 512.")
        values = self.power
        if flatten:
            values = np.sqrt(values / _polar.smooth(self._rings, self.fy, self.fx))
        f = (np.arange(size) - size // 2) / size
        half = _polar.resample(values, self.fy, self.fx, f, f[f >= 0])
        mirrored = _polar.resample(values, self.fy, self.fx, -f, -f[f < 0])
        picture = np.concatenate([mirrored, half], axis=1)
        if not flatten:
            picture = np.log10(np.maximum(picture, np.finfo(np.float32).tiny))
        return picture.astype(np.float32, copy=False)


def spectrum(
    source: NDArray[Any] | ImageLike,
    *,
    pixel_size: float | None = None,
    tile: int = 512,
    overlap: float = 0.5,
) -> Spectrum:
    """Return the mean spectrum of overlapping tiles.

    Parameters
    ----------
    source :
        Image (y, x), or an opened micrograph; of a movie the mean of its frames, of a volume or
        tilt series the middle section.
    pixel_size :
        Å; by default what the micrograph knows.
    tile :
        Pixels of a side of a tile; smaller where the image is.
    overlap :
        Part of a tile that it shares with the next, 0 to 0.9.

    Raises
    ------
    InvalidInput
        If the image is smaller than 16 pixels, most of it holds no numbers, or the tile or overlap
        is impossible.
    """
    size_of_pixel = known_pixel_size(source, pixel_size)
    image = pixels(source)
    side = min(tile, *image.shape) // 2 * 2
    if side < 16 or not 0 <= overlap <= 0.9:
        raise InvalidInput(
            f"Tiles of {side} pixels with an overlap of {overlap} make no spectrum.",
            hint="Tiles have 16 pixels at least, overlaps are between 0 and 0.9.",
        )
    step = max(1, round(side * (1 - overlap)))
    window = (0.5 - 0.5 * np.cos(2 * math.pi * np.arange(side) / side)).astype(np.float32)
    weight = window[:, None] * window
    image, middle, cut = _range(image)
    columns = 2 * (side // 2 + 1)
    total = np.zeros((side, columns), np.float32)
    work = np.empty((side, side), np.float32)
    stripe = np.empty((side, image.shape[1]), np.float32)
    count = 0
    for y in _starts(image.shape[0], side, step):
        known = side - step if y and step < side else 0
        stripe[:known] = stripe[step : step + known]
        _into(stripe[known:], image[y + known : y + side], middle, cut)
        for x in _starts(image.shape[1], side, step):
            np.multiply(stripe[:, x : x + side], weight, out=work)
            # real and imaginary parts side by side: squared and added without a copy
            parts = scipy.fft.rfft2(work, workers=1).view(np.float32)
            parts *= parts
            total += parts
            count += 1
    power = total.reshape(side, -1, 2).sum(axis=2)
    power /= np.float32(count * float((window**2).sum()) ** 2)
    return Spectrum(
        power=power,
        fy=scipy.fft.fftfreq(side),
        fx=scipy.fft.rfftfreq(side),
        samples=count / _shared(window, step),
        pixel_size=size_of_pixel,
        voltage=getattr(source, "voltage", None),
    )


def periodogram(
    source: NDArray[Any] | ImageLike,
    *,
    pixel_size: float | None = None,
    limit: float = 0.5,
    cells: int = CELLS,
) -> Spectrum:
    """Return the spectrum of the whole image at once, averaged over cells of frequencies.

    Parameters
    ----------
    source, pixel_size :
        As for :func:`spectrum`.
    limit :
        Highest frequency that is wanted, cycles per pixel; fewer cost less.
    cells :
        Least number of cells across the spectrum.

    Raises
    ------
    InvalidInput
        If the image is smaller than 16 pixels, most of it holds no numbers, or the limit is not
        between 0.05 and 0.5.
    """
    size_of_pixel = known_pixel_size(source, pixel_size)
    image = pixels(source)
    if min(image.shape) < 16 or not 0.05 <= limit <= 0.5:
        raise InvalidInput(
            f"An image of {image.shape} pixels has no spectrum up to {limit:.4g} cycles per pixel.",
            hint="Images have 16 pixels at least; limits are between 0.05 and 0.5.",
        )
    height, width = (scipy.fft.prev_fast_len(side) for side in image.shape)
    block_y, block_x = (_odd(side // cells) for side in (height, width))
    last_y, last_x = (
        int((min(limit * side, side // 2 - 1) - block // 2) // block)
        for side, block in ((height, block_y), (width, block_x))
    )
    columns = last_x * block_x + block_x // 2 + 1
    buffer = _buffer(height, columns)
    _rows_transformed(image[:height, :width], buffer)
    scipy.fft.fft(buffer, axis=0, overwrite_x=True, workers=1)
    fades = (1 - 2 * _EDGE * (1 - 3 / 8)) ** 2  # mean square of the weights
    power = _cells(buffer, last_y, last_x, block_y, block_x)
    power *= np.float32(1 / (height * width * fades))
    rows = np.concatenate([np.arange(last_y + 1), np.arange(-last_y, 0)])
    return Spectrum(
        power=power,
        fy=rows * (block_y / height),
        fx=np.arange(last_x + 1) * (block_x / width),
        samples=float(block_y * block_x) * (1 - 2 * _EDGE) ** 2,
        pixel_size=size_of_pixel,
        voltage=getattr(source, "voltage", None),
    )


def _starts(length: int, side: int, step: int) -> range:
    return range(0, length - side + 1, step)


def _odd(number: int) -> int:
    """Return the odd number at or below: a block then has its middle on a frequency."""
    return max(1, number - 1 + number % 2)


def _range(
    image: NDArray[Any],
) -> tuple[NDArray[Any], np.float32, tuple[float, float] | None]:
    """Return the image, its mean, and to what its pixels have to be cut, if any has to be.

    Pixels that hold no number have the mean in what is returned.
    """
    lowest, highest = image.min(), image.max()
    # both hand on what is no number, so that looking for it costs nothing
    if not (np.isfinite(lowest) and np.isfinite(highest)):
        image = filled(image)
        lowest, highest = image.min(), image.max()
    step = max(1, math.isqrt(image.size // 20_000))
    sample = image[::step, ::step].astype(np.float64)
    low, middle, high, top = np.percentile(sample, (15.87, 50, 84.13, 99.9))
    spread = max((high - low) / 2, float(np.minimum(sample, top).std()))
    low, high = middle - _FAR * spread, middle + _FAR * spread
    mean = np.float32(np.clip(sample, low, high).mean())
    if spread == 0 or (lowest >= low and highest <= high):
        return image, mean, None
    return image, mean, (float(low), float(high))


def _into(
    work: NDArray[np.float32],
    part: NDArray[Any],
    middle: np.float32,
    cut: tuple[float, float] | None,
) -> None:
    """Copy a part of the image as its difference from the mean, without what is far off."""
    if cut is None:
        np.subtract(part, middle, out=work, casting="unsafe")
    else:
        np.clip(part, *cut, out=work, casting="unsafe")
        work -= middle


def _shared(window: NDArray[np.float32], step: int) -> float:
    """Return how many times fewer independent estimates there are than tiles.

    Tiles overlap, and a window lets neighbouring frequencies share what they have: Welch's formula
    over both, in each direction.
    """
    energy = float((window**2).sum())
    factor = 1.0
    for shift in range(step, len(window), step):
        factor += 2 * (float((window[shift:] * window[:-shift]).sum()) / energy) ** 2
    around = np.abs(scipy.fft.fft(window.astype(np.float64) ** 2) / energy) ** 2
    return (factor * float(around.sum())) ** 2


def _buffer(height: int, columns: int) -> NDArray[np.complex64]:
    """Return memory for a transform: this thread's own, if it is large enough.

    Rows begin an odd number of cache lines apart: columns of a power of two would push each other
    out of the cache, and be transformed at half the speed.
    """
    line = 8
    stride = (-(-columns // line) | 1) * line
    need = height * stride
    held: NDArray[np.complex64] | None = getattr(_local, "held", None)
    if held is None or held.size < need:
        held = np.empty(need, np.complex64)
        _local.held = held if held.nbytes <= _KEPT else None
    return held[:need].reshape(height, stride)[:, :columns]


def _rows_transformed(image: NDArray[Any], out: NDArray[np.complex64]) -> None:
    """Transform the rows of an image that fades into its mean at the edges."""
    height, width = image.shape
    image, middle, cut = _range(image)
    fade_y, fade_x = _fade(height), _fade(width)
    work = np.empty((_ROWS, width), np.float32)
    for y in range(0, height, _ROWS):
        rows = work[: min(_ROWS, height - y)]
        _into(rows, image[y : y + len(rows)], middle, cut)
        rows[:, : len(fade_x)] *= fade_x
        rows[:, width - len(fade_x) :] *= fade_x[::-1]
        if y < len(fade_y) or y + len(rows) > height - len(fade_y):
            place = np.arange(y, y + len(rows))
            away = np.minimum(place, height - 1 - place)
            weight = np.where(away < len(fade_y), fade_y[np.minimum(away, len(fade_y) - 1)], 1)
            rows *= weight[:, None].astype(np.float32)
        out[y : y + len(rows)] = scipy.fft.rfft(rows, axis=1, workers=1)[:, : out.shape[1]]


def _fade(side: int) -> NDArray[np.float32]:
    count = max(1, round(side * _EDGE))
    return (0.5 - 0.5 * np.cos(math.pi * (np.arange(count) + 0.5) / count)).astype(np.float32)


def _cells(
    transform: NDArray[np.complex64], last_y: int, last_x: int, block_y: int, block_x: int
) -> NDArray[np.float32]:
    """Return the mean squared amplitude of each cell of frequencies."""
    half_y, half_x = block_y // 2, block_x // 2
    parts = transform.view(np.float32)
    out = np.empty((2 * last_y + 1, last_x + 1), np.float32)
    near = np.empty((2 * last_y + 1, half_x + 1), np.float32)
    together = max(1, _ROWS // block_y)
    ones = np.ones(2 * block_x, np.float32)
    square = np.empty((together * block_y, parts.shape[1]), np.float32)
    for first in range(-last_y, last_y + 1, together):
        many = min(together, last_y + 1 - first)
        begin, end = first * block_y - half_y, (first + many - 1) * block_y + half_y + 1
        into = square[: many * block_y]
        if begin < 0 < end:
            np.multiply(parts[begin:], parts[begin:], out=into[:-begin])
            np.multiply(parts[:end], parts[:end], out=into[-begin:])
        else:
            rows = parts[begin : end or None]
            np.multiply(rows, rows, out=into)
        sums = into.reshape(many, block_y, -1).sum(axis=1)
        where = np.arange(first, first + many)
        near[where] = sums[:, : 2 * half_x + 2].reshape(many, -1, 2).sum(axis=2)
        # columns 1 .. half_x belong to the cell around zero, the others follow in whole cells
        out[where, 1:] = sums[:, 2 * half_x + 2 :].reshape(many, last_x, 2 * block_x) @ ones
    mirror = -np.arange(2 * last_y + 1)
    out[:, 0] = near.sum(axis=1) + near[mirror, 1:].sum(axis=1)
    out *= np.float32(1 / (block_y * block_x))
    return out
