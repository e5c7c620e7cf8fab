"""Mining a data set: micrographs a second, how workers add up, and what a cluster costs.

``--count`` simulated micrographs of 4096 x 4096 pixels (float32, 64 MiB each), each under two
names, all read once before, so that the disk takes no part. Measured are a thumbnail, statistics,
spectrum, CTF and ice; once more a thumbnail and statistics alone. Each contestant runs in a process
of its own, and takes the files from a folder as ``openem.mine`` finds them:

- threads: ``mine(folder, workers=N)``;
- local: ``mine(folder, cluster="local", workers=N)``, processes of this machine;
- slurm: ``mine(folder, cluster="slurm", workers=N)`` with jobs of a Slurm that is started on this
  machine for it, where ``slurm-wlm`` and ``munge`` are installed and root runs this;
- naive: the same measurements as they are usually written, mapped by Dask with its own settings:
  ``mrcfile.open``, ``reshape().mean()``, percentiles of the full frame, a PNG, a spectrum of the
  whole image by numpy, and our CTF of the image;
- PixelPatrol, a program for the quality of images in general, where it is installed (it may be in
  an environment of its own: ``--patrol PATH``): the same images as TIFF, with all it measures
  (neither a spectrum nor a CTF), and with a thumbnail and basic statistics alone; what it takes for
  two images is subtracted, so that its start does not count;
- the limit, on one core: the bytes are read, and each image is transformed once by scipy.fft.

Rates of ours are those from the tenth row to the last, so that the start of processes does not
count; it is told beside them. Run it with
``python -m benchmarks.mining [--count N] [--workers N] [--only ROLE ...]``.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import mrcfile
import numpy as np

ALL: Final = ("thumbnail", "statistics", "spectrum", "ctf", "ice")
CHEAP: Final = ("thumbnail", "statistics")
WARM: Final = 9
"""Rows that do not count."""
CS: Final = 2.7
VOLTAGE: Final = 300.0


def write(folder: Path, count: int) -> None:
    """Write the micrographs, each under two names."""
    from openem_nb.practice.micrographs import simulate

    for number in range(count):
        rng = np.random.default_rng(number)
        middle, half = rng.uniform(6_000, 28_000), rng.uniform(0, 400)
        counts, _ = simulate(
            (4096, 4096),
            defocus_u=middle + half,
            defocus_v=middle - half,
            angle=rng.uniform(-90, 90),
            seed=number,
        )
        path = folder / f"mic_{number:03d}.mrc"
        with mrcfile.new(path) as file:
            file.set_data(counts)
            file.voxel_size = 1.06
        os.link(path, folder / f"mic_{number + count:03d}.mrc")


def ours(folder: Path, measures: tuple[str, ...], workers: int, cluster: str) -> dict[str, float]:
    """Mine as everybody does, and tell how fast rows came."""
    from openem_nb.mining import mine

    times: list[float] = []
    options: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as out:
        if cluster == "slurm":
            options = {
                "queue": "debug",
                "interface": "lo",
                "scheduler_options": {"host": "127.0.0.1"},
                "local_directory": out,
                "log_directory": out,
            }
        begun = time.monotonic()
        mined = mine(
            folder,
            measures=measures,
            voltage=VOLTAGE,
            cs=CS,
            out=out,
            cluster=cluster,
            workers=workers,
            options=options,
            on_rows=lambda rows: times.extend([time.monotonic()] * len(rows)),
        )
        ended = time.monotonic()
        if len(mined.problems) or mined.frame["left_out"].notna().any():
            raise RuntimeError(f"not everything was measured: {mined.words}")
        good = float(mined.frame["ctf_reliable"].mean()) if "ctf" in measures else 1.0
    return {**_rate(times), "first": times[0] - begun, "total": ended - begun, "reliable": good}


def _rate(times: list[float]) -> dict[str, float]:
    return {"rate": (len(times) - 1 - WARM) / (times[-1] - times[WARM])}


def naive_one(path: str) -> dict[str, Any]:
    """Measure one file in the way that comes to mind first."""
    from PIL import Image

    from openem_nb import images

    with mrcfile.open(path) as file:
        data = file.data
        small = data.reshape(512, 8, 512, 8).mean((1, 3))
        low, high = np.percentile(data, (0.5, 99.5))
        grey = np.clip((small - low) / (high - low) * 255, 0, 255).astype(np.uint8)
        png = io.BytesIO()
        Image.fromarray(grey).save(png, "PNG")
        row = {"mean": float(data.mean()), "std": float(data.std()), "png": len(png.getvalue())}
        power = np.log(np.abs(np.fft.fftshift(np.fft.fft2(data))) + 1)
        row["spectrum"] = float(power.mean())
        row["defocus"] = images.ctf(data, voltage=VOLTAGE, cs=CS, pixel_size=1.06).defocus
    return row


def naive(folder: Path, workers: int) -> dict[str, float]:
    """Map it over the files by Dask as it comes."""
    import distributed

    times: list[float] = []
    begun = time.monotonic()
    with (
        distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        paths = [str(path) for path in sorted(folder.glob("*.mrc"))]
        for done in distributed.as_completed(client.map(naive_one, paths, pure=False)):
            done.result()
            times.append(time.monotonic())
    return {**_rate(times), "first": times[0] - begun, "total": time.monotonic() - begun}


def limit(folder: Path) -> dict[str, float]:
    """Read the bytes and transform each image once."""
    import scipy.fft

    buffer = np.empty((4096, 4096), np.float32)
    times: list[float] = []
    for path in sorted(folder.glob("*.mrc")):
        with path.open("rb", buffering=0) as file:
            file.seek(1024)
            file.readinto(buffer.data.cast("B"))
        scipy.fft.rfft2(buffer, workers=1)
        times.append(time.monotonic())
    return _rate(times)


def patrol(command: str, folder: Path, work: Path, workers: int, *, cheap: bool) -> float:
    """Run PixelPatrol over TIFF files of the same images and return its rate."""
    import tifffile

    many, two = work / "tiff", work / "tiff-two"
    if not many.is_dir():
        many.mkdir()
        two.mkdir()
        for number, path in enumerate(sorted(folder.glob("*.mrc"))):
            with mrcfile.open(path) as file:
                tifffile.imwrite(many / f"{path.stem}.tif", file.data)
            if number < 2:
                os.link(many / f"{path.stem}.tif", two / f"{path.stem}.tif")
    chosen = ["thumbnail", "raster-basic"] if cheap else []
    options = ["--loader", "bioio", "--max-workers", str(workers)]
    options += [part for one in chosen for part in ("--processors-include", one)]
    seconds = []
    for one in (two, many):
        begun = time.monotonic()
        subprocess.run(
            [command, "process", one, "-o", work / "patrol.parquet", *options],
            capture_output=True,
            check=True,
        )
        seconds.append(time.monotonic() - begun)
    return (len(list(many.iterdir())) - 2) / (seconds[1] - seconds[0])


def child(role: str, folder: Path, workers: int) -> dict[str, float]:
    """Run one contestant in this process."""
    kind, _, what = role.partition(":")
    if kind == "naive":
        return naive(folder, workers)
    if kind == "limit":
        return limit(folder)
    return ours(folder, CHEAP if what == "cheap" else ALL, workers, kind)


def run(role: str, folder: Path, workers: int, environment: dict[str, str]) -> dict[str, float]:
    """Run one contestant in a process of its own and print what it did."""
    command = [sys.executable, "-m", "benchmarks.mining", "--role", role]
    command += ["--folder", str(folder), "--workers", str(workers)]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    name = f"{role}, {workers} worker{'s' if workers > 1 else ''}"
    more = f"   first row after {found['first']:.1f} s" if "first" in found else ""
    print(f"{name:28} {found['rate']:7.2f} micrographs/s {found['rate'] * 3600:9,.0f}/h{more}")
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--count", type=int, default=24)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", nargs="*", help="roles, such as threads:all or slurm:all")
    parser.add_argument("--patrol", default=shutil.which("pixel-patrol"))
    parser.add_argument("--role")
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    if given.role:
        print(json.dumps(child(given.role, given.folder, given.workers)))
        return
    with tempfile.TemporaryDirectory(prefix="openem-mining-") as name:
        folder = Path(name) / "data"
        folder.mkdir()
        print(f"Writing {given.count} micrographs of 4096 x 4096", flush=True)
        write(folder, given.count)
        limit(folder)
        compare(folder, Path(name), given.workers, given.only, given.patrol)


def compare(
    folder: Path, work: Path, many: int, only: list[str] | None, command: str | None
) -> None:
    """Run all contestants, or some, and print their ratios."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")
    print(f"load of the machine before: {load:.1f}")
    roles = [("limit", 1)]
    roles += [(f"{kind}:all", workers) for kind in ("threads", "local") for workers in (1, many)]
    roles += [("slurm:all", many), ("naive", many)]
    roles += [("threads:cheap", 1), ("threads:cheap", many), ("local:cheap", many)]
    roles += [("patrol:all", many), ("patrol:cheap", many)]
    found: dict[tuple[str, int], float] = {}
    for role, workers in roles:
        if only and role not in only:
            continue
        if role.startswith("slurm"):
            rate = _slurm(folder, work, workers)
        elif not role.startswith("patrol"):
            rate = run(role, folder, workers, {})["rate"]
        elif command is None:
            print(f"{role}: PixelPatrol is not installed")
            continue
        else:
            rate = patrol(command, folder, work, workers, cheap=role.endswith("cheap"))
            print(f"{role}, {workers} workers: {rate:.2f} micrographs/s")
        if rate is not None:
            found[role, workers] = rate
    _ratios(found, many)


