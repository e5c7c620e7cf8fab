"""Real documents: what the official example determines is there, and the rest is asked."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from _entries import problems, value

from openem_nb import mmcif, oscem
from openem_nb.mmcif._dictionary import dictionary
from openem_nb.mmcif._layout import given_by_us
from openem_nb.mmcif._questions import asked_categories

if TYPE_CHECKING:
    from pathlib import Path

FULL = "oscem_json/spa_full_v1.0.2.json"
CONTENT = {
    # determined by the document or its technique
    "_em_experiment.aggregation_state": "PARTICLE",
    "_em_experiment.reconstruction_method": "SINGLE PARTICLE",
    "_em_entity_assembly.type": "COMPLEX",
    "_em_entity_assembly.name": "Ribosome",
    "_em_entity_assembly.source": "RECOMBINANT",
    "_em_entity_assembly_naturalsource.organism": "yeast",
    "_em_entity_assembly_recombinant.organism": "Pichia kudriavzevii",
    "_em_specimen.embedding_applied": "NO",
    "_em_specimen.shadowing_applied": "NO",
    "_em_specimen.staining_applied": "NO",
    "_em_specimen.vitrification_applied": "NO",
    "_em_buffer.pH": "7",
    "_em_imaging.accelerating_voltage": "300",
    "_em_imaging.illumination_mode": "FLOOD BEAM",
    "_em_imaging.mode": "BRIGHT FIELD",
    "_em_imaging.electron_source": "FIELD EMISSION GUN",
    "_em_image_recording.avg_electron_dose_per_image": "4.34477144866",
    "_em_image_recording.film_or_detector_model": "TFS FALCON 4i (4k x 4k)",
    "_em_3d_reconstruction.num_particles": "2937",
}
NEEDS_SOMEBODY = {
    # the model is a serial number
    "_em_imaging.microscope_model": "depositor",
    # the map's maker knows them, and OSC-EM has no field
    "_em_ctf_correction.type": "reconstruction",
    "_em_3d_reconstruction.symmetry_type": "reconstruction",
    "_em_start_model.type": "reconstruction",
    "_em_euler_angle_assignment.order": "reconstruction",
    "_em_euler_angle_assignment.type": "reconstruction",
    # OneDep's own
    "_em_admin.current_status": "OneDep",
    "_em_admin.deposition_date": "OneDep",
    "_em_admin.deposition_site": "OneDep",
    "_em_admin.last_update": "OneDep",
    "_em_admin.title": "OneDep",
    "_em_author_list.author": "OneDep",
}
NOT_APPLICABLE = {
    "_em_vitrification.cryogen_name",  # the document says that it was not vitrified
    "_em_image_scans.scanner_model",  # of film only
    "_em_author_list.ordinal",  # a number that goes with the author
}


def content_items() -> set[str]:
    """Return the mandatory items of single particles that are no numbers and no links."""
    words = dictionary()
    categories = {
        *asked_categories("spa"),
        *("em_entity_assembly_recombinant", "em_image_scans"),
    }
    found = {
        item.name
        for category in categories
        if category.startswith("em_")
        for item in words.category(category)
        if item.mandatory and not given_by_us(item.name)
    }
    return {one for one in found if "ncbi_tax_id" not in one} | {"_em_author_list.ordinal"}


@pytest.fixture
def full(samples: Path) -> dict[str, Any]:
    return json.loads((samples / FULL).read_text())


def test_the_dictionary_has_34_mandatory_items_of_content_for_single_particles() -> None:
    assert len(content_items()) == 34
    assert content_items() == CONTENT.keys() | NEEDS_SOMEBODY.keys() | NOT_APPLICABLE


def test_the_official_example_gives_a_file_without_problems(full) -> None:
    made = mmcif.to_mmcif(full)
    assert problems(made.text) == []
    # a condenser aperture of 20 um is outside what the deposition system expects
    assert len(problems(made.text, deposition=True)) == 1
    result = mmcif.check_mmcif(made.text)
    assert {one.code for one in result.errors} == {"missing"}
    assert [one.item for one in result.warnings] == ["_em_imaging.c2_aperture_diameter"]


def test_every_item_that_the_example_determines_is_there(full) -> None:
    text = mmcif.to_mmcif(full).text
    assert {item: value(text, item) for item in CONTENT} == CONTENT


def test_what_is_open_is_exactly_what_needs_somebody(full) -> None:
    made = mmcif.to_mmcif(full)
    content = content_items()
    assert {q.item: q.who for q in made.missing if q.item in content} == NEEDS_SOMEBODY
    # beyond the content of the map: what of people, organisms and ligands cannot be taken
    others = {q.key for q in made.missing if q.item not in content and q.mandatory}
    assert others == {
        "_pdbx_contact_author.role",
        "_pdbx_contact_author.role[2]",
        "_pdbx_contact_author.identifier_ORCID",
        "_pdbx_contact_author.identifier_ORCID[2]",
        "_entity_src_gen.pdbx_gene_src_ncbi_taxonomy_id",
        "_entity_src_gen.pdbx_host_org_ncbi_taxonomy_id",
        "_em_entity_assembly_naturalsource.ncbi_tax_id",
        "_em_entity_assembly_recombinant.ncbi_tax_id",
        "_pdbx_chem_comp_depositor_info.comp_id",
    }


def test_all_examples_of_the_schema_give_files_without_problems(samples: Path) -> None:
    seen = 0
    for path in sorted((samples / "oscem_json").rglob("*.json")):
        document = json.loads(path.read_text())
        if not isinstance(document.get("acquisition"), dict):
            continue
        made = mmcif.to_mmcif(document)
        assert problems(made.text) == [], path.name
        assert mmcif.from_mmcif(made.text).document
        seen += 1
    assert seen >= 1


def test_an_extracted_session_becomes_a_file_that_needs_people_alone(samples: Path) -> None:
    folder = samples / "epu_xml" / "epu_dataset_merger" / "testing" / "Y" / "spa"
    found = oscem.extract(folder)
    made = mmcif.to_mmcif(found.document)
    assert problems(made.text) == []
    assert float(value(made.text, "_em_image_recording.avg_electron_dose_per_image")) == (
        pytest.approx(25.225, abs=1e-3)
    )
    assert value(made.text, "_em_imaging.nominal_defocus_max") == "1200"
    assert value(made.text, "_em_image_recording.detector_mode") == "COUNTING"
    table = mmcif.coverage(found).frame.set_index("item")
    row = table.loc["_em_imaging.accelerating_voltage"]
    assert bool(row.there)
    assert row.source.startswith("epu, ")
    assert "AccelerationVoltage" in row.source
