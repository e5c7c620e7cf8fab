"""The one HTTP session of the house: time-outs, retries, pauses, typed errors, an optional cache.

Every request goes through :class:`Session`; no other module knows the library beneath. A request
that can be repeated without harm (GET, HEAD, or what the caller declares idempotent) is repeated
with growing, jittered pauses when the connection breaks, the body is cut, nothing comes for too
long, or the service answers 429 (its ``Retry-After`` is honoured) or 5xx. Other requests are sent
exactly once.
"""

from __future__ import annotations

import contextlib
import email.utils
import ipaddress
import json
import logging
import platform
import random
import threading
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from openem_nb import settings
from openem_nb._version import __version__
from openem_nb.errors import (
    BadAnswer,
    InvalidInput,
    NotAllowed,
    NotFound,
    NotLoggedIn,
    OpenEMError,
    RateLimited,
    Unreachable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from requests_cache import CachedSession

    from openem_nb.jobs import Progress

__all__ = ["Response", "Session", "session", "using"]

T = TypeVar("T")
Timeout = float | tuple[float, float]

USER_AGENT: Final = (
    f"openem_nb/{__version__} (+https://github.com/SwissOpenEM/openem_nb) "
    f"Python/{platform.python_version()}"
)
CHUNK: Final = 1 << 20
_LONGEST_PAUSE: Final = 60.0
_PATIENCE: Final = 60.0
"""Seconds spent on attempts in vain (without the pauses) after which a second one is the last."""
_BROKEN: Final = (
    requests.ConnectionError,
    requests.Timeout,
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ContentDecodingError,
)
_NOWHERE: Final = (  # an impossible host, or a service that sends requests on to nowhere
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidURL,
    requests.exceptions.MissingSchema,
    requests.TooManyRedirects,
)

_log = logging.getLogger(__name__)


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
        except ValueError as error:
            kind = self.headers.get("Content-Type", "no type").split(";")[0]
            raise BadAnswer(
                f"{_host(self.url)} answered with {kind} where JSON was expected: "
                f"{_beginning(self.text)}",
                hint="The service may be in maintenance; try again later.",
            ) from error

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """Yield the body piece by piece.

        Raises
        ------
        Unreachable
            If the body breaks off or stalls.
        """
        try:
            yield from self._raw.iter_content(size)
        except _BROKEN as error:
            raise _unreachable(self.url, error) from error

    def close(self) -> None:
        """Give the connection back."""
        self._raw.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _host(url: str) -> str:
    return urlsplit(url).netloc or url


def _check_address(url: str) -> None:
    try:
        parts = urlsplit(url)
        is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        is_address = False
    if not is_address:
        raise InvalidInput(
            f"{url!r} is not an address.", hint="It begins with https:// or http://."
        )


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _beginning(text: str) -> str:
    words = " ".join(text[:400].split())
    return repr(words[:120] + ("…" if len(words) > 120 else ""))


def _unreachable(url: str, error: Exception) -> Unreachable:
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
    return Unreachable(
        f"{_host(url)} {what}.", hint="Check the network with `openem status`, then try again."
    )


def _server_words(response: requests.Response) -> str:
    """Return what the service says about an error, in its own words."""
    try:
        body = response.json()
    except ValueError:
        text = response.text
        return "" if "<html" in text[:500].lower() else " ".join(text.split())[:300]
    for key in ("message", "msg", "detail", "error", "errors"):
        found = body.get(key) if isinstance(body, dict) else None
        if isinstance(found, dict):
            found = found.get("msg") or found.get("message")
        if found:
            return str(found)[:300]
    return json.dumps(body)[:300]


def _error(response: requests.Response) -> OpenEMError:
    """Return the error that an unexpected status stands for."""
    found = _error_of_status(response)
    found.retry_after = _retry_after(response)
    return found


def _error_of_status(response: requests.Response) -> OpenEMError:
    host, words, status = _host(response.url), _server_words(response), response.status_code
    said = f": {words}" if words else "."
    match status:
        case 400 | 422:
            return InvalidInput(
                f"{host} cannot read the request{said}", hint="Correct the query or the parameter."
            )
        case 401:
            return NotLoggedIn(
                f"{host} asks for a log-in{said}", hint="Log in, or save a token for this service."
            )
        case 403:
            return NotAllowed(
                f"{host} does not allow this{said}", hint="Ask the owner of the data for access."
            )
        case 404 | 410:
            return NotFound(
                f"{host} has no {urlsplit(response.url).path}{said}", hint="Check the identifier."
            )
        case 429:
            return RateLimited(
                f"{host} asks for a pause{said}", hint="Wait some minutes, then try again."
            )
        case _ if status >= 500:
            return Unreachable(
                f"{host} has a fault (status {status}){said}", hint="Try again later."
            )
        case _:
            return BadAnswer(f"{host} answered with the unexpected status {status}{said}")


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


class _Pace:
    """At most ``rate`` requests a second to one host, whoever asks."""

    def __init__(self, rate: float) -> None:
        self._interval = 1 / rate
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}

    def delay(self, url: str) -> float:
        """Reserve the next free moment and return the seconds until then; 0 for loopback."""
        if _is_loopback(url):
            return 0.0
        host = _host(url)
        with self._lock:
            now = time.monotonic()
            moment = max(now, self._next.get(host, now))
            self._next[host] = moment + self._interval
            return moment - now


