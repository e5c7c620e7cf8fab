"""All data sets of a catalogue in one table: this package, two other clients, the physical limit.

All talk to one practice SciCat in a process of its own, each from a process of its own, as the same
person, who sees every data set:

- ours: ``openem.search(rows=None)``, and the first page of a hundred;
- pyscicat: ``datasets_find`` in pages of 1,000 until a page is short, then a data frame;
- scitacean: ``client.scicat.query_datasets`` in one answer (it has no pages), then a data frame of
  the same columns from its models;
- the limit: our own requests again over bare keep-alive connections, four at a time as ours, with
  the answers dropped unread.

The other two cannot choose fields, so they get whole documents. ``--alone`` measures ours and the
limit only, for large numbers.

Run it with ``python -m benchmarks.catalogue [--datasets N] [--repeat N] [--alone]``.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from benchmarks.statistics import ask, peak_mb

if TYPE_CHECKING:
    from collections.abc import Iterator

PROFILE = "practice"
TOKEN = "OPENEM_TOKEN_PRACTICE"
COLUMNS = ("pid", "datasetName", "type", "creationTime", "owner", "ownerGroup", "size")


@contextlib.contextmanager
def service(datasets: int, seed: int) -> Iterator[str]:
    """Run the practice facility in a child process and give its address."""
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "openem_nb.practice", "--port", "0", "--until-stdin-closes"),
            *("--entries", "50", "--seed", str(seed), "--datasets", str(datasets)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        yield json.loads(child.stdout.readline())["url"]
        child.stdin.close()


def log_in(api: str) -> str:
    """Return the token of a practice person who sees everything."""
    place = urlsplit(api)
    connection = http.client.HTTPConnection(place.netloc, timeout=120)
    body = json.dumps({"username": "admin", "password": "practice"})
    connection.request(
        "POST", f"{place.path}/auth/login", body, {"Content-Type": "application/json"}
    )
    token: str = json.loads(connection.getresponse().read())["id"]
    connection.close()
    return token


def ours(url: str) -> dict[str, Any]:
    """Search as a person does."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(
            OPENEM_PROFILE=PROFILE, OPENEM_PRACTICE_URL=url, OPENEM_HOME=folder, OPENEM_DATA=folder
        )
        import openem_nb as openem

        openem.search(rows=1)  # loads what is loaded on first use
        begun = peak_mb()
        known = len(ask(url, "/practice/log"))
        start = time.perf_counter()
        found = openem.search(rows=None)
        seconds = time.perf_counter() - start
        log = ask(url, "/practice/log")[known:]
        start = time.perf_counter()
        openem.search(rows=100)
        return {
            "seconds": seconds,
            "page": time.perf_counter() - start,
            "rows": len(found),
            "unique": int(found["pid"].nunique()),
            "total": found.total,
            "table_mb": float(found.memory_usage(deep=True).sum()) / 1e6,
            "begun_mb": begun,
            "peak_mb": peak_mb(),
            "paths": [record["path"] for record in log if "/practice/" not in record["path"]],
        }


def _api(url: str) -> str:
    api: str = ask(url, "/")["catalogues"][PROFILE]["scicat_api"]
    return api


def with_pyscicat(url: str) -> dict[str, Any]:
    """Page through the full query, as its documentation shows."""
    import pandas as pd
    from pyscicat.client import ScicatClient

    client = ScicatClient(_api(url) + "/", token=os.environ[TOKEN])
    begun = peak_mb()
    start = time.perf_counter()
    documents: list[Any] = []
    while True:
        page = client.datasets_find(skip=len(documents), limit=1000) or []
        documents += page
        if len(page) < 1000:
            break
    frame = pd.DataFrame(documents)
    return _figures(start, frame, begun)


