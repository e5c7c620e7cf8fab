"""MRC files of all modes and dialects: the pixels of mrcfile, and what is odd in words."""

from __future__ import annotations

import bz2
import gzip
import os
import struct
from typing import TYPE_CHECKING

import mrcfile
import numpy as np
import pytest

from openem_nb import images
from openem_nb.errors import CannotWrite, DamagedFile, InvalidInput, NotFound, OpenEMError

if TYPE_CHECKING:
    from pathlib import Path


def header(
    shape: tuple[int, int, int],
    mode: int,
    *,
    order: str = "<",
    extended: int = 0,
    group: int = 0,
    stamp: tuple[int, int] = (0, 0),
) -> bytearray:
    nz, ny, nx = shape
    head = bytearray(1024)
    struct.pack_into(order + "10i", head, 0, nx, ny, nz, mode, 0, 0, 0, nx, ny, nz)
    struct.pack_into(order + "3f", head, 40, nx * 1.5, ny * 1.5, nz * 1.5)
    struct.pack_into(order + "3i", head, 64, 1, 2, 3)
    struct.pack_into(order + "2i", head, 88, group, extended)
    struct.pack_into(order + "2i", head, 152, *stamp)
    head[208:214] = b"MAP " + (b"\x44\x44" if order == "<" else b"\x11\x11")
    return head


@pytest.mark.parametrize("kind", ["i1", "i2", "u2", "f2", "f4", ">i2", ">f4"])
@pytest.mark.parametrize("shape", [(37, 53), (4, 37, 53)])
def test_pixels_are_those_of_mrcfile(tmp_path: Path, kind: str, shape: tuple[int, ...]) -> None:
    data = np.random.default_rng(1).integers(-90, 90, shape).astype(kind.lstrip(">"))
    path = tmp_path / "a.mrc"
    with mrcfile.new(path) as written:
        written.set_data(data.astype(kind))
        written.voxel_size = 1.25
        if data.ndim == 3:
            written.set_image_stack()
    with images.open_image(path) as found:
        assert found.format == "mrc"
        assert found.shape == (37, 53)
        assert found.frames == (4 if data.ndim == 3 else 1)
        assert found.pixel_size == pytest.approx(1.25)
        assert found.origin == "lower"
        if kind != "i1":  # bytes without a flag of IMOD are unsigned there
            assert found.dtype == data.dtype
            assert np.array_equal(np.asarray(found), data)
            last = found.frames - 1
            frame = data.reshape(-1, 37, 53)[last]
            assert np.array_equal(found.band(5, 20, frame=last), frame[5:20])
            assert np.array_equal(found.window(3, 9, 11, 40, frame=last), frame[3:9, 11:40])
            out = np.empty((15, 53), data.dtype)
            assert found.band(5, 20, frame=last, out=out) is out
            assert np.array_equal(out, frame[5:20])
            mean = data.reshape(-1, 37, 53).mean(axis=0, dtype=np.float64)
            assert np.allclose(found.average(), mean, atol=1e-3)


@pytest.mark.parametrize(
    ("stamp", "expected"),
    [((0, 0), [200, 100]), ((1146047817, 0), [200, 100]), ((1146047817, 1), [-56, 100])],
)
def test_bytes_are_signed_as_imod_says(stamp: tuple[int, int], expected: list[int]) -> None:
    data = bytes(header((1, 1, 2), 0, stamp=stamp)) + bytes([200, 100])
    found = images.open_image(data).frame()
    if stamp == (0, 0):  # MRC2014 says that bytes are signed
        expected = [-56, 100]
    assert found.tolist() == [expected]


def test_two_pixels_in_a_byte() -> None:
    rows = bytes([0x21, 0x43, 0x05, 0x76, 0x98, 0x0A])
    found = images.open_image(bytes(header((1, 2, 5), 101)) + rows)
    assert found.frame().tolist() == [[1, 2, 3, 4, 5], [6, 7, 8, 9, 10]]
    flagged = images.open_image(bytes(header((1, 2, 3), 0, stamp=(1146047817, 17))) + rows)
    assert flagged.frame().tolist() == [[1, 2, 3, 4, 5, 0], [6, 7, 8, 9, 10, 0]]


