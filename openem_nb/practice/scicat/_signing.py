"""Signatures of the object store (AWS version 4): addresses that expire, and lent keys."""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import hmac
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, quote, unquote

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["REGION", "Ask", "Denied", "Lent", "check", "lend", "presigned"]

REGION: Final = "us-east-1"
_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_UNSIGNED: Final = "UNSIGNED-PAYLOAD"
_STAMP: Final = "%Y%m%dT%H%M%SZ"
_OWNER: Final = "PRACTICEARCHIVE"
"""Name of the key with which the archive signs addresses."""
_SKEW: Final = dt.timedelta(minutes=15)


class Denied(Exception):
    """The store refuses: a code as S3 knows it, with words.

    Parameters
    ----------
    status :
        HTTP status.
    code :
        For programs.
    message :
        For people.
    details :
        Further elements of the error document.
    """

    def __init__(
        self, status: int, code: str, message: str, details: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = dict(details or {})


@dataclass(frozen=True)
class Ask:
    """What of a request is signed."""

    method: str
    raw_path: str
    """Path as sent."""
    query: str
    """What follows the question mark, as sent."""
    headers: Mapping[str, str]
    """Names in lower case."""

    @property
    def parameters(self) -> dict[str, str]:
        """Return the parameters decoded."""
        pairs = (part.partition("=")[::2] for part in self.query.split("&") if part)
        return {unquote(name): unquote(value) for name, value in pairs}


@dataclass(frozen=True)
class Lent:
    """Keys for a while, for one data set."""

    access_key: str
    secret_key: str = field(repr=False)
    session_token: str = field(repr=False)
    pid: str
    operation: str
    """``read`` or ``write``."""
    expires: dt.datetime


def presigned(secret: str, base: str, key: str, *, signed: dt.datetime, seconds: int) -> str:
    """Return an address that lets anyone read an object until it expires.

    Parameters
    ----------
    secret :
        Of the archive's own key.
    base :
        Address of the bucket, without a slash at the end.
    key :
        Name of the object.
    signed :
        When it was signed.
    seconds :
        How long it is good from then on.
    """
    scheme, _, rest = base.partition("://")
    host, _, folder = rest.partition("/")
    path = "/" + quote(f"{unquote(folder)}/{key}", safe="/-_.~")
    stamp = signed.astimezone(dt.UTC).strftime(_STAMP)
    scope = _scope(stamp)
    parameters = {
        "X-Amz-Algorithm": _ALGORITHM,
        "X-Amz-Credential": f"{_OWNER}/{scope}",
        "X-Amz-Date": stamp,
        "X-Amz-Expires": str(seconds),
        "X-Amz-SignedHeaders": "host",
    }
    query = "&".join(f"{name}={quote(value, safe='-_.~')}" for name, value in parameters.items())
    ask = Ask("GET", path, query, {"host": host})
    signature = _signature(secret, ask, ("host",), stamp, _UNSIGNED)
    return f"{scheme}://{host}{path}?{query}&X-Amz-Signature={signature}"


def lend(secret: str, pid: str, operation: str, *, expires: dt.datetime) -> Lent:
    """Return keys that open one data set until they expire."""
    facts = {"pid": pid, "operation": operation, "until": expires.timestamp()}
    name = hmac.new(secret.encode(), json.dumps(facts).encode(), hashlib.sha256).hexdigest()
    access_key = f"ASIA{name[:16].upper()}"
    text = base64.urlsafe_b64encode(json.dumps({**facts, "key": access_key}).encode()).decode()
    token = f"{text}.{_seal(secret, text)}"
    return Lent(access_key, _lent_secret(secret, access_key), token, pid, operation, expires)


def check(secret: str, ask: Ask, *, now: dt.datetime) -> Lent | None:
    """Return the lent keys of a signed request; None for a presigned address of the archive.

    Raises
    ------
    Denied
        If the request is not signed, wrongly signed or too late.
    """
    if "X-Amz-Signature" in ask.parameters:
        _check_address(secret, ask, now)
        return None
    if "authorization" in ask.headers:
        return _check_header(secret, ask, now)
    raise Denied(403, "AccessDenied", "Access Denied")


def _check_address(secret: str, ask: Ask, now: dt.datetime) -> None:
    values = ask.parameters
    try:
        signed = dt.datetime.strptime(values["X-Amz-Date"], _STAMP).replace(tzinfo=dt.UTC)
        seconds = int(values["X-Amz-Expires"])
        names = tuple(values["X-Amz-SignedHeaders"].split(";"))
        key = values["X-Amz-Credential"].partition("/")[0]
    except (KeyError, ValueError) as error:
        words = "Query-string authentication version 4 requires more parameters"
        raise Denied(400, "AuthorizationQueryParametersError", words) from error
    if key != _OWNER:
        raise Denied(403, "InvalidAccessKeyId", "The access key does not exist in our records.")
    unsigned = "&".join(
        part for part in ask.query.split("&") if not part.startswith("X-Amz-Signature=")
    )
    asked = Ask(ask.method, ask.raw_path, unsigned, ask.headers)
    expected = _signature(secret, asked, names, values["X-Amz-Date"], _UNSIGNED)
    if not hmac.compare_digest(expected, values["X-Amz-Signature"]):
        raise _wrong_signature()
    expires = signed + dt.timedelta(seconds=seconds)
    if now >= expires:
        details = {
            "X-Amz-Expires": str(seconds),
            "Expires": expires.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "ServerTime": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        }
        raise Denied(403, "AccessDenied", "Request has expired", details)


def _check_header(secret: str, ask: Ask, now: dt.datetime) -> Lent:
    method, _, rest = ask.headers["authorization"].partition(" ")
    values = dict(part.strip().partition("=")[::2] for part in rest.split(","))
    stamp = ask.headers.get("x-amz-date", "")
    try:
        moment = dt.datetime.strptime(stamp, _STAMP).replace(tzinfo=dt.UTC)
        access_key = values["Credential"].partition("/")[0]
        names = tuple(values["SignedHeaders"].split(";"))
        signature = values["Signature"]
    except (KeyError, ValueError) as error:
        raise Denied(400, "AuthorizationHeaderMalformed", "The header is malformed.") from error
    if method != _ALGORITHM:
        raise Denied(400, "InvalidRequest", "Please use AWS4-HMAC-SHA256.")
    lent = _opened(secret, ask.headers.get("x-amz-security-token", ""))
    if lent is None or lent.access_key != access_key:
        raise Denied(403, "InvalidAccessKeyId", "The access key does not exist in our records.")
    payload = ask.headers.get("x-amz-content-sha256", _UNSIGNED)
    if not hmac.compare_digest(_signature(lent.secret_key, ask, names, stamp, payload), signature):
        raise _wrong_signature()
    if now >= lent.expires:
        raise Denied(400, "ExpiredToken", "The provided token has expired.")
    if abs(moment - dt.datetime.now(dt.UTC)) > _SKEW:
        raise Denied(403, "RequestTimeTooSkewed", "The difference of the clocks is too large.")
    return lent


def _opened(secret: str, token: str) -> Lent | None:
    """Return what a session token says, None if it is not one of ours."""
    text, _, seal = token.partition(".")
    if not hmac.compare_digest(seal, _seal(secret, text)):
        return None
    try:
        facts: dict[str, Any] = json.loads(base64.urlsafe_b64decode(text))
    except (ValueError, binascii.Error):
        return None
    until = dt.datetime.fromtimestamp(facts["until"], dt.UTC)
    key = str(facts["key"])
    return Lent(key, _lent_secret(secret, key), token, facts["pid"], facts["operation"], until)


def _seal(secret: str, text: str) -> str:
    return hmac.new(secret.encode(), f"token {text}".encode(), hashlib.sha256).hexdigest()


def _lent_secret(secret: str, access_key: str) -> str:
    return hmac.new(secret.encode(), f"key {access_key}".encode(), hashlib.sha256).hexdigest()[:40]


def _wrong_signature() -> Denied:
    words = "The request signature we calculated does not match the signature you provided."
    return Denied(403, "SignatureDoesNotMatch", words)


def _scope(stamp: str) -> str:
    return f"{stamp[:8]}/{REGION}/s3/aws4_request"


def _signature(secret: str, ask: Ask, names: tuple[str, ...], stamp: str, payload: str) -> str:
    """Return the signature of a request with these headers signed."""
    pairs = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in parse_qsl(ask.query.replace("+", "%2B"), keep_blank_values=True)
    )
    canonical = "\n".join(
        (
            ask.method,
            quote(unquote(ask.raw_path), safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in pairs),
            *(f"{name}:{' '.join(ask.headers.get(name, '').split())}" for name in names),
            "",
            ";".join(names),
            payload,
        )
    )
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    text = "\n".join((_ALGORITHM, stamp, _scope(stamp), digest))
    key = f"AWS4{secret}".encode()
    for word in (stamp[:8], REGION, "s3", "aws4_request"):
        key = hmac.new(key, word.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
