"""One micrograph, seen whole or pixel by pixel: contrast, frames, spectrum, picks, header."""

from __future__ import annotations

import base64
import itertools
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import ipywidgets

from openem_nb import images
from openem_nb.errors import InvalidInput
from openem_nb.images import Micrograph
from openem_nb.images._given import checked
from openem_nb.mining._beside import optics_beside
from openem_nb.panels import _html
from openem_nb.panels._micrograph_canvas import MicrographCanvas
from openem_nb.panels._micrograph_code import spelled
from openem_nb.panels._micrograph_picks import of_micrograph
from openem_nb.panels._micrograph_settings import defaults, limits_of, of_contrast, of_pixels
from openem_nb.panels._micrograph_views import Views
from openem_nb.panels.metadata_tree import MetadataTree

if TYPE_CHECKING:
    from openem_nb.images import Gain
    from openem_nb.images.ctf import Ctf
    from openem_nb.images.picks import Picks
    from openem_nb.panels._micrograph_views import Frame

__all__ = ["MicrographView"]

_STATIC: Final = 1024
"""Pixels of the longest side of the picture that a saved notebook keeps."""
_HEAVIEST: Final = 600_000
"""Bytes of it."""
_QUALITIES: Final = (85, 75, 65, 50, 35)

_HIDE: Final = (
    ".jp-OutputArea-child:has(.oem-image-static) + .jp-OutputArea-child"
    " .jupyter-widgets:not(:has(*)) { display: none; }"
)
"""The message that a widget cannot be shown says nothing that the picture does not say."""

_numbers = itertools.count(1)


