"""Metadata of publications: the site's form, what it fills in by itself, what it finds wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openem_nb.practice.scicat._archiving import FRESH

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["defaults", "fresh_lifecycle", "problems", "schema_of", "ui_schema"]

_TEXT: Final = {"type": "string"}
_AFFILIATION: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "name": _TEXT,
        "affiliationIdentifier": _TEXT,
        "affiliationIdentifierScheme": {"type": "string", "enum": ["ROR", "GRID", "ISNI", ""]},
    },
    "required": ["name", "affiliationIdentifierScheme"],
}
_HOME: Final = {"name": "Institute of Practice & Training", "affiliationIdentifierScheme": "ROR"}
_CREATOR: Final = {
    "type": "object",
    "properties": {
        "name": _TEXT,
        "givenName": _TEXT,
        "familyName": _TEXT,
        "affiliation": {"type": "array", "minItems": 1, "items": _AFFILIATION},
    },
    "required": ["name", "givenName", "familyName", "affiliation"],
}
_PUBLISHER: Final = {
    "type": "object",
    "properties": {"name": _TEXT, "publisherIdentifierScheme": _TEXT},
    "required": ["name", "publisherIdentifierScheme"],
}
_PLAIN_CREATOR: Final = {"type": "object", "properties": {"name": _TEXT}, "required": ["name"]}


def _array(item: Mapping[str, Any], *, least: int = 1) -> dict[str, Any]:
    return {"type": "array", "minItems": least, "items": dict(item)}


def _parts(*names: str) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": dict.fromkeys(names, _TEXT),
        "required": list(names),
    }


_SCHEMAS: Final[dict[str, dict[str, Any]]] = {
    "psi5": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "creators": _array(_CREATOR),
            "contributors": _array(_PLAIN_CREATOR, least=0),
            "publisher": _PUBLISHER,
            "publicationYear": {"type": "integer"},
            "resourceType": _TEXT,
            "subjects": _array(_parts("subject"), least=0),
            "dates": _array(_parts("date", "dateType")),
            "language": _TEXT,
            "rightsList": _array(_parts("rights")),
            "relatedItems": _array(_parts("relatedItemType", "relationType"), least=0),
            "relatedIdentifiers": _array(_parts("relatedIdentifier"), least=0),
            "sizes": _array(_TEXT, least=0),
            "landingPage": _TEXT,
        },
        "required": [
            *("creators", "publisher", "publicationYear", "dates", "language"),
            *("rightsList", "relatedItems"),
        ],
        "dynamicDefaults": {
            "creators": "mergeCreators",
            "publicationYear": "currentYear",
            "subjects": "mergeKeywords",
            "sizes": "computeTotalSize",
            "relatedIdentifiers": "datasetLinks",
        },
    },
    "v427": {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "type": "object",
        "properties": {
            "creators": _array(_PLAIN_CREATOR),
            "contributors": _array(_PLAIN_CREATOR, least=0),
            "publisher": _PUBLISHER,
            "publicationYear": {"type": "integer"},
            "resourceType": _TEXT,
            "landingPage": _TEXT,
        },
        "required": ["creators", "publisher", "publicationYear", "resourceType"],
    },
}


def schema_of(flavour: str) -> dict[str, Any]:
    """Return the JSON schema that a site wants the metadata to fulfil."""
    return _SCHEMAS[flavour]


def ui_schema(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a form with one field below the other."""
    controls = [
        {"type": "Control", "scope": f"#/properties/{name}"} for name in schema["properties"]
    ]
    return {"type": "VerticalLayout", "elements": controls}


def defaults(datasets: Sequence[Mapping[str, Any]], now: dt.datetime) -> dict[str, Any]:
    """Return what a site fills in from the data sets."""
    owners = {str(dataset["owner"]): 0 for dataset in datasets}
    creators = []
    for owner in owners:
        given, _, family = owner.rpartition(" ")
        name = {"name": f"{family}, {given}", "givenName": given, "familyName": family}
        creators.append({**name, "affiliation": [_HOME]})
    words = {str(word): 0 for dataset in datasets for word in dataset.get("keywords") or ()}
    total = sum(dataset.get("size", 0) for dataset in datasets)
    return {
        "creators": creators,
        "publicationYear": now.year,
        "subjects": [{"subject": word} for word in words],
        "sizes": [f"{total} bytes"],
        "relatedIdentifiers": [{"relatedIdentifier": dataset["pid"]} for dataset in datasets],
    }


def fresh_lifecycle(before: Mapping[str, Any]) -> dict[str, Any]:
    """Return the defaults, with the dates that were there."""
    kept = {k: v for k, v in before.items() if k not in FRESH and k != "storageLocation"}
    return {**kept, **FRESH}


def problems(value: Any, schema: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what is wrong with metadata, in the words of the services' own checker."""
    return list(_problems(value, schema, "", "#"))


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and not isinstance(value, bool)


_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
}


def _problems(
    value: Any, schema: Mapping[str, Any], path: str, rule: str
) -> Iterator[dict[str, Any]]:
    def problem(keyword: str, params: dict[str, Any], message: str) -> dict[str, Any]:
        return {
            "instancePath": path,
            "schemaPath": f"{rule}/{keyword}",
            "keyword": keyword,
            "params": params,
            "message": message,
        }

    kind = schema["type"]
    if not _is(value, kind):
        yield problem("type", {"type": kind}, f"must be {kind}")
        return
    if kind == "object":
        for name in schema.get("required", ()):
            if name not in value:
                words = f"must have required property '{name}'"
                yield problem("required", {"missingProperty": name}, words)
        for name, inner in schema.get("properties", {}).items():
            if name in value:
                yield from _problems(
                    value[name], inner, f"{path}/{name}", f"{rule}/properties/{name}"
                )
    elif kind == "array":
        least = schema.get("minItems", 0)
        if len(value) < least:
            words = f"must NOT have fewer than {least} items"
            yield problem("minItems", {"limit": least}, words)
        for position, item in enumerate(value):
            yield from _problems(item, schema["items"], f"{path}/{position}", f"{rule}/items")
    elif "enum" in schema and value not in schema["enum"]:
        words = "must be equal to one of the allowed values"
        yield problem("enum", {"allowedValues": schema["enum"]}, words)
