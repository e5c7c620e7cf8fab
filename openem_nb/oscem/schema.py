"""The schemas of OSC-EM in the forms that other programs read: JSON Schema and JSON-LD context."""

from __future__ import annotations

import copy
from functools import cache
from typing import TYPE_CHECKING, Any, Final, Literal, get_origin

from openem_nb.errors import InvalidInput
from openem_nb.oscem.fields import choose, unwrapped

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel

__all__ = ["DIALECT", "context", "json_schema"]

DIALECT: Final = "https://json-schema.org/draft/2019-09/schema"
_HOME: Final = "https://w3id.org/oscem-schemas/latest/"


def json_schema(technique: str) -> dict[str, Any]:
    """Return a JSON Schema (draft 2019-09) that passes what the published schema passes.

    Units stand beside the descriptions as ``unit``, which validators overlook.

    Raises
    ------
    InvalidInput
        If OSC-EM has no schema for the technique.
    """
    return copy.deepcopy(_json_schema(choose(technique)))


@cache
def _json_schema(technique: str) -> dict[str, Any]:
    from pydantic.json_schema import GenerateJsonSchema

    from openem_nb.oscem.model import DATASETS

    class Generator(GenerateJsonSchema):
        """JSON Schema without defaults, which here only say that a field may be missing."""

        schema_dialect = DIALECT

        def default_schema(self, schema: Any) -> dict[str, Any]:
            return self.generate_inner(schema["schema"])

    made = DATASETS[technique].model_json_schema(schema_generator=Generator)
    return {"$schema": DIALECT, **made}


_SHARED: Final = frozenset(
    (
        *("description", "descriptor_name", "descriptor_thing", "descriptors", "height"),
        *("increment", "manufacturer", "maximal", "minimal", "model", "name", "unitSI", "valueSI"),
        *("width", "x_max", "x_min", "y_max", "y_min"),
    )
)
"""Terms of the vocabulary that all others share."""

_ELSEWHERE: Final[Mapping[str, str]] = {
    "email": "http://schema.org/email",
    "family_name": "http://schema.org/familyName",
    "given_name": "http://schema.org/givenName",
    "job_title": "http://schema.org/jobTitle",
    "project_id": "http://schema.org/identifier",
    "telephone": "http://schema.org/telephone",
    "unit": "http://qudt.org/schema/qudt/hasUnit",
    "value": "http://qudt.org/schema/qudt/hasQuantityKind",
}
"""Terms that OSC-EM takes from other vocabularies."""

_BY_CLASS: Final[Mapping[str, str]] = {
    "AcquisitionTomo": "tomography",
    "GrowthCondition": "cellular_tomo",
    "Processing": "processing",
    "Movies": "movies",
    "Micrographs": "micrographs",
    **dict.fromkeys(("CTFs", "Defocus", "Astigmatism", "Resolution"), "ctfs"),
    "Coordinates": "coordinates",
    "Classes2D": "classes2D",
    **dict.fromkeys(("Classes3D", "Volume", "IsosurfaceImages", "OrthogonalSlices"), "classes3D"),
    "Volumes": "volumes",
}
"""The vocabulary of a class, where it is not that of its module."""

_BY_MODULE: Final[Mapping[str, str]] = {
    "quantities": "custom_types",
    "sample_env": "environmental_sample",
}

_TYPES: Final[Mapping[Any, str]] = {float: "xsd:float", int: "xsd:integer", bool: "xsd:boolean"}
_KINDS: Final[Mapping[str, str]] = {"date-time": "xsd:dateTime", "date": "xsd:date"}


def context(technique: str) -> dict[str, Any]:
    """Return a JSON-LD context: for each name in a document the term that it stands for.

    Terms are written in full, ``.../oscem-schemas/latest/<vocabulary>/<name>``; names that the
    schemas take from schema.org and QUDT lead there.

    Raises
    ------
    InvalidInput
        If OSC-EM has no schema for the technique.
    """
    from openem_nb.oscem.model import DATASETS

    root = DATASETS[choose(technique)]
    terms: dict[str, Any] = {}
    for model in _classes(root, {}):
        for name, field in model.model_fields.items():
            inner, kind, _ = unwrapped(field)
            if get_origin(inner) is list:
                (inner,) = inner.__args__
                inner = getattr(inner, "__origin__", inner)
            term = {"@id": _iri(model, name, root)}
            if kind in _KINDS:
                term["@type"] = _KINDS[kind]
            elif inner in _TYPES:
                term["@type"] = _TYPES[inner]
            elif inner is not str and get_origin(inner) is not Literal and kind != "email":
                term["@type"] = "@id"
            terms.setdefault(name, term)
    return {
        "@context": {
            "@version": 1.1,
            "@vocab": f"{_HOME}{technique}/",
            "xsd": "http://www.w3.org/2001/XMLSchema#",
            **dict(sorted(terms.items())),
        }
    }


def _iri(model: type[BaseModel], name: str, root: type[BaseModel]) -> str:
    if name in _ELSEWHERE:
        return _ELSEWHERE[name]
    if name in _SHARED:
        return f"{_HOME}custom_types/{name}"
    if model is root:
        return f"{_HOME}{name}"
    if name == "growth_condition":
        return f"{_HOME}cellular_tomo/{name}"
    # a field is of the class that names it first
    for base in reversed(model.__mro__):
        if name in getattr(base, "__annotations__", {}):
            module = base.__module__.rpartition(".")[2]
            vocabulary = _BY_CLASS.get(base.__name__) or _BY_MODULE.get(module, module)
            return f"{_HOME}{vocabulary}/{name}"
    raise InvalidInput(f"{model.__name__} has no field {name}.")


def _classes(
    model: type[BaseModel], seen: dict[type[BaseModel], None]
) -> Iterator[type[BaseModel]]:
    from pydantic import BaseModel

    seen[model] = None
    yield model
    for field in model.model_fields.values():
        inner = unwrapped(field)[0]
        if get_origin(inner) is list:
            (inner,) = inner.__args__
        if isinstance(inner, type) and issubclass(inner, BaseModel) and inner not in seen:
            yield from _classes(inner, seen)
