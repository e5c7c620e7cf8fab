"""A view of a micrograph as Python that shows the same."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from openem_nb.panels._micrograph_settings import changed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from openem_nb.images import Micrograph
    from openem_nb.panels._micrograph_fits import Fit
    from openem_nb.panels._micrograph_views import Frame

__all__ = ["spelled"]


def spelled(
    micrograph: Micrograph,
    given: Mapping[str, Any],
    settings: Mapping[str, Any],
    fit: Fit | None,
    *,
    usual: tuple[Frame, int] | None,
    pixel_size: float | None,
    around: Callable[[int, int], Sequence[int]],
) -> str:
    """Return Python that gives ``view``, which its last line shows.

    Parameters
    ----------
    given :
        Files and values that the view was given.
    settings :
        How the micrograph is shown.
    fit :
        The fit whose rings are drawn.
    usual :
        What a fit belongs to that is given without a word.
    pixel_size :
        Å, as it is drawn.
    around :
        Gives the frames that are averaged, for the middle one and how many.
    """
    imports, lines = ["import openem_nb as openem"], []
    options = _call(
        (name, value)
        for name, value in micrograph.options.items()
        if name != "name" or value != PurePath(micrograph.source).name
    )
    source = repr(micrograph.source)
    if fit is not None or options:
        imports.append("from openem_nb import images")
        lines.append(f"micrograph = images.open_image({', '.join([source, *options])})")
        source = "micrograph"
    arguments = [source, *_call(given.items())]
    drawn = []
    if fit is not None:
        known = _fitted_with(fit, pixel_size)
        gain = repr(given["gain"]) if "gain" in given else None
        if "flip_rotate" in given:
            gain = f"images.read_gain({gain}, flip_rotate={given['flip_rotate']!r})"
        image = _fitted_to(micrograph, fit, gain, around)
        lines.append(f"ctf = images.ctf({', '.join([image, *_call(known.items())])})")
        if (fit.frame, fit.around) == usual:
            arguments.append("ctf=ctf")
        else:
            many = [] if fit.around == 1 else [f"around={fit.around}"]
            drawn.append(f"view.draw({', '.join(['ctf', f'frame={fit.frame!r}', *many])})")
    call = ", ".join([*arguments, *changed(settings, micrograph)])
    return "\n".join(
        [*imports, "", *lines, f"view = openem.MicrographView({call})", *drawn, "view", ""]
    )


def _call(given: Any) -> list[str]:
    return [f"{name}={value!r}" for name, value in given]


def _fitted_with(fit: Fit, pixel_size: float | None) -> dict[str, Any]:
    """Return the arguments of a fit: as it was asked for, or what it says of itself."""
    if fit.asked is not None:
        return dict(fit.asked)
    found = fit.ctf
    known: dict[str, Any] = {
        "voltage": found.voltage,
        "cs": found.cs,
        "amplitude_contrast": found.amplitude_contrast,
    }
    if pixel_size is not None:
        known["pixel_size"] = pixel_size
    if found.phase_shift:
        known["phase_shift"] = found.phase_shift
    return known


def _fitted_to(
    micrograph: Micrograph,
    fit: Fit,
    gain: str | None,
    around: Callable[[int, int], Sequence[int]],
) -> str:
    """Return the pixels that were fitted."""
    chosen = []
    if fit.frame != "sum" and micrograph.frames > 1:
        chosen = [f"frames={list(around(fit.frame, fit.around))!r}"]
    if gain is None and fit.around == 1:
        return f"micrograph.frame({fit.frame})" if chosen else "micrograph"
    return (
        f"micrograph.average({', '.join([*([] if gain is None else [f'gain={gain}']), *chosen])})"
    )
