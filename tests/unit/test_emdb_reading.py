"""Reading EMDB entries: the real ones exactly, damaged ones never wrongly."""

from __future__ import annotations

import copy
import json
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openem_nb import emdb
from openem_nb.emdb import Citation, EntryFile, Grant, Organism
from openem_nb.errors import BadAnswer, InvalidInput

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def entries(samples: Path) -> dict[str, Any]:
    folder = samples / "emdb" / "entries"
    batch = json.loads((folder / "emdb_batch_EMD-1000_EMD-74041.json").read_text())
    found = {f"batch {item['emdb_id']}": item for item in batch}
    for path in folder.glob("emdb_EMD-*.json"):
        found[path.stem.removeprefix("emdb_")] = json.loads(path.read_text())
    return found


def test_every_real_entry_is_read(entries: dict[str, Any]) -> None:
    assert sorted(entries) == [
        "EMD-25107",
        "EMD-34119",
        "EMD-74041",
        "batch EMD-1000",
        "batch EMD-74041",
    ]
    resolutions = {name: emdb.parse(payload).resolution for name, payload in entries.items()}
    assert resolutions == {
        "EMD-25107": 3.97,
        "EMD-34119": 3.8,
        "EMD-74041": 2.86,
        "batch EMD-1000": 4.4,
        "batch EMD-74041": 2.86,
    }


def test_a_real_entry_in_full(entries: dict[str, Any]) -> None:
    title = (
        "Lassa virus glycoprotein construct(Josiah GPCysR4) recovered from GPC-I53-50 nanoparticle"
    )
    assert emdb.parse(entries["EMD-25107"]) == emdb.Entry(
        id="EMD-25107",
        title=f"{title} by localized reconstruction",
        status="REL",
        deposited=date(2021, 10, 5),
        header_released=date(2022, 10, 12),
        map_released=date(2022, 10, 12),
        updated=date(2022, 10, 12),
        methods=("singleParticle",),
        resolution=3.97,
        resolutions=(3.97,),
        microscopes=("FEI TITAN KRIOS",),
        detectors=("GATAN K2 SUMMIT (4k x 4k)",),
        voltages=(300.0,),
        sample=title,
        organisms=(Organism("Lassa mammarenavirus", 11620),),
        authors=("Antanasijevic A", "Brouwer PJM", "Ward AB"),
        citation=Citation(
            title="Lassa virus glycoprotein nanoparticles elicit a neutralizing antibody that "
            "defines a new site of vulnerability",
            journal="To Be Published",
        ),
        pdb_ids=("7sgd",),
        emdb_ids=("EMD-25108", "EMD-25109"),
        grants=(Grant("Bill & Melinda Gates Foundation", "United States", "OPP1170236"),),
        files=(
            EntryFile("map", "emd_25107.map.gz", (220, 220, 220), 0.02),
            EntryFile("half_map", "emd_25107_half_map_1.map.gz", (220, 220, 220)),
            EntryFile("half_map", "emd_25107_half_map_2.map.gz", (220, 220, 220)),
            EntryFile("mask", "emd_25107_msk_1.map"),
        ),
        url="https://www.ebi.ac.uk/emdb/EMD-25107",
    )


def test_other_real_entries_where_they_differ(entries: dict[str, Any]) -> None:
    early, late = emdb.parse(entries["batch EMD-1000"]), emdb.parse(entries["batch EMD-74041"])
    assert (early.grants, early.pdb_ids, early.voltages) == ((), (), (200.0,))
    assert early.organisms == (Organism("Macaca mulatta", 9544),)
    assert early.citation == Citation(
        "Structural analysis reveals TLR7 dynamics underlying antagonism.",
        "Nat Commun",
        2020,
        "10.1038/s41467-020-19025-z",
        "33060576",
        published=True,
    )
    assert late.updated == date(2026, 4, 8)
    assert late.deposited == date(2025, 11, 24)
    assert [grant.code for grant in late.grants] == [None, "R35NS105038", "R35GM140847"]
    assert late.emdb_ids == ()  # it lists itself only
    assert [file.kind for file in late.files] == ["map", "half_map", "half_map", "additional_map"]
    trimmed = emdb.parse(entries["EMD-74041"])
    assert trimmed.files == ()
    assert trimmed.detectors == ()
    assert trimmed.citation is not None
    assert trimmed.citation.pubmed is None


def entry(**parts: Any) -> dict[str, Any]:
    """Return a small entry; ``parts`` are put over its top level."""
    return {
        "emdb_id": "EMD-0339",
        "admin": {"current_status": {"code": {"valueOf_": "REL"}}, "title": "A map"},
        **parts,
    }


def with_resolution(value: Any) -> dict[str, Any]:
    processing = {"final_reconstruction": {"resolution": value}}
    return entry(
        structure_determination_list={"structure_determination": {"image_processing": [processing]}}
    )


def with_date(value: Any) -> dict[str, Any]:
    admin = {"current_status": {"code": "REL"}, "key_dates": {"deposition": value}}
    return entry(admin=admin)


