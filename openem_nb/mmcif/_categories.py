"""The categories that are written: in which order, how rows are numbered, what they hang on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["CATEGORIES", "CONSTANTS", "Category"]


@dataclass(frozen=True, slots=True)
class Category:
    """How the rows of a category are numbered and what they hang on."""

    number: str = ""
    """The item that counts its rows; empty where the entry tells them apart."""
    links: tuple[tuple[str, str], ...] = ()
    """Pairs of an item and the item of the parent that it repeats."""


def _category(name: str, number: str = "id", **links: str) -> tuple[str, Category]:
    return name, Category(
        f"_{name}.{number}" if number else "",
        tuple((f"_{name}.{item}", f"_{parent}") for item, parent in links.items()),
    )


_IMAGE: Final = "em_image_processing.id"

CATEGORIES: Final = dict(
    (
        _category("entry"),
        _category("pdbx_contact_author"),
        _category("pdbx_audit_support", "ordinal"),
        _category("pdbx_entry_details", "", entry_id="entry.id"),
        _category("entity"),
        _category("entity_poly", "", entity_id="entity.id"),
        _category("entity_src_gen", "", entity_id="entity.id"),
        _category("entity_src_nat", "", entity_id="entity.id"),
        _category("pdbx_chem_comp_depositor_info", "ordinal"),
        _category("em_admin", "", entry_id="entry.id"),
        _category("em_author_list", "ordinal"),
        _category("em_experiment", entry_id="entry.id", entity_assembly_id="em_entity_assembly.id"),
        _category("em_entity_assembly"),
        _category("em_entity_assembly_molwt", entity_assembly_id="em_entity_assembly.id"),
        _category("em_entity_assembly_naturalsource", entity_assembly_id="em_entity_assembly.id"),
        _category("em_entity_assembly_recombinant", entity_assembly_id="em_entity_assembly.id"),
        _category("em_specimen", experiment_id="em_experiment.id"),
        _category("em_buffer", specimen_id="em_specimen.id"),
        _category("em_vitrification", entry_id="entry.id", specimen_id="em_specimen.id"),
        _category("em_sample_support", specimen_id="em_specimen.id"),
        _category("em_support_film", sample_support_id="em_sample_support.id"),
        _category("em_grid_pretreatment", sample_support_id="em_sample_support.id"),
        _category("em_tomography_specimen", specimen_id="em_specimen.id"),
        _category("em_focused_ion_beam", em_tomography_specimen_id="em_tomography_specimen.id"),
        _category("em_imaging", entry_id="entry.id", specimen_id="em_specimen.id"),
        _category("em_imaging_optics", imaging_id="em_imaging.id"),
        _category("em_tomography", imaging_id="em_imaging.id"),
        _category("em_image_recording", imaging_id="em_imaging.id"),
        _category(
            "em_image_scans", entry_id="entry.id", image_recording_id="em_image_recording.id"
        ),
        _category("em_software", imaging_id="em_imaging.id"),
        _category("em_image_processing", image_recording_id="em_image_recording.id"),
        _category("em_particle_selection", image_processing_id=_IMAGE),
        _category("em_start_model", image_processing_id=_IMAGE),
        _category("em_ctf_correction", em_image_processing_id=_IMAGE),
        _category("em_euler_angle_assignment", image_processing_id=_IMAGE),
        _category("em_volume_selection", image_processing_id=_IMAGE),
        _category("em_3d_reconstruction", entry_id="entry.id", image_processing_id=_IMAGE),
    )
)
"""Every category that is written, in the order in which it is written."""

CONSTANTS: Final = {
    "em_entity_assembly": {"_em_entity_assembly.parent_id": "0"},
    "em_entity_assembly_molwt": {"_em_entity_assembly_molwt.units": "MEGADALTONS"},
    "em_software": {"_em_software.category": "IMAGE ACQUISITION"},
    "entity": {"_entity.type": "polymer"},
    "entity_src_gen": {"_entity_src_gen.pdbx_src_id": "1"},
    "entity_src_nat": {"_entity_src_nat.pdbx_src_id": "1"},
}
"""Items of a category that follow from what the category is for."""
