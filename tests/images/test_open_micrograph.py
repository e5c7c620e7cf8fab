"""What an open micrograph gives: views, small pictures, itself in a notebook; from many threads."""

from __future__ import annotations

import io
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import mrcfile
import numpy as np
import pytest
import tifffile
from PIL import Image

import openem_nb as openem
from openem_nb import images
from openem_nb.errors import DamagedFile, InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

FRAMES = np.random.default_rng(6).poisson(3, (5, 300, 420)).astype(np.int16)


@pytest.fixture
def movie(tmp_path: Path) -> images.Micrograph:
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(FRAMES)
        file.set_image_stack()
        file.voxel_size = 1.5
    return openem.open_image(tmp_path / "a.mrc")


def test_views_are_exact_means(movie: images.Micrograph) -> None:
    found = movie.view(20, 120, 40, 240, height=10, width=20, frame=2)
    expected = FRAMES[2, 20:120, 40:240].reshape(10, 10, 20, 10).mean((1, 3))
    assert np.allclose(found, expected, rtol=1e-6)
    whole = movie.view(0, 300, 0, 420, height=75, width=105, frame="sum")
    expected = FRAMES.mean(axis=0).reshape(75, 4, 105, 4).mean((1, 3))
    assert np.allclose(whole, expected, rtol=1e-5)
    native = movie.view(5, 25, 7, 57, height=4000, width=4000, frame=1)
    assert np.array_equal(native, FRAMES[1, 5:25, 7:57])
    assert movie.view(20, 120, 40, 240, height=10, width=20, frame=2) is found
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0] = 1


def test_the_thumbnail_of_a_movie_is_that_of_its_mean(movie: images.Micrograph) -> None:
    assert movie.is_movie
    found = movie.thumbnail(105)
    assert np.allclose(found, FRAMES.mean(axis=0).reshape(75, 4, 105, 4).mean((1, 3)), rtol=1e-5)
    assert movie.thumbnail(105, frame=0) is not found
    assert movie.thumbnail(1).shape == (1, 1)
    assert movie.average(frames=[1, 3]) == pytest.approx(FRAMES[[1, 3]].mean(axis=0))


def test_frames_of_a_mean_are_chosen_by_number_or_by_truth(movie: images.Micrograph) -> None:
    wanted = np.array([False, True, False, True, False])
    expected = FRAMES[[1, 3]].mean(axis=0)
    for frames in ([1, 3], np.array([1, 3]), wanted, wanted.tolist(), iter((1, 3))):
        assert movie.average(frames=frames) == pytest.approx(expected)
    wrong = (slice(0, 3), 3, "all", b"01", wanted[:3], [True, 1], [0.5], [None], wanted[:, None])
    for frames in wrong:
        with pytest.raises(InvalidInput, match="does not choose frames"):
            movie.average(frames=frames)  # type: ignore[arg-type]


def test_a_file_that_has_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "a.mrc"
    for value in (3, 4):
        mrcfile.write(path, np.full((40, 40), value, np.float32), overwrite=True)
        with images.open_image(path) as found:
            assert np.all(found.thumbnail(10) == value)


def test_what_is_not_there_is_said(movie: images.Micrograph) -> None:
    with pytest.raises(InvalidInput, match="no frame 5"):
        movie.frame(5)
    with pytest.raises(InvalidInput, match="no frame -1"):
        movie.frame(-1)
    with pytest.raises(InvalidInput, match="not all in"):
        movie.window(0, 301, 0, 10)
    with pytest.raises(InvalidInput, match="no frames"):
        movie.average(frames=[])
    with pytest.raises(InvalidInput, match="shape"):
        movie.band(0, 5, out=np.empty((4, 420), np.int16))


@pytest.mark.parametrize("wrong", [None, 3, np.zeros((4, 5)), ["a.mrc"]])
def test_what_cannot_be_opened_is_said(wrong: object) -> None:
    with pytest.raises(InvalidInput, match="path, address or bytes"):
        openem.open_image(wrong)  # type: ignore[arg-type]


