"""Show one EMDB entry as the service's JSON, with the shapes that real answers have.

Text of an element is ``valueOf_`` and a string even for numbers; a key may be missing, null, a list, or
the bare object where the list would have one; the angstrom sign is U+212B. Which entry shows which shape
is drawn from its number, so that an entry always looks the same.
"""

from __future__ import annotations

import datetime as dt
import random
from typing import Any, Final

from openem_nb.practice import _vocabulary as words
from openem_nb.practice.truth import EmdbTruth, GrantTruth

__all__ = ["entry_json", "file_names", "map_box"]

Json = dict[str, Any]

_ANGSTROM: Final = "\u212b"
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


def _rng(entry: EmdbTruth, seed: int, part: int) -> random.Random:
    return random.Random((seed * 100_003 + int(entry.emdb_id[4:])) * 8 + part)


def _day(day: dt.date) -> str:
    return f"{day.isoformat()}T00:00:00"


def _one_or_list(rng: random.Random, items: list[Any], share: float) -> Any:
    """Return the list, or sometimes the bare object where there is one only."""
    return items[0] if len(items) == 1 and rng.random() < share else items


def map_box(entry: EmdbTruth, seed: int) -> tuple[int, float, float]:
    """Return edge length (voxels), voxel size (angstrom) and contour level of an entry's maps."""
    rng = _rng(entry, seed, 1)
    return (
        rng.choice((16, 20, 24, 32)),
        rng.choice((0.83, 1.06, 1.34, 2.7)),
        round(rng.uniform(0.02, 0.9), 3),
    )


def file_names(entry: EmdbTruth, seed: int) -> dict[str, tuple[str, ...]]:
    """Return the names of an entry's files by folder: ``map``, ``half``, ``additional``, ``masks``, ``images``."""
    if entry.map_released is None:
        return {"map": (), "half": (), "additional": (), "masks": (), "images": ()}
    number = entry.emdb_id[4:]
    rng = _rng(entry, seed, 2)
    year = entry.deposited.year
    image = rng.random()
    return {
        "map": (f"emd_{number}.map.gz",),
        "half": tuple(f"emd_{number}_half_map_{n}.map.gz" for n in (1, 2))
        if rng.random() < (0.9 if year >= 2019 else 0.15)
        else (),
        "additional": (f"emd_{number}_additional_1.map.gz",) if rng.random() < 0.15 else (),
        "masks": (f"emd_{number}_msk_1.map",) if rng.random() < 0.3 else (),
        "images": ()
        if image < 0.02
        else (
            f"{number}.gif"
            if image < 0.05
            else f"emd_{number}_1.png"
            if image < 0.09
            else f"emd_{number}.png",
        ),
    }


def entry_json(entry: EmdbTruth, seed: int) -> Json:
    """Return an entry as ``/entry`` and ``/search`` give it; hidden where it is not released."""
    rng = _rng(entry, seed, 0)
    data: Json = {}
    if rng.random() < 0.85:
        data["_id"] = f"{rng.getrandbits(96):024x}"
    data["admin"] = _admin(rng, entry)
    data["crossreferences"] = _references(rng, entry)
    data["emdb_id"] = entry.emdb_id
    if entry.visible:
        files = file_names(entry, seed)
        inside = _interpretation(rng, entry, seed, files)
        if inside:
            data["interpretation"] = inside
        if files["map"]:
            data["map"] = _map(rng, entry, seed, files["map"][0], "primary")
    data["sample"] = _sample(rng, entry)
    data["structure_determination_list"] = {
        "structure_determination": _one_or_list(rng, _determinations(rng, entry), 0.03)
    }
    data["version"] = rng.choice(("3.0.2.0", "3.0.2.8", "3.0.9.3", "3.0.11.0"))
    return data


def _grant(rng: random.Random, grant: GrantTruth) -> Json:
    item: Json = {}
    if grant.code is not None:
        item["code"] = grant.code
    if grant.country is not None:
        item["country"] = grant.country
    elif rng.random() < 0.3:
        item["country"] = rng.choice((None, ""))
    item["funding_body"] = grant.funder
    item["instance_type"] = "grant_reference"
    return item


