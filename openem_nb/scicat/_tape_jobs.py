"""Jobs on the server: one shape for both versions of the API, found before one is made, made once.

A job may exist although the server answered its creation with an error or not at all, so nothing
here ever sends a job twice: after any error the list of jobs decides.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, quote, unquote, urlsplit

from openem_nb import http
from openem_nb._texts import one_line, without_secrets
from openem_nb.errors import BadAnswer, Conflict, InvalidInput, NotFound, OpenEMError
from openem_nb.scicat._documents import moment

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from openem_nb.jobs import Progress
    from openem_nb.scicat._record import Order
    from openem_nb.scicat.connection import Connection

__all__ = [
    "KINDS",
    "MOST_PIDS",
    "Link",
    "ServerJob",
    "covering",
    "create",
    "expiry",
    "own",
    "published",
    "read",
]

MOST_PIDS: Final = 100
"""Data sets that one job may hold: the server checks no more of them and refuses the rest."""

_DESTINATION: Final = "/archive/retrieve"
_MARGIN: Final = timedelta(minutes=5)
"""An address that works for less than this is as good as expired."""
_LISTED: Final = 5000
"""Jobs asked for at once: the list cannot be paged (it limits before it skips)."""
KINDS: Final = ("retrieve", "public")
_WITHOUT_RESULTS: Final = (
    *("id", "_id", "type", "ownerUser", "ownerGroup", "contactEmail", "jobParams"),
    *("statusCode", "statusMessage", "createdBy", "createdAt", "updatedAt"),
)


@dataclass(frozen=True, slots=True)
class Link:
    """One tar file that is ready to be fetched.

    Its address is a secret: whoever has it can fetch the file. It is never written or shown.
    """

    pid: str
    name: str
    archive_id: str = ""
    """Name of the tar on tape, by which its datablock is found."""
    url: str = field(default="", repr=False)
    expires: datetime | None = None

    @property
    def works(self) -> bool:
        """Whether the address still works, by its own word."""
        return self.expires is None or self.expires > datetime.now(UTC)

    @property
    def is_fresh(self) -> bool:
        """Whether it works for long enough to begin something new with it."""
        return self.expires is None or self.expires > datetime.now(UTC) + _MARGIN


@dataclass(frozen=True, slots=True)
class ServerJob:
    """One job as the server tells of it."""

    id: str
    kind: str
    owner: str | None
    created: datetime | None
    changed: datetime | None
    """When its state changed last."""
    code: str
    """``jobSubmitted``, ``inProgress``, ``finishedSuccessful`` ..."""
    said: str
    files: Mapping[str, frozenset[str]]
    """Paths asked for by data set; empty for all."""
    option: str | None
    links: tuple[Link, ...] = ()

    @property
    def ended(self) -> bool:
        """Whether the archive has done with it."""
        return self.code.startswith("finished")

    @property
    def failed(self) -> bool:
        """Whether nothing can come of it any more."""
        return self.code == "finishedUnsuccessful"

    @property
    def expires(self) -> datetime | None:
        """When the first of its files goes away; None if it does not say."""
        return min((one.expires for one in self.links if one.expires), default=None)

    def has(self, pid: str, files: Iterable[str]) -> bool:
        """Return whether it brings these files (none given: all) of a data set."""
        if pid not in self.files:
            return False
        asked, wanted = self.files[pid], frozenset(files)
        return not asked or (bool(wanted) and wanted <= asked)


def read(connection: Connection, job: str, *, progress: Progress | None = None) -> ServerJob:
    """Return one job.

    Raises
    ------
    NotFound
        If the server has no such job.
    NotAllowed
        If it belongs to somebody else.
    """
    path = f"jobs/{quote(job, safe='')}"
    try:
        try:
            answer = connection.get(path, version=4, progress=progress)
        except NotFound as error:
            if not _no_route(error):
                raise
            answer = connection.get(path, version=3, progress=progress)
    except InvalidInput as error:
        if "job id" not in error.said:
            raise
        raise NotFound(
            f"The server has no job {job}.",
            hint="Jobs are removed after a while; ask for the data sets again.",
        ) from error
    if not isinstance(answer, dict):
        raise BadAnswer(f"The server answered with no job where {job} was asked for.")
    return _job(answer)


def own(
    connection: Connection, *, kinds: Iterable[str] = KINDS, progress: Progress | None = None
) -> list[ServerJob]:
    """Return the retrieval jobs of this user, newest first, without their files' addresses.

    Nobody in particular has no list of jobs.
    """
    who = connection.identity()
    if who is None:
        return []
    found: list[ServerJob] = []
    for kind in kinds:
        where = {"type": kind, "ownerUser": who.username}
        limits = {"limit": _LISTED, "sort": {"createdAt": "desc"}}
        try:
            asked = {"where": where, "limits": limits, "fields": list(_WITHOUT_RESULTS)}
            params = {"filter": json.dumps(asked)}
            rows = connection.get("jobs", params=params, version=4, progress=progress)
        except NotFound as error:
            if not _no_route(error):
                raise
            rows = _page_by_page(connection, kind, progress)
        found += [_job(row) for row in rows or () if isinstance(row, dict)]
    mine = [job for job in found if job.owner in (None, who.username)]
    long_ago = datetime.min.replace(tzinfo=UTC)
    return sorted(mine, key=lambda job: job.created or long_ago, reverse=True)


def _page_by_page(connection: Connection, kind: str, progress: Progress | None) -> list[Any]:
    """Return jobs of one kind from the older version of the API, whose pages do work."""
    rows: list[Any] = []
    while True:
        limits = {"skip": len(rows), "limit": 100, "order": "creationTime:desc"}
        params = {"fields": json.dumps({"type": kind}), "limits": json.dumps(limits)}
        page = connection.get("jobs/fullquery", params=params, version=3, progress=progress)
        rows += page or ()
        if len(page or ()) < 100 or len(rows) >= _LISTED:
            return rows


def covering(
    connection: Connection,
    order: Order,
    *,
    but: Iterable[str] = (),
    progress: Progress | None = None,
) -> list[tuple[ServerJob, frozenset[str]]]:
    """Return own jobs that bring data sets of an order already, each with those it brings.

    They run, or have ended and their files can still be fetched. Those in ``but`` have been found
    to be of no use.
    """
    left = dict(zip(order.pids, order.files or ((),) * len(order.pids), strict=True))
    found: list[tuple[ServerJob, frozenset[str]]] = []
    for job in own(connection, kinds=(order.kind,), progress=progress):
        brings = frozenset(pid for pid, files in left.items() if job.has(pid, files))
        if not brings or job.failed or job.id in but:
            continue
        if job.option not in (None, order.option) or (job.option is None and order.option):
            continue
        if job.ended:
            job = read(connection, job.id, progress=progress)  # the list comes without addresses
            brings &= {link.pid for link in job.links if link.is_fresh}
            brings -= {link.pid for link in job.links if not link.is_fresh}
        if brings:
            found.append((job, brings))
            left = {pid: files for pid, files in left.items() if pid not in brings}
        if not left:
            break
    return found


def create(connection: Connection, order: Order, *, progress: Progress | None = None) -> str:
    """Make the job of an order, once, and return its id.

    Raises
    ------
    OpenEMError
        If the server does not take it. Whether it has it nevertheless, :func:`covering` tells.
    """
    if progress is not None:
        progress.check()
    try:
        answer = connection.send("POST", "jobs", _body(connection, order), version=4)
    except NotFound as error:
        if not _no_route(error):
            raise
        answer = connection.send("POST", "jobs", _old_body(connection, order), version=3)
    job = answer.get("id") or answer.get("_id") if isinstance(answer, dict) else None
    if not isinstance(job, str):
        raise BadAnswer("The server took a job and did not say its id.")
    return job


def _items(order: Order) -> list[dict[str, Any]]:
    files = order.files or ((),) * len(order.pids)
    return [
        {"pid": pid, "files": list(wanted)} for pid, wanted in zip(order.pids, files, strict=True)
    ]


def _place(order: Order) -> dict[str, Any]:
    """Return where the files shall go, in the words of older and newer servers."""
    place: dict[str, Any] = {"destinationPath": _DESTINATION}
    if order.option:
        place |= {"option": order.option, "retrieveDestination": order.option}
    return place


def _body(connection: Connection, order: Order) -> dict[str, Any]:
    who = connection.identity()
    parameters: dict[str, Any] = {"datasetList": _items(order), **_place(order)}
    body: dict[str, Any] = {"type": order.kind, "jobParams": parameters}
    if who is not None:
        parameters["username"] = who.username
        body |= {"ownerUser": who.username, "ownerGroup": order.owner_group}
    email = who.email if who is not None else order.email
    return body | ({"contactEmail": email} if email else {})


def _old_body(connection: Connection, order: Order) -> dict[str, Any]:
    who = connection.identity()
    parameters = _place(order)
    body: dict[str, Any] = {"type": order.kind, "datasetList": _items(order)}
    if who is not None:
        parameters |= {"username": who.username, "ownerGroup": order.owner_group}
    email = who.email if who is not None else order.email
    body |= {"emailJobInitiator": email} if email else {}
    return body | {"jobParams": parameters, "jobStatusMessage": "jobSubmitted"}


def _no_route(error: OpenEMError) -> bool:
    """Whether the server does not know the address at all, unlike what is behind it."""
    return error.status == 404 and error.said.startswith("Cannot ")


def _job(row: Mapping[str, Any]) -> ServerJob:
    """Read a job in either shape; what is odd in it is left out."""
    parameters = _table(row.get("jobParams"))
    listed = parameters.get("datasetList") or row.get("datasetList") or ()
    files = {
        str(item["pid"]): frozenset(map(str, item.get("files") or ()))
        for item in listed
        if isinstance(item, dict) and "pid" in item
    }
    result = _table(row.get("jobResultObject")).get("result")
    option = parameters.get("retrieveDestination") or parameters.get("option")
    owner = row.get("ownerUser") or parameters.get("username") or row.get("createdBy")
    code = str(row.get("statusCode") or row.get("jobStatusMessage") or "")
    said = without_secrets(one_line(str(row.get("statusMessage") or "")))
    return ServerJob(
        id=str(row.get("id") or row.get("_id") or ""),
        kind=str(row.get("type") or ""),
        owner=owner if isinstance(owner, str) else None,
        created=moment(row.get("createdAt") or row.get("creationTime")),
        changed=moment(row.get("updatedAt")),
        code=code,
        said="" if said == code else said,
        files=files,
        option=option if isinstance(option, str) else None,
        links=tuple(map(_link, filter(_is_link, result if isinstance(result, list) else ()))),
    )


def _is_link(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("url"), str)
        and entry["url"].startswith(("https://", "http://"))
        and isinstance(entry.get("datasetId"), str)
    )


def _link(entry: Mapping[str, Any]) -> Link:
    url = entry["url"]
    name = str(entry.get("name") or "") or _last(urlsplit(url).path)
    return Link(entry["datasetId"], name, str(entry.get("archiveId") or ""), url, expiry(url))


def published(
    connection: Connection, pid: str, *, progress: Progress | None = None
) -> tuple[Link, ...]:
    """Return the files of a public data set that somebody had brought out already.

    Anybody may ask; the service for it is another one than the catalogue (profile's
    ``broker_api``).

    Raises
    ------
    Conflict
        If the instance has no such service.
    """
    broker = connection.profile.broker_api
    if broker is None:
        raise Conflict(f"{connection.profile.title} hands out no files of public data.")
    address = f"{broker}/datasets/urls"
    try:
        answer = http.session().json(address, params={"pid": pid}, progress=progress)
    except NotFound:  # it does not know it, so it has nothing of it
        return ()
    entries = answer.get("urls") if isinstance(answer, dict) else None
    links = []
    for entry in entries if isinstance(entries, list) else ():
        if _is_link(entry | {"datasetId": pid} if isinstance(entry, dict) else entry):
            url = entry["url"]
            until = expiry(url) or moment(entry.get("expires"))
            links.append(Link(pid, _last(urlsplit(url).path), "", url, until))
    return tuple(links)


def expiry(url: str) -> datetime | None:
    """Return until when a presigned address works by its own word; None if it does not say."""
    words = parse_qs(urlsplit(url).query)
    try:
        if "X-Amz-Date" in words:
            begin = datetime.strptime(words["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            return begin + timedelta(seconds=int(words["X-Amz-Expires"][0]))
        if "Expires" in words:
            return datetime.fromtimestamp(int(words["Expires"][0]), UTC)
    except (KeyError, ValueError, OverflowError, OSError):
        pass
    return None


def _last(path: str) -> str:
    return unquote(path).rpartition("/")[2]


def _table(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
