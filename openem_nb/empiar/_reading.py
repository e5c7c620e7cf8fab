"""From the JSON of an EMPIAR entry to an :class:`Entry`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from openem_nb._payload import Node
from openem_nb._records import Citation, doi, emdb_id, empiar_id, grants, year
from openem_nb.empiar.records import Entry, ImageSet, Page
from openem_nb.errors import BadAnswer, InvalidInput
from openem_nb.settings import Services

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["answered", "page", "parse", "read_size"]

_SITE: Final = Services().empiar_site
_SIZE = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([KMGTP]?)i?(?:B|bytes?)?", re.IGNORECASE)


def parse(payload: Any, *, id: str, site: str = _SITE) -> Entry:  # noqa: A002  (the word users know)
    """Return the entry that one record of the EMPIAR API describes.

    Lists and single objects, people with or without a wrapper, numbers as text, missing and null
    parts are all read. Anything that is stated but cannot be understood is an error, never a guess.
    Cross references that are no EMDB id are the exception: they are kept aside in
    :attr:`Entry.emdb_refs_rejected`, because people typed them.

    Parameters
    ----------
    payload :
        The decoded JSON object of one entry.
    id :
        The key under which it came; the record itself does not hold it.
    site :
        Address of the EMPIAR pages, for :attr:`Entry.url`.

    Raises
    ------
    BadAnswer
        With the path of what cannot be read.
    """
    try:
        name = empiar_id(id)
    except InvalidInput:
        Node(id).bad("expected an EMPIAR id")
    root = Node(payload, name)
    if not isinstance(payload, dict):
        root.bad("expected an EMPIAR entry")
    status = root["status"].text() or root["status"].bad("expected a status code")
    emdb_ids, rejected = _references(root["cross_references"])
    people = [root["corresponding_author"], *root["principal_investigator"].items()]
    size = root["dataset_size"]
    return Entry(
        id=name,
        title=root["title"].text() or "",
        status=status.upper(),
        deposited=root["deposition_date"].date(),
        released=root["release_date"].date(),
        obsoleted=root["obsolete_date"].date(),
        updated=root["update_date"].date(),
        experiment_type=root["experiment_type"].text() or "",
        size_bytes=_size(size),
        size_text=size.text() or "",
        doi=doi(root["entry_doi"].text()),
        emdb_ids=emdb_ids,
        emdb_refs_rejected=rejected,
        pdb_ids=_each(_named(item) for item in root["related_pdb_entries"].items()),
        grants=grants(root["grant_references"]),
        authors=tuple(
            who for item in root["authors"].items() if (who := _person(item)["name"].text())
        ),
        countries=_each(_person(item)["country"].text() for item in people),
        citation=_citation(root["citation"]),
        imagesets=tuple(_imageset(item) for item in root["imagesets"].items()),
        url=f"{site}/{name}",
    )


def answered(answer: Any, *, what: str) -> dict[str, Any]:
    """Return the records of an answer by key; ``{}`` and ``[]`` both mean that there are none.

    Raises
    ------
    BadAnswer
        If the answer is anything else.
    """
    if answer is None or answer == []:
        return {}
    # An error message is an object too, but none of its keys is an EMPIAR id.
    if not isinstance(answer, dict) or (answer and not any(map(_is_id, answer))):
        raise BadAnswer(
            f"EMPIAR answered {what} with something that is not a set of entries.",
            hint="The service may be in maintenance; try again later.",
        )
    return answer


def _is_id(key: str) -> bool:
    try:
        empiar_id(key)
    except InvalidInput:
        return False
    return True


def page(records: dict[str, Any], *, site: str = _SITE) -> Page:
    """Return the entries of one answer; those that cannot be read are in ``.failed``."""
    found, failed = [], {}
    for key, record in records.items():
        try:
            found.append(parse(record, id=key, site=site))
        except BadAnswer as error:
            failed[empiar_id(key) if _is_id(key) else key] = str(error)
    return Page(found, failed=failed)


def read_size(text: str) -> int:
    """Return the bytes of a size as EMPIAR writes it, ``174.2 GB``, in decimal units.

    Raises
    ------
    ValueError
        If it is not a size.
    """
    found = _SIZE.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is not a size")
    power = " KMGTP".find(found[2].upper() or " ")
    # Whole numbers throughout: 1.1 kB is 1100 bytes, not 1100.0000000000002.
    whole, _, part = found[1].partition(".")
    return int(whole + part) * int(1000**power) // int(10 ** len(part))


def _size(node: Node) -> int | None:
    text = node.text()
    if text is None:
        return None
    try:
        return read_size(text) or None
    except ValueError as error:
        node.bad(str(error))


def _each(texts: Iterator[str | None]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text for text in texts if text))


def _named(node: Node) -> str | None:
    """Return a reference that is a text or an object with a name."""
    return node["name"].text() if isinstance(node.value, dict) else node.text()


def _person(node: Node) -> Node:
    """Return a person without the wrapper that some answers put around them."""
    return node["author"] if isinstance(node.value, dict) and "author" in node.value else node


def _references(node: Node) -> tuple[tuple[str, ...], tuple[str, ...]]:
    good: dict[str, None] = {}
    bad: dict[str, None] = {}
    for item in node.items():
        for text in re.split(r"[,;]", _named(item) or ""):
            if not text.strip():
                continue
            try:
                good[emdb_id(text)] = None
            except InvalidInput:
                bad[text.strip()] = None
    return tuple(good), tuple(bad)


def _citation(node: Node) -> Citation | None:
    """Return the first citation, which is the one of the data."""
    for item in node.items():
        return Citation(
            title=item["title"].text() or "",
            journal=item["journal"].text() or item["journal_abbreviation"].text() or "",
            year=year(item["year"]),
            doi=doi(item["doi"].text()),
            pubmed=item["pubmedid"].text(),
            published=item["published"].flag(),
        )
    return None


def _above_zero(value: float | None) -> float | None:
    return value if value is not None and value > 0 else None


def _count(node: Node) -> int | None:
    value = _above_zero(node.integer())
    return None if value is None else int(value)


def _imageset(node: Node) -> ImageSet:
    return ImageSet(
        name=node["name"].text() or "",
        directory=(node["directory"].text() or "").strip("/"),
        category=node["category"].text() or "",
        header_format=node["header_format"].text() or "",
        data_format=node["data_format"].text() or "",
        count=_count(node["num_images_or_tilt_series"]),
        frames=_count(node["frames_per_image"]),
        voxel_type=node["voxel_type"].text() or "",
        pixel_width=_above_zero(node["pixel_width"].number()),
        pixel_height=_above_zero(node["pixel_height"].number()),
        image_width=_count(node["image_width"]),
        image_height=_count(node["image_height"]),
        details=node["details"].text() or "",
    )
