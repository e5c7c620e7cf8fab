from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from browser import contrast, picture

if TYPE_CHECKING:
    from openem_nb.practice import Facility

pytestmark = pytest.mark.lab


def search(page: Any, **fields: str) -> Any:
    form = page.page.get_by_role("search", name="Search EMDB and EMPIAR")
    for label in ("Search for", "Organism", "Resolution to (Å)"):
        form.get_by_label(label, exact=True).fill(fields.get(label, ""))
    form.get_by_label("Raw data in EMPIAR").select_option(fields.get("raw", "With or without"))
    form.get_by_label("Search for").press("Enter")
    # The button is out of use from the key press until all of the answer is shown.
    form.get_by_role("button", name="Search").and_(page.page.locator(":enabled")).wait_for()
    form.get_by_text(re.compile(r"found in")).wait_for()
    return form


def panel(page: Any) -> Any:
    return page.page.locator(".oem-panel").filter(
        has=page.page.get_by_role("search", name="Search EMDB and EMPIAR")
    )


def rows(page: Any) -> Any:
    return panel(page).locator("table.oem-results tbody tr")


def test_search_page_select_and_look(page: Any, practice: Facility) -> None:
    released = [name for name, one in practice.truth.emdb.items() if one.status == "REL"]
    search(page)
    panel(page).get_by_text(f"1–100 of {len(released)}").wait_for()
    assert rows(page).count() == 100
    with_raw = next(name for name in released if practice.truth.raw_data(name))

    rows(page).nth(1).click()
    panel(page).get_by_text("1 selected in 1 page").wait_for()
    panel(page).get_by_role("button", name="Next page").click()
    panel(page).get_by_text(f"101–200 of {len(released)}").wait_for()
    rows(page).nth(0).click()
    rows(page).nth(2).click()
    panel(page).get_by_text("3 selected in 2 pages").wait_for()
    panel(page).get_by_role("button", name="Previous page").click()
    panel(page).get_by_text(f"1–100 of {len(released)}").wait_for()
    assert "selected" in (rows(page).nth(1).get_attribute("class") or "")

    search(page, **{"Search for": with_raw, "raw": "With raw data"})
    panel(page).get_by_text("1–1 of 1").wait_for()
    rows(page).first.click()
    card = panel(page).get_by_role("article", name=with_raw)
    card.get_by_text("Raw data in EMPIAR").wait_for()
    assert card.get_by_role("link", name=with_raw).get_attribute("href")
    picture(page.page, "repository-entry", panel(page))


def test_the_table_can_be_worked_by_keyboard(page: Any, practice: Facility) -> None:
    search(page, **{"Resolution to (Å)": "4"})
    panel(page).get_by_role("button", name="Clear selection").focus()
    row = rows(page).first
    row.focus()
    page.page.keyboard.press("Space")
    panel(page).get_by_text("1 selected in 1 page").wait_for()


def test_keys_in_the_form_do_not_run_the_cell(page: Any) -> None:
    count = "return app.shell.currentWidget.content.widgets.map(w => w.model.executionCount ?? 0);"
    before = page.run(count)
    field = panel(page).get_by_label("Organism")
    field.press("Shift+Enter")
    field.fill("ab")
    field.press("ArrowUp")
    field.press("d")
    field.press("d")
    assert page.run(count) == before
    assert field.input_value().count("d") == 2
    field.fill("")


def test_a_wrong_query_is_explained_in_place(page: Any) -> None:
    form = panel(page).get_by_role("search")
    form.get_by_label("Search for").fill('"half a phrase')
    page.page.get_by_text("Mend the marked fields first.").wait_for()
    assert form.get_by_role("button", name="Search").is_disabled()
    picture(page.page, "repository-wrong-query", form)
    form.get_by_label("Search for").fill("")
    form.get_by_role("button", name="Search").and_(page.page.locator(":enabled")).wait_for()


def test_an_error_of_the_service_is_shown_with_a_way_on(page: Any, practice: Facility) -> None:
    from openem_nb.practice import Fault

    practice.add_fault(Fault("html", path=r".*/search/.*"))
    panel(page).get_by_role("search").get_by_role("button", name="Search").click()
    alert = panel(page).get_by_role("alert").filter(has_text=re.compile(r"\w"))
    alert.first.wait_for()
    assert contrast(alert.first) >= 4.5
    practice.clear_faults()
    panel(page).get_by_role("button", name="Try again").click()
    panel(page).get_by_text(re.compile("found in")).wait_for()
    assert alert.count() == 0


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_everything_can_be_read_in_both_themes(page: Any, theme: str) -> None:
    search(page, **{"Resolution to (Å)": "4"})
    rows(page).first.click()
    panel(page).get_by_role("article").wait_for()
    panel(page).get_by_text("Show code").click()
    page.theme(theme)
    for selector in (
        "h2",
        ".oem-banner",
        ".oem-form label",
        ".oem-form-help",
        ".oem-form-status",
        ".oem-form input",
        ".oem-form button",
        "code",
        "[role=status]",
        ".jupyter-button:enabled",
        "table.oem-results tbody tr:not(.selected) td",
        "table.oem-results tbody tr.selected td",
        ".oem-card dt",
        ".oem-card dd",
        ".oem-card a",
        ".oem-badge",
        ".oem-disclosure pre",
    ):
        shown = panel(page).locator(f"{selector}:visible").first
        assert contrast(shown) >= 4.5, selector
    rows(page).first.hover()
    cell = rows(page).first.locator("td").nth(1)
    assert contrast(cell) >= 4.5
    assert cell.evaluate("(one) => getComputedStyle(one).boxShadow") == "none"
    page.page.mouse.move(0, 0)
    picture(page.page, f"repository-{'dark' if 'Dark' in theme else 'light'}", panel(page))
    panel(page).get_by_text("Show code").click()
    page.theme("JupyterLab Light")


def test_the_panel_fits_a_narrow_window(page: Any) -> None:
    page.page.set_viewport_size({"width": 780, "height": 1000})
    page.page.wait_for_function(
        "(one) => one.getBoundingClientRect().width <= 720", arg=panel(page).element_handle()
    )
    box = panel(page).bounding_box()
    form = panel(page).get_by_role("search").bounding_box()
    picture(page.page, "repository-narrow", panel(page))
    page.page.set_viewport_size({"width": 1180, "height": 1000})
    assert box["width"] <= 720
    assert form["width"] <= box["width"]
    assert panel(page).evaluate("(one) => one.scrollWidth <= one.clientWidth + 1")
