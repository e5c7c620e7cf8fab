"""The form of a publication: what an instance wants filled in, as fields that people can write.

An instance describes nested metadata. A person writes one line for each member of a list, with a
bar between its parts: ``Zürcher, Jonas | Jonas | Zürcher | PSI``. A line that stays as it was
proposed keeps all that belongs to it, also what is not shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openem_nb.errors import InvalidInput
from openem_nb.panels.form import Field, Kind, Values

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from openem_nb.scicat._publishing import FormField

__all__ = ["metadata_fields", "read_metadata"]

_BAR: Final = " | "
_PREFIX: Final = "metadata:"


def metadata_fields(form: Iterable[FormField], metadata: Mapping[str, Any]) -> list[Field]:
    """Return the fields of a form, filled with what is there already."""
    return [
        field for one in form for field in _fields(one, metadata.get(one.name), (one.name,), "")
    ]


def _fields(one: FormField, value: Any, path: tuple[str, ...], within: str) -> Iterable[Field]:
    label = f"{within}{one.title}"
    if one.kind == "group":
        known = value if isinstance(value, dict) else {}
        for part in one.fields:
            yield from _fields(part, known.get(part.name), (*path, part.name), f"{label}: ")
        return
    name = _PREFIX + ".".join(path)
    needed = "Has to be filled in. " if one.required else ""
    if one.kind == "list":
        yield Field(
            name,
            label,
            kind="lines",
            value="\n".join(_line(one.fields, item) for item in value or ()),
            help=f"{needed}{_how(one)} {one.help}".strip(),
            wide=len(one.fields) > 2,
        )
    elif one.kind == "flag":
        yield Field(name, label, kind="check", value=bool(value), help=one.help)
    elif one.kind == "choice":
        choices = tuple((choice, choice) for choice in one.choices)
        given = str(value or one.default or (one.choices[0] if one.required else ""))
        blank = () if one.required else (("", "Not stated"),)
        yield Field(
            name, label, kind="choice", value=given, choices=(*blank, *choices), help=one.help
        )
    else:
        given = "" if value is None else str(value)
        kind: Kind = "number" if one.kind == "number" else "text"
        yield Field(name, label, kind=kind, value=given, help=f"{needed}{one.help}".strip())


def _how(one: FormField) -> str:
    if not one.fields:
        return "One a line."
    parts = _BAR.join(part.title.lower() for part in one.fields)
    return f"One a line: {parts}."


def _line(parts: Sequence[FormField], item: Any) -> str:
    """Return a member of a list as a line."""
    if not isinstance(item, dict):
        return " ".join(str(item).split())
    texts = []
    for part in parts:
        value = item.get(part.name)
        if isinstance(value, list):
            value = "; ".join(_first(one) for one in value)
        texts.append(" ".join(str("" if value is None else value).split()))
    while texts and not texts[-1]:
        texts.pop()
    return _BAR.join(texts)


def _first(item: Any) -> str:
    return str(next(iter(item.values()), "")) if isinstance(item, dict) else str(item)


def read_metadata(
    form: Iterable[FormField], values: Values, before: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the metadata that a person wrote, and messages by field; ``before`` was proposed.

    What is empty is left out, so that the service fills in what it fills in itself.
    """
    found: dict[str, Any] = {}
    errors: dict[str, str] = {}
    for one in form:
        value = _value(one, values, (one.name,), before.get(one.name), errors)
        if value not in (None, "", [], {}):
            found[one.name] = value
    return found, errors


def _value(
    one: FormField,
    values: Values,
    path: tuple[str, ...],
    before: Any,
    errors: dict[str, str],
) -> Any:
    if one.kind == "group":
        known = before if isinstance(before, dict) else {}
        parts = {
            part.name: _value(part, values, (*path, part.name), known.get(part.name), errors)
            for part in one.fields
        }
        return {name: value for name, value in parts.items() if value not in (None, "", [], {})}
    name = _PREFIX + ".".join(path)
    given = values.get(name, "")
    try:
        if one.kind == "flag":
            return bool(given)
        if one.kind == "list":
            return list(_members(one, str(given), before))
        text = str(given).strip()
        return _number(text) if one.kind == "number" and text else text
    except InvalidInput as error:
        errors[name] = str(error)
        return None


def _number(text: str) -> int | float:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    raise InvalidInput(f"{text!r} is not a number.")


def _members(one: FormField, text: str, before: Any) -> Iterable[Any]:
    known = {_line(one.fields, item): item for item in before or ()}
    for raw in text.splitlines():
        line = raw.strip()
        if line in known:
            yield known[line]
        elif line and not one.fields:
            yield line
        elif line:
            yield _member(one.fields, [part.strip() for part in line.split("|")], line)


def _member(parts: Sequence[FormField], texts: list[str], line: str) -> dict[str, Any]:
    if len(texts) > len(parts):
        names = _BAR.join(part.title.lower() for part in parts)
        raise InvalidInput(f"{line!r} has too many parts. They are: {names}.")
    found: dict[str, Any] = {}
    for part, text in zip(parts, texts, strict=False):
        if part.choices and text and text not in part.choices:
            choices = ", ".join(part.choices)
            raise InvalidInput(f"{part.title}: {text!r} is none of {choices}.")
        if text:
            found[part.name] = _several(part, text) if part.kind == "list" else text
    lacking = [part.title.lower() for part in parts if part.required and part.name not in found]
    if lacking:
        raise InvalidInput(f"{line!r}: {', '.join(lacking)} is missing.")
    return found


def _several(part: FormField, text: str) -> list[Any]:
    """Return members of a list inside a list; of each, the first part is what was written."""
    items = [item.strip() for item in text.split(";") if item.strip()]
    if not part.fields:
        return items
    fixed = {one.name: one.choices[0] for one in part.fields if one.required and one.choices}
    return [{part.fields[0].name: item, **fixed} for item in items]
