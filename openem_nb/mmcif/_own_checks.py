"""What gemmi does not look at: open items, halves of numbers, impossible days, what is absent."""

from __future__ import annotations

import re
from datetime import date
from typing import TYPE_CHECKING, Final

from gemmi import cif

from openem_nb.mmcif._categories import CATEGORIES
from openem_nb.mmcif._labels import label
from openem_nb.mmcif._layout import given_by_us
from openem_nb.mmcif._message import Message
from openem_nb.mmcif._questions import applies, asked_categories, who_knows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from openem_nb.mmcif._dictionary import Dictionary, Item
    from openem_nb.mmcif._long_values import Long

__all__ = ["asked_for", "long_values", "open_and_odd"]

_TECHNIQUES: Final = {
    "SINGLE PARTICLE": "spa",
    "SUBTOMOGRAM AVERAGING": "subtomo",
    "TOMOGRAPHY": "cellular_tomo",
}
_DAY: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")


def open_and_odd(document: cif.Document, words: Dictionary) -> Iterator[Message]:
    """Yield what gemmi does not look at: mandatory items that say ``?``, halves of numbers."""
    for block in document:
        for category in CATEGORIES:
            table = block.find_mmcif_category(f"_{category}.")
            for column, tag in enumerate(table.tags):
                item = words.items.get(words.spelt(str(tag)))
                if item is None:
                    continue
                values = [row[column] for row in table]
                open_rows = [place for place, raw in enumerate(values, 1) if cif.is_null(raw)]
                if item.mandatory and open_rows and not given_by_us(item.name):
                    where = "" if len(values) == 1 else f" in row {', '.join(map(str, open_rows))}"
                    yield Message(
                        "error",
                        item.name,
                        f"The item is mandatory and not known{where}.",
                        f"Ask the {who_knows(item.name)}: {label(item.name)}.",
                        "missing",
                        None,
                        block.name,
                    )
                for raw in values:
                    remedy = "" if cif.is_null(raw) else _wrong(cif.as_string(raw), item)
                    if remedy:
                        said = f"{cif.as_string(raw)[:40]} is not of the type {item.type}."
                        yield Message("error", item.name, said, remedy, "type", None, block.name)


def _wrong(text: str, item: Item) -> str:
    """Return what to do about a value that gemmi takes and that cannot be; empty if it can."""
    if item.type in ("int", "positive_int") and _is_number(text) and item.problem(text):
        return "Give a whole number."
    if item.type == "yyyy-mm-dd" and (day := _DAY.fullmatch(text)) and not _is_day(*day.groups()):
        return "There is no such day."
    return ""


def _is_day(*parts: str) -> bool:
    try:
        date(*map(int, parts))
    except ValueError:
        return False
    return True


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def long_values(values: Iterable[Long], words: Dictionary) -> Iterator[Message]:
    """Yield what is wrong with values of which gemmi saw the beginning alone."""
    for one in values:
        item = words.items.get(words.spelt(one.tag))
        if item is not None and item.pattern and not re.fullmatch(item.pattern, one.text):
            text = f"A value of {len(one.text):,} characters is not of the type {item.type}."
            remedy = "PDBx/mmCIF allows ASCII alone." if not one.text.isascii() else ""
            yield Message("error", item.name, text, remedy, "type", None, one.block)


def asked_for(block: cif.Block, words: Dictionary) -> Iterator[Message]:
    """Yield the categories that an entry of this method needs and the file does not have."""
    method = block.find_value("_em_experiment.reconstruction_method")
    technique = _TECHNIQUES.get(cif.as_string(method or "?"))
    if technique is None:
        return
    table = {category: _said(block, category, words) for category in CATEGORIES}
    for category in asked_categories(technique):
        if not table[category] and applies(table, category):
            items = [
                item.name.partition(".")[2]
                for item in words.category(category)
                if item.mandatory and not given_by_us(item.name)
            ]
            yield Message(
                "info",
                f"_{category}",
                f"The category is not there; the deposition asks for {', '.join(items)}.",
                f"{who_knows(f'_{category}.x')} has it.",
                "asked",
                None,
                block.name,
            )


def _said(block: cif.Block, category: str, words: Dictionary) -> list[dict[str, str | None]]:
    """Return the rows of a category by the dictionary's names, None for what is not known."""
    columns = block.get_mmcif_category(f"_{category}.", raw=True)
    names = [words.spelt(f"_{category}.{name}") for name in columns]
    return [
        {
            name: None if cif.is_null(raw) else cif.as_string(raw)
            for name, raw in zip(names, row, strict=True)
        }
        for row in zip(*columns.values(), strict=True)
    ]
