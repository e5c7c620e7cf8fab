"""What SerialEM and Tomography write as text: mdoc files and the settings of SerialEM.

A section of a tilt series is one exposure. The dates of all are local time without a zone, and the
order of the sections is often that of the angles.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from openem_nb.formats.mdoc import Mdoc, Section, Titles, parse, parse_titles
from openem_nb.oscem.readers._binary import number, positive, text
from openem_nb.oscem.readers._reading import Finding, Kind, Reading, Value
from openem_nb.oscem.readers._serialem_values import (
    TAGS,
    WANTED,
    add_exposure,
    add_measured,
    add_microscope,
    of_header,
    others,
)
from openem_nb.oscem.readers._tilts import distinct_angles
from openem_nb.oscem.readers._xml import NotUsable, content

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["SOURCE", "SUPPLIES", "read_serialem", "read_settings"]

SOURCE: Final = "serialem"

SUPPLIES: Final[frozenset[str]] = frozenset(TAGS)

LARGEST: Final = 16 * 1024 * 1024
"""Bytes of one mdoc that are read: a tilt series has 30 kB, a stack of ten thousand images 8 MB."""

_NO_DOSE: Final = Finding(
    "dose-unknown",
    "Some images have no dose: SerialEM wrote 0, which says that its dose was not calibrated.",
    "Measure the dose rate, or take it from the log book, and give dose_per_movie yourself.",
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
    mdoc = parse(_decoded(raw), WANTED)
    findings: tuple[Finding, ...] = () if mdoc.ended else (_BROKEN,)
    if not mdoc.sections:
        if not mdoc.header and not mdoc.titles:
            findings = (_NO_MDOC,)
        titles = parse_titles(mdoc.titles)
        kind: Kind = "tilt series" if titles.scheme else "file header"
        return (_reading(kind, *of_header(mdoc, titles), findings),)
    if not mdoc.ended:  # the last value may be half of one
        mdoc = replace(mdoc, sections=(*mdoc.sections[:-1], mdoc.sections[-1].without_last()))
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
    if mdoc.header.get("Montage") == "1" or (images and images[0].get("PieceCoordinates")):
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
    if b"\r\n" in raw:
        raw = raw.translate(None, b"\r")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")  # labels that operators typed on the PC


def _is_tilt_series(mdoc: Mdoc, titles: Titles, images: list[Section]) -> bool:
    """Tell a tilt series from images that happen to be in one file."""
    if images and (titles.scheme or titles.writer == "Tomography"):
        return images[0].get("TiltAngle") is not None
    found = (number(one.get("TiltAngle")) for one in images)
    angles = [angle for angle in found if angle is not None]
    if len(distinct_angles(angles)) < 2:
        return False
    return mdoc.header.get("Montage") != "1" or max(angles) - min(angles) > 1


# The kinds of files


def _image(mdoc: Mdoc, titles: Titles, section: Section, findings: tuple[Finding, ...]) -> Reading:
    values, rules, extra = of_header(mdoc, titles)
    add_microscope(section.values, values)
    add_exposure(section, values, rules, mdoc.header)
    tilt = number(section.get("TiltAngle"))
    if tilt is not None:
        values["stage_tilt"] = tilt
    findings += add_measured([section], [values], [rules])
    kind: Kind = "overview" if _searching(section) else "image"
    extra |= others(section)
    if kind == "image" and "dose" not in values and section.get("ExposureDose"):
        findings += (_NO_DOSE,)
    return _reading(kind, values, rules, extra, findings)


def _montage(
    mdoc: Mdoc, titles: Titles, sections: list[Section], findings: tuple[Finding, ...]
) -> Reading:
    values, rules, extra = of_header(mdoc, titles)
    first = sections[0]
    add_microscope(first.values, values)
    add_exposure(first, values, rules, mdoc.header)
    values.pop("tilt_axis", None)
    extra["pieces"] = sum(one.get("PieceCoordinates") is not None for one in sections)
    extra |= others(first)
    kind: Kind = "overview" if _searching(first) else "montage"
    return _reading(kind, values, rules, extra, findings)


def _searching(section: Section) -> bool:
    """Return whether an image is of the View, Focus or Trial area of low dose, not of Record.

    The areas are counted from 1 in ``LowDoseConSet``; a negative number is not low dose.
    """
    return (section.get("LowDoseConSet") or "").strip() in ("1", "2", "3")


def _tilt_series(
    mdoc: Mdoc, titles: Titles, images: list[Section], findings: tuple[Finding, ...]
) -> tuple[Reading, ...]:
    values, rules, extra = of_header(mdoc, titles)
    add_microscope(images[0].values, values)
    extra |= others(images[0])
    tilts = [_tilt(one, mdoc.header) for one in images]
    findings += add_measured(images, [one[0] for one in tilts], [one[1] for one in tilts])
    if images[0].get("ExposureDose") and any("dose" not in one[0] for one in tilts):
        findings += (_NO_DOSE,)
    extra["images"] = len(images)
    return (
        _reading("tilt series", values, rules, extra, findings),
        *_tilt_readings(images, tilts),
    )


_Tilt = tuple[dict[str, Value], dict[str, str]]


def _tilt(section: Section, cameras: Mapping[str, str]) -> _Tilt:
    values: dict[str, Value] = {}
    rules: dict[str, str] = {}
    if (angle := number(section.get("TiltAngle"))) is not None:
        values["tilt_angle"] = angle
    add_exposure(section, values, rules, cameras)
    return values, rules


def _tilt_readings(images: list[Section], tilts: list[_Tilt]) -> list[Reading]:
    return [
        Reading(SOURCE, "tilt", values, TAGS, rules, (), {"section": image.name})
        for image, (values, rules) in zip(images, tilts, strict=True)
    ]


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
    values, rules, extra = of_header(mdoc, titles)
    add_microscope(frames.values, values)
    add_exposure(frames, values, rules, mdoc.header)
    findings += add_measured([frames], [values], [rules])
    for name, key in (("dose", "total dose"), ("exposure", "total time"), ("frames", "all frames")):
        if name in values:
            extra[key] = values.pop(name)
        rules.pop(name, None)
    extra |= others(frames)
    extra["images"] = len(below)
    tilts = [_tilt(one, mdoc.header) for one in below]
    return (
        _reading("tilt series", values, rules, extra, findings),
        *_tilt_readings(below, tilts),
    )


def _reading(
    kind: Kind,
    values: dict[str, Value],
    rules: dict[str, str],
    extra: dict[str, Any],
    findings: tuple[Finding, ...],
) -> Reading:
    return Reading(SOURCE, kind, values, TAGS, rules, findings, extra)
