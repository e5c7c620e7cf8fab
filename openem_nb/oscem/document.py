"""A document by paths: ``acquisition.detectors[0].name``, one value at a time.

A document is what JSON makes of it: dictionaries, lists, texts, numbers, truth and null. A path
names keys with dots between them and places of a list in brackets. A key that holds a dot, a
bracket or a quotation mark stands in brackets as a JSON text: ``["a.b"]``. A quantity, that is
``{"value": ..., "unit": ...}`` with or without its SI pair, counts as one value.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal, TypeGuard

from openem_nb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = [
    "DEEPEST",
    "Change",
    "diff",
    "get_at",
    "is_quantity",
    "join",
    "paths",
    "set_at",
    "split",
    "without",
]

DEEPEST: Final = 100
"""Levels of a document; real ones have eight. What is deeper is refused, not walked."""

_LONGEST_LIST: Final = 100_000
_BARE: Final = re.compile(r"[^.\[\]\"]+")
_PLACE: Final = re.compile(r"\[(\d{1,9})\]")
_QUOTED: Final = re.compile(r'\[("(?:[^"\\]|\\.)*")\]')
_PARTS_OF_QUANTITY: Final = frozenset({"value", "unit", "valueSI", "unitSI"})


@dataclass(frozen=True, slots=True)
class Change:
    """One difference between two documents."""

    path: str
    kind: Literal["added", "removed", "changed"]
    before: Any
    """None where it was added."""
    after: Any
    """None where it was removed."""

    def __str__(self) -> str:
        if self.kind == "added":
            return f"{self.path}: {_shown(self.after)} is new"
        if self.kind == "removed":
            return f"{self.path}: {_shown(self.before)} is gone"
        return f"{self.path}: {_shown(self.before)} became {_shown(self.after)}"


def split(path: str) -> tuple[str | int, ...]:
    """Return the keys and places that a path names.

    Raises
    ------
    InvalidInput
        If it is not a path.
    """
    parts: list[str | int] = []
    at = 0
    while isinstance(path, str) and at < len(path):
        if (found := _PLACE.match(path, at)) and parts:
            parts.append(int(found[1]))
        elif found := _QUOTED.match(path, at):
            try:
                parts.append(json.loads(found[1]))
            except ValueError:
                break
        else:
            start = at + 1 if parts and path[at] == "." else at
            found = _BARE.match(path, start)
            if found is None or (bool(parts) is (start == at)):
                break
            parts.append(found[0])
        at = found.end()
    else:
        if parts and len(parts) <= DEEPEST:
            return tuple(parts)
    raise InvalidInput(
        f"{str(path)[:80]!r} is not a path in a document.",
        hint="Write it like acquisition.pixel_size or acquisition.detectors[0].name.",
    )


def join(parts: Sequence[str | int]) -> str:
    """Return the path to these keys and places."""
    text = ""
    for part in parts:
        if isinstance(part, int):
            text += f"[{part}]"
        elif _BARE.fullmatch(part):
            text += f".{part}" if text else part
        else:
            text += f"[{json.dumps(part, ensure_ascii=False)}]"
    return text


def get_at(document: Mapping[str, Any], path: str, default: Any = None) -> Any:
    """Return what stands at a path; ``default`` where there is nothing.

    Raises
    ------
    InvalidInput
        If it is not a path.
    """
    here: Any = document
    for part in split(path):
        if not _has(here, part):
            return default
        here = here[part]
    return here


def set_at(document: dict[str, Any], path: str, value: Any) -> None:
    """Put a value into a document, with the objects and lists that lead there.

    Raises
    ------
    InvalidInput
        If it is not a path, if it leads through a text or number, or if it would leave a gap in a
        list. The document is as before then.
    """
    parts = split(path)
    here: Any = document
    for depth, part in enumerate(parts):  # look before anything is changed
        if not _has(here, part):
            _fits(here, parts, depth)
            break
        if depth + 1 < len(parts):
            here = here[part]
            if here is None:
                here = [] if isinstance(parts[depth + 1], int) else {}
    here = document
    for part, following in pairwise(parts):
        here = _entered(here, part, [] if isinstance(following, int) else {})
    last = parts[-1]
    if isinstance(here, list) and last == len(here):
        here.append(value)
    else:
        here[last] = value


def without(document: Mapping[str, Any], path: str) -> tuple[dict[str, Any], str]:
    """Return a copy of a document without one value, and the path of what went with it.

    An object or a list that only held this value goes, too: empty ones say nothing.

    Raises
    ------
    InvalidInput
        If nothing stands there.
    """
    parts = split(path)
    here: Any = document
    above = [here]
    for part in parts:
        if not _has(here, part):
            raise InvalidInput(f"There is no {path} in the document.", hint="Look at its paths.")
        here = here[part]
        above.append(here)
    end = len(parts)
    while end > 1 and len(above[end - 1]) == 1:
        end -= 1
    made: dict[str, Any] = _cut(document, parts[:end])
    return made, join(parts[:end])


def _cut(here: Any, parts: Sequence[str | int]) -> Any:
    part, rest = parts[0], parts[1:]
    if isinstance(part, int):
        middle = [_cut(here[part], rest)] if rest else []
        return [*here[:part], *middle, *here[part + 1 :]]
    if rest:
        return {**here, part: _cut(here[part], rest)}
    return {name: value for name, value in here.items() if name != part}


def _has(here: Any, part: str | int) -> bool:
    if isinstance(part, int):
        return isinstance(here, list) and part < len(here)
    return isinstance(here, dict) and part in here


def _fits(here: Any, parts: Sequence[str | int], depth: int) -> None:
    """Raise unless a new part may be put here, with everything that follows it."""
    wanted = parts[depth]
    where = join(parts[:depth])
    kind = list if isinstance(wanted, int) else dict
    if not isinstance(here, kind):
        stands = "a list" if isinstance(here, list) else _shown(here)
        raise InvalidInput(
            f"{join(parts)} cannot be set: {where} is {stands}.",
            hint="Choose a path that fits the document, or set what stands above it.",
        )
    gap = isinstance(wanted, int) and (wanted != len(here) or wanted >= _LONGEST_LIST)
    if gap or any(isinstance(part, int) and part for part in parts[depth + 1 :]):
        raise InvalidInput(
            f"{join(parts)} cannot be set: the list would have a gap.",
            hint="Fill a list in order, from [0] on.",
        )


def _entered(here: Any, part: str | int, new: Any) -> Any:
    if isinstance(part, int):
        if part == len(here):
            here.append(new)
        elif here[part] is None:
            here[part] = new
    elif here.get(part) is None:
        here[part] = new
    return here[part]


def is_quantity(value: Any) -> TypeGuard[dict[str, Any]]:
    """Return whether this is a value with its unit, and nothing but the SI pair beside them."""
    return (
        isinstance(value, dict)
        and "value" in value
        and "unit" in value
        and _PARTS_OF_QUANTITY.issuperset(value)
    )


def paths(document: Any) -> Iterator[tuple[str, Any]]:
    """Yield the path of each value with the value, in the order of the document.

    A quantity is one value, and so is an empty object or list.

    Raises
    ------
    InvalidInput
        If the document has more levels than any real one.
    """
    yield from _walk(document, ())


def _walk(value: Any, parts: tuple[str | int, ...]) -> Iterator[tuple[str, Any]]:
    if len(parts) > DEEPEST:
        raise InvalidInput(
            f"The document has more than {DEEPEST} levels.", hint="It is not an OSC-EM document."
        )
    if isinstance(value, dict) and value and not (parts and is_quantity(value)):
        for key, below in value.items():
            yield from _walk(below, (*parts, str(key)))
    elif isinstance(value, list) and value:
        for place, below in enumerate(value):
            yield from _walk(below, (*parts, place))
    elif parts:
        yield join(parts), value


def diff(a: Mapping[str, Any], b: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return what changes from ``a`` to ``b``: what goes and changes in order of ``a``, then new.

    Numbers are compared as numbers: 1 and 1.0 are the same, 1 and true are not.
    """
    before, after = dict(paths(a)), dict(paths(b))
    changes: list[Change] = []
    for path, value in before.items():
        if path not in after:
            changes.append(Change(path, "removed", value, None))
        elif not _equal(value, after[path]):
            changes.append(Change(path, "changed", value, after[path]))
    changes += [
        Change(path, "added", None, value) for path, value in after.items() if path not in before
    ]
    return tuple(changes)


def _equal(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(value, b[key]) for key, value in a.items())
    if isinstance(a, bool) is not isinstance(b, bool):
        return False
    return bool(a == b or (a != a and b != b))


def _shown(value: Any) -> str:
    if is_quantity(value):
        return f"{value['value']} {value['unit']}".strip()
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
