"""The command that writes a document as mmCIF and says what is open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from openem_nb.cli._app import app, say
from openem_nb.cli._metadata import read_document
from openem_nb.values import counted

if TYPE_CHECKING:
    from openem_nb.mmcif import Deposition

_NAMED = 3
"""Choices of a question that are named."""
_DOCUMENT = Annotated[Path, typer.Argument(help="OSC-EM document, JSON.")]


@app.command()
def mmcif(
    document: _DOCUMENT,
    output: Annotated[Path, typer.Option("--output", "-o", help="The mmCIF file to write.")],
    model: Annotated[
        Path | None, typer.Option(help="Coordinates to put it into: mmCIF or PDB.")
    ] = None,
    wins: Annotated[
        Literal["metadata", "model"],
        typer.Option(help="Whose value stands where document and model disagree."),
    ] = "metadata",
    answers: Annotated[
        list[str] | None,
        typer.Option("--set", help="What no document holds: '_em_ctf_correction.type = ...'."),
    ] = None,
    filled_in: Annotated[
        Path | None, typer.Option("--answers", help="The form of --form, with answers.")
    ] = None,
    form: Annotated[
        Path | None, typer.Option(help="Write what is still asked for to this file, JSON.")
    ] = None,
    entry_id: Annotated[str | None, typer.Option(help="Identifier of the entry.")] = None,
    instruments: Annotated[
        Path | None,
        typer.Option(
            help="File that describes the microscopes; else those of the settings folder."
        ),
    ] = None,
    dictionary: Annotated[
        Path | None, typer.Option(help="Another PDBx dictionary than the one that is built in.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="List also what PDBx/mmCIF has no item for.")
    ] = False,
) -> None:
    """Write an OSC-EM document as mmCIF for OneDep, and list what is still asked for."""
    from openem_nb import mmcif as convert
    from openem_nb import oscem

    given = convert.load_answers(filled_in) if filled_in else {}
    given |= convert.read_answers(answers or ())
    content = read_document(document)
    made = convert.to_mmcif(
        content,
        model,
        wins=wins,
        entry_id=entry_id,
        answers=given,
        instruments=instruments,
        dictionary=dictionary,
    )
    made.write(output)
    if form is not None:
        made.write_form(form)
    print(f"{output}: {counted(len(made.written), 'value')} of the document")
    if problems := oscem.validate(content):
        many = counted(len(problems), "problem")
        say(
            f"The document itself has {many}: see `openem check`, and `openem upgrade` if it is of "
            "an older form.",
            err=True,
        )
    _tell(made, every=every)
    if form is not None:
        print(f"Form: {form}")


def _tell(made: Deposition, *, every: bool) -> None:
    """Say where document and model disagree, what is not in the file, and what is asked for."""
    for one in made.conflicts:
        say(
            f"conflict: {one.item}: {one.metadata} in the document, {one.model} in the model; "
            f"{one.taken} taken",
            err=True,
        )
    left = [one for one in made.left_out if every or not one.without_item]
    for line in dict.fromkeys(f"left out: {one.path}: {one.reason}" for one in left):
        say(line, err=True)
    more = len(made.left_out) - len(left)
    if more:
        said = counted(more, "value")
        say(f"left out: {said} that PDBx/mmCIF has no item for; --all lists them", err=True)
    asked = [one for one in made.missing if one.who != "OneDep"]
    for question in asked:
        must = "missing" if question.mandatory else "not required"
        say(f"{must}: {question.key} ({question.label}): {question.why}", err=True)
        if question.choices:
            few = " | ".join(question.choices[:_NAMED])
            rest = len(question.choices) - _NAMED
            say(f"    {few}{f' and {rest:,} more' if rest > 0 else ''}", err=True)
    if asked:
        say(
            f"Give what is missing: --set '{asked[0].key} = ...', or fill in the form of --form; "
            "OneDep adds the rest.",
            err=True,
        )
