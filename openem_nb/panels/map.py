"""The surface of a map, to turn and to change its level; a picture of it where nothing can turn."""

from __future__ import annotations

import base64
import gzip
import itertools
import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import traitlets

from openem_nb import images
from openem_nb.errors import InvalidInput, NotFound
from openem_nb.images import Map
from openem_nb.images.map_small import SmallMap, small_map
from openem_nb.panels import _html
from openem_nb.panels._front_end import FrontEnd, module, style
from openem_nb.panels._molstar import molstar, packed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["MapView"]

_LARGEST: Final = 320
"""Voxels along a side that a browser gets at most: 65 MB of 16 bit."""
_STEPS: Final = 65535
_SIZE: Final = 160
_HEIGHT: Final = 480
_USUAL: Final = 3.0
"""Standard deviations above the mean where the map suggests no level."""

_HIDE: Final = (
    ".jp-OutputArea-child:has(.oem-map-static) + .jp-OutputArea-child"
    " .jupyter-widgets:not(:has(*)) { display: none; }"
)
"""The message that a widget cannot be shown says nothing that the picture does not say."""

_numbers = itertools.count(1)


class MapView(FrontEnd):
    """The surface of a map in Mol*, to turn, to zoom, and to change its level.

    Mol* is the extra ``molstar``. Without it, in a notebook that was saved, or where the browser
    cannot draw in three dimensions, there is a picture of the surface from three sides.

    Parameters
    ----------
    source :
        An open :class:`~openem_nb.images.Map`, or its path or address.
    level :
        Where the surface is: that of the authors, for example. Without one the map suggests it.
    size :
        Voxels of the longest side that are shown; larger maps are averaged down.
    height :
        Pixels of the view.
    program :
        Folder of the npm package ``molstar``, in place of the extra.

    Attributes
    ----------
    level :
        As it is shown; can be set.

    Raises
    ------
    NotFound
        If there is no Mol* in the folder ``program``.

    Examples
    --------
    >>> openem.MapView("emd_3061.map.gz", level=0.05)  # doctest: +SKIP
    """

    _esm = module("map")
    _css = style("map")

    about = traitlets.Dict().tag(sync=True)
    level = traitlets.Float(0.0).tag(sync=True)

    _own = False  # whether there is a map to be closed; a view that never came to be is closed, too

    def __init__(
        self,
        source: Map | Path | str,
        *,
        level: float | None = None,
        size: int = _SIZE,
        height: int = _HEIGHT,
        program: Path | str | None = None,
    ) -> None:
        super().__init__()
        if not 16 <= size <= _LARGEST:
            raise InvalidInput(
                f"A view of {size} voxels along a side cannot be.", hint=f"16 to {_LARGEST} can."
            )
        given = (("size", size, _SIZE), ("height", height, _HEIGHT))
        self._given: dict[str, Any] = {name: int(one) for name, one, usual in given if one != usual}
        if program is not None:
            self._given["program"] = str(program)
        self._program: Path | None = None
        self._missing = ""
        try:
            self._program = molstar(program)
        except NotFound as error:
            if program is not None:
                raise
            self._missing = f"To turn it: {error.hint}"
        self.map = source if isinstance(source, Map) else images.open_map(source)
        """What is shown."""
        self._own = not isinstance(source, Map)
        try:
            self._show(level, size, height)
        except BaseException:
            if self._own:
                self.map.close()
            raise
        self.answer("program", self._send_program)
        self.answer("volume", self._send_volume)
        self.answer("enclosed", self._enclosed)

    def _show(self, level: float | None, size: int, height: int) -> None:
        taken = self.map.usable()
        self.rule = ""
        """How the level was found, where none was given."""
        if level is None:
            suggested = self.map.suggest_level()
            level, self.rule = suggested.level, suggested.words
            if level is None:
                level = min(taken.mean + _USUAL * taken.rms, (taken.mean + taken.max) / 2)
                self.rule = f"{self.rule} Shown {(level - taken.mean) / taken.rms:.2g} deviations "
                self.rule += "above the mean."
        if not math.isfinite(level):
            raise InvalidInput(f"A surface at {level} cannot be.", hint="Give a number.")
        self._small: SmallMap = small_map(self.map, longest=size)
        self.level = float(level)
        notes = [self.rule] if self.rule else []
        if self._small.factor > 1:
            notes.append(
                f"Shown are means of {self._small.factor} voxels along each side; "
                "thin parts are lower there than in the map."
            )
        if self.map.voxel_size is None:
            notes.append("The size of a voxel is not known; it is drawn as 1 Å.")
        self.about = {
            "alt": self.alt,
            "height": max(160, int(height)),
            "low": taken.min,
            "high": taken.max,
            "mean": taken.mean,
            "first": self.level,
            "notes": notes,
            "static": f"oem-map-{next(_numbers)}",
        }

    @property
    def interactive(self) -> bool:
        """Whether Mol* is there."""
        return self._program is not None

    @property
    def alt(self) -> str:
        """What the picture is, in words."""
        return f"Surface of {self.map.caption}, at the level {self.level:.4g}"

    def code(self) -> str:
        """Return Python that shows the same, as ``view``.

        Raises
        ------
        InvalidInput
            If the map came from no file.
        """
        if not self.map.source:
            raise InvalidInput(
                "The map came from no file, so no code can open it.",
                hint="Give the path of a file.",
            )
        words = [f"{name}={value!r}" for name, value in self._given.items()]
        call = ", ".join([repr(self.map.source), f"level={self.level!r}", *words])
        return f"import openem_nb as openem\n\nview = openem.MapView({call})\nview\n"

    # what the front end asks for

    def _send_program(self, _: Mapping[str, Any]) -> dict[str, Any]:
        if self._program is None:
            raise NotFound("Mol* is not installed.", hint=self._missing)
        return {"buffers": packed(self._program)}

    def _send_volume(self, _: Mapping[str, Any]) -> dict[str, Any]:
        """Return header and values: 16 bit between the extremes, 1/65,535 of them apart."""
        values = self._small.values
        low, high = float(values.min()), float(values.max())
        step = (high - low) / _STEPS or 1.0
        whole = np.rint((values - np.float32(low)) * np.float32(1 / step)).astype("<u2")
        return {
            "low": low,
            "step": step,
            "ball": self._small.ball(self.level),
            "buffers": [self._small.header(), gzip.compress(whole.tobytes(), 1, mtime=0)],
        }

    def _enclosed(self, content: Mapping[str, Any]) -> dict[str, Any]:
        found = self.map.contour(float(content["level"]), pieces=False)
        return {"words": " ".join(found.words)}

    # without a front end

    def picture(self) -> bytes:
        """Return a PNG of the surface from three sides."""
        from openem_nb.images.map_pictures import surfaces

        return surfaces(self.map, self.level)

    def _ipython_display_(self) -> None:
        """Show a picture, and the view that takes its place.

        The picture is an output of its own, because a notebook without a kernel shows an error in
        place of a widget, and nothing else that came with it.
        """
        from IPython.display import display

        display({"text/html": self._figure(), "text/plain": self.alt}, raw=True)  # type: ignore[no-untyped-call]
        widget = super()._repr_mimebundle_() if self.interactive else None
        if widget is not None:
            data = widget[0] if isinstance(widget, tuple) else widget
            display({**data, "text/plain": repr(self)}, raw=True)  # type: ignore[no-untyped-call]

    def _figure(self) -> str:
        data = base64.b64encode(self.picture()).decode("ascii")
        words = ". ".join([self.alt, *self.about["notes"][: 1 if self.rule else 0]])
        alt, told = _html.escape(self.alt), _html.escape(f"{words}. {self._missing}".strip(" ."))
        return (
            f"<style>{_HIDE}</style>"
            f'<figure class="oem-map-static {self.about["static"]}" style="margin:0">'
            f'<img alt="{alt}" style="max-width:100%" src="data:image/png;base64,{data}">'
            f"<figcaption>{told}</figcaption></figure>"
        )

    def __repr__(self) -> str:
        return f"<MapView: {self.alt}>"

    def close(self) -> None:
        """Close the view, and the file if the view has opened it."""
        if self._own:
            self.map.close()
        super().close()
