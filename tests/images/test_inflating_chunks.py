"""Chunks that unpack to more than their image holds, and planes that are not in their folder."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import resource
import struct
import sys
import zlib
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest

from openem_nb import images
from openem_nb.errors import DamagedFile, InvalidInput, OpenEMError
from openem_nb.images import _zarr
from tests.images._range_server import serving

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

zarr = pytest.importorskip("zarr")
SIDE = 64
PLANE = np.arange(SIDE * SIDE, dtype=np.float32).reshape(SIDE, SIDE)
ZEROS = 40 << 20
"""Bytes that a chunk unpacks to; a good one has 16 KiB."""


@pytest.fixture(autouse=True)
def no_thread_of_zarr() -> Iterator[None]:
    """End the thread in which the package zarr reads, and which it keeps for itself."""
    yield
    if "zarr" in sys.modules:
        from zarr.core.sync import cleanup_resources

        cleanup_resources()


def folder_of(path: Path, chunk: bytes | None, codec: str, shape: Any = (SIDE, SIDE)) -> Path:
    """Write an array of the second generation by hand, with one chunk."""
    path.mkdir()
    told = {
        "zarr_format": 2,
        "shape": list(shape),
        "chunks": [*[1] * (len(shape) - 2), SIDE, SIDE],
        "dtype": "<f4",
        "compressor": {"id": codec} if codec else None,
        "fill_value": 0,
        "order": "C",
        "filters": None,
    }
    (path / ".zarray").write_text(json.dumps(told))
    if chunk is not None:
        (path / ".".join("0" * len(shape))).write_bytes(chunk)
    return path


PACK: dict[str, Any] = {
    "zlib": lambda data: zlib.compress(data, 1),
    "gzip": lambda data: gzip.compress(data[: len(data) // 2]) + gzip.compress(data[: len(data)]),
    "bz2": bz2.compress,
    "lzma": lambda data: lzma.compress(data, preset=0),
}


@pytest.mark.parametrize("codec", PACK)
def test_a_chunk_of_zarr_that_unpacks_to_too_much_is_refused(tmp_path: Path, codec: str) -> None:
    bad = folder_of(tmp_path / "bad.zarr", PACK[codec](bytes(ZEROS)), codec)
    with images.open_image(bad) as found, pytest.raises(DamagedFile, match="unpacks to more"):
        found.frame()
    content = PLANE.tobytes()
    packed = gzip.compress(content) if codec == "gzip" else PACK[codec](content)
    good = folder_of(tmp_path / "good.zarr", packed, codec)
    with images.open_image(good) as found:
        assert np.array_equal(found.frame(), PLANE)


@pytest.mark.parametrize("codec", ["blosc", "zstd", "lz4"])
def test_the_size_in_the_head_of_a_chunk_is_looked_at(tmp_path: Path, codec: str) -> None:
    numcodecs = pytest.importorskip("numcodecs")
    maker = {"blosc": numcodecs.Blosc, "zstd": numcodecs.Zstd, "lz4": numcodecs.LZ4}[codec]()
    bad = folder_of(tmp_path / "bad.zarr", bytes(maker.encode(bytes(ZEROS))), codec)
    with images.open_image(bad) as found, pytest.raises(DamagedFile, match="unpacks to more"):
        found.frame()
    good = folder_of(tmp_path / "good.zarr", bytes(maker.encode(PLANE.tobytes())), codec)
    with images.open_image(good) as found:
        assert np.array_equal(found.frame(), PLANE)


@pytest.mark.parametrize("index", ["start", "end"])
def test_a_chunk_in_a_shard_is_held_to_its_size_too(tmp_path: Path, index: str) -> None:
    path = tmp_path / "a.zarr"
    array = zarr.create_array(
        store=str(path),
        shape=(SIDE, SIDE),
        chunks=(SIDE // 2, SIDE // 2),
        shards={"shape": (SIDE, SIDE), "index_location": index},
        dtype="f4",
        compressors=zarr.codecs.ZstdCodec(),
    )
    array[:] = PLANE
    with images.open_image(path) as found:
        assert np.array_equal(found.frame(), PLANE)
        assert np.array_equal(found.window(3, 20, 33, 60), PLANE[3:20, 33:60])
    shard = path / "c/0/0"
    content = shard.read_bytes()
    bomb = _zstd(bytes(ZEROS))
    old = content.find(b"\x28\xb5\x2f\xfd")
    assert old >= 0
    shard.write_bytes(content[:old] + bomb[:14] + content[old + 14 :])  # the head tells the size
    with images.open_image(path) as found:
        with pytest.raises(DamagedFile, match="unpacks to more"):
            found.frame()
        assert np.array_equal(found.window(40, 60, 40, 60), PLANE[40:60, 40:60]), "another chunk"


def _zstd(data: bytes) -> bytes:
    numcodecs = pytest.importorskip("numcodecs")
    return bytes(numcodecs.Zstd().encode(data))


def test_a_chunk_at_an_address_is_held_to_its_size(tmp_path: Path) -> None:
    bad = folder_of(tmp_path / "bad.zarr", zlib.compress(bytes(ZEROS), 1), "zlib")
    with serving() as server:
        for file in bad.iterdir():
            server.files[f"bad.zarr/{file.name}"] = file.read_bytes()
        address = server.url("bad.zarr")
        with images.open_image(address) as found, pytest.raises(DamagedFile, match="unpacks"):
            found.frame()


def test_a_plane_without_chunks_takes_the_memory_of_a_band(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_zarr, "_KEPT", 1 << 20)
    path = folder_of(tmp_path / "a.zarr", None, "", (16_384, 8192))  # 512 MiB
    with images.open_image(path) as found:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert found.thumbnail(64).max() == 0
        assert found.band(5, 9).shape == (4, 8192)
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert after - before < 200 << 10, "KiB"
    path = folder_of(tmp_path / "b.zarr", None, "", (65_536, 65_536))  # 16 GiB
    with images.open_image(path) as found, pytest.raises(InvalidInput, match="GiB"):
        found.frame()


def test_bands_of_a_large_plane_are_its_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_zarr, "_KEPT", 0)
    monkeypatch.setattr(_zarr, "_LARGEST_CHUNK", 12 * 100 * 4)
    path = tmp_path / "a.zarr"
    data = np.random.default_rng(3).normal(0, 1, (2, 90, 100)).astype(np.float32)
    array = zarr.create_array(store=str(path), shape=data.shape, chunks=(1, 32, 30), dtype="f4")
    monkeypatch.setattr(_zarr, "_LARGEST_CHUNK", 32 * 30 * 4)
    array[:] = data
    with images.open_image(path) as found:
        assert np.array_equal(found.frame(1), data[1])
        assert np.array_equal(found.band(7, 50, frame=1), data[1, 7:50])
        assert found.average() == pytest.approx(data.mean(axis=0), abs=1e-6)


def test_numbers_of_planes_that_nobody_has(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "a.zarr", None, "", (1 << 40, SIDE, SIDE))
    with pytest.raises(DamagedFile, match="planes"):
        images.open_image(path)


def test_what_is_no_file_below_the_folder_is_not_read(tmp_path: Path) -> None:
    content = zlib.compress(PLANE.tobytes())
    outside = tmp_path / "elsewhere"
    outside.write_bytes(content)
    for name, make in (
        ("pipe", os.mkfifo),
        ("zero", lambda path: path.symlink_to("/dev/zero")),
        ("out", lambda path: path.symlink_to(outside)),
        ("loop", lambda path: path.symlink_to(path)),
    ):
        for place in ("0.0", ".zattrs"):
            path = folder_of(tmp_path / f"{name}{place}.zarr", content, "zlib")
            (path / place).unlink(missing_ok=True)
            make(path / place)
            with pytest.raises(OpenEMError), images.open_image(path) as found:
                found.frame()
    inside = folder_of(tmp_path / "inside.zarr", content, "zlib")
    (inside / "0.0").rename(inside / "kept")
    (inside / "0.0").symlink_to("kept")
    with images.open_image(inside) as found:
        assert np.array_equal(found.frame(), PLANE), "links within the folder are followed"


@pytest.mark.parametrize("shuffle", [False, True])
def test_a_chunk_of_hdf5_that_holds_more_than_its_pixels_is_refused(
    tmp_path: Path, shuffle: bool
) -> None:
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        data = file.create_dataset(
            "a", PLANE.shape, "f4", chunks=PLANE.shape, compression="gzip", shuffle=shuffle
        )
        data.id.write_direct_chunk((0, 0), zlib.compress(bytes(ZEROS)))
        noise = np.random.default_rng(1).integers(0, 256, (SIDE, 4 * SIDE)).astype(np.uint8)
        file.create_dataset("b", data=noise, chunks=noise.shape, compression="gzip")
    with (
        images.open_image(path, series=1) as found,
        pytest.raises(DamagedFile, match="unpacks to more"),
    ):
        found.frame()
    with images.open_image(path, series=0) as found:
        assert np.array_equal(found.frame(), noise), "what cannot be packed is a little larger"


def test_the_head_of_zstandard() -> None:
    from openem_nb.images._zarr_chunks import _unpacked

    for size in (0, 1, 255, 256, 700, 65_791, 65_792, 1 << 20):
        assert _unpacked("zstd", _zstd(bytes(size)), 1) == size
    assert _unpacked("zstd", struct.pack("<I", 0xFD2FB528), 1) == 0
