"""What files of a session say and OSC-EM has no place for, where PDBx/mmCIF has an item for it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from openem_nb import units
from openem_nb.errors import InvalidInput
from openem_nb.mmcif._convert import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openem_nb.mmcif._collect import Collected
    from openem_nb.mmcif._dictionary import Dictionary, Item
    from openem_nb.oscem import Provenance

__all__ = ["BESIDE", "put_beside"]

BESIDE: Final = {
    "_em_imaging.microscope_serial_number": "serial",
    "_em_imaging.objective_aperture": "objective_aperture",
    "_em_software.version": "software_version",
}
"""Items that files know of though a document cannot tell them, by what an extraction calls it."""


def put_beside(made: Collected, beside: Mapping[str, Provenance], words: Dictionary) -> None:
    """Fill in these items where the document leaves them open and all files say the same."""
    for name, called in BESIDE.items():
        origin = beside.get(called)
        if origin is None or origin.others or origin.low != origin.high:
            continue
        if made.value(name) is not None:
            continue
        if name == "_em_software.version" and made.value("_em_software.name") is None:
            continue
        text = _text(origin, words[name])
        if text is not None and not words[name].problem(text.value):
            made.put(name, text)


def _text(origin: Provenance, item: Item) -> Text | None:
    note = f"{origin.source} says so; OSC-EM has no place for it"
    if not item.unit:
        return Text(origin.value, note=note)
    try:
        # Apertures are named by their diameters in micrometres, as the condenser's is.
        unit = origin.unit or "um"
        number = units.convert(float(origin.value), unit, item.unit)
    except (ValueError, InvalidInput):
        return None
    if not math.isfinite(number):
        return None
    return Text(f"{number:.12g}", unit, item.unit, note)