class MicrographView(ipywidgets.VBox):  # type: ignore[misc]  # published without types
    """A micrograph, movie, tilt series or volume to look at.

    The whole image shows at once, at the size of the screen; its pixels come as somebody zooms in.
    Contrast is changed in the browser. A notebook that was saved or run without a front end keeps
    a picture.

    Parameters
    ----------
    source :
        Path or address of an image, or an open :class:`~openem_nb.images.Micrograph`. Without one
        nothing is shown until :meth:`show` is called. Where it does not know pixel size or voltage,
        it is told those of the mdoc file beside it.
    picks :
        Particle picks, or a file of them; those of other micrographs are left out.
    ctf :
        Its measured transfer function, whose rings are drawn over the spectrum.
    gain :
        Gain reference, or its file, that all frames are multiplied by.
    flip_rotate :
        How its file has to be turned before, as for :func:`openem_nb.images.read_gain`.
    pixel_size :
        Å, where the file does not know it or is wrong.
    frame :
        Number of a frame, from 0, or ``"sum"`` for the mean of all. By default the mean of a movie,
        the first frame of one at an address, the middle of a volume, and the least tilt of a
        series.
    contrast :
        Values that are drawn black and white.
    percent, sigma :
        Or how they are found: the percentage of pixels that may be all black, and all white (0.5
        by default), or the number of standard deviations around the mean.
    invert :
        Whether black and white change places.
    low_pass :
        Å below which details are not shown.
    binning :
        Pixels that are averaged at least along each side, a power of two.
    around :
        Number of neighbouring frames that are averaged.

    Examples
    --------
    >>> view = MicrographView("FoilHole_31936318.mrc", picks="picks.star")  # doctest: +SKIP
    >>> view  # doctest: +SKIP
    """

    def __init__(self, source: Micrograph | Path | str | None = None, **options: Any) -> None:
        self.canvas = MicrographCanvas()
        self.tree: MetadataTree | None = None
        """The header, once somebody has asked for it."""
        self._micrograph: Micrograph | None = None
        self._views: Views | None = None
        self._own = False
        self._files: dict[str, Any] = {}
        super().__init__([self.canvas])
        self.canvas.observe(self._show_header, "show_header")
        if source is not None:
            self.show(source, **options)
        elif options:
            raise InvalidInput(
                f"{', '.join(options)} without a micrograph.", hint="Give the micrograph, too."
            )

    def show(
        self,
        source: Micrograph | Path | str,
        *,
        picks: Picks | Path | str | None = None,
        ctf: Ctf | None = None,
        gain: Gain | Path | str | None = None,
        flip_rotate: str = "",
        pixel_size: float | None = None,
        frame: Frame | None = None,
        contrast: tuple[float, float] | None = None,
        percent: float | None = None,
        sigma: float | None = None,
        invert: bool = False,
        low_pass: float | None = None,
        binning: int = 1,
        around: int = 1,
    ) -> None:
        """Show another micrograph, with the parameters of the class."""
        own = not isinstance(source, Micrograph)
        micrograph = source if isinstance(source, Micrograph) else images.open_image(source)
        try:
            reference = _reference(gain, flip_rotate)
            _tell(micrograph)
            movie = micrograph.is_movie
            size = micrograph.pixel_size
            if pixel_size is not None:
                size = pixel_size = checked("pixel_size", pixel_size)
            known = None if picks is None else of_micrograph(picks, micrograph, size)
            settings = {
                **defaults(micrograph, movie=movie),
                **of_contrast(contrast, percent, sigma),
                **of_pixels(
                    micrograph, frame, low_pass, binning, around, movie=movie, pixel_size=size
                ),
                "invert": bool(invert),
            }
            views = Views(micrograph, gain=reference, arrived=self.canvas.refresh)
        except BaseException:
            if own:
                micrograph.close()
            raise
        self._end()
        self._micrograph, self._views, self._own = micrograph, views, own
        views.prepare(settings["frame"])
        self._files = {
            "picks": picks,
            "gain": gain,
            "flip_rotate": flip_rotate or None,
            "pixel_size": pixel_size,
        }
        self.canvas.show(
            micrograph,
            views,
            picks=known,
            ctf=ctf,
            pixel_size=size,
            tilts=micrograph.tilts,
            alt=_alt(micrograph, size, ctf),
            settings=settings,
            number=next(_numbers),
        )
        self._show_header()

    def draw(self, ctf: Ctf, *, frame: Frame | None = None, around: int = 1) -> None:
        """Draw the rings of a transfer function over the spectrum; all else stays as it is.

        Parameters
        ----------
        frame, around :
            What it was fitted to, as in the parameters of the class; by default the mean of a
            movie, and of a volume or tilt series the section that was shown first. Rings are not
            drawn over other sections.
        """
        if self.canvas.fits is None:
            raise InvalidInput("No micrograph is shown.", hint="Call show() with one.")
        self.canvas.fits.add(ctf, frame, around)
        self.canvas.refresh()

    def reveal(self) -> None:
        """Have the page scrolled so far that the image is in sight, where a page shows it."""
        self.canvas.reveal()

    @property
    def micrograph(self) -> Micrograph:
        """The micrograph that is shown."""
        if self._micrograph is None:
            raise InvalidInput("No micrograph is shown.", hint="Call show() with one.")
        return self._micrograph

    @property
    def ctf(self) -> Ctf | None:
        """The transfer function whose rings are drawn: the one given, or fitted in the viewer.

        None where what is shown has none: sections and tilts have each a fit of their own.
        """
        return self.canvas.ctf

    @property
    def picks(self) -> Picks | None:
        """The picks of this micrograph."""
        return self.canvas.picks

    @property
    def alt(self) -> str:
        """What the picture is, in words."""
        return _alt(self.micrograph, self.canvas.pixel_size, self.canvas.ctf)

    def code(self) -> str:
        """Return Python that shows the same, as ``view``.

        Raises
        ------
        InvalidInput
            If something that is shown came from no file.
        """
        micrograph, canvas = self.micrograph, self.canvas
        if not micrograph.source:
            raise _no_file("The micrograph")
        given: dict[str, Any] = {}
        for name, value in self._files.items():
            if value is None:
                continue
            if not isinstance(value, str | Path | int | float):
                raise _no_file(f"The {name}")
            given[name] = str(value) if isinstance(value, Path) else value
        return spelled(
            micrograph,
            given,
            canvas.settings,
            canvas.fit,
            usual=None if canvas.fits is None else canvas.fits.usual,
            pixel_size=canvas.pixel_size,
            around=Views(micrograph).around,
        )

    # without a front end

    def picture(self) -> bytes:
        """Return what is shown as a JPEG: the whole image, in the chosen frame and greys.

        At most 1024 pixels long and 600 kB.
        """
        micrograph, settings = self.micrograph, self.canvas.settings
        views = self._views or Views(micrograph)
        height, width = micrograph.shape
        factor = max(views.base, settings["binning"])
        part = views.part(
            settings["frame"],
            (0, height, 0, width),
            factor,
            around=settings["around"],
            resolution=settings["low_pass"],
            pixel_size=self.canvas.pixel_size,
        )
        values = part.values
        limits = limits_of(settings, values)
        if settings["invert"]:
            values, limits = -values, (-limits[1], -limits[0])
        size = self.canvas.pixel_size
        found = b""
        for quality in _QUALITIES:
            found = images.jpeg(
                values,
                contrast=limits,
                size=_STATIC,
                pixel_size=None if size is None else size * factor,
                origin=micrograph.origin,
                quality=quality,
            )
            if len(found) <= _HEAVIEST:
                break
        return found

    def _ipython_display_(self) -> None:
        """Show a picture, and the viewer that takes its place.

        The picture is an output of its own, because a notebook without a kernel shows an error in
        place of a widget, and nothing else that came with it.
        """
        from IPython.display import display

        if self._micrograph is not None:
            display({"text/html": self._figure(), "text/plain": self.alt}, raw=True)  # type: ignore[no-untyped-call]
        widget = super()._repr_mimebundle_()
        if widget is not None:
            display({**widget, "text/plain": repr(self)}, raw=True)  # type: ignore[no-untyped-call]

    def _figure(self) -> str:
        data = base64.b64encode(self.picture()).decode("ascii")
        alt = _html.escape(self.alt)
        return (
            f"<style>{_HIDE}</style>"
            f'<figure class="oem-image-static {self.canvas.about["static"]}" style="margin:0">'
            f'<img alt="{alt}" style="max-width:100%" src="data:image/jpeg;base64,{data}">'
            f"<figcaption>{alt}</figcaption></figure>"
        )

    def __repr__(self) -> str:
        return "<MicrographView>" if self._micrograph is None else f"<MicrographView: {self.alt}>"

    # header

    def _show_header(self, _: Any = None) -> None:
        if not self.canvas.show_header or self._micrograph is None:
            self.children = [self.canvas]
            return
        if self.tree is None:
            self.tree = MetadataTree(label="Header")
        self.tree.show(_described(self._micrograph))
        self.children = [self.canvas, self.tree]

    def _end(self) -> None:
        if self._views is not None:
            self._views.close()
        if self._micrograph is not None and self._own:
            self._micrograph.close()

    def close(self) -> None:
        """Close the view, and the file if the view has opened it."""
        self._end()
        self._micrograph = self._views = None
        if self.tree is not None:
            self.tree.close()
        self.canvas.close()
        super().close()


