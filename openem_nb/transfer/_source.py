"""Where bytes come from: addresses that expire, stores that have not restored an object yet."""

from __future__ import annotations

import email.utils
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from openem_nb import http
from openem_nb._answers import bare
from openem_nb.errors import (
    InvalidInput,
    NotAllowed,
    NotLoggedIn,
    NotOnDisk,
    OpenEMError,
    Unreachable,
)
from openem_nb.values import format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openem_nb.transfer._meter import Meter

__all__ = ["CHUNK", "STALL", "Address", "Patience", "Source", "extent", "modified", "same_as"]

Address = str | Callable[[], str]
"""An address, or what gives a fresh one whenever the last one has expired."""

STALL: Final = 12.0
"""Seconds without a byte after which a connection is given up. A few percent of the archives'
connections hang; to wait longer only loses time."""

CHUNK: Final = 131_000
"""Bytes asked of a connection at once; fewer are taken when fewer have come. A little less than the
size from which on C libraries ask the system for fresh memory each time, which takes longer than to
compute a checksum of it."""

_HEADERS: Final = {"Accept-Encoding": "identity"}  # the file itself, not a packed copy of it
_CONTENT_RANGE = re.compile(r"bytes (?:([0-9]+)-[0-9]+|\*)/([0-9]+)")
_NOT_RESTORED: Final = "InvalidObjectState"
_EXPIRED = re.compile(r"expired|ExpiredToken|InvalidToken|TokenRefreshRequired", re.IGNORECASE)
_RENEWALS: Final = 3
"""Fresh addresses in a row of which none works."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait for an object that its store still reads from tape. All in seconds."""

    first: float = 30.0
    """Until the store is asked again for the first time; doubled from then on."""
    longest: float = 300.0
    """Between two questions at most."""
    total: float = 1800.0
    """After which it is given up."""


class Source:
    """One object of a file server or object store, however often its address changes.

    The address with its query never leaves this class: whoever has a signed address has the data.
    """

    def __init__(
        self, address: Address, name: str, meter: Meter, patience: Patience | None = None
    ) -> None:
        self._address = address
        self._now = address if isinstance(address, str) else None
        self._lock = threading.Lock()
        self._patience = patience or Patience()
        self.name = name
        """What the object is called in messages."""
        self.meter = meter

    def _url(self) -> str:
        with self._lock:
            if self._now is None:
                self._now = self._fresh()
            return self._now

    def _fresh(self) -> str:
        if isinstance(self._address, str):
            return self._address
        given: object = self._address()
        if not isinstance(given, str):
            raise InvalidInput(
                f"The function has to return an address; it returned {type(given).__name__}.",
                hint="An address is text that begins with https:// or http://.",
            )
        return given

    @property
    def shown(self) -> str:
        """The address without its query."""
        return bare(self._url())

    @property
    def key(self) -> str:
        """What stays the same when the address is renewed: its path."""
        return urlsplit(self._url()).path

    def _renew(self, old: str) -> bool:
        """Ask for a fresh address; False if there is none."""
        fresh = self._fresh()
        with self._lock:
            self._now = fresh
        return fresh != old

    def ask(
        self,
        method: str = "GET",
        *,
        headers: Mapping[str, str] | None = None,
        expect: tuple[int, ...] = (200,),
    ) -> http.Response:
        """Send a request; a body is left on the line.

        Raises
        ------
        NotAllowed
            If the store refuses, also with a fresh address.
        NotOnDisk
            If the object is still not restored from tape when the patience is at its end.
        """
        renewals, waited, pause = 0, 0.0, self._patience.first
        while True:
            url = self._url()
            try:
                return http.session().request(
                    method,
                    url,
                    headers=_HEADERS | dict(headers or {}),
                    timeout=STALL,
                    stream=method == "GET",
                    expect=expect,
                    of_file=True,
                    progress=self.meter.progress,
                )
            except (NotAllowed, NotLoggedIn, InvalidInput) as error:
                if error.status is None:
                    raise
                if _NOT_RESTORED in error.said:
                    if waited >= self._patience.total:
                        raise self._on_tape(waited, error) from None
                    self._wait(pause)
                    waited += pause
                    pause = min(2 * pause, self._patience.longest)
                    renewals = 0
                elif error.status == 400 and not _EXPIRED.search(error.said):
                    raise
                elif renewals < _RENEWALS and self._renew(url):
                    renewals += 1
                else:
                    raise self._refused(error) from None
            except Unreachable:
                self._renew(url)  # the store may have moved; whoever asks tries again
                raise

    def _wait(self, seconds: float) -> None:
        words = (
            f"waiting for {self.name}, which the store is still reading from tape; "
            f"asked again in {format_duration(seconds)}"
        )
        with self.meter.waiting(self.name, words):
            self.meter.wait(seconds)

    def _on_tape(self, waited: float, error: OpenEMError) -> NotOnDisk:
        found = NotOnDisk(
            f"{self.name} is still not restored from tape after {format_duration(waited)}.",
            hint="Run it again later; what arrived is kept and continued.",
        )
        found.status, found.said = error.status, error.said
        return found

    def _refused(self, error: OpenEMError) -> OpenEMError:
        if not _EXPIRED.search(error.said):
            return error
        found = NotAllowed(
            f"The address of {self.name} has expired.",
            hint="Ask for a fresh address: list the files again, or retrieve the data set again.",
        )
        found.status, found.said = error.status, error.said
        return found


def extent(answer: http.Response) -> tuple[int, int | None]:
    """Return where the body begins in the object, and the size of the whole object."""
    if answer.status in (206, 416):
        found = _CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
        return (int(found[1] or 0), int(found[2])) if found else (-1, None)
    if "Content-Encoding" in answer.headers:
        return 0, None  # the length is that of the packed body
    length = answer.headers.get("Content-Length", "")
    return 0, int(length) if length.isdecimal() else None


def same_as(headers: Mapping[str, str]) -> str | None:
    """Return by what the server recognises this very object, for ``If-Range``."""
    etag = headers.get("ETag", "")
    # A weak ETag may not be used for parts (RFC 9110, 13.1.5).
    found = headers.get("Last-Modified") if etag[:2] in ("", "W/") else etag
    return found if found and "Content-Encoding" not in headers else None


def modified(headers: Mapping[str, str]) -> float | None:
    """Return the time of the object, seconds since 1970."""
    try:
        return email.utils.parsedate_to_datetime(headers.get("Last-Modified", "")).timestamp()
    except ValueError:
        return None
