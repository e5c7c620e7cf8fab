"""Downloads that are verified: this package, curl, pooch, boto3, and the physical limit.

One file of 1 GiB, and 2,000 files of 256 KiB, over loopback. The server is a process of its own
that hands files from memory to the connection (``sendfile``) and answers as an object store does;
each contestant runs in a process of its own, and only its work is timed, not its imports. All
write to the same disk, and what they wrote is removed before the next one.

- ours: ``transfer.download`` and ``transfer.download_all`` with a checksum for each file;
- curl: without any checksum; for many files, one process with four connections;
- pooch: ``retrieve`` with a known hash, for many files in four threads;
- boto3: ``download_file`` with unsigned requests, which checks no such checksum; in four threads;
- the limit: the slower of hashing the same bytes from memory and of writing them to disk.

Contestants take turns, the best of ``--repeat`` rounds counts. Run it with
``python -m benchmarks.transfer [--megabytes N] [--files N] [--repeat N] [--folder DIR]``.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ALGORITHMS: Final = ("sha1", "md5", "sha256")
SMALL: Final = 256 * 1024
WORKERS: Final = 4
BLOCK: Final = 1 << 20


def serve(folder: Path) -> None:
    """Serve the files of a folder until standard input closes."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=answer, args=(connection, folder), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    sys.stdin.read()


def answer(connection: socket.socket, folder: Path) -> None:
    """Answer the requests of one connection: GET and HEAD of /store/NAME, also in ranges."""
    with connection, connection.makefile("rb") as lines:
        while first := lines.readline():
            method, target, _ = first.decode().split()
            wanted = None
            while (line := lines.readline()) not in (b"\r\n", b""):
                wanted = re.match(rb"range: bytes=([0-9]+)-([0-9]*)", line.lower()) or wanted
            name = target.partition("?")[0].rpartition("/")[2]
            file = os.open(folder / name, os.O_RDONLY)
            total = os.fstat(file).st_size
            start, end = 0, total
            status = "200 OK"
            if wanted is not None:
                start = int(wanted[1])
                end = int(wanted[2]) + 1 if wanted[2] else total
                status = f"206 Partial Content\r\nContent-Range: bytes {start}-{end - 1}/{total}"
            head = (
                f'HTTP/1.1 {status}\r\nContent-Type: binary/octet-stream\r\nETag: "{name}"\r\n'
                "Last-Modified: Wed, 18 Nov 2026 00:00:00 GMT\r\nAccept-Ranges: bytes\r\n"
                f"Content-Length: {end - start}\r\n\r\n"
            )
            body = method == "GET"
            connection.sendall(head.encode(), socket.MSG_MORE if body else 0)
            while body and start < end:
                start += os.sendfile(connection.fileno(), file, start, end - start)
            os.close(file)


@contextlib.contextmanager
def server(folder: Path) -> Iterator[str]:
    """Run the server in a child process and give its address."""
    command: list[str | Path] = [sys.executable, "-m", "benchmarks.transfer"]
    command += ["--role", "serve", "--from", folder]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        yield f"http://127.0.0.1:{int(child.stdout.readline())}"
        child.stdin.close()


def digest(path: Path, algorithm: str) -> str:
    """Return the checksum of a file."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, algorithm).hexdigest()


def ours(url: str, sums: dict[str, str], algorithm: str, target: Path) -> Callable[[], object]:
    """Return our download of all files."""
    from openem_nb import transfer

    items = [
        transfer.Item(
            f"{url}/store/{name}", target / name, checksum=transfer.Checksum(algorithm, value)
        )
        for name, value in sums.items()
    ]
    return lambda: transfer.download_all(items, workers=WORKERS)


def pooch(url: str, sums: dict[str, str], algorithm: str, target: Path) -> Callable[[], object]:
    """Return pooch's download of all files."""
    import pooch

    pooch.get_logger().setLevel("ERROR")

    def fetch(name: str) -> str:
        known = f"{algorithm}:{sums[name]}"
        found: str = pooch.retrieve(f"{url}/store/{name}", known, fname=name, path=target)
        return found

    return lambda: in_threads(fetch, sums)


