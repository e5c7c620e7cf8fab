"""Mutated headers, of every format: pixels or a typed error, quickly and in little memory.

The mutations are drawn by a seed, so that what failed once can be had again.
"""

from __future__ import annotations

import io
import json
import random
import struct
import time
import tracemalloc
import zipfile
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
import tifffile
from _events import eer
from _gatan import dm
from PIL import Image

from openem_nb import images
from openem_nb.errors import OpenEMError

if TYPE_CHECKING:
    from collections.abc import Callable

RNG = np.random.default_rng(4)
SLOWEST = 2.0
"""Seconds for one file; on a busy machine a hundred times what the slowest takes."""
LARGEST = 64 << 20
"""Bytes in memory for one file of a few kilobytes."""


def _mrc() -> bytes:
    head = bytearray(1024)
    struct.pack_into("<10i", head, 0, 16, 12, 3, 1, 0, 0, 0, 16, 12, 3)
    struct.pack_into("<3f", head, 40, 24, 18, 4)
    struct.pack_into("<3i", head, 64, 1, 2, 3)
    struct.pack_into("<2i", head, 88, 0, 96)
    struct.pack_into("<2h", head, 128, 32, 1)
    head[104:108], head[208:214] = b"SERI", b"MAP \x44\x44"
    body = RNG.integers(-99, 99, (3, 12, 16)).astype(np.int16).tobytes()
    return bytes(head) + bytes(96) + body


def _tiff(**options: Any) -> bytes:
    stream = io.BytesIO()
    data = RNG.integers(0, 30, (3, 24, 20)).astype(np.uint16)
    tifffile.imwrite(stream, data, photometric="minisblack", rowsperstrip=8, **options)
    return stream.getvalue()


def _eer() -> bytes:
    frames = []
    for _ in range(3):
        places = np.sort(RNG.choice(32 * 32, 40, replace=False))
        frames.append((places, RNG.integers(0, 16, 40)))
    return eer(frames, (32, 32), metadata=b"<metadata></metadata>")


def _velox() -> bytes:
    stream = io.BytesIO()
    meta = json.dumps({"Optics": {"AccelerationVoltage": "300000"}}).encode().ljust(500, b"\0")
    with h5py.File(stream, "w") as file:
        group = file.create_group("Data/Image/abc")
        data = RNG.integers(0, 9, (20, 22, 2)).astype(np.uint16)
        group.create_dataset("Data", data=data, chunks=(20, 22, 1), compression="gzip")
        group.create_dataset("Metadata", data=np.frombuffer(meta, np.uint8)[:, None])
    return stream.getvalue()


def _ncem(text: type = np.bytes_) -> bytes:
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        group = file.create_group("data/a")
        group.attrs["emd_group_type"] = 1
        group["data"] = RNG.random((6, 7, 2))
        for number, size in enumerate((6, 7, 2), 1):
            axis = group.create_dataset(f"dim{number}", data=np.arange(size) * 0.1)
            axis.attrs["name"], axis.attrs["units"] = text("xyz"[number - 1]), text("nm")
    return stream.getvalue()


def _prz() -> bytes:
    def npy(array: np.ndarray) -> bytes:
        stream = io.BytesIO()
        np.save(stream, array)
        return stream.getvalue()

    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        meta = json.dumps({"electron_gun.voltage": 80e3})
        archive.writestr("meta_data_json.npy", npy(np.array(meta)))
        archive.writestr("data.npy", npy(RNG.random((12, 13)).astype(np.float32)))
    return stream.getvalue()


def _picture(form: str) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(RNG.integers(0, 255, (20, 24)).astype(np.uint8)).save(stream, form)
    return stream.getvalue()


MAKERS: dict[str, Callable[[], bytes]] = {
    "mrc": _mrc,
    "tiff": _tiff,
    "tiff lzw": lambda: _tiff(compression="lzw", predictor=2),
    "tiff zstd tiles": lambda: _tiff(compression="zstd", tile=(16, 16)),
    "bigtiff": lambda: _tiff(bigtiff=True),
    "eer": _eer,
    "dm3": lambda: dm(RNG.integers(0, 99, (12, 14)).astype(np.int16), version=3),
    "dm4": lambda: dm(RNG.random((2, 12, 14)).astype(np.float32)),
    "velox": _velox,
    "ncem": _ncem,
    "ncem with a heap": lambda: _ncem(str),
    "prz": _prz,
    "png": lambda: _picture("PNG"),
    "jpeg": lambda: _picture("JPEG"),
}
HEADERS = {"mrc": 256, "tiff": 400, "bigtiff": 600, "png": 60, "jpeg": 200, "dm3": 700, "dm4": 900}
"""Bytes at the beginning in which headers lie; all of the file for others."""
EDGES = (0, 1, 2, 3, 127, 128, 255)


def mutated(data: bytes, place: random.Random, limit: int) -> bytes:
    found = bytearray(data)
    kind = place.random()
    if kind < 0.15:
        return bytes(found[: place.randrange(len(found))])
    for _ in range(place.choice((1, 1, 2, 4, 8))):
        at = place.randrange(min(limit, len(found)))
        if kind < 0.6:
            found[at] = place.choice((*EDGES, place.randrange(256)))
        elif kind < 0.8:
            number = place.choice((0, -1, 1 << 31, (1 << 31) - 1, 65536, place.getrandbits(32)))
            found[at : at + 4] = struct.pack("<I", number & 0xFFFFFFFF)
        elif kind < 0.9:
            found[at : at + 8] = struct.pack("<Q", place.getrandbits(64))
        else:
            end = min(len(found), at + place.randrange(1, 64))
            found[at:end] = bytes(place.randrange(256) for _ in range(end - at))
    return bytes(found[: len(data)])


def look(data: bytes) -> str:
    """Do with a file what people do; return what became of it."""
    try:
        with images.open_image(data, name="a.mrc") as found:
            if found.shape[0] * found.shape[1] > 1 << 22:
                return "large"
            found.thumbnail(8)
            found.frame(found.frames - 1)
            repr(found)
            dict(found.header)
    except OpenEMError as error:
        return "error" if str(error) and error.hint else "error without words"
    return "pixels"


def attack(name: str, count: int, seed: int) -> None:
    data = MAKERS[name]()
    assert look(data) == "pixels"
    place = random.Random(f"{name} {seed}")
    seen: dict[str, int] = {}
    for number in range(count):
        broken = mutated(data, place, HEADERS.get(name, len(data)))
        began = time.thread_time()
        outcome = look(broken)
        assert time.thread_time() - began < SLOWEST, f"{name} {seed}, file {number}"
        seen[outcome] = seen.get(outcome, 0) + 1
    assert seen["error"] > 0, "no mutation was noticed, so nothing was tested"
    assert "error without words" not in seen


@pytest.mark.parametrize("name", MAKERS)
def test_mutated_headers(name: str) -> None:
    attack(name, 2000, 1)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", MAKERS)
@pytest.mark.parametrize("seed", range(2, 22))
def test_many_more_mutated_headers(name: str, seed: int) -> None:
    attack(name, 10_000, seed)


@pytest.mark.parametrize("name", MAKERS)
def test_memory_of_mutated_headers(name: str) -> None:
    data = MAKERS[name]()
    place = random.Random(f"{name} memory")
    look(data)
    tracemalloc.start()
    try:
        for _ in range(100):
            look(mutated(data, place, HEADERS.get(name, len(data))))
            assert tracemalloc.get_traced_memory()[1] < LARGEST
    finally:
        tracemalloc.stop()
