"""Log-in, identity and health."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from openem_nb.practice._answer import json_answer
from openem_nb.practice.scicat._generate import moment
from openem_nb.practice.scicat._routes import Request, Route
from openem_nb.practice.scicat._shapes import (
    Refused,
    bare_string,
    empty,
    forbidden,
    nest,
    unauthorized,
)

if TYPE_CHECKING:
    from openem_nb.practice._answer import Answer
    from openem_nb.practice.scicat._users import User
    from openem_nb.practice.scicat.service import ScicatService

__all__ = ["routes"]


def routes(service: ScicatService) -> list[Route]:
    """Return the routes of this theme."""
    found = [
        Route("POST", 3, "auth/login", _login),
        Route("POST", 3, "auth/ldap", _no_ldap),
        Route("POST", 3, "auth/msad", _no_ldap),
        Route("GET", 3, "auth/whoami", _whoami),
        Route("POST", 3, "auth/logout", _logout),
        Route("POST", 3, "users/logout", _logout),
        Route("GET", 3, "users/my/self", _self),
        Route("GET", 3, "users/my/identity", _identity),
        Route("GET", 3, "users/my/settings", _settings),
        Route("GET", 3, "users/{id}/userIdentity", _identity_of),
        Route("POST", 3, "users/{id}/jwt", _token_for),
        Route("GET", 3, "health", _health),
    ]
    if service.flavour == "psi5":
        found.append(Route("POST", 3, "auth/oidc/token", _Throttled()))
    return found


def _login(request: Request) -> Answer:
    kind = request.question.headers.get("content-type", "")
    given = (
        dict(parse_qsl(request.question.body.decode()))
        if kind.startswith("application/x-www-form-urlencoded")
        else request.body
    )
    name, word = given.get("username"), given.get("password")
    user = request.service.users.find(str(name), str(word))
    return unauthorized() if user is None else _token_object(request, user)


def _token_object(request: Request, user: User) -> Answer:
    users = request.service.users
    token, life = users.token(user.username), int(users.token_seconds)
    return json_answer(
        {
            "access_token": token,
            "id": token,
            "expires_in": life,
            "ttl": life,
            "created": moment(request.service.clock()),
            "userId": user.id,
            "user": {
                "_id": user.id,
                "id": user.id,
                "username": user.username,
                "email": user.email,
                "authStrategy": "local",
            },
        },
        201,
    )


def _no_ldap(request: Request) -> Answer:
    return bare_string(500, "Internal server error")


class _Throttled:
    """Exchange of an identity token: any ``practice:<name>``, once a second."""

    def __init__(self) -> None:
        self._last = float("-inf")

    def __call__(self, request: Request) -> Answer:
        now = time.monotonic()
        if now - self._last < 1:
            return bare_string(429, "ThrottlerException: Too Many Requests")
        self._last = now
        name = str(request.body.get("idToken", "")).removeprefix("practice:")
        user = request.service.users.people.get(name)
        if user is None:
            return nest(401, "Invalid idToken: jwt malformed", "Unauthorized")
        return _token_object(request, user)


def _whoami(request: Request) -> Answer:
    user = request.user
    if user is None:
        return empty()
    return json_answer(
        {
            "_id": user.id,
            "username": user.username,
            "email": user.email,
            "currentGroups": list(user.groups),
            "authStrategy": "local",
        }
    )


def _logout(request: Request) -> Answer:
    return json_answer({"logout": "successful"})


def _mine(request: Request) -> User:
    if request.user is None:
        raise Refused(nest(401, "Unauthenticated", "Unauthorized"))
    return request.user


def _self(request: Request) -> Answer:
    user = _mine(request)
    return json_answer(
        {
            "id": user.id,
            "username": user.username,
            "email": user.email,
            "emailVerified": True,
            "authStrategy": "local",
        }
    )


def _identity(request: Request) -> Answer:
    return json_answer(_identity_document(_mine(request)))


def _identity_of(request: Request) -> Answer:
    user = request.user
    if user is None or not (user.admin or user.id == request.parts["id"]):
        return forbidden()
    people = request.service.users.people.values()
    found = next((person for person in people if person.id == request.parts["id"]), None)
    return empty() if found is None else json_answer(_identity_document(found))


def _identity_document(user: User) -> dict[str, Any]:
    since = "2024-01-08T08:00:00.000Z"
    return {
        "authStrategy": "local",
        "credentials": {},
        "externalId": hashlib.sha1(user.email.encode()).hexdigest(),  # noqa: S324
        "provider": "local",
        "userId": user.id,
        "created": since,
        "modified": since,
        "profile": {
            "displayName": user.username,
            "email": user.email,
            "username": user.username,
            "id": user.id,
            "emails": [{"value": user.email}],
            "thumbnailPhoto": "error: no photo found",
            "accessGroups": list(user.groups),
            "oidcClaims": {},
        },
    }


def _settings(request: Request) -> Answer:
    return json_answer({"userId": _mine(request).id, "externalSettings": {}})


def _token_for(request: Request) -> Answer:
    if request.user is None or not request.user.admin:
        return forbidden()
    users = request.service.users
    person = next((one for one in users.people.values() if one.id == request.parts["id"]), None)
    if person is None:
        return nest(404, "User not found", "Not Found")
    life = request.body.get("expiresIn")
    seconds = 1e9 if life == "never" else float(life or users.token_seconds)
    return json_answer({"jwt": users.token(person.username, seconds=seconds)}, 201)


def _health(request: Request) -> Answer:
    return json_answer({"status": "ok", "info": {}, "error": {}, "details": {}})
