"""RO-Crate and DataCite: what the document says, in their words, and no more."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from _entries import whole

from openem_nb.errors import InvalidInput, NotFound
from openem_nb.oscem import export

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = tmp_path / "session"
    (place / "movies").mkdir(parents=True)
    (place / "movies" / "a b.tif").write_bytes(b"12345")
    return place


def graph(path: Path) -> dict[str, dict]:
    return {one["@id"]: one for one in json.loads(path.read_text())["@graph"]}


def test_a_folder_becomes_a_crate_that_the_library_reads(folder: Path) -> None:
    from rocrate.rocrate import ROCrate

    made = export.to_rocrate(
        whole(),
        folder,
        files=["movies/a b.tif"],
        title="A session",
        license="https://creativecommons.org/publicdomain/zero/1.0/",
    )
    assert made == folder / "ro-crate-metadata.json"
    crate = ROCrate(folder)
    assert crate.name == "A session"
    assert len(crate.data_entities) == 2
    assert (folder / "movies" / "a b.tif").read_bytes() == b"12345"
    assert json.loads((folder / "oscem.json").read_text()) == whole()


def test_people_funders_and_settings_are_in_it(folder: Path) -> None:
    entities = graph(export.to_rocrate(whole(), folder, files=["movies/a b.tif"]))
    root = entities["./"]
    assert root["name"] == "Ribosome"
    assert root["dateCreated"] == "2024-08-31T20:03:13+02:00"
    assert "license" not in root
    person = entities["https://orcid.org/0000-0002-1825-0097"]
    assert person["familyName"] == "O'Neil Smith"
    settings = {
        one["propertyID"]: one for one in entities.values() if one["@type"] == "PropertyValue"
    }
    voltage = settings["instrument.acceleration_voltage"]
    assert (voltage["value"], voltage["unitText"]) == (300000, "V")
    (file,) = [one for one in entities.values() if one.get("contentSize")]
    assert file["contentSize"] == "5"
    assert all(" " not in identifier for identifier in entities)


def test_addresses_of_people_are_not_published(folder: Path) -> None:
    made = export.to_rocrate(whole(), folder)
    assert "example.org" not in made.read_text()
    assert "044" not in made.read_text()
    assert "example.org" not in json.dumps(export.to_datacite(whole()))


def test_what_is_not_known_is_not_in_it(folder: Path) -> None:
    entities = graph(export.to_rocrate({"acquisition": {"technique": "spa"}}, folder))
    root = entities["./"]
    assert not {"name", "description", "creator", "funder", "dateCreated"} & root.keys()
    assert "" not in root.values()


def test_files_outside_the_folder_are_refused(folder: Path) -> None:
    (folder.parent / "secret").write_text("x")
    (folder / "link").symlink_to(folder.parent / "secret")
    for path in ("../secret", str(folder.parent / "secret"), "link"):
        with pytest.raises(InvalidInput, match="outside"):
            export.to_rocrate(whole(), folder, files=[path])
    assert not (folder / "ro-crate-metadata.json").exists()
    with pytest.raises(NotFound):
        export.to_rocrate(whole(), folder, files=["movies/none.tif"])
    with pytest.raises(NotFound):
        export.to_rocrate(whole(), folder / "none")
    with pytest.raises(InvalidInput, match="name"):
        export.to_rocrate(whole(), folder, name="../x.json")


def test_a_doi_has_what_the_document_says_and_names_what_is_missing() -> None:
    made = export.to_datacite(whole())
    (creator,) = made["creators"]
    assert creator["name"] == "O'Neil Smith, Séamus"
    assert creator["nameIdentifiers"][0]["nameIdentifier"].endswith("0000-0002-1825-0097")
    assert made["fundingReferences"] == [{"funderName": "SNSF", "awardNumber": "310030_1"}]
    assert made["dates"] == [{"date": "2024-08-31T20:03:13+02:00", "dateType": "Collected"}]
    assert made["types"]["resourceTypeGeneral"] == "Dataset"
    assert set(export.datacite_missing(made)) == {"doi", "publisher", "publicationYear"}
    whole_one = export.to_datacite(whole(), doi="10.1/x", publisher="PSI", year=2026, title="T")
    assert export.datacite_missing(whole_one) == {}
    assert whole_one["titles"] == [{"title": "T"}]


def test_grants_are_paired_only_with_as_many_funders() -> None:
    document = whole()
    document["organizational"]["grants"].append({"project_id": "2"})
    assert export.to_datacite(document)["fundingReferences"] == [{"funderName": "SNSF"}]


def test_an_empty_document_has_no_empty_attributes() -> None:
    made = export.to_datacite({"acquisition": {}})
    assert all(made.values())
    assert {"creators", "titles"} <= set(export.datacite_missing(made))


@pytest.mark.parametrize("name", ["../x.json", "ro-crate-metadata.json", "x\0.json", "..", "", "a"])
def test_the_document_has_a_name_of_its_own_in_the_folder(folder: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="cannot be the name"):
        export.to_rocrate(whole(), folder, name=name)
    assert not list(folder.glob("*.json"))


@pytest.mark.parametrize("document", [None, [], "x", {}, {"acquisition": None}])
def test_what_is_no_document_is_refused(folder: Path, document: object) -> None:
    for made in (export.to_datacite, lambda one: export.to_rocrate(one, folder)):
        with pytest.raises(InvalidInput, match="no OSC-EM document"):
            made(document)
    assert not list(folder.glob("*.json"))


def test_nonsense_in_a_document_is_left_out_or_refused(folder: Path) -> None:
    document = whole()
    document["organizational"] = {"authors": ["x", None, 3], "funder": "y", "grants": [1]}
    made = export.to_datacite(document)
    assert "creators" not in made
    assert "fundingReferences" not in made
    export.to_rocrate(document, folder)
    document["acquisition"]["pixel_size"] = {"value": float("nan"), "unit": "nm"}
    with pytest.raises(InvalidInput, match="JSON"):
        export.to_rocrate(document, folder)
