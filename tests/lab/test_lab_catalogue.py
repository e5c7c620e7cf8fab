from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from browser import contrast, picture

if TYPE_CHECKING:
    from openem_nb.practice import Facility

pytestmark = pytest.mark.lab

TAPE = 240_000
"""Milliseconds for a job of the tape robot and what comes after it."""


def panel(page: Any, heading: str) -> Any:
    title = page.page.get_by_role("heading", name=heading, exact=True)
    return page.page.locator(".oem-panel").filter(has=title).last


def catalogue(page: Any) -> Any:
    return panel(page, "Search SciCat")


def search(page: Any, text: str) -> None:
    form = catalogue(page).get_by_role("search")
    form.get_by_label("Search for").fill(text)
    form.get_by_label("Search for").press("Enter")
    form.get_by_role("button", name="Search").and_(page.page.locator(":enabled")).wait_for()
    form.get_by_text(re.compile("found in")).wait_for()


def rows(page: Any) -> Any:
    return catalogue(page).locator("table.oem-results tbody tr")


def log_in(page: Any) -> None:
    box = panel(page, "Log in")
    if box.get_by_role("article", name="Log-in").count():
        return
    form = box.get_by_role("form", name="Log in")
    form.get_by_label("User name").fill("ada")
    form.get_by_label("Password").fill("practice")
    form.get_by_label("Password").press("Enter")
    box.get_by_role("article", name="Log-in").wait_for()


def saved(page: Any) -> str:
    """Save the notebook and return its file."""
    page.run("await app.commands.execute('docmanager:save');")
    return (page.lab.home / "data" / "notebooks" / "start.ipynb").read_text(encoding="utf-8")


def stored_token(page: Any) -> str:
    return (page.lab.home / "openem" / "config" / "tokens" / "practice").read_text().strip()


def restart(page: Any) -> None:
    page.run(
        """const context = app.shell.currentWidget.sessionContext;
        await context.session.kernel.restart();
        await app.commands.execute('notebook:clear-all-cell-outputs');
        await app.commands.execute('notebook:run-all-cells');"""
    )
    page.page.get_by_role("search", name="Search SciCat").wait_for()


def test_log_in_shows_who_and_until_when_and_keeps_no_secret(page: Any) -> None:
    box = panel(page, "Log in")
    box.get_by_text("Nobody is logged in").wait_for()
    box.get_by_text("Practice people: ada").wait_for()
    log_in(page)
    card = box.get_by_role("article", name="Log-in")
    card.get_by_text("emf-krios, p20001, p20002").wait_for()
    assert box.get_by_label("Password").input_value() == ""
    token = stored_token(page)
    assert len(token) > 100
    assert token not in saved(page)
    assert token not in page.page.content()
    picture(page.page, "login", box)
    page.page.evaluate("document.activeElement.blur()")
    page.run(
        "app.shell.currentWidget.content.node"
        ".querySelector('.jp-WindowedPanel-outer').scrollTo(0, 0)"
    )
    picture(page.page, "start")


def test_narrow_down_turn_pages_and_look(page: Any) -> None:
    log_in(page)
    search(page, "apoferritin")
    shown = catalogue(page).get_by_text(re.compile(r"1–100 of [\d,]+"))
    before = shown.inner_text()
    narrow = catalogue(page).get_by_role("region", name="Narrow down")
    box = narrow.get_by_role("group", name="Type").get_by_role("checkbox", name=re.compile("^raw"))
    box.check()
    catalogue(page).get_by_text(before, exact=True).wait_for(state="hidden")
    shown.wait_for()
    assert box.is_checked()
    catalogue(page).get_by_role("button", name="Next page").click()
    catalogue(page).get_by_text(re.compile(r"101–200 of [\d,]+")).wait_for()
    rows(page).nth(1).click()
    catalogue(page).get_by_text("1 selected in 1 page").wait_for()
    card = catalogue(page).get_by_role("article", name=re.compile("Data set"))
    card.wait_for()
    card.get_by_text(re.compile("Scientific metadata")).press(
        "Enter"
    )  # a click may miss what moves
    card.get_by_text("acquisition", exact=True).wait_for()
    catalogue(page).get_by_role("button", name="Previous page").click()
    shown.wait_for()
    picture(page.page, "catalogue-card", card)
    narrow.get_by_role("button", name="Clear all").click()
    catalogue(page).get_by_text(before, exact=True).wait_for()


