"""What a person may have meant, where a search has found nothing: names that do not occur."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, Final

from openem_nb import units
from openem_nb.scicat._query import FIELDS
from openem_nb.scicat.facets import facets, metadata_keys

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from openem_nb.jobs import Progress

__all__ = ["doubts"]

_FEW: Final = 8
"""Values that are all named; of more, only near ones are."""


def doubts(
    where: Mapping[Any, Any],
    chosen: Mapping[str, Iterable[str]],
    *,
    profile: str,
    progress: Progress | None = None,
) -> tuple[str, ...]:
    """Return sentences on what in a question without an answer is not known to the catalogue.

    Parameters
    ----------
    where :
        Conditions by name, as for ``search``.
    chosen :
        Exact values that were asked for, by name of a facet: ``type``, ``keywords`` ...
    """
    return (
        *_of_names(where, profile, progress),
        *_of_units(where),
        *_of_values(chosen, profile, progress),
    )


def _of_names(where: Mapping[Any, Any], profile: str, progress: Progress | None) -> Iterator[str]:
    names = [name for name in where if isinstance(name, str) and not name.startswith("$")]
    paths = [name for name in names if name.split(".")[0] not in FIELDS]
    asked = [name.removeprefix("scientificMetadata.").removesuffix(".value") for name in paths]
    if not asked:
        return
    known = metadata_keys(profile=profile, progress=progress)
    for name in asked:
        near = [] if name in known else get_close_matches(name, known, 1, 0.8)
        if near:
            yield f"No metadata called {name} are known. Is {near[0]} meant?"


def _of_units(where: Mapping[Any, Any]) -> Iterator[str]:
    for condition in where.values():
        if not isinstance(condition, tuple) or condition[:1] == ("in",):
            continue
        needed = 3 if condition[0] == "between" else 2
        unit = condition[needed] if len(condition) > needed else None
        if isinstance(unit, str) and not units.is_known(unit):
            yield f"No unit called {unit} is known: only values written in just that were compared."


def _of_values(
    chosen: Mapping[str, Iterable[str]], profile: str, progress: Progress | None
) -> Iterator[str]:
    if not any(chosen.values()):
        return
    tables = facets(profile=profile, progress=progress)
    for name, values in chosen.items():
        known = [str(value) for value in tables[name]["value"]]
        for value in values:
            if value in known:
                continue
            label = name.replace("_", " ")
            near = get_close_matches(value, known, 3, 0.6)
            if len(known) <= _FEW:
                yield f"No data set has the {label} {value}. There are: {', '.join(known)}."
            elif near:
                yield f"No data set has the {label} {value}. Is {' or '.join(near)} meant?"
            else:
                yield f"No data set has the {label} {value}."
