"""Pixels of TIFF files and movies: strips or tiles are decoded one by one, then dropped.

A frame of a K3 camera in super-resolution has 94 million pixels; decoded strip by strip it never
lies in memory as a whole. What a strip may unpack to is known before, and a longer one is refused.
"""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.errors import InvalidInput
from openem_nb.formats.mrc import LONGEST
from openem_nb.formats.source import damaged, in_order, truncated
from openem_nb.formats.tiff import Directory, Tiff
from openem_nb.images._pixels import BAND, About
from openem_nb.images._tiff_tags import described, whole_frames
from openem_nb.images.threads import once, workers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from openem_nb.formats.source import Source
    from openem_nb.images._pixels import Pixels

__all__ = ["open_tiff"]

_CODECS: Final[Mapping[int, tuple[str, int]]] = {
    1: ("", 1),
    5: ("lzw_decode", 4096),
    8: ("zlib_decode", 1040),
    32773: ("packbits_decode", 64),
    32946: ("zlib_decode", 1040),
    34925: ("lzma_decode", 1 << 16),
    34926: ("zstd_decode", 1 << 16),
    50000: ("zstd_decode", 1 << 16),
}
"""For each compression the decoder, and the most that a byte can unpack to."""

_EER: Final = frozenset((65000, 65001, 65002))
_KINDS: Final = {1: "u", 2: "i", 3: "f"}
MOST_PIXELS: Final = 1 << 33


def open_tiff(source: Source, *, superres: int = 0, series: int = 0) -> tuple[Pixels, About]:
    """Read the directories of a TIFF file and stand ready for the frames of one size."""
    tiff = Tiff(source)
    first = next(tiff.directories(), None)
    if first is None:
        raise damaged(source.name, "it has no directory, and so no image")
    if first.number(259, 1) in _EER:
        from openem_nb.images._eer import open_eer

        return open_eer(source, tiff, superres=superres)
    groups: dict[tuple[Any, ...], list[_Page]] = {}
    notes: list[str] = []
    broken = ""
    pages = tiff.directories() if source.near else iter((first,))
    while True:
        try:
            directory = next(pages, None)
        except ValueError as error:  # frames before the break are whole
            broken = str(error)
            break
        if directory is None:
            break
        page = _Page(directory)
        groups.setdefault(page.kind, []).append(page)
    if not source.near and first.following:
        notes.append("Only the first frame is looked at over the network.")
    kinds = list(groups)
    if not 0 <= series < len(kinds):
        raise InvalidInput(
            f"{source.name} has no series {series}.", hint=f"It has {len(kinds)}, counted from 0."
        )
    chosen = groups[kinds[series]]
    others = [one for one in kinds if one != kinds[series]]
    for height, width, *_ in others[:5]:
        notes.append(f"The file also holds images of {width} × {height} pixels.")
    whole, problems = whole_frames(chosen, (page.end for page in chosen), source, broken)
    pixels = TiffPixels(source, whole)
    pixel_size, tree, more = described(whole[0].directory)
    about = About(
        format="tiff",
        axes=("frame", "y", "x") if len(chosen) > 1 or broken else ("y", "x"),
        pixel_size=pixel_size,
        header={"TIFF": tree},
        notes=(*notes, *more, *pixels.notes),
        problems=problems,
    )
    return pixels, about


