"""Look at a metadata document: search, check, edit, undo, compare, save."""

from __future__ import annotations

import copy
import pprint
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal

import ipywidgets

from openem_nb import oscem
from openem_nb.errors import InvalidInput, OpenEMError
from openem_nb.oscem.document import join, without
from openem_nb.panels import _html
from openem_nb.panels._metadata_nodes import keys_of
from openem_nb.panels._metadata_origin import origins
from openem_nb.panels._metadata_save import read_any, write_any
from openem_nb.panels._metadata_words import SHOWN, differences, problem_row, upgraded
from openem_nb.panels._panel import Panel
from openem_nb.panels.error_view import Disclosure
from openem_nb.panels.form import Field, Form, Values
from openem_nb.panels.job_list import RowList
from openem_nb.panels.metadata_tree import MetadataTree
from openem_nb.values import counted

if TYPE_CHECKING:
    from openem_nb.oscem import FieldInfo, Problem
    from openem_nb.oscem.extraction import Extraction

__all__ = ["MetadataPanel"]

_LONGEST: Final = 200_000
"""Characters of a document that is written into the code; a longer one has to be in a file."""
_FREE: Final = "free"
_CHOICES: Final = (
    ("As the document says", ""),
    *((name, name) for name in oscem.TECHNIQUES),
    ("None: free metadata", _FREE),
)


@dataclass(frozen=True, slots=True)
class _Edit:
    before: dict[str, Any]
    path: str
    kind: Literal["set", "removed", "upgraded"]
    value: Any


