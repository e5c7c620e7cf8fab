"""What there is to choose from: values with the number of data sets, and names of metadata."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any, Final, Unpack

import pandas as pd

from openem_nb.errors import BadAnswer, InvalidInput, Unreachable
from openem_nb.scicat import _pages
from openem_nb.scicat._documents import moment, number, text, texts
from openem_nb.scicat._periods import iso
from openem_nb.scicat._query import question
from openem_nb.scicat.connection import Connection, connection

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from openem_nb.jobs import Progress
    from openem_nb.scicat._query import Question
    from openem_nb.scicat.search import Asked

__all__ = ["FACETS", "facets", "metadata_keys"]

FACETS: Final = {
    "type": "type",
    "keywords": "keywords",
    "owner_group": "ownerGroup",
    "location": "creationLocation",
    "instrument": "instrumentIds",
    "created": "creationTime",
}
"""Facets, and what the catalogue calls them."""
_FLAGS: Final = {"published": "isPublished", "retrievable": "datasetlifecycle.retrievable"}
_MOST_KEYS: Final = 10_000
Counts = dict[str, "Counter[str]"]


def facets(
    text: str = "",
    *,
    profile: str | None = None,
    progress: Progress | None = None,
    **asked: Unpack[Asked],
) -> dict[str, pd.DataFrame]:
    """Return the values that occur among the data sets of a search, with how many have them.

    The numbers count the same data sets as :func:`search` does. The service's own facets leave out
    what others have published (or, for what is published, one's own private data), so they are
    asked for several times and put together; where the sum disagrees with the service's count,
    the data sets themselves are counted, which takes a request for each thousand.

    Parameters
    ----------
    text, type, keywords, created, where, owner_group, location, published, on_disk, retrievable :
        As for :func:`search`.

    Returns
    -------
    dict
        Tables with the columns ``value`` and ``count``, most frequent first: ``type``,
        ``keywords``, ``owner_group``, ``location``, ``instrument``, ``created`` (months, in order),
        and ``published`` and ``retrievable`` with the values True and False.

    Examples
    --------
    >>> openem.scicat.facets("apoferritin")["keywords"]
    """
    wanted = question(text, **asked)
    here = connection(profile)
    total = _pages.count(here, wanted.where, progress=progress)
    counts = _of_service(here, wanted, total, progress) if total else _nothing()
    flags = {
        name: _pages.count(here, _also(wanted, {field: True}), progress=progress) if total else 0
        for name, field in _FLAGS.items()
    }
    if counts is None:
        counts = _of_list(here, wanted, total, progress)
    found = {name: _table(counts[name], by_value=name == "created") for name in FACETS}
    for name, number_of in flags.items():
        pairs = [(True, number_of), (False, total - number_of)]
        found[name] = pd.DataFrame(
            [pair for pair in pairs if pair[1] > 0], columns=["value", "count"]
        ).astype({"value": "bool", "count": "int64"})
    return found


def _nothing() -> Counts:
    return {name: Counter() for name in FACETS}


def _also(wanted: Question, clause: dict[str, Any]) -> dict[str, Any]:
    return {"$and": [*([wanted.where] if wanted.where else []), clause]}


def _table(counts: Mapping[str, int], *, by_value: bool) -> pd.DataFrame:
    rows = [(value, count) for value, count in counts.items() if count > 0]
    rows.sort(key=lambda row: (row[0],) if by_value else (-row[1], row[0]))
    return pd.DataFrame(rows, columns=["value", "count"]).astype(
        {"value": "object", "count": "int64"}
    )


def _of_service(
    here: Connection, wanted: Question, total: int, progress: Progress | None
) -> Counts | None:
    """Return the service's facets, put together; None if they do not add up to the list."""
    here_public = Connection(here.profile, anonymous=True)
    try:
        if here.identity() is None:
            parts = [(1, _ask(here, wanted, {}, progress))]
        else:
            published = {"isPublished": True}
            parts = [
                (1, _ask(here, wanted, {}, progress)),
                (1, _ask(here_public, wanted, {}, progress)),
                (-1, _ask(here, wanted, published, progress)),  # in both of the others
            ]
    except (BadAnswer, InvalidInput, Unreachable):
        return None  # the list will say what is wrong, if anything is
    counts = _nothing()
    sum_of = 0
    for sign, (part_total, part) in parts:
        sum_of += sign * part_total
        for name, values in part.items():
            for value, count in values.items():
                counts[name][value] += sign * count
    return counts if sum_of == total else None


def _ask(
    here: Connection, wanted: Question, also: dict[str, Any], progress: Progress | None
) -> tuple[int, Counts]:
    clauses = [clause for clause in (wanted.timeless, also) if clause]
    fields: dict[str, Any] = {}
    if clauses:  # inside "mode" no limit of groups is dropped, whatever is asked about
        fields["mode"] = {"$and": clauses}
    if wanted.created is not None:
        fields["creationTime"] = dict(zip(("begin", "end"), map(iso, wanted.created), strict=True))
    answer = here.get(
        "datasets/fullfacet",
        params={"fields": fields, "facets": list(FACETS.values())},
        progress=progress,
    )
    found = answer[0] if isinstance(answer, list) and len(answer) == 1 else None
    if answer in ([], None):
        return 0, _nothing()
    if not isinstance(found, dict):
        raise BadAnswer("SciCat answered a question for facets with something else.")
    totals = found.get("all") or [{}]
    counts = _nothing()
    for name, field in FACETS.items():
        for item in found.get(field) or ():
            value = _value(item.get("_id"))
            if value:
                counts[name][value] += number(item.get("count"))
    return number(totals[0].get("totalSets")), counts


def _value(value: Any) -> str:
    """Return a facet's value: a text, or the month of a day."""
    if isinstance(value, dict):
        year, month = number(value.get("year")), number(value.get("month"))
        return f"{year:04d}-{month:02d}" if year and month else ""
    return text(value)


def _of_list(here: Connection, wanted: Question, total: int, progress: Progress | None) -> Counts:
    """Count the data sets themselves."""
    if progress is not None:
        progress.update(0, total=total, message="Counting data sets", unit="data sets")
    counts = _nothing()
    fields = list(FACETS.values())
    for documents in _pages.every(here, wanted.where, fields, total, progress=progress):
        for document in documents:
            for name, field in FACETS.items():
                counts[name].update(_values_of(name, document.get(field)))
    return counts


def _values_of(name: str, value: Any) -> Iterable[str]:
    if name == "created":
        when = moment(value)
        return [f"{when:%Y-%m}"] if when else []
    return texts(value)


def metadata_keys(
    *, profile: str | None = None, progress: Progress | None = None, **asked: Unpack[Asked]
) -> list[str]:
    """Return names of scientific metadata that occur, as suggestions for ``where``.

    The list is never complete: instances cap it (at a hundred names, and ten of the same kind), and
    it looks at some data sets only. Any other name can be used as well.

    Parameters
    ----------
    type, keywords, created, where, owner_group, location, published, on_disk, retrievable :
        As for :func:`search`.
    """
    wanted = question(**asked)
    here = connection(profile)
    found: dict[str, None] = {}
    asking = [here]
    if here.identity() is not None:
        asking.append(Connection(here.profile, anonymous=True))
    for one in asking:
        answer = one.get(
            "datasets/metadataKeys",
            params={
                "fields": {"mode": wanted.timeless} if wanted.clauses else {},
                "limits": {"skip": 0, "limit": _MOST_KEYS},
            },
            progress=progress,
        )
        if answer is not None and not isinstance(answer, list):
            raise BadAnswer("SciCat answered a question for names of metadata with something else.")
        for key in answer or ():
            if text(key):
                found.setdefault(text(key))
    return sorted(found, key=str.casefold)
