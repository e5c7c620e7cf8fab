"""Merged into a model: what the document does not speak of stays as it is, to the character."""

from __future__ import annotations

import gzip
import re
from typing import TYPE_CHECKING

import gemmi
import pytest
from _entries import MODEL, problems, value, whole
from gemmi import cif

from openem_nb import mmcif
from openem_nb.errors import InvalidInput
from openem_nb.mmcif._categories import CATEGORIES

if TYPE_CHECKING:
    from pathlib import Path

PDB = """HEADER    LIPID BINDING PROTEIN                   28-SEP-94   1ABC
CRYST1   45.650   47.560   77.610  90.00  90.00  90.00 P 21 21 21    4
ATOM      1  N   MET A   1      16.979  13.301  44.555  1.00 30.05           N
ATOM      2  CA  MET A   1      18.150  13.525  43.680  1.00 28.82           C
ATOM      3  C   MET A   1      18.656  14.966  43.784  1.00 26.59           C
END
"""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "model.cif"
    path.write_text(MODEL)
    return path


def untouched(before: str, after: str) -> list[str]:
    """Return the items of the first file that are not in the second with the same raw text."""
    changed = []
    for old in cif.read_string(before):
        new = next((one for one in cif.read_string(after) if one.name == old.name), None)
        for category in old.get_mmcif_category_names():
            was = old.get_mmcif_category(category, raw=True)
            now = new.get_mmcif_category(category, raw=True) if new is not None else {}
            if was != now:
                changed.append(category.strip("_."))
    return changed


def test_coordinates_and_all_other_categories_stay_to_the_character(model: Path) -> None:
    made = mmcif.to_mmcif(whole(), model)
    assert set(untouched(MODEL, made.text)) <= {"entity"}
    lines = iter(made.text.splitlines())
    own = (part for part in MODEL.splitlines() if not re.match(r"_entity\.|\d (non-)?poly", part))
    assert all(line in lines for line in own)  # every line, in the same order
    atoms = re.search(r"(?s)loop_\n_atom_site\..*?#\n", MODEL)[0]
    assert atoms in made.text
    assert made.entry_id == "1ABC" == value(made.text, "_em_imaging.entry_id")


def test_new_categories_stand_before_the_coordinates_and_the_second_block_is_there(model) -> None:
    text = mmcif.to_mmcif(whole(), model).text
    assert text.index("_em_imaging.id") < text.index("_atom_site.group_PDB")
    assert text.index("_atom_site.group_PDB") < text.index("data_second")
    assert text.endswith("data_second\n_cell.length_b   7\n")


def test_molecules_are_matched_with_entities_by_sequence(model: Path) -> None:
    made = mmcif.to_mmcif(whole(), model)
    assert value(made.text, "_entity_src_gen.entity_id") == "3"
    assert value(made.text, "_em_entity_assembly.entity_id_list") == "3"
    table = made.block.get_mmcif_category("_entity.")
    assert table["id"] == ["3", "4"]
    assert table["pdbx_description"] == ["CRABP-II", "RETINOIC ACID"]


def test_a_molecule_that_the_model_does_not_have_is_left_out_and_said(model: Path) -> None:
    document = whole()
    document["sample"]["molecule"][0]["sequence"] = "GGGG"
    made = mmcif.to_mmcif(document, model)
    assert "_entity_src_gen" not in made.text
    assert "_em_entity_assembly.entity_id_list" not in made.text
    assert untouched(MODEL, made.text) == []
    reasons = {one.path: one.reason for one in made.left_out}
    assert "no polymer with the sequence" in reasons["sample.molecule[0].name_mol"]
    assert "sample.molecule[0].name_mol" not in {one.path for one in made.entries}


@pytest.mark.parametrize("wins", ["metadata", "model"])
def test_who_wins_is_a_choice_and_each_conflict_is_reported(model: Path, wins: str) -> None:
    made = mmcif.to_mmcif(whole(), model, wins=wins)
    (conflict,) = made.conflicts
    assert (conflict.item, conflict.metadata, conflict.model) == (
        "_entity.src_method",
        "man",
        "nat",
    )
    assert conflict.taken == wins
    methods = made.block.get_mmcif_category("_entity.")["src_method"]
    assert methods == (["man", "syn"] if wins == "metadata" else ["nat", "syn"])
    gone = [one for one in made.left_out if one.item == "_entity.src_method"]
    assert bool(gone) is (wins == "model")
    if wins == "model":
        assert untouched(MODEL, made.text) == []


