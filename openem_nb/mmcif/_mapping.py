"""Which field of an OSC-EM document is which item of PDBx/mmCIF: one table, read both ways.

Writing, reading back and the coverage table all go by it. Items are those of the dictionary 5.413;
their units, types and lists come from the dictionary itself. A field that is in no row has no item
that means the same thing, and is not bent into one that nearly does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LABELS", "MAPPING", "Kind", "Row", "mapping"]

Kind = Literal[
    "text",
    "label",  # text that says in front what it is
    "number",
    "quantity",  # value and unit
    "defocus",  # a quantity that PDBx counts the other way round
    "choice",  # a word of a list
    "truth",  # true and false as YES and NO
    "flag",  # true and false as Y and N
    "date",  # the day of a time
    "serial",  # a microscope's model where it is a serial number
    "software",  # name, without what follows
    "version",  # what follows the name
    "orcid",  # with or without the address before it
    "ccd",  # code of the chemical component dictionary, or an address that ends in one
    "length",  # a length with its unit, in one text
    "code",  # an identifier that has to be a whole number
]

_SPA: Final = ("spa",)
_MOLECULES: Final = ("spa", "subtomo", "general")
_TILTED: Final = ("subtomo", "env_tomo", "cellular_tomo")
_CELLS: Final = ("env_tomo", "cellular_tomo")


@dataclass(frozen=True, slots=True)
class Row:
    """One field and its item."""

    path: str
    """In the document; ``[]`` stands for each member of a list, ``[final]`` for the final map."""
    item: str
    """In the dictionary."""
    kind: Kind = "text"
    """How the value is written and read back."""
    unit: str = ""
    """Unit in which OSC-EM describes the field; the document's own unit is what is converted."""
    target: str = ""
    """Unit of the item where the dictionary states it in words alone."""
    table: str = ""
    """Table of synonyms for a choice."""
    techniques: tuple[str, ...] = ()
    """Techniques that have the field; empty for all."""
    note: str = ""

    @property
    def category(self) -> str:
        """Category of the item, without its underscore."""
        return self.item[1:].partition(".")[0]


def _rows(
    path: str, category: str, *fields: tuple[str, str, Kind, str], techniques: tuple[str, ...] = ()
) -> tuple[Row, ...]:
    """Return rows of one object and one category; the last word is the unit or the table."""
    return tuple(
        Row(
            f"{path}.{field}",
            f"_{category}.{item}",
            kind,
            unit=word if kind in ("quantity", "defocus", "length") else "",
            table=word if kind == "choice" else "",
            techniques=techniques,
        )
        for field, item, kind, word in fields
    )


_AUTHOR: Final = "organizational.authors[]"
_MOLECULE: Final = "sample.molecule[]"
_WHOLE: Final = "sample.overall_molecule"
_FINAL: Final = "processing.volumes[final]"
_OPTICS: Final = "acquisition.specialist_optics"

