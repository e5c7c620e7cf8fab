"""Servers as they are: they lie, break off, hang, send elsewhere, and let addresses expire."""

from __future__ import annotations

import gzip
import io
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
from image_files import write_mrc

from openem_nb import http, images
from openem_nb.errors import BadAnswer, Cancelled, DamagedFile, NotAllowed, NotOnDisk, Unreachable
from openem_nb.images import remote
from openem_nb.jobs import Progress
from openem_nb.transfer import _source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

DATA = np.random.default_rng(4).integers(0, 900, (700, 900)).astype(np.int16)
EXPIRED = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
ON_TAPE = b"<Error><Code>InvalidObjectState</Code><Message>It is archived.</Message></Error>"


class Odd(ThreadingHTTPServer):
    """Answers as the test says; by default like any object store."""

    daemon_threads = True

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.odd: Callable[[Handler, int, int], bool] = lambda *_: False
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.connections = 0
        self.over = threading.Event()
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, *_: object) -> None:
        """A client that has enough is no error."""

    def url(self, query: str = "") -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/a.mrc{query}"


class Handler(BaseHTTPRequestHandler):
    server: Odd
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        self.server.headers.append(dict(self.headers))
        first, last = map(int, self.headers["Range"].removeprefix("bytes=").split("-"))
        try:
            if not self.server.odd(self, first, last):
                self.part(first, last)
        except OSError:  # the client has enough
            self.close_connection = True

    def part(
        self, first: int, last: int, *, length: int | None = None, total: int | None = None
    ) -> None:
        """Send a part of the file; ``length`` and ``total`` are what is said of it, if not true."""
        whole = self.server.data
        body = whole[first : last + 1]
        size = len(whole) if total is None else total
        told = len(body) if length is None else length
        end = first + len(body) - 1
        self.say(206, body, told, {"Content-Range": f"bytes {first}-{end}/{size}"})

    def say(
        self, status: int, body: bytes, length: int | None, more: dict[str, str] | None = None
    ) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        if length != len(body):
            self.close_connection = True


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Odd]:
    path = tmp_path / "a.mrc"
    write_mrc(path, DATA)
    own = Odd(path.read_bytes())
    thread = threading.Thread(target=own.serve_forever, args=(0.02,), name="odd-files")
    thread.start()
    with http.using(http.Session(retries=0)):
        yield own
    own.over.set()
    own.shutdown()
    thread.join()
    own.server_close()


def test_requests_share_a_connection(server: Odd) -> None:
    with images.open_image(server.url()) as found:
        assert np.array_equal(found.frame(), DATA)
        assert np.array_equal(found.window(300, 310, 5, 25), DATA[300:310, 5:25])
    assert len(server.asked) >= 2
    assert server.connections == 1


def test_an_address_that_expires_is_renewed_in_the_middle(server: Odd) -> None:
    valid = ["1"]
    given: list[str] = []

    def fresh() -> str:
        given.append(valid[-1])
        return server.url(f"?signature={valid[-1]}")

    def odd(handler: Handler, _first: int, _last: int) -> bool:
        if handler.path.endswith(f"={valid[-1]}"):
            return False
        handler.say(403, EXPIRED, len(EXPIRED))
        return True

    server.odd = odd
    with images.open_image(fresh) as found:
        assert found.name == "a.mrc"
        valid.append("2")
        assert np.array_equal(found.frame(), DATA)
        assert "signature" not in found.source + repr(found)
    assert given == ["1", "2"]
    valid.append("3")
    with pytest.raises(NotAllowed, match=r"The address of a\.mrc has expired"):
        images.open_image(server.url("?signature=2"))


def test_a_file_on_tape_is_not_waited_for(server: Odd) -> None:
    server.odd = lambda handler, *_: handler.say(403, ON_TAPE, len(ON_TAPE)) or True
    with pytest.raises(NotOnDisk, match="not restored from tape"):
        images.open_image(server.url())


def test_less_than_was_asked_for_is_asked_for_again(server: Odd) -> None:
    server.odd = lambda handler, first, last: handler.part(first, min(last, first + 99_999)) or True
    with images.open_image(server.url()) as found:
        assert np.array_equal(found.frame(), DATA)
    assert len(server.asked) > 10


def test_more_than_was_asked_for_is_left_on_the_line(server: Odd) -> None:
    server.odd = lambda handler, first, _: handler.part(first, 1 << 40) or True
    with images.open_image(server.url()) as found:
        assert np.array_equal(found.window(0, 1, 0, 900)[0], DATA[0])
        assert found.bytes_fetched <= len(server.data)
        assert np.array_equal(found.frame(), DATA)


