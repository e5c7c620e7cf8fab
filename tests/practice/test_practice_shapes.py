"""Practice entries have the keys and JSON types of real ones."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from openem_nb.practice._emdb_entry import entry_json
from openem_nb.practice._empiar_entry import empiar_json
from openem_nb.practice._generate import generate

if TYPE_CHECKING:
    from pathlib import Path

Paths = set[tuple[str, str]]

# Where a bare object may stand for a list of one.
_LISTS = (
    *(".authors_list.author", ".citation_type.author", "_list.entry", ".grant_reference"),
    *(".pdb_reference", ".structure_determination"),
)
# In no local sample, but documented: XSD of the v3 header, swagger and records of live EMPIAR.
_EMDB_DOCUMENTED = {
    (".admin.key_dates.obsolete", "str"),
    (".admin.grant_support", "NoneType"),
    (".admin.grant_support.grant_reference[].country", "NoneType"),
    (".admin.superseded_by_list", "dict"),
    (".admin.superseded_by_list.entry", "list"),
    (".admin.superseded_by_list.entry[]", "dict"),
    (".admin.superseded_by_list.entry[].date", "str"),
    (".admin.superseded_by_list.entry[].entry", "str"),
    (".crossreferences.pdb_list", "NoneType"),
    # additional maps have the keys of the main map
    (".interpretation.additional_map_list.additional_map[].annotation_details", "str"),
    (".interpretation.additional_map_list.additional_map[].symmetry.space_group", "str"),
}
_PERSON = ("first_name", "last_name", "organization", "country", "author_orcid", "email")
_EMPIAR_DOCUMENTED = {
    (".scale", "NoneType"),
    (".related_pdb_entries", "list"),
    (".obsolete_date", "str"),
    (".cross_references[]", "str"),
    (".cross_references[]", "dict"),
    (".cross_references[].name", "str"),
    (".grant_references[].country", "NoneType"),
    (".grant_references[].code", "NoneType"),
    (".principal_investigator[]", "dict"),
    (".principal_investigator[].author", "dict"),
    (".version_history[]", "dict"),
    *((f".version_history[].{name}", "str") for name in ("date", "status_code")),
    (".version_history[].version_number", "int"),
    (".version_history[].details", "NoneType"),
    *(
        (f".{start}.{name}", kind)
        for start in ("principal_investigator[].author", "corresponding_author.author")
        for name in _PERSON
        for kind in ("str", "NoneType")
    ),
    *(
        (f".imagesets[].{name}_file_pattern", "NoneType")
        for name in ("micrographs", "picked_particles")
    ),
    (".imagesets[].picked_particles_directory", "NoneType"),
    (".citation[]", "dict"),
    *(
        (f".citation[].{name}", "str")
        for name in ("title", "year", "doi", "journal", "journal_abbreviation")
    ),
    *((f".citation[].{name}", "bool") for name in ("published", "j_or_nj_citation")),
    *((f".citation[].{name}", "list") for name in ("authors", "editors")),
    (".citation[].pubmedid", "NoneType"),
    (".citation[].authors[]", "dict"),
    (".citation[].authors[].name", "str"),
    (".citation[].authors[].author_orcid", "NoneType"),
}


def _paths(value: Any, path: str = "", found: Paths | None = None) -> Paths:
    found = set() if found is None else found
    if isinstance(value, dict) and path.endswith(_LISTS):
        value = [value]
    found.add((path, type(value).__name__))
    if isinstance(value, dict):
        for name, item in value.items():
            _paths(item, f"{path}.{name}", found)
    elif isinstance(value, list):
        for item in value:
            _paths(item, f"{path}[]", found)
    return found


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def real_emdb(samples: Path) -> list[Paths]:
    folder = samples / "emdb" / "entries"
    single = [_read(folder / f"emdb_EMD-{number}.json") for number in (25107, 34119, 74041)]
    return [
        _paths(entry) for entry in (*single, *_read(folder / "emdb_batch_EMD-1000_EMD-74041.json"))
    ]


@pytest.fixture(scope="module")
def real_empiar(samples: Path) -> list[Paths]:
    folder = samples / "emdb" / "empiar_json"
    kinds = ("STARFILE", "IMAGELABEL", "IMAGEPATTERN", "SPECIMEN")
    return [_paths(next(iter(_read(folder / f"{kind}TEST.json").values()))) for kind in kinds]


@pytest.fixture(scope="module")
def practice_emdb() -> list[tuple[str, Paths]]:
    truth = generate(1500, 4)
    return [(entry.status, _paths(entry_json(entry, 4))) for entry in truth.emdb.values()]


def test_emdb_entries_have_nothing_that_real_ones_do_not_have(
    real_emdb: list[Paths], practice_emdb: list[tuple[str, Paths]]
) -> None:
    known = set().union(*real_emdb) | _EMDB_DOCUMENTED
    ours = set().union(*(paths for _, paths in practice_emdb))
    assert ours - known == set()


def test_emdb_entries_have_what_all_real_ones_have(
    real_emdb: list[Paths], practice_emdb: list[tuple[str, Paths]]
) -> None:
    common = set.intersection(*real_emdb)
    assert len(common) > 40
    ours = set().union(*(paths for _, paths in practice_emdb))
    assert common - ours == set()
    # and single released entries have them too, apart from what may be missing
    optional = (
        *(
            ".crossreferences.citation_list",
            ".structure_determination_list.structure_determination[]",
        ),
        *(".sample", ".crossreferences"),
    )
    needed = {(path, kind) for path, kind in common if not path.startswith(optional)}
    for status, paths in practice_emdb:
        if status == "REL":
            assert needed - paths == set()


def test_empiar_entries(real_empiar: list[Paths]) -> None:
    truth = generate(3000, 4)
    ours = [_paths(empiar_json(entry, 4)) for entry in truth.empiar.values()]
    known = set().union(*real_empiar) | _EMPIAR_DOCUMENTED
    assert set().union(*ours) - known == set()
    optional = (
        ".scale",
        ".obsolete_date",
        ".corresponding_author.author.",
        ".imagesets[].",
        ".authors[].author.",
    )
    for paths in ours:
        common = set.intersection(*real_empiar)
        assert {item for item in common if not item[0].startswith(optional)} - paths == set()
