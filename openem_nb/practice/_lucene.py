"""The part of the Lucene query language that people use with EMDB: text to a tree of clauses.

Words and phrases, ``field:value``, ``field:"..."``, wildcards ``*`` and ``?``, ranges ``[a TO b]``
and ``{a TO b}`` with mixed ends, AND OR NOT (also ``&&``, ``||``, ``!``, ``+``, ``-``), brackets,
``*:*``. Words side by side must all be there. Anything else (boosts, fuzzy words) is an error, as
is whatever does not parse.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["And", "Everything", "Node", "Not", "Or", "QuerySyntaxError", "Range", "Term", "parse"]


class QuerySyntaxError(ValueError):
    """The query does not parse; the message says where."""


@dataclass(frozen=True, slots=True)
class Everything:
    """All entries: ``*:*``."""


@dataclass(frozen=True, slots=True)
class Term:
    """A word, a phrase or a pattern, in one field or (``field`` None) anywhere."""

    field: str | None
    text: str
    """The words; in a pattern, a regular expression."""
    kind: str
    """``word``, ``phrase`` or ``pattern``."""


@dataclass(frozen=True, slots=True)
class Range:
    """Values from ``low`` to ``high``; None is an open end."""

    field: str
    low: str | None
    high: str | None
    with_low: bool
    with_high: bool


@dataclass(frozen=True, slots=True)
class And:
    """All of the parts."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """Any of the parts."""

    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """Everything but the part."""

    part: Node


Node: TypeAlias = Everything | Term | Range | And | Or | Not

_TOKEN: Final = re.compile(
    r"""\s*(?:
      (?P<phrase>"(?:[^"\\]|\\.)*")
    | (?P<range>[\[{](?:[^\[\]{}"\\]|\\.|"(?:[^"\\]|\\.)*")*[\]}])
    | (?P<sign>&&|\|\||[():!])
    | (?P<word>(?:[^\s"\\()\[\]{}:!^~&|]|\\.|&(?!&)|\|(?!\|))+)
    )""",
    re.VERBOSE | re.DOTALL,
)
_BOUND: Final = re.compile(
    r'\s*("(?:[^"\\]|\\.)*"|(?:[^\s"\\]|\\.)+)\s+TO\s+("(?:[^"\\]|\\.)*"|(?:[^\s"\\]|\\.)+)\s*'
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_DEEPEST: Final = 60


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int
    end: int


def _tokens(query: str) -> list[_Token]:
    tokens, at = [], 0
    while query[at:].strip():
        match = _TOKEN.match(query, at)
        if match is None or match.end() == at:
            place = at + len(query[at:]) - len(query[at:].lstrip())
            raise QuerySyntaxError(f'Encountered "{query[place]}" at line 1, column {place}.')
        kind = str(match.lastgroup)
        tokens.append(_Token(kind, match[kind], match.start(kind), match.end()))
        at = match.end()
    return tokens


def _plain(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _word(field: str | None, text: str) -> Node:
    if not re.search(r"(?<!\\)[*?]", text):
        return Term(field, _plain(text), "word")
    pieces = re.split(r"(\\.|[*?])", text)
    pattern = "".join(
        {"*": r"\S*", "?": r"\S"}.get(piece) or re.escape(_plain(piece))
        for piece in pieces
        if piece
    )
    return Term(field, pattern, "pattern")


class _Parser:
    def __init__(self, query: str) -> None:
        self.tokens = _tokens(query)
        self.at = 0
        self.depth = 0

    def peek(self) -> _Token | None:
        return self.tokens[self.at] if self.at < len(self.tokens) else None

    def take(self) -> _Token:
        token = self.peek()
        if token is None:
            raise QuerySyntaxError('Encountered "<EOF>": something is missing at the end.')
        self.at += 1
        return token

    def next_is(self, *texts: str) -> bool:
        token = self.peek()
        return token is not None and token.kind in ("sign", "word") and token.text in texts

    def unexpected(self, token: _Token) -> QuerySyntaxError:
        return QuerySyntaxError(f'Encountered "{token.text}" at line 1, column {token.start}.')

    def any_of(self, field: str | None) -> Node:
        parts = [self.all_of(field)]
        while self.next_is("OR", "||"):
            self.take()
            parts.append(self.all_of(field))
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def all_of(self, field: str | None) -> Node:
        parts = [self.one(field)]
        while self.peek() is not None and not self.next_is(")", "OR", "||"):
            if self.next_is("AND", "&&"):
                self.take()
            parts.append(self.one(field))
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def one(self, field: str | None) -> Node:
        token = self.take()
        if token.kind == "phrase":
            return Term(field, _plain(token.text[1:-1]), "phrase")
        if token.kind == "range":
            return self.range(field, token)
        if token.kind == "word" and token.text not in ("AND", "OR", "NOT"):
            return self.after_word(field, token)
        if token.text in ("NOT", "!"):
            return Not(self.nested(lambda: self.one(field)))
        if token.text == "(":
            inner = self.nested(lambda: self.any_of(field))
            if not self.next_is(")"):
                raise QuerySyntaxError('Encountered "<EOF>": a ")" is missing.')
            self.take()
            return inner
        raise self.unexpected(token)

    def nested(self, parse_part: Callable[[], Node]) -> Node:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise QuerySyntaxError("The query is nested too deeply.")
        part = parse_part()
        self.depth -= 1
        return part

    def after_word(self, field: str | None, token: _Token) -> Node:
        text = token.text
        follower = self.peek()
        if follower is not None and follower.text == ":" and follower.start == token.end:
            name = text.lstrip("+-")
            if field is not None or not name:
                raise self.unexpected(follower)
            self.take()
            return self.in_field(name, negative=text.startswith("-"))
        if text in ("+", "-"):
            part = self.nested(lambda: self.one(field))
            return Not(part) if text == "-" else part
        if len(text) > 1 and text[0] in "+-":
            part = _word(field, text[1:])
            return Not(part) if text[0] == "-" else part
        if text == "*" and field is None:
            return Everything()
        return _word(field, text)

    def in_field(self, name: str, *, negative: bool) -> Node:
        value = self.peek()
        if value is None:
            raise QuerySyntaxError(f'Encountered "<EOF>": "{name}:" has no value.')
        part: Node
        if value.kind == "word" and value.text not in ("AND", "OR", "NOT"):
            self.take()
            part = Everything() if (name, value.text) == ("*", "*") else _word(name, value.text)
        elif value.kind in ("phrase", "range") or value.text == "(":
            part = self.one(name)
        else:
            raise self.unexpected(value)
        return Not(part) if negative else part

    def range(self, field: str | None, token: _Token) -> Node:
        match = _BOUND.fullmatch(token.text[1:-1])
        if match is None or field is None:
            raise self.unexpected(token)
        low, high = (
            None if text == "*" else _plain(text[1:-1] if text.startswith('"') else text)
            for text in match.groups()
        )
        return Range(field, low, high, token.text[0] == "[", token.text[-1] == "]")


def parse(query: str) -> Node:
    """Return the tree of a query.

    Raises
    ------
    QuerySyntaxError
        If the query does not parse.
    """
    parser = _Parser(query)
    if not parser.tokens:
        return Everything()
    tree = parser.any_of(None)
    rest = parser.peek()
    if rest is not None:
        raise parser.unexpected(rest)
    return tree
