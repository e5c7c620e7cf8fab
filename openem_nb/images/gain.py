"""Gain references: what each pixel of a camera is multiplied by.

Gatan's references and those of SerialEM multiply; the reference of an EER movie (``.gain``) holds
what pixels are divided by, so it is turned over on reading. A pixel whose gain is zero, or no
number, is a dead one: it stays zero.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.errors import InvalidInput

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

__all__ = ["Gain", "as_gain", "read_gain", "turned"]

_STEP: Final = re.compile(
    r"(?:flip(?:ped)?[ _:=-]*)?(?P<side>upside[ _-]*down|left[ _-]*right)\b"
    r"|flip(?:ped)?[ _:=-]*(?P<flip>[xy])\b|\b(?P<also>[xy])[ _-]*flip\b"
    r"|(?:rot(?:ate|ation)?[ _:=]*)?(?P<sign>[+-]?)(?<!\d)(?P<angle>0|90|180|270)(?!\d)"
)
_ALONG: Final = re.compile(r"\b(along|about|around|on|over)\b")
"""How people name the axis that stays, or the one that is reversed."""


@dataclass(frozen=True, slots=True)
class Gain:
    """A gain reference."""

    array: NDArray[Any]
    """Factor of each pixel, (y, x), to multiply by; 0 where the reference holds no number."""
    name: str = ""
    """Name of the file that it came from."""
    rows: str = ""
    """Which way its rows run on the detector, as RELION reads the file: ``up`` in MRC, EER and
    ``.gain``, ``down`` in TIFF and others; empty where they are those of the image."""

    def __post_init__(self) -> None:
        """Take pixels without a number as dead ones."""
        if self.array.dtype.kind == "f" and not (there := np.isfinite(self.array)).all():
            object.__setattr__(self, "array", np.where(there, self.array, self.array.dtype.type(0)))

    @property
    def dead(self) -> int:
        """Pixels whose factor is zero, or no number in the reference."""
        return int(self.array.size - np.count_nonzero(self.array))

    def fitted(self, source: object) -> Gain:
        """Return the reference as it lies on the pixels of an opened image.

        RELION, IMOD and MotionCor read the rows of TIFF files from the last to the first, those of
        MRC and EER as they come. So of a reference in MRC the last row is that of the first row of
        a movie in TIFF. For an array, or with a reference of which only the array is known, it
        stays as it is.
        """
        kind = getattr(source, "format", "")
        if not (self.rows and kind) or self.rows == _rows(kind):
            return self
        return Gain(self.array[::-1], self.name, _rows(kind))

    def check(self, shape: tuple[int, ...]) -> None:
        """Make sure that an image of this shape can be multiplied.

        Raises
        ------
        InvalidInput
            If it has another shape; the hint says how the two could fit.
        """
        if shape != self.array.shape:
            raise InvalidInput(
                f"The gain reference has the shape {self.array.shape}, the image {shape}.",
                hint=_fit(shape, self.array.shape),
            )

    def apply(self, image: NDArray[Any]) -> NDArray[np.float32]:
        """Return an image multiplied by the gain.

        Raises
        ------
        InvalidInput
            If the two have different shapes.
        """
        self.check(image.shape)
        found = np.empty(image.shape, np.float32)
        np.multiply(image, self.array, out=found, casting="unsafe")
        return found


def _rows(kind: str, name: str = "") -> str:
    return "up" if kind in ("mrc", "eer") or name.lower().endswith(".gain") else "down"


def _fit(image: tuple[int, ...], gain: tuple[int, ...]) -> str:
    if image == gain[::-1]:
        return "It seems turned: read it with flip_rotate='rotate 90' (or 270)."
    if all(a == 2 * b for a, b in zip(image, gain, strict=False)):
        return "The image is in super-resolution: repeat each pixel of the gain twice in y and x."
    for by in (2, 4):
        if all(b == by * a for a, b in zip(image, gain, strict=False)):
            return (
                "The reference has super-resolution, which the image has not: give "
                f"images.block_mean(gain.array, {by}), or open EER with superres={by // 2}."
            )
    return "Is it the reference of this camera and mode?"


def as_gain(gain: Gain | NDArray[Any] | Path | str) -> Gain:
    """Return a gain reference from one, an array (y, x) or the path of a file.

    Raises
    ------
    InvalidInput
        If it is no image of real numbers.
    NotFound, DamagedFile
        If there is no such file, or it cannot be read.
    """
    if isinstance(gain, Gain):
        return gain
    if isinstance(gain, str | os.PathLike):
        return read_gain(gain)
    array = np.asarray(gain)
    if array.ndim != 2 or array.dtype.kind not in "buif":
        raise InvalidInput(
            f"A gain reference is one image of real numbers (y, x), and this is none: "
            f"{type(gain).__name__}.",
            hint="Give images.read_gain(path), the path itself, or an array.",
        )
    return Gain(array)


def read_gain(source: Path | str, *, flip_rotate: str = "", divide: bool | None = None) -> Gain:
    """Read a gain reference: MRC, TIFF, DM3, DM4, ``.gain`` or any other format that is known.

    Parameters
    ----------
    flip_rotate :
        How the reference has to be turned to lie on the image, as an OSC-EM document says it
        (``gainref_flip_rotate``): ``"none"``, ``"flip x"`` or ``"left-right"``, ``"flip y"`` or
        ``"upside down"``, ``"rotate 90"``, or both, done in the order in which they are written:
        MotionCor and RELION rotate first, then flip, which is ``"rotate 90 flip x"``. ``flip x``
        turns left and right, ``flip y`` first and last row. Rotations are counter-clockwise as MRC
        files are drawn, with the first row at the bottom; as an array of MRC, EER or ``.gain`` is
        printed, with row 0 on top, ``rotate 90`` turns clockwise: of ``[[1, 2], [3, 4]]`` it makes
        ``[[3, 1], [4, 2]]``.
    divide :
        Whether the file holds what pixels are divided by; by default only a file ``*.gain``, the
        reference of an EER movie, does.
    """
    from openem_nb.images.opening import open_image

    with open_image(source) as file:
        array = file.average() if file.frames > 1 else file.frame()
        name, rows = file.name, _rows(file.format, file.name)
    array = array.astype(np.float32, copy=False)
    way = slice(None, None, 1 if rows == "up" else -1)  # words hold for rows that run upwards
    array = turned(array[way], flip_rotate)[way]
    if divide if divide is not None else name.lower().endswith(".gain"):
        turned_over = np.zeros_like(array)
        np.divide(1.0, array, out=turned_over, where=array != 0)
        array = turned_over
    return Gain(np.ascontiguousarray(array), name, rows)


def turned(array: NDArray[Any], flip_rotate: str) -> NDArray[Any]:
    """Return an array flipped and rotated as the words say, in their order.

    Raises
    ------
    InvalidInput
        If the words are not known.
    """
    words = flip_rotate.strip().lower().replace("°", " ").replace("degrees", " ")
    words = words.replace(",", " ").replace("+", " ")
    left = re.sub(r"\b(none|no|and|then|rotate|rotation|ccw)\b", " ", _STEP.sub(" ", words))
    if left.strip():
        if _ALONG.search(words):
            raise InvalidInput(
                f"{flip_rotate!r} may mean either of two ways to turn a gain reference.",
                hint="Write 'flip left-right' (the same as 'flip x') or 'flip upside down' "
                "(the same as 'flip y').",
            )
        raise InvalidInput(
            f"{flip_rotate!r} is no way to turn a gain reference.",
            hint="Write 'flip x', 'flip y', 'rotate 90', or both, such as 'flip y rotate 90'.",
        )
    for step in _STEP.finditer(words):
        if step["angle"] is None:
            way = step["side"] or step["flip"] or step["also"]
            array = np.flip(array, 1 if way[0] in "lx" else 0)
        else:
            quarter = int(step["angle"]) // 90 * (-1 if step["sign"] == "-" else 1)
            # with the first row at the bottom, np.rot90 turns clockwise
            array = np.rot90(array, -quarter)
    return array
