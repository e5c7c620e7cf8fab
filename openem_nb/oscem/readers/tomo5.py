"""Tomography 5: the XML beside its images, and ``Session.dm``.

What it writes of each tilt series is an mdoc file, which :mod:`.serialem` reads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openem_nb._texts import one_line
from openem_nb.oscem.readers import _image_values
from openem_nb.oscem.readers._reading import Finding, Reading, Value
from openem_nb.oscem.readers._xml import NotUsable, content, ended, local, parse

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SOURCE", "SUPPLIES", "read_tomo5"]

SOURCE: Final = "tomo5"
SUPPLIES: Final = _image_values.SUPPLIES | {"session_name", "session_time", "output_format"}

_TAGS: Final = {
    "session_name": "Name",
    "session_time": "StartDateTime",
    "output_format": "DoseFractionsFormat",
    "software": "(root element)",
}
_EXTRA: Final = ("Mode", "SpecimenType", "SessionType", "LamellaWorkflow", "LowDose", "Batch")


def read_tomo5(path: Path, *, data: bytes | None = None) -> tuple[Reading, ...]:
    """Return what one XML or ``.dm`` file of Tomography says.

    A ``Session.dm`` that breaks off still says what stands before the break.
    """
    try:
        data = content(path, data)
        if b"TomographySession" in data[:600]:
            return (_session(data),)
        return _image_values.readings(path, data, SOURCE)
    except NotUsable as error:
        kind = "session" if path.suffix.lower() == ".dm" else _image_values.kind_by_name(path)
        return (Reading(SOURCE, kind, {}, {}, {}, (error.finding,)),)


def _session(data: bytes) -> Reading:
    findings: tuple[Finding, ...] = ()
    try:
        elements = list(parse(data))
    except NotUsable as error:
        findings = (error.finding,)
        elements = ended(data)
    said: dict[str, str] = {}
    for element in elements:
        parent = element.getparent()
        if len(element) or parent is None or local(parent.tag) != "TomographySession":
            continue
        if text := one_line((element.text or "")[:1600])[:400]:
            said.setdefault(local(element.tag), text)
    values: dict[str, Value] = {name: said[tag] for name, tag in _TAGS.items() if said.get(tag)}
    if values:
        values["software"] = "Tomography"
    extra: dict[str, Value] = {key: said[key] for key in _EXTRA if key in said}
    return Reading(SOURCE, "session", values, _TAGS, {}, findings, extra)
