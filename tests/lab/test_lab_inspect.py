"""InspectPanel in a real JupyterLab: see, open, measure, judge."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from browser import contrast, picture

from openem_nb.practice import micrographs

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.lab

COUNT = 12
NEW_CELL = """
const panel = app.shell.currentWidget;
const notebook = panel.content;
notebook.activeCellIndex = notebook.widgets.length - 1;
await app.commands.execute('notebook:insert-cell-below');
notebook.activeCell.model.sharedModel.setSource(%s);
await app.commands.execute('notebook:run-cell');
notebook.activeCell.node.scrollIntoView();
"""


IN_SIGHT = """(one) => {
  const box = one.getBoundingClientRect();
  const there = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return one.contains(there);
}"""


@pytest.fixture(scope="session")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write practice micrographs, two of them bad, and a file that is cut off."""
    folder = tmp_path_factory.mktemp("images") / "practice-session"
    micrographs.write_dataset(folder, COUNT, shape=(512, 512), pixel_size=2.0)
    whole = (folder / "practice-0001.mrc").read_bytes()
    (folder / "practice-0099.mrc").write_bytes(whole[:1500])
    return folder


@pytest.fixture(scope="session")
def opened(kept_page: Any, session: Path) -> Any:
    """Open the panel in a cell of its own, below that of the start page."""
    code = f"import openem_nb as openem\nopenem.InspectPanel({str(session)!r}, cs=2.7, voltage=300)"
    kept_page.run(NEW_CELL % json.dumps(code))
    panels = kept_page.page.locator(".oem-panel").filter(
        has=kept_page.page.get_by_role("form", name="Images", exact=True)
    )
    panel = panels.nth(1)  # behind the one of the start page
    panel.get_by_role("grid").wait_for()
    return panel


def grid(panel: Any) -> Any:
    return panel.get_by_role("grid", name="Images of practice-session")


def tidy(page: Any, name: str, panel: Any) -> None:
    """Keep a picture in which the folder is as a person has it."""
    field = panel.get_by_role("form", name="Images", exact=True).get_by_label(
        "Folder, data set or entry"
    )
    before = field.input_value()
    field.evaluate("(one) => (one.value = '~/openem/practice-session')")
    picture(page.page, name, panel)
    field.evaluate("(one, value) => (one.value = value)", before)


def test_all_images_are_seen(page: Any, opened: Any) -> None:
    opened.get_by_text(f"{COUNT + 1} of {COUNT + 1} shown").wait_for()
    cells = grid(opened).get_by_role("gridcell")
    page.page.wait_for_function("document.querySelectorAll('.oem-gallery-cell img').length >= 8")
    assert cells.count() == COUNT + 1
    cut = grid(opened).get_by_role("gridcell", name=re.compile("practice-0099.*cut off"))
    cut.get_by_text("cannot be read").wait_for()


def test_they_are_measured_while_one_looks(page: Any, opened: Any) -> None:
    form = opened.get_by_role("form", name="Measurements")
    dose, expected = form.get_by_label(re.compile("^Dose:")), form.get_by_label("Expected dose")
    assert not expected.is_visible()  # nothing asks for it
    dose.check()
    expected.fill("40")
    form.get_by_role("button", name="Measure all").click()
    opened.get_by_text(f"{COUNT} files measured").first.wait_for()
    opened.get_by_label("Sort by").select_option("ctf_resolution")
    words = re.compile(r"^Histogram of ctf resolution \(Å\): ([6-9]|1\d) values")
    opened.get_by_role("img", name=words).wait_for()


def test_they_are_judged_by_keyboard_and_one_is_opened(page: Any, opened: Any) -> None:
    grid(opened).focus()
    for key in ("Control+Home", "Shift+G", "Shift+G", "Shift+B"):
        page.page.keyboard.press(key)
    opened.get_by_text("2 good, 1 bad").wait_for()
    page.page.keyboard.press("n")
    page.page.keyboard.type("ice")
    page.page.keyboard.press("Enter")
    tidy(page, "inspect-light", opened)
    page.page.mouse.move(0, 0)
    grid(opened).focus()
    page.page.keyboard.press("Enter")
    opened.locator(".oem-image canvas").first.wait_for()
    heading = opened.get_by_role("heading", name=re.compile(r"^practice-\d+\.mrc$"), level=3)
    heading.wait_for()
    opened.get_by_role("status").get_by_text(
        re.compile(r"^practice-\d+\.mrc is open below\.$")
    ).wait_for()
    stage = opened.locator(".oem-image-stage").element_handle()
    page.page.wait_for_function(IN_SIGHT, arg=stage)  # without a hand on the wheel
    picture(page.page, "inspect-opened")


def test_it_can_be_read_in_the_dark_and_in_a_narrow_window(page: Any, opened: Any) -> None:
    page.theme("JupyterLab Dark")
    for selector in (".oem-gallery-name", ".oem-gallery-told", ".oem-gallery-details dt"):
        assert contrast(opened.locator(selector).first) >= 4.5, selector
    opened.get_by_label("Pictures", exact=True).select_option("112")
    picture(page.page, "inspect-dark", opened.locator(".oem-gallery"))
    size = page.page.viewport_size
    page.page.set_viewport_size({**size, "width": 620})
    opened.scroll_into_view_if_needed()
    wide = opened.locator(".oem-gallery").evaluate("(one) => one.scrollWidth - one.clientWidth")
    assert wide <= 1
    picture(page.page, "inspect-narrow", opened.locator(".oem-gallery"))
    page.page.set_viewport_size(size)
    page.theme("JupyterLab Light")


def test_marks_are_saved(page: Any, opened: Any, tmp_path: Path) -> None:
    opened.get_by_role("tab", name="Save marks").click()
    form = opened.get_by_role("form", name="Save marks and notes")
    form.get_by_label("Save as").fill(str(tmp_path / "good.star"))
    form.get_by_label("Images").select_option("good")
    form.get_by_role("button", name="Save").click()
    form.get_by_text("Written: ").wait_for()
    text = (tmp_path / "good.star").read_text()
    assert text.count("practice-0") == 2
    assert "_rlnCtfMaxResolution" in text


def test_an_entry_is_looked_at_where_it_is(page: Any, opened: Any) -> None:
    code = (
        "import openem_nb as openem\n"
        "openem.InspectPanel('EMPIAR-10028', pattern='data/Micrographs/*', cs=2.7, voltage=300)"
    )
    page.run(NEW_CELL % json.dumps(code))
    panels = page.page.locator(".oem-panel").filter(
        has=page.page.get_by_role("grid", name="Images of EMPIAR-10028")
    )
    panel = panels.first
    cells = panel.get_by_role("grid", name="Images of EMPIAR-10028").get_by_role("gridcell")
    cells.first.wait_for()
    cells.first.locator("img").wait_for()
    panel.get_by_text("Practice data: invented entries").wait_for()
    panel.get_by_text(re.compile(r"as you look at them: [1-9].* fetched")).wait_for()
    panel.get_by_text("1.77 Å a pixel").wait_for()
    panel.get_by_text(re.compile("To measure all of them, 6.3.* are fetched")).wait_for()
    picture(page.page, "inspect-entry", panel)
    cells.nth(1).dblclick()
    panel.locator(".oem-image canvas").first.wait_for()
    panel.get_by_role("button", name="Spectrum", exact=True).click()
    panel.get_by_role("button", name="Measure all").click()
    panel.get_by_text("12 files measured").first.wait_for()
    panel.get_by_text(re.compile(r"^Underfocus \d")).first.wait_for()  # rings come unasked
