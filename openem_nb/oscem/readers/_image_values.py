"""From the texts of an image's XML to values: units, doses, detectors, kind of image."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Final

from openem_nb._texts import one_line
from openem_nb.oscem.readers import _image_xml as xml
from openem_nb.oscem.readers._reading import Finding, Kind, Reading, Value
from openem_nb.oscem.readers._xml import NotUsable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SUPPLIES", "kind_by_name", "number", "readings"]

_M: Final = "microscopeData/"
_TEXTS: Final = (
    ("serial", _M + "instrument/InstrumentModel"),
    ("electron_source", _M + "gun/Sourcetype"),
    ("illumination", _M + "optics/IlluminationMode"),
    ("imaging", _M + "optics/ColumnOperatingTemSubMode"),
    ("operating_mode", _M + "optics/ColumnOperatingMode"),
    ("time", _M + "acquisition/acquisitionDateTime"),
    ("software_version", _M + "core/ApplicationSoftwareVersion"),
    ("camera", _M + "acquisition/camera/Name"),
    ("fractionation", xml.FRACTIONATION),
)
_NUMBERS: Final = (
    ("voltage", _M + "gun/AccelerationVoltage", 1e-3),
    ("beam_convergence", _M + "optics/BeamConvergence", 1e3),
    ("defocus_nominal", "CustomData[AppliedDefocus]", 1e9),
    ("defocus_lens", _M + "optics/Defocus", 1e9),
    ("exposure", _M + "acquisition/camera/ExposureTime", 1.0),
    ("pixel_size", "SpatialScale/pixelSize/x/numericValue", 1e10),
    ("beam_shift_x", _M + "optics/BeamShift/_x", 1.0),
    ("beam_shift_y", _M + "optics/BeamShift/_y", 1.0),
    ("beam_tilt_x", _M + "optics/BeamTilt/_x", 1.0),
    ("beam_tilt_y", _M + "optics/BeamTilt/_y", 1.0),
    ("image_shift_x", _M + "optics/ImageShift/_x", 1.0),
    ("image_shift_y", _M + "optics/ImageShift/_y", 1.0),
    ("stage_tilt", _M + "stage/Position/A", 180 / math.pi),
)
_COUNTS: Final = (
    ("magnification", _M + "optics/TemMagnification/NominalMagnification"),
    ("width", _M + "acquisition/camera/ReadoutArea/width"),
    ("height", _M + "acquisition/camera/ReadoutArea/height"),
    ("binning_x", _M + "acquisition/camera/Binning/x"),
    ("binning_y", _M + "acquisition/camera/Binning/y"),
    ("frames", f"{xml.FRACTIONATION}/NumberOffractions"),
)
_DOSE: Final = "CustomData[Dose]"
_DOSE_ON_CAMERA: Final = "CustomData[DoseOnCamera]"

_TAGS: Final = {
    **dict(_TEXTS),
    **{name: place for name, place, _factor in _NUMBERS},
    **dict(_COUNTS),
    "software": _M + "core/ApplicationSoftware",
    "detector": "CustomData[DetectorCommercialName]",
    "counting": "CameraSpecificInput[ElectronCountingEnabled]",
    "gain_reference": "CustomData[Detectors[camera].GainReference]",
    "c2_aperture": "CustomData[Aperture[C2].Name]",
    "c2_name": "CustomData[Aperture[C2].Name]",
    "objective_aperture": "CustomData[Aperture[OBJ].Name]",
    "phase_plate_used": "CustomData[PhasePlateUsed]",
    "phase_plate": "CustomData[PhasePlateApertureName]",
    "slit_used": _M + "optics/EnergyFilter/EnergySelectionSlitInserted",
    "slit_width": _M + "optics/EnergyFilter/EnergySelectionSlitWidth",
    "holder": _M + "stage/Holder",
    "tilt_angle": _M + "stage/Position/A",
    "grid_square": "(name of the folder)",
    "movie": "(name of the file)",
    "dose": _DOSE,
    "dose_linear": _DOSE,
    "dose_per_pixel": _DOSE_ON_CAMERA,
}
_TAGS_PIXEL: Final = {**_TAGS, "dose": _DOSE_ON_CAMERA, "dose_linear": _DOSE_ON_CAMERA}
_RULES: Final = {
    "voltage": "V to kV",
    "beam_convergence": "rad to mrad",
    "defocus_nominal": "m to nm; underfocus is negative",
    "defocus_lens": "m to nm",
    "pixel_size": "m to Å",
    "stage_tilt": "radians to degrees",
    "tilt_angle": "radians to degrees",
    "dose": "electrons per m² × 1e-20",
    "dose_linear": "electrons per m² × 1e-20",
    "c2_aperture": "the name of the aperture is its size in µm",
}
_RULES_PIXEL: Final = {
    **_RULES,
    "dose": "electrons per pixel ÷ (pixel size)²",
    "dose_linear": "electrons per pixel ÷ (pixel size)²",
}
SUPPLIES: Final = frozenset(_TAGS)
_FREE: Final = (
    *("software", "detector", "camera", "gain_reference", "c2_name", "objective_aperture"),
    *("phase_plate", "holder", "grid_square", "movie"),
)
"""Texts that are put in after the others, some of them names of files."""
_LONGEST: Final = 400

_DATA: Final = re.compile(r"FoilHole_.*_Data_", re.IGNORECASE)
_OVERVIEW: Final = re.compile(
    r"^(?:GridSquare|FoilHole|Atlas|Tile|SearchMap|Search|Overview|Tracking|TargetLocation)(?:_|\d|\b)"
    r"|_search(?:map)?(?:_|\.|$)|_overview(?:_|\.|$)",
    re.IGNORECASE,
)
_OVERVIEW_FOLDERS: Final = frozenset(
    ("foilholes", "atlas", "metadata", "searchmaps", "overviews", "thumbnails")
)
_ANGLE: Final = re.compile(r"\[(-?\d+(?:\.\d+)?)\]|_(-?\d+\.\d+)_")


def kind_by_name(path: Path) -> Kind:
    """Return which kind of image an XML file belongs to by its name and folder.

    Overviews have the same form as data and other magnifications; EPU tells them apart by name.
    """
    name, folder = path.name, path.parent.name.lower()
    if _DATA.search(name):
        return "image"
    if _OVERVIEW.search(name) or folder in _OVERVIEW_FOLDERS:
        return "overview"
    if folder.startswith("gridsquare_"):  # data stand one folder below
        return "overview"
    return "image"


def number(text: str | None) -> float | None:
    """Return a number in the form that programs write, None for anything else and for NaN."""
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def readings(path: Path, data: bytes, source: str) -> tuple[Reading, ...]:
    """Return the reading of an image's XML, under the name of the program that wrote it."""
    said = xml.texts(data)
    if said["/"] != xml.ROOT:
        if said["/"] in ("BatchPositionsList", "ArrayOfBatchPosition"):
            return ()  # a list of places to go to
        raise NotUsable(
            Finding(
                "unknown-xml",
                "Some XML files are of a form that is not known here.",
                "They are left out; if they hold metadata, tell the developers.",
                "info",
            )
        )
    software = said.get(_TAGS["software"], "")
    kind = kind_by_name(path)
    if "tomo" in software.lower():
        source = "tomo5"
        if kind == "image" and _ANGLE.search(path.name):
            kind = "tilt"
    return (_reading(said, path, kind, source, software),)


