from __future__ import annotations

from typing import Any

import pytest
from browser import contrast

from openem_nb.panels.form import Field

pytestmark = pytest.mark.component


def state(**changes: Any) -> dict[str, Any]:
    fields = [
        Field("text", "Search for", help="Words"),
        Field("limit", "Limit", kind="number"),
        Field("method", "Method", kind="choice", choices=(("", "Any"), ("helical", "Helical"))),
        Field("raw", "Raw data", kind="check"),
        Field("day", "Day", kind="date"),
        Field("names", "Names", kind="lines", wide=True),
        Field("token", "Token", kind="password"),
    ]
    values = {"text": "", "limit": "", "method": "", "raw": False, "day": "", "names": ""}
    plain = [{name: getattr(one, name) for name in Field.__slots__} for one in fields]
    begin = {"fields": plain, "values": values, "errors": {}, "busy": False, "status": ""}
    return {**begin, "label": "Find", "role": "search", "submit_label": "Search", **changes}


def sent(page: Any) -> list[dict[str, Any]]:
    messages = page.evaluate("window.model.sent")
    return list({message["key"]: message for message in messages}.values())  # some come again


def test_every_field_is_found_by_its_label_and_tells_its_value(mount: Any) -> None:
    page = mount("form", **state())
    form = page.get_by_role("search", name="Find")
    form.get_by_label("Search for").fill("TRPM8")
    form.get_by_label("Limit").fill("12")
    form.get_by_label("Method").select_option("Helical")
    form.get_by_label("Raw data").check()
    form.get_by_label("Day").fill("2024-11-12")
    form.get_by_label("Names").fill("a\nb")
    assert page.evaluate("window.model.saved.at(-1).values") == {
        "text": "TRPM8",
        "limit": "12",
        "method": "helical",
        "raw": True,
        "day": "2024-11-12",
        "names": "a\nb",
    }
    described = form.get_by_label("Search for").get_attribute("aria-describedby")
    assert page.locator(f"#{described.split()[0]}").inner_text() == "Words"


def test_enter_sends_what_is_in_the_fields_at_that_moment(mount: Any) -> None:
    page = mount("form", **state())
    page.get_by_label("Search for").fill("apo")
    page.get_by_label("Search for").press_sequentially("ferritin")
    page.evaluate("window.model.state.values = { text: 'apo' }")  # it has not caught up yet
    page.get_by_label("Search for").press("Enter")
    (message,) = sent(page)
    assert message["action"] == "submit"
    assert message["content"]["values"]["text"] == "apoferritin"
    assert page.get_by_role("button", name="Search").is_disabled()
    page.evaluate("window.model.answer({ type: 'reply', content: { errors: {} } })")
    page.get_by_role("button", name="Search").click()
    assert len(sent(page)) == 2


def test_a_password_is_in_the_message_only_and_then_gone(mount: Any) -> None:
    page = mount("form", **state())
    page.get_by_label("Token").fill("s3cret")
    assert "s3cret" not in page.evaluate("JSON.stringify(window.model.saved)")
    page.get_by_label("Token").press("Enter")
    assert sent(page)[0]["content"]["values"]["token"] == "s3cret"
    page.evaluate("window.model.answer({ type: 'reply', content: {} })")
    assert page.get_by_label("Token").input_value() == ""


def test_a_new_password_takes_away_what_was_said_of_the_last_one(mount: Any) -> None:
    page = mount("form", **state(errors={"token": "It has expired.", "limit": "Write a number."}))
    page.get_by_label("Token").fill("n3w")
    assert page.get_by_label("Token").get_attribute("aria-invalid") == "false"
    assert page.get_by_label("Limit").get_attribute("aria-invalid") == "true"
    assert page.evaluate("window.model.saved.at(-1).errors") == {"limit": "Write a number."}


