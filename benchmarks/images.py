"""Images from file to screen: ours, what people use, and what the machine allows.

All files are made here, of noise with the statistics of a camera, and are in the page cache when
the clock runs, but for one part. Contestants take turns; of each the best time counts.

- picture: a micrograph of 4096 x 4096 float32 to a JPEG of 512 pixels with stretched contrast,
  beside mrcfile with a mean over a reshaped array and a PNG, and, where scikit-image is installed,
  its anti-aliased resizing; the limit is reading the file into a buffer that is used again;
- cold: the same file, of which the page cache was told to forget all (``posix_fadvise``); the limit
  is reading it from the disk, which may be a cache of a virtual machine's host;
- movie: the mean of 40 frames of 5760 x 4092 int16 times a gain, beside mrcfile.mmap and a sum;
- events: 200 raw frames of an EER movie of 4096 x 4096, beside tifffile page by page;
- packed: a frame of 8184 x 11520 bytes, LZW, to 512 pixels, beside tifffile;
- headers: 5,000 files, beside mrcfile with ``header_only``.

Run it with ``python -m benchmarks.images [--only picture ...] [--rounds N]``.
"""

from __future__ import annotations

import argparse
import io
import os
import struct
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import mrcfile
import numpy as np
import tifffile

from openem_nb import images
from openem_nb.images import _views

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from numpy.typing import NDArray

Contestant = tuple[str, "Callable[[], Any]"]
RNG: Final = np.random.default_rng(1)


def timed(
    contestants: Iterable[Contestant], rounds: int, before: Callable[[], None] = _views.forget
) -> dict[str, float]:
    """Return the best time of each contestant in seconds; they take turns.

    What is done before each turn does not count.
    """
    best: dict[str, float] = {}
    for _ in range(rounds):
        for name, run in contestants:
            before()
            began = time.perf_counter()
            run()
            best[name] = min(best.get(name, 1e9), time.perf_counter() - began)
    return best


def told(title: str, best: dict[str, float], *, ours: str = "ours", limit: str = "limit") -> None:
    """Print times, and what ours is beside the others."""
    print(f"\n{title}")
    for name, seconds in best.items():
        ratio = best[name] / best[ours]
        note = "" if name == ours else f"  {ratio:6.2f} x ours"
        if name == limit:
            note = f"  ours is {1 / ratio:.2f} x this"
        print(f"  {name:34} {1e3 * seconds:9.1f} ms{note}")


def peak(run: Callable[[], Any]) -> float:
    """Return the most memory in MB that a piece of work has at a time."""
    _views.forget()
    tracemalloc.start()
    run()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most / 1e6


def read_again(path: Path, buffer: NDArray[np.uint8]) -> None:
    """Read a file into a buffer that is used again."""
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer.data):
            pass


def picture(folder: Path, rounds: int) -> None:
    """Measure file to JPEG."""
    from PIL import Image

    path = folder / "a.mrc"
    mrcfile.write(path, RNG.normal(40, 6, (4096, 4096)).astype(np.float32))
    buffer = np.empty(4 << 20, np.uint8)

    def ours() -> bytes:
        with images.open_image(path) as found:
            return images.jpeg(found.thumbnail(512))

    def png(small: NDArray[Any]) -> bytes:
        low, high = np.percentile(small, (0.5, 99.5))
        greys = (np.clip((small - low) / (high - low), 0, 1) * 255).astype(np.uint8)
        out = io.BytesIO()
        Image.fromarray(greys).save(out, "PNG")
        return out.getvalue()

    def reshaped() -> bytes:
        with mrcfile.open(path) as file:
            return png(file.data.reshape(512, 8, 512, 8).mean((1, 3)))

    contestants: list[Contestant] = [
        ("ours", ours),
        ("mrcfile, reshaped mean, PNG", reshaped),
        ("limit", lambda: read_again(path, buffer)),
    ]
    try:
        from skimage.transform import resize
    except ImportError:
        print("scikit-image is not installed; its resizing is not measured")
    else:

        def resized() -> bytes:
            with mrcfile.open(path) as file:
                small = resize(file.data, (512, 512), anti_aliasing=True)
                return png(small)

        contestants.append(("mrcfile, skimage resize, PNG", resized))
    told("4096 x 4096 float32 to a JPEG of 512 pixels", timed(contestants, rounds))
    with images.open_image(path) as found, mrcfile.open(path) as file:
        exact = file.data.reshape(512, 8, 512, 8).mean((1, 3), dtype=np.float64)
        error = float(np.abs(found.thumbnail(512) / exact - 1).max())
    print(f"  largest relative difference from the exact mean: {error:.1e}")


