"""Small real files made on demand: MRC maps and images, a PNG, a TIFF; the same bytes every time."""

from __future__ import annotations

import gzip
import math
import random
import struct
import zlib
from array import array
from collections.abc import Sequence
from functools import lru_cache

__all__ = ["gzipped", "mrc_image", "mrc_map", "noise", "png", "tiff"]


def _mrc(
    shape: tuple[int, int, int],
    values: array[float] | bytes,
    voxel: float,
    label: str,
    space_group: int,
) -> bytes:
    """Return an MRC2014 file, mode 2 (float32) for an array, mode 0 (int8) for bytes; shape is x, y, z."""
    real = isinstance(values, array)
    numbers: Sequence[float] = (
        values if isinstance(values, array) else [b - 256 if b > 127 else b for b in values]
    )
    mean = math.fsum(numbers) / len(numbers)
    rms = math.sqrt(math.fsum((value - mean) ** 2 for value in numbers) / len(numbers))
    cell = [size * voxel for size in shape]
    header = struct.pack(
        "<3i i 3i 3i 3f 3f", *shape, 2 if real else 0, 0, 0, 0, *shape, *cell, 90, 90, 90
    )
    header += struct.pack("<3i 3f 2i", 1, 2, 3, min(numbers), max(numbers), mean, space_group, 0)
    header += bytes(12) + struct.pack("<i", 20140) + bytes(84) + struct.pack("<3f", 0, 0, 0)
    header += b"MAP " + bytes((0x44, 0x44, 0, 0)) + struct.pack("<f i", rms, 1)
    return (
        header
        + label.encode().ljust(80)[:80]
        + bytes(720)
        + (values.tobytes() if real else bytes(values))
    )


@lru_cache(maxsize=48)
def mrc_map(edge: int, voxel: float, label: str, seed: int, *, mask: bool = False) -> bytes:
    """Return a cubic map of ``edge`` voxels of ``voxel`` angstrom: a blob with noise, or a mask of zeros and ones."""
    rng = random.Random(seed)
    bell = [math.exp(-(((2 * i + 1 - edge) / (0.55 * edge)) ** 2)) for i in range(edge)]
    rows = (z * y for z in bell for y in bell)
    if mask:
        values = array("f", (float(row * x > 0.3) for row in rows for x in bell))
    else:
        grain = [
            rng.uniform(-0.06, 0.06) for _ in range(997)
        ]  # a prime, so that the noise has no rows
        values = array("f", (row * x for row in rows for x in bell))
        for at, value in enumerate(values):
            values[at] = value + grain[at % 997]
    if struct.pack("=h", 1) != struct.pack("<h", 1):
        values.byteswap()
    return _mrc((edge, edge, edge), values, voxel, label, 1)


@lru_cache(maxsize=64)
def mrc_image(width: int, height: int, frames: int, seed: int) -> bytes:
    """Return an image stack of int8 noise."""
    pixels = random.Random(seed).randbytes(width * height * frames)
    return _mrc((width, height, frames), pixels, 1.06, "practice data", 0)


def gzipped(data: bytes) -> bytes:
    """Return gzip-compressed data without a time stamp."""
    return gzip.compress(data, compresslevel=1, mtime=0)


def png(edge: int, seed: int) -> bytes:
    """Return a grey picture of a blob."""
    rng = random.Random(seed)
    bell = [math.exp(-(((2 * i + 1 - edge) / (0.55 * edge)) ** 2)) for i in range(edge)]
    lines = (
        b"\0" + bytes(min(255, int(225 * y * x + rng.randrange(30))) for x in bell) for y in bell
    )
    pixels = zlib.compress(b"".join(lines))
    chunks = (
        (b"IHDR", struct.pack(">2I5B", edge, edge, 8, 0, 0, 0, 0)),
        (b"IDAT", pixels),
        (b"IEND", b""),
    )
    packed = (
        struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def tiff(width: int, height: int, seed: int) -> bytes:
    """Return an 8-bit grey image of noise, one strip, not compressed."""
    pixels = random.Random(seed).randbytes(width * height)
    short, long = 3, 4
    tags = (
        (256, long, width),
        (257, long, height),
        (258, short, 8),
        (259, short, 1),
        (262, short, 1),
    )
    tags += ((273, long, 122), (277, short, 1), (278, long, height), (279, long, len(pixels)))
    fields = b"".join(struct.pack("<2H2I", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<I H", 8, len(tags)) + fields + bytes(4) + pixels


def noise(size: int, seed: int) -> bytes:
    """Return bytes of a format that nobody reads here."""
    return random.Random(seed).randbytes(size)
