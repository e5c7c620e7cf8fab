from __future__ import annotations

import socket
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from openem_nb import _answers, http, settings, tokens
from openem_nb.errors import (
    BadAnswer,
    Cancelled,
    InvalidInput,
    NotAllowed,
    NotFound,
    NotLoggedIn,
    OpenEMError,
    RateLimited,
    Unreachable,
)
from openem_nb.jobs import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass
class Answer:
    """What the server does with one request."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=dict)
    cut: int = 0
    """Bytes to leave out at the end, against Content-Length."""
    stall: float = 0.0
    """Seconds of silence before the answer."""


class Script:
    """A server that gives prepared answers in order, the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.seen: list[tuple[str, str, dict[str, str]]] = []
        self.times: list[float] = []
        script = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _do(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                script.seen.append((self.command, self.path, dict(self.headers)))
                script.times.append(time.monotonic())
                answer = script.answers[0]
                if len(script.answers) > 1:
                    script.answers.pop(0)
                time.sleep(answer.stall)
                try:
                    self.send_response(answer.status)
                    for name, value in answer.headers.items():
                        self.send_header(name, value)
                    self.send_header("Content-Length", str(len(answer.body)))
                    self.end_headers()
                    self.wfile.write(answer.body[: len(answer.body) - answer.cut])
                    if answer.cut:
                        self.close_connection = True
                except ConnectionError:
                    self.close_connection = True

            do_GET = do_POST = do_HEAD = _do

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,))
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def script() -> Iterator[Callable[..., Script]]:
    made: list[Script] = []

    def start(*answers: Answer) -> Script:
        made.append(Script(*answers))
        return made[-1]

    yield start
    http.session().close()
    for one in made:
        one.close()


@pytest.fixture
def session() -> Iterator[http.Session]:
    with http.using(http.Session(retries=2, backoff=0.01, timeout=(1.0, 0.7))) as own:
        yield own


def test_identifies_itself_and_reads_json(script, session) -> None:
    server = script(Answer(body=b'{"a": 1}'))
    assert session.json(server.url + "/x", params={"q": "b c"}) == {"a": 1}
    method, path, headers = server.seen[0]
    assert (method, path) == ("GET", "/x?q=b+c")
    assert headers["User-Agent"].startswith("openem_nb/")
    assert "github.com/SwissOpenEM" in headers["User-Agent"]


@pytest.mark.parametrize(
    "fault",
    [Answer(status=503), Answer(status=500), Answer(body=b"x" * 99, cut=50), Answer(stall=1.5)],
    ids=["503", "500", "cut", "stall"],
)
def test_a_passing_fault_is_repeated(script, session, fault: Answer) -> None:
    server = script(fault, fault, Answer(body=b'"whole"'))
    assert session.json(server.url) == "whole"
    assert len(server.seen) == 3


@pytest.mark.parametrize(
    "fault", [Answer(status=502), Answer(body=b"x" * 99, cut=50), Answer(stall=1.5)]
)
def test_a_lasting_fault_is_unreachable_after_the_retries(script, session, fault: Answer) -> None:
    server = script(fault)
    with pytest.raises(Unreachable) as caught:
        session.get(server.url)
    assert caught.value.hint
    assert len(server.seen) == 3


def test_nobody_listens(session) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(Unreachable, match="cannot be reached"):
        session.get(f"http://127.0.0.1:{port}/")


def test_post_is_sent_once_unless_idempotent(script, session) -> None:
    server = script(Answer(status=503))
    with pytest.raises(Unreachable):
        session.post(server.url, json={"a": 1})
    assert len(server.seen) == 1
    with pytest.raises(Unreachable):
        session.post(server.url, data=b"10001-10005", idempotent=True)
    assert len(server.seen) == 4


def test_retry_after_is_honoured(script, session) -> None:
    server = script(Answer(status=429, headers={"Retry-After": "1"}), Answer())
    session.get(server.url)
    assert server.times[1] - server.times[0] >= 1.0


def test_who_waits_is_told_why(script, session) -> None:
    server = script(Answer(status=503), Answer(status=429, headers={"Retry-After": "1"}), Answer())
    told: list[str] = []

    class Listening(Progress):
        def wait(self, seconds: float, *, why: str = "") -> None:
            told.append(why)

    session.get(server.url, progress=Listening())
    assert any("Next attempt in 1 s" in why for why in told)


def test_a_pause_of_an_hour_is_an_error_now(script, session) -> None:
    server = script(Answer(status=429, headers={"Retry-After": "3600"}))
    with pytest.raises(RateLimited) as caught:
        session.get(server.url)
    assert caught.value.retry_after == 3600
    assert len(server.seen) == 1


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidInput),
        (401, NotLoggedIn),
        (403, NotAllowed),
        (404, NotFound),
        (418, BadAnswer),
        (301, BadAnswer),
    ],
)
def test_statuses_become_situations(script, session, status: int, kind: type[OpenEMError]) -> None:
    server = script(Answer(status=status, body=b'{"error": {"msg": "no such field: foo"}}'))
    with pytest.raises(kind, match="no such field: foo"):
        session.get(server.url)
    assert len(server.seen) == 1


def test_an_html_page_is_not_json(script, session) -> None:
    server = script(
        Answer(body=b"<html><b>maintenance</b></html>", headers={"Content-Type": "text/html"})
    )
    with pytest.raises(BadAnswer, match="text/html where JSON was expected"):
        session.json(server.url)
    assert len(server.seen) == 3


def test_an_html_page_once_is_overcome(script, session) -> None:
    server = script(Answer(body=b"<html>"), Answer(body=b"[1]"))
    assert session.json(server.url) == [1]


