"""One micrograph, movie, tilt series or volume, read lazily.

Arrays are (y, x). Row 0 is the first row in the file: in MRC files the bottom of the picture, which
is what angles are counted from, counter-clockwise from x. :attr:`Micrograph.origin` says where the
first row is to be drawn.
"""

from __future__ import annotations

import base64
import html
import itertools
import operator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal, Self

import numpy as np

from openem_nb.errors import InvalidInput
from openem_nb.images import _summing, _views
from openem_nb.images.pictures import jpeg
from openem_nb.images.reduce import BlockMean, factor_for

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from openem_nb.images._pixels import About, Pixels
    from openem_nb.images.gain import Gain
    from openem_nb.jobs import Progress

__all__ = ["Micrograph"]

Frame = int | Literal["sum"]

_STATIC: Final = 768
"""Pixels of the longest side of the picture that a saved notebook keeps."""

_MOST_ADDED: Final = 10_000
"""Frames of which a picture shows the sum: cameras write some thousands of one exposure."""

_numbers = itertools.count()


class Micrograph:
    """An image file that is open: what its header says, and its pixels as they are asked for.

    Made by :func:`openem_nb.images.open_image`. Safe to read from many threads. Closes its file at
    the end of a ``with`` block, with :meth:`close`, or when it is forgotten.
    """

    def __init__(
        self,
        pixels: Pixels,
        about: About,
        *,
        name: str,
        source: str = "",
        identity: object = None,
        fetched: Any = None,
        options: Mapping[str, Any] | None = None,
        again: str = "",
    ) -> None:
        self._pixels, self._about = pixels, about
        self.name = name
        """Name of the file, without its folder."""
        self.source = source
        """Path or address, without a query; empty for bytes from memory."""
        self._key = identity if identity is not None else next(_numbers)
        self._fetched = fetched
        self.options: dict[str, Any] = dict(options or {})
        """What :func:`~openem_nb.images.open_image` was given beside the source."""
        self._again, self._told = again, list[dict[str, Any]]()

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy it, or send it to another process, as what opens the same file there."""
        if not self._again:
            raise InvalidInput(
                f"{self.name} cannot be copied or sent: only a file on disk or at an address "
                "without a key can be opened again.",
                hint="Send its pixels, .frame(i) or .average(), or what it was opened from.",
            )
        from openem_nb.images.opening import open_again

        return open_again, (self._again, self.options, self._told)

    @property
    def format(self) -> str:
        """The format, by content: ``mrc``, ``tiff``, ``eer``, ``dm``, ``velox``, ``png``..."""
        return self._about.format

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of one frame."""
        return self._pixels.shape

    @property
    def frames(self) -> int:
        """Frames, sections or tilts in the file; raw frames of an EER file."""
        return self._pixels.frames

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels."""
        return self._pixels.dtype

    @property
    def axes(self) -> tuple[str, ...]:
        """Names of the axes: ``y`` and ``x``, with ``frame``, ``z`` or ``tilt`` before them."""
        return self._about.axes

    @property
    def pixel_size(self) -> float | None:
        """Å of a pixel; None where the file does not know it."""
        return self._about.pixel_size

    @property
    def voltage(self) -> float | None:
        """Acceleration voltage in kV; None where the file does not know it."""
        return self._about.voltage

    @property
    def header(self) -> Mapping[str, Any]:
        """The header as a tree of names and plain values."""
        return self._about.header

    @property
    def notes(self) -> tuple[str, ...]:
        """What is odd about the file, in sentences, with :attr:`problems` first; usually empty."""
        return (*self.problems, *self._about.notes)

    @property
    def problems(self) -> tuple[str, ...]:
        """What of the file is missing or broken, in sentences; empty where it is whole.

        What follows behind packed content shows when all of it has been read.
        """
        found: tuple[str, ...] = getattr(getattr(self._pixels, "source", None), "odd", ())
        return (*self._about.problems, *found)

    @property
    def origin(self) -> str:
        """Where the first row is drawn: ``lower`` for MRC, ``upper`` for the other formats."""
        return self._about.origin

    @property
    def tilts(self) -> tuple[float, ...]:
        """Tilt angle of each section in degrees, where header or mdoc file hold them."""
        return self._about.tilts

    @property
    def is_movie(self) -> bool:
        """Whether its frames are one exposure, and their sum the micrograph."""
        return self.frames > 1 and self.axes[0] == "frame"

    def told(
        self,
        *,
        pixel_size: float | None = None,
        voltage: float | None = None,
        by: str = "data set",
        notes: tuple[str, ...] = (),
    ) -> Self:
        """Take in what is known of the image from elsewhere, where the file does not know it.

        Parameters
        ----------
        pixel_size, voltage :
            Å and kV; None where they are not known elsewhere either.
        by :
            What of it knows them, for the note that says so.
        notes :
            What is odd about what is known, in sentences.

        Returns
        -------
        The micrograph itself.
        """
        about = self._about
        told = {"pixel_size": pixel_size, "voltage": voltage, "by": by, "notes": notes}
        self._told.append(told)
        about = replace(about, notes=(*about.notes, *notes)) if notes else about
        if about.pixel_size is None and pixel_size is not None:
            note = f"The file does not know its pixel size: {pixel_size:g} Å is from its {by}."
            about = replace(about, pixel_size=pixel_size, notes=(*about.notes, note))
        if about.voltage is None and voltage is not None:
            about = replace(about, voltage=voltage)
        self._about = about
        return self

    @property
    def bytes_fetched(self) -> int:
        """Bytes that came over the network so far; 0 for a local file."""
        return 0 if self._fetched is None else int(self._fetched())

    # pixels

    def frame(self, i: int = 0) -> NDArray[Any]:
        """Return one whole frame, (y, x), in the type of the file."""
        return self.band(0, self.shape[0], frame=i)

    def band(
        self, y0: int, y1: int, *, frame: int = 0, out: NDArray[Any] | None = None
    ) -> NDArray[Any]:
        """Return the rows from ``y0`` to before ``y1``.

        Parameters
        ----------
        y0, y1 :
            Pixels from the first row of the file.
        frame :
            Number of the frame.
        out :
            Array of that shape to read into; returned.

        Raises
        ------
        InvalidInput
            If the rows are not all in the image, or ``out`` has another shape.
        """
        self._check(frame, y0, y1, 0, self.shape[1])
        wanted = (y1 - y0, self.shape[1])
        if out is not None and out.shape != wanted:
            raise InvalidInput(
                f"The array to read into has the shape {out.shape}, these rows have {wanted}.",
                hint="Give an array of that shape, or none.",
            )
        return self._pixels.band(frame, y0, y1, out)

    def window(self, y0: int, y1: int, x0: int, x1: int, *, frame: int = 0) -> NDArray[Any]:
        """Return a part of a frame, (y, x), in the type of the file.

        Parameters
        ----------
        y0, y1, x0, x1 :
            First row and the one after the last, first column and the one after the last; pixels.
        frame :
            Number of the frame.

        Raises
        ------
        InvalidInput
            If it is not all in the image.
        """
        self._check(frame, y0, y1, x0, x1)
        return self._pixels.window(frame, y0, y1, x0, x1)

    def average(
        self,
        *,
        gain: Gain | NDArray[Any] | Path | str | None = None,
        frames: Iterable[int] | None = None,
        progress: Progress | None = None,
    ) -> NDArray[np.float32]:
        """Return the mean of the frames, (y, x), without holding more than one of them.

        Parameters
        ----------
        gain :
            Gain reference, or the path of one, which the mean is multiplied by. One that was read
            from a file lies on the image as RELION lays it; an array row on row.
        frames :
            Numbers of frames, or a truth value for each; all by default.

        Raises
        ------
        InvalidInput
            If there is no such frame, none is chosen, or the gain reference has another shape.
        """
        chosen = range(self.frames) if frames is None else self._chosen(frames)
        if not len(chosen):
            raise InvalidInput("A mean of no frames is none.", hint="Name one frame at least.")
        for one in (min(chosen), max(chosen)):
            self._check(one, 0, self.shape[0], 0, self.shape[1])
        if gain is None:
            return _summing.mean(self._pixels, chosen, progress=progress)
        from openem_nb.images.gain import as_gain

        known = as_gain(gain).fitted(self)
        known.check(self.shape)
        return _summing.mean(self._pixels, chosen, gain=known.array, progress=progress)

    def _chosen(self, frames: Iterable[int]) -> list[int]:
        """Return the numbers of the frames that are meant."""
        wrong = InvalidInput(
            f"{frames!r:.80} does not choose frames of {self.name}.",
            hint="Give their numbers, such as range(3) for the first three, or a truth value for "
            f"each of {self.frames}.",
        )
        if isinstance(frames, str | bytes):
            raise wrong
        try:
            listed = list(frames)
            truths = {isinstance(one, bool | np.bool_) for one in listed}
            if True not in truths:
                return [operator.index(one) for one in listed]
        except TypeError:
            raise wrong from None
        if truths != {True} or len(listed) != self.frames:
            raise wrong
        return [number for number, wanted in enumerate(listed) if wanted]

    def view(
        self,
        y0: int,
        y1: int,
        x0: int,
        x1: int,
        *,
        height: int,
        width: int,
        frame: Frame = 0,
    ) -> NDArray[np.float32]:
        """Return a part of a frame at a size for the screen, float32.

        Every pixel of the result is the mean of a block of pixels; blocks cover the part without
        gaps, and their sides differ by one pixel at most. A part that is smaller than the size
        asked for comes as it is. Answers are remembered while there is room.

        Parameters
        ----------
        y0, y1, x0, x1 :
            First row and the one after the last, first column and the one after the last; pixels.
        height, width :
            Rows and columns of the result at most.
        frame :
            Number of a frame, or ``"sum"`` for the mean of all of them.

        Raises
        ------
        InvalidInput
            If the part is not all in the image, or a view has no pixel.
        """
        self._check(frame, y0, y1, x0, x1)
        if height < 1 or width < 1:
            raise InvalidInput("A view has one pixel at least.", hint="Give height and width.")
        shape = (min(height, y1 - y0), min(width, x1 - x0))
        key = (self._key, frame, y0, y1, x0, x1, shape)
        return _views.remembered(key, lambda: self._reduced(frame, (y0, y1, x0, x1), shape, None))

    def thumbnail(self, size: int = 512, frame: Frame | None = None) -> NDArray[np.float32]:
        """Return the whole image at most ``size`` pixels long, float32.

        It is the block mean by one whole factor, so that a pixel of it is ``factor_for(shape,
        size)`` times the pixel size; the last row and column average what is left.

        Parameters
        ----------
        frame :
            By default the mean of all frames of a movie, and the middle section of a volume or
            tilt series. Of a movie at an address it is the first frame, so that not all of it has
            to come over the line, and so it is of one with more than 10,000 frames.
        """
        chosen: Frame = self._shown() if frame is None else frame
        height, width = self.shape
        self._check(chosen, 0, height, 0, width)
        factor = factor_for(self.shape, size)
        key = (self._key, chosen, "thumbnail", factor)
        return _views.remembered(
            key, lambda: self._reduced(chosen, (0, height, 0, width), None, factor)
        )

    def _shown(self) -> Frame:
        if self.frames == 1:
            return 0
        if self.is_movie:  # over a line one frame has to do
            return "sum" if self._fetched is None and self.frames <= _MOST_ADDED else 0
        return self.frames // 2

    def _reduced(
        self,
        frame: Frame,
        part: tuple[int, int, int, int],
        shape: tuple[int, int] | None,
        factor: int | None,
    ) -> NDArray[np.float32]:
        if frame == "sum":
            if _summing.cheap(self._pixels):
                whole = _views.remembered((self._key, "average"), self.average)
                y0, y1, x0, x1 = part
                reducer = BlockMean((y1 - y0, x1 - x0), whole.dtype, factor=factor, shape=shape)
                reducer.add(whole[y0:y1, x0:x1])
                return reducer.result()
            found = self._reduced(0, part, shape, factor)
            for one in range(1, self.frames):
                found += self._reduced(one, part, shape, factor)
            found /= np.float32(self.frames)
            return found
        pixels = self._pixels
        smaller = getattr(pixels, "smaller", None)
        if smaller is not None:  # the image may be there at several sizes
            y0, y1, x0, x1 = part
            by = factor or 1
            wanted = shape or (-(-(y1 - y0) // by), -(-(x1 - x0) // by))
            found = smaller(frame, part, wanted)
            if found is not None:
                level, like, there = found
                return _views.reduced(level, like, there, shape=wanted, factor=None)
        return _views.reduced(pixels, frame, part, shape=shape, factor=factor)

    def _check(self, frame: object, y0: int, y1: int, x0: int, x1: int) -> None:
        if frame != "sum" and not (
            isinstance(frame, (int, np.integer)) and 0 <= frame < self.frames
        ):
            raise InvalidInput(
                f"{self.name} has no frame {frame!r}.",
                hint=f"Frames are counted from 0 to {self.frames - 1}.",
            )
        height, width = self.shape
        if not (0 <= y0 < y1 <= height and 0 <= x0 < x1 <= width):
            raise InvalidInput(
                f"Rows {y0} to {y1} and columns {x0} to {x1} are not all in {self.name}.",
                hint=f"It has {height:,} rows and {width:,} columns.",
            )

    # how it shows itself

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        """Return all pixels: (y, x), or (frame, y, x) of a file with several frames."""
        if copy is False:
            raise ValueError("pixels are read from the file, so they are always a copy")
        height, width = self.shape
        if self.frames == 1:
            found = self.frame()
        else:
            found = np.empty((self.frames, height, width), self.dtype)
            for one in range(self.frames):
                self.band(0, height, frame=one, out=found[one])
        return found if dtype is None else found.astype(dtype, copy=False)

    def picture(self, size: int = _STATIC) -> bytes:
        """Return a JPEG of the image with a scale bar where the pixel size is known."""
        small = self.thumbnail(size)
        factor = factor_for(self.shape, size)
        pixel = None if self.pixel_size is None else self.pixel_size * factor
        return jpeg(small, pixel_size=pixel, origin=self.origin)

    @property
    def caption(self) -> str:
        """Name, size and pixel size in words."""
        return self.described(pixel_size=self.pixel_size)

    def described(self, *, pixel_size: float | None) -> str:
        """Return the caption with another pixel size, Å; None where it is not known."""
        height, width = self.shape
        words = [self.name, f"{width} × {height} pixels"]
        if self.frames > 1:
            words.append(f"{self.frames} {_PLURALS[self.axes[0]]}")
        if pixel_size is not None:
            words.append(f"{pixel_size:.4g} Å per pixel")
        if self.voltage is not None:
            words.append(f"{self.voltage:g} kV")
        return ", ".join(words)

    def __repr__(self) -> str:
        return f"<Micrograph {self.caption}, {self.format}, {self.dtype}>"

    def _repr_html_(self) -> str:
        data = base64.b64encode(self.picture()).decode("ascii")
        caption = html.escape(self.caption, quote=True)
        notes = "".join(f"<br>{html.escape(note)}" for note in self.notes)
        return (
            f'<figure style="margin:0"><img alt="Micrograph {caption}" style="max-width:100%"'
            f' src="data:image/jpeg;base64,{data}">'
            f"<figcaption>{caption}{notes}</figcaption></figure>"
        )

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        return {"text/plain": repr(self), "text/html": self._repr_html_()}

    def close(self) -> None:
        """Close the file."""
        self._pixels.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_PLURALS: Final = {
    "channel": "channels",
    "frame": "frames",
    "position": "positions",
    "tilt": "tilts",
    "y": "frames",
    "z": "sections",
}
