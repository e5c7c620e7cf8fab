"""How a microscope images a weak phase object: written for the simulation, and for it alone.

What measures the defocus has a formula of its own; the tests compare the two through the radii at
which the transfer function is zero.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["transfer", "wavelength"]

_PLANCK = 6.62607015e-34  # J s
_MASS = 9.1093837015e-31  # kg, electron at rest
_CHARGE = 1.602176634e-19  # C
_LIGHT = 299_792_458.0  # m/s


def wavelength(voltage: float) -> float:
    """Return the wavelength in Å of electrons of so many kV: de Broglie, relativistic."""
    energy = _CHARGE * voltage * 1e3
    momentum = math.sqrt(2 * _MASS * energy * (1 + energy / (2 * _MASS * _LIGHT**2)))
    return _PLANCK / momentum * 1e10


def transfer(
    ky: npt.NDArray[np.float32],
    kx: npt.NDArray[np.float32],
    *,
    voltage: float,
    cs: float,
    defocus: tuple[float, float, float],
    amplitude_contrast: float,
    phase_shift: float,
    b_factor: float,
) -> npt.NDArray[np.float32]:
    """Return the amplitude with which each spatial frequency of the phase reaches the image.

    Parameters
    ----------
    ky, kx :
        Spatial frequencies, 1/Å; shapes that broadcast.
    voltage, cs :
        kV and mm.
    defocus :
        Along and across the axis of astigmatism in Å, and the angle of that axis in degrees.
    amplitude_contrast, phase_shift, b_factor :
        Part of 1, degrees, Å².
    """
    length = wavelength(voltage)
    along, across, angle = defocus
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    # the defocus as a symmetric matrix: k' D k is defocus times k squared in every direction
    d_xx = along * cos**2 + across * sin**2
    d_yy = along * sin**2 + across * cos**2
    d_xy = (along - across) * cos * sin
    square = ky**2 + kx**2
    phase = (math.pi * length * d_xx) * kx**2 + (math.pi * length * d_yy) * ky**2
    phase += (2 * math.pi * length * d_xy) * (ky * kx)
    phase -= (math.pi / 2 * cs * 1e7 * length**3) * square**2
    phase += math.radians(phase_shift) + math.asin(amplitude_contrast)
    np.sin(phase, out=phase)
    phase *= np.exp(square * (-b_factor / 4))
    return phase.astype(np.float32, copy=False)
