"""The parameters of a notebook as a form: what may be filled in, and how an answer is checked."""

from __future__ import annotations

import difflib
import errno
import math
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from openem_nb.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Form", "Kind", "Parameter"]

Kind = Literal["bool", "int", "float", "str", "Path", "date", "Literal", "list[str]", "Path | str"]

_EXPECTED: dict[str, str] = {
    "bool": "yes or no",
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "Path": "the path of a file or folder",
    "date": "a date such as 2024-11-12",
    "list[str]": "a list of texts, one a line",
    "Path | str": "text, or the path of a file or folder",
}
_YES = frozenset({"true", "yes", "on", "1"})
_NO = frozenset({"false", "no", "off", "0"})


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a notebook, as its author wrote it.

    Attributes
    ----------
    name :
        Name of the variable in the notebook.
    annotation :
        The type as it stands in the notebook, for example ``date | None``.
    kind :
        The type without ``| None``; it decides which control a form shows.
    default :
        Value that is used when nothing is filled in.
    help :
        The author's explanation.
    choices :
        Values to choose from for the kind ``Literal``, empty for the others.
    optional :
        Whether the field may be left blank, which means None.
    """

    name: str
    annotation: str
    kind: Kind
    default: Any
    help: str = ""
    choices: tuple[str | int, ...] = ()
    optional: bool = False

    @property
    def expected(self) -> str:
        """What may be filled in, in words."""
        words = (
            "one of " + ", ".join(str(choice) for choice in self.choices)
            if self.kind == "Literal"
            else _EXPECTED[self.kind]
        )
        return f"{words}, or blank" if self.optional else words

    def read(self, value: object) -> Any:
        """Return ``value`` (text as a person types it, or a typed value) in the parameter's type.

        A path other than the default is taken relative to the current folder of the caller, because
        the notebook itself runs in a folder of its own. Where text may be meant as well it is a
        path if there is something of that name.

        Raises
        ------
        InvalidInput
            If the value cannot be meant; the message says what is expected.
        """
        blank = value is None or (
            isinstance(value, str) and value.strip().casefold() in {"", "none"}
        )
        if blank and self.optional:
            return None
        try:
            result = _READERS[self.kind](self, value)
            if isinstance(result, Path) and result != self.default:
                return Path.cwd() / result.expanduser()
        except (TypeError, ValueError, OverflowError, RuntimeError):  # the last one: ~nobody
            shown = "blank" if value is None or value == "" else repr(value)
            msg = f"{shown} is not {self.expected}"
            raise InvalidInput(msg) from None
        return result

    def plain(self, value: Any) -> Any:
        """Return a typed value as something that JSON can hold and :meth:`read` understands."""
        if isinstance(value, date):
            return value.isoformat()
        return str(value) if isinstance(value, Path) else value


@dataclass(frozen=True, slots=True)
class Form:
    """What a notebook does and what it wants to know.

    Attributes
    ----------
    title, description :
        First heading of the notebook and the first paragraph below it.
    parameters :
        In the order of the notebook.
    name :
        Name of the notebook without ``.ipynb``.
    path :
        The notebook itself.
    """

    title: str
    description: str
    parameters: tuple[Parameter, ...]
    name: str
    path: Path

    def problems(self, answers: Mapping[str, object]) -> dict[str, str]:
        """Return what is wrong with the answers: field name to message, empty if all is well."""
        known = {parameter.name: parameter for parameter in self.parameters}
        problems = {}
        for name, value in answers.items():
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                meant = f"; did you mean {near[0]}?" if near else ""
                problems[name] = f"the notebook has no such parameter{meant}"
                continue
            try:
                known[name].read(value)
            except InvalidInput as error:
                problems[name] = str(error)
        return problems

    def read(self, answers: Mapping[str, object] | None = None) -> dict[str, Any]:
        """Return a typed value for every parameter; what is not answered keeps its default.

        Raises
        ------
        InvalidInput
            If an answer cannot be used; the message names every such field and what is expected.
        """
        answers = answers or {}
        problems = self.problems(answers)
        if problems:
            known = ", ".join(parameter.name for parameter in self.parameters) or "none"
            count = "1 parameter" if len(problems) == 1 else f"{len(problems)} parameters"
            lines = "\n".join(f"  {name}: {text}" for name, text in problems.items())
            raise InvalidInput(
                f"{count} of {self.name} cannot be used:\n{lines}",
                hint=f"Parameters of this notebook: {known}.",
            )
        return {
            parameter.name: parameter.read(answers[parameter.name])
            if parameter.name in answers
            else parameter.default
            for parameter in self.parameters
        }

    def plain(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return typed values as JSON can hold them; :meth:`read` turns them back."""
        return {p.name: p.plain(values[p.name]) for p in self.parameters}


def _bool(parameter: Parameter, value: object) -> bool:
    text = str(value).strip().casefold()
    if not isinstance(value, bool | str) or text not in _YES | _NO:
        raise ValueError
    return text in _YES


def _int(parameter: Parameter, value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError
    return int(value)


def _float(parameter: Parameter, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _str(parameter: Parameter, value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _path(parameter: Parameter, value: object) -> Path:
    if not isinstance(value, str | Path) or not str(value).strip() or "\0" in str(value):
        raise ValueError
    return Path(value)


def _path_or_text(parameter: Parameter, value: object) -> str:
    text = str(value) if isinstance(value, Path) else value
    if not isinstance(text, str):
        raise TypeError
    if not text.strip() or text == parameter.default or "\0" in text:
        return text
    path = Path.cwd() / Path(text.strip()).expanduser()
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return text
    except OSError as error:  # what is closed is a path all the same; a long text is none
        return text if error.errno == errno.ENAMETOOLONG else str(path)
    return str(path)


def _date(parameter: Parameter, value: object) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if not isinstance(value, str):
        raise TypeError
    return date.fromisoformat(value.strip())


def _choice(parameter: Parameter, value: object) -> str | int:
    for choice in parameter.choices:
        if type(value) is type(choice) and value == choice:
            return choice
    for choice in parameter.choices:
        if isinstance(value, str) and value.strip() == str(choice):
            return choice
    raise ValueError


def _texts(parameter: Parameter, value: object) -> list[str]:
    if isinstance(value, str):
        value = value.splitlines() if "\n" in value.strip() else value.split(",")
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        raise TypeError
    return [item.strip() for item in value if item.strip()]


_READERS: dict[str, Callable[[Parameter, object], Any]] = {
    "bool": _bool,
    "int": _int,
    "float": _float,
    "str": _str,
    "Path": _path,
    "date": _date,
    "Literal": _choice,
    "list[str]": _texts,
    "Path | str": _path_or_text,
}
