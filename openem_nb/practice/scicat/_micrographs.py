"""Contents of the files on tape: really readable micrographs of any size, never whole in memory.

The bytes of a file follow from its data set, path and size alone. Pixels come from a *field*, a
block of noise with particles that is drawn once per pixel type and width; each file starts at a
place of its own in it and goes round. A file of many gigabytes therefore costs nothing until it is
read, and reading it costs no more than copying.
"""

from __future__ import annotations

import hashlib
import random
import struct
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Content", "Piece", "checksum", "content", "plain", "zeros"]

Piece = bytes | memoryview

_PIXELS: Final = {0: "i1", 1: "<i2", 2: "<f4", 6: "<u2", 12: "<f2"}
"""Pixel type of each MRC mode."""
_WIDTHS: Final = (4096, 2048, 1024, 512, 256, 128, 64, 32, 16, 8, 4, 2, 1)
_MRC_SUFFIXES: Final = (".mrc", ".mrcs", ".st", ".map", ".rec", ".ali")
_TIFF_SUFFIXES: Final = (".tif", ".tiff", ".eer", ".gain")
_TEXT_SUFFIXES: Final = (".txt", ".log", ".mdoc", ".star", ".csv", ".md", ".yaml", ".yml", ".tlt")
_MRC_HEADER: Final = 1024
_MOST_PAGES: Final = 80
_CLASSIC_TIFF: Final = 1 << 32
"""Bytes from which a TIFF needs addresses of 64 bits."""


@dataclass(frozen=True)
class Content:
    """A file as head, a stretch of a field that repeats, and tail."""

    size: int
    """Bytes in all."""
    head: bytes = b""
    field: memoryview = field(default_factory=lambda: memoryview(bytes(1)), repr=False)
    """What the middle is made of, again and again."""
    shift: int = 0
    """Where in the field the middle begins."""
    tail: bytes = b""

    def read(self, start: int = 0, end: int | None = None) -> Iterator[Piece]:
        """Give the bytes from ``start`` to before ``end`` in pieces of up to a few megabytes."""
        end = self.size if end is None else min(end, self.size)
        body_end = self.size - len(self.tail)
        if start < min(end, len(self.head)):
            yield self.head[start : min(end, len(self.head))]
        at, stop = max(start, len(self.head)), min(end, body_end)
        round_ = len(self.field)
        while at < stop:
            place = (self.shift + at - len(self.head)) % round_
            length = min(round_ - place, stop - at)
            yield self.field[place : place + length]
            at += length
        if (first := max(start, body_end)) < end:
            yield self.tail[first - body_end : end - body_end]


def plain(data: bytes) -> Content:
    """Return bytes as a content."""
    return Content(len(data), head=data)


def zeros(size: int) -> Content:
    """Return a content of so many zero bytes."""
    return Content(size, field=memoryview(bytes(1 << 20)))


def content(pid: str, path: str, size: int) -> Content:
    """Return what a file holds.

    Parameters
    ----------
    pid :
        Identifier of the data set.
    path :
        Its path in the data set; the suffix says what kind of file it is.
    size :
        In bytes; the content has exactly this size. Files that are too short for their kind hold
        noise instead.
    """
    seed = int.from_bytes(hashlib.blake2b(f"{pid}\n{path}".encode(), digest_size=8).digest())
    detector = int.from_bytes(hashlib.blake2b(pid.encode(), digest_size=2).digest())
    name = path.rpartition("/")[2].lower()
    made: Content | None
    if name.endswith(_MRC_SUFFIXES):
        mode = 2 if "gain" in name else tuple(_PIXELS)[detector % len(_PIXELS)]
        made = _mrc(size, mode, seed, f"{pid} {path}")
    elif name.endswith(_TIFF_SUFFIXES):
        made = _tiff(size, ("u1", "<u2")[detector % 2], seed)
    else:
        made = _text(size, name, f"{pid} {path}")
    return made or _noise(size, seed)


@lru_cache(maxsize=300_000)
def checksum(algorithm: str, pid: str, path: str, size: int) -> str:
    """Return the checksum of a file's content in hexadecimal; remembered."""
    digest = hashlib.new(algorithm, usedforsecurity=False)
    for piece in content(pid, path, size).read():
        digest.update(piece)
    return digest.hexdigest()


def _noise(size: int, seed: int) -> Content:
    pixels = _field("u1", 1024)
    return Content(size, field=pixels, shift=seed % len(pixels))