def boto3(url: str, sums: dict[str, str], algorithm: str, target: Path) -> Callable[[], object]:
    """Return boto3's download of all files."""
    import boto3
    from botocore import UNSIGNED
    from botocore.config import Config

    config = Config(signature_version=UNSIGNED, s3={"addressing_style": "path"})
    client = boto3.client("s3", endpoint_url=url, region_name="us-east-1", config=config)
    target.mkdir(parents=True, exist_ok=True)

    def fetch(name: str) -> None:
        client.download_file("store", name, str(target / name))

    return lambda: in_threads(fetch, sums)


def in_threads(fetch: Callable[[str], object], names: dict[str, str]) -> None:
    """Fetch one file, or many in as many threads as everybody has."""
    with ThreadPoolExecutor(min(WORKERS, len(names))) as pool:
        list(pool.map(fetch, names))


def curl(url: str, sums: dict[str, str], algorithm: str, target: Path) -> Callable[[], object]:
    """Return curl's download of all files, which checks nothing."""
    target.mkdir(parents=True, exist_ok=True)
    wanted = "".join(f'url = "{url}/store/{name}"\noutput = "{target / name}"\n' for name in sums)
    command = ["curl", "--silent", "--fail", "--config", "-"]
    if len(sums) > 1:
        command += ["--parallel", "--parallel-max", str(WORKERS)]
    quiet = subprocess.DEVNULL  # with several connections it draws its progress even if told not to
    return lambda: subprocess.run(command, input=wanted.encode(), check=True, stderr=quiet)


