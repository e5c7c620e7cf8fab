"""How the images were taken: one class for each technique."""

from __future__ import annotations

from typing import Literal

from openem_nb.oscem.model._parts import (
    DateTime,
    Number,
    Part,
    Text,
    Truth,
    Whole,
    needed,
    optional,
)
from openem_nb.oscem.model.quantities import (
    BoundingBox2D,
    ImageSize,
    QuantitySI,
    Range,
    TiltAngle,
)

__all__ = [
    "Acquisition",
    "AcquisitionCelTomo",
    "AcquisitionEnvTomo",
    "AcquisitionSpa",
    "AcquisitionSubTomo",
    "AcquisitionTomo",
    "ChromaticAberrationCorrector",
    "Detector",
    "EnergyFilter",
    "Phaseplate",
    "SpecialistOptics",
    "SphericalAberrationCorrector",
]


class Detector(Part):
    """One camera or detector."""

    collection_angle: Range | None = optional("Angles that the detector collects", unit="mrad")
    dispersion: QuantitySI | None = optional("Dispersion of a spectrometer", unit="eV")
    mode: Text | None = optional("Mode, such as counting or ScanningDetector")
    name: Text | None = optional("Name, such as Falcon 4i")


class EnergyFilter(Part):
    """Energy filter with its slit."""

    model: Text | None = optional("Model, such as Selectris")
    used: Truth = needed("Whether the slit was in")
    width_energy_filter: QuantitySI = needed("Width of the slit", unit="eV")


class Phaseplate(Part):
    """Phase plate."""

    instrument_type: Text = needed("Kind of phase plate, such as Volta")
    used: Truth = needed("Whether it was used")


class SphericalAberrationCorrector(Part):
    """Corrector of spherical aberration."""

    instrument_type: Text = needed("Kind of corrector")
    used: Truth = needed("Whether it was used")


class ChromaticAberrationCorrector(Part):
    """Corrector of chromatic aberration."""

    instrument_type: Text = needed("Kind of corrector")
    used: Truth = needed("Whether it was used")


class SpecialistOptics(Part):
    """Optics that not every microscope has."""

    chromatic_aberration_corrector: ChromaticAberrationCorrector | None = optional(
        "Corrector of chromatic aberration"
    )
    phaseplate: Phaseplate | None = optional("Phase plate, which enhances contrast")
    spherical_aberration_corrector: SphericalAberrationCorrector | None = optional(
        "Corrector of spherical aberration"
    )


class Acquisition(Part):
    """How images were taken, whatever the technique."""

    beamshift: BoundingBox2D | None = optional(
        "Shift of the beam over the specimen, as the instrument writes it",
        unit="um",
        also=("mrad",),
    )
    beamtilt: BoundingBox2D | None = optional("Tilt of the beam", unit="mrad")
    beamtiltgroups: Whole | None = optional("Number of groups of equal beam tilt (optics groups)")
    binning_camera: ImageSize = needed("Binning of the camera")
    calibrated_defocus: Range | None = optional(
        "Defocus as the microscope estimates it; often off, underfocus negative", unit="nm"
    )
    calibrated_magnification: Whole | None = optional("Magnification from a calibration")
    cryogen: Text | None = optional("What cools instrument and specimen, mostly nitrogen")
    date_time: DateTime = needed("When the first image was taken")
    detectors: list[Detector] = needed("Cameras and detectors that recorded the data")
    dose_per_movie: QuantitySI | None = optional(
        "Mean dose of one image, movie or tilt", unit="1/Å^2"
    )
    energy_filter: EnergyFilter | None = optional("Energy filter, and whether it was used")
    exposure_time: QuantitySI | None = optional("Time of one exposure", unit="s")
    frames_per_movie: Whole | None = optional("Frames in one movie")
    gainref_flip_rotate: Text | None = optional(
        "How the gain reference has to be flipped or rotated to fit the images"
    )
    grids_imaged: Whole | None = optional("Number of grids in this data set")
    holder: Text | None = optional("Model of the specimen holder")
    holder_cryogen: Text | None = optional("What cools the holder, if it is cooled on its own")
    image_size: ImageSize | None = optional("Size of an image in pixels")
    images_generated: Whole | None = optional(
        "Number of images (movies, or single tilts) in this data set"
    )
    imageshift: BoundingBox2D | None = optional("Shift of the image on the detector", unit="um")
    microscope_software: Text | None = optional("Program that ran the session")
    nominal_defocus: Range | None = optional("Target defocus, underfocus negative", unit="nm")
    nominal_magnification: Whole | None = optional("Magnification that the instrument shows")
    pixel_size: QuantitySI = needed("Size of a pixel on the specimen", unit="Å")
    screen_current: QuantitySI | None = optional("Beam current on the screen", unit="nA")
    specialist_optics: SpecialistOptics | None = optional("Phase plate and aberration correctors")
    technique: Text | None = optional("Technique")
    temperature: Range | None = optional("Temperature of the specimen", unit="K")


class AcquisitionSpa(Acquisition):
    """How images of single particles were taken."""

    technique: Literal["spa"] = needed("Technique: single particles")


class AcquisitionTomo(Acquisition):
    """How tilt series were taken."""

    tilt_angle: TiltAngle = needed("Angles of the tilt series", unit="°")
    tilt_axis_angle: Number = needed("Angle of the tilt axis in the image, in degrees", unit="°")


class AcquisitionSubTomo(AcquisitionTomo):
    """How tilt series for subtomogram averaging were taken."""

    technique: Literal["subtomo"] = needed("Technique: subtomogram averaging")


class AcquisitionEnvTomo(AcquisitionTomo):
    """How tilt series of a sample from the environment were taken."""

    technique: Literal["env_tomo"] = needed("Technique: tomography of an environmental sample")


class AcquisitionCelTomo(AcquisitionTomo):
    """How tilt series of cells were taken."""

    technique: Literal["cellular_tomo"] = needed("Technique: tomography of cells")
