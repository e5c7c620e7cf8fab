"""The tree while its document changes, and a person does not wait."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from _tree import document, many, row

if TYPE_CHECKING:
    from openem_nb.panels.metadata_tree import MetadataTree

pytestmark = pytest.mark.component

HOLD = """(action) => {
  const at = window.model, send = at.send;
  window.held = [];
  at.send = (message) => {
    if (message.action === action) window.held.push(() => send(message));
    else send(message);
  };
  window.letGo = () => {
    at.send = send;
    for (const one of window.held.splice(0)) one();
  };
}"""


def held(page: Any) -> None:
    page.wait_for_function("window.held.length > 0")


def tell(page: Any, python: MetadataTree) -> None:
    """Tell the page that the document has changed."""
    page.evaluate("version => window.model.update({ version })", python.version)


@pytest.mark.parametrize("first", ["children", "rows"])
def test_what_is_opened_while_the_document_changes_is_open_at_the_end(
    tree: Any, first: str
) -> None:
    page, python = tree(document())
    page.evaluate(HOLD, first)
    if first == "children":  # the click's answer comes after the one with all rows
        old = row(page, "acquisition").element_handle()
        row(page, "acquisition").click()
        held(page)
        python.show(document())
        tell(page, python)
        page.wait_for_function("old => !old.isConnected", arg=old)
    else:
        python.show(document())
        tell(page, python)
        held(page)
        row(page, "acquisition").click()
        many(page, 6)
    page.evaluate("window.letGo()")
    page.wait_for_function("window.model.sent.filter(m => m.action === 'rows').length >= 2")
    many(page, 6)
    page.wait_for_timeout(200)
    many(page, 6)
    assert row(page, "acquisition").get_attribute("aria-expanded") == "true"


def test_more_members_asked_for_while_the_document_changes_come(tree: Any) -> None:
    long = {"tilts": list(range(450))}
    page, python = tree(long)
    row(page, "tilts").click()
    many(page, 202)
    page.evaluate(HOLD, "children")
    last = page.get_by_role("treeitem").last
    old = last.element_handle()
    last.click()
    held(page)
    python.show(long)
    tell(page, python)
    page.wait_for_function("old => !old.isConnected", arg=old)
    page.evaluate("window.letGo()")
    many(page, 402)