def _ratios(found: dict[tuple[str, int], float], many: int) -> None:
    """Print what the rates are beside one another, of those that were measured."""
    told = [
        (f"efficiency of {many} threads", ("threads:all", many), ("threads:all", 1), many),
        (f"efficiency of {many} processes", ("local:all", many), ("local:all", 1), many),
        ("Slurm against processes", ("slurm:all", many), ("local:all", many), 1),
        ("threads against the naive way", ("threads:all", many), ("naive", many), 1),
        ("one thread against the limit of one core", ("threads:all", 1), ("limit", 1), 1),
        ("threads against PixelPatrol", ("threads:all", many), ("patrol:all", many), 1),
        ("the same, thumbnail and basic", ("threads:cheap", many), ("patrol:cheap", many), 1),
    ]
    for words, ours, other, times in told:
        if ours in found and other in found:
            print(f"{words}: {found[ours] / (times * found[other]):.2f}")


def _slurm(folder: Path, work: Path, workers: int) -> float | None:
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "mining"))
    from _slurm import missing, slurm  # type: ignore[import-not-found]

    if missing():
        print(f"slurm: {missing()}")
        return None
    with slurm(work / "slurm", cores=workers) as environment:
        found: float = run("slurm:all", folder, workers, environment)["rate"]
        return found


if __name__ == "__main__":
    main()