class _Adapter(HTTPAdapter):
    """Closes its connections when it is closed, not when the garbage collector finds them."""

    def close(self) -> None:
        pools = self.poolmanager.pools
        for pool in [pools.get(key) for key in list(pools.keys())]:
            if pool is not None:
                pool.close()
        super().close()


class Session:
    """HTTP for the whole package; safe to use from many threads.

    Parameters
    ----------
    retries :
        How often a repeatable request is sent again.
    backoff :
        Seconds of the first pause; doubled for each further one, with jitter of half.
    rate :
        Most requests a second to one host (loopback is free of it). The European Bioinformatics
        Institute publishes no limit; 5 is half of what other harvesters use.
    timeout :
        Seconds to wait for a connection, and for the next bytes.
    """

    def __init__(
        self,
        *,
        retries: int = 4,
        backoff: float = 0.5,
        rate: float = 5.0,
        timeout: tuple[float, float] = (10.0, 30.0),
    ) -> None:
        self.retries = retries
        self.backoff = backoff
        self.timeout = timeout
        self._pace = _Pace(rate)
        self._live = self._prepared(requests.Session())
        self._cached: CachedSession | None = None
        self._lock = threading.Lock()

    @staticmethod
    def _prepared(raw: requests.Session) -> requests.Session:
        raw.headers["User-Agent"] = USER_AGENT
        raw.auth = _no_netrc
        adapter = _Adapter(pool_connections=16, pool_maxsize=32, max_retries=0)
        raw.mount("https://", adapter)
        raw.mount("http://", adapter)
        return raw

    def _with_cache(self) -> requests.Session:
        with self._lock:
            if self._cached is None:
                from requests_cache import CachedSession

                self._cached = CachedSession(
                    str(settings.folders().cache / "http"),
                    backend="sqlite",
                    allowable_methods=("GET",),
                    allowable_codes=(200,),
                    match_headers=["Accept"],
                    stale_if_error=False,
                )
                self._prepared(self._cached)
            return self._cached

    def get(self, url: str, **options: Any) -> Response:
        """Send a GET request; the options are those of :meth:`request`."""
        return self.request("GET", url, **options)

    def post(self, url: str, *, idempotent: bool = False, **options: Any) -> Response:
        """Send a POST request once; after a fault again only if it is ``idempotent``."""
        return self.request("POST", url, idempotent=idempotent, **options)

    def json(self, url: str, **options: Any) -> Any:
        """Return the JSON document at ``url``; a body that is not JSON is asked for again."""
        return self._repeat(
            lambda: self.get(url, **options).json(),
            worth=(BadAnswer,),
            progress=options.get("progress"),
        )

    def text(self, url: str, **options: Any) -> str:
        """Return the text at ``url``."""
        return self.get(url, **options).text

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        token: settings.Secret | None = None,
        data: bytes | str | None = None,
        json: Any = None,
        timeout: Timeout | None = None,
        stream: bool = False,
        expect: tuple[int, ...] = (200,),
        idempotent: bool | None = None,
        max_age: float | None = None,
        progress: Progress | None = None,
    ) -> Response:
        """Send a request and return the answer, if its status is one of ``expect``.

        Parameters
        ----------
        token :
            Sent as ``Authorization: Bearer``; an answer to it is never cached.
        timeout :
            Seconds for the next bytes, or (connection, next bytes).
        stream :
            Leave the body on the line, for :meth:`Response.chunks`.
        max_age :
            An answer from the disk cache may be this many seconds old; None asks the service.
            Practice services are never cached, their addresses mean something else tomorrow.
        progress :
            Whose cancel ends the waiting between attempts.

        Raises
        ------
        InvalidInput, NotLoggedIn, NotAllowed, NotFound, RateLimited
            For the statuses 400, 401, 403, 404 and 429; InvalidInput also for what is no address.
        Unreachable
            If there is no whole answer after all retries; with a silent service, after two
            attempts.
        BadAnswer
            For any other status that is not expected, and for redirects that lead nowhere.
        """
        _check_address(url)
        sent_headers = dict(headers or {})
        if token is not None:
            sent_headers["Authorization"] = f"Bearer {token.reveal()}"
        private = any(name.lower() in ("authorization", "cookie") for name in sent_headers)
        cached = (
            max_age is not None and method == "GET" and not (stream or private or _is_loopback(url))
        )
        raw_session = self._with_cache() if cached else self._live
        if isinstance(timeout, int | float):
            timeout = (self.timeout[0], timeout)
        options: dict[str, Any] = {
            "params": params,
            "headers": sent_headers,
            "data": data,
            "json": json,
            "timeout": timeout or self.timeout,
            "stream": stream,
        }
        if cached:
            options["expire_after"] = timedelta(seconds=max_age or 0)
        if _is_loopback(url):
            options["proxies"] = {"http": None, "https": None}

        def attempt() -> Response:
            _sleep(self._pace.delay(url), progress)
            try:
                answer = raw_session.request(method, url, **options)
                if answer.status_code not in expect:
                    with answer:
                        raise _error(answer)  # reads the body, which may break off as well
            except _BROKEN as error:
                raise _unreachable(url, error) from error
            except _NOWHERE as error:
                raise BadAnswer(
                    f"{_host(url)} cannot be asked: {error}", hint="Check the address."
                ) from error
            return Response(answer)

        if not (idempotent or method in ("GET", "HEAD")):
            return attempt()
        return self._repeat(attempt, worth=(Unreachable, RateLimited), progress=progress)

    def _repeat(
        self,
        attempt: Callable[[], T],
        *,
        worth: tuple[type[OpenEMError], ...],
        progress: Progress | None = None,
    ) -> T:
        """Call until it succeeds, or an error is not ``worth`` another attempt, or none is left."""
        pause, spent = self.backoff, 0.0
        for left in reversed(range(self.retries + 1)):
            began = time.monotonic()
            try:
                return attempt()
            except worth as error:
                spent += time.monotonic() - began
                is_first = left == self.retries
                asked = error.retry_after
                out_of_patience = spent > _PATIENCE and not is_first
                if left == 0 or out_of_patience or (asked or 0) > _LONGEST_PAUSE:
                    raise
                seconds = asked if asked is not None else pause * random.uniform(0.5, 1.5)  # noqa: S311
                _log.info("%s Next attempt in %.1f s, %d left.", error, seconds, left)
            _sleep(seconds, progress)
            pause = min(2 * pause, _LONGEST_PAUSE / 2)
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        """Close all connections and the cache."""
        self._live.close()
        with self._lock:
            if self._cached is not None:
                self._cached.close()  # type: ignore[no-untyped-call]  # published without types
                self._cached = None


def _no_netrc(request: Any) -> Any:
    """Leave the headers as they are: without this, a ``.netrc`` entry would replace the token."""
    return request


def _sleep(seconds: float, progress: Progress | None) -> None:
    if progress is not None:
        progress.wait(seconds)
    elif seconds > 0:
        time.sleep(seconds)


_shared: Session | None = None
_shared_lock = threading.Lock()


def session() -> Session:
    """Return the session that this process shares, made on first use."""
    global _shared
    with _shared_lock:
        if _shared is None:
            _shared = Session()
        return _shared


@contextlib.contextmanager
def using(other: Session) -> Iterator[Session]:
    """Use ``other`` as the shared session of this process within the block, and close it after."""
    global _shared
    with _shared_lock:
        before, _shared = _shared, other
    try:
        yield other
    finally:
        with _shared_lock:
            _shared = before
        other.close()
