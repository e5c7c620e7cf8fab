"""Answers that are read while they are sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import requests

from openem_nb.practice._answer import Answer
from openem_nb.practice._server import Server
from openem_nb.practice.scicat._micrographs import content

if TYPE_CHECKING:
    from openem_nb.practice._answer import Question

SIZE = 40_000_000


def _reply(question: Question) -> tuple[Answer, None]:
    movie = content("a/b", question.path, SIZE)
    return Answer(200, b"", "application/octet-stream", {}, ('"x"', "now"), source=movie), None


def test_a_source_is_sent_whole_and_in_ranges() -> None:
    server = Server(_reply, lambda *_: None, 0)
    server.start()
    try:
        url = f"{server.url}/movie.mrc"
        whole = requests.get(url, timeout=30)
        right = b"".join(content("a/b", "/movie.mrc", SIZE).read())
        assert whole.content == right
        assert whole.headers["Content-Length"] == str(SIZE)
        part = requests.get(url, headers={"Range": "bytes=1000-2999999"}, timeout=30)
        assert part.status_code == 206
        assert part.headers["Content-Range"] == f"bytes 1000-2999999/{SIZE}"
        assert part.content == right[1000:3_000_000]
        beyond = requests.get(url, headers={"Range": f"bytes={SIZE}-"}, timeout=30)
        assert beyond.status_code == 416
        assert requests.head(url, timeout=30).headers["Content-Length"] == str(SIZE)
    finally:
        server.stop()
