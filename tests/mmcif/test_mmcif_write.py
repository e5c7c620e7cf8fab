"""Documents as mmCIF: right items, right units, numbers and parents, nothing made up."""

from __future__ import annotations

import copy

import pytest
from _entries import problems, tilted, value, whole
from gemmi import cif

from openem_nb import mmcif
from openem_nb.mmcif._categories import CATEGORIES
from openem_nb.mmcif._dictionary import dictionary

EXPECTED = {
    "_em_imaging.microscope_model": "TFS KRIOS",
    "_em_imaging.accelerating_voltage": "300",
    "_em_imaging.c2_aperture_diameter": "50",
    "_em_imaging.nominal_cs": "2.7",
    "_em_imaging.nominal_defocus_min": "800",
    "_em_imaging.nominal_defocus_max": "2500",
    "_em_imaging.date": "2024-08-31",
    "_em_imaging.cryogen": "NITROGEN",
    "_em_imaging.specimen_holder_model": "FEI TITAN KRIOS AUTOGRID HOLDER",
    "_em_image_recording.film_or_detector_model": "TFS FALCON 4i (4k x 4k)",
    "_em_image_recording.detector_mode": "COUNTING",
    "_em_image_recording.avg_electron_dose_per_image": "40.5",
    "_em_image_recording.average_exposure_time": "2.5",
    "_em_image_recording.num_real_images": "5000",
    "_em_image_scans.frames_per_image": "50",
    "_em_imaging_optics.energyfilter_name": "TFS Selectris X",
    "_em_imaging_optics.energyfilter_slit_width": "10",
    "_em_software.category": "IMAGE ACQUISITION",
    "_em_software.name": "EPU",
    "_em_software.version": "3.8.1",
    "_em_experiment.reconstruction_method": "SINGLE PARTICLE",
    "_em_experiment.aggregation_state": "PARTICLE",
    "_em_entity_assembly.type": "RIBOSOME",
    "_em_entity_assembly.source": "RECOMBINANT",
    "_em_entity_assembly.parent_id": "0",
    "_em_entity_assembly_molwt.value": "0.474",
    "_em_entity_assembly_molwt.units": "MEGADALTONS",
    "_em_entity_assembly_naturalsource.ncbi_tax_id": "9606",
    "_em_entity_assembly_recombinant.organism": "Escherichia coli",
    "_entity.src_method": "man",
    "_entity.pdbx_description": "CRABP-II",
    "_entity_poly.type": "polypeptide(L)",
    "_entity_src_gen.pdbx_gene_src_gene": "CRABP2",
    "_em_vitrification.chamber_temperature": "295.15",
    "_em_vitrification.cryogen_name": "ETHANE",
    "_em_sample_support.grid_material": "COPPER",
    "_em_support_film.thickness": "120",
    "_em_support_film.topology": "HOLEY",
    "_em_grid_pretreatment.pressure": "40",
    "_em_3d_reconstruction.resolution": "2.9",
    "_em_3d_reconstruction.num_particles": "120000",
    "_em_particle_selection.num_particles_selected": "286000",
    "_pdbx_contact_author.name_last": "O'Neil Smith",
    "_pdbx_contact_author.name_first": "Seamus",
    "_pdbx_contact_author.identifier_ORCID": "0000-0002-1825-0097",
    "_pdbx_contact_author.role": "principal investigator/group leader",
    "_pdbx_audit_support.funding_organization": "Swiss National Science Foundation",
    "_pdbx_entry_details.has_ligand_of_interest": "Y",
    "_pdbx_chem_comp_depositor_info.comp_id": "EOH",
}


def test_a_whole_document_stands_in_the_right_items_and_units() -> None:
    text = mmcif.to_mmcif(whole()).text
    assert {item: value(text, item) for item in EXPECTED} == EXPECTED


def test_the_dictionary_has_nothing_against_it() -> None:
    for document in (whole(), tilted()):
        assert problems(mmcif.to_mmcif(document).text) == []


