"""Starting and stopping: in threads of this process, and as a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil
import pytest
import requests

from openem_nb.errors import CannotWrite, InvalidInput
from openem_nb.practice import Fault, serve

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMAND = [sys.executable, "-m", "openem_nb.practice", "--entries", "300", "--port", "0"]


@contextlib.contextmanager
def _child(*more: str, stdin: int | None = subprocess.PIPE) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [*_COMMAND, *more], stdin=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        try:
            yield child
        finally:
            child.kill()


def _description(child: subprocess.Popen[str]) -> dict[str, str]:
    assert child.stdout is not None
    data: dict[str, str] = json.loads(child.stdout.readline())
    return data


def test_nothing_is_left_even_of_hanging_requests() -> None:
    before = set(threading.enumerate())
    with serve(entries=300) as facility:
        api = facility.description()["services"]["emdb_api"]
        facility.add_fault(Fault("hang"))
        facility.add_fault(Fault("delay", seconds=3600))
        done = []

        def ask() -> None:
            with contextlib.suppress(requests.RequestException):
                requests.get(f"{api}/search/x", timeout=3600)
            done.append(1)

        clients = [threading.Thread(target=ask) for _ in range(8)]
        for client in clients:
            client.start()
        idle = requests.Session()
        facility.clear_faults()
        idle.get(f"{api}/search/x", timeout=60)  # a kept connection on which nothing happens
        while len(facility.requests) < 9:
            time.sleep(0.01)
        url = facility.url
    # the requests would be held for an hour; nobody waited for them
    for client in clients:
        client.join(timeout=120)
    idle.close()
    assert len(done) == 8, "a request is still waited for"
    assert set(threading.enumerate()) <= before
    with pytest.raises(requests.ConnectionError):
        requests.get(url, timeout=1)


def test_it_listens_on_loopback_only() -> None:
    with serve(entries=300) as facility:
        assert urlsplit(facility.url).hostname == "127.0.0.1"
        port = urlsplit(facility.url).port
        listening = [
            c.laddr
            for c in psutil.Process().net_connections("tcp")
            if c.status == psutil.CONN_LISTEN
        ]
        assert [address.ip for address in listening if address.port == port] == ["127.0.0.1"]


def test_two_at_once_and_a_port_that_is_taken() -> None:
    with serve(entries=300) as one, serve(entries=300, seed=2) as two:
        assert one.url != two.url
        assert requests.get(two.url, timeout=60).json()["seed"] == 2
        with (
            pytest.raises(CannotWrite, match="Port"),
            serve(entries=300, port=urlsplit(one.url).port or 0),
        ):
            pass
    with pytest.raises(InvalidInput, match="port"), serve(entries=300, port=70_000):
        pass


def test_child_ends_when_its_stdin_closes() -> None:
    with _child("--until-stdin-closes") as child:
        url = _description(child)
        assert requests.get(str(url["services"]["emdb_api"]) + "/search/x", timeout=60).ok  # type: ignore[index]
        assert child.stdin is not None
        child.stdin.close()
        assert child.wait(timeout=120) == 0
        assert child.stderr is not None
        assert child.stderr.read() == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_child_ends_well_at_a_signal(number: signal.Signals) -> None:
    with _child(stdin=subprocess.DEVNULL) as child:
        _description(child)
        child.send_signal(number)
        assert child.wait(timeout=120) == 0


def test_child_does_not_outlive_a_killed_parent() -> None:
    program = (
        "import subprocess, sys, time\n"
        f"child = subprocess.Popen({[*_COMMAND, '--until-stdin-closes']!r}, stdin=subprocess.PIPE,"
        " stdout=subprocess.PIPE, text=True)\n"
        "child.stdout.readline()\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        os.kill(parent.pid, signal.SIGKILL)
        parent.wait(timeout=120)
        deadline = time.monotonic() + 120
        while child.is_running() and child.status() != psutil.STATUS_ZOMBIE:
            assert time.monotonic() < deadline, "the child lives on"
            time.sleep(0.02)


def test_bad_arguments_end_with_a_message() -> None:
    with _child("--entries", "7") as child:
        assert child.wait(timeout=120) == 2
        assert child.stderr is not None
        message = child.stderr.read()
        assert "7 entries" in message
        assert "Traceback" not in message


def test_the_start_imports_nothing_heavy() -> None:
    program = (
        "import sys, openem_nb.practice.__main__\n"
        "heavy = {'numpy', 'pandas', 'requests', 'duckdb', 'pydantic'} & set(sys.modules)\n"
        "sys.exit(str(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