def _described(micrograph: Micrograph) -> dict[str, Any]:
    """Return what is known of a file, and its header."""
    height, width = micrograph.shape
    known: dict[str, Any] = {
        "format": micrograph.format,
        "size": f"{width} × {height} pixels",
        "frames": micrograph.frames,
        "type": str(micrograph.dtype),
        "first row": "at the bottom" if micrograph.origin == "lower" else "at the top",
    }
    if micrograph.pixel_size is not None:
        known["pixel size"] = {"value": micrograph.pixel_size, "unit": "Å"}
    if micrograph.voltage is not None:
        known["voltage"] = {"value": micrograph.voltage, "unit": "kV"}
    if micrograph.notes:
        known["notes"] = list(micrograph.notes)
    return {"image": known, "header": dict(micrograph.header)}


def _tell(micrograph: Micrograph) -> None:
    """Let an image know what the mdoc file beside it does, as it does in a gallery."""
    if micrograph.source and "://" not in micrograph.source and "member" not in micrograph.options:
        pixel_size, voltage = optics_beside(Path(micrograph.source))
        micrograph.told(pixel_size=pixel_size, voltage=voltage, by="mdoc file")


def _alt(micrograph: Micrograph, pixel_size: float | None, ctf: Ctf | None) -> str:
    """Return what the picture is, with the pixel size that is drawn."""
    words = f"Micrograph {micrograph.described(pixel_size=pixel_size)}"
    return words if ctf is None else f"{words}. {ctf.words}"


def _no_file(what: str) -> InvalidInput:
    return InvalidInput(
        f"{what} came from no file, so no code can open it.", hint="Give the path of a file."
    )


def _reference(gain: Gain | Path | str | None, flip_rotate: str) -> Gain | None:
    if isinstance(gain, str | Path):
        return images.read_gain(gain, flip_rotate=flip_rotate)
    if flip_rotate:
        raise InvalidInput(
            "flip_rotate without the file of a gain reference.",
            hint="Give the file, or turn the reference with images.read_gain.",
        )
    return gain
