"""Addresses that expire, objects that are still on tape, and secrets that stay secret."""

from __future__ import annotations

import logging
import threading
import traceback
from typing import TYPE_CHECKING, Any

import pytest
from _file_server import DATA, Files, serving
from _tars import listed, on_disk, some_files, tar_of, unpack

from openem_nb import http, transfer
from openem_nb.errors import (
    BadAnswer,
    Cancelled,
    ChecksumMismatch,
    InvalidInput,
    NotAllowed,
    NotOnDisk,
    OpenEMError,
    Unreachable,
)
from openem_nb.jobs import Progress
from openem_nb.transfer import Archive, Item, Patience

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOON = Patience(first=0.05, longest=0.1, total=5)
FILES = some_files(6, 60_000)


@pytest.fixture
def hasty() -> Iterator[None]:
    with http.using(http.Session(retries=0, backoff=0.001, timeout=(2.0, 5.0))):
        yield


@pytest.fixture
def server() -> Iterator[Files]:
    with serving(objects={"/a.tar": tar_of(FILES)}, signature="X-Amz-Signature=s1") as files:
        yield files


class Signer:
    """Gives addresses that are good until the next one."""

    def __init__(self, server: Files, path: str = "/file.bin") -> None:
        self.server = server
        self.path = path
        self.given = 0

    def __call__(self) -> str:
        self.given += 1
        return f"{self.server.root}{self.path}?{self.server.signature}"


def test_a_fresh_address_goes_on_where_the_old_one_stopped(server: Files, tmp_path: Path) -> None:
    signer = Signer(server)

    def expire(number: int) -> str:
        if number == 1:
            server.signature = "X-Amz-Signature=s2"
        return ""

    server.fault, server.cut_after = expire, [300_000]
    target = transfer.download(signer, tmp_path / "file.bin")
    assert target.read_bytes() == DATA
    assert signer.given == 2
    assert [asked.get("range") for asked in server.asked] == [
        None,
        "bytes=300000-",
        "bytes=300000-",
    ]


def test_a_part_is_continued_with_another_signature_and_host(server: Files, tmp_path: Path) -> None:
    server.cut_after = [300_000, *[0] * 5]
    with pytest.raises(Unreachable):
        transfer.download(Signer(server), tmp_path / "file.bin")
    with serving(signature="X-Amz-Signature=other") as other:  # as a service that was restarted
        transfer.download(Signer(other), tmp_path / "file.bin")
        assert other.asked[0]["range"] == "bytes=300000-"
    assert (tmp_path / "file.bin").read_bytes() == DATA


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "AccessDenied"),
        (403, "ExpiredToken"),
        (403, "SignatureDoesNotMatch"),
        (400, "ExpiredToken"),
        (400, "InvalidToken"),
        (401, "Unauthorized"),
    ],
)
def test_ways_to_say_that_it_has_expired(
    server: Files, tmp_path: Path, status: int, code: str
) -> None:
    given = iter(["stale", str(server.signature)])
    server.refuse = [(status, code)]
    transfer.download(lambda: f"{server.root}/file.bin?{next(given)}", tmp_path / "file.bin")
    assert (tmp_path / "file.bin").read_bytes() == DATA


def test_other_refusals_are_final(server: Files, tmp_path: Path) -> None:
    signer = Signer(server)
    server.refuse = [(400, "InvalidArgument")]
    with pytest.raises(InvalidInput, match="InvalidArgument"):
        transfer.download(signer, tmp_path / "file.bin")
    assert signer.given == 1
    server.refuse = [(403, "AccessDenied")] * 2  # the fresh address is the old one
    with pytest.raises(NotAllowed, match="AccessDenied"):
        transfer.download(signer, tmp_path / "file.bin")
    ever = (f"{server.root}/file.bin?{number}" for number in range(99))
    with pytest.raises(NotAllowed, match=r"address of file\.bin has expired"):
        transfer.download(lambda: next(ever), tmp_path / "file.bin")
    assert next(ever).endswith("?4")  # and is not asked for without end


def test_an_address_that_cannot_be_renewed(server: Files, tmp_path: Path) -> None:
    with pytest.raises(NotAllowed, match="has expired") as caught:
        transfer.download(f"{server.root}/file.bin?X-Amz-Signature=old", tmp_path / "file.bin")
    assert "retrieve" in caught.value.hint
    assert caught.value.status == 403


def test_a_store_that_moves_is_found_again(server: Files, tmp_path: Path) -> None:
    given = iter(["http://127.0.0.1:9", server.root])
    target = tmp_path / "file.bin"
    transfer.download(lambda: f"{next(given)}/file.bin?{server.signature}", target)
    assert target.read_bytes() == DATA


def test_what_renewing_says_is_passed_on(server: Files, tmp_path: Path) -> None:
    def gone() -> str:
        raise NotOnDisk("The retrieval is too old.", hint="Retrieve it again.")

    with pytest.raises(NotOnDisk, match="too old"):
        transfer.download_all([Item(gone, tmp_path / "file.bin")])


def test_an_archive_with_an_address_that_expires_all_the_time(
    server: Files, tmp_path: Path
) -> None:
    def expire(number: int) -> str:
        server.signature = f"X-Amz-Signature=n{number}"
        return "cut"

    server.fault = expire
    signer = Signer(server, "/a.tar")
    # Half of the rest arrives each time: more attempts than a server that brings nothing gets.
    unpack([Archive(signer, tmp_path, "a.tar", None, listed(FILES))], tmp_path)
    assert on_disk(tmp_path) == {f"{name}": data for name, data in FILES.items()}
    assert signer.given > 6