class MetadataPanel(Panel):
    """A document of metadata as a tree, with what is wrong in its place.

    Parameters
    ----------
    document :
        What to show: a document, the path of one, what :func:`openem_nb.oscem.extract` returned, or
        the ``scientificMetadata`` of a data set in SciCat.
    technique :
        The schema to check it by; the one that the document follows if None. Metadata without
        ``acquisition`` and ``instrument`` are free: nothing is known of their fields then.

    Examples
    --------
    >>> from openem_nb import MetadataPanel
    >>> MetadataPanel("session.json")  # doctest: +SKIP
    """

    def __init__(
        self,
        document: Mapping[str, Any] | Extraction | Path | str | None = None,
        *,
        technique: str | None = None,
    ) -> None:
        super().__init__("Metadata", notice=None, offer_login=False)
        self._document: dict[str, Any] = {}
        self._extraction: Extraction | None = None
        self._source = ""
        self._edits: list[_Edit] = []
        self._saved = 0
        self._problems: tuple[Problem, ...] = ()
        self.open_form = Form(
            [Field("path", "File", placeholder="session.json", wide=True)],
            label="Open a document",
            submit_label="Open",
            submit=self._submit_open,
        )
        self.technique = ipywidgets.Dropdown(
            options=_CHOICES,
            value=technique or "",
            description="Check as",
            layout={"width": "300px"},
        )
        self.tree = MetadataTree(edit=self._edit, remove=self._remove)
        self.undo_button = ipywidgets.Button(description="Undo", disabled=True)
        self.undo_button.on_click(lambda _: self.undo())
        self.upgrade_button = ipywidgets.Button(description="Bring up to date")
        self.upgrade_button.on_click(lambda _: self.upgrade())
        self.state = _html.text_widget()
        self.problems = RowList("To be mended")
        self.problems.on_action("show", self.tree.reveal)
        self.save_form = Form(
            [
                Field("path", "Save as", placeholder="session.json"),
                Field("draft", "As a draft, whatever is missing", kind="check", value=False),
            ],
            label="Save the document",
            submit_label="Save",
            submit=self._submit_save,
        )
        self.compare_form = Form(
            [Field("path", "Compare with", placeholder="other.json", help="Another document.")],
            label="Compare two documents",
            submit_label="Compare",
            submit=self._submit_compare,
        )
        self.differences = _html.text_widget()
        self.code_view = Disclosure("Show code")
        toolbar = ipywidgets.HBox(
            [self.technique, self.undo_button, self.upgrade_button, self.state]
        )
        toolbar.add_class("oem-toolbar")
        self._add(self.open_form, self.errors, self.jobs, toolbar, self.tree, self.problems)
        self._add(self.save_form, self.compare_form, self.differences, self.code_view)
        if isinstance(document, str | Path):
            self.read(document)
        elif document is not None:
            self._take(document)
        else:
            self._draw()
        self.technique.observe(lambda _: self._draw(), names="value")

    @property
    def document(self) -> dict[str, Any]:
        """The document as it stands, with all edits."""
        with self._lock:
            return copy.deepcopy(self._document)

    @property
    def changes(self) -> tuple[str, ...]:
        """Paths that were edited, in order."""
        return tuple(edit.path for edit in self._edits if edit.path)

    def read(self, path: str | Path) -> None:
        """Read a document from a file and show it."""
        self.errors.clear()
        self.open_form.fill(path=str(path))
        self._start(
            "Read the document",
            lambda _: read_any(Path(path)),
            lambda found: self._take(*found),
        )

    def undo(self) -> None:
        """Take the last edit back."""
        with self._lock:
            if self._edits:
                self._document = self._edits.pop().before
                self._draw()

    def upgrade(self) -> None:
        """Bring an older document into today's form; undo takes it back."""
        with self._lock:
            try:
                done = oscem.upgrade(self._document)
            except OpenEMError as error:
                self.errors.show(error)
                return
            if done.changes:
                self._edits.append(_Edit(self._document, "", "upgraded", None))
                self._document = done.document
            self._draw()
            self._show_below(upgraded(done.changes))

    def save(self, path: str | Path, *, draft: bool = False) -> None:
        """Write the document; what does not validate is written as a draft only."""
        self.save_form.submit({"path": str(path), "draft": draft})

    def code(self) -> str:
        """Return Python that makes the document as it stands, as ``document``.

        Raises
        ------
        InvalidInput
            If the document is too long to be written down and came from no file.
        """
        with self._lock:
            edits, technique = list(self._edits), self._technique()
            begin = edits[0].before if edits else self._document
            source = self._source
        lines = ["from openem_nb import oscem", ""]
        if source:
            lines.append(f"document = {source}")
        else:
            text = pprint.pformat(begin, sort_dicts=False, width=96)
            if len(text) > _LONGEST:
                raise InvalidInput(
                    "The document is too long to be written down.", hint="Save it, and open that."
                )
            lines.append(f"document = {text}")
        lines += [_line(edit) for edit in edits]
        if technique is not None:
            lines.append(f"problems = oscem.validate(document, technique={technique!r})")
        return "\n".join(lines) + "\n"

    # What callbacks do

    def _submit_open(self, values: Values) -> Mapping[str, str]:
        path = str(values["path"]).strip()
        if not path:
            return {"path": "Name a file."}
        self.read(path)
        return {}

    def _edit(self, path: str, value: Any) -> None:
        with self._lock:
            changed = copy.deepcopy(self._document)
            oscem.set_at(changed, path, value)
            self._edits.append(_Edit(self._document, path, "set", value))
            self._document = changed
            self._draw()

    def _remove(self, path: str) -> None:
        with self._lock:
            changed, gone = without(self._document, path)
            self._edits.append(_Edit(self._document, gone, "removed", None))
            self._document = changed
            self._draw()

    def _submit_save(self, values: Values) -> Mapping[str, str]:
        path = str(values["path"]).strip()
        if not path:
            return {"path": "Name a file."}
        with self._lock:
            document, edits, technique = self.document, len(self._edits), self._technique()
        draft = bool(values["draft"])
        self.errors.clear()
        self.save_form.busy = True

        def show(_: None) -> None:
            self._saved = edits
            self.save_form.status = f"Written: {_html.plain(path)}"
            self._draw()

        self._start(
            "Save the document",
            lambda _: write_any(document, Path(path), technique=technique, draft=draft),
            show,
            finish=self._not_busy,
        )
        return {}

    def _not_busy(self) -> None:
        self.save_form.busy = False

    def _submit_compare(self, values: Values) -> Mapping[str, str]:
        path = str(values["path"]).strip()
        if not path:
            self.differences.value = ""
            return {"path": "Name a file."}
        document = self.document
        self.errors.clear()
        self._start(
            "Compare the documents",
            lambda _: oscem.diff(read_any(Path(path))[0], document),
            lambda found: self._show_below(differences(path, found)),
        )
        return {}

    # What is shown

    def _take(self, document: Mapping[str, Any] | Extraction, source: str = "") -> None:
        with self._lock:
            self._extraction = None if isinstance(document, Mapping) else document
            found = document if isinstance(document, Mapping) else document.document
            self._document = copy.deepcopy(dict(found))
            self._source, self._edits, self._saved = source, [], 0
            self.differences.value = self.save_form.status = ""
            self._draw()

    def _technique(self) -> str | None:
        """Return the schema to check by, None for metadata that follow none."""
        chosen = str(self.technique.value)
        if chosen:
            return None if chosen == _FREE else chosen
        if self._extraction is not None:
            return self._extraction.technique
        if not {"acquisition", "instrument"} & self._document.keys():
            return None
        return oscem.technique_of(self._document)

    def _draw(self) -> None:
        with self._lock:
            technique = self._technique()
            fields: tuple[FieldInfo, ...] = ()
            doubts: tuple[Problem, ...] = ()
            self._problems = ()
            if technique is not None:
                fields = oscem.fields(technique)
                self._problems = oscem.validate(self._document, technique=technique)
                doubts = oscem.doubts(self._document)
            known = origins(self._extraction.provenance) if self._extraction is not None else {}
            known.update((path, [("Where from", "edited here")]) for path in self.changes)
            self.tree.show(
                self._document,
                fields=fields,
                problems=[(one.path, one.message) for one in self._problems],
                origins=known,
            )
            rows = [problem_row(one, "Wrong") for one in self._problems]
            rows += [problem_row(one, "Doubtful") for one in doubts]
            self.problems.label = f"To be mended ({len(rows)})"
            self.problems.show(rows[:SHOWN])
            self.undo_button.disabled = not self._edits
            older = bool(self._problems) or "scientificMetadata" in self._document
            self.upgrade_button.layout.display = "" if older else "none"
            self.state.value = _html.status(self._words(technique))
            try:
                self.code_view.text = self.code()
            except OpenEMError as error:
                self.code_view.text = f"# {error} {error.hint}"

    def _show_below(self, html: str) -> None:
        self.differences.value = html

    def _words(self, technique: str | None) -> str:
        if not self._document:
            return "No document is open."
        checked = "Free metadata: nothing to check them by."
        if technique is not None:
            many = counted(len(self._problems), "problem")
            checked = f"Valid as {technique}." if not self._problems else f"{many} as {technique}."
        edits = len(self._edits)
        if edits == self._saved:
            return checked
        return f"{checked} {counted(edits, 'edit')}, not saved."


def _line(edit: _Edit) -> str:
    if edit.kind == "upgraded":
        return "document = oscem.upgrade(document).document"
    if edit.kind == "set":
        return f"oscem.set_at(document, {edit.path!r}, {edit.value!r})"
    *above, last = keys_of(edit.path)
    where = f"oscem.get_at(document, {join(above)!r})" if above else "document"
    return f"del {where}[{last!r}]"
