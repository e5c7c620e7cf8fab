"""Search a catalogue from JupyterLab: narrow down, select over pages, look, retrieve from tape."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import ipywidgets

from openem_nb import scicat, settings
from openem_nb.errors import InvalidInput
from openem_nb.mining.sources import source_of
from openem_nb.panels import _html
from openem_nb.panels._catalogue_query import CatalogueQuery, form_fields
from openem_nb.panels._panel import Panel
from openem_nb.panels.error_view import Disclosure
from openem_nb.panels.facets import Facet, Facets, Option
from openem_nb.panels.form import Form, Values
from openem_nb.panels.inspect_box import InspectBox
from openem_nb.panels.result_table import PAGE_SIZE, ResultTable
from openem_nb.panels.retrieve_box import RetrieveBox
from openem_nb.values import format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    import pandas as pd

    from openem_nb.jobs import Job, Progress
    from openem_nb.panels.facets import Chosen
    from openem_nb.values import SearchResult

__all__ = ["SearchPanel"]

_COLUMNS: Final = {
    "created": "Recorded",
    "name": "Name",
    "type": "Type",
    "owner_group": "Group",
    "files": "Files",
    "size": "Size",
    "state": "Where it is",
    "keywords": "Keywords",
}
_CELLS: Final = {"size": format_bytes, "files": lambda count: f"{count:,}"}
_FACETS: Final = {
    "type": "Type",
    "owner_group": "Owner group",
    "year": "Year",
    "location": "Recorded at",
    "keywords": "Keywords",
}
_MOST: Final = 40
"""Values of a property that are offered; rarer ones can be found by searching."""


class SearchPanel(Panel):
    """Search SciCat: by words, values with counts and metadata; select; retrieve from tape.

    Only the pages that are turned to are fetched. What is selected stays selected on other pages.

    Parameters
    ----------
    profile :
        The instance; the active profile at the time of each search if None.

    Examples
    --------
    >>> from openem_nb import SearchPanel
    >>> panel = SearchPanel()  # doctest: +SKIP
    >>> panel.selected  # after selecting rows  # doctest: +SKIP
    """

    def __init__(self, profile: str | None = None) -> None:
        self._profile = profile
        self._asked = self._answered = CatalogueQuery()
        self._instance = settings.profile(profile).name
        self._pages: list[SearchResult] = []
        self._wanted = ""
        self._running: list[Job[Any]] = []
        super().__init__(
            "Search SciCat",
            notice=lambda: settings.profile(profile).notice,
            profile=profile,
        )
        self.form = Form(
            form_fields(),
            label="Search SciCat",
            submit_label="Search",
            submit=self._submit,
            role="search",
        )
        self.facets = Facets("Narrow down", choose=self._choose)
        self.table = ResultTable(self.show_data_set)
        self.card = _html.text_widget()
        self.inspect = InspectBox()
        self.retrieve = RetrieveBox(self._start)
        self.code_view = Disclosure("Show code")
        self.form.observe(lambda _: self._look(), names="values")
        self.table.on_selection(self.retrieve.choose)
        found = ipywidgets.VBox([self.table, self.card])
        found.add_class("oem-columns-main")
        columns = ipywidgets.HBox([self.facets, found])
        columns.add_class("oem-columns")
        self._add(self.form, self.errors, self.jobs, columns, self.retrieve)
        self._add(self.retrieve.errors, self.retrieve.jobs, self.retrieve.retrievals)
        self._add(self.inspect, self.code_view)
        self._look()
        self._suggest_names()

    @property
    def query(self) -> CatalogueQuery:
        """The query that form and ticked values describe, as a frozen value.

        Raises
        ------
        InvalidInput
            If a field cannot be read; the message names it.
        """
        query, errors = CatalogueQuery.read(self.form.values, self.facets.chosen)
        if errors:
            raise InvalidInput("; ".join(f"{name}: {text}" for name, text in errors.items()))
        return query

    @property
    def results(self) -> SearchResult | None:
        """The page that is shown, with the total of all pages; None before the first search."""
        return self._pages[self.table.number] if self._pages else None

    @property
    def selected(self) -> pd.DataFrame:
        """The selected rows of all pages."""
        return self.table.selected

    def code(self) -> str:
        """Return Python that makes the table that is shown, as ``results``."""
        page = self.table.number if self._pages and self.query == self._asked else 0
        return self.query.code(profile=self._profile, page=page)

    def search(self) -> Job[Any] | None:
        """Do what the Search button does; returns the work, None if a field is wrong."""
        before = self.job
        self.form.submit()
        return self.job if self.job is not before else None

    def show_data_set(self, pid: str) -> None:
        """Show the card of a data set."""
        self._wanted = pid
        self.errors.clear()
        name = self._instance

        def work(progress: Progress) -> tuple[scicat.DataSet, str]:
            found = scicat.get(pid, profile=name, progress=progress)
            return found, found._repr_html_()

        self._start(
            f"Open {_html.plain(pid)}",
            work,
            lambda found: self._show_card(*found),
            again=lambda: self.show_data_set(pid),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the query as JSON can hold it."""
        return self.query.to_dict()

    def from_dict(self, data: Mapping[str, Any]) -> None:
        """Fill the form with a query that :meth:`to_dict` made."""
        query = CatalogueQuery.from_dict(data)
        with self._lock:
            self.facets.chosen = query.to_chosen()
            self.form.fill(**query.to_values())
            self._look()

    # What callbacks do

    def _look(self) -> None:
        """Say what is wrong with the query, and show the Python that asks it."""
        with self._lock:
            query, errors = CatalogueQuery.read(self.form.values, self.facets.chosen)
            self.form.errors = errors
            self.code_view.text = "" if errors else query.code(profile=self._profile)

    def _submit(self, values: Values) -> Mapping[str, str]:
        query, errors = CatalogueQuery.read(values, self.facets.chosen)
        if errors:
            return errors
        if self.form.busy:
            raise InvalidInput("A search is running.", hint="Cancel it first.")
        self._search(query)
        return {}

    def _choose(self, chosen: Chosen) -> None:
        """Narrow down what was searched for last; what is being typed does not count yet."""
        query, errors = CatalogueQuery.read(self._asked.to_values(), chosen)
        if errors:
            raise InvalidInput(" ".join(errors.values()))
        self._search(query)

    def _search(self, query: CatalogueQuery) -> None:
        """Begin a search; one that still runs is given up for it."""
        with self._lock:
            for job in self._running:
                job.cancel()
            self._running = []
            self.form.busy, self.form.status = True, ""
            self._asked = query
            if self._pages and not self._pages[0].total:
                self.table.layout.display = "none"  # nothing was found of another question
            self._instance = name = settings.profile(self._profile).name
        self.errors.clear()
        started = time.monotonic()

        job = self._start(
            f"Search {name}",
            lambda progress: query.search(profile=name, rows=PAGE_SIZE, progress=progress),
            lambda found: self._show(query, found, time.monotonic() - started),
            finish=lambda: self._not_busy(query),
            again=lambda: self._search(query),
        )
        self._running.append(job)

    def _fetch(self, page: int) -> None:
        """Fetch a page; the pages before it are here, because they are turned one by one."""
        query = self._asked
        before = self._pages[page - 1]

        def show(found: SearchResult | None) -> None:
            if query is not self._asked:
                return
            if found is None:
                self.table.stay()
                return
            self._pages[page:] = [found]
            self.table.fill(page, found)
            self.code_view.text = self.code()

        self._start(
            f"Page {page + 1}",
            lambda _: before.next(),
            show,
            finish=self.table.stay,
            again=lambda: self._fetch(page),
        )

    def _suggest_names(self) -> None:
        """Ask for names of metadata, as suggestions; without them any name can be written."""
        name = self._instance
        self._start(
            "Names of metadata",
            lambda progress: scicat.metadata_keys(profile=name),
            lambda names: self.form.suggest(conditions=names),
        )

    # What the work shows when it has ended

    def _not_busy(self, query: CatalogueQuery) -> None:
        if query is not self._asked:
            return
        self.form.busy = False
        if self._pages and query is not self._answered:
            self.form.status = "The table below still answers the search before."

    def _show(self, query: CatalogueQuery, found: SearchResult, took: float) -> None:
        if query is not self._asked:  # a later search has overtaken this one
            return
        self._pages, self._answered = [found], query
        self.table.show(
            found,
            key="pid",
            labels=_COLUMNS,
            cells=_CELLS,
            total=found.total,
            fetch=self._fetch,
        )
        self.card.value = ""
        self.inspect.offer(None)
        self.retrieve.ask_for(self._instance)
        self._show_notice(found.notice)
        where = f" in {self._instance}" if self._profile is None else ""
        short = len(found) < min(PAGE_SIZE, found.total)
        missing = " Fewer came than the service counts: search again." if short else ""
        doubts = "".join(f" {doubt}" for doubt in found.doubts)
        self.form.status = f"{found.total:,} found{where} in {took:.2g} s.{missing}{doubts}"
        self.code_view.text = self.code()
        self._count(query)

    def _count(self, query: CatalogueQuery) -> None:
        """Ask for the values of the hits and their counts, to narrow down by."""
        name = self._instance
        self.facets.busy = True

        def finish() -> None:
            if query is self._asked:
                self.facets.busy = False

        job = self._start(
            "Count values",
            lambda progress: _facets(query, name, progress),
            lambda found: self.facets.show(found) if query is self._asked else None,
            finish=finish,
        )
        self._running.append(job)

    def _show_card(self, found: scicat.DataSet, html: str) -> None:
        if found.pid == self._wanted.strip():  # a later choice may have overtaken this one
            self.card.value = _html.untangled(html)
            self.inspect.offer(found, source_of(found).code())


def _facets(query: CatalogueQuery, profile: str, progress: Progress) -> list[Facet]:
    """Return the values to tick; those of a property with ticks as if it had none."""
    whole = _counts(query, profile, progress)
    found = []
    for name, label in _FACETS.items():
        counts = whole
        if getattr(query, name):
            progress.check()
            counts = _counts(query.without(name), profile, progress)
        options = (Option(value, _html.plain(value), count) for value, count in counts[name])
        found.append(Facet(name, label, tuple(options)[:_MOST]))
    return found


def _counts(
    query: CatalogueQuery, profile: str, progress: Progress
) -> dict[str, list[tuple[str, int]]]:
    tables = scicat.facets(query.text, **query.arguments(), profile=profile, progress=progress)
    found = {
        name: [(str(value), int(count)) for value, count in table.itertuples(index=False)]
        for name, table in tables.items()
    }
    return {**found, "year": list(_years(found["created"]))}


def _years(months: Iterable[tuple[str, int]]) -> Iterable[tuple[str, int]]:
    years: dict[str, int] = {}
    for month, count in months:
        years[month[:4]] = years.get(month[:4], 0) + count
    return sorted(years.items(), reverse=True)
