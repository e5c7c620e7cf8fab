"""Rows of categories with the numbers that tie them together, and as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gemmi import cif

from openem_nb.mmcif._categories import CATEGORIES, CONSTANTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from openem_nb.mmcif._dictionary import Dictionary

__all__ = ["Table", "as_raw_text", "as_text", "given_by_us", "layout", "parents_first"]

Table = dict[str, list[dict[str, str | None]]]
"""By category, its rows: item and text, None for what is not known."""

_ENTITIES: Final = "_entity.id"


def given_by_us(item: str) -> bool:
    """Return whether an item is a number, a link or a constant, which nobody has to supply."""
    category = item[1:].partition(".")[0]
    form = CATEGORIES.get(category)
    if form is None:
        return False
    links = {child for child, _ in form.links}
    return item == form.number or item in links or item in CONSTANTS.get(category, {})


def parents_first() -> list[str]:
    """Return the categories so that each one comes after those that it hangs on."""
    ordered: list[str] = []

    def put(category: str) -> None:
        for _, parent in CATEGORIES[category].links:
            above = parent[1:].partition(".")[0]
            if above not in ordered:
                put(above)
        if category not in ordered:
            ordered.append(category)

    for category in CATEGORIES:
        put(category)
    return ordered


def layout(
    rows: Mapping[str, Mapping[int, Mapping[str, str]]], entry_id: str, dictionary: Dictionary
) -> Table:
    """Return whole categories: every row with its number, its links and its mandatory items.

    A category that others hang on is there even if nothing is known of it. What a row has to
    state and nobody knows is None, which is written as ``?``.

    Parameters
    ----------
    rows :
        By category, number of the row and item: what is known.
    """
    wanted = {category: dict(numbered) for category, numbered in rows.items()}
    for category in reversed(parents_first()):
        if category in wanted:
            for _, parent in CATEGORIES[category].links:
                above = wanted.setdefault(parent[1:].partition(".")[0], {})
                numbers = wanted[category] if parent == _ENTITIES else ([] if above else [1])
                for number in numbers:
                    above.setdefault(number, {})
    wanted.setdefault("entry", {1: {}})
    table: Table = {}
    for category, form in CATEGORIES.items():
        table[category] = (
            [
                _row(category, wanted[category][number], number, place, entry_id, dictionary)
                for place, number in enumerate(sorted(wanted[category]), 1)
            ]
            if category in wanted
            else []
        )
        if not table[category]:
            del table[category]
        elif form.number == "_entry.id":
            table[category][0]["_entry.id"] = entry_id
    return table


def _row(
    category: str,
    known: Mapping[str, str],
    number: int,
    place: int,
    entry_id: str,
    dictionary: Dictionary,
) -> dict[str, str | None]:
    form = CATEGORIES[category]
    row: dict[str, str | None] = {
        item.name: None for item in dictionary.category(category) if item.mandatory
    }
    if category == "em_image_scans":  # a film is scanned, a camera is not
        row.pop("_em_image_scans.scanner_model", None)
    if form.number:
        row[form.number] = str(number if form.number == _ENTITIES else place)
    for child, parent in form.links:
        row[child] = {"_entry.id": entry_id, _ENTITIES: str(number)}.get(parent, "1")
    row.update(CONSTANTS.get(category, {}))
    row.update(known)
    return row


def as_text(category: str, rows: list[dict[str, str | None]], dictionary: Dictionary) -> str:
    """Return a category as CIF, items in the order of the dictionary."""
    items = [item.name for item in dictionary.category(category)]
    present = {item for row in rows for item in row}
    names = [item for item in items if item in present]
    first = CATEGORIES[category].number
    if first in names:
        names = [first, *(name for name in names if name != first)]
    columns = {name: [row.get(name) for row in rows] for name in names}
    return _text(category, columns, raw=False)


def as_raw_text(category: str, rows: list[dict[str, str]]) -> str:
    """Return a category whose values are quoted already, items in the order of its first row."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    return _text(category, columns, raw=True)


def _text(category: str, columns: Mapping[str, Sequence[str | None]], *, raw: bool) -> str:
    block = cif.Block("x")
    short = {name.partition(".")[2]: list(values) for name, values in columns.items()}
    block.set_mmcif_category(f"_{category}.", short, raw=raw)
    options = cif.WriteOptions()
    options.prefer_pairs = True
    options.misuse_hash = True
    options.align_pairs = 52
    text: str = block.as_string(options)
    return text.partition("\n#\n")[2].rstrip("\n").removesuffix("\n#") + "\n#\n"
