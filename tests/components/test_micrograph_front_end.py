"""The viewer in a bare page; its own Python half answers, as the kernel would."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from _viewer import COVER, PIXEL, corners, sent, stage, until, views

from openem_nb.images.picks import Picks, write_picks
from openem_nb.practice.micrographs import simulate

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.component


def test_the_first_row_lies_at_the_bottom(viewer: Any, write: Any) -> None:
    page, _ = viewer(write(corners()))
    assert page.evaluate(PIXEL, [0.25, 0.75]) > 200
    for place in ([0.25, 0.25], [0.75, 0.25], [0.75, 0.75]):
        assert page.evaluate(PIXEL, place) < 60
    assert stage(page).get_attribute("aria-label") == (
        "Micrograph m.mrc, 600 × 400 pixels, 2 Å per pixel"
    )
    assert len(views(page)) == 1
    assert views(page)[0] == {
        "y0": 0,
        "y1": 400,
        "x0": 0,
        "x1": 600,
        "factor": 1,
        "frame": 0,
        "low_pass": None,
    }


def test_contrast_is_changed_without_a_word_to_the_kernel(viewer: Any, write: Any) -> None:
    page, _ = viewer(write(corners()))
    before = len(sent(page))
    page.get_by_label("Invert").check()
    assert page.evaluate(PIXEL, [0.25, 0.75]) < 60
    assert page.evaluate(PIXEL, [0.75, 0.25]) > 200
    page.get_by_label("Invert").uncheck()
    page.get_by_label("Method").select_option("Sigma")
    deviation = float(np.std(corners()))
    low = float(page.get_by_label("Black", exact=True).input_value())
    assert low == pytest.approx(corners().mean() - 3 * deviation, rel=0.01)
    page.get_by_label("Deviations").fill("1")
    page.get_by_label("Deviations").press("Enter")
    low = float(page.get_by_label("Black", exact=True).input_value())
    assert low == pytest.approx(corners().mean() - deviation, rel=0.01)
    page.get_by_label("Black", exact=True).fill("50")
    page.get_by_label("White", exact=True).fill("150")
    page.get_by_label("White", exact=True).press("Enter")
    assert page.get_by_label("Method").input_value() == "window"
    assert page.evaluate(PIXEL, [0.75, 0.25]) == pytest.approx(128, abs=8)
    assert page.evaluate(PIXEL, [0.25, 0.75]) == 255
    page.get_by_label("Black", exact=True).fill("500")
    page.get_by_label("Black", exact=True).press("Tab")
    assert page.get_by_label("Black", exact=True).get_attribute("aria-invalid") is not None
    assert len(sent(page)) == before


HEIGHTS = """() => {
  const canvas = document.querySelector('.oem-image-histogram');
  const { data, width, height } = canvas.getContext('2d').getImageData(0, 0, 256, 64);
  const tall = (x) => [...Array(height).keys()].filter((y) => data[4 * (y * width + x) + 3]).length;
  return [...Array(width).keys()].map(tall);
}"""


@pytest.mark.parametrize("size", [(400, 600), (1600, 2400)])  # counts, and their means of 4 x 4
def test_the_histogram_of_counts_is_no_comb(viewer: Any, write: Any, size: tuple[int, int]) -> None:
    page, _ = viewer(write(np.random.default_rng(1).poisson(30, size).astype(np.int16)))
    heights = np.array(page.evaluate(HEIGHTS))
    heights[heights >= 63] = 0  # the lines of black and white
    inner = heights[96:160]  # the middle of the hump, without the lines at its feet
    assert inner.max() > 50
    assert inner.min() > 20
    assert np.abs(np.diff(inner)).max() < 15


def test_contrast_follows_the_pointer(viewer: Any, write: Any) -> None:
    page, _ = viewer(write(corners()))
    before = len(sent(page))
    histogram = page.get_by_role("img", name=re.compile("Histogram from"))
    box = histogram.bounding_box()
    middle = box["y"] + box["height"] / 2
    white = float(page.get_by_label("White", exact=True).input_value())
    page.mouse.move(box["x"] + box["width"] * 0.93, middle)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.4, middle, steps=4)
    page.mouse.up()
    assert float(page.get_by_label("White", exact=True).input_value()) < white - 20
    assert page.get_by_label("Method").input_value() == "window"
    black = float(page.get_by_label("Black", exact=True).input_value())
    box = stage(page).bounding_box()
    page.keyboard.down("Shift")
    page.mouse.move(box["x"] + 300, box["y"] + 300)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 300, steps=3)
    page.mouse.up()
    page.keyboard.up("Shift")
    assert float(page.get_by_label("Black", exact=True).input_value()) > black  # darker to the left
    assert len(sent(page)) == before
    until(page, "window.model.saved.length === 1")  # once it has settled
    assert page.evaluate("window.model.saved[0].settings.mode") == "window"


def test_zoom_asks_for_what_shows_and_moves_at_once(viewer: Any, write: Any) -> None:
    image = np.zeros((3000, 4200), np.float32)
    image[1000:1010, 2000:2010] = 100
    page, _ = viewer(write(image))
    assert views(page) == [
        {
            "y0": 0,
            "y1": 3000,
            "x0": 0,
            "x1": 4200,
            "factor": 4,
            "frame": 0,
            "low_pass": None,
        }
    ]
    stage(page).focus()
    page.keyboard.press("1")
    page.get_by_text("100 %", exact=True).wait_for()
    until(page, "document.querySelector('.oem-image-stage').dataset.view === '0 1'")
    last = views(page)[-1]
    assert last["factor"] == 1
    box = stage(page).bounding_box()
    for first, end, side, length in (("y0", "y1", "height", 3000), ("x0", "x1", "width", 4200)):
        shown = last[end] - last[first]
        assert box[side] < shown < 1.6 * box[side]
        assert last[first] % 32 == 0
        assert abs((last[first] + last[end]) / 2 - length / 2) < 40
    count = len(views(page))
    stage(page).evaluate(  # quick moves are one question
        """(stage) => {
          for (let press = 0; press < 6; press += 1) {
            stage.dispatchEvent(new KeyboardEvent("keydown", { key: "ArrowRight", bubbles: true }));
          }
        }"""
    )
    until(page, f"window.model.sent.filter((one) => one.action === 'view').length === {count + 1}")
    page.wait_for_timeout(200)
    assert len(views(page)) == count + 1
    page.keyboard.press("0")
    until(page, "document.querySelector('.oem-image-stage').dataset.view === '0 4'")
    assert len(views(page)) == count + 1  # it was there before


def test_the_wheel_zooms_only_with_the_focus(viewer: Any, write: Any) -> None:
    page, _ = viewer(write(corners(1000, 1500)))
    zoom = page.locator(".oem-image-zoom")
    before = zoom.inner_text()
    box = stage(page).bounding_box()
    page.mouse.move(box["x"] + 200, box["y"] + 200)
    page.mouse.wheel(0, -300)
    page.wait_for_timeout(100)
    assert zoom.inner_text() == before
    stage(page).focus()
    page.mouse.wheel(0, -300)
    page.wait_for_function(f"document.querySelector('.oem-image-zoom').textContent !== '{before}'")
    page.mouse.dblclick(box["x"] + 200, box["y"] + 200)
    page.get_by_text(re.compile(r"^(100|\d\d) %$")).wait_for()


def test_two_questions_are_under_way_at_most_and_late_answers_are_dropped(
    viewer: Any, write: Any
) -> None:
    frames = np.arange(9, dtype=np.int16)[:, None, None] + np.zeros((9, 64, 96), np.int16)
    page, _ = viewer(write(frames), frame=0)
    # the next frame is asked for before anybody wants it
    until(page, "window.model.sent.at(-1)?.content.frame === 1")
    page.wait_for_timeout(300)
    page.evaluate("window.held = []")
    before = len(views(page))
    stage(page).focus()
    for _ in range(7):
        page.keyboard.press("]")
    asked = [one["frame"] for one in views(page)[before:]]
    assert asked == [2, 3]
    until(page, "window.held.length === 2")
    page.evaluate("() => { const [one, two] = window.held.splice(0); two(); one(); }")
    assert stage(page).get_attribute("data-view") == "3 1"  # not 2, which came later
    until(page, "window.held.length === 1")
    assert [one["frame"] for one in views(page)[before:]] == [2, 3, 7]
    page.evaluate(
        "() => { const held = window.held; window.held = null; for (const one of held) one(); }"
    )
    until(page, "document.querySelector('.oem-image-stage').dataset.view === '7 1'")
    page.get_by_text("8 of 9", exact=True).wait_for()


def test_values_are_read_where_the_pointer_is(viewer: Any, write: Any) -> None:
    image = np.random.default_rng(2).integers(0, 1000, (40, 60)).astype(np.int16)
    page, _ = viewer(write(image))
    box = stage(page).bounding_box()
    scale = min(box["width"] / 60, box["height"] / 40)
    left = box["x"] + (box["width"] - 60 * scale) / 2
    top = box["y"] + (box["height"] - 40 * scale) / 2
    for x, y in ((0, 0), (17, 5), (59, 39)):
        page.mouse.move(left + (x + 0.5) * scale, top + (39 - y + 0.5) * scale)
        text = f"x {x}, y {y} \\(.*\\): {image[y, x]}$"
        page.get_by_text(re.compile(text)).wait_for()
    page.get_by_text("(11.8 nm, 7.8 nm)").wait_for()
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    assert page.locator(".oem-image-left > .oem-image-reading").inner_text() == ""
    stage(page).focus()
    page.keyboard.press("r")  # without a pointer
    spoken = page.get_by_role("status").filter(has_text=f"x 30, y 20 (6 nm, 4 nm): {image[20, 30]}")
    spoken.wait_for(state="attached")
    seen = page.locator(".oem-image-left > .oem-image-reading")
    assert seen.inner_text() == f"x 30, y 20 (6 nm, 4 nm): {image[20, 30]}"


def test_what_is_read_is_of_the_frame_that_is_shown(viewer: Any, write: Any) -> None:
    frames = np.stack([np.full((40, 60), value, np.int16) for value in (10, 20, 60)])
    page, _ = viewer(write(frames))
    seen = page.locator(".oem-image-left > .oem-image-reading")
    stage(page).focus()
    page.keyboard.press("r")
    assert seen.inner_text() == "x 30, y 20 (6 nm, 4 nm): 30, mean of 3 frames"
    for value in ("20", "60"):
        page.get_by_label("Mean of all").uncheck()
        stage(page).focus()
        page.keyboard.press("]")
        page.get_by_text(re.compile(rf"x 30, y 20 \(6 nm, 4 nm\): {value}$")).first.wait_for()
    assert "beyond" not in seen.inner_text()  # the darkest value is exact where none was cut


def test_it_comes_into_sight_when_it_was_asked_for(viewer: Any, write: Any) -> None:
    page, _ = viewer(write(corners()))
    page.evaluate("document.body.insertAdjacentHTML('afterbegin', '<p style=\"height:3000px\">')")
    page.evaluate("window.scrollTo(0, 0)")
    assert stage(page).bounding_box()["y"] > 1000
    page.evaluate("window.model.update({ revealed: 1 })")
    until(page, "document.querySelector('.oem-image-stage').getBoundingClientRect().y < 500")


def test_frames_are_chosen_and_played(viewer: Any, write: Any) -> None:
    rng = np.random.default_rng(3)
    page, _ = viewer(write(rng.poisson(5, (5, 64, 96)).astype(np.int16)))
    page.get_by_text("mean of 5 frames").wait_for()
    slider = page.get_by_role("slider", name="Frame")
    assert page.get_by_label("Mean of all").is_checked()
    slider.focus()
    page.keyboard.press("ArrowRight")
    until(page, "document.querySelector('.oem-image-stage').dataset.view === '1 1'")
    assert not page.get_by_label("Mean of all").is_checked()
    assert slider.get_attribute("aria-valuetext") == "2 of 5"
    stage(page).focus()
    page.keyboard.press(" ")
    page.get_by_role("button", name="Stop").wait_for()
    until(page, "document.querySelector('.oem-image-stage').dataset.view === '4 1'")
    until(page, "document.querySelector('.oem-image-stage').dataset.view === '0 1'")  # and again
    page.keyboard.press(" ")
    page.get_by_role("button", name="Play").wait_for()
    count = len(views(page))
    assert len({one["frame"] for one in views(page)}) == 6  # each once, and their mean
    page.wait_for_timeout(200)
    assert len(views(page)) == count
    page.get_by_label("Mean of frames").fill("3")
    page.get_by_label("Mean of frames").press("Enter")
    until(page, "window.model.sent.at(-1).content.around === 3")


def test_tilts_say_their_angle(viewer: Any, write: Any) -> None:
    path = write(np.zeros((3, 32, 32), np.float32), "series.mrc")
    sections = (f"[ZValue = {z}]\nTiltAngle = {angle}\n" for z, angle in enumerate((-60, 0.25, 60)))
    path.with_name("series.mrc.mdoc").write_text("PixelSpacing = 2\n\n" + "\n".join(sections))
    page, _ = viewer(path)
    slider = page.get_by_role("slider", name="Tilt")
    assert slider.get_attribute("aria-valuetext") == "2 of 3, 0.3°"
    assert page.get_by_label("Mean of all").is_hidden()
    assert page.get_by_label("Mean of tilts").input_value() == "1"


def ring_centre(page: Any, left: int = 0) -> tuple[float, float]:
    """Return the middle of all that is drawn right of ``left``, in shares of the window."""
    width, height, places = page.evaluate(COVER)
    columns, rows = np.array(places) % width, np.array(places) // width
    there = (columns >= left) & (rows < height * 0.7)
    return columns[there].mean() / width, rows[there].mean() / height


def test_picks_lie_on_their_particles(viewer: Any, write: Any, tmp_path: Path) -> None:
    image = np.zeros((400, 600), np.float32)
    yy, xx = np.mgrid[:400, :600]
    image[(yy - 300) ** 2 + (xx - 450) ** 2 < 400] = 10
    star = tmp_path / "picks.star"
    picks = Picks(np.array([450.0, 100.0]), np.array([300.0, 200.0]), score=np.array([0.9, 0.2]))
    write_picks(star, picks, micrograph="m.mrc")
    page, _ = viewer(write(image), picks=star)
    page.get_by_text("2 picks").wait_for()
    page.get_by_label("Least score").fill("0.5")
    page.get_by_text("1 of 2 picks").wait_for()
    x, y = ring_centre(page, left=200)
    assert page.evaluate(PIXEL, [x, y]) > 200  # the particle is under its ring
    box = stage(page).bounding_box()
    scale = min(box["width"] / 600, box["height"] / 400)
    assert x * box["width"] - box["width"] / 2 == pytest.approx((450 - 300) * scale, abs=2)
    assert y * box["height"] - box["height"] / 2 == pytest.approx((200 - 300) * scale, abs=2)
    stage(page).focus()
    page.keyboard.press("p")
    assert not page.get_by_label("Show picks").is_checked()
    width, _, places = page.evaluate(COVER)
    assert max(place % width for place in places) < 0.5 * width  # the scale bar alone


def test_spectrum_with_fit_and_resolution_under_the_pointer(viewer: Any, write: Any) -> None:
    image, truth = simulate((1024, 1024), pixel_size=1.2, defocus_u=15000, signal=3, seed=5)
    page, python = viewer(write(image, pixel_size=1.2), width=1200)
    stage(page).focus()
    page.keyboard.press("f")
    pane = page.get_by_role("region", name="Power spectrum")
    picture = pane.get_by_role("img", name=re.compile("^Power spectrum"))
    picture.wait_for()
    pane.get_by_text("At the edge: 3 Å").wait_for()
    box = picture.bounding_box()
    beside = stage(page).bounding_box()
    assert box["x"] >= beside["x"] + beside["width"]
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(middle[0] + box["width"] / 4, middle[1])
    read = pane.get_by_text(re.compile("^Under the pointer: "))
    read.wait_for()
    assert float(read.inner_text().split()[3]) == pytest.approx(6.0, rel=0.02)
    pane.get_by_label("Voltage, kV").fill("300")
    pane.get_by_role("button", name="Fit the defocus").click()
    pane.get_by_text(re.compile("Underfocus 1.5")).wait_for()
    pane.get_by_role("term").filter(has_text="Defocus U").wait_for()
    assert python.ctf is not None
    assert abs(python.ctf.defocus - truth.defocus_u) < 200
    assert pane.get_by_text("agreement").is_visible()
    pane.get_by_label("Voltage, kV").fill("")
    pane.get_by_role("button", name="Fit the defocus").click()
    asked = len(sent(page))
    page.wait_for_timeout(100)
    assert len(sent(page)) == asked  # the browser says that it is missing
    assert pane.get_by_label("Voltage, kV").evaluate("(one) => one.matches(':invalid')")
