"""Documents and models for the tests of mmCIF."""

from __future__ import annotations

import gzip
from functools import cache
from importlib.resources import files
from typing import Any

from gemmi import cif

SEQUENCE = "MPNFSGNWKIIRSENFEELLKVLGVNVMLRKIAVAAASKPAVEIKQEGDTFYIKTSTTVRTTEINFKVGEEFEEQTVDGRPCK"


def quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit}


def whole() -> dict[str, Any]:
    """Return a document that leaves nothing open which OSC-EM has a field for."""
    return {
        "instrument": {
            "microscope": {"model": "Titan Krios G4"},
            "illumination": "Parallel",
            "imaging": "BrightField",
            "electron_source": "XFEG",
            "acceleration_voltage": quantity(300000, "V"),
            "c2_aperture": quantity(50, "µm"),
            "cs": quantity(2.7, "mm"),
        },
        "acquisition": {
            "technique": "spa",
            "date_time": "2024-08-31T20:03:13+02:00",
            "detectors": [{"name": "Falcon 4i", "mode": "counting"}],
            "binning_camera": {"height": 1, "width": 1},
            "pixel_size": quantity(0.415, "Å"),
            "dose_per_movie": quantity(40.5, "e/Å²"),
            "exposure_time": quantity(2500, "ms"),
            "nominal_defocus": {
                "minimal": quantity(-2.5, "µm"),
                "maximal": quantity(-0.8, "µm"),
            },
            "nominal_magnification": 165000,
            "image_size": {"height": 4096, "width": 4096},
            "images_generated": 5000,
            "frames_per_movie": 50,
            "microscope_software": "EPU 3.8.1",
            "energy_filter": {
                "used": True,
                "model": "Selectris X",
                "width_energy_filter": quantity(10, "eV"),
            },
            "holder": "autogrid holder",
            "cryogen": "LN2",
        },
        "organizational": {
            "authors": [
                {
                    "given_name": "Séamus",
                    "family_name": "O'Neil Smith",
                    "email": "s.oneil@example.org",
                    "telephone": "+41 44 000 00 00",
                    "orcid": "https://orcid.org/0000-0002-1825-0097",
                    "role": "principal investigator",
                    "type_org": "Academic",
                    "country": "Switzerland",
                }
            ],
            "grants": [{"project_id": "310030_1"}],
            "funder": [{"funder_name": "SNSF"}],
        },
        "sample": {
            "overall_molecule": {
                "name_sample": "Ribosome",
                "molecular_overall_type": "RIBOSOME",
                "assembly": "PARTICLE",
                "source": "recombinantly expressed",
                "molecular_weight": quantity(474, "kDa"),
            },
            "molecule": [
                {
                    "name_mol": "CRABP-II",
                    "molecular_type": "protein",
                    "sequence": SEQUENCE,
                    "natural_source": "Homo sapiens",
                    "taxonomy_id_source": "9606",
                    "expression_system": "Escherichia coli",
                    "taxonomy_id_expression": "562",
                    "gene_name": "CRABP2",
                }
            ],
            "ligands": [{"present": True, "smiles": "OCC", "reference": "EOH"}],
            "specimen": {
                "buffer": "20 mM HEPES; 150 mM NaCl",
                "ph": 7.4,
                "concentration": quantity(3, "mg/ml"),
                "vitrification": True,
                "vitrification_cryogen": "liquid ethane",
                "humidity": quantity(95, "%"),
                "temperature": quantity(22, "°C"),
                "staining": False,
                "embedding": False,
                "shadowing": False,
            },
            "grid": {
                "manufacturer": "Quantifoil",
                "material": "Cu",
                "mesh": 300,
                "film_support": True,
                "film_material": "carbon",
                "film_topology": "HoleyCarbon",
                "film_thickness": "12 nm",
                "pretreatment_type": "Glow discharge",
                "pretreatment_time": quantity(30, "s"),
                "pretreatment_pressure": quantity(0.4, "mbar"),
                "pretreatment_atmosphere": "air",
            },
        },
        "processing": {
            "coordinates": {"number_particles": 286000},
            "volumes": [
                {"volume_type": "initial volume", "vol_resolution": quantity(8, "Å")},
                {
                    "volume_type": "final volume",
                    "vol_resolution": quantity(0.29, "nm"),
                    "vol_number_particles": 120000,
                },
            ],
        },
    }