MAPPING: Final[tuple[Row, ...]] = (
    *_rows(
        "instrument",
        "em_imaging",
        ("microscope.model", "microscope_model", "choice", "microscope"),
        ("microscope.model", "microscope_serial_number", "serial", ""),
        ("illumination", "illumination_mode", "choice", "illumination"),
        ("imaging", "mode", "choice", "imaging"),
        ("electron_source", "electron_source", "choice", "electron source"),
        ("acceleration_voltage", "accelerating_voltage", "quantity", "kV"),
        ("c2_aperture", "c2_aperture_diameter", "quantity", "um"),
        ("cs", "nominal_cs", "quantity", "mm"),
    ),
    *_rows(
        "acquisition",
        "em_imaging",
        # Underfocus is negative in OSC-EM and positive in PDBx: the smallest becomes the largest.
        ("nominal_defocus.minimal", "nominal_defocus_max", "defocus", "nm"),
        ("nominal_defocus.maximal", "nominal_defocus_min", "defocus", "nm"),
        ("calibrated_defocus.minimal", "calibrated_defocus_max", "defocus", "nm"),
        ("calibrated_defocus.maximal", "calibrated_defocus_min", "defocus", "nm"),
        ("nominal_magnification", "nominal_magnification", "number", ""),
        ("calibrated_magnification", "calibrated_magnification", "number", ""),
        ("holder", "specimen_holder_model", "choice", "holder"),
        ("cryogen", "cryogen", "choice", "imaging cryogen"),
        ("temperature.minimal", "recording_temperature_minimum", "quantity", "K"),
        ("temperature.maximal", "recording_temperature_maximum", "quantity", "K"),
        ("date_time", "date", "date", ""),
    ),
    Row("acquisition.microscope_software", "_em_software.name", "software", table="software"),
    Row("acquisition.microscope_software", "_em_software.version", "version"),
    *_rows(
        "acquisition",
        "em_image_recording",
        ("detectors[].name", "film_or_detector_model", "choice", "detector"),
        ("detectors[].mode", "detector_mode", "choice", "detector mode"),
        ("dose_per_movie", "avg_electron_dose_per_image", "quantity", "1/Å^2"),
        ("exposure_time", "average_exposure_time", "quantity", "s"),
        ("images_generated", "num_real_images", "number", ""),
        ("grids_imaged", "num_grids_imaged", "number", ""),
    ),
    *_rows(
        "acquisition",
        "em_image_scans",
        ("image_size.height", "dimension_height", "number", ""),
        ("image_size.width", "dimension_width", "number", ""),
        ("frames_per_movie", "frames_per_image", "number", ""),
    ),
    *_rows(
        "acquisition.energy_filter",
        "em_imaging_optics",
        ("model", "energyfilter_name", "choice", "energy filter"),
        ("width_energy_filter", "energyfilter_slit_width", "quantity", "eV"),
    ),
    *_rows(
        _OPTICS,
        "em_imaging_optics",
        ("phaseplate.instrument_type", "phase_plate", "choice", "phase plate"),
        ("spherical_aberration_corrector.instrument_type", "sph_aberration_corrector", "text", ""),
        ("chromatic_aberration_corrector.instrument_type", "chr_aberration_corrector", "text", ""),
    ),
    *_rows(
        "acquisition.tilt_angle",
        "em_tomography",
        ("minimal", "axis1_min_angle", "quantity", "°"),
        ("maximal", "axis1_max_angle", "quantity", "°"),
        ("increment", "axis1_angle_increment", "quantity", "°"),
        techniques=_TILTED,
    ),
    *_rows(
        _AUTHOR,
        "pdbx_contact_author",
        ("given_name", "name_first", "text", ""),
        ("family_name", "name_last", "text", ""),
        ("email", "email", "text", ""),
        ("telephone", "phone", "text", ""),
        ("orcid", "identifier_ORCID", "orcid", ""),
        ("role", "role", "choice", "role"),
        ("country", "country", "choice", "country"),
        ("type_org", "organization_type", "choice", "organization"),
    ),
    *_rows(
        "organizational",
        "pdbx_audit_support",
        ("grants[].project_id", "grant_number", "text", ""),
        ("grants[].country", "country", "choice", "country"),
        ("grants[].grant_name", "details", "text", ""),
        ("funder[].funder_name", "funding_organization", "choice", "funder"),
    ),
    *_rows(
        _WHOLE,
        "em_entity_assembly",
        ("name_sample", "name", "text", ""),
        ("molecular_overall_type", "type", "choice", "molecule class"),
        ("source", "source", "choice", "source"),
        techniques=_MOLECULES,
    ),
    Row(
        f"{_WHOLE}.assembly",
        "_em_experiment.aggregation_state",
        "choice",
        table="assembly",
        techniques=_MOLECULES,
    ),
    Row(
        f"{_WHOLE}.molecular_weight",
        "_em_entity_assembly_molwt.value",
        "quantity",
        unit="Da",
        target="megadaltons",
        techniques=_MOLECULES,
    ),
    *_rows(
        _MOLECULE,
        "entity_poly",
        ("molecular_type", "type", "choice", "polymer"),
        ("sequence", "pdbx_seq_one_letter_code", "text", ""),
        techniques=_MOLECULES,
    ),
    Row(f"{_MOLECULE}.name_mol", "_entity.pdbx_description", techniques=_MOLECULES),
    *_rows(
        _MOLECULE,
        "entity_src_gen",
        ("natural_source", "pdbx_gene_src_scientific_name", "text", ""),
        ("taxonomy_id_source", "pdbx_gene_src_ncbi_taxonomy_id", "code", ""),
        ("expression_system", "pdbx_host_org_scientific_name", "text", ""),
        ("taxonomy_id_expression", "pdbx_host_org_ncbi_taxonomy_id", "code", ""),
        ("gene_name", "pdbx_gene_src_gene", "text", ""),
        techniques=_MOLECULES,
    ),
    *_rows(
        _MOLECULE,
        "entity_src_nat",
        ("natural_source", "pdbx_organism_scientific", "text", ""),
        ("taxonomy_id_source", "pdbx_ncbi_taxonomy_id", "code", ""),
        techniques=_MOLECULES,
    ),
    *_rows(
        _MOLECULE,
        "em_entity_assembly_naturalsource",
        ("natural_source", "organism", "text", ""),
        ("taxonomy_id_source", "ncbi_tax_id", "code", ""),
        techniques=_MOLECULES,
    ),
    *_rows(
        _MOLECULE,
        "em_entity_assembly_recombinant",
        ("expression_system", "organism", "text", ""),
        ("taxonomy_id_expression", "ncbi_tax_id", "code", ""),
        techniques=_MOLECULES,
    ),
    Row(
        "sample.ligands[].present",
        "_pdbx_entry_details.has_ligand_of_interest",
        "flag",
        techniques=_MOLECULES,
    ),
    *_rows(
        "sample.ligands[]",
        "pdbx_chem_comp_depositor_info",
        ("smiles", "descriptor", "text", ""),
        ("reference", "comp_id", "ccd", ""),
        techniques=_MOLECULES,
    ),
    *_rows(
        "sample.specimen",
        "em_specimen",
        ("vitrification", "vitrification_applied", "truth", ""),
        ("staining", "staining_applied", "truth", ""),
        ("embedding", "embedding_applied", "truth", ""),
        ("shadowing", "shadowing_applied", "truth", ""),
        ("concentration", "concentration", "quantity", "mg/ml"),
        techniques=_MOLECULES,
    ),
    *_rows(
        "sample.specimen",
        "em_buffer",
        ("buffer", "details", "text", ""),
        ("ph", "pH", "number", ""),
        techniques=_MOLECULES,
    ),
    Row(
        "sample.specimen.vitrification_cryogen",
        "_em_vitrification.cryogen_name",
        "choice",
        table="vitrification cryogen",
        techniques=_MOLECULES,
    ),
    Row(
        "sample.specimen.humidity",
        "_em_vitrification.humidity",
        "quantity",
        unit="%",
        target="%",
        techniques=_MOLECULES,
    ),
    Row(
        "sample.specimen.temperature",
        "_em_vitrification.chamber_temperature",
        "quantity",
        unit="K",
        techniques=_MOLECULES,
    ),
    *_rows(
        "sample.grid",
        "em_sample_support",
        ("material", "grid_material", "choice", "grid material"),
        ("mesh", "grid_mesh_size", "number", ""),
        ("manufacturer", "details", "label", ""),
        techniques=_MOLECULES,
    ),
    *_rows(
        "sample.grid",
        "em_support_film",
        ("film_material", "material", "choice", "film material"),
        ("film_topology", "topology", "choice", "film topology"),
        ("film_thickness", "thickness", "length", "Å"),
        techniques=_MOLECULES,
    ),
    *_rows(
        "sample.grid",
        "em_grid_pretreatment",
        ("pretreatment_type", "type", "choice", "pretreatment"),
        ("pretreatment_time", "time", "quantity", "s"),
        ("pretreatment_atmosphere", "atmosphere", "text", ""),
        techniques=_MOLECULES,
    ),
    Row(
        "sample.grid.pretreatment_pressure",
        "_em_grid_pretreatment.pressure",
        "quantity",
        unit="Pa",
        target="Pa",
        techniques=_MOLECULES,
    ),
    *_rows(
        "sample.specimen_env",
        "em_entity_assembly_naturalsource",
        ("organism[]", "organism", "text", ""),
        ("tissue", "tissue", "text", ""),
        techniques=_CELLS,
    ),
    Row(
        "sample.freezing.cryogen_sample_env",
        "_em_vitrification.cryogen_name",
        "choice",
        table="vitrification cryogen",
        techniques=_CELLS,
    ),
    Row(
        "sample.freezing.humidity_env",
        "_em_vitrification.humidity",
        "quantity",
        unit="%",
        target="%",
        techniques=_CELLS,
    ),
    Row(
        "sample.freezing.temperature_env",
        "_em_vitrification.chamber_temperature",
        "quantity",
        unit="K",
        techniques=_CELLS,
    ),
    Row("sample.freezing.details", "_em_vitrification.details", techniques=_CELLS),
    Row(
        "sample.thinning.method_thin",
        "_em_tomography_specimen.sectioning",
        "choice",
        table="sectioning",
        techniques=_CELLS,
    ),
    *_rows(
        "sample.thinning",
        "em_focused_ion_beam",
        ("instrument_thin", "instrument", "text", ""),
        ("ion_source", "ion", "text", ""),
        ("target_thickness", "final_thickness", "quantity", "nm"),
        techniques=_CELLS,
    ),
    Row(
        "processing.coordinates.number_particles",
        "_em_particle_selection.num_particles_selected",
        "number",
        techniques=_SPA,
    ),
    Row(
        f"{_FINAL}.vol_resolution",
        "_em_3d_reconstruction.resolution",
        "quantity",
        unit="Å",
        techniques=_SPA,
    ),
    Row(
        f"{_FINAL}.vol_number_particles",
        "_em_3d_reconstruction.num_particles",
        "number",
        techniques=_SPA,
    ),
)
"""All rows, in the order of the document."""

LABELS: Final = {"_em_sample_support.details": "Grid manufacturer: "}
"""What stands before a text that its item alone does not explain."""


def mapping() -> pd.DataFrame:
    """Return the table of fields and items: path, item, kind, units, techniques and note.

    The unit of the item is that of the dictionary of the package.
    """
    import pandas as pd

    from openem_nb.mmcif._dictionary import dictionary

    items = dictionary().items
    rows: list[dict[str, Any]] = [
        {
            "path": row.path,
            "item": row.item,
            "kind": row.kind,
            "unit": row.unit,
            "item_unit": row.target or items[row.item].unit,
            "choices": len(items[row.item].choices),
            "mandatory": items[row.item].mandatory,
            "techniques": ", ".join(row.techniques) or "all",
            "note": row.note,
        }
        for row in MAPPING
    ]
    return pd.DataFrame(rows)
