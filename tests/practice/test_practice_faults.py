"""Faults on demand, the control pages, the log and the calendar."""

from __future__ import annotations

import http.client
import json
import socket
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests

from openem_nb.errors import InvalidInput
from openem_nb.practice import Fault

if TYPE_CHECKING:
    from openem_nb.practice import Facility


@pytest.fixture
def url(practice: Facility) -> str:
    entry = next(key for key, entry in practice.truth.emdb.items() if entry.status == "REL")
    return f"{practice.description()['services']['emdb_api']}/entry/{entry}"


def test_status_with_retry_after(practice: Facility, url: str) -> None:
    practice.add_fault(Fault("status", path="/entry/", status=429, retry_after=2, times=1))
    answer = requests.get(url, timeout=5)
    assert (answer.status_code, answer.headers["Retry-After"]) == (429, "2")
    assert requests.get(url, timeout=5).status_code == 200


def test_delay(practice: Facility, url: str) -> None:
    practice.add_fault(Fault("delay", seconds=0.3))
    start = time.monotonic()
    assert requests.get(url, timeout=5).status_code == 200
    assert time.monotonic() - start >= 0.3


def test_cut_sends_less_than_it_promised(practice: Facility, url: str) -> None:
    whole = requests.get(url, timeout=5).content
    practice.add_fault(Fault("cut"))
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=5)
    connection.request("GET", urlsplit(url).path)
    answer = connection.getresponse()
    with pytest.raises(http.client.IncompleteRead) as caught:
        answer.read()
    assert 0 < len(caught.value.partial) < len(whole) == int(answer.headers["Content-Length"])
    connection.close()


def _until_silence(connection: socket.socket) -> int:
    """Return how many bytes come before nothing more comes; fail if the other side closes."""
    size = 0
    while True:
        try:
            piece = connection.recv(65536)
        except TimeoutError:
            return size
        assert piece, "the connection was closed"
        size += len(piece)


def test_hang_sends_nothing_or_half_and_stays_open(practice: Facility, url: str) -> None:
    practice.add_fault(Fault("hang"))
    received = set()
    for _ in range(12):
        with socket.create_connection(
            (urlsplit(url).hostname, urlsplit(url).port), timeout=0.15
        ) as raw:
            raw.sendall(f"GET {urlsplit(url).path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            received.add(_until_silence(raw) > 0)
    assert received == {True, False}


def test_garbage_html_and_wrong_json(practice: Facility, url: str) -> None:
    practice.add_fault(Fault("garbage", times=1))
    garbage = requests.get(url, timeout=5)
    assert garbage.status_code == 200
    with pytest.raises(UnicodeDecodeError):
        garbage.content.decode()
    practice.clear_faults()
    practice.add_fault(Fault("html", times=1))
    page = requests.get(url, timeout=5)
    assert (page.status_code, page.headers["Content-Type"][:9]) == (200, "text/html")
    practice.clear_faults()
    practice.add_fault(Fault("wrong_json"))
    shapes = [requests.get(url, timeout=5).json() for _ in range(20)]
    assert len({json.dumps(shape) for shape in shapes}) > 3
    assert [] not in shapes, "nothing must stay distinguishable from wrong"
    assert {} not in shapes


def test_share_is_deterministic_and_about_right(practice: Facility, url: str) -> None:
    def statuses(seed: int) -> list[int]:
        practice.clear_faults()
        practice.add_fault(Fault("status", share=0.3, seed=seed))
        return [requests.get(url, timeout=5).status_code for _ in range(100)]

    first = statuses(1)
    assert 15 <= first.count(503) <= 45
    assert statuses(1) == first
    assert statuses(2) != first


def test_only_the_matching_path_is_hit(practice: Facility, url: str) -> None:
    practice.add_fault(Fault("status", path=r"/search/.*rows=7"))
    assert requests.get(url, timeout=5).ok
    api = url.partition("/entry/")[0]
    assert requests.get(f"{api}/search/x?rows=6", timeout=5).ok
    assert requests.get(f"{api}/search/x?rows=7", timeout=5).status_code == 503


def test_own_pages_are_never_hit(practice: Facility) -> None:
    practice.add_fault(Fault("status"))
    assert requests.get(practice.url, timeout=5).ok
    assert requests.get(f"{practice.url}/practice/log", timeout=5).ok


def test_faults_over_http(practice: Facility, url: str) -> None:
    fault = {"kind": "status", "path": "/entry/", "status": 500}
    assert requests.post(f"{practice.url}/practice/faults", json=fault, timeout=5).ok
    assert requests.get(url, timeout=5).status_code == 500
    assert requests.delete(f"{practice.url}/practice/faults", timeout=5).ok
    assert requests.get(url, timeout=5).ok
    wrong: list[dict[str, Any]] = [{"kind": "nonsense"}, {"kind": "cut", "path": "("}, {"x": 1}, {}]
    for fault in wrong:
        answer = requests.post(f"{practice.url}/practice/faults", json=fault, timeout=5)
        assert answer.status_code == 400
    assert (
        requests.post(f"{practice.url}/practice/faults", data=b"\xff", timeout=5).status_code == 400
    )


def test_wrong_faults_are_refused() -> None:
    with pytest.raises(InvalidInput, match="share"):
        Fault("cut", share="half")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="seconds"):
        Fault("delay", seconds=None)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="nonsense"):
        Fault("nonsense")  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="expression"):
        Fault("cut", path="(")


