"""The front end of a map, with a stand-in for Mol* that keeps what it was asked."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any

import mrcfile
import numpy as np
import pytest
from _viewer import CONNECT, until

from openem_nb.panels.map import MapView

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.component

MOLSTAR = """"use strict"; var molstar = { Viewer: { create: async (element, options) => {
  const asked = window.asked = { options, levels: [], spheres: [], grounds: [], ended: 0 };
  const cell = (name) => ({ transform: { ref: name, transformer: { definition: { name } } } });
  const build = () => {
    const update = { to: (ref) => ({ update: (change) => {
      const old = { type: { name: "isosurface", params: { alpha: 1, isoValue: null } }, kept: 7 };
      asked.levels.push([ref, change(old)]);
    } }), commit: async () => {} };
    return update;
  };
  return {
    plugin: {
      canvas3d: CANVAS && { setProps: (one) => asked.grounds.push(one.renderer.backgroundColor) },
      managers: { camera: { focusSphere: (...one) => asked.spheres.push(one) } },
      state: { data: { cells: new Map([
        ["1", cell("volume-from-ccp4")], ["2", cell("volume-representation-3d")],
      ]) } },
      build,
    },
    loadVolumeFromUrl: async (data, surfaces, named) => {
      const bytes = new Uint8Array(await (await fetch(data.url)).arrayBuffer());
      asked.file = btoa(Array.from(bytes, (one) => String.fromCharCode(one)).join(""));
      asked.volume = [data.format, data.isBinary, surfaces, named];
    },
    dispose: () => { asked.ended += 1; },
  };
} } };"""


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    path = tmp_path / "found.map"
    z, y, x = np.indices((20, 20, 20)) - 9.5
    with mrcfile.new(path) as file:
        file.set_data(np.exp(-(z**2 + y**2 + x**2) / 30).astype(np.float32))
        file.set_volume()
        file.voxel_size = 2.0
    return path


@pytest.fixture
def shown(mount: Any, tmp_path: Path) -> Iterator[Callable[..., tuple[Any, MapView]]]:
    """Return ``shown(path)``, which gives the page of a map in the stand-in."""
    opened: list[MapView] = []

    def show(path: Path, *, script: str = MOLSTAR.replace("CANVAS", "true"), **options: Any) -> Any:
        place = tmp_path / "program"
        place.mkdir()
        (place / "molstar.js").write_text(script)
        (place / "molstar.css").write_text(".msp { color: red; }")
        view = MapView(path, program=place, **options)
        opened.append(view)

        def kernel(message: dict[str, Any]) -> Any:
            answers: list[Any] = []

            def send(answer: Any, buffers: Any = ()) -> None:
                answers.append([answer, [base64.b64encode(one).decode() for one in buffers]])

            view.send = send
            view._dispatch(view, message, [])
            (answer,) = answers
            return answer

        page = mount("map", about=view.about, level=view.level)
        page.expose_function("kernel", kernel)
        page.evaluate(CONNECT)
        return page, view

    yield show
    for one in opened:
        one.close()


def test_mol_star_gets_the_map_and_its_level(shown: Any, volume: Path, tmp_path: Path) -> None:
    page, _ = shown(volume, level=0.5)
    page.locator(".oem-map-stage[data-shown]").wait_for()
    kind, binary, surfaces, named = page.evaluate("window.asked.volume")
    assert (kind, binary) == ("ccp4", True)
    assert named is None, "Mol* would ask the EMDB for an entry of that name"
    assert [(one["type"], one["value"]) for one in surfaces] == [("absolute", 0.5)]
    copy = tmp_path / "copy.map"
    copy.write_bytes(base64.b64decode(page.evaluate("window.asked.file")))
    with mrcfile.open(copy) as got, mrcfile.open(volume) as file:
        assert got.data == pytest.approx(file.data, abs=1e-5)
        assert got.voxel_size.x == 2
    (sphere, how), *_ = page.evaluate("window.asked.spheres")
    assert sphere["center"] == [19, 19, 19]
    assert 8 < sphere["radius"] < 14
    assert how["durationMs"] == 0
    assert page.evaluate("window.asked.grounds") == [0xFFFFFF]
    options = page.evaluate("window.asked.options")
    assert options["layoutShowLeftPanel"] is options["layoutShowRemoteState"] is False
    assert options["volumeStreamingDisabled"] is True
    page.get_by_text(re.compile(r"^The level 0\.5 encloses .* kDa")).wait_for()


def test_slider_number_and_kernel_change_the_level(shown: Any, volume: Path) -> None:
    page, _ = shown(volume, level=0.5)
    page.locator(".oem-map-stage[data-shown]").wait_for()
    number = page.get_by_label("Level as a number")
    number.fill("0.25")
    number.press("Enter")
    until(page, "window.model.state.level === 0.25 && window.asked.levels.length === 1")
    ((ref, change),) = page.evaluate("window.asked.levels")
    assert ref == "volume-representation-3d"
    assert change["type"]["params"]["isoValue"] == {"kind": "absolute", "absoluteValue": 0.25}
    assert (change["kept"], change["type"]["params"]["alpha"]) == (7, 1)
    page.get_by_text(re.compile(r"^The level 0\.25 encloses")).wait_for()
    slider = page.get_by_label("Level", exact=True)
    slider.focus()
    page.keyboard.press("ArrowRight")
    until(page, "window.model.state.level > 0.25 && window.model.saved.length === 2")
    page.evaluate("window.model.update({ level: 0.75 })")
    until(page, "window.asked.levels.at(-1)[1].type.params.isoValue.absoluteValue === 0.75")
    assert number.input_value() == "0.75"
    page.get_by_role("button", name="First level").click()
    until(page, "window.model.state.level === 0.5")
    page.get_by_role("button", name="Fit").click()
    until(page, "window.asked.spheres.length === 2")
    number.fill("")
    number.press("Enter")
    assert page.evaluate("window.model.state.level") == 0.5


def test_a_browser_that_cannot_draw_keeps_the_picture(shown: Any, volume: Path) -> None:
    page, view = shown(volume, level=0.5, script=MOLSTAR.replace("CANVAS", "false"))
    page.get_by_text("This browser cannot draw in three dimensions (WebGL).").wait_for()
    assert not page.locator(".oem-map-stage").is_visible()
    assert not page.get_by_role("button", name="Fit").is_visible()
    assert view.about["static"]


def test_a_kernel_that_refuses_is_told(mount: Any) -> None:
    about = {"alt": "x", "height": 300, "low": 0, "high": 1, "mean": 0.1}
    page = mount("map", about={**about, "first": 0.5, "notes": [], "static": "none"}, level=0.5)
    until(page, "window.model.sent.length >= 2")
    page.evaluate(
        """() => {
          const answer = { type: "error", message: "Mol* is not there." };
          for (const { key } of window.model.sent)
            window.model.fire("msg:custom", { key, ...answer });
        }"""
    )
    page.get_by_text("Mol* is not there.").wait_for()


def test_its_end_leaves_nothing(shown: Any, volume: Path) -> None:
    page, _ = shown(volume, level=0.5)
    page.locator(".oem-map-stage[data-shown]").wait_for()
    page.get_by_text(re.compile("^The level")).wait_for()
    page.evaluate("window.end()")
    assert page.evaluate("window.asked.ended") == 1
    assert page.evaluate("window.model.count") == 0
    assert page.locator(".oem-map").count() == 0
