"""A map on one sheet: three slices, its surface from three sides, its histogram, facts, doubts."""

from __future__ import annotations

import base64
import html
import io
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.images._map_frame import SIDES
from openem_nb.images.pictures import contrast, scale_bar

if TYPE_CHECKING:
    from openem_nb.images.maps import Map

__all__ = ["MapReport", "sheet", "surfaces"]

_LONGEST: Final = 512
"""Voxels of a slice that are drawn; more are averaged."""


def sheet(source: Map, *, level: float | None = None) -> bytes:
    """Return a PNG; see :meth:`openem_nb.images.maps.Map.picture`."""
    from matplotlib.figure import Figure

    rows = 2 if level is None else 3
    figure = Figure(figsize=(9, 3.1 * rows), dpi=80, layout="constrained")
    grid = figure.add_gridspec(rows, 3, height_ratios=[1] * (rows - 1) + [0.7])
    for column, axis in enumerate(SIDES):
        _draw_slice(figure.add_subplot(grid[0, column]), source, axis)
    if level is not None:
        _draw_surfaces([figure.add_subplot(grid[1, column]) for column in range(3)], source, level)
    _draw_histogram(figure.add_subplot(grid[rows - 1, :]), source, level)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def surfaces(source: Map, level: float) -> bytes:
    """Return a PNG of the surface at a level from the front, the side and the top."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.1), dpi=80, layout="constrained")
    _draw_surfaces(figure.subplots(1, 3), source, level)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def _draw_surfaces(places: Any, source: Map, level: float) -> None:
    from openem_nb.images.surface import VIEWS

    for axes, (name, picture) in zip(places, source.isosurface(level).items(), strict=True):
        axes.imshow(picture, cmap="gray", vmin=0, vmax=255)
        axes.set_title(f"{name}, {VIEWS[name]}", fontsize=8)
        axes.set_axis_off()


def _draw_slice(axes: Any, source: Map, axis: str) -> None:
    from openem_nb.images.reduce import block_mean, factor_for

    image = source.slice(axis)
    right, up = SIDES[axis]
    sizes = source.voxel_size or (1.0, 1.0, 1.0)
    width, height = (sizes["zyx".index(side)] for side in (right, up))
    factor = factor_for((image.shape[0], image.shape[1]), _LONGEST)
    small = block_mean(image, factor)
    low, high = contrast(small)
    extent = (0, image.shape[1] * width, 0, image.shape[0] * height)
    axes.imshow(
        np.nan_to_num(small, nan=low, posinf=high, neginf=low),
        cmap="gray",
        vmin=low,
        vmax=high,
        origin="lower",
        extent=extent,
        interpolation="nearest",
    )
    middle = source.shape["zyx".index(axis)] // 2
    axes.set_title(f"{axis} = {middle}: {right} to the right, {up} up", fontsize=8)
    axes.set_axis_off()
    if source.voxel_size is not None:
        pixels, label = scale_bar(width, image.shape[1])
        length, margin = pixels * width, extent[1] / 25
        axes.plot([margin, margin + length], [margin, margin], color="white", linewidth=3)
        axes.text(margin, 1.6 * margin, label, color="white", fontsize=8)


def _draw_histogram(axes: Any, source: Map, level: float | None) -> None:
    counts, edges = source.histogram(128)
    axes.stairs(counts, edges, fill=True, color="0.45")
    axes.set_yscale("log")
    axes.set_ylim(bottom=0.5)
    axes.set_xlabel("density")
    axes.set_ylabel("voxels")
    if level is not None:
        axes.axvline(level, color="crimson", linestyle="--", label=f"level {level:.4g}")
        axes.legend(fontsize=8)


class MapReport:
    """What a map shows of itself in a notebook, also without a kernel."""

    def __init__(self, source: Map, level: float | None, molecular_weight: float | None) -> None:
        self._source, self.level = source, level
        taken = source.statistics
        facts = [source.caption]
        if source.origin is not None:
            z, y, x = source.origin
            facts.append(f"The first voxel lies at {x:.4g}, {y:.4g}, {z:.4g} Å (x, y, z).")
        if not taken.empty:
            facts.append(
                f"Values from {taken.min:.4g} to {taken.max:.4g}, mean {taken.mean:.4g}, "
                f"deviation {taken.rms:.4g}."
            )
        if level is not None:
            facts += source.contour(level, molecular_weight=molecular_weight).words
        self.facts = tuple(facts)
        """What is to be said of it, in sentences."""
        self.doubts = source.doubts
        """What is odd, in sentences."""

    def __str__(self) -> str:
        return "\n".join((*self.facts, *(f"Doubtful: {doubt}" for doubt in self.doubts)))

    def __repr__(self) -> str:
        return f"<MapReport {self._source.caption}>"

    def _repr_html_(self) -> str:
        picture = ""
        if not self._source.statistics.empty:
            data = base64.b64encode(self._source.picture(level=self.level)).decode("ascii")
            shown = "three slices and the histogram"
            if self.level is not None:
                shown = f"three slices, the surface at {self.level:.4g} from three sides, histogram"
            alt = html.escape(f"Map {self._source.caption}: {shown}", quote=True)
            picture = f'<img alt="{alt}" style="max-width:100%" src="data:image/png;base64,{data}">'
        facts = "".join(f"<li>{html.escape(fact)}</li>" for fact in self.facts)
        doubts = "".join(f"<li>Doubtful: {html.escape(doubt)}</li>" for doubt in self.doubts)
        return (
            f'<figure style="margin:0">{picture}<figcaption><ul>{facts}{doubts}</ul></figcaption>'
            "</figure>"
        )
