"""Small values that several floors share: a search result and numbers for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SearchResult", "counted", "for_spreadsheets", "format_bytes", "format_duration"]

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


class SearchResult(pd.DataFrame):
    """A table of hits that also knows how many there are and what was asked.

    It is a :class:`pandas.DataFrame`; whatever is computed from it (a slice, a filter, a merge) is
    a plain data frame again, because the total belongs to the whole answer only.

    Attributes
    ----------
    total : int
        Number of hits that the service states for the query.
    query_sent : str
        The query as it was sent to the service.
    notice : str or None
        Text that must be shown with the data (practice data), None for real data.
    start : int
        Place of the first row in the whole list, counted from 0.
    more : callable or None
        Asks for the page after this one; None where there is none. See :meth:`next`.
    doubts : tuple of str
        Where nothing was found: what in the question may be misspelt, in sentences.
    """

    _metadata = ["total", "query_sent", "notice", "start", "more", "doubts"]  # noqa: RUF012  (pandas asks for it)
    total: int
    query_sent: str
    notice: str | None
    start: int
    more: Callable[[], SearchResult] | None
    doubts: tuple[str, ...]

    @property
    def _constructor(self) -> type[pd.DataFrame]:
        return pd.DataFrame

    @classmethod
    def of(
        cls,
        frame: pd.DataFrame,
        *,
        total: int,
        query: str,
        notice: str | None = None,
        start: int = 0,
    ) -> SearchResult:
        """Return ``frame`` as a search result."""
        result = cls(frame)
        result.total = total
        result.query_sent = query
        result.notice = notice
        result.start = start
        result.more = None
        result.doubts = ()
        return result

    def next(self) -> SearchResult | None:
        """Return the page after this one, None after the last; asked anew with each call."""
        return None if self.more is None else self.more()

    def __finalize__(self, other: Any, method: str | None = None, **kwargs: Any) -> SearchResult:
        """Copy nothing: attributes do not travel to derived tables."""
        return self


def for_spreadsheets(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which no text is a formula to the program that opens its CSV file.

    Spreadsheets calculate, or run, a cell that begins with ``=``, ``+``, ``-`` or ``@``. An
    apostrophe is put before such texts; numbers and everything else stay as they are.
    """

    def harmless(value: Any) -> Any:
        return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value

    return frame.astype(object).map(harmless)


def counted(number: int, name: str) -> str:
    """Return a number with its noun: ``1 file``, ``1,200 files``."""
    return f"{number:,} {name}" if number == 1 else f"{number:,} {name}s"


_BYTE_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")


def format_bytes(size: float) -> str:
    """Return a size in bytes as text in decimal units, three digits: ``1.25 GB``."""
    value = float(size)
    for unit in _BYTE_UNITS:
        if abs(value) < 999.5 or unit == _BYTE_UNITS[-1]:
            break
        value /= 1000
    if unit == "B":
        return f"{value:.0f} B"
    return f"{value:.0f} {unit}" if abs(value) >= 100 else f"{value:.3g} {unit}"


def format_duration(seconds: float) -> str:
    """Return a time span as text with at most two units: ``2 h 5 min``."""
    total = max(0, round(seconds))
    if total < 60:
        return f"{total} s"
    minutes, rest = divmod(total, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"
