"""The viewer as a part of a page: pictures, keys, names, widths, themes, and its end."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from _viewer import CONNECT, EVIL, PIXEL, corners, sent, stage, until
from browser import contrast

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.component


def test_a_picture_is_saved_with_its_scale_bar(viewer: Any, write: Any, tmp_path: Path) -> None:
    from PIL import Image

    page, _ = viewer(write(corners(), "grid 1.mrc"))
    with page.expect_download() as download:
        page.get_by_role("button", name="Save PNG").click()
    assert download.value.suggested_filename == "grid 1.png"
    download.value.save_as(tmp_path / "saved.png")
    saved = np.asarray(Image.open(tmp_path / "saved.png").convert("L")).astype(int)
    height, width = saved.shape
    assert saved[height * 3 // 5, width // 4] > 200
    assert saved[height // 4, width // 4] < 60
    # 600 pixels of 2 Å: 120 nm; a bar of at most a fifth of the width has 20 nm
    bar = saved[height - 18, : width // 2]
    box = stage(page).bounding_box()
    scale = min(box["width"] / 600, box["height"] / 400)
    runs = re.findall("1+", "".join("1" if value < 40 else "0" for value in bar))
    assert max(map(len, runs)) == pytest.approx(100 * scale, abs=3)


def test_keys_are_told_and_stay_in_the_viewer(viewer: Any, write: Any) -> None:
    page, _ = viewer(write(corners()))
    page.evaluate("document.addEventListener('keydown', () => { window.leaked = true; })")
    stage(page).focus()
    for key in ("ArrowLeft", "+", "-", "i", "c", "c", "c", "Enter"):
        page.keyboard.press(key)
    assert page.evaluate("window.leaked") is None
    assert page.get_by_label("Invert").is_checked()
    assert page.get_by_label("Method").input_value() == "percentile"
    help_text = page.get_by_role("region", name="Keys of the image")
    assert not help_text.is_visible()
    page.keyboard.press("?")
    help_text.get_by_text("next contrast method").wait_for()
    keys = page.get_by_role("button", name="Keys")
    assert keys.get_attribute("aria-pressed") == "true"
    keys.click()
    assert not help_text.is_visible()
    page.keyboard.press("Tab")
    stage(page).focus()
    page.keyboard.press("h")
    until(page, "window.model.saved.some((one) => one.show_header)")


def test_everything_has_a_name_and_is_reached_by_tab(viewer: Any, write: Any) -> None:
    page, _ = viewer(write(np.zeros((4, 32, 32), np.int16)))
    nameless = page.evaluate(
        """() => [...document.querySelectorAll('button, input, select')]
          .filter((one) => !one.closest('[hidden]'))
          .filter((one) => !(one.textContent.trim() || one.ariaLabel || one.labels?.length))
          .map((one) => one.outerHTML)"""
    )
    assert nameless == []
    page.get_by_role("button", name="Fit").focus()
    reached = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        reached.add(
            page.evaluate("document.activeElement.className || document.activeElement.type")
        )
    assert {"oem-image-stage", "oem-button", "range", "checkbox", "number"} <= reached
    for name in ("Zoom in", "Zoom out", "1:1", "Spectrum", "Header"):
        assert page.get_by_role("button", name=name).is_visible()


def test_texts_of_files_are_texts(viewer: Any, write: Any) -> None:
    page, _ = viewer(write(corners(), EVIL))
    assert EVIL in stage(page).get_attribute("aria-label")
    page.wait_for_timeout(100)
    assert page.evaluate("window.hacked") is None
    assert page.locator("img").count() == 0


def test_what_goes_wrong_is_told(viewer: Any, write: Any) -> None:
    path = write(np.random.default_rng(1).normal(0, 1, (3000, 4200)).astype(np.float32))
    page, python = viewer(path)
    python.micrograph.close()
    path.write_bytes(b"")
    stage(page).focus()
    page.keyboard.press("1")
    trouble = page.locator(".oem-image-trouble")
    trouble.filter(has_text=re.compile(r"\w{4}")).wait_for()
    assert page.evaluate(PIXEL, [0.5, 0.5]) > 0  # the picture stays
    page.keyboard.press("0")
    until(page, "document.querySelector('.oem-image-stage').dataset.view === '0 4'")


@pytest.mark.parametrize("width", [600, 1000, 1200])
def test_nothing_is_cut_off(viewer: Any, write: Any, width: int) -> None:
    page, _ = viewer(write(np.zeros((4, 400, 600), np.int16)), width=width)
    stage(page).focus()
    page.keyboard.press("f")
    page.get_by_text("At the edge").wait_for()
    page.keyboard.press("?")
    over = page.evaluate(
        """() => [...document.querySelectorAll('.oem-image, .oem-image *')]
          .filter((one) => !one.closest('[hidden]') && !one.matches('option, .oem-hidden'))
          .filter((one) => one.getBoundingClientRect().right >
            document.querySelector('.oem-image').getBoundingClientRect().right + 1)
          .map((one) => one.outerHTML.slice(0, 100))"""
    )
    assert over == []


def test_dark_theme_can_be_read(viewer: Any, write: Any) -> None:
    page, _ = viewer(write(np.zeros((4, 400, 600), np.int16)))
    page.evaluate("document.body.dataset.jpThemeLight = 'false'")
    page.add_style_tag(
        content=""":root { --jp-layout-color0: #111; --jp-layout-color1: #1e1e1e;
          --jp-layout-color2: #2b2b2b; --jp-ui-font-color0: #fff; --jp-ui-font-color1: #eee;
          --jp-ui-font-color2: #bbb; --jp-border-color1: #777; } body { background: #111; }"""
    )
    for text in ("Spectrum", "Method", "Mean of all", "Frame"):
        assert contrast(page.get_by_text(text, exact=True).first) >= 4.5


def test_the_end_leaves_nothing_behind(viewer: Any, write: Any) -> None:
    page, _ = viewer(write(np.zeros((4, 400, 600), np.int16)), frame=0)
    stage(page).focus()
    page.keyboard.press(" ")
    page.evaluate("window.end()")
    count = len(sent(page))
    assert page.evaluate("window.model.count") == 0
    assert page.locator(".oem-image").count() == 0
    page.wait_for_timeout(300)
    assert len(sent(page)) == count


STATIC = """(name) => {
  window.end();
  const figure = document.createElement('figure');
  figure.className = `oem-image-static ${name}`;
  figure.textContent = 'The picture that was kept';
  document.body.append(figure);
}"""


def test_the_picture_of_a_notebook_gives_way_to_the_live_one(viewer: Any, write: Any) -> None:
    page, python = viewer(write(corners()))
    page.evaluate(STATIC, python.canvas.about["static"])
    state = "(({ about, settings, version }) => ({ about, settings, version }))(window.model.state)"
    still = page.get_by_text("The picture that was kept")
    page.evaluate(f"window.start('micrograph', {state})")  # nobody answers: there is no kernel
    until(page, "window.model.sent.length > 0")
    page.wait_for_timeout(300)
    assert still.is_visible()
    assert page.locator(".oem-image").bounding_box()["height"] == 0
    page.evaluate(CONNECT)
    page.locator(".oem-image-stage[data-view]").wait_for()
    assert not still.is_visible()
    assert page.evaluate(PIXEL, [0.25, 0.75]) > 200
