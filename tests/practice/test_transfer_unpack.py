"""Archives that become files while they arrive, from a server that can do everything wrong."""

from __future__ import annotations

import os
import resource
import tarfile
import threading
import time
from typing import TYPE_CHECKING

import pytest
from _file_server import Files, serving
from _tars import MTIME, info, left_over, listed, on_disk, some_files, tar_of, unpack

from openem_nb import transfer
from openem_nb.errors import (
    BadAnswer,
    Cancelled,
    CannotWrite,
    ChecksumMismatch,
    InvalidInput,
    Unreachable,
)
from openem_nb.jobs import Progress
from openem_nb.transfer import Archive, _disk, _journal, _source

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from openem_nb.transfer._tar import Header

FILES = some_files(12, 60_000)
TAR = tar_of(FILES)


@pytest.fixture
def server() -> Iterator[Files]:
    with serving(objects={"/a.tar": TAR}) as files:
        yield files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "data"


def archive(server: Files, folder: Path, name: str = "a.tar", **fields: object) -> Archive:
    fields.setdefault("members", listed(FILES))
    return Archive(f"{server.root}/{name}", folder, name, **fields)  # type: ignore[arg-type]


def ranges(server: Files) -> list[str | None]:
    return [asked.get("range") for asked in server.asked]


def test_files_come_out_whole(server: Files, folder: Path) -> None:
    progress = Progress()
    found = unpack([archive(server, folder, packed_size=len(TAR))], folder, progress=progress)
    assert on_disk(folder) == FILES
    assert found.paths == tuple(folder / name for name in FILES)
    assert found.size == sum(map(len, FILES.values()))
    assert len(TAR) - 10_240 <= found.received <= len(TAR)
    assert found.unverified == ()
    for path in found.paths:
        state = path.stat()
        assert state.st_mtime == MTIME
        assert state.st_mode & 0o7133 == 0  # whatever the archive says
    assert left_over(folder) == []
    state = progress.snapshot()
    assert (state.done, state.total, state.unit) == (found.size, found.size, "B")
    assert state.message == "Unpacking 12 of 12 files"


def test_a_second_run_asks_for_nothing(server: Files, folder: Path) -> None:
    unpack([archive(server, folder)], folder)
    before = len(server.asked)
    progress = Progress()
    found = unpack([archive(server, folder)], folder, progress=progress)
    assert found.received == 0
    assert len(found.paths) == 12
    assert len(server.asked) == before
    assert progress.snapshot().fraction == 1


def test_a_journal_that_was_left_at_the_very_end_goes(server: Files, folder: Path) -> None:
    one = archive(server, folder)
    unpack([one], folder)
    left = folder / ".openem-partial"
    left.mkdir()
    (left / f"{one.name}.journal").write_text('{"end": true}\n')
    before = len(server.asked)
    unpack([one], folder)
    assert len(server.asked) == before
    assert not left.exists()


def test_only_what_is_missing_is_fetched(server: Files, folder: Path) -> None:
    big = some_files(5, 3_000_000, seed=2)
    server.objects["/b.tar"] = tar_of(big)
    names = list(big)
    unpack([archive(server, folder, "b.tar", members=listed(big))], folder)
    (folder / names[3]).unlink()
    found = unpack([archive(server, folder, "b.tar", members=listed(big))], folder)
    assert on_disk(folder) == big
    assert len(found.paths) == 5
    assert len(big[names[3]]) < found.received < len(big[names[3]]) + (1 << 20)