@lru_cache(maxsize=24)
def _field(pixel: str, width: int) -> memoryview:
    """Return rows of noise with round dark particles that fit together at all edges."""
    import numpy as np  # the facility starts without it

    rows = 1021 if width >= 1024 else 4093  # primes: no two frames of a movie are the same
    rng = random.Random(f"{width} field")
    count = width * rows
    draws = np.frombuffer(rng.randbytes(4 * count), "u1").reshape(4, rows, width)
    values = draws.sum(axis=0, dtype="<i2").astype("<f4")
    values = (values - 510) / 148  # nearly normal, the same with every version of numpy
    if width >= 64:
        radius = width // 40 + 3
        across = np.arange(-radius, radius + 1)
        disc = np.hypot(across[:, None], across[None, :]) <= radius
        for _ in range(count // (radius * radius * 40)):
            y = (rng.randrange(rows) + across) % rows
            x = (rng.randrange(width) + across) % width
            values[np.ix_(y, x)] -= 1.2 * disc
    match pixel:
        case "i1":
            values = np.clip(values * 12, -128, 127)
        case "u1":
            values = np.clip(values * 12 + 128, 0, 255)
        case "<i2" | "<u2":
            values = values * 60 + 1000
        case _:
            pass  # floating-point pixels stay as they are
    return memoryview(values.astype(pixel).tobytes())


def _frames(room: int, pixel_bytes: int) -> tuple[int, int, int]:
    """Return width, height and number of frames that fill nearly all of ``room`` bytes."""
    width = next(wide for wide in _WIDTHS if wide * wide * pixel_bytes <= room)
    count = min(_MOST_PAGES, room // (width * width * pixel_bytes))
    return width, room // (width * pixel_bytes * count), count


def _shift(seed: int, pixels: memoryview, pixel_bytes: int) -> int:
    return seed % (len(pixels) // pixel_bytes) * pixel_bytes


def _mrc(size: int, mode: int, seed: int, label: str) -> Content | None:
    """Return an MRC2014 stack; what its frames leave over becomes an extended header."""
    pixel = _PIXELS[mode]
    pixel_bytes = int(pixel[-1])
    room = size - _MRC_HEADER
    if room < pixel_bytes:
        return None
    width, height, count = _frames(room, pixel_bytes)
    over = room - width * height * count * pixel_bytes
    header = struct.pack("<3i i 3i 3i", width, height, count, mode, 0, 0, 0, width, height, 1)
    header += struct.pack("<3f 3f", width * 0.83, height * 0.83, 0.83, 90, 90, 90)
    header += struct.pack("<3i 3f 2i", 1, 2, 3, 0, -1, -2, 0, over)  # statistics: not determined
    header += bytes(8) + (b"MRCO" if over else bytes(4)) + struct.pack("<i", 20140) + bytes(84)
    header += bytes(12) + b"MAP " + bytes((0x44, 0x44, 0, 0)) + struct.pack("<f i", -1, 1)
    words = f"practice data {label}".encode("ascii", "replace")
    header += words.ljust(80)[:80] + bytes(720) + bytes(over)
    pixels = _field(pixel, width)
    return Content(size, head=header, field=pixels, shift=_shift(seed, pixels, pixel_bytes))


def _tiff(size: int, pixel: str, seed: int) -> Content | None:
    """Return a TIFF with a page per frame, one strip each, pixels at the end of the file."""
    big = size >= _CLASSIC_TIFF
    entries = 10
    page_bytes = 8 + 20 * entries + 8 if big else 2 + 12 * entries + 4
    pixel_bytes = int(pixel[-1])
    room = size - (16 if big else 8)
    if room < page_bytes + pixel_bytes:
        return None
    _, _, count = _frames(room - page_bytes, pixel_bytes)
    width, height, count = _frames(max(pixel_bytes, room - count * page_bytes), pixel_bytes)
    strip = width * height * pixel_bytes
    start = size - strip * count
    where = 16 if big else 8
    head = struct.pack("<2s4HQ", b"II", 43, 8, 0, 0, where)[:8] if big else b"II*\0"
    head += struct.pack("<Q" if big else "<I", where)
    for page in range(count):
        where += page_bytes
        head += _directory(big, width, height, pixel_bytes, start + page * strip, strip)
        after = where if page + 1 < count else 0
        head += struct.pack("<Q" if big else "<I", after)
    if len(head) > start:
        return None
    pixels = _field(pixel, width)
    head = head.ljust(start, b"\0")
    return Content(size, head=head, field=pixels, shift=_shift(seed, pixels, pixel_bytes))


def _directory(
    big: bool, width: int, height: int, pixel_bytes: int, strip_start: int, strip: int
) -> bytes:
    """Return the tags of one page, without the place of the next."""
    short, long, wide = 3, 4, 16
    place = wide if big else long
    tags = (
        *((256, long, width), (257, long, height), (258, short, 8 * pixel_bytes), (259, short, 1)),
        *((262, short, 1), (273, place, strip_start), (277, short, 1), (278, long, height)),
        *((279, place, strip), (339, short, 1)),
    )
    packing = "<2H2Q" if big else "<2H2I"
    fields = b"".join(struct.pack(packing, tag, kind, 1, value) for tag, kind, value in tags)
    return struct.pack("<Q" if big else "<H", len(tags)) + fields


def _text(size: int, name: str, label: str) -> Content | None:
    """Return a text of its kind, filled up with blank lines."""
    if name.endswith(".xml"):
        head, tail = f"<practice><file>{escape(label)}</file>\n", "</practice>\n"
    elif name.endswith(".json"):
        quoted = label.replace("\\", "\\\\").replace('"', '\\"')
        head, tail = f'{{"practice": "{quoted}"\n', "}\n"
    elif name.endswith(".mdoc"):
        head, tail = f"T = practice data {label}\n\n[ZValue = 0]\nTiltAngle = 0.0\n", "\n"
    elif name.endswith(_TEXT_SUFFIXES):
        head, tail = f"practice data: {label}\n", "\n"
    else:
        return None
    start, end = head.encode(), tail.encode()
    if len(start) + len(end) > size:
        return None
    return Content(size, head=start, field=_blank(), tail=end)


@lru_cache(maxsize=1)
def _blank() -> memoryview:
    return memoryview((b" " * 79 + b"\n") * 4096)
