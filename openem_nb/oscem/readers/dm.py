"""Images and spectra of Gatan DigitalMicrograph: DM3 and DM4 files.

Read from the tags of each image that was acquired; the thumbnail is none. Lengths come in the
units that stand beside them. Dates are texts in the language of the PC, so ``3/4/2019`` is either
of two days: it is used where the operating system's own clock in the file decides, and else left
out with a finding.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from openem_nb.formats.dm import Broken, Ended, Tree, branch, read_tags
from openem_nb.oscem.readers._binary import (
    angstroms,
    damaged,
    number,
    positive,
    reading,
    safely,
    text,
    truncated,
    whole,
)
from openem_nb.oscem.readers._reading import Finding
from openem_nb.oscem.readers._xml import NotUsable

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from openem_nb.oscem.readers._reading import Reading

__all__ = ["SOURCE", "SUPPLIES", "read_dm"]

SOURCE: Final = "dm"

TAGS: Final[Mapping[str, str]] = {
    "beam_convergence": "EELS Convergence semi-angle (mrad)",
    "binning_x": "DataBar Binning",
    "binning_y": "DataBar Binning",
    "collection_angle_max": "EELS Collection semi-angle (mrad)",
    "cs": "Microscope Info Cs(mm)",
    "detector": "Acquisition Device Name",
    "dispersion": "Calibrations Dimension Scale",
    "exposure": "DataBar Exposure Time (s)",
    "gain_reference": "name of the file",
    "height": "ImageData Dimensions",
    "illumination": "Microscope Info Illumination Mode",
    "imaging": "Microscope Info Imaging Mode",
    "magnification": "Microscope Info Indicated Magnification",
    "model": "Microscope Info Microscope",
    "operating_mode": "Microscope Info Operation Mode",
    "pixel_size": "Calibrations Dimension Scale",
    "sample_name": "Session Info Specimen",
    "software": "file format",
    "software_version": "GMS Version Created",
    "stage_tilt": "Microscope Info Stage Position Stage Alpha",
    "time": "DataBar Acquisition Date",
    "voltage": "Microscope Info Voltage",
    "width": "ImageData Dimensions",
}
SUPPLIES: Final[frozenset[str]] = frozenset(TAGS)

_GAIN: Final = re.compile(r"(CountRef|SuperRef|HRef|LinRef)_", re.IGNORECASE)
"""How SerialEM names copies of a gain reference beside its movies."""

_AMBIGUOUS: Final = Finding(
    "ambiguous-date",
    "Some DM files have dates that can be read in two ways, such as 3/4/2019: the time was left"
    " out.",
    "Give date_time yourself, with the zone of the laboratory.",
)
_FILETIME: Final = datetime(1601, 1, 1)  # noqa: DTZ001  (only compared with dates without a zone)


def read_dm(path: Path, *, data: bytes | None = None) -> tuple[Reading, ...]:
    """Read the tags of a DM3 or DM4 file; one reading ``signal`` for each image in it.

    A gain reference of SerialEM gives one reading ``file header`` with its name and nothing else:
    it is no exposure of the specimen.
    """
    if _GAIN.match(path.name):
        values = {"gain_reference": text(path.name)}
        rule = {"gain_reference": "SerialEM names its gain references so"}
        return (reading(SOURCE, "file header", values, TAGS, rules=rule),)
    return safely(SOURCE, "signal", path, data, _read)


def _read(file: BinaryIO, size: int) -> tuple[Reading, ...]:
    try:
        tree, whole_file = read_tags(file, size)
    except Ended as error:
        raise NotUsable(truncated("DM")) from error
    except Broken as error:
        raise damaged("DM") from error
    findings: tuple[Finding, ...] = () if whole_file else (truncated("DM"),)
    thumbnails = {str(branch(one, "ImageIndex")) for one in _children(branch(tree, "Thumbnails"))}
    images = branch(tree, "ImageList")
    found: list[Reading] = []
    if isinstance(images, dict):
        for index, image in images.items():
            if index not in thumbnails and isinstance(image, dict) and len(found) < 100:
                found.append(_image(image, findings))
                findings = ()
    return tuple(found) or (reading(SOURCE, "signal", {}, TAGS, findings=findings),)


def _children(tree: object) -> list[Any]:
    return list(tree.values()) if isinstance(tree, dict) else []


def _image(image: Tree, findings: tuple[Finding, ...]) -> Reading:
    tags = branch(image, "ImageTags") or {}
    info, bar = branch(tags, "Microscope Info") or {}, branch(tags, "DataBar") or {}
    values: dict[str, Any] = {
        "beam_convergence": _eels(tags, info, "Convergence semi-angle (mrad)"),
        "collection_angle_max": _eels(tags, info, "Collection semi-angle (mrad)"),
        "cs": positive(branch(info, "Cs(mm)")),
        "detector": _detector(tags, bar),
        "exposure": _exposure(tags, bar),
        "illumination": _word(branch(info, "Illumination Mode")),
        "imaging": _word(branch(info, "Imaging Mode")),
        "magnification": positive(branch(info, "Indicated Magnification")),
        "model": _word(branch(info, "Microscope") or branch(info, "Name")),
        "operating_mode": _word(branch(info, "Operation Mode")),
        "sample_name": _word(branch(tags, "Session Info", "Specimen") or branch(info, "Specimen")),
        "software": "DigitalMicrograph",
        "software_version": _word(branch(tags, "GMS Version", "Created")),
        "stage_tilt": number(branch(info, "Stage Position", "Stage Alpha")),
    }
    rules = {"software": "DM3 and DM4 are the formats of DigitalMicrograph"}
    voltage = positive(branch(info, "Voltage"))
    if voltage is not None:
        values["voltage"] = voltage / 1000.0
    _binning(tags, bar, values)
    _axes(image, values, rules)
    moment, doubtful = _time(bar)
    if moment:
        values["time"] = moment
    elif doubtful:
        findings += (_AMBIGUOUS,)
    extra: dict[str, Any] = {
        "name": text(branch(image, "Name")),
        "STEM Camera Length": positive(branch(info, "STEM Camera Length")),
        "Actual Magnification": positive(branch(info, "Actual Magnification")),
        "Signal": text(branch(tags, "Meta Data", "Signal")),
    }
    return reading(SOURCE, "signal", values, TAGS, rules=rules, findings=findings, extra=extra)


def _word(value: object) -> str:
    """Return a text, empty for what DigitalMicrograph writes when it does not know."""
    word = text(value)
    return "" if word.lower() in ("unknown", "undefined", "none", "n/a") else word


def _eels(tags: object, info: object, name: str) -> float | None:
    for place in (
        branch(tags, "EELS", "Experimental Conditions", name),
        branch(tags, "EELS", name),
        branch(info, name),
    ):
        if (value := positive(place)) is not None:
            return value
    return None


def _detector(tags: object, bar: object) -> str:
    device = branch(tags, "Acquisition", "Device", "Name")
    return _word(device) or _word(branch(bar, "Device Name")) or _word(branch(bar, "Signal Name"))


def _exposure(tags: object, bar: object) -> float | None:
    high = branch(tags, "Acquisition", "Parameters", "High Level", "Exposure (s)")
    return positive(branch(bar, "Exposure Time (s)")) or positive(high)


def _binning(tags: object, bar: object, values: dict[str, Any]) -> None:
    """Add the binning: one number in the data bar, or two in the parameters of the camera."""
    pair = branch(tags, "Acquisition", "Parameters", "High Level", "Binning")
    if isinstance(pair, dict):
        pair = list(pair.values())
    if isinstance(pair, list) and len(pair) == 2:
        both = [whole(one) for one in pair]
    else:
        both = [whole(branch(bar, "Binning"))] * 2
    if both[0] is not None and both[1] is not None:
        values["binning_x"], values["binning_y"] = both


def _axes(image: Tree, values: dict[str, Any], rules: dict[str, str]) -> None:
    """Add size and pixel size, from the first two axes if they are of the image plane."""
    data = branch(image, "ImageData")
    sizes = [whole(one) for one in _children(branch(data, "Dimensions"))]
    axes = _children(branch(data, "Calibrations", "Dimension"))
    lengths = [angstroms(branch(one, "Scale"), text(branch(one, "Units"))) for one in axes[:2]]
    energies = [
        positive(branch(one, "Scale")) for one in axes if text(branch(one, "Units")) == "eV"
    ]
    if len(sizes) >= 2 and not (energies and len(sizes) == 2):
        values["width"], values["height"] = sizes[:2]
    if len(lengths) == 2 and lengths[0] is not None and lengths[1] is not None:
        values["pixel_size"] = lengths[0]
        rules["pixel_size"] = "the scale of the first axis, in its unit"
    if energies and energies[0] is not None:
        values["dispersion"] = energies[0]
        rules["dispersion"] = "the scale of the axis in eV"


# Dates as the PC wrote them


def _time(bar: object) -> tuple[str, bool]:
    """Return the time as ISO 8601 without a zone, and whether there was one that is in doubt."""
    date, clock = text(branch(bar, "Acquisition Date")), text(branch(bar, "Acquisition Time"))
    if not date:
        return "", False
    hours = _clock(clock)
    days = _days(date)
    ticks = positive(branch(bar, "Acquisition Time (OS)"))
    if len(days) > 1 and ticks is not None and ticks < 3e18:
        system = _FILETIME + timedelta(microseconds=ticks / 10)
        near = timedelta(hours=12 + 14)  # from noon to midnight, and from UTC to the last zone
        days = {day for day in days if abs(day + timedelta(hours=12) - system) <= near}
    if len(days) != 1 or hours is None:
        return "", True
    return (days.pop() + hours).isoformat(), False


def _days(date: str) -> set[datetime]:
    """Return the days that a date of three numbers can mean, in any order that is in use."""
    numbers = re.findall(r"\d+", date)
    if len(numbers) != 3 or re.search(r"[^\W\d_]", date):
        return set()
    found = set()
    for order in ("dmy", "mdy", "ymd"):
        parts = dict(zip(order, numbers, strict=True))
        year = int(parts["y"])
        if len(parts["y"]) == 2:
            year += 2000
        elif len(parts["y"]) != 4:
            continue
        if len(parts["d"]) > 2 or len(parts["m"]) > 2:
            continue
        try:
            day = datetime(year, int(parts["m"]), int(parts["d"]))  # noqa: DTZ001
        except ValueError:
            continue
        if 1990 <= year < 2200:
            found.add(day)
    return found


def _clock(value: str) -> timedelta | None:
    """Return the time of the day, None if it is not written in figures or with AM and PM."""
    words = value.replace("\u202f", " ").split()
    half = words[1].replace(".", "").upper() if len(words) == 2 else ""
    match = re.fullmatch(r"(\d{1,2})[:.](\d{2})[:.](\d{2})", words[0]) if words else None
    if match is None or half not in ("", "AM", "PM"):
        return None
    hour, minute, second = (int(one) for one in match.groups())
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half == "PM" else 0)
    if hour > 23 or minute > 59 or second > 59:
        return None
    return timedelta(hours=hour, minutes=minute, seconds=second)
