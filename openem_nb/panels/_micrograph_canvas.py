"""The front end of the viewer: answers what it asks for, in the part and size that it shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import traitlets

from openem_nb.errors import InvalidInput, OpenEMError
from openem_nb.panels import _html
from openem_nb.panels._front_end import FrontEnd, module, style
from openem_nb.panels._micrograph_fits import Fits
from openem_nb.panels._micrograph_picks import packed
from openem_nb.panels._micrograph_views import encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from openem_nb.images import Micrograph
    from openem_nb.images.ctf import Ctf
    from openem_nb.images.picks import Picks
    from openem_nb.images.spectrum import Spectrum
    from openem_nb.panels._micrograph_fits import Fit
    from openem_nb.panels._micrograph_views import Frame, Part, Views

__all__ = ["MicrographCanvas"]

_NOUNS: Final = {"frame": "Frame", "z": "Section", "tilt": "Tilt"}


class MicrographCanvas(FrontEnd):
    """The image with all that is beside it; :class:`MicrographView` puts it together."""

    _esm = module("micrograph")
    _css = style("micrograph")

    about = traitlets.Dict().tag(sync=True)
    settings = traitlets.Dict().tag(sync=True)
    version = traitlets.Int(0).tag(sync=True)
    show_header = traitlets.Bool(False).tag(sync=True)
    revealed = traitlets.Int(0).tag(sync=True)

    def __init__(self) -> None:
        super().__init__()
        self.micrograph: Micrograph | None = None
        self.views: Views | None = None
        self.picks: Picks | None = None
        self.fits: Fits | None = None
        self.pixel_size: float | None = None
        self._power: tuple[object, Spectrum] | None = None
        self._heard = False  # whether a front end has asked for a view yet
        for action, handler in (
            ("view", self._view),
            ("picks", self._picks),
            ("spectrum", self._spectrum),
        ):
            self.answer(action, handler)

    def show(
        self,
        micrograph: Micrograph,
        views: Views,
        *,
        picks: Picks | None,
        ctf: Ctf | None,
        pixel_size: float | None,
        tilts: tuple[float, ...],
        alt: str,
        settings: Mapping[str, Any],
        number: int,
    ) -> None:
        """Show a micrograph; ``number`` is another one each time.

        A front end that is there gets the whole image unasked, as soon as it is read: the way of
        a question to the kernel is spared. One that comes later asks.
        """
        self.micrograph, self.views, self.picks = micrograph, views, picks
        self.pixel_size, self._power = pixel_size, None
        self.fits = Fits(micrograph, settings["frame"], settings["around"])
        if ctf is not None:
            self.fits.add(ctf)
        first = views.first if self._heard and _is_plain(settings, views) else None
        height, width = micrograph.shape
        axis = micrograph.axes[0] if micrograph.frames > 1 else "frame"
        with self.hold_sync():
            self.about = {
                "id": number,
                "static": f"oem-image-{self.model_id}",
                "name": _html.plain(micrograph.name),
                "alt": _html.plain(alt),
                "height": height,
                "width": width,
                "up": micrograph.origin == "lower",
                "pixel_size": pixel_size,
                "voltage": micrograph.voltage,
                "frames": micrograph.frames,
                "noun": "Tilt" if tilts else _NOUNS.get(axis, "Frame"),
                "tilts": list(tilts),
                "movie": micrograph.is_movie and not tilts,
                "base": views.base,
                "notes": [
                    _html.plain(one)
                    for one in (*micrograph.notes, *(() if picks is None else picks.notes))
                ],
                "picks": None if picks is None else len(picks),
                "coming": first is not None,
            }
            self.settings = dict(settings)
            self.version += 1
        if first is not None:
            frame, job = first
            job.when_done(lambda _: self._send_first(number, frame, views))

    @property
    def fit(self) -> Fit | None:
        """The fit that holds for what is shown; None where there is none."""
        if self.fits is None:
            return None
        return self.fits.of(self.settings["frame"], self.settings["around"])

    @property
    def ctf(self) -> Ctf | None:
        """Its transfer function."""
        fit = self.fit
        return None if fit is None else fit.ctf

    def refresh(self) -> None:
        """Let the front end ask again: there is more to be shown."""
        self.version += 1

    def reveal(self) -> None:
        """Have the page scrolled so far that the image is in sight."""
        self.revealed += 1

    def _send_first(self, number: int, frame: int, views: Views) -> None:
        """Send the whole image as it was read; a front end that gets nothing asks for it."""
        if views is not self.views:
            return
        try:
            height, width = views.micrograph.shape
            part = views.part(frame, (0, height, 0, width), views.base)
        except Exception:  # noqa: BLE001  (who asks for it is told)
            return
        answer = _packed(part, frame)
        buffers = answer.pop("buffers")
        self.send({"type": "view", "id": number, "content": answer}, buffers=buffers)

    def _known(self) -> tuple[Micrograph, Views]:
        if self.micrograph is None or self.views is None:
            raise InvalidInput("No micrograph is shown.", hint="Open one.")
        return self.micrograph, self.views

    def _frame(self, content: Mapping[str, Any]) -> tuple[Frame, str]:
        """Return the frame that is shown, and what a person waits for."""
        micrograph, views = self._known()
        frame = content.get("frame", 0)
        if frame != "sum":
            return int(frame), ""
        if views.averaged:
            return "sum", ""
        job = views.begin_average()
        error = job.error
        if error is None:
            words = f"Frame 1; the mean of {micrograph.frames} frames is on its way…"
            return ("sum", "") if job.done else (0, words)
        hint = error.hint if isinstance(error, OpenEMError) else ""
        return 0, f"The frames cannot be averaged: {error} {hint}".strip()

    def _view(self, content: Mapping[str, Any]) -> Mapping[str, Any]:
        _, views = self._known()
        self._heard = True
        frame, pending = self._frame(content)
        box = tuple(int(content[name]) for name in ("y0", "y1", "x0", "x1"))
        low_pass = content.get("low_pass")
        part = views.part(
            frame,
            box,  # type: ignore[arg-type]  # four of them
            int(content["factor"]),
            around=int(content.get("around") or 1),
            resolution=None if low_pass is None else float(low_pass),
            pixel_size=self.pixel_size,
        )
        return _packed(part, frame, pending)

    def _picks(self, _: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.picks is None:
            raise InvalidInput("There are no picks.", hint="Give a file of picks.")
        return packed(self.picks)

    def _spectrum(self, content: Mapping[str, Any]) -> Mapping[str, Any]:
        from openem_nb.panels._micrograph_spectrum import fitted, measured, shown

        micrograph, views = self._known()
        frame, pending = self._frame(content)
        if pending:
            raise InvalidInput(pending)
        around = int(content.get("around") or 1)
        image = views.whole(frame, around)
        fits: Fits = self.fits  # type: ignore[assignment]  # it is there with the micrograph
        fit = content.get("fit")
        if fit:
            found, asked = fitted(image, {"pixel_size": self.pixel_size, **fit})
            fits.add(found, frame, around, asked=asked)
        key = (views, frame, around)
        if self._power is None or self._power[0] != key:
            power = measured(image, pixel_size=self.pixel_size, voltage=micrograph.voltage)
            self._power = key, power
        known = fits.of(frame, around)
        up, noun = micrograph.origin == "lower", self.about["noun"]
        known_ctf = None if known is None else known.ctf
        own, told = True, ""
        if known is not None:
            own = fits.is_of(known, frame, around)
            told = "" if own else f"Fit of {fits.spoken(known, noun)}: "
        elif places := fits.places(noun):
            told = f"Not fitted here; fitted to {', '.join(places)}. "
        return shown(self._power[1], known_ctf, up=up, own=own, told=told)


def _is_plain(settings: Mapping[str, Any], views: Views) -> bool:
    """Return whether the first view is the whole image as it is read."""
    return (
        settings["low_pass"] is None
        and settings["binning"] <= views.base
        and (settings["around"] == 1 or views.micrograph.frames == 1)
    )


def _packed(part: Part, frame: Frame, pending: str = "") -> dict[str, Any]:
    """Return a view as it travels, its pixels under ``buffers``."""
    encoded = encode(part.values)
    height, width = part.values.shape
    return {
        "frame": frame,
        "pending": pending,
        **{name: getattr(part, name) for name in ("y0", "y1", "x0", "x1", "factor")},
        "height": height,
        "width": width,
        "cut": list(encoded.cut),
        "scale": encoded.scale,
        "offset": encoded.offset,
        "buffers": [encoded.levels.data.cast("B")],
    }
