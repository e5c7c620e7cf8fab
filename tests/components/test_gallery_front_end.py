"""The gallery in a bare page, with its real Python half behind it."""

from __future__ import annotations

import base64
import io
import re
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from _gallery import active, grid, table
from browser import contrast
from PIL import Image

from openem_nb.errors import InvalidInput
from openem_nb.panels.gallery import Gallery

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.component

EVIL = '<img src=x onerror="window.hacked = 1">\n\u202egpj.exe'
PICTURES = """() => {
  const { model } = window;
  model.update({ pictures: model.get("pictures") + 1 }); // as the kernel says it
  return document.querySelectorAll(".oem-gallery-cell img").length >= 6;
}"""


def picture(shade: int) -> bytes:
    out = io.BytesIO()
    Image.new("L", (64, 48), shade).save(out, "JPEG")
    return out.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for row in range(3000):
        (tmp_path / f"FoilHole_{1000 + row}_Data.jpg").write_bytes(picture(row % 256))
    return tmp_path


def test_only_what_is_in_sight_is_asked_for_and_drawn(gallery_page: Any, folder: Path) -> None:
    page = gallery_page(Gallery(table(), thumbnails=folder))
    page.wait_for_function("document.querySelectorAll('.oem-gallery-cell img').length > 10")
    assert page.locator(".oem-gallery-cell").count() < 60
    assert grid(page).get_attribute("aria-rowcount") == "750"
    grid(page).evaluate("(one) => (one.scrollTop = one.scrollHeight / 2)")
    cell = page.get_by_role("gridcell", name="FoilHole_2500_Data.mrc")
    cell.locator("img").wait_for()
    asked = [
        row
        for message in page.evaluate("window.model.sent")
        if message["action"] == "thumbnails"
        for row in message["content"]["rows"]
    ]
    assert len(asked) == len(set(asked)) < 200
    width = cell.locator("img").evaluate("(one) => one.decode().then(() => one.naturalWidth)")
    assert width == 64


def test_rows_are_sorted_and_filtered_as_python_says(gallery_page: Any) -> None:
    gallery = Gallery(table(400))
    page = gallery_page(gallery)
    page.get_by_label("Sort by").select_option("ctf_defocus")
    page.get_by_role("button", name="Ascending").click()
    page.get_by_label("Name").fill("hole_11 data")
    page.get_by_text("100 of 400 shown").wait_for()
    page.get_by_label("Histogram of", exact=True).select_option("ctf_resolution")
    page.get_by_label("ctf resolution (Å) to").fill("4")
    page.get_by_label("ctf resolution (Å) to").press("Enter")
    page.wait_for_function("'ctf_resolution' in window.model.get('view_state').ranges")
    expected = gallery.shown
    page.get_by_text(f"{len(expected)} of 400 shown").wait_for()
    assert gallery.view.descending
    assert gallery.view.ranges == {"ctf_resolution": (None, 4.0)}
    assert 20 < len(expected) < 80
    grid(page).focus()
    page.keyboard.press("Control+Home")
    spoken = []
    for _ in range(len(expected)):
        spoken.append(active(page).split(",")[0])
        page.keyboard.press("ArrowRight")
    assert spoken == expected["name"].tolist()


def test_missing_values_come_last_both_ways(gallery_page: Any) -> None:
    page = gallery_page(Gallery(table(20)))
    page.get_by_label("Sort by").select_option("ctf_defocus")
    grid(page).focus()
    for button in ("Ascending", "Descending"):
        page.keyboard.press("Control+End")
        assert active(page).startswith("FoilHole_1005_")
        page.get_by_role("button", name=button).click()
        grid(page).focus()


def test_images_are_judged_by_keyboard(gallery_page: Any) -> None:
    told: list[str] = []
    gallery = Gallery(table(100), open=lambda name: told.append(name) or f"Opened {name}.")
    page = gallery_page(gallery)
    grid(page).focus()
    page.keyboard.press("g")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+B")
    assert active(page).startswith("FoilHole_1002_")
    page.keyboard.press("n")
    page.keyboard.type("ice on the left")
    page.keyboard.press("Enter")
    page.keyboard.press("Enter")
    page.get_by_text("Opened FoilHole_1002_Data.mrc.").wait_for()
    page.get_by_text("1 good, 1 bad").wait_for()
    marks = gallery.marks
    assert marks["mark"].tolist() == ["good", "bad", ""]
    assert marks["note"].tolist() == ["", "", "ice on the left"]
    assert told == ["FoilHole_1002_Data.mrc"]
    page.evaluate("window.model.update({ told: 'FoilHole_1002_Data.mrc is open below.' })")
    page.get_by_role("status").get_by_text("is open below.").wait_for()  # said later
    assert "note: ice on the left" in active(page)
    page.keyboard.press("Control+Home")
    page.keyboard.press("u")
    page.get_by_text("0 good, 1 bad").wait_for()


