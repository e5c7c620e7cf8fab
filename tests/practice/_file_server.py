"""A file server on loopback that does as it is told: cuts, stalls, changes and lies."""

from __future__ import annotations

import re
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from openem_nb import http

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    asked: list[dict[str, str]] = field(default_factory=list)
    url: str = ""
    release: threading.Event = field(default_factory=threading.Event)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    files: Files

    def log_message(self, *_: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        if not self.files.head:
            self._send(501, b"", {})
            return
        self.do_GET()

    def do_GET(self) -> None:
        files = self.files
        asked = {name.lower(): value for name, value in self.headers.items()}
        asked["method"] = self.command
        files.asked.append(asked)
        if files.status != 200:
            self._send(files.status, b"no such file", {})
            return
        headers = {"Content-Type": files.content_type}
        if files.etag:
            headers["ETag"] = files.etag
        if files.modified:
            headers["Last-Modified"] = files.modified
        if files.encoding:
            headers["Content-Encoding"] = files.encoding
        wanted = re.fullmatch(r"bytes=([0-9]+)-", asked.get("range", ""))
        same = not files.compares or asked.get("if-range") in (files.etag, files.modified)
        if wanted and files.ranges and same:
            start, size = int(wanted[1]), len(files.data)
            if start >= size:
                self._send(416, b"", {"Content-Range": f"bytes */{size}"})
                return
            headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
            self._send(206, files.data[start:], headers)
            return
        self._send(200, files.data, headers)

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
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
        if status in (200, 206) and files.cut_after:
            self.wfile.write(body[: files.cut_after.pop(0)])
            self.close_connection = True
            return
        if status in (200, 206) and files.stall_after:
            self.wfile.write(body[: files.stall_after.pop(0)])
            self.wfile.flush()
            files.release.wait(10)
            self.close_connection = True
            return
        self.wfile.write(body)


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
    files.url = f"http://127.0.0.1:{server.server_address[1]}/file.bin"
    try:
        yield files
    finally:
        files.release.set()
        http.session().close()
        server.shutdown()
        server.server_close()
        thread.join()
