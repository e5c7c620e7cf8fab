"""Swiss EMDB entries by year: this package, the official ``emdb`` client, and the physical limit.

All three talk to one practice service in a process of its own, each from a process of its own:

- ours: ``statistics.harvest()`` of the whole of EMDB and EMPIAR (so that every country and every
  later question is answered), ``statistics.swiss()``, and a second harvest with nothing new;
- the peer, as its documentation shows: a free-text search, then entry by entry, counting grants;
  ``--sample`` bounds the entries that are read, the rest is extrapolated and said to be;
- the limit: the requests of our first harvest again over bare keep-alive connections, doing nothing
  with the answers.

Run it with ``python -m benchmarks.statistics [--entries N] [--sample N]``.
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
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

QUERY = '"Switzerland" AND current_status:"REL"'


def peak_mb() -> float:
    """Return the peak memory of this process in MB (Linux).

    Not ``getrusage``: its peak is inherited from the process that started this one.
    """
    status = Path("/proc/self/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) * 1024 / 1e6


@contextlib.contextmanager
def service(entries: int, seed: int) -> Iterator[str]:
    """Run the practice service in a child process and give its address."""
    with subprocess.Popen(
        [
            *(sys.executable, "-m", "openem_nb.practice", "--port", "0", "--until-stdin-closes"),
            *("--entries", str(entries), "--seed", str(seed)),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        yield json.loads(child.stdout.readline())["url"]
        child.stdin.close()


def ask(url: str, path: str) -> Any:
    """Return the JSON that the facility answers."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=120)
    connection.request("GET", path)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer


def truth(url: str) -> dict[str, int]:
    """Return Swiss released entries by deposition year, from the generator itself."""
    counts: Counter[str] = Counter()
    for entry in ask(url, "/practice/truth")["emdb"].values():
        countries = {(grant["country"] or "").strip().casefold() for grant in entry["grants"]}
        if entry["status"] == "REL" and "switzerland" in countries:
            counts[entry["deposited"][:4]] += 1
    return dict(sorted(counts.items()))


def in_child(role: str, url: str, *more: str) -> dict[str, Any]:
    """Measure one role in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.statistics", "--role", role, "--url", url, *more],
        stdout=subprocess.PIPE,
        check=True,
    )
    result: dict[str, Any] = json.loads(done.stdout)
    return result


def ours(url: str) -> dict[str, Any]:
    """Harvest, answer, harvest again."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ.update(
            OPENEM_PROFILE="practice",
            OPENEM_PRACTICE_URL=url,
            OPENEM_HOME=folder,
            OPENEM_DATA=folder,
        )
        start = time.perf_counter()
        from openem_nb import statistics

        imported = time.perf_counter()
        path = Path(folder) / "archive.duckdb"
        read = statistics.harvest(path=path).emdb_fetched
        harvested = time.perf_counter()
        peak = peak_mb()
        with statistics.archive(path) as archive:
            before = time.perf_counter()
            result = statistics.swiss(archive=archive)
            answered = time.perf_counter()
        log = ask(url, "/practice/log")
        again = time.perf_counter()
        statistics.harvest(path=path)
        refreshed = time.perf_counter()
        report = time.perf_counter()
        statistics.write_report(result, Path(folder) / "report")
        reported = time.perf_counter()
        annual = result.tables["annual"]
        return {
            "import": imported - start,
            "harvest": harvested - imported,
            "swiss": answered - before,
            "report": reported - report,
            "refresh": refreshed - again,
            "peak_mb": peak,
            "fetched": read,
            "archive_mb": path.stat().st_size / 1e6,
            "requests": len(log),
            "refresh_requests": len(ask(url, "/practice/log")) - len(log),
            "paths": [record["path"] for record in log if record["method"] == "GET"],
            "answer": {
                str(year): number
                for year, number in zip(annual["year"], annual["entries"], strict=True)
                if number
            },
        }


