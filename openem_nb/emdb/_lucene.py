"""Lucene queries for EMDB: building them from fields, and finding mistakes before they are sent."""

from __future__ import annotations

import math
import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Final, TypeVar

from openem_nb._payload import read_date
from openem_nb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["METHODS", "any_of", "check", "query"]

METHODS: Final = (
    "singleParticle",
    "subtomogramAveraging",
    "tomography",
    "helical",
    "electronCrystallography",
)
"""The methods that EMDB distinguishes, in its own spelling."""

T = TypeVar("T")
Day = date | str | int
Span = tuple[Day | None, Day | None]

_OPERATORS: Final = ("AND", "OR", "NOT", "&&", "||")
_TOKEN = re.compile(
    r"""\s*(?:
      (?P<quote>"(?:[^"\\]|\\.)*"?)
    | (?P<range>[\[{](?:"(?:[^"\\]|\\.)*"|[^\]}"\[{])*[\]}]?)
    | (?P<open>\()
    | (?P<close>\))
    | (?P<stray>[\]}])
    | (?P<word>(?:[^\s"()\[\]{}\\]|\\.)+)
    | (?P<escape>\\)
    )""",
    re.VERBOSE | re.DOTALL,
)
_RANGE = re.compile(
    r"[\[{]\s*(?:\"[^\"]*\"|\S+)\s+TO\s+(?:\"[^\"]*\"|[^\s\]}]+)\s*[\]}]", re.DOTALL
)


def query(
    text: str = "",
    *,
    resolution: tuple[float | None, float | None] | None = None,
    organism: str | Sequence[str] | None = None,
    method: str | Sequence[str] | None = None,
    funder: str | Sequence[str] | None = None,
    microscope: str | Sequence[str] | None = None,
    author: str | Sequence[str] | None = None,
    deposited: Span | int | None = None,
    released: Span | int | None = None,
    status: str | Sequence[str] | None = "REL",
    raw_data: bool | None = None,
) -> str:
    """Return the Lucene query for what a person asks; all conditions hold together.

    Several values for one field mean any of them.

    Parameters
    ----------
    text :
        Words, ``"a phrase"`` or a piece of Lucene (``TRPM8 AND NOT apo``), as typed.
    resolution :
        Best and worst resolution in angstrom, both included; None leaves a side open.
    organism :
        Name of the natural source, or its NCBI taxonomy number in digits.
    method :
        One of :data:`METHODS`; case and blanks do not matter.
    funder :
        Words of a funding statement. EMDB has no search field for funding: this looks for the
        phrase anywhere in the entry, so check the grants of what it finds.
    microscope :
        Model of the microscope, ``TFS KRIOS``.
    author :
        Family name and initials, ``Smith JM``.
    deposited, released :
        First and last day (or year), both included; None leaves a side open. One year alone means
        that year. ``released`` is the release of the map.
    status :
        Status codes; None for all, which includes entries on hold, of which little is public.
    raw_data :
        True for entries with raw data in EMPIAR, False for those without.

    Raises
    ------
    InvalidInput
        If a value cannot be meant.

    Examples
    --------
    >>> query(resolution=(None, 3.5), method="single particle")
    'resolution:{0 TO 3.5] AND ... AND current_status:"REL"'
    """
    parts = []
    if text.strip():
        check(text)
        alone = re.fullmatch(r'[^\s"()]+|"[^"\\]*"', text.strip())
        parts.append(text.strip() if alone else f"({text.strip()})")
    if resolution is not None:
        parts.append(_resolution(resolution))
    for value, field in (
        (organism, "natural_source_organism"),
        (method, "structure_determination_method"),
        (funder, ""),
        (microscope, "microscope_name"),
        (author, "author"),
    ):
        values = _values(value, field or "funder")
        if field == "structure_determination_method":
            values = [_method(item) for item in values]
        if values:
            parts.append(any_of(field, values))
    for span, field in ((deposited, "deposition_date"), (released, "map_release_date")):
        if span is not None:
            parts.append(f"{field}:[{' TO '.join(_days(span, field))}]")
    if codes := _values(status, "status"):
        parts.append(any_of("current_status", [code.upper() for code in codes]))
    if raw_data is not None:
        parts.append("xref_EMPIAR:*" if raw_data else "NOT xref_EMPIAR:*")
    # A query of exclusions alone finds nothing in Lucene.
    if not parts or parts == ["NOT xref_EMPIAR:*"]:
        parts.insert(0, "*:*")
    return " AND ".join(parts)


def any_of(field: str, values: Iterable[str]) -> str:
    """Return the condition that ``field`` has one of ``values``; an empty field means anywhere."""
    terms = []
    for value in values:
        name = field
        if field == "natural_source_organism" and value.isdecimal():
            name = "natural_source_ncbi_code"
        terms.append(f"{name}:{_quoted(value)}" if name else _quoted(value))
    return terms[0] if len(terms) == 1 else f"({' OR '.join(terms)})"


