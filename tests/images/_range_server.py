"""A server of files from memory, with ranges or without, that counts."""

from __future__ import annotations

import contextlib
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Server", "serving"]


class Server(ThreadingHTTPServer):
    """Serves files from memory, with ranges or without, and counts."""

    daemon_threads = True

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.ranges = True
        self.etag = '"one"'
        self.asked: list[str] = []
        self.sent = 0
        self.cut: list[int] = []
        self.connections = 0
        super().__init__(("127.0.0.1", 0), Handler)

    def handle_error(self, *_: object) -> None:
        """A client that has enough is no error."""

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{name}"


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        data = self.server.files.get(unquote(self.path.partition("?")[0][1:]))
        if data is None:
            self.send_error(404)
            return
        asked = self.headers.get("Range", "")
        self.server.asked.append(asked)
        known = self.headers.get("If-Range", self.server.etag) == self.server.etag
        if self.server.ranges and asked and known:
            begin, _, end = asked.removeprefix("bytes=").partition("-")
            first = int(begin) if begin else max(0, len(data) - int(end))
            last = int(end) if begin and end else len(data) - 1
            part = memoryview(data)[first : last + 1]
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {first}-{first + len(part) - 1}/{len(data)}")
        else:
            part = memoryview(data)
            self.send_response(200)
        self.send_header("Content-Length", str(len(part)))
        self.send_header("ETag", self.server.etag)
        self.end_headers()
        cut = self.server.cut.pop(0) if self.server.cut and len(self.server.asked) > 1 else 0
        whole = len(part)
        part = part[:cut] if cut else part
        try:
            for start in range(0, len(part), 1 << 16):
                piece = part[start : start + (1 << 16)]
                self.wfile.write(piece)
                self.server.sent += len(piece)
        except OSError:  # the client has enough
            self.close_connection = True
        if len(part) < whole:
            self.close_connection = True


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """Run a server within the block."""
    own = Server()
    thread = threading.Thread(target=own.serve_forever, args=(0.02,), name="practice-files")
    thread.start()
    try:
        yield own
    finally:
        own.shutdown()
        thread.join()
        own.server_close()
