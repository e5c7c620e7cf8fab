"""EPU: the XML beside each image, the camera's XML of its fractions, and the session's plan."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from openem_nb._texts import one_line
from openem_nb.oscem.readers import _image_values
from openem_nb.oscem.readers._reading import Finding, Reading, Value
from openem_nb.oscem.readers._xml import NotUsable, content, ended, local, parse
from openem_nb.oscem.readers.tomo5 import read_tomo5

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SOURCE", "SUPPLIES", "read_epu"]

SOURCE: Final = "epu"
SUPPLIES: Final = _image_values.SUPPLIES | {
    "session_time",
    "session_name",
    "output_format",
    "grid_type",
    "grid",
    "defocus_planned_min",
    "defocus_planned_max",
    "frames_planned",
}

_FRACTION_TAGS: Final = {
    "detector": "Info/Detector",
    "frames": "Info/RecordedNumberOfFractions",
    "counting": "Info/ElectronCounting",
}
_SESSION_TAGS: Final = {
    "session_name": "Name",
    "session_time": "StartDateTime",
    "output_format": "DoseFractionsOutputFormat",
    "software": "(root element)",
    "software_version": "@Assembly",
    "grid_type": "Samples/_items/SampleXml/GridType",
    "grid": "AutoloaderSlot",
    "defocus_planned_min": "Samples/_items/SampleXml/TargetAreaTemplate/.../Defocus/double",
    "defocus_planned_max": "Samples/_items/SampleXml/TargetAreaTemplate/.../Defocus/double",
    "frames_planned": "Samples/_items/SampleXml/MicroscopeSettings/.../NumberOffractions",
}
_SESSION_RULES: Final = {
    "defocus_planned_min": "smallest of the list, m to nm",
    "defocus_planned_max": "largest of the list, m to nm",
    "grid": "number of the slot",
}
_VERSION: Final = re.compile(r"Version=([\d.]+)")
_MINUS: Final = {0x2010: "-", 0x2012: "-", 0x2013: "-", 0x2212: "-"}
"""Dashes that stand for a minus in some session files."""


def read_epu(path: Path, *, data: bytes | None = None) -> tuple[Reading, ...]:
    """Return what one XML or ``.dm`` file of EPU says.

    Parameters
    ----------
    data :
        Its bytes, where they are known already; the name still tells data images from overviews.
    """
    try:
        data = content(path, data)
        # the camera's list of fractions is long, and all that is wanted stands before it
        head = data[:400]
        if b"<Acquisition" in head and b"MicroscopeImage" not in head:
            return (_fractions(data),)
        if b"EpuSessionXml" in head:
            return (_session(data),)
        if b"TomographySession" in head:
            return read_tomo5(path, data=data)
        return _image_values.readings(path, data, SOURCE)
    except NotUsable as error:
        kind = "session" if path.suffix.lower() == ".dm" else _image_values.kind_by_name(path)
        return (Reading(SOURCE, kind, {}, {}, {}, (error.finding,)),)


def _fractions(data: bytes) -> Reading:
    """Return what the camera wrote of one movie."""
    end = data.find(b"</Info>")
    tail = b"</Acquisition>"
    if end >= 0 and data.rstrip(b" \t\r\n\0").endswith(tail):
        root = parse(data[: end + len(b"</Info>")] + tail)
    else:
        root = parse(data)
    info = next((child for child in root if local(child.tag) == "Info"), None)
    if info is None:
        raise NotUsable(
            Finding(
                "unknown-xml",
                "Some XML files are of a form that is not known here.",
                "They are left out; if they hold metadata, tell the developers.",
                "info",
            )
        )
    said = {local(child.tag): one_line((child.text or "")[:1600])[:400] for child in info}
    values: dict[str, Value] = {}
    findings: list[Finding] = []
    if said.get("Detector"):
        values["detector"] = said["Detector"]
    recorded, expected = (
        int(said[key]) if said.get(key, "").isdecimal() and len(said[key]) < 10 else 0
        for key in ("RecordedNumberOfFractions", "ExpectedNumberOfFractions")
    )
    if recorded:
        values["frames"] = recorded
    if expected and recorded != expected:
        findings.append(
            Finding(
                "fractions-lost",
                "Some movies have fewer fractions than the camera was asked for.",
                "Look whether these movies are whole before they are processed.",
            )
        )
    if (counted := said.get("ElectronCounting", "").lower()) in ("on", "off"):
        values["counting"] = counted == "on"
    extra: dict[str, Value] = {
        key: said[key] for key in ("GainCorrection", "DateTimeWithTimeZone") if said.get(key)
    }
    return Reading(SOURCE, "fractions", values, _FRACTION_TAGS, {}, tuple(findings), extra)


def _session(data: bytes) -> Reading:
    """Return what was planned: ``EpuSession.dm``, a serialised object with references by number."""
    findings: list[Finding] = []
    try:
        root = parse(data)
        elements = list(root.iter())
    except NotUsable as error:
        findings.append(error.finding)
        elements = ended(data)
        root = None
    by_id: dict[str, Any] = {}
    places: dict[str, list[str]] = {}
    for element in elements:
        for name, value in element.items():
            if local(name) == "Id":
                by_id[value] = element
    for element in elements:
        if len(element):
            continue
        name = local(element.tag)
        if name not in _SESSION_LEAVES:
            continue
        text = element.text or ""
        for key, value in element.items():
            if local(key) == "Ref" and value in by_id:
                text = by_id[value].text or ""
        if text := one_line(text[:1600])[:400]:
            places.setdefault(f"{_above(element, root)}/{name}", []).append(text)
    return Reading(
        SOURCE,
        "session",
        _planned(places, root if root is not None else None),
        _SESSION_TAGS,
        _SESSION_RULES,
        tuple(findings),
        {
            key: places[f"/{key}"][0]
            for key in ("ClusteringMode", "TiltAngle")
            if f"/{key}" in places
        },
    )


_SESSION_LEAVES: Final = frozenset(
    (
        *("AutoloaderSlot", "ClusteringMode", "DoseFractionsOutputFormat", "GridType", "Name"),
        *("NumberOffractions", "StartDateTime", "TiltAngle", "double"),
    )
)


def _above(element: Any, root: Any) -> str:
    """Return what is needed of the place of an element: its parent, empty below the root."""
    parent = element.getparent()
    if parent is None or parent is root or local(parent.tag) == "EpuSessionXml":
        return ""
    return local(parent.tag)


def _planned(places: dict[str, list[str]], root: Any) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for name, place in (
        ("session_name", "/Name"),
        ("session_time", "/StartDateTime"),
        ("output_format", "/DoseFractionsOutputFormat"),
        ("grid_type", "SampleXml/GridType"),
        ("grid", "/AutoloaderSlot"),
    ):
        if place in places:
            values[name] = places[place][0]
    listed = []
    for text in places.get("Defocus/double", ()):
        number = _image_values.number(text.translate(_MINUS))
        if number is not None:
            listed.append(number * 1e9)
    if listed:
        values["defocus_planned_min"] = min(listed)
        values["defocus_planned_max"] = max(listed)
    frames = {text for text in places.get("value/NumberOffractions", ()) if text.isdecimal()}
    if len(frames) == 1 and len(text := frames.pop()) < 10:
        values["frames_planned"] = int(text)
    if root is not None:
        values["software"] = "EPU"
        for key, value in root.items():
            if local(key) == "Assembly" and (found := _VERSION.search(value)):
                values["software_version"] = found[1]
    return values
