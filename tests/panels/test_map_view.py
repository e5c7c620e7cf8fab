"""The view of a map: what goes to the browser, levels, words, a picture where Mol* is not there."""

from __future__ import annotations

import base64
import gzip
import io
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import mrcfile
import numpy as np
import pytest

import openem_nb as openem
from openem_nb.errors import InvalidInput, NotFound
from openem_nb.images.map_small import small_map
from openem_nb.panels import _molstar

if TYPE_CHECKING:
    from pathlib import Path


def ball(side: int, *, radius: float, middle: tuple[float, float, float]) -> Any:
    """Return a ball with a soft edge, (z, y, x); middle in voxels, z, y, x."""
    z, y, x = np.indices((side, side, side), dtype=np.float32)
    away = np.sqrt((z - middle[0]) ** 2 + (y - middle[1]) ** 2 + (x - middle[2]) ** 2)
    return np.clip(radius + 0.5 - away, 0, 1).astype(np.float32)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a map of 40 voxels along a side whose ball lies away from the middle."""
    found = tmp_path / "ball.map"
    with mrcfile.new(found) as file:
        file.set_data(ball(40, radius=8, middle=(12, 20, 26)))
        file.set_volume()
        file.voxel_size = 2.0
        file.header.origin.x, file.header.origin.y, file.header.origin.z = 10, 20, 30
    return found


def asked(view: openem.MapView, action: str, **content: Any) -> tuple[dict[str, Any], list[bytes]]:
    """Return what the front end gets when it asks."""
    sent: list[tuple[dict[str, Any], list[bytes]]] = []

    def send(answer: dict[str, Any], buffers: Any = ()) -> None:
        sent.append((answer, list(buffers)))

    view.send = send
    view._dispatch(view, {"type": "request", "key": "1", "action": action, "content": content}, [])
    (answer,) = sent
    return answer


def restored(content: dict[str, Any], buffers: list[bytes]) -> Any:
    """Return the MRC file that the browser puts together, as mrcfile reads it."""
    header, values = buffers
    whole = np.frombuffer(gzip.decompress(values), "<u2").astype(np.float32)
    data = np.float32(content["low"]) + np.float32(content["step"]) * whole
    return mrcfile.mrcinterpreter.MrcInterpreter(io.BytesIO(header + data.tobytes()))


def test_the_browser_gets_the_map_as_a_file_that_others_read(path: Path) -> None:
    view = openem.MapView(path, level=0.5)
    answer, buffers = asked(view, "volume")
    opened = restored(answer["content"], buffers)
    with mrcfile.open(path) as file:
        step = answer["content"]["step"]
        assert np.abs(opened.data - file.data).max() <= step / 2 + 1e-7
        for name in ("nx", "my", "mapc", "cella", "cellb", "origin", "mode", "ispg", "map"):
            assert opened.header[name] == file.header[name], name
        assert opened.header.rms == pytest.approx(float(file.header.rms), rel=1e-5)
        assert opened.voxel_size.x == file.voxel_size.x
    view.close()


def test_the_ball_around_the_surface_is_in_angstrom(path: Path) -> None:
    view = openem.MapView(path, level=0.5)
    x, y, z, radius = asked(view, "volume")[0]["content"]["ball"]
    assert (x, y, z) == (10 + 2 * 26, 20 + 2 * 20, 30 + 2 * 12)
    assert radius == pytest.approx(2 * 8 + 2, abs=1.0)
    view.level = 7.0
    assert view._small.ball(7.0) is None
    view.close()


@pytest.mark.parametrize("longest", [40, 20, 16])
def test_a_larger_map_becomes_means_at_the_same_place(path: Path, longest: int) -> None:
    with openem.open_map(path) as found:
        small = small_map(found, longest=longest)
        factor = -(-40 // longest)
        assert small.factor == factor
        assert small.values.shape == (40 // factor,) * 3
        part = np.asarray(found.data)[:factor, :factor, :factor]
        assert small.values[0, 0, 0] == pytest.approx(part.mean())
        heavy = np.indices(small.values.shape).reshape(3, -1) @ small.values.ravel()
        middle = heavy / small.values.sum() * np.array(small.voxel_size) + np.array(small.origin)
        assert middle == pytest.approx([30 + 2 * 12, 20 + 2 * 20, 10 + 2 * 26], abs=0.2)


def test_voxels_without_a_number_are_low_there(tmp_path: Path) -> None:
    data = ball(32, radius=6, middle=(16, 16, 16))
    path = tmp_path / "holes.map"
    with mrcfile.new(path) as file:
        file.set_data(data)
    data[0, 0, 0], data[1, 1, 1] = np.nan, np.inf
    path.write_bytes(path.read_bytes()[:1024] + data.tobytes())
    with openem.open_map(path) as found:
        values = small_map(found, longest=32).values
    assert np.isfinite(values).all()
    assert (values[0, 0, 0], values[1, 1, 1]) == (0, 1)


def test_what_a_level_encloses_is_told(path: Path) -> None:
    view = openem.MapView(path, level=0.5)
    answer, _ = asked(view, "enclosed", level=0.5)
    assert answer["content"]["words"].startswith("The level 0.5 encloses 16.87 nm³")
    assert "kDa" in answer["content"]["words"]
    assert "piece" not in answer["content"]["words"]
    view.close()


def test_without_a_level_a_rule_is_stated(path: Path) -> None:
    view = openem.MapView(path)
    assert "give the molecular weight" in view.rule
    assert view.rule in view.about["notes"]
    assert view.map.statistics.mean < view.level < 1
    view.close()


@pytest.mark.parametrize("call", ["MapView('/nowhere.map')", "MapView('x', size=3)"])
def test_a_view_that_never_came_to_be_says_one_thing(call: str) -> None:
    code = f"""
