"""The dictionary: what the package carries is what the full one says, and newer ones are read."""

from __future__ import annotations

import gzip
import importlib.util
import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

from openem_nb import mmcif
from openem_nb.errors import InvalidInput, NotFound
from openem_nb.mmcif import _files
from openem_nb.mmcif._categories import CATEGORIES
from openem_nb.mmcif._dictionary import dictionary
from openem_nb.mmcif._files import unpacked

SCRIPT = Path(__file__).parents[2] / "scripts" / "trim_dictionary.py"

SMALL = """data_mmcif_pdbx.dic
_dictionary.version 9.001
loop_
_item_type_list.code
_item_type_list.construct
code "[A-Za-z0-9]+"
int "[+-]?[0-9]+"
save_em_thing
_category.id em_thing
loop_
_category_key.name
"_em_thing.id"
save_
save__em_thing.kind
_item_description.description
;   The kind
    of thing.
;
_item.name "_em_thing.kind"
_item.category_id em_thing
_item.mandatory_code yes
_item_type.code code
_item_units.code nanometres
loop_
_item_enumeration.name
_item_enumeration.value
"_em_thing.kind" ONE
"_em_thing.kind" TWO
loop_
_item_range.minimum
_item_range.maximum
0 0
0 .
save_
save__entry.id
loop_
_item.name
_item.category_id
_item.mandatory_code
"_entry.id" entry yes
"_em_thing.entry_id" em_thing yes
_item_linked.child_name "_em_thing.entry_id"
_item_linked.parent_name "_entry.id"
_item_type.code code
save_
save__em_thing.entry_id
_item.name "_em_thing.entry_id"
_item.category_id em_thing
_item.mandatory_code no
save_
"""


def test_the_version_is_known_without_reading_a_file_of_ours() -> None:
    assert re.fullmatch(r"5\.\d{3}", mmcif.dictionary_version())


def test_every_category_that_is_written_has_its_rules_and_descriptions() -> None:
    words = dictionary()
    for category in CATEGORIES:
        items = words.category(category)
        assert items, category
        explained = [item for item in items if item.about]
        assert len(explained) >= len(items) * 0.6 or category.startswith("pdbx_chem"), category


def test_categories_of_coordinates_have_rules_but_no_prose() -> None:
    item = dictionary()["_atom_site.Cartn_x"]
    assert item.type == "float"
    assert item.about == ""


def test_a_dictionary_by_path_is_taken(tmp_path: Path) -> None:
    path = tmp_path / "new.dic"
    path.write_text(SMALL)
    words = dictionary(path)
    assert words.version == "9.001" == mmcif.dictionary_version(path)
    kind = words["_em_thing.kind"]
    assert (kind.mandatory, kind.choices, kind.low, kind.high) == (True, ("ONE", "TWO"), 0.0, None)
    assert (kind.unit, kind.about) == ("nanometres", "The kind of thing.")
    assert words.keys["em_thing"] == ("_em_thing.id",)


def test_a_child_has_type_and_duty_from_its_parent(tmp_path: Path) -> None:
    path = tmp_path / "new.dic.gz"
    path.write_bytes(gzip.compress(SMALL.encode()))
    child = dictionary(path)["_em_thing.entry_id"]
    assert (child.type, child.mandatory, child.parent) == ("code", True, "_entry.id")


def test_a_dictionary_that_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "new.dic"
    path.write_text(SMALL)
    assert dictionary(path).version == "9.001"
    path.write_text(SMALL.replace("9.001", "9.0020"))
    assert dictionary(path).version == "9.0020"


@pytest.mark.parametrize("text", ["", "data_x\n_a.b 1\n", "nothing", SMALL[:300]])
def test_what_is_no_dictionary_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.dic"
    path.write_text(text)
    with pytest.raises(InvalidInput) as caught:
        dictionary(path)
    assert "bad.dic" in str(caught.value)
    assert "wwpdb" in caught.value.hint


def test_a_missing_file_and_a_damaged_one_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        dictionary(tmp_path / "none.dic")
    broken = tmp_path / "broken.dic.gz"
    broken.write_bytes(gzip.compress(SMALL.encode())[:-9])
    with pytest.raises(InvalidInput, match="damaged"):
        dictionary(broken)


def test_a_file_that_unpacks_without_end_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_files, "_LARGEST", 1000)
    bomb = tmp_path / "bomb.cif.gz"
    bomb.write_bytes(gzip.compress(b" " * 1001))
    with pytest.raises(InvalidInput, match="larger"):
        unpacked(bomb)
    bomb.write_bytes(gzip.compress(b" " * 1000))
    assert len(unpacked(bomb)) == 1000


def test_an_item_that_is_not_there_is_named() -> None:
    with pytest.raises(NotFound, match=r"_em_imaging\.tilt_angle_increment"):
        dictionary()["_em_imaging.tilt_angle_increment"]


def test_the_trimmed_dictionary_is_what_the_script_makes_of_the_full_one(samples: Path) -> None:
    spec = importlib.util.spec_from_file_location("trim_dictionary", SCRIPT)
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    full = gzip.decompress((samples / "mmcif_dict" / "mmcif_pdbx_v5.413.dic.gz").read_bytes())
    trimmed, version = script.trim(full.decode())
    shipped = files("openem_nb.mmcif").joinpath("pdbx_em.dic.gz").read_bytes()
    assert version == mmcif.dictionary_version()
    assert gzip.decompress(shipped).decode() == trimmed
    assert len(shipped) < 250_000


def test_items_are_what_the_list_of_items_says(samples: Path) -> None:
    listed = json.loads((samples / "mmcif_dict" / "em_items_5.413.json").read_text())["items"]
    words = dictionary()
    compared = 0
    for name, facts in listed.items():
        item = words[name]
        if name == "_em_helical_entity.axial_rise_per_subunit":
            continue  # a slip of the dictionary: its frame speaks of another item's duty
        assert item.mandatory == ("yes" in (facts["mandatory"], facts["deposition_mandatory"])), (
            name
        )
        assert item.unit == (facts["unit"] or ""), name
        offered = facts["deposition_enum"] or facts["enum"]
        assert set(item.choices) == set(offered), name
        compared += 1
    assert compared > 680


def test_the_full_dictionary_says_the_same_of_mandatory_items(samples: Path) -> None:
    full = dictionary(samples / "mmcif_dict" / "mmcif_pdbx_v5.413.dic.gz")
    ours = dictionary()
    assert full.items.keys() == ours.items.keys()
    assert all(full.items[name].mandatory == item.mandatory for name, item in ours.items.items())