def test_what_a_document_cannot_know_is_all_that_is_open() -> None:
    made = mmcif.to_mmcif(whole())
    assert {one.key: one.who for one in made.missing} == {
        "_em_admin.current_status": "OneDep",
        "_em_admin.deposition_date": "OneDep",
        "_em_admin.deposition_site": "OneDep",
        "_em_admin.last_update": "OneDep",
        "_em_admin.title": "OneDep",
        "_em_author_list.author": "OneDep",
        "_em_start_model.type": "reconstruction",
        "_em_ctf_correction.type": "reconstruction",
        "_em_euler_angle_assignment.order": "reconstruction",
        "_em_euler_angle_assignment.type": "reconstruction",
        "_em_3d_reconstruction.symmetry_type": "reconstruction",
    }


def test_answers_close_every_question_and_the_file_passes_the_check() -> None:
    answers = {
        "_em_admin.current_status": "PROC",
        "_em_admin.deposition_date": "2026-01-02",
        "_em_admin.deposition_site": "PDBE",
        "_em_admin.last_update": "2026-01-02",
        "_em_admin.title": "A ribosome",
        "_em_author_list.author": "O'Neil Smith, S.",
        "_em_start_model.type": "NONE",
        "_em_ctf_correction.type": "PHASE FLIPPING ONLY",
        "_em_euler_angle_assignment.order": "FINAL",
        "_em_euler_angle_assignment.type": "MAXIMUM LIKELIHOOD",
        "_em_3d_reconstruction.symmetry_type": "POINT",
    }
    made = mmcif.to_mmcif(whole(), answers=answers)
    assert made.missing == ()
    assert problems(made.text) == []
    result = mmcif.check_mmcif(made.text)
    assert result.ok, str(result)
    assert {one.code for one in result.warnings} == {"range"}
    given = [one for one in made.entries if one.note == "given by a person"]
    assert len(given) == len(answers)


def test_every_row_has_its_number_and_every_link_its_parent() -> None:
    block = mmcif.to_mmcif(tilted()).block
    seen = 0
    for category, form in CATEGORIES.items():
        if not len(block.find_mmcif_category(f"_{category}.")):
            continue
        for child, parent in form.links:
            there = set(map(cif.as_string, block.find_values(child)))
            assert there
            assert there <= set(map(cif.as_string, block.find_values(parent))), child
            seen += 1
        if form.number:
            numbers = list(block.find_values(form.number))
            assert len(set(numbers)) == len(numbers) > 0
    assert seen > 15


def test_tomography_has_its_own_categories_and_no_particles() -> None:
    made = mmcif.to_mmcif(tilted())
    expected = {
        "_em_experiment.reconstruction_method": "TOMOGRAPHY",
        "_em_experiment.aggregation_state": "CELL",
        "_em_entity_assembly.type": "CELL",
        "_em_entity_assembly.source": "NATURAL",
        "_em_tomography.axis1_min_angle": "-60",
        "_em_tomography.axis1_max_angle": "60",
        "_em_tomography.axis1_angle_increment": "3",
        "_em_tomography_specimen.sectioning": "FOCUSED ION BEAM",
        "_em_tomography_specimen.high_pressure_freezing": "NO",
        "_em_focused_ion_beam.final_thickness": "150",
        "_em_specimen.vitrification_applied": "YES",
    }
    assert {item: value(made.text, item) for item in expected} == expected
    asked = {one.item for one in made.missing}
    assert "_em_tomography_specimen.fiducial_markers" in asked
    assert not [item for item in asked if "euler" in item or "start_model" in item]


def test_subtomograms_are_averaged() -> None:
    document = whole()
    document["acquisition"]["technique"] = "subtomo"
    del document["processing"]
    made = mmcif.to_mmcif(document)
    method = "_em_experiment.reconstruction_method"
    assert value(made.text, method) == "SUBTOMOGRAM AVERAGING"
    assert "_em_volume_selection.num_tomograms" in {one.item for one in made.missing}


def test_filaments_are_not_said_to_be_single_particles() -> None:
    document = whole()
    document["sample"]["overall_molecule"]["assembly"] = "FILAMENT"
    made = mmcif.to_mmcif(document)
    (asked,) = [q for q in made.missing if q.item == "_em_experiment.reconstruction_method"]
    assert "HELICAL" in asked.choices


