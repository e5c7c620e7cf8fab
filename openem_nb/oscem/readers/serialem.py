"""What SerialEM and Tomography write as text: mdoc files and the settings of SerialEM.

Units of an mdoc: µm for defocus and shifts, e/Å² for doses, degrees, seconds, Å per pixel, eV,
kV (SerialEM manual, "File Formats"). A section of a tilt series is one exposure; the dates of all
are local time without a zone, and the order of the sections is often that of the angles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openem_nb.oscem.readers._binary import basename, number, positive, text, whole
from openem_nb.oscem.readers._mdoc import Mdoc, Section, Titles, parse, parse_titles, stamp
from openem_nb.oscem.readers._reading import Finding, Kind, Reading, Value
from openem_nb.oscem.readers._tilts import distinct_angles
from openem_nb.oscem.readers._xml import NotUsable, content

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["SOURCE", "SUPPLIES", "read_serialem", "read_settings"]

SOURCE: Final = "serialem"

TAGS: Final[Mapping[str, str]] = {
    "binning_x": "Binning",
    "binning_y": "Binning",
    "camera": "CameraIndex",
    "cs": "Cs",
    "defocus_measured": "CtfFind",
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

SUPPLIES: Final[frozenset[str]] = frozenset(TAGS)

LARGEST: Final = 64 * 1024 * 1024
"""Bytes of one mdoc that are read: a tilt series has 30 kB, the largest montages some MB."""

_EM_MODES: Final = {0: "TEM", 1: "EFTEM", 2: "STEM", 3: "Diffraction"}

_FROM_FRAMES: Final = "ExposureDose is missing or 0; sum over FrameDosesAndNumber"
_FROM_READING: Final = "Defocus, where it lies within half of TargetDefocus"
_SUPER: Final = "a binning of 0.5 means pixels finer than the sensor's"
_ZERO: Final = "0: no slit in the beam"

_RULES: Final[Mapping[str, str]] = {"super_resolution": _SUPER, "slit_used": _ZERO}

_NO_DOSE: Final = Finding(
    "dose-unknown",
    "Some images have no dose: SerialEM wrote 0, which says that its dose was not calibrated.",
    "Measure the dose rate, or take it from the log book, and give dose_per_movie yourself.",
    "info",
)
_FOCUS_RESET: Final = Finding(
    "defocus-reset",
    "The defocus that the microscope shows is far from the target: its zero had been moved.",
    "It was not taken as measured defocus; give calibrated_defocus from a CTF fit.",
    "info",
)
_BROKEN: Final = Finding(
    "truncated",
    "Some mdoc files break off inside their last line: still being written, or copied in part.",
    "If the session is still running, extract again when it has ended; if not, copy them again.",
)
_NO_MDOC: Finding = Finding(
    "damaged",
    "Some mdoc files hold no section of an image.",
    "Copy these files again from the microscope; their values are missing here.",
)


def read_serialem(path: Path, *, data: bytes | None = None) -> tuple[Reading, ...]:
    """Read an mdoc file of SerialEM or of Tomography.

    A tilt series gives one reading ``tilt series`` with what holds for all of it, then one
    reading ``tilt`` for each image in the order of the file. A frame set gives one ``image``; one
    with a tilt series in its frames gives ``tilt series`` and ``tilt`` as well. A montage gives
    one ``montage``, or ``overview`` when it was taken in the View, Focus or Trial area.

    Parameters
    ----------
    path
        The file.
    data
        Its bytes, where they have been read already.
    """
    try:
        raw = content(path, data, limit=LARGEST)
    except NotUsable as refused:
        return (Reading(SOURCE, "image", {}, TAGS, findings=(refused.finding,)),)
    mdoc = parse(_decoded(raw))
    findings: tuple[Finding, ...] = () if mdoc.ended else (_BROKEN,)
    if not mdoc.sections:
        if not mdoc.header and not mdoc.titles:
            findings = (_NO_MDOC,)
        titles = parse_titles(mdoc.titles)
        kind: Kind = "tilt series" if titles.scheme else "file header"
        return (_reading(kind, *_head(mdoc, titles), findings),)
    if not mdoc.ended:
        mdoc = _without_last_line(mdoc)
    titles = parse_titles(mdoc.titles)
    top = mdoc.sections[0]
    if top.kind == "FrameSet":
        below = [one for one in mdoc.sections[1:] if one.kind == "ZValue"]
        if below:
            return _frame_series(mdoc, titles, top, below, findings)
        return (_image(mdoc, titles, top, findings),)
    images = [one for one in mdoc.sections if one.kind in ("ZValue", "Image")]
    if _is_tilt_series(mdoc, titles, images):
        return _tilt_series(mdoc, titles, images, findings)
    if mdoc.header.get("Montage") == "1" or any("PieceCoordinates" in o.values for o in images[:1]):
        return (_montage(mdoc, titles, images or list(mdoc.sections), findings),)
    return tuple(_image(mdoc, titles, one, findings) for one in images or mdoc.sections)


def read_settings(path: Path, *, data: bytes | None = None) -> tuple[Reading, ...]:
    """Read the properties or the settings of SerialEM: ``Name value`` on each line.

    Only what is a fact of the microscope is taken: the spherical aberration, and the names of the
    cameras by their numbers.
    """
    tags = {"cs": "SphericalAberration", "software": "first line"}
    try:
        raw = content(path, data, limit=LARGEST)
    except NotUsable as refused:
        return (Reading(SOURCE, "session", {}, tags, findings=(refused.finding,)),)
    values: dict[str, Value] = {}
    extra: dict[str, Value] = {}
    camera = ""
    for position, line in enumerate(_decoded(raw).splitlines()):
        words = line.split("#", 1)[0].split(None, 1)
        if not words:
            continue
        key, rest = words[0].lower(), words[1].strip() if len(words) > 1 else ""
        if position == 0 and key.startswith("serialem"):
            values["software"] = "SerialEM"
        elif key == "cameraproperties":
            camera = rest.split()[0] if rest and rest.split()[0].isdigit() else ""
        elif key == "endcameraproperties":
            camera = ""
        elif key == "name" and camera and rest and len(extra) < 20:
            extra[f"Camera{camera}"] = text(rest)
        elif key == "sphericalaberration" and not camera and (cs := positive(rest)) is not None:
            values["cs"] = cs
    return (Reading(SOURCE, "session", values, tags, extra=extra),)


def _decoded(raw: bytes) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")  # labels that operators typed on the PC


def _without_last_line(mdoc: Mdoc) -> Mdoc:
    """Return the file without its last value, which may be half of one."""
    last = mdoc.sections[-1]
    if last.values:
        last.values.popitem()
    return mdoc


def _is_tilt_series(mdoc: Mdoc, titles: Titles, images: list[Section]) -> bool:
    """Tell a tilt series from images that happen to be in one file."""
    angles = [
        angle
        for angle in (number(one.values.get("TiltAngle")) for one in images)
        if angle is not None
    ]
    if not angles:
        return False
    if titles.scheme or titles.writer == "Tomography":
        return True
    if len(distinct_angles(angles)) < 2:
        return False
    return mdoc.header.get("Montage") != "1" or max(angles) - min(angles) > 1


# What a file says of all its images


def _head(mdoc: Mdoc, titles: Titles) -> tuple[dict[str, Value], dict[str, str], dict[str, Value]]:
    """Return values, rules and extra of header and titles."""
    header = mdoc.header
    values: dict[str, Value] = {}
    rules: dict[str, str] = {}
    extra: dict[str, Value] = {}
    _microscope(header, values)
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


def _microscope(source: Mapping[str, str], values: dict[str, Value]) -> None:
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


def _exposure(
    section: Mapping[str, str],
    values: dict[str, Value],
    rules: dict[str, str],
    cameras: Mapping[str, str],
) -> None:
    """Add the values of one section, each key looked up once: this runs for each tilt."""
    get = section.get
    if (found := get("Magnification")) and (value := whole(found)):
        values["magnification"] = value
    if (found := get("PixelSpacing")) and (length := positive(found)):
        values["pixel_size"] = length
    if (found := get("TargetDefocus")) and (length_ := number(found)) is not None:
        values["defocus_nominal"] = round(length_ * 1000.0, 6)
    if (found := get("ExposureTime")) and (seconds := positive(found)):
        values["exposure"] = seconds
    if (found := get("NumSubFrames")) and (count := whole(found)):
        values["frames"] = count
    if (found := get("PriorRecordDose")) and (prior := number(found)) is not None and prior >= 0:
        values["prior_dose"] = prior
    if (found := get("ImageShift")) and (pair := _pair(found)):
        values["image_shift_x"], values["image_shift_y"] = pair
    if (found := get("DateTime")) and (moment := stamp(found)):
        values["time"] = moment
    if found := get("SubFramePath"):
        values["movie"] = basename(found)
    if (found := get("FilterSlitAndLoss")) and (slit := _pair(found)) and slit[0] >= 0:
        values["slit_used"] = slit[0] > 0
        if slit[0] > 0:
            values["slit_width"] = slit[0]
        else:
            rules["slit_used"] = _ZERO
    if (found := get("Binning")) and (binning := positive(found)):
        values["binning_x"] = values["binning_y"] = _plain(binning)
        if binning < 1:
            values["super_resolution"] = True
            rules["super_resolution"] = _SUPER
    if (found := get("CameraIndex")) is not None:
        camera = f"Camera{found.strip()}"
        values["camera"] = camera
        name = section.get(camera) or cameras.get(camera)
        if name:
            values["detector"] = text(name)
    dose = positive(get("ExposureDose"))
    if dose is None and (found := get("FrameDosesAndNumber")):
        dose = _frame_dose(found)
        if dose is not None:
            rules["dose"] = _FROM_FRAMES
    if dose is not None:
        values["dose"] = dose
    if (found := get("CtfFind")) and (fit := number(found)) is not None:
        values["defocus_measured"] = round(fit * 1000.0, 6)
    if (found := get("GainReference")) and (name := basename(found)):
        values["gain_reference"] = name
    if (found := get("OpticalGroup")) and (name := text(found)):
        values["optics_group"] = name
    if (found := get("PhasePlateInserted")) and (inserted := number(found)) is not None:
        values["phase_plate_used"] = inserted > 0
    if (found := get("Beamshift") or get("BeamShift")) and (pair := _pair(found)):
        values["beam_shift_x"], values["beam_shift_y"] = pair
    if (found := get("BeamTilt")) and (pair := _pair(found)):
        values["beam_tilt_x"], values["beam_tilt_y"] = pair


def _plain(value: float) -> float | int:
    return int(value) if value == int(value) else value


def _pair(value: str) -> tuple[float, float] | None:
    words = value.split()
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


# The kinds of files


def _image(mdoc: Mdoc, titles: Titles, section: Section, findings: tuple[Finding, ...]) -> Reading:
    values, rules, extra = _head(mdoc, titles)
    _microscope(section.values, values)
    _exposure(section.values, values, rules, mdoc.header)
    tilt = number(section.values.get("TiltAngle"))
    if tilt is not None:
        values["stage_tilt"] = tilt
    values.pop("tilt_axis", None)  # the axis at this magnification, but nothing is tilted about it
    findings += _measured([section.values], [values], [rules])
    kind: Kind = "overview" if _searching(section.values) else "image"
    _keep(section.values, extra)
    if kind == "image" and "dose" not in values and "ExposureDose" in section.values:
        findings += (_NO_DOSE,)
    return _reading(kind, values, rules, extra, findings)


def _montage(
    mdoc: Mdoc, titles: Titles, sections: list[Section], findings: tuple[Finding, ...]
) -> Reading:
    values, rules, extra = _head(mdoc, titles)
    first = sections[0].values
    _microscope(first, values)
    _exposure(first, values, rules, mdoc.header)
    values.pop("tilt_axis", None)
    extra["pieces"] = sum("PieceCoordinates" in one.values for one in sections)
    _keep(first, extra)
    kind: Kind = "overview" if _searching(first) else "montage"
    return _reading(kind, values, rules, extra, findings)


def _searching(section: Mapping[str, str]) -> bool:
    """Return whether an image is of the View, Focus or Trial area of low dose, not of Record.

    The areas are counted from 1 in ``LowDoseConSet``; a negative number is not low dose.
    """
    return section.get("LowDoseConSet", "").strip() in ("1", "2", "3")


_KEPT: Final = ("CountsPerElectron", "DoseRate", "OperatingMode", "RotationAngle", "SpotSize")
"""Numbers that have no place in a document, but help a person to judge one."""


def _keep(section: Mapping[str, str], extra: dict[str, Value]) -> None:
    for key in _KEPT:
        value = number(section.get(key))
        if value is not None:
            extra[key] = value


def _tilt_series(
    mdoc: Mdoc, titles: Titles, images: list[Section], findings: tuple[Finding, ...]
) -> tuple[Reading, ...]:
    values, rules, extra = _head(mdoc, titles)
    _microscope(images[0].values, values)
    _keep(images[0].values, extra)
    extra["images"] = len(images)
    tilts = [_tilt(one.values, mdoc.header) for one in images]
    sections = [one.values for one in images]
    findings += _measured(sections, [one[0] for one in tilts], [one[1] for one in tilts])
    if any("dose" not in one[0] for one in tilts) and "ExposureDose" in sections[0]:
        findings += (_NO_DOSE,)
    return (
        _reading("tilt series", values, rules, extra, findings),
        *(
            Reading(SOURCE, "tilt", found, TAGS, rule, (), {"section": image.name})
            for image, (found, rule) in zip(images, tilts, strict=True)
        ),
    )


def _tilt(
    section: Mapping[str, str], cameras: Mapping[str, str]
) -> tuple[dict[str, Value], dict[str, str]]:
    values: dict[str, Value] = {}
    rules: dict[str, str] = {}
    angle = number(section.get("TiltAngle"))
    if angle is not None:
        values["tilt_angle"] = angle
    _exposure(section, values, rules, cameras)
    return values, rules


def _frame_series(
    mdoc: Mdoc,
    titles: Titles,
    frames: Section,
    below: list[Section],
    findings: tuple[Finding, ...],
) -> tuple[Reading, ...]:
    """Read a tilt series whose images are runs of frames of one movie.

    Dose and time of the set are those of the whole series; each tilt has a dose of its own.
    """
    values, rules, extra = _head(mdoc, titles)
    _microscope(frames.values, values)
    _exposure(frames.values, values, rules, mdoc.header)
    findings += _measured([frames.values], [values], [rules])
    for name, key in (("dose", "total dose"), ("exposure", "total time"), ("frames", "all frames")):
        if name in values:
            extra[key] = values.pop(name)
        rules.pop(name, None)
    extra["images"] = len(below)
    _keep(frames.values, extra)
    tilts = [_tilt(one.values, mdoc.header) for one in below]
    return (
        _reading("tilt series", values, rules, extra, findings),
        *(
            Reading(SOURCE, "tilt", found, TAGS, rule, (), {"section": image.name})
            for image, (found, rule) in zip(below, tilts, strict=True)
        ),
    )


def _measured(
    sections: list[dict[str, str]],
    values: list[dict[str, Value]],
    rules: list[dict[str, str]],
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


def _reading(
    kind: Kind,
    values: dict[str, Value],
    rules: dict[str, str],
    extra: dict[str, Any],
    findings: tuple[Finding, ...],
) -> Reading:
    return Reading(SOURCE, kind, values, TAGS, rules, findings, extra)
