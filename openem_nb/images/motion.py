"""How a specimen moved while a movie was taken.

>>> from openem_nb import images
>>> found = images.motion(movie, gain=gain)  # doctest: +SKIP
>>> found.total, found.early, found.late  # doctest: +SKIP
(14.2, 9.8, 4.4)

The whole frame is followed by phase correlation (C. D. Kuglin and D. C. Hines, Proc. IEEE
Int. Conf. Cybernetics and Society 1975, 163): each frame against the mean of the others, moved to
where they are known to be, until nothing moves any more. A single frame holds too few electrons to
say where it is, so that the way is taken to be smooth. Motion within the frame is not told apart.
"""

from __future__ import annotations

import base64
import html
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, overload

import numpy as np
import scipy.fft

from openem_nb._amounts import counted
from openem_nb.errors import InvalidInput
from openem_nb.images._sources import ImageLike, known_pixel_size, of_one_exposure, positive
from openem_nb.images.gain import as_gain
from openem_nb.images.reduce import block_mean

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from openem_nb.images.gain import Gain

__all__ = ["Motion", "motion"]

_PIXEL: Final = 3.5
"""Å; frames are averaged over blocks until pixels are nearly so large. Larger ones lose the way."""
_BLOCK: Final = 4
"""Block where no pixel size is known."""
_REACH: Final = 60.0
"""Å that a frame is looked for around where it is expected."""
_SOFT: Final = 500.0
"""Å²; with exp(-B k²/4) high frequencies are damped, which hold noise in a single frame."""
_LOWEST: Final = 1 / 400.0
"""1/Å; lower frequencies are illumination and ice, not what moves with the specimen."""
_ROUNDS: Final = 8
_STILL: Final = 0.02
"""Pixels of the reduced frame below which nothing moves any more."""
_BENDS: Final = 6
"""Most parameters of the smooth way along each axis."""
_GROUPS: Final = 8
"""Sums of frames that are compared first."""
_FAR: Final = 8.0
"""Standard deviations beyond which a pixel is hot, and taken as the mean."""
_EARLY_DOSE: Final = 4.0
"""Electrons per Å² up to which motion is early, as in RELION."""
_HOLDS: Final = 5.0
"""Signal from which a way holds. Measured on simulated movies: counts without a specimen reach 1.2
at most, ways at up to 3 are wrong by several Å, those at 7 by less than 1 Å."""
_ROUGH: Final = 3.0
"""Times their noise that frames may lie beside the smooth way; where they follow it, up to 1."""
_BESIDE: Final = 0.25
"""Pixels of the reduced frame that frames lie beside the way before it matters, whatever the
noise."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Motion:
    """The way of a specimen, whole frames; a notebook shows it as a picture."""

    track: NDArray[np.float64]
    """Where it stood in each frame relative to the first, (frames, 2) as y, x; Å, or pixels where
    no pixel size is known."""
    early_frames: int
    """Steps that count as early."""
    unit: str
    """``Å`` or ``pixels``."""
    seen: NDArray[np.float64]
    """Where each frame was seen by itself, before the way was taken to be smooth; as ``track``."""
    signal: float
    """How far the correlation of a frame with all others stands above its noise, standard
    deviations, the mean of all frames. About 1 where there is nothing to follow."""
    noise: float
    """How far off a frame is seen because it holds few electrons, root mean square, as ``unit``;
    infinite where there is nothing to follow."""
    doubt: str
    """Why the way cannot be relied on; empty if it can."""

    @property
    def reliable(self) -> bool:
        """Whether the specimen was followed; without it the numbers are those of noise."""
        return not self.doubt

    @property
    def scatter(self) -> float:
        """How far frames were seen from the smooth way, root mean square."""
        return math.sqrt(float(((self.seen - self.track) ** 2).sum(axis=1).mean()))

    @property
    def steps(self) -> NDArray[np.float64]:
        """Length of the way from each frame to the next."""
        found: NDArray[np.float64] = np.hypot(*np.diff(self.track, axis=0).T)
        return found

    @property
    def total(self) -> float:
        """Length of the whole way."""
        return float(self.steps.sum())

    @property
    def early(self) -> float:
        """Length of its early part, in which a specimen moves most."""
        return float(self.steps[: self.early_frames].sum())

    @property
    def late(self) -> float:
        """Length of the rest."""
        return float(self.steps[self.early_frames :].sum())

    @property
    def words(self) -> str:
        """What was found, in a sentence or two."""
        if not self.reliable:
            return f"No motion to rely on. {self.doubt}"
        return (
            f"Moved by {self.total:.1f} {self.unit}: {self.early:.1f} early, {self.late:.1f} late."
        )

    @overload
    def picture(self, path: None = None, *, kind: str = "svg") -> bytes: ...
    @overload
    def picture(self, path: Path | str, *, kind: str = "svg") -> Path: ...
    def picture(self, path: Path | str | None = None, *, kind: str = "svg") -> bytes | Path:
        """Return the track as SVG or PNG, early and late parts told apart.

        Parameters
        ----------
        path :
            Where it is written, of the kind that its ending says; this is then what is returned.

        Raises
        ------
        InvalidInput
            If the kind is another one.
        """
        from openem_nb.images._figures import picture_of
        from openem_nb.images._motion_picture import drawn

        return picture_of(lambda: drawn(self), path, kind)

    def __repr__(self) -> str:
        return f"<Motion {counted(len(self.track), 'frame')}: {self.words}>"

    def _repr_html_(self) -> str:
        shown = base64.b64encode(self.picture(kind="png")).decode()
        words = html.escape(self.words)
        return f'<img alt="Track of the specimen: {words}" src="data:image/png;base64,{shown}">'


def motion(
    source: NDArray[Any] | ImageLike,
    *,
    gain: Gain | NDArray[Any] | Path | str | None = None,
    pixel_size: float | None = None,
    dose_per_frame: float | None = None,
) -> Motion:
    """Follow the specimen through the frames of a movie.

    Parameters
    ----------
    source :
        Movie (frames, y, x) or an opened one, no tilt series.
    gain :
        Gain reference, or the path of one; without it, differences between pixels hold the
        specimen where it is.
    pixel_size :
        Å; by default what the movie knows.
    dose_per_frame :
        Electrons per Å². Early is what came before 4 e⁻/Å²; without it the first quarter.

    Raises
    ------
    InvalidInput
        If it is no movie of three frames at least, or its frames are too small.
    """
    of_one_exposure(source, "Motion")
    size = known_pixel_size(source, pixel_size)
    count, shape = _counted(source)
    block = _BLOCK if size is None else max(1, math.floor(_PIXEL / size + 1e-6))
    if count < 3:
        raise InvalidInput(
            f"{counted(count, 'frame')} cannot show how the specimen moved.",
            hint="Give a movie of three frames at least, not its mean.",
        )
    if min(shape) // block < 32:
        raise InvalidInput(
            f"Frames of {shape[1]} × {shape[0]} pixels are too small to show how it moved.",
            hint=f"{32 * block} pixels along each side are needed at this pixel size.",
        )
    pixel = block * (size or _PIXEL / _BLOCK)
    transforms = _Frames(_frames(source, gain), count, shape, block, pixel)
    track, seen = _followed(transforms, count, _REACH / pixel)
    signal, noise = _certainty(transforms, track)
    scale, unit = (block, "pixels") if size is None else (pixel, "Å")
    doubt = _doubt(signal, noise, math.sqrt(float(((seen - track) ** 2).sum(axis=1).mean())))
    early = count // 4
    if dose_per_frame is not None:
        early = round(_EARLY_DOSE / positive(dose_per_frame, "dose per frame", "e⁻/Å²"))
    return Motion(
        track=(track - track[0]) * scale,
        early_frames=min(count - 1, max(1, early)),
        unit=unit,
        seen=(seen - track[0]) * scale,
        signal=signal,
        noise=noise * scale,
        doubt=doubt,
    )


def _doubt(signal: float, noise: float, scatter: float) -> str:
    """Return why a way cannot be relied on, from lengths in pixels of the reduced frames."""
    if signal < _HOLDS:
        return (
            "The frames have too little in common to follow: too few electrons, or nothing but "
            "even ice."
        )
    if scatter > max(_BESIDE, _ROUGH * noise):
        return (
            f"The frames lie {scatter / noise:.0f} times their noise beside any smooth way: the "
            "stage jumped, or shook."
        )
    return ""


def _counted(source: NDArray[Any] | ImageLike) -> tuple[int, tuple[int, int]]:
    if isinstance(source, ImageLike):
        return source.frames, source.shape
    if source.ndim != 3:
        raise InvalidInput(
            f"A movie has frames, rows and columns; this array has the shape {source.shape}.",
            hint="Give the frames, not their sum.",
        )
    return len(source), (source.shape[1], source.shape[2])


def _frames(
    source: NDArray[Any] | ImageLike, gain: Gain | NDArray[Any] | Path | str | None
) -> Iterator[NDArray[Any]]:
    count, shape = _counted(source)
    factor = None
    if gain is not None:
        known = as_gain(gain).fitted(source)
        known.check(shape)
        factor = known.array.astype(np.float32, copy=False)
    for number in range(count):
        frame = source.frame(number) if isinstance(source, ImageLike) else source[number]
        yield frame if factor is None else frame * factor


class _Frames:
    """Transforms of reduced frames, of the frequencies at which the specimen can be followed."""

    def __init__(
        self,
        frames: Iterator[NDArray[Any]],
        count: int,
        shape: tuple[int, int],
        block: int,
        pixel: float,
    ) -> None:
        height, width = (scipy.fft.prev_fast_len(side // block) for side in shape)
        self.shape = (height, width)
        self.ky = scipy.fft.fftfreq(height)[:, None]
        self.kx = scipy.fft.rfftfreq(width)
        k2 = (self.ky**2 + self.kx**2) / pixel**2
        weight = np.exp(-_SOFT / 4 * k2) * (k2 >= _LOWEST**2)
        weight[:, self.kx < 1.5 / width] = 0  # edges, and rows of the detector
        weight[np.abs(self.ky[:, 0]) < 1.5 / height] = 0
        # damped to nothing there: neither kept nor transformed
        keep = np.flatnonzero(weight.max(axis=0) > 1e-3)
        self.columns = int(keep[-1]) + 1
        self.kx = self.kx[: self.columns]
        self.weight = weight[:, : self.columns].astype(np.float32)
        self.all = np.empty((count, height, self.columns), np.complex64)
        for number, frame in enumerate(frames):
            reduced = _cleaned(block_mean(frame, block)[:height, :width])
            rows = scipy.fft.rfft(reduced, axis=1, workers=1)[:, : self.columns]
            self.all[number] = scipy.fft.fft(rows, axis=0, workers=1)
        self.all *= self._whitening()

    def _whitening(self) -> NDArray[np.float32]:
        """Return what makes all frequencies equally strong, then damps those of noise."""
        power = np.mean([np.abs(one) for one in self.all], axis=0)
        even: NDArray[np.float32] = (self.weight / np.maximum(power, 1e-12)).astype(np.float32)
        return even

    def moved(self, number: int, by: NDArray[np.float64]) -> NDArray[np.complex64]:
        """Return the transform of a frame moved by so many pixels (y, x)."""
        y = np.exp(-2j * math.pi * self.ky * by[0]).astype(np.complex64)
        x = np.exp(-2j * math.pi * self.kx * by[1]).astype(np.complex64)
        found: NDArray[np.complex64] = self.all[number] * y
        found *= x
        return found

    def together(self, track: NDArray[np.float64]) -> NDArray[np.complex64]:
        """Return the sum of the frames, each moved back to where it began."""
        total = self.moved(0, -track[0])
        for number in range(1, len(self.all)):
            total += self.moved(number, -track[number])
        return total

    def place(
        self, frame: NDArray[np.complex64], reference: NDArray[np.complex64], reach: float
    ) -> NDArray[np.float64]:
        """Return where the frame lies relative to the reference, pixels (y, x)."""
        cross = frame * reference.conj()
        near = max(2, min(round(reach), self.shape[0] // 2 - 1, self.shape[1] // 2 - 1))
        at = np.arange(-near, near + 1)
        # only shifts within reach are computed: two products of matrices
        y = np.exp(2j * math.pi * at[:, None] * self.ky[:, 0]).astype(np.complex64)
        x = np.exp(2j * math.pi * self.kx[:, None] * at).astype(np.complex64)
        peak = ((y @ cross) @ x).real
        if not peak.max() > 0:  # empty frames lie nowhere else
            return np.zeros(2)
        top = np.unravel_index(int(np.argmax(peak)), peak.shape)
        place = np.array([float(at[top[0]]), float(at[top[1]])])
        return place + _between(cross, self.ky, self.kx, place)


def _between(
    cross: NDArray[np.complex64],
    ky: NDArray[np.float64],
    kx: NDArray[np.float64],
    place: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return how far the maximum of a correlation lies from the pixel: Newton's method."""
    found = np.zeros(2)
    for _ in range(3):
        y = np.exp(2j * math.pi * ky[:, 0] * (place[0] + found[0]))
        x = np.exp(2j * math.pi * kx * (place[1] + found[1]))
        whole = (cross * x).real, (cross * x).imag
        rows = [(part @ np.stack([np.ones_like(kx), kx, kx**2], axis=1)) for part in whole]
        sums = rows[0] + 1j * rows[1]
        powers = np.stack([np.ones(len(ky)), ky[:, 0], ky[:, 0] ** 2])
        moments = (powers * y) @ sums
        slope = -2 * math.pi * np.array([moments[1, 0].imag, moments[0, 1].imag])
        bend = (
            -4
            * math.pi**2
            * np.array(
                [
                    [moments[2, 0].real, moments[1, 1].real],
                    [moments[1, 1].real, moments[0, 2].real],
                ]
            )
        )
        if not (bend[0, 0] < 0 and np.linalg.det(bend) > 0):
            break
        found -= np.clip(np.linalg.solve(bend, slope), -0.5, 0.5)
        if np.abs(found).max() > 1:
            return np.zeros(2)
    return found


