"""The one HTTP session of the house: time-outs, retries, pauses, typed errors, an optional cache.

Every request goes through :class:`Session`; no other module knows the library beneath. A request
that can be repeated without harm (GET, HEAD, or what the caller declares idempotent) is repeated
with growing, jittered pauses when the connection breaks, the body is cut, nothing comes for too
long, or the service answers 429 (its ``Retry-After`` is honoured) or 5xx. Other requests are sent
exactly once.
"""

from __future__ import annotations

import contextlib
import logging
import platform
import random
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar

import requests
from requests.adapters import HTTPAdapter

from openem_nb import _answers, settings
from openem_nb._answers import Response
from openem_nb._version import __version__
from openem_nb.errors import (
    BadAnswer,
    OpenEMError,
    RateLimited,
    Unreachable,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from requests_cache import CachedSession

    from openem_nb.jobs import Progress
    from openem_nb.tokens import Secret

__all__ = ["Response", "Session", "session", "using"]

T = TypeVar("T")
Timeout = float | tuple[float, float]

USER_AGENT: Final = (
    f"openem_nb/{__version__} (+https://github.com/SwissOpenEM/openem_nb) "
    f"Python/{platform.python_version()}"
)
_LONGEST_PAUSE: Final = 60.0
_PATIENCE: Final = 60.0
"""Seconds spent on attempts in vain (without the pauses) after which a second one is the last."""
_log = logging.getLogger(__name__)


class _WithoutQueries(logging.Filter):
    """Takes queries out of what the library beneath logs: a signed address is a secret."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                arg.partition("?")[0] if isinstance(arg, str) else arg for arg in record.args
            )
        return True


logging.getLogger("urllib3.connectionpool").addFilter(_WithoutQueries())


class _Pace:
    """At most ``rate`` requests a second to one host, whoever asks."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._interval = 1 / rate
        self._clock = clock
        self._lock = threading.Lock()
        self._next: dict[str, float] = {}

    def delay(self, url: str) -> float:
        """Reserve the next free moment and return the seconds until then; 0 for loopback."""
        if _answers.is_loopback(url):
            return 0.0
        host = _answers.host(url)
        with self._lock:
            now = self._clock()
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
    file_rate :
        The same for requests of bytes of files, which are counted apart. A query makes a service
        search; a file server only sends what lies there, and connections that are kept open do not
        ask more of it than a browser does. With the rate of queries a tar of 1,000 files would take
        200 s to look through. 20 a second is a choice, made by no published limit either.
    timeout :
        Seconds to wait for a connection, and for the next bytes.
    """

    def __init__(
        self,
        *,
        retries: int = 4,
        backoff: float = 0.5,
        rate: float = 5.0,
        file_rate: float = 20.0,
        timeout: tuple[float, float] = (10.0, 30.0),
    ) -> None:
        self.retries = retries
        self.backoff = backoff
        self.timeout = timeout
        self._pace, self._file_pace = _Pace(rate), _Pace(file_rate)
        self._live = self._prepared(requests.Session())
        # No proxy lies on the way to this machine; to look for one costs more than the answer.
        self._near = self._prepared(requests.Session())
        self._near.trust_env = False
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
        token: Secret | None = None,
        data: bytes | str | None = None,
        json: Any = None,
        timeout: Timeout | None = None,
        stream: bool = False,
        expect: tuple[int, ...] = (200,),
        idempotent: bool | None = None,
        max_age: float | None = None,
        of_file: bool = False,
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
        of_file :
            Whether bytes of a file are asked for, at the rate of files; anything else is a query.
        progress :
            Whose cancel ends the waiting between attempts.

        Raises
        ------
        InvalidInput, NotLoggedIn, NotAllowed, NotFound, RateLimited
            For the statuses 400, 401, 403, 404 and 429; InvalidInput also for what is no address.
        Unreachable
            If there is no whole answer after all retries; with a silent service, or one whose
            name is not known here, after two attempts.
        BadAnswer
            For any other status that is not expected, and for redirects that lead nowhere.
        """
        _answers.check_address(url)
        sent_headers = dict(headers or {})
        if token is not None:
            sent_headers["Authorization"] = f"Bearer {token.reveal()}"
        private = any(name.lower() in ("authorization", "cookie") for name in sent_headers)
        cached = (
            max_age is not None
            and method == "GET"
            and not (stream or private or _answers.is_loopback(url))
        )
        live = self._near if _answers.is_loopback(url) else self._live
        raw_session = self._with_cache() if cached else live
        if isinstance(timeout, int | float):
            timeout = (self.timeout[0], timeout)
        options: dict[str, Any] = {
            "params": params,
            "headers": sent_headers,
            "data": data,
            "json": json,
            "timeout": timeout or self.timeout,
            "stream": stream,
            # A body may hold a password: it goes to who was asked, and nobody else.
            "allow_redirects": method in ("GET", "HEAD"),
        }
        if cached:
            options["expire_after"] = timedelta(seconds=max_age or 0)

        pace = self._file_pace if of_file else self._pace

        def attempt() -> Response:
            _sleep(pace.delay(url), progress)
            try:
                answer = raw_session.request(method, url, **options)
                if answer.status_code not in expect:
                    with answer:
                        raise _answers.error_of(
                            answer
                        )  # reads the body, which may break off as well
            except _answers.BROKEN as error:
                # Their texts hold the whole address, which may be signed or hold a password.
                if "got more than" in str(error):  # so http.client says it of lines of a header
                    raise BadAnswer(
                        f"{_answers.host(url)} sent a header that is too long.",
                        hint="It is no server of data as others are: check the address.",
                    ) from None
                raise _answers.unreachable(url, error) from None
            except _answers.NOWHERE as error:
                raise BadAnswer(
                    f"{_answers.host(url)} cannot be asked: {type(error).__name__}.",
                    hint="Check the address.",
                ) from None
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
                nowhere = isinstance(error, Unreachable) and error.nowhere
                out_of_patience = (spent > _PATIENCE or nowhere) and not is_first
                if left == 0 or out_of_patience or (asked or 0) > _LONGEST_PAUSE:
                    raise
                seconds = asked if asked is not None else pause * random.uniform(0.5, 1.5)  # noqa: S311
                _log.info("%s Next attempt in %.1f s, %d left.", error, seconds, left)
                problem = str(error)
            _sleep(seconds, progress, f"{problem} Next attempt in {seconds:.0f} s")
            pause = min(2 * pause, _LONGEST_PAUSE / 2)
        raise AssertionError("the last attempt returns or raises")

    def close(self) -> None:
        """Close all connections and the cache."""
        self._live.close()
        self._near.close()
        with self._lock:
            if self._cached is not None:
                self._cached.close()  # type: ignore[no-untyped-call]  # published without types
                self._cached = None


def _no_netrc(request: Any) -> Any:
    """Leave the headers as they are: without this, a ``.netrc`` entry would replace the token."""
    return request


def _sleep(seconds: float, progress: Progress | None, why: str = "") -> None:
    if progress is not None:
        progress.wait(seconds, why=why)
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
