"""Publish data sets with a DOI: write, look at what becomes public, confirm twice in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from openem_nb import scicat, settings
from openem_nb.errors import InvalidInput
from openem_nb.panels import _html
from openem_nb.panels._panel import Panel
from openem_nb.panels._publish_form import metadata_fields, read_metadata
from openem_nb.panels.error_view import Disclosure
from openem_nb.panels.form import Field, Form, Values
from openem_nb.panels.job_list import Row, RowList
from openem_nb.values import counted, format_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from openem_nb.jobs import Progress
    from openem_nb.scicat import Publication
    from openem_nb.scicat._publishing import FormField

__all__ = ["PublishPanel"]

_STATES = {"private": "Draft", "public": "Public", "registered": "DOI registered"}


class PublishPanel(Panel):
    """Draft a publication, see what becomes public, publish, and register its DOI.

    Nothing becomes public before a person has typed what the preview says, and no DOI is
    registered before the person has typed that, too.

    Parameters
    ----------
    pids :
        Data sets to begin with.
    profile :
        The instance; the active profile if None.

    Examples
    --------
    >>> from openem_nb import PublishPanel
    >>> PublishPanel(search_panel.selected["pid"])  # doctest: +SKIP
    """

    def __init__(self, pids: Iterable[str] = (), *, profile: str | None = None) -> None:
        self._name = settings.profile(profile).name
        self._asked: tuple[FormField, ...] = ()
        self._proposed: Mapping[str, Any] = {}
        self._pids: tuple[str, ...] = ()
        self._record: Publication | None = None
        super().__init__(
            "Publish data sets",
            notice=lambda: settings.profile(self._name).notice,
            profile=self._name,
        )
        self.choice = Form(
            [
                Field(
                    "pids",
                    "Data sets",
                    kind="lines",
                    value="\n".join(pids),
                    help="PIDs, one a line. All have to be of your own groups.",
                    wide=True,
                )
            ],
            label="Data sets to publish",
            submit_label="Go on with these",
            submit=self._submit_choice,
        )
        self.form = _hidden(Form([], label="Draft", submit_label="Save draft", submit=self._save))
        self.preview = _html.text_widget()
        self.publish_form = _hidden(
            Form([], label="Publish", submit_label="Publish", submit=self._publish)
        )
        self.register_form = _hidden(
            Form([], label="Register", submit_label="Register the DOI", submit=self._register)
        )
        self.records = RowList("Your publications", empty="There are no publications yet.")
        self.records.on_action("open", self.take_up)
        for action in ("discard", "discard-now", "keep"):
            self.records.on_action(action, self._discarding(action))
        self._listed: list[Publication] = []
        self._leaving: set[str] = set()
        self.reload = ipywidgets.Button(description="Refresh list")
        self.reload.on_click(lambda _: self.refresh())
        self.code_view = Disclosure("Show code")
        self._add(self.choice, self.errors, self.jobs, self.form, self.preview)
        self._add(self.publish_form, self.register_form, self.records, self.reload, self.code_view)
        self.refresh()

    @property
    def record(self) -> Publication | None:
        """The draft or publication that is shown; None before the first was saved."""
        return self._record

    def code(self) -> str:
        """Return Python that makes the draft which the form describes, as ``record``.

        Raises
        ------
        InvalidInput
            If no data sets were chosen yet, or a field cannot be read.
        """
        if not self._pids:
            raise InvalidInput("No data sets were chosen yet.", hint="Name them first.")
        texts, errors = self._read(self.form.values)
        if errors:
            raise InvalidInput("; ".join(errors.values()))
        given = {**texts, "profile": self._name}
        arguments = "".join(f"    {name}={value!r},\n" for name, value in given.items())
        return (
            "from openem_nb import scicat\n\n"
            f"record = scicat.draft(\n    {list(self._pids)!r},\n{arguments})\nrecord.preview()\n"
        )

    def refresh(self) -> None:
        """Ask for the publications again."""
        self._start(
            "Ask for publications",
            lambda _: scicat.publications(profile=self._name),
            self._show_records,
            again=self.refresh,
        )

    def take_up(self, doi: str) -> None:
        """Show a draft or publication of the list, by its DOI."""
        self.errors.clear()

        def work(_: Progress) -> tuple[tuple[FormField, ...], Publication]:
            record = scicat.publication(doi, profile=self._name)
            return scicat.form_fields(profile=self._name), record

        def show(found: tuple[tuple[FormField, ...], Publication]) -> None:
            asked, record = found
            self.choice.fill(pids="\n".join(record.pids))
            self._ask(asked, record.pids, record.title, record.abstract, record.metadata)
            self._show_record(record)

        self._start(f"Open {_html.plain(doi)}", work, show, again=lambda: self.take_up(doi))

    # What callbacks do

    def _submit_choice(self, values: Values) -> Mapping[str, str]:
        pids = tuple(dict.fromkeys(str(values["pids"]).split()))
        if not pids:
            return {"pids": "Name at least one data set."}
        self.errors.clear()
        self._clear()

        def work(_: Progress) -> tuple[tuple[FormField, ...], dict[str, Any]]:
            proposed = scicat.prefill(pids, profile=self._name)
            return scicat.form_fields(profile=self._name), proposed

        def show(found: tuple[tuple[FormField, ...], dict[str, Any]]) -> None:
            asked, proposed = found
            title, abstract = str(proposed.get("title") or ""), str(proposed.get("abstract") or "")
            self._ask(asked, pids, title, abstract, proposed.get("metadata") or {})

        self._start(
            "See what is to be filled in", work, show, again=lambda: self.choice.submit(values)
        )
        return {}

    def _read(self, values: Values) -> tuple[dict[str, Any], dict[str, str]]:
        metadata, errors = read_metadata(self._asked, values, self._proposed)
        title = str(values.get("title", "")).strip()
        if not title:
            errors["title"] = "Write a title."
        abstract = str(values.get("abstract", "")).strip()
        return {"title": title, "abstract": abstract, "metadata": metadata}, errors

    def _save(self, values: Values) -> Mapping[str, str]:
        texts, errors = self._read(values)
        if errors:
            return errors
        record, pids = self._record, self._pids
        self.errors.clear()
        self.form.busy = True

        def work(_: Progress) -> Publication:
            if record is not None:
                return record.edit(**texts, pids=pids)
            return scicat.draft(pids, **texts, profile=self._name)

        self._start("Save the draft", work, self._saved, finish=self._not_busy)
        return {}

    def _publish(self, values: Values) -> Mapping[str, str]:
        return self._go_out("Publish", "publish", str(values["confirm"]))

    def _register(self, values: Values) -> Mapping[str, str]:
        return self._go_out("Register the DOI", "register", str(values["confirm"]))

    def _go_out(self, title: str, step: str, typed: str) -> Mapping[str, str]:
        """Publish or register; what was typed is compared by the client, not here."""
        record = self._record
        if record is None:
            return {"confirm": "Save a draft first."}
        if not typed.strip():
            return {"confirm": "Type the words above."}
        self.errors.clear()
        for form in (self.publish_form, self.register_form):
            form.busy = True

        def work(_: Progress) -> Publication:
            act = record.publish if step == "publish" else record.register
            return act(confirm=typed.strip())

        self._start(title, work, self._saved, finish=self._not_busy)
        return {}

    def _not_busy(self) -> None:
        for form in (self.form, self.publish_form, self.register_form):
            form.busy = False

    def _discarding(self, action: str) -> Any:
        def handle(doi: str) -> None:
            with self._lock:
                (self._leaving.add if action == "discard" else self._leaving.discard)(doi)
                self._draw_records()
            if action == "discard-now":
                self._discard(doi)

        return handle

    def _discard(self, doi: str) -> None:
        self.errors.clear()

        def work(_: Progress) -> None:
            scicat.publication(doi, profile=self._name).discard()

        def show(_: None) -> None:
            if self._record is not None and self._record.doi == doi:
                self._clear()
            self.refresh()

        self._start(f"Discard {_html.plain(doi)}", work, show)

    # What the work shows when it has ended

    def _ask(
        self,
        asked: tuple[FormField, ...],
        pids: tuple[str, ...],
        title: str,
        abstract: str,
        metadata: Mapping[str, Any],
    ) -> None:
        self._asked, self._pids, self._proposed = asked, pids, metadata
        self.form.show(
            [
                Field("title", "Title", value=title, wide=True),
                Field("abstract", "Abstract", kind="lines", value=abstract, wide=True),
                *metadata_fields(asked, metadata),
            ]
        )
        self.form.layout.display = ""
        self._show_code()

    def _show_code(self) -> None:
        _, errors = self._read(self.form.values)
        self.code_view.text = "" if errors or not self._pids else self.code()

    def _saved(self, record: Publication) -> None:
        self._show_record(record)
        self._show_code()
        self.refresh()

    def _show_record(self, record: Publication) -> None:
        """Show what a record is, and what can be done with it next."""
        self._record = record
        look = record.preview()
        facts = _html.definitions(
            [
                ("DOI", _html.escape(record.doi)),
                ("State", _html.escape(record.words)),
                ("Content", f"{counted(record.file_count, 'file')}, {format_bytes(record.size)}"),
                ("Landing page", _html.link(record.url, record.url) if record.url else ""),
            ]
        )
        heading = _html.escape(record.title)
        self.preview.value = (
            f'<article class="oem-card" aria-label="Publication"><div class="oem-card-text">'
            f"<h3>{heading} {_badge(record)}</h3>{facts}"
            f"{_html.untangled(look._repr_html_())}</div></article>"
        )
        draft = record.status == "private"
        self.form.layout.display = "" if draft else "none"
        ready = not look.problems
        _ask_for(self.publish_form, look.publish_words, shown=draft and ready)
        _ask_for(self.register_form, look.register_words, shown=record.status == "public" and ready)

    def _clear(self) -> None:
        self._record = None
        self.preview.value = ""
        for form in (self.form, self.publish_form, self.register_form):
            form.layout.display = "none"

    def _show_records(self, found: list[Publication]) -> None:
        self._listed = found
        self._draw_records()

    def _draw_records(self) -> None:
        self.records.show(_row(one, one.doi in self._leaving) for one in self._listed)


def _hidden(form: Form) -> Form:
    form.layout.display = "none"
    return form


def _ask_for(form: Form, words: str, *, shown: bool) -> None:
    """Ask a person to type something before it goes on."""
    form.show(
        [
            Field(
                "confirm",
                f"To confirm, type: {words}",
                help="This cannot be taken back.",
                wide=True,
            )
        ]
    )
    form.layout.display = "" if shown else "none"


def _badge(record: Publication) -> str:
    words = _STATES.get(record.status, record.status)
    return _html.badge(words, yes=record.status != "private")


def _row(one: Publication, leaving: bool) -> Row:
    actions = [("open", "Open")]
    if leaving:
        actions = [("discard-now", "Discard for good"), ("keep", "Keep")]
    elif one.status == "private":
        actions.append(("discard", "Discard"))
    many = counted(len(one.pids), "data set")
    return Row(
        one.doi,
        _html.plain(one.title),
        _STATES.get(one.status, one.status),
        message=one.words,
        detail=f"{many}, {format_bytes(one.size)}",
        path=one.doi,
        actions=tuple(actions),
    )
