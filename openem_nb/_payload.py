"""Reading JSON answers whose shape cannot be relied on.

The archives turn XML into JSON: an element with one child is a list here and an object there,
text is a string or ``{"valueOf_": ...}``, numbers come as text, and what is empty is missing, null
or blank.
:class:`Node` walks such an answer and knows its path. It forgives every one of these variants, and
nothing else: what has the wrong kind altogether raises :class:`BadAnswer` with the path, because a
guess would end up as a wrong number in a table.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any, NoReturn, TypeVar

from openem_nb.errors import BadAnswer

__all__ = ["Node", "ask_twice", "read_date"]

T = TypeVar("T")

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?", re.ASCII)
_DATE = re.compile(
    r"([0-9]{4})(?:-([0-9]{1,2})-([0-9]{1,2})|([0-9]{2})([0-9]{2}))"
    r"(?:[T ][0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?(?:Z|[+-]00:?00)?",
    re.ASCII,
)


def ask_twice(ask: Callable[[], T]) -> T:
    """Return what ``ask`` returns, asking once more after a :class:`BadAnswer`.

    What is damaged in the archive stays damaged, but most damage happens on the way.
    """
    try:
        return ask()
    except BadAnswer:
        return ask()


def read_date(text: str) -> date:
    """Return the calendar date of ``text``.

    The archives write ``2021-10-05T00:00:00``, ``2021-10-05T00:00:00Z``, ``2021-10-05`` and
    ``20211005``; all of them are midnight UTC, so the day alone counts.

    Raises
    ------
    ValueError
        If it is none of these, a day that does not exist, or not between 1900 and 2100.
    """
    found = _DATE.fullmatch(text.strip())
    if not found:
        raise ValueError(f"{text!r} is not a date")
    year, month, day = int(found[1]), int(found[2] or found[4]), int(found[3] or found[5])
    try:
        result = date(year, month, day)
    except ValueError as error:
        raise ValueError(f"{text!r} is not a date: {error}") from None
    if not 1900 <= year <= 2100:
        raise ValueError(f"{text!r} is not a date that an archive can have")
    return result


class Node:
    """One place in a JSON answer.

    Parameters
    ----------
    value :
        What stands there; None where there is nothing.
    path :
        How to find it in the answer, for messages.
    """

    __slots__ = ("path", "value")

    def __init__(self, value: Any, path: str = "") -> None:
        self.value = value
        self.path = path

    def bad(self, problem: str) -> NoReturn:
        """Raise :class:`BadAnswer` that says what is wrong at this place."""
        shown = repr(self.value)
        if len(shown) > 60:
            shown = shown[:57] + "..."
        raise BadAnswer(
            f"{self.path or 'The answer'}: {problem}, it is {shown}.",
            hint="The archive's answer is damaged or has a new shape; try again later.",
        )

    def __getitem__(self, keys: str) -> Node:
        """Return the place below, ``"admin.key_dates.update"``; empty where a step is missing."""
        node = self
        for key in keys.split("."):
            if node.value is None or node.value == "" or node.value == []:
                return Node(None, f"{self.path}.{keys}" if self.path else keys)
            if not isinstance(node.value, Mapping):
                node.bad("expected an object")
            node = Node(node.value.get(key), f"{node.path}.{key}" if node.path else key)
        return node

    def items(self) -> Iterator[Node]:
        """Yield the members of a list; a single object or text counts as a list of one."""
        if self.value is None or self.value == "":
            return
        if not isinstance(self.value, list):
            yield self
            return
        for number, value in enumerate(self.value):
            if value is not None:
                yield Node(value, f"{self.path}[{number}]")

    def text(self) -> str | None:
        """Return the text, stripped and with single blanks; None where it is missing or blank."""
        value = self._scalar()
        if value is None:
            return None
        if isinstance(value, bool):
            self.bad("expected text")
        # Half a surrogate pair is valid JSON, but no file or database takes it.
        clean = str(value).encode("utf-8", "replace").decode("utf-8")
        return " ".join(clean.split()) or None

    def number(self, units: Mapping[str, float] | None = None) -> float | None:
        """Return the number, in the unit whose factor in ``units`` is 1.

        Parameters
        ----------
        units :
            Accepted units (normal form C, lower case) with the factor to the wanted one. A number
            that states no unit has the wanted one: the archive's schema allows no other.
        """
        value = self._scalar()
        if isinstance(value, bool):
            self.bad("expected a number")
        if isinstance(value, str):
            value = value.strip()
            if not value:
                return None
            if not _NUMBER.fullmatch(value):
                self.bad("expected a number")
        if value is None:
            return None
        try:
            result = float(value)
        except OverflowError:
            result = math.inf
        if not math.isfinite(result):
            self.bad("expected a finite number")
        return result * self._factor(units) if units else result

    def integer(self) -> int | None:
        """Return the whole number; None where it is missing."""
        value = self.number()
        if value is not None and value != int(value):
            self.bad("expected a whole number")
        return None if value is None else int(value)

    def positive(self, units: Mapping[str, float] | None = None) -> float | None:
        """Return a number above zero; zero is how the archives write "not known" and gives None."""
        value = self.number(units)
        if value is not None and value < 0:
            self.bad("expected a number above zero")
        return value or None

    def date(self) -> date | None:
        """Return the calendar date; None where it is missing. See :func:`read_date`."""
        text = self.text()
        if text is None:
            return None
        try:
            return read_date(text)
        except ValueError as error:
            self.bad(str(error))

    def flag(self) -> bool:
        """Return a yes or no; False where it is missing."""
        value = self._scalar()
        if value is None or value == "":
            return False
        if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
            return value.strip().lower() == "true"
        if not isinstance(value, bool):
            self.bad("expected true or false")
        return value

    def texts(self) -> tuple[str, ...]:
        """Return the texts of a list, in order; two people may have the same name."""
        return tuple(text for item in self.items() if (text := item.text()))

    def _scalar(self) -> str | int | float | bool | None:
        value = self.value
        if isinstance(value, Mapping):
            value = value.get("valueOf_")
        if value is not None and not isinstance(value, (str, int, float)):
            self.bad("expected a single value")
        return value

    def _factor(self, units: Mapping[str, float]) -> float:
        if not isinstance(self.value, Mapping) or self.value.get("units") is None:
            return 1.0
        unit = self.value["units"]
        # U+212B (angstrom sign) and U+00C5 (letter) are the same after normalisation.
        known = unicodedata.normalize("NFC", str(unit)).strip().casefold()
        if known not in units:
            self.bad(f"unknown unit {unit!r}")
        return units[known]
