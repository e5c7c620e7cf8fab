"""What works right now: services, log-in, versions, disk."""

from __future__ import annotations

import platform
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Final

from openem_nb import http, settings, tokens
from openem_nb._version import __version__
from openem_nb.errors import OpenEMError
from openem_nb.values import format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd

__all__ = ["Line", "lines", "log_in", "status"]

_TIGHT: Final = 50_000_000
"""Free bytes below which hardly anything can be done."""
_PACKAGES: Final = ("jupyterlab", "ipywidgets", "papermill", "duckdb", "pandas", "numpy")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the status."""

    topic: str
    """``profile``, ``service``, ``log-in``, ``folder`` or ``version``."""
    name: str
    """What the line is about."""
    ok: bool | None
    """Whether it works; None where there is nothing that could fail."""
    detail: str
    """What is known about it, in words."""


def status(name: str | None = None) -> pd.DataFrame:
    """Return what works right now as a table with the columns topic, name, ok and detail.

    Parameters
    ----------
    name :
        Profile to look at; the active one if None.
    """
    import pandas as pd

    table = pd.DataFrame(
        [[getattr(line, field.name) for field in fields(Line)] for line in lines(name)],
        columns=[field.name for field in fields(Line)],
    )
    return table.astype({"ok": "boolean"})


def lines(name: str | None = None) -> list[Line]:
    """Return what works right now; a service that does not answer is a line, not an error."""
    profile = settings.profile(name)
    found = [Line("profile", profile.name, None, profile.title)]
    found += _services(profile)
    if profile.scicat_api or profile.archives is None:
        found.append(log_in(profile.name))
    found += _folders()
    found.append(Line("version", "openem_nb", None, __version__))
    found.append(Line("version", "Python", None, platform.python_version()))
    found += [Line("version", package, None, _version(package)) for package in _PACKAGES]
    return found


def _services(profile: settings.Profile) -> Iterable[Line]:
    try:
        archives = settings.services(profile.name)
        if profile.archives is None:
            profile = settings.catalogue(profile.name)
    except OpenEMError as error:
        return [Line("service", "practice facility", False, f"{error} {error.hint}".strip())]
    probes = [
        ("EMDB", archives.emdb_api + "/facet/*?field=current_status"),
        ("EMDB files", archives.emdb_files + "/structures/"),
        ("EMPIAR", archives.empiar_api + "/latest_citations"),
        ("EMPIAR files", archives.empiar_files + "/"),
    ]
    if profile.scicat_api:
        probes.append(("SciCat", profile.scicat_api + "/health"))
    once = http.Session(retries=0)  # what needs several attempts does not work right now
    try:
        with ThreadPoolExecutor(len(probes), thread_name_prefix="status") as pool:
            return list(pool.map(lambda probe: _probe(once, *probe), probes))
    finally:
        once.close()


def _probe(session: http.Session, name: str, url: str) -> Line:
    """Ask a service for little; any answer but a fault means that it is there."""
    host = url.split("/")[2]
    started = time.monotonic()
    try:
        any_answer = tuple(range(200, 500))
        with session.get(url, stream=True, timeout=10.0, expect=any_answer) as answer:
            took = 1000 * (time.monotonic() - started)
            return Line(
                "service", name, True, f"{host} answers (status {answer.status}, {took:.0f} ms)"
            )
    except OpenEMError as error:  # its hint would lead here
        return Line("service", name, False, str(error))


def log_in(service: str) -> Line:
    """Return who is logged in to a service, and until when, by the token's own word.

    The service is not asked, so nothing is said to work here; what has expired does not.
    """
    try:
        token = tokens.find(service)
    except OpenEMError as error:
        return Line("log-in", service, False, f"{error} {error.hint}".strip())
    if token is None:
        return Line("log-in", service, False, "Nobody is logged in; public data only.")
    claims = tokens.claims(token)
    who = str(claims.get("username") or claims.get("preferred_username") or claims.get("sub") or "")
    person = who or "an unnamed user"
    moment = tokens.expires(token)
    if moment is None:
        return Line("log-in", service, None, f"Token of {person}, no expiry known.")
    if moment <= datetime.now(UTC):
        return Line(
            "log-in", service, False, f"Token of {person} expired {moment:%Y-%m-%d %H:%M} UTC."
        )
    return Line(
        "log-in", service, None, f"Token of {person}, valid until {moment:%Y-%m-%d %H:%M} UTC."
    )


def _folders() -> list[Line]:
    found = settings.folders()
    result = []
    for name in ("config", "runs", "data"):
        path = getattr(found, name)
        free = shutil.disk_usage(path).free
        full = free < _TIGHT
        result.append(
            Line("folder", name, False if full else None, f"{path} ({format_bytes(free)} free)")
        )
    return result


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
