"""The surface of a map in JupyterLab: Mol* turns it, its level changes, a saved notebook has it."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any

import mrcfile
import numpy as np
import pytest
from browser import PATIENCE, contrast, picture

from openem_nb.resources import folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.lab


def particle(side: int = 72) -> Any:
    """Return a body with seven arms of one height, as a barrel with a lid."""
    z, y, x = (np.indices((side, side, side)) - (side - 1) / 2) * (64 / side)
    found = np.zeros((side, side, side))
    for number in range(7):
        angle = 2 * np.pi * number / 7
        for height, away, wide in ((-12, 13, 3.6), (0, 15, 3.2), (12, 12, 3.6)):
            place = (away * np.cos(angle + height / 20), away * np.sin(angle + height / 20), height)
            square = (x - place[0]) ** 2 + (y - place[1]) ** 2 + ((z - place[2]) * 0.7) ** 2
            found += np.exp(-square / (2 * wide**2))
    return found.astype(np.float32)


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("maps") / "emd_1000.map"
    with mrcfile.new(path) as file:
        file.set_data(particle())
        file.set_volume()
        file.voxel_size = 1.7
    return path


@pytest.fixture
def cell(page: Any, run_cell: Callable[[str], None]) -> Callable[[str], Any]:
    """Return ``cell(code)``, which runs it in a new cell and returns the view of a map."""

    def run(code: str) -> Any:
        run_cell(code)
        return page.page.locator(".oem-map").last

    return run


def drawn(stage: Any) -> float:
    """Return the part of the view that is neither paper nor a button."""
    from io import BytesIO

    from PIL import Image

    pixels = np.asarray(Image.open(BytesIO(stage.screenshot())).convert("RGB")).astype(int)
    inner = pixels[60:-60, 60:-80]
    return float((np.ptp(inner, axis=2) > 15).mean())


def until_drawn(page: Any, stage: Any, wanted: Callable[[float], bool]) -> float:
    """Return how much is drawn, once it is as wanted and two pictures after another agree.

    Without a graphics card, and beside other work, drawing takes its time.
    """
    end = time.monotonic() + PATIENCE / 1000
    last = -1.0
    while True:
        now = drawn(stage)
        if wanted(now) and abs(now - last) < 0.002:
            return now
        assert time.monotonic() < end, f"{now:.3f} of the view is drawn"
        last = now
        page.page.wait_for_timeout(400)


def test_a_map_is_turned_and_its_level_changed(page: Any, cell: Any, volume: Path) -> None:
    view = cell(
        f"import openem_nb as openem\nview = openem.MapView({str(volume)!r}, level=0.45)\nview"
    )
    stage = view.locator(".oem-map-stage")
    view.locator(".oem-map-stage[data-shown]").wait_for()
    view.get_by_text(re.compile(r"^The level 0\.45 encloses .* nm³, about .* kDa")).wait_for()
    page.page.locator(".oem-map-static").last.wait_for(state="hidden")
    before = until_drawn(page, stage, lambda part: part > 0.1)
    number = view.get_by_label("Level as a number")
    number.fill("0.8")
    number.press("Enter")
    view.get_by_text(re.compile(r"^The level 0\.8 encloses")).wait_for()
    until_drawn(page, stage, lambda part: 0 < part < 0.8 * before)
    view.get_by_role("button", name="First level").click()
    view.get_by_text(re.compile(r"^The level 0\.45 encloses")).wait_for()
    until_drawn(page, stage, lambda part: part > 0.9 * before)
    page.theme("JupyterLab Dark")
    assert contrast(view.get_by_text(re.compile("^The level 0.45"))) >= 4.5
    page.page.wait_for_timeout(500)
    picture(page.page, "map-view-dark", view)
    page.theme("JupyterLab Light")
    page.run("await app.commands.execute('docmanager:save');")
    path = page.lab.home / "data" / "notebooks" / "start.ipynb"
    text = path.read_text(encoding="utf-8")
    outputs = json.loads(text)["cells"][-1]["outputs"]
    html = "".join(outputs[0]["data"]["text/html"])
    assert 'alt="Surface of emd_1000.map' in html
    assert "data:image/png;base64," in html
    assert len(text) < 2_000_000, "neither the map nor Mol* is in the notebook"


def test_the_notebook_shows_map_surface_slices_and_curve(page: Any) -> None:
    place = page.lab.home / "data" / "notebooks" / "inspect_map.ipynb"
    place.write_bytes((folder("notebooks") / "inspect_map.ipynb").read_bytes())
    page.run(
        """await app.commands.execute('docmanager:open', { path: 'inspect_map.ipynb' });
        const context = app.shell.currentWidget.context;
        await context.ready;
        await context.sessionContext.ready;
        await app.commands.execute('notebook:run-all-cells');"""
    )
    try:
        shown = page.page.locator(".jp-Notebook:visible")
        surface = shown.locator(".oem-map")
        surface.locator(".oem-map-stage[data-shown]").wait_for()
        surface.get_by_text(re.compile("^The level .* encloses")).wait_for()
        curve = shown.get_by_role("img", name=re.compile("^Fourier shell correlation: .* Å at"))
        curve.wait_for()
        shown.get_by_role("img", name=re.compile("^Map emd_1000.map.gz, 64 × 64 × 64")).wait_for()
        shown.locator(".oem-image-stage[data-view]").wait_for()
        page.page.wait_for_timeout(1000)
        picture(page.page, "map-view", surface)
        curve.evaluate("(one) => one.scrollIntoView({ block: 'center' })")
        picture(page.page, "map-fsc", curve)
    finally:
        page.run(
            """await app.commands.execute('docmanager:save');
            const context = app.shell.currentWidget.context;
            await context.sessionContext.shutdown();
            app.shell.currentWidget.close();"""
        )
    outputs = [
        data
        for cell in json.loads(place.read_text(encoding="utf-8"))["cells"]
        for data in cell.get("outputs", ())
    ]
    assert not [one for one in outputs if one["output_type"] == "error"]
