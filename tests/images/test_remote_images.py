"""Files at an address: one request for a header, one stream for a preview, nothing in vain."""

from __future__ import annotations

import io
import tarfile
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import mrcfile
import numpy as np
import pytest
import tifffile
from _range_server import Server, serving

from openem_nb import images
from openem_nb.errors import BadAnswer, DamagedFile, InvalidInput, NotFound
from openem_nb.images.remote import RemoteFile

if TYPE_CHECKING:
    from collections.abc import Iterator

RNG = np.random.default_rng(8)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as own:
        yield own


def mrc(data: np.ndarray) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.mrc"
        with mrcfile.new(path) as file:
            file.set_data(data)
            file.voxel_size = 1.1
            if data.ndim == 3:
                file.set_image_stack()
        return path.read_bytes()


@pytest.fixture(scope="module")
def micrograph() -> np.ndarray:
    return RNG.integers(0, 900, (1500, 1700)).astype(np.int16)


def test_header_and_preview(server: Server, micrograph: np.ndarray) -> None:
    data = server.files["a b.mrc"] = mrc(micrograph)
    with images.open_image(server.url("a%20b.mrc?signature=secret")) as found:
        assert found.name == "a b.mrc"
        assert found.shape == (1500, 1700)
        assert found.pixel_size == pytest.approx(1.1)
        assert len(server.asked) == 1
        assert found.bytes_fetched == 1 << 16
        assert "secret" not in found.source + repr(found)
        small = found.thumbnail(256)
        assert np.allclose(small, images.block_mean(micrograph, 7), rtol=1e-5)
        assert len(server.asked) == 2
        assert found.bytes_fetched == len(data)  # the head was here
        found.thumbnail(256)
        assert len(server.asked) == 2
        assert np.array_equal(found.window(700, 720, 100, 200), micrograph[700:720, 100:200])


@pytest.mark.parametrize("shape", [(512, 1024), (150, 100), (2500, 2600)])
@pytest.mark.parametrize("taken", ["thumbnail", "frame", "average"])
def test_no_byte_comes_twice(server: Server, shape: tuple[int, int], taken: str) -> None:
    """Neither the head, which was read to open the file, nor anything behind its end."""
    pixels = RNG.integers(0, 900, shape).astype(np.int16)
    data = server.files["a.mrc"] = mrc(pixels)
    with images.open_image(server.url("a.mrc")) as found:
        got = getattr(found, taken)()
        assert found.bytes_fetched == len(data)
        if taken != "thumbnail":
            assert np.array_equal(got, pixels)
    ends = [int(one.partition("-")[2]) for one in server.asked[1:]]
    assert all(end < len(data) for end in ends)
    assert len(server.asked) == (1 if len(data) <= 1 << 16 else 2)


def test_a_server_without_ranges_is_noticed_before_the_file_is_pulled(
    server: Server, micrograph: np.ndarray
) -> None:
    server.ranges = False
    data = server.files["a.mrc"] = mrc(np.stack([micrograph] * 20))
    with images.open_image(server.url("a.mrc")) as found:
        assert found.shape == (1500, 1700)
        assert found.bytes_fetched < 1 << 20
        assert server.sent < len(data) // 2
        assert np.allclose(found.thumbnail(256), images.block_mean(micrograph, 7), rtol=1e-5)
        with pytest.raises(InvalidInput, match="whole files only"):
            found.frame(5)


def test_a_movie_at_an_address_shows_its_first_frame(
    server: Server, micrograph: np.ndarray
) -> None:
    server.files["a.mrc"] = mrc(np.stack([micrograph, micrograph + 5, micrograph + 9]))
    with images.open_image(server.url("a.mrc")) as found:
        assert found.is_movie
        assert np.allclose(found.thumbnail(256), images.block_mean(micrograph, 7), rtol=1e-5)
        assert found.bytes_fetched < 1.1 * micrograph.nbytes
        assert np.array_equal(found.frame(2), micrograph + 9)
        assert np.allclose(found.average(), micrograph + 14 / 3, atol=1e-3)


