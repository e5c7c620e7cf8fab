"""The maps of an EMDB entry: sizes, file names, and how the entry JSON describes them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from openem_nb.practice._shapes import ANGSTROM, Json, rng_of
from openem_nb.practice._vocabulary import EXAMPLE_MAP

if TYPE_CHECKING:
    import random

    from openem_nb.practice.truth import EmdbTruth

__all__ = ["file_names", "interpretation", "map_box", "map_json"]


_EDGES: Final = (16, 20, 24, 32)
_VOXELS: Final = (0.83, 1.06, 1.34, 2.7)
_EXAMPLE_EDGE: Final = 64
_FINER: Final = 2.5
"""Voxels to a resolution at least: two would be the limit of Nyquist."""


def map_box(entry: EmdbTruth, seed: int) -> tuple[int, float, float]:
    """Return edge length (voxels), voxel size (angstrom) and contour level of an entry's maps."""
    rng = rng_of(entry, seed, 1)
    edge, voxel, level = rng.choice(_EDGES), rng.choice(_VOXELS), rng.uniform(0.02, 0.9)
    if file_names(entry, seed)["half"] and entry.resolution:
        finest = entry.resolution / _FINER
        voxel = max((one for one in _VOXELS if one <= finest), default=_VOXELS[0])
        level = 0.15 + 0.1 * level  # a particle with noise, and no blob
    return _EXAMPLE_EDGE if entry.emdb_id == EXAMPLE_MAP else edge, voxel, round(level, 3)


def file_names(entry: EmdbTruth, seed: int) -> dict[str, tuple[str, ...]]:
    """Return an entry's file names: ``map``, ``half``, ``additional``, ``masks``, ``images``."""
    if entry.map_released is None:
        return {"map": (), "half": (), "additional": (), "masks": (), "images": ()}
    number = entry.emdb_id[4:]
    rng = rng_of(entry, seed, 2)
    year = entry.deposited.year
    example = entry.emdb_id == EXAMPLE_MAP
    image = rng.random()
    return {
        "map": (f"emd_{number}.map.gz",),
        "half": tuple(f"emd_{number}_half_map_{n}.map.gz" for n in (1, 2))
        if rng.random() < (0.9 if year >= 2019 else 0.15) or example
        else (),
        "additional": (f"emd_{number}_additional_1.map.gz",) if rng.random() < 0.15 else (),
        "masks": (f"emd_{number}_msk_1.map",) if rng.random() < 0.3 or example else (),
        "images": ()
        if image < 0.02 and not example
        else (
            f"{number}.gif"
            if image < 0.05
            else f"emd_{number}_1.png"
            if image < 0.09
            else f"emd_{number}.png",
        ),
    }


def map_json(rng: random.Random, entry: EmdbTruth, seed: int, name: str, kind: str) -> Json:
    edge, voxel, level = map_box(entry, seed)
    length = {"units": ANGSTROM, "valueOf_": f"{edge * voxel:.5g}"}
    right = {"units": "deg", "valueOf_": "90.0"}
    contour: Json = {"instance_type": "contour", "primary": True, "source": "AUTHOR"}
    if kind == "primary":
        contour["level"] = level
    pixel = {"units": ANGSTROM, "valueOf_": str(voxel)}
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


def interpretation(
    rng: random.Random, entry: EmdbTruth, seed: int, files: dict[str, tuple[str, ...]]
) -> Json:
    inside: Json = {}
    for folder, kind in (("additional", "additional_map"), ("half", "half_map")):
        if files[folder]:
            maps = [map_json(rng, entry, seed, name, kind) for name in files[folder]]
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