def test_what_the_model_has_and_the_document_has_not_is_taken_and_not_asked(tmp_path) -> None:
    text = MODEL.replace(
        "#\nloop_\n_citation",
        "#\n_em_imaging.id 7\n_em_imaging.entry_id 1ABC\n_em_imaging.specimen_id 5\n"
        "_em_imaging.microscope_model 'TFS GLACIOS'\n_em_imaging.nominal_cs ?\n"
        "_em_imaging.residual_tilt 0.1\n#\n_em_ctf_correction.id 1\n"
        "_em_ctf_correction.type NONE\n#\nloop_\n_citation",
        1,
    )
    path = tmp_path / "m.cif"
    path.write_text(text)
    document = whole()
    document["instrument"]["microscope"]["model"] = "TITAN52339260"
    made = mmcif.to_mmcif(document, path)
    block = made.block
    assert value(made.text, "_em_imaging.microscope_model") == "TFS GLACIOS"
    assert value(made.text, "_em_imaging.nominal_cs") == "2.7"
    assert value(made.text, "_em_imaging.residual_tilt") == "0.1"
    # the row keeps its number, and its children follow
    assert value(made.text, "_em_imaging.id") == "7"
    assert {*block.find_values("_em_image_recording.imaging_id")} == {"7"}
    asked = {one.item for one in made.missing}
    assert not asked & {"_em_imaging.microscope_model", "_em_ctf_correction.type"}


def test_rows_of_people_and_grants_are_matched_by_who_they_are(tmp_path: Path) -> None:
    people = (
        "loop_\n_pdbx_contact_author.id\n_pdbx_contact_author.email\n"
        "_pdbx_contact_author.name_last\n1 other@example.org Other\n"
        '2 s.oneil@example.org "O\'Neil"\n#\n'
    )
    path = tmp_path / "m.cif"
    path.write_text(MODEL.replace("#\nloop_\n_citation", f"#\n{people}loop_\n_citation", 1))
    document = whole()
    new = document["organizational"]["authors"][0] | {"email": "new@example.org"}
    document["organizational"]["authors"].append(new)
    table = mmcif.to_mmcif(document, path).block.get_mmcif_category("_pdbx_contact_author.")
    assert table["id"] == ["1", "2", "3"]
    assert table["email"] == ["other@example.org", "s.oneil@example.org", "new@example.org"]
    assert table["name_last"] == ["Other", "O'Neil Smith", "O'Neil Smith"]
    assert table["name_first"] == [None, "Seamus", "Seamus"]


def test_another_identifier_is_written_everywhere(model: Path) -> None:
    made = mmcif.to_mmcif(whole(), model, entry_id="D_9")
    assert made.text.startswith("data_D_9\n")
    for item in ("_entry.id", "_cell.entry_id", "_em_imaging.entry_id"):
        assert value(made.text, item) == "D_9"
    assert "1ABC" not in made.text
    atoms = re.search(r"(?s)loop_\n_atom_site\..*?#\n", MODEL)[0]
    assert atoms in made.text


def test_a_packed_model_and_one_with_other_line_ends_give_the_same(tmp_path: Path, model) -> None:
    plain = mmcif.to_mmcif(whole(), model)
    packed = tmp_path / "model.cif.gz"
    packed.write_bytes(gzip.compress(MODEL.encode()))
    assert mmcif.to_mmcif(whole(), packed).text == plain.text
    windows = tmp_path / "windows.cif"
    windows.write_bytes(MODEL.replace("\n", "\r\n").encode())
    made = mmcif.to_mmcif(whole(), windows)
    assert set(untouched(MODEL.replace("\n", "\r\n"), made.text)) <= {"entity"}
    assert "ATOM   2 C CA MET A 3 1  18.150  13.525  43.680\r\n" in made.text


def test_items_that_share_a_line_are_kept_by_value(tmp_path: Path) -> None:
    path = tmp_path / "m.cif"
    path.write_text(
        "data_x\n_entry.id x _cell.entry_id x _cell.length_a 'a b'\n_symmetry.entry_id x\n"
    )
    text = mmcif.to_mmcif(whole(), path).text
    assert value(text, "_cell.length_a") == "a b"
    assert value(text, "_symmetry.entry_id") == "x"
    assert value(text, "_em_imaging.nominal_cs") == "2.7"


def test_text_fields_that_look_like_items_do_not_confuse(tmp_path: Path) -> None:
    text = (
        "data_1XYZ\n_entry.id 1XYZ\n_struct.title\n;loop_\n_em_imaging.id\ndata_fake\n#\n;\n"
        "_struct.pdbx_descriptor 'a # b'\n#\ndata_next\n_x.y\n;\ndata_fake\n;\n"
    )
    path = tmp_path / "m.cif"
    path.write_text(text)
    made = mmcif.to_mmcif(whole(), path)
    assert [block.name for block in made.cif] == ["1XYZ", "next"]
    assert untouched(text, made.text) == []


