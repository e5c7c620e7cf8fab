"""An mmCIF file as an OSC-EM document: everything that the mapping has a field for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from gemmi import cif

from openem_nb import oscem
from openem_nb.errors import InvalidInput
from openem_nb.mmcif._categories import CATEGORIES
from openem_nb.mmcif._convert import to_value
from openem_nb.mmcif._dictionary import dictionary as dictionary_at
from openem_nb.mmcif._layout import given_by_us
from openem_nb.mmcif._mapping import MAPPING
from openem_nb.mmcif.check import parsed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from openem_nb.mmcif._dictionary import Dictionary
from openem_nb.mmcif._mapping import Row

__all__ = ["Restored", "from_mmcif"]

_TECHNIQUES: Final = {
    "SINGLE PARTICLE": "spa",
    "HELICAL": "spa",
    "SUBTOMOGRAM AVERAGING": "subtomo",
}
_ENTITIES: Final = ("entity", "entity_poly", "entity_src_gen", "entity_src_nat")
# Said of an assembly what is said of its molecules as well.
_OF_ASSEMBLY: Final = ("em_entity_assembly_naturalsource", "em_entity_assembly_recombinant")
_KEPT: Final = frozenset(
    {
        *("_em_experiment.reconstruction_method", "_em_experiment.aggregation_state"),
        *("_em_entity_assembly.type", "_em_entity_assembly.source"),
        "_em_specimen.vitrification_applied",
        "_em_entity_assembly.entity_id_list",
        "_em_tomography_specimen.high_pressure_freezing",
        "_pdbx_chem_comp_depositor_info.descriptor_type",
    }
)
"""Items without a field whose meaning is in the document nevertheless."""
_FUNDER: Final = "_pdbx_audit_support.funding_organization"
_ORDINAL: Final = "_pdbx_audit_support.ordinal"
_ACQUISITION: Final = "IMAGE ACQUISITION"


@dataclass(frozen=True, slots=True)
class Restored:
    """What an mmCIF file says, as a document."""

    document: dict[str, Any]
    left_out: dict[str, str] = field(default_factory=dict)
    """Items that hold something the document cannot say, with the reason."""


def from_mmcif(
    path_or_text: Path | str,
    *,
    technique: str | None = None,
    dictionary: Path | str | None = None,
) -> Restored:
    """Return what the first data block says in the fields of OSC-EM.

    The document is as complete as the file: what OSC-EM demands and the file does not have is not
    there, and :func:`openem_nb.oscem.validate` says so.

    Parameters
    ----------
    path_or_text :
        A file, packed with gzip or not, or the text of one.
    technique :
        ``spa``, ``subtomo``, ``env_tomo``, ``cellular_tomo`` or ``general``; by default what the
        method of reconstruction shows. Without one, fields that not all techniques have stay out.
    dictionary :
        A newer PDBx/mmCIF dictionary than the one in the package.

    Raises
    ------
    NotFound
        If there is no such file.
    InvalidInput
        If it is no CIF, or holds nothing of electron microscopy, or there is no such technique.
    """
    if technique is not None and technique not in oscem.TECHNIQUES:
        raise InvalidInput(
            f"There is no technique {technique!r}.", hint=f"Known: {', '.join(oscem.TECHNIQUES)}."
        )
    parts, name = parsed(path_or_text)
    block = parts[0]
    words = dictionary_at(dictionary)
    rows = {category: _rows(block, category, words) for category in CATEGORIES}
    if not any(found for category, found in rows.items() if category.startswith("em_")):
        raise InvalidInput(
            f"{name} holds nothing of electron microscopy.",
            hint="Its categories would start with _em_.",
        )
    made = Restored({})
    technique = technique or _technique(rows)
    if technique:
        oscem.set_at(made.document, "acquisition.technique", technique)
    for row in MAPPING:
        if row.techniques and technique not in row.techniques:
            continue
        for number, text in _texts(row, rows):
            _restore(made, row, number, text, rows, words)
    _switches(made, rows)
    _report(made, rows, technique)
    return made


def _rows(block: cif.Block, category: str, words: Dictionary) -> list[dict[str, str]]:
    columns = block.get_mmcif_category(f"_{category}.", raw=True)
    names = [words.spelt(f"_{category}.{name}") for name in columns]
    return [
        {
            name: cif.as_string(raw)
            for name, raw in zip(names, values, strict=True)
            if not cif.is_null(raw)
        }
        for values in zip(*columns.values(), strict=True)
    ]


def _technique(rows: Mapping[str, list[dict[str, str]]]) -> str:
    for row in rows["em_experiment"]:
        method = row.get("_em_experiment.reconstruction_method", "")
        if method == "TOMOGRAPHY":
            state = row.get("_em_experiment.aggregation_state", "")
            return "cellular_tomo" if state == "CELL" else "env_tomo"
        return _TECHNIQUES.get(method, "")
    return ""


def _texts(row: Row, rows: Mapping[str, list[dict[str, str]]]) -> Iterator[tuple[int, str]]:
    """Yield place in the document's list, from 0, and text of each row that has the item."""
    polymers = [
        one["_entity_poly.entity_id"]
        for one in rows["entity_poly"]
        if "_entity_poly.entity_id" in one
    ]
    molecule = row.path.startswith("sample.molecule[]")
    if molecule and row.category in _OF_ASSEMBLY and polymers:
        return
    place = 0
    for one in rows[row.category]:
        if row.item == _FUNDER and row.item not in one and _apart(rows[row.category]):
            continue
        if row.category == "em_software" and one.get("_em_software.category") != _ACQUISITION:
            continue
        text = one.get(row.item)
        if molecule and row.category in _ENTITIES:
            key = "_entity.id" if row.category == "entity" else f"_{row.category}.entity_id"
            if one.get(key) in polymers and text is not None:
                yield polymers.index(one[key]), text
            continue
        if text is not None and not (row.path.startswith("acquisition.") and _later(row, place)):
            yield place, text
        place += 1


