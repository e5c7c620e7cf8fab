"""EER movies: every event once, at the pixels of the camera and finer."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from _events import eer

from openem_nb import images
from openem_nb.errors import DamagedFile, InvalidInput

SHAPE = (64, 96)


def movie(seed: int = 0, frames: int = 5, events: int = 300) -> list:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(frames):
        places = np.sort(rng.choice(SHAPE[0] * SHAPE[1], events, replace=False))
        found.append((places, rng.integers(0, 16, events)))
    return found


def truth(frames: list, superres: int = 0) -> np.ndarray:
    scale = 1 << superres
    total = np.zeros((SHAPE[0] * scale, SHAPE[1] * scale), np.int64)
    for places, sub in frames:
        y, x = np.divmod(places, SHAPE[1])
        # two bits of the place in x, then two in y; both have their upper bit turned over
        sx, sy = (sub & 3) ^ 2, (sub >> 2) ^ 2
        down = 2 - superres
        np.add.at(total, (y * scale + (sy >> down), x * scale + (sx >> down)), 1)
    return total


@pytest.mark.parametrize("compression", [65000, 65001, 65002])
@pytest.mark.parametrize("superres", [0, 1, 2])
def test_every_event_is_counted_once(compression: int, superres: int) -> None:
    frames = movie()
    raw = eer(frames, SHAPE, compression=compression)
    found = images.open_image(raw, name="a.eer", superres=superres)
    assert (found.format, found.frames) == ("eer", 5)
    assert found.shape == (SHAPE[0] << superres, SHAPE[1] << superres)
    expected = truth(frames, superres)
    assert np.array_equal(np.rint(found.average() * 5), expected)
    assert np.array_equal(found.frame(3), truth(frames[3:4], superres))
    chosen = found.average(frames=[1, 2])
    assert np.array_equal(np.rint(chosen * 2), truth(frames[1:3], superres))


def test_frames_are_those_of_tifffile() -> None:
    raw = eer(movie(3), SHAPE, metadata=b"<metadata></metadata>")
    with tifffile.TiffFile(io.BytesIO(raw)) as file:
        expected = [page.asarray() for page in file.pages]
    found = images.open_image(raw)
    for number, frame in enumerate(expected):
        assert np.array_equal(found.frame(number), frame)


def test_what_the_camera_says_is_in_the_header() -> None:
    text = (
        b'<metadata><item name="numberOfFrames">7</item>'
        b'<item name="dose" unit="e">1</item></metadata>'
    )
    found = images.open_image(eer(movie(), SHAPE, metadata=text))
    assert found.header["EER"] == {"numberOfFrames": "7", "dose": "1"}
    assert found.notes == ("The camera says 7 frames, the file holds 5.",)


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [("1.19e-10", b' unit="m"', 1.19), ("0.119", b' unit="nm"', 1.19), ("1.19e-10", b"", 1.19)]
    + [(one, b' unit="m"', None) for one in ("1.4e-05", "0", "-1e-10", "nan", "many")],
)
@pytest.mark.parametrize("superres", [0, 1, 2])
def test_the_pixel_of_the_specimen_is_not_that_of_the_sensor(
    value: str, unit: bytes, expected: float | None, superres: int
) -> None:
    text = b'<metadata><item name="sensorPixelSize.width"%s>%s</item></metadata>'
    raw = eer(movie(), SHAPE, metadata=text % (unit, value.encode()))
    found = images.open_image(raw, superres=superres)
    wanted = None if expected is None else pytest.approx(expected / 2**superres)
    assert found.pixel_size == wanted
    assert found.voltage is None


def test_a_movie_that_was_cut_off_keeps_its_whole_frames() -> None:
    frames = movie()
    raw = eer(frames, SHAPE)
    found = images.open_image(raw[: len(raw) * 7 // 10], name="a.eer")
    assert 0 < found.frames < 5
    assert len(found.notes) == 1
    whole = found.frames - 1
    assert np.array_equal(
        np.rint(found.average(frames=range(whole)) * whole), truth(frames[:whole])
    )


def test_damaged_events_are_told() -> None:
    raw = bytearray(eer(movie(frames=1), SHAPE))
    raw[-300:] = b"\xff" * 300  # distances that run beyond the last pixel
    found = images.open_image(bytes(raw), name="a.eer")
    with pytest.raises(DamagedFile, match="events of frame 0 make no sense"):
        found.average()
    with pytest.raises(DamagedFile, match="events of frame 0 make no sense"):
        found.frame(0)


def test_frames_of_an_odd_number_of_bytes() -> None:
    places, inside = np.array([5, 700, 6143]), np.array([0, 3, 9])
    raw = eer([(places, inside)], SHAPE, odd=True)
    found = images.open_image(raw).frame()
    assert np.flatnonzero(found).tolist() == places.tolist()


def test_a_finer_grid_than_there_is_is_refused() -> None:
    with pytest.raises(InvalidInput, match="super-resolution 3"):
        images.open_image(eer(movie(), SHAPE), superres=3)
