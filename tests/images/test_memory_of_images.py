"""Images that are larger than the memory: said before anything is taken."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np
import pytest

from openem_nb import images
from openem_nb.errors import InvalidInput
from openem_nb.images import _memory

if TYPE_CHECKING:
    from pathlib import Path

SIDE = 65_536


def huge(path: Path, mode: int = 2) -> Path:
    """Write a file of 16 GiB that takes no room on disk."""
    head = bytearray(1024)
    struct.pack_into("<4i", head, 0, SIDE, SIDE, 1, mode)
    struct.pack_into("<3i3f3f3i", head, 28, SIDE, SIDE, 1, *[1e5] * 3, *[90] * 3, 1, 2, 3)
    struct.pack_into("<i", head, 88, 1)
    head[208:214] = b"MAP \x44\x44"
    with path.open("wb") as file:
        file.write(head)
        file.truncate(1024 + SIDE * SIDE * {2: 4, 6: 2}[mode])
    return path


def test_an_image_that_does_not_fit_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_memory, "_free", lambda: 3 << 30)
    with images.open_image(huge(tmp_path / "a.mrc")) as found:
        for ask in (lambda: found.frame(0), found.average):
            with pytest.raises(InvalidInput, match=r"16\.0 GiB of memory, and 3\.0 GiB are free"):
                ask()
        assert found.window(0, 3, 0, 4).shape == (3, 4)
    with (
        images.open_image(huge(tmp_path / "b.mrc", 6)) as found,
        pytest.raises(InvalidInput, match=r"8\.0 GiB"),
    ):
        found.frame(0)


def test_memory_that_is_refused_is_told_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(_memory, "_free", lambda: 1 << 50)
    monkeypatch.setattr(_memory.np, "empty", refuse)
    with (
        images.open_image(huge(tmp_path / "a.mrc")) as found,
        pytest.raises(InvalidInput, match=r"fill 16\.0 GiB of memory\."),
    ):
        found.frame(0)


def test_the_limit_of_a_container_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_memory, "_GROUP", tmp_path)
    machine = _memory._free()
    assert machine > 0
    (tmp_path / "memory.max").write_text("1000000\n")
    (tmp_path / "memory.current").write_text("700000\n")
    (tmp_path / "memory.stat").write_text("anon 300000\nfile 400000\nfile_mapped 1\n")
    assert _memory._free() == 700_000
    (tmp_path / "memory.max").write_text("max\n")
    assert _memory._free() > 1_000_000
    assert _memory.room((2, 3), np.dtype(np.uint8)).shape == (2, 3)


def test_a_picture_of_very_many_frames_is_one_of_them(tmp_path: Path) -> None:
    count = 200_000
    head = bytearray(1024)
    struct.pack_into("<4i", head, 0, 1, 1, count, 1)
    struct.pack_into("<3i3f3f3i", head, 28, 1, 1, 1, *[1.0] * 3, *[90] * 3, 1, 2, 3)
    head[208:214] = b"MAP \x44\x44"
    numbers = np.arange(count, dtype=np.int16) + 7
    (tmp_path / "a.mrcs").write_bytes(bytes(head) + numbers.tobytes())
    with images.open_image(tmp_path / "a.mrcs") as found:
        assert (found.frames, found.is_movie) == (count, True)
        assert found.thumbnail(8).tolist() == [[7]]
