"""A file server on loopback that does as it is told: cuts, stalls, changes and lies."""

from __future__ import annotations

import hashlib
import re
import socket
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from openem_nb import http

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DATA = bytes(range(256)) * 4096  # 1 MiB
DATE = "Wed, 18 Nov 2026 00:00:00 GMT"


@dataclass
class Files:
    """A small file server; the fields say how it behaves."""

    data: bytes = DATA
    etag: str | None = '"one"'
    modified: str | None = DATE
    ranges: bool = True
    head: bool = True
    compares: bool = True
    """Whether it reads ``If-Range``."""
    length: bool = True
    encoding: str | None = None
    content_type: str = "application/octet-stream"
    status: int = 200
    cut_after: list[int] = field(default_factory=list)
    """Bytes after which the next answers break off, one for each."""
    stall_after: list[int] = field(default_factory=list)
    """Bytes after which the next answers fall silent."""
    objects: dict[str, bytes] = field(default_factory=dict)
    """What lies at a path; ``data`` lies at all others."""
    signature: str | None = None
    """Query that a signed address must have; others have expired."""
    on_tape: int = 0
    """How often an object is said not to be restored yet."""
    refuse: list[tuple[int, str]] = field(default_factory=list)
    """Status and code of the next answers of an object store that refuses."""
    damage: list[int] = field(default_factory=list)
    """Offsets of bytes that arrive wrong, each once."""
    pages: int = 0
    """How many of the next answers are a web page."""
    fault: Callable[[int], str] = lambda number: ""
    """What goes wrong with the request of this number: ``503``, ``cut``, ``hang`` or ``page``."""
    pace: float = 0.0
    """Seconds of rest after each 64 KiB."""
    sent: list[tuple[str, int, int]] = field(default_factory=list)
    """Path, first byte and number of bytes of each answer that brought some of a file."""
    connections: int = 0
    buffer: int = 0
    """Bytes that the system may hold back on the way to a client; 0 leaves it to the system."""
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    root: str = ""
    release: threading.Event = field(default_factory=threading.Event)


STORE_ERROR = """<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>{code}</Code><Message>{message}</Message><Resource>/file</Resource>
<StringToSign>{query}</StringToSign><RequestId>1</RequestId></Error>"""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    files: Files

    def log_message(self, *_: Any) -> None:
        pass

    def setup(self) -> None:
        super().setup()
        self.files.connections += 1
        if self.files.buffer:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, self.files.buffer)

    def do_HEAD(self) -> None:
        if not self.files.head:
            self._send(501, b"", {})
            return
        self.do_GET()

    def do_GET(self) -> None:
        files = self.files
        asked = {name.lower(): value for name, value in self.headers.items()}
        asked["method"] = self.command
        path, _, query = self.path.partition("?")
        asked["path"], asked["query"] = path, query
        files.asked.append(asked)
        if files.status != 200:
            self._send(files.status, b"no such file", {})
            return
        if files.refuse:
            self._refuse(*files.refuse.pop(0), "refused", query)
            return
        if files.signature not in (None, query):
            self._refuse(403, "AccessDenied", "Request has expired", query)
            return
        if files.on_tape:
            files.on_tape -= 1
            self._refuse(403, "InvalidObjectState", "The object is archived.", query)
            return
        fault = files.fault(len(files.asked))
        if fault == "503":
            self._send(503, b"busy", {})
            return
        if files.pages or fault == "page":
            files.pages = max(0, files.pages - 1)
            self._send(200, b"<html>maintenance</html>", {"Content-Type": "text/html"})
            return
        self._send_file(asked, path, fault)

    def _send_file(self, asked: dict[str, str], path: str, fault: str) -> None:
        files = self.files
        data, etag = files.data, files.etag
        if path in files.objects:
            data = files.objects[path]
            etag = etag and f'"{hashlib.md5(data).hexdigest()}"'
        headers = {"Content-Type": files.content_type}
        if etag:
            headers["ETag"] = etag
        if files.modified:
            headers["Last-Modified"] = files.modified
        if files.encoding:
            headers["Content-Encoding"] = files.encoding
        wanted = re.fullmatch(r"bytes=([0-9]+)-([0-9]*)", asked.get("range", ""))
        same = (
            not files.compares
            or "if-range" not in asked
            or asked["if-range"] in (etag, files.modified)
        )
        if wanted and files.ranges and same:
            start, size = int(wanted[1]), len(data)
            if start >= size:
                self._send(416, b"", {"Content-Range": f"bytes */{size}"})
                return
            end = min(size, int(wanted[2]) + 1) if wanted[2] else size
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
            self._send(206, data[start:end], headers, start, fault)
            return
        self._send(200, data, headers, 0, fault)

    def _refuse(self, status: int, code: str, message: str, query: str) -> None:
        text = STORE_ERROR.format(code=code, message=message, query=query)
        self._send(status, text.encode(), {"Content-Type": "application/xml"})

    def _send(
        self, status: int, body: bytes, headers: dict[str, str], start: int = 0, fault: str = ""
    ) -> None:
        files = self.files
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if files.length or status != 200:
            self.send_header("Content-Length", str(len(body)))
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        if self.command == "HEAD":
            return
        is_file = status in (200, 206) and headers.get("Content-Type") == files.content_type
        if not is_file:
            self.wfile.write(body)
            return
        for place in [at for at in files.damage if start <= at < start + len(body)]:
            files.damage.remove(place)
            at = place - start
            body = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        stall = None
        if files.cut_after:
            body = body[: files.cut_after.pop(0)]
            self.close_connection = True
        elif fault == "cut":
            body = body[: len(body) // 2]
            self.close_connection = True
        elif files.stall_after or fault == "hang":
            body = body[: files.stall_after.pop(0) if files.stall_after else len(body) // 2]
            stall = files.release
        self._write(body, start)
        if stall is not None:
            self.wfile.flush()
            stall.wait(3600)  # the end of the test comes before
            self.close_connection = True

    def _write(self, body: bytes, start: int) -> None:
        """Send a body, and note how much of it went out also when the client hangs up."""
        path = self.path.partition("?")[0]
        number = len(self.files.sent)
        self.files.sent.append((path, start, 0))
        if not self.files.pace:
            self.wfile.write(body)
            self.files.sent[number] = (path, start, len(body))
            return
        for done in range(0, len(body), 1 << 16):
            self.wfile.write(body[done : done + (1 << 16)])
            self.files.sent[number] = (path, start, min(len(body), done + (1 << 16)))
            time.sleep(self.files.pace)


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Stay quiet: clients that hang up are what is tested."""


@contextmanager
def serving(**options: Any) -> Iterator[Files]:
    files = Files(**options)
    server = Server(("127.0.0.1", 0), type("OwnHandler", (Handler,), {"files": files}))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    files.root = f"http://127.0.0.1:{server.server_address[1]}"
    files.url = f"{files.root}/file.bin"
    try:
        yield files
    finally:
        files.release.set()
        http.session().close()
        server.shutdown()
        server.server_close()
        thread.join()
