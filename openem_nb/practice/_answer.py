"""Question and answer of the practice services, apart from sockets."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Answer", "Question", "html", "json_answer", "not_found"]


@dataclass(frozen=True)
class Question:
    """One request."""

    method: str
    target: str
    """Path and query as sent, percent-encoded."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    body: bytes = b""

    @property
    def raw_path(self) -> str:
        """Return the path as sent."""
        return self.target.partition("?")[0]

    @property
    def path(self) -> str:
        """Return the path decoded once; a ``+`` stays a plus."""
        return unquote(self.raw_path)

    @property
    def parameters(self) -> dict[str, str]:
        """Return the query parameters; of a repeated one the last."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    def number(self, name: str, default: int) -> int:
        """Return a parameter that is a whole number, ``default`` where it is not one."""
        text = self.parameters.get(name, "")
        return int(text) if text.isdecimal() else default


@dataclass(frozen=True)
class Answer:
    """One response; with ``validators`` (ETag, Last-Modified) a file that can be had in ranges."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    validators: tuple[str, str] | None = None


def json_answer(value: Any, status: int = 200) -> Answer:
    """Return a value as JSON."""
    return Answer(status, json.dumps(value, ensure_ascii=False).encode())


def html(title: str, body: str, status: int = 200) -> Answer:
    """Return a small page; ``body`` is HTML."""
    head = f'<!DOCTYPE html>\n<html lang="en"><head><title>{title}</title></head>'
    page = f"{head}<body>{body}</body></html>\n"
    return Answer(status, page.encode(), "text/html; charset=utf-8")


def not_found(what: str) -> Answer:
    """Return the services' 404 answer."""
    return json_answer({"code": 404, "message": f"{what} was not found", "fields": ""}, 404)
