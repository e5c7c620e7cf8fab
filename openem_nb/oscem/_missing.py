"""What a document has to hold and does not, as questions to a person."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from openem_nb.oscem.document import get_at
from openem_nb.oscem.fields import TECHNIQUES, FieldInfo, fields

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Missing", "missing"]


@dataclass(frozen=True, slots=True)
class Missing:
    """A value that no file holds and nobody gave."""

    path: str
    """Where it belongs: ``instrument.illumination``."""
    description: str
    choices: tuple[str, ...] = ()
    """All values that it may have, where the schema lists them."""
    why: str = ""
    """Why it is not there."""
    required: bool = True
    """Whether the document is not valid without it."""
    unit: str = ""
    type: str = "text"
    """As in :class:`~openem_nb.oscem.fields.FieldInfo`."""


def missing(
    document: Mapping[str, Any], technique: str, needed: Mapping[str, str]
) -> tuple[Missing, ...]:
    """Return what is missing, in the order of the schema; what can do without comes last.

    Parameters
    ----------
    needed :
        Paths of which something is known, with it in words.
    """
    known = {one.path: one for one in fields(technique)}
    found: dict[str, Missing] = {}
    absent: set[str] = set()  # objects that have to be there and are not
    for one in known.values():
        if "[]" in one.path:
            continue
        above = one.path.rpartition(".")[0]
        begun = not above or get_at(document, above) is not None
        if not one.required or not (begun or above in absent):
            continue
        if get_at(document, one.path) not in (None, [], {}):
            continue
        if one.type == "object":
            absent.add(one.path)
        for leaf in _leaves(one, known):
            found[leaf.path] = _question(leaf, needed.get(leaf.path, "no file says it"), True)
    for path, why in needed.items():
        if path not in found and path in known and get_at(document, path) is None:
            found[path] = _question(known[path], why, False)
    return tuple(found.values())


def _leaves(one: FieldInfo, known: Mapping[str, FieldInfo]) -> Iterator[FieldInfo]:
    """Yield what a person is asked for an object or a list: its parts."""
    from dataclasses import replace

    if one.type == "list" and f"{one.path}[].name" in known:
        yield replace(known[f"{one.path}[].name"], path=f"{one.path}[0].name")
    elif one.type == "object":
        below = [part for path, part in known.items() if path.rpartition(".")[0] == one.path]
        if not any(part.required for part in below):  # else they are asked for one by one
            yield from (part for part in below if part.type != "object")
    else:
        yield one


def _question(one: FieldInfo, why: str, required: bool) -> Missing:
    choices = TECHNIQUES if one.path == "acquisition.technique" else one.choices
    return Missing(
        one.path, one.description or one.name, choices, why, required, one.unit, one.type
    )