def limit(url: str, sums: dict[str, str], algorithm: str, target: Path) -> dict[str, float]:
    """Measure hashing, and writing, as many bytes as ``url`` says, from memory."""
    size = int(url) // len(sums)
    block = os.urandom(min(BLOCK, size))
    start = time.perf_counter()
    for _ in sums:
        found = hashlib.new(algorithm)
        for _ in range(max(1, size // BLOCK)):
            found.update(block)
    hashed = time.perf_counter()
    target.mkdir(parents=True, exist_ok=True)
    for name in sums:
        with (target / name).open("wb", buffering=0) as handle:
            for _ in range(max(1, size // BLOCK)):
                handle.write(block)
    return {"hash": hashed - start, "write": time.perf_counter() - hashed}


ROLES: Final = {"ours": ours, "pooch": pooch, "boto3": boto3, "curl": curl}


def work(role: str, url: str, sums: dict[str, str], algorithm: str, target: Path) -> None:
    """Do the work of one contestant and print its seconds as JSON."""
    if role == "limit":
        parts = limit(url, sums, algorithm, target)
        print(json.dumps({"seconds": max(parts.values()), "cpu": sum(parts.values())}))
        return
    go = ROLES[role](url, sums, algorithm, target)
    start, before = time.perf_counter(), os.times()
    go()
    seconds, after = time.perf_counter() - start, os.times()
    print(json.dumps({"seconds": seconds, "cpu": sum(after[:4]) - sum(before[:4])}))


def in_child(role: str, url: str, listing: Path, algorithm: str, target: Path) -> dict[str, Any]:
    """Measure one contestant in a process of its own, and remove what it wrote."""
    target.mkdir(parents=True)
    try:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "benchmarks.transfer", "--role", role, "--url", url),
                *("--listing", listing, "--algorithm", algorithm, "--to", target),
            ],
            stdout=subprocess.PIPE,
            check=True,
        )
        if role != "limit":
            for name, value in json.loads(listing.read_text())[algorithm].items():
                assert digest(target / name, algorithm) == value, f"{role} brought a wrong {name}"
    finally:
        shutil.rmtree(target)
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def prepare(folder: Path, name: str, count: int, size: int) -> Path:
    """Write files of random bytes and a list of their checksums."""
    sums: dict[str, dict[str, str]] = {algorithm: {} for algorithm in ALGORITHMS}
    for number in range(count):
        path = folder / f"{name}-{number:05}.bin"
        with path.open("wb") as handle:
            for _ in range(max(1, size // BLOCK)):
                handle.write(os.urandom(min(size, BLOCK)))
        for algorithm in ALGORITHMS:
            sums[algorithm][path.name] = digest(path, algorithm)
    listing = folder / f"{name}.json"
    listing.write_text(json.dumps(sums))
    return listing


def compare(url: str, listing: Path, size: int, repeat: int, target: Path) -> None:
    """Measure all contestants on one shape and print seconds, speeds and ratios."""
    best: dict[tuple[str, str], float] = {}
    cpu: dict[tuple[str, str], float] = {}
    turns = [(role, name) for name in ALGORITHMS for role in ("limit", "ours", "pooch")]
    for _ in range(repeat):
        for turn in [*turns, ("curl", ""), ("boto3", "")]:
            role, algorithm = turn
            where = str(size) if role == "limit" else url
            found = in_child(role, where, listing, algorithm or "sha1", target)
            best[turn] = min(found["seconds"], best.get(turn, found["seconds"]))
            cpu[turn] = min(found["cpu"], cpu.get(turn, found["cpu"]))
    curled, botoed = best["curl", ""], best["boto3", ""]
    print(f"{'':12}{'sha1':>14}{'md5':>14}{'sha256':>14}   seconds (of processor)")
    for role in ("limit", "ours", "pooch"):
        pairs = [f"{best[role, name]:.2f} ({cpu[role, name]:.2f})" for name in ALGORITHMS]
        print(f"{role:12}" + "".join(f"{pair:>14}" for pair in pairs))
    for role in ("curl", "boto3"):
        pair = f"{best[role, '']:.2f} ({cpu[role, '']:.2f})"
        print(f"{role:12}{pair:>14}  without a checksum")
    rows: list[tuple[str, Callable[[str], float]]] = [
        ("ours, MB/s", lambda name: size / 1e6 / best["ours", name]),
        ("/ limit", lambda name: best["limit", name] / best["ours", name]),
        ("/ curl", lambda name: curled / best["ours", name]),
        ("/ the lower", lambda name: max(curled, best["limit", name]) / best["ours", name]),
        ("/ pooch", lambda name: best["pooch", name] / best["ours", name]),
        ("/ boto3", lambda name: botoed / best["ours", name]),
    ]
    print("speed of ours over that of the others (the lower: of curl and the limit)")
    for title, value in rows:
        digits = 0 if "MB/s" in title else 2
        print(f"{title:12}" + "".join(f"{value(name):14.{digits}f}" for name in ALGORITHMS))
    print()


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=1024, help="MiB of the large file")
    parser.add_argument("--files", type=int, default=2000, help="number of small files")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="where to write; else the temporary folder")
    for hidden in ("--role", "--url", "--algorithm"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    for hidden in ("--from", "--to", "--listing"):
        parser.add_argument(hidden, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role == "serve":
        serve(getattr(options, "from"))
        return
    if options.role:
        sums = json.loads(options.listing.read_text())[options.algorithm]
        work(options.role, options.url, sums, options.algorithm, options.to)
        return
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        place = Path(folder)
        large = options.megabytes * BLOCK
        shapes = [("large", 1, large), ("small", options.files, SMALL)]
        for name, count, size in shapes:
            source = place / name
            source.mkdir()
            listing = prepare(source, name, count, size)
            print(f"{count:,} x {size / BLOCK:g} MiB")
            with server(source) as url:
                compare(url, listing, count * size, options.repeat, place / "target")
            shutil.rmtree(source)


if __name__ == "__main__":
    main()
