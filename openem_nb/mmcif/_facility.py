"""What the facility says of its microscopes in the words of the repositories' lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openem_nb import oscem
from openem_nb.mmcif._convert import Text
from openem_nb.oscem.instruments import Instrument, Instruments, load

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from openem_nb.mmcif._collect import Collected
    from openem_nb.mmcif._dictionary import Dictionary

__all__ = ["SAYS", "ask_facility", "known"]

SAYS: Final = "the instrument file says so of"
"""How a note begins on what the facility says."""
_MODEL: Final = "_em_imaging.microscope_model"
_SERIAL: Final = "_em_imaging.microscope_serial_number"
_DETECTOR: Final = "_em_image_recording.film_or_detector_model"
_MODEL_PATH: Final = "instrument.microscope.model"


def known(given: Instruments | Instrument | Path | str | None) -> Instruments:
    """Return the microscopes that are spoken of, by default those of the configuration."""
    if isinstance(given, Instrument):
        return Instruments((given,))
    return given if isinstance(given, Instruments) else load(given)


def ask_facility(
    document: Mapping[str, Any], made: Collected, instruments: Instruments, words: Dictionary
) -> None:
    """Fill in the model, its serial number and the detectors where the document leaves them open.

    The microscope is found by its serial number, or by its name if only one has that name.
    """
    stated = oscem.get_at(document, _MODEL_PATH)
    if not isinstance(stated, str):
        return
    named = [one for one in instruments if stated in (one.name, one.pdbx) and stated]
    found = instruments.find(stated) or (named[0] if len(named) == 1 else None)
    if found is None:
        return
    note = f"{SAYS} {found.serial}"
    if made.value(_MODEL) is None and found.pdbx in words[_MODEL].choices:
        made.put(_MODEL, Text(found.pdbx, note=note), path=_MODEL_PATH)
    if made.value(_SERIAL) is None and not words[_SERIAL].problem(found.serial):
        made.put(_SERIAL, Text(found.serial, note=note), path=_MODEL_PATH)
    offered = words[_DETECTOR].choices
    detectors = oscem.get_at(document, "acquisition.detectors")
    for number, one in enumerate(detectors if isinstance(detectors, list) else (), 1):
        name = one.get("name") if isinstance(one, dict) else None
        for camera in found.detectors.values():
            is_open = made.value(_DETECTOR, number) is None and camera.pdbx in offered
            if is_open and name and name in (camera.camera, camera.name):
                path = f"acquisition.detectors[{number - 1}].name"
                made.put(_DETECTOR, Text(camera.pdbx, note=note), path=path, row=number)
    made.left_out[:] = [
        one
        for one in made.left_out
        if one.item not in (_MODEL, _DETECTOR) or made.value(one.item, one.row) is None
    ]