def cold(folder: Path, rounds: int) -> None:
    """Measure file to JPEG when the file is on the disk and not in memory."""
    if not hasattr(os, "posix_fadvise"):
        print("\nthis system cannot be told to forget a file; nothing is measured cold")
        return
    path = folder / "a.mrc"
    mrcfile.write(path, RNG.normal(40, 6, (4096, 4096)).astype(np.float32))
    buffer = np.empty(4 << 20, np.uint8)

    def forget() -> None:
        _views.forget()
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)

    def ours() -> bytes:
        with images.open_image(path) as found:
            return images.jpeg(found.thumbnail(512))

    def reshaped() -> Any:
        with mrcfile.open(path) as file:
            return file.data.reshape(512, 8, 512, 8).mean((1, 3))

    contestants: list[Contestant] = [
        ("ours", ours),
        ("mrcfile, reshaped mean, no picture", reshaped),
        ("limit", lambda: read_again(path, buffer)),
    ]
    told("the same from the disk", timed(contestants, rounds, forget))


def movie(folder: Path, rounds: int) -> None:
    """Measure the mean of a movie with gain."""
    path = folder / "movie.mrc"
    frame = RNG.poisson(1.0, (4, 4092, 5760)).astype(np.int16)
    with mrcfile.new_mmap(path, (40, 4092, 5760), mrc_mode=1) as file:
        for number in range(40):
            file.data[number] = frame[number % 4]
        file.set_image_stack()
    gain = RNG.normal(1, 0.05, (4092, 5760)).astype(np.float32)
    buffer = np.empty(4 << 20, np.uint8)

    def ours() -> Any:
        with images.open_image(path) as found:
            return found.average(gain=gain)

    def summed() -> Any:
        with mrcfile.mmap(path) as file:
            return file.data.sum(axis=0) * gain / 40

    print(f"\npeak memory of a mean: {peak(ours):.0f} MB; three frames are {3 * 47.1:.0f} MB")
    contestants: list[Contestant] = [
        ("ours", ours),
        ("mrcfile.mmap, sum", summed),
        ("limit", lambda: read_again(path, buffer)),
    ]
    told("40 frames of 5760 x 4092 int16, mean times gain", timed(contestants, rounds))
    path.unlink()