@pytest.mark.parametrize(
    ("value", "angstrom"),
    [
        ({"units": "\u212b", "valueOf_": "3.97"}, 3.97),  # the angstrom sign
        ({"units": "\u00c5", "valueOf_": "3.97"}, 3.97),  # the letter
        ({"units": "A\u030a", "valueOf_": " 3.97 "}, 3.97),  # letter and combining ring
        ({"valueOf_": "3.97"}, 3.97),
        ({"units": "nm", "valueOf_": "0.5"}, 5.0),
        ("3.97", 3.97),
        (3.97, 3.97),
        ({"units": "\u212b", "valueOf_": "0"}, None),
        ({"units": "\u212b", "valueOf_": "0.0"}, None),
        ({"units": "\u212b", "valueOf_": ""}, None),
        ({"units": "\u212b"}, None),
        ({}, None),
        (None, None),
    ],
)
def test_resolution_is_in_angstrom(value: Any, angstrom: float | None) -> None:
    assert emdb.parse(with_resolution(value)).resolution == angstrom


@pytest.mark.parametrize(
    "value",
    [
        {"units": "pm", "valueOf_": "397"},
        {"units": 7, "valueOf_": "3.97"},
        {"units": "\u212b", "valueOf_": "3,97"},
        {"units": "\u212b", "valueOf_": "-3.97"},
        {"units": "\u212b", "valueOf_": "nan"},
        {"units": "\u212b", "valueOf_": "1e999"},
        {"units": "\u212b", "valueOf_": ["3.97"]},
        10**400,
        True,
        [[3.97]],
        "better than 4",
        "1_0",
        "\u0663",  # a digit, but not of ours
    ],
)
def test_a_resolution_that_cannot_be_understood_is_an_error(value: Any) -> None:
    with pytest.raises(BadAnswer, match="resolution"):
        emdb.parse(with_resolution(value))


def test_best_resolution_of_all_reconstructions() -> None:
    def determination(method: str, *values: str) -> dict[str, Any]:
        return {
            "method": method,
            "image_processing": [
                {"final_reconstruction": {"resolution": {"units": "Å", "valueOf_": value}}}
                for value in values
            ],
        }

    payload = entry(
        structure_determination_list={
            "structure_determination": [
                determination("tomography", "0"),
                determination("subtomogramAveraging", "8.1", "4.2"),
                {"method": "tomography", "image_processing": None},
            ]
        }
    )
    read = emdb.parse(payload)
    assert read.methods == ("tomography", "subtomogramAveraging")
    assert (read.resolution, read.resolutions) == (4.2, (8.1, 4.2))


@pytest.mark.parametrize(
    "text",
    [
        "2021-10-05T00:00:00",
        "2021-10-05T00:00:00Z",
        "2021-10-05T00:00:00.000Z",
        "2021-10-05",
        "20211005",
        20211005,
        "2021-10-5",
    ],
)
def test_dates_in_all_dialects(text: Any) -> None:
    assert emdb.parse(with_date(text)).deposited == date(2021, 10, 5)


@pytest.mark.parametrize(
    "text", ["2021-02-30", "2021-13-01", "0001-01-01", "9999-12-31", "05.10.2021", "soon", [], 3]
)
def test_impossible_dates_are_errors(text: Any) -> None:
    with pytest.raises(BadAnswer, match=r"key_dates\.deposition"):
        emdb.parse(with_date(text))


def test_single_objects_where_lists_are_usual() -> None:
    admin = {
        "current_status": {"code": {"valueOf_": "rel"}},
        "authors_list": {"author": {"valueOf_": "Choi KY"}},
        "grant_support": {"grant_reference": {"funding_body": "SNSF", "country": " Switzerland "}},
    }
    crossreferences = {
        "pdb_list": {"pdb_reference": {"pdb_id": "9ZCU"}},
        "other_db_list": {
            "db_reference": [
                {"accession_id": "EMD-0400", "db_name": "EMDB"},
                {"accession_id": "EMPIAR-10943", "db_name": "EMPIAR"},
            ]
        },
        "auxiliary_link_list": {"auxiliary_link": {"link": "https://x.org/EMPIAR-11561/"}},
    }
    read = emdb.parse(entry(admin=admin, crossreferences=crossreferences))
    assert read.status == "REL"
    assert read.authors == ("Choi KY",)
    assert read.grants == (Grant("SNSF", "Switzerland", None),)
    assert read.pdb_ids == ("9zcu",)
    assert read.emdb_ids == ("EMD-0400",)
    assert read.empiar_ids == ("EMPIAR-10943", "EMPIAR-11561")


@pytest.mark.parametrize("nothing", [None, "", [], {}])
def test_all_shapes_of_nothing(nothing: Any) -> None:
    parts = (
        "crossreferences",
        "map",
        "sample",
        "interpretation",
        "structure_determination_list",
    )
    read = emdb.parse(entry(**dict.fromkeys(parts, nothing)))
    assert (read.resolution, read.grants, read.files, read.citation) == (None, (), (), None)