def test_a_member_of_which_only_the_header_was_noted_comes_before_the_rest(
    server: Files, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = some_files(5, 3_000_000, seed=2)
    server.objects["/b.tar"] = tar_of(big)
    one = archive(server, folder, "b.tar", members=listed(big))
    noted = _journal.Journal.member

    def noted_and_killed(journal: _journal.Journal, header: Header) -> None:
        noted(journal, header)
        if len(journal.headers) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(_journal.Journal, "member", noted_and_killed)
    with pytest.raises(KeyboardInterrupt):
        unpack([one], folder)
    monkeypatch.undo()
    server.asked.clear()
    unpack([one], folder)
    assert on_disk(folder) == big
    assert len(ranges(server)) == 1  # straight on from there


def test_some_files_only(server: Files, folder: Path) -> None:
    big = some_files(6, 2_000_000, seed=2)
    server.objects["/b.tar"] = tar_of(big)
    names = list(big)
    wanted = frozenset(f"./{name}" for name in names[2:4])
    found = unpack([archive(server, folder, "b.tar", members=listed(big), only=wanted)], folder)
    assert [path.relative_to(folder).as_posix() for path in found.paths] == names[2:4]
    assert set(on_disk(folder)) == set(names[2:4])
    sizes = [len(big[name]) for name in names[2:4]]
    assert sum(sizes) < found.received < sum(sizes) + 4 * (1 << 18) + (1 << 20)
    with pytest.raises(InvalidInput, match="nothing"):
        unpack([archive(server, folder, only=frozenset({"nothing"}))], folder)


def test_without_a_list(server: Files, folder: Path) -> None:
    empty = info("empty folder", type=tarfile.DIRTYPE)
    server.objects["/a.tar"] = tar_of(FILES, empty)
    found = unpack([archive(server, folder, members=None)], folder)
    assert on_disk(folder) == FILES
    assert (folder / "empty folder").is_dir()
    assert len(found.unverified) == 12
    before = len(server.asked)
    again = unpack([archive(server, folder, members=None)], folder)
    assert (len(server.asked), again.size) == (before, found.size)
    (folder / next(iter(FILES))).unlink()
    unpack([archive(server, folder, members=None)], folder)
    assert on_disk(folder) == FILES
    some = unpack([archive(server, folder / "x", members=None, only=frozenset(FILES))], folder)
    assert len(some.paths) == 12
    with pytest.raises(BadAnswer, match="lacks 1 of its files, first 'no'"):
        unpack([archive(server, folder / "y", members=None, only=frozenset({"no"}))], folder)


def test_files_may_go_elsewhere_than_the_archive_says(server: Files, folder: Path) -> None:
    members = {
        f"./{name}": transfer.Member(f"raw/{name}", one.size, one.checksum)
        for name, one in listed(FILES).items()
    }
    unpack([archive(server, folder, members=members)], folder)
    assert on_disk(folder) == {f"raw/{name}": data for name, data in FILES.items()}


def test_cuts_and_faults_are_taken_up_again(server: Files, folder: Path) -> None:
    server.cut_after = [100_000, 0, 1000, 511, 200_000]
    found = unpack([archive(server, folder)], folder)
    assert on_disk(folder) == FILES
    assert ranges(server) == [
        None,
        "bytes=100000-",
        "bytes=100000-",
        "bytes=101000-",
        "bytes=101511-",
        "bytes=301511-",
    ]
    assert found.received <= len(TAR)


def test_one_request_in_five_goes_wrong(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_source, "STALL", 0.3)
    kinds = ("503", "cut", "page", "hang")
    many = {f"/{number}.tar": some_files(4, 30_000, seed=number) for number in range(8)}
    with serving(
        objects={path: tar_of(files) for path, files in many.items()},
        fault=lambda number: kinds[number // 5 % 4] if number % 5 == 0 else "",
    ) as server:
        archives = [
            archive(server, folder, path[1:], members=listed(files)) for path, files in many.items()
        ]
        unpack(archives, folder)
    assert on_disk(folder) == {
        name: data for files in many.values() for name, data in files.items()
    }


def test_silence_is_given_up_and_taken_up_again(
    server: Files, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_source, "STALL", 0.2)
    server.stall_after = [300_000]
    unpack([archive(server, folder)], folder)
    assert on_disk(folder) == FILES
    assert ranges(server)[-1] == "bytes=300000-"


def test_a_server_that_is_gone_leaves_what_arrived(server: Files, folder: Path) -> None:
    server.cut_after = [250_000, *[0] * 6]
    with pytest.raises(Unreachable, match=r"^a\.tar: ") as caught:
        unpack([archive(server, folder)], folder)
    assert "kept" in caught.value.hint
    first = on_disk(folder)
    assert len(first) == 4
    server.cut_after = []
    unpack([archive(server, folder)], folder)
    assert on_disk(folder) == FILES
    assert ranges(server)[-1] == "bytes=250000-"


def test_servers_without_ranges(folder: Path) -> None:
    with serving(objects={"/a.tar": TAR}, ranges=False, cut_after=[100_000]) as server:
        unpack([archive(server, folder)], folder)
    assert on_disk(folder) == FILES


def test_a_member_that_came_wrong_is_fetched_alone(server: Files, folder: Path) -> None:
    server.damage = [200_000]
    progress = Progress()
    unpack([archive(server, folder)], folder, progress=progress)
    assert on_disk(folder) == FILES
    first, last = (int(one) for one in (ranges(server)[-1] or "")[6:].split("-"))
    assert TAR[first : last + 1] in FILES.values()
    assert progress.snapshot().done == sum(map(len, FILES.values()))


def test_a_member_that_stays_wrong_is_named_and_the_others_are_there(
    server: Files, folder: Path
) -> None:
    other = some_files(3, 1000, seed=5)
    server.objects["/other.tar"] = tar_of(other)
    members = listed(FILES)
    wrong = list(FILES)[4]
    members[wrong] = transfer.Member(wrong, members[wrong].size, listed({"": b"x"})[""].checksum)
    archives = [
        archive(server, folder, members=members),
        archive(server, folder, "other.tar", members=listed(other)),
    ]
    with pytest.raises(ChecksumMismatch, match=rf"1 of 2 archives .*{wrong}"):
        unpack(archives, folder, workers=1)
    assert on_disk(folder) == {n: d for n, d in FILES.items() if n != wrong} | other
    before = len(server.sent)
    unpack([archive(server, folder), archives[1]], folder)  # the list has been mended
    assert on_disk(folder) == FILES | other
    assert sum(size for _, _, size in server.sent[before:]) == len(FILES[wrong])


def test_a_header_that_came_wrong_is_fetched_again(server: Files, folder: Path) -> None:
    server.damage = [TAR.index(b"image_1_003") + 5]
    unpack([archive(server, folder)], folder)
    assert on_disk(folder) == FILES


def test_another_archive_in_its_place_begins_anew(server: Files, folder: Path) -> None:
    server.cut_after = [250_000, *[0] * 6]
    with pytest.raises(Unreachable):
        unpack([archive(server, folder)], folder)
    server.cut_after = []
    turned = {name: data[::-1] for name, data in FILES.items()}
    server.objects["/a.tar"] = tar_of(turned)
    unpack([archive(server, folder, members=listed(turned))], folder)
    assert on_disk(folder) == turned


def test_another_archive_on_the_way_begins_anew(server: Files, folder: Path) -> None:
    turned = {name: data[::-1] for name, data in FILES.items()}

    def swap(number: int) -> str:
        if number == 2:
            server.objects["/a.tar"] = tar_of(turned)
        return ""

    server.fault, server.cut_after = swap, [200_000]
    progress = Progress()
    unpack([archive(server, folder, members=listed(turned))], folder, progress=progress)
    assert on_disk(folder) == turned
    assert progress.snapshot().fraction == 1
    assert ranges(server) == [None, "bytes=200000-", None]


def test_size_of_the_archive(server: Files, folder: Path) -> None:
    with pytest.raises(ChecksumMismatch, match="were expected"):
        unpack([archive(server, folder, packed_size=len(TAR) + 512)], folder)


def test_cut_off_archives(server: Files, folder: Path) -> None:
    for number, (end, words) in enumerate(
        [
            (0, "no whole tar"),
            (300, "no whole tar"),
            (512, "cut off"),
            (200_000, "cut off"),
            (TAR.index(b"image_1_005") // 512 * 512, "lacks 7 of its files"),
        ]
    ):
        server.objects["/a.tar"] = TAR[:end]
        with pytest.raises(BadAnswer, match=words):
            unpack([archive(server, folder / str(number))], folder)
    server.objects["/a.tar"] = TAR.rstrip(b"\0")
    server.objects["/a.tar"] += bytes(-len(server.objects["/a.tar"]) % 512)
    unpack([archive(server, folder)], folder)  # all is there but the mark of the end
    with pytest.raises(BadAnswer, match="no end"):
        unpack([archive(server, folder / "x", members=None)], folder)


def test_no_tar_at_all(server: Files, folder: Path) -> None:
    for data in (b"<html>no</html>" * 100, b"\x1f\x8b" + bytes(1000), os.urandom(5000)):
        server.objects["/a.tar"] = data
        with pytest.raises(BadAnswer, match="no whole tar archive"):
            unpack([archive(server, folder)], folder)
    server.objects["/a.tar"] = TAR
    server.pages = 99
    with pytest.raises(BadAnswer, match="web page"):
        unpack([archive(server, folder)], folder)
    assert on_disk(folder) == {}


def test_cancel_wakes_a_silent_connection(server: Files, folder: Path) -> None:
    server.stall_after = [300_000]
    progress = Progress()
    timer = threading.Timer(0.3, progress.cancel)
    timer.start()
    with pytest.raises(Cancelled):
        unpack([archive(server, folder)], folder, progress=progress)
    assert progress.snapshot().seconds < 2
    timer.join()
    server.stall_after = []
    unpack([archive(server, folder)], folder)
    assert on_disk(folder) == FILES
    assert ranges(server)[-1] == "bytes=300000-"


def test_a_full_disk(server: Files, folder: Path) -> None:
    big = some_files(3, 1_000_000, seed=3)
    server.objects["/b.tar"] = tar_of(big)
    wanted = archive(server, folder, "b.tar", members=listed(big))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, hard))
    try:
        with pytest.raises(CannotWrite, match="disk is full"):
            unpack([wanted], folder)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert on_disk(folder) == {}
    unpack([wanted], folder)
    assert on_disk(folder) == big
    assert ranges(server)[-1] == f"bytes={512 + 700_000}-"


def test_room_is_needed_before_the_first_byte(
    server: Files, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_disk, "free_space", lambda _: 700_000)
    with pytest.raises(CannotWrite, match="do not fit"):
        unpack([archive(server, folder)], folder)
    assert server.asked == []


def test_one_archive_is_unpacked_once_at_a_time(server: Files, folder: Path) -> None:
    server.stall_after = [200_000]
    progress = Progress()
    first = threading.Thread(target=unpack, args=([archive(server, folder)], folder))
    first.start()
    while not left_over(folder):
        time.sleep(0.01)
    with pytest.raises(CannotWrite, match="already"):
        unpack([archive(server, folder)], folder, progress=progress)
    server.release.set()
    first.join()
    assert on_disk(folder) == FILES


def test_the_same_archive_or_file_twice(server: Files, folder: Path) -> None:
    with pytest.raises(InvalidInput, match="twice"):
        unpack([archive(server, folder)] * 2, folder)
    server.objects["/b.tar"] = TAR
    with pytest.raises(BadAnswer, match=r"comes out of [ab]\.tar as well"):
        unpack([archive(server, folder), archive(server, folder, "b.tar")], folder)
    assert set(on_disk(folder)) <= set(FILES)
    assert unpack([], folder).paths == ()


def test_the_same_files_are_found_whichever_archive_is_done_before(
    server: Files, folder: Path
) -> None:
    server.objects["/b.tar"] = TAR
    unpack([archive(server, folder)], folder)  # all of it is known from here on, and not read again
    with pytest.raises(BadAnswer, match=r"comes out of [ab]\.tar as well"):
        unpack([archive(server, folder), archive(server, folder, "b.tar")], folder, workers=1)


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_long_and_foreign_names(folder: Path, form: int) -> None:
    deep = "/".join(["Aufnahme" * 5] * 3)
    files = {f"{deep}/größe-{'x' * 40}.tif": b"1", "日本語/🔬.mrc": b"2"}
    with serving(objects={"/a.tar": tar_of(files, format=form)}) as server:
        unpack([archive(server, folder, members=listed(files))], folder)
    assert on_disk(folder) == files
