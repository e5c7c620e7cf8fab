"""The defocus of a micrograph from the rings of its power spectrum.

>>> from openem_nb import images
>>> found = images.ctf(micrograph, voltage=300, cs=2.7)  # doctest: +SKIP
>>> found.defocus_u, found.defocus_v, found.angle, found.resolution  # doctest: +SKIP
(15232.1, 14705.9, 36.8, 3.6)
>>> found.words  # doctest: +SKIP
'Underfocus 1.50 µm, astigmatism 53 nm at 37°; rings fit to 3.6 Å.'

docs/explanation/ctf.md writes the mathematics down.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.errors import InvalidInput
from openem_nb.images import _ctf_fit, _ctf_profile, _ctf_rings
from openem_nb.images._ctf_model import Optics, wavelength, zeros
from openem_nb.images._given import checked, checked_phase_range, checked_range
from openem_nb.images._holes import averaged
from openem_nb.images._sources import known_pixel_size, of_one_exposure, pixels
from openem_nb.images.spectrum import CELLS, Spectrum, periodogram
from openem_nb.images.threads import plain_algebra

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from openem_nb.images._sources import ImageLike

__all__ = ["Ctf", "ctf"]

_COARSEST: Final = 25.0
"""Å; at larger distances the form of the particles decides, not the lens."""
_FINEST: Final = 3.0
"""Å; finer rings are rarely there, and never needed to tell the defocus."""
_QUICK: Final = 4.0
"""Å, the same of the quick fit."""
_QUICK_CELLS: Final = 500
_WIDTH: Final = 1 / 1000.0
"""1/Å; width of the rings in which the defocus is looked for and the score is taken."""
_CELL: Final = 1 / 4000.0
"""1/Å; widest cell of a spectrum that is made for the fit. The rings of 3 µm defocus are 0.0025 1/Å
apart at 3 Å and 300 kV; a cell a third of that wide would take a sixth of their depth."""
_ANY_AXIS: Final = 180 / math.sqrt(12)
"""Standard deviation of an axis that may have any direction, degrees."""
_EDGE: Final = 0.95
"""Part of the highest frequency of the pixels that is used: a detector is worst at its edge."""
_FINE: Final = 0.6
"""Å; smaller pixels are averaged two by two first, which leaves all frequencies that are used."""
_WEAK: Final = 0.5
"""Score below which a fit is not to be relied on."""
_FEW: Final = 1.5
"""Rings that have to follow the fit at least: one alone may be any bend of the spectrum."""
_CHANCE: Final = 40.0
"""Twice the logarithm of the ratio of likelihoods with rings and without, from which rings are
there. The best of all trials reaches it in noise of no size: see docs/explanation/ctf.md."""
_OFF: Final = 100.0
"""Å that a fit may end beyond the range in which it was looked for."""
_USUAL_CS: Final = 2.7
"""In mm; of the lenses of most microscopes for cryo-EM."""
_RANGE: Final = (3000.0, 50_000.0)
"""Å between which the defocus is looked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Ctf:
    """The contrast transfer function of a micrograph, as it was measured."""

    defocus_u: float
    """Å along the axis of :attr:`angle`; underfocus is positive, as in RELION and CTFFIND."""
    defocus_v: float
    """Å across that axis; never more than :attr:`defocus_u`."""
    angle: float
    """Degrees from +x to the axis of ``defocus_u``, counter-clockwise with the first row at the
    bottom; from -90 to 90."""
    phase_shift: float
    """Degrees; what was given, or what was found where it was looked for, which is known up to
    180."""
    score: float
    """Correlation of the rings with the fit, weighted as the fit weights them: 1 for rings without
    noise. Below 0.5 the fit is not to be relied on."""
    resolution: float | None
    """Å to which rings follow the fit: there their correlation falls below 0.5; None where they
    never do."""
    deviation: float
    """Standard deviation of the mean defocus in Å, as far as noise causes it: from the curvature of
    the likelihood (Fisher's information)."""
    deviation_u: float
    """The same of :attr:`defocus_u`, Å."""
    deviation_v: float
    """The same of :attr:`defocus_v`, Å."""
    deviation_angle: float
    """The same of :attr:`angle`, degrees; 52 where nothing is known of the axis."""
    reliable: bool
    """Whether the defocus can be relied on: the score is 0.5 at least, more than one ring follows
    the fit, noise alone would not fit as well, and it ended in the range in which it was looked
    for."""
    voltage: float
    """In kV."""
    cs: float
    """In mm."""
    pixel_size: float
    """Å of the pixels whose spectrum was fitted."""
    amplitude_contrast: float
    """Part of 1."""
    profile: pd.DataFrame
    """Equiphase average: ``frequency`` (1/Å), ``power`` (over its smooth decline), ``fit`` on the
    same scale, ``ctf`` (the squared transfer function) and ``cc`` (correlation around there)."""
    doubt: str = ""
    """Why the defocus cannot be relied on, in words; empty where it can, or nobody knows why."""
    cs_assumed: bool = False
    """Whether nobody gave :attr:`cs`, so that it was assumed."""

    @property
    def defocus(self) -> float:
        """Mean defocus, Å."""
        return (self.defocus_u + self.defocus_v) / 2

    @property
    def astigmatism(self) -> float:
        """Difference of the defoci, Å."""
        return self.defocus_u - self.defocus_v

    @property
    def words(self) -> str:
        """What was found, in a sentence; another one where Cs was assumed."""
        assumed = f" Cs was assumed to be {self.cs:g} mm." if self.cs_assumed else ""
        if not self.reliable:
            doubt = self.doubt or "its rings follow the spectrum too little or not far enough"
            return (
                f"No defocus to rely on: {doubt}. The best fit has {self.defocus / 1e4:.2f} µm "
                f"underfocus and a score of {self.score:.2f}.{assumed}"
            )
        shift = f", phase shift {self.phase_shift:.0f}°" if self.phase_shift else ""
        return (
            f"Underfocus {self.defocus / 1e4:.2f} µm, astigmatism {self.astigmatism / 10:.0f} nm "
            f"at {self.angle:.0f}°{shift}; rings fit to {self.resolution:.1f} Å.{assumed}"
        )

    def zeros(self, count: int = 10, *, azimuth: float | None = None) -> NDArray[np.float64]:
        """Return the spatial frequencies, 1/Å, of the dark rings, the innermost first.

        Parameters
        ----------
        count :
            How many; fewer where there are not so many.
        azimuth :
            Direction in degrees from +x, counter-clockwise; by default that of the mean defocus.
        """
        defocus = self.defocus
        if azimuth is not None:
            turned = math.radians(2 * (azimuth - self.angle))
            defocus += self.astigmatism / 2 * math.cos(turned)
        optics = _optics(self.voltage, self.cs, self.amplitude_contrast)
        return zeros(defocus, math.radians(self.phase_shift), optics, count)

    def _repr_html_(self) -> str:
        return f"<p>{self.words}</p>"


