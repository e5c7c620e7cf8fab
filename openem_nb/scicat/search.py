"""Searching a catalogue: all data sets that this user may see, counted, in pages or whole."""

from __future__ import annotations

import json
import warnings
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypedDict, Unpack

from openem_nb.errors import InvalidInput, MisspeltNameWarning, QueryTruncatedWarning
from openem_nb.scicat import _pages
from openem_nb.scicat._doubts import doubts
from openem_nb.scicat._query import FIELDS, Question, question, several
from openem_nb.scicat._table import COLUMNS, Columns
from openem_nb.scicat._table import FIELDS as TABLE_FIELDS
from openem_nb.scicat.connection import connection
from openem_nb.scicat.datasets import documents
from openem_nb.values import SearchResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from openem_nb.jobs import Progress
    from openem_nb.scicat.connection import Connection

__all__ = ["Asked", "check", "count", "search"]

_SORTS: Final = {
    "created": "creationTime",
    "files": "numberOfFiles",
    "location": "creationLocation",
    "name": "datasetName",
    "owner_group": "ownerGroup",
    "published": "isPublished",
    "updated": "updatedAt",
}
"""Columns that can be sorted by, and what the catalogue calls them; its own names do, too."""


class Asked(TypedDict, total=False):
    """What a search can be narrowed by: see :func:`search`."""

    type: str | Iterable[str] | None
    keywords: str | Iterable[str]
    created: Any
    where: Mapping[Any, Any] | None
    owner_group: str | Iterable[str] | None
    location: str | Iterable[str] | None
    published: bool | None
    on_disk: bool | None
    retrievable: bool | None


def search(
    text: str = "",
    *,
    type: str | Iterable[str] | None = None,  # noqa: A002  (the catalogue's own word)
    keywords: str | Iterable[str] = (),
    created: Any = None,
    where: Mapping[Any, Any] | None = None,
    owner_group: str | Iterable[str] | None = None,
    location: str | Iterable[str] | None = None,
    published: bool | None = None,
    on_disk: bool | None = None,
    retrievable: bool | None = None,
    sort: str = "-creationTime",
    rows: int | None = 100,
    profile: str | None = None,
    progress: Progress | None = None,
) -> SearchResult:
    """Return the data sets that fulfil all conditions: own, shared and public ones in one table.

    Columns: ``pid``, ``name``, ``type``, ``created`` (UTC), ``owner``, ``owner_group``, ``size``
    (bytes), ``files``, ``keywords``, ``published``, ``state`` (one of
    :data:`openem_nb.scicat.lifecycle.STATES`), ``archive`` (``PSI``, ``ETHZ``), ``location``,
    ``instrument_ids``, ``techniques``, ``proposal_ids`` and ``sample_ids``. What can be several is
    a tuple, what repeats is a category.

    Parameters
    ----------
    text :
        Words that must all be found in name, description, keywords, identifier or owner, in any
        case and also within words; ``"several words"`` in quotation marks as they stand.
    type, keywords, owner_group, location :
        One of these, spelt exactly as :func:`facets` lists them.
    created :
        When the data were recorded: ``"2026-01"``, or ``(start, end)`` with None for open. Both
        ends are whole days, months or years; what names no zone is UTC.
    where :
        Further conditions by name: a value, or a tuple of operator, value and, for scientific
        metadata, unit. Operators are ``= != > >= < <= between in contains exists``. A name that is
        no field of a data set is a path in the scientific metadata, with dots (or a tuple of keys
        where a key has a dot). With a unit, values in any unit that measures the same are
        compared; without one, the numbers as they stand. A dict is passed on as it is, in the
        database's spelling.
    published, on_disk, retrievable :
        True or False; None does not ask. ``retrievable`` is on tape.
    sort :
        A column or a field of the catalogue; with a minus from its end.
    rows :
        Rows of a page, see ``.next()`` of the result; None returns all of them.
    profile :
        The instance; the active profile if None.

    Returns
    -------
    SearchResult
        ``.total`` is the service's own count, ``.start`` the place of the first row in the list;
        where nothing was found, ``.doubts`` says what in the question the catalogue does not know.

    Raises
    ------
    InvalidInput
        If a condition cannot be understood, here or by the service.
    TokenExpired, NotLoggedIn
        If a log-in is stored that is no good any more; never public data only instead.

    Warns
    -----
    QueryTruncatedWarning
        If another number of data sets came than the service counts.
    MisspeltNameWarning
        If nothing was found and a name in ``where``, a unit or an exact value is not known there.

    Examples
    --------
    >>> openem.search("apoferritin krios", type="raw", created=("2026-01", None))
    >>> openem.search(where={
    ...     "acquisition.nominal_magnification": (">=", 81000),
    ...     "acquisition.nominal_defocus.maximal": ("between", 0.5, 3, "um"),
    ... }, rows=None)
    """
    asked = question(
        text, type=type, keywords=keywords, created=created, where=where, owner_group=owner_group,
        location=location, published=published, on_disk=on_disk, retrievable=retrievable,
    )  # fmt: skip
    order = _order(sort)
    if rows is not None and (isinstance(rows, bool) or not isinstance(rows, int) or rows < 1):
        raise InvalidInput(f"rows must be a number above zero, or None, not {rows!r}.")
    here = connection(profile)
    if progress is not None:
        progress.update(0, message="Searching SciCat", unit="data sets")
    total = _pages.count(here, asked.where, progress=progress)
    if rows is None:
        result = _whole(here, asked, order, total, progress)
    else:
        result = _one_page(asked, order, rows, 0, 0, (), here.profile.name, total, progress)
    if not result.total:
        result.doubts = doubts(
            where or {},
            {
                "type": several(type, "type"),
                "keywords": several(keywords, "keywords"),
                "owner_group": several(owner_group, "owner_group"),
                "location": several(location, "location"),
            },
            profile=here.profile.name,
            progress=progress,
        )
        for doubt in result.doubts:
            warnings.warn(f"Nothing was found. {doubt}", MisspeltNameWarning, stacklevel=2)
    return result