def tilted() -> dict[str, Any]:
    """Return a document of a lamella in tomography."""
    document = whole()
    document["acquisition"] |= {
        "technique": "cellular_tomo",
        "tilt_angle": {
            "minimal": quantity(-60, "°"),
            "maximal": quantity(60, "deg"),
            "increment": quantity(3, "°"),
        },
        "tilt_axis_angle": 84.3,
    }
    del document["processing"]
    document["sample"] = {
        "specimen_env": {"organism": ["Chlamydomonas reinhardtii"]},
        "freezing": {
            "method": "plunge_freezing",
            "cryogen_sample_env": "ethane/propane",
            "humidity_env": quantity(80, "%"),
        },
        "thinning": {
            "method_thin": "FIB milling",
            "instrument_thin": "Aquilos 2",
            "ion_source": "GALLIUM+",
            "target_thickness": quantity(0.15, "um"),
        },
    }
    return document


MODEL = f"""data_1ABC
# made for a test
_entry.id   1ABC
#
_cell.entry_id   1ABC
_cell.length_a   10.5
#
loop_
_entity.id
_entity.type
_entity.src_method
_entity.pdbx_description
3 polymer     nat 'CRABP-II'
4 non-polymer syn "RETINOIC ACID"
#
_entity_poly.entity_id                      3
_entity_poly.type                           'polypeptide(L)'
_entity_poly.pdbx_seq_one_letter_code
;{SEQUENCE[:40]}
{SEQUENCE[40:]}
;
#
loop_
_citation_author.citation_id
_citation_author.name
primary   'Kleywegt, G.J.'
primary   "O'Neil, X."
#
loop_
_atom_site.group_PDB
_atom_site.id
_atom_site.type_symbol
_atom_site.label_atom_id
_atom_site.label_comp_id
_atom_site.label_asym_id
_atom_site.label_entity_id
_atom_site.label_seq_id
_atom_site.Cartn_x
_atom_site.Cartn_y
_atom_site.Cartn_z
ATOM   1 N N  MET A 3 1  16.979  13.301  44.555
ATOM   2 C CA MET A 3 1  18.150  13.525  43.680
#
_pdbx_audit_conform.dict_name   mmcif_pdbx.dic
#
data_second
_cell.length_b   7
"""
"""A small model, with quotes, text fields, blanks and a second block as real ones have them."""


@cache
def _rules() -> bytes:
    packed = files("openem_nb.mmcif").joinpath("pdbx_em.dic.gz").read_bytes()
    return gzip.decompress(packed)


def problems(text: str, *, deposition: bool = False) -> list[str]:
    """Return what gemmi says against a file, without what is for information."""
    said: list[str] = []
    ddl = cif.Ddl(
        logger=said.append,
        print_unknown_tags=True,
        use_regex=True,
        use_context=True,
        use_linked_groups=True,
        use_mandatory=True,
        use_unique_keys=True,
    )
    ddl.read_ddl(cif.read_string(_rules()))
    said.clear()
    ddl.use_deposition_checks = deposition
    ddl.validate_cif(cif.read_string(text))
    return [one for one in said if "category indicated as" not in one]


def value(text: str, item: str) -> str | None:
    """Return what the first block of a file says of an item in its first row."""
    found = cif.read_string(text)[0].find_values(item)
    raw = next(iter(found), None)
    return None if raw is None or cif.is_null(raw) else cif.as_string(raw)
