"""The contrast transfer function of a microscope, as far as an image tells of it.

    CTF(k, a) = -sin( pi l k² (z(a) - l² k² Cs / 2) + p + asin(w) )

with the wavelength l, the defocus z(a) = (u + v)/2 + (u - v)/2 cos 2(a - a0) in the direction a,
the spherical aberration Cs, the phase shift p and the amplitude contrast w; underfocus is positive
(J. A. Mindell and N. Grigorieff, J. Struct. Biol. 142, 2003, 334; A. Rohou and N. Grigorieff,
J. Struct. Biol. 192, 2015, 216).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from openem_nb.images._sources import positive

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Optics", "equal_phase", "half_phase", "wavelength", "zeros"]


def wavelength(voltage: float) -> float:
    """Return the wavelength in Å of electrons accelerated by so many kV."""
    volts = 1000 * positive(voltage, "voltage", "kV")
    # h / sqrt(2 m e) and e / (2 m c²) in Å and volts
    return 12.264259661 / math.sqrt(volts * (1 + 9.78475598e-7 * volts))


@dataclass(frozen=True, slots=True)
class Optics:
    """What is known of the microscope."""

    wavelength: float
    """Å."""
    cs: float
    """Spherical aberration, Å."""
    contrast: float
    """Phase in radians that amplitude contrast adds."""


def half_phase(
    k2: NDArray[Any], k4: NDArray[Any], defocus: NDArray[Any] | float, optics: Optics
) -> NDArray[Any]:
    """Return the argument of the sine, without phase shift; k² and k⁴ in 1/Å, defocus in Å."""
    found: NDArray[Any] = (
        math.pi * optics.wavelength * (defocus * k2 - (0.5 * optics.wavelength**2 * optics.cs) * k4)
        + optics.contrast
    )
    return found


def equal_phase(
    k2: NDArray[Any], defocus: NDArray[Any], middle: float, optics: Optics
) -> NDArray[Any]:
    """Return the squared frequency at which the mean defocus has the phase that is at k² here.

    Below 0 where there is none, as at a defocus of 0.
    """
    half = 0.5 * optics.wavelength**2 * optics.cs
    target = k2 * defocus - half * k2**2
    inside = np.maximum(middle**2 - 4 * half * target, 0)
    # the smaller root, in the form that does not cancel
    below = middle + np.sqrt(inside)
    found: NDArray[Any] = np.divide(
        2 * target, below, out=np.full_like(target, -1), where=below > 0
    )
    return found


def zeros(defocus: float, phase_shift: float, optics: Optics, count: int) -> NDArray[np.float64]:
    """Return the spatial frequencies, 1/Å, of the first zeros; fewer where phases turn back.

    Parameters
    ----------
    defocus, phase_shift :
        Å and radians.
    """
    first = math.floor((phase_shift + optics.contrast) / math.pi) + 1
    wanted = np.arange(first, first + count) * math.pi - phase_shift - optics.contrast
    target = wanted / (math.pi * optics.wavelength)
    half = 0.5 * optics.wavelength**2 * optics.cs
    inside = defocus**2 - 4 * half * target
    target = target[inside > 0]
    k2 = 2 * target / (defocus + np.sqrt(inside[inside > 0]))
    found: NDArray[np.float64] = np.sqrt(k2[k2 > 0])
    return found
