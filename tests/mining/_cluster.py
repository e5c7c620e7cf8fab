"""Programs that mine on a cluster; each runs in a process of its own, which ends with its threads.

``python _cluster.py NAME FOLDER OUT`` prints what came of it as JSON.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import distributed
from distributed.diagnostics.plugin import WorkerPlugin

from openem_nb.errors import OpenEMError
from openem_nb.mining import mine

CHEAP = ("thumbnail", "statistics")


class Watched(WorkerPlugin):
    """Writes down which files are measured, slows that down, and dies of files called poison."""

    name = "watched"

    def __init__(self, log: str, seconds: float) -> None:
        self.log, self.seconds = log, seconds

    def setup(self, worker: Any) -> None:
        from openem_nb.mining import measure as measuring

        real, log, seconds = measuring.measure, self.log, self.seconds

        def measure(file: Any, *more: Any) -> Any:
            with Path(log).open("a") as stream:
                stream.write(f"{file.name}\n")
            if "poison" in file.name:
                os._exit(1)
            time.sleep(seconds)  # an expensive measurement
            return real(file, *more)

        measuring.measure = measure


def summary(mined: Any) -> dict[str, Any]:
    frame = mined.frame.drop(columns=["measured", "seconds"])
    return {
        "rows": json.loads(frame.to_json(orient="records")),
        "problems": mined.problems["problem"].tolist(),
    }


def local(folder: Path, out: Path) -> dict[str, Any]:
    """Mine in processes of this machine."""
    return summary(mine(folder, measures=CHEAP, out=out, cluster="local", workers=2))


def address(folder: Path, out: Path) -> dict[str, Any]:
    """Mine on a scheduler that runs already; it goes on afterwards."""
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        found = summary(mine(folder, measures=CHEAP, out=out, cluster=cluster.scheduler_address))
        with distributed.Client(cluster) as client:
            found["alive"] = client.submit(int, "7").result()
            found["client"] = len(mine(folder, measures="statistics", out=out, cluster=client))
            found["after"] = client.submit(int, "8").result()
        found["cluster"] = len(mine(folder, measures="thumbnail", out=out, cluster=cluster))
    return found


def killed(folder: Path, out: Path) -> dict[str, Any]:
    """Kill a worker while it has files in its hands."""
    log = out.with_name("log")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.register_plugin(Watched(str(log), 0.02))
        rows: list[Any] = []
        dead: list[int] = []

        def kill_one(new: list[Any]) -> None:
            rows.extend(new)
            if not dead and len(rows) >= 10:
                dead.append(next(iter(client.run(os.getpid).values())))
                os.kill(dead[0], signal.SIGKILL)

        mined = mine(folder, measures=CHEAP, out=out, cluster=client, on_rows=kill_one)
        found = summary(mined)
    return {**found, "dead": len(dead), "measured": log.read_text().split()}


def poison(folder: Path, out: Path) -> dict[str, Any]:
    """Measure a file that ends every worker that tries."""
    import dask

    log = out.with_name("log")
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.register_plugin(Watched(str(log), 0))
        return summary(mine(folder, measures=CHEAP, out=out, cluster=client))


def settled(folder: Path, out: Path) -> dict[str, Any]:
    """Tell what workers are like, those that we start and those that others have started."""
    from threadpoolctl import threadpool_info

    from openem_nb.jobs import Progress
    from openem_nb.mining._work import ENVIRONMENT
    from openem_nb.mining.engines import engine

    def about() -> dict[str, Any]:
        import numpy as np

        np.ones((2, 2)) @ np.ones((2, 2))
        return {
            "threads": sorted({one["num_threads"] for one in threadpool_info()}),
            "trim": os.environ.get("MALLOC_TRIM_THRESHOLD_"),
            "faults": faults(),
        }

    mine_too = dict(os.environ)
    with_what = engine("local", 1, None, Progress())
    try:
        ours = next(iter(with_what._client.run(about).values()))
    finally:
        with_what.close()
    left = [name for name in ENVIRONMENT if mine_too.get(name) != os.environ.get(name)]
    with (
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        before = next(iter(client.run(about).values()))
        mine(folder, measures=CHEAP, out=out, cluster=client)
        after = next(iter(client.run(about).values()))
    return {"ours": ours, "before": before, "after": after, "left": left}


def faults() -> int:
    """Return how many pages are fetched from the system to allocate 1 MiB forty times.

    Arrays of that size have no huge pages, of which few would do.
    """
    import resource

    import numpy as np

    for _ in range(3):
        np.ones(1 << 17)
    start = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(40):
        np.ones(1 << 17)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - start


SLURM = {
    "queue": "debug",
    "interface": "lo",
    "scheduler_options": {"host": "127.0.0.1"},
    "memory": "2GB",
    "walltime": "00:10:00",
}


def slurm(folder: Path, out: Path) -> dict[str, Any]:
    """Mine in jobs of Slurm, and tell which jobs there were."""
    import subprocess

    jobs: set[str] = set()

    def look(_: Any) -> None:
        command = ["squeue", "-h", "-o", "%i %j"]
        jobs.update(subprocess.run(command, capture_output=True, text=True).stdout.splitlines())

    options = {**SLURM, "local_directory": str(out.parent), "log_directory": str(out.parent)}
    mined = mine(
        folder, measures=CHEAP, out=out, cluster="slurm", workers=2, options=options, on_rows=look
    )
    return {**summary(mined), "jobs": sorted(jobs)}


def cancelled_job(folder: Path, out: Path) -> dict[str, Any]:
    """Cancel one of two jobs while it has files in its hands."""
    import subprocess

    log = out.with_name("log")
    ended: list[str] = []
    rows: list[Any] = []
    real = distributed.Client.register_plugin

    def register(client: Any, plugin: Any, *more: Any) -> Any:
        real(client, Watched(str(log), 0.05), *more)
        return real(client, plugin, *more)

    distributed.Client.register_plugin = register

    def cancel_one(new: list[Any]) -> None:
        rows.extend(new)
        running = subprocess.run(
            ["squeue", "-h", "-t", "R", "-o", "%i"], capture_output=True, text=True
        ).stdout.split()
        if not ended and len(rows) >= 10 and len(running) == 2:
            ended.append(running[0])
            subprocess.run(["scancel", "--signal=KILL", "--full", running[0]], check=True)

    options = {**SLURM, "local_directory": str(out.parent), "log_directory": str(out.parent)}
    mined = mine(
        folder,
        measures=CHEAP,
        out=out,
        cluster="slurm",
        workers=2,
        options=options,
        on_rows=cancel_one,
    )
    return {**summary(mined), "ended": ended, "measured": log.read_text().split()}


def nobody(folder: Path, out: Path) -> dict[str, Any]:
    """Ask a scheduler that is not there."""
    from openem_nb.mining import _dask

    _dask._SECONDS = 1.0
    mine(folder, measures=CHEAP, out=out, cluster="tcp://127.0.0.1:9")
    return {}


def gone(folder: Path, out: Path) -> dict[str, Any]:
    """Close the cluster in the middle."""
    cluster = distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None)
    client = distributed.Client(cluster)
    return _lost(folder, out, client, lambda: cluster.close())


def dead(folder: Path, out: Path) -> dict[str, Any]:
    """Kill the scheduler in the middle."""
    import subprocess

    file = out.with_name("scheduler.json")
    options = ["--no-dashboard", "--host", "127.0.0.1", "--port", "0"]
    scheduler = subprocess.Popen(
        [sys.executable, "-m", "distributed.cli.dask_scheduler", *options, "--scheduler-file", file]
    )
    worker = subprocess.Popen(
        [
            *(sys.executable, "-m", "distributed.cli.dask_worker", "--scheduler-file", file),
            *("--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "120"),
        ]
    )
    try:
        client = distributed.Client(scheduler_file=str(file), timeout=120)
        return _lost(folder, out, client, scheduler.kill)
    finally:
        for one in (worker, scheduler):
            one.kill()
            one.wait()


def _lost(folder: Path, out: Path, client: Any, end: Any) -> dict[str, Any]:
    client.register_plugin(Watched(str(out.with_name("log")), 0.02))
    rows: list[Any] = []

    def told(new: list[Any]) -> None:
        if not rows:
            end()
        rows.extend(new)

    try:
        mine(folder, measures=CHEAP, out=out, cluster=client, on_rows=told)
    except OpenEMError as error:
        again = summary(mine(folder, measures=CHEAP, out=out))
        return {**again, "error": f"{type(error).__name__}: {error}", "kept": len(rows)}
    finally:
        client.close()
    return {}


if __name__ == "__main__":
    name, folder, out = sys.argv[1:]
    try:
        answer = globals()[name](Path(folder), Path(out))
    except OpenEMError as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    sys.stdout.write(json.dumps(answer) + "\n")
