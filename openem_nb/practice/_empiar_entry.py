"""Show one EMPIAR entry as JSON: the EMPIAR API's shape, and the search index's flatter one."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from openem_nb.practice._empiar_images import PIXEL_SIZE, SIDE
from openem_nb.practice._vocabulary import EXAMPLE_RAW
from openem_nb.practice._volumes import NOISE_PIXEL, NOISE_SIDE

if TYPE_CHECKING:
    from openem_nb.practice.truth import EmpiarTruth

__all__ = ["ImageSet", "empiar_json", "image_sets"]

Json = dict[str, Any]

_CATEGORIES: Final = (
    (
        "Unaligned multi-frame micrographs",
        "micrographs - multiframe",
        "TIFF",
        "UNSIGNED BYTE",
        "tif",
    ),
    ("Unaligned movies, EER", "micrographs - multiframe", "EER", "UNSIGNED BYTE", "eer"),
    ("Motion-corrected micrographs", "micrographs - single frame", "MRC", "32 BIT FLOAT", "mrc"),
    (
        "Picked particles, polished",
        "picked particles - single frame - processed",
        "MRCS",
        "32 BIT FLOAT",
        "mrcs",
    ),
    ("Tilt series", "tilt series", "MRC", "SIGNED 16 BIT INTEGER", "mrc"),
    ("Reconstructed tomograms", "reconstructed volumes", "MRC", "32 BIT FLOAT", "mrc"),
)
_MICROGRAPHS: Final = _CATEGORIES[2]
_JUDGED: Final[Json] = {
    "pixel_width": PIXEL_SIZE,
    "pixel_height": PIXEL_SIZE,
    "image_width": str(SIDE),
    "image_height": str(SIDE),
    "voxel_type": "UNSIGNED 16 BIT INTEGER",
    "details": "Practice data: simulated micrographs at 300 kV with a Cs of 2.7 mm.",
}
_NOISE: Final[Json] = {
    "pixel_width": NOISE_PIXEL,
    "pixel_height": NOISE_PIXEL,
    "image_width": str(NOISE_SIDE),
    "image_height": str(NOISE_SIDE),
    "voxel_type": "SIGNED BYTE",
}
"""What the MRC files of the other sets of that entry hold: elsewhere the record is of the real
files, which are not here, but this entry is looked at."""
_FIRST_NAMES: Final = ("Ada", "Bruno", "Chiara", "David", "Elena", "Fatima", "Goro", "Hanna")


@dataclass(frozen=True, slots=True)
class ImageSet:
    """What an image set's record and its folder of files have in common."""

    name: str
    directory: str
    category: str
    format: str
    voxel_type: str
    suffix: str
    images: int
    frames: int

    @property
    def is_file(self) -> bool:
        """Return whether ``directory`` names a file, as it does in some entries."""
        return self.directory.endswith(f".{self.suffix}")


def image_sets(entry: EmpiarTruth, seed: int) -> tuple[ImageSet, ...]:
    """Return one to three image sets of an entry."""
    rng = random.Random((seed * 100_003 + int(entry.empiar_id[7:])) * 8 + 5)
    folder = rng.choice(("data", f"data/{rng.randrange(150101, 261101)}", "data"))
    if entry.empiar_id == EXAMPLE_RAW:
        folder = "data"  # as in the entry that it stands for: what is written for one works in both
    sets = []
    for number in range(1, rng.choices((1, 2, 3), (60, 28, 12))[0] + 1):
        name, category, file_format, voxel, suffix = rng.choice(_CATEGORIES)
        if number == 1 and entry.empiar_id == EXAMPLE_RAW:
            name, category, file_format, voxel, suffix = _MICROGRAPHS
        leaf = rng.choice(
            ("Micrographs", "frames", f"set {number}", f"batch_{number}/Images-Disc1", "R&D_grid")
        )
        if (
            number > 1 and entry.empiar_id == EXAMPLE_RAW
        ):  # its micrographs are alone in their folder
            leaf = f"set {number}"
        directory = folder if number == 1 and rng.random() < 0.3 else f"{folder}/{leaf}"
        frames = rng.choice((10, 40, 50)) if "multiframe" in category else 1
        images = 240 if rng.random() < 0.03 else rng.randrange(3, 12)
        if number == 1 and entry.empiar_id == EXAMPLE_RAW:
            images, directory = 12, f"{folder}/Micrographs"
        if rng.random() < 0.04 and entry.empiar_id != EXAMPLE_RAW:
            directory, images = f"{directory}/stack_{number}.{suffix}", 1
        sets.append(ImageSet(name, directory, category, file_format, voxel, suffix, images, frames))
    return tuple(sets)


