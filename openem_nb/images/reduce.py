"""Block means: an image made smaller by averaging, piece by piece and never by leaving pixels out.

Of a noisy micrograph every eighth pixel is noise alone; the mean of eight by eight pixels is a
picture. All reductions of the package are means over blocks that cover the image without gaps: of
one whole factor, or, where a size was asked for, of blocks whose sides differ by one pixel at most.

The rows of a block are added first: they lie one behind the other in memory, and what is left for
the slow direction is a fraction of the image.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.errors import InvalidInput

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BlockMean", "block_mean", "edges", "factor_for"]

_SMALL: Final = {"u1": (255, "u2"), "i1": (255, "i2")}
"""Rows of bytes that can be added in two bytes without overflow."""


def factor_for(shape: tuple[int, int], size: int) -> int:
    """Return the smallest whole factor that brings the longest side down to ``size`` pixels."""
    if size < 1:
        raise InvalidInput("A picture has one pixel at least.", hint="Give a size such as 512.")
    return max(1, math.ceil(max(shape) / size))


def edges(length: int, *, factor: int | None = None, count: int | None = None) -> NDArray[np.intp]:
    """Return where the blocks along one side begin, and where the last one ends.

    Parameters
    ----------
    factor :
        Pixels of a block; the last one has what is left.
    count :
        Or the number of blocks, never more than there are pixels.
    """
    if factor is not None:
        return np.append(np.arange(0, length, factor, dtype=np.intp), np.intp(length))
    many = max(1, min(count or length, length))
    return (np.arange(many + 1, dtype=np.int64) * length // many).astype(np.intp)


def block_mean(
    array: NDArray[Any],
    factor: int | tuple[int, int] = 0,
    *,
    shape: tuple[int, int] | None = None,
) -> NDArray[np.float32]:
    """Return the mean of each block of an image.

    Parameters
    ----------
    array :
        Image, (y, x), of any real type.
    factor :
        Pixels of a block, for both sides or for (y, x). The last blocks average what is left.
    shape :
        Or the shape of the result, never larger than the image.

    Returns
    -------
    ndarray
        float32, (y, x).
    """
    if array.ndim != 2 or 0 in array.shape:
        raise InvalidInput(
            f"An image has two sides, this array has the shape {array.shape}.",
            hint="Choose one frame or section of it.",
        )
    reducer = BlockMean(array.shape, array.dtype, factor=factor or None, shape=shape)
    reducer.add(array)
    return reducer.result()


class BlockMean:
    """Takes an image band by band, from its first row on, and gives the mean of each block.

    Parameters
    ----------
    whole :
        Shape of the image, (y, x).
    dtype :
        Type of its pixels.
    factor, shape :
        As for :func:`block_mean`; one of them.
    """

    def __init__(
        self,
        whole: tuple[int, ...],
        dtype: np.dtype[Any],
        *,
        factor: int | tuple[int, int] | None = None,
        shape: tuple[int, int] | None = None,
    ) -> None:
        by, bx = factor if isinstance(factor, tuple) else (factor, factor)
        if shape is None and (by is None or bx is None or by < 1 or bx < 1):
            raise InvalidInput("A block has one pixel at least.", hint="Give a factor such as 8.")
        self._y = edges(whole[0], factor=None if shape else by, count=shape and shape[0])
        self._x = edges(whole[1], factor=None if shape else bx, count=shape and shape[1])
        self._width = whole[1]
        self._heights, self._widths = np.diff(self._y), np.diff(self._x)
        self._sum = _row_type(dtype, int(self._heights.max()))
        self._out = np.empty((len(self._heights), len(self._widths)), np.float32)
        self._row = self._done = 0
        self._open: NDArray[Any] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the result."""
        return len(self._heights), len(self._widths)

    def add(self, band: NDArray[Any]) -> None:
        """Take the next rows."""
        with np.errstate(over="ignore", invalid="ignore"):  # infinite numbers stay infinite
            self._add(band)

    def _add(self, band: NDArray[Any]) -> None:
        place = 0
        while place < len(band):
            end = int(self._y[self._done + 1])
            height = int(self._heights[self._done])
            if self._open is None and len(band) - place >= height:
                place += self._whole_blocks(band[place:], height)
                continue
            take = min(end - self._row, len(band) - place)
            part = _rows(band[None, place : place + take], self._sum)[0]
            self._open = part if self._open is None else self._open + part
            place += take
            self._row += take
            if self._row == end:
                self._put(self._open[None])
                self._open = None

    def _whole_blocks(self, band: NDArray[Any], height: int) -> int:
        """Reduce the blocks of one height that the band holds whole; return the rows of them."""
        many = len(band) // height
        same = np.flatnonzero(self._heights[self._done : self._done + many] != height)
        many = int(same[0]) if len(same) else many
        rows = many * height
        self._put(_rows(band[:rows].reshape(many, height, band.shape[1]), self._sum))
        self._row += rows
        return rows

    def _put(self, rows: NDArray[Any]) -> None:
        first, last = self._done, self._done + len(rows)
        out = self._out[first:last]
        narrow = int(self._widths[0])
        even = int(np.argmin(self._widths == narrow)) or len(self._widths)
        exact = rows if rows.dtype.kind == "f" else rows.astype(np.float32)
        if even < len(self._widths) - 1:
            sums = np.add.reduceat(exact, self._x[:-1], axis=1)
            np.divide(sums, self._widths, out=out, casting="unsafe")
        else:
            cut = even * narrow
            blocks = exact[:, :cut].reshape(len(rows), even, narrow)
            if narrow == 1:
                out[:, :even] = blocks[..., 0]
            else:
                np.divide(
                    blocks @ np.ones(narrow, exact.dtype),
                    narrow,
                    out=out[:, :even],
                    casting="unsafe",
                )
            if cut < self._width:
                out[:, even] = exact[:, cut:].mean(axis=1)
        out /= self._heights[first:last, None].astype(np.float32)
        self._done = last

    def result(self) -> NDArray[np.float32]:
        """Return the means.

        Raises
        ------
        InvalidInput
            If rows are missing.
        """
        if self._done < len(self._heights):
            raise InvalidInput(
                f"The image has {int(self._y[-1]):,} rows, and {self._row:,} were given.",
                hint="Add all bands before the result is asked for.",
            )
        return self._out


def _row_type(dtype: np.dtype[Any], rows: int) -> np.dtype[Any]:
    """Return the type in which so many rows can be added without overflow."""
    if dtype.kind == "f":
        return np.dtype(np.float64 if dtype.itemsize > 4 else np.float32)
    if dtype.kind == "b":
        return np.dtype(np.uint32)
    most, small = _SMALL.get(f"{dtype.kind}{dtype.itemsize}", (0, ""))
    if rows <= most:
        return np.dtype(small)
    if dtype.itemsize <= 2 and rows < 1 << 15:
        return np.dtype(f"{dtype.kind}4")
    return np.dtype(np.float64)


def _rows(blocks: NDArray[Any], kind: np.dtype[Any]) -> NDArray[Any]:
    """Add the rows of each block, (blocks, rows, x) -> (blocks, x)."""
    if blocks.dtype == kind:
        added: NDArray[Any] = np.add.reduce(blocks, axis=1)
        return added
    # in-place addition of a narrower type converts a few thousand numbers at a time, in the cache
    found: NDArray[Any] = blocks[:, 0].astype(kind)
    for row in range(1, blocks.shape[1]):
        found += blocks[:, row]
    return found
