"""Previews of images at an address: ours, the usual ways, and what the line allows.

A server in a process of its own adds the latency of a line (one for a new connection, one for each
request) and shares a capped bandwidth among its connections. It does not start slowly as TCP over
a long line does, which would cost everybody the same. Each contestant runs in a process of its own
and is timed without its imports: header, and a picture of at most 512 pixels.

- mrc: a micrograph of 4096 x 4096 float32, 67 MB;
- tiff: the first of 10 frames of 5760 x 4092 bytes, LZW, 8 MB of 80;
- eer: frames of an event movie of 100 frames, 4096 x 4096, 70 MB;
- tar: one member of 16 MB in an archive of eight.

Contestants:

- ours: ``open_image(address).thumbnail(512)``;
- whole: requests, the whole file to disk, then mrcfile or tifffile and the mean of blocks; of an
  event movie it adds every fourth frame;
- fsspec: ``HTTPFileSystem``, opened by mrcfile, tifffile or tarfile;
- limit: the bytes of the picture over the bandwidth, and one latency.

Requests and bytes are counted by the server, memory is the peak above what the process has before
it begins, and ``disk`` what it writes to files (``/proc/self/io``).

Run it with ``python -m benchmarks.remote [--only mrc ...] [--network 30:50 ...] [--rounds N]``.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PIECE: Final = 32 << 10
NETWORKS: Final = ("30:50", "30:12.5", "150:50", "150:12.5")
MEMBER: Final = "raw/5.mrc"


class Line:
    """A shared bandwidth: who sends waits for the bytes of all others."""

    def __init__(self, latency: float, bandwidth: float) -> None:
        self.latency, self.bandwidth = latency, bandwidth
        self.requests = self.sent = 0
        self._free = 0.0
        self._lock = threading.Lock()

    def send(self, connection: socket.socket, piece: bytes) -> None:
        """Send a piece when its turn has come."""
        with self._lock:
            now = time.perf_counter()
            # what a sleep takes too long is made up for, but not more
            self._free = max(self._free, now - 0.005) + len(piece) / self.bandwidth
            wait = self._free - now
        if wait > 0:
            time.sleep(wait)
        connection.sendall(piece)
        with self._lock:
            self.sent += len(piece)

    def counts(self) -> bytes:
        """Return what was counted since the last time."""
        with self._lock:
            found = json.dumps({"requests": self.requests, "bytes": self.sent})
            self.requests = self.sent = 0
        return found.encode()


def serve(folder: Path, latency: float, bandwidth: float) -> None:
    """Serve the files of a folder until standard input closes."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    # little on the way, as on a line: what nobody reads is not sent
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 128 << 10)
    print(listener.getsockname()[1], flush=True)
    line = Line(latency, bandwidth)

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=answer, args=(connection, folder, line), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


def answer(connection: socket.socket, folder: Path, line: Line) -> None:
    """Answer the requests of one connection: GET and HEAD, also in ranges; ``/count`` at once."""
    new = True
    with connection, connection.makefile("rb") as lines, contextlib.suppress(OSError):
        while first := lines.readline():
            method, target, _ = first.decode().split()
            wanted = None
            while (text := lines.readline()) not in (b"\r\n", b""):
                wanted = re.match(rb"range: bytes=([0-9]+)-([0-9]*)", text.lower()) or wanted
            if target == "/count":
                body = line.counts()
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n"
                connection.sendall(head.encode() + body)
                continue
            time.sleep(line.latency * (2 if new else 1))
            new = False
            line.requests += 1
            with (folder / target.partition("?")[0][1:]).open("rb") as file:
                total = os.fstat(file.fileno()).st_size
                start, end, status = 0, total, "200 OK"
                if wanted is not None:
                    start = int(wanted[1])
                    end = min(total, int(wanted[2]) + 1) if wanted[2] else total
                    status = "206 Partial Content"
                    status += f"\r\nContent-Range: bytes {start}-{end - 1}/{total}"
                head = f'HTTP/1.1 {status}\r\nETag: "one"\r\nAccept-Ranges: bytes\r\n'
                connection.sendall(f"{head}Content-Length: {end - start}\r\n\r\n".encode())
                file.seek(start)
                while method == "GET" and start < end:
                    piece = file.read(min(PIECE, end - start))
                    line.send(connection, piece)
                    start += len(piece)


