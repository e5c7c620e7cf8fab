"""The viewer in JupyterLab: pixels, spectrum, picks, both themes, and a saved notebook."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import mrcfile
import numpy as np
import pytest
from browser import contrast, picture

from openem_nb.images.picks import Picks, write_picks
from openem_nb.practice.micrographs import simulate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.lab


BARS = """(one) => {
  const found = [];
  for (let box = one; box && !box.matches(".jp-OutputArea"); box = box.parentElement)
    if (box.scrollHeight > box.clientHeight && /auto|scroll/.test(getComputedStyle(box).overflowY))
      found.push([box.className, box.scrollHeight, box.clientHeight]);
  return found;
}"""
"""Boxes around the viewer that show a scroll bar."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a simulated micrograph, its particles, and a movie."""
    folder = tmp_path_factory.mktemp("micrographs")
    image, truth = simulate(
        (2046, 2880), pixel_size=1.2, defocus_u=16000, defocus_v=15000, angle=30, seed=4
    )
    movie, _ = simulate((512, 720), pixel_size=2.4, frames=12, drift=20, seed=4)
    for name, array, size in (("FoilHole_7.mrc", image, 1.2), ("movie.mrc", movie, 2.4)):
        with mrcfile.new(folder / name) as file:
            file.set_data(array.astype(np.int16))
            file.voxel_size = size
            if array.ndim == 3:
                file.set_image_stack()
    y, x = truth.particles.T.astype(float)
    write_picks(folder / "picks.star", Picks(x, y), micrograph="FoilHole_7.mrc")
    return folder


@pytest.fixture
def cell(page: Any, run_cell: Callable[[str], None]) -> Callable[[str], Any]:
    """Return ``cell(code)``, which runs it in a new cell and returns the view of an image."""

    def run(code: str) -> Any:
        run_cell(code)
        view = page.page.locator(".oem-image").last
        view.locator(".oem-image-stage[data-view]").wait_for()
        return view

    return run


def saved(page: Any) -> dict[str, Any]:
    page.run("await app.commands.execute('docmanager:save');")
    path = page.lab.home / "data" / "notebooks" / "start.ipynb"
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_micrograph_is_seen_and_kept(page: Any, cell: Any, files: Path) -> None:
    code = (
        "import openem_nb as openem\n"
        f"view = openem.MicrographView({str(files / 'FoilHole_7.mrc')!r}, "
        f"picks={str(files / 'picks.star')!r})\nview"
    )
    view = cell(code)
    stage = view.get_by_role("application", name=re.compile("^Micrograph FoilHole_7.mrc, 2880 × "))
    assert stage.is_visible()
    view.get_by_text(re.compile(r"^\d+ picks$")).wait_for()
    # the picture that the notebook keeps has given way
    static = page.page.locator(".oem-image-static").last
    static.wait_for(state="hidden")
    assert view.evaluate(BARS) == []
    stage.focus()
    page.page.keyboard.press("f")
    spectrum = view.get_by_role("region", name="Power spectrum")
    spectrum.get_by_label("Voltage, kV").fill("300")
    spectrum.get_by_role("button", name="Fit the defocus").click()
    spectrum.get_by_text(re.compile(r"Underfocus 1\.5\d µm")).wait_for()
    picture(page.page, "micrograph-spectrum", view)
    page.theme("JupyterLab Dark")
    for text in ("Contrast", "Method", "Spectrum", "Defocus U"):
        assert contrast(view.get_by_text(text, exact=True).first) >= 4.5
    picture(page.page, "micrograph-dark", view)
    page.theme("JupyterLab Light")
    outputs = saved(page)["cells"][-1]["outputs"]
    html = "".join(outputs[0]["data"]["text/html"])
    assert 'alt="Micrograph FoilHole_7.mrc' in html
    assert "data:image/jpeg;base64," in html


def test_a_movie_is_played_and_its_header_read(page: Any, cell: Any, files: Path) -> None:
    view = cell(f"import openem_nb as openem\nopenem.MicrographView({str(files / 'movie.mrc')!r})")
    view.get_by_text("mean of 12 frames").wait_for()
    view.get_by_role("button", name="Play").click()
    page.page.wait_for_function(
        "() => [...document.querySelectorAll('.oem-image-stage')].at(-1).dataset.view === '11 1'"
    )
    view.get_by_role("button", name="Stop").click()
    view.get_by_role("button", name="Header").click()
    tree = page.page.get_by_role("tree", name="Header")
    tree.get_by_role("treeitem", name=re.compile("^header")).click()
    tree.get_by_role("treeitem", name=re.compile("^MRC")).click()
    tree.get_by_role("treeitem", name=re.compile("^mode")).wait_for()
    picture(page.page, "micrograph-movie", page.page.locator(".jp-OutputArea").last)


def test_it_fits_a_narrow_window(page: Any, cell: Any, files: Path) -> None:
    view = cell(
        "import openem_nb as openem\n"
        f"openem.MicrographView({str(files / 'FoilHole_7.mrc')!r}, sigma=3, low_pass=20)"
    )
    page.page.set_viewport_size({"width": 720, "height": 1000})
    one = view.element_handle()
    page.page.wait_for_function("(one) => one.getBoundingClientRect().width < 700", arg=one)
    page.page.wait_for_function("(one) => one.scrollWidth <= one.clientWidth + 1", arg=one)
    picture(page.page, "micrograph-narrow", view)
    page.page.set_viewport_size({"width": 1180, "height": 1000})
