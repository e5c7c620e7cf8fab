"""The people of a practice SciCat, their tokens and what they may do."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from openem_nb.practice.scicat._shapes import Refused, nest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openem_nb.practice._answer import Question
    from openem_nb.practice.scicat.service import ScicatService

__all__ = ["PASSWORD", "User", "Users", "can_edit", "can_open", "can_see"]

PASSWORD: Final = "practice"  # noqa: S105  (of invented people)


@dataclass(frozen=True)
class User:
    """A person or a program with an account."""

    username: str
    email: str
    groups: tuple[str, ...]
    creates: bool = False
    """May create and change data sets of its groups."""
    deletes: bool = False
    privileged: bool = False
    """May create for any group and with an own PID."""
    admin: bool = False

    @property
    def id(self) -> str:
        """Return the id of the account, 24 hexadecimal digits."""
        return hashlib.sha1(self.username.encode()).hexdigest()[:24]  # noqa: S324


def _people(letter: str) -> list[User]:
    def group(*numbers: int) -> tuple[str, ...]:
        return tuple(f"{letter}{number}" for number in numbers)

    def mail(name: str) -> str:
        return f"{name}@practice.example"

    return [
        User("ada", mail("ada"), ("emf-krios", *group(20001, 20002)), creates=True),
        User("ben", mail("ben"), group(20003), creates=True),
        User("reader", mail("reader"), group(20001)),
        User("curator", mail("curator"), group(20001, 20002, 20003, 20004), creates=True),
        User("archiveManager", mail("archive"), ("archivemanager",), deletes=True, privileged=True),
        User("ingestor", mail("ingestor"), ("ingestor",), creates=True, privileged=True),
        User(
            "admin",
            mail("admin"),
            ("admin",),
            creates=True,
            deletes=True,
            privileged=True,
            admin=True,
        ),
    ]


class Users:
    """Accounts and tokens of one instance."""

    def __init__(self, service: ScicatService) -> None:
        self._service = service
        letter = "p" if service.flavour == "psi5" else "g"
        self.people = {user.username: user for user in _people(letter)}
        self._at_log_in: dict[str, tuple[str, ...]] = {}
        self.token_seconds = 3600.0
        """Life of a token."""

    def find(self, username: str, password: str) -> User | None:
        """Return who logs in with a password."""
        if password != PASSWORD:
            return None
        self._at_log_in.pop(username, None)
        return self.people.get(username)

    def token(self, username: str, *, seconds: float | None = None) -> str:
        """Return a token that ends after so many seconds; negative for one that has ended."""
        user = self.people[username]
        now = int(self._service.clock().timestamp())
        life = int(self.token_seconds if seconds is None else seconds)
        payload = {
            "_id": user.id,
            "username": user.username,
            "email": user.email,
            "authStrategy": "local",
            "iat": min(now, now + life),
            "exp": now + life,
        }
        return _signed(payload, self._secret)

    def authenticate(self, question: Question) -> User | None:
        """Return who asks; nobody where the token is missing or no good.

        Raises
        ------
        Refused
            The psi5 flavour refuses an expired token on every route.
        """
        text = question.headers.get("authorization", "") or question.parameters.get(
            "access_token", ""
        )
        if not text.startswith("Bearer "):
            return None
        claims = _checked(text[7:], self._secret)
        if claims is None:
            return None
        if claims["exp"] <= self._service.clock().timestamp():
            if self._service.flavour == "psi5":
                raise Refused(nest(401, "SESSION_EXPIRED", "Unauthorized"))
            return None
        user = self.people.get(claims["username"])
        return user and replace(user, groups=self._at_log_in.get(user.username, user.groups))

    def join(self, username: str, *groups: str) -> None:
        """Put a person into further groups; the service notices at the next log-in."""
        user = self.people[username]
        self._at_log_in.setdefault(username, user.groups)
        self.people[username] = replace(user, groups=(*user.groups, *groups))

    @property
    def _secret(self) -> bytes:
        return self._service.store.setting("jwt", secrets.token_hex(32)).encode()


def _packed(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _signed(payload: Mapping[str, Any], secret: bytes) -> str:
    parts = ({"alg": "HS256", "typ": "JWT"}, payload)
    text = ".".join(_packed(json.dumps(part).encode()) for part in parts)
    return f"{text}.{_packed(hmac.digest(secret, text.encode(), 'sha256'))}"


def _checked(token: str, secret: bytes) -> dict[str, Any] | None:
    text, _, signature = token.rpartition(".")
    right = _packed(hmac.digest(secret, text.encode(), "sha256"))
    if not text or not hmac.compare_digest(signature.encode(), right.encode()):
        return None
    middle = text.split(".")[1]
    claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(middle + "=" * (-len(middle) % 4)))
    return claims


def can_open(user: User | None, document: Mapping[str, Any]) -> bool:
    """Return whether a document can be read by its address: by owners, their guests, or anyone."""
    if document.get("isPublished"):
        return True
    if user is None:
        return False
    return (
        user.admin
        or user.deletes
        or document.get("ownerGroup") in user.groups
        or not set(document.get("accessGroups") or ()).isdisjoint(user.groups)
    )


def can_see(user: User | None, document: Mapping[str, Any]) -> bool:
    """Return whether a document stands in the lists of a user: also if shared by e-mail."""
    return can_open(user, document) or (
        user is not None and user.email in (document.get("sharedWith") or ())
    )


def can_edit(user: User | None, document: Mapping[str, Any]) -> bool:
    """Return whether a user may change a document."""
    return user is not None and (
        user.admin
        or user.privileged
        or (user.creates and document.get("ownerGroup") in user.groups)
    )
