"""One front end in a bare page, with a stand-in for the kernel's model."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import _gallery
import _tree
import pytest
from _viewer import CONNECT
from browser import pytest_runtest_makereport, watched
from image_files import write_mrc

from openem_nb.panels._front_end import module, style
from openem_nb.panels.metadata_tree import MetadataTree
from openem_nb.panels.micrograph import MicrographView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from openem_nb.panels.gallery import Gallery

__all__ = ["pytest_runtest_makereport"]  # a failure tells what the page showed

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>component</title>
<script id="jupyter-config-data" type="application/json">{"baseUrl": "/user/alice/"}</script>
<style>body { margin: 16px; width: 700px; }</style></head><body><div id="root"></div>
<script type="module">
class Model {
  constructor(state) { this.state = state; this.listeners = {}; this.sent = []; this.saved = []; }
  get(name) { return this.state[name]; }
  set(name, value) { this.state[name] = value; }
  save_changes() { this.saved.push(JSON.parse(JSON.stringify(this.state))); }
  on(name, listener) { (this.listeners[name] ??= new Set()).add(listener); }
  off(name, listener) { this.listeners[name]?.delete(listener); }
  fire(name, ...values) { for (const one of [...(this.listeners[name] ?? [])]) one(...values); }
  update(state) {
    Object.assign(this.state, state);
    for (const name in state) this.fire(`change:${name}`);
  }
  send(message) { this.sent.push(message); }
  answer(message) { this.fire("msg:custom", { key: this.sent.at(-1).key, ...message }); }
  get count() { return Object.values(this.listeners).reduce((sum, set) => sum + set.size, 0); }
}
window.start = async (name, state) => {
  const front = await import(`/${name}.mjs`);
  window.model = new Model(state);
  const el = document.getElementById("root");
  window.end = await front.default.render({ model: window.model, el });
};
window.ready = true;
</script></body></html>"""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        name, _, kind = self.path.partition("?")[0].strip("/").partition(".")
        pages = {"": ("text/html", PAGE)}
        if kind == "mjs":
            pages[name] = ("text/javascript", module(name))
        if name not in pages:
            self.send_error(404)
            return
        content_type, text = pages[name]
        body = text.encode()
        self.send_response(200)
        self.send_header("Content-Type", f"{content_type}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="session")
def bench() -> Iterator[str]:
    """Serve the page and the front ends; return the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
def mount(browser: Any, bench: str) -> Iterator[Callable[..., Any]]:
    """Return ``mount(name, **state)``, which shows a front end and returns its page.

    ``size`` is that of the window and ``width`` that of the front end: what a front end asks for
    depends on the room that it finds when it begins.
    """
    page = watched(browser.new_page(viewport={"width": 740, "height": 700}))
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))

    def show(
        name: str, *, size: tuple[int, int] = (740, 700), width: int = 700, **state: Any
    ) -> Any:
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.goto(bench)
        page.wait_for_function("() => window.ready")
        page.add_style_tag(content=style(name))
        page.add_style_tag(content=f"body {{ width: {width}px !important; }}")
        page.evaluate(f"window.start({json.dumps(name)}, {json.dumps(state)})")
        return page

    yield show
    page.close()
    assert faults == []


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Return ``write(array, name)``, which writes an MRC file of pixels of 2 Å."""

    def written(array: Any, name: str = "m.mrc", pixel_size: float = 2.0) -> Path:
        return write_mrc(tmp_path / name, array, pixel_size=pixel_size)

    return written


@pytest.fixture
def viewer(mount: Any) -> Iterator[Callable[..., tuple[Any, MicrographView]]]:
    """Return ``viewer(source, **options)``, which gives the page of a shown micrograph."""
    opened: list[MicrographView] = []

    def show(source: Any, *, width: int = 1000, **options: Any) -> tuple[Any, MicrographView]:
        python = MicrographView(source, **options)
        opened.append(python)
        canvas = python.canvas
        state = canvas.get_state()
        names = ("about", "settings", "version", "show_header", "revealed")

        def kernel(message: dict[str, Any]) -> Any:
            answers: list[Any] = []

            def send(answer: Any, buffers: Any = ()) -> None:
                answers.append([answer, [base64.b64encode(one).decode() for one in buffers]])

            canvas.send = send  # what would go to the browser
            canvas._dispatch(canvas, message, [])
            (answer,) = answers
            return answer

        known = {name: state[name] for name in names}
        page = mount("micrograph", size=(width + 40, 1000), width=width, **known)
        page.expose_function("kernel", kernel)
        page.evaluate(CONNECT)
        page.locator(".oem-image-stage[data-view]").wait_for()
        return page, python

    yield show
    for one in opened:
        one.close()


@pytest.fixture
def gallery_page(
    mount: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., tuple[Any, Gallery]]]:
    """Return ``gallery_page(gallery)``: the page in which it is shown, joined with it."""
    opened: list[Gallery] = []

    def show(gallery: Gallery) -> Any:
        opened.append(gallery)
        names = ("label", "version", "pictures", "opens", "hidden", "told", "view_state")
        page = mount(
            "gallery",
            size=(1240, 900),
            width=1180,
            **{name: 0 if name == "version" else getattr(gallery, name) for name in names},
        )

        def kernel(message: dict[str, Any]) -> dict[str, Any]:
            sent: list[tuple[Any, Any]] = []
            monkeypatch.setattr(
                gallery, "send", lambda answer, buffers=(): sent.append((answer, buffers))
            )
            gallery._handle_custom_msg(message, [])
            ((answer, buffers),) = sent
            state = {name: getattr(gallery, name) for name in names[:-1]}
            packed = [base64.b64encode(bytes(one)).decode() for one in buffers]
            return {"answer": answer, "buffers": packed, "state": state}

        page.expose_function("kernel", kernel)
        page.expose_function("saved", lambda view: setattr(gallery, "view_state", view))
        page.evaluate(_gallery.CONNECT)
        page.evaluate("(version) => window.model.update({ version })", gallery.version)
        page.get_by_text(f"{len(gallery.table):,} of {len(gallery.table):,} shown").wait_for()
        return page

    yield show
    for gallery in opened:
        gallery.close()


@pytest.fixture
def tree(mount: Any) -> Callable[..., Any]:
    """Return ``tree(document, **what to show)``, which gives the page of a shown document."""

    def show(
        shown: dict[str, Any], *, edit: Any = None, remove: Any = None, **known: Any
    ) -> tuple[Any, MetadataTree]:
        python = MetadataTree(label="Metadata of a session", edit=edit, remove=remove)
        python.show(shown, **known)
        state = python.get_state()
        page = mount(
            "metadata_tree",
            **{name: state[name] for name in ("label", "editable", "fields", "version", "target")},
        )

        def kernel(message: dict[str, Any]) -> dict[str, Any]:
            answers: list[dict[str, Any]] = []
            python.send = answers.append  # what would go to the browser
            python._dispatch(python, message, [])
            (answer,) = answers
            return answer

        page.expose_function("kernel", kernel)
        page.evaluate(_tree.CONNECT)
        if shown or known:
            page.get_by_role("treeitem").first.wait_for()
        return page, python

    return show
