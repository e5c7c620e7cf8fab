"""Downloads and archives whose process is killed at any moment: whole in the end, once over."""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest
from _file_server import Files, serving
from _tars import left_over, listed, on_disk, some_files, tar_of, unpack
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from openem_nb import http, transfer
from openem_nb.errors import Unreachable
from openem_nb.transfer._source import CHUNK

if TYPE_CHECKING:
    from pathlib import Path

# What is on its way in the system's own buffers when a process dies is lost to everybody. It is
# kept small at both ends, so that it can be told from what the package itself fetches again.
BUFFER = 1 << 15
ON_THE_WAY = 4 * BUFFER  # Linux gives twice of what is asked for, at either end

CHILD = f"""
import json, socket, sys
from pathlib import Path
from urllib3.connection import HTTPConnection
from openem_nb import transfer
HTTPConnection.default_socket_options = [(socket.SOL_SOCKET, socket.SO_RCVBUF, {BUFFER})]
work = json.load(sys.stdin)
folder = Path(work["folder"])
def checksum(value):
    return transfer.Checksum(*value) if value else None
with transfer.Manifest(folder / transfer.MANIFEST) as manifest:
    transfer.unpack([
        transfer.Archive(url, folder, name, None,
            {{key: transfer.Member(key, size, checksum(value)) for key, size, value in members}})
        for url, name, members in work["archives"]], manifest=manifest, workers=2)
    transfer.download_all([
        transfer.Item(url, folder / name, size, checksum=checksum(value))
        for url, name, size, value in work["items"]], manifest=manifest, workers=2)
"""


def start(server: Files, folder: Path, archives: dict[str, Any], items: dict[str, bytes]) -> Any:
    """Begin, or go on with, all of it in a process of its own."""
    query = f"?{server.signature}"
    work = {
        "folder": str(folder),
        "archives": [
            [
                f"{server.root}/{name}{query}",
                name,
                [
                    [key, one.size, one.checksum and [one.checksum.algorithm, one.checksum.value]]
                    for key, one in members.items()
                ],
            ]
            for name, members in archives.items()
        ],
        "items": [
            [
                f"{server.root}/{name}{query}",
                name,
                len(data),
                ["sha1", listed({"": data})[""].checksum.value],  # type: ignore[union-attr]
            ]
            for name, data in items.items()
        ],
    }
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD], stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert child.stdin is not None
    child.stdin.write(json.dumps(work))
    child.stdin.close()
    return child


def sent(server: Files) -> int:
    return sum(size for _, _, size in list(server.sent))


def twice(server: Files) -> int:
    """Return how many bytes were sent more than once."""
    again = 0
    for path in {path for path, _, _ in server.sent}:
        reached = 0
        spans = sorted((start, start + size) for where, start, size in server.sent if where == path)
        for start, end in spans:
            again += max(0, min(end, reached) - start)
            reached = max(reached, end)
    return again


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("promised", [True, False], ids=["checksums", "sizes only"])
def test_killed_at_random_points(tmp_path: Path, seed: int, promised: bool) -> None:
    chance = random.Random(seed)
    files = {
        "a.tar": some_files(6, 700_000, seed=seed),
        "b.tar": some_files(150, 9_000, seed=seed + 100),
    }
    items = {"c.bin": chance.randbytes(2_500_000), "d.bin": chance.randbytes(900_000)}
    archives = {name: listed(some) for name, some in files.items()}
    if not promised:
        archives = {
            name: {key: transfer.Member(key, one.size) for key, one in members.items()}
            for name, members in archives.items()
        }
    objects = {f"/{name}": tar_of(some) for name, some in files.items()}
    objects |= {f"/{name}": data for name, data in items.items()}
    total = sum(map(len, objects.values()))
    with serving(objects=objects, pace=0.002, buffer=BUFFER) as server:
        kills = 0
        moments = sorted(chance.randrange(total) for _ in range(5))
        for number, moment in enumerate([*moments, None]):
            server.signature = f"n{number}"  # the old addresses have expired
            child = start(server, tmp_path, archives, items)
            while child.poll() is None and (moment is None or sent(server) < moment):
                time.sleep(0.001)
            if child.poll() is None:
                child.send_signal(signal.SIGKILL)
                kills += 1
            child.wait()
            words = child.stderr.read()
            child.stderr.close()
            assert child.returncode in (0, -signal.SIGKILL), words
        assert kills >= 4
        assert child.returncode == 0
        # Two at the same time are interrupted at a time.
        assert twice(server) <= kills * 2 * (CHUNK + ON_THE_WAY)
    expected = items | {name: data for some in files.values() for name, data in some.items()}
    assert on_disk(tmp_path) == expected
    assert left_over(tmp_path) == []
    with transfer.Manifest(tmp_path / transfer.MANIFEST) as manifest:
        found = manifest.verify()
        assert len(found.good) + len(found.unknown) == len(expected)
        assert found.ok
    assert not list(tmp_path.rglob("*.part*"))


WHERE = st.integers(0, 1 << 20)


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    arrived=st.integers(1, 200_000),
    journal=st.none() | WHERE,
    part=st.none() | WHERE,
    manifest=st.none() | WHERE,
    spoilt=st.booleans(),
)
def test_whatever_a_crash_left_the_files_are_right(
    tmp_path: Path,
    arrived: int,
    journal: int | None,
    part: int | None,
    manifest: int | None,
    spoilt: bool,
) -> None:
    """Journal, part and manifest are cut anywhere, as by a loss of power."""
    folder = tmp_path / str(len(list(tmp_path.iterdir())))
    some = some_files(9, 20_000)
    hasty = http.Session(retries=0, backoff=0.0001, timeout=(2.0, 5.0))
    with (
        http.using(hasty),
        serving(objects={"/a.tar": tar_of(some)}, cut_after=[arrived, *[0] * 6]) as server,
    ):
        wanted = [transfer.Archive(f"{server.root}/a.tar", folder, "a.tar", None, listed(some))]
        with contextlib.suppress(Unreachable):
            unpack(wanted, folder)
        for name, size in [
            (".openem-partial/*.journal", journal),
            (".openem-partial/*.part", part),
            (transfer.MANIFEST, manifest),
        ]:
            for path in folder.glob(name):
                if size is not None:
                    with path.open("r+b") as handle:
                        handle.truncate(size % (path.stat().st_size + 1))
                        if spoilt and name.endswith(".part"):
                            handle.write(b"x")
        server.cut_after = []
        unpack(wanted, folder)
    assert on_disk(folder) == some
    assert left_over(folder) == []
