"""A document as rows of a tree: looked at where somebody opens it, never as a whole."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from openem_nb.oscem.document import DEEPEST, is_quantity, join, split

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from openem_nb.oscem.fields import FieldInfo

__all__ = ["MISSING", "PAGE", "Keys", "Nodes", "keys_of", "spoken"]

PAGE: Final = 200
"""So many members of a node travel at once."""
MISSING: Final = object()
"""What stands for the value of a field that the document does not have."""
_LONG: Final = 400
"""Longer texts are cut in the tree; the details show all of them."""

Keys = tuple[str | int, ...]
"""The way to a value: names of members and places in lists."""


def keys_of(node: str) -> Keys:
    """Return the way to a row by its id, which is its path; that of the document is empty."""
    return split(node) if node else ()


def spoken(value: Any) -> tuple[str, str]:
    """Return value and unit as text."""
    if is_quantity(value):
        unit = value["unit"]
        return spoken(value["value"])[0], "" if unit is None else str(unit)
    if isinstance(value, bool):
        return ("yes" if value else "no"), ""
    if isinstance(value, float):
        return f"{value:.10g}", ""
    return ("not stated" if value is None else str(value)), ""


@dataclass(frozen=True, slots=True)
class _Entry:
    keys: Keys
    value: Any


class Nodes:
    """A document with what is known of its fields.

    Parameters
    ----------
    document :
        As it stands in JSON.
    fields :
        What it may hold; empty where nobody knows.
    problems :
        Path and message of everything that is wrong with it.
    known :
        Paths of which it is known where they come from.
    """

    def __init__(
        self,
        document: Mapping[str, Any],
        *,
        fields: Iterable[FieldInfo] = (),
        problems: Iterable[tuple[str, str]] = (),
        known: Iterable[str] = (),
    ) -> None:
        self.document = document
        self._fields: dict[tuple[str, ...], FieldInfo] = {}
        self._members: dict[tuple[str, ...], list[str]] = {}
        for field in fields:
            pattern = _pattern(field.path)
            self._fields[pattern] = field
            self._members.setdefault(pattern[:-1], []).append(pattern[-1])
        self._known = frozenset(known)
        self._problems: dict[Keys, list[str]] = {}
        self._below: Counter[Keys] = Counter()
        for path, message in problems:
            keys = self.locate(path)
            self._problems.setdefault(keys, []).append(message)
            for end in range(len(keys)):
                self._below[keys[:end]] += 1

    # What is where

    def get(self, keys: Keys) -> Any:
        """Return a value, ``MISSING`` where there is none."""
        value: Any = self.document
        for key in keys:
            if isinstance(key, int):
                if not isinstance(value, list) or key >= len(value):
                    return MISSING
            elif not isinstance(value, dict) or key not in value:
                return MISSING
            value = value[key]
        return value

    def field(self, keys: Keys) -> FieldInfo | None:
        """Return what is known of a field, None where nobody knows it."""
        pattern = _pattern_of(keys)
        found = self._fields.get(pattern)
        if found is None and pattern and pattern[-1] == "[]":  # a place is described by its list
            of_list = self._fields.get(pattern[:-1])
            if of_list is not None and of_list.item is not None:
                found = replace(of_list, type=of_list.item, item=None, required=False)
        return found

    def problems(self, keys: Keys) -> list[str]:
        """Return what is wrong with this value itself."""
        return self._problems.get(keys, [])

    def locate(self, path: str) -> Keys:
        """Return the way to the row that shows ``path``: itself, or the nearest that is shown."""
        keys: Keys = ()
        for key in keys_of(path):
            value = self.get(keys)
            if keys and is_quantity(value):
                break
            there = self.get((*keys, key)) is not MISSING
            if not there and key not in self._schema_members(keys):
                break
            keys = (*keys, key)
        return keys

    def _schema_members(self, keys: Keys) -> list[str]:
        pattern = _pattern_of(keys)
        field = self.field(keys)
        if field is not None and field.type == "quantity":
            return []
        return self._members.get(pattern, [])

    def members(self, keys: Keys, *, all_fields: bool) -> list[_Entry]:
        """Return what stands below a node: what the document has, and fields it should have."""
        value = self.get(keys)
        if len(keys) >= DEEPEST or (keys and is_quantity(value)):
            return []
        if isinstance(value, list):
            return [_Entry((*keys, place), one) for place, one in enumerate(value)] + (
                [_Entry((*keys, len(value)), MISSING)] if all_fields and self._is_list(keys) else []
            )
        if value is MISSING and self._is_list(keys):
            return [_Entry((*keys, 0), MISSING)]
        if value is not MISSING and not isinstance(value, dict):
            return []
        there = value if isinstance(value, dict) else {}
        found = []
        for name in self._schema_members(keys):
            field = self._fields[(*_pattern_of(keys), name)]
            if name in there or all_fields or field.required:
                found.append(_Entry((*keys, name), there.get(name, MISSING)))
        names = {entry.keys[-1] for entry in found}
        return found + [
            _Entry((*keys, name), one) for name, one in there.items() if name not in names
        ]

    def _is_list(self, keys: Keys) -> bool:
        field = self.field(keys)
        return field is not None and field.type == "list"

    @property
    def has_fields(self) -> bool:
        """Whether it is known what the document may hold."""
        return bool(self._fields)

    def way_to(self, path: str, *, all_fields: bool = False) -> dict[str, int]:
        """Return which nodes have to be open, with how many members, so that a row shows."""
        keys, found = keys_of(path), {}
        for end in range(len(keys)):
            members = self.members(keys[:end], all_fields=all_fields)
            places = [place for place, one in enumerate(members) if one.keys == keys[: end + 1]]
            found[join(keys[:end])] = -(-(places[0] + 1) // PAGE) * PAGE if places else PAGE
        return found

    # Rows

    def children(
        self, keys: Keys, *, start: int = 0, count: int = PAGE, all_fields: bool = False
    ) -> list[dict[str, Any]]:
        """Return rows of a node's members, and a row that offers those which did not fit."""
        members = self.members(keys, all_fields=all_fields)
        rows = [
            self.row(entry, start + place, len(members), all_fields=all_fields)
            for place, entry in enumerate(members[start : start + count], 1)
        ]
        end = start + len(rows)
        if end < len(members):
            left = len(members) - end
            rows.append(
                {
                    "id": f"more:{join(keys)}",
                    "more": join(keys),
                    "start": end,
                    "left": left,
                    "page": min(left, PAGE),
                    "level": len(keys) + 1,
                    "place": end + 1,
                    "size": len(members),
                }
            )
        return rows

    def rows(
        self, opened: Mapping[str, int], *, all_fields: bool = False, keys: Keys = ()
    ) -> list[dict[str, Any]]:
        """Return all rows that show, where ``opened`` says how many members of which node do."""
        found = []
        count = max(PAGE, opened.get(join(keys), 0))
        for row in self.children(keys, count=count, all_fields=all_fields):
            found.append(row)
            if "more" not in row and row["branch"] and row["id"] in opened:
                row["open"] = True
                found += self.rows(opened, all_fields=all_fields, keys=keys_of(row["id"]))
        return found

    def row(
        self, entry: _Entry, place: int, size: int, *, all_fields: bool = False
    ) -> dict[str, Any]:
        """Return one row."""
        keys, value = entry.keys, entry.value
        field = self.field(keys)
        members = self._size(keys, value, all_fields=all_fields)
        text, unit = ("", "") if members is not None or value is MISSING else spoken(value)
        key = keys[-1]
        return {
            "id": join(keys),
            "level": len(keys),
            "place": place,
            "size": size,
            "key": f"{key + 1}" if isinstance(key, int) else key,
            "branch": members is not None,
            "open": False,
            "count": members or 0,
            "text": text[:_LONG] + ("…" if len(text) > _LONG else ""),
            "unit": unit,
            "there": value is not MISSING,
            "required": field is not None and field.required,
            "about": field.description if field is not None else "",
            "problems": self.problems(keys),
            "below": self._below[keys],
            "known": join(keys) in self._known,
            "editable": members is None,
        }

    def _size(self, keys: Keys, value: Any, *, all_fields: bool) -> int | None:
        """Return how many members a branch has, None for a leaf."""
        if is_quantity(value) or len(keys) >= DEEPEST:
            return None
        if isinstance(value, dict | list):
            if not all_fields and not value:
                return len(self.members(keys, all_fields=False))
            return len(value)
        if value is MISSING:
            field = self.field(keys)
            branch = field is not None and field.type in ("object", "list")
            return 0 if branch or self._schema_members(keys) else None
        return None

    # Search

    @cached_property
    def _index(self) -> list[tuple[Keys, str]]:
        """Every row of the document with all that is searched in it, in the order of the tree."""
        return list(self._walk(()))

    def _walk(self, keys: Keys) -> Iterator[tuple[Keys, str]]:
        for entry in self.members(keys, all_fields=False):
            inner = isinstance(entry.value, dict | list) and not is_quantity(entry.value)
            text, unit = ("", "") if inner or entry.value is MISSING else spoken(entry.value)
            field = self.field(entry.keys)
            about = field.description if field is not None else ""
            yield entry.keys, "\n".join((join(entry.keys), text, unit, about)).casefold()
            if inner:
                yield from self._walk(entry.keys)

    def search(self, text: str, *, count: int = PAGE) -> tuple[list[dict[str, Any]], int, int]:
        """Return rows with all words of ``text`` and what is above them.

        Returns
        -------
        tuple
            The rows for the first ``count`` hits, the number of hits in all, and of rows searched.
        """
        words = text.casefold().split()
        hits = [keys for keys, words_of in self._index if all(word in words_of for word in words)]
        # a name matches all that stands below it: the deepest rows say it already
        above = {hit[:end] for hit in hits for end in range(1, len(hit))}
        deepest = [hit for hit in hits if hit not in above]
        wanted = {hit[:end] for hit in deepest[:count] for end in range(1, len(hit) + 1)}
        return self._only(wanted, ()), len(deepest), len(self._index)

    def _only(self, wanted: set[Keys], keys: Keys) -> list[dict[str, Any]]:
        members = [one for one in self.members(keys, all_fields=False) if one.keys in wanted]
        found = []
        for place, entry in enumerate(members, 1):
            row = self.row(entry, place, len(members))
            below = self._only(wanted, entry.keys) if row["branch"] else []
            row["open"] = bool(below)
            found += [row, *below]
        return found


def _pattern(path: str) -> tuple[str, ...]:
    """Return a path of the model, in which ``[]`` stands for all members of a list."""
    return tuple(path.replace("[]", ".[]").split("."))


def _pattern_of(keys: Keys) -> tuple[str, ...]:
    return tuple("[]" if isinstance(key, int) else key for key in keys)