def test_what_is_in_no_list_becomes_a_question_with_the_list() -> None:
    document = whole()
    document["acquisition"]["detectors"][0]["name"] = "EF-CCD"
    document["acquisition"]["holder"] = "home made"
    made = mmcif.to_mmcif(document)
    detector = next(q for q in made.missing if q.item.endswith("film_or_detector_model"))
    assert detector.mandatory
    assert "GATAN K2 SUMMIT (4k x 4k)" in detector.choices
    assert "EF-CCD" in detector.why
    holder = next(q for q in made.missing if q.item.endswith("specimen_holder_model"))
    assert not holder.mandatory
    assert "EF-CCD" not in made.text
    assert "HOME MADE" not in made.text.upper()
    assert {"acquisition.detectors[0].name", "acquisition.holder"} <= {
        one.path for one in made.left_out
    }
    answered = mmcif.to_mmcif(document, answers={detector.key: "GATAN K2 SUMMIT (4k x 4k)"})
    assert detector.key not in {one.key for one in answered.missing}
    assert "acquisition.detectors[0].name" not in {one.path for one in answered.left_out}


def test_a_serial_number_is_no_model() -> None:
    document = whole()
    document["instrument"]["microscope"]["model"] = "TITAN52339260"
    made = mmcif.to_mmcif(document)
    assert value(made.text, "_em_imaging.microscope_serial_number") == "TITAN52339260"
    assert value(made.text, "_em_imaging.microscope_model") is None
    asked = next(q for q in made.missing if q.item == "_em_imaging.microscope_model")
    assert "serial number" in asked.why


@pytest.mark.parametrize("model", ["TITAN52339260", "Our big one"])
def test_the_facility_knows_what_is_behind_its_own_names(tmp_path, model: str) -> None:
    file = tmp_path / "house.toml"
    file.write_text(
        '[TITAN52339260]\nname = "Our big one"\npdbx = "TFS KRIOS"\n'
        '[TITAN52339260.detectors.BM-Falcon]\nname = "Falcon"\n'
        'pdbx = "FEI FALCON III (4k x 4k)"\n'
        '[TALOS1234567]\nname = "Our small one"\npdbx = "TFS TALOS"\n'
    )
    document = whole()
    document["instrument"]["microscope"]["model"] = model
    document["acquisition"]["detectors"] = [{"name": "BM-Falcon"}, {"name": "EF-CCD"}]
    made = mmcif.to_mmcif(document, instruments=file)
    assert value(made.text, "_em_imaging.microscope_model") == "TFS KRIOS"
    assert value(made.text, "_em_imaging.microscope_serial_number") == "TITAN52339260"
    assert value(made.text, "_em_image_recording.film_or_detector_model") == (
        "FEI FALCON III (4k x 4k)"
    )
    asked = {one.key for one in made.missing}
    assert "_em_imaging.microscope_model" not in asked
    assert "_em_image_recording.film_or_detector_model[2]" in asked
    assert "instrument.microscope.model" not in {one.path for one in made.left_out}
    (entry,) = [one for one in made.entries if one.item == "_em_imaging.microscope_model"]
    assert "TITAN52339260" in entry.note


def test_a_name_that_two_microscopes_have_tells_nothing(tmp_path) -> None:
    file = tmp_path / "house.toml"
    file.write_text('[TITAN1]\nname = "X"\npdbx = "TFS KRIOS"\n[TITAN2]\nname = "X"\n')
    document = whole()
    document["instrument"]["microscope"]["model"] = "X"
    made = mmcif.to_mmcif(document, instruments=file)
    assert "_em_imaging.microscope_model" in {one.key for one in made.missing}