import openem_nb as openem
from openem_nb.errors import OpenEMError
try:
    openem.{call}
except OpenEMError as error:
    print(type(error).__name__)
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=400, check=False
    )
    assert done.stdout.strip() in {"NotFound", "InvalidInput"}
    assert done.stderr == ""


def test_the_code_shows_the_same(path: Path) -> None:
    view = openem.MapView(path, level=0.25, size=32, height=300)
    space: dict[str, Any] = {}
    exec(view.code(), space)
    assert space["view"].about["height"] == view.about["height"]
    assert space["view"]._small.values.shape == view._small.values.shape
    assert view.code().count("=") == 4  # what is as ever is left out
    assert view.code().splitlines()[-1] == "view"  # which a cell shows
    assert space["view"].level == 0.25
    assert space["view"].map.name == "ball.map"
    space["view"].close()
    view.close()


def test_the_program_travels_packed(path: Path) -> None:
    view = openem.MapView(path, level=0.5)
    assert view.interactive
    _, (script, sheet) = asked(view, "program")
    place = _molstar.molstar()
    assert gzip.decompress(script) == (place / "molstar.js").read_bytes()
    assert gzip.decompress(sheet) == (place / "molstar.css").read_bytes()
    view.close()


@pytest.mark.parametrize("below", _molstar._BELOW)
def test_a_folder_of_npm_will_do(path: Path, tmp_path: Path, below: str) -> None:
    place = tmp_path / "npm" / below
    place.mkdir(parents=True)
    (place / "molstar.js").write_text("one")
    (place / "molstar.css").write_text("two")
    view = openem.MapView(path, level=0.5, program=tmp_path / "npm")
    _, buffers = asked(view, "program")
    assert [gzip.decompress(one) for one in buffers] == [b"one", b"two"]
    view.close()


def test_a_folder_without_it_is_told(path: Path, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no Mol") as caught:
        openem.MapView(path, program=tmp_path)
    assert "pip install 'openem_nb[molstar]'" in caught.value.hint


def test_without_mol_star_there_is_the_picture(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(_molstar, "find_spec", lambda _: None)
    monkeypatch.setattr("IPython.display.display", lambda data, **_: shown.append(data))
    view = openem.MapView(path, level=0.5)
    assert not view.interactive
    view._ipython_display_()
    (data,) = shown
    assert "pip install &#x27;openem_nb[molstar]&#x27;" in data["text/html"]
    assert 'alt="Surface of ball.map, 40 × 40 × 40 voxels' in data["text/html"]
    png = base64.b64decode(data["text/html"].partition("base64,")[2].partition('"')[0])
    assert png.startswith(b"\x89PNG")
    answer, buffers = asked(view, "program")
    assert answer["type"] == "error"
    assert not buffers
    view.close()


def test_with_it_the_view_follows_the_picture(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[Any] = []
    monkeypatch.setattr("IPython.display.display", lambda data, **_: shown.append(data))
    view = openem.MapView(path, level=0.5)
    view._ipython_display_()
    assert "oem-map-static" in shown[0]["text/html"]
    assert "application/vnd.jupyter.widget-view+json" in shown[1]
    state = str(view.get_state())
    assert len(state) < 200_000, "neither the map nor Mol* is in what a notebook keeps"
    view.close()


@pytest.mark.parametrize("options", [{"size": 8}, {"size": 4000}, {"level": float("nan")}])
def test_what_cannot_be_shown_is_told(path: Path, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        openem.MapView(path, **{"level": 0.5, **options})


def test_a_map_of_nothing_is_no_surface(tmp_path: Path) -> None:
    path = tmp_path / "empty.map"
    with mrcfile.new(path) as file:
        file.set_data(np.zeros((20, 20, 20), np.float32))
    with pytest.raises(InvalidInput, match="same value"):
        openem.MapView(path, level=0.5)
