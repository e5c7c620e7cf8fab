"""One practice micrograph or movie: specimen, optics, drift, electrons, detector."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
import scipy.fft

from openem_nb.errors import InvalidInput
from openem_nb.practice.micrographs._optics import transfer
from openem_nb.practice.micrographs._specimen import carbon_mask, particles, solvent_amplitude
from openem_nb.practice.micrographs.truth import MicrographTruth

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["ABSORBED", "CARBON", "SOLVENT", "gain_reference", "simulate"]

_ROWS: Final = 64
"""Rows of the spectrum that are worked on at a time: what belongs to them stays in the cache."""
SOLVENT: Final = 0.025
"""Phase noise of amorphous solvent, rad at pixels of 1 Å; it falls with the area of a pixel."""
CARBON: Final = 0.05
"""The same of a carbon film of some 10 nm."""
ABSORBED: Final = 0.1
"""Part of the electrons that the carbon film keeps from the detector."""
_MANY: Final = 20.0
"""Electrons per pixel from which counts are drawn from a normal distribution and rounded: its third
moment is off by less than a quarter of the standard deviation, which no measurement here sees."""


def simulate(
    shape: tuple[int, int] = (4096, 4096),
    *,
    pixel_size: float = 1.06,
    voltage: float = 300.0,
    cs: float = 2.7,
    amplitude_contrast: float = 0.07,
    defocus_u: float = 15_000.0,
    defocus_v: float | None = None,
    angle: float = 0.0,
    phase_shift: float = 0.0,
    dose: float = 40.0,
    frames: int = 1,
    drift: float = 0.0,
    signal: float = 1.0,
    b_factor: float = 60.0,
    covered: float = 0.2,
    ice_ring: float = 0.0,
    carbon: float = 0.0,
    gradient: float = 0.0,
    hot_pixels: int = 0,
    gain: bool | npt.NDArray[np.float32] | None = None,
    seed: int = 0,
) -> tuple[npt.NDArray[np.float32], MicrographTruth]:
    """Return counts of electrons as a detector gives them, and what is true of them.

    The specimen is a weak phase object: particles in amorphous solvent, imaged in one plane through
    the contrast transfer function, falling as electrons on a counting detector. What is left out:
    thickness, tilt, multiple and inelastic scattering, and the point spread of the detector.

    Parameters
    ----------
    shape :
        Pixels (y, x); the first row is the bottom of the micrograph.
    pixel_size, voltage, cs, amplitude_contrast :
        Å, kV, mm, part of 1.
    defocus_u, defocus_v, angle :
        Å and degrees as in :class:`MicrographTruth`; without ``defocus_v`` there is no astigmatism.
    phase_shift :
        Degrees, of a phase plate.
    dose, frames :
        Electrons per Å² of all frames together, and how many frames they are spread over.
    drift :
        Length of the way, Å, that the specimen moves over the frames: fast first, then slowly.
    signal :
        Strength of the solvent's and the carbon's scattering, relative to a good micrograph.
    b_factor :
        Å², envelope of the amplitudes.
    covered :
        Part of the area that particles take.
    ice_ring :
        Strength of crystalline ice relative to the solvent around it.
    carbon :
        Part of the frame under which carbon lies.
    gradient :
        Relative difference of illumination between right and left edge.
    hot_pixels :
        How many pixels count a thousand electrons too many in every frame.
    gain :
        Pixels count differently: as this reference corrects it, or as one that is drawn and stands
        in the truth.

    Returns
    -------
    counts, truth :
        Shape (y, x), or (frames, y, x) where there is more than one frame.

    Raises
    ------
    InvalidInput
        If there are no pixels, no frames, no dose, or ``defocus_v`` is above ``defocus_u``.
    """
    across = defocus_u if defocus_v is None else defocus_v
    if min(shape) < 16 or frames < 1 or dose <= 0 or pixel_size <= 0 or across > defocus_u:
        raise InvalidInput(
            "These values make no micrograph: sizes from 16 pixels, frames, dose and pixel size "
            "above zero, and defocus_v not above defocus_u.",
            hint="Exchange defocus_u and defocus_v and turn the angle by 90 degrees.",
        )
    rng = np.random.default_rng(seed)
    phase, centres = particles(shape, pixel_size, rng, covered=covered)
    mask = carbon_mask(shape, carbon, rng) if carbon else None
    if mask is not None:
        film = rng.standard_normal(shape, dtype=np.float32)
        film *= signal * CARBON / pixel_size
        phase += film * mask
    spectrum = scipy.fft.rfft2(phase, overwrite_x=True)
    del phase
    _through_microscope(
        spectrum,
        shape,
        pixel_size,
        rng,
        solvent=signal * SOLVENT,
        ice_ring=ice_ring,
        optics={
            "voltage": voltage,
            "cs": cs,
            "defocus": (defocus_u, across, angle),
            "amplitude_contrast": amplitude_contrast,
            "phase_shift": phase_shift,
            "b_factor": b_factor,
        },
    )
    track = _track(frames, drift, rng)
    reference = gain if isinstance(gain, np.ndarray) else None
    if gain is True:
        reference = gain_reference(shape, rng)
    hot = rng.integers(0, shape, (hot_pixels, 2)) if hot_pixels else np.empty((0, 2), dtype=np.intp)
    illumination = 1 + gradient * np.linspace(-0.5, 0.5, shape[1], dtype=np.float32)
    expected_dose = dose * pixel_size**2 / frames
    out = np.empty((frames, *shape), dtype=np.float32)
    for number, moved in enumerate(track):
        here = spectrum if not moved.any() else _moved(spectrum, shape, moved / pixel_size)
        # a copy: irfft2 may work in its input, and the spectrum serves all frames
        image = scipy.fft.irfft2(here, s=shape)
        image *= -2
        image += 1
        image *= illumination * np.float32(expected_dose)
        if mask is not None:
            image *= 1 - ABSORBED * mask
        if reference is not None:
            image /= reference
        np.maximum(image, 0, out=image)
        _electrons(image, expected_dose, rng, out=out[number])
        out[number][hot[:, 0], hot[:, 1]] += 1000
    truth = MicrographTruth(
        pixel_size=pixel_size,
        voltage=voltage,
        cs=cs,
        amplitude_contrast=amplitude_contrast,
        defocus_u=defocus_u,
        defocus_v=across,
        angle=angle,
        phase_shift=phase_shift,
        dose=dose,
        b_factor=b_factor,
        ice_ring=ice_ring,
        carbon=carbon,
        track=track,
        particles=centres,
        hot_pixels=hot,
        gain=reference,
        seed=seed,
    )
    return (out if frames > 1 else out[0]), truth


def _through_microscope(
    spectrum: npt.NDArray[np.complex64],
    shape: tuple[int, int],
    pixel_size: float,
    rng: np.random.Generator,
    *,
    solvent: float,
    ice_ring: float,
    optics: dict[str, object],
) -> None:
    """Add the solvent to the spectrum of the phase and image it, in place, a few rows at a time."""
    kx = scipy.fft.rfftfreq(shape[1], pixel_size).astype(np.float32)
    all_ky = scipy.fft.fftfreq(shape[0], pixel_size).astype(np.float32)
    # noise of that deviation per pixel has as much power in each of its Fourier coefficients
    deviation = np.float32(solvent / pixel_size * math.sqrt(shape[0] * shape[1] / 2))
    for start in range(0, shape[0], _ROWS):
        rows = spectrum[start : start + _ROWS]
        ky = all_ky[start : start + _ROWS, None]
        noise = rng.standard_normal((*rows.shape, 2), dtype=np.float32).view(np.complex64)[..., 0]
        amplitude = solvent_amplitude(np.sqrt(ky**2 + kx**2), ice_ring=ice_ring)
        amplitude *= deviation
        noise *= amplitude
        rows += noise
        rows *= transfer(ky, kx, **optics)  # type: ignore[arg-type]
    spectrum[0, 0] = 0


def _track(frames: int, drift: float, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return where the specimen stands in each frame: a bent way that gets slower, Å."""
    speed = 0.15 + np.exp(-np.arange(1, frames) / max(1.0, frames / 6))
    direction = rng.uniform(0, 2 * math.pi) + np.cumsum(rng.normal(0, 2 / frames, frames - 1))
    steps = np.stack([np.sin(direction), np.cos(direction)], axis=1) * speed[:, None]
    if frames > 1:
        steps *= drift / speed.sum()
    return np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])


