"""What is true of a practice micrograph, whatever a measurement makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

__all__ = ["DatasetTruth", "MicrographTruth"]


@dataclass(frozen=True, slots=True, eq=False)
class MicrographTruth:
    """The values with which one micrograph was made."""

    pixel_size: float
    """Å per pixel."""
    voltage: float
    """Acceleration voltage, kV."""
    cs: float
    """Spherical aberration, mm."""
    amplitude_contrast: float
    """Part of the contrast that comes from amplitude: 0 to 1."""
    defocus_u: float
    """Å, along the axis of ``angle``; underfocus is positive."""
    defocus_v: float
    """Å, across that axis; never larger than ``defocus_u``."""
    angle: float
    """Degrees from +x, counter-clockwise where the first row lies at the bottom; -90 to 90."""
    phase_shift: float
    """Phase shift of a phase plate, degrees."""
    dose: float
    """Electrons per Å² of the whole exposure, on an empty specimen."""
    b_factor: float
    """Å²; the envelope of the amplitudes is exp(-B k²/4)."""
    ice_ring: float
    """Strength of the ring of crystalline ice at 3.67 Å, relative to amorphous solvent; 0: none."""
    carbon: float
    """Part of the frame, from the left, under which carbon lies."""
    track: npt.NDArray[np.float64]
    """Where the specimen stood in each frame, Å from its first place: (frames, 2) as y, x."""
    particles: npt.NDArray[np.intp]
    """Centres of the particles, pixels in the first frame: (count, 2) as y, x."""
    hot_pixels: npt.NDArray[np.intp]
    """Pixels that count far too much: (count, 2) as y, x."""
    gain: npt.NDArray[np.float32] | None
    """What each pixel has to be multiplied with; None where all pixels count alike."""
    seed: int
    """Seed of everything that was drawn."""

    @property
    def drift(self) -> float:
        """Length of the track, Å."""
        steps = self.track[1:] - self.track[:-1]
        return float(((steps**2).sum(axis=1) ** 0.5).sum())


@dataclass(frozen=True, slots=True)
class DatasetTruth:
    """A folder of practice micrographs that was written, and what is true of each file."""

    folder: Path
    micrographs: dict[str, MicrographTruth]
    """By the name of the file."""
    faults: dict[str, str]
    """What is wrong with the bad ones, by the name of the file."""
    gain: str | None = None
    """Name of the gain reference, where one was written."""
