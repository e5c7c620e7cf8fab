"""Answers to what a deposition asks for: lines that a person types, or a form filled in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from openem_nb import oscem
from openem_nb.errors import InvalidInput, InvalidMetadata

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = ["load_answers", "read_answers"]


def read_answers(lines: Iterable[str]) -> dict[str, str]:
    """Return what :func:`~openem_nb.mmcif.to_mmcif` takes as ``answers``.

    Parameters
    ----------
    lines :
        An item, with the number of its row in brackets where it is not the first, an equals sign
        and a value. Empty lines are passed over.

    Raises
    ------
    InvalidInput
        If a line has no item or no value, or an item is there twice. Whether the dictionary knows
        the item and takes the value is told by ``to_mmcif``.

    Examples
    --------
    >>> read_answers(["_em_ctf_correction.type = NONE"])
    {'_em_ctf_correction.type': 'NONE'}
    """
    found: dict[str, str] = {}
    for line in lines:
        if not line.strip():
            continue
        item, _, value = (part.strip() for part in line.partition("="))
        if not item.startswith("_") or not value:
            raise InvalidInput(
                f"{line!r} is not an item with a value.",
                hint="Write it like _em_ctf_correction.type = NONE.",
            )
        if item in found:
            raise InvalidInput(f"{item} is there twice.", hint="Give each answer once.")
        found[item] = value
    return found


def load_answers(path: Path | str) -> dict[str, Any]:
    """Return the answers of a form that :meth:`~openem_nb.mmcif.Deposition.write_form` wrote.

    Parameters
    ----------
    path :
        The form, in which ``answer`` was filled in where something is known; or a JSON object of
        answers by item.

    Raises
    ------
    NotFound
        If there is no such file.
    InvalidInput
        If it is neither, or a question is there twice.

    Examples
    --------
    >>> made.write_form("form.json")  # doctest: +SKIP
    >>> openem.to_mmcif(document, answers=load_answers("form.json"))  # doctest: +SKIP
    """
    try:
        content = oscem.read(path)
    except InvalidMetadata as error:
        raise InvalidInput(str(error), hint=_FORM) from error
    form = content.get("questions", content)
    if isinstance(form, dict):
        form = [{"key": key, "answer": answer} for key, answer in form.items()]
    found: dict[str, Any] = {}
    for one in form if isinstance(form, list) else [None]:
        if not isinstance(one, dict) or not isinstance(one.get("key"), str):
            raise InvalidInput(f"{path} is no form with questions.", hint=_FORM)
        if one["key"] in found:
            raise InvalidInput(f"{one['key']} is there twice.", hint="Give each answer once.")
        answer = one.get("answer")
        if answer is not None and not (isinstance(answer, str) and not answer.strip()):
            found[one["key"]] = answer
    return found


_FORM = "Fill in the form that `write_form` or `openem mmcif --form` writes."
