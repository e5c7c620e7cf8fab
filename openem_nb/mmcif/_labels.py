"""Items in words: the dictionary's names with their short forms written out."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["first_sentence", "label"]

_CATEGORIES: Final = {
    "pdbx_audit_support": "funding",
    "pdbx_chem_comp_depositor_info": "ligand",
    "pdbx_entry_details": "entry",
    "entity": "molecule",
    "entity_poly": "polymer",
    "entity_src_gen": "recombinant source of the molecule",
    "entity_src_nat": "natural source of the molecule",
    "em_3d_reconstruction": "3D reconstruction",
    "em_ctf_correction": "CTF correction",
    "em_entity_assembly": "sample",
    "em_entity_assembly_molwt": "sample",
    "em_entity_assembly_naturalsource": "natural source of the sample",
    "em_entity_assembly_recombinant": "expression host of the sample",
    "em_euler_angle_assignment": "Euler angle assignment",
}
_ITEMS: Final = {
    "_em_entity_assembly_molwt.value": "molecular weight",
    "_em_image_recording.num_real_images": "number of images",
    "_em_sample_support.details": "grid details",
    "_entity_poly.pdbx_seq_one_letter_code": "sequence in one-letter code",
    "_entity_src_gen.pdbx_gene_src_gene": "gene",
    "_entity_src_gen.pdbx_gene_src_ncbi_taxonomy_id": "NCBI taxonomy number",
    "_entity_src_gen.pdbx_gene_src_scientific_name": "organism",
    "_entity_src_gen.pdbx_host_org_ncbi_taxonomy_id": "NCBI taxonomy number of the host",
    "_entity_src_gen.pdbx_host_org_scientific_name": "host organism",
    "_entity_src_nat.pdbx_organism_scientific": "organism",
    "_pdbx_chem_comp_depositor_info.comp_id": "code of the chemical component",
    "_pdbx_contact_author.identifier_ORCID": "ORCID",
    "_pdbx_contact_author.name_first": "first name",
    "_pdbx_contact_author.name_last": "last name",
}
_WORDS: Final = {
    "ncbi tax id": "NCBI taxonomy number",
    "ncbi taxonomy id": "NCBI taxonomy number",
    "avg": "average",
    "axis1": "axis 1",
    "c2": "C2",
    "chr": "chromatic",
    "cs": "Cs",
    "energyfilter": "energy filter",
    "id": "number",
    "max": "maximum",
    "min": "minimum",
    "num": "number of",
    "sph": "spherical",
}
_SHORT: Final = re.compile(rf"\b(?:{'|'.join(_WORDS)})\b")
# Followed by a blank and a capital: neither 0.5 nor "e.g., RELION" ends a sentence.
_END: Final = re.compile(r"(?<=[a-z)\]])\. (?=[A-Z])")


def label(item: str) -> str:
    """Return what an item is in words: ``imaging: microscope model``."""
    category, _, name = item[1:].partition(".")
    about = _CATEGORIES.get(category)
    if about is None:
        about = category.removeprefix("em_").removeprefix("pdbx_").replace("_", " ")
    words = _ITEMS.get(item) or _written_out(name.removeprefix("pdbx_").replace("_", " "))
    return f"{about}: {words}"


def _written_out(words: str) -> str:
    return _SHORT.sub(lambda found: _WORDS[found[0]], words)


def first_sentence(about: str) -> str:
    """Return the first sentence of what the dictionary says of an item."""
    return _END.split(about, maxsplit=1)[0].rstrip(". ") + "." if about else ""
