"""From the JSON of an EMDB entry (version 3 of the schema) to an :class:`Entry`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from openem_nb._payload import Node
from openem_nb._records import Citation, doi, emdb_id, empiar_id, grants, year
from openem_nb.emdb.records import Entry, EntryFile, FileKind, Organism
from openem_nb.errors import InvalidInput
from openem_nb.settings import Services

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["parse"]

_SITE: Final = Services().emdb_site
_ANGSTROM: Final = {"å": 1.0, "a": 1.0, "angstrom": 1.0, "angstroms": 1.0, "nm": 10.0}
_KILOVOLT: Final = {"kv": 1.0, "v": 0.001}
_EMPIAR_LINK = re.compile(r"EMPIAR-0*[1-9][0-9]{0,7}(?![0-9])", re.IGNORECASE)
_FILE_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+ -]*")


def parse(payload: Any, *, site: str = _SITE) -> Entry:
    """Return the entry that one JSON object of the EMDB API describes.

    Lists and single objects, ``valueOf_`` texts, numbers as text, missing and null parts are all
    read. Anything that is stated but cannot be understood is an error, never a guess: an unknown
    unit, a date that does not exist, a resolution below zero. A resolution of 0 is how some entries
    write "none" and becomes None; a resolution without a unit is angstrom, the only unit that the
    schema allows.

    Parameters
    ----------
    payload :
        The decoded JSON object of one entry.
    site :
        Address of the EMDB pages, for :attr:`Entry.url`.

    Raises
    ------
    BadAnswer
        With the path of what cannot be read.
    """
    root = Node(payload)
    if not isinstance(payload, dict):
        root.bad("expected an EMDB entry")
    name = _entry_id(root["emdb_id"]) or root["emdb_id"].bad("expected an EMDB id")
    status = root["admin.current_status.code"].text() or root["admin.current_status"].bad(
        "expected a status code"
    )
    determinations = list(root["structure_determination_list.structure_determination"].items())
    microscopes = [
        microscope
        for determination in determinations
        for microscope in determination["microscopy_list.microscopy"].items()
    ]
    recordings = [
        recording
        for microscope in microscopes
        for recording in microscope["image_recording_list.image_recording"].items()
    ]
    resolutions = tuple(
        value
        for determination in determinations
        for processing in determination["image_processing"].items()
        if (value := processing["final_reconstruction.resolution"].positive(_ANGSTROM)) is not None
    )
    dates = root["admin.key_dates"]
    return Entry(
        id=name,
        title=root["admin.title"].text() or "",
        status=status.upper(),
        deposited=dates["deposition"].date(),
        header_released=dates["header_release"].date(),
        map_released=dates["map_release"].date(),
        updated=dates["update"].date(),
        obsoleted=dates["obsolete"].date(),
        superseded_by=_ids(root["admin.superseded_by_list.entry"], "entry", name),
        methods=_each(node["method"].text() for node in determinations),
        resolution=min(resolutions, default=None),
        resolutions=resolutions,
        microscopes=_each(node["microscope"].text() for node in microscopes),
        detectors=_each(node["film_or_detector_model"].text() for node in recordings),
        voltages=tuple(
            dict.fromkeys(
                value
                for node in microscopes
                if (value := node["acceleration_voltage"].positive(_KILOVOLT)) is not None
            )
        ),
        sample=root["sample.name"].text() or "",
        organisms=_organisms(root["sample"]),
        authors=root["admin.authors_list.author"].texts(),
        citation=_citation(root["crossreferences.citation_list.primary_citation.citation_type"]),
        pdb_ids=_each(
            (node["pdb_id"].text() or "").lower()
            for node in root["crossreferences.pdb_list.pdb_reference"].items()
        ),
        emdb_ids=_related(root["crossreferences"], name),
        empiar_ids=_raw_data(root["crossreferences"]),
        grants=grants(root["admin.grant_support.grant_reference"]),
        files=tuple(_files(root)),
        url=f"{site}/{name}",
    )


def _each(texts: Iterator[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))


def _entry_id(node: Node) -> str | None:
    text = node.text()
    if text is None:
        return None
    try:
        return emdb_id(text)
    except InvalidInput:
        node.bad("expected an EMDB id")


def _ids(node: Node, key: str, own: str) -> tuple[str, ...]:
    found = (_entry_id(item[key]) for item in node.items())
    return tuple(dict.fromkeys(name for name in found if name and name != own))


def _related(references: Node, own: str) -> tuple[str, ...]:
    """Return related entries; newer entries list them, and themselves, among other databases."""
    other = (
        _entry_id(item["accession_id"])
        for item in references["other_db_list.db_reference"].items()
        if item["db_name"].text() == "EMDB"
    )
    listed = _ids(references["emdb_list.emdb_reference"], "emdb_id", own)
    return tuple(dict.fromkeys([*listed, *(name for name in other if name and name != own)]))


def _raw_data(references: Node) -> tuple[str, ...]:
    """Return EMPIAR ids that a depositor mentioned; the schema has no field of its own for them."""
    texts = [
        item["accession_id"].text() or ""
        for item in references["other_db_list.db_reference"].items()
        if item["db_name"].text() == "EMPIAR"
    ]
    texts += [
        item["link"].text() or ""
        for item in references["auxiliary_link_list.auxiliary_link"].items()
    ]
    found = (match for text in texts for match in _EMPIAR_LINK.findall(text))
    return tuple(dict.fromkeys(empiar_id(match) for match in found))


def _organisms(sample: Node) -> tuple[Organism, ...]:
    """Return natural sources of supramolecules (lists) and macromolecules (single objects)."""
    found: dict[Organism, None] = {}
    for path in ("supramolecule_list.supramolecule", "macromolecule_list.macromolecule"):
        for molecule in sample[path].items():
            for source in molecule["natural_source"].items():
                organism = source["organism"]
                if name := organism.text():
                    ncbi = organism["ncbi"] if isinstance(organism.value, dict) else Node(None)
                    found[Organism(name, ncbi.integer() or None)] = None
    return tuple(found)


def _citation(node: Node) -> Citation | None:
    if not node.value:
        return None
    references: dict[str, str] = {}
    for item in node["external_references"].items():
        kind, text = item["type_"].text(), item.text()
        if kind and text:
            references.setdefault(kind.upper(), text)
    return Citation(
        title=node["title"].text() or "",
        journal=node["journal"].text() or node["journal_abbreviation"].text() or "",
        year=year(node["year"]),
        doi=doi(references.get("DOI")),
        pubmed=references.get("PUBMED"),
        published=node["published"].flag(),
    )


_LISTS: Final[tuple[tuple[FileKind, str], ...]] = (
    ("half_map", "half_map_list.half_map"),
    ("additional_map", "additional_map_list.additional_map"),
    ("mask", "segmentation_list.segmentation"),
    ("image", "figure_list.figure"),
)


def _files(root: Node) -> Iterator[EntryFile]:
    if root["map"].value:
        yield from _file("map", root["map"])
    for kind, path in _LISTS:
        for node in root["interpretation"][path].items():
            yield from _file(kind, node)


def _file(kind: FileKind, node: Node) -> Iterator[EntryFile]:
    name = node["file"].text()
    if name is None:
        return
    # The name becomes part of a path on this machine: nothing that could lead elsewhere.
    if not _FILE_NAME.fullmatch(name) or ".." in name:
        node["file"].bad("expected a file name")
    size = node["dimensions"]
    columns, rows, sections = (size[axis].integer() for axis in ("col", "row", "sec"))
    whole = (columns, rows, sections) if columns and rows and sections else None
    yield EntryFile(kind, name, whole, _level(node["contour_list.contour"]))


def _level(contours: Node) -> float | None:
    """Return the primary contour level, else the first one; a mask or picture has none."""
    stated = [
        (node["primary"].flag(), level)
        for node in contours.items()
        if (level := node["level"].number()) is not None
    ]
    return next((level for primary, level in stated if primary), stated[0][1] if stated else None)