def test_several_detectors_authors_grants_and_molecules_have_rows_of_their_own() -> None:
    document = whole()
    document["acquisition"]["detectors"].append({"name": "BM-Ceta"})
    author = copy.deepcopy(document["organizational"]["authors"][0])
    document["organizational"]["authors"].append(author | {"email": "b@example.org", "role": None})
    document["organizational"]["grants"].append({"project_id": "2", "country": "Switzerland"})
    document["organizational"]["funder"].append({"funder_name": "ERC"})
    second = document["sample"]["molecule"][0] | {"name_mol": "B", "sequence": "GGG"}
    document["sample"]["molecule"].append(second)
    made = mmcif.to_mmcif(document)
    block = made.block
    detectors = list(block.find_values("_em_image_recording.film_or_detector_model"))
    assert [cif.as_string(one) for one in detectors][1] == "FEI CETA (4k x 4k)"
    assert list(block.find_values("_em_image_recording.id")) == ["1", "2"]
    assert list(block.find_values("_pdbx_contact_author.id")) == ["1", "2"]
    assert [cif.as_string(x) for x in block.find_values("_pdbx_audit_support.grant_number")] == [
        "310030_1",
        "2",
    ]
    assert list(block.find_values("_entity_poly.entity_id")) == ["1", "2"]
    assert value(made.text, "_em_entity_assembly.entity_id_list") == "1,2"
    # one organism, named once, however many molecules are of it
    assert len(list(block.find_values("_em_entity_assembly_naturalsource.id"))) == 1
    keys = {one.key for one in made.missing}
    assert "_pdbx_contact_author.role[2]" in keys
    assert "_pdbx_contact_author.role" not in keys
    assert "_em_image_recording.avg_electron_dose_per_image[2]" in keys
    assert problems(made.text) == []
    answers = {"_pdbx_contact_author.role[2]": "investigator"}
    answered = mmcif.to_mmcif(document, answers=answers)
    assert "_pdbx_contact_author.role[2]" not in {one.key for one in answered.missing}


def test_grants_without_as_many_funders_are_not_paired() -> None:
    document = whole()
    document["organizational"]["grants"].append({"project_id": "2"})
    made = mmcif.to_mmcif(document)
    table = made.block.get_mmcif_category("_pdbx_audit_support.")
    assert table["grant_number"] == ["310030_1", "2", None]
    assert table["funding_organization"] == [None, None, "Swiss National Science Foundation"]
    assert {"_pdbx_audit_support.funding_organization[2]"} <= {one.key for one in made.missing}


def test_a_natural_source_is_asked_for_unless_the_document_says_it() -> None:
    document = whole()
    molecule = document["sample"]["molecule"][0]
    del molecule["expression_system"], molecule["taxonomy_id_expression"]
    document["sample"]["overall_molecule"]["source"] = "yeast"
    made = mmcif.to_mmcif(document)
    assert "_em_entity_assembly.source" in {one.item for one in made.missing}
    assert value(made.text, "_entity_src_nat.pdbx_organism_scientific") == "Homo sapiens"
    assert value(made.text, "_entity.src_method") is None
    assert "_em_entity_assembly_recombinant.organism" not in made.text
    assert "sample.molecule[0].gene_name" in {one.path for one in made.left_out}
    document["sample"]["overall_molecule"]["source"] = "natural"
    assert value(mmcif.to_mmcif(document).text, "_em_entity_assembly.source") == "NATURAL"


def test_all_molecules_expressed_means_recombinant_whatever_word_stands_there() -> None:
    document = whole()
    document["sample"]["overall_molecule"]["source"] = "yeast"
    made = mmcif.to_mmcif(document)
    assert value(made.text, "_em_entity_assembly.source") == "RECOMBINANT"
    assert "_em_entity_assembly.source" not in {one.item for one in made.missing}


def test_what_was_not_in_use_is_not_written() -> None:
    document = whole()
    document["acquisition"]["energy_filter"]["used"] = False
    document["sample"]["grid"]["film_support"] = False
    document["sample"]["specimen"]["vitrification"] = False
    made = mmcif.to_mmcif(document)
    for category in ("em_imaging_optics", "em_support_film", "em_vitrification"):
        assert f"_{category}." not in made.text, category
    assert not [q for q in made.missing if q.item.startswith("_em_vitrification")]
    reasons = {one.path: one.reason for one in made.left_out}
    assert reasons["sample.grid.film_material"] == "there was no support film"


