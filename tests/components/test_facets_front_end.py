from __future__ import annotations

from typing import Any

import pytest
from browser import contrast

pytestmark = pytest.mark.component

EVIL = '<img src=x onerror="window.hacked = 1">\n\u202egpj.exe'


def group(name: str, label: str, *values: str) -> dict[str, Any]:
    options = [{"value": one, "label": one, "count": 3000 - n} for n, one in enumerate(values)]
    return {"name": name, "label": label, "options": options}


def show(mount: Any, **changes: Any) -> Any:
    groups = [group("type", "Type", "raw", "derived"), group("keywords", "Keywords")]
    state = {"label": "Narrow down", "groups": groups, "chosen": {}, "busy": False}
    return mount("facets", **{**state, **changes})


def test_each_value_is_a_box_with_its_count_in_the_group_of_its_property(mount: Any) -> None:
    page = show(mount)
    types = page.get_by_role("region", name="Narrow down").get_by_role("group", name="Type")
    assert types.get_by_role("checkbox").count() == 2
    assert types.get_by_role("checkbox", name="raw 3,000").is_checked() is False
    assert page.get_by_role("group", name="Keywords").count() == 0  # nothing to choose from
    assert contrast(types.get_by_text("2,999")) >= 4.5


def test_all_that_is_ticked_travels_with_each_click(mount: Any) -> None:
    page = show(mount, chosen={"type": ["raw"]})
    assert page.get_by_role("checkbox", name="raw").is_checked()
    page.get_by_role("checkbox", name="derived").check()
    page.get_by_role("button", name="Clear all").click()
    sent = page.evaluate("window.model.sent")
    messages = list({message["key"]: message for message in sent}.values())  # none is answered
    assert [message["action"] for message in messages] == ["choose", "choose"]
    assert messages[0]["content"] == {"chosen": {"type": ["raw", "derived"]}}
    assert messages[1]["content"] == {"chosen": {}}


def test_new_counts_keep_the_focus_and_what_is_unfolded(mount: Any) -> None:
    many = group("keywords", "Keywords", *(f"word {number}" for number in range(20)))
    page = show(mount, groups=[many])
    assert not page.get_by_role("checkbox", name="word 17").is_visible()
    page.get_by_text("14 more").click()
    page.get_by_role("checkbox", name="word 17").focus()
    page.keyboard.press("Space")
    page.evaluate(
        "(groups) => window.model.update({ groups, chosen: { keywords: ['word 17'] } })", [many]
    )
    assert page.evaluate("document.activeElement.value") == "word 17"
    assert page.get_by_role("checkbox", name="word 17").is_checked()
    assert page.get_by_role("checkbox", name="word 19").is_visible()


def test_a_tick_stays_when_the_boxes_are_drawn_anew_before_the_kernel_answers(mount: Any) -> None:
    page = show(mount)
    raw = page.get_by_role("checkbox", name="raw")
    raw.check()
    page.evaluate("window.model.update({ busy: true })")  # what is counted still is of before
    assert raw.is_checked()
    page.get_by_role("checkbox", name="derived").check()
    sent = page.evaluate("window.model.sent")
    assert sent[-1]["content"] == {"chosen": {"type": ["raw", "derived"]}}
    page.evaluate("window.model.update({ chosen: { type: ['raw'] } })")  # it has heard of the first
    assert page.get_by_role("checkbox", name="derived").is_checked()
    page.evaluate(
        "window.model.update({ chosen: { type: ['raw', 'derived'] } });"
        "window.model.answer({ type: 'reply', content: {} });"
    )
    page.evaluate("window.model.update({ chosen: { type: ['derived'] } })")  # set from Python
    assert not raw.is_checked()


def test_a_box_that_is_drawn_anew_while_it_is_pressed_gets_the_click(mount: Any) -> None:
    page = show(mount)
    raw = page.get_by_role("checkbox", name="raw")
    raw.hover()
    page.mouse.down()
    page.evaluate("window.model.update({ busy: true })")
    page.mouse.up()
    page.wait_for_function("window.model.sent.length > 0")
    assert page.evaluate("window.model.sent")[0]["content"] == {"chosen": {"type": ["raw"]}}
    page.wait_for_function("document.querySelector('.oem-facets').ariaBusy === 'true'")
    assert raw.is_checked()


def test_a_refusal_is_said_and_the_box_is_as_before(mount: Any) -> None:
    page = show(mount)
    page.get_by_role("checkbox", name="raw").check()
    page.evaluate("window.model.answer({ type: 'error', message: 'Not now.' })")
    assert page.get_by_role("alert").inner_text() == "Not now."
    assert not page.get_by_role("checkbox", name="raw").is_checked()


def test_names_from_a_server_are_text(mount: Any) -> None:
    page = show(mount, groups=[group(EVIL, EVIL, EVIL)])
    assert page.get_by_role("checkbox").count() == 1
    assert page.locator("img").count() == 0
    assert page.evaluate("window.hacked") is None
    page.get_by_role("checkbox").check()
    assert page.evaluate("window.model.sent")[0]["content"]["chosen"] == {EVIL: [EVIL]}


def test_without_values_nothing_is_there_and_nothing_is_left_after_the_end(mount: Any) -> None:
    page = show(mount, groups=[])
    assert not page.locator(".oem-facets").is_visible()
    page.evaluate("window.end()")
    assert page.evaluate("window.model.count") == 0
    assert page.locator("#root").inner_html() == ""
