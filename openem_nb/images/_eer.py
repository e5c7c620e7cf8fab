"""Movies of events (EER): every electron counted once, at the pixels of the camera or finer.

Electron event representation (Guo et al. 2020, IUCrJ 7, 860): a BigTIFF with one directory for
each raw frame, whose strips hold the distances from one event to the next, and for each event
where inside its pixel it fell. One raw frame holds a few hundredths of an electron for a pixel, so
a movie is looked at as the sum of its frames.
"""

from __future__ import annotations

import re
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.errors import InvalidInput
from openem_nb.formats.mrc import LONGEST
from openem_nb.formats.source import damaged, truncated
from openem_nb.images._pixels import About, Plain
from openem_nb.images._tiff_tags import angstroms, described, whole_frames
from openem_nb.images.threads import workers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from openem_nb.formats.source import Source
    from openem_nb.formats.tiff import Directory, Tiff
    from openem_nb.jobs import Progress

__all__ = ["EerPixels", "open_eer"]

_BITS: Final = {65000: (8, 2, 2), 65001: (7, 2, 2)}
"""For each compression the bits of a distance, and those of the place in y and x."""
_ITEM: Final = re.compile(
    rb'<item\s+name="([^"<>]{1,80})"(?:\s+unit="([^"<>]{0,20})")?\s*>([^<]{0,400})</item>'
)
_MOST_ITEMS: Final = 500
_LARGEST_PIXEL: Final = 1000.0
"""Å on the specimen, at a magnification of 140; the pixels of sensors are above 10,000 Å."""
_LARGEST_FRAME: Final = 256 << 20


def open_eer(source: Source, tiff: Tiff, *, superres: int = 0) -> tuple[Plain, About]:
    """Find the raw frames of an EER file and stand ready to add their events."""
    pages: list[Directory] = []
    notes: list[str] = []
    broken = ""
    walk = tiff.directories()
    while True:
        try:
            directory = next(walk, None)
        except ValueError as error:  # frames before the break are whole
            broken = str(error)
            break
        if directory is None:
            break
        if directory.number(259, 1) in (65000, 65001, 65002):
            pages.append(directory)
        if not source.near:
            break
    if not pages:
        raise damaged(source.name, "it has no frame of events")
    first = pages[0]
    width, height = first.number(256, 0), first.number(257, 0)
    if not (0 < width <= LONGEST and 0 < height <= LONGEST):
        raise damaged(source.name, f"a frame cannot have {width} × {height} pixels")
    same: Sequence[Directory] = [
        one for one in pages if (one.number(256, 0), one.number(257, 0)) == (width, height)
    ]
    problems: tuple[str, ...] = ()
    if source.near:
        same, problems = whole_frames(same, (one.end for one in same), source, broken)
    found = [
        tuple(one.decode("utf-8", "replace").strip() for one in item)
        for item in _ITEM.findall(first.data(65001))[:_MOST_ITEMS]
    ]
    items = {name: value for name, _unit, value in found}
    said = items.get("numberOfFrames", "")
    if said.isdecimal() and len(said) < 8 and int(said) != len(same) and source.near:
        told = f"The camera says {int(said)} frames, the file holds {len(same)}."
        problems = (*problems, told)
    pixels: Plain
    preview: dict[str, Any] | None = None
    if source.near:
        pixels = EerPixels(source, same, (height, width), superres)
    else:
        from openem_nb.images._eer_far import FarEerPixels

        known = int(said) if said.isdecimal() and len(said) < 8 else 0
        far = FarEerPixels(source, first, (height, width), superres, known)
        notes.append(far.note)
        pixels, preview = far, far.told
    tagged, tree, _notes = described(first)
    size = _specimen_pixel(found) or tagged
    header: dict[str, Any] = {"TIFF": tree}
    if items:
        header["EER"] = items
    if preview is not None:
        header["preview"] = preview
    about = About(
        format="eer",
        axes=("frame", "y", "x") if len(same) > 1 else ("y", "x"),
        pixel_size=None if size is None else size / (1 << superres),
        header=header,
        notes=tuple(notes),
        problems=problems,
    )
    return pixels, about