@pytest.mark.parametrize("told", [1 << 24, 10])
def test_a_length_that_is_not_true(server: Odd, told: int) -> None:
    """One that promises more breaks off, one that promises less is taken by its word."""
    server.odd = lambda handler, first, last: handler.part(first, last, length=told) or True
    with pytest.raises((DamagedFile, Unreachable, BadAnswer)):
        images.open_image(server.url()).frame()


def test_a_size_that_is_not_true(server: Odd) -> None:
    server.odd = lambda handler, first, last: handler.part(first, last, total=100) or True
    with pytest.raises(BadAnswer, match="more than the 100 bytes"):
        images.open_image(server.url())


@pytest.mark.parametrize("status", [200, 206])
@pytest.mark.parametrize(
    "before", [b"", b"\xef\xbb\xbf\r\n", b"<!-- a <b>\n --> <!-- c -->\n", b"<?xml version='1.0'?>"]
)
def test_a_page_for_people(server: Odd, status: int, before: bytes) -> None:
    page = before + b"<!DOCTYPE html><html><title>Log in</title></html>"
    more = {"Content-Range": f"bytes 0-{len(page) - 1}/{len(page)}"} if status == 206 else {}
    server.odd = lambda handler, *_: handler.say(status, page, len(page), more) or True
    with pytest.raises(BadAnswer, match="a page for people") as caught:
        images.open_image(server.url())
    assert "log-in" in (caught.value.hint or "")


def test_a_packed_body_is_unpacked_and_a_packed_part_refused(server: Odd) -> None:
    import gzip

    small = gzip.compress(server.data[:1024])
    server.odd = lambda handler, *_: (
        handler.say(200, small, len(small), {"Content-Encoding": "gzip"}) or True
    )
    with pytest.raises(DamagedFile, match=r"cut off: .* it has 1,024"):
        images.open_image(server.url())
    packed = gzip.compress(server.data)
    server.odd = lambda handler, *_: (
        handler.say(200, packed, len(packed), {"Content-Encoding": "gzip"}) or True
    )
    with pytest.raises(BadAnswer, match="not how long"):
        images.open_image(server.url())
    part = {"Content-Encoding": "gzip", "Content-Range": f"bytes 0-99/{len(packed)}"}
    server.odd = lambda handler, *_: handler.say(206, packed[:100], 100, part) or True
    with pytest.raises(BadAnswer, match="not asked for"):
        images.open_image(server.url())


def test_a_refused_range(server: Odd) -> None:
    size = {"Content-Range": f"bytes */{len(server.data)}"}
    server.odd = lambda handler, *_: handler.say(416, b"", 0, size) or True
    with pytest.raises(BadAnswer, match="not asked for"):
        images.open_image(server.url())
    server.odd = lambda handler, first, _: bool(first) and (handler.say(416, b"", 0, size) or True)
    with images.open_image(server.url()) as found, pytest.raises(BadAnswer, match="has changed"):
        found.frame()


def test_the_wrong_part(server: Odd) -> None:
    server.odd = lambda handler, first, last: (
        bool(first) and (handler.part(first + 1, last) or True)
    )
    with images.open_image(server.url()) as found, pytest.raises(BadAnswer, match="has changed"):
        found.frame()


def test_a_server_that_always_breaks_off_is_given_up(server: Odd) -> None:
    server.odd = lambda handler, first, last: (
        handler.part(first, min(last, first + 999), length=last - first + 1) or True
    )
    with pytest.raises(Unreachable):
        images.open_image(server.url())
    assert len(server.asked) < 10


@pytest.mark.parametrize("form", ["tiff", "gzip", "tar"])
def test_what_breaks_off_in_the_middle_is_taken_up_where_it_was(server: Odd, form: str) -> None:
    stream = io.BytesIO()
    member = None
    if form == "tiff":
        tifffile.imwrite(stream, DATA, compression="lzw", rowsperstrip=10, metadata=None)
    elif form == "gzip":
        stream.write(gzip.compress(server.data))
    else:
        member = "a.mrc"
        with tarfile.open(fileobj=stream, mode="w") as archive:
            info = tarfile.TarInfo(member)
            info.size = len(server.data)
            archive.addfile(info, io.BytesIO(server.data))
    server.data = stream.getvalue()
    cut = [150_000, 90_000, 200_000]

    def odd(handler: Handler, first: int, last: int) -> bool:
        if last - first < 1 << 17 or not cut:
            return False
        handler.part(first, first + cut.pop() - 1, length=last - first + 1)
        return True

    server.odd = odd
    with images.open_image(server.url(), member=member) as found:
        assert np.array_equal(found.frame(), DATA)
        assert not cut
        assert found.bytes_fetched < 1.3 * len(server.data) + (1 << 16)


