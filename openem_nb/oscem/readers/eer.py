"""Header of an EER file: the XML that the camera wrote, without the events.

An EER file (electron event representation; Guo et al. 2020, IUCrJ 7, 860) is a BigTIFF with one
directory for each raw frame. Tag 65001 of the first holds ``<metadata><item name= unit=>``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from openem_nb.oscem.readers._binary import basename, positive, reading, safely, text, whole
from openem_nb.oscem.readers._ifd import directories
from openem_nb.oscem.readers._xml import NotUsable, local, parse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from openem_nb.oscem.readers._reading import Finding, Reading

__all__ = ["SOURCE", "SUPPLIES", "read_eer"]

SOURCE: Final = "eer"

TAGS: Final[Mapping[str, str]] = {
    "counting": "tag 65001",
    "detector": "tag 65001 commercialName",
    "dose_per_pixel": "tag 65001 totalDose",
    "exposure": "tag 65001 exposureTime",
    "gain_reference": "tag 65001 eerGainReference",
    "height": "ImageLength",
    "time": "tag 65001 timestamp",
    "width": "ImageWidth",
}
SUPPLIES: Final[frozenset[str]] = frozenset(TAGS)

_WIDTH, _HEIGHT, _METADATA = 256, 257, 65001
_WANTED: Final = frozenset((_WIDTH, _HEIGHT, _METADATA))

_ISO: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?")

_EXTRA: Final = ("acquisitionID", "meanDoseRate", "serialNumber", "sensorPixelSize.width")

MOST_ITEMS: Final = 500


def read_eer(path: Path, *, data: bytes | None = None) -> tuple[Reading, ...]:
    """Read what the camera says of a movie of events; one reading ``file header``.

    ``frames`` is not given: how many fractions a movie has is decided when it is processed. The
    raw frames are in ``extra["numberOfFrames"]``, and the physical pixel of the sensor in
    ``extra["sensorPixelSize.width"]``, in metres: neither is what a document asks for.
    """
    return safely(SOURCE, "file header", path, data, _read)


def _read(file: BinaryIO, size: int) -> tuple[Reading, ...]:
    found = directories(file, size, _WANTED, "EER", count=False)
    findings: tuple[Finding, ...] = ()
    items: dict[str, str] = {}
    raw = found.tags.get(_METADATA)
    if isinstance(raw, bytes):
        try:
            items = _items(raw)
        except NotUsable as refused:
            findings = (refused.finding,)
    extra: dict[str, Any] = {"numberOfFrames": whole(items.get("numberOfFrames"))}
    for name in _EXTRA:
        value = items.get(name, "")
        extra[name] = positive(value) if name in _NUMBERS else text(value)
    moment = items.get("timestamp", "").strip()
    values: dict[str, Any] = {
        "width": whole(found.tags.get(_WIDTH)),
        "height": whole(found.tags.get(_HEIGHT)),
        "detector": text(items.get("commercialName", "")),
        "exposure": positive(items.get("exposureTime")),
        "dose_per_pixel": positive(items.get("totalDose")),
        "gain_reference": basename(items.get("eerGainReference", "")),
        "time": moment if _ISO.fullmatch(moment) else None,
        "counting": True if items else None,
    }
    rules = {"counting": "an EER file holds single electrons"} if items else {}
    return (
        reading(SOURCE, "file header", values, TAGS, rules=rules, findings=findings, extra=extra),
    )


_NUMBERS: Final = frozenset(("meanDoseRate", "sensorPixelSize.width"))


def _items(raw: bytes) -> dict[str, str]:
    """Return the items of the metadata by name."""
    root = parse(raw.rstrip(b"\0 \r\n\t"))
    items: dict[str, str] = {}
    for element in root.iter():
        if not isinstance(element.tag, str) or local(element.tag) != "item":
            continue
        name = element.get("name")
        if name and len(items) < MOST_ITEMS:
            items[name] = (element.text or "").strip()
    return items
