"""Small values that several floors share: a search result and numbers for people.

Numbers for people are wanted by every console command. ``SearchResult`` is loaded on first use,
because it needs pandas, which takes longer than all else that such a command loads.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openem_nb._amounts import counted, format_bytes, format_duration

if TYPE_CHECKING:
    import pandas as pd

    from openem_nb._search_result import SearchResult

__all__ = ["SearchResult", "counted", "for_spreadsheets", "format_bytes", "format_duration"]

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def __getattr__(name: str) -> Any:
    """Load the search result on first use (PEP 562)."""
    if name != "SearchResult":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from openem_nb._search_result import SearchResult

    globals()[name] = SearchResult
    return SearchResult


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def for_spreadsheets(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table in which no text is a formula to the program that opens its CSV file.

    Spreadsheets calculate, or run, a cell that begins with ``=``, ``+``, ``-`` or ``@``. An
    apostrophe is put before such texts; numbers and everything else stay as they are.
    """

    def harmless(value: Any) -> Any:
        return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value

    return frame.astype(object).map(harmless)