def _specimen_pixel(items: Sequence[tuple[str, ...]]) -> float | None:
    """Return the Å of a pixel of the camera on the specimen, as the camera says; else None.

    Cameras write the pixel of their sensor, 14 µm, under the very name under which other versions
    write what it is on the specimen: the size alone tells which it is.
    """
    for name, unit, value in items:
        if name == "sensorPixelSize.width":
            size = angstroms(value, unit or "m")
            return size if size is not None and size < _LARGEST_PIXEL else None
    return None


class EerPixels(Plain):
    """Raw frames of an EER file."""

    def __init__(
        self, source: Source, pages: Sequence[Directory], shape: tuple[int, int], superres: int
    ) -> None:
        height, width = shape[0] << superres, shape[1] << superres
        super().__init__((height, width), len(pages), np.dtype(np.uint16))
        self.source, self.pages, self.superres = source, pages, superres

    def events(self, frame: int, out: NDArray[np.uint16]) -> None:
        """Add the events of a frame to an image."""
        import imagecodecs

        page = self.pages[frame]
        skip, across, down = self._bits(page)
        raw = self._raw(page)
        try:
            imagecodecs.eer_decode(
                raw, self.shape, skip, across, down, superres=self.superres, out=out
            )
        except (RuntimeError, ValueError) as error:
            raise damaged(
                self.source.name, f"the events of frame {frame} make no sense ({error})"
            ) from error

    def _bits(self, page: Directory) -> tuple[int, int, int]:
        compression = page.number(259, 0)
        if compression in _BITS:
            return _BITS[compression]
        bits = page.number(65007, 7), page.number(65008, 2), page.number(65009, 2)
        if not (1 <= bits[0] <= 16 and 1 <= bits[1] <= 4 and 1 <= bits[2] <= 4):
            raise damaged(self.source.name, f"events cannot have {bits} bits")
        if self.superres > min(bits[1:]):
            raise InvalidInput(
                f"{self.source.name} holds {min(bits[1:])} bits of the place inside a pixel.",
                hint="Choose a smaller super-resolution.",
            )
        return bits

    def _raw(self, page: Directory) -> bytes:
        """Return the bytes of a frame: its strips are one stream of bits."""
        offsets, counts = page.values(273), page.values(279)
        if not offsets or len(offsets) != len(counts):
            raise damaged(self.source.name, "a frame says not where its events are")
        if sum(counts) > _LARGEST_FRAME:
            raise damaged(self.source.name, f"a frame cannot have {sum(counts):,} bytes")
        parts = [self.source.read(at, many) for at, many in zip(offsets, counts, strict=True)]
        if any(len(part) < many for part, many in zip(parts, counts, strict=True)):
            raise truncated(self.source.name, max(offsets) + counts[-1], self.source.size)
        whole = parts[0] if len(parts) == 1 else b"".join(parts)
        # the decoder reads two bytes at a time; ones alone add no event
        return whole if len(whole) % 2 == 0 else whole + b"\xff"

    def load(self, frame: int) -> NDArray[np.uint16]:
        """Return one raw frame."""
        found = np.zeros(self.shape, np.uint16)
        self.events(frame, found)
        return found

    def total(
        self, frames: Sequence[int], *, progress: Progress | None = None
    ) -> NDArray[np.int32]:
        """Return the sum of frames, int32.

        Each thread has an image of its own and takes the next frame when it is free. A pixel gets
        one event of a frame at most in two bytes, so 65,535 frames fit; there are never so many.
        """
        left = iter(enumerate(frames))
        shared = threading.Lock()
        if progress is not None:
            progress.update(0, total=len(frames), unit="frames", message="Counting electrons")

        def add(_worker: int) -> NDArray[np.uint16]:
            own = np.zeros(self.shape, np.uint16)
            while True:
                with shared:
                    number, frame = next(left, (-1, -1))
                if number < 0:
                    return own
                self.events(frame, own)
                if progress is not None:
                    progress.update(number + 1)

        many = min(workers(), len(frames))
        with ThreadPoolExecutor(many, thread_name_prefix="openem-events") as pool:
            parts = list(pool.map(add, range(many)))
        found = parts[0].astype(np.int32)
        for part in parts[1:]:
            found += part
        return found

    def close(self) -> None:
        """Close the file."""
        super().close()
        self.source.close()
