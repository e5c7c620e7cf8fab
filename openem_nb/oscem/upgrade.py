"""Older documents in today's form: the dialects of OSC-EM before 1.0.

>>> from openem_nb import oscem
>>> done = oscem.upgrade({"acquisition": {"detector": "Falcon 4i", "pixel_size": 0.83}})
>>> done.document["acquisition"]
{'pixel_size': {'value': 0.83, 'unit': 'Å'}, 'detectors': [{'name': 'Falcon 4i'}]}
>>> done.changes[1]
'acquisition.pixel_size: 0.83 is 0.83 Å, the unit that the schema names'

Nothing is added that the document does not say. What has no place in today's schemas stays where it
is, and :func:`openem_nb.oscem.validate` shows it.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeGuard

from openem_nb import units
from openem_nb.errors import InvalidInput
from openem_nb.oscem._older import MOVED, RENAMED, UNCLEAR
from openem_nb.oscem._words import names_at
from openem_nb.oscem.check import technique_of, validate
from openem_nb.oscem.document import join, paths
from openem_nb.oscem.fields import choose, fields
from openem_nb.values import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from openem_nb.oscem.fields import FieldInfo

__all__ = ["Upgraded", "upgrade"]

_NUMBER: Final = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?")
_WITH_UNIT: Final = re.compile(rf"({_NUMBER.pattern})\s*([^\d\s.].*)")
_ANGLES: Final = frozenset((*units.find("°").names, *units.find("rad").names))
_WRAPPERS: Final = ("scientificMetadata", "draft")

Keys = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Upgraded:
    """A document in today's form, and what was changed for it."""

    document: dict[str, Any]
    changes: tuple[str, ...]
    """One sentence for each change, in the order in which they were made."""


@dataclass(slots=True)
class _Work:
    document: dict[str, Any]
    changes: list[str] = field(default_factory=list)

    def say(self, keys: Keys, what: str) -> None:
        self.changes.append(f"{join(keys)}: {what}")


def upgrade(document: Mapping[str, Any], *, technique: str | None = None) -> Upgraded:
    """Return a document of an older dialect in the form of OSC-EM 1.0; the given one is kept.

    A data set of the catalogue may be given as a whole: its ``scientificMetadata`` are taken.
    Plain numbers get the unit that the schema names for the field, except where files and schema
    did not agree on it. ``acquisition.technique`` is set where the document shows it: by tilt
    angles with molecules, by a specimen from the environment, by a sample as single particles have.

    Parameters
    ----------
    technique :
        The technique, where it is known and the document does not say it.

    Raises
    ------
    InvalidInput
        If there is no such technique, or this is no document at all.
    """
    if technique is not None:
        choose(technique)
    if not isinstance(document, dict):
        raise InvalidInput("This is no document.", hint="Give a dictionary, as oscem.read() does.")
    for _ in paths(document):  # raises where it is endless
        pass
    work = _Work(copy.deepcopy(document))
    _unwrap(work)
    _to_organizational(work)
    _rename(work, work.document, (), _schema_of(work.document, technique))
    _detectors(work)
    _objects(work)
    _funders(work)
    _name_technique(work, technique)
    known = {info.path: info for info in fields(_schema_of(work.document, technique))}
    for place, info in known.items():
        for holder, keys in list(_holders(work.document, place)):
            _value(work, holder, keys, info)
    return Upgraded(work.document, tuple(work.changes))


def _schema_of(document: Any, technique: str | None) -> str:
    return technique or technique_of(document)


def _unwrap(work: _Work) -> None:
    for name in _WRAPPERS:
        inner = work.document.get(name)
        if isinstance(inner, dict) and not {"acquisition", "instrument"} & work.document.keys():
            others = len(work.document) - 1
            left = f"; {counted(others, 'other member')} left behind" if others else ""
            work.changes.append(f"the document was inside of {name}{left}")
            work.document = inner