def _moved(
    spectrum: npt.NDArray[np.complex64], shape: tuple[int, int], pixels: npt.NDArray[np.float64]
) -> npt.NDArray[np.complex64]:
    """Return the spectrum of the image moved by so many pixels (y, x)."""
    ky = scipy.fft.fftfreq(shape[0])[:, None]
    kx = scipy.fft.rfftfreq(shape[1])
    y = np.exp(-2j * math.pi * ky * pixels[0]).astype(np.complex64)
    x = np.exp(-2j * math.pi * kx * pixels[1]).astype(np.complex64)
    moved: npt.NDArray[np.complex64] = spectrum * y
    moved *= x
    return moved


def gain_reference(shape: tuple[int, int], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return a gain reference: pixels differ by some percent, and so do the sensor's columns."""
    reference = rng.standard_normal(shape, dtype=np.float32)
    reference *= np.float32(0.04)
    reference += rng.normal(1, 0.02, (1, shape[1])).astype(np.float32)
    return np.clip(reference, 0.5, 2, out=reference)


def _electrons(
    image: npt.NDArray[np.float32],
    expected: float,
    rng: np.random.Generator,
    *,
    out: npt.NDArray[np.float32],
) -> None:
    """Draw counts around the expected ones of each pixel."""
    if expected < _MANY:
        out[:] = rng.poisson(image)
        return
    rng.standard_normal(out=out, dtype=np.float32)
    out *= np.sqrt(image)
    out += image
    np.rint(out, out=out)
    np.maximum(out, 0, out=out)