def test_a_selection_is_marked_at_once(gallery_page: Any) -> None:
    gallery = Gallery(table(50))
    page = gallery_page(gallery)
    grid(page).focus()
    page.keyboard.press("Space")
    page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    page.get_by_role("heading", name="3 images").wait_for()
    assert page.get_by_role("gridcell", selected=True).count() == 3
    page.keyboard.press("b")
    page.get_by_text("3 bad").wait_for()
    assert gallery.selected == tuple(table(50)["name"][:3])
    page.keyboard.press("Escape")
    assert page.get_by_role("gridcell", selected=True).count() == 0


def test_a_range_drawn_on_the_histogram_filters(gallery_page: Any) -> None:
    gallery = Gallery(table(500))
    page = gallery_page(gallery)
    page.get_by_label("Histogram of", exact=True).select_option("ctf_defocus")
    plot = page.get_by_role("img", name="Histogram of ctf defocus (Å): 499 values")
    box = plot.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.8, box["y"] + 50)
    page.mouse.up()
    page.wait_for_function("Object.keys(window.model.get('view_state').ranges).length == 1")
    low, high = gallery.view.ranges["ctf_defocus"]
    assert 10_000 < low < 15_000 < high < 22_000
    page.get_by_text(f"{len(gallery.shown)} of 500 shown").wait_for()
    assert gallery.shown["ctf_defocus"].between(low, high).all()
    page.get_by_role("button", name="All of ctf defocus (Å)").click()
    page.get_by_text("500 of 500 shown").wait_for()


def test_another_order_begins_at_its_top_and_a_range_keeps_the_place(gallery_page: Any) -> None:
    frame = table(300)
    page = gallery_page(Gallery(frame))
    grid(page).focus()
    page.keyboard.press("Control+End")
    last = active(page).split(",")[0]
    page.get_by_label("Sort by").select_option("ctf_defocus")
    lowest = frame.sort_values("ctf_defocus")["name"].iloc[0]
    assert active(page).split(",")[0] == lowest
    assert grid(page).evaluate("(one) => one.scrollTop") == 0
    page.get_by_label("Sort by").select_option("")
    grid(page).focus()
    page.keyboard.press("Control+End")
    page.get_by_label("Histogram of", exact=True).select_option("ctf_defocus")
    page.get_by_label("ctf defocus (Å) from").fill("1000")
    page.get_by_label("ctf defocus (Å) from").press("Tab")
    page.get_by_text(re.compile(r"^\d+ of 300 shown")).wait_for()
    assert active(page).split(",")[0] == last
    cell = page.locator(".oem-gallery-active")
    box, around = cell.bounding_box(), grid(page).bounding_box()
    assert (
        around["y"] <= box["y"] + 1 < box["y"] + box["height"] <= around["y"] + around["height"] + 2
    )


def test_a_picture_does_not_blink_when_it_is_marked(gallery_page: Any) -> None:
    page = gallery_page(Gallery(table(30), thumbnails=lambda _: picture(90)))
    page.wait_for_function(PICTURES, polling=100)
    page.evaluate("window.first = document.querySelector('.oem-gallery-cell img')")
    grid(page).focus()
    page.keyboard.press("g")
    page.get_by_text("1 good").wait_for()
    assert page.evaluate("document.querySelector('.oem-gallery-cell img') === window.first")


def test_what_is_unlike_the_others_is_said_in_words(gallery_page: Any) -> None:
    page = gallery_page(Gallery(table(300)))
    page.get_by_label("Show", exact=True).select_option("unlike")
    page.get_by_text("1 unlike the others").wait_for()
    page.get_by_text("Ctf resolution is 19 Å, much higher than in the others").wait_for()
    assert page.get_by_role("gridcell").count() == 1


def test_a_table_that_grows_sends_what_is_new(gallery_page: Any) -> None:
    gallery = Gallery(table(40))
    page = gallery_page(gallery)
    grid(page).focus()
    page.keyboard.press("ArrowDown")
    before = active(page)
    gallery.show(table(60))
    page.evaluate("(version) => window.model.update({ version })", gallery.version)
    page.get_by_text("60 of 60 shown").wait_for()
    assert active(page).split(",")[0] == before.split(",")[0]
    assert page.evaluate("window.model.sent.filter((one) => one.action === 'rows').length") == 2