def test_a_member_of_an_archive(server: Server, micrograph: np.ndarray, tmp_path: Path) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in [("x/first.mrc", mrc(micrograph)), ("x/second.mrc", mrc(-micrograph))]:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    server.files["a.tar"] = stream.getvalue()
    with images.open_image(server.url("a.tar"), member="x/second.mrc") as found:
        assert found.name == "second.mrc"
        assert found.bytes_fetched < 1 << 18
        assert np.array_equal(found.frame(), -micrograph)
    with pytest.raises(NotFound, match=r"no file 'second\.mrc'"):
        images.open_image(server.url("a.tar"), member="second.mrc")
    path = tmp_path / "a.tar"
    path.write_bytes(stream.getvalue())
    with images.open_image(path, member="x/first.mrc") as found:
        assert np.array_equal(found.frame(), micrograph)
    server.files["b.tar"] = mrc(micrograph)
    with pytest.raises(DamagedFile, match=r"b\.tar cannot be read as a tar archive") as none:
        images.open_image(server.url("b.tar"), member="x")
    assert type(none.value) is DamagedFile
    assert "without member=" in none.value.hint
    for source in (server.url("a.tar"), path):
        with pytest.raises(InvalidInput, match=r"a\.tar is a tar archive") as archived:
            images.open_image(source)
        assert "member=" in archived.value.hint


def test_strips_that_follow_each_other_come_in_few_requests(
    server: Server, micrograph: np.ndarray
) -> None:
    stream = io.BytesIO()
    tifffile.imwrite(stream, micrograph, compression="lzw", rowsperstrip=4, metadata=None)
    server.files["a.tif"] = stream.getvalue()
    with images.open_image(server.url("a.tif")) as found:
        assert np.array_equal(found.frame(), micrograph)
    assert len(server.asked) < 20
    assert server.sent < 1.2 * len(stream.getvalue()) + (1 << 18)


def test_strips_of_a_frame_take_one_request(server: Server, micrograph: np.ndarray) -> None:
    stream = io.BytesIO()
    with tifffile.TiffWriter(stream) as file:
        for number in range(3):
            file.write(micrograph + number, compression="lzw", rowsperstrip=20, metadata=None)
    server.files["a.tif"] = stream.getvalue()
    with images.open_image(server.url("a.tif")) as found:
        opened = len(server.asked)
        assert np.allclose(found.thumbnail(256), images.block_mean(micrograph, 7), rtol=1e-5)
        assert len(server.asked) == opened + 1
        assert found.bytes_fetched < len(stream.getvalue()) / 3 + (1 << 18)
        assert np.array_equal(found.window(700, 720, 100, 200), micrograph[700:720, 100:200])
        assert len(server.asked) == opened + 2
        assert found.bytes_fetched < len(stream.getvalue()) / 3 + (1 << 19)


def test_reads_out_of_order_are_answered_all_the_same(server: Server) -> None:
    data = server.files["a.bin"] = RNG.bytes(5_000_000)
    file = RemoteFile(server.url("a.bin"))
    with file.in_order(1_000_000, 3_000_000):
        for start in (1_000_000, 1_000_100, 1_500_000, 3_900_000, 2_000_000, 3_999_990, 4_500_000):
            assert file.read(start, 100) == data[start : start + 100]
    assert file.read(1_000_000, 100) == data[1_000_000:1_000_100]
    assert file.requests == len(server.asked)


