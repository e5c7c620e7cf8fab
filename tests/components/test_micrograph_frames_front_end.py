"""Frames in the viewer: tilts by their angles, what is played, and the spectrum that follows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from _viewer import sent, stage, until

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.component

ANGLES = (0.0, 3.0, -3.0, -6.0, 6.0)
BY_ANGLE = (3, 2, 0, 1, 4)


@pytest.fixture
def series(write: Any) -> Path:
    """Return a tilt series in the order of acquisition."""
    tilts = np.random.default_rng(3).normal(10, 1, (5, 200, 300)).astype(np.float32)
    path: Path = write(tilts, "grid 1.mrc")
    text = "".join(f"[ZValue = {z}]\nTiltAngle = {one}\n\n" for z, one in enumerate(ANGLES))
    path.with_name("grid 1.mrc.mdoc").write_text(f"PixelSpacing = 2\n\n{text}")
    return path


@pytest.fixture
def movie(write: Any) -> Path:
    path: Path = write(np.random.default_rng(4).poisson(3, (6, 200, 300)).astype(np.int16))
    return path


def at(page: Any, frame: int) -> None:
    until(page, f"document.querySelector('.oem-image-stage').dataset.view.startsWith('{frame} ')")


def asked(page: Any) -> list[dict[str, Any]]:
    return [one["content"] for one in sent(page) if one["action"] == "spectrum"]


def open_spectrum(page: Any) -> None:
    stage(page).focus()
    page.keyboard.press("f")
    page.get_by_text("At the edge").wait_for()


def test_tilts_follow_each_other_by_angle(viewer: Any, series: Path) -> None:
    page, _ = viewer(series)
    at(page, 0)  # the least tilt
    slider = page.get_by_role("slider", name="Tilt")
    assert slider.input_value() == "3"
    stage(page).focus()
    seen = [0]
    for _ in range(5):
        page.keyboard.press("]")
        place = (BY_ANGLE.index(seen[-1]) + 1) % 5
        seen.append(BY_ANGLE[place])
        at(page, seen[-1])
        assert slider.input_value() == str(place + 1)
    assert seen == [0, 1, 4, 3, 2, 0]
    page.get_by_text("1 of 5, 0.0°").first.wait_for()
    slider.fill("1")
    at(page, 3)
    page.get_by_text("4 of 5, -6.0°").first.wait_for()


def test_a_picture_of_a_tilt_has_its_number(viewer: Any, series: Path) -> None:
    page, _ = viewer(series)
    stage(page).focus()
    page.keyboard.press("]")
    at(page, 1)
    with page.expect_download() as download:
        page.get_by_role("button", name="Save PNG").click()
    assert download.value.suggested_filename == "grid 1 tilt 2.png"


def test_what_stands_after_playing_is_told_and_its_spectrum_shown(viewer: Any, movie: Path) -> None:
    page, _ = viewer(movie, frame=0)
    open_spectrum(page)
    before = len(asked(page))
    page.get_by_role("button", name="Play").click()
    until(page, "!document.querySelector('.oem-image-stage').dataset.view.startsWith('0 ')")
    page.get_by_role("button", name="Stop").click()
    until(page, f"window.model.sent.filter((one) => one.action === 'spectrum').length > {before}")
    frame = asked(page)[-1]["frame"]
    until(page, f"window.model.saved.at(-1)?.settings.frame === {frame}")
    assert page.get_by_role("slider", name="Frame").input_value() == str(frame + 1)


def test_a_mean_of_neighbours_has_a_spectrum_of_its_own(viewer: Any, movie: Path) -> None:
    page, _ = viewer(movie, frame=1)
    open_spectrum(page)
    page.get_by_label("Mean of frames").fill("3")
    page.get_by_label("Mean of frames").press("Enter")
    until(
        page,
        "window.model.sent.some((one) => one.action === 'spectrum' && one.content.around === 3)",
    )


def test_impossible_numbers_are_marked_and_not_taken(viewer: Any, movie: Path) -> None:
    page, _ = viewer(movie, frame=0)
    for name, wrong, right in (
        ("Low-pass, Å", "-20", "20"),
        ("Each end, %", "60", "2"),
        ("Mean of frames", "0", "3"),
    ):
        field = page.get_by_label(name)
        field.fill(wrong)
        field.press("Enter")
        assert field.get_attribute("aria-invalid") == "true", name
        assert field.evaluate("(one) => getComputedStyle(one).borderTopWidth") == "2px"
        field.fill(right)
        field.press("Enter")
        assert field.get_attribute("aria-invalid") is None, name
    until(page, "window.model.saved.at(-1)?.settings.low_pass === 20")
    until(page, "window.model.saved.at(-1)?.settings.around === 3")
    assert page.evaluate("window.model.saved.at(-1).settings.percent") == 2


def test_a_range_of_defocus_goes_to_the_kernel_in_angstrom(viewer: Any, movie: Path) -> None:
    page, python = viewer(movie, frame=0)
    open_spectrum(page)
    pane = page.get_by_role("region", name="Power spectrum")
    pane.get_by_label("Voltage, kV").fill("300")
    pane.get_by_label("Cs, mm").fill("-0.02")
    fit = pane.get_by_role("button", name="Fit the defocus")
    fit.click()
    until(page, "window.model.sent.some((one) => one.content.fit?.cs === -0.02)")
    assert "defocus" not in asked(page)[-1]["fit"]
    pane.get_by_label("Defocus from, µm").fill("4.1")
    pane.get_by_label("Defocus to, µm").fill("8")
    until(page, "!document.querySelector('.oem-image-fit button').disabled")
    fit.click()
    until(page, "window.model.sent.some((one) => one.content.fit?.defocus)")
    assert asked(page)[-1]["fit"]["defocus"] == [41000, 80000]
    # another image, which does not know its voltage, does not inherit it
    state = json.dumps({"about": {**python.canvas.about, "id": 999}, "version": 7})
    page.evaluate(f"window.model.update({state})")
    assert pane.get_by_label("Voltage, kV").input_value() == ""
