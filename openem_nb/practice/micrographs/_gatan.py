"""Files of Gatan, DM3 and DM4, for practice: a tree of tags with one image in it."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["dm"]

_KINDS = {"i2": 2, "i4": 3, "u2": 4, "u4": 5, "f4": 6, "f8": 7, "u1": 10, "i1": 9}
_TYPES = {"i2": 1, "f4": 2, "u1": 6, "i4": 7, "i1": 9, "u2": 10, "u4": 11, "f8": 12}


def dm(
    data: NDArray[Any],
    *,
    version: int = 4,
    big: bool = False,
    scale: float = 0.2,
    unit: str = "nm",
    volts: float = 300_000.0,
    slow_unit: str = "",
) -> bytes:
    """Return the content of a file with a thumbnail and an image.

    Parameters
    ----------
    data :
        Image whose axes are (…, y, x), the first row on top.
    version :
        3 or 4: numbers in the tags have 4 or 8 bytes.
    big :
        Whether the bytes of a number begin with the highest.
    scale, unit :
        Size of a pixel.
    volts :
        Acceleration voltage.
    slow_unit :
        Unit of all axes before y.
    """
    order = ">" if big else "<"
    writer = _Writer(version, order)
    axes = [(scale, unit), (scale, unit), *[(1.0, slow_unit)] * (data.ndim - 2)]
    image = {
        "ImageData": {
            "Calibrations": {
                "Dimension": {
                    str(i): {"Origin": 0.0, "Scale": size, "Units": word}
                    for i, (size, word) in enumerate(axes)
                }
            },
            "Data": data,
            "DataType": _TYPES[data.dtype.str[1:]],
            "Dimensions": {str(i): n for i, n in enumerate(reversed(data.shape))},
        },
        "ImageTags": {"Microscope Info": {"Voltage": volts}},
        "Name": "image of ours",
    }
    small = {"ImageData": {"Data": np.zeros(256, np.int32), "DataType": 23}}
    tree = {"ImageList": {"0": small, "1": image}, "Thumbnails": {"0": {"ImageIndex": 0}}}
    body = writer.group(tree)
    size = struct.pack(">Q" if version == 4 else ">I", len(body))
    return struct.pack(">i", version) + size + struct.pack(">i", order == "<") + body


class _Writer:
    def __init__(self, version: int, order: str) -> None:
        self.wide, self.order = version == 4, order

    def integer(self, value: int) -> bytes:
        return struct.pack(">Q" if self.wide else ">I", value)

    def group(self, tree: dict[str, Any]) -> bytes:
        out = b"\1\0" + self.integer(len(tree))
        for name, value in tree.items():
            kind = 20 if isinstance(value, dict) else 21
            title = b"" if name.isdecimal() else name.encode("latin-1")
            body = self.group(value) if kind == 20 else self.value(value)
            out += struct.pack(">BH", kind, len(title)) + title
            out += (self.integer(len(body)) if self.wide else b"") + body
        return out

    def value(self, value: Any) -> bytes:
        if isinstance(value, np.ndarray):
            info = [20, _KINDS[value.dtype.str[1:]], value.size]
            raw = value.astype(value.dtype.newbyteorder(self.order)).tobytes()
        elif isinstance(value, str):
            info = [20, 4, len(value)]
            raw = value.encode("utf-16-le" if self.order == "<" else "utf-16-be")
        elif isinstance(value, float):
            info, raw = [7], struct.pack(self.order + "d", value)
        else:
            info, raw = [3], struct.pack(self.order + "i", value)
        counts = b"".join(self.integer(one) for one in info)
        return b"%%%%" + self.integer(len(info)) + counts + raw