def test_log(practice: Facility, url: str) -> None:
    before = len(practice.requests)
    practice.add_fault(Fault("status", times=1, status=502))
    requests.get(f"{url}?a=1", timeout=5)
    requests.get(url, timeout=5)
    requests.get(practice.url, timeout=5)
    new = practice.requests[before:]
    path = urlsplit(url).path
    assert [(r.method, r.path, r.status, r.fault) for r in new] == [
        ("GET", f"{path}?a=1", 502, "status"),
        ("GET", path, 200, None),
    ]
    assert requests.get(f"{practice.url}/practice/log", timeout=5).json()[-1]["path"] == path


def test_truth_over_http(practice: Facility) -> None:
    data = requests.get(f"{practice.url}/practice/truth", timeout=5).json()
    assert list(data["emdb"]) == list(practice.truth.emdb)
    entry = next(iter(practice.truth.emdb.values()))
    assert data["emdb"][entry.emdb_id]["deposited"] == str(entry.deposited)
    assert list(data["empiar"]) == list(practice.truth.empiar)


def test_the_archive_moves_on(facility: Any) -> None:
    own: Facility = facility(entries=300, seed=9)
    before = own.truth
    api = own.description()["services"]["emdb_api"]
    query = "update_date:[2026-11-19T00:00:00Z TO NOW]"

    def updated() -> set[str]:
        rows = requests.get(f"{api}/search/{query}?wt=csv&fl=emdb_id&rows=999", timeout=5).text
        return set(rows.split()[1:])

    assert updated() == set()
    own.advance()
    assert (
        updated() == {k for k, entry in own.truth.emdb.items() if entry != before.emdb[k]} != set()
    )
    answer = requests.post(f"{own.url}/practice/advance", json={"weeks": 3}, timeout=5)
    assert answer.json() == {"today": "2026-12-16"}
    assert own.truth.today.isoformat() == "2026-12-16"
    assert len(own.truth.empiar) > len(before.empiar)
    for weeks in (0, -1, 521):
        with pytest.raises(InvalidInput):
            own.advance(weeks)
    wrong = requests.post(f"{own.url}/practice/advance", json={"days": 3}, timeout=5)
    assert wrong.status_code == 400


def test_malformed_requests_do_no_harm(practice: Facility, url: str) -> None:
    for text in (
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"\x00\xff\r\n\r\n",
    ):
        with socket.create_connection(
            (urlsplit(url).hostname, urlsplit(url).port), timeout=2
        ) as raw:
            raw.sendall(text)
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(65536):
                pass
    assert requests.get(url, timeout=5).ok
