"""There and back: what the mapping carries is the same afterwards."""

from __future__ import annotations

import math
from typing import Any

import pytest
from _entries import MODEL, tilted, whole
from hypothesis import given, settings
from hypothesis import strategies as st

from openem_nb import mmcif, oscem, units
from openem_nb.errors import InvalidInput
from openem_nb.mmcif._dictionary import dictionary
from openem_nb.mmcif._mapping import MAPPING, Row
from openem_nb.mmcif._words import TABLES, from_list

WORDS = dictionary()
NOT_BACK = {
    "acquisition.date_time",  # the day alone goes there
    "sample.ligands[].present",  # one flag for all ligands
}
TEXT = st.text(st.characters(codec="ascii", categories=["L", "N", "P"]), min_size=1, max_size=20)


def values(row: Row) -> st.SearchStrategy[Any]:
    """Return values that the field may hold and the item can say."""
    item = WORDS[row.item]
    whole_number = item.type in ("int", "positive_int")
    if row.kind in ("quantity", "defocus", "length"):
        # in any unit of the same kind, that is what documents are like
        low, high = (1, 89) if row.item.endswith("increment") else (1, 10_000)
        low, high = (-89, 89) if row.item.endswith("_angle") else (low, high)
        for least, most in item.limits:  # what lies beyond is refused, and asked
            if most is not None and most != least:
                target = row.target or item.unit
                high = min(high, math.floor(units.convert(most, target, row.unit)) - 1)
        number: Any = st.integers(low, high)
        if not whole_number:
            number |= st.floats(low, high, allow_nan=False)
        if row.kind == "length":
            return st.integers(1, 9999).map(lambda n: f"{n} {row.unit}")
        sign = -1 if row.kind == "defocus" else 1
        return number.map(lambda n: {"value": sign * n, "unit": row.unit})
    if row.kind == "number":
        if item.name == "_em_buffer.pH":
            return st.floats(0.1, 13.9).map(lambda n: round(n, 3))
        return st.integers(1001, 99_999)
    if row.kind in ("truth", "flag"):
        return st.booleans()
    if row.kind in ("choice", "software"):
        if row.path.endswith("assembly"):  # filaments leave the method open, and so the technique
            return st.just("PARTICLE")
        return st.sampled_from(item.choices).map(lambda choice: from_list(choice, row.table))
    if row.kind == "orcid":
        return st.integers(0, 10**15 - 1).map(
            lambda n: "-".join(f"{n:015d}0"[at : at + 4] for at in (0, 4, 8, 12))
        )
    if row.kind == "ccd":
        return st.text("ABCDEFGH0123456789", min_size=3, max_size=3)
    if row.kind == "code":
        return st.integers(1, 10**7).map(str)
    if row.path.endswith("email"):
        return st.integers(1, 10**9).map(lambda n: f"a{n}@example.org")
    if row.path.endswith("sequence"):
        return st.text("ACDEFGHIKLMNPQRSTVWY", min_size=5, max_size=200)
    return TEXT.map(lambda text: "x" + text.replace("\\", "/"))


