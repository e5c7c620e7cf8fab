"""Whether a document is what OSC-EM asks for, in plain words.

>>> from openem_nb import oscem
>>> for problem in oscem.validate({"acquisition": {"pixel_size": {"value": 0.8}}})[:2]:
...     print(problem)
acquisition.binning_camera is missing: an object with any of height, width.
acquisition.date_time is missing: day, time and zone such as 2024-08-31T20:03:13+02:00.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from openem_nb.errors import InvalidMetadata
from openem_nb.oscem._words import expected_at, in_words, shown
from openem_nb.oscem.document import DEEPEST, join
from openem_nb.oscem.fields import TECHNIQUES, choose

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["Problem", "check", "technique_of", "validate"]

_HALF: Final = re.compile("[\ud800-\udfff]")
"""Halves of characters (surrogates), which JSON can escape and UTF-8 cannot hold."""
_TOLD: Final = 5
_MOST: Final = 1000
"""Problems that are listed at most; nobody reads more, and a hostile list could have millions."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, or doubtful, in a document."""

    path: str
    """Where; empty for the document as a whole."""
    message: str
    """What is wrong, in a sentence that names the path."""
    expected: str = ""
    """What should stand there."""
    value: Any = None
    """What stands there; None where nothing does."""

    def __str__(self) -> str:
        return self.message


def technique_of(document: Any) -> str:
    """Return the technique whose schema a document follows.

    It is what ``acquisition.technique`` says, where that is one that OSC-EM has a schema for.
    Otherwise it is the one whose own fields the document has: a specimen from the environment (with
    growth conditions: cells), tilt angles, molecules or processing. What has none of them is
    ``general``.
    """
    if not isinstance(document, dict):
        return "general"
    acquisition, sample = _object(document, "acquisition"), _object(document, "sample")
    said = acquisition.get("technique")
    if isinstance(said, str) and said in TECHNIQUES:
        return said
    if "growth_condition" in sample:
        return "cellular_tomo"
    if "specimen_env" in sample:
        return "env_tomo"
    if "tilt_angle" in acquisition or "tilt_axis_angle" in acquisition:
        return "subtomo"
    if "processing" in document or "overall_molecule" in sample:
        return "spa"
    return "general"


def _object(document: dict[Any, Any], key: str) -> dict[Any, Any]:
    found = document.get(key)
    return found if isinstance(found, dict) else {}


def validate(
    document: Any, *, technique: str | None = None, schema: Path | None = None
) -> tuple[Problem, ...]:
    """Return what is wrong with a document, nothing if it is valid.

    Parameters
    ----------
    technique :
        The schema to follow; that of :func:`technique_of` where it is not given.
    schema :
        A JSON Schema file whose opinion is asked as well, such as a published schema of OSC-EM.
        Where it finds something else at another place, that is added.

    Raises
    ------
    InvalidInput
        If there is no such technique, or the file is no JSON Schema.
    """
    from pydantic import ValidationError

    from openem_nb.oscem.model import DATASETS

    chosen = technique_of(document) if technique is None else choose(technique)
    if not isinstance(document, dict):
        return (_problem(chosen, (), "dict_type", document, {}),)
    problems = list(_not_json(document))
    if any("levels" in problem.expected for problem in problems):
        return tuple(problems)  # what is endless is not walked again
    try:
        DATASETS[chosen].model_validate(document)
    except ValidationError as error:
        told = {problem.path for problem in problems}
        for one in error.errors(include_url=False, include_context=True)[:_MOST]:
            problem = _problem(
                chosen, one["loc"], one["type"], one["input"], dict(one.get("ctx") or {}), document
            )
            if problem.path not in told:
                problems.append(problem)
    if schema is not None:
        from openem_nb.oscem._second_opinion import opinions

        told = {problem.path for problem in problems}
        for path, message, value in opinions(document, schema, most=_MOST):
            if path not in told:
                problems.append(Problem(path, f"{message} (says {schema.name}).", "", value))
    return tuple(problems[:_MOST])


def check(document: Any, *, technique: str | None = None, schema: Path | None = None) -> None:
    """Raise if a document is not valid; see :func:`validate`.

    Raises
    ------
    InvalidMetadata
        With the first problems in words, and all of them as ``problems``.
    """
    problems = validate(document, technique=technique, schema=schema)
    if problems:
        raise InvalidMetadata(
            _told(problems),
            problems=problems,
            hint="oscem.validate() lists all problems; oscem.upgrade() reads older documents.",
        )


def _told(problems: Sequence[Problem]) -> str:
    lines = [f"- {problem}" for problem in problems[:_TOLD]]
    if len(problems) > _TOLD:
        lines.append(f"- and {len(problems) - _TOLD:,} more")
    count = "1 problem" if len(problems) == 1 else f"{len(problems):,} problems"
    return "\n".join((f"The document is not valid OSC-EM ({count}):", *lines))


def _problem(
    technique: str,
    loc: tuple[int | str, ...],
    kind: str,
    value: Any,
    context: dict[str, Any],
    document: Any = None,
) -> Problem:
    path = join(loc)
    expected = expected_at(technique, loc)
    message = in_words(technique, loc, kind, value, context, expected, document)
    return Problem(path, message, expected, None if kind == "missing" else value)


def _not_json(document: dict[Any, Any]) -> Iterator[Problem]:
    """Yield what no JSON file can hold: endless depth, keys that are no text, not a number."""
    found = 0
    stack: list[tuple[tuple[str | int, ...], Any]] = [((), document)]
    while stack and found < _MOST:
        parts, value = stack.pop()
        if isinstance(value, dict | list):
            if len(parts) >= DEEPEST:
                expected = f"at most {DEEPEST} levels"
                where = join(parts[:3])
                yield Problem(where, f"{where} goes deeper than {DEEPEST} levels.", expected)
                return
            if isinstance(value, list):
                below: Any = enumerate(value)
            else:
                below = value.items()
                for key in value:
                    if not isinstance(key, str):
                        found += 1
                        where = join(parts)
                        message = f"{where or 'The document'} has a key that is no text: {key!r}."
                        yield Problem(where, message, "texts as keys", key)
                below = ((key, one) for key, one in below if isinstance(key, str))
            stack.extend(((*parts, key), one) for key, one in below if not _plain(one))
        else:
            found += 1
            path = join(parts)
            if isinstance(value, str):
                wrong = f"{path} holds half a character, which no file can store; write it anew."
                yield Problem(path, wrong, "a text", value)
            else:
                wrong = f"{path} is {shown(value)}, which JSON does not know; leave it out."
                yield Problem(path, wrong, "a value that JSON knows", value)


def _plain(value: Any) -> bool:
    """Return whether a value is one that JSON knows, and has nothing in it."""
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, str):
        return value.isascii() or _HALF.search(value) is None
    return value is None or isinstance(value, int)
