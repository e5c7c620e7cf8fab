"""What the InspectPanel shows of an image without being asked, and what a notebook keeps of it."""

from __future__ import annotations

import base64
import io
import re
from typing import TYPE_CHECKING, Any

import mrcfile
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from openem_nb.panels._inspect_known import measured_ctf, picks_beside
from openem_nb.panels.gallery import View
from openem_nb.panels.inspect import InspectPanel

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Write three micrographs: with picks beside, with a file that only seems so, and alone."""
    for number in range(3):
        pixels = np.random.default_rng(number).normal(100, 20, (128, 128)).astype(np.float32)
        with mrcfile.new(tmp_path / f"mic_{number}.mrc") as mrc:
            mrc.set_data(pixels)
            mrc.voxel_size = 1.06
    (tmp_path / "mic_0.box").write_text("10 20 30 30\n50 60 30 30\n")
    (tmp_path / "mic_1.star").write_text("data_motion\n\n_rlnAccumMotionTotal 3.5\n")
    return tmp_path


ROW = {
    "name": "mic_0.mrc",
    "pixel_size": 1.06,
    "voltage": 300.0,
    "ctf_defocus_u": 12000.0,
    "ctf_defocus_v": 11000.0,
    "ctf_angle": 30.0,
    "ctf_score": 0.9,
    "ctf_deviation": 5.0,
    "ctf_resolution": 4.2,
    "ctf_reliable": True,
}


def shown(panel: InspectPanel, name: str) -> None:
    panel.show_image(name)
    panel.job.result(120)


@pytest.fixture
def panel(closing: Any, until: Any, folder: Path) -> InspectPanel:
    found: InspectPanel = closing(InspectPanel(folder))
    found.job.result(120)
    until(lambda: found.making is not None and found.making.done)
    return found


def test_picks_beside_an_image_are_shown(panel: InspectPanel) -> None:
    shown(panel, "mic_0.mrc")
    assert panel.viewer.picks is not None
    assert panel.viewer.picks.x.tolist() == [25, 65]
    assert "mic_0.box" in panel.code()
    names: dict[str, Any] = {}
    exec(panel.code().split("mined =")[0], names)  # the imports
    (line,) = [line for line in panel.code().splitlines() if line.startswith("view =")]
    exec(line, names)
    assert names["view"].picks.x.tolist() == [25, 65]
    names["view"].close()


def test_a_file_of_other_things_does_not_keep_an_image_from_opening(panel: InspectPanel) -> None:
    shown(panel, "mic_1.mrc")
    assert panel.viewer.picks is None
    assert panel.viewer.micrograph.name == "mic_1.mrc"
    assert "mic_1 has no picks" in panel.viewing.children[0].value
    shown(panel, "mic_2.mrc")
    assert "has no picks" not in panel.viewing.children[0].value


def test_picks_that_were_given_come_before_those_beside(
    closing: Any, until: Any, folder: Path
) -> None:
    (folder / "all.box").write_text("0 0 10 10\n")
    panel = closing(InspectPanel(folder, picks=folder / "all.box"))
    panel.job.result(120)
    until(lambda: panel.making is not None and panel.making.done)
    shown(panel, "mic_0.mrc")
    assert panel.viewer.picks.x.tolist() == [5]


def test_names_of_picks(folder: Path) -> None:
    assert picks_beside(folder / "mic_0.mrc") == folder / "mic_0.box"
    assert picks_beside(folder / "mic_2.mrc") is None
    named = folder / "mic_2_autopick.star"
    named.write_text("")
    assert picks_beside(folder / "mic_2.mrc") == named


def test_the_measured_defocus_is_drawn_without_another_fit(panel: InspectPanel, ask: Any) -> None:
    found = measured_ctf(pd.DataFrame([ROW]), "mic_0.mrc", {"cs": 2.7})
    assert found is not None
    assert (found.defocus, found.astigmatism, found.phase_shift) == (11500, 1000, 0)
    assert "1.15 µm" in found.words
    # the first dark ring of 1.2 µm along the axis lies further in than that of 1.1 µm across
    assert found.zeros(1, azimuth=30)[0] < found.zeros(1, azimuth=120)[0]
    shown(panel, "mic_0.mrc")
    panel.viewer.show(panel.viewer.micrograph.source, ctf=found)
    answer = ask(panel.viewer.canvas, "spectrum", frame=0)
    assert answer["content"]["rings"]
    assert answer["content"]["words"].startswith("Underfocus 1.15 µm")
    assert set(answer["content"]["columns"]) == {"frequency", "power"}


@pytest.mark.parametrize("missing", ["ctf_defocus_u", "voltage", "pixel_size"])
def test_what_was_not_measured_is_not_drawn(missing: str) -> None:
    table = pd.DataFrame([{**ROW, missing: float("nan")}])
    assert measured_ctf(table, "mic_0.mrc", {"cs": 2.7}) is None
    assert measured_ctf(pd.DataFrame([ROW]), "mic_0.mrc", {}) is None  # no Cs
    assert measured_ctf(pd.DataFrame([ROW]), "other.mrc", {"cs": 2.7}) is None


def test_a_notebook_keeps_pictures_and_renews_them(
    panel: InspectPanel, until: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel._keeper, "_interval", 0.05)
    outputs: list[tuple[dict[str, str], dict[str, Any]]] = []
    monkeypatch.setattr(
        "IPython.display.display", lambda data, **more: outputs.append((data, more))
    )
    panel._ipython_display_()
    first, about = outputs[0]
    view = "application/vnd.jupyter.widget-view+json"
    (widget,) = [data for data, _ in outputs if view in data]  # besides pictures that are renewed
    assert "text/plain" not in widget  # nobody wants to read a list of widgets
    found = re.findall(r'<img alt="([^"]*)"[^>]*base64,([^"]+)"', first["text/html"])
    assert len(found) == 1
    assert found[0][0] == panel.gallery.alt == first["text/plain"]
    assert Image.open(io.BytesIO(base64.b64decode(found[0][1]))).format == "JPEG"
    panel.gallery.mark(["mic_1.mrc"], "bad")  # its picture has the mark
    until(lambda: outputs[-1][0].get("text/html", first["text/html"]) != first["text/html"])
    marked = outputs[-1][0]["text/html"]
    panel.gallery.look(View(sort="name", descending=True))
    until(lambda: outputs[-1][0]["text/html"] != marked)
    shown(panel, "mic_0.mrc")
    until(lambda: outputs[-1][0]["text/html"].count("<img") == 2)
    again, more = outputs[-1]
    assert more["update"]
    assert more["display_id"] == about["display_id"]
    assert again["text/plain"] == panel.alt
    assert "mic_0.mrc, 128 × 128 pixels" in panel.alt
    panel.viewer.canvas.settings = {**panel.viewer.canvas.settings, "invert": True}
    until(lambda: outputs[-1][0]["text/html"] != again["text/html"])
    until(lambda: "invert=True" in panel.code_view.text)


def test_a_movie_is_shown_with_the_gain_it_was_measured_with(
    closing: Any, until: Any, tmp_path: Path
) -> None:
    session = tmp_path / "session"
    session.mkdir()
    rng = np.random.default_rng(5)
    for name, shape in (("movie", (4, 64, 96)), ("single", (64, 96)), ("square", (4, 64, 64))):
        with mrcfile.new(session / f"{name}.mrc") as mrc:
            mrc.set_data(rng.poisson(50, shape).astype(np.float32))
            if len(shape) == 3:
                mrc.set_image_stack()
            mrc.voxel_size = 1.06
    factors = np.ones((64, 96), np.float32)
    factors[:, 48:] = 3
    with mrcfile.new(tmp_path / "gain.mrc") as mrc:
        mrc.set_data(factors)
    panel = closing(InspectPanel(session)).wait()
    only = {"ctf": False, "spectrum": False, "ice": False, "statistics": True}
    gain = {"gain": str(tmp_path / "gain.mrc"), "flip_rotate": "flip x"}
    panel.measure.form.submit({**only, **gain})
    until(lambda: not panel.measure.form.busy)

    def halves(view: Any) -> float:
        picture = np.asarray(Image.open(io.BytesIO(view.picture())).convert("L"), float)
        middle = picture.shape[1] // 2
        return float(picture[:, :middle].mean() - picture[:, middle:].mean())

    shown(panel, "movie.mrc")
    assert halves(panel.viewer) > 100  # turned: it is the left half that is three times as bright
    names: dict[str, Any] = {}
    exec(panel.code(), names)  # what a person would run
    closing(names["gallery"])
    assert halves(closing(names["view"])) == pytest.approx(halves(panel.viewer), abs=1)
    shown(panel, "single.mrc")
    assert abs(halves(panel.viewer)) < 50  # there is a scale bar on the right
    assert "gain" not in panel.code().splitlines()[-2]
    shown(panel, "square.mrc")
    assert abs(halves(panel.viewer)) < 50  # there is a scale bar on the right
    assert "shown without the gain reference" in panel.viewing.children[0].value
