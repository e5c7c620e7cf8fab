"""Small real files made on demand: MRC maps and images, pictures; the same bytes every time."""

from __future__ import annotations

import gzip
import math
import random
import struct
import sys
import zlib
from array import array
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "NOISE_PIXEL",
    "NOISE_SIDE",
    "gif",
    "gzipped",
    "mrc",
    "mrc_image",
    "mrc_map",
    "noise",
    "png",
    "tiff",
]


NOISE_SIDE: Final = 32
"""Pixels of each side of an image of noise."""
NOISE_PIXEL: Final = 1.06
"""Å."""


def mrc(
    shape: tuple[int, int, int],
    mode: int,
    values: Sequence[float],
    body: bytes,
    *,
    voxel: float,
    label: str,
    space_group: int,
) -> bytes:
    """Return an MRC2014 file; ``shape`` is x, y, z, ``voxel`` angstrom."""
    mean = math.fsum(values) / len(values)
    rms = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / len(values))
    cell = [size * voxel for size in shape]
    header = struct.pack("<3i i 3i 3i 3f 3f", *shape, mode, 0, 0, 0, *shape, *cell, 90, 90, 90)
    header += struct.pack("<3i 3f 2i", 1, 2, 3, min(values), max(values), mean, space_group, 0)
    header += bytes(12) + struct.pack("<i", 20140) + bytes(84) + struct.pack("<3f", 0, 0, 0)
    header += b"MAP " + bytes((0x44, 0x44, 0, 0)) + struct.pack("<f i", rms, 1)
    return header + label.encode().ljust(80)[:80] + bytes(720) + body


@lru_cache(maxsize=48)
def mrc_map(edge: int, voxel: float, label: str, seed: int, *, mask: bool = False) -> bytes:
    """Return a cubic map (float32): a blob with noise, or a mask of zeros and ones.

    Parameters
    ----------
    edge :
        Length in voxels.
    voxel :
        Size of a voxel in angstrom.
    label :
        Text in the header.
    seed :
        Draws the noise.
    mask :
        Whether it is a mask.
    """
    bell = _bell(edge)
    rows = (z * y for z in bell for y in bell)
    if mask:
        values = array("f", (float(row * x > 0.3) for row in rows for x in bell))
    else:
        rng = random.Random(seed)
        grain = [rng.uniform(-0.06, 0.06) for _ in range(997)]  # a prime: the noise has no rows
        values = array("f", (row * x for row in rows for x in bell))
        for at, value in enumerate(values):
            values[at] = value + grain[at % 997]
    little = array("f", values)
    if sys.byteorder == "big":
        little.byteswap()
    shape = (edge, edge, edge)
    return mrc(shape, 2, values, little.tobytes(), voxel=voxel, label=label, space_group=1)


def _bell(edge: int) -> list[float]:
    return [math.exp(-(((2 * i + 1 - edge) / (0.55 * edge)) ** 2)) for i in range(edge)]


@lru_cache(maxsize=64)
def mrc_image(width: int, height: int, frames: int, seed: int) -> bytes:
    """Return an image stack of int8 noise."""
    body = random.Random(seed).randbytes(width * height * frames)
    values = [byte - 256 if byte > 127 else byte for byte in body]
    shape = (width, height, frames)
    return mrc(shape, 0, values, body, voxel=NOISE_PIXEL, label="practice data", space_group=0)


def gzipped(data: bytes) -> bytes:
    """Return gzip-compressed data without a time stamp."""
    return gzip.compress(data, compresslevel=1, mtime=0)


def _blob(edge: int, seed: int, top: int) -> list[bytes]:
    """Return the rows of a grey picture with values below ``top``."""
    rng = random.Random(seed)
    bell = _bell(edge)
    return [bytes(int(top * (0.88 * y * x + 0.11 * rng.random())) for x in bell) for y in bell]


def png(edge: int, seed: int) -> bytes:
    """Return a grey picture of a blob."""
    pixels = zlib.compress(b"".join(b"\0" + row for row in _blob(edge, seed, 256)))
    size = struct.pack(">2I5B", edge, edge, 8, 0, 0, 0, 0)
    chunks = ((b"IHDR", size), (b"IDAT", pixels), (b"IEND", b""))
    packed = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(packed)


def gif(edge: int, seed: int) -> bytes:
    """Return the same picture as GIF, as some old entries have it.

    128 greys in codes of eight bits; the code table is cleared before it would need nine.
    """
    pixels = b"".join(_blob(edge, seed, 128))
    clear, end = b"\x80", b"\x81"
    codes = b"".join(clear + pixels[at : at + 120] for at in range(0, len(pixels), 120)) + end
    pieces = (codes[at : at + 255] for at in range(0, len(codes), 255))
    blocks = b"".join(bytes((len(piece),)) + piece for piece in pieces)
    greys = bytes(2 * value for value in range(128) for _ in "rgb")
    screen = struct.pack("<2H3B", edge, edge, 0xF6, 0, 0)
    image = struct.pack("<B4HBB", 0x2C, 0, 0, edge, edge, 0, 7)
    return b"GIF89a" + screen + greys + image + blocks + b"\0;"


def tiff(width: int, height: int, seed: int) -> bytes:
    """Return an 8-bit grey image of noise, one strip, not compressed."""
    pixels = random.Random(seed).randbytes(width * height)
    short, long = 3, 4
    tags = (
        *((256, long, width), (257, long, height), (258, short, 8), (259, short, 1)),
        *((262, short, 1), (273, long, 122), (277, short, 1), (278, long, height)),
        (279, long, len(pixels)),
    )
    fields = b"".join(struct.pack("<2H2I", tag, kind, 1, value) for tag, kind, value in tags)
    return b"II*\0" + struct.pack("<I H", 8, len(tags)) + fields + bytes(4) + pixels


def noise(size: int, seed: int) -> bytes:
    """Return bytes of a format that nobody reads here."""
    return random.Random(seed).randbytes(size)