class _Page:
    """One image of the file, checked as far as its directory goes."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        number = directory.number
        name = directory.tiff.source.name
        self.width, self.height = number(256, 0), number(257, 0)
        if not (0 < self.width <= LONGEST and 0 < self.height <= LONGEST):
            raise damaged(name, f"an image cannot have {self.width} × {self.height} pixels")
        self.bits, self.samples = number(258, 1), number(277, 1)
        self.compression, self.predictor = number(259, 1), number(317, 1)
        self.planar, self.fill = number(284, 1), number(266, 1)
        form = number(339, 1)
        if self.compression not in _CODECS:
            raise InvalidInput(
                f"{name} is compressed in a way that is not read here (number {self.compression}).",
                hint="Read here are none, LZW, Deflate, PackBits, LZMA and Zstandard.",
            )
        whole = self.bits in (8, 16, 32, 64)
        if form not in _KINDS or not 1 <= self.bits <= 64 or not 1 <= self.samples <= 16:
            raise damaged(name, f"pixels cannot have {self.samples} × {self.bits} bits")
        if (not whole and (form != 1 or self.bits > 16)) or (form == 3 and self.bits == 8):
            raise damaged(name, f"numbers of {self.bits} bits are not known")
        if self.fill != 1 or (not whole and self.samples > 1) or self.predictor not in (1, 2, 3):
            raise InvalidInput(
                f"{name} is packed in an unusual way that is not read here.",
                hint="Convert it with tiffcp or IMOD's mrc2tif.",
            )
        size = self.bits // 8 if whole else (1 if self.bits <= 8 else 2)
        self.stored = np.dtype(f"{_KINDS[form]}{size}")
        if form == 3 and self.bits not in (16, 32, 64):
            raise damaged(name, f"floating-point numbers of {self.bits} bits are not known")
        self.tiled = 322 in directory.entries
        across, down = (322, 323) if self.tiled else (0, 278)
        self.seg_width = number(across, 0) if self.tiled else self.width
        self.seg_height = number(down, self.height)
        if not self.tiled:
            self.seg_height = min(self.seg_height, self.height)
        if not (0 < self.seg_width <= 2 * LONGEST and 0 < self.seg_height <= 2 * LONGEST):
            raise damaged(name, "its strips or tiles have no size")
        self.across = -(-self.width // self.seg_width)
        self.down = -(-self.height // self.seg_height)

    @property
    def kind(self) -> tuple[Any, ...]:
        """What frames of one movie have in common."""
        return (self.height, self.width, self.stored.str, self.samples, self.bits)

    @property
    def end(self) -> int:
        """Where the last strip or tile ends, looked up alone; 0 where that is not said."""
        directory = self.directory
        if getattr(directory.tiff.source, "near", True):
            offset, count = (directory.last(one) for one in self._tags)
        else:  # over a line one long read is better, and it is needed anyway
            offset, count = (one[-1] for one in self.places)
        if self.compression == 1:  # bytes beyond its pixels are not needed
            rows = self.height - (self.down - 1) * self.seg_height
            need = (self.seg_height if self.tiled else rows) * self._segment_row
            count = min(count, need) if count else need
        return offset + count if offset and count else 0

    @property
    def _tags(self) -> tuple[int, int]:
        """Numbers of the tags that say where strips or tiles begin, and how long they are."""
        return (324, 325) if self.tiled else (273, 279)

    @property
    def _segment_row(self) -> int:
        """Bytes of a row of a strip or tile, unpacked."""
        return (self.seg_width * self._together * self.bits + 7) // 8

    @property
    def _together(self) -> int:
        """Samples of a pixel that lie side by side."""
        return self.samples if self.planar == 1 else 1

    @property
    def planes(self) -> int:
        """Planes that lie one behind the other, each with one sample of all pixels."""
        return self.samples if self.planar == 2 else 1

    @property
    def colours(self) -> int:
        """Samples that are seen; transparency (1 and 2 of ExtraSamples) comes behind them."""
        clear = sum(one in (1, 2) for one in self.directory.values(338))
        if self.directory.number(262, 1) == 2 and self.samples >= 3:
            return 3
        return max(1, self.samples - clear)

    @once
    def places(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Where each strip or tile begins, and how many bytes it has."""
        directory = self.directory
        source = directory.tiff.source
        offsets, counts = (directory.values(one) for one in self._tags)
        need = self.across * self.down * self.planes
        if not counts and self.compression == 1 and need == 1:
            counts = (self.row_bytes * self.height,)
        if len(offsets) < need or len(counts) < need:
            raise damaged(
                source.name, f"{need} strips or tiles are needed, {len(offsets)} are there"
            )
        ratio = _CODECS[self.compression][1]
        rows = self.row_bytes * self.height * self.planes
        if sum(counts[:need]) * ratio < rows:
            raise truncated(source.name, rows // ratio, sum(counts[:need]))
        return offsets[:need], counts[:need]

    @property
    def row_bytes(self) -> int:
        """Bytes of a row, unpacked."""
        return (self.width * self._together * self.bits + 7) // 8

    def segment(self, row: int, column: int) -> NDArray[Any]:
        """Return one strip or tile, (y, x) or (y, x, colour)."""
        index, each = row * self.across + column, self.across * self.down
        if self.samples == 1:
            return self._segment(row, index)
        if self.planes == 1:
            return self._segment(row, index)[..., : self.colours]
        seen = range(self.colours)
        return np.stack([self._segment(row, plane * each + index) for plane in seen], axis=2)

    def _segment(self, row: int, index: int) -> NDArray[Any]:
        """Return one strip or tile of all planes together, or of one."""
        import imagecodecs

        source = self.directory.tiff.source
        offsets, counts = self.places
        rows = (
            self.seg_height
            if self.tiled
            else min(self.seg_height, self.height - row * self.seg_height)
        )
        samples = self._together
        need = rows * self._segment_row
        offset, count = offsets[index], counts[index]
        raw: Any = source.read(offset, min(count, need + 1024 if self.compression == 1 else count))
        if len(raw) < count and len(raw) < need:
            raise truncated(source.name, offset + count, source.size)
        decoder = _CODECS[self.compression][0]
        if decoder:
            try:
                raw = getattr(imagecodecs, decoder)(raw, out=need)
            except (RuntimeError, ValueError, OSError, MemoryError) as error:
                raise damaged(source.name, f"a strip of it cannot be unpacked ({error})") from error
        if len(raw) < need:
            raise damaged(source.name, f"a strip unpacks to {len(raw):,} of {need:,} bytes")
        return self._numbers(memoryview(raw)[:need], rows, samples)

    def _numbers(self, raw: Any, rows: int, samples: int) -> NDArray[Any]:
        import imagecodecs

        if self.bits not in (8, 16, 32, 64):
            found: NDArray[Any] = imagecodecs.packints_decode(
                raw, self.stored, self.bits, runlen=self.seg_width
            )
            return found.reshape(rows, self.seg_width)
        stored = np.dtype(self.directory.tiff.order + self.stored.str[1:])
        shape = (rows, self.seg_width, samples) if samples > 1 else (rows, self.seg_width)
        if self.predictor == 3 and self.stored.kind == "f":
            raw8 = np.frombuffer(raw, stored).reshape(shape)
            return np.asarray(imagecodecs.floatpred_decode(raw8, axis=1)).reshape(shape)
        values = np.frombuffer(raw, stored).reshape(shape)
        if self.predictor == 2:
            native = values.astype(self.stored, copy=False)
            return np.asarray(imagecodecs.delta_decode(native, axis=1)).reshape(shape)
        return values


class TiffPixels:
    """Frames of a TIFF file that have one size and type."""

    def __init__(self, source: Source, pages: Sequence[_Page]) -> None:
        self.source, self.pages = source, pages
        first = pages[0]
        self.shape, self.frames = (first.height, first.width), len(pages)
        self.samples = first.samples
        self.dtype = np.dtype(np.float32) if self.samples > 1 else first.stored
        self.grain = first.seg_height
        _ = first.places  # a file without its first image is refused now, not when it is shown
        self.notes: tuple[str, ...] = ()
        if first.colours > 1:
            self.notes = ("The image has colours; the mean of its channels is shown.",)

    def _rows(self, page: _Page, index: int, x0: int, x1: int) -> NDArray[Any]:
        """Return one strip, or one row of tiles, between two columns."""
        first, last = x0 // page.seg_width, (x1 - 1) // page.seg_width
        parts = [self._grey(page.segment(index, column)) for column in range(first, last + 1)]
        whole = parts[0] if len(parts) == 1 else np.concatenate(parts, axis=1)
        height = min(page.seg_height, page.height - index * page.seg_height)
        start = first * page.seg_width
        found: NDArray[Any] = whole[:height, x0 - start : x1 - start]
        return found

    def _grey(self, segment: NDArray[Any]) -> NDArray[Any]:
        if self.samples == 1:
            return segment
        found: NDArray[Any] = segment.mean(axis=2, dtype=np.float32)
        return found

    def _strips(
        self, frame: int, y0: int, y1: int, x0: int, x1: int
    ) -> Iterator[Callable[[], list[NDArray[Any]]]]:
        """Yield pieces of work, each of which decodes about a band of rows."""
        page = self.pages[frame]
        _ = page.places
        first, last = y0 // page.seg_height, (y1 - 1) // page.seg_height
        each = max(1, BAND // max(1, page.seg_height * page.width * self.dtype.itemsize))
        for start in range(first, last + 1, each):
            chosen = range(start, min(start + each, last + 1))

            def work(chosen: range = chosen) -> list[NDArray[Any]]:
                found = []
                for index in chosen:
                    top = index * page.seg_height
                    rows = self._rows(page, index, x0, x1)
                    found.append(rows[max(0, y0 - top) : y1 - top])
                return found

            yield work

    def _extent(self, frame: int, y0: int, y1: int) -> tuple[int, int]:
        """Return first byte and bytes of the strips of some rows, gaps between them included."""
        page = self.pages[frame]
        rows = slice(y0 // page.seg_height * page.across, -(-y1 // page.seg_height) * page.across)
        offsets, counts = (one[rows] for one in page.places)
        places = [(at, at + many) for at, many in zip(offsets, counts, strict=True) if many]
        if not places:
            return 0, 0
        first = min(places)[0]
        return first, max(end for _at, end in places) - first

    def _decoded(
        self, frame: int, y0: int, y1: int, x0: int, x1: int, *, threads: int
    ) -> Iterator[NDArray[Any]]:
        works = self._strips(frame, y0, y1, x0, x1)
        if not self.source.near:
            with in_order(self.source, *self._extent(frame, y0, y1)):
                for work in works:
                    yield from work()
            return
        if threads < 2:
            for work in works:
                yield from work()
            return
        waiting: deque[Future[list[NDArray[Any]]]] = deque()
        with ThreadPoolExecutor(threads, thread_name_prefix="openem-strips") as pool:
            for work in works:
                waiting.append(pool.submit(work))
                if len(waiting) > threads + 1:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()

    def band(self, frame: int, y0: int, y1: int, out: NDArray[Any] | None = None) -> NDArray[Any]:
        """Return rows of a frame."""
        found = np.empty((y1 - y0, self.shape[1]), self.dtype) if out is None else out
        done = 0
        large = found.nbytes > 4 * BAND
        for rows in self._decoded(frame, y0, y1, 0, self.shape[1], threads=workers() * large):
            found[done : done + len(rows)] = rows
            done += len(rows)
        return found

    def window(self, frame: int, y0: int, y1: int, x0: int, x1: int) -> NDArray[Any]:
        """Return a part of a frame."""
        found = np.empty((y1 - y0, x1 - x0), self.dtype)
        done = 0
        for rows in self._decoded(frame, y0, y1, x0, x1, threads=workers()):
            found[done : done + len(rows)] = rows
            done += len(rows)
        return found

    def bands(self, frame: int, y0: int, y1: int, multiple: int) -> Iterator[NDArray[Any]]:
        """Yield decoded strips in order; the format, not ``multiple``, says how high they are."""
        return self._decoded(frame, y0, y1, 0, self.shape[1], threads=workers())

    def close(self) -> None:
        """Close the file."""
        self.source.close()