def ctf(
    source: NDArray[Any] | ImageLike | Spectrum,
    *,
    voltage: float | None = None,
    cs: float | None = None,
    pixel_size: float | None = None,
    amplitude_contrast: float = 0.07,
    phase_shift: float | Sequence[float] | bool | None = None,
    defocus: tuple[float, float] = _RANGE,
    quick: bool = False,
) -> Ctf:
    """Measure the contrast transfer function of a micrograph.

    Parameters
    ----------
    source :
        Image (y, x), opened micrograph, or a spectrum: best a :func:`periodogram`. Of a movie the
        mean of its frames; of a tilt series one ``frame(i)``.
    voltage :
        In kV; by default what the micrograph knows.
    cs :
        Spherical aberration, mm; near 0 for microscopes with a corrector. Where it is not given,
        2.7 is assumed, that of most microscopes for cryo-EM, and the words of the result say so.
    pixel_size :
        Å; by default what the micrograph or spectrum knows. Of a spectrum, that of the pixels it
        was made of.
    amplitude_contrast :
        Part of the contrast that comes from amplitude; 0.07 to 0.1 for ice, as other programs
        assume it.
    phase_shift :
        Degrees of a phase plate; True looks for it between 0 and 180, a pair between the two.
    defocus :
        Å between which the mean defocus is looked for. Underfocus is taken for granted: an image
        over focus has nearly the same rings, and is fitted as one under focus.
    quick :
        Fit coarser rings, down to 4 Å, in three quarters of the time; a little less is known of
        the astigmatism then.

    Raises
    ------
    InvalidInput
        If voltage or pixel size are not known, a value is impossible, or the image is too small
        for its pixels: the fit needs rings between 25 Å and its finest distance; or if it is a
        volume or tilt series, whose sections have each a defocus of their own.
    """
    of_one_exposure(source, "A defocus")
    size = known_pixel_size(source, pixel_size)
    kilovolts = getattr(source, "voltage", None) if voltage is None else voltage
    if size is None or kilovolts is None:
        missing = " and ".join(
            name for name, value in (("pixel size", size), ("voltage", kilovolts)) if value is None
        )
        raise InvalidInput(
            f"A defocus cannot be measured without the {missing}, which the image does not know.",
            hint="Give pixel_size in Å and voltage in kV.",
        )
    size = checked("pixel_size", size)
    aberration = _USUAL_CS if cs is None else cs
    optics = _optics(kilovolts, aberration, amplitude_contrast)
    shifts = _phase_range(phase_shift)
    low, high = checked_range(defocus)
    finest = _QUICK if quick else _FINEST
    if isinstance(source, Spectrum):  # its pixels are as large as a person says
        power = source
    else:
        power = _spectrum(source, size, finest, quick=quick)
        size = power.pixel_size or size  # small pixels were averaged
    fine = _ctf_rings.prepare(
        power.power,
        power.fy,
        power.fx,
        pixel_size=size,
        samples=power.samples,
        band=(1 / _COARSEST, min(1 / finest, _EDGE / (2 * size))),
    )
    if fine is None:
        raise InvalidInput(
            f"A spectrum with pixels of {size:.4g} Å has too few rings between {_COARSEST:g} and "
            f"{max(finest, 2 * size / _EDGE):.3g} Å, or no power in some of them.",
            hint="Give an image that is larger, finer and not empty, and check the pixel size.",
        )
    rings = _ctf_rings.merged(fine, _WIDTH)
    with plain_algebra():
        found = _ctf_fit.fit(rings, fine, optics, defocus=(low, high), phase_shift=shifts)
    shown = _ctf_profile.profile(rings, found, optics)
    half = math.hypot(found.along, found.across)
    errors = _errors(found)
    doubt = _doubt(found, shown, (low, high), 1 / float(rings.k[-1]))
    return Ctf(
        defocus_u=found.defocus + half,
        defocus_v=found.defocus - half,
        angle=math.degrees(0.5 * math.atan2(found.across, found.along)),
        phase_shift=_phase_in(shifts, math.degrees(found.phase_shift)),
        score=shown.score,
        resolution=shown.resolution,
        **errors,
        reliable=not doubt,
        voltage=float(kilovolts),
        cs=float(aberration),
        pixel_size=size,
        amplitude_contrast=float(amplitude_contrast),
        profile=shown.frame,
        doubt=doubt,
        cs_assumed=cs is None,
    )


