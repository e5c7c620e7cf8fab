"""What a gallery in a page does when its images change while a person works with it."""

from __future__ import annotations

import io
from typing import Any

import pandas as pd
import pytest
from _gallery import active, grid
from PIL import Image

from openem_nb.errors import DamagedFile
from openem_nb.panels.gallery import Gallery, View

pytestmark = pytest.mark.component

SHADE = """() => {
  const image = document.querySelector(".oem-gallery-cell img");
  if (!image?.complete || !image.naturalWidth) return -1;
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 1;
  canvas.getContext("2d").drawImage(image, 0, 0, 1, 1);
  return canvas.getContext("2d").getImageData(0, 0, 1, 1).data[0];
}"""


def frame(*names: str, **columns: Any) -> pd.DataFrame:
    return pd.DataFrame({"name": names, **columns})


def letters(count: int = 8) -> list[str]:
    return [f"{chr(97 + row)}.mrc" for row in range(count)]


def news(page: Any, gallery: Gallery) -> None:
    """Tell the page that there is a newer table, as the kernel does, and wait until it is there."""
    page.evaluate("() => (window.before = window.model.answered)")
    page.evaluate("(version) => window.model.update({ version })", gallery.version)
    page.wait_for_function("window.model.answered > window.before")


def test_pictures_and_the_selection_of_a_folder_do_not_pass_to_the_next(gallery_page: Any) -> None:
    shade = [40]

    def make(_: str) -> bytes:
        out = io.BytesIO()
        Image.new("L", (64, 48), shade[0]).save(out, "JPEG")
        return out.getvalue()

    gallery = Gallery(frame(*letters()), thumbnails=make)
    page = gallery_page(gallery)

    def pictures(low: int, high: int) -> None:
        page.wait_for_function(
            """([shade, low, high]) => {
            const { model } = window; // as the kernel says that there are some
            model.update({ pictures: model.get("pictures") + 1 });
            return eval(shade)() > low && eval(shade)() < high;
            }""",
            arg=[SHADE, low, high],
            polling=100,
        )

    pictures(30, 50)
    page.get_by_role("gridcell", name="b.mrc").click()
    page.get_by_role("gridcell", name="c.mrc").click(modifiers=["Control"])
    page.wait_for_function("window.model.sent.some((one) => one.action === 'select')")
    shade[0] = 200
    gallery.mark(["b.mrc"], "good")
    assert gallery.replace(frame(*letters()))["name"].tolist() == ["b.mrc"]
    assert gallery.selected == ()
    news(page, gallery)
    pictures(190, 210)
    page.get_by_text("8 of 8 shown, 0 good, 0 bad").wait_for()
    assert page.get_by_role("gridcell", selected=True).count() == 0
    assert active(page).startswith("a.mrc")


def test_a_selection_follows_its_images_where_they_are_moved(gallery_page: Any) -> None:
    gallery = Gallery(frame(*letters()))
    page = gallery_page(gallery)
    page.get_by_role("gridcell", name="b.mrc").click()
    page.keyboard.press("Shift+ArrowRight")
    gallery.show(frame(*letters()[2:], *letters()[:2]))
    news(page, gallery)
    found = page.get_by_role("gridcell", selected=True)
    assert [one.get_attribute("aria-label") for one in found.all()] == ["c.mrc", "b.mrc"]
    grid(page).focus()
    page.keyboard.press("g")
    page.get_by_text("2 good").wait_for()
    assert gallery.marks["name"].tolist() == ["c.mrc", "b.mrc"]


def test_a_note_goes_to_the_image_at_which_it_was_begun(gallery_page: Any) -> None:
    gallery = Gallery(frame(*letters(), value=[9.0, 8, 7, 6, 8, 9, 7, 6]))
    page = gallery_page(gallery)
    gallery.look(View(ranges={"value": (5, None)}))
    page.evaluate("(view) => window.model.update({ view_state: view })", gallery.view_state)
    page.get_by_role("gridcell", name="a.mrc").click()
    page.get_by_role("textbox", name="Note").click()
    page.keyboard.type("carbon edge")
    gallery.show(frame(*letters(), value=[1.0, 8, 7, 6, 8, 9, 7, 6]))
    news(page, gallery)
    page.get_by_text("7 of 8 shown").wait_for()
    assert page.get_by_role("textbox", name="Note to a.mrc").input_value() == "carbon edge"
    page.keyboard.press("Enter")
    page.wait_for_function("window.model.sent.some((one) => one.action === 'note')")
    page.wait_for_function("window.model.answered === window.model.sent.length")
    assert gallery.marks[["name", "note"]].to_numpy().tolist() == [["a.mrc", "carbon edge"]]
    assert page.get_by_role("textbox", name="Note").input_value() == ""


def test_what_is_said_of_images_that_were_replaced_is_refused(gallery_page: Any) -> None:
    gallery = Gallery(frame(*letters()))
    page = gallery_page(gallery)
    page.get_by_role("gridcell", name="c.mrc").click()
    gallery.replace(frame(*reversed(letters())))  # of which the page has not heard
    grid(page).focus()
    page.keyboard.press("b")
    page.get_by_role("alert").get_by_text("Other images are shown by now.").wait_for()
    assert len(gallery.marks) == 0
    page.get_by_text("8 of 8 shown, 0 good, 0 bad").wait_for()


