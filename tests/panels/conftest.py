"""Panels without a browser: clicks are messages, as a front end sends them."""

from __future__ import annotations

import itertools
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from openem_nb import tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from openem_nb.practice import Facility


ENOUGH = 120.0
"""Seconds within which another thread or process does something, on a busy machine too."""


@pytest.fixture
def until() -> Callable[[Callable[[], Any]], None]:
    """Return ``until(condition)``, which waits for something that another thread does."""

    def wait(condition: Callable[[], Any]) -> None:
        deadline = time.monotonic() + ENOUGH
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.01)

    return wait


_keys = itertools.count(1)


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Return ``ask(widget, action, **content)``: a request of the front end and its answer."""

    def request(widget: Any, action: str, **content: Any) -> dict[str, Any]:
        answers: list[dict[str, Any]] = []
        monkeypatch.setattr(
            widget, "send", lambda answer, buffers=(): answers.append(answer), raising=True
        )
        key = f"k{next(_keys)}"
        message = {"type": "request", "key": key, "action": action, "content": content}
        widget._handle_custom_msg(message, [])
        (answer,) = answers
        assert answer["key"] == key
        return answer

    return request


@pytest.fixture
def closing() -> Iterator[Callable[[Any], Any]]:
    """Return ``closing(panel)``, which closes it when the test has ended."""
    opened: list[Any] = []

    def keep(panel: Any) -> Any:
        opened.append(panel)
        return panel

    yield keep
    for panel in opened:
        panel.close()


@pytest.fixture(scope="session")
def shared_catalogue() -> Iterator[Facility]:
    """Run one facility for the panels of SciCat; its tapes are quick."""
    from openem_nb.practice import serve

    with serve(entries=50, seed=3, datasets=1500, tape_seconds=0.3) as facility:
        yield facility


@pytest.fixture
def catalogue(shared_catalogue: Facility, monkeypatch: pytest.MonkeyPatch) -> Iterator[Facility]:
    """Point the environment at it; faults end with the test."""
    monkeypatch.setenv("OPENEM_PROFILE", "practice")
    monkeypatch.setenv("OPENEM_PRACTICE_URL", shared_catalogue.url)
    yield shared_catalogue
    shared_catalogue.clear_faults()


@pytest.fixture
def ada(catalogue: Facility) -> str:
    """Log in as ada; return the token, which must show nowhere."""
    token: str = catalogue.scicat["practice"].users.token("ada")
    tokens.save("practice", token)
    return token


@pytest.fixture
def everything_shown() -> Callable[..., str]:
    """Return ``everything_shown(widget)``: the whole state of it and of all that is in it."""

    def read(*widgets: Any) -> str:
        texts = []
        for widget in widgets:
            texts.append(json.dumps(widget.get_state(), default=str))
            texts.append(read(*getattr(widget, "children", ())))
        return "\n".join(texts)

    return read
