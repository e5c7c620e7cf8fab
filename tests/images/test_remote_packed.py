"""Packed files at an address: unpacked while they come, never on disk, and back in small steps."""

from __future__ import annotations

import bz2
import gzip
import io
import tempfile
import tracemalloc
import zipfile
import zlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from _range_server import Server, serving
from image_files import write_mrc

from openem_nb import images
from openem_nb.errors import DamagedFile
from openem_nb.formats import flowing
from openem_nb.formats.flowing import Flowing
from openem_nb.images.remote import RemoteFile

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RNG = np.random.default_rng(6)
DATA = np.cumsum(RNG.integers(-3, 4, (40, 150, 160)), axis=2).astype(np.int16)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as own:
        yield own


@pytest.fixture
def content(tmp_path: Path) -> bytes:
    return write_mrc(tmp_path / "a.mrc", DATA).read_bytes()


@pytest.fixture(autouse=True)
def no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Refuse every temporary file."""

    def refused(*_: object, **__: object) -> Any:
        raise AssertionError("a temporary file was asked for")

    monkeypatch.setattr(tempfile, "TemporaryFile", refused)


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
def test_a_packed_stack(server: Server, content: bytes, pack: Any) -> None:
    packed = server.files["a.mrc.gz"] = pack(content)
    with images.open_image(server.url("a.mrc.gz")) as found:
        assert (found.shape, found.frames) == ((150, 160), 40)
        assert len(server.asked) == (1 if pack is gzip.compress else 2)  # blocks of bzip2 are large
        assert np.array_equal(found.frame(3), DATA[3])
        assert np.array_equal(found.frame(30), DATA[30])
        assert np.array_equal(found.frame(2), DATA[2])
        assert np.allclose(found.thumbnail(75, frame=39), images.block_mean(DATA[39], 3), atol=1e-2)
    server.files["b.mrc.gz"] = packed[: len(packed) // 2]
    with images.open_image(server.url("b.mrc.gz")) as found:
        assert np.array_equal(found.frame(3), DATA[3])
        with pytest.raises(DamagedFile, match="ends in the middle"):
            found.frame(39)


def test_going_back_costs_little(
    server: Server, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flowing, "_APART", 1 << 17)
    monkeypatch.setattr(flowing, "_HEAD", 1 << 12)
    packed = server.files["a.mrc.gz"] = gzip.compress(content)
    with images.open_image(server.url("a.mrc.gz")) as found:
        assert np.array_equal(found.frame(39), DATA[39])
        once = found.bytes_fetched
        assert once < 1.2 * len(packed) + (1 << 16)
        assert np.array_equal(found.frame(35), DATA[35])
        assert found.bytes_fetched - once < len(packed) / 3


@pytest.mark.parametrize("pack", [lambda data: gzip.compress(data, 1), bytes])
def test_the_mean_of_a_movie_comes_once(server: Server, tmp_path: Path, pack: Any) -> None:
    """Frame after frame: neither are bands taken out of all frames, nor by threads that compete."""
    movie = RNG.integers(0, 900, (12, 500, 700)).astype(np.int16)
    stored = server.files["a.mrc"] = pack(write_mrc(tmp_path / "b.mrc", movie).read_bytes())
    with images.open_image(server.url("a.mrc")) as found:
        assert np.allclose(found.average(), movie.mean(axis=0))
        assert found.bytes_fetched <= len(stored)
        assert len(server.asked) <= (2 if pack is not bytes else 1 + len(movie))


def test_any_place_in_any_order(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flowing, "_APART", 1 << 16)
    monkeypatch.setattr(flowing, "_MOST_STATES", 7)
    monkeypatch.setattr(flowing, "_HEAD", 1 << 10)
    # several pieces one behind the other, with zeros between and after, some of them long runs
    parts = [RNG.bytes(300_000), bytes(2_000_000), RNG.bytes(5), b"", RNG.bytes(700_000)]
    whole = b"".join(parts)
    server.files["a.gz"] = b"".join(gzip.compress(one) + bytes(100) for one in parts)
    source = Flowing.gzip(RemoteFile(server.url("a.gz")))
    for start in RNG.integers(0, len(whole), 40):
        count = int(RNG.integers(1, 400_000))
        assert source.read(int(start), count) == whole[start : start + count]
    assert source.read(len(whole) - 3, 100) == whole[-3:]
    assert source.size == len(whole)
    assert source.read(len(whole) + 10, 5) == b""
    buffer = bytearray(1000)
    source.read_into(299_900, buffer)
    assert buffer == whole[299_900:300_900]
    with pytest.raises(DamagedFile):
        source.read_into(len(whole) - 10, buffer)
    source.close()


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress])
@pytest.mark.parametrize("behind", [b"", b"x", b"garbage" * 9])
def test_what_follows_is_told(server: Server, content: bytes, pack: Any, behind: bytes) -> None:
    half = len(content) // 2
    server.files["a.mrc.gz"] = pack(content[:half]) + pack(content[half:]) + behind
    with images.open_image(server.url("a.mrc.gz")) as found:
        assert np.array_equal(found.frame(DATA.shape[0] - 1), DATA[-1])
        assert found._pixels.source.read(len(content), 1) == b""
        assert any("Behind the packed" in one for one in found.problems) == bool(behind)


def test_a_flipped_bit_is_told(server: Server, content: bytes) -> None:
    packed = bytearray(gzip.compress(content))
    packed[-6] ^= 1  # the checksum of the content
    server.files["a.mrc.gz"] = bytes(packed)
    source = Flowing.gzip(RemoteFile(server.url("a.mrc.gz")))
    with pytest.raises(DamagedFile, match="is broken"):
        source.read(0, len(content) + 1)


def test_a_packed_member_of_an_archive(server: Server) -> None:
    stream = io.BytesIO()
    array = io.BytesIO()
    np.save(array, DATA[:3])
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("data.npy", array.getvalue())
    server.files["a.prz"] = stream.getvalue()
    with images.open_image(server.url("a.prz")) as found:
        assert found.format == "prz"
        assert np.array_equal(found.frame(2), DATA[2])
        assert np.array_equal(found.frame(0), DATA[0])


def test_what_unpacks_to_too_much_fills_no_memory(server: Server, content: bytes) -> None:
    packer = zlib.compressobj(9, wbits=31)
    packed = packer.compress(content)
    for _ in range(100):
        packed += packer.compress(bytes(1 << 20))
    server.files["a.mrc.gz"] = packed + packer.flush()
    source = Flowing.gzip(RemoteFile(server.url("a.mrc.gz")))
    tracemalloc.start()
    assert source.read(len(content) + (90 << 20), 10) == bytes(10)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20
    source.close()
