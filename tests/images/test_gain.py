"""Gain references: multiplied or divided, turned as documents say, dead pixels stay dead."""

from __future__ import annotations

from importlib import import_module
from types import SimpleNamespace
from typing import TYPE_CHECKING

import mrcfile
import numpy as np
import pytest
import tifffile
from _gatan import dm

from openem_nb import images
from openem_nb.errors import InvalidInput, NotFound
from openem_nb.images.gain import turned
from openem_nb.panels._micrograph_views import Views

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GAIN = np.random.default_rng(3).uniform(0.8, 1.2, (12, 16)).astype(np.float32)


def test_files_of_all_kinds(tmp_path: Path) -> None:
    mrcfile.write(tmp_path / "a.mrc", GAIN)
    tifffile.imwrite(tmp_path / "a.tif", GAIN)
    (tmp_path / "a.dm4").write_bytes(dm(GAIN))
    for name in ("a.mrc", "a.tif", "a.dm4"):
        found = images.read_gain(tmp_path / name)
        assert np.array_equal(found.array, GAIN)
        assert (found.name, found.dead) == (name, 0)


def test_the_reference_of_an_event_movie_divides(tmp_path: Path) -> None:
    gain = GAIN.copy()
    gain[3, 4] = 0
    tifffile.imwrite(tmp_path / "a.gain", gain)
    found = images.read_gain(tmp_path / "a.gain")
    assert found.array[3, 4] == 0
    assert found.dead == 1
    assert np.allclose(found.array[gain > 0], 1 / gain[gain > 0])
    assert np.array_equal(images.read_gain(tmp_path / "a.gain", divide=False).array, gain)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", GAIN),
        ("none", GAIN),
        ("flip x", GAIN[:, ::-1]),
        ("Flip Y", GAIN[::-1]),
        ("flip x, flip y", GAIN[::-1, ::-1]),
        ("rotate 180", GAIN[::-1, ::-1]),
        # counter-clockwise, the first row at the bottom: what was right is then on top
        ("rotate 90", GAIN.T[:, ::-1]),
        ("rotate 270", GAIN.T[::-1]),
        ("rotate -90", GAIN.T[::-1]),
        ("flip y rotate 90", GAIN[::-1].T[:, ::-1]),
        ("rot90", GAIN.T[:, ::-1]),
        ("flip upside down", GAIN[::-1]),
        ("upside_down", GAIN[::-1]),
        ("Flip Left-Right", GAIN[:, ::-1]),
        ("rotate 90 and flip upside down", GAIN.T[::-1, ::-1]),
        ("flip x rotate 90", GAIN[:, ::-1].T[:, ::-1]),
        ("rotate 90 flip x", GAIN.T),
        ("rotate 90, then x flip", GAIN.T),
        ("rotation: 270 flip_y flip x", GAIN.T[:, ::-1]),
    ],
)
def test_turned_as_the_words_say(words: str, expected: np.ndarray) -> None:
    assert np.array_equal(turned(GAIN, words), expected)


def test_a_rotation_is_counter_clockwise_on_the_screen() -> None:
    image = np.zeros((3, 3))
    image[0, 2] = 1  # at the bottom right, as rows are counted from below
    found = turned(image, "rotate 90")
    assert found[2, 2] == 1  # at the top right


def test_a_rotation_is_clockwise_as_an_array_is_printed() -> None:
    assert turned(np.array([[1, 2], [3, 4]]), "rotate 90").tolist() == [[3, 1], [4, 2]]


def test_words_that_are_not_known() -> None:
    for words in ("flip z", "rotate 45", "rotate 1800", "sideways", "left"):
        with pytest.raises(InvalidInput, match="no way to turn"):
            turned(GAIN, words)


@pytest.mark.parametrize("words", ["flip along x", "flip about y", "flipped around x"])
def test_words_that_mean_two_things(words: str) -> None:
    with pytest.raises(InvalidInput, match="either of two") as caught:
        turned(GAIN, words)
    assert "upside down" in caught.value.hint
    assert "left-right" in caught.value.hint


