"""One value at a time: a field of a document as the text of an item, and back."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from openem_nb import units
from openem_nb.errors import InvalidInput
from openem_nb.mmcif._mapping import LABELS
from openem_nb.mmcif._words import as_ascii, from_list, looks_like_serial, to_list

if TYPE_CHECKING:
    from openem_nb.mmcif._dictionary import Item
    from openem_nb.mmcif._mapping import Row

__all__ = ["Refused", "Text", "foldable", "to_text", "to_value"]

_WHOLE: Final = ("int", "positive_int")
_ROUNDING: Final = 0.005
"""A number may change by half a per cent where the dictionary wants it whole."""
_LENGTH: Final = re.compile(r"\s*([\d.]+(?:[eE][+-]?\d+)?)\s*([^\d\s].*?)\s*")
_CCD: Final = re.compile(
    r"(?:https?://\S+/(?:ligand|chem|chem-comp|compound)/)?([A-Za-z0-9]{1,5})/?"
)
_ORCID: Final = re.compile(r"(?:https?://(?:www\.)?orcid\.org/)?(\d{4}-\d{4}-\d{4}-\d{3}[\dX])")
_VERSION: Final = re.compile(
    r"(.+?)[\s,]+(?:version\s+|v)?(\d[\w.+-]*)(.*)", re.IGNORECASE | re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Text:
    """What an item says for a value of a document."""

    value: str
    unit: str = ""
    """Unit that the document states."""
    unit_to: str = ""
    """Unit of the item, in which the value stands now."""
    note: str = ""
    """What changed on the way, in words."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A value that the item cannot say, with the reason in words."""

    reason: str
    ask: bool = True
    """Whether a person could say it right; False where it does not belong there."""


def to_text(value: Any, row: Row, item: Item) -> Text | Refused:
    """Return what ``item`` says for ``value`` of the field ``row.path``."""
    made: Text | Refused
    if row.kind in ("quantity", "defocus", "length"):
        made = _quantity(value, row, item)
    elif row.kind in ("truth", "flag"):
        if not isinstance(value, bool):
            return Refused(f"{value!r} is neither true nor false")
        made = Text(("YES" if value else "NO") if row.kind == "truth" else "NY"[value])
    elif row.kind == "number":
        made = _number(value, item)
    else:
        made = _worded(value, row, item)
    if isinstance(made, Text) and (problem := item.problem(made.value)):
        return Refused(problem)
    return made


def _quantity(value: Any, row: Row, item: Item) -> Text | Refused:
    if row.kind == "length" and isinstance(value, str):
        match = _LENGTH.fullmatch(value)
        if match is None:
            return Refused(f"{value!r} is not a length with its unit")
        value = {"value": float(match[1]), "unit": match[2]}
    try:
        number, unit = value["value"], value["unit"]
    except (KeyError, TypeError):
        return Refused(f"{value!r} is not a value with its unit")
    if not _is_number(number):
        return Refused(f"{str(number)[:40]!r} is not a number")
    target = row.target or item.unit
    try:
        converted = units.convert(number, str(unit), target)
    except InvalidInput as error:
        return Refused(f"{number} {unit}: {error}")
    if row.kind == "defocus":
        converted = -converted + 0.0  # no negative zero
    made = _number(converted, item)
    if isinstance(made, Refused):
        return made
    note = "overfocus" if row.kind == "defocus" and converted < 0 else made.note
    return Text(made.value, str(unit), target, note)


def _number(value: Any, item: Item) -> Text | Refused:
    if not _is_number(value):
        return Refused(f"{str(value)[:40]!r} is not a number")
    if item.type not in _WHOLE:
        return Text(f"{value:.12g}")
    whole = round(value)
    if abs(whole - value) <= 1e-9 * abs(value):
        return Text(str(whole))
    if abs(whole - value) <= _ROUNDING * abs(value):
        return Text(str(whole), note=f"{value:.12g} rounded: the dictionary wants a whole number")
    return Refused(f"{value:.12g} is not a whole number")


def _is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer of hundreds of digits
        return False


