"""Downloads from a server that can do everything wrong, over real connections."""

from __future__ import annotations

import errno
import hashlib
import os
import resource
import threading
import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openem_nb import transfer
from openem_nb.errors import (
    BadAnswer,
    Cancelled,
    CannotWrite,
    ChecksumMismatch,
    NotFound,
    Unreachable,
)
from openem_nb.jobs import Progress
from openem_nb.transfer import _disk, _part, _source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

from _file_server import DATA, DATE, Files, serving


@pytest.fixture
def server() -> Iterator[Files]:
    with serving() as files:
        yield files


def kept(received: int) -> int:
    """Return how many bytes of a broken connection are written: all of them."""
    return received


def parts(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if ".part" in path.name)


def test_a_file_arrives_with_its_date(server: Files, tmp_path: Path) -> None:
    progress = Progress()
    target = tmp_path / "new" / "folder" / "file.bin"
    assert transfer.download(server.url, target, progress=progress) == target
    assert target.read_bytes() == DATA
    assert target.stat().st_mtime == parsedate_to_datetime(DATE).timestamp()
    assert parts(target.parent) == []
    state = progress.snapshot()
    assert (state.done, state.total, state.unit) == (len(DATA), len(DATA), "B")
    assert server.asked[0]["accept-encoding"] == "identity"


@pytest.mark.parametrize("validator", ["etag", "modified"])
def test_a_broken_connection_is_continued_where_it_stopped(
    server: Files, tmp_path: Path, validator: str
) -> None:
    setattr(server, "modified" if validator == "etag" else "etag", None)
    server.cut_after = [300_000, 400_000]
    target = transfer.download(server.url, tmp_path / "file.bin")
    assert target.read_bytes() == DATA
    assert [asked.get("range") for asked in server.asked] == [
        None,
        f"bytes={kept(300_000)}-",
        f"bytes={kept(300_000) + kept(400_000)}-",
    ]
    assert server.asked[1]["if-range"] == ('"one"' if validator == "etag" else DATE)