def test_a_server_that_forgets_ranges_in_the_middle(server: Odd) -> None:
    server.odd = lambda handler, first, _: (
        bool(first) and (handler.say(200, server.data, len(server.data)) or True)
    )
    with images.open_image(server.url()) as found:
        with pytest.raises(BadAnswer, match="has changed"):
            found.frame()
        assert found.bytes_fetched <= 1 << 18


def test_a_server_that_does_not_know_conditions_tells_a_change_by_its_mark(server: Odd) -> None:
    marks = iter(['"one"', '"one"', "", '"two"'])

    def odd(handler: Handler, first: int, last: int) -> bool:
        body = server.data[first : last + 1]
        more = {"Content-Range": f"bytes {first}-{first + len(body) - 1}/{len(server.data)}"}
        mark = next(marks)
        handler.say(206, body, len(body), more | ({"ETag": mark} if mark else {}))
        return True

    server.odd = odd
    with images.open_image(server.url()) as found:
        assert np.array_equal(found.band(200, 300), DATA[200:300]), "the same mark"
        assert np.array_equal(found.band(400, 500), DATA[400:500]), "no mark"
        with pytest.raises(BadAnswer, match="has changed on its server"):
            found.band(600, 700)


def drip(handler: Handler, first: int, last: int) -> bool:
    """Send a byte, and another one a little later, for ever."""
    size = len(handler.server.data)
    handler.say(206, b"", last + 1 - first, {"Content-Range": f"bytes {first}-{last}/{size}"})
    while not handler.server.over.wait(0.02):
        handler.wfile.write(b"x")
        handler.wfile.flush()
    return True


def test_a_server_that_drips_is_given_up(server: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_SLOW", 0.3)
    server.odd = drip
    with pytest.raises(Unreachable, match="too slowly"):
        images.open_image(server.url())
    assert len(server.asked) == 1
    server.odd = lambda handler, first, last: bool(first) and drip(handler, first, last)
    with images.open_image(server.url()) as found, pytest.raises(Unreachable, match="too slowly"):
        found.frame()


def test_a_server_that_drips_can_be_cancelled(server: Odd) -> None:
    progress = Progress()
    sent = threading.Event()

    def odd(handler: Handler, first: int, last: int) -> bool:
        sent.set()
        return drip(handler, first, last)

    server.odd = odd
    waiting = threading.Thread(target=lambda: sent.wait(60) and progress.cancel())
    waiting.start()
    with pytest.raises(Cancelled):
        images.open_image(server.url(), progress=progress)
    waiting.join()
    assert len(server.asked) == 1


def test_a_header_without_end_is_no_answer(server: Odd) -> None:
    many = {f"X-{number}": "x" for number in range(150)}
    server.odd = lambda handler, *_: handler.say(206, b"", 0, many) or True
    with http.using(http.Session(retries=3)), pytest.raises(BadAnswer, match="header"):
        images.open_image(server.url())
    assert len(server.asked) == 1


def test_a_server_that_hangs_is_given_up(server: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_source, "STALL", 0.2)
    server.odd = lambda *_: server.over.wait(60)
    with pytest.raises(Unreachable, match="did not answer in time"):
        images.open_image(server.url())


def test_a_file_that_was_moved_is_followed_without_what_is_secret(server: Odd) -> None:
    other = server.url().replace("127.0.0.1", "localhost") + "?signed=1"
    server.odd = lambda handler, *_: (
        "signed" not in handler.path
        and (handler.say(302, b"", 0, {"Location": other, "Set-Cookie": "session=secret"}) or True)
    )
    with images.open_image(server.url()) as found:
        assert np.array_equal(found.frame(), DATA)
        assert "signed" not in found.source
    moved = [
        headers
        for path, headers in zip(server.asked, server.headers, strict=True)
        if "signed" in path
    ]
    assert moved
    assert all("Authorization" not in one and "Cookie" not in one for one in moved)
    assert all("Range" in one for one in moved)


def test_a_member_takes_one_request_for_each_that_lies_before_it(server: Odd) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for number in range(6):
            info = tarfile.TarInfo(f"raw/{number}.mrc")
            info.size = len(server.data)
            archive.addfile(info, io.BytesIO(server.data))
    server.data = stream.getvalue()
    with images.open_image(server.url(), member="raw/5.mrc") as found:
        assert found.name == "5.mrc"
        assert len(server.asked) == 6
        assert server.connections == 1
        assert found.bytes_fetched < 200_000
        assert np.array_equal(found.frame(), DATA)
