from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from browser import contrast, picture

from openem_nb import oscem

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lab

TIDY = r"""(panel) => {
  const fields = [...panel.querySelectorAll('.oem-form input[type=text]')];
  window.tidied = fields.map((field) => [field, field.value]);
  for (const field of fields) field.value = field.value.replace(/^\/.*\//, '~/openem/');
}"""
UNTIDY = "() => { for (const [field, value] of window.tidied) field.value = value; }"


def session(page: Any) -> Any:
    return page.page.locator(".oem-panel").filter(
        has=page.page.get_by_role("form", name="Session", exact=True)
    )


def metadata(page: Any) -> Any:
    return page.page.locator(".oem-panel").filter(
        has=page.page.get_by_role("form", name="Open a document")
    )


def row(panel: Any, name: str) -> Any:
    return panel.get_by_role("treeitem", name=re.compile(f"^{re.escape(name)}(?!\\w)"))


def shot(page: Any, name: str, panel: Any) -> None:
    """Keep a picture that shows paths as a person has them."""
    panel.evaluate(TIDY)
    picture(page.page, name, panel)
    page.page.evaluate(UNTIDY)


@pytest.fixture(scope="session")
def documents(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder for what the tests of this module save."""
    return tmp_path_factory.mktemp("documents")


def test_a_practice_session_is_read_and_looked_into(page: Any) -> None:
    panel = session(page)
    panel.get_by_role("button", name="Make a practice session").click()
    panel.get_by_text(re.compile(r"^practice-session-\w+: spa, ")).wait_for()
    tree = panel.get_by_role("tree", name="Metadata of the session")
    acquisition = row(tree, "acquisition")
    acquisition.focus()
    page.page.keyboard.press("ArrowRight")
    pixel = row(tree, "pixel_size")
    pixel.wait_for()
    pixel.click()
    page.page.keyboard.press("Enter")
    details = panel.get_by_role("region", name="Details of acquisition.pixel_size")
    details.get_by_text("50 of 50 that say anything").wait_for()
    shot(page, "session-files", panel)
    page.page.keyboard.press("Escape")
    tree.locator("[role=treeitem]:focus").filter(has_text="pixel_size").wait_for()


def test_what_repositories_ask_for_is_shown(page: Any) -> None:
    panel = session(page)
    panel.get_by_role("tab", name="Repositories").click()
    panel.get_by_role("table").first.wait_for()
    shot(page, "session-repositories", panel)


def test_the_document_is_saved_and_converted(page: Any, documents: Path) -> None:
    panel = session(page)
    panel.get_by_role("tab", name="Missing (0)").click()
    form = panel.get_by_role("form", name="Save the document")
    form.get_by_label("Save as").fill(str(documents / "session.json"))
    form.get_by_role("button", name="Save").click()
    form.get_by_text("Written: ").wait_for()
    assert oscem.validate(oscem.read(documents / "session.json")) == ()
    panel.get_by_role("tab", name="mmCIF").click()
    panel.get_by_role("button", name="Convert to mmCIF").click()
    panel.get_by_text(re.compile(r"\d+ values written")).wait_for()
    questions = panel.get_by_role("form", name="Open questions")
    questions.get_by_label("CTF correction: type").select_option("PHASE FLIPPING ONLY")
    shot(page, "session-mmcif", panel)
    before = panel.get_by_text(re.compile(r"values written, \d+ mandatory")).inner_text()
    open_ones = int(re.search(r"(\d+) mandatory", before)[1])
    questions.get_by_role("button", name="Convert with these answers").click()
    panel.get_by_text(f"values written, {open_ones - 1} mandatory items open").wait_for()
    kept = questions.get_by_label("CTF correction: type")
    assert kept.input_value() == "PHASE FLIPPING ONLY", "an answer can be changed"
    save = panel.get_by_role("form", name="Save the mmCIF file")
    save.get_by_label("Save as").fill(str(documents / "deposition.cif"))
    save.get_by_role("button", name="Save mmCIF").click()
    save.get_by_text("Written: ").wait_for()
    text = (documents / "deposition.cif").read_text()
    assert "TFS KRIOS" in text
    assert "PHASE FLIPPING ONLY" in text


def test_a_document_is_opened_edited_and_taken_back(page: Any, documents: Path) -> None:
    panel = metadata(page)
    form = panel.get_by_role("form", name="Open a document")
    form.get_by_label("File").fill(str(documents / "session.json"))
    form.get_by_label("File").press("Enter")
    panel.get_by_text("Valid as spa.").wait_for()
    tree = panel.get_by_role("tree")
    row(tree, "instrument").click()
    row(tree, "acceleration_voltage").click()
    page.page.keyboard.press("F2")
    field = panel.get_by_role("textbox", name="acceleration_voltage")
    field.fill("3e6")
    field.press("Enter")
    panel.get_by_text("1 edit, not saved.").wait_for()
    panel.get_by_role("region", name="To be mended (1)").get_by_text("Doubtful").wait_for()
    tree.locator("[role=treeitem]:focus").filter(has_text="acceleration_voltage").wait_for()
    shot(page, "metadata-doubtful", panel)
    panel.get_by_role("button", name="Undo").click()
    panel.get_by_text("Valid as spa.", exact=True).wait_for()
    row(tree, "acceleration_voltage: 300 kV").wait_for()


def test_keys_in_the_tree_do_not_run_the_cell(page: Any) -> None:
    count = "return app.shell.currentWidget.content.widgets.map(w => w.model.executionCount ?? 0);"
    before = page.run(count)
    tree = metadata(page).get_by_role("tree")
    row(tree, "instrument").focus()
    for key in ("Shift+Enter", "ArrowUp", "d", "d"):
        page.page.keyboard.press(key)
    assert page.run(count) == before


def test_the_tree_can_be_read_in_the_dark_and_in_a_narrow_window(page: Any) -> None:
    panel = metadata(page)
    page.theme("JupyterLab Dark")
    row(panel.get_by_role("tree"), "acquisition").click()
    for selector in (".oem-tree-key", ".oem-tree-value", ".oem-muted", ".oem-tree-keys"):
        shown = panel.locator(f".oem-metadata {selector}:visible").first
        assert contrast(shown) >= 4.5, selector
    shot(page, "metadata-dark", panel)
    size = page.page.viewport_size
    page.page.set_viewport_size({**size, "width": 620})
    panel.get_by_role("tree").scroll_into_view_if_needed()
    wide = panel.evaluate("(one) => one.scrollWidth - one.clientWidth")
    assert wide <= 1
    shot(page, "metadata-narrow", panel)
    session(page).scroll_into_view_if_needed()
    wide = session(page).evaluate("(one) => one.scrollWidth - one.clientWidth")
    assert wide <= 1
    page.page.set_viewport_size(size)
    page.theme("JupyterLab Light")