@pytest.mark.parametrize(("mode", "kind"), [(3, "i2"), (4, "f4")])
def test_transforms_are_shown_by_their_amplitude(mode: int, kind: str) -> None:
    pairs = np.array([[[3, 4], [0, -5]], [[6, 8], [-1, 0]]], kind)
    found = images.open_image(bytes(header((1, 2, 2), mode)) + pairs.tobytes())
    assert found.frame().tolist() == [[5, 5], [10, 1]]
    assert "Fourier" in found.notes[0]


def test_a_big_endian_movie_behind_an_extended_header() -> None:
    data = np.arange(24, dtype=">i2").reshape(2, 3, 4)
    raw = bytes(header((2, 3, 4), 1, order=">", extended=64)) + bytes(64) + data.tobytes()
    found = images.open_image(raw, name="b.mrc")
    assert np.array_equal(found.frame(1), data[1])
    assert np.array_equal(found.average() * 2, data.sum(axis=0))
    assert found.axes == ("frame", "y", "x")


def test_sections_of_a_volume_are_no_frames() -> None:
    data = np.zeros((3, 4, 5), np.float32)
    data[1] = 7
    raw = bytes(header((3, 4, 5), 2, group=1)) + data.tobytes()
    found = images.open_image(raw)
    assert found.axes == ("z", "y", "x")
    assert not found.is_movie
    assert found.thumbnail().tolist() == data[1].tolist()


def test_a_movie_that_is_cut_off_has_its_whole_frames(tmp_path: Path) -> None:
    data = np.arange(60, dtype=np.int16).reshape(3, 4, 5)
    path = tmp_path / "a.mrc"
    path.write_bytes(bytes(header((3, 4, 5), 1)) + data.tobytes()[:-1])
    with images.open_image(path) as found:
        assert found.frames == 2
        assert found.notes == ("The file is cut off: 2 of 3 sections are whole.",)
        with pytest.raises(InvalidInput, match="no frame 2"):
            found.frame(2)


def test_what_follows_behind_packed_content_is_told_and_loses_nothing(tmp_path: Path) -> None:
    data = np.random.default_rng(1).normal(0, 1, (900, 800)).astype(np.float32)
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(data)
    content = (tmp_path / "a.mrc").read_bytes()
    half = len(content) // 2
    path = tmp_path / "a.mrc.gz"
    two = gzip.compress(content[:half], 1) + gzip.compress(content[half:], 1)
    for behind in (b"", bytes(100), b"x", b"garbage" * 9):
        path.write_bytes(two + behind)
        with images.open_image(path) as found:
            assert np.array_equal(found.frame(), data)
            found._pixels.source.reach(1 << 40)  # to the end, which nobody has to read
            told = [one for one in found.problems if "Behind the packed content" in one]
            assert len(told) == (behind.strip(b"\0") != b"")
            assert set(told) <= set(found.notes)
    path.write_bytes(b"\x1f\x8b" + b"garbage" * 9)
    with pytest.raises(DamagedFile):
        images.open_image(path)


