"""An OSC-EM document as PDBx/mmCIF for OneDep."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final, Literal

from gemmi import cif

from openem_nb import oscem
from openem_nb.errors import InvalidInput
from openem_nb.mmcif._beside import put_beside
from openem_nb.mmcif._categories import CATEGORIES
from openem_nb.mmcif._collect import LeftOut, collect
from openem_nb.mmcif._dictionary import dictionary as dictionary_at
from openem_nb.mmcif._facility import ask_facility, known
from openem_nb.mmcif._layout import as_raw_text, as_text, layout
from openem_nb.mmcif._merge import merge, renamed
from openem_nb.mmcif._model import read_model
from openem_nb.mmcif._questions import answer, questions
from openem_nb.mmcif.deposition import Deposition

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from openem_nb.mmcif._collect import Collected
    from openem_nb.mmcif._dictionary import Dictionary
    from openem_nb.mmcif._layout import Table
    from openem_nb.mmcif._merge import Merged
    from openem_nb.mmcif._model import Model
    from openem_nb.mmcif.deposition import Disagreement
    from openem_nb.oscem import Extraction, Provenance
    from openem_nb.oscem.instruments import Instrument, Instruments

__all__ = ["to_mmcif"]

_UNNAMED: Final = "UNNAMED"
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


def to_mmcif(
    document: Mapping[str, Any] | Extraction,
    model: Path | str | None = None,
    *,
    wins: Literal["metadata", "model"] = "metadata",
    entry_id: str | None = None,
    answers: Mapping[str, Any] | None = None,
    instruments: Instruments | Instrument | Path | str | None = None,
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
        OSC-EM, version 1.0, or what :func:`openem_nb.extract` returned: that also knows what files
        say and OSC-EM has no place for, such as the objective aperture.
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
    instruments :
        What the facility says of its microscopes, as for :func:`openem_nb.extract`; by default what
        the extraction was made with, or all files in the configuration folder. It fills in the
        list's word for model and detector where the document has a serial number, or a name of the
        house.
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
    beside: Mapping[str, Provenance] = {}
    if isinstance(document, oscem.Extraction):
        beside = document.beside
        instruments = document.instrument if instruments is None else instruments
        document = document.document
    if not isinstance(document, dict) or not isinstance(document.get("acquisition"), dict):
        raise InvalidInput(
            "This is no OSC-EM document: it has no acquisition.",
            hint="If it is of an older form, or wrapped by a catalogue, "
            "openem.oscem.upgrade(document) brings it up to date.",
        )
    if wins not in ("metadata", "model"):
        raise InvalidInput(f"wins cannot be {wins!r}.", hint="Say 'metadata' or 'model'.")
    if entry_id is not None and not _ID.fullmatch(entry_id):
        raise InvalidInput(
            f"{entry_id!r} cannot be the identifier of an entry.",
            hint="Take letters, digits, hyphens, dots and underscores, without blanks.",
        )
    words = dictionary_at(dictionary)
    file = None if model is None else read_model(model)
    name = entry_id or (file.entry_id if file else None) or _UNNAMED
    made = collect(document, oscem.technique_of(document), words)
    ask_facility(document, made, known(instruments), words)
    put_beside(made, beside, words)
    answer(made, answers or {}, words)
    table = layout(made.rows, name, words)
    conflicts: tuple[Disagreement, ...] = ()
    if file is None:
        text = f"data_{name}\n#\n" + "".join(as_text(c, rows, words) for c, rows in table.items())
    else:
        text, conflicts = _merged(table, made, file, wins, name, words)
    return Deposition(
        text=text,
        entry_id=name,
        entries=tuple(made.entries),
        left_out=tuple(made.left_out),
        missing=questions(made, table, words),
        conflicts=conflicts,
        dictionary=words.version,
    )


def _merged(
    table: Table,
    made: Collected,
    file: Model,
    wins: Literal["metadata", "model"],
    name: str,
    words: Dictionary,
) -> tuple[str, tuple[Disagreement, ...]]:
    """Return the file with the document in it; ``table`` and ``made`` say what came of them."""
    texts: dict[str, str] = {}
    block_name = None
    if file.entry_id is not None and file.entry_id != name:
        again = renamed(file, name)
        texts = {category: as_raw_text(category, rows) for category, rows in again.items()}
        for category, rows in again.items():
            file.replace(category, rows)
        block_name = name
    merged = merge(table, file, wins, words)
    for category in CATEGORIES:
        if category in merged.changed:
            texts[category] = as_raw_text(category, merged.rows[category])
    _give_way(table, made, merged)
    _as_merged(table, made, merged, file)
    return file.with_categories(texts, name=block_name), tuple(merged.conflicts)


def _give_way(table: Table, made: Collected, merged: Merged) -> None:
    """Report the values of the document that are not in the file after all."""
    for entry in list(made.entries):
        category = entry.item[1:].partition(".")[0]
        numbers = sorted(made.rows.get(category, {}))
        place = numbers.index(entry.row) if entry.row in numbers else 0
        places = merged.places.get(category, [])
        if place < len(places) and places[place] is None:
            reason = "the model has no polymer with the sequence of this molecule"
        elif (entry.item, place + 1) in merged.kept:
            theirs = next(c.model for c in merged.conflicts if c.item == entry.item)
            reason = f"the model says {theirs!r}, and the model wins"
        else:
            continue
        made.entries.remove(entry)
        made.left_out.append(LeftOut(entry.path, entry.value, reason, entry.item, entry.row))


def _as_merged(table: Table, made: Collected, merged: Merged, file: Model) -> None:
    """Put into ``table`` what the file says, so that nothing is asked that the model answers."""
    for category in CATEGORIES:
        places = merged.places.get(category)
        rows = merged.rows.get(category) or file.rows(category)
        if places is None:
            plain = [_plain(row) for row in rows]
        else:
            plain = [
                dict.fromkeys(own, "") if at is None else _plain(rows[at])
                for own, at in zip(table[category], places, strict=True)
            ]
        if plain:
            table[category] = plain


def _plain(row: Mapping[str, str]) -> dict[str, str | None]:
    return {item: None if cif.is_null(raw) else cif.as_string(raw) for item, raw in row.items()}