def test_a_condition_on_metadata_by_keyboard(page: Any) -> None:
    log_in(page)
    search(page, "")
    form = catalogue(page).get_by_role("search")
    before = form.get_by_text(re.compile("found in")).inner_text()
    form.get_by_role("button", name="Add a condition").click()
    page.page.keyboard.type("acquisition.nominal_magnification")
    page.page.keyboard.press("Tab")
    form.get_by_label("Comparison of condition 1").select_option("at least")
    form.get_by_label("Value of condition 1").fill("many")
    form.get_by_text(re.compile("compares numbers")).wait_for()
    picture(page.page, "catalogue-wrong-condition", form)
    form.get_by_label("Value of condition 1").fill("150000")
    form.get_by_text(re.compile("compares numbers")).wait_for(state="hidden")
    form.get_by_label("Value of condition 1").press("Enter")
    form.get_by_text(before, exact=True).wait_for(state="hidden")
    form.get_by_text(re.compile("found in")).wait_for()
    form.get_by_role("button", name="Remove condition 1").click()


def test_retrieve_close_restart_and_open_the_folder(page: Any, practice: Facility) -> None:
    log_in(page)
    service = practice.scicat["practice"]
    pids = [
        service.add_dataset(
            files=6, size=256 * 1024, tars=2, datasetName=f"Lab grid {name}", keywords=["labgrid"]
        )
        for name in "AB"
    ]
    practice.ask_robot(pids[0], "hold")  # whatever the restart takes, the tape is not there before
    search(page, "labgrid")
    catalogue(page).get_by_text("1–2 of 2").wait_for()
    rows(page).nth(0).click()
    rows(page).nth(1).click()
    catalogue(page).get_by_role("heading", name="Retrieve 2 selected data sets").wait_for()
    form = catalogue(page).get_by_role("form", name="Retrieve")
    form.get_by_role("button", name="Show what would come").click()
    catalogue(page).get_by_text("2 data sets from PSI: a new job").wait_for()
    catalogue(page).get_by_text("12, 3.15 MB on disk").wait_for()
    picture(page.page, "retrieve-plan", catalogue(page).locator(".oem-section"))
    catalogue(page).get_by_role("button", name="Retrieve now").click()
    mine = catalogue(page).get_by_role("region", name="Retrievals from this panel")
    mine.get_by_role("listitem").get_by_text(re.compile("since")).first.wait_for()

    page.run("await app.commands.execute('docmanager:save');")
    page.page.reload()
    page.wait_until_ready()
    retrievals = panel(page, "Retrievals from tape")
    active = retrievals.get_by_role("region", name="Under way")
    retrievals.get_by_role("button", name="Refresh list").click()
    active.get_by_role("button", name=re.compile("Pause")).first.wait_for()
    restart(page)
    active.get_by_role("button", name=re.compile("Pause")).first.wait_for()
    picture(page.page, "retrievals-following", retrievals)
    practice.ask_robot(pids[0], "normal")
    done = retrievals.get_by_role("region", name="Earlier retrievals").get_by_role("listitem")
    done.first.get_by_text("Verified: 12 files, 3.15 MB").wait_for(timeout=TAPE)
    picture(page.page, "retrievals-done", retrievals)

    for _ in pids:
        done.first.get_by_role("link", name=re.compile("Open folder")).first.wait_for()
    with page.page.context.expect_page() as opened:
        done.first.get_by_role("link", name="Open folder 1").click()
    folder = opened.value
    folder.wait_for_function("() => window.jupyterapp?.restored")
    folder.get_by_text("Images", exact=True).first.dblclick()
    folder.get_by_text("micrograph_000000.mrc").first.wait_for()
    folder.close()
    token = stored_token(page)
    file = saved(page)
    assert token not in file
    assert "X-Amz" not in file
    assert json.loads(file)["nbformat"] == 4


