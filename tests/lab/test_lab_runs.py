from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from browser import contrast, picture

if TYPE_CHECKING:
    from openem_nb.practice import Facility

pytestmark = pytest.mark.lab


def panel(page: Any) -> Any:
    return page.page.locator(".oem-panel").filter(
        has=page.page.get_by_role("form", name="Parameters")
    )


def begin(page: Any, country: str) -> None:
    panel(page).get_by_label("Notebook").select_option("swiss_statistics")
    form = panel(page).get_by_role("form", name="Parameters")
    form.get_by_label("Country").fill(country)
    form.get_by_role("button", name="Run").click()


def running(page: Any) -> Any:
    return panel(page).get_by_role("region", name="Running now").get_by_role("listitem")


def earlier(page: Any) -> Any:
    return (
        panel(page).get_by_role("region", name=re.compile("Earlier runs")).get_by_role("listitem")
    )


def test_a_wrong_parameter_blocks_the_run(page: Any) -> None:
    panel(page).get_by_label("Notebook").select_option("search_repositories")
    form = panel(page).get_by_role("form", name="Parameters")
    form.get_by_label("Rows").fill("many")
    form.get_by_text("'many' is not a whole number.").wait_for()
    assert form.get_by_role("button", name="Run").is_disabled()
    picture(page.page, "run-wrong-parameter", panel(page))
    form.get_by_label("Rows").fill("10")
    form.get_by_text("'many' is not a whole number.").wait_for(state="hidden")


def test_run_the_report_from_the_form_and_open_it(page: Any, practice: Facility) -> None:
    swiss = [
        name
        for name, entry in practice.truth.emdb.items()
        if entry.status == "REL" and "switzerland" in practice.truth.countries(name)
    ]
    begin(page, "Switzerland")
    running(page).get_by_role("progressbar").wait_for()
    running(page).get_by_text(re.compile(r"\d+ of \d+")).wait_for()
    picture(page.page, "run-following", panel(page))
    done = earlier(page).first
    done.wait_for(timeout=240_000)
    assert "Done" in done.inner_text(), done.inner_text()
    assert f"Switzerland: {len(swiss)} released" in done.inner_text()
    picture(page.page, "run-done", panel(page))
    with page.page.context.expect_page() as opened:
        done.get_by_role("link", name="Open report").click()
    report = opened.value
    report.wait_for_load_state()
    assert "Switzerland" in report.locator("body").inner_text()
    picture(report, "report")
    report.close()
    with page.page.context.expect_page() as opened:
        done.get_by_role("link", name="Open output").click()
    opened.value.get_by_role("main").wait_for()
    opened.value.close()


def test_a_run_survives_a_reload_of_the_page_and_can_be_cancelled(
    page: Any, practice: Facility
) -> None:
    from openem_nb.practice import Fault

    before = earlier(page).filter(has_text="Cancelled").count()
    practice.add_fault(Fault("hang", path=r".*/emdb/api/.*"))  # it goes on until it is cancelled
    begin(page, "Austria")
    running(page).get_by_role("button", name=re.compile("Cancel")).wait_for()
    page.run("await app.commands.execute('docmanager:save');")
    page.page.reload()
    page.wait_until_ready()
    cancel(page, before)


def test_a_run_survives_a_restart_of_the_kernel(page: Any, practice: Facility) -> None:
    from openem_nb.practice import Fault

    before = earlier(page).filter(has_text="Cancelled").count()
    practice.add_fault(Fault("hang", path=r".*/emdb/api/.*"))  # whatever the restart takes
    begin(page, "Norway")
    running(page).get_by_role("button", name=re.compile("Cancel")).wait_for()
    page.run(
        """const context = app.shell.currentWidget.sessionContext;
        await context.session.kernel.restart();
        await app.commands.execute('notebook:clear-all-cell-outputs');
        await app.commands.execute('notebook:run-all-cells');"""
    )
    cancel(page, before)


def cancel(page: Any, before: int) -> None:
    button = running(page).get_by_role("button", name=re.compile("Cancel"))
    button.wait_for()
    button.click()
    earlier(page).filter(has_text="Cancelled").nth(before).wait_for()
    assert running(page).count() == 0


def test_runs_can_be_read_in_the_dark(page: Any) -> None:
    page.theme("JupyterLab Dark")
    panel(page).get_by_role("form", name="Parameters").scroll_into_view_if_needed()
    for selector in (
        "h3",
        ".oem-form label",
        ".oem-form-help",
        ".oem-jobs-title",
        ".oem-jobs-path",
    ):
        shown = panel(page).locator(f"{selector}:visible").first
        assert contrast(shown) >= 4.5, selector
    picture(page.page, "run-dark", panel(page))
    page.theme("JupyterLab Light")