def _apart(rows: list[dict[str, str]]) -> bool:
    """Return whether funders have rows of their own, after those of the grants."""
    return not any(_FUNDER in one and len(one.keys() - {_FUNDER, _ORDINAL}) for one in rows)


def _later(row: Row, place: int) -> bool:
    """Return whether a further row cannot be said: the acquisition is one, its detectors many."""
    return place > 0 and "[]" not in row.path


def _restore(
    made: Restored,
    row: Row,
    place: int,
    text: str,
    rows: Mapping[str, list[dict[str, str]]],
    words: Dictionary,
) -> None:
    if row.kind in ("serial", "version"):
        _restore_part(made, row, text)
        return
    if row.kind == "date":
        made.left_out[row.item] = "the day alone: OSC-EM wants the time with its zone"
        return
    try:
        value = to_value(text, row, words[row.item])
    except InvalidInput as error:
        made.left_out[row.item] = str(error)
        return
    path = row.path
    if row.kind == "flag":
        for number in range(max(1, len(rows["pdbx_chem_comp_depositor_info"]))):
            _set(made.document, path.replace("[]", f"[{number}]"), value)
        return
    if "[final]" in path:
        _set(made.document, "processing.volumes[0].volume_type", "final volume")
        path = path.replace("[final]", "[0]")
    elif "[]" not in path and place > 0:
        made.left_out[row.item] = "the document has one value, the file several"
        return
    _set(made.document, path.replace("[]", f"[{place}]"), value)


def _restore_part(made: Restored, row: Row, text: str) -> None:
    """Put a serial number where no model is known, and a version behind the software's name."""
    known = oscem.get_at(made.document, row.path)
    if row.kind == "serial" and known is not None:
        made.left_out[row.item] = "OSC-EM has one field for model and serial number"
    elif row.kind == "version" and known is not None:
        _set(made.document, row.path, f"{known} {text}")
    elif row.kind == "serial":
        _set(made.document, row.path, text)


def _set(document: dict[str, Any], path: str, value: Any) -> None:
    """Set a value; a list grows by empty objects up to its place."""
    before, bracket, after = path.partition("[")
    if bracket:
        place = int(after.partition("]")[0])
        have = oscem.get_at(document, before) or []
        for number in range(len(have), place):
            oscem.set_at(document, f"{before}[{number}]", {})
    oscem.set_at(document, path, value)


def _switches(made: Restored, rows: Mapping[str, list[dict[str, str]]]) -> None:
    """Say of what has a name that it was in use, which the schema demands beside the name."""
    document = made.document
    filtered = oscem.get_at(document, "acquisition.energy_filter")
    if filtered:
        oscem.set_at(document, "acquisition.energy_filter.used", True)
    optics = oscem.get_at(document, "acquisition.specialist_optics") or {}
    for name in optics:
        oscem.set_at(document, f"acquisition.specialist_optics.{name}.used", True)
    if rows["em_support_film"] and oscem.get_at(document, "sample.grid") is not None:
        oscem.set_at(document, "sample.grid.film_support", True)
    pressed = rows["em_tomography_specimen"]
    if pressed and oscem.get_at(document, "acquisition.technique") in ("env_tomo", "cellular_tomo"):
        said = pressed[0].get("_em_tomography_specimen.high_pressure_freezing")
        if said == "YES":
            oscem.set_at(document, "sample.freezing.method", "high_pressure_freezing")
        elif said == "NO" and rows["em_vitrification"]:
            oscem.set_at(document, "sample.freezing.method", "plunge_freezing")


def _report(made: Restored, rows: Mapping[str, list[dict[str, str]]], technique: str) -> None:
    """Name the items of known categories that no field has."""
    mapped = {row.item for row in MAPPING if not row.techniques or technique in row.techniques}
    elsewhere = {row.item for row in MAPPING} - mapped
    for category, found in rows.items():
        for item in {name for row in found for name in row} - mapped:
            if category.startswith(("em_", "pdbx_")) and not (given_by_us(item) or item in _KEPT):
                reason = "OSC-EM has no field for it"
                if item in elsewhere and not technique:
                    reason = "the file does not show the technique, on which its field depends"
                elif item in elsewhere:
                    reason = f"a document of {technique} has no field for it"
                made.left_out.setdefault(item, reason)