def test_objects_that_are_not_restored_yet_are_waited_for(server: Files, tmp_path: Path) -> None:
    server.on_tape = 3
    progress = Progress()
    said = []
    unsubscribe = progress.subscribe(lambda state: said.append(state.message))
    unpack(
        [Archive(Signer(server, "/a.tar"), tmp_path, "a.tar", None, listed(FILES))],
        tmp_path,
        patience=SOON,
        progress=progress,
    )
    unsubscribe()
    assert on_disk(tmp_path) == FILES
    assert any("waiting for a.tar, which the store is still reading from tape" in x for x in said)
    assert said[-1] == "Unpacking 6 of 6 files"
    server.on_tape = 2
    transfer.download(Signer(server), tmp_path / "file.bin", patience=SOON)
    assert (tmp_path / "file.bin").read_bytes() == DATA


def test_patience_has_an_end(server: Files, tmp_path: Path) -> None:
    server.on_tape = 99
    patience = Patience(first=0.01, longest=0.02, total=0.1)
    with pytest.raises(NotOnDisk, match=r"file\.bin is still not restored") as caught:
        transfer.download(Signer(server), tmp_path / "file.bin", patience=patience)
    assert "kept" in caught.value.hint
    # 0.01 s, then 0.02 s each: the pauses grow and are bounded.
    assert len(server.asked) == 7


def test_cancel_ends_the_waiting_at_once(server: Files, tmp_path: Path) -> None:
    server.on_tape = 99
    progress = Progress()
    timer = threading.Timer(0.2, progress.cancel)
    timer.start()
    items = [Item(Signer(server), tmp_path / f"{number}") for number in range(3)]
    with pytest.raises(Cancelled):
        transfer.download_all(items, progress=progress)  # with the patience of people
    assert progress.snapshot().seconds < 2
    timer.join()


def chain(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def texts(folder: Path) -> str:
    return "\n".join(
        path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file()
    )


SECRET = "X-Amz-Signature=5ecre7"


def failing(server: Files, **change: Any) -> None:
    server.signature = SECRET
    server.on_tape, server.refuse, server.cut_after, server.pages = 0, [], [], 0
    server.status, server.data = 200, DATA
    for name, value in change.items():
        setattr(server, name, value)


def test_a_signed_address_appears_nowhere(
    hasty: None, server: Files, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"{server.root}/file.bin?{SECRET}"
    tar = f"{server.root}/a.tar?{SECRET}"
    target = tmp_path / "data" / "file.bin"
    wrong = transfer.Checksum("md5", "0" * 32)
    errors: list[BaseException] = []

    def attempt(kind: type[OpenEMError], address: Any, **options: Any) -> None:
        with pytest.raises(kind) as caught:
            transfer.download(address, target, **options)
        errors.append(caught.value)

    def attempt_tar(kind: type[OpenEMError], address: Any, **options: Any) -> None:
        with pytest.raises(kind) as caught:
            unpack([Archive(address, tmp_path, "a.tar", **options)], tmp_path)
        errors.append(caught.value)

    failing(server, cut_after=[300_000, *[0] * 5])
    attempt(Unreachable, url)
    assert target.with_name("file.bin.part.tag").exists()
    failing(server, cut_after=[200_000, *[0] * 6])
    attempt_tar(Unreachable, tar)
    assert "5ecre7" not in texts(tmp_path)
    failing(server, pages=9)
    attempt(BadAnswer, url)
    failing(server, pages=9)
    attempt_tar(BadAnswer, tar)
    failing(server)
    attempt(ChecksumMismatch, url, size=3)
    attempt(ChecksumMismatch, url, checksum=wrong)
    attempt_tar(ChecksumMismatch, tar, packed_size=3)
    for status, kind in [(404, OpenEMError), (500, Unreachable), (418, BadAnswer)]:
        failing(server, status=status)
        attempt(kind, url)
        attempt_tar(kind, tar)
    failing(server, refuse=[(403, "SignatureDoesNotMatch")] * 9)
    attempt(NotAllowed, url)  # the store repeats the address in its answer
    failing(server, on_tape=99)
    attempt(NotOnDisk, url, patience=Patience(0.01, 0.01, 0.02))
    failing(server, signature="other")
    attempt(NotAllowed, url)
    attempt(Unreachable, f"http://127.0.0.1:9/file.bin?{SECRET}")
    attempt_tar(Unreachable, f"http://127.0.0.1:9/a.tar?{SECRET}")
    attempt(InvalidInput, f"ftp://127.0.0.1/file.bin?{SECRET}")
    attempt(OpenEMError, f"http://127.0.0.1:99999999/file.bin?{SECRET}")
    failing(server)
    transfer.download_all([Item(url, target)])
    unpack([Archive(tar, tmp_path / "x", "a.tar")], tmp_path)
    assert len(errors) == 20
    for error in errors:
        assert "5ecre7" not in chain(error) + str(error) + error.hint + error.said  # type: ignore[attr-defined]
    assert "5ecre7" not in texts(tmp_path)
    assert "file.bin" in caplog.text  # the requests are logged, without their queries
    assert "5ecre7" not in caplog.text
