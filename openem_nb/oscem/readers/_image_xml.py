"""The XML that EPU and Tomography write beside each image: from bytes to texts by place.

The files of one session differ in their texts only; the elements are the same ones in the same
order. So the first file of a form is parsed, and its form kept: which markup it has and where in
it the wanted texts stand. A file with byte for byte the same markup then needs no parser, which
makes reading three times as fast. Whatever is different in the least is parsed in full.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from openem_nb.oscem.readers._xml import NotUsable, local, parse

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FRACTIONATION", "ROOT", "texts"]

ROOT: Final = "MicroscopeImage"

_MICROSCOPE: Final = "microscopeData/"
_WANTED: Final = frozenset(
    (
        "SpatialScale/pixelSize/x/numericValue",
        "SpatialScale/pixelSize/y/numericValue",
        *(
            _MICROSCOPE + place
            for place in (
                "acquisition/acquisitionDateTime",
                "acquisition/camera/Binning/x",
                "acquisition/camera/Binning/y",
                "acquisition/camera/CameraLocation",
                "acquisition/camera/ExposureTime",
                "acquisition/camera/Name",
                "acquisition/camera/ReadoutArea/height",
                "acquisition/camera/ReadoutArea/width",
                "core/ApplicationSoftware",
                "core/ApplicationSoftwareVersion",
                "gun/AccelerationVoltage",
                "gun/Sourcetype",
                "instrument/InstrumentModel",
                "optics/BeamConvergence",
                "optics/BeamShift/_x",
                "optics/BeamShift/_y",
                "optics/BeamTilt/_x",
                "optics/BeamTilt/_y",
                "optics/ColumnOperatingMode",
                "optics/ColumnOperatingTemSubMode",
                "optics/Defocus",
                "optics/EnergyFilter/EnergySelectionSlitInserted",
                "optics/EnergyFilter/EnergySelectionSlitWidth",
                "optics/IlluminationMode",
                "optics/ImageShift/_x",
                "optics/ImageShift/_y",
                "optics/ProbeMode",
                "optics/TemMagnification/NominalMagnification",
                "stage/Holder",
                "stage/Position/A",
            )
        ),
    )
)
_PAIRS: Final = {
    "CustomData": "CustomData",
    _MICROSCOPE + "acquisition/camera/CameraSpecificInput": "CameraSpecificInput",
}
"""Elements that hold pairs of Key and Value, and what their places are called here."""
_WANTED_KEYS: Final = frozenset(
    (
        "AppliedDefocus",
        "Aperture[C2].Name",
        "Aperture[OBJ].Name",
        "BinaryResult.Detector",
        "DetectorCommercialName",
        "Dose",
        "DoseOnCamera",
        "PhasePlateApertureName",
        "PhasePlateUsed",
        "ElectronCountingEnabled",
        "FractionationSettings",
        "SuperResolutionFactor",
    )
)
_WANTED_ENDS: Final = (
    "].CommercialName",
    "].ElectronCounted",
    "].EerGainReference",
    "].GainReference",
)
FRACTIONATION: Final = "CameraSpecificInput[FractionationSettings]"
"""Place of the way in which a movie is cut into fractions: its type, or their number."""

_TEXT: Final = re.compile(rb">[^<]+<")
_FORMS: Final = 32
"""How many forms are kept; a session has two or three."""


@dataclass(frozen=True, slots=True)
class _Form:
    """The markup of a file and where in it the wanted texts stand."""

    keys: Callable[[list[bytes]], Any] | None
    key_texts: Any
    """What the keys of pairs have to say: they are text, and so no part of the markup."""
    values: Callable[[list[bytes]], tuple[bytes, ...]]
    places: tuple[str, ...]
    skips: tuple[int, ...]
    """Length of the tag before each text."""
    constants: tuple[tuple[str, str], ...]
    brackets: int
    """How many closing brackets there are, most of them in the names of keys."""


_forms: dict[bytes, _Form] = {}


def texts(data: bytes) -> dict[str, str]:
    """Return the wanted texts of an image's XML by their places.

    A place is the path below the root by local names, ``microscopeData/gun/Sourcetype``; of the
    pairs of Key and Value ``CustomData[Dose]``. Absent, empty and ``nil`` elements are not there.

    Raises
    ------
    NotUsable
        If this is no whole XML document. The caller checks that the root is :data:`ROOT`.
    """
    markup = _TEXT.sub(b"><", data)
    form = _forms.get(markup)
    if form is not None:
        found = _by_form(data, form)
        if found is not None:
            return found
    root = parse(data)
    walk = _Walk(root)
    if form is None and len(_forms) < _FORMS:
        made = _form(data, markup, walk)
        if made is not None:
            _forms[markup] = made
    return walk.found


def _by_form(data: bytes, form: _Form) -> dict[str, str] | None:
    """Return the texts, or None where the file needs the parser."""
    if not _plain(data) or data.count(b"]") != form.brackets:  # "]]>" may not stand in a text
        return None
    parts = data.split(b"<")
    if form.keys is not None and form.keys(parts) != form.key_texts:
        return None
    values = b"<".join(form.values(parts)).decode().split("<")
    found = {
        place: text
        for place, skip, value in zip(form.places, form.skips, values, strict=True)
        if (text := value[skip:].strip())
    }
    found.update(form.constants)
    return found


_FORBIDDEN: Final = (*(code for code in range(32) if chr(code) not in "\t\n"), ord("&"), 0xEF)
"""Bytes that the parser refuses or changes: controls, entities, and the first byte of the letters
that are none (U+FFFE and U+FFFF), which a few others share."""


def _plain(data: bytes) -> bool:
    """Return whether every text stands in the file as it is, and the parser would take it."""
    if any(map(data.__contains__, _FORBIDDEN)):
        return False
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


class _Walk:
    """One pass over the elements: wanted texts, and the number of the element of each."""

    def __init__(self, root: Any) -> None:
        self.found: dict[str, str] = {}
        self.number: dict[str, int] = {}
        self.keys: list[int] = []
        self.constants: dict[str, str] = {}
        self.count = 0
        self.leaves: list[tuple[int, str]] = []
        self.root = local(root.tag)
        self.found["/"] = self.constants["/"] = self.root
        self._visit(root, "")

    def _visit(self, element: Any, path: str) -> None:
        number = self.count
        self.count += 1
        if not len(element):
            text = element.text or ""
            self.leaves.append((number, text))
            if path in _WANTED:
                self._take(path, text, number)
            return
        pairs = _PAIRS.get(path)
        below = f"{path}/" if path else ""
        for child in element:
            if pairs is None:
                self._visit(child, below + local(child.tag))
            else:
                self._pair(child, pairs)

    def _pair(self, element: Any, name: str) -> None:
        self.count += 1
        key, place = "", ""
        for child in element:
            tag = local(child.tag)
            if tag == "Key" and not len(child):
                key = (child.text or "").strip()
                self.keys.append(self.count)
                place = f"{name}[{key}]"
            elif tag == "Value" and key == "FractionationSettings":
                self._fractionation(child)
            elif tag == "Value" and not len(child) and _wanted(key):
                self._take(place, child.text or "", self.count)
            self._visit(child, "-")

    def _fractionation(self, value: Any) -> None:
        kind = next((text for name, text in value.items() if local(name) == "type"), "")
        if kind := kind.rpartition(":")[2].strip():
            self.found[FRACTIONATION] = self.constants[FRACTIONATION] = kind
        at = self.count
        for number, child in enumerate(value.iter()):
            if local(child.tag) == "NumberOffractions" and not len(child):
                self._take(f"{FRACTIONATION}/NumberOffractions", child.text or "", at + number)
            elif local(child.tag) == "DoseFractions":
                place = f"{FRACTIONATION}/DoseFractions"
                self.found[place] = self.constants[place] = str(len(child))

    def _take(self, place: str, text: str, number: int) -> None:
        text = text.strip()
        if text:
            self.found[place] = text
        else:
            self.found.pop(place, None)
        self.number[place] = number


def _wanted(key: str) -> bool:
    return key in _WANTED_KEYS or key.endswith(_WANTED_ENDS)


def _form(data: bytes, markup: bytes, walk: _Walk) -> _Form | None:
    """Return the form of a file that was parsed, None where texts cannot be found by counting."""
    if b"<!" in markup or markup.count(b"<?") > markup[:8].count(b"<?xml") or not _plain(data):
        return None
    parts = data.split(b"<")
    starts = [at for at, part in enumerate(parts) if at and part[:1] not in (b"/", b"?")]
    if len(starts) != walk.count or any(part.count(b">") < 1 for part in parts[1:]):
        return None
    try:
        for number, text in walk.leaves:  # what counting finds is what the parser found
            if parts[starts[number]].partition(b">")[2].decode() != text:
                return None
        encodings = re.search(rb'^\s*<\?xml[^>]*encoding=["\']([^"\']+)', data)
        if encodings and encodings.group(1).lower() not in (b"utf-8", b"us-ascii", b"ascii"):
            return None
    except UnicodeDecodeError:
        return None
    places = tuple(walk.number)
    indices = [starts[walk.number[place]] for place in places]
    if len(indices) < 2:
        return None
    keys = [starts[number] for number in walk.keys]
    getter = itemgetter(*keys) if keys else None
    return _Form(
        keys=getter,
        key_texts=getter(parts) if getter else None,
        values=itemgetter(*indices),
        places=places,
        skips=tuple(len(parts[at].partition(b">")[0].decode()) + 1 for at in indices),
        constants=tuple(walk.constants.items()),
        brackets=data.count(b"]"),
    )


__all__ += ["FRACTIONATION", "NotUsable"]
