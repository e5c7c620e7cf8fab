"""A table of hits; apart from the other small values, because pandas takes long to load."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["SearchResult"]


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
