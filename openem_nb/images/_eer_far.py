"""A picture of an event movie at an address: some raw frames, from places all over the movie.

The directory of each raw frame says where the next one is, so to go from frame to frame takes a
request for each: minutes for a movie. But all directories of a movie hold the very same entry for
the width of a frame, so a piece of the file, wherever it begins, shows where directories lie in it.
Some pieces of a few frames each are fetched at once, and all frames that are whole in them added.
"""

from __future__ import annotations

import copy
import struct
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.errors import DamagedFile
from openem_nb.formats.source import Section, damaged, in_order
from openem_nb.images._eer import EerPixels
from openem_nb.images._pixels import Plain

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from openem_nb.formats.source import Source
    from openem_nb.formats.tiff import Directory, Tiff

__all__ = ["FarEerPixels"]

_PLACES: Final = 8
_FRAMES: Final = 4.2
"""Raw frames in a piece: three are whole wherever it begins."""
_LEAST: Final = 1 << 18
_MOST: Final = 3 << 20
"""Bytes of a piece."""
_AT_ONCE: Final = 3
_MOST_ADDED: Final = 255
"""Raw frames of which one byte holds the sum: none has two events in a pixel."""
_WIDTH: Final = 256


class FarEerPixels(Plain):
    """One frame: the sum of some raw frames, or of all of a movie that is small.

    Parameters
    ----------
    first :
        Directory of the first raw frame.
    frames :
        How many the camera says there are; 0 where it does not say.
    """

    def __init__(
        self,
        source: Source,
        first: Directory,
        shape: tuple[int, int],
        superres: int,
        frames: int,
    ) -> None:
        self._one = sum(first.values(279)) or 1
        each = max(self._one, source.size // frames if frames else 0)
        self._piece = min(max(int(each * _FRAMES), _LEAST), _MOST)
        self._all = _PLACES * self._piece >= source.size
        about = frames or source.size // each
        many = self._all and about > _MOST_ADDED
        dtype = np.dtype(np.uint16 if many else np.uint8)
        super().__init__((shape[0] << superres, shape[1] << superres), 1, dtype)
        self.source, self._first, self._raw, self._superres = source, first, shape, superres
        self.expected = min(about, int(_PLACES * self._piece / each)) if not self._all else about
        """Raw frames that are going to be added, more or less."""
        self.told: dict[str, Any] = {"raw frames in the movie": frames or None}
        """What was added, once that is known."""

    @property
    def note(self) -> str:
        """What of the movie is shown, in a sentence."""
        known = self.told["raw frames in the movie"]
        if self._all:
            return "Over the network the sum of all raw frames is shown as one."
        if not _ranges(self.source):
            return "The server sends whole files only: the first raw frames are added and shown."
        of = f" of {known:,}" if known else ""
        size = _PLACES * self._piece / 1e6
        return (
            f"Over the network about {self.expected}{of} raw frames, from {_PLACES} places all "
            "over the movie, are added and shown as one "
            f"({size:.0f} of {self.source.size / 1e6:,.0f} MB)."
        )

    def load(self, frame: int) -> NDArray[Any]:
        """Return the sum, and note of how many frames it is."""
        found = np.zeros(self.shape, self.dtype)
        added = self._everything(found) if self._all else self._pieces(found)
        if not added:
            EerPixels(self.source, [self._first], self._raw, self._superres).events(0, found)
            added = 1
        self.told["raw frames added"] = added
        if self._all and not self.told["raw frames in the movie"]:
            self.told["raw frames in the movie"] = added
        return found

    def _everything(self, out: NDArray[Any]) -> int:
        """Add all frames, in the order in which they come over the line."""
        added = 0
        try:
            with in_order(self.source, 0, self.source.size):
                for page in self._first.tiff.directories():
                    if self._same(page):
                        pixels = EerPixels(self.source, [page], self._raw, self._superres)
                        pixels.events(0, out)
                        added += 1
        except DamagedFile:
            if not added:  # frames before the break are whole
                raise
        return added

    def _pieces(self, out: NDArray[Any]) -> int:
        size, piece = self.source.size, self._piece
        many = _PLACES if _ranges(self.source) else 1
        starts = [(size - piece) * number // max(1, _PLACES - 1) for number in range(many)]
        lock, seen = threading.Lock(), 0

        def fetch(start: int) -> None:
            nonlocal seen
            data, filled = bytearray(piece), 0
            for one in self.source.stream(start, piece):
                data[filled : filled + len(one)] = one
                filled += len(one)
            run = _Piece(self.source.name, start, data)
            for page in self._directories(run):
                try:
                    with lock:
                        if seen < _MOST_ADDED:
                            pixels = EerPixels(run, [page], self._raw, self._superres)
                            pixels.events(0, out)
                            seen += 1
                except DamagedFile:  # it is not whole in this piece
                    continue

        with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="openem-pieces") as pool:
            list(pool.map(fetch, starts))
        return seen

    def _same(self, page: Directory) -> bool:
        return all(page.number(tag, 0) == self._first.number(tag, 0) for tag in (256, 257, 259))

    def _directories(self, piece: _Piece) -> Iterator[Directory]:
        """Yield the directories in a piece, recognised by their entry for the width."""
        tiff = copy.copy(self._first.tiff)
        tiff.source = piece
        entry, before = _entry(self._first)
        place = piece.data.find(entry)
        while place >= 0:
            try:
                page = tiff.directory(piece.at + place - before)
                if self._same(page):
                    yield page
            except DamagedFile:  # bytes that look like it by chance, or a part of one
                pass
            place = piece.data.find(entry, place + len(entry))


class _Piece:
    """Some bytes of a file, read by their place in the file."""

    near = True

    def __init__(self, name: str, at: int, data: bytearray) -> None:
        self.name, self.at, self.data = name, at, data

    @property
    def size(self) -> int:
        """Where the piece ends."""
        return self.at + len(self.data)

    def read(self, offset: int, count: int) -> bytes:
        """Return bytes of the piece; fewer, or none, where they lie outside."""
        start = offset - self.at
        return bytes(memoryview(self.data)[start : start + count]) if start >= 0 else b""

    def read_into(self, offset: int, buffer: Any) -> None:
        """Fill a buffer from a place on."""
        view = memoryview(buffer).cast("B")
        found = self.read(offset, len(view))
        if len(found) < len(view):
            raise damaged(self.name, "a piece of it ends")
        view[:] = found

    def stream(self, offset: int, count: int) -> Iterator[bytes]:
        """Yield the bytes from a place on, in one piece."""
        yield self.read(offset, count)

    def close(self) -> None:
        """Nothing is held."""


def _entry(page: Directory) -> tuple[bytes, int]:
    """Return the bytes of the entry for the width, and how far into a directory they lie."""
    tiff: Tiff = page.tiff
    prefix, each = (8, 20) if tiff.big else (2, 12)
    number = list(page.entries).index(_WIDTH)
    before = prefix + number * each
    raw = tiff.source.read(page.at + before, each)
    if len(raw) < each or struct.unpack_from(tiff.order + "H", raw)[0] != _WIDTH:
        raise damaged(tiff.source.name, "a directory of it names the width twice")
    return raw, before


def _ranges(source: Source) -> bool:
    """Return whether any part of the file can be asked for."""
    while isinstance(source, Section):
        source = source.whole
    return bool(getattr(source, "ranges", True))