def with_scitacean(url: str) -> dict[str, Any]:
    """Query for everything, as its documentation shows."""
    import logging

    import pandas as pd
    from scitacean import Client

    logging.disable()
    warnings.simplefilter("ignore")
    client = Client.from_token(url=_api(url), token=os.environ[TOKEN], allow_http=True)
    begun = peak_mb()
    start = time.perf_counter()
    models = client.scicat.query_datasets({}, limit=10_000_000, order="creationTime:desc")
    frame = pd.DataFrame([{name: getattr(one, name, None) for name in COLUMNS} for one in models])
    return _figures(start, frame, begun)


def _figures(start: float, frame: Any, begun: float) -> dict[str, Any]:
    return {
        "seconds": time.perf_counter() - start,
        "rows": len(frame),
        "unique": int(frame["pid"].astype(str).nunique()),
        "begun_mb": begun,
        "peak_mb": peak_mb(),
    }


def limit(url: str, paths: list[str], token: str, workers: int = 4) -> dict[str, float]:
    """Fetch the same answers over bare connections and drop them."""
    place = urlsplit(url).netloc
    headers = {"Accept": "application/json", "Authorization": f"Bearer {token}"}

    def fetch(part: list[str]) -> int:
        connection = http.client.HTTPConnection(place, timeout=120)
        size = 0
        for path in part:
            connection.request("GET", path, headers=headers)
            size += len(connection.getresponse().read())
        connection.close()
        return size

    start = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        size = sum(pool.map(fetch, [paths[number::workers] for number in range(workers)]))
    return {"seconds": time.perf_counter() - start, "mb": size / 1e6}


ROLES = {"ours": ours, "pyscicat": with_pyscicat, "scitacean": with_scitacean}


def in_child(role: str, url: str, token: str) -> dict[str, Any]:
    """Measure one client in a process of its own; the token is not on its command line."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.catalogue", "--role", role, "--url", url],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, TOKEN: token},
    )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def best(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the quickest run."""
    return min(runs, key=lambda run: float(run["seconds"]))


def compare(datasets: int, seed: int, repeat: int, *, alone: bool) -> None:
    """Measure all and print the figures and their ratios."""
    with service(datasets, seed) as url:
        token = log_in(_api(url))
        in_child("ours", url, token)  # the service draws its data sets when they are first seen
        mine = best([in_child("ours", url, token) for _ in range(repeat)])
        bare = best([limit(url, mine["paths"], token) for _ in range(repeat)])
        peers = {
            name: best([in_child(name, url, token) for _ in range(repeat)])
            for name in ("pyscicat", "scitacean")
            if not alone
        }
    print(f"{datasets:,} data sets, best of {repeat}\n")
    for name, run in (("ours", mine), *peers.items()):
        whole = "" if run["unique"] == datasets else "  INCOMPLETE"
        print(
            f"{name:10} {run['seconds']:6.2f} s   {run['rows']:,} rows, {run['unique']:,} "
            f"different data sets{whole}; peak {run['peak_mb']:.0f} MB, "
            f"{run['begun_mb']:.0f} MB of it before"
        )
    print(
        f"{'limit':10} {bare['seconds']:6.2f} s   the same {len(mine['paths'])} answers "
        f"({bare['mb']:.1f} MB) fetched and dropped\n"
        f"ours: the table itself {mine['table_mb']:.0f} MB; first page of 100 in "
        f"{1000 * mine['page']:.0f} ms\n"
    )
    print(f"ours / limit       {mine['seconds'] / bare['seconds']:6.2f}")
    for name, run in peers.items():
        print(f"{name + ' / ours':18} {run['seconds'] / mine['seconds']:6.2f}")
        grown = (run["peak_mb"] - run["begun_mb"]) / max(1.0, mine["peak_mb"] - mine["begun_mb"])
        print(f"{'  memory likewise':18} {grown:6.2f}")


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--datasets", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--alone", action="store_true", help="ours and the limit only")
    parser.add_argument("--role", choices=tuple(ROLES), help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role:
        print(json.dumps(ROLES[options.role](options.url)))
    else:
        compare(options.datasets, options.seed, options.repeat, alone=options.alone)


if __name__ == "__main__":
    main()