def test_cancel_ends_the_waiting(script) -> None:
    server = script(Answer(status=429, headers={"Retry-After": "60"}))
    progress = Progress()
    threading.Timer(0.2, progress.cancel).start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        http.session().get(server.url, progress=progress)
    assert time.monotonic() - started < 45, "the pause of a minute was waited for"


def test_a_stream_that_breaks_says_so(script, session) -> None:
    server = script(Answer(body=b"x" * 5000, cut=1000))
    with session.get(server.url, stream=True) as answer, pytest.raises(Unreachable):
        list(answer.chunks(100))


def test_the_token_goes_to_the_header_and_not_through_netrc(
    script, session, tmp_path, monkeypatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    server = script(Answer())
    session.get(server.url, token=tokens.Secret("s3cret"))
    assert server.seen[0][2]["Authorization"] == "Bearer s3cret"


def test_loopback_avoids_a_proxy(script, session, monkeypatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    server = script(Answer())
    assert session.get(server.url).status == 200


def test_the_cache_keeps_public_answers_only(script, session, monkeypatch) -> None:
    monkeypatch.setattr(_answers, "is_loopback", lambda url: False)
    monkeypatch.setattr(session, "_pace", http._Pace(1000.0))
    server = script(Answer(body=b'{"n": 1}'))
    for _ in range(3):
        assert session.json(server.url + "/public", max_age=60) == {"n": 1}
    assert len(server.seen) == 1
    secret = tokens.Secret("token-never-on-disk")
    for _ in range(2):
        session.get(server.url + "/private", max_age=60, token=secret)
    assert len(server.seen) == 3
    session.close()
    stored = b"".join(
        path.read_bytes() for path in settings.folders().cache.rglob("*") if path.is_file()
    )
    assert b"/public" in stored
    assert b"token-never-on-disk" not in stored


def test_one_host_is_asked_at_a_bounded_rate() -> None:
    pace = http._Pace(10.0)
    delays = [pace.delay("https://www.example.org/a") for _ in range(5)]
    assert delays[0] == 0
    assert delays[4] == pytest.approx(0.4, abs=0.05)
    assert pace.delay("https://other.example.org/") == 0
    assert pace.delay("http://127.0.0.1:8000/") == 0
    assert pace.delay("http://localhost:8000/") == 0


@pytest.mark.parametrize(("rate", "seconds"), [(5.0, 199.8), (20.0, 49.95)])
def test_a_thousand_requests_to_one_host(rate: float, seconds: float) -> None:
    now = 100.0
    pace = http._Pace(rate, lambda: now)
    delays = [pace.delay("https://www.example.org/a") for _ in range(1000)]
    assert delays[-1] == pytest.approx(seconds)
    now += seconds + 10  # who waited long enough need not wait again
    assert pace.delay("https://www.example.org/a") == 0


def test_bytes_of_files_are_not_paced_as_queries(script, monkeypatch) -> None:
    """What reads a file in ranges, or downloads it, has a rate of its own; queries keep theirs."""
    from openem_nb.images.remote import RemoteFile

    monkeypatch.setattr(_answers, "is_loopback", lambda url: False)
    with http.using(http.Session(retries=0)) as own:
        assert own._pace._interval == 1 / 5
        assert own._file_pace._interval == 1 / 20
        asked: dict[str, int] = {"query": 0, "file": 0}

        def counted(kind: str):
            def delay(url: str) -> float:
                asked[kind] += 1
                return 0.0

            return delay

        monkeypatch.setattr(own._pace, "delay", counted("query"))
        monkeypatch.setattr(own._file_pace, "delay", counted("file"))
        server = script(Answer(body=b"[]"))
        own.json(server.url)
        assert asked == {"query": 1, "file": 0}
        RemoteFile(server.url).close()
        assert asked == {"query": 1, "file": 1}


def test_the_shared_session_is_one_and_can_be_replaced() -> None:
    before = http.session()
    with http.using(http.Session(retries=0)) as other:
        assert http.session() is other
    assert http.session() is before


@pytest.mark.parametrize(
    "url", ["nonsense", "http://", "localhost:9/", "ftp://127.0.0.1/", "http://[bad/", "http:///x"]
)
def test_an_address_that_is_none(session, url: str) -> None:
    with pytest.raises(InvalidInput):
        session.get(url)


def test_an_error_that_breaks_off_in_a_stream_is_unreachable(script, session) -> None:
    server = script(Answer(404, b"x" * 100, cut=50))
    with pytest.raises(Unreachable, match="broke off"):
        session.get(server.url, stream=True)


@pytest.mark.parametrize("target", ["/", "foo://bar"])
def test_a_service_that_sends_requests_on_to_nowhere(script, session, target: str) -> None:
    server = script(Answer(302, headers={"Location": target}))
    with pytest.raises(BadAnswer, match="cannot be asked"):
        session.get(server.url)


def test_without_a_network_that_is_said_soon(session, monkeypatch) -> None:
    asked = []

    def nobody_knows(name: str, *_: object, **__: object) -> list[object]:
        asked.append(name)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", nobody_knows)
    with pytest.raises(Unreachable, match=r"catalogue\.example cannot be reached") as raised:
        session.get("https://catalogue.example/api")
    assert raised.value.nowhere
    assert asked == ["catalogue.example"] * 2  # once more than once: a network may stumble


def test_a_silent_service_is_not_waited_for_again_and_again(script, session, monkeypatch) -> None:
    monkeypatch.setattr(http, "_PATIENCE", 0.4)
    server = script(Answer(stall=1.0))
    with pytest.raises(Unreachable, match="in time"):
        session.get(server.url)
    assert len(server.seen) == 2
