"""Search EMDB and EMPIAR from JupyterLab, look at entries, select and download."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from openem_nb.errors import InvalidInput
from openem_nb.panels import _html
from openem_nb.panels._panel import Panel
from openem_nb.panels._query import METHODS, Repository, RepositoryQuery, form_fields
from openem_nb.panels.download_box import DownloadBox
from openem_nb.panels.entry_card import entry_card
from openem_nb.panels.error_view import Disclosure
from openem_nb.panels.form import Form, Values
from openem_nb.panels.inspect_box import InspectBox
from openem_nb.panels.result_table import ResultTable

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from openem_nb.jobs import Job, Progress
    from openem_nb.values import SearchResult

__all__ = ["RepositoryPanel"]

_COLUMNS: Final[dict[str, dict[str, str]]] = {
    "EMDB": {
        "emdb_id": "Entry",
        "title": "Title",
        "structure_determination_method": "Method",
        "resolution": "Å",
        "natural_source_organism": "Organism",
        "map_release_date": "Released",
        "xref_EMPIAR": "Raw data",
    },
    "EMPIAR": {
        "empiar_id": "Entry",
        "title": "Title",
        "experiment_type": "Experiment",
        "size": "Size",
        "released": "Released",
        "emdb_ids": "Maps",
    },
}
_NO_QUERY: Final = '<p class="oem-muted">No query while a field is marked.</p>'


class RepositoryPanel(Panel):
    """Search EMDB or EMPIAR, page through the hits, select some, look at one, download.

    Parameters
    ----------
    repository :
        Archive to begin with, ``EMDB`` or ``EMPIAR``.

    Examples
    --------
    >>> from openem_nb import RepositoryPanel
    >>> panel = RepositoryPanel()  # doctest: +SKIP
    >>> panel.selected  # after selecting rows  # doctest: +SKIP
    """

    def __init__(self, repository: Repository = "EMDB") -> None:
        super().__init__("Search EMDB and EMPIAR")
        self.form = Form(
            form_fields(repository),
            label="Search EMDB and EMPIAR",
            submit_label="Search",
            submit=self._submit,
            role="search",
        )
        self.lucene = _html.text_widget()
        self.code_view = Disclosure("Show code")
        self.table = ResultTable(self.show_entry)
        self.card = _html.text_widget()
        self.inspect = InspectBox()
        self.download = DownloadBox(self._start)
        self._repository: str = repository
        self._results: SearchResult | pd.DataFrame | None = None
        self._wanted = ""
        self.form.observe(lambda _: self._look(), names="values")
        self.table.on_selection(self.download.choose)
        self._add(self.form, self.lucene, self.errors, self.jobs, self.table)
        self._add(self.card, self.download, self.download.errors, self.download.jobs)
        self._add(self.inspect, self.code_view)
        self._look()

    @property
    def query(self) -> RepositoryQuery:
        """The query that the form describes, as a frozen value.

        Raises
        ------
        InvalidInput
            If a field cannot be read; the message names it.
        """
        query, errors = RepositoryQuery.read(self.form.values)
        if errors:
            raise InvalidInput("; ".join(f"{name}: {text}" for name, text in errors.items()))
        return query

    @property
    def results(self) -> SearchResult | pd.DataFrame | None:
        """All hits of the last search, None before the first."""
        return self._results

    @property
    def selected(self) -> pd.DataFrame:
        """The selected rows of all pages."""
        return self.table.selected

    def code(self) -> str:
        """Return Python that makes the table of the query in the form, as ``results``."""
        return self.query.code()

    def search(self) -> Job[Any] | None:
        """Do what the Search button does; returns the work, None if a field is wrong."""
        before = self.job
        self.form.submit()
        return self.job if self.job is not before else None

    def show_entry(self, name: str) -> None:
        """Show the card of an entry, for example ``EMD-1234``."""
        self._wanted = name
        self.errors.clear()
        self._start(
            f"Open {name}",
            lambda progress: entry_card(name, progress=progress),
            lambda html: self._show_card(name, html),
            again=lambda: self.show_entry(name),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the query as JSON can hold it."""
        return self.query.to_dict()

    def from_dict(self, data: Mapping[str, Any]) -> None:
        """Fill the form with a query that :meth:`to_dict` made."""
        query = RepositoryQuery.from_dict(data)
        with self._lock:
            self._show_fields(query.repository)
            known = self.form.values
            values = {name: value for name, value in query.to_values().items() if name in known}
            self.form.fill(**values)

    # What callbacks do

    def _show_fields(self, repository: Repository) -> None:
        if repository == self._repository:
            return
        self._repository = repository
        text = str(self.form.values["text"])
        self.form.show(form_fields(repository))
        self.form.fill(text=text)

    def _look(self) -> None:
        """Show the query in the archive's language, and what is wrong with it."""
        with self._lock:
            query, errors = RepositoryQuery.read(self.form.values)
            self._show_fields(query.repository)
            errors = _with_unreadable(query, errors)
            self.form.errors = errors
            if errors:
                self.lucene.value = _NO_QUERY
                self.code_view.text = ""
                return
            words = _html.escape(query.lucene())
            self.lucene.value = f'<p><span class="oem-muted">Query</span> <code>{words}</code></p>'
            self.code_view.text = query.code()

    def _submit(self, values: Values) -> Mapping[str, str]:
        query, errors = RepositoryQuery.read(values)
        errors = _with_unreadable(query, errors)
        if errors:
            return errors
        with self._lock:
            if self.form.busy:
                raise InvalidInput("A search is running.", hint="Cancel it first.")
            self.form.busy = True
            self.form.status = ""
        self.errors.clear()
        started = time.monotonic()

        def work(progress: Progress) -> tuple[SearchResult, Any]:
            found = query.search(progress)
            return found, query.sort(found)

        self._start(
            f"Search {query.repository}",
            work,
            lambda result: self._show(query, *result, time.monotonic() - started),
            finish=self._not_busy,
            again=self.form.submit,
        )
        return {}

    # What the work shows when it has ended

    def _not_busy(self) -> None:
        self.form.busy = False

    def _show(self, query: RepositoryQuery, found: SearchResult, rows: Any, seconds: float) -> None:
        self._results = rows
        labels = _COLUMNS[query.repository]
        key = next(iter(labels))
        self.table.show(rows, key=key, labels=labels, words=METHODS)
        self.card.value = ""
        self.inspect.offer(None)
        self.download.ask_for(query.repository)
        short = len(found) < found.total
        missing = f" Only {len(found):,} of {found.total:,} came: search again." if short else ""
        self.form.status = f"{found.total:,} found in {seconds:.2g} s.{missing}"

    def _show_card(self, name: str, html: str) -> None:
        if name == self._wanted:  # a later choice may have overtaken this one
            self.card.value = html
            raw = name.startswith("EMPIAR-")
            self.inspect.offer(name if raw else None, repr(name) if raw else "")


def _with_unreadable(query: RepositoryQuery, errors: dict[str, str]) -> dict[str, str]:
    """Add a message for the text field if the archive could not read the query."""
    if errors:  # the other fields have their messages: the text is looked at alone
        query = RepositoryQuery(query.repository, query.text)
    try:
        query.lucene()
    except InvalidInput as error:
        return {"text": f"{error} {error.hint}".strip(), **errors}
    return errors