def _worded(value: Any, row: Row, item: Item) -> Text | Refused:
    if not isinstance(value, str):
        return Refused(f"{value!r} is not a text")
    text = as_ascii(value).strip()
    if not text:
        return Refused(f"{value!r} has characters that PDBx/mmCIF does not allow")
    if row.kind == "choice":
        return _choice(text, row, item)
    if row.kind == "serial":
        serial = looks_like_serial(text)
        return Text(text) if serial else Refused("it is not a serial number", ask=False)
    if row.kind in ("software", "version"):
        return _software(text, row, item)
    if row.kind == "date":
        return _day(text)
    if row.kind == "orcid":
        orcid = _ORCID.fullmatch(text)
        return Text(orcid[1]) if orcid else Refused(f"{value!r} is not an ORCID")
    if row.kind == "ccd":
        code = _CCD.fullmatch(text)
        if code is None:
            return Refused(f"{value!r} is not a code of the chemical component dictionary")
        return Text(code[1].upper())
    if row.kind == "code":
        number = text.isdecimal() and not text.startswith("0")
        return Text(text) if number else Refused(f"{value!r} is not an NCBI taxonomy number")
    if row.kind == "label":
        text = LABELS[row.item] + text
    if item.type not in ("text", "sequence_dep"):
        text = " ".join(text.split())
    if not text.isascii():
        return Refused(f"{value!r} has characters that PDBx/mmCIF does not allow")
    text = foldable(text)
    return Text(text, note="" if value.isascii() else f"written in ASCII for {value!r}")


def _choice(text: str, row: Row, item: Item) -> Text | Refused:
    choice = to_list(text, row.table, item.choices)
    if choice is not None:
        return Text(choice, note="" if choice == text else f"the list's word for {text!r}")
    if row.table == "microscope" and looks_like_serial(text):
        return Refused(f"{text!r} is a serial number and does not tell the model")
    return Refused(f"{text!r} is not one of the {len(item.choices)} values of the list")


def _software(text: str, row: Row, item: Item) -> Text | Refused:
    name, version, rest = text, "", ""
    if to_list(text, row.table or "software", item.choices) is None:
        match = _VERSION.fullmatch(text)
        if match is not None:
            name, version, rest = match[1], match[2], match[3].strip()
    if row.kind == "version":
        if not version:
            return Refused("no version is stated", ask=False)
        return Text(version, note=f"without {rest!r}" if rest else "")
    return _choice(name.strip(" ,"), row, item)


def _day(text: str) -> Text | Refused:
    """Return the day of a time as it was at the microscope."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return Refused(f"{text!r} is not a date")
    return Text(moment.date().isoformat(), note="the day alone" if len(text) > 10 else "")


def foldable(text: str) -> str:
    """Return a text that CIF can hold: a semicolon at the start of a line would end it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n;", "\n ;")


def to_value(text: str, row: Row, item: Item) -> Any:
    """Return what a document says for the text of an item.

    Raises
    ------
    InvalidInput
        If the text is not what the dictionary allows there.
    """
    if row.kind in ("quantity", "defocus", "length"):
        number = units.convert(_float(text, item), row.target or item.unit, row.unit)
        number = float(f"{number:.12g}")
        if row.kind == "defocus":
            number = -number + 0.0
        if row.kind == "length":
            return f"{number:.12g} {row.unit}"
        return {"value": int(number) if number.is_integer() else number, "unit": row.unit}
    if row.kind == "number":
        number = _float(text, item)
        return int(number) if number.is_integer() else number
    if row.kind in ("truth", "flag"):
        if text.upper() not in ("YES", "NO", "Y", "N"):
            raise InvalidInput(f"{item.name}: {text!r} is neither yes nor no.")
        return text.upper().startswith("Y")
    if row.kind in ("choice", "software"):
        return from_list(text, row.table)
    if row.kind == "label":
        if not text.startswith(LABELS[row.item]):
            raise InvalidInput(f"{item.name}: {text!r} says something else.")
        return text.removeprefix(LABELS[row.item])
    return text


def _float(text: str, item: Item) -> float:
    try:
        number = float(text.partition("(")[0])
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise InvalidInput(f"{item.name}: {text!r} is not a number.")
    return number
