from __future__ import annotations

from typing import Any

import pytest
from browser import contrast

pytestmark = pytest.mark.component

ERROR = {
    "tone": "error",
    "sentence": "EMDB does not answer <i>now</i>.",
    "hint": "Try again in a few minutes.",
    "label": "Details",
    "text": "Traceback\n  line 2",
}


def test_an_error_is_an_alert_with_hint_and_details_on_demand(mount: Any) -> None:
    page = mount("disclosure", **ERROR)
    alert = page.get_by_role("alert")
    assert alert.inner_text().splitlines()[0] == ERROR["sentence"]
    assert ERROR["hint"] in alert.inner_text()
    assert contrast(alert.get_by_text(ERROR["hint"])) >= 4.5
    assert not page.get_by_text("line 2").is_visible()
    page.get_by_text("Details").focus()
    page.keyboard.press("Enter")
    assert page.get_by_text("line 2").is_visible()


def test_copy_puts_the_text_on_the_clipboard(mount: Any) -> None:
    page = mount("disclosure", **ERROR)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_text("Details").click()
    page.get_by_role("button", name="Copy").click()
    page.get_by_text("Copied.").wait_for()
    assert page.evaluate("navigator.clipboard.readText()") == ERROR["text"]


def test_without_clipboard_the_text_is_selected(mount: Any) -> None:
    page = mount("disclosure", **ERROR)
    page.evaluate(
        "() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }"
    )
    page.get_by_text("Details").click()
    page.get_by_role("button", name="Copy").click()
    page.get_by_text("Selected: press Ctrl+C to copy.").wait_for()
    assert page.evaluate("String(getSelection())") == ERROR["text"]


def test_code_is_no_alert_and_nothing_is_nothing(mount: Any) -> None:
    page = mount("disclosure", tone="plain", sentence="", hint="", label="Show code", text="x = 1")
    assert page.get_by_role("alert").count() == 0
    page.get_by_text("Show code").click()
    assert page.get_by_text("x = 1").is_visible()
    page.evaluate("window.model.update({ text: '' })")
    assert not page.locator(".oem-disclosure").is_visible()
    page.evaluate("window.end()")
    assert page.evaluate("window.model.count") == 0