def test_a_full_disk_is_not_the_fault_of_a_packed_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = np.random.default_rng(1).normal(0, 1, (900, 800)).astype(np.float32)
    path = tmp_path / "a.mrc.gz"
    with mrcfile.new(tmp_path / "a.mrc") as file:
        file.set_data(data)
    path.write_bytes(gzip.compress((tmp_path / "a.mrc").read_bytes(), 1))
    real, full = os.pwrite, [False]

    def pwrite(handle: int, content: bytes, place: int) -> int:
        if full[0]:
            raise OSError(28, "No space left on device")
        return real(handle, content[: len(content) // 2 + 1], place)

    monkeypatch.setattr(os, "pwrite", pwrite)
    with images.open_image(path) as found:
        full[0] = True
        with pytest.raises(CannotWrite, match="No space left") as caught:
            found.frame()
        assert "TMPDIR" in caught.value.hint
        full[0] = False
        assert np.array_equal(found.frame(), data), "nothing is lost once there is room"

    def no_file(**_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", no_file)
    with pytest.raises(CannotWrite, match=r"a\.mrc\.gz cannot be unpacked into"):
        images.open_image(path)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_packed_maps(tmp_path: Path, pack: object) -> None:
    data = np.random.default_rng(3).random((5, 40, 30)).astype(np.float32)
    raw = bytes(header((5, 40, 30), 2, group=1)) + data.tobytes()
    path = tmp_path / "a.map.gz"
    path.write_bytes(pack(raw))  # type: ignore[operator]
    with images.open_image(path) as found:
        assert np.array_equal(np.asarray(found), data)
    path.write_bytes(pack(raw)[:-40])  # type: ignore[operator]
    with pytest.raises(DamagedFile):
        np.asarray(images.open_image(path))


def test_what_is_no_mrc_file_says_why(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="There is no file"):
        images.open_image(tmp_path / "none.mrc")
    with pytest.raises(OpenEMError, match="is a folder, not an image"):
        images.open_image(tmp_path)
    with pytest.raises(DamagedFile, match="empty"):
        images.open_image(b"", name="a.mrc")
    with pytest.raises(InvalidInput, match="no image of a kind that is known"):
        images.open_image(bytes(3000), name="a.mrc")
    with pytest.raises(DamagedFile, match="promises 1,054 bytes, it has 1,053"):
        images.open_image(bytes(header((1, 3, 5), 1)) + bytes(29), name="a.mrc")
    with pytest.raises(DamagedFile, match=r"a\.mrc is cut off: it has 500 bytes"):
        images.open_image(bytes(header((1, 3, 5), 1))[:500], name="a.mrc")
    with pytest.raises(InvalidInput, match="no image of a kind that is known") as caught:
        images.open_image(b"words of a text, which is short" * 4, name="a.txt")
    assert "NPY" in caught.value.hint
    with pytest.raises(DamagedFile, match="extended header cannot"):
        images.open_image(bytes(header((1, 3, 5), 1, extended=-5)) + bytes(30), name="a.mrc")
    with pytest.raises(DamagedFile, match="cut off"):
        images.open_image(bytes(header((1, 60000, 60000), 2)) + bytes(30), name="a.mrc")


def test_a_file_without_a_pixel_size_has_none() -> None:
    head = header((1, 2, 2), 2)
    struct.pack_into("<3f", head, 40, 2.0, 2.0, 1.0)
    assert images.open_image(bytes(head) + bytes(16)).pixel_size is None
    struct.pack_into("<3f", head, 40, 0.0, 0.0, 0.0)
    assert images.open_image(bytes(head) + bytes(16)).pixel_size is None


@pytest.mark.parametrize(
    ("place", "raw", "words"),
    [
        (208, b"XXXX", "no MAP"),
        (212, b"\x58\x58", "machine stamp 58 58"),
        (76, struct.pack("<3f", 5, -5, 1e9), "contradict"),
        (76, struct.pack("<3f", 0, 10, 11), "contradict"),
        (76, struct.pack("<3f", 0, float("nan"), 1), "contradict"),
        (220, struct.pack("<i", 77), "77 labels"),
        (220, struct.pack("<i", -1), "-1 labels"),
    ],
)
def test_a_header_that_cannot_be_is_noted(
    tmp_path: Path, place: int, raw: bytes, words: str
) -> None:
    head = header((1, 8, 8), 2)
    head[place : place + len(raw)] = raw
    path = tmp_path / "a.mrc"
    path.write_bytes(bytes(head) + np.ones((8, 8), "<f4").tobytes())
    with images.open_image(path) as found:
        assert [words in note for note in found.notes] == [True]
        assert not found.problems
        assert (found.frame() == 1).all()
    table = images.scan(tmp_path)
    assert words in table["notes"].item()


@pytest.mark.parametrize(
    "densities",
    [(0, 0, 0), (0, -1, -2), (3, 3, 3.0001), (-5, 5, -6), (1, 2, 1.5)],
    ids=["unset", "undetermined", "rounded", "no mean", "whole"],
)
def test_a_header_of_the_format_has_no_notes(densities: tuple[float, ...]) -> None:
    head = header((1, 8, 8), 2)
    struct.pack_into("<3f", head, 76, *densities)
    found = images.open_image(bytes(head) + np.ones((8, 8), "<f4").tobytes())
    assert found.notes == ()
