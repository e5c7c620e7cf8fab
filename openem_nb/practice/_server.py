"""HTTP/1.1 on loopback: keep-alive, a thread per connection, faults, a stop that never waits."""

from __future__ import annotations

import contextlib
import email.utils
import random
import select
import socket
import sys
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from openem_nb.practice._answer import Answer, Question, html
from openem_nb.practice.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Server"]

MARK: Final = ("X-Practice-Data", "invented data, not from SciCat, EMDB or EMPIAR")
_LONGEST_BODY: Final = 40_000_000
_SHAPES: Final = (
    b'{"unexpected": ["shape"], "status": "ok"}',
    b'[17, null, "text"]',
    b'"a text"',
    b"null",
    b'[{"emdb_id": 7, "admin": []}]',
    b'{"EMPIAR-1": ["not", "an", "entry"]}',
)

Reply = tuple[Answer, tuple[Fault, random.Random] | None]


class Server(ThreadingHTTPServer):
    """Serves ``reply`` on 127.0.0.1.

    Parameters
    ----------
    reply :
        Returns the answer to a question and the fault that hits it, if any.
    log :
        Called with question, status and fault of each request once it is over.
    port :
        0 for a free one.
    """

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(
        self,
        reply: Callable[[Question], Reply],
        log: Callable[[Question, int, Fault | None], None],
        port: int,
    ) -> None:
        self.reply = reply
        self.log = log
        self.stopping = threading.Event()
        self._open: dict[threading.Thread, socket.socket] = {}
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", port), _Handler)
        self._acceptor = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, name="practice", daemon=True
        )

    @property
    def url(self) -> str:
        """Address without a slash at the end."""
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> None:
        """Serve in threads of this process."""
        self._acceptor.start()

    def stop(self) -> None:
        """Close all connections, whatever they wait for, and leave no thread."""
        self.stopping.set()
        self.shutdown()
        self._acceptor.join()
        self.server_close()
        with self._lock:
            left = dict(self._open)
        for connection in left.values():
            with contextlib.suppress(OSError):  # closed by the other side
                connection.shutdown(socket.SHUT_RDWR)
        for thread in left:
            thread.join(timeout=1)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Handle one connection in a thread of its own that :meth:`stop` knows."""
        thread = threading.Thread(
            target=self._handle, args=(request, client_address), name="practice", daemon=True
        )
        with self._lock:
            self._open[thread] = request
        thread.start()

    def _handle(self, request: Any, client_address: Any) -> None:
        try:
            self.process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._open.pop(threading.current_thread(), None)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet about clients that go away; anything else is a defect of the facility."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    server_version = "practice"
    sys_version = ""
    wbufsize = -1
    disable_nagle_algorithm = True

    def log_message(self, *_: object) -> None:
        """Write nothing: the facility keeps its own log."""

    def do_GET(self) -> None:
        """Answer any method."""
        length = self.headers.get("Content-Length") or "0"
        if (
            not length.isdecimal()
            or int(length) > _LONGEST_BODY
            or "Transfer-Encoding" in self.headers
        ):
            self.close_connection = True
            self._send(html("400", "<h1>Bad Request</h1>", 400))
            return
        headers = {name.lower(): value for name, value in self.headers.items()}
        question = Question(self.command, self.path, headers, self.rfile.read(int(length)))
        answer, hit = self.server.reply(question)
        fault = hit[0] if hit else None
        status = answer.status if fault is None or fault.kind != "status" else fault.status
        self.server.log(question, status, fault)
        if hit is None:
            self._send(_in_range(question, answer))
        else:
            self._misbehave(question, answer, *hit)

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815  (http.server's)

    def _misbehave(
        self, question: Question, answer: Answer, fault: Fault, rng: random.Random
    ) -> None:
        match fault.kind:
            case "status":
                headers = (
                    {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
                )
                page = html(str(fault.status), f"<h1>{fault.status}</h1>", fault.status)
                self._send(Answer(fault.status, page.body, page.content_type, headers))
            case "delay":
                self._linger(fault.seconds)
                self._send(_in_range(question, answer))
            case "hang":
                self.close_connection = True
                if rng.random() < 0.5:
                    answer = _in_range(question, answer)
                    self._send(answer, sent=answer.length // 2)
                self._linger(float("inf"))
            case "cut":
                self.close_connection = True
                answer = _in_range(question, answer)
                self._send(answer, sent=answer.length // 2)
            case "garbage":
                noise = b"\xff\xfe\x00" + rng.randbytes(max(64, min(answer.length, 4096)))
                self._send(Answer(200, noise, answer.content_type))
            case "html":
                self._send(
                    html(
                        "Maintenance",
                        "<h1>Service is under maintenance</h1><p>Please come back later.</p>",
                    )
                )
            case "wrong_json":
                self._send(Answer(200, rng.choice(_SHAPES)))

    def _linger(self, seconds: float) -> None:
        """Wait until the time is over, the client has gone or the server stops."""
        end = time.monotonic() + seconds
        while not self.server.stopping.is_set() and (left := end - time.monotonic()) > 0:
            readable, _, _ = select.select([self.connection], [], [], min(left, 0.05))
            if readable and not self.connection.recv(1, socket.MSG_PEEK):
                break
            if readable:  # a pipelined request: look again later
                self.server.stopping.wait(min(left, 0.05))

    def _send(self, answer: Answer, *, sent: int | None = None) -> None:
        lines = [
            f"HTTP/1.1 {answer.status} {_phrase(answer.status)}",
            f"Date: {self.date_time_string()}",
        ]
        lines += [
            f"Content-Type: {answer.content_type}",
            f"Content-Length: {answer.length}",
            ": ".join(MARK),
        ]
        lines += [f"{name}: {value}" for name, value in answer.headers.items()]
        if self.close_connection and sent is None:
            lines.append("Connection: close")
        self.wfile.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace"))
        if self.command != "HEAD":
            for piece in answer.pieces(answer.length if sent is None else sent):
                self.wfile.write(piece)
        self.wfile.flush()


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


def _in_range(question: Question, answer: Answer) -> Answer:
    """Return the part of a file that is asked for: one range of the file that the client knows."""
    if answer.validators is None or answer.status != 200:
        return answer
    etag, modified = answer.validators
    headers = {**answer.headers, "ETag": etag, "Last-Modified": modified, "Accept-Ranges": "bytes"}
    size = answer.length
    whole = answer.cut(0, size, headers, 200)
    unit, _, wanted = question.headers.get("range", "").partition("=")
    known = question.headers.get("if-range")
    if (
        unit.strip() != "bytes"
        or question.method != "GET"
        or (known is not None and not _same(known, etag, modified))
    ):
        return whole
    first, _, last = wanted.strip().partition("-")
    if "," in wanted or not (first or last) or not (first + last).isdecimal():
        return whole
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if start >= size or end < start:
        return Answer(
            416, b"", answer.content_type, {**headers, "Content-Range": f"bytes */{size}"}
        )
    headers["Content-Range"] = f"bytes {start}-{end}/{size}"
    return answer.cut(start, end + 1, headers, 206)


def _same(known: str, etag: str, modified: str) -> bool:
    if known == etag:
        return True
    moment = email.utils.parsedate_tz(known)
    return moment is not None and moment == email.utils.parsedate_tz(modified)