def test_only_event_movies_have_a_super_resolution_to_choose(
    movie: images.Micrograph, tmp_path: Path
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 5), np.uint8))
    for path in (movie.source, tmp_path / "a.tif"):
        with pytest.raises(InvalidInput, match="only EER movies"):
            openem.open_image(path, superres=1)


def test_a_file_that_shrinks_while_it_is_open_is_told(tmp_path: Path) -> None:
    mrcfile.write(tmp_path / "a.mrc", np.zeros((512, 1024), np.float32))
    with openem.open_image(tmp_path / "a.mrc") as found:
        size = (tmp_path / "a.mrc").stat().st_size
        with (tmp_path / "a.mrc").open("r+b") as file:
            file.truncate(90_000)
        for read in (found.frame, lambda: found.band(300, 400), lambda: found.thumbnail(64)):
            with pytest.raises(DamagedFile, match=f"shorter .* 90,000 bytes are left of {size:,}"):
                read()


@pytest.mark.parametrize("size", [0.83, 1.3, 1.06, 0.6575, 2.7184, 1.35, 12.0])
@pytest.mark.parametrize("width", [512, 410, 576])
def test_pixel_sizes_are_the_decimals_that_were_meant(
    tmp_path: Path, size: float, width: int
) -> None:
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(np.zeros((4, width), np.int8))
        file.voxel_size = size
    assert openem.open_image(tmp_path / "a.mrc").pixel_size == size
    assert images.scan(tmp_path).pixel_size.tolist() == [size]
    with images.open_map(tmp_path / "a.mrc") as found:
        assert found.voxel_size == (size,) * 3


def test_how_it_shows_itself(movie: images.Micrograph) -> None:
    assert repr(movie) == (
        "<Micrograph a.mrc, 420 × 300 pixels, 5 frames, 1.5 Å per pixel, mrc, int16>"
    )
    shown = movie._repr_mimebundle_()
    assert 'alt="Micrograph a.mrc, 420' in shown["text/html"]
    assert "data:image/jpeg;base64," in shown["text/html"]
    assert Image.open(io.BytesIO(movie.picture(210))).size == (210, 150)
    hostile = images.open_image(_tiff(FRAMES[0]), name='"><script>alert(1)</script>.tif')
    assert "<script>" not in hostile._repr_html_()


def _tiff(data: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, data, metadata=None, **options)  # type: ignore[arg-type]
    return stream.getvalue()


def test_many_threads_read_from_one_file(movie: images.Micrograph) -> None:
    packed = images.open_image(_tiff(FRAMES, compression="lzw", rowsperstrip=16))

    def look(number: int) -> bool:
        frame, y, x = number % 5, 7 * (number % 30), 5 * (number % 40)
        expected = FRAMES[frame, y : y + 60, x : x + 90]
        return all(
            np.array_equal(one.window(y, y + 60, x, x + 90, frame=frame), expected)
            and np.array_equal(one.band(y, y + 30, frame=frame), FRAMES[frame, y : y + 30])
            for one in (movie, packed)
        )

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(look, range(400)))


def test_a_mean_needs_no_more_memory_than_its_result(tmp_path: Path) -> None:
    data = np.ones((12, 2000, 1500), np.int16)
    with mrcfile.new_mmap(tmp_path / "a.mrc", data.shape, mrc_mode=1) as file:
        file.data[:] = data
        file.set_image_stack()
    gain = np.full((2000, 1500), 2, np.float32)
    with images.open_image(tmp_path / "a.mrc") as found:
        tracemalloc.start()
        mean = found.average(gain=gain)
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert np.all(mean == 2)
    assert most < mean.nbytes + (16 << 20) < 3 * data[0].nbytes + (16 << 20)


def test_a_packed_frame_is_never_whole_in_memory() -> None:
    data = np.random.default_rng(1).poisson(0.5, (4000, 6000)).astype(np.uint8)
    found = images.open_image(_tiff(data, compression="lzw", rowsperstrip=32))
    tracemalloc.start()
    small = found.thumbnail(500)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.allclose(small, images.block_mean(data, 12), rtol=1e-5)
    assert most < 16 << 20
