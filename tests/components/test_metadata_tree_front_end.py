"""The tree in a bare page; its own Python half answers, as the kernel would."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from _tree import FIELDS, document, many, row
from browser import contrast

from openem_nb.errors import InvalidInput

if TYPE_CHECKING:
    from openem_nb.panels.metadata_tree import MetadataTree

pytestmark = pytest.mark.component

EVIL = '<img src=x onerror="window.hacked = 1">\n\u202egpj.exe'


def names(page: Any) -> list[str]:
    return page.locator("[role=treeitem] > .oem-tree-key").all_inner_texts()


def focused(page: Any) -> str:
    return page.evaluate("document.activeElement.querySelector('.oem-tree-key')?.textContent")


def test_rows_come_when_a_node_is_opened_and_say_where_they_are(tree: Any) -> None:
    page, _ = tree(document())
    assert names(page) == ["acquisition", "instrument"]
    top = page.get_by_role("tree", name="Metadata of a session").get_by_role("treeitem").first
    assert top.get_attribute("aria-expanded") == "false"
    top.click()
    many(page, 6)
    assert top.get_attribute("aria-expanded") == "true"
    pixel = row(page, "pixel_size: 0.65 Å")
    places = [pixel.get_attribute(f"aria-{name}") for name in ("level", "posinset", "setsize")]
    assert places == ["2", "1", "4"]
    assert pixel.get_attribute("aria-expanded") is None
    assert pixel.locator(".oem-tree-value").inner_text() == "0.65 Å"
    top.click()
    many(page, 2)
    asked = [one["action"] for one in page.evaluate("window.model.sent")]
    assert asked == ["rows", "children"]


def test_keys_move_open_close_and_find(tree: Any) -> None:
    page, _ = tree(document())
    press = page.keyboard.press
    page.get_by_role("treeitem").first.focus()
    press("ArrowRight")
    many(page, 6)
    for key, name in (
        ("ArrowRight", "pixel_size"),
        ("ArrowDown", "frames"),
        ("ArrowUp", "pixel_size"),
        ("End", "instrument"),
        ("Home", "acquisition"),
        ("t", "technique"),
        ("ArrowLeft", "acquisition"),
    ):
        press(key)
        assert focused(page) == name, key
    assert page.locator("[role=treeitem][tabindex='0']").count() == 1
    assert row(page, "acquisition").get_attribute("aria-selected") == "true"
    assert page.locator("[aria-selected=true]").count() == 1
    press("ArrowLeft")
    many(page, 2)
    press("*")
    many(page, 7)
    assert focused(page) == "acquisition"


def test_a_word_that_is_typed_fast_is_looked_for_as_one(tree: Any) -> None:
    page, _ = tree({"alpha": 1, "beta": 2, "before": 3})
    page.get_by_role("treeitem").first.focus()
    page.keyboard.type("bef")
    assert focused(page) == "before"


def test_no_more_than_two_hundred_members_come_at_once(tree: Any) -> None:
    page, _ = tree({"list": [{"value": n, "unit": "nm"} for n in range(450)]})
    page.get_by_role("treeitem").first.click()
    many(page, 202)
    more = row(page, "Show 200 more")
    assert "250 are not shown" in more.inner_text()
    more.click()
    many(page, 402)
    assert focused(page) == "201"
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    many(page, 451)
    assert focused(page) == "401"
    sizes = page.evaluate("window.model.sent.map((one) => one.content.start ?? 0)")
    assert sizes == [0, 0, 200, 400]


def test_fifty_thousand_leaves_show_at_once_and_can_be_searched(tree: Any) -> None:
    sections = {
        f"s{n}": {f"k{k}": {"value": n, "unit": "nm"} for k in range(500)} for n in range(100)
    }
    page, _ = tree(sections)
    assert len(names(page)) == 100
    page.get_by_label("Search").fill("s42 k499")
    page.get_by_text("1 of 50,100 rows match.").wait_for()
    assert names(page) == ["s42", "k499"]


def test_search_filters_marks_and_counts_and_what_was_open_comes_back(tree: Any) -> None:
    page, _ = tree(document(), fields=FIELDS)
    row(page, "instrument").click()
    many(page, 3)
    page.get_by_label("Search").fill("pixel Å")
    page.get_by_role("status").filter(has_text="1 of 10 rows match.").wait_for()
    assert names(page) == ["acquisition", "pixel_size"]
    assert page.locator("mark").all_inner_texts() == ["pixel", "Å", "pixel"]
    page.get_by_label("Search").fill("nowhere")
    page.get_by_role("status").filter(has_text="Nothing matches in 10 rows.").wait_for()
    assert names(page) == []
    page.get_by_label("Search").fill("")
    many(page, 3)
    assert names(page) == ["acquisition", "instrument", "microscope"]


def test_enter_says_where_a_value_comes_from_and_escape_leads_back(tree: Any) -> None:
    origins = {
        "instrument.microscope": [
            ("File", EVIL),
            ("Tag", "InstrumentModel"),
            ("Agree", "50 of 50 files"),
        ]
    }
    page, _ = tree(document(), fields=FIELDS, origins=origins)
    row(page, "instrument").click()
    many(page, 3)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    pane = page.get_by_role("region", name="Details of instrument.microscope")
    pane.get_by_text("50 of 50 files").wait_for()
    assert pane.get_by_text("<img").count() == 1
    assert page.evaluate("document.activeElement.className").startswith("oem-tree-pane")
    page.keyboard.press("Escape")
    assert focused(page) == "microscope"
    assert pane.count() == 0
    row(page, "microscope").get_by_role("button", name="Where from microscope").click()
    pane.wait_for()
    pane.get_by_role("button", name="Close").click()
    assert focused(page) == "microscope"


def test_what_is_wrong_stands_in_its_place_in_words(tree: Any) -> None:
    problems = [
        ("acquisition.pixel_size.unit", "The unit is missing."),
        ("acquisition.date_time", "It has to be stated."),
    ]
    page, _ = tree(document(), fields=FIELDS, problems=problems)
    top = row(page, "acquisition")
    assert "2 wrong inside" in top.inner_text()
    assert "2 wrong inside" in top.get_attribute("aria-label")
    top.click()
    many(page, 7)
    assert "The unit is missing." in row(page, "pixel_size").inner_text()
    missing = row(page, "date_time: missing")
    assert "It has to be stated." in missing.inner_text()
    assert contrast(missing.locator(".oem-tree-sign")) >= 4.5
    assert contrast(missing.locator("em")) >= 4.5


def test_fields_without_a_value_show_on_demand(tree: Any) -> None:
    page, _ = tree(document(), fields=FIELDS)
    row(page, "acquisition").click()
    many(page, 7)
    assert row(page, "counting").count() == 0
    page.get_by_label("Fields without a value, too").check()
    row(page, "counting: not stated").wait_for()


def test_nothing_is_offered_where_nobody_knows_the_fields(tree: Any) -> None:
    page, _ = tree({"a": 1})
    assert not page.get_by_label("Fields without a value, too").is_visible()


class Edits:
    """What a panel would do with edits."""

    def __init__(self) -> None:
        self.made: list[tuple[str, Any]] = []
        self.tree: MetadataTree | None = None

    def edit(self, path: str, value: Any) -> None:
        if value == "bad":
            raise InvalidInput("No such thing.", hint="Try again.")
        self.made.append((path, value))

    def remove(self, path: str) -> None:
        self.made.append((path, "removed"))


def edited(tree: Any) -> tuple[Any, Edits]:
    edits = Edits()
    page, edits.tree = tree(document(), fields=FIELDS, edit=edits.edit, remove=edits.remove)
    row(page, "acquisition").click()
    many(page, 7)
    page.get_by_label("Fields without a value, too").check()
    row(page, "counting").wait_for()
    return page, edits


def test_each_kind_of_value_is_edited_in_place(tree: Any) -> None:
    page, edits = edited(tree)
    row(page, "pixel_size").focus()
    page.keyboard.press("F2")
    unit = page.get_by_role("combobox", name="Unit of pixel_size")
    unit.wait_for()
    offered = unit.locator("option").all_inner_texts()
    assert offered[0] == "Å"
    assert {"nm", "um", "m"} <= set(offered)
    assert "kV" not in offered
    unit.select_option("nm")
    page.get_by_role("textbox", name="pixel_size").fill("0.065")
    page.keyboard.press("Enter")
    row(page, "pixel_size: 0.65 Å").wait_for()  # the panel shows the new one
    assert edits.made == [("acquisition.pixel_size", {"value": 0.065, "unit": "nm"})]
    assert focused(page) == "pixel_size"

    row(page, "counting").click()
    row(page, "counting").get_by_role("button", name="Edit counting").click()
    page.get_by_role("combobox", name="counting").select_option("Yes")
    page.get_by_role("button", name="Save counting").click()
    row(page, "counting: not stated").wait_for()
    row(page, "technique").focus()
    page.keyboard.press("F2")
    page.get_by_role("combobox", name="technique").select_option("subtomo")
    page.get_by_role("button", name="Save technique").click()
    row(page, "technique: spa").wait_for()
    assert edits.made[1:] == [("acquisition.counting", True), ("acquisition.technique", "subtomo")]
    row(page, "frames").focus()
    page.keyboard.press("F2")
    page.get_by_role("button", name="Remove frames").click()
    row(page, "frames: 40").wait_for()
    assert edits.made[-1] == ("acquisition.frames", "removed")


def test_a_wrong_value_is_said_at_the_field_and_escape_cancels(tree: Any) -> None:
    page, edits = edited(tree)
    row(page, "frames").focus()
    page.keyboard.press("F2")
    field = page.get_by_role("textbox", name="frames")
    field.fill("4.5")
    field.press("Enter")
    message = page.get_by_role("alert").filter(has_text="'4.5' is not a whole number.")
    message.wait_for()
    assert field.get_attribute("aria-invalid") == "true"
    described = field.get_attribute("aria-describedby").split()
    assert message.get_attribute("id") in described
    assert contrast(message) >= 4.5
    field.press("ArrowLeft")  # moves the caret, not the row
    assert field.is_visible()
    field.press("Escape")
    assert focused(page) == "frames"
    assert edits.made == []
    row(page, "date_time").focus()
    page.keyboard.press("F2")
    time = page.get_by_role("textbox", name="date_time")
    time.fill("2024-08-31T20:03:13")
    time.press("Enter")
    page.get_by_text("The time zone is missing.").wait_for()
    time.fill("2024-08-31T20:03:13+02:00")
    time.press("Enter")
    row(page, "date_time: missing").wait_for()
    assert edits.made == [("acquisition.date_time", "2024-08-31T20:03:13+02:00")]


def test_the_refusal_of_the_panel_is_said_at_the_field(tree: Any) -> None:
    page, _ = edited(tree)
    row(page, "detectors").click()
    row(page, "2: not stated").wait_for()  # where one more can be added
    row(page, "1: 1 inside").click()
    row(page, "name: Falcon 4i").focus()
    page.keyboard.press("F2")
    page.get_by_role("textbox", name="name").fill("bad")
    page.keyboard.press("Enter")
    page.get_by_role("alert").filter(has_text="No such thing. Try again.").wait_for()


def test_without_leave_to_edit_there_is_no_way_to_do_it(tree: Any) -> None:
    page, _ = tree(document(), fields=FIELDS)
    row(page, "instrument").click()
    many(page, 3)
    row(page, "microscope").focus()
    page.keyboard.press("F2")
    assert page.get_by_role("button", name="Edit microscope").count() == 0
    assert [one["action"] for one in page.evaluate("window.model.sent")] == ["rows", "children"]


def test_a_row_far_down_is_shown_on_request(tree: Any) -> None:
    page, python = tree({"a": {"list": [{"value": n, "unit": "nm"} for n in range(900)]}})
    python.reveal("a.list[650]")
    page.evaluate("(target) => window.model.update({ target })", python.target)
    row(page, "651: 650 nm").wait_for()
    assert focused(page) == "651"


def test_a_new_version_keeps_what_is_open_and_the_focus(tree: Any) -> None:
    page, python = tree(document(), fields=FIELDS)
    row(page, "acquisition").click()
    many(page, 7)
    row(page, "frames").click()
    changed = document()
    changed["acquisition"]["frames"] = 50
    python.show(changed, fields=FIELDS)
    page.evaluate("(version) => window.model.update({ version })", python.version)
    row(page, "frames: 50").wait_for()
    assert focused(page) == "frames"
    assert row(page, "acquisition").get_attribute("aria-expanded") == "true"


def test_an_open_editor_survives_a_change_from_elsewhere(tree: Any) -> None:
    page, edits = edited(tree)
    python = edits.tree
    row(page, "frames").focus()
    page.keyboard.press("F2")
    field = page.get_by_role("textbox", name="frames")
    field.fill("57")
    changed = document()
    changed["acquisition"]["technique"] = "subtomo"
    python.show(changed, fields=FIELDS)
    page.evaluate("(version) => window.model.update({ version })", python.version)
    row(page, "technique: subtomo").wait_for()
    assert field.input_value() == "57"
    assert page.evaluate("document.activeElement === document.querySelector('.oem-value input')")
    page.keyboard.press("Enter")
    field.wait_for(state="detached")
    assert edits.made == [("acquisition.frames", 57)]
    assert focused(page) == "frames"
    row(page, "technique: subtomo").wait_for()


def test_details_that_are_open_follow_the_document(tree: Any) -> None:
    page, python = tree(document(), fields=FIELDS)
    row(page, "acquisition").click()
    many(page, 7)
    row(page, "frames").click()
    page.keyboard.press("Enter")
    pane = page.get_by_role("region", name="Details of acquisition.frames")
    pane.get_by_text("40", exact=True).wait_for()
    row(page, "technique").click()
    changed = document()
    changed["acquisition"]["frames"] = 50
    python.show(changed, fields=FIELDS)
    page.evaluate("(version) => window.model.update({ version })", python.version)
    pane.get_by_text("50", exact=True).wait_for()
    assert focused(page) == "technique"
    del changed["acquisition"]["frames"]
    python.show(changed, fields=FIELDS)
    page.evaluate("(version) => window.model.update({ version })", python.version)
    pane.get_by_text("none", exact=True).wait_for()


def test_names_and_values_from_outside_are_text(tree: Any) -> None:
    page, _ = tree({EVIL: {"value": EVIL, "unit": EVIL}, "list": [EVIL], '"]': {"a.b": 1}})
    page.get_by_role("treeitem").first.focus()
    page.keyboard.press("*")
    many(page, 5)
    row(page, "a.b: 1").focus()
    page.keyboard.press("Enter")
    page.get_by_role("region", name="Details of").wait_for()
    assert page.locator("img").count() == 0
    assert page.evaluate("window.hacked") is None
    assert "\u202e" not in page.locator("#root").inner_text()
    page.get_by_label("Search").fill("onerror")
    page.get_by_text("2 of 5 rows match.").wait_for()
    assert page.locator("img").count() == 0


def test_a_kernel_that_refuses_is_heard(tree: Any) -> None:
    page, _ = tree(document())
    page.evaluate(
        """() => { window.model.send = (message) => window.model.fire("msg:custom",
            { key: message.key, type: "error", message: "Not now." }); }"""
    )
    page.get_by_role("treeitem").first.click()
    page.get_by_role("alert").filter(has_text="Not now.").wait_for()
    assert row(page, "acquisition").get_attribute("aria-expanded") == "false"


def test_keys_stay_in_the_tree_and_nothing_is_left_after_the_end(tree: Any) -> None:
    page, _ = tree(document())
    page.evaluate(
        """() => {
            window.keys = 0;
            document.addEventListener('keydown', () => { window.keys += 1; });
        }"""
    )
    page.get_by_role("treeitem").first.focus()
    page.keyboard.press("Shift+Enter")
    page.keyboard.press("ArrowDown")
    assert page.evaluate("window.keys") == 0
    page.evaluate("window.end()")
    assert page.evaluate("window.model.count") == 0
    assert page.locator("#root").inner_html() == ""