def _doubt(
    found: _ctf_fit.Fit,
    shown: _ctf_profile.Profile,
    defocus: tuple[float, float],
    finest: float,
) -> str:
    """Return why a fit is not to be relied on; empty where it is."""
    low, high = defocus
    # a fit that runs off the range follows something else
    if not low - _OFF <= found.defocus <= high + _OFF:
        return f"the fit ran out of the {low / 1e4:g} to {high / 1e4:g} µm that were searched"
    why = ""
    if shown.score < _WEAK:
        why = "its rings follow the spectrum too little"
    elif found.gain < _CHANCE:
        why = "its rings do not stand out of the noise"
    elif shown.followed < _FEW and shown.resolution is None:
        why = f"not even the rings at {_COARSEST:g} Å follow the spectrum"
    elif shown.followed < _FEW and shown.resolution is not None:
        why = f"the fit ends at {shown.resolution:.1f} Å, with less than two rings"
        if shown.resolution <= 1.1 * finest:
            why += ": pixels show no finer ones"
    return f"{why} (searched from {low / 1e4:g} to {high / 1e4:g} µm)" if why else ""


def _optics(voltage: float, cs: float, amplitude_contrast: float) -> Optics:
    length = wavelength(checked("voltage", voltage))
    contrast = math.asin(checked("amplitude_contrast", amplitude_contrast))
    return Optics(length, checked("cs", cs) * 1e7, contrast)


def _phase_range(given: float | Sequence[float] | bool | None) -> tuple[float, float]:
    if given is True:
        return 0.0, 180.0
    if given is None or given is False:
        return 0.0, 0.0
    return checked_phase_range(given)


def _phase_in(asked: tuple[float, float], found: float) -> float:
    """Return a phase shift as it was given, or in the half turn around where it was looked for."""
    low, high = asked
    if low == high:
        return low
    first = (low + high) / 2 - 90
    return first + (found - first) % 180


def _spectrum(
    source: NDArray[Any] | ImageLike, size: float, finest: float, *, quick: bool
) -> Spectrum:
    """Return the spectrum to fit, of as many frequencies as are used."""
    image = pixels(source)
    by = 2 ** max(0, math.floor(math.log2(2 * _FINE / size)))
    if by > 1:
        image, size = averaged(image, by), size * by
    limit = min(0.5, max(0.05, 1.02 * size / finest))
    if quick:
        return periodogram(image, pixel_size=size, limit=limit, cells=_QUICK_CELLS)
    cells = max(CELLS, math.ceil(1 / (_CELL * size)))
    return periodogram(image, pixel_size=size, limit=limit, cells=cells)


def _errors(found: _ctf_fit.Fit) -> dict[str, float]:
    """Return the standard deviations of a fit, carried over from defocus and astigmatism."""
    if not np.isfinite(found.covariance).all():
        return {
            "deviation": math.inf,
            "deviation_u": math.inf,
            "deviation_v": math.inf,
            "deviation_angle": _ANY_AXIS,
        }
    half = max(math.hypot(found.along, found.across), 1e-6)
    cos, sin = found.along / half, found.across / half
    ways = np.array([[1, 0, 0], [1, cos, sin], [1, -cos, -sin], [0, -sin, cos]])
    mean, u, v, turned = np.sqrt(np.abs(np.einsum("ij,jk,ik->i", ways, found.covariance, ways)))
    return {
        "deviation": float(mean),
        "deviation_u": float(u),
        "deviation_v": float(v),
        "deviation_angle": min(_ANY_AXIS, math.degrees(0.5 * float(turned) / half)),
    }
