"""Whole entries by id: many at once, in batches, with what is missing and why kept apart."""

from __future__ import annotations

import contextlib
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from openem_nb import http, settings
from openem_nb._payload import Node, ask_twice
from openem_nb._records import empiar_id
from openem_nb.emdb import _lucene, _search
from openem_nb.emdb._reading import parse
from openem_nb.emdb.identifiers import normalise_id
from openem_nb.emdb.records import Batch, Entries, Entry
from openem_nb.errors import (
    BadAnswer,
    Cancelled,
    InvalidInput,
    NotFound,
    OpenEMError,
    RateLimited,
    Unreachable,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from openem_nb.jobs import Progress

__all__ = ["entries", "entry", "fetch"]

BATCH_SIZE: Final = 25
"""Ids in one request; more would make the address too long for some servers."""

_SILENCE: Final = (Unreachable, RateLimited)

_ENOUGH_FAULTS: Final = 3
"""Single entries in a row without an answer after which the service counts as down."""


def fetch(
    ids: Iterable[str | int], *, workers: int = 4, progress: Progress | None = None
) -> Iterator[Batch]:
    """Yield whole entries, in batches as they arrive and in no particular order.

    Every id comes back exactly once: found, not found (the archive says so when asked for this
    entry alone) or failed with the reason. A batch that cannot be read is asked for again entry by
    entry, so that one damaged entry does not take others with it. Only a few batches are held at a
    time, whatever the number of ids. :attr:`Entry.empiar_ids` holds only what a depositor
    mentioned; :func:`entries` adds what the archive itself knows.

    Parameters
    ----------
    ids :
        EMDB ids in any spelling; repeated ones count once.
    workers :
        Requests at the same time.

    Raises
    ------
    InvalidInput
        If one of them is not an EMDB id; nothing is requested then.
    Unreachable
        If the service stops answering altogether.
    Cancelled
        If ``progress`` was cancelled.
    """
    wanted = list(dict.fromkeys(normalise_id(name) for name in ids))
    return _batches(wanted, workers, progress)


def _batches(wanted: list[str], workers: int, progress: Progress | None) -> Iterator[Batch]:
    if progress is not None:
        progress.update(0, total=len(wanted), message="Reading EMDB entries", unit="entries")
    parts = iter([wanted[i : i + BATCH_SIZE] for i in range(0, len(wanted), BATCH_SIZE)])
    silent = 0
    pool = ThreadPoolExecutor(workers, thread_name_prefix="emdb-fetch")
    try:
        running: set[Future[tuple[Batch, bool]]] = set()
        while True:
            # Finished batches wait for the reader, so no more than this many exist at a time.
            for part in islice(parts, 2 * workers - len(running)):
                running.add(pool.submit(_batch, part, progress))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                batch, answered = future.result()
                silent = 0 if answered else silent + 1
                if silent >= 2:
                    raise Unreachable(
                        f"EMDB stopped answering: {next(iter(batch.failed.values()))}",
                        hint="What arrived before is good. Try again later.",
                    )
                if progress is not None:
                    progress.advance(len(batch.found) + len(batch.not_found) + len(batch.failed))
                    progress.check()
                yield batch
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _batch(ids: list[str], progress: Progress | None) -> tuple[Batch, bool]:
    """Return the batch, and whether the service gave any answer at all."""
    if progress is not None:
        progress.check()
    found: dict[str, Entry] = {}
    failed: dict[str, str] = {}
    answered = True
    try:
        payloads = _ask(ids, progress)
    except Cancelled:
        raise
    except OpenEMError as error:
        payloads, answered = [], not isinstance(error, _SILENCE)
    site = settings.services().emdb_site
    for payload in payloads:
        name = _name(payload)
        if name not in ids or name in found:
            continue
        with contextlib.suppress(BadAnswer):  # asked for alone below, that decides
            found[name] = parse(payload, site=site)
    not_found = []
    faults, reason = 0, ""
    for name in ids:
        if name in found:
            continue
        # Alone, an entry is there or it is not; a search that leaves it out proves nothing.
        if faults >= _ENOUGH_FAULTS:
            failed[name] = reason
            continue
        try:
            found[name] = ask_twice(partial(_single, name, progress))
            answered, faults = True, 0
        except Cancelled:
            raise
        except NotFound:
            not_found.append(name)
            answered, faults = True, 0
        except OpenEMError as error:
            reason = failed[name] = str(error)
            silent = isinstance(error, _SILENCE)
            answered, faults = answered or not silent, faults + 1 if silent else 0
    return Batch(tuple(found.values()), tuple(not_found), failed), answered


def _ask(ids: list[str], progress: Progress | None) -> list[Any]:
    question = " OR ".join(f'emdb_id:"{name}"' for name in ids)
    answer = http.session().json(
        f"{settings.services().emdb_api}/search/{quote(question, safe='')}",
        params={"rows": len(ids), "page": 1},
        headers={"Accept": "application/json"},
        progress=progress,
    )
    if not isinstance(answer, list):
        raise BadAnswer("EMDB answered a search with something that is not a list.")
    return answer


def _name(payload: Any) -> str | None:
    """Return the id of an entry of the answer; None where it has none that can be read."""
    try:
        return normalise_id(Node(payload)["emdb_id"].text() or "")
    except (BadAnswer, InvalidInput):
        return None


def _single(name: str, progress: Progress | None) -> Entry:
    services = settings.services()
    payload = http.session().json(
        f"{services.emdb_api}/entry/{name}",
        headers={"Accept": "application/json"},
        progress=progress,
    )
    result = parse(payload, site=services.emdb_site)
    if result.id != name:
        raise BadAnswer(f"EMDB answered with {result.id} when asked for {name}.")
    return result


def entries(ids: Iterable[str | int], *, progress: Progress | None = None) -> Entries:
    """Return whole entries by id, with what is not there or could not be read kept apart.

    Unlike :func:`fetch` it holds all of them at once, in the order asked for, and completes
    :attr:`Entry.empiar_ids` from the archive's own cross references.

    Parameters
    ----------
    ids :
        EMDB ids in any spelling; repeated ones count once.

    Raises
    ------
    InvalidInput
        If one of them is not an EMDB id.
    Unreachable
        If the service stops answering.

    Examples
    --------
    >>> answer = emdb.entries(["EMD-25107", 34119, "emd-1"])
    >>> answer.frame(), answer.not_found
    """
    wanted = list(dict.fromkeys(normalise_id(name) for name in ids))
    found: dict[str, Entry] = {}
    not_found: set[str] = set()
    failed: dict[str, str] = {}
    for batch in _batches(wanted, 4, progress):
        found.update({item.id: item for item in batch.found})
        not_found.update(batch.not_found)
        failed.update(batch.failed)
    found = _with_raw_data({name: found[name] for name in wanted if name in found}, progress)
    return Entries(found, tuple(name for name in wanted if name in not_found), failed)


def entry(id: str | int, *, progress: Progress | None = None) -> Entry:  # noqa: A002  (the word users know)
    """Return one entry, with the raw data in EMPIAR that the archive knows of.

    Raises
    ------
    InvalidInput
        If ``id`` is not an EMDB id.
    NotFound
        If there is no such entry.
    BadAnswer, Unreachable
        If the service does not answer sensibly.

    Examples
    --------
    >>> emdb.entry("emd-25107").resolution
    3.97
    """
    name = normalise_id(id)
    try:
        result = ask_twice(partial(_single, name, progress))
    except NotFound:
        raise NotFound(
            f"EMDB has no entry {name}.",
            hint="Check the number; entries on hold may not be public.",
        ) from None
    return _with_raw_data({name: result}, progress)[name]


def _with_raw_data(found: dict[str, Entry], progress: Progress | None) -> dict[str, Entry]:
    """Return the entries with the cross references that EMDB keeps outside of them."""
    result = dict(found)
    names = list(found)
    for start in range(0, len(names), BATCH_SIZE):
        part = names[start : start + BATCH_SIZE]
        for name, references in _search.column(
            _lucene.any_of("emdb_id", part), "xref_EMPIAR", progress=progress
        ).items():
            if name in found:
                known = _empiar_ids(references, name)
                own = found[name]
                result[name] = replace(
                    own, empiar_ids=tuple(dict.fromkeys([*own.empiar_ids, *known]))
                )
    return result


def _empiar_ids(references: list[str], name: str) -> list[str]:
    try:
        return [empiar_id(text) for text in references]
    except InvalidInput as error:
        raise BadAnswer(f"EMDB's references of {name} are damaged: {error}") from error
