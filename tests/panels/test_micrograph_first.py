"""The first view of another micrograph: sent unasked to a front end that is there, to no other."""

from __future__ import annotations

import itertools
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from image_files import write_mrc

from openem_nb.panels._micrograph_views import Views
from openem_nb.panels.micrograph import MicrographView

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


class Wire:
    """What a canvas sends, in the place of a comm."""

    def __init__(self) -> None:
        self.sent: list[tuple[dict[str, Any], list[bytes]]] = []
        self.came = threading.Event()
        self._keys = itertools.count()

    def send(self, message: dict[str, Any], buffers: Any = ()) -> None:
        self.sent.append((message, [bytes(one) for one in buffers]))
        self.came.set()

    def ask(self, view: MicrographView, **wish: Any) -> tuple[dict[str, Any], list[bytes]]:
        key = f"key {next(self._keys)}"
        message = {"type": "request", "key": key, "action": "view", "content": wish}
        view.canvas._handle_custom_msg(message, [])
        return self.sent[-1]


@pytest.fixture
def opened(
    tmp_path: Path, closing: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> Callable[[Any], tuple[MicrographView, Wire]]:
    """Return ``opened(array)``: a view that a front end has asked for, and what it sends."""

    def make(array: Any) -> tuple[MicrographView, Wire]:
        view, wire = closing(MicrographView(write_mrc(tmp_path / "first.mrc", array))), Wire()
        monkeypatch.setattr(view.canvas, "send", wire.send)
        assert not view.canvas.about["coming"]
        height, width = array.shape[-2:]
        wire.ask(view, y0=0, y1=height, x0=0, x1=width, factor=1, frame=0)
        wire.sent.clear()
        wire.came.clear()
        return view, wire

    return make


def noise(*shape: int) -> Any:
    return np.random.default_rng(2).normal(20, 4, shape).astype(np.float32)


def test_who_is_there_gets_the_whole_image_unasked(opened: Any, tmp_path: Path) -> None:
    view, wire = opened(noise(60, 80))
    view.show(write_mrc(tmp_path / "two.mrc", noise(2500, 3000)))
    assert view.canvas.about["coming"]
    assert wire.came.wait(120)
    ((message, buffers),) = wire.sent
    assert message["type"] == "view"
    assert message["id"] == view.canvas.about["id"]
    assert message["content"]["factor"] == 2
    answer, same = wire.ask(view, y0=0, y1=2500, x0=0, x1=3000, factor=2, frame=0)
    assert answer["content"] == message["content"]
    assert same == buffers


def test_who_was_not_there_has_to_ask(
    tmp_path: Path, closing: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, wire = closing(MicrographView()), Wire()
    monkeypatch.setattr(view.canvas, "send", wire.send)
    view.show(write_mrc(tmp_path / "one.mrc", noise(60, 80)))
    assert not view.canvas.about["coming"]
    assert not wire.came.wait(0.3)


@pytest.mark.parametrize(
    ("shape", "options"),
    [
        ((60, 80), {"low_pass": 20, "pixel_size": 1.0}),  # it is filtered in the part that is shown
        ((60, 80), {"binning": 4}),
        ((3, 60, 80), {"frame": 1, "around": 3}),
        ((3, 60, 80), {}),  # the mean of all frames takes its time
    ],
)
def test_what_is_more_than_read_is_asked_for(
    opened: Any, tmp_path: Path, shape: tuple[int, ...], options: dict[str, Any]
) -> None:
    view, wire = opened(noise(60, 80))
    view.show(write_mrc(tmp_path / "two.mrc", noise(*shape)), **options)
    assert not view.canvas.about["coming"]
    assert not wire.came.wait(0.3)


def test_a_file_that_cannot_be_read_is_told_to_who_asks(
    opened: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    view, wire = opened(noise(60, 80))

    def broken(*_: Any) -> Any:
        raise OSError("The disk is gone")

    monkeypatch.setattr(Views, "_small", broken)
    view.show(write_mrc(tmp_path / "two.mrc", noise(600, 800)))
    assert view.canvas.about["coming"]
    answer, _ = wire.ask(view, y0=0, y1=600, x0=0, x1=800, factor=1, frame=0)
    assert answer["type"] == "error"
    assert "The disk is gone" in answer["message"]
    assert [one["type"] for one, _ in wire.sent] == ["error"]