def _admin(rng: random.Random, entry: EmdbTruth) -> Json:
    status = {
        "code": {"valueOf_": entry.status},
        "date": _day(entry.updated),
        "processing_site": entry.site,
    }
    dates: Json = {"deposition": _day(entry.deposited)}
    if entry.header_released:
        dates["header_release"] = _day(entry.header_released)
    if entry.map_released:
        dates["map_release"] = _day(entry.map_released)
    if entry.obsoleted:
        dates["obsolete"] = _day(entry.obsoleted)
    dates["update"] = _day(entry.updated)
    sites = {"deposition": entry.site, "last_processing": entry.site}
    admin: Json = {"current_status": status, "key_dates": dates, "sites": sites}
    if not entry.visible:
        hidden = rng.choice(("SUPPRESSED", "Suppressed"))
        admin["title"] = hidden
        admin["authors_list"] = {
            "author": [{"instance_type": "author", "valueOf_": "Suppressed, X."}]
        }
        if rng.random() < 0.5:
            grants = [
                {"country": hidden, "funding_body": hidden, "instance_type": "grant_reference"}
            ]
            admin["grant_support"] = {"grant_reference": grants}
        return admin
    authors: list[Json] = [{"instance_type": "author", "valueOf_": name} for name in entry.authors]
    if rng.random() < 0.3:
        authors[0]["ORCID"] = f"0000-0002-{rng.randrange(1000, 9999)}-{rng.randrange(1000, 9999)}"
    admin["authors_list"] = {"author": _one_or_list(rng, authors, 0.5)}
    if entry.grants:
        grants = [_grant(rng, grant) for grant in entry.grants]
        admin["grant_support"] = {"grant_reference": _one_or_list(rng, grants, 0.15)}
    elif rng.random() < 0.05:
        admin["grant_support"] = None
    if entry.status == "OBS" and entry.superseded_by:
        replaced = [{"date": dates["obsolete"], "entry": new} for new in entry.superseded_by]
        admin["superseded_by_list"] = {"entry": _one_or_list(rng, replaced, 0.3)}
    if rng.random() < 0.6:
        admin["keywords"] = (
            f"{entry.sample.split()[-1]}, complex, {rng.choice(('MEMBRANE PROTEIN', 'RIBOSOME', 'VIRUS'))}"
        )
    if entry.deposited.year >= 2024:
        first = {
            "instance_type": "primary_map",
            "provider": "REPOSITORY",
            "revision_type": "INITIAL_RELEASE",
        }
        released = _day(entry.map_released or entry.updated)
        revision = {"change_list": {"revision_change_sub_group": [first]}, "date": released}
        admin["revision_history"] = {
            "revision": [{**revision, "instance_type": "revision", "version": "1.0"}]
        }
    admin["title"] = entry.title
    return admin


def _references(rng: random.Random, entry: EmdbTruth) -> Json:
    references: Json = {}
    if not entry.visible:
        return references
    if rng.random() > 0.02 or entry.doi:
        references["citation_list"] = {"primary_citation": {"citation_type": _citation(rng, entry)}}
    if rng.random() < (0.3 if entry.deposited.year >= 2025 else 0.7):
        items: list[Json] = [
            {
                "emdb_id": other,
                "instance_type": "emdb_reference",
                "relationship": {
                    "other": "associated EM volume" if other == entry.emdb_id else "other EM volume"
                },
            }
            for other in entry.related
        ]
        references["emdb_list"] = {"emdb_reference": items}
    elif entry.deposited.year >= 2025:
        items = [
            {
                "accession_id": other,
                "content_type": "associated EM volume"
                if other == entry.emdb_id
                else "other EM volume",
                "db_name": "EMDB",
                "details": entry.title,
                "instance_type": "db_reference",
            }
            for other in entry.related
        ]
        references["other_db_list"] = {"db_reference": items}
    if entry.pdb_ids:
        models: list[Json] = [
            {
                "instance_type": "pdb_reference",
                "pdb_id": pdb_id,
                "relationship": {"in_frame": "FULLOVERLAP"},
            }
            for pdb_id in entry.pdb_ids
        ]
        references["pdb_list"] = {"pdb_reference": _one_or_list(rng, models, 0.04)}
    elif rng.random() < 0.06:
        references["pdb_list"] = None
    return references


