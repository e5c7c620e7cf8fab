"""Block means: an image made smaller by averaging, piece by piece and never by leaving pixels out.

Of a noisy micrograph every eighth pixel is noise alone; the mean of eight by eight pixels is a
picture. All reductions of the package are means over blocks that cover the image without gaps: of
one whole factor, or, where a size was asked for, of blocks whose sides differ by one pixel at most.

The rows of a block are added first: they lie one behind the other in memory, and what is left for
the slow direction is a fraction of the image.
"""

from __future__ import annotations

import copy
import itertools
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
        self._heights, widths = np.diff(self._y), np.diff(self._x)
        self._sum = _row_type(dtype, int(self._heights.max()))
        exact = self._sum if self._sum.kind == "f" else np.dtype(np.float32)
        tall = self._heights[0]
        self._uneven = bool((self._heights[:-1] != tall).any() or self._heights[-1] > tall)
        self._narrow = narrow = int(widths[0])
        even = int(np.argmin(widths == narrow)) or len(widths)
        # blocks of one width, and one that may be less; otherwise widths go to and fro
        self._even = even if even >= len(widths) - 1 else 0
        self._weights = np.full(narrow, 1 / narrow, exact)
        self._shares = (1 / widths).astype(exact)
        self._tall = (1 / self._heights).astype(np.float32)[:, None]
        self._out = np.empty((len(self._heights), len(widths)), np.float32)
        self._row = self._done = 0
        self._last = len(self._heights)
        self._open: NDArray[Any] | None = None

    @property
    def shape(self) -> tuple[int, int]:
        """Shape of the result."""
        return self._out.shape[0], self._out.shape[1]

    def parts(self, many: int) -> list[tuple[int, int, BlockMean]]:
        """Return so many reducers for rows that are taken in at once, by threads of their own.

        Each comes with the first of its rows and the one after its last. They share the result,
        which is complete, here, when all of them are.
        """
        ends = edges(len(self._heights), count=many).tolist()
        found = []
        for first, last in itertools.pairwise(ends):
            one, row = copy.copy(self), int(self._y[first])
            vars(one).update(_done=first, _last=last, _row=row)
            found.append((row, int(self._y[last]), one))
        self._done = self._last
        return found

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
        if self._uneven:
            same = np.flatnonzero(self._heights[self._done : self._done + many] != height)
            many = int(same[0]) if len(same) else many
        rows = many * height
        self._put(_rows(band[:rows].reshape(many, height, band.shape[1]), self._sum))
        self._row += rows
        return rows

    def _put(self, rows: NDArray[Any]) -> None:
        """Write the means of some blocks, of which the rows are added."""
        first, last = self._done, self._done + len(rows)
        out = self._out[first:last]
        exact = rows if rows.dtype == self._weights.dtype else rows.astype(self._weights.dtype)
        even, cut = self._even, self._even * self._narrow
        if not even:
            np.multiply(
                np.add.reduceat(exact, self._x[:-1], axis=1),
                self._shares,
                out=out,
                casting="same_kind",
            )
        else:
            if self._narrow == 1:
                out[:, :even] = exact[:, :even]
            else:
                blocks = exact[:, :cut].reshape(len(rows), even, self._narrow)
                np.matmul(blocks, self._weights, out=out[:, :even], casting="same_kind")
            if even < out.shape[1]:
                out[:, even] = exact[:, cut:].mean(axis=1)
        out *= self._tall[first:last]
        self._done = last

    def result(self) -> NDArray[np.float32]:
        """Return the means.

        Raises
        ------
        InvalidInput
            If rows are missing.
        """
        if self._done < self._last:
            raise InvalidInput(
                f"The image has {int(self._y[self._last]):,} rows, and {self._row:,} were given.",
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