def _cleaned(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a reduced frame around its mean, without blocks that hold a hot pixel."""
    sample = values[::5, ::3]
    middle = float(np.median(sample))
    spread = float(np.minimum(sample, np.percentile(sample, 99)).std())
    if spread > 0:
        values = np.where(values > middle + _FAR * spread, np.float32(middle), values)
    centred: NDArray[np.float32] = values - values.mean()
    return centred


def _followed(
    frames: _Frames, count: int, reach: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the smooth way and where each frame was seen, pixels of the reduced frames (y, x)."""
    track = seen = _roughly(frames, count, reach)
    smooth = _smoother(count)
    for turn in range(_ROUNDS):
        total = frames.together(track)
        seen = np.empty_like(track)
        for number in range(count):
            own = frames.moved(number, -track[number])
            around = max(3.0, reach / 4 / 2**turn)
            seen[number] = track[number] + frames.place(own, total - own, around)
        found = smooth @ seen
        seen -= found.mean(axis=0)
        found -= found.mean(axis=0)
        moved = float(np.abs(found - track).max())
        track = found
        if moved < _STILL:
            break
    return track, seen


def _certainty(frames: _Frames, track: NDArray[np.float64]) -> tuple[float, float]:
    """Return signal and noise of the places, pixels of the reduced frames.

    At its maximum, a correlation is a sum over frequencies of which each frame's noise has random
    phases: its variance is half the sum of the products of their powers. What that does to the
    place follows from the bend of the maximum.
    """
    total = frames.together(track)
    signals, variances = [], []
    ky2, kx2 = (2 * math.pi * frames.ky[:, 0]) ** 2, (2 * math.pi * frames.kx) ** 2
    for number, by in enumerate(track):
        own = frames.moved(number, -by)
        others = total - own
        common = own.real * others.real + own.imag * others.imag
        random = (own.real**2 + own.imag**2) * (others.real**2 + others.imag**2)
        # frequencies of the other half, which are not stored, are the same once more
        rows = [2 * part.sum(axis=1, dtype=np.float64) for part in (common, random)]
        columns = [2 * part.sum(axis=0, dtype=np.float64) for part in (common, random)]
        deviation = math.sqrt(float(rows[1].sum()))
        signals.append(float(rows[0].sum()) / deviation if deviation > 0 else 0.0)
        for bend, rough in (
            (float(ky2 @ rows[0]), float(ky2 @ rows[1])),
            (float(columns[0] @ kx2), float(columns[1] @ kx2)),
        ):
            variances.append(rough / bend**2 if bend > 0 else math.inf)
    return float(np.mean(signals)), math.sqrt(2 * float(np.mean(variances)))


def _roughly(frames: _Frames, count: int, reach: float) -> NDArray[np.float64]:
    """Return about where each frame lies: sums of some frames, each compared with each other.

    To begin with frames where they were taken would let a large drift hide in its own blur.
    """
    parts = np.array_split(np.arange(count), min(count, _GROUPS))
    middles = [float(part.mean()) for part in parts]
    sums = [frames.all[part].sum(axis=0) for part in parts]
    many = len(parts)
    apart = np.zeros((many, many, 2))
    for i in range(many):
        for j in range(i + 1, many):
            apart[i, j] = frames.place(sums[j], sums[i], reach)
            apart[j, i] = -apart[i, j]
    at = apart.mean(axis=0)
    for _ in range(_ROUNDS):
        # least squares in which a pair that failed weighs little
        off = np.hypot(*np.moveaxis(at[None] - at[:, None] - apart, 2, 0))
        weight = 1 / np.maximum(off, 0.5) * (1 - np.eye(many))
        laplace = np.diag(weight.sum(axis=0)) - weight
        at = np.linalg.pinv(laplace) @ (weight[:, :, None] * apart).sum(axis=0)
    number = np.arange(count)
    return np.stack([np.interp(number, middles, at[:, axis]) for axis in (0, 1)], axis=1)


def _smoother(count: int) -> NDArray[np.float64]:
    """Return the matrix that fits a smooth way to places: polynomials of the root of time.

    A specimen moves fast at first and then ever more slowly; over the square root of time, its way
    bends evenly.
    """
    time = np.sqrt(np.arange(count) / max(1, count - 1))
    basis = np.polynomial.chebyshev.chebvander(2 * time - 1, min(_BENDS, count) - 1)
    found: NDArray[np.float64] = basis @ np.linalg.pinv(basis)
    return found
