"""One SciCat instance as this user sees it: addresses, the token, and errors in words.

The backend never says "your token is no good". One flavour answers 401 to everything, the other
treats the request as anonymous and answers with public data only; a token with a wrong signature is
ignored by both. So the expiry is read here before each request and compared with the service's own
clock after it, and a token is shown to ``auth/whoami`` before its first answer is believed, and
again whenever an answer is empty.
"""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, urlsplit

from openem_nb import http, settings, tokens
from openem_nb._payload import ask_twice
from openem_nb.errors import (
    BadAnswer,
    InvalidInput,
    NotAllowed,
    NotFound,
    NotLoggedIn,
    OpenEMError,
)
from openem_nb.scicat._problems import bare, expired, in_words

if TYPE_CHECKING:
    from pyscicat.client import ScicatClient

    from openem_nb.jobs import Progress
    from openem_nb.settings import Profile
    from openem_nb.tokens import Secret

__all__ = ["Connection", "Identity", "connection", "quoted"]

Params = Mapping[str, Any] | Sequence[tuple[str, Any]]

_PARALLEL: Final = 4
"""Requests at the same time to one instance: it is shared with everybody else."""
_LONGEST_URL: Final = 7500
"""Characters of an address; proxies refuse a request line above 8 kB with an empty answer."""
_MARGIN: Final = timedelta(seconds=2)
"""A token with less life than this is not sent any more."""
_BELIEVED: Final = 600.0
"""Seconds for which a token counts as accepted after ``whoami`` knew it."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who is logged in to an instance."""

    username: str
    email: str
    groups: tuple[str, ...]
    """Groups at the last log-in; a new membership shows only after the next one."""
    display_name: str
    """The name for people; the user name where the instance has no other."""
    expires: datetime | None
    """When the log-in runs out; there is no way to prolong it."""
    profile: str
    """The profile of the instance."""

    @property
    def words(self) -> str:
        """Who, which groups and until when, in one sentence."""
        groups = ", ".join(self.groups) or "no groups"
        end = f", logged in until {self.expires:%Y-%m-%d %H:%M} UTC" if self.expires else ""
        return f"{self.display_name} ({groups}){end}"


def quoted(name: str) -> str:
    """Return an identifier as one segment of a path: its slash must arrive as ``%2F``.

    Raises
    ------
    InvalidInput
        If it cannot be an identifier.
    """
    text = name.strip() if isinstance(name, str) else ""
    if text.strip(".") == "" or any(ord(letter) < 32 for letter in text):
        raise InvalidInput(
            f"{name!r} is not an identifier.", hint="It looks like 20.500.11935/0f6f2a5c-...."
        )
    return quote(text, safe="", errors="replace")


