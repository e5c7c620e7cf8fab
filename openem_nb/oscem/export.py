"""A document for other catalogues: RO-Crate beside the data, DataCite for a DOI.

Both say what the document says, in the words of those forms. What it does not say is left out, and
so are e-mail addresses and telephone numbers: both forms are made to be public. The document that
lies beside the data in an RO-Crate is whole, and has them.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from openem_nb._folders import write_whole
from openem_nb.errors import InvalidInput, NotFound
from openem_nb.oscem.check import technique_of
from openem_nb.oscem.document import get_at, is_quantity, paths

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["datacite_missing", "to_datacite", "to_rocrate"]

_TECHNIQUES: Final = {
    "spa": "single-particle cryo-electron microscopy",
    "subtomo": "cryo-electron tomography with subtomogram averaging",
    "env_tomo": "cryo-electron tomography of environmental samples",
    "cellular_tomo": "cellular cryo-electron tomography",
    "general": "electron microscopy",
}
_SCHEMA: Final = "https://w3id.org/oscem-schemas/v1.0.2/oscem_schemas_"
_ORCID: Final = re.compile(r"(?:https?://(?:www\.)?orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])")
_NAME: Final = re.compile(r"[\w-][\w .-]{0,199}\.json")
_DESCRIPTION: Final = "ro-crate-metadata.json"
_MEASURED: Final = ("instrument.", "acquisition.")
# Mandatory properties of the DataCite Metadata Schema 4, as members of its JSON.
_MANDATORY: Final = {
    "doi": "the identifier, given by whoever registers it",
    "creators": "authors of the document",
    "titles": "a title",
    "publisher": "who publishes it",
    "publicationYear": "the year of publication",
    "types": "the kind of resource",
}


def to_rocrate(
    document: Mapping[str, Any],
    folder: Path | str,
    *,
    files: Iterable[Path | str] = (),
    title: str = "",
    description: str = "",
    license: str = "",  # noqa: A002  (the word of the form)
    name: str = "oscem.json",
) -> Path:
    """Make a folder an RO-Crate that the document describes; return ``ro-crate-metadata.json``.

    The document itself goes into the folder too, whole. Files stay where they are: none is copied.
    The day of publication, which the form demands, is the moment of writing.

    Parameters
    ----------
    folder :
        Where the data are, or some of them.
    files :
        Files of the data set that lie in the folder, with their paths below it or in full.
    title, description :
        Of the data set; by default those of the sample, if it has any.
    license :
        Address of a licence, such as ``https://creativecommons.org/publicdomain/zero/1.0/``.
    name :
        File name of the document.

    Raises
    ------
    NotFound
        If there is no such folder, or a file is not in it.
    InvalidInput
        If the document is none, its name is not one of a JSON file, or a file lies outside the
        folder.
    CannotWrite
        If the folder is read-only or full.
    """
    from rocrate.model.person import Person
    from rocrate.rocrate import ROCrate

    top = Path(folder)
    if not top.is_dir():
        raise NotFound(f"There is no folder {top}.", hint="Give the folder that holds the data.")
    _known(document)
    if not _NAME.fullmatch(name) or name == _DESCRIPTION:
        raise InvalidInput(f"{name!r} cannot be the name of the file.", hint="Take oscem.json.")
    try:
        text = json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False)
    except (ValueError, TypeError) as error:
        raise InvalidInput(
            f"The document cannot be written as JSON: {error}.", hint="Look at oscem.validate."
        ) from error
    inside = [_inside(top, Path(one)) for one in files]
    crate = ROCrate()
    root = crate.root_dataset
    for key, value in (
        ("name", title or _text(document, "sample.name") or _sample(document)),
        ("description", description or _text(document, "sample.description")),
        ("dateCreated", _text(document, "acquisition.date_time")),
        ("license", license),
        ("measurementTechnique", _TECHNIQUES[technique_of(document)]),
    ):
        if value:
            root[key] = value
    about = crate.add_file(
        dest_path=name,
        properties={
            "name": "OSC-EM metadata",
            "encodingFormat": "application/json",
            "conformsTo": {"@id": f"{_SCHEMA}{technique_of(document)}"},
            "about": {"@id": "./"},
        },
    )
    root["subjectOf"] = about
    people = [crate.add(Person(crate, orcid, properties=said)) for orcid, said in _people(document)]
    if people:
        root["creator"] = people
    funders = [
        crate.add(_entity(crate, f"#funder-{number}", {"@type": "Organization", "name": one}))
        for number, one in enumerate(_funders(document), 1)
    ]
    if funders:
        root["funder"] = funders
    measured = [
        crate.add(_entity(crate, f"#setting-{number}", {"@type": "PropertyValue", **said}))
        for number, said in enumerate(_measured(document), 1)
    ]
    if measured:
        root["variableMeasured"] = measured
    for path, size in inside:
        crate.add_file(dest_path=path, properties={"contentSize": str(size)})
    write_whole(top / name, text + "\n")
    made = top / _DESCRIPTION
    described = json.dumps(crate.metadata.generate(), ensure_ascii=False, indent=2)
    write_whole(made, described + "\n")
    return made


def to_datacite(
    document: Mapping[str, Any],
    *,
    title: str = "",
    publisher: str = "",
    year: int | None = None,
    doi: str = "",
    description: str = "",
) -> dict[str, Any]:
    """Return the document as attributes of a DOI, in the JSON of the DataCite Metadata Schema 4.

    What nobody gave and the document does not say is left out; :func:`datacite_missing` names
    what DataCite insists on of it.

    Raises
    ------
    InvalidInput
        If the document is none.
    """
    _known(document)
    technique = _TECHNIQUES[technique_of(document)]
    heading = title or _text(document, "sample.name") or _sample(document)
    text = description or _text(document, "sample.description")
    moment = _text(document, "acquisition.date_time")
    made: dict[str, Any] = {
        "doi": doi,
        "creators": [_creator(orcid, said) for orcid, said in _people(document)],
        "titles": [{"title": heading}] if heading else [],
        "publisher": {"name": publisher} if publisher else {},
        "publicationYear": year,
        "types": {"resourceTypeGeneral": "Dataset", "resourceType": technique},
        "subjects": [{"subject": technique}],
        "dates": [{"date": moment, "dateType": "Collected"}] if moment else [],
        "descriptions": [{"description": text, "descriptionType": "Abstract"}] if text else [],
        "fundingReferences": list(_funding(document)),
        "schemaVersion": "http://datacite.org/schema/kernel-4",
    }
    return {key: value for key, value in made.items() if value}


def datacite_missing(metadata: Mapping[str, Any]) -> dict[str, str]:
    """Return what DataCite insists on and the attributes of a DOI lack, with what it is."""
    return {key: about for key, about in _MANDATORY.items() if not metadata.get(key)}


def _known(document: Any) -> None:
    if not isinstance(document, dict) or not isinstance(document.get("acquisition"), dict):
        raise InvalidInput(
            "This is no OSC-EM document: it has no acquisition.",
            hint="Give the document itself, as openem.oscem.read returns it.",
        )


def _inside(top: Path, path: Path) -> tuple[str, int]:
    """Return the path of a file below the folder, and its size in bytes."""
    whole = (path if path.is_absolute() else top / path).resolve()
    if not whole.is_relative_to(top.resolve()):
        raise InvalidInput(
            f"{path} lies outside {top}.", hint="An RO-Crate describes what is in its folder."
        )
    if not whole.is_file():
        raise NotFound(f"There is no file {path} in {top}.")
    return whole.relative_to(top.resolve()).as_posix(), whole.stat().st_size


def _entity(crate: Any, identifier: str, properties: dict[str, Any]) -> Any:
    from rocrate.model.contextentity import ContextEntity

    return ContextEntity(crate, identifier, properties=properties)


def _text(document: Mapping[str, Any], path: str) -> str:
    value = get_at(document, path)
    return value if isinstance(value, str) else ""


def _sample(document: Mapping[str, Any]) -> str:
    return _text(document, "sample.overall_molecule.name_sample")


def _members(document: Mapping[str, Any], path: str) -> Iterator[dict[str, Any]]:
    members = get_at(document, path)
    found = members if isinstance(members, list) else []
    yield from (one for one in found if isinstance(one, dict) and one)


def _people(document: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield address and names of each author; without an ORCID the address is one of our own."""
    for number, one in enumerate(_members(document, "organizational.authors"), 1):
        orcid = _ORCID.fullmatch(str(one.get("orcid") or "").strip())
        given, family = one.get("given_name") or "", one.get("family_name") or ""
        said = {
            "name": f"{given} {family}".strip(),
            "givenName": given,
            "familyName": family,
            "affiliation": one.get("name_org") or "",
        }
        address = f"https://orcid.org/{orcid[1]}" if orcid else f"#author-{number}"
        yield address, {key: value for key, value in said.items() if value}