def count(
    text: str = "",
    *,
    profile: str | None = None,
    progress: Progress | None = None,
    **asked: Unpack[Asked],
) -> int:
    """Return how many data sets fulfil all conditions; they are those of :func:`search`."""
    return _pages.count(connection(profile), question(text, **asked).where, progress=progress)


def check(text: str = "", **asked: Unpack[Asked]) -> None:
    """Read the conditions of :func:`search` without asking the service.

    Raises
    ------
    InvalidInput
        If one of them cannot be understood.
    """
    question(text, **asked)


def _order(sort: str) -> str:
    name = sort.removeprefix("-") if isinstance(sort, str) else ""
    field = _SORTS.get(name, name)
    if field.split(".")[0] not in FIELDS:
        raise InvalidInput(
            f"{sort!r} cannot be sorted by.",
            hint=f"Use one of {', '.join(sorted({*_SORTS, 'owner', 'pid', 'size', 'type'}))}, "
            "with a minus in front for the other way round.",
        )
    return f"{field}:{'desc' if sort.startswith('-') else 'asc'}"


def _whole(
    here: Connection, asked: Question, order: str, total: int, progress: Progress | None
) -> SearchResult:
    if progress is not None:
        progress.update(0, total=total)
    field, _, way = order.partition(":")
    columns = Columns(here.profile.storage, sort=(field, way == "desc"))
    fields = [*TABLE_FIELDS, field]
    for part in _pages.every(here, asked.where, fields, total, progress=progress):
        columns.add(part)
    if len(columns) != total:  # it may have changed meanwhile
        total = _pages.count(here, asked.where, progress=progress)
        _compare(len(columns), total)
    return _result(columns, here, asked, order, total)


def _one_page(
    asked: Question,
    order: str,
    rows: int,
    start: int,
    skip: int,
    before: tuple[tuple[str, ...], ...],
    profile: str,
    total: int,
    progress: Progress | None = None,
) -> SearchResult:
    """Return a page; ``before`` are the identifiers of the pages that came before it."""
    here = connection(profile)
    columns = Columns(here.profile.storage)
    seen = {pid for page in before for pid in page}
    while len(columns) < rows and skip < total:
        limit = min(rows - len(columns), _pages.PAGE)
        part = _pages.page(here, asked.where, TABLE_FIELDS, order, skip, limit, progress=progress)
        if not part:
            break
        skip += len(part)
        fresh = [item for item in part if item["pid"] not in seen]
        seen.update(item["pid"] for item in fresh)
        columns.add(fresh)
    if len(columns) < rows and len(seen) < total:
        columns.add(_hidden(here, asked, seen, rows - len(columns), total, progress))
        seen.update(columns.pids)
        if len(columns) < rows and len(seen) != total:
            total = _pages.count(here, asked.where, progress=progress)
            _compare(len(seen), total)
    result = _result(columns, here, asked, order, total, start=start)
    if len(columns) and len(seen) < total:
        result.more = partial(
            _one_page, asked, order, rows, start + len(columns), skip,
            (*before, tuple(columns.pids)), profile, total,
        )  # fmt: skip
    return result


def _hidden(
    here: Connection,
    asked: Question,
    seen: set[str],
    most: int,
    total: int,
    progress: Progress | None,
) -> list[dict[str, Any]]:
    """Return data sets that no page has shown: those of the same value come in any order."""
    missing: list[str] = []
    for part in _pages.every(here, asked.where, ["pid"], total, progress=progress):
        missing += [item["pid"] for item in part if item["pid"] not in seen]
        if len(missing) >= most:
            break
    return list(documents(here, missing[:most], TABLE_FIELDS, progress=progress).values())


def _compare(came: int, total: int) -> None:
    if came != total:
        warnings.warn(
            f"SciCat counts {total:,} data sets for this question, {came:,} came.",
            QueryTruncatedWarning,
            stacklevel=4,
        )


def _result(
    columns: Columns, here: Connection, asked: Question, order: str, total: int, *, start: int = 0
) -> SearchResult:
    sent = _pages.query(asked.where, (), order, start, max(1, len(columns)))
    return SearchResult.of(
        columns.frame()[list(COLUMNS)],
        total=total,
        query=json.dumps({"where": sent["where"], "order": order}, ensure_ascii=False),
        notice=here.profile.notice,
        start=start,
    )
