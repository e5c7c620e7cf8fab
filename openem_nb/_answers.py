"""Answers of a service as the package sees them: a body to read, or an error that says what is."""

from __future__ import annotations

import contextlib
import email.utils
import ipaddress
import json
import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from openem_nb._texts import one_line, without_secrets
from openem_nb.errors import (
    BadAnswer,
    Conflict,
    InvalidInput,
    NotAllowed,
    NotFound,
    NotLoggedIn,
    OpenEMError,
    RateLimited,
    Unreachable,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = [
    "BROKEN",
    "NOWHERE",
    "Response",
    "bare",
    "check_address",
    "error_of",
    "host",
    "is_loopback",
    "unreachable",
]

CHUNK: Final = 1 << 20
BROKEN: Final = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)
NOWHERE: Final = (  # an impossible host, or a service that sends requests on to nowhere
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.TooManyRedirects,
)


class Response:
    """An answer: status, headers, and a body that is either here or still to be streamed."""

    def __init__(self, raw: requests.Response) -> None:
        self._raw = raw

    @property
    def status(self) -> int:
        """HTTP status code."""
        return self._raw.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        """Header fields; names in any case."""
        return self._raw.headers

    @property
    def url(self) -> str:
        """Address that answered, after redirects."""
        return self._raw.url

    @property
    def content(self) -> bytes:
        """The whole body."""
        return self._raw.content

    @property
    def text(self) -> str:
        """The whole body as text; UTF-8 unless the service says otherwise."""
        if "charset" not in self.headers.get("Content-Type", ""):
            self._raw.encoding = "utf-8"
        return self._raw.text

    def json(self) -> Any:
        """Return the body read as JSON.

        Raises
        ------
        BadAnswer
            If it is not JSON (an HTML page with status 200, for example).
        """
        try:
            return json.loads(self.content)
        except ValueError:
            kind = self.headers.get("Content-Type", "no type").split(";")[0]
            problem = BadAnswer(
                f"{host(self.url)} answered with {kind} where JSON was expected: "
                f"{_beginning(self.text)}",
                hint="The service may be in maintenance; try again later.",
            )
        raise problem  # out here: the error of the parser holds the whole body

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """Yield the body piece by piece, at most ``size`` bytes at once.

        Raises
        ------
        Unreachable
            If the body breaks off or stalls.
        """
        # What has arrived is handed on at once, never held back until ``size`` bytes are there;
        # libraries before urllib3 2.3 can only hold back.
        read = getattr(self._raw.raw, "read1", self._raw.raw.read)
        try:
            while piece := read(size, decode_content=True):
                yield piece
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise unreachable(self.url, error) from None

    def abort(self) -> None:
        """Break the connection off, from any thread: whoever reads the body wakes up at once."""
        with contextlib.suppress(Exception):  # it may have ended this very moment
            self._raw.raw.shutdown()

    def close(self) -> None:
        """Give the connection back."""
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def host(url: str) -> str:
    """Return who is asked, without a password that stands in the address."""
    return urlsplit(url).netloc.rpartition("@")[2] or url.partition("?")[0]