def test_pixels_without_a_number_are_dead(tmp_path: Path) -> None:
    gain = GAIN.copy()
    gain[2, 3], gain[4, 5], gain[6, 7] = np.nan, np.inf, 0
    frames = np.full((3, 12, 16), 7, np.uint8)
    movie = images.open_image(_mrc(frames))
    read = images.read_gain(_written(tmp_path / "a.tif", gain))
    known = images.Gain(gain)
    assert (known.dead, read.dead) == (3, 3)
    for found in (known.apply(frames[0]), movie.average(gain=known), movie.average(gain=read)):
        assert found[[2, 4, 6], [3, 5, 7]].tolist() == [0, 0, 0]
        assert np.isfinite(found).all()
        assert found[1, 1] == pytest.approx(7 * gain[1, 1])


def test_a_mean_with_gain() -> None:
    frames = np.random.default_rng(1).integers(0, 200, (7, 12, 16)).astype(np.uint8)
    raw = images.Gain(GAIN)
    stream = _mrc(frames)
    found = images.open_image(stream).average(gain=raw)
    assert found.dtype == np.float32
    assert np.allclose(found, frames.mean(axis=0) * GAIN, rtol=1e-6)
    assert np.allclose(images.open_image(stream).average(gain=GAIN), found)
    with pytest.raises(InvalidInput, match="shape") as caught:
        images.open_image(stream).average(gain=GAIN.T)
    assert "rotate 90" in caught.value.hint
    with pytest.raises(InvalidInput) as caught:
        images.open_image(stream).average(gain=GAIN[:6, :8])
    assert "super-resolution" in caught.value.hint


@pytest.mark.parametrize("by", [2, 4])
def test_a_reference_in_super_resolution_tells_how_it_fits(by: int) -> None:
    movie = images.open_image(_mrc(np.full((2, 12, 16), 3, np.uint8)))
    fine = images.Gain(np.repeat(np.repeat(GAIN, by, 0), by, 1))
    with pytest.raises(InvalidInput) as caught:
        movie.average(gain=fine)
    assert f"images.block_mean(gain.array, {by})" in caught.value.hint
    found = movie.average(gain=images.block_mean(fine.array, by))
    assert np.allclose(found, 3 * GAIN, rtol=1e-6)


def test_the_path_of_a_reference_does_as_well(tmp_path: Path) -> None:
    frames = np.random.default_rng(1).integers(0, 200, (7, 12, 16)).astype(np.uint8)
    mrcfile.write(tmp_path / "gain.mrc", GAIN)
    movie = images.open_image(_mrc(frames))
    expected = movie.average(gain=GAIN)
    for path in (tmp_path / "gain.mrc", str(tmp_path / "gain.mrc")):
        assert np.array_equal(movie.average(gain=path), expected)
    with pytest.raises(NotFound):
        movie.average(gain=tmp_path / "none.mrc")
    for wrong in (GAIN[0], np.array([["a"]]), object()):
        with pytest.raises(InvalidInput, match="gain reference is one image"):
            movie.average(gain=wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["i2", "u2"])
def test_sums_of_large_numbers_do_not_overflow(kind: str) -> None:
    ends = np.iinfo(kind)
    rng = np.random.default_rng(5)
    frames = rng.integers(ends.min, ends.max, (40, 24, 30), endpoint=True).astype(kind)
    frames[:, 0] = ends.max
    frames[:, 1] = ends.min
    frames[:, 2:6] %= 900
    found = images.open_image(_mrc(frames)).average()
    assert np.allclose(found, frames.mean(axis=0, dtype=np.float64), rtol=1e-6, atol=1e-3)


def _mrc(frames: np.ndarray) -> bytes:
    import struct

    mode = {"u1": 0, "i2": 1, "u2": 6}[frames.dtype.str[1:]]
    head = bytearray(1024)
    count, height, width = frames.shape
    struct.pack_into("<10i", head, 0, width, height, count, mode, 0, 0, 0, width, height, count)
    head[208:214] = b"MAP \x44\x44"
    struct.pack_into("<2i", head, 152, 1146047817, 0)
    return bytes(head) + frames.tobytes()