def test_nothing_from_the_server_is_taken_for_html(page: Any, practice: Facility) -> None:
    log_in(page)
    evil = "<img src=x onerror='window.hacked = 1'>\n\u202egpj.exe"
    service = practice.scicat["practice"]
    pid = service.add_dataset(
        datasetName=f"evil {evil}", description=evil, keywords=[evil, "evillab"], owner=evil
    )
    try:
        search(page, "evillab")
        catalogue(page).get_by_text("1–1 of 1").wait_for()
        rows(page).first.click()
        catalogue(page).get_by_role("article", name=re.compile("Data set evil")).wait_for()
        catalogue(page).get_by_role("region", name="Narrow down").get_by_text(
            re.compile("onerror")
        ).first.wait_for()
        catalogue(page).get_by_role("button", name="Show what would come").click()
        catalogue(page).get_by_text("1 would come").wait_for()
        assert page.page.evaluate("window.hacked") is None
        assert page.page.locator("img[src=x]").count() == 0
    finally:
        service.store.delete("datasets", pid)


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_everything_can_be_read_in_both_themes(page: Any, theme: str) -> None:
    log_in(page)
    search(page, "apoferritin tomography")
    rows(page).first.click()
    catalogue(page).get_by_role("article").wait_for()
    catalogue(page).get_by_text("Show code").click()
    page.theme(theme)
    for selector in (
        ".oem-banner",
        ".oem-form label",
        ".oem-form-legend",
        ".oem-form-status",
        ".oem-facets legend",
        ".oem-facets label",
        ".oem-facets .oem-muted",
        ".oem-facets summary",
        "[role=status]",
        "table.oem-results tbody tr:not(.selected) td",
        "table.oem-results tbody tr.selected td",
        ".oem-card dt",
        ".oem-card dd",
        ".oem-card summary",
        ".oem-section h3",
        ".oem-disclosure pre",
    ):
        shown = catalogue(page).locator(f"{selector}:visible").first
        assert contrast(shown) >= 4.5, selector
    for selector in (".oem-jobs-title", ".oem-jobs-message", ".oem-jobs-path", ".oem-badge"):
        shown = panel(page, "Retrievals from tape").locator(f"{selector}:visible").first
        assert contrast(shown) >= 4.5, selector
    for selector in (".oem-card dt", ".oem-card dd", ".oem-badge", ".oem-muted"):
        shown = panel(page, "Log in").locator(f"{selector}:visible").first
        assert contrast(shown) >= 4.5, selector
    page.page.mouse.move(0, 0)
    name = "dark" if "Dark" in theme else "light"
    picture(page.page, f"catalogue-{name}", catalogue(page))
    if name == "dark":
        picture(page.page, "retrievals-dark", panel(page, "Retrievals from tape"))
    catalogue(page).get_by_text("Show code").click()
    page.theme("JupyterLab Light")


def test_the_panel_fits_a_narrow_window(page: Any) -> None:
    page.page.set_viewport_size({"width": 780, "height": 1000})
    page.page.wait_for_function(
        "(one) => one.getBoundingClientRect().width <= 720", arg=catalogue(page).element_handle()
    )
    fits = catalogue(page).evaluate("(one) => one.scrollWidth <= one.clientWidth + 1")
    picture(page.page, "catalogue-narrow", catalogue(page))
    page.page.set_viewport_size({"width": 1180, "height": 1000})
    assert fits


def test_publish_after_two_confirmations(page: Any, practice: Facility) -> None:
    log_in(page)
    service = practice.scicat["practice"]
    pid = service.add_dataset(datasetName="Apoferritin at 2 angstrom")
    code = f"publishing = openem.PublishPanel(['{pid}'])\npublishing"
    page.run(
        f"""const notebook = app.shell.currentWidget.content;
        notebook.activeCellIndex = notebook.widgets.length - 1;
        await app.commands.execute('notebook:insert-cell-below');
        notebook.activeCell.model.sharedModel.setSource({json.dumps(code)});
        await app.commands.execute('notebook:run-cell');"""
    )
    mine = panel(page, "Publish data sets")
    mine.get_by_role("button", name="Go on with these").click()
    form = mine.get_by_role("form", name="Draft")
    form.get_by_label("Title", exact=True).wait_for()
    for label, text in (
        ("Publisher: Name", "Practice Institute"),
        ("Publisher: Publisher identifier scheme", "ROR"),
        ("Dates", "2026-01-15 | Collected"),
        ("Language", "en"),
        ("Rights list", "CC BY 4.0"),
        ("Related items", "JournalArticle | IsReferencedBy"),
    ):
        form.get_by_label(label, exact=True).fill(text)
    form.get_by_role("button", name="Save draft").click()
    mine.get_by_text(re.compile("1 becomes public")).wait_for()
    publish = mine.get_by_role("form", name="Publish", exact=True)
    publish.wait_for()
    picture(page.page, "publish", mine)
    words = publish.get_by_text(re.compile("PUBLISH 10")).inner_text().rpartition(": ")[2]
    publish.get_by_role("textbox").fill("yes")
    publish.get_by_role("button", name="Publish").click()
    mine.get_by_role("alert").get_by_text(re.compile("Not confirmed")).wait_for()
    assert not service.store.get("datasets", pid)["isPublished"]
    publish.get_by_role("textbox").fill(words)
    publish.get_by_role("button", name="Publish").click()
    register = mine.get_by_role("form", name="Register")
    register.wait_for()
    assert service.store.get("datasets", pid)["isPublished"]
    register.get_by_role("textbox").fill(words.removeprefix("PUBLISH "))
    register.get_by_role("button", name="Register the DOI").click()
    mine.get_by_role("article", name="Publication").get_by_text("DOI registered").wait_for()
    page.run("await app.commands.execute('notebook:delete-cell');")
