"""Document and model in one file: whose row is whose, who wins, and what stays untouched."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal

from gemmi import cif

from openem_nb.mmcif._categories import CATEGORIES
from openem_nb.mmcif._layout import parents_first
from openem_nb.mmcif.deposition import Disagreement

if TYPE_CHECKING:
    from openem_nb.mmcif._dictionary import Dictionary
    from openem_nb.mmcif._layout import Table
    from openem_nb.mmcif._model import Model

__all__ = ["Merged", "merge", "renamed"]

Row = dict[str, str | None]
_SEQUENCE: Final = ("_entity_poly.pdbx_seq_one_letter_code", "_entity_poly.type")
_NAMED_BY: Final = {
    "pdbx_contact_author": ("_pdbx_contact_author.email",),
    "pdbx_audit_support": (
        "_pdbx_audit_support.funding_organization",
        "_pdbx_audit_support.grant_number",
    ),
    "em_software": ("_em_software.category",),
    "em_entity_assembly_naturalsource": ("_em_entity_assembly_naturalsource.organism",),
    "em_entity_assembly_recombinant": ("_em_entity_assembly_recombinant.organism",),
}
"""What tells that two rows speak of the same thing; elsewhere it is their place."""
_OF_ENTITIES: Final = ("entity", "entity_poly", "entity_src_gen", "entity_src_nat")


@dataclass(slots=True)
class Merged:
    """What the file says after document and model are one."""

    rows: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    """Rows of the categories of the document, quoted for CIF; those of the model as they were."""
    changed: set[str] = field(default_factory=set)
    """Categories that are not as in the model."""
    conflicts: list[Disagreement] = field(default_factory=list)
    strangers: list[int] = field(default_factory=list)
    """Numbers of the molecules of the document whose sequence the model does not have."""
    numbers: dict[str, dict[str, str]] = field(default_factory=dict)
    """By category: number in the document, number in the file."""
    kept: set[tuple[str, int]] = field(default_factory=set)
    """Items and rows (counted in the document's table) whose value gave way to the model's."""
    places: dict[str, list[int | None]] = field(default_factory=dict)
    """By category: place in the file of each row of the document, None if it is not there."""


def merge(
    table: Table, model: Model, wins: Literal["metadata", "model"], dictionary: Dictionary
) -> Merged:
    """Return rows of both; rows that only the model has are never removed.

    Parameters
    ----------
    table :
        What the document says, with its own numbers.
    """
    made = Merged()
    entities = _same_entities(table, model, made)
    for category in parents_first():
        if category in table:
            _merge_category(category, table, model, wins, dictionary, made, entities)
    return made


def _same_entities(table: Table, model: Model, made: Merged) -> dict[str, str] | None:
    """Return which molecule is which entity of the model, by sequence; None if it has none."""
    known = {
        _letters(row.get(name)): cif.as_string(row["_entity_poly.entity_id"])
        for row in model.rows("entity_poly")
        for name in (f"{_SEQUENCE[0]}_can", _SEQUENCE[0])
        if "_entity_poly.entity_id" in row and _letters(row.get(name))
    }
    if (
        not any(
            cif.as_string(row.get("_entity.type", "?")) == "polymer" for row in model.rows("entity")
        )
        and not known
    ):
        return None
    same: dict[str, str] = {}
    for row in table.get("entity_poly", []):
        own = row["_entity_poly.entity_id"] or ""
        theirs = known.get(_letters(row.get(_SEQUENCE[0])))
        if theirs is not None:
            same[own] = theirs
    made.strangers = [
        int(row["_entity.id"] or 0)
        for row in table.get("entity", [])
        if (row["_entity.id"] or "") not in same
    ]
    return same


def _letters(raw: str | None) -> str:
    return "" if raw is None or cif.is_null(raw) else "".join(cif.as_string(raw).split()).upper()


def _merge_category(
    category: str,
    table: Table,
    model: Model,
    wins: Literal["metadata", "model"],
    dictionary: Dictionary,
    made: Merged,
    entities: dict[str, str] | None,
) -> None:
    form = CATEGORIES[category]
    existing = model.rows(category)
    rows = [dict(row) for row in existing]
    taken: set[int] = set()
    said: list[Row] = []
    source = "_entity_src_gen.entity_id"
    sources = {cif.as_string(row.get(source, "?")) for row in model.rows("entity_src_gen")}
    for place, own in enumerate(table[category], 1):
        linked = _linked(category, own, made, entities)
        if linked is None or (
            category == "entity_src_nat" and linked["_entity_src_nat.entity_id"] in sources
        ):
            made.places.setdefault(category, []).append(None)
            continue
        at = _match(category, linked, existing, taken, place)
        if at is None:
            at = len(rows)
            rows.append({})
        taken.add(at)
        said.append(linked)
        made.places.setdefault(category, []).append(at)
        number = _number(form.number, rows, at, linked)
        if form.number:
            made.numbers.setdefault(category, {})[own[form.number] or ""] = number
        ties = {form.number, *(child for child, _ in form.links)}
        for item, value in linked.items():
            raw = rows[at].get(item)
            if item == form.number:
                value = number
            if value is None:
                continue
            if raw is None or cif.is_null(raw):
                rows[at][item] = cif.quote(value)
            elif not _equal(cif.as_string(raw), value) and item not in ties:
                made.conflicts.append(Disagreement(item, at + 1, value, cif.as_string(raw), wins))
                if wins == "metadata":
                    rows[at][item] = cif.quote(value)
                else:
                    made.kept.add((item, place))
    if rows != existing:
        made.changed.add(category)
    made.rows[category] = _squared(rows, said, category, dictionary)


def _linked(category: str, own: Row, made: Merged, entities: dict[str, str] | None) -> Row | None:
    """Return a row of the document with the numbers of the file; None if it hangs on nothing."""
    row = dict(own)
    for child, parent in CATEGORIES[category].links:
        above = parent[1:].partition(".")[0]
        number = own[child] or ""
        if above == "entity" and entities is not None:
            if number not in entities:
                return None
            row[child] = entities[number]
        else:
            row[child] = made.numbers.get(above, {}).get(number, number)
    if category == "entity" and entities is not None:
        number = own["_entity.id"] or ""
        if number not in entities:
            return None
        row["_entity.id"] = entities[number]
    if category == "em_entity_assembly" and entities is not None:
        name = "_em_entity_assembly.entity_id_list"
        ids = [entities[one] for one in (own.get(name) or "").split(",") if one in entities]
        row.pop(name, None)
        if ids:
            row[name] = ",".join(ids)
    return row


def _match(
    category: str, own: Row, existing: list[dict[str, str]], taken: set[int], place: int
) -> int | None:
    """Return the place of the model's row that speaks of the same thing, None if it is new."""
    if category in _OF_ENTITIES:
        key = CATEGORIES[category].number or CATEGORIES[category].links[0][0]
        named: tuple[str, ...] = (key,)
    elif category in _NAMED_BY:
        named = _NAMED_BY[category]
    else:
        return place - 1 if place <= len(existing) else None
    for at, row in enumerate(existing):
        theirs = [cif.as_string(row.get(item, "?")) for item in named]
        ours = [own.get(item) or "" for item in named]
        if at not in taken and any(ours) and all(map(_equal, theirs, ours)):
            return at
    return None


def _number(item: str, rows: list[dict[str, str]], at: int, own: Row) -> str:
    """Return the number of a row: its own in the model, else the next free one."""
    if not item or item == "_entry.id":
        return own.get(item) or ""
    raw = rows[at].get(item)
    if raw is not None and not cif.is_null(raw):
        return cif.as_string(raw)
    used = {cif.as_string(row[item]) for row in rows if item in row}
    wanted = own.get(item) or "1"
    if wanted not in used:
        return wanted
    return str(max((int(one) for one in used if one.isdecimal()), default=0) + 1)


def _equal(a: str, b: str) -> bool:
    if a == b or "".join(a.split()) == "".join(b.split()):
        return True
    try:
        return float(a) == float(b)
    except ValueError:
        return False


def _squared(
    rows: list[dict[str, str]], said: list[Row], category: str, dictionary: Dictionary
) -> list[dict[str, str]]:
    """Return rows that all have the same items, those of the model first."""
    names = dict.fromkeys(name for row in rows for name in row)
    order = [item.name for item in dictionary.category(category)]
    for row in said:
        names.update(dict.fromkeys(name for name in order if name in row))
    return [{name: row.get(name, "?") for name in names} for row in rows]


def renamed(model: Model, entry_id: str) -> dict[str, list[dict[str, str]]]:
    """Return the categories of a model that name its entry, with another identifier."""
    old = model.entry_id
    made: dict[str, list[dict[str, str]]] = {}
    for name in model.block.get_mmcif_category_names():
        category = name.strip("_.")
        ties = ("_entry.id", f"_{category}.entry_id")
        if not any(len(model.block.find_values(tie)) for tie in ties[category != "entry" :]):
            continue  # the coordinates, of which there may be millions
        rows = model.rows(category)
        if any(cif.as_string(row.get(tie, "?")) == old for row in rows for tie in ties):
            made[category] = [
                {
                    item: cif.quote(entry_id) if item in ties and cif.as_string(raw) == old else raw
                    for item, raw in row.items()
                }
                for row in rows
            ]
    return made