def peer(url: str, sample: int) -> dict[str, Any]:
    """Ask with the official client: search, then entry by entry."""
    import emdb.utils
    import requests
    from emdb.client import EMDB

    session_sleep = 0.0

    class Redirected:
        """The client's address is fixed in its code; everything else is its own."""

        Timeout = requests.Timeout
        exceptions = requests.exceptions

        @staticmethod
        def get(address: str, **values: Any) -> requests.Response:
            there = address.replace("https://www.ebi.ac.uk", url)
            head, _, query = there.partition("/search/")
            return requests.get(
                f"{head}/search/{quote(query, safe='')}" if query else there, **values
            )

    class Clock:
        """Counts how long the client sleeps by its own rule, and sleeps."""

        time = staticmethod(time.time)

        @staticmethod
        def sleep(seconds: float) -> None:
            nonlocal session_sleep
            session_sleep += seconds
            time.sleep(seconds)

    emdb.utils.requests = Redirected
    emdb.utils.time = Clock
    start = time.perf_counter()
    client = EMDB()
    hits = client.search(QUERY).entries  # each reads itself when it is first asked something
    searched = time.perf_counter()
    counts: Counter[str] = Counter()
    failed = 0
    part = hits[:: max(1, len(hits) // sample)][:sample] if sample else hits
    for entry in part:
        try:
            admin = entry.admin
        except Exception:  # noqa: BLE001  (the client raises one class for everything)
            failed += 1
            continue
        grants = (admin.get("grant_support") or {}).get("grant_reference") or []
        grants = [grants] if isinstance(grants, dict) else grants
        if any(
            (grant.get("country") or "").strip().casefold() == "switzerland" for grant in grants
        ):
            counts[admin["key_dates"]["deposition"][:4]] += 1
    read = time.perf_counter()
    return {
        "search": searched - start,
        "read": read - searched,
        "asleep": session_sleep,
        "hits": len(hits),
        "sample": len(part),
        "failed": failed,
        "peak_mb": peak_mb(),
        "answer": dict(sorted(counts.items())),
    }


def limit(url: str, paths: list[str], workers: int = 4) -> dict[str, float]:
    """Fetch the same answers over bare connections and drop them."""
    place = urlsplit(url).netloc

    def fetch(part: list[str]) -> int:
        connection = http.client.HTTPConnection(place, timeout=120)
        size = 0
        for path in part:
            connection.request("GET", path, headers={"Accept": "application/json"})
            size += len(connection.getresponse().read())
        connection.close()
        return size

    start = time.perf_counter()
    with ThreadPoolExecutor(workers) as pool:
        size = sum(pool.map(fetch, [paths[number::workers] for number in range(workers)]))
    return {"seconds": time.perf_counter() - start, "mb": size / 1e6}


def compare(entries: int, seed: int, sample: int) -> None:
    """Measure all three and print the figures and their ratios."""
    with service(entries, seed) as url:
        expected = truth(url)
        mine = in_child("ours", url)
        bare = limit(url, mine["paths"])
        theirs = in_child("peer", url, "--sample", str(sample))
    report_ours(mine, expected)
    report_peer(theirs, expected)
    print(
        f"limit   the same {len(mine['paths']):,} answers ({bare['mb']:.0f} MB) fetched and "
        f"dropped: {bare['seconds']:.1f} s\n"
    )
    total = mine["harvest"] + mine["swiss"]
    print(f"ours / limit    {total / bare['seconds']:7.2f}")
    print(f"peer / ours     {everything(theirs) / total:7.2f}  (the peer reads candidates only)")
    each = 1000 * theirs["read"] / theirs["sample"]
    awake = 1000 * (theirs["read"] - theirs["asleep"]) / theirs["sample"]
    print(
        f"per entry read  {1000 * mine['harvest'] / mine['fetched']:7.2f} ms ours, {each:.0f} ms "
        f"peer, {awake:.1f} ms peer without its sleep"
    )


def everything(theirs: dict[str, Any]) -> float:
    """Return the seconds that the peer takes for all candidates."""
    seconds: float = theirs["search"] + theirs["read"] / theirs["sample"] * theirs["hits"]
    return seconds


def report_ours(mine: dict[str, Any], expected: dict[str, int]) -> None:
    """Print our figures."""
    print(f"{sum(expected.values()):,} Swiss maps by the generator's truth\n")
    print(
        f"ours    whole archive in {mine['harvest']:.1f} s ({mine['requests']:,} requests, "
        f"{mine['fetched']:,} entries read, peak {mine['peak_mb']:.0f} MB, file "
        f"{mine['archive_mb']:.0f} MB)\n"
        f"        statistics {mine['swiss']:.2f} s, report {mine['report']:.2f} s, "
        f"imports {mine['import']:.2f} s\n"
        f"        second harvest, nothing new: {mine['refresh']:.2f} s, "
        f"{mine['refresh_requests']} requests\n"
        f"        answer equals the truth: {mine['answer'] == expected}"
    )


def report_peer(theirs: dict[str, Any], expected: dict[str, int]) -> None:
    """Print the figures of the official client."""
    sampled = theirs["sample"] < theirs["hits"]
    print(
        f"peer    emdb client: {theirs['hits']:,} candidates, {theirs['sample']:,} read at "
        f"{theirs['read'] / theirs['sample']:.3f} s each, "
        f"{theirs['asleep'] / theirs['read']:.0%} of it its own fixed sleep; "
        f"{theirs['failed']} failed, peak {theirs['peak_mb']:.0f} MB\n"
        f"        all candidates: {everything(theirs):.1f} s{' (extrapolated)' if sampled else ''}"
    )
    if sampled:
        print("        answer: not compared, only a sample was read")
    else:
        print(f"        answer equals the truth: {theirs['answer'] == expected}")


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--entries", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--sample", type=int, default=100, help="entries that the peer reads; 0: all"
    )
    parser.add_argument("--role", choices=("ours", "peer"), help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.role == "ours":
        print(json.dumps(ours(options.url)))
    elif options.role == "peer":
        print(json.dumps(peer(options.url, options.sample)))
    else:
        compare(options.entries, options.seed, options.sample)


if __name__ == "__main__":
    main()
