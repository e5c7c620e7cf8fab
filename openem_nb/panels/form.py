"""A form: labelled fields, messages in place, and one button that sends all values together."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import traitlets

from openem_nb.panels._front_end import FrontEnd, module, style

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = ["Field", "Form", "Values"]

Kind = Literal["text", "number", "choice", "check", "date", "lines", "password", "conditions"]
Values = dict[str, str | bool]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a form; what a person enters is text, or true and false for ``check``."""

    name: str
    """The key of its value."""
    label: str
    """What a person reads beside it, and what a screen reader says."""
    kind: Kind = "text"
    """How it is entered.

    A ``password`` is never kept, it comes with the submission only. The value of ``conditions`` is
    JSON: a list of objects with name, comparison, value and unit, all of them text.
    """
    value: str | bool = ""
    """The value at the beginning."""
    help: str = ""
    """One line below the field."""
    placeholder: str = ""
    """An example, shown while the field is empty."""
    choices: tuple[tuple[str, str], ...] = ()
    """Value and text of each option of a ``choice``, or of each comparison of ``conditions``."""
    suggestions: tuple[str, ...] = ()
    """What may be meant, for a text field or for the names of ``conditions``."""
    wide: bool = False
    """Whether the field takes a whole line."""
    when: str = ""
    """Name of another field: this one shows only while that is ticked or filled."""


class Form(FrontEnd):
    """Fields and a button. All values travel with the click, so none can be an old one.

    Parameters
    ----------
    fields :
        What to ask for.
    label :
        Accessible name of the form.
    submit_label :
        Text of the button.
    submit :
        Called with all values when the button is pressed (or Enter, in any field); returns messages
        by field name where something is wrong. It must be quick: it starts work, it does not do it.
    role :
        ``form`` or ``search``.
    """

    _esm = module("form")
    _css = style("form")

    label = traitlets.Unicode().tag(sync=True)
    role = traitlets.Unicode("form").tag(sync=True)
    submit_label = traitlets.Unicode().tag(sync=True)
    status = traitlets.Unicode().tag(sync=True)
    busy = traitlets.Bool(False).tag(sync=True)
    fields = traitlets.List(traitlets.Dict()).tag(sync=True)
    values = traitlets.Dict().tag(sync=True)
    errors = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        fields: Iterable[Field],
        *,
        label: str,
        submit_label: str,
        submit: Callable[[Values], Mapping[str, str]],
        role: str = "form",
    ) -> None:
        super().__init__(label=label, submit_label=submit_label, role=role)
        self._submit = submit
        self.show(fields)
        self.answer("submit", self._on_submit)

    def show(self, fields: Iterable[Field]) -> None:
        """Replace the fields and set their first values."""
        shown = tuple(fields)
        with self.hold_sync():
            self.fields = [asdict(field) for field in shown]
            self.values = {field.name: field.value for field in shown if field.kind != "password"}
            self.errors = {}

    def suggest(self, **names: Iterable[str]) -> None:
        """Offer other suggestions in the fields that are named; what is being written stays."""
        self.fields = [
            {**field, "suggestions": tuple(names.get(field["name"], field["suggestions"]))}
            for field in self.fields
        ]

    def fill(self, **values: str | bool) -> None:
        """Set values from Python; those not named stay."""
        self.values = {**self.values, **values}

    def submit(self, values: Mapping[str, str | bool] | None = None) -> None:
        """Do what the button does, with the values shown or with those given."""
        self.status = ""  # what the last submission came to is no word about this one
        self.errors = dict(self._submit({**self.values, **(values or {})}))

    @traitlets.observe("values")
    def _forgive(self, change: Mapping[str, Any]) -> None:
        """Take away the messages that an edit has answered, for they keep the button from working.

        An edit of a field that has none may have mended what another field complains of.
        """
        before, now = change["old"] or {}, change["new"]
        edited = {name for name in {*before, *now} if before.get(name) != now.get(name)}
        mended = edited & set(self.errors)
        left = {name: text for name, text in self.errors.items() if name not in mended}
        self.errors = left if mended else {}

    def _on_submit(self, content: Mapping[str, Any]) -> Mapping[str, Any]:
        sent: Values = dict(content["values"])
        kept = {name: value for name, value in sent.items() if name in self.values}
        self.values = kept
        self.status = ""
        errors = dict(self._submit({**kept, **sent}))
        self.errors = errors
        return {"errors": errors}
