"""The check: messages with level, item and remedy; nothing that gemmi keeps to itself is lost."""

from __future__ import annotations

import gzip
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from _entries import MODEL, whole

from openem_nb import mmcif
from openem_nb.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from pathlib import Path

GOOD = """data_X
_entry.id X
_em_specimen.id 1
_em_specimen.experiment_id 1
_em_specimen.embedding_applied NO
_em_specimen.shadowing_applied NO
_em_specimen.staining_applied NO
_em_specimen.vitrification_applied YES
_em_experiment.id 1
_em_experiment.entry_id X
_em_experiment.reconstruction_method HELICAL
_em_experiment.aggregation_state FILAMENT
_em_experiment.entity_assembly_id 1
_em_entity_assembly.id 1
_em_entity_assembly.parent_id 0
_em_entity_assembly.source NATURAL
_em_entity_assembly.type COMPLEX
_em_entity_assembly.name fibre
"""


def found(text: str, item: str) -> mmcif.Message:
    (message,) = [one for one in mmcif.check_mmcif(text).messages if one.item == item]
    return message


def test_a_good_file_is_good() -> None:
    result = mmcif.check_mmcif(GOOD)
    assert result.ok, str(result)
    assert result.warnings == ()
    assert {one.code for one in result.infos} == {"context"}
    assert result.dictionary == mmcif.dictionary_version()


@pytest.mark.parametrize(
    ("line", "item", "level", "code", "said"),
    [
        ("_em_buffer.pH 15", "_em_buffer.pH", "error", "range", "15 is outside"),
        ("_em_vitrification.chamber_temperature 5", "", "warning", "range", "between 273 and"),
        ("_em_imaging.c2_aperture_diameter 50", "", "warning", "range", "50 is not between 50 and"),
        ("_em_vitrification.cryogen_name ethane", "", "error", "list", "not in the list"),
        ("_em_vitrification.humidity wet", "", "error", "type", "expected number, got: wet"),
        ("_em_imaging.date 2020-02-30", "", "error", "type", "2020-02-30 is not of the type"),
        ("_em_imaging.date 1st", "", "error", "type", "yyyy-mm-dd"),
        ("_em_imaging.accelerating_voltage 299.5", "", "error", "type", "299.5 is not of the type"),
        ("_em_imaging.microscope_model ?", "", "error", "missing", "not known"),
        ("_em_imaging.microscope_modle 'TFS KRIOS'", "", "warning", "unknown", "does not know"),
        ("_pdbx_contact_author.name_last 'Mül'", "", "error", "type", "does not match the line"),
        ("_struct.pdbx_descriptor x", "", "info", "context", "archive's own use"),
    ],
)
def test_each_fault_has_its_level_item_and_words(line, item, level, code, said) -> None:
    message = found(GOOD + line + "\n", item or line.split()[0])
    assert (message.level, message.code) == (level, code)
    assert said in message.text


def test_a_choice_of_the_archive_alone_is_no_choice_of_a_deposition() -> None:
    message = found(
        GOOD + "_em_imaging.microscope_model 'FEI TITAN KRIOS'\n", "_em_imaging.microscope_model"
    )
    assert message.level == "error"
    assert "only in the archive's" in message.text
    assert message.line == 19


def test_remedies_name_the_nearest_choice_and_the_nearest_item() -> None:
    bright = found(GOOD + "_em_imaging.mode 'bright-field'\n", "_em_imaging.mode")
    assert "BRIGHT FIELD" in bright.remedy
    spelt = found(GOOD + "_em_imaging.microscope_modle x\n", "_em_imaging.microscope_modle")
    assert "_em_imaging.microscope_model?" in spelt.remedy
    accent = found(
        GOOD + "_pdbx_contact_author.name_last 'Mül'\n", "_pdbx_contact_author.name_last"
    )
    assert "ASCII" in accent.remedy


def test_what_gemmi_says_beside_its_verdict_is_an_error() -> None:
    # gemmi's own verdict on each of these is that the file is valid
    doubled = GOOD.replace("_em_entity_assembly.id 1\n", "") + (
        "loop_\n_em_buffer.id\n_em_buffer.specimen_id\n_em_buffer.pH\n1 1 7\n1 1 8\n"
    )
    doubled = doubled.replace("_em_entity_assembly.parent_id 0\n", "")
    codes = {(one.code, one.item) for one in mmcif.check_mmcif(doubled).errors}
    assert ("key", "_em_buffer") in codes
    assert ("missing", "_em_entity_assembly.id") in codes
    orphan = GOOD.replace("_em_specimen.experiment_id 1", "_em_specimen.experiment_id 7")
    assert "parent" in {one.code for one in mmcif.check_mmcif(orphan).errors}
    alone = GOOD + "_em_imaging.id 1\n_em_imaging.entry_id X\n_em_imaging.specimen_id 9\n"
    parents = [one for one in mmcif.check_mmcif(alone).errors if one.code == "parent"]
    assert "_em_imaging.specimen_id" in {one.item for one in parents}


def test_rows_that_leave_a_mandatory_item_open_are_counted() -> None:
    text = GOOD + (
        "loop_\n_pdbx_contact_author.id\n_pdbx_contact_author.role\n1 ?\n2 investigator\n3 .\n"
    )
    role = found(text, "_pdbx_contact_author.role")
    assert "row 1, 3" in role.text


def test_what_the_deposition_will_ask_for_is_said_but_no_error() -> None:
    text = GOOD.replace("HELICAL", "'SINGLE PARTICLE'")
    asked = {one.item: one for one in mmcif.check_mmcif(text).infos if one.code == "asked"}
    assert "type" in asked["_em_ctf_correction"].text
    assert "reconstruction" in asked["_em_ctf_correction"].remedy