def _to_organizational(work: _Work) -> None:
    for name, new in MOVED.items():
        found = work.document.get(name)
        if not isinstance(found, list | dict):
            continue
        inside = work.document.setdefault("organizational", {})
        if isinstance(inside, dict) and new not in inside:
            inside[new] = work.document.pop(name)
            work.say((name,), f"moved to organizational.{new}")


def _rename(work: _Work, here: Any, keys: Keys, technique: str) -> None:
    """Give older and misspelt names their names of today, from the root down."""
    if isinstance(here, list):
        for place, below in enumerate(here):
            _rename(work, below, (*keys, place), technique)
        return
    if not isinstance(here, dict):
        return
    at = tuple("[]" if isinstance(key, int) else key for key in keys)
    older = RENAMED.get(at, {})
    known = names_at(technique).get(at, [])
    alike = {_alike(name): name for name in known}
    for name in list(here):
        new = older.get(name) or ("" if name in known else alike.get(_alike(name), ""))
        if {"value", "unit"} <= set(known):
            new = {"si_value": "valueSI", "si_unit": "unitSI"}.get(name, new)
        if new and new != name and new not in here:
            here[new] = here.pop(name)
            work.say((*keys, name), f"is {new} now")
    for name, below in here.items():
        _rename(work, below, (*keys, name), technique)


def _alike(name: str) -> str:
    return name.casefold().replace("_", "").replace("-", "")


def _detectors(work: _Work) -> None:
    acquisition = work.document.get("acquisition")
    if not isinstance(acquisition, dict) or "detectors" in acquisition:
        return
    made = {
        new: acquisition[old]
        for old, new in (("detector", "name"), ("detector_mode", "mode"))
        if isinstance(acquisition.get(old), str)
    }
    if made:
        for old, new in (("detector", "name"), ("detector_mode", "mode")):
            if new in made:
                del acquisition[old]
                work.say(("acquisition", old), f"moved to acquisition.detectors[0].{new}")
        acquisition["detectors"] = [made]


def _objects(work: _Work) -> None:
    """Make objects of what was a number or text: binning, microscope, tilt axis the other way."""
    acquisition, instrument = work.document.get("acquisition"), work.document.get("instrument")
    if isinstance(acquisition, dict):
        binning = acquisition.get("binning_camera")
        if _is_number(binning) and float(binning).is_integer():
            acquisition["binning_camera"] = {"height": binning, "width": binning}
            work.say(("acquisition", "binning_camera"), f"{binning} is height and width now")
        axis = acquisition.get("tilt_axis_angle")
        if isinstance(axis, dict) and _is_number(axis.get("value")):
            unit = axis.get("unit", "°")
            if isinstance(unit, str) and unit in _ANGLES:
                angle = units.convert(axis["value"], unit, "°")
                acquisition["tilt_axis_angle"] = angle
                work.say(("acquisition", "tilt_axis_angle"), f"is the number {angle:g} now")
    if isinstance(instrument, dict) and isinstance(instrument.get("microscope"), str):
        instrument["microscope"] = {"model": instrument["microscope"]}
        work.say(("instrument", "microscope"), "is microscope.model now")


def _funders(work: _Work) -> None:
    """Take funders out of grants, where they once stood as texts."""
    inside = work.document.get("organizational")
    grants = inside.get("grants") if isinstance(inside, dict) else None
    if not isinstance(inside, dict) or not isinstance(grants, list):
        return
    for place, grant in enumerate(grants):
        if not isinstance(grant, dict) or not isinstance(grant.get("funder"), str):
            continue
        funders = inside.setdefault("funder", [])
        if not isinstance(funders, list):
            continue
        name = grant.pop("funder")
        if not any(isinstance(one, dict) and one.get("funder_name") == name for one in funders):
            funders.append({"funder_name": name})
        work.say(("organizational", "grants", place, "funder"), "moved to organizational.funder")


