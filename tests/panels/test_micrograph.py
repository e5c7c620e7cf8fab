"""The Python half of the viewer: which pixels travel, what is kept without a browser, and code."""

from __future__ import annotations

import base64
import io
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from image_files import write_mrc
from PIL import Image

import openem_nb as openem
from openem_nb import images
from openem_nb.errors import InvalidInput, OpenEMError
from openem_nb.images.picks import Picks, write_picks
from openem_nb.panels._micrograph_views import Views, base_factor
from openem_nb.panels.micrograph import MicrographView
from openem_nb.practice.micrographs import simulate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

EVIL = "<img src=x onerror=alert(1)>.mrc"
Written = Any


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Path]:
    """Return ``written(array, name)``, which writes an MRC file; a stack of several is a movie."""

    def write(array: Any, name: str = "m.mrc", pixel_size: float = 2.0) -> Path:
        return write_mrc(tmp_path / name, array, pixel_size=pixel_size)

    return write


@pytest.fixture
def shown(closing: Callable[[Any], Any]) -> Callable[..., MicrographView]:
    """Return ``shown(source, **options)``, a view that is closed when the test has ended."""
    return lambda *source, **options: closing(MicrographView(*source, **options))


@pytest.fixture
def get(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[dict[str, Any], list[bytes]]]:
    """Return ``get(view, action, **content)``: the answer to a request, and the bytes beside it."""
    keys = iter(range(1000))

    def request(view: MicrographView, action: str, **content: Any) -> Any:
        answers: list[Any] = []
        monkeypatch.setattr(
            view.canvas,
            "send",
            lambda answer, buffers=(): answers.append((answer, [bytes(one) for one in buffers])),
        )
        key = f"k{next(keys)}"
        message = {"type": "request", "key": key, "action": action, "content": content}
        view.canvas._handle_custom_msg(message, [])
        ((answer, buffers),) = answers
        return answer, buffers

    return request


def noise(*shape: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).normal(20, 4, shape).astype(np.float32)


def values(answer: dict[str, Any], buffers: list[bytes]) -> Any:
    """Return the values that a front end makes of an answer."""
    content = answer["content"]
    levels = np.frombuffer(buffers[0], "<u2").reshape(content["height"], content["width"])
    found = content["offset"] + content["scale"] * levels.astype(np.float64)
    return np.where(levels == 0, np.nan, found)


