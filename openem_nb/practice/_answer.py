"""Question and answer of the practice services, apart from sockets."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["Answer", "Question", "Source", "html", "json_answer", "not_found"]


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


class Source(Protocol):
    """What is read while it is sent, however large it is."""

    @property
    def size(self) -> int:
        """Return the number of bytes."""

    def read(self, start: int = 0, end: int | None = None) -> Iterator[bytes | memoryview]:
        """Yield the bytes from ``start`` up to ``end``, in pieces of any size."""


@dataclass(frozen=True)
class Answer:
    """One response; with ``validators`` (ETag, Last-Modified) a file that can be had in ranges."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    validators: tuple[str, str] | None = None
    source: Source | None = None
    """In place of ``body`` for what is too large for memory."""
    part: tuple[int, int] | None = None
    """The bytes of ``source`` to be sent; None for all."""

    @property
    def length(self) -> int:
        """Return the number of bytes that are sent."""
        if self.source is None:
            return len(self.body)
        start, end = self.part or (0, self.source.size)
        return end - start

    def cut(self, start: int, end: int, headers: Mapping[str, str], status: int) -> Answer:
        """Return the answer with a part of its bytes."""
        if self.source is None:
            return Answer(status, self.body[start:end], self.content_type, headers)
        return Answer(
            status, b"", self.content_type, headers, source=self.source, part=(start, end)
        )

    def pieces(self, count: int) -> Iterator[bytes | memoryview]:
        """Yield the first ``count`` bytes that are sent."""
        if self.source is None:
            yield self.body[:count]
        else:
            start = self.part[0] if self.part else 0
            yield from self.source.read(start, start + count)


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