def test_two_that_read_in_order_do_not_disturb_each_other(server: Server) -> None:
    data = server.files["a.bin"] = RNG.bytes(4_000_000)
    file = RemoteFile(server.url("a.bin"))
    first, second = file.in_order(0, 2_000_000), file.in_order(2_000_000, 2_000_000)
    first.__enter__()
    second.__enter__()
    for start in range(0, 1_000_000, 250_000):
        for place in (start, 2_000_000 + start):
            assert file.read(place, 250_000) == data[place : place + 250_000]
    first.__exit__(None, None, None)
    assert file.read(3_000_000, 1000) == data[3_000_000:3_001_000]
    second.__exit__(None, None, None)
    assert len(server.asked) <= 4
    assert file.read(1_500_000, 1000) == data[1_500_000:1_501_000]


def test_hdf5_at_an_address(server: Server, micrograph: np.ndarray) -> None:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        file.create_dataset("other", data=np.zeros((3000, 500), np.uint8))
        file.create_dataset("image", data=micrograph, chunks=(100, 1700))
    server.files["a.h5"] = stream.getvalue()
    with images.open_image(server.url("a.h5")) as found:
        assert found.bytes_fetched < 1 << 19
        assert np.array_equal(found.frame(), micrograph)


def test_chunks_of_a_frame_take_one_request(server: Server, micrograph: np.ndarray) -> None:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        stack = np.stack([micrograph, micrograph + 1, micrograph + 2])
        file.create_dataset("image", data=stack, chunks=(1, 100, 1700))
    server.files["a.h5"] = stream.getvalue()
    with images.open_image(server.url("a.h5")) as found:
        opened = len(server.asked)
        assert np.array_equal(found.frame(1), micrograph + 1)
        assert len(server.asked) == opened + 1
        assert found.bytes_fetched < 1.2 * micrograph.nbytes


def test_a_connection_that_breaks_is_taken_up_again(server: Server, micrograph: np.ndarray) -> None:
    data = server.files["a.mrc"] = mrc(micrograph)
    server.cut = [1_000_000, 500_000]
    with images.open_image(server.url("a.mrc")) as found:
        assert np.array_equal(found.frame(), micrograph)
        assert found.bytes_fetched < 1.1 * len(data) + (1 << 16)


def test_a_file_that_changes_is_not_mixed(server: Server, micrograph: np.ndarray) -> None:
    server.files["a.mrc"] = mrc(micrograph)
    with images.open_image(server.url("a.mrc")) as found:
        server.etag = '"two"'
        with pytest.raises(BadAnswer, match="has changed"):
            found.thumbnail()
        assert found.bytes_fetched == 1 << 16


@pytest.mark.parametrize("ranges", [True, False])
def test_small_and_missing_and_damaged_files(server: Server, ranges: bool) -> None:
    server.ranges = ranges
    server.files["a.mrc"] = mrc(np.ones((3, 4), np.float32))
    server.files["b.mrc"] = server.files["a.mrc"][:-1]
    server.files["c.mrc"] = b""
    with images.open_image(server.url("a.mrc")) as found:
        assert found.frame().tolist() == np.ones((3, 4)).tolist()
    with pytest.raises(DamagedFile, match="cut off"):
        images.open_image(server.url("b.mrc"))
    with pytest.raises(NotFound) as missing:
        images.open_image(server.url("none.mrc"))
    assert missing.value.hint == "Check the address."
    if not ranges:
        with pytest.raises(DamagedFile, match="empty"):
            images.open_image(server.url("c.mrc"))


@pytest.mark.parametrize("given", [None, b"https://127.0.0.1/a.mrc", Path("a.mrc")])
def test_a_function_that_returns_no_address(given: Any) -> None:
    with pytest.raises(InvalidInput, match="The function has to return an address") as caught:
        images.open_image(lambda: given)
    assert "https://" in caught.value.hint


def test_the_memory_of_a_preview_is_small(server: Server, micrograph: np.ndarray) -> None:
    import tracemalloc

    server.files["a.mrc"] = mrc(np.tile(micrograph.astype(np.float32), (4, 2)))
    with images.open_image(server.url("a.mrc")) as found:
        tracemalloc.start()
        found.thumbnail(512)
        peak: Any = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 20 << 20  # the file has 82 MB
