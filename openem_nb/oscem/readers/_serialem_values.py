"""Values of an mdoc file: of its header, and of one section.

Units of an mdoc: µm for defocus and shifts, e/Å² for doses, degrees, seconds, Å per pixel, eV,
kV (SerialEM manual, "File Formats").
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from openem_nb.formats.mdoc import stamp
from openem_nb.oscem.readers._binary import basename, number, positive, text, whole
from openem_nb.oscem.readers._reading import Finding, Value

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openem_nb.formats.mdoc import Mdoc, Section, Titles

__all__ = [
    "TAGS",
    "WANTED",
    "add_exposure",
    "add_measured",
    "add_microscope",
    "of_header",
    "others",
]

TAGS: Final[Mapping[str, str]] = {
    "binning_x": "Binning",
    "binning_y": "Binning",
    "camera": "CameraIndex",
    "cs": "Cs",
    "defocus_measured": "CtfFind, or else Defocus",
    "defocus_nominal": "TargetDefocus",
    "detector": "Camera{CameraIndex}",
    "dose": "ExposureDose",
    "electron_source": "Source",
    "exposure": "ExposureTime",
    "frames": "NumSubFrames",
    "gain_reference": "GainReference",
    "height": "ImageSize",
    "image_shift_x": "ImageShift",
    "image_shift_y": "ImageShift",
    "beam_shift_x": "Beamshift",
    "beam_shift_y": "Beamshift",
    "beam_tilt_x": "BeamTilt",
    "beam_tilt_y": "BeamTilt",
    "imaging": "DarkField",
    "magnification": "Magnification",
    "movie": "SubFramePath",
    "operating_mode": "EMmode",
    "optics_group": "OpticalGroup",
    "phase_plate_used": "PhasePlateInserted",
    "pixel_size": "PixelSpacing",
    "prior_dose": "PriorRecordDose",
    "serial": "T",
    "slit_used": "FilterSlitAndLoss",
    "slit_width": "FilterSlitAndLoss",
    "software": "T",
    "software_version": "Version",
    "stage_tilt": "TiltAngle",
    "super_resolution": "Binning",
    "tilt_angle": "TiltAngle",
    "tilt_axis": "T",
    "time": "DateTime",
    "voltage": "Voltage",
    "width": "ImageSize",
}


_EM_MODES: Final = {0: "TEM", 1: "EFTEM", 2: "STEM", 3: "Diffraction"}

_FROM_FRAMES: Final = "ExposureDose is missing or 0; sum over FrameDosesAndNumber"
_FROM_READING: Final = "Defocus, where it lies within half of TargetDefocus"
_SUPER: Final = "a binning of 0.5 means pixels finer than the sensor's"
_ZERO: Final = "0: no slit in the beam"


_FOCUS_RESET: Final = Finding(
    "defocus-reset",
    "The defocus that the microscope shows is far from the target: its zero had been moved.",
    "It was not taken as measured defocus; give calibrated_defocus from a CTF fit.",
    "info",
)


def of_header(
    mdoc: Mdoc, titles: Titles
) -> tuple[dict[str, Value], dict[str, str], dict[str, Value]]:
    """Return values, rules and extra of header and titles."""
    header = mdoc.header
    values: dict[str, Value] = {}
    rules: dict[str, str] = {}
    extra: dict[str, Value] = {}
    add_microscope(header, values)
    size = header.get("ImageSize", "").split()
    if len(size) == 2 and (width := whole(size[0])) and (height := whole(size[1])):
        values["width"], values["height"] = width, height
    if titles.writer:
        values["software"] = titles.writer
    if titles.version:
        values["software_version"] = titles.version
        rules["software_version"] = "the number after the name of the software, in the title"
    version = header.get("Version", "").split()
    if version:
        known = [word for word in version if word[:1].isdigit()]
        if known:
            values["software_version"] = text(known[0])
            rules.pop("software_version", None)
        if version[0] == "SerialEM":
            values["software"] = "SerialEM"
    if titles.serial:
        values["serial"] = titles.serial
        rules["serial"] = "the name of the microscope in the title"
    if titles.axis is not None and abs(titles.axis) <= 360:
        values["tilt_axis"] = titles.axis
    if titles.label:
        extra["title"] = text(titles.label)
    if titles.scheme:
        extra["scheme"] = titles.scheme
    if titles.start is not None:
        extra["start"] = titles.start
    return values, rules, extra


def add_microscope(source: Mapping[str, str], values: dict[str, Value]) -> None:
    """Add what scripts write into the header or into sections; the same keys in both."""
    voltage = positive(source.get("Voltage"))
    if voltage is not None:
        values["voltage"] = voltage
    spacing = positive(source.get("PixelSpacing"))
    if spacing is not None:
        values["pixel_size"] = spacing
    if "Cs" in source or "CS" in source:
        cs = positive(source.get("Cs") or source.get("CS"))
        if cs is not None:
            values["cs"] = cs
    if found := text(source.get("Source", "")):
        values["electron_source"] = found
    if found := text(source.get("ImagingMode", "")):
        values["imaging"] = found
    elif "DarkField" in source and (dark := number(source["DarkField"])) is not None:
        values["imaging"] = "DarkField" if dark else "BrightField"
    mode = number(source.get("EMmode") or source.get("EMMode"))
    if mode is not None and mode in _EM_MODES:
        values["operating_mode"] = _EM_MODES[int(mode)]


def add_exposure(
    section: Section,
    values: dict[str, Value],
    rules: dict[str, str],
    cameras: Mapping[str, str],
) -> None:
    """Add the values of one section. This runs for each tilt and each image of a session."""
    texts = section.wanted
    settings, made = _settings(texts[:_MANY])
    values.update(settings)
    if made:
        rules.update(made)
    prior_dose, shift, date, path = texts[_MANY : _MANY + 4]
    if prior_dose and (prior := number(prior_dose)) is not None and prior >= 0:
        values["prior_dose"] = prior
    if shift and (pair := _pair(shift)):
        values["image_shift_x"], values["image_shift_y"] = pair
    if date and (moment := stamp(date)):
        values["time"] = moment
    if path and (name := basename(path)):
        values["movie"] = name
    if "camera" in settings:
        camera = str(settings["camera"])
        if model := section.get(camera) or cameras.get(camera):
            values["detector"] = text(model)


_SETTINGS: Final = (
    "BeamShift",
    "BeamTilt",
    "Beamshift",
    "Binning",
    "CameraIndex",
    "CtfFind",
    "ExposureDose",
    "ExposureTime",
    "FilterSlitAndLoss",
    "FrameDosesAndNumber",
    "GainReference",
    "Magnification",
    "NumSubFrames",
    "OpticalGroup",
    "PhasePlateInserted",
    "PixelSpacing",
    "TargetDefocus",
)
_MANY: Final = len(_SETTINGS)

WANTED: Final = (*_SETTINGS, "PriorRecordDose", "ImageShift", "DateTime", "SubFramePath")
"""Keys that are read of each section; the last four are different in each."""


@lru_cache(maxsize=1024)
def _settings(texts: tuple[str | None, ...]) -> tuple[dict[str, Value], dict[str, str]]:
    """Return values and rules of what stays the same over many images, read once for all of them.

    Whoever gets them copies them.
    """
    get = dict(zip(_SETTINGS, texts, strict=True)).get
    values: dict[str, Value] = {}
    rules: dict[str, str] = {}
    if (value := whole(get("Magnification"))) is not None:
        values["magnification"] = value
    if (length := positive(get("PixelSpacing"))) is not None:
        values["pixel_size"] = length
    if (defocus := number(get("TargetDefocus"))) is not None:
        values["defocus_nominal"] = round(defocus * 1000.0, 6)
    if (seconds := positive(get("ExposureTime"))) is not None:
        values["exposure"] = seconds
    if (count := whole(get("NumSubFrames"))) is not None:
        values["frames"] = count
    if (slit := _pair(get("FilterSlitAndLoss") or "")) and slit[0] >= 0:
        values["slit_used"] = slit[0] > 0
        if slit[0] > 0:
            values["slit_width"] = slit[0]
        else:
            rules["slit_used"] = _ZERO
    if (binning := positive(get("Binning"))) is not None:
        values["binning_x"] = values["binning_y"] = _plain(binning)
        if binning < 1:
            values["super_resolution"] = True
            rules["super_resolution"] = _SUPER
    if camera := text(get("CameraIndex")):
        values["camera"] = f"Camera{camera}"
    dose = positive(get("ExposureDose"))
    if dose is None and (dose := _frame_dose(get("FrameDosesAndNumber") or "")) is not None:
        rules["dose"] = _FROM_FRAMES
    if dose is not None:
        values["dose"] = dose
    if name := basename(get("GainReference") or ""):
        values["gain_reference"] = name
    if (fit := number(get("CtfFind"))) is not None:
        values["defocus_measured"] = round(fit * 1000.0, 6)
    if group := text(get("OpticalGroup")):
        values["optics_group"] = group
    if (inserted := number(get("PhasePlateInserted"))) is not None:
        values["phase_plate_used"] = inserted > 0
    if pair := _pair(get("Beamshift") or get("BeamShift") or ""):
        values["beam_shift_x"], values["beam_shift_y"] = pair
    if pair := _pair(get("BeamTilt") or ""):
        values["beam_tilt_x"], values["beam_tilt_y"] = pair
    return values, rules


def _plain(value: float) -> float | int:
    return int(value) if value == int(value) else value


def _pair(value: str) -> tuple[float, float] | None:
    words = value.split(None, 2)
    if len(words) < 2:
        return None
    first, second = number(words[0]), number(words[1])
    return (first, second) if first is not None and second is not None else None


def _frame_dose(value: str) -> float | None:
    """Return the sum of pairs "dose of a frame, number of such frames", in e/Å²."""
    words = value.split()
    total = 0.0
    for dose, count in zip(words[::2], words[1::2], strict=False):
        one, many = number(dose), whole(count)
        if one is None or many is None or one < 0:
            return None
        total += one * many
    return total if total > 0 else None


_KEPT: Final = ("CountsPerElectron", "DoseRate", "OperatingMode", "RotationAngle", "SpotSize")
"""Numbers that have no place in a document, but help a person to judge one."""


def others(section: Section) -> dict[str, Value]:
    """Return such numbers of a section."""
    found = {key: number(section.get(key)) for key in _KEPT}
    return {key: value for key, value in found.items() if value is not None}


def add_measured(
    sections: Sequence[Section],
    values: Sequence[dict[str, Value]],
    rules: Sequence[dict[str, str]],
) -> tuple[Finding, ...]:
    """Take the defocus that the microscope shows as measured where that can be true.

    It counts from where the operator set zero, which is often not focus. So it is taken for all
    images of a file or for none: if each lies within half of its target. A CTF fit goes before it.
    """
    shown: list[float] = []
    for section, found in zip(sections, values, strict=True):
        reading, target = number(section.get("Defocus")), number(section.get("TargetDefocus"))
        if "defocus_measured" in found or reading is None or target is None:
            return ()
        if abs(reading - target) > abs(target) / 2:
            return (_FOCUS_RESET,)
        shown.append(round(reading * 1000.0, 6))
    for found, rule, defocus in zip(values, rules, shown, strict=True):
        found["defocus_measured"] = defocus
        rule["defocus_measured"] = _FROM_READING
    return ()
