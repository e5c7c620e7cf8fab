"""A session's document as mmCIF: convert, answer what is open, look at the check, save."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import ipywidgets

from openem_nb import mmcif
from openem_nb.errors import InvalidInput
from openem_nb.panels import _html
from openem_nb.panels._session_forms import answered, question_fields
from openem_nb.panels.form import Field, Form, Values
from openem_nb.panels.job_list import Row, RowList
from openem_nb.values import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from openem_nb.jobs import Progress
    from openem_nb.mmcif import Check, Deposition, Question
    from openem_nb.oscem.extraction import Extraction

__all__ = ["MmcifBox"]

_SHOWN: Final = 50
"""Messages of the check that are listed."""
_WINS: Final = (("metadata", "The metadata"), ("model", "The model"))
_ITSELF: Final = "OneDep"
"""Who supplies what nobody has to be asked for."""
_LEVELS: Final = {"error": "Error", "warning": "Warning"}


class MmcifBox(ipywidgets.VBox):  # type: ignore[misc]  # published without types
    """Forms that make an mmCIF file of a document.

    Parameters
    ----------
    start :
        Runs work in the background and shows it, as :meth:`Panel._start` does.
    session :
        Returns the extraction as it is then.
    changed :
        Called when there is a new result.
    """

    def __init__(
        self,
        start: Callable[..., Any],
        session: Callable[[], Extraction],
        changed: Callable[[], None],
    ) -> None:
        self._start, self._session, self._changed = start, session, changed
        self.deposition: Deposition | None = None
        """What was made last; None before the first time."""
        self.check: Check | None = None
        self.answers: dict[str, str] = {}
        self._asked: dict[str, Question] = {}
        self._given: dict[str, str] = {}
        self.form = Form(
            [
                Field(
                    "model",
                    "Coordinate model",
                    help="An mmCIF or PDB file to put the metadata into; may stay empty.",
                    placeholder="model.cif",
                ),
                Field(
                    "wins",
                    "Where both say something, take",
                    kind="choice",
                    value="metadata",
                    choices=_WINS,
                ),
            ],
            label="Convert to mmCIF",
            submit_label="Convert to mmCIF",
            submit=self._submit,
        )
        self.summary = _html.text_widget()
        self.questions = Form(
            [],
            label="Open questions",
            submit_label="Convert with these answers",
            submit=self._submit_answers,
        )
        self.messages = RowList("What the check says", empty="Nothing but what is open above.")
        self.details = _html.text_widget()
        self.save_form = Form(
            [Field("path", "Save as", placeholder="deposition.cif")],
            label="Save the mmCIF file",
            submit_label="Save mmCIF",
            submit=self._save,
        )
        super().__init__(
            [
                self.form,
                self.summary,
                self.questions,
                self.save_form,
                self.messages,
                self.details,
            ],
            layout={"grid_gap": "10px"},
        )
        self.forget()

    def forget(self) -> None:
        """Show nothing of what was made: the document has changed."""
        self.deposition = self.check = None
        self.summary.value = self.details.value = self.save_form.status = ""
        self.messages.show(())
        for widget in (self.questions, self.save_form, self.messages):
            widget.layout.display = "none"

    def code(self) -> list[str]:
        """Return lines of Python that make what was made, as ``deposition`` and ``check``."""
        if self.deposition is None:
            return []
        given = {name: value for name, value in self._given.items() if value}
        if given.get("wins") == "metadata":
            del given["wins"]
        arguments = [f"    {name}={value!r}," for name, value in given.items()]
        if self.answers:
            lines = [f"        {key!r}: {value!r}," for key, value in self.answers.items()]
            arguments += ["    answers={", *lines, "    },"]
        return [
            "deposition = openem.to_mmcif(",
            "    session,",
            *arguments,
            ")",
            "check = openem.check_mmcif(deposition.text)",
        ]

    # What callbacks do

    def _submit(self, values: Values) -> Mapping[str, str]:
        given = {"model": str(values["model"]).strip(), "wins": str(values["wins"])}
        self._convert(given, self.answers)
        return {}

    def _submit_answers(self, values: Values) -> Mapping[str, str]:
        shown = {field["name"] for field in self.questions.fields}
        kept = {key: answer for key, answer in self.answers.items() if key not in shown}
        answers = {**kept, **answered(values)}  # a field that was emptied is open again
        wrong = _wrong(self._session(), answers)
        if not wrong:
            self._convert(self._given, answers)
        return wrong

    def _convert(self, given: Mapping[str, str], answers: Mapping[str, str]) -> None:
        session = self._session()
        for form in (self.form, self.questions):
            form.busy = True

        def work(_: Progress) -> tuple[Deposition, Check]:
            made = mmcif.to_mmcif(
                session,
                given["model"] or None,
                wins="model" if given["wins"] == "model" else "metadata",
                answers=answers,
            )
            return made, mmcif.check_mmcif(made.text)

        def show(found: tuple[Deposition, Check]) -> None:
            self._given, self.answers = dict(given), dict(answers)
            self._show(*found)

        self._start("Convert to mmCIF", work, show, finish=self._not_busy)

    def _not_busy(self) -> None:
        for form in (self.form, self.questions):
            form.busy = False

    def _save(self, values: Values) -> Mapping[str, str]:
        path = str(values["path"]).strip()
        made = self.deposition
        if not path or made is None:
            return {"path": "Name a file."}

        def show(_: Any) -> None:
            self.save_form.status = f"Written: {_html.plain(path)}"

        self._start("Save the mmCIF file", lambda _: made.write(Path(path)), show)
        return {}

    # What is shown

    def _show(self, made: Deposition, check: Check) -> None:
        self.deposition, self.check = made, check
        asked = [one for one in made.missing if one.who != _ITSELF]
        needed = sum(one.mandatory for one in asked)
        given = len(made.missing) - len(asked)
        words = (
            f"{counted(len(made.written), 'value')} written, {counted(needed, 'mandatory item')} "
            f"open, {given} more that OneDep fills in itself; the check finds "
            f"{counted(len(check.errors), 'error')} and {counted(len(check.warnings), 'warning')}."
        )
        self.summary.value = _html.status(words)
        self._asked.update((one.key, one) for one in asked)
        still = {one.key for one in asked} | self.answers.keys()
        shown = [one for key, one in self._asked.items() if key in still]
        self.questions.show(question_fields(shown, self.answers))
        self.questions.layout.display = "" if shown else "none"
        items = {one.item for one in asked}  # what is open stands above
        told = [one for one in (*check.errors, *check.warnings) if one.item not in items]
        rows = [
            Row(
                str(place),
                _html.plain(one.item) or "The file",
                _LEVELS[one.level],
                message=_html.lines([one.text, one.remedy] if one.remedy else [one.text]),
            )
            for place, one in enumerate(told[:_SHOWN])
        ]
        more = len(told) - _SHOWN
        self.messages.label = "What the check says" + (f" ({more:,} more)" if more > 0 else "")
        self.messages.show(rows)
        notes = counted(len(check.messages), "message")
        self.details.value = _html.untangled(
            f"<details><summary>All of the check ({notes})</summary>{check._repr_html_()}</details>"
            f"{made._repr_html_()}"
        )
        self.save_form.layout.display = self.messages.layout.display = ""
        self._changed()


def _wrong(session: Extraction, answers: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with each answer that the dictionary does not take."""
    left, wrong = dict(answers), {}
    while left:
        try:
            mmcif.to_mmcif(session, answers=left)
        except InvalidInput as error:
            key = next((key for key in left if str(error).startswith(f"{key}: ")), None)
            if key is None:
                raise
            text = str(error).removeprefix(f"{key}: ")
            wrong[key] = f"{text[:1].upper()}{text[1:]} {error.hint}".strip()
            del left[key]
        else:
            break
    return wrong
