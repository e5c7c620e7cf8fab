"""Asking EMPIAR: all entries in pages, entries by id, and the entries of EMDB maps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pandas as pd

from openem_nb import http, settings
from openem_nb._payload import ask_twice
from openem_nb._records import emdb_id
from openem_nb.empiar import _reading
from openem_nb.empiar.identifiers import normalise_id, ranges
from openem_nb.empiar.records import Entries, Entry, Page, table
from openem_nb.errors import BadAnswer, InvalidInput, NotFound
from openem_nb.values import SearchResult

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from openem_nb.jobs import Progress

__all__ = ["entries", "entry", "for_emdb", "pages", "search"]

PAGE_SIZE: Final = 100
_BATCH: Final = 100
_JOIN_FROM: Final = 400
"""From so many EMDB ids on, reading the whole archive takes fewer requests than asking for them."""

_LINKS: Final = (
    "emdb_id",
    "empiar_id",
    "title",
    "experiment_type",
    "released",
    "size_bytes",
    "url",
)


def pages(query: str = "*", *, progress: Progress | None = None) -> Iterator[Page]:
    """Yield the entries that a query finds, page by page, until an empty page comes.

    A short page proves nothing, because the service may cap pages at will; only an empty one ends
    the answer. An entry that moves to another page meanwhile is not given twice.

    Parameters
    ----------
    query :
        Lucene; ``*`` is the whole archive,
        ``database:EMPIAR AND update_date:[2026-01-01T00:00:00Z TO NOW]`` what changed since.

    Yields
    ------
    Page
        A list of entries; ``.failed`` names those that came damaged.

    Raises
    ------
    InvalidInput
        If the query is empty or the service cannot read it.
    BadAnswer
        If an answer is not a set of entries, or a page repeats the one before.
    """
    if not query.strip():
        raise InvalidInput("The query is empty.", hint="Write a word, or * for all entries.")
    return _pages(query, progress)


def _pages(query: str, progress: Progress | None) -> Iterator[Page]:
    if progress is not None:
        progress.update(0, message="Reading EMPIAR entries", unit="entries")
    seen: set[str] = set()
    number = 1
    # An empty answer ends the archive, so it has to be given twice to be believed.
    while records := _page(query, number, progress) or _page(query, number, progress):
        fresh = {key: record for key, record in records.items() if key not in seen}
        if not fresh:
            raise BadAnswer(
                f"EMPIAR's page {number} repeats what came before.",
                hint="The service does not page at the moment; try again later.",
            )
        seen.update(fresh)
        yield _reading.page(fresh, site=_site())
        if progress is not None:
            progress.advance(len(fresh))
            progress.check()
        number += 1


def _page(query: str, number: int, progress: Progress | None) -> dict[str, Any]:
    def ask() -> dict[str, Any]:
        answer = http.session().json(
            f"{settings.services().emdb_api}/empiar/search/{quote(query, safe='')}",
            params={"rows": PAGE_SIZE, "page": number, "fl": "*"},
            headers={"Accept": "application/json"},
            progress=progress,
        )
        return _reading.answered(answer, what="a search")

    try:
        return ask_twice(ask)
    except NotFound:
        return {}


def search(query: str, *, progress: Progress | None = None) -> SearchResult:
    """Return the entries that a query finds, one row each.

    ``.total`` is the number that came: EMPIAR states no count of its own, but every page is read
    until an empty one.

    Raises
    ------
    InvalidInput
        If the query is empty or the service cannot read it.
    BadAnswer
        If an entry of the answer is damaged.

    Examples
    --------
    >>> empiar.search("ribosome")[["empiar_id", "title", "size"]]
    """
    found: list[Entry] = []
    for part in pages(query, progress=progress):
        _no_failures(part.failed)
        found.extend(part)
    return SearchResult.of(
        table(found), total=len(found), query=query, notice=settings.services().notice
    )


def _no_failures(failed: dict[str, str]) -> None:
    for name, reason in failed.items():
        raise BadAnswer(
            f"{len(failed)} EMPIAR entries came damaged, first {name}: {reason}",
            hint="empiar.entries() returns the others and names the damaged ones.",
        )


def entries(ids: Iterable[str | int] | None = None, *, progress: Progress | None = None) -> Entries:
    """Return entries by id, or the whole archive, with what is missing and why kept apart.

    Parameters
    ----------
    ids :
        EMPIAR ids in any spelling, repeated ones count once; None for all entries.

    Raises
    ------
    InvalidInput
        If one of them is not an EMPIAR id.
    Unreachable
        If the service does not answer.
    """
    if ids is None:
        everything: dict[str, Entry] = {}
        damaged: dict[str, str] = {}
        for part in pages(progress=progress):
            everything.update({item.id: item for item in part})
            damaged.update(part.failed)
        return Entries(everything, (), damaged)
    wanted = list(dict.fromkeys(normalise_id(name) for name in ids))
    if progress is not None:
        progress.update(0, total=len(wanted), message="Reading EMPIAR entries", unit="entries")
    found: dict[str, Entry] = {}
    failed: dict[str, str] = {}
    not_found: list[str] = []
    for start in range(0, len(wanted), _BATCH):
        names = wanted[start : start + _BATCH]
        try:
            answer = _reading.page(_ask("entry", ranges(names), progress), site=_site())
        except BadAnswer:
            answer = Page(failed={})
        found.update({item.id: item for item in answer if item.id in names})
        failed.update({name: text for name, text in answer.failed.items() if name in names})
        for name in names:
            if name in found or name in failed:
                continue
            # Alone, an entry is there or not; a list that leaves it out proves nothing.
            try:
                found[name] = entry(name, progress=progress)
            except NotFound:
                not_found.append(name)
            except BadAnswer as error:
                failed[name] = str(error)
        if progress is not None:
            progress.advance(len(names))
            progress.check()
    return Entries(
        {name: found[name] for name in wanted if name in found}, tuple(not_found), failed
    )


def entry(id: str | int, *, progress: Progress | None = None) -> Entry:  # noqa: A002  (the word users know)
    """Return one entry.

    Raises
    ------
    InvalidInput
        If ``id`` is not an EMPIAR id.
    NotFound
        If there is no such entry; the service says so with status 404 or with an empty answer.
    BadAnswer, Unreachable
        If the service does not answer sensibly.

    Examples
    --------
    >>> empiar.entry(10943).imagesets[0].pixel_width
    """
    name = normalise_id(id)
    try:
        found = ask_twice(lambda: _single(name, progress))
    except NotFound:
        found = None
    if found is None:
        raise NotFound(
            f"EMPIAR has no entry {name}.",
            hint="Check the number; unreleased entries are not public.",
        )
    return found


def _single(name: str, progress: Progress | None) -> Entry | None:
    answer = http.session().json(
        f"{settings.services().empiar_api}/entry/{name}",
        headers={"Accept": "application/json"},
        progress=progress,
    )
    records = _reading.answered(answer, what=f"for {name}")
    for key, record in records.items():
        result = _reading.parse(record, id=key, site=_site())
        if result.id == name:
            return result
    if records:
        raise BadAnswer(f"EMPIAR answered with {next(iter(records))} when asked for {name}.")
    return None


def for_emdb(ids: Iterable[str | int], *, progress: Progress | None = None) -> pd.DataFrame:
    """Return the raw data of EMDB entries: one row for each pair of EMDB and EMPIAR entry.

    Only released EMPIAR entries are listed. An EMDB entry without raw data has no row.

    Parameters
    ----------
    ids :
        EMDB ids in any spelling.

    Returns
    -------
    pandas.DataFrame
        ``emdb_id empiar_id title experiment_type released size_bytes url``, in the order asked for.

    Raises
    ------
    InvalidInput
        If one of them is not an EMDB id.
    BadAnswer
        If an EMPIAR entry of the answer is damaged.

    Examples
    --------
    >>> empiar.for_emdb(["EMD-12602"])["empiar_id"]
    """
    wanted = {emdb_id(name): place for place, name in reversed(list(enumerate(ids)))}
    found: dict[str, Entry] = {}
    if len(wanted) >= _JOIN_FROM:
        for part in pages(progress=progress):
            _no_failures(part.failed)
            found.update({item.id: item for item in part})
    else:
        names = list(wanted)
        for start in range(0, len(names), _BATCH):
            records = _ask("emdb_ref", ", ".join(names[start : start + _BATCH]), progress)
            answer = _reading.page(records, site=_site())
            _no_failures(answer.failed)
            found.update({item.id: item for item in answer})
    rows = [
        (name, item.id, item.title, item.experiment_type, item.released, item.size_bytes, item.url)
        for item in found.values()
        if item.status == "REL"
        for name in item.emdb_ids
        if name in wanted
    ]
    rows.sort(key=lambda row: (wanted[row[0]], row[1]))
    frame = pd.DataFrame(rows, columns=list(_LINKS), dtype="object")
    frame["released"] = pd.to_datetime(frame["released"]).astype("datetime64[ns]")
    frame["size_bytes"] = frame["size_bytes"].astype("Int64")
    return frame


def _site() -> str:
    return settings.services().empiar_site


def _ask(what: str, body: str, progress: Progress | None) -> dict[str, Any]:
    """Send a list of ids; the body is plain text, although its type says JSON."""

    def ask() -> dict[str, Any]:
        answer = http.session().post(
            f"{settings.services().empiar_api}/{what}/",
            data=body,
            headers={"Accept": "application/json", "Content-Type": "application/json"},
            idempotent=True,
            progress=progress,
        )
        return _reading.answered(answer.json(), what="for a list of entries")

    try:
        return ask_twice(ask)
    except NotFound:
        return {}
