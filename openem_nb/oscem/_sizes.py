"""Size of an image, of a pixel, and binning: of the movie, not of its preview."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from openem_nb.oscem._compose import Composer, Pick, text_of
from openem_nb.oscem.readers import Finding

__all__ = ["sizes"]

_A: Final = "acquisition"


@dataclass(frozen=True, slots=True)
class _Size:
    """Size of an image in pixels, and of a pixel in ångström, as one source says it."""

    width: Pick | None
    height: Pick | None
    pixel: Pick | None


def sizes(to: Composer) -> None:
    """Write image size, pixel size and binning, which have to be those of one and the same image.

    The XML of EPU describes a preview: with a K3 it is binned twice, and the movie is not. Where
    the movie's header is at hand, all three are those of the movie.
    """
    header = _size(to, ("file header",))
    xml = _size(to, ("image", "tilt", "signal", "tilt series"))
    factor = _factor(header, xml)
    if factor is None or factor == 1:
        both = to.pick("width"), to.pick("height")
        pixel, scale, rule = to.pick("pixel_size"), 1.0, ""
        if factor is None and header.width is not None and header.pixel is None:
            pixel = None if xml.width is not None else pixel
    else:
        both = header.width, header.height
        pixel, scale = header.pixel, 1.0
        rule = "of the movie"
        if pixel is None:
            pixel, scale = xml.pixel, 1 / factor
            rule = f"of the preview ÷ {factor:g}"
        if pixel is not None and xml.width is not None and both[0] is not None:
            to.find(
                Finding(
                    "preview",
                    f"The XML describes a preview {text_of(xml.width.value)} pixels wide; the"
                    f" movies are {text_of(both[0].value)} wide. Size, pixel and binning are"
                    " those of the movies.",
                    level="info",
                )
            )
    binned = to.pick("binning_x", compare=False)
    if header.width is None and binned is not None and binned.group.source == "epu":
        _perhaps_preview(to, float(binned.value))
    for name, pick in zip(("width", "height"), both, strict=True):
        if pick is not None and float(pick.value) == int(pick.value):
            to.put(f"{_A}.image_size.{name}", int(pick.value), pick)
    if pixel is not None:
        value = float(pixel.value) * scale
        to.put(f"{_A}.pixel_size", value, pixel, unit="Å", rule=rule)
    _binning(to, factor or 1.0)


def _perhaps_preview(to: Composer, binning: float) -> None:
    """Tell that size and pixel may be those of a preview, where no movie is there to ask."""
    if binning > 1:
        to.find(
            Finding(
                "maybe-preview",
                f"EPU's XML speaks of images binned {binning:g} times, which with some cameras are"
                " previews of finer movies. No movie is here to look at; size, pixel and binning"
                " are those of the XML.",
                "Extract with the movies in the folder, or compare with a movie yourself.",
            )
        )


def _size(to: Composer, kinds: tuple[str, ...]) -> _Size:
    picks: list[Pick | None] = []
    for name in ("width", "height", "pixel_size"):
        found = next(((g, t) for g, t in to.said(name) if g.kind in kinds), None)
        first = next(iter(found[1].values), None) if found else None
        if found is None or first is None:
            picks.append(None)
        else:
            agreed = found[1].values[first]
            picks.append(Pick(first, found[0], found[1], agreed, found[1].count))
    return _Size(*picks)


def _factor(header: _Size, xml: _Size) -> float | None:
    """Return how many times finer the movie is than what the XML describes; None if not told."""
    if header.width is None or header.height is None or xml.width is None or xml.height is None:
        return None
    movie = sorted((float(header.width.value), float(header.height.value)))
    shown = sorted((float(xml.width.value), float(xml.height.value)))
    for factor in (1.0, 2.0, 4.0, 8.0, 0.5, 0.25):
        # a preview of 2880 × 2046 is of 5760 × 4092, and one of 4092 lines may lack two
        if all(abs(a - b * factor) <= 4 * factor for a, b in zip(movie, shown, strict=True)):
            return factor
    return None


def _binning(to: Composer, factor: float) -> None:
    across, down = to.pick("binning_x"), to.pick("binning_y")
    if across is None and _scanned(to):
        for name in ("height", "width"):
            to.needed[f"{_A}.binning_camera.{name}"] = (
                "a scanned image has no binning; OSC-EM asks for it all the same, and 1 says so"
            )
    for name, pick in (("width", across), ("height", down or across)):
        if pick is None:
            continue
        value = float(pick.value) / factor
        rule = "" if factor == 1 else f"of the preview ÷ {factor:g}"
        if value < 1:
            to.find(
                Finding(
                    "super-resolution",
                    f"Pixels are finer than those of the sensor (binning {value:g}): the binning"
                    " is written as 1, and the detector's mode says super-resolution.",
                    level="info",
                )
            )
            value, rule = 1.0, "less than 1: super-resolution"
        if value == int(value):
            to.put(f"{_A}.binning_camera.{name}", int(value), pick, rule=rule)


def _scanned(to: Composer) -> bool:
    mode = to.pick("operating_mode", compare=False)
    return mode is not None and str(mode.value).upper().startswith("STEM")
