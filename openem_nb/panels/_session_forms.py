"""What a person is asked about a session, as fields of forms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from openem_nb.panels import _html
from openem_nb.panels.form import Field, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from openem_nb.mmcif.deposition import Question
    from openem_nb.oscem.extraction import Extraction, Missing

__all__ = ["answered", "missing_fields", "question_fields", "wrong_answers"]

_OPEN: Final = ("", "Not stated")
_TRUTH: Final = (_OPEN, ("yes", "Yes"), ("no", "No"))
_EXAMPLES: Final = {"date-time": "2024-08-31T20:03:13+02:00", "date": "2024-08-31"}

_ANSWERS: Final = {
    "deposition_email": "name@example.org",
    "float": "a number",
    "int": "a whole number",
    "orcid_id": "0000-0002-1825-0097",
    "positive_int": "a whole number",
    "yyyy-mm-dd": "2024-08-31",
}
"""What an answer of a type looks like, where its name does not say so."""


def missing_fields(missing: Iterable[Missing]) -> list[Field]:
    """Return a field for each value that a document lacks."""
    return [_missing(one) for one in missing]


def _missing(one: Missing) -> Field:
    choices: tuple[tuple[str, str], ...] = ()
    if one.choices:
        choices = (_OPEN, *((choice, choice) for choice in one.choices))
    elif one.type == "truth":
        choices = _TRUTH
    example = _EXAMPLES.get(one.type, "")
    if one.type == "quantity":
        example = f"a number and {one.unit}" if one.unit else "a number and its unit"
    kind: Kind = "choice" if choices else "text"
    why = f" ({one.why})" if one.why else ""
    needed = "" if one.required else "Not required. "
    return Field(
        one.path,
        _html.plain(one.path),
        kind=kind,
        choices=choices,
        help=_html.plain(f"{needed}{one.description}{why}"),
        placeholder=example,
    )


def question_fields(questions: Iterable[Question], answers: Mapping[str, Any]) -> list[Field]:
    """Return a field for each item that a deposition lacks, with what was answered already."""
    return [
        _question(one, str(answers.get(one.key, "")))
        for one in sorted(questions, key=lambda one: one.who != "depositor")  # the order stays else
    ]


def _question(one: Question, answer: str) -> Field:
    choices = (_OPEN, *((choice, choice) for choice in one.choices)) if one.choices else ()
    unit = f", in {one.unit.replace('_', ' ')}" if one.unit else ""
    row = f" ({one.row})" if one.row > 1 else ""
    words = [one.brief]
    if one.refused:
        words.append(f"{one.why[:1].upper()}{one.why[1:]}.")
    if one.who != "depositor":
        words.append("Whoever computed the map knows it.")
    if not one.mandatory:
        words.append("Not required.")
    return Field(
        one.key,
        _html.plain(f"{one.label}{row}{unit}"),
        kind="choice" if choices else "text",
        value=answer,
        choices=choices,
        help=_html.plain(" ".join(filter(None, words))),
        placeholder="" if choices else _ANSWERS.get(one.type, ""),
    )


def answered(values: Mapping[str, str | bool]) -> dict[str, str]:
    """Return the fields that a person has filled in."""
    return {name: text for name, value in values.items() if (text := str(value).strip())}


def wrong_answers(extraction: Extraction, values: Mapping[str, str]) -> dict[str, str]:
    """Return what is wrong with each value that the schema does not take, by its path."""
    from openem_nb.errors import InvalidInput

    wrong = {}
    for path, text in values.items():
        try:
            extraction.complete({path: text})
        except InvalidInput as error:
            wrong[path] = f"{error} {error.hint}".strip()
    return wrong
