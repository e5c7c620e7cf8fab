"""The fields of a document as one flat list: path, type, unit, choices, meaning."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from types import NoneType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, get_args, get_origin

from openem_nb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pydantic import BaseModel
    from pydantic.fields import FieldInfo as ModelField

__all__ = ["TECHNIQUES", "FieldInfo", "FieldType", "choose", "fields", "unwrapped"]

TECHNIQUES: Final = ("spa", "subtomo", "env_tomo", "cellular_tomo", "general")
"""The techniques that OSC-EM has a schema for."""

FieldType = Literal[
    "number",
    "integer",
    "text",
    "truth",
    "date-time",
    "date",
    "anything",
    "quantity",
    "choice",
    "object",
    "list",
]


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """One field of a document."""

    path: str
    """``acquisition.detectors[].name``: brackets without a number stand for each place."""
    type: FieldType
    unit: str = ""
    """The unit that its numbers are expected in; empty where there is none."""
    required: bool = False
    """Whether it has to be there as soon as the object is there that it stands in."""
    choices: tuple[str, ...] = ()
    """All texts that may stand there, where the schema lists them."""
    description: str = ""
    nullable: bool = False
    """Whether it may be null, which says the same as leaving it out."""
    other_units: tuple[str, ...] = ()
    """Units of another dimension that are written there as well."""
    item: FieldType | None = None
    """What the places of a list hold."""
    si_pair: bool = False
    """Whether a quantity may have ``valueSI`` and ``unitSI`` beside value and unit."""

    @property
    def name(self) -> str:
        """The last key of the path."""
        return self.path.rpartition(".")[2].removesuffix("[]")


def choose(technique: str) -> str:
    """Return the technique if OSC-EM has a schema for it.

    Raises
    ------
    InvalidInput
        If it has not.
    """
    if technique not in TECHNIQUES:
        raise InvalidInput(
            f"{str(technique)[:40]!r} is not a technique of OSC-EM.",
            hint=f"Choose one of {', '.join(TECHNIQUES)}.",
        )
    return technique


@cache
def fields(technique: str) -> tuple[FieldInfo, ...]:
    """Return all fields of a technique's schema, objects before what stands in them.

    Raises
    ------
    InvalidInput
        If OSC-EM has no schema for the technique.
    """
    from openem_nb.oscem.model import DATASETS

    return tuple(_below(DATASETS[choose(technique)], "", "", ()))


def _below(
    model: type[BaseModel], prefix: str, unit: str, others: tuple[str, ...]
) -> Iterator[FieldInfo]:
    from pydantic import BaseModel

    for name, field in model.model_fields.items():
        inner, kind, nullable = unwrapped(field)
        extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        # the ends of a range have the unit of the range
        own_unit = str(extra.get("unit", unit))
        named = extra.get("otherUnits")
        own_others = tuple(str(one) for one in named) if isinstance(named, list) else others
        path = f"{prefix}{name}"
        of_list = get_origin(inner) is list
        item, item_kind = _unwrapped(get_args(inner)[0]) if of_list else (inner, kind)
        type_of_item = _type(item, item_kind)
        yield FieldInfo(
            path=path,
            type="list" if of_list else type_of_item,
            unit=own_unit if type_of_item in ("quantity", "number", "integer", "object") else "",
            required=field.is_required(),
            choices=tuple(get_args(item)) if get_origin(item) is Literal else (),
            description=field.description or "",
            nullable=nullable,
            other_units=own_others,
            item=type_of_item if of_list else None,
            si_pair=type_of_item == "quantity" and "valueSI" in item.model_fields,
        )
        if type_of_item == "object" and isinstance(item, type) and issubclass(item, BaseModel):
            yield from _below(item, f"{path}{'[]' if of_list else ''}.", own_unit, own_others)


def unwrapped(field: ModelField) -> tuple[Any, str, bool]:
    """Return the type of a model's field without null, its kind, and whether it may be null."""
    from openem_nb.oscem.model._parts import Kind

    annotation: Any = field.annotation
    inner, kind = _unwrapped(annotation)
    kinds = [one.name for one in field.metadata if isinstance(one, Kind)]
    kind = kinds[0] if kinds else kind
    return inner, kind, NoneType in get_args(annotation) or kind == "anything"


def _unwrapped(annotation: Any) -> tuple[Any, str]:
    from openem_nb.oscem.model._parts import Kind

    kind = ""
    while True:
        if get_origin(annotation) is Annotated:
            kind = next(
                (one.name for one in annotation.__metadata__ if isinstance(one, Kind)), kind
            )
            annotation = annotation.__origin__
        elif NoneType in get_args(annotation) and get_origin(annotation) is not Literal:
            (annotation,) = (one for one in get_args(annotation) if one is not NoneType)
        else:
            return annotation, kind


_PLAIN: Final[dict[Any, FieldType]] = {
    float: "number",
    int: "integer",
    str: "text",
    bool: "truth",
}
_KINDS: Final[dict[str, FieldType]] = {
    "date-time": "date-time",
    "date": "date",
    "email": "text",
    "anything": "anything",
}


def _type(inner: Any, kind: str) -> FieldType:
    from openem_nb.oscem.model.quantities import QuantityValue

    if kind:
        return _KINDS[kind]
    if inner in _PLAIN:
        return _PLAIN[inner]
    if get_origin(inner) is Literal:
        return "choice"
    return "quantity" if issubclass(inner, QuantityValue) else "object"
