"""Lists of data sets in pages: complete, each data set once, and counted.

The service sorts by one field only and shuffles what is equal from page to page, so pages overlap
and leave gaps. Whole lists are therefore read in the order of the identifiers, which are never
equal; for single pages in another order, what a shuffle has hidden is looked for at the end.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from openem_nb.errors import BadAnswer
from openem_nb.scicat._documents import text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from openem_nb.jobs import Progress
    from openem_nb.scicat.connection import Connection

__all__ = ["PAGE", "count", "every", "page", "query"]

PAGE: Final = 1000
"""Data sets in one request: with the fields of a table about half a megabyte."""
_WORKERS: Final = 4
Documents = list[dict[str, Any]]


def query(
    where: Mapping[str, Any], fields: Sequence[str], order: str, skip: int, limit: int
) -> dict[str, Any]:
    """Return a filter as it is sent; what is sorted by is always among the fields."""
    name = order.partition(":")[0]
    return {
        "where": where,
        "fields": list(dict.fromkeys(["pid", *fields, name])),
        "limits": {"skip": skip, "limit": limit, "order": order},
    }


def count(here: Connection, where: Mapping[str, Any], *, progress: Progress | None = None) -> int:
    """Return how many data sets the service counts.

    Raises
    ------
    BadAnswer
        If it does not say so.
    """
    answer = here.get("datasets/count", params={"filter": {"where": where}}, progress=progress)
    found = answer.get("count") if isinstance(answer, dict) else None
    if isinstance(found, bool) or not isinstance(found, int) or found < 0:
        raise BadAnswer(f"SciCat does not say how many data sets there are, but {answer!r}.")
    return found


def page(
    here: Connection,
    where: Mapping[str, Any],
    fields: Sequence[str],
    order: str,
    skip: int,
    limit: int,
    *,
    progress: Progress | None = None,
) -> Documents:
    """Return one page as the service gives it.

    Raises
    ------
    BadAnswer
        If it is no list of data sets.
    """
    question = query(where, fields, order, skip, limit)
    answer = here.get("datasets", params={"filter": question}, progress=progress)
    if not isinstance(answer, list) or not all(isinstance(item, dict) for item in answer):
        raise BadAnswer("SciCat answered a search with something that is no list of data sets.")
    return [item for item in answer if text(item.get("pid"))]


def every(
    here: Connection,
    where: Mapping[str, Any],
    fields: Sequence[str],
    total: int,
    *,
    progress: Progress | None = None,
) -> Iterator[Documents]:
    """Yield all data sets, each once, in the order of their identifiers.

    Up to four pages are on their way at a time, whatever the length of the list.

    Parameters
    ----------
    total :
        Number that the service counts; it is read on beyond it as long as something comes.
    """
    seen: set[str] = set()
    for documents in _in_turn(here, where, fields, total, progress):
        fresh = [item for item in documents if item["pid"] not in seen]
        seen.update(item["pid"] for item in fresh)
        if progress is not None:
            progress.advance(len(fresh))
        if fresh:
            yield fresh


def _in_turn(
    here: Connection,
    where: Mapping[str, Any],
    fields: Sequence[str],
    total: int,
    progress: Progress | None,
) -> Iterator[Documents]:
    def ask(skip: int) -> Documents:
        return page(here, where, fields, "pid:asc", skip, PAGE, progress=progress)

    running: deque[Future[Documents]] = deque()
    starts = iter(range(0, total, PAGE))
    start = came = 0
    pool = ThreadPoolExecutor(_WORKERS, thread_name_prefix="scicat-pages")
    try:
        while True:
            for next_start in islice(starts, _WORKERS - len(running)):
                running.append(pool.submit(ask, next_start))
            if not running:
                break
            documents = running.popleft().result()
            came = len(documents)
            yield from _filled(ask, documents, start, total)
            start += PAGE
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    while came == PAGE:  # a full last page: the list grew meanwhile
        documents = ask(start)
        yield documents
        came, start = len(documents), start + PAGE


def _filled(
    ask: Callable[[int], Documents], documents: Documents, start: int, total: int
) -> Iterator[Documents]:
    """Yield a page, and the rest of it where the service gives shorter pages than asked for."""
    yield documents
    stop = min(start + PAGE, total)
    came = start + len(documents)
    while documents and came < stop:
        documents = ask(came)
        yield documents
        came += len(documents)