def test_a_later_call_continues_the_part(server: Files, tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    server.cut_after = [250_000, *[0] * 5]
    with pytest.raises(Unreachable) as caught:
        transfer.download(server.url, target)
    assert "kept" in caught.value.hint
    assert not target.exists()
    assert (tmp_path / "file.bin.part").read_bytes() == DATA[: kept(250_000)]
    progress = Progress()
    transfer.download(server.url, target, progress=progress)
    assert target.read_bytes() == DATA
    assert server.asked[-1]["range"] == f"bytes={kept(250_000)}-"
    assert progress.snapshot().done == len(DATA)
    assert parts(tmp_path) == []


def test_a_part_of_a_file_that_changed_is_thrown_away(server: Files, tmp_path: Path) -> None:
    server.cut_after = [250_000, *[0] * 5]
    target = tmp_path / "file.bin"
    with pytest.raises(Unreachable):
        transfer.download(server.url, target)
    server.data, server.etag = DATA[::-1], '"two"'
    transfer.download(server.url, target)
    assert target.read_bytes() == DATA[::-1]


def test_a_part_without_its_tag_is_not_trusted(server: Files, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(b"something else")
    target = transfer.download(server.url, tmp_path / "file.bin")
    assert target.read_bytes() == DATA
    assert "range" not in server.asked[0]


def test_a_tag_of_another_address_is_not_trusted(server: Files, tmp_path: Path) -> None:
    (tmp_path / "file.bin.part").write_bytes(b"something else")
    tag = tmp_path / "file.bin.part.tag"
    for text in ('{"object": "/x", "same_as": "\\"one\\""}', "not json", "[]"):
        tag.write_text(text)
        transfer.download(server.url, tmp_path / "file.bin")
        assert "range" not in server.asked[-1]


@pytest.mark.parametrize(
    "options",
    [{"ranges": False}, {"etag": None, "modified": None}, {"etag": 'W/"x"', "modified": None}],
    ids=["no ranges", "no validator", "weak validator"],
)
def test_a_server_that_cannot_continue(tmp_path: Path, options: dict[str, Any]) -> None:
    with serving(**options, cut_after=[300_000]) as server:
        progress = Progress()
        target = transfer.download(server.url, tmp_path / "file.bin", progress=progress)
        assert target.read_bytes() == DATA
        assert progress.snapshot().done == len(DATA)


def test_a_complete_part_needs_no_more_bytes(server: Files, tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    server.cut_after = [100, *[0] * 5]
    with pytest.raises(Unreachable):
        transfer.download(server.url, target)
    (tmp_path / "file.bin.part").write_bytes(DATA)
    transfer.download(server.url, target)  # the server answers 416
    assert target.read_bytes() == DATA


def test_a_part_that_is_too_long_starts_afresh(server: Files, tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    server.cut_after = [100, *[0] * 5]
    with pytest.raises(Unreachable):
        transfer.download(server.url, target)
    (tmp_path / "file.bin.part").write_bytes(DATA + b"more")
    transfer.download(server.url, target)
    assert target.read_bytes() == DATA


def test_silence_is_given_up_and_taken_up_again(
    server: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _source.STALL == 12.0
    monkeypatch.setattr(_source, "STALL", 0.2)
    server.stall_after = [300_000, 100_000]
    target = transfer.download(server.url, tmp_path / "file.bin")  # the server never goes on
    assert target.read_bytes() == DATA
    assert server.asked[2]["range"] == f"bytes={kept(300_000) + kept(100_000)}-"


def test_a_server_that_only_stays_silent_is_an_error(
    server: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_source, "STALL", 0.1)
    server.stall_after = [0] * 10
    with pytest.raises(Unreachable):
        transfer.download(server.url, tmp_path / "file.bin")
    assert list(tmp_path.glob("file*")) == []


def test_a_whole_file_is_not_downloaded_twice(server: Files, tmp_path: Path) -> None:
    target = transfer.download(server.url, tmp_path / "file.bin")
    inode = target.stat().st_ino
    progress = Progress()
    transfer.download(server.url, target, progress=progress)
    assert [asked["method"] for asked in server.asked] == ["GET", "HEAD"]
    assert target.stat().st_ino == inode
    assert progress.snapshot().done == len(DATA)
    transfer.download(server.url, target, size=len(DATA))
    assert len(server.asked) == 2  # the size is known: nothing to ask
    assert parts(tmp_path) == []
    server.head = False
    transfer.download(server.url, target)  # cannot be known, so it is fetched
    assert target.read_bytes() == DATA


def test_a_cut_file_of_another_tool_is_not_trusted(server: Files, tmp_path: Path) -> None:
    target = tmp_path / "file.bin"
    for content in (DATA[:1000], DATA[::-1]):
        target.write_bytes(content)
        transfer.download(server.url, target)
        assert target.read_bytes() == DATA
    target.write_bytes(DATA[:1000])
    transfer.download(server.url, target, size=len(DATA))
    assert target.read_bytes() == DATA


def test_a_server_that_continues_another_file(server: Files, tmp_path: Path) -> None:
    server.cut_after = [250_000, *[0] * 5]
    target = tmp_path / "file.bin"
    with pytest.raises(Unreachable):
        transfer.download(server.url, target)
    server.compares, server.data, server.etag = False, DATA[::-1], '"two"'
    transfer.download(server.url, target)
    assert target.read_bytes() == DATA[::-1]


def test_a_newer_file_replaces_the_old_one(server: Files, tmp_path: Path) -> None:
    target = transfer.download(server.url, tmp_path / "file.bin")
    server.data, server.etag, server.modified = b"new", '"two"', "Thu, 19 Nov 2026 00:00:00 GMT"
    transfer.download(server.url, target)
    assert target.read_bytes() == b"new"


def test_the_old_file_stays_until_the_new_one_is_whole(server: Files, tmp_path: Path) -> None:
    target = transfer.download(server.url, tmp_path / "file.bin")
    server.data, server.etag, server.modified = DATA[::-1], '"two"', "Thu, 19 Nov 2026 00:00:00 GMT"
    server.cut_after = [100, *[0] * 5]
    with pytest.raises(Unreachable):
        transfer.download(server.url, target)
    assert target.read_bytes() == DATA


def test_wrong_size(server: Files, tmp_path: Path) -> None:
    with pytest.raises(ChecksumMismatch, match="were expected"):
        transfer.download(server.url, tmp_path / "file.bin", size=len(DATA) + 1)
    server.length = False
    with pytest.raises(ChecksumMismatch, match="were expected"):
        transfer.download(server.url, tmp_path / "file.bin", size=len(DATA) + 1)
    assert list(tmp_path.glob("file*")) == []
    assert transfer.download(server.url, tmp_path / "file.bin").read_bytes() == DATA


def test_a_check_that_fails_removes_the_file(server: Files, tmp_path: Path) -> None:
    seen = []

    def check(path: Path) -> None:
        seen.append(hashlib.sha256(path.read_bytes()).hexdigest())
        raise ChecksumMismatch("not the right one")

    with pytest.raises(ChecksumMismatch, match="not the right one"):
        transfer.download(server.url, tmp_path / "file.bin", check=check)
    assert seen == [hashlib.sha256(DATA).hexdigest()]
    assert list(tmp_path.glob("file*")) == []


def test_web_page_in_place_of_a_file(server: Files, tmp_path: Path) -> None:
    server.data, server.content_type = b"<html>maintenance</html>", "text/html; charset=utf-8"
    with pytest.raises(BadAnswer, match="web page"):
        transfer.download(server.url, tmp_path / "file.bin")
    assert list(tmp_path.glob("file*")) == []
    assert transfer.download(server.url, tmp_path / "page.html").read_bytes() == server.data


def test_missing_file(server: Files, tmp_path: Path) -> None:
    server.status = 404
    with pytest.raises(NotFound):
        transfer.download(server.url, tmp_path / "file.bin")
    assert list(tmp_path.glob("file*")) == []


def test_read_only_folder(server: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "locked"
    folder.mkdir()
    folder.chmod(0o500)
    if os.access(folder, os.W_OK):  # nothing is read-only for root

        def refuse(path: Path, *_: Any) -> int:
            raise PermissionError(errno.EACCES, "Permission denied", str(path))

        monkeypatch.setattr(_part.os, "open", refuse)
    with pytest.raises(CannotWrite, match="may not be written") as caught:
        transfer.download(server.url, folder / "file.bin")
    assert caught.value.hint
    assert server.asked == []
    with pytest.raises(CannotWrite):
        transfer.download(server.url, tmp_path)  # a folder


def test_too_little_space_is_found_before_the_first_byte(
    server: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_disk, "free_space", lambda folder: len(DATA) - 1)
    with pytest.raises(CannotWrite, match=r"1\.05 MB do not fit"):
        transfer.download(server.url, tmp_path / "file.bin")
    assert list(tmp_path.glob("file*")) == []


def test_no_space_is_stated_where_nothing_may_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert transfer.free_space(tmp_path / "new" / "deep") > 0
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite):
        transfer.free_space(tmp_path / "file" / "below")

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(_disk.tempfile, "TemporaryFile", refuse)
    with pytest.raises(CannotWrite, match="may not be written"):
        transfer.free_space(tmp_path / "new")


@pytest.mark.parametrize(("free", "fits"), [(0, False), (1, True)])
def test_a_file_of_unknown_size_does_not_fit_on_a_full_disk(
    free: int, fits: bool, tmp_path: Path
) -> None:
    plan = transfer.Plan("EMD-1", (transfer.Listed("a", "http://x/a"),), tmp_path, free)
    assert plan.fits is fits
    assert ("not enough" in str(plan)) is not fits


def test_a_part_needs_space_for_the_rest_only(
    server: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.cut_after = [250_000, *[0] * 5]
    with pytest.raises(Unreachable):
        transfer.download(server.url, tmp_path / "file.bin")
    monkeypatch.setattr(_disk, "free_space", lambda folder: len(DATA) - kept(250_000))
    assert transfer.download(server.url, tmp_path / "file.bin").read_bytes() == DATA


def test_full_disk_keeps_what_arrived(server: Files, tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))  # as a full disk: EFBIG
    target = tmp_path / "file.bin"
    try:
        with pytest.raises(CannotWrite, match="disk is full") as caught:
            transfer.download(server.url, target)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert "kept" in caught.value.hint
    assert not target.exists()
    assert (tmp_path / "file.bin.part").stat().st_size == 300_000
    assert transfer.download(server.url, target).read_bytes() == DATA
    assert server.asked[-1]["range"] == "bytes=300000-"


def test_cancel_keeps_the_part(server: Files, tmp_path: Path) -> None:
    progress = Progress()
    server.stall_after = [200_000]
    threading.Timer(0.3, progress.cancel).start()
    threading.Timer(0.5, server.release.set).start()
    with pytest.raises(Cancelled):
        transfer.download(server.url, tmp_path / "file.bin", progress=progress)
    assert parts(tmp_path) == ["file.bin.part", "file.bin.part.tag"]
    assert transfer.download(server.url, tmp_path / "file.bin").read_bytes() == DATA


def test_two_downloads_of_one_file_do_not_mix(server: Files, tmp_path: Path) -> None:
    server.stall_after = [200_000]
    target = tmp_path / "file.bin"
    first = threading.Thread(target=transfer.download, args=(server.url, target))
    first.start()
    while not (tmp_path / "file.bin.part.tag").exists():
        time.sleep(0.01)
    with pytest.raises(CannotWrite, match="being downloaded already"):
        transfer.download(server.url, target)
    server.release.set()
    first.join()
    assert target.read_bytes() == DATA


def test_many_files(server: Files, tmp_path: Path) -> None:
    progress = Progress()
    items = [
        transfer.Item(f"{server.url}?{number}", tmp_path / f"{number}.bin", len(DATA))
        for number in range(9)
    ]
    server.cut_after = [1000, 2000, 3000]
    paths = transfer.download_all(items, progress=progress)
    assert [path.name for path in paths] == [f"{number}.bin" for number in range(9)]
    assert all(path.read_bytes() == DATA for path in paths)
    state = progress.snapshot()
    assert (state.done, state.total) == (9 * len(DATA), 9 * len(DATA))
    assert transfer.download_all([]) == ()


def test_one_missing_file_does_not_stop_the_others(server: Files, tmp_path: Path) -> None:
    items = [
        transfer.Item(server.url, tmp_path / "good.bin"),
        transfer.Item(server.url, tmp_path / "bad.bin", size=1),
        transfer.Item(server.url, tmp_path / "other.bin"),
    ]
    with pytest.raises(ChecksumMismatch, match="1 of 3 files"):
        transfer.download_all(items, workers=1)
    assert sorted(path.name for path in tmp_path.glob("*.bin")) == ["good.bin", "other.bin"]


def test_cancel_of_many(server: Files, tmp_path: Path) -> None:
    progress = Progress()
    progress.cancel()
    with pytest.raises(Cancelled):
        transfer.download_all(
            [transfer.Item(server.url, tmp_path / f"{n}.bin") for n in range(5)], progress=progress
        )
    assert server.asked == []


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cuts=st.lists(st.integers(0, 60_000), max_size=2),
    size=st.integers(0, 100_000),
    ranges=st.booleans(),
    etag=st.sampled_from(['"x"', 'W/"x"', None]),
)
def test_whatever_breaks_the_file_is_whole_or_not_there(
    tmp_path: Path, cuts: list[int], size: int, ranges: bool, etag: str | None
) -> None:
    target = tmp_path / "any.bin"
    target.unlink(missing_ok=True)
    data = DATA[7 : 7 + size]
    with serving(data=data, ranges=ranges, etag=etag, cut_after=list(cuts)) as server:
        try:
            transfer.download(server.url, target)
        except Unreachable:
            assert not target.exists()
        else:
            assert target.read_bytes() == data