def test_messages_stand_at_their_field_and_block_the_button(mount: Any) -> None:
    page = mount("form", **state())
    page.evaluate("window.model.update({ errors: { limit: 'Write a number.' } })")
    field = page.get_by_label("Limit")
    assert field.get_attribute("aria-invalid") == "true"
    shown = page.locator(f"#{field.get_attribute('aria-describedby').split()[1]}")
    assert shown.inner_text() == "Write a number."
    assert contrast(shown) >= 4.5
    assert page.get_by_role("button", name="Search").is_disabled()
    field.press("Enter")
    assert sent(page) == []
    page.evaluate("window.model.update({ errors: {} })")
    assert page.get_by_role("button", name="Search").is_enabled()
    assert not shown.is_visible()


def test_the_kernels_words_are_shown_when_it_refuses(mount: Any) -> None:
    page = mount("form", **state())
    page.get_by_role("button", name="Search").click()
    page.evaluate("window.model.answer({ type: 'error', message: 'A search is running.' })")
    assert page.get_by_role("status").inner_text() == "A search is running."
    assert page.get_by_role("button", name="Search").is_enabled()


def test_keys_stay_in_the_form(mount: Any) -> None:
    page = mount("form", **state())
    page.evaluate(
        """() => {
            window.keys = 0;
            document.addEventListener('keydown', () => { window.keys += 1; });
        }"""
    )
    page.get_by_label("Names").press("Shift+Enter")
    page.get_by_label("Names").press("ArrowDown")
    assert page.evaluate("window.keys") == 0


def test_new_fields_keep_the_focus(mount: Any) -> None:
    page = mount("form", **state())
    page.get_by_label("Method").focus()
    page.evaluate("window.model.update({ fields: window.model.state.fields.slice(2, 4) })")
    assert page.evaluate("document.activeElement.tagName") == "SELECT"
    assert page.get_by_label("Search for").count() == 0


def test_typing_is_not_disturbed_by_values_that_come_back(mount: Any) -> None:
    page = mount("form", **state())
    field = page.get_by_label("Search for")
    field.fill("abcd")
    field.press("Home")
    page.evaluate("window.model.update({ values: { ...window.model.state.values } })")
    field.press_sequentially("x")
    assert field.input_value() == "xabcd"


def test_two_forms_of_one_page_do_not_share_ids(mount: Any) -> None:
    page = mount("form", **state())
    page.evaluate(
        """async (state) => {
            const copy = await import("/form.mjs?copy");
            const el = document.body.appendChild(document.createElement("div"));
            copy.default.render({ model: new window.model.constructor(state), el });
        }""",
        state(label="Other"),
    )
    for name in ("Find", "Other"):
        page.get_by_role("search", name=name).get_by_label("Limit").fill(name)
    ids = page.evaluate("[...document.querySelectorAll('[id]')].map((one) => one.id)")
    assert len(set(ids)) == len(ids)


def test_nothing_is_left_after_the_end(mount: Any) -> None:
    page = mount("form", **state())
    page.evaluate("window.end()")
    assert page.evaluate("window.model.count") == 0
    assert page.locator("#root").inner_html() == ""


COMPARISONS = (("=", "equals"), (">=", "at least"))


def with_conditions(mount: Any) -> Any:
    conditions = Field(
        "where",
        "Metadata",
        kind="conditions",
        choices=COMPARISONS,
        suggestions=("acquisition.voltage", "<b>odd</b>"),
        wide=True,
    )
    plain = [{name: getattr(conditions, name) for name in Field.__slots__}]
    return mount("form", **state(fields=plain, values={"where": "[]"}))


