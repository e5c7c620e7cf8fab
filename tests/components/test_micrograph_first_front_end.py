"""The first view of another micrograph in the page: it comes by itself, or is asked for."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from _viewer import PIXEL, corners, stage, until, views

if TYPE_CHECKING:
    from pathlib import Path

    from openem_nb.panels.micrograph import MicrographView

pytestmark = pytest.mark.component


def another(python: MicrographView, path: Path) -> tuple[str, list[str]]:
    """Show another micrograph; return the traits that change, and what is sent beside them."""
    sent: list[str] = []

    def send(message: Any, buffers: Any = ()) -> None:
        packed = [base64.b64encode(one).decode() for one in buffers]
        sent.append(json.dumps([message, packed]))

    python.canvas.send = send
    python.show(path)
    first = python._views and python._views.first
    assert first is not None
    first[1].result(20)
    traits = {name: getattr(python.canvas, name) for name in ("about", "settings", "version")}
    return json.dumps(traits), sent


FIRE = """([message, buffers]) => {
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  window.model.fire("msg:custom", message, buffers.map((text) => new DataView(bytes(text).buffer)));
}"""


def test_a_view_that_comes_by_itself_is_not_asked_for(viewer: Any, write: Any) -> None:
    page, python = viewer(write(corners()))
    before = len(views(page))
    traits, sent = another(python, write(corners()[::-1].copy(), "turned.mrc"))
    page.evaluate(f"window.model.update({traits})")
    page.wait_for_timeout(200)
    assert len(views(page)) == before
    while not sent:
        page.wait_for_timeout(20)
    page.evaluate(FIRE, json.loads(sent[0]))
    assert page.evaluate(PIXEL, [0.25, 0.25]) > 200  # the bright quarter is now at the top
    assert page.evaluate(PIXEL, [0.25, 0.75]) < 60
    assert "turned.mrc" in stage(page).get_attribute("aria-label")
    page.wait_for_timeout(2500)  # nor later
    assert len(views(page)) == before
    page.get_by_label("Invert").check()  # it can be changed as any other
    assert page.evaluate(PIXEL, [0.25, 0.25]) < 60


def test_one_that_does_not_come_is_asked_for(viewer: Any, write: Any) -> None:
    page, python = viewer(write(corners()))
    before = len(views(page))
    traits, _ = another(python, write(corners()[::-1].copy(), "turned.mrc"))
    page.evaluate(f"window.model.update({traits})")
    until(page, f"window.model.sent.filter((one) => one.action === 'view').length > {before}")
    page.wait_for_timeout(200)
    assert page.evaluate(PIXEL, [0.25, 0.25]) > 200


def test_one_of_an_image_that_was_left_is_not_shown(viewer: Any, write: Any) -> None:
    page, python = viewer(write(corners()))
    traits, sent = another(python, write(corners()[::-1].copy(), "turned.mrc"))
    page.evaluate(f"window.model.update({traits})")
    while not sent:
        page.wait_for_timeout(20)
    late = json.loads(sent[0])
    traits, sent = another(python, write(np.full((400, 600), 7, np.float32), "flat.mrc"))
    page.evaluate(f"window.model.update({traits})")
    page.evaluate(FIRE, late)
    assert stage(page).get_attribute("data-view") == "0 1"
    while not sent:
        page.wait_for_timeout(20)
    page.evaluate(FIRE, json.loads(sent[0]))
    stage(page).hover(position={"x": 100, "y": 100})
    page.get_by_text("): 7").wait_for()


def test_a_page_that_is_loaded_anew_asks_at_once(viewer: Any, write: Any) -> None:
    page, python = viewer(write(corners()))
    traits, _ = another(python, write(corners(), "again.mrc"))
    page.evaluate("window.end()")
    page.evaluate(f"window.start('micrograph', {{...{traits}, show_header: false}})")
    until(page, "window.model.sent.length > 0")
    (wish,) = views(page)
    assert wish["factor"] == 1
