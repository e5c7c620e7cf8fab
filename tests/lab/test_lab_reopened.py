"""A notebook that is closed and opened again while its kernel lives: its panels still answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

pytestmark = pytest.mark.lab

OPEN = """
const made = await app.serviceManager.contents.newUntitled({type: 'notebook'});
const widget = await app.commands.execute('docmanager:open', {
  path: made.path, factory: 'Notebook', kernel: {name: 'python3'}
});
await widget.context.ready;
await widget.sessionContext.ready;
widget.content.widgets[0].model.sharedModel.setSource(%s);
await app.commands.execute('notebook:run-all-cells');
await widget.context.save();
return made.path;
"""
AGAIN = """
const old = app.shell.currentWidget;
old.close();
const widget = await app.commands.execute('docmanager:open', {path: %s, factory: 'Notebook'});
await widget.context.ready;
await widget.sessionContext.ready;
return widget.sessionContext.session.kernel.id;
"""
KERNEL = "return app.shell.currentWidget.sessionContext.session.kernel.id;"
CLOSE = """
const widget = app.shell.currentWidget;
await widget.context.save();
await widget.sessionContext.shutdown();
widget.close();
"""
CODE = """
import threading
import ipywidgets

button, said = ipywidgets.Button(description="Count"), ipywidgets.Label("nothing yet")
pressed = []


def press(_):
    pressed.append(threading.current_thread().name)
    said.value = f"pressed {len(pressed)} times in {' '.join(sorted(set(pressed)))}"


button.on_click(press)
ipywidgets.VBox([button, said])
"""


def test_widgets_answer_after_the_notebook_was_opened_again(kept_page: Any) -> None:
    page = kept_page.page
    path = kept_page.run(OPEN % json.dumps(CODE))
    try:
        here = page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")
        here.get_by_role("button", name="Count").click()
        here.get_by_text("pressed 1 times in MainThread", exact=True).wait_for()
        kernel = kept_page.run(KERNEL)
        for number in (2, 3):
            assert kept_page.run(AGAIN % json.dumps(path)) == kernel, "the same kernel"
            here.get_by_role("button", name="Count").click()
            here.get_by_text(f"pressed {number} times in MainThread", exact=True).wait_for()
    finally:
        kept_page.run(CLOSE)