def test_conditions_are_added_written_and_removed(mount: Any) -> None:
    page = with_conditions(mount)
    group = page.get_by_role("group", name="Metadata")
    group.get_by_role("button", name="Add a condition").click()
    name = group.get_by_role("combobox", name="Name of condition 1")
    assert name.evaluate("(one) => one === document.activeElement")
    suggested = name.evaluate("(one) => [...one.list.options].map((option) => option.value)")
    assert suggested == ["acquisition.voltage", "<b>odd</b>"]
    name.fill("acquisition.voltage")
    group.get_by_label("Comparison of condition 1").select_option("at least")
    group.get_by_label("Value of condition 1").fill("300")
    group.get_by_label("Unit of condition 1").fill("kV")
    group.get_by_role("button", name="Add a condition").click()
    group.get_by_label("Name of condition 2").fill("own.key")  # free entry
    first = {"name": "acquisition.voltage", "comparison": ">=", "value": "300", "unit": "kV"}
    second = {"name": "own.key", "comparison": "=", "value": "", "unit": ""}
    where = "JSON.parse(window.model.saved.at(-1).values.where)"
    assert page.evaluate(where) == [first, second]
    group.get_by_role("button", name="Remove condition 1").click()
    assert page.evaluate(where) == [second]
    assert group.get_by_label("Name of condition 1").input_value() == "own.key"
    page.get_by_role("button", name="Search").click()
    assert "own.key" in sent(page)[0]["content"]["values"]["where"]


def test_conditions_that_come_back_do_not_disturb_and_new_ones_are_shown(mount: Any) -> None:
    page = with_conditions(mount)
    page.get_by_role("button", name="Add a condition").click()
    name = page.get_by_label("Name of condition 1")
    name.press_sequentially("abcd")
    name.press("Home")
    page.evaluate("window.model.update({ values: { ...window.model.state.values } })")
    name.press_sequentially("x")
    assert name.input_value() == "xabcd"
    page.evaluate(
        """() => window.model.update({ values: { where: JSON.stringify(
            [{ name: 'k', comparison: '>=', value: '1', unit: '' }]) } })"""
    )
    assert name.input_value() == "k"
    assert page.get_by_label("Comparison of condition 1").input_value() == ">="


def test_names_that_are_suggested_later_do_not_touch_what_is_being_written(mount: Any) -> None:
    page = with_conditions(mount)
    page.get_by_role("button", name="Add a condition").click()
    name = page.get_by_label("Name of condition 1")
    name.press_sequentially("own")
    page.evaluate(
        """() => {
        const { model } = window;
        const fields = model.get("fields").map((one) => ({ ...one, suggestions: ["later"] }));
        model.update({ fields });
        }"""
    )
    page.keyboard.type(".key")
    assert name.input_value() == "own.key"
    assert name.evaluate("(one) => [...one.list.options].map((o) => o.value)") == ["later"]


def test_a_text_field_can_suggest(mount: Any) -> None:
    field = Field("place", "Place", suggestions=("Krios 1", "Krios 2"))
    plain = [{name: getattr(field, name) for name in Field.__slots__}]
    page = mount("form", **state(fields=plain, values={"place": ""}))
    options = page.get_by_label("Place").evaluate(
        "(one) => [...one.list.options].map((o) => o.value)"
    )
    assert options == ["Krios 1", "Krios 2"]


def test_a_field_shows_while_the_one_that_needs_it_is_ticked_or_filled(mount: Any) -> None:
    fields = [
        Field("dose", "Dose", kind="check"),
        Field("expected", "Expected dose", when="dose"),
        Field("gain", "Gain reference"),
        Field("turn", "Turn it", when="gain"),
    ]
    plain = [{name: getattr(one, name) for name in Field.__slots__} for one in fields]
    values = {"dose": False, "expected": "", "gain": "", "turn": ""}
    page = mount("form", **state(fields=plain, values=values))
    expected, turn = page.get_by_label("Expected dose"), page.get_by_label("Turn it")
    assert not expected.is_visible()
    page.get_by_label("Dose", exact=True).check()
    assert expected.is_visible()
    assert not turn.is_visible()
    page.get_by_label("Gain reference").fill("gain.mrc")
    assert turn.is_visible()
    page.evaluate("(values) => window.model.update({ values })", values)
    assert not expected.is_visible()
    assert not turn.is_visible()
