"""The S3 broker: addresses of public data for anyone, lent keys for those who may read."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs, urlsplit

from openem_nb.practice._answer import Answer, Question, json_answer
from openem_nb.practice.scicat._results import result_object, secret_of, store_address
from openem_nb.practice.scicat._shapes import Refused
from openem_nb.practice.scicat._signing import lend
from openem_nb.practice.scicat._tapes import BUCKETS
from openem_nb.practice.scicat._users import can_open

if TYPE_CHECKING:
    from openem_nb.practice.scicat.service import ScicatService

__all__ = ["FOLDER", "answer"]

FOLDER: Final = "/s3-broker"
_NEVER: Final = "1970-01-01T00:00:00Z"
_LENT: Final = dt.timedelta(hours=1)


def answer(service: ScicatService, question: Question) -> Answer:
    """Answer a request below ``/s3-broker/``."""
    if question.method not in ("GET", "HEAD"):
        return _error(405, "method not allowed")
    service.robot.settle()
    path = question.raw_path.removeprefix(FOLDER)
    match path:
        case "/datasets/urls":
            return _dataset_urls(service, question)
        case "/publisheddata/urls":
            return _published_urls(service, question)
        case "/datasets/s3-creds":
            return _credentials(service, question)
    return _error(404, f"no route {path}")


def _dataset_urls(service: ScicatService, question: Question) -> Answer:
    pid = question.parameters.get("pid")
    if not pid:
        return _error(400, "parameter pid is missing")
    dataset = service.store.peek("datasets", pid)
    if dataset is None or not dataset.get("isPublished"):
        return _error(404, f"dataset {pid} not found or not public")
    return json_answer(_urls(service, question, pid))


def _published_urls(service: ScicatService, question: Question) -> Answer:
    doi = question.parameters.get("id")
    if not doi:
        return _error(400, "parameter id is missing")
    record = service.store.peek("publisheddata", doi)
    if record is None or record["status"] == "private":
        return _error(404, f"published data {doi} not found")
    urls = {pid: _urls(service, question, pid) for pid in record["datasetPids"]}
    soonest = min((one["expires"] for one in urls.values()), default=_NEVER)
    return json_answer({"expires": soonest, "urls": urls})


def _urls(service: ScicatService, question: Question, pid: str) -> dict[str, Any]:
    """Return what the newest ``public`` job with a data set has left, even where it has expired."""
    newest: dict[str, Any] | None = None
    for job in service.store.all("jobs"):
        listed = job["jobParams"].get("datasetList") or ()
        if (
            job["type"] == "public"
            and job["statusCode"] in ("finishedSuccessful", "finishedWithDatasetErrors")
            and any(item["pid"] == pid for item in listed)
            and (newest is None or job["createdAt"] >= newest["createdAt"])
        ):
            newest = job
    result = []
    if newest is not None:
        made = result_object(service, store_address(question), newest["id"])
        result = [entry for entry in made.get("result", ()) if entry["datasetId"] == pid]
    urls = [{"url": entry["url"], "expires": _expiry(entry["url"])} for entry in result]
    expires = min((one["expires"] for one in urls), default=_NEVER)
    return {"expires": expires, "s3Uri": f"s3://{BUCKETS['PSI']}/{pid}/", "urls": urls}


def _expiry(url: str) -> str:
    values = parse_qs(urlsplit(url).query)
    signed = dt.datetime.strptime(values["X-Amz-Date"][0], "%Y%m%dT%H%M%S%z")
    return _text(signed + dt.timedelta(seconds=int(values["X-Amz-Expires"][0])))


def _text(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _credentials(service: ScicatService, question: Question) -> Answer:
    pid = question.parameters.get("pid")
    operation = question.parameters.get("operation")
    if not pid or operation not in ("read", "write"):
        return _error(400, "parameters pid and operation (read or write) are needed")
    try:
        user = service.users.authenticate(question)
    except Refused:
        user = None
    if user is None:
        return _error(401, "a valid SciCat token is needed")
    dataset = service.store.peek("datasets", pid)
    if dataset is None:
        return _error(404, f"dataset {pid} not found")
    if operation == "write" and dataset["ownerGroup"] not in user.groups:
        return _error(403, f"writing needs the group {dataset['ownerGroup']}")
    if not can_open(user, dataset):
        return _error(403, f"no access to dataset {pid}")
    lent = lend(secret_of(service), pid, operation, expires=service.clock() + _LENT)
    return json_answer(
        {
            "access_key": lent.access_key,
            "secret_access_key": lent.secret_key,
            "session_token": lent.session_token,
            "expiry_time": _text(lent.expires),
        }
    )


def _error(status: int, text: str) -> Answer:
    return json_answer({"error": text}, status)