def test_a_model_in_pdb_format_is_written_as_mmcif(tmp_path: Path) -> None:
    path = tmp_path / "model.pdb"
    path.write_text(PDB)
    made = mmcif.to_mmcif(whole(), path)
    structure = gemmi.make_structure_from_block(made.block)
    atoms = [atom.atom for atom in structure[0].all()]
    assert [(a.name, round(a.pos.x, 3)) for a in atoms] == [
        ("N", 16.979),
        ("CA", 18.15),
        ("C", 18.656),
    ]
    assert made.entry_id == "1ABC"
    assert value(made.text, "_em_imaging.entry_id") == "1ABC"
    assert value(made.text, "_cell.length_a") == "45.65"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no data block"),
        (b"hello", "line 1"),
        (b"data_x\n", "no data block"),
        (b"data_x\nloop_\n_a.b\n_a.c\n1\n", "line 2"),
        (b"data_x\nloop_\n_a.b\n_c.c\n1 2\n", "line 2 mixes"),
        (b"data_x\nloop_\n_a.b\nloop_\n_c.d\n1\n", "line 2 has no values"),
        (b"data_x\nloop_\n_a.b\n1\nloop_\n_a.c\n2\n", "line 5 is the second"),
        (b"data_x\nloop_\n_a.b\n1\n_a.c 2\n", "line 5"),
        (b"data_x\n_a.b 'unterminated\n", "line 2"),
        (b"data_x\n_a.b \xff\xfe\n", "no UTF-8"),
        (gzip.compress(MODEL.encode())[:-20], "damaged"),
    ],
)
def test_what_is_no_model_is_refused_in_words(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "bad.cif"
    path.write_bytes(content)
    with pytest.raises(InvalidInput, match=said) as caught:
        mmcif.to_mmcif(whole(), path)
    assert "bad.cif" in str(caught.value)


def test_capitals_of_tags_mean_nothing(tmp_path: Path) -> None:
    path = tmp_path / "m.cif"
    tags = "_EM_imaging.ID 4\n_em_imaging.entry_id 1ABC\n_em_imaging.Nominal_CS 1.4\n#\n"
    path.write_text(MODEL.replace("#\nloop_\n_citation", f"#\n{tags}loop_\n_citation", 1))
    made = mmcif.to_mmcif(whole(), path)
    assert made.text.lower().count("_em_imaging.nominal_cs") == 1
    assert value(made.text, "_em_imaging.nominal_cs") == "2.7"
    assert value(made.text, "_em_image_recording.imaging_id") == "4"
    assert "_em_imaging.nominal_cs" in {one.item for one in made.conflicts}
    assert mmcif.from_mmcif(path).document["instrument"]["cs"] == {"value": 1.4, "unit": "mm"}


def test_the_model_file_is_not_written_to(model: Path) -> None:
    mmcif.to_mmcif(whole(), model, entry_id="D_9")
    assert model.read_text() == MODEL


def test_merging_twice_changes_nothing_more(model: Path, tmp_path: Path) -> None:
    once = mmcif.to_mmcif(whole(), model).write(tmp_path / "once.cif")
    twice = mmcif.to_mmcif(whole(), once)
    assert twice.text == once.read_text()
    assert twice.conflicts == ()


@pytest.mark.parametrize("wins", ["metadata", "model"])
def test_1cbs_keeps_every_line(samples: Path, wins: str) -> None:
    path = samples / "mmcif" / "1cbs.cif"
    before = path.read_text()
    made = mmcif.to_mmcif(whole(), path, wins=wins)
    # what the document speaks of may change, and nothing else
    assert set(untouched(before, made.text)) <= set(CATEGORIES)
    lines = iter(made.text.splitlines())
    atoms = [line for line in before.splitlines() if line.startswith(("ATOM", "HETATM"))]
    assert len(atoms) == 1213
    assert all(line in lines for line in atoms)
    structure = gemmi.make_structure_from_block(made.block)
    assert structure[0].count_atom_sites() == 1213
    assert value(made.text, "_em_imaging.entry_id") == "1CBS"
    new = set(problems(made.text)) - set(problems(before))
    assert not [one for one in new if "_em_" in one]


def test_1cbs_with_a_stranger_is_added_to_and_not_changed(samples: Path) -> None:
    path = samples / "mmcif" / "1cbs.cif"
    before = path.read_text()
    document = whole()
    document["sample"]["molecule"][0]["sequence"] = "GGG"
    made = mmcif.to_mmcif(document, path)
    assert untouched(before, made.text) == []
    lines = iter(made.text.splitlines())
    assert all(line in lines for line in before.splitlines())


def test_the_molecule_of_1cbs_is_found_by_its_sequence(samples: Path) -> None:
    path = samples / "mmcif" / "1cbs.cif"
    sequence = value(path.read_text(), "_entity_poly.pdbx_seq_one_letter_code")
    document = whole()
    document["sample"]["molecule"][0]["sequence"] = "".join(sequence.split())
    made = mmcif.to_mmcif(document, path, wins="model")
    assert value(made.text, "_em_entity_assembly.entity_id_list") == "1"
    assert {one.item for one in made.conflicts} <= {
        "_entity.pdbx_description",
        "_entity_src_gen.pdbx_gene_src_gene",
        "_entity_src_gen.pdbx_host_org_scientific_name",
        "_entity_src_gen.pdbx_host_org_ncbi_taxonomy_id",
    }
    assert set(untouched(path.read_text(), made.text)) <= {"entity_src_gen"}