def _written(path: Path, array: np.ndarray) -> Path:
    """Write the same image as RELION and IMOD do: in TIFF the last row comes first."""
    if path.suffix == ".mrc":
        with mrcfile.new(path, overwrite=True) as file:
            file.set_data(array)
            if array.ndim == 3:
                file.set_image_stack()
    else:
        tifffile.imwrite(path, array[..., ::-1, :], photometric="minisblack")
    return path


@pytest.mark.parametrize("words", ["", "flip y", "rotate 180", "rotate 180 flip x"])
@pytest.mark.parametrize("reference", ["gain.mrc", "gain.tif"])
@pytest.mark.parametrize("name", ["movie.mrc", "movie.tif"])
def test_a_reference_lies_on_movies_of_any_format(
    tmp_path: Path, name: str, reference: str, words: str
) -> None:
    frames = np.random.default_rng(1).integers(1, 200, (3, 12, 16)).astype(np.int16)
    gain = images.read_gain(_written(tmp_path / reference, GAIN), flip_rotate=words)
    movie = images.open_image(_written(tmp_path / name, frames))
    lies = slice(None) if name == "movie.mrc" else slice(None, None, -1)
    mean, one = ((part * turned(GAIN, words))[lies] for part in (frames.mean(axis=0), frames[1]))
    assert np.allclose(movie.average(gain=gain), mean, rtol=1e-6)
    assert np.allclose(gain.fitted(movie).apply(movie.frame(1)), one, rtol=1e-6)
    assert np.allclose(Views(movie, gain=gain).whole(1), one, rtol=1e-6)


def test_a_reference_is_rotated_as_relion_rotates_it(tmp_path: Path) -> None:
    known = images.read_gain(_written(tmp_path / "gain.mrc", GAIN), flip_rotate="rotate 90")
    found = images.read_gain(_written(tmp_path / "gain.tif", GAIN), flip_rotate="rotate 90")
    assert np.array_equal(found.array[::-1], known.array)


def test_an_array_lies_row_on_row(tmp_path: Path) -> None:
    frames = np.full((2, 12, 16), 3, np.int16)
    movie = images.open_image(_written(tmp_path / "movie.tif", frames))
    assert np.allclose(movie.average(gain=GAIN), 3 * GAIN)
    assert np.allclose(movie.average(gain=images.Gain(GAIN)), 3 * GAIN)


@pytest.mark.parametrize("name", ["gain.mrc", "gain.gain"])
def test_a_reference_lies_on_events_as_relion_lays_it(tmp_path: Path, name: str) -> None:
    if name == "gain.mrc":
        mrcfile.write(tmp_path / name, GAIN)
    else:
        tifffile.imwrite(tmp_path / name, 1 / GAIN)
    found = images.read_gain(tmp_path / name).fitted(SimpleNamespace(format="eer"))
    assert np.allclose(found.array, GAIN)


def test_motion_has_the_reference_lie_as_the_mean_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[np.ndarray] = []

    def followed(frames: Iterator[np.ndarray], *_: object) -> None:
        seen.extend(frames)
        raise InterruptedError

    monkeypatch.setattr(import_module("openem_nb.images.motion"), "_Frames", followed)
    counts = np.random.default_rng(1).integers(1, 200, (3, 160, 192)).astype(np.int16)
    gain = np.random.default_rng(2).uniform(0.8, 1.2, (160, 192)).astype(np.float32)
    _written(tmp_path / "gain.mrc", gain)
    movie = images.open_image(_written(tmp_path / "movie.tif", counts))
    with pytest.raises(InterruptedError):
        images.motion(movie, gain=tmp_path / "gain.mrc")
    assert np.allclose(seen, (counts * gain)[:, ::-1])
