"""What measurements of a micrograph cost: spectra, grey values, motion; and how true motion is.

A simulated micrograph of 4096 x 4096 pixels and a movie of 40 frames, in memory, one thread, best
of ``--repeat`` turns:

- spectrum: ``images.spectrum`` (225 tiles of 512) and ``images.periodogram``, beside what is
  usually written, ``log(abs(fftshift(fft2(image))))`` with numpy; the limit is the bare transforms
  of the same tiles by scipy.fft, and of the whole image;
- grey values: ``images.statistics`` beside mean, deviation, extremes and percentiles by numpy; the
  limit is one sum of all pixels;
- motion: ``images.motion``, its time and its distance from the truth in pixels of the movie.

Run it with ``OMP_NUM_THREADS=1 python -m benchmarks.measuring [--repeat N]``.
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
    repeat = parser.parse_args().repeat
    print(f"load {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
    image, _ = micrographs.simulate((4096, 4096), hot_pixels=50)
    bare = best(lambda: tiles(image), repeat)
    whole = best(lambda: scipy.fft.rfft2(image, workers=1), repeat)
    peer = best(lambda: np.log(np.abs(np.fft.fftshift(np.fft.fft2(image))) + 1), 2)
    ours = best(lambda: images.spectrum(image), repeat)
    once = best(lambda: images.periodogram(image), repeat)
    print(f"spectrum     {ours:6.1f} ms, {ours / bare:.2f} x the bare transforms ({bare:.1f} ms)")
    print(f"periodogram  {once:6.1f} ms, {once / whole:.2f} x the bare transform ({whole:.1f} ms)")
    print(f"numpy        {peer:6.1f} ms, {peer / ours:.1f} and {peer / once:.1f} x ours")
    total = best(lambda: image.sum(), repeat)
    grey = best(lambda: images.statistics(image), repeat)
    hand = best(lambda: by_numpy(image), 2)
    print(f"statistics   {grey:6.1f} ms, {grey / total:.1f} x one sum ({total:.1f} ms)")
    print(f"numpy        {hand:6.1f} ms, {hand / grey:.1f} x ours")
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