def _citation(rng: random.Random, entry: EmdbTruth) -> Json:
    authors: list[Json] = [
        {"instance_type": "author", "order": order, "valueOf_": name}
        for order, name in enumerate(entry.authors, 1)
    ]
    paper: Json = {"author": _one_or_list(rng, authors, 0.3)}
    external: list[tuple[str, str]] = []
    if entry.pubmed and entry.journal:
        external.append(("PUBMED", entry.pubmed))
    if entry.doi:
        external.append(("DOI", f"doi:{entry.doi}"))
    if entry.journal is None:
        external.append(("CSD", "0353"))
        paper |= {
            "journal": "To Be Published",
            "journal_abbreviation": "To Be Published",
            "published": False,
        }
    else:
        journal = next((j for j in words.JOURNALS if j[0] == entry.journal), words.JOURNALS[0])
        if entry.citation_country and rng.random() < 0.7:
            paper["country"] = entry.citation_country
        external.append(("ISSN", journal[2]))
        external += [
            (kind, code) for kind, code in (("CSD", journal[3]), ("ASTM", journal[4])) if code
        ]
        paper |= {
            "journal": entry.journal,
            "journal_abbreviation": entry.journal,
            "published": True,
        }
        paper |= {"year": str(entry.citation_year), "volume": str(rng.randrange(1, 600))}
    paper["external_references"] = [
        {"instance_type": "external_references", "type_": kind, "valueOf_": value}
        for kind, value in external
    ]
    paper["title"] = f"{entry.sample}."
    return paper


def _map(rng: random.Random, entry: EmdbTruth, seed: int, name: str, kind: str) -> Json:
    edge, voxel, level = map_box(entry, seed)
    length = {"units": _ANGSTROM, "valueOf_": f"{edge * voxel:.5g}"}
    right = {"units": "deg", "valueOf_": "90.0"}
    contour: Json = {"instance_type": "contour", "primary": True, "source": "AUTHOR"}
    if kind == "primary":
        contour["level"] = level
    pixel = {"units": _ANGSTROM, "valueOf_": str(voxel)}
    data: Json = {
        "axis_order": {"fast": "X", "medium": "Y", "slow": "Z"},
        "cell": {
            "a": length,
            "alpha": right,
            "b": length,
            "beta": right,
            "c": length,
            "gamma": right,
        },
        "contour_list": {"contour": [contour]},
        "data_type": "IMAGE STORED AS FLOATING POINT NUMBER (4 BYTES)",
        "dimensions": {"col": edge, "row": edge, "sec": edge},
        "file": name,
        "format": "CCP4",
        "label": f"::::EMDATABANK.org::::{entry.emdb_id}::::",
        "origin": {"col": 0, "row": 0, "sec": 0},
        "pixel_spacing": {"x": pixel, "y": pixel, "z": pixel},
        "size_kbytes": (1024 + 4 * edge**3) // 1000 + 1,
        "spacing": {"x": edge, "y": edge, "z": edge},
        "statistics": {"average": 0.0013, "maximum": 1.0625, "minimum": -0.0625, "std": 0.0473},
        "symmetry": {"space_group": 1 if entry.deposited.year >= 2022 else "1"},
    }
    if kind != "primary":
        data["instance_type"] = kind
    if rng.random() < 0.2:
        data["annotation_details"] = f"{entry.title} - {kind.replace('_', ' ')}"
    return data


def _interpretation(
    rng: random.Random, entry: EmdbTruth, seed: int, files: dict[str, tuple[str, ...]]
) -> Json:
    inside: Json = {}
    for folder, kind in (("additional", "additional_map"), ("half", "half_map")):
        if files[folder]:
            maps = [_map(rng, entry, seed, name, kind) for name in files[folder]]
            inside[f"{kind}_list"] = {kind: maps}
    if entry.pdb_ids and rng.random() < 0.3:
        model = {"access_code": "5VK2", "instance_type": "initial_model"}
        modelling = {
            "initial_model": [model],
            "instance_type": "modelling",
            "refinement_space": "REAL",
        }
        inside["modelling_list"] = {"modelling": [modelling]}
    if files["masks"]:
        masks = [{"file": name, "instance_type": "segmentation"} for name in files["masks"]]
        inside["segmentation_list"] = {"segmentation": masks}
    return inside


def _organism(name: str, taxid: int | None) -> Json:
    return {"valueOf_": name} if taxid is None else {"ncbi": taxid, "valueOf_": name}


def _sample(rng: random.Random, entry: EmdbTruth) -> Json:
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
    sample: Json = {
        "name": {"valueOf_": entry.sample},
        "supramolecule_list": {"supramolecule": [supramolecule]},
    }
    if "tomography" in entry.methods or rng.random() < 0.15:
        return sample
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
    sample["macromolecule_list"] = {"macromolecule": molecules}
    return sample


def _determinations(rng: random.Random, entry: EmdbTruth) -> list[Json]:
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
        final["resolution"] = {"res_type": by, "units": _ANGSTROM, "valueOf_": f"{resolution:g}"}
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
            "units": f"e/{_ANGSTROM}^2",
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