def blocks(image: Any, factor: int) -> Any:
    height, width = (side // factor * factor for side in image.shape)
    cut = image[:height, :width].astype(np.float64)
    return cut.reshape(height // factor, factor, width // factor, factor).mean(axis=(1, 3))


whole = {"y0": 0, "y1": 300, "x0": 0, "x1": 420, "frame": 0}


def test_a_view_is_the_exact_mean_of_blocks(written: Any, shown: Any, get: Any) -> None:
    image = noise(300, 420)
    view = shown(written(image))
    for factor in (1, 2, 4):
        answer, buffers = get(view, "view", **whole, factor=factor)
        assert answer["content"]["frame"] == 0
        step = answer["content"]["scale"]
        found = values(answer, buffers)
        expected = blocks(image, factor)
        rows, columns = expected.shape
        assert np.abs(found[:rows, :columns] - expected).max() <= step * 0.5 + 5e-6
        assert step < 1e-3


def test_a_part_is_cut_from_the_image_at_whole_blocks(written: Any, shown: Any, get: Any) -> None:
    image = noise(300, 420)
    view = shown(written(image))
    answer, buffers = get(view, "view", y0=33, y1=97, x0=10, x1=51, factor=4, frame=0)
    content = answer["content"]
    assert [content[name] for name in ("y0", "y1", "x0", "x1")] == [32, 100, 8, 52]
    expected = blocks(image, 4)[8:25, 2:13]
    assert np.abs(values(answer, buffers) - expected).max() < 1e-3


def test_large_images_are_binned_in_memory_by_powers_of_two(written: Any, shown: Any) -> None:
    assert [base_factor(shape) for shape in ((8184, 11520), (2048, 2048), (1, 2049))] == [8, 1, 2]
    image = noise(64, 4100)
    view = shown(written(image))
    views = Views(view.micrograph)
    assert views.base == 4
    part = views.part(0, (0, 64, 0, 4100), 8)
    assert part.values.shape == (8, 513)  # the last column is the mean of the four that are left
    assert np.allclose(part.values[:, :512], blocks(image, 8), atol=1e-4)
    assert np.allclose(part.values[:, 512], image[:, 4096:].reshape(8, 32).mean(1), atol=1e-4)
    half = views.part(0, (16, 48, 800, 1600), 8)
    assert np.allclose(half.values, blocks(image, 8)[2:6, 100:200], atol=1e-4)


@pytest.mark.parametrize(
    "wrong",
    [{"factor": 3}, {"factor": 0}, {"factor": 1, "y0": 300, "y1": 400}, {"factor": 1, "frame": 9}],
)
def test_an_impossible_view_is_answered_with_words(
    written: Any, shown: Any, get: Any, wrong: dict[str, Any]
) -> None:
    view = shown(written(noise(300, 420)))
    answer, _ = get(view, "view", **{**whole, **wrong})
    assert answer["type"] == "error"
    assert "Unexpected" not in answer["message"]
    empty = MicrographView()
    answer, _ = get(empty, "view", **whole, factor=1)
    assert answer["type"] == "error"
    assert "No micrograph" in answer["message"]
    empty.close()


def test_a_movie_is_averaged_in_the_background(
    written: Any, shown: Any, get: Any, until: Callable[..., None]
) -> None:
    frames = np.random.default_rng(3).poisson(2, (7, 60, 80)).astype(np.int16)
    view = shown(written(frames))
    assert view.canvas.settings["frame"] == "sum"
    before = view.canvas.version
    asked = {"y0": 0, "y1": 60, "x0": 0, "x1": 80, "factor": 1}
    answer, buffers = get(view, "view", **asked, frame="sum")
    if answer["content"]["pending"]:  # it shows the first frame meanwhile
        assert "mean of 7 frames" in answer["content"]["pending"]
        assert np.allclose(values(answer, buffers), frames[0])
        until(lambda: view.canvas.version > before)
        answer, buffers = get(view, "view", **asked, frame="sum")
    assert answer["content"]["pending"] == ""
    assert answer["content"]["frame"] == "sum"
    assert np.allclose(values(answer, buffers), frames.mean(0), atol=1e-3)
    answer, buffers = get(view, "view", **asked, frame=3, around=3)
    assert np.allclose(values(answer, buffers), frames[2:5].mean(0), atol=1e-3)
    answer, buffers = get(view, "view", **asked, frame=6, around=3)
    assert np.allclose(values(answer, buffers), frames[4:7].mean(0), atol=1e-3)


ANGLES = ("-3.0", "0.0", "3.0")


@pytest.mark.parametrize(
    ("name", "angles", "expected"),
    [
        ("series.mrc.mdoc", ANGLES, [-3.0, 0.0, 3.0]),
        ("series.mdoc", ANGLES, [-3.0, 0.0, 3.0]),
        ("other.mdoc", ANGLES, []),
        ("series.mdoc", ANGLES[:2], []),  # of another stack
        ("series.mdoc", ("0.0", "0.0", "0.0"), []),  # frames of a movie
        ("series.mdoc", ("-3.0", "NaN", "?"), []),
    ],
)
def test_tilt_angles_come_from_the_mdoc_beside_the_stack(
    written: Any, shown: Any, name: str, angles: tuple[str, ...], expected: list[float]
) -> None:
    path = written(np.zeros((3, 32, 40), np.float32), "series.mrc")
    text = "".join(f"[ZValue = {z}]\nTiltAngle = {one}\n\n" for z, one in enumerate(angles))
    path.with_name(name).write_text("PixelSpacing = 2.0\n\n" + text)
    view = shown(path)
    about = view.canvas.about
    assert about["tilts"] == expected
    assert about["noun"] == ("Tilt" if expected else "Frame")
    assert view.canvas.settings["frame"] == (1 if expected else "sum")


def test_a_gain_multiplies_frames_and_mean(
    written: Any, shown: Any, get: Any, until: Callable[..., None]
) -> None:
    frames = np.random.default_rng(3).poisson(9, (4, 60, 80)).astype(np.int16)
    gain = np.random.default_rng(4).uniform(0.5, 1.5, (60, 80)).astype(np.float32)
    path, reference = written(frames), written(gain, "gain.mrc")
    view = shown(path, gain=reference, frame=2)
    asked = {"y0": 0, "y1": 60, "x0": 0, "x1": 80, "factor": 2}
    answer, buffers = get(view, "view", **asked, frame=2)
    assert np.allclose(values(answer, buffers), blocks(frames[2] * gain, 2), atol=1e-2)
    views = Views(view.micrograph, gain=images.read_gain(reference))
    assert np.allclose(views.average(), frames.mean(0) * gain, rtol=1e-5)
    with pytest.raises(InvalidInput, match="came from no file"):
        shown(path, gain=images.read_gain(reference)).code()
    wrong = shown(path, gain=written(gain[:30], "half.mrc"))
    answer, _ = get(wrong, "view", **asked, frame=1)
    assert answer["type"] == "error"
    assert "shape" in answer["message"]
    get(wrong, "view", **asked, frame="sum")
    until(lambda: get(wrong, "view", **asked, frame="sum")[0]["type"] == "error")


def test_low_pass_takes_details_away(written: Any, shown: Any, get: Any) -> None:
    y, x = np.mgrid[:256, :256]
    slow, fast = np.sin(2 * np.pi * x / 64), np.sin(2 * np.pi * y / 4)
    view = shown(written((slow + fast).astype(np.float32), pixel_size=2.0))
    asked = {"y0": 0, "y1": 256, "x0": 0, "x1": 256, "frame": 0, "factor": 1}
    answer, buffers = get(view, "view", **asked, low_pass=30)  # 128 Å stay, 8 Å go
    assert np.abs(values(answer, buffers) - slow)[40:-40, 40:-40].max() < 0.02
    answer, buffers = get(view, "view", **asked, low_pass=3)
    assert np.abs(values(answer, buffers) - slow - fast).max() < 1e-3


def test_code_shows_the_same(written: Any, shown: Any, closing: Any) -> None:
    path = written(noise(6, 60, 80))
    cases: list[dict[str, Any]] = [
        {},
        {"frame": 3, "around": 3, "contrast": (1.5, 40.25), "invert": True},
        {"sigma": 2.5, "low_pass": 12.0, "binning": 2},
        {"percent": 2, "pixel_size": 0.83},
    ]
    for options in cases:
        view = shown(path, **options)
        space: dict[str, Any] = {}
        exec(view.code(), space)
        assert view.code().splitlines()[-1] == "view"
        same = closing(space["view"])
        assert same.canvas.settings == view.canvas.settings
        assert same.picture() == view.picture()
        without = ("id", "static")
        one, two = (
            {name: value for name, value in one.canvas.about.items() if name not in without}
            for one in (view, same)
        )
        assert one == two
    view.canvas.settings = {**view.canvas.settings, "frame": 2}  # as a person changes it
    assert "frame=2" in view.code()
    with images.open_image(path.read_bytes()) as micrograph, pytest.raises(InvalidInput):
        shown(micrograph).code()


@pytest.fixture
def displayed(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], list[dict[str, str]]]:
    """Return ``displayed(view)``: the outputs that a notebook keeps of it."""

    def display(view: Any) -> list[dict[str, str]]:
        outputs: list[dict[str, str]] = []
        monkeypatch.setattr(
            "IPython.display.display", lambda data, *, raw: outputs.append(data) if raw else None
        )
        view._ipython_display_()
        return outputs

    return display


def kept(outputs: list[dict[str, str]]) -> tuple[bytes, str]:
    """Return the picture that is kept, and its alternative text."""
    (found,) = [one["text/html"] for one in outputs if "text/html" in one]
    source = re.search(r'<img alt="([^"]*)" [^>]*src="data:image/jpeg;base64,([^"]+)"', found)
    assert source
    return base64.b64decode(source[2]), source[1]


def test_a_notebook_keeps_a_picture(written: Any, shown: Any, displayed: Any) -> None:
    image = noise(1500, 2100)
    image[:100] += 50  # the first rows of an MRC file lie at the bottom
    view = shown(written(image))
    outputs = displayed(view)
    assert "application/vnd.jupyter.widget-view+json" in outputs[1]
    raw, alt = kept(outputs[:1])
    assert len(raw) <= 600_000
    picture = np.asarray(Image.open(io.BytesIO(raw)).convert("L")).astype(float)
    assert 512 <= max(picture.shape) <= 1024
    assert picture[-20:, 300:].mean() > picture[:20, 300:].mean() + 100
    words = "Micrograph m.mrc, 2100 × 1500 pixels, 2 Å per pixel"
    assert alt == outputs[0]["text/plain"] == words
    assert view.canvas.about["static"] in outputs[0]["text/html"]
    inverted = shown(written(image, "n.mrc"), invert=True).picture()
    turned = np.asarray(Image.open(io.BytesIO(inverted)).convert("L")).astype(float)
    assert turned[-20:, 300:].mean() < turned[:20, 300:].mean() - 100
    assert len(displayed(shown())) == 1  # nothing is shown yet


def test_the_first_row_of_a_tiff_lies_at_the_top(shown: Any, tmp_path: Path) -> None:
    import tifffile

    image = noise(600, 800)
    image[:100] += 50
    tifffile.imwrite(tmp_path / "m.tif", image)
    view = shown(tmp_path / "m.tif")
    assert view.canvas.about["up"] is False
    picture = np.asarray(Image.open(io.BytesIO(view.picture())).convert("L")).astype(float)
    assert picture[:50].mean() > picture[-50:].mean() + 100


def test_the_picture_of_a_movie_is_its_mean(written: Any, shown: Any) -> None:
    frames = np.zeros((10, 64, 64), np.float32)
    frames[3, 16:48, 16:48] = 10
    view = shown(written(frames, pixel_size=0))
    picture = np.asarray(Image.open(io.BytesIO(view.picture())).convert("L"))
    assert picture[32, 32] > 230
    assert picture[4, 4] < 20


def test_picks_are_those_of_this_micrograph(
    written: Any, shown: Any, get: Any, tmp_path: Path
) -> None:
    path = written(noise(60, 80))
    star = tmp_path / "picks.star"
    names = ("Movies/m.mrc", "Movies/other.mrc", "Movies/m.mrc")
    x, y, score = np.array([[1.5, 2, 3], [10, 20, 30], [0.9, 0.8, 0.1]])
    write_picks(star, Picks(x, y, score=score, micrographs=names))
    view = shown(path, picks=star)
    assert view.canvas.about["picks"] == 2
    answer, buffers = get(view, "picks")
    assert answer["content"]["columns"] == ["x", "y", "score"]
    columns = [np.frombuffer(one, "<f4") for one in buffers]
    assert np.allclose(columns, [[1.5, 3], [10, 30], [0.9, 0.1]])
    assert f"picks={str(star)!r}" in view.code()
    answer, _ = get(shown(path), "picks")
    assert answer["type"] == "error"


@pytest.fixture(scope="module")
def defocused() -> Any:
    """Return an image of 1.5 µm underfocus with astigmatism, and what is true of it."""
    return simulate(
        (1024, 1024), pixel_size=1.2, defocus_u=16000, defocus_v=14500, angle=30, signal=3, seed=5
    )


def test_the_spectrum_carries_rings_and_numbers(
    written: Any, shown: Any, get: Any, defocused: Any
) -> None:
    image, truth = defocused
    view = shown(written(image, pixel_size=1.2))
    answer, buffers = get(view, "spectrum", frame=0, fit=None)
    content = answer["content"]
    assert content["rings"] == content["rows"] == []
    assert len(buffers) == 1 + len(content["columns"])
    assert len(buffers[0]) == 2 * content["size"] ** 2
    assert content["edge"] == pytest.approx(1.2 / 3)
    answer, _ = get(view, "spectrum", frame=0, fit={"cs": 2.7, "amplitude_contrast": 0.07})
    assert answer["type"] == "error"
    assert "voltage" in answer["message"]
    fit = {"voltage": 300, "cs": 2.7, "amplitude_contrast": 0.07, "phase_shift": False}
    answer, buffers = get(view, "spectrum", frame=0, fit=fit)
    content = answer["content"]
    assert view.ctf is not None
    assert abs(view.ctf.defocus_u - truth.defocus_u) < 200
    assert ["Defocus U", f"{view.ctf.defocus_u:,.0f} Å"] in content["rows"]
    assert content["columns"] == ["frequency", "power", "fit", "cc"]
    rings = np.array(content["rings"])
    assert rings.shape[1] == 72
    first = round(view.ctf.angle / 5) % 72  # more defocus: the ring lies further in
    assert rings[0, first] < rings[0, (first + 18) % 72]
    for number in (0, 9, 40):
        expected = view.ctf.zeros(3, azimuth=5.0 * number)[:3] * 1.2
        assert np.allclose(rings[:3, number], expected, atol=1e-5)
    space: dict[str, Any] = {}
    exec(view.code(), space)
    assert space["view"].ctf.defocus_u == pytest.approx(view.ctf.defocus_u)
    assert view.ctf.words in view.alt
    space["view"].close()
    space["micrograph"].close()


def test_the_picture_of_the_spectrum_has_its_middle_in_the_middle(
    written: Any, shown: Any, get: Any
) -> None:
    y, x = np.mgrid[:1024, :1024]
    image = np.sin(2 * np.pi * (0.125 * x + 0.0625 * y)) + 0.1 * noise(1024, 1024)
    view = shown(written(image.astype(np.float32), pixel_size=0.6))
    answer, buffers = get(view, "spectrum", frame=0, fit=None)
    size, edge = answer["content"]["size"], answer["content"]["edge"]
    picture = np.frombuffer(buffers[0], "<u2").reshape(size, size)
    row, column = np.unravel_index(picture[:, size // 2 + 8 :].argmax(), (size, size // 2 - 8))
    along = (column + 8) / size * 2 * edge
    assert along == pytest.approx(0.125, abs=0.004)
    assert (row - size // 2) / size * 2 * edge == pytest.approx(0.0625, abs=0.004)


def test_the_header_is_a_tree_that_is_read_when_it_is_wanted(written: Any, shown: Any) -> None:
    view = shown(written(noise(60, 80)))
    assert view.tree is None
    view.canvas.show_header = True
    assert view.children == (view.canvas, view.tree)
    rows = view.tree._rows({"opened": {"image": 200}})["rows"]
    texts = {row["key"]: row["text"] for row in rows}
    assert texts["size"] == "80 × 60 pixels"
    assert texts["pixel size"] == "2"
    assert not view.tree.editable
    assert "header" in texts
    view.canvas.show_header = False
    assert view.children == (view.canvas,)


def test_names_of_files_are_texts(
    written: Any, shown: Any, displayed: Any, everything_shown: Callable[..., str]
) -> None:
    view = shown(written(noise(60, 80), EVIL))
    assert view.canvas.about["name"] == EVIL  # the front end shows it as text
    outputs = displayed(view)
    assert EVIL not in outputs[0]["text/html"]
    assert "&lt;img src=x onerror=alert(1)&gt;.mrc" in kept(outputs)[1]
    tricky = shown(written(noise(60, 80), "a\u202egpj.mrc"))
    assert "\u202e" not in everything_shown(tricky)
    assert "\u202e" not in displayed(tricky)[0]["text/html"]


@pytest.mark.parametrize(
    "options",
    [
        {"contrast": (3, 3)},
        {"contrast": (1, 2), "sigma": 3},
        {"sigma": 0},
        {"percent": 50},
        {"frame": 1},
        {"binning": 3},
        {"low_pass": -1},
        {"pixel_size": 0},
        {"picks": "nothing.star"},
    ],
)
def test_wrong_options_say_what_to_do_and_leave_no_file_open(
    written: Any, options: dict[str, Any]
) -> None:
    path = written(noise(60, 80))
    with pytest.raises(OpenEMError) as caught:
        MicrographView(path, **options)
    assert caught.value.hint


def test_another_image_takes_the_place_and_files_are_closed(
    written: Any, shown: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    close = images.Micrograph.close
    monkeypatch.setattr(
        images.Micrograph, "close", lambda self: (closed.append(self.name), close(self))[1]
    )
    one, two = written(noise(60, 80), "one.mrc"), written(noise(30, 40), "two.mrc")
    view = MicrographView(one)
    first = view.canvas.about
    view.show(two)
    assert closed == ["one.mrc"]
    assert view.micrograph.name == "two.mrc"
    assert view.canvas.about["id"] != first["id"]
    with images.open_image(one) as mine:
        view.show(mine)
        assert closed == ["one.mrc", "two.mrc"]
        view.close()
        assert closed == ["one.mrc", "two.mrc"]  # it was given, and is somebody else's
        assert mine.frame().shape == (60, 80)
    with pytest.raises(InvalidInput, match="No micrograph"):
        _ = MicrographView().micrograph
    with pytest.raises(InvalidInput, match="without a micrograph"):
        MicrographView(invert=True)
    assert openem.MicrographView is MicrographView
