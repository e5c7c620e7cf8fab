"""Reading all blocks, tape blocks or attachments of one data set, beyond every cap.

The route for them stops at 100 blocks (10 attachments) and takes no parameters; other lists check
the permission of the block itself, which nobody keeps up to date. What shows all of them, also
those of a data set that was published or shared later, is a list of this one data set that includes
them page by page.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openem_nb.errors import BadAnswer, InvalidInput, NotAllowed, NotFound, Unreachable
from openem_nb.scicat.connection import quoted

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from openem_nb.jobs import Progress
    from openem_nb.scicat.connection import Connection

__all__ = ["count", "included"]

_FILES_A_PAGE: Final = 40_000
"""Files asked for at once: the database refuses an answer above 16 MB, 20,000 files are 3 MB."""
_MOST_A_PAGE: Final = 50


def count(here: Connection, pid: str, relation: str, *, progress: Progress | None) -> int | None:
    """Return how many blocks there are; None where this user may list them but not count them."""
    try:
        answer = here.get(f"datasets/{quoted(pid)}/{relation}/count", progress=progress)
    except NotAllowed:
        return None
    except NotFound:  # the data set is there, so this backend has no such route
        return None
    found = answer.get("count") if isinstance(answer, dict) else None
    if isinstance(found, bool) or not isinstance(found, int):
        raise BadAnswer(f"SciCat does not say how many {relation} {pid} has, but {answer!r}.")
    return found


def included(
    here: Connection,
    pid: str,
    relation: str,
    *,
    fields: Sequence[str] = (),
    page: int = _MOST_A_PAGE,
    most: int | None = None,
    progress: Progress | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield all blocks of a data set, each once, in no particular order.

    Parameters
    ----------
    relation :
        ``origdatablocks``, ``datablocks`` or ``attachments``.
    fields :
        Parts of a block to ask for; all if empty.
    page :
        Blocks in the first answer; the number follows the size of what comes.
    most :
        Stop after so many.
    """
    seen: set[str] = set()
    skip = 0
    while True:
        if progress is not None:
            progress.check()
        scope: dict[str, Any] = {"limits": {"limit": page, "skip": skip}}
        if fields:
            scope["fields"] = list(fields)
        try:
            blocks = _page(here, pid, relation, scope, progress)
        except InvalidInput as error:
            if skip or error.status != 400:
                raise
            blocks = _nested(here, pid, relation, progress)  # a server that knows no scope
            most = min(most or len(blocks), len(blocks))
        except Unreachable as error:
            if page == 1 or (error.status or 0) < 500:
                raise
            page //= 2  # perhaps the answer was too large for the database
            continue
        if not blocks:
            return
        for block in blocks:
            key = str(block.get("_id") or block.get("id") or block.get("aid") or f"{skip} {block}")
            if key not in seen:
                seen.add(key)
                yield block
                if most is not None and len(seen) >= most:
                    return
        skip += len(blocks)
        files = sum(len(block.get("dataFileList") or ()) for block in blocks)
        if files:
            page = max(1, min(_MOST_A_PAGE, _FILES_A_PAGE * len(blocks) // files))


def _page(
    here: Connection, pid: str, relation: str, scope: dict[str, Any], progress: Progress | None
) -> list[dict[str, Any]]:
    question = {
        "where": {"pid": {"$in": [pid]}},
        "fields": ["pid"],
        "include": [{"relation": relation, "scope": scope}],
    }
    answer = here.get("datasets", params={"filter": question}, progress=progress)
    if not isinstance(answer, list) or not all(isinstance(item, dict) for item in answer):
        raise BadAnswer(f"SciCat answered a list of {relation} with something else.")
    if not answer:
        raise NotFound(
            f"{here.profile.name} has no data set {pid} that you may see.",
            hint="It was there a moment ago; look at it again.",
        )
    return _blocks_of(answer[0].get(relation), relation)


def _nested(
    here: Connection, pid: str, relation: str, progress: Progress | None
) -> list[dict[str, Any]]:
    answer = here.get(f"datasets/{quoted(pid)}/{relation}", progress=progress)
    return _blocks_of(answer, relation)


def _blocks_of(value: Any, relation: str) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadAnswer(f"SciCat answered a list of {relation} with something else.")
    return [block for block in value if isinstance(block, dict)]
