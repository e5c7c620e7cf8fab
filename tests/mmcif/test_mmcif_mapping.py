"""The table of fields and items: every row exists on both sides, every word means its choice."""

from __future__ import annotations

import pytest

from openem_nb import mmcif, oscem, units
from openem_nb.mmcif._categories import CATEGORIES, CONSTANTS
from openem_nb.mmcif._dictionary import dictionary
from openem_nb.mmcif._layout import given_by_us, parents_first
from openem_nb.mmcif._mapping import MAPPING
from openem_nb.mmcif._words import TABLES, as_ascii, from_list, looks_like_serial, to_list

WORDS = dictionary()


@pytest.mark.parametrize("technique", oscem.TECHNIQUES)
def test_every_path_is_a_field_of_its_techniques(technique: str) -> None:
    known = {one.path for one in oscem.fields(technique)}
    lists = {one.path for one in oscem.fields(technique) if one.type == "list"}
    for row in MAPPING:
        if row.techniques and technique not in row.techniques:
            continue
        path = row.path.replace("[final]", "[]")
        assert path in known or (path.endswith("[]") and path[:-2] in lists), path


def test_every_item_stands_in_the_dictionary_and_in_a_category_that_is_written() -> None:
    for row in MAPPING:
        assert WORDS[row.item].category == row.category
        assert row.category in CATEGORIES, row.item
        assert not given_by_us(row.item), row.item


def test_units_of_field_and_item_measure_the_same() -> None:
    checked = 0
    for row in MAPPING:
        if row.kind in ("quantity", "defocus", "length"):
            target = row.target or WORDS[row.item].unit
            assert units.convert(1.0, row.unit, target) > 0, row.path
            checked += 1
        else:
            assert not row.unit, row.path
    assert checked > 20


def test_units_of_fields_are_those_of_the_schema() -> None:
    for technique in oscem.TECHNIQUES:
        of = {one.path: one.unit for one in oscem.fields(technique) if one.type == "quantity"}
        for row in MAPPING:
            path = row.path.replace("[final]", "[]")
            if row.kind in ("quantity", "defocus") and of.get(path):
                assert units.convert(1.0, row.unit, of[path]) > 0, path


def test_choices_have_a_list_and_lists_have_choices() -> None:
    for row in MAPPING:
        if row.kind in ("choice", "software"):
            assert row.table in TABLES, row.path
            assert WORDS[row.item].choices, row.item


@pytest.mark.parametrize("row", [row for row in MAPPING if row.kind in ("choice", "software")])
def test_every_word_of_a_table_means_its_choice_and_nothing_else(row) -> None:
    choices = WORDS[row.item].choices
    for choice, words in TABLES[row.table]:
        assert choice in choices, (row.table, choice)
        assert len(set(words)) == len(words)
        for word in words:
            assert to_list(word, row.table, choices) == choice, word
            assert to_list(word.upper(), row.table, choices) == choice, word


@pytest.mark.parametrize("row", [row for row in MAPPING if row.kind in ("choice", "software")])
def test_every_choice_of_the_dictionary_goes_there_and_back(row) -> None:
    choices = WORDS[row.item].choices
    for choice in choices:
        assert to_list(from_list(choice, row.table), row.table, choices) == choice


def test_a_word_that_is_nowhere_is_not_bent_to_fit() -> None:
    detectors = WORDS["_em_image_recording.film_or_detector_model"].choices
    for word in ("EF-CCD", "BM-Falcon", "Falcon 5", "falcon", "K", "", "OTHER DETECTOR"):
        assert to_list(word, "detector", detectors) is None, word
    models = WORDS["_em_imaging.microscope_model"].choices
    for word in ("TITAN52339260", "Titan", "titan scope", "Krios G9"):
        assert to_list(word, "microscope", models) is None, word


def test_detectors_of_one_family_are_told_apart() -> None:
    detectors = WORDS["_em_image_recording.film_or_detector_model"].choices
    expected = {
        "Falcon 4i": "TFS FALCON 4i (4k x 4k)",
        "Falcon 4": "FEI FALCON IV (4k x 4k)",
        "Falcon-3": "FEI FALCON III (4k x 4k)",
        "FEI Falcon 3EC": "FEI FALCON III (4k x 4k)",
        "BioQuantum K3": "GATAN K3 BIOQUANTUM (6k x 4k)",
        "Gatan K3": "GATAN K3 (6k x 4k)",
        "K2 Summit": "GATAN K2 SUMMIT (4k x 4k)",
        "BM-Ceta": "FEI CETA (4k x 4k)",
    }
    for word, choice in expected.items():
        assert to_list(word, "detector", detectors) == choice


def test_letters_in_brackets_answer_only_where_one_choice_has_them() -> None:
    funders = WORDS["_pdbx_audit_support.funding_organization"].choices
    assert to_list("ERC", "funder", funders) == "European Research Council (ERC)"
    assert to_list("German Research Foundation", "funder", funders) == (
        "German Research Foundation (DFG)"
    )
    assert to_list("ETH Zürich", "funder", funders) == "ETH Zurich"
    for word in ("MRC", "NIH", "NSF", "Some foundation"):
        assert to_list(word, "funder", funders) is None, word


def test_serial_numbers_are_told_from_models() -> None:
    assert looks_like_serial("TITAN52339260")
    assert looks_like_serial("TALOS-9950416")
    for model in ("Titan Krios", "JEM-2100", "JEOL 1400", "CM200", "Krios G4"):
        assert not looks_like_serial(model), model


def test_texts_become_ascii_as_names_are_written() -> None:
    assert as_ascii("Müller–Lüdenscheidt, Ærø, Łódź, ß") == "Muller-Ludenscheidt, AEro, Lodz, ss"
    assert as_ascii("1.2 Å at 20 °C, 5 µm") == "1.2 A at 20  degreesC, 5 um"


def test_parents_come_before_children_and_no_link_is_missing() -> None:
    order = parents_first()
    assert sorted(order) == sorted(CATEGORIES)
    for category, form in CATEGORIES.items():
        for child, parent in form.links:
            assert WORDS[child].category == category
            above = WORDS[parent].category
            assert order.index(above) < order.index(category)
        keys = {form.number, *(child for child, _ in form.links), *CONSTANTS.get(category, {})}
        assert set(WORDS.keys[category]) <= keys, category


def test_the_table_for_people_has_every_row() -> None:
    frame = mmcif.mapping()
    assert len(frame) == len(MAPPING)
    dose = frame.set_index("path").loc["acquisition.dose_per_movie"]
    assert (dose.item_unit, dose.mandatory) == ("electrons_angstrom_squared", True)