def _pixels(rng: random.Random, entry: EmpiarTruth) -> Json:
    """Widths are strings or null, pixel sizes numbers or null."""
    width, height = rng.choice((("5760", "4092"), ("3838", "3710"), ("4096", "4096"), (None, None)))
    pixel = None if rng.random() < 0.12 else rng.choice((0.83, 1.06, 3.3702, 6.85))
    if entry.experiment_type not in ("EMDB", "ssET", "MicroED"):
        pixel = rng.choice((40.0, 100.0, None))
    return {
        "pixel_width": pixel,
        "pixel_height": pixel,
        "image_width": width,
        "image_height": height,
    }


def _imageset(rng: random.Random, entry: EmpiarTruth, part: ImageSet, *, first: bool) -> Json:
    multi = part.frames > 1
    empty = rng.choice(("", "", None))
    return {
        "segmentations": [],
        "name": part.name,
        "directory": part.directory,
        "category": part.category,
        "header_format": part.format,
        "data_format": part.format,
        "num_images_or_tilt_series": part.images,
        "frames_per_image": part.frames,
        "frame_range_min": 1 if multi else None,
        "frame_range_max": part.frames if multi else None,
        "voxel_type": part.voxel_type,
        **_pixels(rng, entry),
        "micrographs_file_pattern": f"{part.directory}/*.{part.suffix}"
        if rng.random() < 0.3
        else empty,
        "picked_particles_file_pattern": empty,
        "picked_particles_directory": empty,
        "details": "Practice data: small images of noise in place of the real ones.",
        **(_as_in_its_files(part, first=first) if entry.empiar_id == EXAMPLE_RAW else {}),
    }


def _as_in_its_files(part: ImageSet, *, first: bool) -> Json:
    if first:
        return _JUDGED
    return _NOISE if part.suffix in ("mrc", "mrcs") else {}


def _person(rng: random.Random, entry: EmpiarTruth) -> Json:
    surname, _, initials = entry.authors[-1].rpartition(" ")
    return {
        "first_name": rng.choice(
            [name for name in _FIRST_NAMES if name[0] == initials[0]] or _FIRST_NAMES
        ),
        "last_name": surname,
        "email": None,
        "organization": "Institute of Practice & Training",
        "country": entry.country,
        "author_orcid": "0000-0002-1825-0097" if rng.random() < 0.6 else None,
    }


def empiar_json(entry: EmpiarTruth, seed: int, *, flat: bool = False) -> Json:
    """Return an entry; ``flat`` as the search index has it (people without ``author`` around)."""
    rng = random.Random((seed * 100_003 + int(entry.empiar_id[7:])) * 8 + 4)
    people = [_person(rng, entry) for _ in range(rng.choice((0, 1, 1, 2)))]
    authors: list[Json] = [{"name": name, "author_orcid": None} for name in entry.authors]
    references: list[Any] = list(entry.references)
    if rng.random() < 0.25:
        references = [{"name": reference} for reference in references]
    grants = []
    for grant in entry.grants:
        country = grant.country if grant.country is not None else rng.choice((None, ""))
        grants.append({"funding_body": grant.funder, "code": grant.code, "country": country})
    data: Json = {
        "title": entry.title,
        "status": entry.status,
        "deposition_date": entry.deposited.isoformat(),
        "release_date": entry.released.isoformat() if entry.released else None,
        "obsolete_date": entry.obsoleted.isoformat() if entry.obsoleted else None,
        "update_date": entry.updated.isoformat(),
        "dataset_size": entry.size_text,
        "experiment_type": entry.experiment_type,
        "entry_doi": ("doi:" if rng.random() < 0.1 else "") + f"10.6019/{entry.empiar_id}",
        "imagesets": [
            _imageset(rng, entry, part, first=number == 0)
            for number, part in enumerate(image_sets(entry, seed))
        ],
        "workflow_file": None,
        "version_history": [
            {
                "version_number": 1,
                "date": entry.updated.isoformat(),
                "status_code": entry.status,
                "details": None,
            }
        ],
        "authors": authors if flat else [{"author": author} for author in authors],
        "corresponding_author": {"author": _person(rng, entry)},
        "principal_investigator": people if flat else [{"author": person} for person in people],
        "cross_references": references,
        "related_pdb_entries": [],
        "biostudies_references": [],
        "idr_references": [],
        "empiar_references": [],
        "grant_references": grants,
        "citation": [_citation(entry, authors)] if entry.doi else [],
    }
    scale = rng.choice(("molecule", "molecule", "cell", "tissue", None, "-"))
    if scale != "-":  # absent in about a quarter of the entries
        data["scale"] = scale
    return data


def _citation(entry: EmpiarTruth, authors: list[Json]) -> Json:
    return {
        "authors": authors,
        "editors": [],
        "published": True,
        "j_or_nj_citation": True,
        "title": entry.title.removeprefix("Raw data of: "),
        "year": str((entry.released or entry.deposited).year),
        "doi": entry.doi,
        "pubmedid": None,
        "journal": "Nature communications",
        "journal_abbreviation": "Nat Commun",
    }