def _creator(address: str, said: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {"nameType": "Personal"}
    family, given = said.get("familyName", ""), said.get("givenName", "")
    made["name"] = ", ".join(part for part in (family, given) if part)
    made |= {key: said[key] for key in ("givenName", "familyName") if key in said}
    if "affiliation" in said:
        made["affiliation"] = [{"name": said["affiliation"]}]
    if address.startswith("https://"):
        made["nameIdentifiers"] = [
            {
                "nameIdentifier": address,
                "nameIdentifierScheme": "ORCID",
                "schemeUri": "https://orcid.org",
            }
        ]
    return made


def _funders(document: Mapping[str, Any]) -> list[str]:
    names = [one.get("funder_name") for one in _members(document, "organizational.funder")]
    return list(dict.fromkeys(str(name) for name in names if name))


def _funding(document: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    """Yield funders with their grants, which the lists pair by place where they are as long."""
    funders = list(_members(document, "organizational.funder"))
    grants = list(_members(document, "organizational.grants"))
    paired = len(funders) == len(grants)
    for number, funder in enumerate(funders):
        if not funder.get("funder_name"):
            continue
        made = {"funderName": str(funder["funder_name"])}
        grant = grants[number] if paired else {}
        if grant.get("project_id"):
            made["awardNumber"] = str(grant["project_id"])
        if grant.get("grant_name"):
            made["awardTitle"] = str(grant["grant_name"])
        yield made


def _measured(document: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield each setting of instrument and acquisition as a property with its unit."""
    for path, value in paths(document):
        if not path.startswith(_MEASURED) or value in (None, "", [], {}):
            continue
        words = path.partition(".")[2].replace("_", " ").replace(".", " ")
        if is_quantity(value):
            value, unit = value["value"], value["unit"]
            yield {"propertyID": path, "name": words, "value": value, "unitText": unit}
        else:
            yield {"propertyID": path, "name": words, "value": value}
