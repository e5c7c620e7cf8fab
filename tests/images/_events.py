"""A writer of EER movies: events at known places, packed as the camera packs them."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["eer", "packed"]


def packed(places: NDArray[np.int64], sub: NDArray[np.int64], bits: int, pixels: int) -> bytes:
    """Return one frame: the sorted pixels of the events, and for each 0..15 where inside it.

    A distance of all ones says that so many pixels are empty, and has no place inside behind it.
    """
    full = (1 << bits) - 1
    stream, length, after = 0, 0, 0
    for place, inside in [*zip(places.tolist(), sub.tolist(), strict=True), (pixels, None)]:
        distance = place - after
        while distance >= full:
            stream |= full << length
            length += bits
            distance -= full
        stream |= distance << length
        length += bits
        if inside is not None:
            stream |= inside << length
            length += 4
        after = place + 1
    return stream.to_bytes(-(-length // 16) * 2 + 4, "little")


def eer(
    frames: list[tuple[NDArray[np.int64], NDArray[np.int64]]],
    shape: tuple[int, int],
    *,
    compression: int = 65001,
    metadata: bytes = b"",
    odd: bool = False,
) -> bytes:
    """Return a BigTIFF with one directory for each frame."""
    bits = {65000: 8, 65001: 7, 65002: 7}[compression]
    out = bytearray(struct.pack("<2sHHHQ", b"II", 43, 8, 0, 16))
    for number, (places, sub) in enumerate(frames):
        data = packed(places, sub, bits, shape[0] * shape[1]) + bytes(odd)
        entries = [
            (256, 4, 1, shape[1]), (257, 4, 1, shape[0]), (259, 3, 1, compression),
            (278, 4, 1, shape[0]), (273, 16, 1, 0), (279, 16, 1, len(data)),
        ]  # fmt: skip
        if compression == 65002:
            entries += [(65007, 3, 1, 7), (65008, 3, 1, 2), (65009, 3, 1, 2)]
        if metadata and number == 0:
            entries.append((65001, 7, len(metadata), 0))
        entries.sort()
        at = len(out)
        end = at + 8 + 20 * len(entries) + 8
        values = {273: end + (len(metadata) if number == 0 else 0), 65001: end}
        out += struct.pack("<Q", len(entries))
        for tag, kind, count, value in entries:
            out += struct.pack("<HHQQ", tag, kind, count, values.get(tag, value))
        whole = (metadata if number == 0 else b"") + data
        last = number == len(frames) - 1
        following = 0 if last else -(-(end + len(whole)) // 8) * 8
        out += struct.pack("<Q", following) + whole
        if not last:
            out += bytes(following - len(out))
    return bytes(out)
