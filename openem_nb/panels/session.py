"""A microscope session: read its folder, complete what is missing, save, convert to mmCIF."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import ipywidgets

from openem_nb import mmcif, oscem, settings
from openem_nb.errors import InvalidInput
from openem_nb.panels import _html
from openem_nb.panels._folder_choice import FolderChoice
from openem_nb.panels._metadata_origin import origins
from openem_nb.panels._panel import Panel
from openem_nb.panels._session_coverage import CoverageView
from openem_nb.panels._session_forms import answered, missing_fields, wrong_answers
from openem_nb.panels._session_mmcif import MmcifBox
from openem_nb.panels.error_view import Disclosure
from openem_nb.panels.form import Field, Form, Values
from openem_nb.panels.job_list import Row, RowList
from openem_nb.panels.metadata_tree import MetadataTree
from openem_nb.values import counted, format_duration

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openem_nb.jobs import Progress
    from openem_nb.mmcif import Coverage
    from openem_nb.oscem.extraction import Extraction
    from openem_nb.practice.sessions import SessionKind

__all__ = ["SessionPanel"]

_TECHNIQUES: Final = (("", "As the files show"), *((name, name) for name in oscem.TECHNIQUES))
_LEVELS: Final = {"error": "Error", "warning": "Warning", "info": "Note"}
_SHOWN: Final = 50
"""Findings that are listed."""
_TITLES: Final = ("Metadata", "Findings", "Missing", "Repositories", "mmCIF")


class SessionPanel(Panel):
    """From a session's folder to a document that is valid, and to mmCIF.

    Parameters
    ----------
    folder :
        Read at once where it is given.
    technique, instruments :
        As for :func:`openem_nb.oscem.extract`.

    Examples
    --------
    >>> from openem_nb import SessionPanel
    >>> SessionPanel("/data/2024-08-31_session")  # doctest: +SKIP
    """

    def __init__(
        self,
        folder: Path | str | None = None,
        *,
        technique: str | None = None,
        instruments: Path | str | None = None,
    ) -> None:
        super().__init__("Microscope session", notice=None, offer_login=False)
        self._given: dict[str, str] = {}
        self._changes: list[Mapping[str, Any] | str] = []
        self._extraction: Extraction | None = None
        self.coverage: Coverage | None = None
        """What the repositories ask for, against what is there; None before the first time."""
        self.form = Form(
            [
                Field("folder", "Folder of the session", value=str(folder or ""), wide=True),
                Field(
                    "technique",
                    "Technique",
                    kind="choice",
                    value=technique or "",
                    choices=_TECHNIQUES,
                ),
                Field(
                    "instruments",
                    "Instrument file",
                    value=str(instruments or ""),
                    help="What the microscope does not write; else the files in the settings.",
                    placeholder="instrument.toml",
                ),
                Field(
                    "time_zone",
                    "Time zone",
                    help="For files with local times.",
                    placeholder="Europe/Zurich",
                ),
            ],
            label="Session",
            submit_label="Read the session",
            submit=self._submit,
        )
        self.place = FolderChoice(
            self._start, self._choose, practise=self.practise, practice="Make a practice session"
        )
        self.summary = _html.text_widget()
        self.findings = RowList("Findings", empty="There is nothing to tell of the files.")
        self.tree = MetadataTree(
            label="Metadata of the session", edit=self._edit, remove=self.remove
        )
        self.missing_form = Form(
            [], label="Missing values", submit_label="Put these in", submit=self._complete
        )
        self.missing_words = _html.text_widget()
        self.coverage_view = CoverageView()
        self.mmcif = MmcifBox(self._start, self._session, self._show_code)
        self.save_form = Form(
            [
                Field("path", "Save as", placeholder="session.json"),
                Field("draft", "As a draft, whatever is missing", kind="check", value=False),
            ],
            label="Save the document",
            submit_label="Save",
            submit=self._submit_save,
        )
        self.tabs = ipywidgets.Tab(
            [
                ipywidgets.VBox([self.tree]),
                ipywidgets.VBox([self.findings]),
                ipywidgets.VBox(
                    [self.missing_words, self.missing_form, self.save_form],
                    layout={"grid_gap": "10px"},
                ),
                self.coverage_view,
                self.mmcif,
            ],
            titles=_TITLES,
        )
        self.code_view = Disclosure("Show code")
        self._add(self.form, self.place, self.errors, self.jobs)
        self._add(self.summary, self.tabs, self.code_view)
        self._draw()
        self.place.show(folder is None)
        if folder is not None:
            self.form.submit()

    @property
    def extraction(self) -> Extraction | None:
        """What was read, with what was completed; None before the first time."""
        return self._extraction

    @property
    def document(self) -> dict[str, Any]:
        """The document as it stands; empty before a session was read."""
        return {} if self._extraction is None else self._extraction.document

    def extract(self, folder: Path | str) -> None:
        """Read a session's folder in the background."""
        self.form.submit({"folder": str(folder)})

    def practise(self, kind: SessionKind = "epu") -> None:
        """Write a practice session below the data folder and read it."""
        from openem_nb.practice import sessions

        folder = settings.folders().data / f"practice-session-{secrets.token_hex(3)}"
        self.errors.clear()
        self._start(
            "Write a practice session",
            lambda _: sessions.write_session(folder, kind=kind),
            lambda _: self._choose(folder, instruments=str(folder / sessions.INSTRUMENT)),
        )

    def complete(self, values: Mapping[str, Any]) -> None:
        """Put in values that a person gives, by path."""
        with self._lock:
            if self._extraction is None:
                raise InvalidInput("No session was read yet.", hint="Choose a folder first.")
            self._extraction = self._extraction.complete(values)
            if self._changes and isinstance(self._changes[-1], dict):
                self._changes[-1] = {**self._changes[-1], **values}
            else:
                self._changes.append(dict(values))
            self._draw()
        self._cover()

    def remove(self, path: str) -> None:
        """Take a value out of the document."""
        with self._lock:
            if self._extraction is None:
                raise InvalidInput("No session was read yet.", hint="Choose a folder first.")
            self._extraction = self._extraction.without(path)
            self._changes.append(path)
            self._draw()
        self._cover()

    def code(self) -> str:
        """Return Python that does the same: ``session``, and ``deposition`` where one was made.

        Raises
        ------
        InvalidInput
            If no session was read yet.
        """
        with self._lock:
            if self._extraction is None:
                raise InvalidInput("No session was read yet.", hint="Choose a folder first.")
            given = {name: value for name, value in self._given.items() if value}
            folder = given.pop("folder")
            more = "".join(f", {name}={value!r}" for name, value in given.items())
            lines = ["import openem_nb as openem", ""]
            lines.append(f"session = openem.extract({folder!r}{more})")
            for change in self._changes:
                if isinstance(change, str):
                    lines.append(f"session = session.without({change!r})")
                    continue
                lines.append("session = session.complete({")
                lines += [f"    {path!r}: {value!r}," for path, value in change.items()]
                lines.append("})")
            lines.append("coverage = openem.coverage(session)")
            lines += self.mmcif.code()
        return "\n".join(lines) + "\n"

    def close(self) -> None:
        """End all updates and widgets of the panel."""
        for widget in (self.findings, self.tree, self.missing_form, self.save_form, self.mmcif):
            widget.close()
        super().close()

    # What callbacks do

    def _choose(self, folder: Path, **more: str) -> None:
        self.form.fill(folder=str(folder), **more)
        self.form.submit()

    def _submit(self, values: Values) -> Mapping[str, str]:
        given = {name: str(value).strip() for name, value in values.items()}
        if not given["folder"]:
            return {"folder": "Name a folder, or take one below."}
        self.errors.clear()
        self.form.busy = True

        def work(progress: Progress) -> tuple[Extraction, Coverage]:
            found = oscem.extract(
                given["folder"],
                technique=given["technique"] or None,
                instruments=given["instruments"] or None,
                time_zone=given["time_zone"],
                progress=progress,
            )
            return found, mmcif.coverage(found)

        def show(found: tuple[Extraction, Coverage]) -> None:
            self._given, self._changes = given, []
            self._extraction, self.coverage = found
            self.mmcif.answers = {}
            self.save_form.status = ""
            self.place.show(False)
            self._draw()

        again = lambda: self.form.submit(values)  # noqa: E731
        self._start("Read the session", work, show, finish=self._not_busy, again=again)
        return {}

    def _not_busy(self) -> None:
        self.form.busy = False

    def _edit(self, path: str, value: Any) -> None:
        self.complete({path: value})

    def _complete(self, values: Values) -> Mapping[str, str]:
        given = answered(values)
        extraction = self._extraction
        if extraction is None or not given:
            return {}
        wrong = wrong_answers(extraction, given)
        if not wrong:
            self.complete(given)
        return wrong

    def _cover(self) -> None:
        extraction = self._extraction

        def show(found: Coverage) -> None:
            self.coverage = found
            self.coverage_view.show(self.coverage)

        self._start("See what the repositories ask for", lambda _: mmcif.coverage(extraction), show)

    def _session(self) -> Extraction:
        if self._extraction is None:
            raise InvalidInput("No session was read yet.", hint="Choose a folder first.")
        return self._extraction

    def _submit_save(self, values: Values) -> Mapping[str, str]:
        path, extraction = str(values["path"]).strip(), self._extraction
        if not path or extraction is None:
            return {"path": "Name a file."}
        write = extraction.write_draft if values["draft"] else extraction.write
        self.errors.clear()
        self.save_form.busy = True

        def show(_: Any) -> None:
            self.save_form.status = f"Written: {_html.plain(path)}"

        def finish() -> None:
            self.save_form.busy = False

        self._start("Save the document", lambda _: write(Path(path)), show, finish=finish)
        return {}

    # What is shown

    def _draw(self) -> None:
        with self._lock:
            found = self._extraction
            self.tabs.layout.display = "none" if found is None else ""
            if found is None:
                return
            self.summary.value = _html.status(_words(found))
            rows = [
                Row(
                    str(place),
                    _html.plain(one.message),
                    _LEVELS.get(one.level, one.level),
                    message=_html.plain(one.hint),
                    detail=_html.plain(_files(one.files, one.count)),
                )
                for place, one in enumerate(found.findings[:_SHOWN])
            ]
            self.findings.show(rows)
            self.tree.show(
                found.document,
                fields=oscem.fields(found.technique),
                problems=[(one.path, one.message) for one in found.problems],
                origins=origins(found.provenance),
            )
            self.missing_form.show(missing_fields(found.missing))
            self.missing_form.layout.display = "" if found.missing else "none"
            needed = sum(one.required for one in found.missing)
            words = "Nothing is missing: the document can be saved."
            if needed:
                words = f"{counted(needed, 'value')} that OSC-EM asks for, and no file says."
            self.missing_words.value = _html.status(words)
            self.tabs.set_title(1, f"{_TITLES[1]} ({len(found.findings)})")
            self.tabs.set_title(2, f"{_TITLES[2]} ({needed})")
            self.mmcif.forget()
            self.coverage_view.show(self.coverage)
            self._show_code()

    def _show_code(self) -> None:
        self.code_view.text = self.code()


def _words(found: Extraction) -> str:
    counts = [
        f"{count:,} {source} ({kind})"
        for source, kinds in found.files.items()
        for kind, count in kinds.items()
    ]
    files = ", ".join(counts) or "no file that can be read"
    values = counted(len(found.provenance), "value")
    state = "valid" if not found.problems else counted(len(found.problems), "problem")
    took = format_duration(found.seconds)
    return f"{found.folder.name}: {found.technique}, {files}; {values}, {state}, {took}."


def _files(names: tuple[str, ...], count: int) -> str:
    if not names:
        return ""
    more = f" and {count - 3:,} more" if count > 3 else ""
    return f"{counted(count, 'file')}: {', '.join(names[:3])}{more}"
