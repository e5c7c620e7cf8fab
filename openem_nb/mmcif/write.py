"""An OSC-EM document as PDBx/mmCIF for OneDep."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal

from openem_nb.errors import InvalidInput
from openem_nb.mmcif._collect import collect
from openem_nb.mmcif._dictionary import dictionary as dictionary_at
from openem_nb.mmcif._layout import as_text, layout
from openem_nb.mmcif._questions import answer, questions
from openem_nb.mmcif.deposition import Deposition

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["to_mmcif"]

_UNNAMED: Final = "UNNAMED"
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


def to_mmcif(
    document: Mapping[str, Any],
    model: Path | str | None = None,
    *,
    wins: Literal["metadata", "model"] = "metadata",
    entry_id: str | None = None,
    answers: Mapping[str, Any] | None = None,
    dictionary: Path | str | None = None,
) -> Deposition:
    """Return a document as mmCIF, alone or merged into the file of a coordinate model.

    Every category has its numbers and the categories that it hangs on; values stand in the units
    of the dictionary and in the words of its lists. What the dictionary demands and the document
    does not determine is asked (:attr:`Deposition.missing`), never made up; what has no item, or
    cannot be said in it, is in :attr:`Deposition.left_out` with the reason.

    Parameters
    ----------
    document :
        OSC-EM, version 1.0.
    model :
        Coordinates in mmCIF (also packed with gzip) or PDB format. They, and every category that
        the document says nothing of, stay as they are, character by character.
    wins :
        Whose value stands where document and model disagree; each case is in
        :attr:`Deposition.conflicts`.
    entry_id :
        Identifier of the entry; that of the model, or ``UNNAMED``, if none is given.
    answers :
        Values for open questions, by :attr:`Question.key`; they stand above the document.
    dictionary :
        A newer PDBx/mmCIF dictionary than the one in the package.

    Raises
    ------
    InvalidInput
        If the document is none, an answer does not fit its item, or the model cannot be read.
    NotFound
        If there is no file of that name.

    Examples
    --------
    >>> made = to_mmcif(document, "model.cif", answers={  # doctest: +SKIP
    ...     "_em_imaging.microscope_model": "TFS KRIOS"})
    >>> [question.key for question in made.missing]  # doctest: +SKIP
    >>> made.write("deposition.cif")  # doctest: +SKIP
    """
    if not isinstance(document, dict) or not isinstance(document.get("acquisition"), dict):
        raise InvalidInput(
            "This is no OSC-EM document: it has no acquisition.",
            hint="Give the document itself, as openem.oscem.read returns it.",
        )
    if wins not in ("metadata", "model"):
        raise InvalidInput(f"wins cannot be {wins!r}.", hint="Say 'metadata' or 'model'.")
    if entry_id is not None and not _ID.fullmatch(entry_id):
        raise InvalidInput(
            f"{entry_id!r} cannot be the identifier of an entry.",
            hint="Take letters, digits, hyphens, dots and underscores, without blanks.",
        )
    words = dictionary_at(dictionary)
    made = collect(document, _technique(document), words)
    answer(made, answers or {}, words)
    table = layout(made.rows, entry_id or _UNNAMED, words)
    asked = questions(made, table, words)
    name = entry_id or _UNNAMED
    text = f"data_{name}\n#\n" + "".join(as_text(c, rows, words) for c, rows in table.items())
    return Deposition(
        text=text,
        entry_id=name,
        entries=tuple(made.entries),
        left_out=tuple(made.left_out),
        missing=asked,
        dictionary=words.version,
    )


def _technique(document: Mapping[str, Any]) -> str:
    technique = document["acquisition"].get("technique")
    return technique if isinstance(technique, str) else "general"
