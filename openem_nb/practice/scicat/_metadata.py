"""Scientific metadata in the nesting of OSC-EM, and what the service makes of quantities."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote, unquote

if TYPE_CHECKING:
    import random

__all__ = ["decoded", "encoded", "enriched", "metadata"]

_UNITS: Final = {
    "kV": (1000.0, "(kg m^2) / (A s^3)"),
    "um": (1e-6, "m"),
    "nm": (1e-9, "m"),
    "Å": (1e-10, "m"),
    "Angstrom": (1e-10, "m"),
    "mm": (1e-3, "m"),
    "cm": (1e-2, "m"),
    "s": (1.0, "s"),
    "ms": (1e-3, "s"),
    "eV": (1.602176634e-19, "(kg m^2) / s^2"),
    "degrees": (0.017453292519943295, "rad"),
    "mrad": (1e-3, "rad"),
    "K": (1.0, "K"),
}


def enriched(value: Any) -> Any:
    """Return metadata with ``valueSI`` and ``unitSI`` beside each value that has a unit.

    Of a unit that the service does not know, the value stays as it is.
    """
    if isinstance(value, list):
        return [enriched(item) for item in value]
    if not isinstance(value, dict):
        return value
    found = {key: enriched(item) for key, item in value.items()}
    number = next((found[key] for key in ("value", "v") if key in found), None)
    unit = next((found[key] for key in ("unit", "u") if key in found), None)
    if unit and isinstance(unit, str) and number is not None:
        factor, base = _UNITS.get(unit, (None, unit))
        found["valueSI"] = number if factor is None else _scaled(number, factor)
        found["unitSI"] = base
    return found


def encoded(value: Any) -> Any:
    """Return metadata with its keys as the database holds them: dots and blanks encoded."""
    if isinstance(value, list):
        return [encoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        quote(key, safe="!~*'()").replace(".", "%2E"): encoded(item) for key, item in value.items()
    }


def decoded(value: Any) -> Any:
    """Return metadata with its keys as they were written."""
    if isinstance(value, list):
        return [decoded(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {unquote(key): decoded(item) for key, item in value.items()}


def _scaled(value: Any, factor: float) -> Any:
    if isinstance(value, list):
        return [_scaled(item, factor) for item in value]
    return value * factor if isinstance(value, int | float) else value


@cache
def _quantity(value: float, unit: str) -> dict[str, Any]:
    found: dict[str, Any] = enriched({"value": value, "unit": unit})
    return found


def metadata(rng: random.Random, method: str, instrument: str, specimen: str) -> dict[str, Any]:
    """Return the metadata of a session; the same few quantities are shared by all data sets."""
    voltage = 200 if instrument.startswith(("GLACIOS", "TALOS")) else 300
    found: dict[str, Any] = {
        "instrument": {
            "microscope": instrument,
            "illumination": "Flood Beam" if method != "STEM" else "Spot Scan",
            "electron_source": "XFEG",
            "acceleration_voltage": _quantity(voltage, "kV"),
            "c2_aperture": _quantity(rng.choice((50, 70, 100)), "um"),
            "cs": _quantity(2.7, "mm"),
        },
        "acquisition": {
            "nominal_magnification": {"value": rng.choice((45000, 81000, 105000, 130000))},
            "pixel_size": _quantity(rng.choice((0.65, 0.83, 1.06, 1.35)), "Å"),
            "nominal_defocus": {
                "minimal": _quantity(rng.choice((0.6, 0.8, 1.0)), "um"),
                "maximal": _quantity(rng.choice((1.8, 2.2, 2.8)), "um"),
            },
            "exposure_time": _quantity(rng.choice((1.5, 2.0, 3.2)), "s"),
            "detector": {"value": rng.choice(("K3", "Falcon 4i", "Ceta"))},
        },
        "sample": {"overall_molecule": {"name_sample": specimen}},
    }
    if method == "tomography":
        found["acquisition"]["tilt_angle"] = {
            "minimal": _quantity(-60, "degrees"),
            "maximal": _quantity(60, "degrees"),
        }
    return found