def packed_events(events: int, pixels: int) -> bytes:
    """Return one frame of an EER movie, 7 bits for a distance, with random events."""
    places = np.sort(RNG.choice(pixels, events, replace=False))
    distances = np.diff(places, prepend=-1) - 1
    long = distances // 127
    starts = np.concatenate([[0], np.cumsum(7 * long + 11)])
    bits = np.zeros(int(starts[-1]), np.uint8)
    for turn in range(int(long.max())):  # ones: so many pixels are empty
        first = starts[:-1][long > turn] + 7 * turn
        for bit in range(7):
            bits[first + bit] = 1
    first = starts[:-1] + 7 * long
    inside = RNG.integers(0, 16, events)
    for bit in range(7):
        bits[first + bit] = (distances % 127 >> bit) & 1
    for bit in range(4):
        bits[first + 7 + bit] = (inside >> bit) & 1
    left = pixels - int(places[-1]) - 1
    tail = [1] * 7 * (left // 127) + [(left % 127 >> bit) & 1 for bit in range(7)]
    whole = np.packbits(np.concatenate([bits, np.array(tail, np.uint8)]), bitorder="little")
    return whole.tobytes() + bytes(4 + len(whole) % 2)


def write_events(path: Path, frames: int, events: int) -> None:
    """Write an EER movie; ten frames are different, and come again and again."""
    several = [packed_events(events, 4096 * 4096) for _ in range(10)]
    text = b"<metadata></metadata>"
    with path.open("wb") as file:
        file.write(struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16))
        for number in range(frames):
            data = several[number % 10]
            at = file.tell()
            count = 7 if number == 0 else 6
            end = at + 8 + 20 * count + 8
            entries = [
                (256, 4, 1, 4096), (257, 4, 1, 4096), (259, 3, 1, 65001),
                (273, 16, 1, end + len(text)), (278, 4, 1, 4096), (279, 16, 1, len(data)),
            ]  # fmt: skip
            if number == 0:
                entries.append((65001, 7, len(text), end))
            following = -(-(end + len(text) + len(data)) // 8) * 8
            file.write(struct.pack("<Q", count))
            for entry in entries:
                file.write(struct.pack("<HHQQ", *entry))
            file.write(struct.pack("<Q", 0 if number == frames - 1 else following) + text + data)
            file.write(bytes(following - file.tell()))


def events(folder: Path, rounds: int) -> None:
    """Measure the sum of an event movie."""
    path = folder / "a.eer"
    write_events(path, 200, 500_000)

    def ours() -> Any:
        with images.open_image(path) as found:
            return found.average()

    def pages() -> Any:
        total = np.zeros((4096, 4096), np.uint16)
        with tifffile.TiffFile(path) as file:
            for page in file.pages:
                total += page.asarray()
        return total

    same = np.array_equal(np.rint(ours() * 200), pages())
    contestants: list[Contestant] = [("ours", ours), ("tifffile, page by page", pages)]
    told("200 frames of events, 100 million electrons", timed(contestants, rounds))
    print(f"  equal counts: {same}")


def packed(folder: Path, rounds: int) -> None:
    """Measure the small picture of a large frame that is packed."""
    path = folder / "a.tif"
    frame = RNG.poisson(0.7, (8184, 11520)).astype(np.uint8)
    tifffile.imwrite(path, frame, compression="lzw", rowsperstrip=64, metadata=None)
    factor = images.factor_for(frame.shape, 512)

    def ours() -> Any:
        with images.open_image(path) as found:
            return found.thumbnail(512)

    def whole() -> Any:
        return images.block_mean(tifffile.imread(path), factor)

    print(f"\npeak memory, ours {peak(ours):.0f} MB, tifffile {peak(whole):.0f} MB")
    contestants: list[Contestant] = [("ours", ours), ("tifffile, block mean", whole)]
    told("8184 x 11520 bytes, LZW, to 512 pixels", timed(contestants, rounds))


def headers(folder: Path, rounds: int) -> None:
    """Measure headers of many files."""
    many = folder / "many"
    many.mkdir()
    mrcfile.write(many / "00000.mrc", np.zeros((8, 8), np.float32), voxel_size=1.1)
    content = (many / "00000.mrc").read_bytes()
    for number in range(1, 5000):
        (many / f"{number:05}.mrc").write_bytes(content)
    paths = sorted(many.iterdir())

    def peer() -> None:
        for path in paths[:500]:
            mrcfile.open(path, header_only=True).close()

    images.scan(folder)  # pandas is loaded then
    contestants: list[Contestant] = [("ours", lambda: images.scan(many)), ("mrcfile", peer)]
    best = timed(contestants, rounds)
    ours, other = 1e6 * best["ours"] / 5000, 1e6 * best["mrcfile"] / 500
    print(f"\nheader of a file: ours {ours:.1f} µs, mrcfile header_only {other:.1f} µs")


PARTS: Final = {one.__name__: one for one in (picture, cold, movie, events, packed, headers)}


def main() -> None:
    """Measure all, or what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"{os.cpu_count()} processors, {load:.1f} of them busy with other work")
    for name in asked.only:
        with tempfile.TemporaryDirectory() as folder:
            PARTS[name](Path(folder), asked.rounds)


if __name__ == "__main__":
    main()
