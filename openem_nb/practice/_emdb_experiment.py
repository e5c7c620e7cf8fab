"""Sample, microscopy and image processing of an EMDB entry, as the entry JSON has them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openem_nb.practice import _vocabulary as words
from openem_nb.practice._shapes import ANGSTROM, Json

if TYPE_CHECKING:
    import random

    from openem_nb.practice.truth import EmdbTruth

__all__ = ["determinations", "sample"]

_STATES: Final = {
    "singleParticle": "particle",
    "subtomogramAveraging": "particle",
    "helical": "filament",
    "tomography": "cell",
    "electronCrystallography": "twoDArray",
}
_STEMS: Final = {
    "singleParticle": "single_particle",
    "subtomogramAveraging": "subtomogram_averaging",
    "helical": "helical",
    "tomography": "tomography",
    "electronCrystallography": "crystallography",
}


def _organism(name: str, taxid: int | None) -> Json:
    return {"valueOf_": name} if taxid is None else {"ncbi": taxid, "valueOf_": name}


def sample(rng: random.Random, entry: EmdbTruth) -> Json:
    if not entry.visible:
        return {"name": {"valueOf_": "Suppressed"}}
    sources = [
        {"database": "NCBI", "instance_type": "natural_source", "organism": _organism(*organism)}
        for organism in entry.organisms
    ]
    supramolecule: Json = {
        "instance_type": "complex_supramolecule",
        "macromolecule_list": {
            "macromolecule": [{"instance_type": "macromolecule", "macromolecule_id": 1}]
        },
        "name": {"valueOf_": entry.sample},
        "natural_source": sources,
        "parent": 0,
        "supramolecule_id": 1,
    }
    data: Json = {
        "name": {"valueOf_": entry.sample},
        "supramolecule_list": {"supramolecule": [supramolecule]},
    }
    if "tomography" in entry.methods or rng.random() < 0.15:
        return data
    molecules: list[Json] = []
    for number, organism in enumerate(entry.organisms, 1):
        molecule: Json = {
            "enantiomer": "LEVO",
            "instance_type": "protein_or_peptide",
            "macromolecule_id": number,
            "molecular_weight": {
                "theoretical": {"units": "MDa", "valueOf_": f"{rng.uniform(0.01, 0.9):.6f}"}
            },
            "name": {"valueOf_": entry.sample},
            "natural_source": {"database": "NCBI", "organism": _organism(*organism)},
            "number_of_copies": str(rng.randrange(1, 13)),
            "sequence": {"string": "".join(rng.choices("ACDEFGHIKLMNPQRSTVWY", k=40)) + " \nGSGS"},
        }
        if rng.random() < 0.7:  # the host that made the protein is not its source
            host = _organism(*rng.choice(words.HOSTS))
            molecule["recombinant_expression"] = {"database": "NCBI", "recombinant_organism": host}
        molecules.append(molecule)
    data["macromolecule_list"] = {"macromolecule": molecules}
    return data


def determinations(rng: random.Random, entry: EmdbTruth) -> list[Json]:
    last = len(entry.methods) - 1
    found = []
    for at, method in enumerate(entry.methods):
        resolutions = entry.resolutions[at:] if at == last else entry.resolutions[at : at + 1]
        processings = [
            _processing(rng, method, number, resolution, hidden=not entry.visible)
            for number, resolution in enumerate(resolutions, 1)
        ]
        determination: Json = {
            "aggregation_state": _STATES[method],
            "image_processing": processings,
            "instance_type": "structure_determination",
            "method": method,
            "microscopy_list": {
                "microscopy": [
                    _microscopy(rng, entry, method, name, number)
                    for number, name in enumerate(entry.microscopes, 1)
                ]
            },
            "structure_determination_id": at + 1,
        }
        if rng.random() < 0.9:
            preparation = {
                "buffer": {"ph": rng.choice((7, 7.4, 7.5, 8))},
                "instance_type": f"{_STEMS[method]}_preparation",
                "preparation_id": 1,
                "vitrification": {"cryogen_name": "ETHANE"},
            }
            determination["specimen_preparation_list"] = {"specimen_preparation": [preparation]}
        found.append(determination)
    return found


def _processing(
    rng: random.Random, method: str, number: int, resolution: float | None, *, hidden: bool
) -> Json:
    stem = _STEMS[method].replace("single_particle", "singleparticle")
    processing: Json = {
        "image_processing_id": number,
        "image_recording_id": 1,
        "instance_type": f"{stem}_processing",
    }
    final: Json = {}
    if resolution is not None and not hidden:
        by = "BY AUTHOR" if rng.random() < 0.97 else "BY EMDB"
        final["resolution"] = {"res_type": by, "units": ANGSTROM, "valueOf_": f"{resolution:g}"}
        final["resolution_method"] = "FSC 0.143 CUT-OFF"
    if method != "tomography":
        final["applied_symmetry"] = {
            "point_group": rng.choice(("C1", "C1", "C2", "C4", "D7", "O", "I"))
        }
        final["number_images_used"] = rng.randrange(900, 900_000)
    software = [
        {"instance_type": "software", "name": rng.choice(("RELION", "cryoSPARC")), "version": "4"}
    ]
    final["software_list"] = {"software": software}
    processing["final_reconstruction"] = final
    return processing


def _microscopy(rng: random.Random, entry: EmdbTruth, method: str, name: str, number: int) -> Json:
    year = entry.deposited.year
    detectors = words.DETECTORS_NEW if year >= 2015 else words.DETECTORS_OLD
    recording: Json = {
        "average_electron_dose_per_image": {
            "units": f"e/{ANGSTROM}^2",
            "valueOf_": f"{rng.uniform(10, 70):.1f}",
        },
        "film_or_detector_model": {"valueOf_": rng.choice(detectors)},
        "image_recording_id": 1,
        "instance_type": "image_recording",
    }
    if rng.random() < 0.4:
        recording["number_real_images"] = rng.randrange(200, 30_000)
    microscopy: Json = {
        "acceleration_voltage": {"units": "kV", "valueOf_": str(words.VOLTAGES[name])},
        "electron_source": "FIELD EMISSION GUN",
        "illumination_mode": rng.choice(("FLOOD BEAM", "OTHER")),
        "image_recording_list": {"image_recording": [recording]},
        "imaging_mode": "BRIGHT FIELD",
        "instance_type": f"{_STEMS[method]}_microscopy",
        "microscope": name,
        "microscopy_id": number,
    }
    if rng.random() < 0.7:
        microscopy["nominal_cs"] = {"units": "mm", "valueOf_": "2.7"}
        microscopy["nominal_defocus_max"] = {"units": "µm", "valueOf_": "2.0"}
        microscopy["nominal_defocus_min"] = {"units": "µm", "valueOf_": "0.5"}
        microscopy["nominal_magnification"] = rng.choice((29000, 105000.0, 130000))
    return microscopy
