"""A table of hits in pages, with a selection that survives turning the pages."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import ipywidgets
import pandas as pd
from itables.widget import ITable

from openem_nb.panels import _html

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["PAGE_SIZE", "ResultTable"]

PAGE_SIZE: Final = 100
"""Rows in one page; the browser never gets more."""
_SHORT: Final = (
    *("Entry", "Released", "Raw data", "Size", "Experiment"),
    *("Type", "Recorded", "Files", "Group", "Where it is"),
)
"""Headings of columns whose cells stay on one line."""
_SELECT: Final[Any] = {"style": "multi", "info": False, "keys": True}


class _Pages:
    """The rows in pages: all of them cut from one frame, or one page after the other as they come.

    The index of each page counts the places in the whole table.
    """

    def __init__(self, frame: pd.DataFrame, total: int | None = None) -> None:
        self.lazy = total is not None
        self.total = len(frame) if total is None else total
        self._frame = frame
        self._came: dict[int, pd.DataFrame] = {}
        if self.lazy:
            self.fill(0, frame)

    def fill(self, page: int, frame: pd.DataFrame) -> None:
        start = page * PAGE_SIZE
        self._came[page] = frame.set_axis(range(start, start + len(frame)), axis="index")

    def get(self, page: int) -> pd.DataFrame | None:
        """Return a page, None if it has not come yet."""
        if self.lazy:
            return self._came.get(page)
        return self._frame.iloc[page * PAGE_SIZE : (page + 1) * PAGE_SIZE]

    @property
    def frame(self) -> pd.DataFrame:
        """All rows that are here."""
        if not self.lazy:
            return self._frame
        return pd.concat([self._came[page] for page in sorted(self._came)])

    def find(self, column: str, wanted: set[str]) -> dict[str, int]:
        """Return the places of the rows whose text in a column is wanted, by that text."""
        frame = self.frame
        places = frame.index if self.lazy else range(len(frame))
        return {
            key: int(place)
            for place, key in zip(places, frame[column], strict=True)
            if key in wanted
        }

    def at(self, places: list[int]) -> pd.DataFrame:
        """Return the rows at these places, counted over all pages."""
        return self.frame.loc[places] if self.lazy else self._frame.iloc[places]


class ResultTable(ipywidgets.VBox):  # type: ignore[misc]  # published without types
    """Pages of a data frame whose rows have a unique text in the column ``key``.

    Parameters
    ----------
    on_choose :
        Called with the key of a row when a person selects it; it must be quick.
    """

    def __init__(self, on_choose: Callable[[str], None]) -> None:
        self._on_choose = on_choose
        self._listener: Callable[[tuple[str, ...]], None] = lambda _: None
        self._fetch: Callable[[int], None] = lambda _: None
        self._lock = threading.RLock()
        self._pages = _Pages(pd.DataFrame())
        self._key = ""
        self._labels: dict[str, str] = {}
        self._words: dict[str, str] = {}
        self._cells: dict[str, Callable[[Any], str]] = {}
        self._page = 0
        self._selected: dict[str, int] = {}
        self._table: ITable | None = None
        self.status = _html.text_widget()
        self.selection = _html.text_widget()
        self.previous = _button("Previous page", lambda: self.go(self._page - 1))
        self.next = _button("Next page", lambda: self.go(self._page + 1))
        self.select_page = _button("Select this page", self._select_page)
        self.clear_selection = _button("Clear selection", lambda: self.select(()))
        self._toolbar = ipywidgets.HBox(
            [
                *(self.status, self.previous, self.next),
                *(self.select_page, self.clear_selection, self.selection),
            ]
        )
        self._toolbar.add_class("oem-toolbar")
        self._holder = ipywidgets.VBox()
        self._holder.add_class("oem-table")
        super().__init__([self._toolbar, self._holder])
        self.layout.display = "none"

    def on_selection(self, listener: Callable[[tuple[str, ...]], None]) -> None:
        """Call ``listener(keys)`` with all selected keys whenever the selection changes."""
        self._listener = listener

    @property
    def frame(self) -> pd.DataFrame:
        """All rows of all pages, or of those that have come so far."""
        return self._pages.frame

    @property
    def number(self) -> int:
        """The number of the page that is shown, counted from 0."""
        return self._page

    @property
    def page(self) -> pd.DataFrame:
        """The rows that are shown."""
        found = self._pages.get(self._page)
        return self._pages.frame if found is None else found

    @property
    def selected(self) -> pd.DataFrame:
        """The selected rows of all pages, in the order of the table."""
        with self._lock:
            return self._pages.at(sorted(self._selected.values()))

    def show(
        self,
        frame: pd.DataFrame,
        *,
        key: str,
        labels: dict[str, str],
        words: dict[str, str] | None = None,
        cells: dict[str, Callable[[Any], str]] | None = None,
        total: int | None = None,
        fetch: Callable[[int], None] | None = None,
    ) -> None:
        """Show the first page of ``frame``.

        Parameters
        ----------
        frame :
            All rows; with ``fetch`` the first page only.
        key :
            Column whose text tells the rows apart.
        labels :
            Columns to show and their headings; the second one gets most room.
        words :
            Texts for people in place of values.
        cells :
            How the values of a column are written, where it is not the usual way.
        total :
            Number of rows in all pages; has to come with ``fetch``.
        fetch :
            Asked for a page, counted from 0, that is gone to and has not come yet. It must be
            quick: it starts work that ends with :meth:`fill`.
        """
        with self._lock:
            self._pages = _Pages(frame, total if fetch is not None else None)
            self._fetch = fetch or (lambda _: None)
            self._key, self._labels = key, labels
            self._words, self._cells = words or {}, cells or {}
            self._selected = {}
            self._turn_to(0)

    def go(self, page: int) -> None:
        """Show another page, counted from 0; pages that do not exist are not gone to."""
        with self._lock:
            if not 0 <= page < self.pages:
                return
            if self._pages.get(page) is not None:
                self._turn_to(page)
                return
            self.previous.disabled = self.next.disabled = True  # until it comes, or does not
        self._fetch(page)

    def fill(self, page: int, frame: pd.DataFrame) -> None:
        """Take a page that was asked for, and show it."""
        with self._lock:
            self._pages.fill(page, frame)
            self._turn_to(page)

    def stay(self) -> None:
        """Forget that another page was gone to: it does not come."""
        with self._lock:
            self._draw_buttons()

    @property
    def pages(self) -> int:
        """How many pages there are, at least 1."""
        return max(1, -(-self._pages.total // PAGE_SIZE))

    def select(self, keys: Any) -> None:
        """Select the rows with these keys and no others."""
        with self._lock:
            self._selected = self._pages.find(self._key, set(keys)) if self._key else {}
            self._draw_selection()

    def close(self) -> None:
        """End the widgets."""
        if self._table is not None:
            self._table.close()
        super().close()

    def _turn_to(self, page: int) -> None:
        self._page = page
        rows = self.page
        start = page * PAGE_SIZE
        short = [place for place, label in enumerate(self._labels.values()) if label in _SHORT]
        table = ITable(
            self._as_text(rows),
            maxBytes=0,
            paging=False,
            ordering=False,  # it would order this page only, and look as if it ordered all
            showIndex=False,
            autoWidth=False,
            layout={"topStart": None, "topEnd": None, "bottomStart": None, "bottomEnd": None},
            classes="stripe row-border compact oem-results",  # without the hover of the library
            style="width:100%",
            columnDefs=[
                {"targets": short, "className": "oem-nowrap dt-left"},
                {"targets": [1], "className": "oem-title"},
            ],
            select=_SELECT,
            selected_rows=self._places(),
        )
        table.observe(self._on_selected_rows, names="selected_rows")
        # A new table for each page: the selection of one whose data were replaced is not reported,
        # and late news from the old page cannot be taken for the new one.
        old, self._table = self._table, table
        self._holder.children = [table]
        if old is not None:
            old.unobserve_all()
            old.close()
        total = self._pages.total
        self.status.value = _html.status(
            f"{start + 1:,}–{start + len(rows):,} of {total:,}" if total else "Nothing found"
        )
        self.layout.display = ""
        self._draw_buttons()
        self._holder.layout.display = "" if total else "none"
        self._draw_selection()

    def _draw_buttons(self) -> None:
        self.previous.disabled = self._page == 0
        self.next.disabled = self._page + 1 >= self.pages

    def _as_text(self, rows: pd.DataFrame) -> pd.DataFrame:
        columns = {
            label: [_html.plain(self._cells.get(name, self._cell)(value)) for value in rows[name]]
            for name, label in self._labels.items()
        }
        return pd.DataFrame(columns, index=rows.index, dtype=object)

    def _cell(self, value: Any) -> str:
        """Return a value as text: days, several values with commas, blank for nothing."""
        if isinstance(value, (tuple, list)):
            return ", ".join(self._words.get(item, str(item)) for item in value)
        if pd.isna(value):
            return ""
        if isinstance(value, pd.Timestamp):
            return value.date().isoformat()
        return f"{value:g}" if isinstance(value, float) else self._words.get(value, str(value))

    def _places(self) -> list[int]:
        start = self._page * PAGE_SIZE
        return sorted(
            place - start for place in self._selected.values() if start <= place < start + PAGE_SIZE
        )

    def _on_selected_rows(self, change: Any) -> None:
        with self._lock:
            if change["owner"] is not self._table:
                return
            start = self._page * PAGE_SIZE
            keys = self.page[self._key]
            on_page = {str(keys.iat[row]): start + row for row in change["new"]}
            new = [key for key in on_page if key not in self._selected]
            elsewhere = {
                key: place
                for key, place in self._selected.items()
                if not start <= place < start + PAGE_SIZE
            }
            self._selected = {**elsewhere, **on_page}
            self._draw_selection()
        if new:
            self._on_choose(new[-1])

    def _select_page(self) -> None:
        with self._lock:
            keys = [*self._selected, *(str(key) for key in self.page[self._key])]
            self.select(keys)

    def _draw_selection(self) -> None:
        table = self._table
        if table is not None:
            table.unobserve(self._on_selected_rows, names="selected_rows")
            table.selected_rows = self._places()
            table.observe(self._on_selected_rows, names="selected_rows")
        count = len(self._selected)
        pages = len({place // PAGE_SIZE for place in self._selected.values()})
        words = f"{count:,} selected in {pages} page{'s' if pages > 1 else ''}"
        self.selection.value = _html.status(words if count else "None selected")
        self.clear_selection.disabled = not count
        self.select_page.disabled = not self._pages.total
        self._listener(tuple(self._selected))


def _button(text: str, act: Callable[[], None]) -> ipywidgets.Button:
    button = ipywidgets.Button(description=text)
    button.on_click(lambda _: act())
    return button
