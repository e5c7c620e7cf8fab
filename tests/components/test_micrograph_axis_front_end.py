"""The axis of astigmatism on the spectrum: it lies as one sees it, whichever row is on top."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from openem_nb.images.ctf import ctf
from openem_nb.practice.micrographs import simulate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.component

SEEN = """() => {
  // on the left half, where no rings are drawn: the direction of what lies near the edge, degrees
  const canvas = document.querySelectorAll(".oem-image-square canvas")[1];
  const { width, height } = canvas;
  const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
  let [x, y, count] = [0, 0, 0];
  for (let turn = 91; turn < 269; turn += 0.25) {
    const [across, down] = [Math.cos(turn * Math.PI / 180), Math.sin(turn * Math.PI / 180)];
    const place = [across, down].map((one) => Math.round(width / 2 + 0.94 * width / 2 * one));
    const at = 4 * (place[1] * width + place[0]);
    if (data[at + 3] < 200 || data[at] < data[at + 2] + 80) continue;
    [x, y, count] = [x + across, y + down, count + 1];
  }
  return count ? Math.atan2(y, -x) * 180 / Math.PI : null; // counter-clockwise on screen
}"""


@pytest.mark.parametrize(("kind", "seen"), [("mrc", 30), ("tif", -30)])
def test_the_axis_is_drawn_as_it_lies_on_screen(
    viewer: Any, write: Callable[..., Path], tmp_path: Path, kind: str, seen: float
) -> None:
    image, _ = simulate(
        (512, 512), pixel_size=2.0, defocus_u=19000, defocus_v=14500, angle=30, signal=4, seed=5
    )
    found = ctf(image, pixel_size=2.0, voltage=300, cs=2.7, amplitude_contrast=0.07)
    assert abs(found.angle - 30) < 3
    path = write(image) if kind == "mrc" else tmp_path / "m.tif"
    if kind == "tif":
        tifffile.imwrite(path, np.asarray(image, np.float32))
    page, _ = viewer(path, ctf=found, pixel_size=2.0)
    page.get_by_role("button", name="Spectrum", exact=True).click()
    page.locator("dd", has_text="of the axis of U").wait_for()
    words = "counter-clockwise from x" if kind == "mrc" else "the first row is on top"
    assert words in page.locator("dd", has_text="of the axis of U").inner_text()
    page.wait_for_function(f"({SEEN})() !== null")
    assert page.evaluate(SEEN) == pytest.approx(seen, abs=4)