class Connection:
    """One instance as this user sees it.

    The stored token of the profile is looked up for each request and sent as a header, to the
    address of this instance only. Safe to use from many threads; at most four requests run at the
    same time, over all connections of this process to the instance.

    Parameters
    ----------
    profile :
        The instance, with its address: see :func:`openem_nb.settings.catalogue`.
    anonymous :
        Ask as nobody, even if somebody is logged in.
    """

    def __init__(self, profile: Profile, *, anonymous: bool = False) -> None:
        address = (profile.scicat_api or "").rstrip("/")
        root, _, last = address.rpartition("/")
        if last not in ("v3", "v4"):
            raise InvalidInput(
                f"The profile {profile.name} has no usable address of SciCat's API: {address!r}.",
                hint="It ends in /api/v3, as in https://scicat.example.ch/api/v3.",
            )
        self.profile: Final = profile
        self.anonymous: Final = anonymous
        self._root = root
        self._gate = _gate(root)

    def __repr__(self) -> str:
        return f"Connection({self.profile.name!r})"

    def get(
        self,
        path: str,
        *,
        params: Params | None = None,
        version: int = 3,
        headers: Mapping[str, str] | None = None,
        progress: Progress | None = None,
    ) -> Any:
        """Return the JSON answer to a GET request; None where the body is empty.

        Parameters
        ----------
        path :
            Below the version of the API: ``datasets/count``; identifiers through :func:`quoted`.
        params :
            Query, by name or as pairs; values that are no text are written as JSON.
        version :
            Version of the API, 3 or 4.

        Raises
        ------
        TokenExpired, NotLoggedIn
            If the token has run out or is not accepted, rather than an answer with public data
            only.
        NotAllowed, NotFound, InvalidInput, Conflict, BadAnswer, Unreachable
            For what the service says, with its words in ``.said``.
        """
        token = self._token()
        if token is not None:
            self._confirm(token)
        began = time.monotonic()
        try:
            answer = ask_twice(
                lambda: _json(
                    self._request(
                        "GET", path, token=token, params=params, version=version,
                        headers=headers, progress=progress,
                    )
                )
            )  # fmt: skip
        except (NotFound, NotAllowed):
            if token is not None:  # hidden, or not there? It may be the token that is no good
                self._confirm(token, since=began)
            raise
        if token is not None and _is_empty(answer):
            self._confirm(token, since=began)
        return answer

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        version: int = 3,
        headers: Mapping[str, str] | None = None,
        expect: tuple[int, ...] = (200, 201),
    ) -> Any:
        """Send a request that changes something, exactly once; return the JSON answer or None.

        Raises
        ------
        Unreachable
            If the answer got lost: what was asked for may have been done nevertheless.
        OpenEMError
            As for :meth:`get`.
        """
        answer = self._request(
            method, path, token=self._token(), version=version, headers=headers, body=body,
            expect=expect,
        )  # fmt: skip
        return _json(answer)

    def identity(self) -> Identity | None:
        """Return who is logged in, None if nobody is.

        Raises
        ------
        TokenExpired, NotLoggedIn
            If a token is stored that is no good any more.
        """
        token = self._token()
        return None if token is None else self._confirm(token)

    def check(self, token: Secret) -> Identity:
        """Return whose token this is, as the service says now.

        Raises
        ------
        TokenExpired, NotLoggedIn
            If it is no good here.
        """
        self._check_expiry(token, datetime.now(UTC) + _MARGIN)
        return self._confirm(token, since=time.monotonic())

    def pyscicat(self) -> ScicatClient:
        """Return the community's client, ``pyscicat.client.ScicatClient``, logged in as you are.

        Good for what this package does not do: creating data sets, file blocks and samples from
        its models (``RawDataset``, ``CreateDatasetOrigDatablockDto``, ``Sample``). Its limits, as
        of 0.4.8:

        - it puts the token into the address of each request as well, where servers log it;
        - lists stop at 100 rows without a word, conditions with ``&``, ``#`` or ``+`` are cut off;
        - ``datasets_update`` sends fields that the service refuses: use ``scicat.update``;
        - an expired token gets public data only; it is checked here, once, for the client.

        Raises
        ------
        NotLoggedIn, TokenExpired
            If there is no log-in that is good now.
        """
        from pyscicat.client import ScicatClient

        token = self._token()
        if token is None:
            raise NotLoggedIn(
                f"Nobody is logged in to {self.profile.name}.",
                hint=f'Log in with openem.login("{self.profile.name}").',
            )
        self.check(token)
        return ScicatClient(f"{self._root}/v3/", token=token.reveal(), timeout_seconds=60)

    def page(self, pid: str) -> str:
        """Return the address of a data set's page in the web interface; empty if there is none."""
        site = self.profile.scicat_site
        return f"{site.rstrip('/')}/datasets/{quoted(pid)}" if site else ""

    # -- the token ---------------------------------------------------------------------------------

    def _token(self) -> Secret | None:
        token = None if self.anonymous else tokens.find(self.profile.name)
        if token is not None:
            self._check_expiry(token, datetime.now(UTC) + _MARGIN)
        return token

    def _check_expiry(self, token: Secret, now: datetime) -> None:
        end = tokens.expires(token)
        if end is not None and end <= now:
            raise expired(self.profile.name, f" at {end:%H:%M} UTC on {end:%Y-%m-%d}")

    def _confirm(self, token: Secret, *, since: float | None = None) -> Identity:
        """Return whose token this is, as the service has said since that moment.

        By default what it said some minutes ago is believed.
        """
        key = self._key(token)
        known = _known.get(key)
        now = time.monotonic()
        if known is not None and known[1] > (now - _BELIEVED if since is None else since):
            return known[0]
        found = self._whoami(token)
        _known[key] = (found, now)
        return found

    def _key(self, token: Secret) -> tuple[str, bytes]:
        return self._root, hashlib.sha256(token.reveal().encode()).digest()

    def _whoami(self, token: Secret) -> Identity:
        name = self.profile.name
        try:
            answer = _json(self._request("GET", "auth/whoami", token=token))
        except NotFound as error:  # every backend of today has this route
            raise BadAnswer(
                f"{urlsplit(self._root).netloc} is not a SciCat backend that can be used here.",
                hint="The address is that of the API of release 4 or newer, not of an older server "
                "or of the web interface.",
            ) from error
        if not isinstance(answer, dict) or not answer.get("username"):
            raise NotLoggedIn(
                f"{name} does not accept the stored token.",
                hint=f'A token is good for one instance only. Log in with openem.login("{name}"), '
                f'or forget it with openem.logout("{name}") to see public data only.',
            )
        groups = answer.get("currentGroups") or []
        username = str(answer["username"])
        return Identity(
            username=username,
            email=str(answer.get("email") or ""),
            groups=tuple(str(group) for group in groups if group),
            display_name=self._display_name(token) or username,
            expires=tokens.expires(token),
            profile=name,
        )

    def _display_name(self, token: Secret) -> str:
        try:
            answer = _json(self._request("GET", "users/my/identity", token=token))
        except OpenEMError:  # a nicety that no log-in shall fail for
            return ""
        profile = answer.get("profile") if isinstance(answer, dict) else None
        return str(profile.get("displayName") or "") if isinstance(profile, dict) else ""

    # -- requests ----------------------------------------------------------------------------------

    def _address(self, path: str, params: Params | None, version: int) -> str:
        address = f"{self._root}/v{version}/{path.lstrip('/')}"
        if params:
            pairs = (
                f"{quote(name, safe='')}={quote(_text(value), safe='', errors='replace')}"
                for name, value in (params.items() if isinstance(params, Mapping) else params)
            )
            address = f"{address}?{'&'.join(pairs)}"
        if len(address) > _LONGEST_URL:
            raise InvalidInput(
                f"The question is too long for the service ({len(address):,} characters).",
                hint="Ask with fewer words, conditions or identifiers at a time.",
            )
        return address

    def _request(
        self,
        method: str,
        path: str,
        *,
        token: Secret | None,
        params: Params | None = None,
        version: int = 3,
        headers: Mapping[str, str] | None = None,
        body: Any = None,
        expect: tuple[int, ...] = (200,),
        progress: Progress | None = None,
    ) -> http.Response:
        address = self._address(path, params, version)
        answer: http.Response | None = None
        problem: BaseException
        try:
            with self._gate:
                answer = http.session().request(
                    method,
                    address,
                    headers={"Accept": "application/json", **(headers or {})},
                    token=token,
                    json=body,
                    expect=expect,
                    progress=progress,
                )
        except OpenEMError as error:
            is_log_in = path.startswith(("auth/login", "auth/ldap"))  # its refusals are its own
            known = None if token is None else _known.get(self._key(token))
            problem = (
                error
                if is_log_in
                else in_words(
                    error,
                    self.profile.name,
                    token=token is not None,
                    who=known[0].words if known else "",
                )
            )
        except KeyboardInterrupt as error:
            problem = error
        if answer is None:
            # Raised out here, where Python adds no context: the one above holds the headers.
            raise bare(problem)
        if urlsplit(answer.url).netloc != urlsplit(address).netloc:  # the token stayed behind
            raise BadAnswer(
                f"{urlsplit(address).netloc} sends requests on to {urlsplit(answer.url).netloc}.",
                hint="Set the address of the profile to where the service is now.",
            )
        if token is not None and (moment := _date_of(answer)) is not None:
            self._check_expiry(token, moment)
        return answer


def connection(profile: str | None = None, *, anonymous: bool = False) -> Connection:
    """Return a connection to the SciCat of a profile, or of the active one.

    Raises
    ------
    InvalidInput
        If there is no such profile, or it has no SciCat.
    """
    return Connection(settings.catalogue(profile), anonymous=anonymous)


_known: dict[tuple[str, bytes], tuple[Identity, float]] = {}
"""Whose tokens were accepted, and when; by a hash, so that no token is kept here."""
_gates: dict[str, threading.BoundedSemaphore] = {}
_gates_lock = threading.Lock()


def _gate(root: str) -> threading.BoundedSemaphore:
    with _gates_lock:
        return _gates.setdefault(root, threading.BoundedSemaphore(_PARALLEL))


def _json(answer: http.Response) -> Any:
    return answer.json() if answer.content.strip() else None


def _is_empty(answer: Any) -> bool:
    return not answer or answer == {"count": 0}


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidInput(f"The question cannot be written as JSON: {error}.") from error


def _date_of(answer: http.Response) -> datetime | None:
    """Return what the service's own clock says."""
    try:
        moment = parsedate_to_datetime(answer.headers.get("Date", ""))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
