"""What a reader says of one file: values under common names, and where in the file they stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["QUANTITIES", "Finding", "Kind", "Level", "Quantity", "Reading", "Value", "Way"]

Value = float | int | str | bool
Level = Literal["error", "warning", "info"]
Kind = Literal[
    "image",  # one exposure: a movie or micrograph with what the microscope was set to
    "fractions",  # the same exposure, as the camera recorded it
    "tilt",  # one exposure of a tilt series
    "tilt series",  # what holds for all of them
    "montage",
    "overview",  # atlas, grid square, foil hole, search map: other magnifications, not data
    "session",  # what was planned
    "file header",  # an image file's own header
    "signal",  # one signal of a file of materials science
]
Way = Literal["same", "range", "first", "mean", "count", "all"]
"""How values of many files become one: they have to agree; smallest and largest; the earliest; mean
and range; how many; all different ones in a list."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """One thing that readers find, under a name of ours and in one unit."""

    name: str
    unit: str = ""
    """Unit as :mod:`openem_nb.units` writes it; empty for text, truth and plain numbers."""
    way: Way = "same"
    path: str = ""
    """Where it stands in an OSC-EM document; empty for what only helps to find something else."""
    about: str = ""


_QUANTITIES: Final = (
    # instrument
    Quantity("serial", path="", about="serial number of the microscope, such as TITAN52339260"),
    Quantity("model", path="instrument.microscope.model"),
    Quantity("manufacturer", path="instrument.microscope.manufacturer"),
    Quantity("voltage", "kV", path="instrument.acceleration_voltage"),
    Quantity("cs", "mm", path="instrument.cs"),
    Quantity("electron_source", path="instrument.electron_source"),
    Quantity("illumination", path="instrument.illumination"),
    Quantity("imaging", path="instrument.imaging"),
    Quantity("operating_mode", path="instrument.operating_mode"),
    Quantity("c2_aperture", "um", path="instrument.c2_aperture"),
    Quantity("c2_name", about="name of the second condenser aperture; None: there is none in"),
    Quantity("objective_aperture", about="name of the objective aperture"),
    Quantity("beam_convergence", "mrad", path="instrument.beam_convergence"),
    # acquisition
    Quantity("time", way="first", path="acquisition.date_time", about="ISO 8601, zone if known"),
    Quantity("technique", path="acquisition.technique"),
    Quantity("defocus_nominal", "nm", "range", "acquisition.nominal_defocus", "underfocus < 0"),
    Quantity("defocus_measured", "nm", "range", "acquisition.calibrated_defocus", "underfocus < 0"),
    Quantity(
        *("defocus_lens", "nm", "range", ""),
        about="where the objective lens stood since focus was last reset; no measurement",
    ),
    Quantity("magnification", path="acquisition.nominal_magnification"),
    Quantity("magnification_calibrated", path="acquisition.calibrated_magnification"),
    Quantity("software", path="acquisition.microscope_software"),
    Quantity("software_version"),
    Quantity("detector", path="acquisition.detectors", about="commercial name: Falcon 4i, K3"),
    Quantity("camera", about="the writer's own name of the camera: EF-Falcon, Camera0"),
    Quantity("detector_mode", path="acquisition.detectors", about="counting, integrating, ..."),
    Quantity("counting", about="whether electrons were counted"),
    Quantity("super_resolution", about="whether pixels are finer than the sensor's"),
    Quantity("dose", "1/Å^2", "mean", "acquisition.dose_per_movie", "electrons per exposure"),
    Quantity(
        *("dose_linear", "1/Å^2", "mean", ""),
        about="electrons per exposure as computed for a camera that does not count: not a dose",
    ),
    Quantity("dose_per_pixel", way="mean", about="electrons per pixel and exposure"),
    Quantity("prior_dose", "1/Å^2", "range", about="electrons that the specimen had seen before"),
    Quantity("slit_used", path="acquisition.energy_filter.used"),
    Quantity("slit_width", "eV", path="acquisition.energy_filter.width_energy_filter"),
    Quantity("filter_model", path="acquisition.energy_filter.model"),
    Quantity("width", path="acquisition.image_size.width", about="pixels"),
    Quantity("height", path="acquisition.image_size.height", about="pixels"),
    Quantity("binning_x", path="acquisition.binning_camera.width", about="0.5: super-resolution"),
    Quantity("binning_y", path="acquisition.binning_camera.height"),
    Quantity("exposure", "s", path="acquisition.exposure_time"),
    Quantity("frames", path="acquisition.frames_per_movie"),
    Quantity("fractionation", about="how a movie is cut: EerFractionation, ..."),
    Quantity("pixel_size", "Å", path="acquisition.pixel_size"),
    Quantity("beam_shift_x", "um", "range", "acquisition.beamshift"),
    Quantity("beam_shift_y", "um", "range", "acquisition.beamshift"),
    Quantity("beam_tilt_x", "mrad", "range", "acquisition.beamtilt"),
    Quantity("beam_tilt_y", "mrad", "range", "acquisition.beamtilt"),
    Quantity("image_shift_x", "um", "range", "acquisition.imageshift"),
    Quantity("image_shift_y", "um", "range", "acquisition.imageshift"),
    Quantity("optics_group", way="count", path="acquisition.beamtiltgroups"),
    Quantity("phase_plate_used", path="acquisition.specialist_optics.phaseplate.used"),
    Quantity("phase_plate", path="acquisition.specialist_optics.phaseplate.instrument_type"),
    Quantity("stage_tilt", "°", "range", about="angle of the stage"),
    Quantity("tilt_angle", "°", "all", "acquisition.tilt_angle"),
    Quantity("tilt_axis", "°", path="acquisition.tilt_axis_angle"),
    Quantity("screen_current", "nA", path="acquisition.screen_current"),
    Quantity("holder", path="acquisition.holder"),
    Quantity("temperature", "K", "range", "acquisition.temperature"),
    Quantity("gain_reference", about="name of the gain reference"),
    Quantity("gain_flip_rotate", path="acquisition.gainref_flip_rotate"),
    Quantity("grid_square", way="count", about="name of the grid square"),
    Quantity("grid", way="count", path="acquisition.grids_imaged", about="which grid was in"),
    Quantity("movie", about="name of the image file, without its folders"),
    Quantity("collection_angle_min", "mrad", path="acquisition.detectors"),
    Quantity("collection_angle_max", "mrad", path="acquisition.detectors"),
    Quantity("dispersion", "eV", path="acquisition.detectors"),
    # what was planned, and the sample
    Quantity("session_name"),
    Quantity("session_time", way="first", about="when the session was set up"),
    Quantity("defocus_planned_min", "nm", "range", about="of the session's list, underfocus < 0"),
    Quantity("defocus_planned_max", "nm", "range", about="of the session's list, underfocus < 0"),
    Quantity("frames_planned", about="fractions that the session asks for"),
    Quantity("output_format", about="how fractions are written: gain applied or not"),
    Quantity("grid_type", path="sample.grid.film_topology"),
    Quantity("sample_name", path="sample.name"),
    Quantity("sample_description", path="sample.description"),
)

QUANTITIES: Final[Mapping[str, Quantity]] = {one.name: one for one in _QUANTITIES}
"""All quantities by name. A reader gives values in these units and in no others."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a person should know of a session, in words."""

    code: str
    """Short name of the situation, such as ``truncated``; the same for all files in it."""
    message: str
    hint: str = ""
    level: Level = "warning"
    files: tuple[str, ...] = ()
    """Some of the files, relative to the folder."""
    count: int = 1
    """How many files are in it."""

    def __str__(self) -> str:
        """Return it in a line: how grave it is, what is the case, what to do."""
        return f"{self.level}: {self.message} {self.hint}".rstrip()


@dataclass(frozen=True, slots=True)
class Reading:
    """What one file, or one section of it, says."""

    source: str
    """Format by name of its reader: ``epu``, ``serialem``, ``mrc``."""
    kind: Kind
    values: Mapping[str, Value]
    """By name of a quantity, in its unit. What the file does not hold is not there."""
    tags: Mapping[str, str]
    """Where in the file each value stands; the same object for all files of a reader."""
    rules: Mapping[str, str] = field(default_factory=dict)
    """How a value was made where it does not stand in the file as it is."""
    findings: tuple[Finding, ...] = ()
    extra: Mapping[str, Value] = field(default_factory=dict)
    """What has no common name and is worth keeping, by its name in the file."""
