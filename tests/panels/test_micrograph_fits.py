"""Fits of the defocus in the viewer: each belongs to its frame, and its code finds the same."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from image_files import write_mrc

from openem_nb import images
from openem_nb.errors import InvalidInput
from openem_nb.panels.micrograph import MicrographView
from openem_nb.practice.micrographs import simulate

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SIDE, PIXEL = 512, 1.5
DEFOCI = (10_000, 15_000, 25_000)
OPTICS: dict[str, Any] = {"voltage": 300, "cs": 2.7, "amplitude_contrast": 0.07}


@pytest.fixture(scope="module")
def sections() -> Any:
    """Return three images of one size, each with a defocus of its own."""
    return np.stack(
        [
            simulate((SIDE, SIDE), pixel_size=PIXEL, defocus_u=u, defocus_v=u, signal=4, seed=u)[0]
            for u in DEFOCI
        ]
    )


@pytest.fixture
def tilts(tmp_path: Path, sections: Any) -> Path:
    """Return a tilt series in the order of acquisition, with its mdoc file."""
    path = write_mrc(tmp_path / "tomo.mrc", sections, pixel_size=PIXEL)
    angles = (3.0, 0.0, -3.0)
    text = "".join(f"[ZValue = {z}]\nTiltAngle = {one}\n\n" for z, one in enumerate(angles))
    path.with_name("tomo.mrc.mdoc").write_text(f"PixelSpacing = {PIXEL}\n\n{text}")
    return path


@pytest.fixture
def movie(tmp_path: Path, sections: Any) -> Path:
    """Return a movie of frames of one defocus, each with noise of its own."""
    noise = np.random.default_rng(5).normal(0, 0.5, sections.shape)
    frames = sections[1] + noise * sections[1].std()
    return write_mrc(tmp_path / "movie.mrc", frames.astype(np.float32), pixel_size=PIXEL)


@pytest.fixture
def shown(closing: Callable[[Any], Any]) -> Callable[..., MicrographView]:
    return lambda *source, **options: closing(MicrographView(*source, **options))


@pytest.fixture
def spectrum(ask: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """Return ``spectrum(view, frame, fit=None)``: what the front end is told."""

    def request(view: MicrographView, frame: Any, fit: Any = None, around: int = 1) -> Any:
        answer = ask(view.canvas, "spectrum", frame=frame, around=around, fit=fit)
        assert answer["type"] == "reply", answer
        return answer["content"]

    return request


def choose(view: MicrographView, **settings: Any) -> None:
    """Change settings as a front end does."""
    view.canvas.settings = {**view.canvas.settings, **settings}


def settle(view: MicrographView, until: Any) -> None:
    """Wait for the mean of all frames."""
    views = view._views
    assert views is not None
    views.begin_average()
    until(lambda: views.averaged)


def test_a_fit_is_that_of_its_tilt_alone(tilts: Path, shown: Any, spectrum: Any) -> None:
    view = shown(tilts, frame=2)
    fitted = spectrum(view, 2, OPTICS)
    assert fitted["rings"]
    assert fitted["rows"]
    assert view.ctf is not None
    assert view.ctf.defocus == pytest.approx(DEFOCI[2], rel=0.02)
    choose(view, frame=0)
    other = spectrum(view, 0)
    assert other["rings"] == other["rows"] == []
    assert other["axis"] is other["resolution"] is None
    assert other["columns"] == ["frequency", "power"]
    assert other["words"].startswith("Not fitted here; fitted to tilt 3.")
    assert view.ctf is None
    assert "ctf" not in view.code()
    assert "Underfocus" not in view.alt
    spectrum(view, 0, OPTICS)
    found = view.canvas.fit
    assert found is not None
    assert found.ctf.defocus == pytest.approx(DEFOCI[0], rel=0.03)
    choose(view, frame=2)
    assert spectrum(view, 2)["rows"] == fitted["rows"]  # it is still known


def test_a_fit_that_is_given_belongs_to_what_is_shown(
    tilts: Path, sections: Any, shown: Any, spectrum: Any
) -> None:
    known = images.ctf(sections[1], pixel_size=PIXEL, **OPTICS)
    view = shown(tilts, ctf=known)
    assert view.canvas.settings["frame"] == 1  # the least tilted one
    assert spectrum(view, 1)["rings"]
    assert not spectrum(view, 2)["rings"]
    view.draw(images.ctf(sections[2], pixel_size=PIXEL, **OPTICS), frame=2)
    assert spectrum(view, 2)["rings"]
    with pytest.raises(InvalidInput, match="No micrograph"):
        shown().draw(known)


def test_the_fit_of_a_movie_holds_for_its_frames_and_says_so(
    movie: Path, shown: Any, spectrum: Any, until: Any
) -> None:
    view = shown(movie)
    settle(view, until)
    mean = spectrum(view, "sum", OPTICS)
    assert "cc" in mean["columns"]
    choose(view, frame=1)
    one = spectrum(view, 1)
    assert one["rings"] == mean["rings"]
    assert one["words"].startswith("Fit of the mean of all 3 frames: ")
    assert one["columns"] == ["frequency", "power"]  # that of the frame
    own = spectrum(view, 1, OPTICS)
    assert "Fit of" not in own["words"]
    given = shown(movie, ctf=view.ctf, frame=0)
    assert spectrum(given, 0)["words"].startswith("Fit of the movie: ")


def test_neighbours_of_a_tilt_are_those_in_angle(tilts: Path, sections: Any, shown: Any) -> None:
    from openem_nb.panels._micrograph_views import Views

    view = shown(tilts)
    views = Views(view.micrograph)
    assert views.around(1, 3) == [2, 1, 0]
    assert views.around(0, 2) == [1, 0]
    assert views.around(2, 1) == [2]
    part = views.part(0, (0, SIDE, 0, SIDE), 1, around=2)
    assert np.allclose(part.values, sections[:2].mean(0), atol=1e-4)


def test_the_spectrum_is_made_anew_with_another_pixel_size_or_gain(
    tmp_path: Path, sections: Any, shown: Any, ask: Any
) -> None:
    path = write_mrc(tmp_path / "m.mrc", sections[0], pixel_size=PIXEL)
    gain = np.tile([[0.5, 1.5]], (SIDE, SIDE // 2)).astype(np.float32)
    reference = write_mrc(tmp_path / "gain.mrc", gain)
    with images.open_image(path) as micrograph:
        view = shown(micrograph)
        first = ask(view.canvas, "spectrum", frame=0, fit=None)["content"]
        assert first["pixel_size"] == PIXEL
        view.show(micrograph, pixel_size=2.6)
        second = ask(view.canvas, "spectrum", frame=0, fit=None)["content"]
        assert second["pixel_size"] == 2.6
        assert second["edge"] == 0.5  # 5.2 Å, and not 3
        power = view.canvas._power[1].radial
        view.show(micrograph, pixel_size=2.6, gain=reference)
        ask(view.canvas, "spectrum", frame=0, fit=None)
        assert not np.allclose(view.canvas._power[1].radial, power)


CASES: dict[str, tuple[str, dict[str, Any], Any, int, dict[str, Any]]] = {
    "gain": ("movie", {"gain": True}, "sum", 1, {}),
    "frame with gain": ("movie", {"gain": True}, 1, 1, {}),
    "frame of a movie": ("movie", {}, np.int64(1), 1, {}),
    "mean of a movie at a frame": ("movie", {"frame": 1}, "sum", 1, {}),
    "neighbours": ("movie", {"around": 2}, 0, 2, {}),
    "tilt": ("tilts", {"pixel_size": 1.49}, 2, 1, {}),
    "range": ("tilts", {}, 2, 1, {"defocus": [20_000, 30_000]}),
    "phase shift": ("tilts", {}, 1, 1, {"phase_shift": True}),
}


@pytest.mark.parametrize("case", CASES)
def test_code_fits_what_was_fitted(
    case: str, tilts: Path, movie: Path, tmp_path: Path, shown: Any, spectrum: Any, until: Any
) -> None:
    name, options, frame, around, asked = CASES[case]
    if options.get("gain"):
        gain = np.random.default_rng(2).uniform(0.2, 3, (SIDE, SIDE)).astype(np.float32)
        options = {**options, "gain": write_mrc(tmp_path / "gain.mrc", gain)}
    if "frame" not in options:
        options = {**options, "frame": frame}
    view = shown({"tilts": tilts, "movie": movie}[name], **options)
    if name == "movie":
        settle(view, until)
    spectrum(view, frame if frame == "sum" else int(frame), {**OPTICS, **asked}, around)
    space: dict[str, Any] = {}
    exec(view.code(), space)
    same = space["view"]
    try:
        found, expected = same.canvas.fit, view.canvas.fit
        assert expected is not None
        assert (found.frame, found.around) == (expected.frame, expected.around)
        assert found.ctf.defocus_u == pytest.approx(expected.ctf.defocus_u, abs=1)
        assert found.ctf.score == pytest.approx(expected.ctf.score, abs=1e-3)
        assert found.ctf.words == expected.ctf.words
        assert same.canvas.settings == view.canvas.settings
        if name == "movie":
            settle(same, until)
        shown_now = view.canvas.settings["frame"], view.canvas.settings["around"]
        one, two = (spectrum(each, shown_now[0], None, shown_now[1]) for each in (view, same))
        assert one["rings"] == two["rings"]
        assert one["columns"] == two["columns"]
    finally:
        same.close()
        space["micrograph"].close()


def test_code_opens_the_file_with_its_options(tmp_path: Path, sections: Any, shown: Any) -> None:
    import tarfile

    path = write_mrc(tmp_path / "inside.mrc", sections[0], pixel_size=PIXEL)
    with tarfile.open(tmp_path / "session.tar", "w") as tar:
        tar.add(path, "raw/inside.mrc")
    with images.open_image(tmp_path / "session.tar", member="raw/inside.mrc") as micrograph:
        view = shown(micrograph)
        space: dict[str, Any] = {}
        exec(view.code(), space)
        assert space["view"].micrograph.shape == (SIDE, SIDE)
        assert space["view"].picture() == view.picture()
        space["view"].close()
        space["micrograph"].close()


@pytest.mark.parametrize(
    "options",
    [
        {"pixel_size": 1.3e-10},
        {"pixel_size": 1e9},
        {"pixel_size": True, "low_pass": "far"},
        {"low_pass": 1e-9},
        {"low_pass": float("nan")},
        {"frame": True},
        {"frame": 0.5},
        {"around": 1.5},
        {"binning": True},
    ],
)
def test_values_in_wrong_units_are_refused(
    tmp_path: Path, sections: Any, options: dict[str, Any]
) -> None:
    path = write_mrc(tmp_path / "m.mrc", sections, pixel_size=PIXEL)
    with pytest.raises(InvalidInput) as caught:
        MicrographView(path, **options)
    assert caught.value.hint


def test_a_filter_needs_the_pixel_size(tmp_path: Path, sections: Any, shown: Any) -> None:
    path = write_mrc(tmp_path / "m.mrc", sections[0], pixel_size=0)
    with pytest.raises(InvalidInput, match="pixel size is not known"):
        MicrographView(path, low_pass=20)
    view = shown(path, low_pass=20, pixel_size=1.5)
    assert view.canvas.settings["low_pass"] == 20
    assert (
        view.alt
        == view.canvas.about["alt"]
        == "Micrograph m.mrc, 512 × 512 pixels, 1.5 Å per pixel"
    )


def test_the_words_have_the_pixel_size_that_was_given(
    tmp_path: Path, sections: Any, shown: Any
) -> None:
    path = write_mrc(tmp_path / "m.mrc", sections[0], pixel_size=PIXEL)
    known = images.ctf(sections[0], pixel_size=2.6, **OPTICS)
    view = shown(path, pixel_size=2.6, ctf=known)
    words = "Micrograph m.mrc, 512 × 512 pixels, 2.6 Å per pixel"
    assert view.alt == view.canvas.about["alt"] == f"{words}. {known.words}"
    assert words in view._figure()
    view.show(path)
    assert view.canvas.about["alt"] == "Micrograph m.mrc, 512 × 512 pixels, 1.5 Å per pixel"


def test_the_mdoc_file_tells_the_voltage(tmp_path: Path, sections: Any, shown: Any) -> None:
    path = write_mrc(tmp_path / "m.mrc", sections[0], pixel_size=0)
    path.with_name("m.mrc.mdoc").write_text(
        "PixelSpacing = 1.7\nVoltage = 200\n\n[ZValue = 0]\nTiltAngle = 0.0\n"
    )
    view = shown(path)
    assert view.canvas.about["voltage"] == 200
    assert view.canvas.pixel_size == 1.7
    assert any("mdoc" in note for note in view.canvas.about["notes"])


def test_where_the_phase_turns_back_the_rings_end_in_words(
    tmp_path: Path, shown: Any, spectrum: Any
) -> None:
    shallow = simulate(
        (SIDE, SIDE), pixel_size=1.2, voltage=100, defocus_u=4000, defocus_v=4000, signal=6, seed=2
    )[0]
    view = shown(write_mrc(tmp_path / "m.mrc", shallow, pixel_size=1.2))
    rows = dict(spectrum(view, 0, {**OPTICS, "voltage": 100})["rows"])
    found = view.ctf
    assert found is not None
    end = float(rows["Rings end"].split()[1])
    rings = 1 / found.zeros(40)
    assert len(rings) < 40
    assert end < rings[-1] < 1.3 * end  # the last ring lies just inside
    deep = shown(write_mrc(tmp_path / "d.mrc", shallow, pixel_size=1.2))
    assert "Rings end" not in dict(spectrum(deep, 0, OPTICS)["rows"])


def test_a_range_of_defocus_is_two_numbers(tilts: Path, shown: Any, ask: Any) -> None:
    view = shown(tilts)
    for ends in ([3000, None], [30_000, 20_000]):
        fit = {**OPTICS, "defocus": ends}
        answer = ask(view.canvas, "spectrum", frame=1, around=1, fit=fit)
        assert answer["type"] == "error"
        assert "Unexpected" not in answer["message"]


def test_without_a_pixel_size_it_is_said_where_to_give_it(
    tmp_path: Path, sections: Any, shown: Any, ask: Any
) -> None:
    view = shown(write_mrc(tmp_path / "m.mrc", sections[0], pixel_size=0))
    answer = ask(view.canvas, "spectrum", frame=0, fit=OPTICS)
    assert answer["type"] == "error"
    assert "pixel_size=" in answer["message"]
    assert "field" not in answer["message"]  # there is none
