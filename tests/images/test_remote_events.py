"""Event movies at an address: frames from all over the movie, not one after the other."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from _events import eer
from _range_server import Server, serving

from openem_nb import images
from openem_nb.errors import InvalidInput
from openem_nb.images import _eer_far
from openem_nb.mining._far import AtAddress
from openem_nb.mining.files import ImageFile
from openem_nb.mining.measure import measure
from openem_nb.mining.parameters import Parameters

if TYPE_CHECKING:
    from collections.abc import Iterator

SHAPE = (512, 600)
RNG = np.random.default_rng(5)


def movie(frames: int, events: int = 400, *, said: int | None = None) -> tuple[bytes, np.ndarray]:
    """Return an event movie, and the image of each frame."""
    pixels = SHAPE[0] * SHAPE[1]
    parts, truth = [], np.zeros((frames, pixels), np.uint8)
    for number in range(frames):
        places = np.sort(RNG.choice(pixels, events, replace=False))
        parts.append((places, RNG.integers(0, 16, events)))
        truth[number, places] = 1
    words = f'<metadata><item name="numberOfFrames">{said or frames}</item></metadata>\0'
    return eer(parts, SHAPE, metadata=words.encode()), truth.reshape(frames, *SHAPE)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as own:
        yield own


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make pieces short, so that a movie of some hundred kilobytes is a large one."""
    monkeypatch.setattr(_eer_far, "_LEAST", 1 << 10)


@pytest.mark.usefixtures("pieces")
def test_frames_from_all_over_the_movie_are_added(server: Server) -> None:
    data, truth = movie(80)
    server.files["a.eer"] = data
    with images.open_image(server.url("a.eer")) as found:
        assert len(server.asked) == 1
        assert (found.frames, found.axes, found.dtype) == (1, ("y", "x"), np.uint8)
        note = next(one for one in found.notes if "raw frames" in one)
        assert "of 80 raw frames, from 8 places" in note
        seen = found.frame()
        added = found.header["preview"]["raw frames added"]
        assert 24 <= added <= 40
        assert found.header["preview"]["raw frames in the movie"] == 80
        assert int(seen.sum()) == 400 * added
        assert 2 <= len(server.asked) <= 1 + 8  # places in the head were here
        assert found.bytes_fetched < 0.7 * len(data) + (1 << 16)
    # each frame adds its own events whole or not at all, and they come from all eighths
    whole = [number for number, one in enumerate(truth) if (seen[one > 0] > 0).all()]
    assert np.array_equal(truth[whole].sum(0), seen)
    assert {number * 8 // 80 for number in whole} >= {0, 2, 4, 7}


@pytest.mark.usefixtures("pieces")
def test_the_dose_of_a_part_is_that_of_all_frames(server: Server, tmp_path: Path) -> None:
    data, _ = movie(80)
    server.files["a.eer"] = data
    true = 80 * 400 / (SHAPE[0] * SHAPE[1])
    with images.open_image(server.url("a.eer")) as found:
        assert images.dose(found, pixel_size=1.0).counted == pytest.approx(true)
        assert found.header["preview"]["raw frames added"] < 60, "it was a part"
    file = ImageFile(Path("a.eer"), "a.eer", len(data), 0, far=AtAddress(server.url("a.eer")))
    row = measure(file, Parameters(measures=("dose",), pixel_size=1.0, dose=true), tmp_path)
    assert row["dose_ratio"] == pytest.approx(1)


@pytest.mark.usefixtures("pieces")
def test_a_part_of_nobody_knows_how_much_has_no_dose(server: Server) -> None:
    data, _ = movie(80, said=0)
    server.files["a.eer"] = data.replace(b"numberOfFrames", b"anotherMatter0")
    with images.open_image(server.url("a.eer")) as found:
        with pytest.raises(InvalidInput, match="does not say of how many"):
            images.dose(found, pixel_size=1.0)
        assert images.dose(found, pixel_size=1.0, frames=2).counted > 0


@pytest.mark.usefixtures("pieces")
def test_a_server_without_ranges_shows_the_first_frames(server: Server) -> None:
    data, truth = movie(80)
    server.files["a.eer"] = data
    server.ranges = False
    with images.open_image(server.url("a.eer")) as found:
        assert any("whole files only" in one for one in found.notes)
        seen = found.frame()
        added = found.header["preview"]["raw frames added"]
        assert 3 <= added <= 5
        assert np.array_equal(seen, truth[:added].sum(0))


def test_a_small_movie_is_shown_whole(server: Server) -> None:
    data, truth = movie(20, said=21)
    server.files["a.eer"] = data
    with images.open_image(server.url("a.eer")) as found:
        assert np.array_equal(found.frame(), truth.sum(0))
        assert found.header["preview"]["raw frames added"] == 20
        assert len(server.asked) <= 2 + len(data) // (1 << 20)
        assert np.allclose(found.thumbnail(128), images.block_mean(truth.sum(0), 5), rtol=1e-5)


def test_more_frames_than_a_byte_can_hold(server: Server) -> None:
    places = np.arange(3000)
    data = eer([(places, np.zeros(3000, np.int64))] * 300, (60, 50))
    server.files["a.eer"] = data
    with images.open_image(server.url("a.eer")) as found:
        assert found.dtype == np.uint16
        assert (found.frame() == 300).all()


@pytest.mark.usefixtures("pieces")
def test_bytes_that_look_like_a_directory_are_passed(server: Server) -> None:
    data, _truth = movie(60)
    width = data.find(b"\0\1\4\0\1\0\0\0\0\0\0\0")
    entry = data[width : width + 20]
    # frames whose events hold the entry of a directory
    broken = bytearray(data)
    for start in range(len(data) // 2, len(data) - 400, 3000):
        broken[start : start + 20] = entry
    server.files["a.eer"] = bytes(broken)
    with images.open_image(server.url("a.eer")) as found:
        found.frame()
        assert 5 <= found.header["preview"]["raw frames added"] <= 40


@pytest.mark.usefixtures("pieces")
def test_where_no_directory_is_found_the_first_frame_is_shown(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, truth = movie(60)
    server.files["a.eer"] = data
    monkeypatch.setattr(_eer_far, "_entry", lambda _page: (b"no such entry", 0))
    with images.open_image(server.url("a.eer")) as found:
        assert np.array_equal(found.frame(), truth[0])
        assert found.header["preview"]["raw frames added"] == 1


def test_a_movie_that_breaks_off_keeps_its_whole_frames(server: Server, tmp_path: Path) -> None:
    data, truth = movie(12)
    server.files["a.eer"] = data[: len(data) * 3 // 4]
    with images.open_image(server.url("a.eer")) as found:
        added = 0
        seen = found.frame()
        added = found.header["preview"]["raw frames added"]
        assert 7 <= added <= 9
        assert np.array_equal(seen, truth[:added].sum(0))


@pytest.mark.usefixtures("pieces")
def test_memory_is_that_of_the_image_and_of_some_pieces(server: Server) -> None:
    data, _truth = movie(300)
    server.files["a.eer"] = data
    with images.open_image(server.url("a.eer")) as found:
        tracemalloc.start()
        found.thumbnail(128)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < SHAPE[0] * SHAPE[1] * 4 + (6 << 20)
