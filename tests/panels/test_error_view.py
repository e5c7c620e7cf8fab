from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from openem_nb import tokens
from openem_nb.errors import (
    Cancelled,
    InvalidInput,
    NotLoggedIn,
    OpenEMError,
    RunFailed,
    TokenExpired,
    Unreachable,
)
from openem_nb.panels import ErrorView, LoginPanel

if TYPE_CHECKING:
    from openem_nb.practice import Facility


def raised(error: BaseException) -> BaseException:
    def fail() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        fail()
    return caught.value


@pytest.mark.parametrize("kind", [Unreachable, InvalidInput, RunFailed, OpenEMError])
def test_message_hint_and_traceback_are_shown(kind: type[OpenEMError]) -> None:
    view = ErrorView()
    view.show(raised(kind("It broke.", hint="Mend it.")))
    assert (view.disclosure.sentence, view.disclosure.hint) == ("It broke.", "Mend it.")
    assert "Traceback" in view.disclosure.text
    assert view.disclosure.tone == "error"
    view.clear()
    assert (view.disclosure.sentence, view.disclosure.text, view.error) == ("", "", None)


@pytest.mark.parametrize(
    ("hint", "shown"),
    [
        (
            'Log in again with openem.login("psi"), or forget it with openem.logout("psi").',
            "Log in again, or log out.",
        ),
        ("Log in first with openem.login(); or wait.", "Log in first; or wait."),
        ("Log in as ada: openem.login('psi').", "Log in as ada."),
        ('Copy and paste it after openem.login("psi").', "Copy and paste it here."),
        ("ask_again() asks for it anew.", "Ask again asks for it anew."),
        ("Write 2026.", "Write 2026."),
    ],
)
def test_hints_name_what_a_panel_has(hint: str, shown: str) -> None:
    view = ErrorView(offer_login=False)
    view.show(raised(NotLoggedIn("No.", hint=hint)))
    assert view.disclosure.hint == shown


def test_a_log_in_that_ran_out_is_said_once(catalogue: Facility, closing: Any, until: Any) -> None:
    token = catalogue.scicat["practice"].users.token("ada", seconds=-5)
    tokens.save("practice", token)
    view = closing(ErrorView())
    view.show(raised(TokenExpired("The token has run out.")), again=lambda: None)
    assert view.login is not None
    assert view.login.errors.error is None
    assert view.login.leave.layout.display != "none"
    view.login.leave.click()
    until(lambda: tokens.find("practice") is None)


def test_an_unexpected_error_is_called_so() -> None:
    view = ErrorView()
    view.show(raised(KeyError("x")))
    assert view.disclosure.sentence == "Unexpected KeyError: 'x'"
    assert "Copy the details" in view.disclosure.hint


def test_what_may_pass_can_be_tried_again() -> None:
    view, tries = ErrorView(), []
    view.show(raised(Unreachable("Away.")), again=lambda: tries.append(1))
    assert view.retry in view.children
    view.retry.click()
    assert tries == [1]
    assert view.disclosure.sentence == ""
    view.show(raised(InvalidInput("Wrong.")), again=lambda: tries.append(1))
    assert view.retry not in view.children


def test_a_missing_log_in_brings_the_log_in_and_keeps_the_question(
    catalogue: Facility, closing: Any, until: Any
) -> None:
    view, tries = closing(ErrorView()), []
    view.show(raised(TokenExpired("The token has run out.")), again=lambda: tries.append(1))
    assert "what you entered is kept" in view.disclosure.hint
    panel = view.children[1]
    assert isinstance(panel, LoginPanel)
    panel.form.submit({"username": "ada", "secret": "practice"})
    until(lambda: tries == [1])
    view.show(raised(NotLoggedIn("Who are you?")))
    view.show(raised(InvalidInput("Wrong.")))
    assert [type(child).__name__ for child in view.children] == ["Disclosure"]


def test_a_cancelled_job_is_no_error() -> None:
    view = ErrorView()
    view.show(raised(InvalidInput("Wrong.")))
    view.show(raised(Cancelled("Stopped.")))
    assert view.disclosure.sentence == ""
