"""The power spectrum of what is shown, with the rings and numbers of its defocus."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.errors import InvalidInput
from openem_nb.images._ctf_model import wavelength
from openem_nb.images.ctf import Ctf, ctf
from openem_nb.images.spectrum import Spectrum, spectrum
from openem_nb.panels._micrograph_views import encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

__all__ = ["fitted", "measured", "shown"]

_SIZE: Final = 512
"""Pixels of a side of the picture."""
_FINEST: Final = 3.0
"""Å at the edge of the picture, where the pixels reach so far: rings are rarely seen beyond."""
_RINGS: Final = 12
"""Dark rings that are drawn; further out they lie too near to each other to be seen."""
_AZIMUTHS: Final = 72
"""Directions in which a ring is drawn; the rings mirror themselves after half of them."""

_BLURRED: Final = 20.0
"""Degrees of standard deviation beyond which an axis of astigmatism is not drawn."""


def measured(image: NDArray[Any], *, pixel_size: float | None, voltage: float | None) -> Spectrum:
    """Return the spectrum of a whole image."""
    return replace(spectrum(image, pixel_size=pixel_size, tile=_SIZE), voltage=voltage)


def fitted(image: NDArray[Any], settings: Mapping[str, Any]) -> tuple[Ctf, dict[str, Any]]:
    """Return the transfer function of an image, and the arguments that it was fitted with.

    Raises
    ------
    InvalidInput
        If a number is missing or impossible: it names its field.
    """
    known: dict[str, Any] = {}
    for name, words in (
        ("voltage", "voltage in kV"),
        ("cs", "spherical aberration in mm"),
        ("pixel_size", "pixel size in Å"),
        ("amplitude_contrast", "amplitude contrast"),
    ):
        value = settings.get(name)
        if value is None:
            hint = "Write it into its field."
            if name == "pixel_size":  # it is that of the whole view, and has no field here
                hint = "The file does not know it: give pixel_size= where it is opened."
            raise InvalidInput(f"The fit needs the {words}.", hint=hint)
        known[name] = float(value)
    if settings.get("phase_shift"):
        known["phase_shift"] = True
    ends = settings.get("defocus")
    if ends is not None:
        if not all(isinstance(one, int | float) for one in ends):
            raise InvalidInput(
                "The defocus is looked for between two numbers.",
                hint="Write both in µm: 0.3 and 5 usually.",
            )
        known["defocus"] = tuple(float(one) for one in ends)
    return ctf(image, **known), known


def shown(
    power: Spectrum, found: Ctf | None, *, up: bool, own: bool = True, told: str = ""
) -> dict[str, Any]:
    """Return what the front end draws: picture, rings in cycles per pixel, curves and numbers.

    Parameters
    ----------
    up :
        Whether the first row is at the bottom: only then angles are seen counter-clockwise.
    own :
        Whether it was fitted to what is shown, so that its curves are those of the spectrum.
    told :
        What is said before it.
    """
    edge = 0.5
    if power.pixel_size is not None:
        edge = min(edge, power.pixel_size / _FINEST)
    picture = encode(_middle(power.picture(round(_SIZE * 0.5 / edge))))
    columns, words = _curves(power, found, own=own)
    content: dict[str, Any] = {
        "size": _SIZE,
        "scale": picture.scale,
        "offset": picture.offset,
        "pixel_size": power.pixel_size,
        "edge": edge,
        "columns": list(columns),
        "words": f"{told}{words}",
        "rings": [] if found is None else _rings(found, power.pixel_size),
        "axis": None if found is None or found.deviation_angle > _BLURRED else found.angle,
        "rows": [] if found is None else _rows(found, up),
        "resolution": None if found is None else found.resolution,
    }
    buffers = [picture.levels.tobytes()]
    buffers += [np.asarray(one, "<f4").tobytes() for one in columns.values()]
    return {**content, "buffers": buffers}


def _middle(picture: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the middle of a picture, with zero frequency in its own middle."""
    first = picture.shape[0] // 2 - _SIZE // 2
    return np.ascontiguousarray(picture[first : first + _SIZE, first : first + _SIZE])


def _curves(
    power: Spectrum, found: Ctf | None, *, own: bool
) -> tuple[dict[str, NDArray[Any]], str]:
    if found is not None and own and len(found.profile):
        profile = found.profile
        names = ("frequency", "power", "fit", "cc")
        return {name: profile[name].to_numpy() for name in names}, found.words
    inner = power.radial > 0
    inner[:2] = False  # the mean of the image and its slow changes
    radial = np.log10(power.radial[inner])
    words = "Logarithm of the mean power of each ring."
    if found is not None:  # it was fitted to other frames, or elsewhere without its curves
        words = f"{found.words} The curve: {words[0].lower()}{words[1:]}"
    return {"frequency": power.frequency[inner], "power": radial}, words


def _rings(found: Ctf, pixel_size: float | None) -> list[list[float]]:
    """Return the radius of each dark ring in each direction, cycles per pixel of the image."""
    size = pixel_size if pixel_size is not None else found.pixel_size
    azimuths = np.arange(_AZIMUTHS) * (360 / _AZIMUTHS)
    directions = [found.zeros(_RINGS, azimuth=float(one)) * size for one in azimuths]
    count = min(len(one) for one in directions)
    rings = np.array([one[:count] for one in directions]).T
    return [[round(float(one), 6) for one in ring] for ring in rings if ring.min() < math.sqrt(0.5)]


def _turning(found: Ctf) -> float | None:
    """Return the distance in Å at which the phase is largest; None where it is not seen.

    There the phase ``pi (wavelength defocus k^2 - wavelength^3 Cs k^4 / 2)`` turns back, and
    :meth:`~openem_nb.images.ctf.Ctf.zeros` ends.
    """
    if found.cs <= 0 or found.defocus <= 0:
        return None
    k = math.sqrt(found.defocus / (found.cs * 1e7)) / wavelength(found.voltage)
    finest = max(_FINEST, 2 * found.pixel_size)
    return 1 / k if 1 / k > finest else None


def _rows(found: Ctf, up: bool) -> list[list[str]]:
    turn = "counter-clockwise from x" if up else "clockwise from x: the first row is on top"
    rows = [
        ("Defocus U", f"{found.defocus_u:,.0f} Å"),
        ("Defocus V", f"{found.defocus_v:,.0f} Å"),
        ("Astigmatism", f"{found.astigmatism:,.0f} Å at {found.angle:.1f}°"),
        ("Its angle", f"of the axis of U, {turn}"),
    ]
    end = _turning(found)
    if end is not None:
        rows.append(("Rings end", f"at {end:.2f} Å, where the phase of the lens turns back"))
    if found.phase_shift:
        rows.append(("Phase shift", f"{found.phase_shift:.1f}°"))
    if found.resolution is not None:
        rows.append(("Rings fit to", f"{found.resolution:.2f} Å"))
    rows.append(("Score", f"{found.score:.2f}"))
    return [list(row) for row in rows]