def test_faults_in_coordinates_are_for_whoever_made_the_model() -> None:
    result = mmcif.check_mmcif(MODEL)
    assert "_atom_site.label_asym_id" in {one.item for one in result.warnings}
    wrong = [one for one in result.errors if one.item.startswith("_atom_site")]
    assert {one.code for one in wrong} == {"missing"}


def test_every_block_is_checked() -> None:
    result = mmcif.check_mmcif(GOOD + "data_Y\n_em_buffer.pH 15\n")
    assert {one.block for one in result.errors} == {"Y"}


def test_files_packed_or_not_and_texts_are_read(tmp_path: Path) -> None:
    plain = tmp_path / "x.cif"
    plain.write_text(GOOD)
    packed = tmp_path / "x.cif.gz"
    packed.write_bytes(gzip.compress(GOOD.encode()))
    results = [mmcif.check_mmcif(one) for one in (plain, str(plain), packed, GOOD)]
    assert len({one.messages for one in results}) == 1
    assert [one.name for one in results] == ["x.cif", "x.cif", "x.cif.gz", "X"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("data_X\nloop_\n_a.b\n_a.c\n1 2 3\n", "line 2"),
        ("hello\nworld", "line 1"),
        ("data_X\n_a.b 1\n_a.b 2\n", "line 3"),
        ("data_X\n_a.b ';x\n", "line 2"),
        ("# nothing\n", "no data block"),
    ],
)
def test_damaged_files_are_refused_with_the_line(text: str, said: str) -> None:
    with pytest.raises(InvalidInput, match=said) as caught:
        mmcif.check_mmcif(text)
    assert caught.value.hint


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        mmcif.check_mmcif(tmp_path / "none.cif")


def test_nothing_is_printed(capfd: pytest.CaptureFixture[str]) -> None:
    mmcif.check_mmcif(GOOD + "_em_buffer.pH 15\n_nonsense.x 1\n")
    mmcif.to_mmcif(whole())
    assert capfd.readouterr() == ("", "")


def test_it_shows_itself_safely() -> None:
    text = GOOD + "_em_imaging.mode '<script>alert(1)</script>'\n"
    shown = mmcif.check_mmcif(text)._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown
    assert "X: 6 errors, 0 warnings" in str(mmcif.check_mmcif(text))


def test_a_newer_dictionary_is_used(tmp_path: Path, samples: Path) -> None:
    full = samples / "mmcif_dict" / "mmcif_pdbx_v5.413.dic.gz"
    assert mmcif.check_mmcif(GOOD, dictionary=full).messages == mmcif.check_mmcif(GOOD).messages


def test_1cbs_is_fit_but_for_its_keywords(samples: Path) -> None:
    result = mmcif.check_mmcif(samples / "mmcif" / "1cbs.cif")
    assert [one.item for one in result.errors] == ["_struct_keywords.pdbx_keywords"]
    assert {one.code for one in result.warnings} == {"parent"}


def test_files_of_the_first_converter_are_seen_through(samples: Path) -> None:
    result = mmcif.check_mmcif(samples / "mmcif" / "oscem_converter" / "output.cif")
    missing = {one.item for one in result.errors if one.code == "missing"}
    assert {"_em_imaging.id", "_em_specimen.id", "_em_software.id"} <= missing


def test_a_category_is_asked_for_only_where_it_applies() -> None:
    method = GOOD.replace("HELICAL", "'SINGLE PARTICLE'")
    asked = {one.item for one in mmcif.check_mmcif(method).infos if one.code == "asked"}
    assert {"_em_vitrification", "_em_buffer", "_em_ctf_correction"} <= asked
    dry = method.replace("vitrification_applied YES", "vitrification_applied NO")
    asked = {one.item for one in mmcif.check_mmcif(dry).infos if one.code == "asked"}
    assert "_em_vitrification" not in asked
    assert "_em_buffer" in asked


@pytest.mark.parametrize(
    ("item", "value"),
    [
        ("_entity_poly.pdbx_seq_one_letter_code", ";" + ("A" * 80 + "\n") * 2000 + ";"),
        ("_em_imaging.details", "'" + "a " * 100_000 + "'"),
        ("_em_imaging.id", "1" * 100_000),
        ("_pdbx_contact_author.email", "a" * 100_000 + "@"),
    ],
)
def test_a_long_value_does_not_end_the_process(item: str, value: str) -> None:
    # gemmi's own check needs some 400 bytes of stack for each letter of it
    code = (
        "import sys; from openem_nb import mmcif\n"
        "result = mmcif.check_mmcif(sys.stdin.read())\n"
        "print(len(result.messages))"
    )
    text = f"data_X\n_entry.id X\n{item}\n{value}\n"
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=text,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0


def test_the_end_of_a_long_value_is_checked_too() -> None:
    good = GOOD + "_em_entity_assembly.details '" + "long " * 500 + "'\n"
    assert mmcif.check_mmcif(good).ok
    bad = good.replace("long '", "b\N{LATIN SMALL LETTER O WITH DIAERESIS}se '")
    message = found(bad, "_em_entity_assembly.details")
    assert (message.level, message.code) == ("error", "type")
    assert "2,500 characters" in message.text
    assert "ASCII" in message.remedy


def test_a_file_that_begins_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "windows.cif"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert mmcif.check_mmcif(path).ok


def test_a_file_may_be_called_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data_mine.cif").write_text(GOOD)
    assert mmcif.check_mmcif("data_mine.cif").ok
    with pytest.raises(InvalidInput, match="the text"):
        mmcif.check_mmcif("data_other.cif")