def test_the_active_image_stays_where_it_is_on_screen_while_values_come(gallery_page: Any) -> None:
    frame = table(300)
    gallery = Gallery(frame)
    page = gallery_page(gallery)
    page.get_by_label("Sort by").select_option("ctf_defocus")
    grid(page).focus()
    for _ in range(2):
        page.keyboard.press("PageDown")
    cell = page.locator(".oem-gallery-active")
    before, name = cell.bounding_box(), active(page).split(",")[0]
    value = frame.loc[frame["name"] == name, "ctf_defocus"].item()
    later = frame.assign(ctf_defocus=frame["ctf_defocus"].mask(frame["ctf_defocus"] < value, 3e4))
    gallery.show(later)
    page.evaluate("(version) => window.model.update({ version })", gallery.version)
    page.wait_for_function("(many) => window.model.answered >= many", arg=2)
    # it is the first of the order now, with nothing above it to scroll to
    assert active(page).split(",")[0] == name
    gallery.show(frame)
    page.evaluate("(version) => window.model.update({ version })", gallery.version)
    page.wait_for_function("(many) => window.model.answered >= many", arg=3)
    assert active(page).split(",")[0] == name
    after, around = cell.bounding_box(), grid(page).bounding_box()
    assert around["y"] - 1 <= after["y"] <= around["y"] + around["height"]
    fewer = frame.assign(ctf_defocus=frame["ctf_defocus"].mask(frame["ctf_defocus"] < 8000, 3e4))
    depth = after["y"]
    gallery.show(fewer)
    page.evaluate("(version) => window.model.update({ version })", gallery.version)
    page.wait_for_function("(many) => window.model.answered >= many", arg=4)
    assert active(page).split(",")[0] == name
    assert cell.bounding_box()["y"] == pytest.approx(depth, abs=1)
    assert before["height"] == after["height"]


def test_pictures_that_are_made_later_appear(gallery_page: Any) -> None:
    made = picture(90)
    there: set[str] = set()
    gallery = Gallery(table(30), thumbnails=lambda name: made if name in there else None)
    page = gallery_page(gallery)
    page.get_by_role("gridcell").first.get_by_text("…", exact=True).wait_for()
    there.update(table(30)["name"])
    page.wait_for_function(PICTURES, polling=100)
    page.get_by_role("gridcell").first.locator("img").wait_for()


def test_news_of_pictures_that_come_before_an_answer_are_not_lost(gallery_page: Any) -> None:
    page = gallery_page(Gallery(table(30), thumbnails=lambda _: None))
    page.wait_for_function("window.model.sent.some((one) => one.action === 'thumbnails')")
    page.wait_for_function("window.model.answered === window.model.sent.length")
    page.evaluate(
        """() => {
        const { model } = window;
        const asked = () => model.sent.filter((one) => one.action === "thumbnails");
        model.send = (message) => model.sent.push(message);
        model.update({ pictures: 1 }); // asks again
        const second = asked().at(-1);
        model.update({ pictures: 2 }); // made while the answer is on its way
        const pictures = second.content.rows.map(() => ({}));
        model.fire("msg:custom", { type: "reply", key: second.key, content: { pictures } }, []);
        window.before = asked().length;
        }"""
    )
    page.wait_for_function(
        "window.model.sent.filter((one) => one.action === 'thumbnails').length > window.before"
    )


def test_names_and_reasons_from_files_are_text(gallery_page: Any) -> None:
    frame = pd.DataFrame({"name": [EVIL, "b"], "problem": [EVIL, ""], "voltage": [300, 300]})
    page = gallery_page(Gallery(frame))
    assert page.locator("img").count() == 0
    assert page.evaluate("window.hacked") is None
    assert page.get_by_role("gridcell").first.get_attribute("aria-label").count("\u202e") == 0


def test_it_can_be_read_in_a_narrow_window(gallery_page: Any) -> None:
    page = gallery_page(Gallery(table(30)))
    page.add_style_tag(content="body { width: 560px !important; }")
    page.set_viewport_size({"width": 600, "height": 900})
    wide = page.locator(".oem-gallery").evaluate("(one) => one.scrollWidth - one.clientWidth")
    assert wide <= 1
    for selector in (".oem-gallery-name", ".oem-gallery-told", ".oem-gallery dt", ".oem-muted"):
        assert contrast(page.locator(selector).first) >= 4.5, selector


def test_nothing_is_left_after_the_end(gallery_page: Any) -> None:
    page = gallery_page(Gallery(table(30)))
    page.evaluate("window.end()")
    assert page.evaluate("window.model.count") == 0
    assert page.locator("#root").inner_html() == ""


