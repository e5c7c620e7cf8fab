"""Downloads that are verified: checksums, manifests, room on the disk, and progress."""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _file_server import DATA, Files, serving

from openem_nb import transfer
from openem_nb.errors import Cancelled, CannotWrite, ChecksumMismatch, Unreachable
from openem_nb.jobs import Progress
from openem_nb.transfer import _disk

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def server() -> Iterator[Files]:
    with serving() as files:
        yield files


def sums(algorithm: str, data: bytes = DATA) -> transfer.Checksum:
    return transfer.Checksum(algorithm, hashlib.new(algorithm, data).hexdigest())


@pytest.mark.parametrize("algorithm", ["sha1", "md5", "sha256"])
def test_a_checksum_is_computed_while_the_file_arrives(
    server: Files, tmp_path: Path, algorithm: str
) -> None:
    server.data = DATA * 6
    server.cut_after = [300_000, 4_800_000]
    target = tmp_path / "file.bin"
    transfer.download(server.url, target, checksum=sums(algorithm, DATA * 6))
    assert target.read_bytes() == DATA * 6
    server.data, server.cut_after = DATA, [300_000, *[0] * 5]
    with pytest.raises(Unreachable):
        transfer.download(server.url, target, checksum=sums(algorithm))
    transfer.download(server.url, target, checksum=sums(algorithm))  # its part is read again
    assert target.read_bytes() == DATA
    assert server.asked[-1]["range"] == "bytes=300000-"


def test_a_wrong_checksum_names_the_file_and_removes_it(server: Files, tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    with pytest.raises(ChecksumMismatch, match=r"^file\.bin arrived with other bytes"):
        transfer.download(server.url, target, checksum=sums("sha1", b"other"))
    assert list(tmp_path.glob("file*")) == []


def test_a_part_that_was_spoilt_is_found_out(server: Files, tmp_path: Path) -> None:
    server.cut_after = [300_000, *[0] * 5]
    target = tmp_path / "file.bin"
    with pytest.raises(Unreachable):
        transfer.download(server.url, target, checksum=sums("md5"))
    part = tmp_path / "file.bin.part"
    part.write_bytes(b"x" + part.read_bytes()[1:])
    with pytest.raises(ChecksumMismatch):
        transfer.download(server.url, target, checksum=sums("md5"))
    transfer.download(server.url, target, checksum=sums("md5"))
    assert target.read_bytes() == DATA


def test_a_file_that_is_there_is_compared_by_its_checksum(server: Files, tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    target.write_bytes(DATA)
    transfer.download(server.url, target, size=len(DATA), checksum=sums("sha1"))
    assert server.asked == []
    target.write_bytes(DATA[::-1])
    transfer.download(server.url, target, size=len(DATA), checksum=sums("sha1"))
    assert target.read_bytes() == DATA


def test_a_manifest_saves_the_second_look(server: Files, tmp_path: Path) -> None:
    items = [
        transfer.Item(server.url, tmp_path / f"{number}", checksum=sums("sha1"))
        for number in range(5)
    ]
    with transfer.Manifest(tmp_path / transfer.MANIFEST) as manifest:
        transfer.download_all(items, manifest=manifest)
    assert len(server.asked) == 5
    looks = []
    opened = Path.open

    def look(path: Path, *args: Any, **options: Any) -> Any:
        looks.append(path.name)
        return opened(path, *args, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Path, "open", look)
        with transfer.Manifest(tmp_path / transfer.MANIFEST) as manifest:
            transfer.download_all(items, manifest=manifest)
    assert len(server.asked) == 5
    assert not {str(number) for number in range(5)} & set(looks)  # none was read again
    with transfer.Manifest(tmp_path / transfer.MANIFEST) as manifest:
        assert len(manifest.verify().good) == 5


def test_connections_are_used_again(server: Files, tmp_path: Path) -> None:
    server.data = DATA[:3000]
    items = [transfer.Item(server.url, tmp_path / f"{number}", 3000) for number in range(40)]
    transfer.download_all(items, workers=2)
    assert len(server.asked) == 40
    assert server.connections <= 2
    assert not list(tmp_path.glob("*.part*"))


def test_what_was_there_does_not_count_for_the_rate(server: Files, tmp_path: Path) -> None:
    server.cut_after = [500_000, *[0] * 5]
    with pytest.raises(Unreachable):
        transfer.download(server.url, tmp_path / "file.bin")
    progress = Progress()
    server.pace = 0.02
    transfer.download(server.url, tmp_path / "file.bin", progress=progress)
    state = progress.snapshot()
    assert state.done == state.total == len(DATA)
    assert state.rate is not None
    assert state.rate * state.seconds < 1.3 * 548_576  # the rest of it only


def test_files_done_are_told(server: Files, tmp_path: Path) -> None:
    progress = Progress()
    said = []
    end = progress.subscribe(lambda state: said.append(state.message))
    items = [transfer.Item(server.url, tmp_path / f"{n}", len(DATA)) for n in range(3)]
    transfer.download_all(items, progress=progress)
    end()
    assert said[0] == "Downloading 0 of 3 files"
    assert said[-1] == "Downloading 3 of 3 files"


def test_cancel_wakes_a_silent_connection(server: Files, tmp_path: Path) -> None:
    server.stall_after = [300_000]
    progress = Progress()
    timer = threading.Timer(0.2, progress.cancel)
    timer.start()
    with pytest.raises(Cancelled):
        transfer.download(server.url, tmp_path / "file.bin", progress=progress)
    assert progress.snapshot().seconds < 2
    assert (tmp_path / "file.bin.part").stat().st_size == 300_000
    timer.join()


def test_a_page_that_passes_is_overcome(server: Files, tmp_path: Path) -> None:
    server.pages = 2
    assert transfer.download(server.url, tmp_path / "file.bin").read_bytes() == DATA


def test_space_is_reserved_for_a_moment(tmp_path: Path) -> None:
    with tempfile.TemporaryFile(dir=tmp_path) as file:
        assert _disk._reserve(file.fileno(), 1 << 20) in (0, errno.EOPNOTSUPP)
        assert os.fstat(file.fileno()).st_size == 0
        assert _disk._reserve(file.fileno(), 1 << 60) != 0
    transfer.need_room(tmp_path / "new" / "folder", 1 << 20)
    assert list(tmp_path.glob("new")) == []
    with pytest.raises(CannotWrite, match="do not fit"):
        transfer.need_room(tmp_path, 1 << 60)


@pytest.mark.parametrize(
    ("code", "words"), [(errno.EDQUOT, "your quota"), (errno.ENOSPC, "the file system")]
)
def test_a_quota_counts_although_space_is_free(
    server: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    monkeypatch.setattr(_disk, "_is_memory", lambda _: False)
    monkeypatch.setattr(_disk, "_reserve", lambda *_: code)
    items = [transfer.Item(server.url, tmp_path / "file.bin", len(DATA))]
    with pytest.raises(CannotWrite, match=words) as caught:
        transfer.download_all(items)
    assert "larger quota" in caught.value.hint
    assert server.asked == []
    monkeypatch.setattr(_disk, "_reserve", lambda *_: errno.EOPNOTSUPP)
    transfer.download_all(items)