def bare(url: str) -> str:
    """Return an address without its query and password: what is signed is a secret."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url.partition("?")[0]
    return f"{parts.scheme}://{host(url)}{parts.path}" if parts.netloc else url.partition("?")[0]


def check_address(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_address = False
    if not is_address:
        raise InvalidInput(
            f"{bare(url)!r} is not an address.", hint="It begins with https:// or http://."
        )


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _beginning(text: str) -> str:
    words = one_line(without_secrets(text[:4000]))
    return repr(words[:120] + ("…" if len(words) > 120 else ""))


def unreachable(url: str, error: Exception) -> Unreachable:
    if isinstance(error, requests.ConnectTimeout):
        what = "does not accept connections"
    elif isinstance(error, requests.Timeout) or "timed out" in str(error):
        what = "did not answer in time"
    elif isinstance(error, requests.exceptions.SSLError):
        what = "offers no trusted certificate"
    elif isinstance(
        error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError
    ):
        what = "broke off in the middle of its answer"
    else:
        what = "cannot be reached"
    found = Unreachable(
        f"{host(url)} {what}.", hint="Check the network with `openem status`, then try again."
    )
    reason = getattr(error.args[0], "reason", None) if error.args else None
    # before urllib3 2 this is not told from other troubles
    found.nowhere = isinstance(reason, getattr(urllib3.exceptions, "NameResolutionError", ()))
    return found


_STORE_ERROR = re.compile(
    r"<Error>.*?<Code>([^<]*)</Code>(?:.*?<Message>([^<]*)</Message>)?", re.DOTALL
)


def _server_words(response: requests.Response) -> str:
    """Return what the service says about an error, in its own words."""
    try:
        body = json.loads(response.content)
    except ValueError:
        text = response.text
        # An object store repeats the signed address in further fields: its code and message only.
        if found := _STORE_ERROR.search(text):
            return _short(": ".join(filter(None, found.groups())))
        return "" if "<html" in text[:500].lower() else _short(text)
    return _short(_words(body) or json.dumps(body))


def _short(text: str) -> str:
    words = one_line(without_secrets(text[:4000]))
    return words[:300] + ("…" if len(words) > 300 else "")


def _words(body: Any) -> str:
    """Return the words in an error body: services wrap them in many ways, lists and texts too."""
    match body:
        case str():
            try:  # a list of violations as JSON within a text
                inner = json.loads(body) if body.startswith(("[{", '{"')) else None
            except ValueError:
                inner = None
            return _words(inner) or body
        case list():
            return "; ".join(filter(None, map(_words, body)))
        case {"constraints": dict(constraints)}:
            return "; ".join(map(str, constraints.values()))
        case {"instancePath": str(path), "message": str(message)}:
            return f"{path} {message}".strip()
        case dict():
            for key in ("message", "msg", "detail", "error", "errors"):
                if found := _words(body.get(key)):
                    return found
    return ""


def error_of(response: requests.Response) -> OpenEMError:
    """Return the error that an unexpected status stands for."""
    words = _server_words(response)
    found = _of_status(response, words)
    found.status, found.said = response.status_code, words
    found.retry_after = _retry_after(response)
    return found


def _of_status(response: requests.Response, words: str) -> OpenEMError:
    where, status = host(response.url), response.status_code
    said = f": {words}" if words else "."
    match status:
        case 400 | 422:
            return InvalidInput(
                f"{where} cannot read the request{said}", hint="Correct the query or the parameter."
            )
        case 401:
            return NotLoggedIn(
                f"{where} asks for a log-in{said}", hint="Log in, or save a token for this service."
            )
        case 403:
            return NotAllowed(
                f"{where} does not allow this{said}", hint="Ask the owner of the data for access."
            )
        case 404 | 410:
            return NotFound(
                f"{where} has no {urlsplit(response.url).path}{said}", hint="Check the identifier."
            )
        case 409 | 412:
            return Conflict(
                f"{where} refuses: it exists already or has changed{said}",
                hint="Look at it as it is now, then try again.",
            )
        case 301 | 302 | 303 | 307 | 308 if target := response.headers.get("Location"):
            return BadAnswer(
                f"{where} sends the request on to {host(target)}.",
                hint="It was not followed. Set the address to where the service is now.",
            )
        case 429:
            return RateLimited(
                f"{where} asks for a pause{said}", hint="Wait some minutes, then try again."
            )
        case _ if status >= 500:
            return Unreachable(
                f"{where} has a fault (status {status}){said}", hint="Try again later."
            )
        case _:
            return BadAnswer(f"{where} answered with the unexpected status {status}{said}")


def _retry_after(response: requests.Response) -> float | None:
    """Return the seconds that ``Retry-After`` asks for: a number or a date (RFC 9110, 10.2.3)."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())
