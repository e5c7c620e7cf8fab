"""The plots of a gallery: what they show, and what is written beside them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from _gallery import table

from openem_nb.panels.gallery import Gallery

pytestmark = pytest.mark.component


def ticks(page: Any, label: str) -> list[list[str]]:
    text = page.get_by_label(label).get_attribute("data-ticks")
    return [axis.split(" | ") for axis in text.split(" || ")]


def test_labels_have_as_many_digits_as_tell_them_apart(gallery_page: Any) -> None:
    size = [4_195_328] * 19 + [8_389_632]
    frame = table(20).assign(height=1024, bytes=size, gradient=np.linspace(1e-4, 5e-4, 20))
    frame["shift"] = np.linspace(1_000_000, 1_000_040, 20)
    page = gallery_page(Gallery(frame))
    choice = page.get_by_label("Histogram of", exact=True)
    for column, label, across in (
        ("height", "Histogram of height", ["1,024"]),
        ("bytes", "Histogram of bytes", ["4.2 MB", "6.29 MB", "8.39 MB"]),
        ("shift", "Histogram of shift", ["1,000,000", "1,000,020", "1,000,040"]),
        ("gradient", "Histogram of gradient", ["1.00e-4", "3.00e-4", "5.00e-4"]),
    ):
        choice.select_option(column)
        found = [text.removeprefix("≤ ") for text in ticks(page, label)[0]]
        assert found == across
    page.get_by_label("Plot", exact=True).select_option("shift")
    assert ticks(page, "shift against")[1] == ["1,000,000", "1,000,040"]
    # the widest of them fits beside the axis
    wide, left = page.get_by_label("shift against").evaluate(
        """(canvas) => {
          const context = canvas.getContext("2d");
          context.font = "11px system-ui, sans-serif";
          const pixels = context.getImageData(0, 0, canvas.width, canvas.height).data;
          const filled = (x) => {
            for (let y = 0; y < canvas.height; y += 1)
              if (pixels[4 * (y * canvas.width + x) + 3] > 100) return true;
            return false;
          };
          let left = 0;
          while (!filled(left)) left += 1;
          return [context.measureText("1,000,040").width, left];
        }"""
    )
    assert wide > 40
    assert left >= 1


def test_plots_begin_with_what_tells_images_apart_until_a_person_chooses(gallery_page: Any) -> None:
    names = [f"m_{row}.mrc" for row in range(8)]
    plain = pd.DataFrame({"name": names, "bytes": range(8), "frames": np.nan, "height": 1024})
    gallery = Gallery(plain)
    page = gallery_page(gallery)
    fields = ("Histogram of", "Plot", "against")

    def chosen() -> list[str]:
        return [page.get_by_label(name, exact=True).input_value() for name in fields]

    def show(frame: pd.DataFrame) -> None:
        gallery.show(frame)
        page.evaluate("(version) => window.model.update({ version })", gallery.version)
        page.wait_for_function("(many) => window.model.answered >= many", arg=gallery.version)

    assert chosen() == ["bytes", "bytes", "height"]
    show(plain.assign(mean=1.0, std=np.arange(8.0)))
    assert chosen() == ["std", "std", "bytes"]
    measured = plain.assign(ctf_defocus=np.arange(8.0), ctf_resolution=np.arange(8.0))
    show(measured)
    assert chosen() == ["ctf_resolution", "ctf_resolution", "ctf_defocus"]
    page.get_by_label("Histogram of", exact=True).select_option("height")
    show(measured.assign(std=np.arange(8.0)))
    assert chosen() == ["height", "ctf_resolution", "ctf_defocus"]
    page.get_by_label("Histogram of", exact=True).select_option("frames")
    across, _ = ticks(page, "Histogram of frames")
    assert across == [""]  # there is nothing to measure off


def test_measures_come_before_what_the_camera_says_even_where_none_varies(
    gallery_page: Any,
) -> None:
    frame = pd.DataFrame({"name": ["m.mrc"], "bytes": [5], "height": [1024], "ctf_defocus": [9e3]})
    page = gallery_page(Gallery(frame.assign(std=2.0)))
    names = ("Histogram of", "Plot", "against")
    found = [page.get_by_label(name, exact=True).input_value() for name in names]
    assert found == ["ctf_defocus", "ctf_defocus", "std"]


BLUE = """(canvas) => {
  const { data, width } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  const columns = new Set();
  for (let i = 0; i < data.length; i += 4)
    if (data[i] === 21 && data[i + 1] === 101 && data[i + 2] === 192) columns.add((i / 4) % width);
  return [Math.min(...columns) / width, Math.max(...columns) / width];
}"""


def test_bars_outside_the_range_of_their_own_column_are_not_blue(gallery_page: Any) -> None:
    values = np.repeat(np.arange(40.0), 2)
    names = [f"m_{row}.mrc" for row in range(80)]
    page = gallery_page(Gallery(pd.DataFrame({"name": names, "std": values})))
    plot = page.get_by_label("Histogram of std")
    assert plot.evaluate(BLUE)[0] < 0.2
    page.get_by_label("std from").fill("20")
    page.get_by_label("std from").press("Enter")
    page.get_by_text("40 of 80 shown").wait_for()
    first, last = plot.evaluate(BLUE)
    assert first > 0.45
    assert last > 0.9