def _reading(said: dict[str, str], path: Path, kind: Kind, source: str, software: str) -> Reading:
    get = said.get
    values: dict[str, Value] = {}
    for name, place in _TEXTS:
        if (text := get(place)) is not None and (harmless := _harmless(text)):
            values[name] = harmless
    for name, place, factor in _NUMBERS:
        if (text := get(place)) is not None and (found := number(text)) is not None:
            values[name] = found * factor
    for name, place in _COUNTS:
        if (text := get(place)) is not None and (found := number(text)) is not None and found > 0:
            values[name] = int(found) if found == int(found) else found
    findings = _odd(said, values)
    if software:
        values["software"] = "EPU" if software == "Fei EPU" else software
    listed = get(f"{xml.FRACTIONATION}/DoseFractions")
    if listed is not None and "frames" not in values and listed != "0":
        values["frames"] = int(listed)
    _camera(said, values)
    tags, rules = _dose(said, values)
    _optics(said, values)
    if kind == "tilt" and "stage_tilt" in values:
        values["tilt_angle"] = values["stage_tilt"]
    if path.parent.parent.name.startswith("GridSquare_"):
        values["grid_square"] = path.parent.parent.name
    if kind in ("image", "tilt"):
        values["movie"] = path.stem
    for name in _FREE:
        if isinstance(found_text := values.get(name), str):
            values[name] = _harmless(found_text)
    return Reading(source, kind, values, tags, rules, findings)


