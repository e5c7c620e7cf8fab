"""Fourier shell correlation of two half maps: to which resolution they say the same.

>>> from openem_nb import images
>>> found = images.fsc("half_map_1.map.gz", "half_map_2.map.gz")  # doctest: +SKIP
>>> found.resolution(0.143), found.words  # doctest: +SKIP

For each shell of spatial frequencies (Harauz, van Heel 1986, Optik 73, 146)

    FSC = Re sum F1 conj(F2) / sqrt(sum |F1|² sum |F2|²).

0.143 is where two halves tell the whole from the truth as well as a correlation of 0.5 with a
perfect map does (Rosenthal, Henderson 2003, J Mol Biol 333, 721). With a mask, what the mask itself
correlates is measured on maps of random phases and taken out (Chen et al. 2013, Ultramicroscopy
135, 24).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, overload

import numpy as np

from openem_nb.errors import InvalidInput
from openem_nb.images._half_maps import back, pair, transform, volume

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from openem_nb.images.maps import Map

__all__ = ["Fsc", "fsc"]

THRESHOLDS: Final = (0.143, 0.5)
_RANDOM_BELOW: Final = 0.8
"""Correlation without a mask at which phases become random, and a shell or two beyond which the
correction begins: so do Chen et al. as RELION has it."""
_BEYOND: Final = 2
_SAME: Final = "Doubtful: the two maps are the same, voxel by voxel, and no two half maps are."


@dataclass(frozen=True, slots=True, eq=False)
class Fsc:
    """The correlation of two maps, shell by shell; the first shell is that of the mean."""

    frequency: NDArray[np.float64]
    """1/Å; 1/voxel where the size of a voxel is not known."""
    correlation: NDArray[np.float64]
    """With a mask the corrected one."""
    voxels: NDArray[np.int64]
    """Fourier coefficients in the shell, Friedel pairs counted twice."""
    unmasked: NDArray[np.float64] | None = None
    masked: NDArray[np.float64] | None = None
    randomised: NDArray[np.float64] | None = None
    """With a mask: without it, with it, and of random phases with it."""
    unit: str = "Å"
    """Of a resolution: ``Å``, or ``voxels``."""
    mask_words: str = ""
    """How the mask came about, where it was made here."""
    doubt: str = ""
    """Why the curve may say nothing; empty where nothing is odd."""

    def _crossing(self, threshold: float) -> tuple[float | None, str]:
        if not 0 < threshold < 1:
            raise InvalidInput(f"{threshold} is no threshold.", hint="Give 0.143 or 0.5.")
        curve = self.correlation[1:]
        below = np.flatnonzero(~(curve >= threshold))
        if not below.size:
            last = 1 / self.frequency[-1]
            return None, f"stays above {threshold:g} up to {last:.3g} {self.unit}, its last shell"
        at = int(below[0]) + 1
        if at == 1:
            return None, f"is below {threshold:g} in its first shell already"
        f0, f1 = self.frequency[at - 1], self.frequency[at]
        c0, c1 = self.correlation[at - 1], self.correlation[at]
        share = 1.0 if not math.isfinite(c1) else (c0 - threshold) / (c0 - c1)
        return float(1 / (f0 + share * (f1 - f0))), ""

    def resolution(self, threshold: float = 0.143) -> float | None:
        """Return where the curve first falls below a threshold, in Å; None where it does not."""
        return self._crossing(threshold)[0]

    def reason(self, threshold: float = 0.143) -> str:
        """Return why there is no resolution at a threshold; empty where there is one."""
        return self._crossing(threshold)[1]

    @property
    def words(self) -> tuple[str, ...]:
        """The resolution at 0.143 and 0.5 in sentences, of which mask it is, and what is odd."""
        found = []
        for threshold in THRESHOLDS:
            value, reason = self._crossing(threshold)
            found.append(
                f"The curve {reason}: no resolution by it."
                if value is None
                else f"{value:.3g} {self.unit} at {threshold:g}."
            )
        return tuple(word for word in (*found, self.mask_words, self.doubt) if word)

    def frame(self) -> pd.DataFrame:
        """Return a row for each shell."""
        import pandas as pd

        with np.errstate(divide="ignore"):
            columns: dict[str, Any] = {
                "frequency": self.frequency,
                "resolution": 1 / self.frequency,
                "correlation": self.correlation,
                "voxels": self.voxels,
            }
        for name in ("unmasked", "masked", "randomised"):
            if (curve := getattr(self, name)) is not None:
                columns[name] = curve
        return pd.DataFrame(columns)

    @overload
    def picture(self, path: None = None, *, kind: str = "svg") -> bytes: ...
    @overload
    def picture(self, path: Path | str, *, kind: str = "svg") -> Path: ...
    def picture(self, path: Path | str | None = None, *, kind: str = "svg") -> bytes | Path:
        """Return the curve with the two thresholds as SVG or PNG.

        Parameters
        ----------
        path :
            Where it is written, of the kind that its ending says; this is then what is returned.
        """
        from openem_nb.images._figures import picture_of

        return picture_of(self._figure, path, kind)

    def _figure(self) -> Any:
        from matplotlib.figure import Figure

        figure = Figure(figsize=(6, 3.6), dpi=110, layout="constrained")
        axes = figure.add_subplot()
        lowest = float(np.nanmin(self.correlation, initial=0.0))
        for name, style in (("unmasked", ":"), ("masked", "--"), ("randomised", "-.")):
            if (curve := getattr(self, name)) is not None:
                axes.plot(self.frequency, curve, style, linewidth=1, label=name)
                lowest = min(lowest, float(np.nanmin(curve, initial=0.0)))
        label = "FSC" if self.masked is None else "corrected"
        axes.plot(self.frequency, self.correlation, color="black", label=label)
        for threshold in THRESHOLDS:
            axes.axhline(threshold, color="0.6", linewidth=0.8)
            value = self.resolution(threshold)
            told = "" if value is None else f": {value:.3g} {self.unit}"
            axes.text(self.frequency[-1], threshold + 0.01, f"{threshold:g}{told}", ha="right")
        axes.set_xlabel(f"spatial frequency (1/{self.unit})")
        axes.set_ylabel("correlation")
        axes.set_ylim(min(-0.15, lowest - 0.05), 1.05)
        axes.axhline(0, color="0.85", linewidth=0.8, zorder=0)
        axes.legend(fontsize=8)
        return figure

    def __repr__(self) -> str:
        return f"<Fsc {len(self.frequency)} shells: {' '.join(self.words)}>"

    def _repr_html_(self) -> str:
        import base64
        import html

        data = base64.b64encode(self.picture()).decode("ascii")
        words = html.escape(" ".join(self.words), quote=True)
        return (
            f'<figure style="margin:0"><img alt="Fourier shell correlation: {words}" '
            f'style="max-width:100%" src="data:image/svg+xml;base64,{data}">'
            f"<figcaption>{words}</figcaption></figure>"
        )


def fsc(
    half1: Map | NDArray[Any] | Path | str,
    half2: Map | NDArray[Any] | Path | str,
    *,
    mask: Map | NDArray[Any] | Path | str | None = None,
    voxel_size: float | None = None,
    seed: int = 0,
) -> Fsc:
    """Return the Fourier shell correlation of two maps.

    Parameters
    ----------
    half1, half2 :
        Maps, files of them, or arrays (z, y, x).
    mask :
        Values from 0 to 1, with a soft edge, of the same shape; or ``"soft"`` for one that is
        made of the two maps (:func:`~openem_nb.images.soft_mask.soft_mask`). The curve is then
        corrected by that of random phases.
    voxel_size :
        Å, of arrays, or where the files do not know it.
    seed :
        Of the random phases.

    Raises
    ------
    InvalidInput
        If shapes, sizes of voxels or places differ, a map has voxels without a number, or no mask
        can be made.
    """
    one, two, sizes = pair(half1, half2, voxel_size)
    doubt = _SAME if np.array_equal(one, two) else ""
    unit = "voxels" if sizes is None else "Å"
    shells = _Shells(one.shape, sizes or (1.0, 1.0, 1.0))
    first, second = transform(one), transform(two)
    plain = shells.correlate(first, second)
    if mask is None:
        return Fsc(shells.frequency, plain, shells.count, unit=unit, doubt=doubt)
    window, words = _window(mask, first, second, one.shape, sizes)
    if window.shape != one.shape:
        raise InvalidInput(
            f"The mask has the shape {window.shape}, the maps have {one.shape}.",
            hint="Give the mask that belongs to them.",
        )
    masked = shells.correlate(transform(one * window), transform(two * window))
    low = np.flatnonzero(~(plain[1:] >= _RANDOM_BELOW))
    begin = int(low[0]) + 1 if low.size else len(plain)
    rng = np.random.default_rng(seed)
    noises = []
    for spectrum in (first, second):
        shells.randomise(spectrum, begin, rng)
        noises.append(transform(back(spectrum, one.shape) * window))
    noise = shells.correlate(*noises)
    corrected = masked.copy()
    beyond = slice(begin + _BEYOND, None)
    with np.errstate(divide="ignore", invalid="ignore"):
        true = (masked[beyond] - noise[beyond]) / (1 - noise[beyond])
    corrected[beyond] = np.where(noise[beyond] < 1, true, 0.0)
    curves = (corrected, shells.count, plain, masked, noise)
    return Fsc(shells.frequency, *curves, unit=unit, mask_words=words, doubt=doubt)


def _window(
    mask: Any,
    first: NDArray[np.complex64],
    second: NDArray[np.complex64],
    shape: tuple[int, ...],
    sizes: tuple[float, ...] | None,
) -> tuple[NDArray[np.float32], str]:
    """Return a mask, and how it came about where it was made here."""
    if isinstance(mask, str) and mask == "soft":
        from openem_nb.images.soft_mask import of_spectrum

        made = of_spectrum((first + second) * np.float32(0.5), shape, sizes)
        return made.values, made.words
    if isinstance(mask, str) and not Path(mask).suffix and not Path(mask).exists():
        raise InvalidInput(
            f"There is no mask {mask!r}.",
            hint='Give "soft" for one that is made of the two maps, or a file or array of values.',
        )
    return volume(mask)[0], ""


class _Shells:
    """Which coefficient of a real transform belongs to which shell.

    Shells are one over the longest side of the box apart, and end at the lowest Nyquist frequency.
    """

    def __init__(self, shape: tuple[int, ...], sizes: tuple[float, ...]) -> None:
        sides = [n * one for n, one in zip(shape, sizes, strict=True)]
        longest = max(sides)
        steps = [
            np.abs(np.fft.fftfreq(n, 1 / n)) * (longest / side)
            for n, side in zip(shape, sides, strict=True)
        ]
        self._z, self._y = steps[0] ** 2, steps[1] ** 2
        self._x = steps[2][: shape[2] // 2 + 1] ** 2
        self._shape = shape
        last = min(
            math.floor(n / 2 * longest / side + 1e-6) for n, side in zip(shape, sides, strict=True)
        )
        self.frequency = np.arange(last + 1) / longest
        # what lies on the first plane, and on the last one of an even side, is its own pair's plane
        self._weight = np.full(len(self._x), 2.0, np.float32)
        self._weight[0] = 1
        if shape[2] % 2 == 0:
            self._weight[-1] = 1
        self.count = np.zeros(last + 1, np.int64)

    def _shell(self, z: int, y: int) -> NDArray[np.intp]:
        """Return the shell of the coefficients of a plane up to a row; those outside share one."""
        squares = self._z[z] + self._y[:y, None] + self._x
        shell: NDArray[np.intp] = np.rint(np.sqrt(squares)).astype(np.intp)
        np.minimum(shell, len(self.frequency), out=shell)
        return shell

    def correlate(self, first: Any, second: Any) -> NDArray[np.float64]:
        """Return the correlation in each shell; NaN where a map has nothing."""
        depth, height = self._shape[:2]
        bins = len(self.frequency) + 1
        sums = np.zeros((3, bins))
        count = np.zeros(bins)
        half = height // 2 + 1
        # planes of +z and -z, and rows of +y and -y, are in the same shells: they are added first
        mirrored = slice(height - 1, half - 1, -1)
        for z in range(depth // 2 + 1):
            planes = (z,) if z in (0, depth - z) else (z, depth - z)
            added = np.zeros((3, half, len(self._x)), np.float32)
            for plane in planes:
                a, b = first[plane], second[plane]
                for place, value in enumerate(
                    (
                        a.real * b.real + a.imag * b.imag,
                        a.real * a.real + a.imag * a.imag,
                        b.real * b.real + b.imag * b.imag,
                    )
                ):
                    added[place] += value[:half]
                    added[place, 1 : 1 + height - half] += value[mirrored]
            added *= self._weight
            shell = self._shell(z, half).ravel()
            many = np.broadcast_to(self._weight, (half, len(self._x))) * np.float32(len(planes))
            many[1 : 1 + height - half] *= 2
            count += np.bincount(shell, many.ravel(), bins)
            for place in range(3):
                sums[place] += np.bincount(shell, added[place].ravel(), bins)
        self.count = np.rint(count[:-1]).astype(np.int64)
        with np.errstate(divide="ignore", invalid="ignore"):
            found: NDArray[np.float64] = sums[0] / np.sqrt(sums[1] * sums[2])
        return found[:-1]

    def randomise(self, spectrum: Any, begin: int, rng: np.random.Generator) -> None:
        """Give all coefficients from a shell on random phases, in place."""
        height = self._shape[1]
        for z in range(self._shape[0]):
            beyond = self._shell(z, height) >= begin
            angles = rng.random(int(beyond.sum()), np.float32) * np.float32(2 * math.pi)
            spectrum[z][beyond] = np.abs(spectrum[z][beyond]) * np.exp(1j * angles)
