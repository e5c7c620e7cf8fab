"""Panels without a browser: clicks are messages, as a front end sends them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@pytest.fixture
def until() -> Callable[..., None]:
    """Return ``until(condition)``, which waits for something that another thread does."""

    def wait(condition: Callable[[], Any], *, seconds: float = 10.0) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "it did not happen in time"
            time.sleep(0.01)

    return wait


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Return ``ask(widget, action, **content)``: a request of the front end and its answer."""

    def request(widget: Any, action: str, **content: Any) -> dict[str, Any]:
        answers: list[dict[str, Any]] = []
        monkeypatch.setattr(widget, "send", answers.append, raising=True)
        message = {"type": "request", "key": "k1", "action": action, "content": content}
        widget._handle_custom_msg(message, [])
        (answer,) = answers
        assert answer["key"] == "k1"
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