def test_escape_leaves_a_note_as_it_was(gallery_page: Any) -> None:
    gallery = Gallery(frame(*letters()))
    gallery.mark(["a.mrc"], "", note="ice")
    page = gallery_page(gallery)
    grid(page).focus()
    page.keyboard.press("n")
    page.keyboard.type(" and more")
    page.keyboard.press("Escape")
    page.keyboard.press("g")  # is done after what leaving might have sent
    page.get_by_text("1 good").wait_for()
    page.wait_for_function("window.model.sent.some((one) => one.action === 'mark')")
    assert gallery.marks["note"].tolist() == ["ice"]
    assert page.get_by_role("textbox", name="Note").input_value() == "ice"


def test_a_selection_with_shift_begins_at_the_first_of_a_new_order(gallery_page: Any) -> None:
    page = gallery_page(Gallery(frame(*letters())))
    page.get_by_role("gridcell", name="e.mrc").click()
    page.get_by_label("Sort by").select_option("name")
    page.get_by_role("button", name="Ascending").click()
    grid(page).focus()
    page.keyboard.press("Shift+ArrowRight")
    found = page.get_by_role("gridcell", selected=True)
    assert [one.get_attribute("aria-label") for one in found.all()] == ["h.mrc", "g.mrc"]


def test_a_selection_with_shift_begins_at_the_image_that_was_clicked(gallery_page: Any) -> None:
    gallery = Gallery(frame(*letters()))
    page = gallery_page(gallery)
    page.get_by_role("gridcell", name="e.mrc").click()
    gallery.show(frame(*reversed(letters())))
    news(page, gallery)
    grid(page).focus()
    page.keyboard.press("Shift+ArrowRight")
    found = page.get_by_role("gridcell", selected=True)
    assert [one.get_attribute("aria-label") for one in found.all()] == ["e.mrc", "d.mrc"]


def test_what_is_filtered_away_is_not_selected_any_more(gallery_page: Any) -> None:
    gallery = Gallery(frame(*letters()))
    page = gallery_page(gallery)
    grid(page).focus()
    page.keyboard.press("Control+A")
    page.get_by_role("heading", name="8 images").wait_for()
    page.get_by_label("Name").fill("b")
    page.get_by_text("1 of 8 shown").wait_for()
    page.wait_for_function(
        "window.model.sent.filter((one) => one.action === 'select').at(-1).content.rows.length < 2"
    )
    page.wait_for_function("window.model.answered >= window.model.sent.length - 1")
    assert gallery.selected == ("b.mrc",)


def test_a_mark_that_no_kernel_takes_goes_away_again(gallery_page: Any) -> None:
    gallery = Gallery(frame(*letters()))
    page = gallery_page(gallery)
    page.get_by_role("gridcell", name="a.mrc").click()
    page.evaluate('() => (window.model.send = () => { throw new Error("Cannot send"); })')
    grid(page).focus()
    page.keyboard.press("b")
    page.get_by_role("alert").get_by_text("run the cell again").wait_for()
    page.get_by_text("8 of 8 shown, 0 good, 0 bad").wait_for()
    page.evaluate('() => (window.model.send = () => Promise.reject(new Error("Cannot send")))')
    page.get_by_role("textbox", name="Note").fill("ice")
    page.get_by_role("textbox", name="Note").press("Enter")
    page.get_by_role("alert").get_by_text("run the cell again").wait_for()
    page.wait_for_function("document.querySelector('.oem-gallery-details input').value === ''")


def test_a_long_name_has_all_the_room_of_its_cell_and_shows_its_end(gallery_page: Any) -> None:
    long = f"FoilHole_{'31936318_' * 6}Data_20260101_103000_fractions.mrc"
    page = gallery_page(Gallery(frame(long, "b.mrc")))
    name = page.get_by_role("gridcell", name="fractions").locator(".oem-gallery-name")
    cell, inside = name.evaluate("(one) => [one.parentElement.clientWidth, one.clientWidth]")
    assert inside >= cell - 12
    box, text = name.bounding_box(), name.locator("bdi").bounding_box()
    assert text["width"] > box["width"]
    assert text["x"] + text["width"] == pytest.approx(box["x"] + box["width"], abs=1)
    short = page.get_by_role("gridcell", name="b.mrc").locator(".oem-gallery-name")
    box, text = short.bounding_box(), short.locator("bdi").bounding_box()
    assert text["x"] == pytest.approx(box["x"], abs=1)


def test_why_an_image_cannot_be_read_is_said_once(gallery_page: Any) -> None:
    words = "text.mrc is no image of a kind that is known here."

    def make(_: str) -> bytes:
        raise DamagedFile(words)

    page = gallery_page(Gallery(frame("text.mrc", "b.mrc", problem=[words, ""]), thumbnails=make))
    page.wait_for_function(
        """() => {
        const { model } = window; // as the kernel says that it has tried
        model.update({ pictures: model.get("pictures") + 1 });
        return document.body.innerText.split("cannot be read").length === 3;
        }""",
        polling=100,
    )
    page.get_by_role("gridcell", name="text.mrc, cannot be read: text.mrc is no image").wait_for()
    page.get_by_role("gridcell").first.click()
    details = page.get_by_role("region", name="The chosen image").inner_text()
    assert details.count("is no image of a kind") == 1
    page.get_by_role("gridcell", name="b.mrc").click()
    page.get_by_text("Its picture cannot be made").wait_for()