def _quoted(value: str) -> str:
    """Return ``value`` as a phrase; inside quotes only quote and backslash have a meaning."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _values(value: str | Sequence[str] | None, name: str) -> list[str]:
    if value is None:
        return []
    values = value if isinstance(value, list | tuple) else [value]
    clean = [" ".join(item.split()) for item in values if isinstance(item, str)]
    if len(clean) < len(values):
        raise InvalidInput(f"{name} must be text, not {value!r}.")
    return [item for item in clean if item]


def _method(text: str) -> str:
    plain = re.sub(r"[^a-z]", "", text.lower())
    for name in METHODS:
        if name.lower() == plain:
            return name
    raise InvalidInput(f"EMDB knows no method {text!r}.", hint=f"One of {', '.join(METHODS)}.")


def _pair(span: tuple[T, T], name: str) -> tuple[T, T]:
    if not isinstance(span, list | tuple) or len(span) != 2:
        raise InvalidInput(
            f"{name} is a range of two values, not {span!r}.", hint="None leaves a side open."
        )
    first, last = span
    return first, last


def _resolution(span: tuple[float | None, float | None]) -> str:
    low, high = _pair(span, "resolution")
    for value in (low, high):
        if value is not None and not (
            isinstance(value, int | float) and math.isfinite(value) and value >= 0
        ):
            raise InvalidInput(
                f"{value!r} is not a resolution.", hint="Give angstrom above zero, such as 3.5."
            )
    if low is not None and high is not None and low > high:
        raise InvalidInput(
            f"The resolution range {low:g} to {high:g} is upside down.",
            hint="Give the smaller number first.",
        )
    # Some entries state a resolution of 0, which means that there is none.
    start = f"[{low:.10g}" if low else "{0"
    return f"resolution:{start} TO {'*' if high is None else f'{high:.10g}'}]"


def _days(span: Span | int, field: str) -> tuple[str, str]:
    first, last = (span, span) if isinstance(span, int) else _pair(span, field)
    start = _day(first, field, "01-01")
    end = _day(last, field, "12-31")
    if start and end and start > end:
        raise InvalidInput(
            f"{field}: {start} comes after {end}.", hint="Give the earlier day first."
        )
    return (
        f"{start.isoformat()}T00:00:00Z" if start else "*",
        f"{end.isoformat()}T23:59:59Z" if end else "*",
    )


def _day(value: Day | None, field: str, of_year: str) -> date | None:
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = str(value).strip()
    try:
        return read_date(f"{text}-{of_year}" if re.fullmatch(r"[0-9]{4}", text) else text)
    except ValueError as error:
        raise InvalidInput(f"{field}: {error}.", hint="Write it like 2024-11-12 or 2024.") from None


def check(text: str) -> None:
    """Raise if ``text`` is not a query that the service can read, and point at the place.

    Raises
    ------
    InvalidInput
        For an empty query, quotes or brackets without partner, a range without ``TO``, an operator
        or a field name with nothing to work on.
    """
    if not text.strip():
        raise InvalidInput(
            "The query is empty.", hint="Write a word, a field such as resolution:[2 TO 3], or *:*."
        )
    opened: list[int] = []
    waiting: tuple[int, str] | None = None  # an operator or field that needs something after it
    have_term = False
    position = 0
    while found := _TOKEN.match(text, position):
        position = found.end()
        kind = found.lastgroup or ""
        piece, start = found[kind], found.start(kind)
        if kind == "escape" or (kind == "quote" and (len(piece) < 2 or not _closed(piece))):
            what = "the backslash" if kind == "escape" else "the quotation mark"
            _wrong(text, start, f"{what} has no partner")
        elif kind == "range" and not _RANGE.fullmatch(piece):
            _wrong(text, start, "a range is written like [2 TO 4]")
        elif kind == "stray":
            _wrong(text, start, "the bracket has no partner")
        elif kind == "close":
            if not opened:
                _wrong(text, start, "the bracket has no partner")
            if waiting or not have_term:
                _wrong(text, start, "something is missing before the bracket")
            opened.pop()
        elif kind == "open":
            opened.append(start)
            waiting, have_term = None, False
        elif kind == "word" and piece in _OPERATORS:
            if piece != "NOT" and (waiting or not have_term):
                _wrong(text, start, f"something is missing before {piece}")
            waiting = (start, piece)
        elif kind == "word" and piece.endswith(":") and not piece.endswith("\\:"):
            waiting = (start, piece)
        else:
            waiting, have_term = None, True
    if opened:
        _wrong(text, opened[-1], "the bracket has no partner")
    if waiting:
        _wrong(text, waiting[0], f"something is missing after {waiting[1]}")


def _closed(quoted: str) -> bool:
    return re.fullmatch(r'"(?:[^"\\]|\\.)*"', quoted, re.DOTALL) is not None


def _wrong(text: str, position: int, problem: str) -> None:
    start = max(0, position - 60)
    shown = text[start : position + 20].replace("\n", " ")
    raise InvalidInput(
        f"The query cannot be read, {problem} (character {position + 1}):\n"
        f"  {shown}\n  {' ' * (position - start)}^",
        hint='Put special characters in quotation marks, such as "G(i)".',
    )
