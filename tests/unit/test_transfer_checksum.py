"""Checksums that grow with the bytes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openem_nb import transfer
from openem_nb.errors import ChecksumMismatch, InvalidInput
from openem_nb.transfer import _checksum
from openem_nb.transfer._checksum import Digest

if TYPE_CHECKING:
    from pathlib import Path

MIB = bytes(range(256)) * 4096


def test_spellings() -> None:
    value = hashlib.sha1(b"").hexdigest()
    assert transfer.Checksum("SHA-1", f" {value.upper()}\n") == transfer.Checksum("sha1", value)
    for algorithm, wrong in [("crc32", "00000000"), ("md5", value), ("sha1", "g" * 40)]:
        with pytest.raises(InvalidInput):
            transfer.Checksum(algorithm, wrong)


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
@pytest.mark.parametrize("count", [0, 1, 4, 9])
def test_small_and_large(algorithm: str, count: int) -> None:
    with Digest(algorithm) as digest:
        for _ in range(count):
            digest.update(memoryview(MIB))
        assert digest.size == count * len(MIB)
        found = digest.result()
    assert found == transfer.Checksum(algorithm, hashlib.new(algorithm, MIB * count).hexdigest())


@settings(deadline=None, max_examples=30)
@given(st.lists(st.binary(max_size=300), max_size=20), st.integers(0, 2000))
def test_any_pieces_in_one_thread_or_two(pieces: list[bytes], alone: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_checksum, "_ALONE", alone)
        with Digest("sha1") as digest:
            for piece in pieces:
                digest.update(piece)
            found = digest.result()
    assert found == transfer.Checksum("sha1", hashlib.sha1(b"".join(pieces)).hexdigest())


def test_a_part_is_read_and_continued(tmp_path: Path) -> None:
    path = tmp_path / "part"
    path.write_bytes(MIB * 6)
    with path.open("r+b", buffering=0) as handle, Digest("md5") as digest:
        digest.catch_up(handle, 5 * len(MIB), lambda: None)
        digest.update(b"more")
        found = digest.result()
    assert found == transfer.Checksum("md5", hashlib.md5(MIB * 5 + b"more").hexdigest())


def test_a_wrong_one_is_named() -> None:
    with Digest("sha1") as digest:
        digest.update(b"a")
        promised = transfer.Checksum("sha1", hashlib.sha1(b"b").hexdigest())
        with pytest.raises(ChecksumMismatch, match=r"^x\.tif arrived .* its sha1 is 86f7e4"):
            digest.demand(promised, "x.tif")
        digest.demand(None, "x.tif")


def test_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(MIB + b"x")
    looks: list[int] = []
    found = transfer.Checksum.of(path, check=lambda: looks.append(1))
    assert found.value == hashlib.sha256(MIB + b"x").hexdigest()
    assert len(looks) == 2
