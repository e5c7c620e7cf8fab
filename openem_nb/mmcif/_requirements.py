"""What the repositories ask for, one row for each parameter: field, item, by whom, from where."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final, Literal

from openem_nb.mmcif._categories import CATEGORIES
from openem_nb.mmcif._dictionary import dictionary
from openem_nb.mmcif._labels import label
from openem_nb.mmcif._layout import given_by_us
from openem_nb.mmcif._mapping import MAPPING
from openem_nb.mmcif._questions import asked_categories, who_knows
from openem_nb.oscem import readers

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["FORMATS", "Demand", "Parameter", "parameters", "supplied_by"]

Demand = Literal["mandatory", "asked", ""]

FORMATS: Final[Mapping[str, str]] = {name: form.label for name, form in readers.FORMATS.items()}
"""Formats that are read, with their names for people."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter that a repository asks for."""

    name: str
    """In words."""
    path: str
    """Field of OSC-EM; empty if it has none."""
    item: str
    """Item of PDBx/mmCIF; empty if it has none."""
    emdb: Demand = ""
    """Whether EMDB and OneDep want it: the dictionary's mandatory codes and the mapping."""
    empiar: Demand = ""
    """Whether EMPIAR wants it of an image set."""
    who: str = "depositor"
    """Who supplies it where no file does: instrument file, depositor, reconstruction, OneDep."""


# Required members of an image set, and the sizes it has a place for, as in the JSON Schema of a
# deposition that EMPIAR publishes with its depositor (empiar_deposition.schema.json).
_EMPIAR: Final = (
    Parameter("image set: name", "", "", empiar="mandatory"),
    Parameter("image set: directory", "", "", empiar="mandatory", who="image files"),
    Parameter("image set: category", "acquisition.technique", "", empiar="mandatory"),
    Parameter("image set: header format", "", "", empiar="mandatory", who="image files"),
    Parameter("image set: data format", "", "", empiar="mandatory", who="image files"),
    Parameter("image set: voxel type", "", "", empiar="mandatory", who="image files"),
    Parameter("image set: pixel width and height", "acquisition.pixel_size", "", empiar="asked"),
)
_EMPIAR_TOO: Final[Mapping[str, Demand]] = {
    "acquisition.images_generated": "mandatory",
    "acquisition.frames_per_movie": "mandatory",
    "acquisition.image_size.width": "asked",
    "acquisition.image_size.height": "asked",
}
_WITHOUT_FIELD: Final = (
    *("_em_imaging.alignment_procedure", "_em_imaging.residual_tilt", "_em_imaging.details"),
    *("_em_image_recording.details", "_em_image_scans.sampling_size"),
    *("_em_image_scans.used_frames_per_image", "_em_imaging.objective_aperture"),
)
"""Items that EMDB shows of an entry and OSC-EM has no field for."""
_INSTRUMENT: Final = frozenset(
    {
        *("instrument.microscope.model", "instrument.cs", "instrument.electron_source"),
        *("instrument.illumination", "instrument.imaging", "instrument.c2_aperture"),
        *("acquisition.holder", "acquisition.cryogen", "acquisition.energy_filter.model"),
        *("acquisition.detectors[].name", "instrument.microscope.manufacturer"),
    }
)
"""What an instrument file of the facility can say (:mod:`openem_nb.oscem.instruments`)."""
_READ_AS: Final[Mapping[str, frozenset[str]]] = {
    "acquisition.detectors[].name": frozenset({"detector"}),
    "acquisition.detectors[].mode": frozenset({"detector_mode", "counting"}),
    # Exposures are counted, and each has its time.
    "acquisition.images_generated": frozenset({"time"}),
    "acquisition.microscope_software": frozenset({"software"}),
    "acquisition.energy_filter.width_energy_filter": frozenset({"slit_width"}),
    "sample.grid.film_topology": frozenset({"grid_type"}),
}
_ITEM_READ_AS: Final[Mapping[str, frozenset[str]]] = {
    "_em_imaging.microscope_serial_number": frozenset({"serial"}),
    "_em_imaging.microscope_model": frozenset({"model"}),
    "_em_software.version": frozenset({"software_version"}),
    "_em_imaging.objective_aperture": frozenset({"objective_aperture"}),
}
_IMAGE_FILES: Final = frozenset({"mrc", "tiff", "eer"})
_SERIES: Final = frozenset({"tomo5", "serialem"})


@cache
def parameters(technique: str) -> tuple[Parameter, ...]:
    """Return what is asked of a data set of this technique, mandatory or not.

    First what OSC-EM has a field for, in its order, then items without a field, then image sets.
    """
    words = dictionary()
    asked = set(asked_categories(technique))
    made: dict[tuple[str, str], Parameter] = {}
    for row in MAPPING:
        if row.techniques and technique not in row.techniques:
            continue
        item = words[row.item]
        part = row.kind if row.kind in ("serial", "version") else ""
        found = made.get((row.path, part))
        if found is not None and not (item.mandatory and found.emdb != "mandatory"):
            continue
        mandatory = item.mandatory and (row.category in asked or row.path.startswith("instrument"))
        made[row.path, part] = Parameter(
            label(row.item),
            row.path,
            row.item,
            "mandatory" if mandatory else "asked",
            _EMPIAR_TOO.get(row.path, ""),
            "instrument file"
            if row.path in _INSTRUMENT and part != "version"
            else who_knows(row.item),
        )
    known = {one.item for one in made.values()}
    for category in CATEGORIES:
        for item in words.category(category) if category in asked else ():
            if item.mandatory and not given_by_us(item.name) and item.name not in known:
                made["", item.name] = Parameter(
                    label(item.name), "", item.name, "mandatory", who=who_knows(item.name)
                )
    for name in _WITHOUT_FIELD:
        made["", name] = Parameter(label(name), "", name, "asked", who=who_knows(name))
    return (*made.values(), *_EMPIAR)


def supplied_by(parameter: Parameter) -> frozenset[str]:
    """Return the formats whose readers can give a parameter."""
    if parameter.name.startswith("image set: ") and not parameter.path:
        formats = ("header format", "data format")
        return _IMAGE_FILES if parameter.name.endswith(formats) else frozenset()
    if parameter.path == "acquisition.technique":
        return _SERIES | {"epu", "velox", "prz", "dm", "tia"}
    wanted = _ITEM_READ_AS.get(parameter.item) or _READ_AS.get(parameter.path)
    if wanted is None:
        wanted = frozenset(
            quantity.name
            for quantity in readers.QUANTITIES.values()
            if quantity.path
            and parameter.path
            and (parameter.path == quantity.path or parameter.path.startswith(f"{quantity.path}."))
        )
    return frozenset(name for name in FORMATS if wanted & readers.supplies(name))
