from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pytest

from openem_nb.panels.job_list import Link, Row

pytestmark = pytest.mark.component


def plain(*rows: Row) -> list[dict[str, Any]]:
    return [asdict(row) for row in rows]


RUNNING = Row(
    "1",
    "Harvest",
    "Running",
    active=True,
    fraction=0.25,
    message="Reading <b>EMDB</b>",
    detail="3 of 12 batches",
    actions=(("cancel", "Cancel"),),
)


def show(mount: Any, *rows: Row, **changes: Any) -> Any:
    return mount("job_list", rows=plain(*rows), label="Jobs", empty="", **changes)


def test_a_row_says_what_runs_and_how_far_it_is(mount: Any) -> None:
    page = show(mount, RUNNING)
    row = page.get_by_role("region", name="Jobs").get_by_role("listitem")
    bar = row.get_by_role("progressbar", name="Progress of Harvest")
    assert bar.evaluate("(bar) => bar.value") == 0.25
    assert "Reading <b>EMDB</b>" in row.inner_text()  # text, never HTML
    assert "3 of 12 batches" in row.inner_text()
    page.evaluate(
        "(rows) => window.model.update({ rows })", plain(Row("1", "Harvest", "Running", True))
    )
    assert bar.evaluate("(bar) => bar.hasAttribute('value')") is False


def test_updates_keep_the_focus_on_the_button(mount: Any) -> None:
    page = show(mount, RUNNING)
    page.get_by_role("button", name="Cancel Harvest").focus()
    later = Row(**{**asdict(RUNNING), "fraction": 0.5, "actions": RUNNING.actions})
    other = Row("0", "Other", "Done")
    page.evaluate("(rows) => window.model.update({ rows })", plain(other, later))
    assert page.evaluate("document.activeElement.textContent") == "Cancel Harvest"
    assert page.get_by_role("listitem").count() == 2


def test_a_click_is_answered_or_says_why_not(mount: Any) -> None:
    page = show(mount, RUNNING)
    button = page.get_by_role("button", name="Cancel Harvest")
    button.click()
    assert button.is_disabled()
    (message,) = page.evaluate("window.model.sent")
    assert (message["action"], message["content"]) == ("cancel", {"row": "1"})
    page.evaluate("window.model.answer({ type: 'error', message: 'It has ended.' })")
    assert page.get_by_role("alert").inner_text() == "It has ended."
    assert button.is_enabled()


BELOW = """() => {
  const button = document.createElement("button");
  button.textContent = "Below";
  button.addEventListener("click", () => { window.clicked = true; });
  document.getElementById("root").after(button);
}"""


@pytest.mark.parametrize("shown", [(RUNNING,), ()], ids=["comes", "goes"])
def test_a_row_that_comes_or_goes_takes_no_click_from_what_lies_below(
    mount: Any, shown: tuple[Row, ...]
) -> None:
    page = show(mount, *(() if shown else (RUNNING,)))
    page.evaluate(BELOW)
    below = page.get_by_role("button", name="Below")
    before = below.bounding_box()
    below.hover()
    page.mouse.down()
    page.evaluate("(rows) => window.model.update({ rows })", plain(*shown))
    page.evaluate("() => new Promise((done) => requestAnimationFrame(done))")
    assert below.bounding_box() == before
    page.mouse.up()
    page.wait_for_function("window.clicked")
    expected = len(shown)
    page.wait_for_function(f"document.querySelectorAll('.oem-jobs-row').length === {expected}")
    assert below.bounding_box() != before


def test_a_press_that_never_ends_holds_the_rows_up_for_a_second(mount: Any) -> None:
    page = mount("disclosure", tone="plain", sentence="", hint="", label="x", text="")
    page.clock.install()
    page = show(mount)
    page.mouse.down()
    page.evaluate("(rows) => window.model.update({ rows })", plain(RUNNING))
    assert page.get_by_role("listitem").count() == 0
    page.clock.run_for(1100)
    assert page.get_by_role("listitem").count() == 1
    page.mouse.up()


def test_a_kernel_that_does_not_answer_is_not_waited_for_for_ever(mount: Any) -> None:
    page = mount("disclosure", tone="plain", sentence="", hint="", label="x", text="")
    page.clock.install()
    page = show(mount, RUNNING)
    page.get_by_role("button", name="Cancel Harvest").click()
    page.clock.run_for(16_000)
    assert "kernel does not answer" in page.get_by_role("alert").inner_text()
    assert page.get_by_role("button", name="Cancel Harvest").is_enabled()


def test_a_request_without_an_answer_is_repeated_until_it_comes(mount: Any) -> None:
    page = mount("disclosure", tone="plain", sentence="", hint="", label="x", text="")
    page.clock.install()
    page = show(mount, RUNNING)
    page.get_by_role("button", name="Cancel Harvest").click()
    page.clock.run_for(7_000)
    sent = page.evaluate("window.model.sent")
    assert len(sent) == 4  # at once, and after 1, 3 and 6 seconds
    assert all(one == sent[0] for one in sent)
    page.evaluate("window.model.answer({ type: 'reply', content: {} })")
    page.clock.run_for(20_000)
    assert len(page.evaluate("window.model.sent")) == 4


def test_links_lead_below_the_servers_base_address(mount: Any) -> None:
    links = (Link("Open report", "runs/a b/report.html", view="files"),)
    page = show(mount, Row("1", "Report", "Done", links=links, path="/somewhere/a b"))
    link = page.get_by_role("link", name="Open report")
    assert link.get_attribute("href") == "/user/alice/files/runs/a%20b/report.html"
    assert page.get_by_text("/somewhere/a b").is_visible()


def test_states_may_have_several_words_and_commands_are_shown_as_they_are(mount: Any) -> None:
    evil = '<img src=x onerror="window.hacked = 1">'
    row = Row("1", evil, f"Being read {evil}", message=evil, path=evil, code=f"rsync {evil} .")
    page = show(mount, row)
    assert page.get_by_label("Commands for").inner_text() == f"rsync {evil} ."
    assert page.locator("img").count() == 0
    assert page.evaluate("window.hacked") is None
    badge = page.locator(".oem-badge")
    assert badge.inner_text() == f"Being read {evil}"
    assert "oem-jobs-being-read-img-src-x-onerror-window-hacked-" in badge.get_attribute("class")


def test_a_change_of_state_is_announced(mount: Any) -> None:
    page = show(mount, RUNNING)
    done = Row("1", "Harvest", "Done", message="12 batches")
    page.evaluate("(rows) => window.model.update({ rows })", plain(done))
    assert page.get_by_role("status").inner_text() == "Harvest: Done. 12 batches"
    assert page.get_by_role("progressbar").count() == 0


def test_an_empty_list_hides_itself_or_says_so(mount: Any) -> None:
    page = show(mount)
    assert not page.locator("section").is_visible()
    page.evaluate("window.model.update({ empty: 'Nothing runs.' })")
    assert page.get_by_text("Nothing runs.").is_visible()
    page.evaluate("window.end()")
    assert page.evaluate("window.model.count") == 0
