from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from openem_nb import settings, tokens
from openem_nb.panels import LoginBox

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture(autouse=True)
def profile_of_the_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENEM_PROFILE", "practice")


def token(expires: int) -> str:
    parts = [{"alg": "none"}, {"sub": "alice", "exp": expires}]
    encoded = (base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts)
    return ".".join([*(part.rstrip("=") for part in encoded), "sig"])


def traits(box: LoginBox) -> str:
    return json.dumps([str(widget.get_state()) for widget in (box, *box.children)])


def test_the_token_goes_where_tokens_are_kept_and_into_no_trait(ask: Callable[..., Any]) -> None:
    box, done = LoginBox(), []
    box._done = lambda: done.append(1)
    secret = token(4102444800)
    answer = ask(box.form, "submit", values={"profile": "psi", "token": secret})
    assert answer == {"type": "reply", "key": "k1", "content": {"errors": {}}}
    stored = tokens.find("psi")
    assert stored is not None
    assert stored.reveal() == secret
    assert settings.profile().name == "psi"
    assert secret not in traits(box)
    assert "alice, valid until 2100-01-01" in box.state.value
    assert done == [1]


def test_an_old_token_is_called_expired(ask: Callable[..., Any]) -> None:
    box = LoginBox()
    ask(box.form, "submit", values={"profile": "psi", "token": token(1_000_000_000)})
    assert "expired 2001-09-09" in box.state.value


def test_half_a_token_is_refused_in_place_and_not_repeated(ask: Callable[..., Any]) -> None:
    box = LoginBox()
    answer = ask(box.form, "submit", values={"profile": "psi", "token": "two words"})
    assert "blanks" in answer["content"]["errors"]["token"]
    assert "two words" not in json.dumps(answer) + traits(box)
    assert tokens.find("psi") is None


def test_practice_needs_no_log_in() -> None:
    assert "needs no log-in" in LoginBox().state.value
