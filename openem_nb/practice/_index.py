"""Find entries for a parsed query, the way a Solr index does: typed fields and words anywhere."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Generic, Literal, TypeVar

from openem_nb.practice._lucene import (
    And,
    Everything,
    Node,
    Not,
    Or,
    QuerySyntaxError,
    Range,
    Term,
    parse,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

__all__ = ["Field", "Index", "Value", "csv_text", "words_of"]

E = TypeVar("E")
Value = str | float | dt.date

_WORD: Final = re.compile(r"[^\W_]+")
_NOW: Final = re.compile(r"NOW(?:/DAY)?(?:([+-])(\d+)(YEAR|MONTH|DAY|HOUR)S?)?(?:/DAY)?")
_DATE: Final = re.compile(r"(\d{4})-(\d\d?)-(\d\d?)(?:T(\d\d?):(\d\d):(\d\d)(?:\.\d+)?Z?)?")
_DAYS: Final = {"YEAR": 365.25, "MONTH": 30.4375, "DAY": 1.0, "HOUR": 1 / 24}


@dataclass(frozen=True, slots=True)
class Field(Generic[E]):
    """One searchable field."""

    kind: Literal["exact", "text", "number", "date"]
    """``exact``: the whole value, case-sensitive; ``text``: words in sequence."""
    values: Callable[[E], Sequence[Value]]
    many: bool = False
    """Whether it is a multi-valued field (another CSV dialect)."""


def words_of(text: str) -> str:
    """Return the words of a text in lower case, each between blanks."""
    return f" {' '.join(_WORD.findall(text.casefold()))} "


class Index(Generic[E]):
    """All entries of one archive on one day; results are positions in ``entries``.

    Parameters
    ----------
    entries :
        In the order in which a query without ``sort`` returns them.
    fields :
        By name.
    key :
        Name of the field with the identifier, for which look-ups are immediate.
    text :
        Returns everything that a free word is looked for in.
    today :
        What ``NOW`` means.
    """

    def __init__(
        self,
        entries: Sequence[E],
        *,
        fields: Mapping[str, Field[E]],
        key: str,
        text: Callable[[E], str],
        today: dt.date,
    ) -> None:
        self.entries = entries
        self.fields = fields
        self._key = key
        self._text = text
        self._today = today
        self._texts: list[str] | None = None
        self._positions = {
            str(fields[key].values(entry)[0]): at for at, entry in enumerate(entries)
        }

    def find(self, query: str) -> list[int]:
        """Return the positions of the hits, ascending.

        Raises
        ------
        QuerySyntaxError
            If the query does not parse, names an unknown field or has a value of the wrong type.
        """
        return sorted(self._hits(parse(query)))

    def position(self, identifier: str) -> int | None:
        """Return the position of one entry, or None."""
        return self._positions.get(identifier)

    def _hits(self, node: Node) -> set[int]:
        match node:
            case Everything():
                return set(range(len(self.entries)))
            case Or(parts):
                return set().union(*map(self._hits, parts))
            case And(parts):
                hits = self._hits(parts[0])
                for part in parts[1:]:
                    hits &= self._hits(part)
                return hits
            case Not(part):
                return set(range(len(self.entries))) - self._hits(part)
            case Range():
                return self._in_range(node)
            case Term(None, text, kind):
                return self._anywhere(text, kind)
            case Term():
                return self._in_field(node)

    def _anywhere(self, text: str, kind: str) -> set[int]:
        if self._texts is None:
            self._texts = [words_of(self._text(entry)) for entry in self.entries]
        if kind == "pattern":
            search = re.compile(f" {text} ", re.IGNORECASE).search
            return {at for at, words in enumerate(self._texts) if search(words)}
        wanted = words_of(text)
        if not wanted.strip():
            return set()
        return {at for at, words in enumerate(self._texts) if wanted in words}

    def _field(self, name: str) -> Field[E]:
        try:
            return self.fields[name]
        except KeyError:
            raise QuerySyntaxError(f"undefined field {name}") from None

    def _where(self, field: Field[E], test: Callable[[Value], bool]) -> set[int]:
        values = field.values
        return {at for at, entry in enumerate(self.entries) if any(map(test, values(entry)))}

    def _in_field(self, term: Term) -> set[int]:
        name = str(term.field)
        field = self._field(name)
        text = term.text
        if term.kind == "pattern":
            if text == r"\S*":
                return self._where(field, lambda _: True)
            if field.kind == "exact":
                whole = re.compile(text).fullmatch
                return self._where(field, lambda value: whole(str(value)) is not None)
            word = re.compile(f" {text} ", re.IGNORECASE).search
            return self._where(field, lambda value: word(words_of(str(value))) is not None)
        if name == self._key:
            at = self._positions.get(text)
            return set() if at is None else {at}
        match field.kind:
            case "exact":
                return self._where(field, lambda value: value == text)
            case "text":
                wanted = words_of(text)
                return self._where(field, lambda value: wanted in words_of(str(value)))
            case "number":
                number = _number(text)
                return self._where(field, lambda value: value == number)
            case "date":
                moment = self._moment(text)
                if moment.time() != dt.time():
                    return set()
                return self._where(field, lambda value: value == moment.date())

    def _in_range(self, node: Range) -> set[int]:
        field = self._field(node.field)
        low: Value | None
        high: Value | None
        if field.kind == "date":
            low, high = self._days(node)
            with_low = with_high = True
        else:
            convert: Callable[[str], Value] = _number if field.kind == "number" else str
            low, high = (None if text is None else convert(text) for text in (node.low, node.high))
            with_low, with_high = node.with_low, node.with_high

        def inside(value: Value) -> bool:
            # one field has values of one type only
            above = low is None or value > low or (with_low and value == low)  # type: ignore[operator]
            below = high is None or value < high or (with_high and value == high)  # type: ignore[operator]
            return bool(above and below)

        return self._where(field, inside)

    def _days(self, node: Range) -> tuple[dt.date | None, dt.date | None]:
        """Turn the ends of a range of moments into first and last day (days start at midnight)."""
        low = high = None
        one = dt.timedelta(1)
        if node.low is not None:
            moment = self._moment(node.low)
            at_midnight = moment.time() == dt.time()
            low = moment.date() if at_midnight and node.with_low else moment.date() + one
        if node.high is not None:
            moment = self._moment(node.high)
            at_midnight = moment.time() == dt.time()
            high = moment.date() - one if at_midnight and not node.with_high else moment.date()
        return low, high

    def _moment(self, text: str) -> dt.datetime:
        now = _NOW.fullmatch(text)
        if now is not None:
            noon = dt.datetime.combine(self._today, dt.time(12))
            sign, count, unit = now.groups()
            return noon if sign is None else noon + dt.timedelta(_DAYS[unit] * int(sign + count))
        match = _DATE.fullmatch(text)
        try:
            numbers = [int(part or 0) for part in match.groups()] if match else []
            # all moments are UTC; TypeError: there is no match
            return dt.datetime(*numbers)  # type: ignore[arg-type]  # noqa: DTZ001
        except (TypeError, ValueError):
            raise QuerySyntaxError(f"Invalid Date String:'{text}'") from None


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise QuerySyntaxError(f"Invalid Number: {text}") from None


def csv_text(
    columns: Iterable[Field[E] | None], header: Sequence[str], entries: Iterable[E]
) -> str:
    """Return the rows in Solr's CSV dialect; an unknown column (None) is empty.

    Dates end in ``Z``. The values of a multi-valued field are joined by commas, and a comma inside
    one of them has a backslash before it; a cell with a comma, a quote or a line break is quoted,
    and quotes are doubled.
    """
    columns = list(columns)
    lines = [",".join(header)]
    for entry in entries:
        cells = []
        for field in columns:
            values = field.values(entry) if field else ()
            if not values:
                cells.append("")
                continue
            if field and field.many:
                cell = ",".join(
                    _cell(value).replace("\\", "\\\\").replace(",", "\\,") for value in values
                )
            else:
                cell = _cell(values[0])
            if "," in cell or '"' in cell or "\n" in cell:
                cell = '"' + cell.replace('"', '""') + '"'
            cells.append(cell)
        lines.append(",".join(cells))
    return "\n".join(lines) + "\n"


def _cell(value: Value) -> str:
    return f"{value.isoformat()}T00:00:00Z" if isinstance(value, dt.date) else str(value)