@pytest.mark.parametrize("bad", [{"value": 3, "unit": "M"}, {"value": 3, "unit": "nonsense"}, 3])
def test_a_quantity_that_cannot_be_converted_is_reported_not_written(bad) -> None:
    document = whole()
    document["sample"]["specimen"]["concentration"] = bad
    made = mmcif.to_mmcif(document)
    assert "_em_specimen.concentration" not in made.text
    (left,) = [o for o in made.left_out if o.path.startswith("sample.specimen.concentration")]
    assert left.reason


@pytest.mark.parametrize("number", [float("nan"), float("inf"), True, "300", None, 10**400])
def test_no_number_is_made_of_what_is_none(number) -> None:
    document = whole()
    document["instrument"]["cs"] = {"value": number, "unit": "mm"}
    assert value(mmcif.to_mmcif(document).text, "_em_imaging.nominal_cs") is None


def test_whole_numbers_are_whole_or_asked_for() -> None:
    document = whole()
    document["instrument"]["acceleration_voltage"] = {"value": 299.9, "unit": "kV"}
    made = mmcif.to_mmcif(document)
    assert value(made.text, "_em_imaging.accelerating_voltage") == "300"
    (entry,) = [one for one in made.entries if one.item.endswith("accelerating_voltage")]
    assert "rounded" in entry.note
    document["instrument"]["acceleration_voltage"] = {"value": 1.5, "unit": "kV"}
    made = mmcif.to_mmcif(document)
    assert value(made.text, "_em_imaging.accelerating_voltage") is None
    assert "_em_imaging.accelerating_voltage" in {one.item for one in made.missing}


def test_overfocus_is_negative_there_and_said() -> None:
    document = whole()
    document["acquisition"]["nominal_defocus"]["maximal"] = {"value": 100, "unit": "nm"}
    made = mmcif.to_mmcif(document)
    assert value(made.text, "_em_imaging.nominal_defocus_min") == "-100"
    (entry,) = [one for one in made.entries if one.item.endswith("nominal_defocus_min")]
    assert entry.note == "overfocus"


@pytest.mark.parametrize(
    "text",
    [
        'O\'Neil "Junior" Smith',
        "_loop_ # data_",
        "loop_",
        "data_x",
        "?",
        ".",
        "two\nlines\n and a third",
        "; starts so",
        "$x [y]",
    ],
)
def test_texts_survive_whatever_cif_means_by_them(text: str) -> None:
    document = whole()
    document["sample"]["specimen"]["buffer"] = text
    made = mmcif.to_mmcif(document)
    assert value(made.text, "_em_buffer.details") == text
    assert mmcif.from_mmcif(made.text).document["sample"]["specimen"]["buffer"] == text


def test_a_semicolon_at_the_start_of_a_line_does_not_end_the_text() -> None:
    document = whole()
    document["sample"]["specimen"]["buffer"] = "first\n;second\r\n;third"
    text = mmcif.to_mmcif(document, answers={"_em_buffer.name": "a\n;b"}).text
    assert value(text, "_em_buffer.details") == "first\n ;second\n ;third"


def test_characters_that_have_no_ascii_are_reported() -> None:
    document = whole()
    document["sample"]["specimen"]["buffer"] = "緩衝液"
    made = mmcif.to_mmcif(document)
    assert "_em_buffer.details" not in made.text
    assert "sample.specimen.buffer" in {one.path for one in made.left_out}
    assert made.text.isascii()


def test_only_one_volume_is_the_final_one() -> None:
    document = whole()
    document["processing"]["volumes"].append({"volume_type": "final, sharpened"})
    made = mmcif.to_mmcif(document)
    assert "_em_3d_reconstruction.resolution" not in made.text
    assert "_em_3d_reconstruction.num_particles" in {one.item for one in made.missing}


def test_a_bare_document_gives_a_file_with_its_questions() -> None:
    made = mmcif.to_mmcif({"acquisition": {"technique": "spa"}, "instrument": {}})
    assert problems(made.text) == []
    assert value(made.text, "_em_experiment.reconstruction_method") == "SINGLE PARTICLE"
    asked = {one.item for one in made.missing if one.mandatory}
    assert {"_em_imaging.microscope_model", "_em_buffer.pH", "_pdbx_contact_author.email"} <= asked
    words = dictionary()
    assert all(one.choices == words[one.item].choices for one in made.missing)