def _harmless(text: str) -> str:
    """Return a text of a length that a person reads, on one line and without hidden letters."""
    if text.isprintable() and len(text) <= _LONGEST:
        return text
    return one_line(text[: 4 * _LONGEST])[:_LONGEST]


def _odd(said: dict[str, str], values: dict[str, Value]) -> tuple[Finding, ...]:
    """Look for numbers that are none, and drop values that say "not known" by a nought."""
    for name in ("pixel_size", "exposure", "voltage", "beam_convergence"):
        if name in values and not float(values[name]) > 0:
            del values[name]
    for name, place, _factor in _NUMBERS:
        if name not in values and (text := said.get(place)) and number(text) is None:
            return (
                Finding(
                    "no-number",
                    f"Some files have no number where one belongs: {place.rpartition('/')[2]}.",
                    "These values are left out.",
                ),
            )
    return ()


def _camera(said: dict[str, str], values: dict[str, Value]) -> None:
    """Fill in which camera it was, and whether it counted."""
    get = said.get
    camera = get("CustomData[BinaryResult.Detector]")
    if camera and "camera" not in values:
        values["camera"] = camera
    camera = camera or str(values.get("camera", ""))
    own = f"CustomData[Detectors[{camera}]."
    detector = get("CustomData[DetectorCommercialName]") or get(f"{own}CommercialName]")
    if detector:
        values["detector"] = detector
    counted = get("CameraSpecificInput[ElectronCountingEnabled]") or get(f"{own}ElectronCounted]")
    if counted in ("true", "false"):
        values["counting"] = counted == "true"
    if values.get("fractionation") == "EerFractionation":
        gain = get(f"{own}EerGainReference]")
    else:
        gain = get(f"{own}GainReference]")
    if gain:
        values["gain_reference"] = gain.replace("\\", "/").rpartition("/")[2]


def _dose(said: dict[str, str], values: dict[str, Value]) -> tuple[dict[str, str], dict[str, str]]:
    """Fill in the dose, and return tags and rules that tell from where.

    ``Dose`` is in electrons per square metre of the specimen; ``DoseOnCamera`` in electrons per
    pixel. A camera that does not count gives numbers that are no dose.
    """
    on_camera = number(said.get(_DOSE_ON_CAMERA))
    per_area = number(said.get(_DOSE))
    if on_camera is not None and on_camera > 0:
        values["dose_per_pixel"] = on_camera
    pixel = values.get("pixel_size")
    name = "dose_linear" if values.get("counting") is False else "dose"
    if per_area is not None and per_area > 0:
        values[name] = per_area * 1e-20
        return _TAGS, _RULES
    if on_camera is not None and on_camera > 0 and isinstance(pixel, float):
        values[name] = on_camera / pixel**2
        return _TAGS_PIXEL, _RULES_PIXEL
    return _TAGS, _RULES


def _optics(said: dict[str, str], values: dict[str, Value]) -> None:
    """Fill in apertures, energy filter, phase plate and holder."""
    get = said.get
    name = get("CustomData[Aperture[C2].Name]")
    if name:
        values["c2_name"] = name
    aperture = number(name)
    if aperture is not None and aperture > 0:  # the name may be None: no aperture
        values["c2_aperture"] = aperture
    objective = get("CustomData[Aperture[OBJ].Name]")
    if objective:
        values["objective_aperture"] = objective
    slit = get(_TAGS["slit_used"])
    if slit in ("true", "false"):
        values["slit_used"] = slit == "true"
    width = number(get(_TAGS["slit_width"]))
    if width is not None and width > 0:
        values["slit_width"] = width
    plate = get("CustomData[PhasePlateUsed]")
    if plate in ("true", "false"):
        values["phase_plate_used"] = plate == "true"
        if plate == "true" and (position := get("CustomData[PhasePlateApertureName]")):
            values["phase_plate"] = position
    holder = get(_TAGS["holder"])
    if holder and holder.lower() not in ("unspecified", "none", "unknown"):
        values["holder"] = holder