def _name_technique(work: _Work, given: str | None) -> None:
    acquisition = work.document.get("acquisition")
    if not isinstance(acquisition, dict):
        return
    keys: Keys = ("acquisition", "technique")
    if acquisition.get("technique") == "tomo":
        acquisition["technique"] = "subtomo"
        work.say(keys, "tomo is subtomo now")
    if acquisition.get("technique") is not None:
        return
    if given is not None:
        if given != "general":
            acquisition["technique"] = given
            work.say(keys, f"{given}, as was said")
        return
    if not validate(work.document, technique="general"):
        return  # it is complete without one
    sample = work.document.get("sample")
    found = technique_of(work.document)
    shown = {
        "cellular_tomo": "growth conditions are given",
        "env_tomo": "a specimen from the environment is given",
        "subtomo": "there are tilt angles and molecules",
        "spa": "there are molecules, or processing, and no tilt angles",
    }
    molecules = isinstance(sample, dict) and "overall_molecule" in sample
    if found in shown and (found != "subtomo" or molecules):
        acquisition["technique"] = found
        work.say(keys, f"{found}, because {shown[found]}")


def _holders(document: Any, place: str) -> Iterator[tuple[Any, Keys]]:
    """Yield the object or list that holds each value of a field, with the way to the value."""
    found: list[tuple[Any, Keys]] = [(document, ())]
    parts = place.split(".")
    for number, part in enumerate(parts):
        name = part.removesuffix("[]")
        found = [
            (one, (*keys, name)) for one, keys in found if isinstance(one, dict) and name in one
        ]
        if number + 1 < len(parts):
            found = [(one[name], keys) for one, keys in found]
            if part.endswith("[]"):
                found = [
                    (below, (*keys, at))
                    for one, keys in found
                    if isinstance(one, list)
                    for at, below in enumerate(one)
                ]
    yield from found


def _value(work: _Work, holder: dict[str, Any], keys: Keys, info: FieldInfo) -> None:
    value = holder[str(keys[-1])]
    make = _MAKERS.get(info.type)
    if make is None or value is None:
        return
    new, why = make(value, info)
    if why:
        holder[str(keys[-1])] = new
        work.say(keys, why)


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(text: str) -> float | int:
    return int(text) if re.fullmatch(r"[-+]?\d{1,15}", text) else float(text)


def _to_number(value: Any, _info: FieldInfo) -> tuple[Any, str]:
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip()):
        return _number(value.strip()), "the text is a number now"
    return value, ""


def _to_truth(value: Any, _info: FieldInfo) -> tuple[Any, str]:
    if isinstance(value, str) and value.strip().casefold() in ("true", "false"):
        return value.strip().casefold() == "true", "the text is true or false now"
    return value, ""


def _to_choice(value: Any, info: FieldInfo) -> tuple[Any, str]:
    if isinstance(value, str) and value not in info.choices:
        alike = {_alike(one.replace(" ", "")): one for one in info.choices}
        found = alike.get(_alike(value.replace(" ", "")))
        if found is not None:
            return found, f"{value} is written {found}"
    return value, ""


def _to_quantity(value: Any, info: FieldInfo) -> tuple[Any, str]:
    if isinstance(value, dict):
        number, why = _to_number(value.get("value"), info)
        return ({**value, "value": number}, why) if why else (value, "")
    if isinstance(value, str):
        found = _WITH_UNIT.fullmatch(value.strip())
        if found is not None and units.is_known(found[2]):
            made = units.quantity(_number(found[1]), found[2])
            return made, "the text is a number with its unit now"
        value, _ = _to_number(value, info)
    unclear = info.path.split(".")[1:2] and info.path.split(".")[1] in UNCLEAR
    if not _is_number(value) or not info.unit or unclear:
        return value, ""
    made = {"value": value, "unit": info.unit}
    return made, f"{value} is {value} {info.unit}, the unit that the schema names"


_MAKERS: Final[Mapping[str, Callable[[Any, FieldInfo], tuple[Any, str]]]] = {
    "number": _to_number,
    "integer": _to_number,
    "truth": _to_truth,
    "choice": _to_choice,
    "quantity": _to_quantity,
}
"""How a value of another form becomes one of a field's type; no reason where it is left alone."""
