"""Error answers in the shapes that the services' framework gives them."""

from __future__ import annotations

import json
from typing import Any

from openem_nb.practice._answer import Answer, json_answer

__all__ = [
    "Refused",
    "bad_request",
    "bare_string",
    "conflict",
    "empty",
    "forbidden",
    "nest",
    "not_found",
    "old_validation",
    "status_message",
    "unauthorized",
]


class Refused(Exception):
    """A request that is answered with an error; raised anywhere below a handler."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def nest(status: int, message: Any, error: str | None = None) -> Answer:
    """Return ``{"message", "error", "statusCode"}``."""
    body = {"message": message} | ({"error": error} if error else {}) | {"statusCode": status}
    return json_answer(body, status)


def bad_request(message: str | list[str]) -> Answer:
    """Return 400 with a text or a list of texts."""
    return nest(400, message, "Bad Request")


def forbidden(message: str = "Forbidden resource") -> Answer:
    """Return 403 of the guard, or of one document."""
    return nest(403, message, "Forbidden")


def unauthorized(message: str = "Unauthorized") -> Answer:
    """Return 401."""
    return nest(401, message)


def not_found(message: str) -> Answer:
    """Return 404."""
    return nest(404, message, "Not Found")


def conflict(message: str) -> Answer:
    """Return 409."""
    return nest(409, message, "Conflict")


def bare_string(status: int, text: str) -> Answer:
    """Return an error whose whole body is one JSON string."""
    return json_answer(text, status)


def status_message(status: int, message: str) -> Answer:
    """Return ``{"status", "message"}``, as the jobs do."""
    return json_answer({"status": status, "message": message}, status)


def old_validation(problems: list[tuple[str, str, str]]) -> Answer:
    """Return 400 of the v3 data sets: JSON in a string. Problems: property, rule, words."""
    listed = [
        {"property": name, "children": [], "constraints": {rule: words}}
        for name, rule, words in problems
    ]
    return status_message(400, json.dumps(listed))


def empty(status: int = 200) -> Answer:
    """Return an answer without a body."""
    return Answer(status, b"")
