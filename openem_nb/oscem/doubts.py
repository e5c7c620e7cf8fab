"""What is valid in a document and still hard to believe: units, signs, magnitudes, SI pairs.

Sources of the limits: a dose above 200 electrons per square angstrom is what a camera in linear
mode reports by mistake, or the sum of a tilt series; electron microscopes run from some tens of
kilovolts (10 kV covers scanning instruments) to 1.5 MV; OSC-EM counts underfocus negative.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from openem_nb import units
from openem_nb.errors import InvalidInput
from openem_nb.oscem.check import Problem, technique_of
from openem_nb.oscem.document import get_at, is_quantity, paths, split
from openem_nb.oscem.fields import choose, fields

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from openem_nb.oscem.fields import FieldInfo

__all__ = ["HIGHEST_DOSE", "doubts"]

HIGHEST_DOSE: Final = 200.0
"""Electrons per square angstrom; more does not come from one exposure of a frozen sample."""

_EARLIEST: Final = 1985
"""The first year of digital cameras in electron microscopes; zeros of clocks lie before it."""
_SI_TOLERANCE: Final = 1e-6


def doubts(document: Any, *, technique: str | None = None) -> tuple[Problem, ...]:
    """Return what is valid but implausible in a document, in the order of the document.

    Raises
    ------
    InvalidInput
        If there is no such technique, or the document has more levels than any real one.
    """
    if not isinstance(document, dict):
        return ()
    known = _known(technique_of(document) if technique is None else choose(technique))
    found: list[Problem] = []
    for path, value in paths(document):
        info = known.get(_pattern(path))
        if info is not None and is_quantity(value):
            found += _of_quantity(path, value, info)
        elif info is not None and _is_number(value):
            found += _of_number(path, value)
        elif info is not None and isinstance(value, str):
            found += _of_text(path, value, info)
    found += _backwards(document)
    return tuple(found)


@cache
def _known(technique: str) -> Mapping[str, FieldInfo]:
    return {info.path: info for info in fields(technique)}


def _pattern(path: str) -> str:
    return "".join(
        "[]" if isinstance(part, int) else f".{part}" for part in split(path)
    ).removeprefix(".")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _of_quantity(path: str, quantity: Mapping[str, Any], info: FieldInfo) -> Iterator[Problem]:
    value, unit = quantity["value"], quantity["unit"]
    if not _is_number(value) or not isinstance(unit, str):
        return  # not valid, which the check says
    if info.unit:
        if not units.is_known(unit):
            message = f"{path}.unit is {unit[:40]!r}, which is no known unit; expected {info.unit}."
            yield Problem(f"{path}.unit", message, info.unit, unit)
            return
        dimension = units.find(unit).dimension
        allowed = [units.find(one).dimension for one in (info.unit, *info.other_units)]
        if dimension not in allowed:
            message = (
                f"{path} is in {unit}, which measures {dimension}; "
                f"expected {allowed[0]}, such as {info.unit}."
            )
            yield Problem(f"{path}.unit", message, info.unit, unit)
            return
    yield from _wrong_pair(path, quantity)
    judge = _LIMITS.get(_pattern(path))
    if judge is not None:
        try:
            usual = units.convert(value, unit, info.unit)
        except InvalidInput:  # too large for a number, which is doubtful in any unit
            usual = math.copysign(math.inf, value)
        if wrong := judge(usual):
            yield Problem(path, f"{path} is {value:g} {unit}: {wrong}.", info.unit, dict(quantity))


def _wrong_pair(path: str, quantity: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem where the SI pair does not say the same as value and unit."""
    value_si, unit_si = quantity.get("valueSI"), quantity.get("unitSI")
    if value_si is None and unit_si is None:
        return
    if value_si is None or unit_si is None:
        half = "valueSI" if value_si is None else "unitSI"
        message = f"{path}.{half} is missing beside the other half of the SI pair."
        yield Problem(f"{path}.{half}", message, "both or none")
        return
    if not _is_number(value_si) or not isinstance(unit_si, str):
        return  # not valid, which the check says
    try:
        right = units.si(quantity["value"], quantity["unit"])
    except InvalidInput:
        return
    if right is None:
        return
    number, unit = right
    own = units.find(quantity["unit"])
    if unit_si in own.si_names:
        stated = float(value_si)
    elif units.is_known(unit_si) and units.find(unit_si).dimension == own.dimension:
        # the pair may be in another unit than the SI's own, as long as it says the same
        stated = (units.si(value_si, unit_si) or (float(value_si), ""))[0]
    else:
        message = f"{path}.unitSI is {unit_si[:40]!r}; the SI unit is {unit}."
        yield Problem(f"{path}.unitSI", message, unit, unit_si)
        return
    if not math.isclose(stated, number, rel_tol=_SI_TOLERANCE, abs_tol=1e-300):
        message = (
            f"{path}.valueSI is {value_si:g} {unit_si}, but {quantity['value']:g} "
            f"{quantity['unit']} are {number:g} {unit}."
        )
        yield Problem(f"{path}.valueSI", message, f"{number:g}", value_si)


