"""The first view of another micrograph in the page: it comes by itself, or is asked for."""

from __future__ import annotations

import base64
import threading
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from _viewer import PIXEL, corners, stage, until, views

if TYPE_CHECKING:
    from pathlib import Path

    from openem_nb.panels.micrograph import MicrographView

pytestmark = pytest.mark.component


def another(python: MicrographView, path: Path) -> tuple[dict[str, Any], list[Any]]:
    """Show another micrograph; return the traits that change, and the view that is sent."""
    sent: list[Any] = []
    came = threading.Event()

    def send(message: Any, buffers: Any = ()) -> None:
        sent.extend((message, [base64.b64encode(one).decode() for one in buffers]))
        came.set()

    python.canvas.send = send
    python.show(path)
    assert came.wait(120)
    canvas = python.canvas
    return {name: getattr(canvas, name) for name in ("about", "settings", "version")}, sent


COME = """([traits, message, buffers]) => {
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const views = () => window.model.sent.filter((one) => one.action === "view").length;
  const before = views();
  if (traits) window.model.update(traits);
  window.model.fire("msg:custom", message, buffers.map((text) => new DataView(bytes(text).buffer)));
  return views() - before;
}"""


def test_a_view_that_comes_by_itself_is_not_asked_for(viewer: Any, write: Any) -> None:
    page, python = viewer(write(corners()))
    before = len(views(page))
    traits, sent = another(python, write(corners()[::-1].copy(), "turned.mrc"))
    assert page.evaluate(COME, [traits, *sent]) == 0
    assert page.evaluate(PIXEL, [0.25, 0.25]) > 200  # the bright quarter is now at the top
    assert page.evaluate(PIXEL, [0.25, 0.75]) < 60
    assert "turned.mrc" in stage(page).get_attribute("aria-label")
    page.wait_for_timeout(2500)  # nor later
    assert len(views(page)) == before
    page.get_by_label("Invert").check()  # it can be changed as any other
    assert page.evaluate(PIXEL, [0.25, 0.25]) < 60


def test_a_small_window_takes_what_comes(viewer: Any, write: Any) -> None:
    large = corners(1600, 2400)
    page, python = viewer(write(large), width=400)
    assert views(page)[-1]["factor"] > 2  # the whole of it is read in blocks of 2
    traits, sent = another(python, write(large[::-1].copy(), "turned.mrc"))
    assert page.evaluate(COME, [traits, *sent]) == 0
    assert stage(page).get_attribute("data-view") == "0 2"
    assert page.evaluate(PIXEL, [0.25, 0.3]) > 200


def test_one_that_does_not_come_is_asked_for(viewer: Any, write: Any) -> None:
    page, python = viewer(write(corners()))
    before = len(views(page))
    traits, _ = another(python, write(corners()[::-1].copy(), "turned.mrc"))
    page.evaluate("(traits) => window.model.update(traits)", traits)
    until(page, f"window.model.sent.filter((one) => one.action === 'view').length > {before}")
    page.wait_for_function(f"(place) => ({PIXEL})(place) > 200", arg=[0.25, 0.25])


def test_one_of_an_image_that_was_left_is_not_shown(viewer: Any, write: Any) -> None:
    page, python = viewer(write(corners()))
    late = another(python, write(corners()[::-1].copy(), "turned.mrc"))
    traits, sent = another(python, write(np.full((400, 600), 7, np.float32), "flat.mrc"))
    page.evaluate("(traits) => window.model.update(traits)", late[0])
    page.evaluate("(traits) => window.model.update(traits)", traits)
    page.evaluate(COME, [None, *late[1]])
    stage(page).hover(position={"x": 90, "y": 100})
    read = page.locator(".oem-image-left .oem-image-reading").inner_text()
    assert not read or ": 7" in read
    page.evaluate(COME, [None, *sent])
    stage(page).hover(position={"x": 100, "y": 100})
    page.get_by_text("): 7").wait_for()


def test_a_page_that_is_loaded_anew_asks_at_once(viewer: Any, write: Any) -> None:
    page, python = viewer(write(corners()))
    traits, _ = another(python, write(corners(), "again.mrc"))
    page.evaluate("window.end()")
    state = {**traits, "show_header": False}
    page.evaluate("(state) => window.start('micrograph', state)", state)
    until(page, "window.model.sent.length > 0")
    (wish,) = views(page)
    assert wish["factor"] == 1