@contextlib.contextmanager
def server(folder: Path, latency: float, bandwidth: float) -> Iterator[str]:
    """Run the server in a child process and give its address."""
    command = [sys.executable, "-m", "benchmarks.remote", "--role", "serve"]
    with subprocess.Popen(
        [*command, "--folder", folder, "--network", f"{1e3 * latency:g}:{bandwidth / 1e6:g}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        yield f"http://127.0.0.1:{int(child.stdout.readline())}"
        child.stdin.close()


def mean(array: Any) -> Any:
    """Return the mean of blocks that makes an image at most 512 pixels long, as people do it."""
    factor = -(-max(array.shape) // 512)
    height, width = (side // factor for side in array.shape)
    cut = np.asarray(array)[: height * factor, : width * factor]
    return cut.reshape(height, factor, width, factor).mean((1, 3), dtype=np.float32)


def read(name: str, file: Any) -> Any:
    """Return the picture of a file that is open, with the libraries of each format."""
    if name == "a.mrc":
        from mrcfile.mrcinterpreter import MrcInterpreter

        return mean(MrcInterpreter(iostream=file).data)
    if name == "a.tar":
        from mrcfile.mrcinterpreter import MrcInterpreter

        with tarfile.open(fileobj=file) as archive:
            member: Any = archive.extractfile(MEMBER)
            return mean(MrcInterpreter(iostream=member).data)
    import tifffile

    with tifffile.TiffFile(file) as movie:
        if name == "a.tif":
            return mean(movie.pages[0].asarray())
        total = np.zeros((4096, 4096), np.uint16)
        for page in list(movie.pages)[::4]:
            total += page.asarray()
        return mean(total)


def ours(url: str, name: str) -> Iterator[Any]:
    """Open, and make a picture."""
    from openem_nb import images

    member = MEMBER if name == "a.tar" else None
    with images.open_image(f"{url}/{name}", member=member) as found:
        yield found.caption
        yield found.thumbnail(512)


def whole(url: str, name: str) -> Iterator[Any]:
    """Download, open, and make a picture."""
    import requests

    with tempfile.NamedTemporaryFile() as file:
        with requests.get(f"{url}/{name}", stream=True, timeout=60) as answer:
            for piece in answer.iter_content(1 << 20):
                file.write(piece)
        file.flush()
        with Path(file.name).open("rb") as again:
            yield None
            yield read(name, again)


def http_files() -> Any:
    """Return the file system of fsspec for addresses."""
    return importlib.import_module("fsspec.implementations.http").HTTPFileSystem()


def fsspec(url: str, name: str) -> Iterator[Any]:
    """Open a file whose blocks are fetched as they are read."""
    with http_files().open(f"{url}/{name}") as file:
        yield file.read(1024)
        file.seek(0)
        yield read(name, file)


ROLES: Final[dict[str, Callable[[str, str], Iterator[Any]]]] = {
    "ours": ours,
    "whole": whole,
    "fsspec": fsspec,
}


def memory(which: str) -> int:
    """Return bytes of memory of this process: ``VmRSS`` now, ``VmHWM`` at its peak."""
    found = re.search(rf"{which}:\s+(\d+)", Path("/proc/self/status").read_text())
    return 1024 * int(found[1]) if found else 0


def written() -> int:
    """Return the bytes that this process wrote to files."""
    found = re.search(r"wchar: (\d+)", Path("/proc/self/io").read_text())
    return int(found[1]) if found else 0


def work(role: str, url: str, name: str) -> None:
    """Do the work of one contestant and print what it took as JSON."""
    go = ROLES[role]
    with tempfile.TemporaryDirectory() as folder:  # imports, and all that happens only once
        small = np.zeros((8, 8), np.float32)
        import mrcfile
        import requests  # noqa: F401
        import tifffile

        mrcfile.write(Path(folder, "a.mrc"), small)
        tifffile.imwrite(Path(folder, "a.tif"), small)
        if role == "ours":
            import imagecodecs

            import openem_nb.images._eer
            import openem_nb.images.remote  # noqa: F401
            from openem_nb import images

            imagecodecs.lzw_decode(imagecodecs.lzw_encode(b"a"))
            for one in ("a.mrc", "a.tif"):
                images.open_image(Path(folder, one)).thumbnail()
        elif role == "fsspec":
            http_files()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    held, files = memory("VmRSS"), written()
    began = time.perf_counter()
    steps = go(url, name)
    next(steps)
    header = time.perf_counter() - began
    picture = next(steps)
    seconds = time.perf_counter() - began
    assert max(picture.shape) <= 512
    assert float(picture.std()) > 0
    found = {
        "header": header,
        "seconds": seconds,
        "memory": memory("VmHWM") - held,
        "disk": written() - files,
    }
    steps.close()  # type: ignore[attr-defined]
    print(json.dumps(found))


def count(url: str) -> dict[str, int]:
    """Return requests and bytes since the last time."""
    with urllib.request.urlopen(f"{url}/count", timeout=10) as answer:
        found: dict[str, int] = json.load(answer)
        return found


def in_child(role: str, url: str, name: str) -> dict[str, float]:
    """Measure one contestant in a process of its own."""
    count(url)
    command = [sys.executable, "-m", "benchmarks.remote", "--role", role, "--url", url]
    done = subprocess.run([*command, "--file", name], stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found | count(url)


def prepare(folder: Path, names: list[str]) -> dict[str, int]:
    """Write the files, and return for each the bytes that its picture needs."""
    import mrcfile
    import tifffile

    from benchmarks.images import write_events

    rng = np.random.default_rng(1)
    need: dict[str, int] = {}
    if "mrc" in names:
        mrcfile.write(folder / "a.mrc", rng.normal(40, 6, (4096, 4096)).astype(np.float32))
        need["mrc"] = 4096 * 4096 * 4
    if "tiff" in names:
        frame = rng.poisson(1.0, (4092, 5760)).astype(np.uint8)
        with tifffile.TiffWriter(folder / "a.tif") as file:
            for _ in range(10):
                file.write(frame, compression="lzw", rowsperstrip=32, metadata=None)
        need["tiff"] = (folder / "a.tif").stat().st_size // 10
    if "eer" in names:
        write_events(folder / "a.eer", 100, 500_000)
        need["eer"] = (folder / "a.eer").stat().st_size // 4
    if "tar" in names:
        mrcfile.write(folder / "b.mrc", rng.normal(40, 6, (2048, 2048)).astype(np.float32))
        body = (folder / "b.mrc").read_bytes()
        with tarfile.open(folder / "a.tar", "w") as archive:
            for number in range(8):
                info = tarfile.TarInfo(f"raw/{number}.mrc")
                info.size = len(body)
                archive.addfile(info, io.BytesIO(body))
        need["tar"] = len(body)
    return need


FILES: Final = {"mrc": "a.mrc", "tiff": "a.tif", "eer": "a.eer", "tar": "a.tar"}


def compare(
    folder: Path, need: dict[str, int], network: str, roles: list[str], rounds: int
) -> None:
    """Measure all contestants over one line and print what they took."""
    latency, bandwidth = (float(one) for one in network.split(":"))
    print(f"\n{latency:g} ms, {bandwidth:g} MB/s; best of {rounds} (median)")
    print(f"  {'':14}{'header':>8}{'picture':>16}{'x limit':>9}{'x bytes':>9}", end="")
    print(f"{'requests':>10}{'MB':>8}{'memory':>9}{'disk':>8}")
    with server(folder, latency / 1e3, bandwidth * 1e6) as url:
        for part, size in need.items():
            found: dict[str, list[dict[str, float]]] = {role: [] for role in roles}
            for _ in range(rounds):
                for role in roles:
                    found[role].append(in_child(role, url, FILES[part]))
            for role in roles:
                # of event movies each contestant chooses frames: its own bytes are its limit
                bytes_ = found[role][0]["bytes"] if part == "eer" else size
                least = bytes_ / bandwidth / 1e6
                limit = least + latency / 1e3
                best = min(found[role], key=lambda one: one["seconds"])
                middle = statistics.median(one["seconds"] for one in found[role])
                header = min(one["header"] for one in found[role])
                print(
                    f"  {part:5}{role:9}{header:7.2f}s{best['seconds']:7.2f}s ({middle:.2f})",
                    end="",
                )
                print(f"{best['seconds'] / limit:10.2f}{best['seconds'] / least:9.2f}", end="")
                print(f"{best['requests']:10.0f}{best['bytes'] / 1e6:8.1f}", end="")
                print(f"{best['memory'] / 2**20:6.0f}MiB{best['disk'] / 1e6:6.1f}MB", flush=True)


def main() -> None:
    """Measure all, or what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", nargs="*", choices=FILES, default=list(FILES))
    parser.add_argument(
        "--network", nargs="*", default=list(NETWORKS), help="latency in ms : bandwidth in MB/s"
    )
    parser.add_argument("--roles", nargs="*", choices=ROLES, default=list(ROLES))
    parser.add_argument("--rounds", type=int, default=3)
    for hidden in ("--role", "--url", "--file"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.role == "serve":
        latency, bandwidth = (float(one) for one in asked.network[0].split(":"))
        serve(asked.folder, latency / 1e3, bandwidth * 1e6)
        return
    if asked.role:
        work(asked.role, asked.url, asked.file)
        return
    try:
        import aiohttp  # noqa: F401
    except ImportError:
        print("aiohttp is not installed; fsspec is not measured")
        asked.roles = [one for one in asked.roles if one != "fsspec"]
    print(f"{os.cpu_count()} processors, {os.getloadavg()[0]:.1f} of them busy with other work")
    with tempfile.TemporaryDirectory() as place:
        need = prepare(Path(place), asked.only)
        for network in asked.network:
            compare(Path(place), need, network, asked.roles, asked.rounds)


if __name__ == "__main__":
    main()