def _of_number(path: str, value: float) -> Iterator[Problem]:
    judge = _LIMITS.get(_pattern(path))
    if judge is not None and (wrong := judge(float(value))):
        yield Problem(path, f"{path} is {value:g}: {wrong}.", "", value)


def _of_text(path: str, value: str, info: FieldInfo) -> Iterator[Problem]:
    if not value.strip():
        yield Problem(path, f"{path} is an empty text, which says nothing.", "no text", value)
    elif info.type == "date-time" and value[:4].isdecimal() and int(value[:4]) < _EARLIEST:
        message = f"{path} is {value[:40]}, before there were digital cameras in microscopes."
        yield Problem(path, message, f"{_EARLIEST} or later", value)


def _above_zero(value: float) -> str:
    return "" if value > 0 else "it has to be larger than zero"


def _not_negative(value: float) -> str:
    return "" if value >= 0 else "it cannot be negative"


def _dose(value: float) -> str:
    if value > HIGHEST_DOSE:
        return (
            f"more than {HIGHEST_DOSE:g} electrons per square angstrom are the sum of a series, "
            "or come from a camera in linear mode"
        )
    return _above_zero(value)


def _voltage(value: float) -> str:
    return "" if 10 <= value <= 1500 else "electron microscopes run at 10 to 1500 kV"


def _aberration(value: float) -> str:
    if value > 10:
        return "objective lenses have a few millimetres of spherical aberration"
    return _above_zero(value)


def _underfocus(value: float) -> str:
    return "OSC-EM counts underfocus negative" if value > 0 else ""


def _temperature(value: float) -> str:
    return "" if 0 <= value <= 400 else "a specimen is between 0 and 400 K"


def _tilt(value: float) -> str:
    return "" if abs(value) <= 90 else "a stage does not tilt beyond 90°"


def _percent(value: float) -> str:
    return "" if 0 <= value <= 100 else "it is between 0 and 100 %"


def _ph(value: float) -> str:
    return "" if 0 <= value <= 14 else "pH is between 0 and 14"


_LIMITS: Final[Mapping[str, Callable[[float], str]]] = {
    "instrument.acceleration_voltage": _voltage,
    "instrument.c2_aperture": _above_zero,
    "instrument.cs": _aberration,
    "instrument.beam_convergence": _not_negative,
    "acquisition.nominal_defocus.minimal": _underfocus,
    "acquisition.nominal_defocus.maximal": _underfocus,
    "acquisition.nominal_magnification": _above_zero,
    "acquisition.calibrated_magnification": _above_zero,
    "acquisition.dose_per_movie": _dose,
    "acquisition.exposure_time": _above_zero,
    "acquisition.pixel_size": _above_zero,
    "acquisition.frames_per_movie": _above_zero,
    "acquisition.images_generated": _above_zero,
    "acquisition.image_size.height": _above_zero,
    "acquisition.image_size.width": _above_zero,
    "acquisition.binning_camera.height": _above_zero,
    "acquisition.binning_camera.width": _above_zero,
    "acquisition.screen_current": _not_negative,
    "acquisition.temperature.minimal": _temperature,
    "acquisition.temperature.maximal": _temperature,
    "acquisition.tilt_angle.minimal": _tilt,
    "acquisition.tilt_angle.maximal": _tilt,
    "acquisition.tilt_angle.increment": _above_zero,
    "acquisition.energy_filter.width_energy_filter": _not_negative,
    "sample.specimen.ph": _ph,
    "sample.specimen.humidity": _percent,
    "sample.specimen.concentration": _above_zero,
    "sample.specimen.temperature": _temperature,
    "sample.overall_molecule.molecular_weight": _above_zero,
    "sample.freezing.humidity_env": _percent,
    "sample.freezing.temperature_env": _temperature,
}
"""What is wrong with a number in the field's own unit, by field; empty where nothing is."""

_ENDS: Final = (("minimal", "maximal"), ("x_min", "x_max"), ("y_min", "y_max"))


def _backwards(document: dict[str, Any]) -> Iterator[Problem]:
    """Yield ranges whose smallest value is larger than the largest."""
    seen: set[str] = set()
    for path, _ in paths(document):
        above, _, name = path.rpartition(".")
        for low, high in _ENDS:
            if name not in (low, high) or (key := f"{above}.{low}") in seen:
                continue
            seen.add(key)
            ends = [get_at(document, f"{above}.{end}") for end in (low, high)]
            if not all(is_quantity(end) and _is_number(end["value"]) for end in ends):
                continue
            try:
                numbers = [
                    units.convert(end["value"], end["unit"], ends[0]["unit"]) for end in ends
                ]
            except InvalidInput:
                continue  # unknown or different units are told where they stand
            if numbers[0] > numbers[1]:
                shown = " and ".join(f"{end['value']:g} {end['unit']}" for end in ends)
                message = f"{above} runs backwards: {low} and {high} are {shown}."
                yield Problem(above, message, f"{low} below {high}")