BUSY = """() => {
  const { model } = window;
  const asked = () => model.sent.filter((one) => one.action === "rows");
  window.asked = () => asked().length;
  model.fire("msg:custom", { type: "error", key: asked()[0].key, message: "It has other work." });
}"""
REST = {"label": "Gallery", "pictures": 0, "opens": False, "hidden": False, "told": ""}
REST["view_state"] = {}


def test_rows_are_asked_for_whatever_version_is_known_and_until_they_come(mount: Any) -> None:
    page = mount("gallery", version=0, **REST)  # as where the update of the version was lost
    page.evaluate(BUSY)
    page.get_by_text("It has other work.").wait_for()
    page.wait_for_function("() => window.asked() === 2")
    gallery = Gallery(pd.DataFrame({"name": ["one.mrc"]}))
    answer = gallery._rows.since(0)
    buffers = [base64.b64encode(bytes(one)).decode() for one in answer.pop("buffers")]
    page.evaluate(
        """([content, packed]) => {
          const buffers = packed.map((text) =>
            new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer));
          const { key } = window.model.sent.findLast((one) => one.action === "rows");
          window.model.fire("msg:custom", { type: "reply", key, content }, buffers);
        }""",
        [answer, buffers],
    )
    page.get_by_text("1 of 1 shown").wait_for()
    gallery.close()
    assert page.get_by_text("It has other work.").count() == 0
    assert gallery.version > 0  # of which the model has not heard; it is not asked for again
    assert page.evaluate("window.asked()") == 2
    page.evaluate("(version) => window.model.update({ version })", gallery.version)
    assert page.evaluate("window.asked()") == 2


def test_pictures_are_asked_for_again_where_the_kernel_has_other_work(
    gallery_page: Any, folder: Path
) -> None:
    gallery = Gallery(table(20), thumbnails=folder)
    real, busy = gallery._handlers["thumbnails"], [InvalidInput("It is busy.")]

    def answer(content: Any) -> Any:
        if busy:
            raise busy.pop()
        return real(content)

    gallery.answer("thumbnails", answer)
    page = gallery_page(gallery)
    page.wait_for_function("document.querySelectorAll('.oem-gallery-cell img').length === 20")
    assert busy == []
    assert page.get_by_text("It is busy.").count() == 0


def test_fits_that_are_not_reliable_rank_last_and_say_so(gallery_page: Any) -> None:
    frame = table(20).drop(columns="notes")
    frame["ctf_reliable"] = [row not in {3, 17} for row in range(20)]
    frame.loc[3, "ctf_resolution"] = 1.0
    gallery = Gallery(frame)
    page = gallery_page(gallery)
    page.get_by_label("Sort by").select_option("ctf_resolution")
    for button in ("Ascending", "Descending"):
        grid(page).focus()
        page.keyboard.press("Control+End")
        assert "CTF not reliable" in active(page)
        assert active(page).startswith(gallery.shown["name"].tolist()[-1])
        page.get_by_role("button", name=button).click()
    page.get_by_label("Show", exact=True).select_option("CTF not reliable")
    page.get_by_text("2 of 20 shown").wait_for()
    assert gallery.shown["name"].str[9:13].tolist() == ["1003", "1017"]
    assert page.get_by_text("The CTF is not reliable").is_visible()
    assert page.locator("dd", has_text="1 (not reliable)").is_visible()
    assert page.locator(".oem-gallery-doubtful").count() == 2


def test_a_table_without_the_column_of_the_order_says_which_order_it_has(gallery_page: Any) -> None:
    gallery = Gallery(table(20))
    page = gallery_page(gallery)
    sort = page.get_by_label("Sort by")
    sort.select_option("ctf_resolution")
    gallery.show(pd.DataFrame({"name": ["a.mrc", "b.mrc"], "std": [2.0, 1.0]}))
    page.evaluate("(version) => window.model.update({ version })", gallery.version)
    page.get_by_text("2 of 2 shown").wait_for()
    assert sort.evaluate("(one) => one.selectedOptions[0]?.textContent") == "Order of the table"
    assert page.get_by_label("Show", exact=True).locator("option", has_text="CTF").count() == 0


def test_no_mark_does_not_look_like_the_main_button(gallery_page: Any) -> None:
    page = gallery_page(Gallery(table(20), open=lambda name: None))
    edge = "(one) => [getComputedStyle(one).borderTopColor, getComputedStyle(one).borderTopWidth]"
    nothing = page.get_by_role("button", name="No mark")
    assert nothing.get_attribute("aria-pressed") == "true"
    main = page.get_by_role("button", name="Open").evaluate(edge)
    assert nothing.evaluate(edge) != main
    assert nothing.evaluate(edge)[1] == "1px"
