"""The way of a specimen through a movie, against the way it was given."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import mrcfile
import numpy as np
import pytest
from scipy import ndimage

from openem_nb import images
from openem_nb.errors import InvalidInput
from openem_nb.practice import micrographs

if TYPE_CHECKING:
    from pathlib import Path


def rms(found: images.Motion, truth: Any) -> float:
    """Return the distance of the ways in pixels of the movie, apart from where they begin."""
    error = (found.track - found.track.mean(axis=0)) - (truth.track - truth.track.mean(axis=0))
    return float(np.sqrt((error**2).sum(axis=1).mean())) / truth.pixel_size


@pytest.mark.parametrize(
    "values",
    [
        {"frames": 12, "drift": 20.0, "seed": 1},
        {"frames": 16, "drift": 12.0, "seed": 2, "gain": True, "hot_pixels": 40},
        {"frames": 10, "drift": 45.0, "seed": 3},
    ],
)
def test_way_is_found_to_a_third_of_a_pixel(values: dict[str, Any]) -> None:
    movie, truth = micrographs.simulate((1024, 1024), dose=50, covered=0.3, **values)
    found = images.motion(movie.astype(np.uint16), gain=truth.gain, pixel_size=truth.pixel_size)
    assert rms(found, truth) < 0.3
    assert found.unit == "Å"
    assert found.total == pytest.approx(truth.drift, rel=0.15)
    assert found.early + found.late == pytest.approx(found.total)
    assert (found.track[0] == 0).all()
    assert found.reliable, found.doubt
    assert found.noise < 0.6
    assert found.scatter < 2 * found.noise


def test_a_specimen_that_stays_stays() -> None:
    movie, truth = micrographs.simulate((1024, 1024), dose=50, covered=0.3, frames=8, seed=4)
    found = images.motion(movie, pixel_size=truth.pixel_size)
    assert rms(found, truth) < 0.3
    assert found.total < 3


@pytest.mark.parametrize(("y", "x"), [(3, 0), (0, -2), (-1, 4)])
def test_directions_are_those_of_rows_and_columns(y: int, x: int) -> None:
    rng = np.random.default_rng(5)
    scene = np.kron(rng.random((100, 100)), np.ones((10, 10))) * 20
    frames = np.stack(
        [np.roll(scene, (y * number, x * number), (0, 1))[100:900, 100:900] for number in range(6)]
    )
    found = images.motion(rng.poisson(frames).astype(np.float32))
    assert found.unit == "pixels"
    assert found.track[-1] == pytest.approx((5 * y, 5 * x), abs=0.6)


def test_the_track_is_drawn(tmp_path: Path) -> None:
    time = np.arange(9)
    track = np.stack([3.0 * time, -1.0 * time], axis=1)
    seen = track + np.random.default_rng(1).normal(size=track.shape)
    found = images.Motion(track, 2, "Å", seen, signal=20.0, noise=1.4, doubt="")
    picture = found.picture()
    assert picture.startswith(b"<?xml")
    assert found.picture(kind="png").startswith(b"\x89PNG")
    assert found.picture(tmp_path / "track.png") == tmp_path / "track.png"
    assert (tmp_path / "track.png").read_bytes().startswith(b"\x89PNG")
    lost = images.Motion(track, 2, "Å", seen, signal=1.0, noise=np.inf, doubt="Nothing to follow.")
    assert lost.picture() != picture
    page = lost._repr_html_()
    assert 'alt="Track of the specimen: No motion to rely on. Nothing to follow."' in page
    assert repr(lost) == "<Motion 9 frames: No motion to rely on. Nothing to follow.>"
    with pytest.raises(InvalidInput, match="no picture of kind 'gif'"):
        found.picture("track.gif")


def test_early_is_what_came_before_four_electrons() -> None:
    movie, truth = micrographs.simulate((640, 640), dose=40, frames=20, drift=20, seed=6)
    found = images.motion(movie, pixel_size=truth.pixel_size, dose_per_frame=2.0)
    assert found.early_frames == 2
    assert found.early == pytest.approx(found.steps[:2].sum())
    assert found.words.startswith(f"Moved by {found.total:.1f} Å")


@pytest.mark.parametrize("shape", [(2, 400, 400), (8, 64, 64), (400, 400)])
def test_what_is_no_movie_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInput):
        images.motion(np.zeros(shape, np.uint8))


def test_a_gain_reference_of_another_shape_is_refused() -> None:
    with pytest.raises(InvalidInput, match="gain reference has the shape"):
        images.motion(np.zeros((4, 256, 256), np.uint8), gain=np.ones((200, 256)))


def test_empty_frames_do_not_move() -> None:
    found = images.motion(np.zeros((4, 256, 256), np.uint8))
    assert found.total == pytest.approx(0, abs=1e-6)
    assert found.signal == 0
    assert not found.reliable


@pytest.mark.parametrize(("frames", "side"), [(3, 128), (12, 512), (30, 256)])
def test_motion_of_noise_is_none_to_rely_on(frames: int, side: int) -> None:
    counts = np.random.default_rng(frames).poisson(1, (frames, side, side)).astype(np.uint8)
    found = images.motion(counts, pixel_size=1.0)
    assert found.signal < 4
    assert not found.reliable
    assert found.words.startswith("No motion to rely on. The frames have too little in common")


def steps(track: Any, side: int = 640) -> Any:
    """Return a movie of a scene that stood at these places."""
    rng = np.random.default_rng(3)
    scene = ndimage.gaussian_filter(rng.normal(size=(side, side)), 4)
    scene = np.fft.fft2(scene / scene.std())
    moved = [np.fft.ifft2(ndimage.fourier_shift(scene, place)).real for place in track]
    return rng.poisson(np.clip(1 + 0.15 * np.stack(moved), 0, None)).astype(np.uint8)


@pytest.mark.parametrize(
    "way",
    [
        lambda time: np.where(time < 12, 0.0, 8.0),  # a stage that jumps
        lambda time: 4 * np.sin(time * 2 * np.pi / 6),  # one that shakes
    ],
)
def test_a_way_that_is_not_smooth_is_told(way: Any) -> None:
    time = np.arange(24)
    track = np.stack([way(time), 0 * time], axis=1)
    found = images.motion(steps(track), pixel_size=1.0)
    assert found.signal > 20
    assert found.scatter > 3 * found.noise
    assert not found.reliable
    assert "the stage jumped, or shook" in found.words
    # where each frame was seen is right even so
    assert found.seen - found.seen.mean(axis=0) == pytest.approx(track - track.mean(axis=0), abs=1)


def test_a_single_frame_and_frames_that_are_too_small_are_told_apart() -> None:
    with pytest.raises(InvalidInput, match=r"^1 frame cannot show"):
        images.motion(np.zeros((1, 1024, 1024)))
    with pytest.raises(InvalidInput, match="20 × 40 pixels are too small") as caught:
        images.motion(np.zeros((5, 40, 20)), pixel_size=1.0)
    assert caught.value.hint.startswith("96 pixels")


def test_the_gain_reference_may_be_a_file(tmp_path: Path) -> None:
    movie, truth = micrographs.simulate((256, 256), dose=50, frames=4, seed=2, gain=True)
    mrcfile.write(tmp_path / "gain.mrc", truth.gain.astype(np.float32))
    found = images.motion(movie, gain=tmp_path / "gain.mrc", pixel_size=truth.pixel_size)
    given = images.motion(movie, gain=truth.gain, pixel_size=truth.pixel_size)
    assert found.track == pytest.approx(given.track, abs=1e-3)