@pytest.mark.parametrize("name", ["../x.map", "a/b.map", "..", "/etc/passwd", "c:\\x", "a\0b"])
def test_a_file_name_that_leads_elsewhere_is_an_error(name: str) -> None:
    with pytest.raises(BadAnswer, match=r"map\.file"):
        emdb.parse(entry(map={"file": name}))


@pytest.mark.parametrize("payload", [None, [], "text", 7, {}, {"emdb_id": "x"}, {"emdb_id": []}])
def test_what_is_no_entry_is_an_error(payload: Any) -> None:
    with pytest.raises(BadAnswer):
        emdb.parse(payload)


def test_unknown_status_is_kept() -> None:
    assert emdb.parse(entry(admin={"current_status": {"code": "XYZ"}})).status == "XYZ"


@pytest.mark.parametrize(
    "text", ["339", 339, "emd-339", "EMD_0339", " EMD-0339 ", "EMD–339", "emdb: EMD-0339", "0339"]
)
def test_ids_in_any_spelling(text: str | int) -> None:
    assert emdb.normalise_id(text) == "EMD-0339"


@pytest.mark.parametrize(
    "text", ["", "EMD-", "EMD-0", "EMD-12a", "EMPIAR-10943", "1.5", "-3", "٣٣٩", True, None]
)
def test_what_is_no_id(text: Any) -> None:
    with pytest.raises(InvalidInput, match="is not an EMDB id"):
        emdb.normalise_id(text)


def nodes(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all places in a payload."""
    found = [path] if path else []
    if isinstance(value, dict):
        for key, below in value.items():
            found += nodes(below, (*path, key))
    if isinstance(value, list):
        for number, below in enumerate(value):
            found += nodes(below, (*path, number))
    return found


DAMAGE = st.sampled_from(
    ["delete", "wrap", "text", None, "", [], {}, True, "garbage", [[]], {"x": 1}]
)


def damaged(payload: Any, changes: list[tuple[int, Any]]) -> Any:
    """Return a copy in which some places are deleted, replaced or of another type."""
    copied = copy.deepcopy(payload)
    for place, damage in changes:
        paths = nodes(copied)
        if not paths:
            break
        *above, last = paths[place % len(paths)]
        parent = copied
        for key in above:
            parent = parent[key]
        if damage == "delete":
            del parent[last]
        elif damage == "wrap":
            parent[last] = [parent[last]]
        elif damage == "text":
            parent[last] = str(parent[last])
        else:
            parent[last] = copy.deepcopy(damage)
    return copied


@settings(max_examples=400, deadline=None)
@given(
    name=st.sampled_from(["EMD-25107", "EMD-34119", "batch EMD-1000", "batch EMD-74041"]),
    changes=st.lists(st.tuples(st.integers(0, 10**6), DAMAGE), min_size=1, max_size=4),
)
def test_damaged_entries_are_errors_or_hold_no_wrong_number(
    entries: dict[str, Any], name: str, changes: list[tuple[int, Any]]
) -> None:
    whole = emdb.parse(entries[name])
    try:
        read = emdb.parse(damaged(entries[name], changes))
    except BadAnswer:
        return
    assert read.id == whole.id
    assert read.resolution in (whole.resolution, None)
    assert set(read.voltages) <= set(whole.voltages)
    for field in ("deposited", "header_released", "map_released", "updated", "obsoleted"):
        assert getattr(read, field) in (getattr(whole, field), None)
    assert {organism.taxid for organism in read.organisms} <= {
        None,
        *(organism.taxid for organism in whole.organisms),
    }
    if read.citation and whole.citation:
        assert read.citation.year in (whole.citation.year, None)
    dimensions = {file.dimensions for file in whole.files}
    assert {file.dimensions for file in read.files} <= {None, *dimensions}


@pytest.mark.parametrize(
    ("contours", "level"),
    [
        (None, None),
        ({"contour": []}, None),
        ({"contour": [{"primary": True, "source": "AUTHOR"}]}, None),
        ({"contour": {"primary": "true", "level": "0.05"}}, 0.05),
        ({"contour": [{"level": 0.1, "primary": False}, {"level": -0.2, "primary": True}]}, -0.2),
        ({"contour": [{"level": 0.3}, {"level": 0.4}]}, 0.3),
    ],
)
def test_contour_level_of_the_authors(contours: object, level: float | None) -> None:
    found = emdb.parse(entry(map={"file": "emd_1.map.gz", "contour_list": contours}))
    assert found.level == level
    assert found.files[0].level == level


def test_a_contour_level_that_is_no_number_is_an_error() -> None:
    bad = {"contour": [{"level": "high"}]}
    with pytest.raises(BadAnswer, match="level"):
        emdb.parse(entry(map={"file": "emd_1.map.gz", "contour_list": bad}))
