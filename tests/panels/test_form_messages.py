"""Messages of a form stay until their field is edited, and keep nobody out for longer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from openem_nb.panels.form import Field, Form, Values

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def check(values: Values) -> dict[str, str]:
    errors = {}
    if not str(values["path"]).endswith(".csv"):
        errors["path"] = "Name a .csv file."
    if not str(values["voltage"]).isdigit():
        errors["voltage"] = "Write a number."
    return errors


@pytest.fixture
def form() -> Iterator[Form]:
    fields = [Field("path", "File"), Field("voltage", "Voltage"), Field("note", "Note")]
    shown = Form(fields, label="Save", submit_label="Save", submit=check)
    yield shown
    shown.close()


def test_an_edited_field_loses_its_message_and_the_others_keep_theirs(form: Form) -> None:
    form.submit({"path": "x.txt", "voltage": "abc"})
    assert set(form.errors) == {"path", "voltage"}
    form.fill(path="x.csv")
    assert form.errors == {"voltage": "Write a number."}
    form.fill(voltage="200")
    assert form.errors == {}
    form.submit()
    assert form.errors == {}


def test_an_edit_elsewhere_may_be_the_answer(form: Form) -> None:
    form.submit({"path": "x.csv", "voltage": "abc"})
    form.fill(note="it was the other folder")
    assert form.errors == {}


def test_messages_of_a_click_are_those_that_show(form: Form, ask: Callable[..., Any]) -> None:
    values = {"path": "x.txt", "voltage": "1", "note": ""}
    answer = ask(form, "submit", values=values)
    assert answer["content"] == {"errors": {"path": "Name a .csv file."}}
    assert form.errors == {"path": "Name a .csv file."}


def test_what_was_said_of_the_last_submission_is_gone_with_the_next(form: Form) -> None:
    form.status = "Written: x.csv"
    form.submit({"path": "y.txt"})
    assert form.status == ""
