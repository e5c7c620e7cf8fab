"""Documents for tests: small valid ones, and any that a schema allows, also spoilt ones."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

from hypothesis import strategies as st

from openem_nb.oscem.fields import unwrapped
from openem_nb.oscem.model import DATASETS

if TYPE_CHECKING:
    from pydantic import BaseModel

EXAMPLE_TIME = "2024-08-31T20:03:13.25+02:00"


def small(technique: str = "spa") -> dict[str, Any]:
    """Return a valid document with what has to be there and a little more."""
    acquisition: dict[str, Any] = {
        "date_time": EXAMPLE_TIME,
        "detectors": [{"name": "Falcon 4i", "mode": "counting"}],
        "binning_camera": {"height": 1, "width": 1},
        "pixel_size": {"value": 0.415, "unit": "Å"},
        "nominal_defocus": {
            "minimal": {"value": -1200, "unit": "nm"},
            "maximal": {"value": -1000.0, "unit": "nm"},
        },
    }
    if technique != "general":
        acquisition["technique"] = technique
    if "tomo" in technique:
        acquisition["tilt_axis_angle"] = -175.8
        acquisition["tilt_angle"] = {
            "minimal": {"value": -60, "unit": "°"},
            "maximal": {"value": 60, "unit": "°"},
            "increment": {"value": 3, "unit": "°"},
        }
    return {
        "acquisition": acquisition,
        "instrument": {
            "microscope": {"model": "Titan Krios G4"},
            "illumination": "Parallel",
            "imaging": "BrightField",
            "electron_source": "FieldEmission",
            "acceleration_voltage": {"value": 300, "unit": "kV"},
        },
    }


TEXTS = st.text(max_size=8)
NUMBERS = st.integers(-(10**6), 10**6) | st.floats(allow_nan=False, allow_infinity=False)
WHOLE = st.integers(-(10**9), 10**9) | st.integers(-100, 100).map(float)
TIMES = st.builds(
    "{}T{}{}".format,
    st.dates().map(str),
    st.times().map(lambda time: time.isoformat("seconds")),
    st.sampled_from(["Z", "z", "+02:00", "-11:30", ".5Z", ".1234567+00:00"]),
)
ANY = st.none() | st.booleans() | NUMBERS | TEXTS | st.dictionaries(TEXTS, NUMBERS, max_size=2)
_KINDS = {
    "date-time": TIMES,
    "date": st.dates().map(str),
    "email": st.sampled_from(["ada@example.org", "a.b+c-d_e@x-y.example.co.uk"]),
    "anything": ANY,
}
_PLAIN = {str: TEXTS, float: NUMBERS, int: WHOLE, bool: st.booleans()}


@st.composite
def valid(draw: st.DrawFn, technique: str) -> dict[str, Any]:
    """Draw any document that a technique's schema allows, with members of one's own at the root."""
    document = draw(_objects(DATASETS[technique]))
    if draw(st.booleans()):
        document["note"] = draw(ANY)
    return document


@st.composite
def _objects(draw: st.DrawFn, model: type[BaseModel]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        # deep documents would become huge if each optional member were drawn at even odds
        if not field.is_required() and draw(st.integers(0, 3)):
            continue
        inner, kind, nullable = unwrapped(field)
        if nullable and not draw(st.integers(0, 4)):
            made[name] = None
        else:
            made[name] = draw(_values(inner, kind))
    return made


def _values(inner: Any, kind: str) -> st.SearchStrategy[Any]:
    if kind:
        return _KINDS[kind]
    if get_origin(inner) is Literal:
        return st.sampled_from(get_args(inner))
    if get_origin(inner) is list:
        item = get_args(inner)[0]
        return st.lists(_values(getattr(item, "__origin__", item), ""), max_size=2)
    if inner in _PLAIN:
        return _PLAIN[inner]
    return _objects(inner)


@st.composite
def spoilt(draw: st.DrawFn, technique: str) -> dict[str, Any]:
    """Draw a document that was valid before one to three of its values were touched."""
    document = copy.deepcopy(draw(st.just(small(technique)) | valid(technique)))
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from(list(_places(document))))
        value = holder[key]
        how = draw(st.sampled_from(["drop", "add", "null", "text", "float", "other", "list"]))
        if how == "drop":
            del holder[key]
        elif how == "add" and isinstance(holder, dict):
            holder[draw(st.sampled_from(["unit", "value", "name", "technique", "x"]))] = draw(ANY)
        elif how == "null":
            holder[key] = None
        elif how == "text":
            holder[key] = str(value)
        elif how == "float" and isinstance(value, int):
            holder[key] = float(value)
        elif how == "list":
            holder[key] = [value]
        else:
            holder[key] = draw(ANY | TIMES | st.just("2024-02-30") | st.just(EXAMPLE_TIME))
        if not document:
            break
    return document


def _places(value: Any) -> Any:
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, below in pairs:
        yield value, key
        if isinstance(below, dict | list):
            yield from _places(below)
