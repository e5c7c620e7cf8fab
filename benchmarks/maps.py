"""Maps: a slice, all statistics, the correlation of half maps, pictures of the surface.

Each next to what is commonly done (mrcfile and NumPy, scikit-image) and to the limit: one read of
the file from the page cache, or the two Fourier transforms alone.

Run it with ``python -m benchmarks.maps [--sides 256 400] [--repeat N]``.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mrcfile
import numpy as np
import scipy.fft

from openem_nb import images

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray


def best(work: Callable[[], Any], repeat: int) -> float:
    """Return the shortest time in ms."""
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


def write(folder: Path, side: int) -> list[Path]:
    """Write two half maps of a ball with noise."""
    rng = np.random.default_rng(side)
    z, y, x = np.ogrid[:side, :side, :side]
    middle = (side - 1) / 2
    away = (z - middle) ** 2 + (y - middle) ** 2 + (x - middle) ** 2
    signal = (3 * np.exp(-away / (0.2 * side) ** 2)).astype(np.float32)
    paths = []
    for number in (1, 2):
        path = folder / f"half{side}_{number}.map"
        with mrcfile.new(path) as file:
            file.set_data(signal + 0.3 * rng.standard_normal(signal.shape, np.float32))
            file.set_volume()
            file.voxel_size = 1.1
        paths.append(path)
    return paths


def usual_fsc(one: NDArray[Any], two: NDArray[Any]) -> NDArray[Any]:
    """Return the correlation as it is usually written with NumPy."""
    first, second = (np.fft.fftshift(np.fft.fftn(each)) for each in (one, two))
    side = len(one)
    z, y, x = np.indices(one.shape) - side // 2
    shell = np.rint(np.sqrt(z * z + y * y + x * x)).astype(int).ravel()
    cross, a, b = (
        np.bincount(shell, values.ravel())
        for values in ((first * second.conj()).real, np.abs(first) ** 2, np.abs(second) ** 2)
    )
    found: NDArray[Any] = (cross / np.sqrt(a * b))[: side // 2 + 1]
    return found


def run(folder: Path, side: int, repeat: int) -> None:
    """Measure and print one size."""
    from skimage.measure import marching_cubes

    first, second = write(folder, side)
    one, two = (mrcfile.read(path) for path in (first, second))
    ours, usual = images.fsc(one, two).correlation, usual_fsc(one, two)
    assert np.abs(ours - usual).max() < 1e-4, "both give the same curve"
    found = images.open_map(first)
    rows = [
        (f"slice across {axis}", best(partial(found.slice, axis), 20 * repeat)) for axis in "zyx"
    ]
    rows.append(("mrcfile.read, slice", best(lambda: mrcfile.read(first)[side // 2], repeat)))
    rows.append(("open and one slice", best(lambda: images.open_map(first).slice(), repeat)))
    rows.append(("read of the file (limit)", best(lambda: np.fromfile(first, np.uint8), repeat)))
    rows.append(("statistics", best(lambda: images.open_map(first).statistics, repeat)))

    def numpy_statistics() -> tuple[Any, ...]:
        data = mrcfile.read(first)
        return data.min(), data.max(), data.mean(dtype=float), data.std(dtype=float)

    rows.append(("mrcfile, NumPy statistics", best(numpy_statistics, repeat)))
    rows.append(("fsc", best(lambda: images.fsc(one, two), repeat)))
    rows.append(("fsc, two files", best(lambda: images.fsc(first, second), repeat)))
    rows.append(("NumPy fsc", best(lambda: usual_fsc(one, two), 1)))
    both = lambda: [scipy.fft.rfftn(each, workers=2) for each in (one, two)]  # noqa: E731
    rows.append(("two transforms (limit)", best(both, repeat)))
    rows.append(("surface from three sides", best(lambda: found.isosurface(1.5), repeat)))
    rows.append(("marching cubes, no picture", best(lambda: marching_cubes(one, 1.5), 1)))
    rows.append(("contour with pieces", best(lambda: found.contour(1.5), repeat)))
    print(f"{side}³ float32, best of {repeat}")
    for name, ms in rows:
        print(f"  {name:28} {ms:10.2f} ms")
    found.close()


def main() -> None:
    """Read the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", type=int, nargs="+", default=[256, 400])
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        for side in options.sides:
            run(Path(folder), side, options.repeat)


if __name__ == "__main__":
    main()
