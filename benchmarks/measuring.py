"""What measurements of a micrograph cost: spectra, grey values, motion; and how true motion is.

A simulated micrograph of 4096 x 4096 pixels and a movie of 40 frames, in memory, one thread, best
of ``--repeat`` turns:

- spectrum: ``images.spectrum`` (225 tiles of 512) and ``images.periodogram``, beside what is
  usually written, ``log(abs(fftshift(fft2(image))))`` with numpy; the limit is the bare transforms
  of the same tiles by scipy.fft, and of the whole image; the peer is the same spectrum of tiles by
  pyFFTW, planned with FFTW_MEASURE, where that package is installed;
- worker: ``images.spectrum`` in a worker of Dask that is set up as mining sets it up, and in one as
  it comes, beside this process; nannies of Dask slow the allocator down;
- grey values: ``images.statistics`` beside mean, deviation, extremes and percentiles by numpy; the
  limit is one sum of all pixels;
- motion: ``images.motion``, its time and its distance from the truth in pixels of the movie.

Run it with ``OMP_NUM_THREADS=1 python -m benchmarks.measuring [--repeat N] [--only spectrum]``.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.fft

from openem_nb import images
from openem_nb.practice import micrographs

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def best(run: Callable[[], Any], repeat: int) -> float:
    """Return the shortest time of this thread, ms."""
    times = []
    for _ in range(repeat):
        start = time.thread_time()
        run()
        times.append(time.thread_time() - start)
    return min(times) * 1e3


def tiles(image: NDArray[np.float32]) -> None:
    """Transform 225 tiles, and nothing else."""
    for y in range(0, image.shape[0] - 511, 256):
        for x in range(0, image.shape[1] - 511, 256):
            scipy.fft.rfft2(image[y : y + 512, x : x + 512], workers=1)


def by_pyfftw(image: NDArray[np.float32]) -> Callable[[], Any] | None:
    """Return what makes the spectrum of 225 tiles with pyFFTW; None without that package."""
    try:
        import pyfftw
    except ImportError:
        return None
    tile = pyfftw.empty_aligned((512, 512), "float32")
    out = pyfftw.empty_aligned((512, 257), "complex64")
    plan = pyfftw.FFTW(tile, out, axes=(0, 1), flags=("FFTW_MEASURE",), threads=1)
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(512) / 512)).astype(np.float32)
    weight = window[:, None] * window
    total = np.zeros((512, 514), np.float32)
    middle = np.float32(image.mean())

    def run() -> None:
        for y in range(0, image.shape[0] - 511, 256):
            for x in range(0, image.shape[1] - 511, 256):
                np.subtract(image[y : y + 512, x : x + 512], middle, out=tile)
                np.multiply(tile, weight, out=tile)
                plan.execute()
                parts = out.view(np.float32)
                np.multiply(parts, parts, out=parts)
                np.add(total, parts, out=total)

    return run


def of_noise(repeat: int) -> float:
    """Return the time of a spectrum of noise, ms, wherever this is called."""
    image = np.random.default_rng(0).standard_normal((4096, 4096), np.float32)
    return best(lambda: images.spectrum(image), repeat)


def in_worker(repeat: int, *, settled: bool) -> float:
    """Return the time of a spectrum in a worker of Dask, ms."""
    import dask
    import distributed

    from openem_nb.mining._dask import Settle

    with (
        dask.config.set({"distributed.comm.timeouts.connect": "60s"}),
        distributed.LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        if settled:
            client.register_plugin(Settle())
        return float(client.submit(of_noise, repeat, pure=False).result())


def by_numpy(image: NDArray[np.float32]) -> None:
    """Measure grey values as one does by hand."""
    image.mean(dtype=np.float64)
    image.std(dtype=np.float64)
    image.min()
    image.max()
    np.percentile(image, (0.5, 5, 50, 95, 99.5))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--only", choices=("spectrum", "worker", "statistics", "motion"))
    given = parser.parse_args()
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
    image = None
    if given.only in (None, "spectrum", "statistics"):
        image, _ = micrographs.simulate((4096, 4096), hot_pixels=50)
    if image is not None and given.only != "statistics":
        spectra(image, given.repeat)
    if given.only in (None, "worker"):
        here = of_noise(given.repeat)
        for settled in (True, False):
            there = in_worker(given.repeat, settled=settled)
            words = "set up by mining" if settled else "as Dask has it"
            print(f"worker       {there:6.1f} ms, {there / here:.2f} x this process, {words}")
    if image is not None and given.only != "spectrum":
        greys(image, given.repeat)
    if given.only in (None, "motion"):
        movies()


def spectra(image: NDArray[np.float32], repeat: int) -> None:
    """Measure spectra beside bare transforms, numpy and pyFFTW."""
    bare = best(lambda: tiles(image), repeat)
    whole = best(lambda: scipy.fft.rfft2(image, workers=1), repeat)
    peer = best(lambda: np.log(np.abs(np.fft.fftshift(np.fft.fft2(image))) + 1), 2)
    ours = best(lambda: images.spectrum(image), repeat)
    once = best(lambda: images.periodogram(image), repeat)
    print(f"spectrum     {ours:6.1f} ms, {ours / bare:.2f} x the bare transforms ({bare:.1f} ms)")
    print(f"periodogram  {once:6.1f} ms, {once / whole:.2f} x the bare transform ({whole:.1f} ms)")
    print(f"numpy        {peer:6.1f} ms, {peer / ours:.1f} and {peer / once:.1f} x ours")
    fftw = by_pyfftw(image)
    if fftw is None:
        print("pyFFTW       is not installed")
    else:
        peer = best(fftw, repeat)
        print(f"pyFFTW       {peer:6.1f} ms; the spectrum takes {ours / peer:.2f} x as long")


def greys(image: NDArray[np.float32], repeat: int) -> None:
    """Measure grey values beside numpy."""
    total = best(lambda: image.sum(), repeat)
    grey = best(lambda: images.statistics(image), repeat)
    hand = best(lambda: by_numpy(image), 2)
    print(f"statistics   {grey:6.1f} ms, {grey / total:.1f} x one sum ({total:.1f} ms)")
    print(f"numpy        {hand:6.1f} ms, {hand / grey:.1f} x ours")


def movies() -> None:
    """Measure motion, its time and how true it is."""
    for seed, drift in ((1, 10.0), (2, 25.0), (3, 50.0)):
        movie, truth = micrographs.simulate((4096, 4096), frames=40, drift=drift, seed=seed)
        counts = movie.astype(np.uint8)
        del movie
        start = time.thread_time()
        found = images.motion(counts, pixel_size=truth.pixel_size)
        seconds = time.thread_time() - start
        off = found.track - found.track.mean(axis=0) - truth.track + truth.track.mean(axis=0)
        rms = float(np.sqrt((off**2).sum(axis=1).mean())) / truth.pixel_size
        print(
            f"motion       {seconds:6.2f} s for 40 frames; {rms:.2f} pixels rms from the truth; "
            f"{found.total:.1f} Å of {truth.drift:.1f} Å"
        )


if __name__ == "__main__":
    main()
