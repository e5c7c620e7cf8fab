from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from openem_nb import settings, tokens
from openem_nb.errors import NotLoggedIn, Unreachable
from openem_nb.panels import LoginPanel
from openem_nb.practice import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from openem_nb.practice import Facility

PASSWORD = "practice"


@pytest.fixture
def panel(catalogue: Facility, closing: Any) -> LoginPanel:
    opened = closing(LoginPanel())
    opened.job.result(120)
    return opened


def log_in(panel: LoginPanel, ask: Callable[..., Any], **values: str) -> dict[str, Any]:
    answer = ask(panel.form, "submit", values={**panel.form.values, **values})
    panel.job.result(120)
    return answer


def test_nobody_is_logged_in_at_first_and_the_practice_people_are_named(panel: LoginPanel) -> None:
    assert "Nobody is logged in" in panel.state.value
    assert "ada" in panel.help.value
    assert panel.form.values["way"] == "password"
    assert panel.leave.layout.display == "none"
    assert panel.identity is None


def test_name_and_password_log_in_and_are_in_no_trait(
    panel: LoginPanel, ask: Callable[..., Any], everything_shown: Callable[..., str]
) -> None:
    done: list[int] = []
    panel._done = lambda: done.append(1)
    answer = log_in(panel, ask, username="ada", secret=PASSWORD)
    assert answer["content"] == {"errors": {}}
    assert "<h3>ada" in panel.state.value
    assert "emf-krios, p20001, p20002" in panel.state.value
    assert panel.identity.username == "ada"
    assert done == [1]
    stored = tokens.find("practice")
    assert stored is not None
    shown = everything_shown(panel)
    assert stored.reveal() not in shown
    assert "secret" not in panel.form.values


def test_a_pasted_token_logs_in_and_is_in_no_trait(
    panel: LoginPanel,
    catalogue: Facility,
    ask: Callable[..., Any],
    everything_shown: Callable[..., str],
) -> None:
    token = catalogue.scicat["practice"].users.token("reader")
    panel.form.fill(way="token")
    assert [field["name"] for field in panel.form.fields] == ["profile", "way", "secret"]
    answer = log_in(panel, ask, secret=f" {token}\n")
    assert "<h3>reader" in panel.state.value
    assert tokens.find("practice").reveal() == token
    assert token not in everything_shown(panel) + json.dumps(answer)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"username": "ada", "secret": "wrong"}, "does not know this name and password"),
        ({"way": "token", "secret": "two words"}, "not a SciCat token"),
        ({"way": "token", "secret": "eyJhIjoxfQ.eyJzdWIiOiJldmUifQ.c2ln"}, "does not accept"),
    ],
)
def test_what_is_wrong_is_said_and_not_repeated(
    panel: LoginPanel,
    ask: Callable[..., Any],
    everything_shown: Callable[..., str],
    values: dict[str, str],
    says: str,
) -> None:
    answer = ask(panel.form, "submit", values={**panel.form.values, **values})
    with pytest.raises(Exception, match=says):
        panel.job.result(120)
    assert says in panel.errors.disclosure.sentence
    assert panel.errors.login is None  # it is the log-in itself
    assert values["secret"] not in everything_shown(panel) + json.dumps(answer)
    assert tokens.find("practice") is None
    assert panel.form.busy is False


def test_half_a_form_is_refused_in_place(panel: LoginPanel, ask: Callable[..., Any]) -> None:
    values = panel.form.values
    answer = ask(panel.form, "submit", values={**values, "username": "ada", "secret": ""})
    assert "password" in answer["content"]["errors"]["secret"]
    answer = ask(panel.form, "submit", values={**values, "username": "", "secret": PASSWORD})
    assert "name" in answer["content"]["errors"]["username"]
    assert tokens.find("practice") is None


def test_logging_out_forgets_the_token_and_says_what_that_means(
    ada: str, panel: LoginPanel
) -> None:
    assert "<h3>ada" in panel.state.value
    panel.leave.click()
    panel.job.result(120)
    assert tokens.find("practice") is None
    assert "cannot withdraw" in panel.state.value
    assert panel.identity is None
    assert panel.leave.layout.display == "none"


def test_a_log_in_that_is_about_to_run_out_is_warned_of(
    catalogue: Facility, closing: Any, until: Any
) -> None:
    token = catalogue.scicat["practice"].users.token("ada", seconds=300)
    tokens.save("practice", token)
    panel = closing(LoginPanel())
    panel.job.result(120)
    until(lambda: "runs out in 5 min" in panel.warning.value)
    assert 'role="alert"' in panel.warning.value
    assert panel.identity.expires <= datetime.now(UTC) + timedelta(minutes=5)


def test_a_log_in_that_has_run_out_is_said(catalogue: Facility, closing: Any) -> None:
    tokens.save("practice", catalogue.scicat["practice"].users.token("ada", seconds=-5))
    panel = closing(LoginPanel())
    with pytest.raises(NotLoggedIn):
        panel.job.result(120)
    assert "ran out" in panel.errors.disclosure.sentence


def test_choosing_another_instance_asks_that_one(
    ada: str, panel: LoginPanel, ask: Callable[..., Any]
) -> None:
    panel.form.fill(profile="practice-ethz")
    panel.job.result(120)
    assert "practice-ethz: Nobody is logged in" in panel.state.value
    log_in(panel, ask, username="ada", secret=PASSWORD)
    assert "g20001" in panel.state.value
    assert settings.profile().name == "practice-ethz"
    assert tokens.find("practice").reveal() == ada  # that of the other instance stays


def test_a_real_instance_tells_how_to_get_a_token(panel: LoginPanel, until: Any) -> None:
    panel.form._submit = lambda _: {}
    panel._form_of = ("", "")
    panel._ask_for("psi")
    assert "copy the SciCat token" in panel.help.value
    assert 'href="https://discovery.psi.ch"' in panel.help.value
    assert panel.form.values["way"] == "token"


def test_a_service_that_is_down_can_be_asked_again(catalogue: Facility, closing: Any) -> None:
    tokens.save("practice", catalogue.scicat["practice"].users.token("curator"))
    catalogue.add_fault(Fault("status", path=r"/scicat-psi/.*", status=503))
    panel = closing(LoginPanel())
    with pytest.raises(Unreachable):
        panel.job.result(120)
    catalogue.clear_faults()
    panel.errors.retry.click()
    panel.job.result(120)
    assert "<h3>curator" in panel.state.value


def test_names_from_the_server_are_text(panel: LoginPanel) -> None:
    from openem_nb.scicat import Identity

    evil = "<img src=x onerror=alert(1)>\u202e"
    found = Identity(evil, evil, (evil,), evil, None, "practice")
    panel._show_identity("practice", found)
    assert "<img" not in panel.state.value
    assert "\u202e" not in panel.state.value
