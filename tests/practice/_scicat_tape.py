"""Helpers of the tests about jobs, tapes and objects of the practice SciCat."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from _scicat_caller import Caller

if TYPE_CHECKING:
    from collections.abc import Iterable

    import requests

    from openem_nb.practice import Facility

__all__ = ["callers", "ended", "lifecycle_of", "retrieve", "retrieved", "until"]


def until(what: Any, seconds: float = 120) -> Any:
    """Return what a function gives as soon as it is true."""
    deadline = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.01)
    return found


def retrieve(
    caller: Caller, pids: Iterable[str], *, version: int = 4, kind: str = "retrieve", **given: Any
) -> requests.Response:
    """Ask for data sets from tape."""
    files = given.pop("files", [])
    listed = [{"pid": pid, "files": files} for pid in pids]
    group = given.pop("group", f"{caller.service.letter}20001")
    params = {"option": "URLs", **given.pop("params", {})}
    if version == 4:
        body = {"type": kind, "jobParams": {"datasetList": listed, **params}, **given}
        if group:
            body["ownerGroup"] = group
    else:
        if group:
            params["ownerGroup"] = group
        body = {"type": kind, "datasetList": listed, "jobParams": params, **given}
    return caller.call("jobs", method="POST", version=version, body=body)


def ended(caller: Caller, job_id: str) -> dict[str, Any]:
    """Return a job once it has ended."""

    def look() -> Any:
        job = caller.json(f"jobs/{job_id}", version=4)
        return job if job["statusCode"].startswith("finished") else None

    found: dict[str, Any] = until(look)
    return found


def retrieved(caller: Caller, *pids: str, **given: Any) -> list[dict[str, Any]]:
    """Return the results of a retrieval."""
    answer = retrieve(caller, pids, **given)
    assert answer.status_code == 201, answer.text
    result: list[dict[str, Any]] = ended(caller, answer.json()["id"])["jobResultObject"]["result"]
    return result


def callers(facility: Facility, profile: str, *names: str) -> list[Caller]:
    """Return people at an instance."""
    return [Caller(facility, profile, name) for name in names]


def lifecycle_of(caller: Caller, pid: str) -> dict[str, Any]:
    """Return the lifecycle of a data set as the archive has it."""
    found = caller.service.store.get("datasets", pid)
    assert found is not None
    lifecycle: dict[str, Any] = found["datasetlifecycle"]
    return lifecycle