@st.composite
def documents(draw: st.DrawFn, technique: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a document and its mapped values by path."""
    document: dict[str, Any] = {"acquisition": {"technique": technique}}
    expected: dict[str, Any] = {}
    members = {
        name: draw(st.integers(1, 3))
        for name in ("organizational.authors", "sample.molecule", "sample.ligands")
    }
    grants = draw(st.integers(1, 3))
    members |= {"organizational.grants": grants, "organizational.funder": grants}
    used: set[str] = set()
    for row in MAPPING:
        skipped = row.kind in ("serial", "version", "flag", "date") or row.path in used
        if skipped or (row.techniques and technique not in row.techniques):
            continue
        used.add(row.path)
        before, bracket, _ = row.path.partition("[]")
        for place in range(members.get(before, 1) if bracket else 1):
            path = row.path.replace("[]", f"[{place}]").replace("[final]", "[0]")
            if "volumes[0]" in path:
                oscem.set_at(document, "processing.volumes[0].volume_type", "final volume")
            value = draw(values(row))
            oscem.set_at(document, path, value)
            expected[path] = value
    for switch in ("acquisition.energy_filter.used", "sample.grid.film_support"):
        if switch.startswith("acquisition") or technique in ("spa", "subtomo"):
            oscem.set_at(document, switch, True)
    for name in ("phaseplate", "spherical_aberration_corrector", "chromatic_aberration_corrector"):
        oscem.set_at(document, f"acquisition.specialist_optics.{name}.used", True)
    if technique in ("spa", "subtomo"):
        oscem.set_at(document, "sample.specimen.vitrification", True)
        expected["sample.specimen.vitrification"] = True
    else:
        oscem.set_at(document, "sample.thinning.method_thin", "FIB milling")
        expected["sample.thinning.method_thin"] = "FIB milling"
    return document, expected


def same(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return units.same(a["unit"], b["unit"]) and math.isclose(
            a["value"], b["value"], rel_tol=1e-9, abs_tol=1e-9
        )
    if isinstance(a, int | float) and isinstance(b, int | float) and not isinstance(a, bool):
        return math.isclose(a, b, rel_tol=1e-9)
    return a == b


@pytest.mark.parametrize("technique", ["spa", "subtomo", "cellular_tomo"])
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_what_is_mapped_is_the_same_after_there_and_back(
    technique: str, data: st.DataObject
) -> None:
    document, expected = data.draw(documents(technique))
    made = mmcif.to_mmcif(document)
    back = mmcif.from_mmcif(made.text)
    assert oscem.technique_of(back.document) == technique
    lost = {
        path: (value, oscem.get_at(back.document, path))
        for path, value in expected.items()
        if not same(value, oscem.get_at(back.document, path))
    }
    assert not lost
    # and the second way says the same as the first
    again = mmcif.to_mmcif(back.document)
    assert again.text == made.text


def test_every_row_of_the_table_takes_part_or_says_why_not() -> None:
    left = {row.path for row in MAPPING if row.kind in ("flag", "date")}
    assert left == NOT_BACK


def test_the_first_word_of_each_choice_is_what_comes_back() -> None:
    for table, rows in TABLES.items():
        firsts = {}
        for choice, words in rows:
            firsts.setdefault(choice, words[0])
        for choice, word in firsts.items():
            assert from_list(choice, table) == word


def test_a_whole_document_comes_back_in_the_units_of_oscem() -> None:
    back = mmcif.from_mmcif(mmcif.to_mmcif(whole()).text)
    document = back.document
    assert document["instrument"]["acceleration_voltage"] == {"value": 300, "unit": "kV"}
    assert document["acquisition"]["nominal_defocus"] == {
        "minimal": {"value": -2500, "unit": "nm"},
        "maximal": {"value": -800, "unit": "nm"},
    }
    assert document["acquisition"]["microscope_software"] == "EPU 3.8.1"
    assert document["sample"]["overall_molecule"]["molecular_weight"]["value"] == 474000
    assert document["sample"]["grid"]["film_thickness"] == "120 Å"
    assert document["sample"]["grid"]["manufacturer"] == "Quantifoil"
    assert document["processing"]["volumes"][0]["volume_type"] == "final volume"
    assert back.left_out == {
        "_em_imaging.date": "the day alone: OSC-EM wants the time with its zone"
    }
    wrong = {one.path for one in oscem.validate(document)}
    # what PDBx/mmCIF has no item for, and the time of day
    assert wrong == {
        "acquisition.binning_camera",
        "acquisition.date_time",
        "acquisition.pixel_size",
    }


def test_a_lamella_comes_back_with_how_it_was_frozen_and_cut() -> None:
    document = mmcif.from_mmcif(mmcif.to_mmcif(tilted()).text).document
    assert document["acquisition"]["technique"] == "cellular_tomo"
    assert document["sample"]["freezing"]["method"] == "plunge_freezing"
    assert document["sample"]["specimen_env"]["organism"] == ["Chlamydomonas reinhardtii"]
    assert document["acquisition"]["tilt_angle"]["increment"] == {"value": 3, "unit": "°"}
    assert "processing" not in document


def test_ligands_share_one_flag() -> None:
    document = whole()
    document["sample"]["ligands"].append({"present": False, "smiles": "C", "reference": "CH4"})
    made = mmcif.to_mmcif(document)
    assert "sample.ligands[1].present" in {one.path for one in made.left_out}
    ligands = mmcif.from_mmcif(made.text).document["sample"]["ligands"]
    assert [one["present"] for one in ligands] == [True, True]
    assert [one["smiles"] for one in ligands] == ["OCC", "C"]


def test_a_serial_number_comes_back_where_no_model_is_known() -> None:
    document = whole()
    document["instrument"]["microscope"]["model"] = "TITAN52339260"
    back = mmcif.from_mmcif(mmcif.to_mmcif(document).text)
    assert back.document["instrument"]["microscope"]["model"] == "TITAN52339260"


def test_what_the_document_cannot_say_is_named() -> None:
    text = mmcif.to_mmcif(whole()).text
    text += "_em_3d_fitting.id 1\n_em_buffer.name tris\n"
    text = text.replace(
        "_em_imaging.nominal_cs                               2.7", "_em_imaging.nominal_cs wide"
    )
    back = mmcif.from_mmcif(text)
    assert "wide" in back.left_out["_em_imaging.nominal_cs"]
    assert "cs" not in back.document["instrument"]


def test_numbers_with_an_uncertainty_and_an_empty_row_are_read() -> None:
    text = (
        "data_x\n_em_imaging.id 1\n_em_imaging.nominal_cs 2.70(1)\n_em_imaging.mode ?\n"
        "loop_\n_em_image_recording.id\n_em_image_recording.film_or_detector_model\n"
        "1 .\n2 'GATAN K3 (6k x 4k)'\n"
    )
    document = mmcif.from_mmcif(text).document
    assert document["instrument"] == {"cs": {"value": 2.7, "unit": "mm"}}
    assert document["acquisition"]["detectors"] == [{}, {"name": "K3"}]


def test_other_software_is_not_taken_for_that_of_the_microscope() -> None:
    text = (
        "data_x\nloop_\n_em_software.id\n_em_software.category\n_em_software.name\n"
        "1 RECONSTRUCTION RELION\n2 'IMAGE ACQUISITION' SerialEM\n3 'CTF CORRECTION' CTFFIND\n"
    )
    document = mmcif.from_mmcif(text).document
    assert document["acquisition"]["microscope_software"] == "SerialEM"


def test_a_file_without_microscopy_is_refused() -> None:
    with pytest.raises(InvalidInput, match="nothing of electron microscopy"):
        mmcif.from_mmcif(MODEL)
    with pytest.raises(InvalidInput, match="no whole CIF"):
        mmcif.from_mmcif("data_x\n_em_imaging.id\n")


def test_funders_and_grants_of_different_number_come_back_as_they_were() -> None:
    document = whole()
    grants = [{"project_id": "A1"}, {"project_id": "B2"}]
    for funders in (
        [{"funder_name": "Swiss National Science Foundation"}],
        [{"funder_name": "Swiss National Science Foundation"}, {"funder_name": "Wellcome Trust"}],
    ):
        document["organizational"] |= {"grants": grants, "funder": funders}
        back = mmcif.from_mmcif(mmcif.to_mmcif(document).text).document["organizational"]
        assert back["grants"] == grants
        assert back["funder"] == funders


def test_a_file_without_a_method_is_read_as_the_technique_that_is_named() -> None:
    text = mmcif.to_mmcif(whole()).text.replace("'SINGLE PARTICLE'", "?")
    bare = mmcif.from_mmcif(text)
    assert "technique" not in bare.document["acquisition"]
    assert "does not show the technique" in bare.left_out["_em_entity_assembly.name"]
    named = mmcif.from_mmcif(text, technique="spa")
    assert named.document["acquisition"]["technique"] == "spa"
    assert named.document["sample"]["overall_molecule"]["name_sample"]
    assert "_em_entity_assembly.name" not in named.left_out
    other = mmcif.from_mmcif(text, technique="cellular_tomo")
    assert "a document of cellular_tomo" in other.left_out["_em_entity_assembly.name"]
    with pytest.raises(InvalidInput, match="no technique"):
        mmcif.from_mmcif(text, technique="x-ray")
