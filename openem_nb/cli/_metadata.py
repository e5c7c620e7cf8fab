"""Commands about metadata: what a session's files say, what the repositories want, mmCIF."""

from __future__ import annotations

import json
import re
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from openem_nb._texts import one_line
from openem_nb.cli._app import app, say
from openem_nb.cli._words import as_commands
from openem_nb.errors import Cancelled
from openem_nb.values import counted

if TYPE_CHECKING:
    from collections.abc import Iterable

    from openem_nb.oscem.extraction import Extraction
    from openem_nb.oscem.provenance import Provenance

_NAMED = 3
"""Files that a finding names."""
_CHANGED_UNIT = re.compile(r"\S+ to \S+")
_FOLDERS = re.compile(r"(?:[^\s/]+/)+")
_FOLDER = Annotated[Path, typer.Argument(help="Folder of a microscope session.")]
_TECHNIQUE = Annotated[
    str | None,
    typer.Option(help="spa, subtomo, env_tomo, cellular_tomo or general; else from the files."),
]
_INSTRUMENTS = Annotated[
    Path | None,
    typer.Option(help="File that describes the microscopes; else those of the settings folder."),
]
_ZONE = Annotated[str, typer.Option(help="Zone of files that write local time: Europe/Zurich.")]
_SET = Annotated[
    list[str] | None,
    typer.Option("--set", help="What no file holds: 'instrument.cs = 2.7 mm'; may be repeated."),
]


@app.command()
def extract(
    folder: _FOLDER,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the document to this file.")
    ] = None,
    technique: _TECHNIQUE = None,
    instruments: _INSTRUMENTS = None,
    time_zone: _ZONE = "",
    values: _SET = None,
    draft: Annotated[
        bool, typer.Option("--draft", help="Write it also while something required is missing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the document itself.")] = False,
) -> None:
    """Read a session's metadata as an OSC-EM document, with where each value comes from."""
    found = _extracted(folder, technique, instruments, time_zone, values)
    if as_json:
        print(json.dumps(found.document, indent=2, ensure_ascii=False))
    elif output is None and found.provenance:
        say(_values(found))
    _tell(found, missing=output is None or draft)
    if output is None:
        return
    if draft and found.problems:
        found.write_draft(output)
        print(f"Draft: {output}")
    else:
        found.write(output)
        print(f"Document: {output}")


def _extracted(
    folder: Path,
    technique: str | None,
    instruments: Path | None,
    time_zone: str,
    values: Iterable[str] | None,
) -> Extraction:
    from openem_nb import oscem
    from openem_nb.jobs import follow

    try:
        # in a pipe or a log, lines that tell how far it is are of no use beside those that stay
        with follow(sys.stderr) if sys.stderr.isatty() else nullcontext() as progress:
            found = oscem.extract(
                folder,
                technique=technique,
                instruments=instruments,
                time_zone=time_zone,
                progress=progress,
            )
    except KeyboardInterrupt:
        raise Cancelled("The extraction was cancelled.", hint="Nothing was written.") from None
    lines = list(values or ())
    return found.complete(oscem.read_answers(lines, technique=found.technique)) if lines else found


def _values(found: Extraction) -> str:
    """Return the document as lines: path, value, and where it comes from."""
    from openem_nb import oscem

    rows = []
    for path, value in oscem.paths(found.document):
        origin = found.provenance.get(path)
        rows.append((path, one_line(_plain(value)), one_line(_origin(origin))))
    for name, origin in found.beside.items():  # what OSC-EM has no place for
        value = f"{origin.value} {origin.unit}".strip()
        rows.append((f"({name})", one_line(value), one_line(_origin(origin))))
    width = [max((len(row[column]) for row in rows), default=0) for column in (0, 1)]
    return "\n".join(
        f"{path:<{width[0]}}  {value:<{min(width[1], 32)}}  {place}".rstrip()
        for path, value, place in rows
    )


def _origin(origin: Provenance | None) -> str:
    """Return where a value comes from: who says it, in how many files, by which rule."""
    if origin is None:
        return ""
    parts = [f"{origin.source} {origin.kind}".strip()]
    told = [one for one in origin.rule.split("; ") if one and not _CHANGED_UNIT.fullmatch(one)]
    if told and origin.source != "all files":
        parts.append("; ".join(told))
    if origin.total > 1:
        what = "" if origin.kind == "tilt" else " files"  # sections of a tilt series are no files
        if origin.agreed > 1 or not told:
            parts.append(f"{origin.agreed:,} of {origin.total:,}{what}")
        else:  # the earliest of many
            parts[-1] += f" of {origin.total:,}{what}"
    elif origin.file or origin.tag:
        parts.append(origin.file or origin.tag)
    return ", ".join(parts)


def _plain(value: Any) -> str:
    if isinstance(value, dict) and "value" in value:
        return f"{value['value']:.10g} {value.get('unit', '')}".strip()
    return str(value) if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _tell(found: Extraction, *, missing: bool) -> None:
    """Say what a person should know of a session, and if it is asked what is still missing."""
    following = (*(one.hint for one in found.findings[1:]), "")
    for finding, next_hint in zip(found.findings, following, strict=False):
        say(f"{finding.level}: {finding.message}", err=True)
        if finding.files:
            named = ", ".join(map(one_line, finding.files[:_NAMED]))
            more = max(finding.count, len(finding.files)) - len(finding.files[:_NAMED])
            say(f"    {named}{f' and {more:,} more' if more > 0 else ''}", err=True)
        if finding.hint and finding.hint != next_hint:  # of several with one remedy, the last
            say(f"    {as_commands(finding.hint)}", err=True)
    missing = missing and bool(found.provenance)  # of a folder without metadata all is missing
    required = [one for one in found.missing if one.required] if missing else []
    for one in required:
        why = f" ({one.why})" if one.why else ""
        say(f"missing: {one.path}: {one.description}{why}", err=True)
    if required:
        say(f"Give what is missing: --set '{required[0].path} = ...'.", err=True)


@app.command()
def coverage(
    folder: Annotated[
        Path | None,
        typer.Argument(help="Folder of a session; without one, what each format can hold."),
    ] = None,
    technique: _TECHNIQUE = None,
    instruments: _INSTRUMENTS = None,
    time_zone: _ZONE = "",
    values: _SET = None,
    csv: Annotated[bool, typer.Option("--csv", help="All columns, as CSV.")] = False,
) -> None:
    """Tell which of the repositories' requirements a session's files meet, and who has the rest."""
    from openem_nb import mmcif
    from openem_nb.oscem.readers import FORMATS
    from openem_nb.values import for_spreadsheets

    found = mmcif.coverage(
        _extracted(folder, technique, instruments, time_zone, values) if folder else None
    )
    if csv:
        print(for_spreadsheets(found.frame).to_csv(index=False).rstrip())
        return
    for one in found.rows:
        asked = one.parameter
        must = "mandatory" if "mandatory" in (asked.emdb, asked.empiar) else ""
        if one.there is None:
            known = ""
            rest = ", ".join(form.label for form in FORMATS.values() if form.name in one.formats)
        else:
            known = "yes" if one.there else "no"
            source = _FOLDERS.sub("", one.source)
            rest = f"{one.value} ({source})" if one.there else one.why or one.who
        say(f"{known:<4}{must:<10} {asked.name:<52} {one_line(rest)}".rstrip())
    say(found.summary, err=True)


@app.command()
def check(
    file: Annotated[Path, typer.Argument(help="OSC-EM document (JSON) or mmCIF file.")],
    technique: _TECHNIQUE = None,
    dictionary: Annotated[
        Path | None, typer.Option(help="Another PDBx dictionary, for an mmCIF file.")
    ] = None,
) -> None:
    """Check a document against OSC-EM, or an mmCIF file as a deposition; code 1 if not valid."""
    if file.suffix.lower() == ".json":
        valid = _check_document(file, technique)
    else:
        valid = _check_mmcif(file, dictionary)
    if not valid:
        raise typer.Exit(1)


def _check_document(file: Path, technique: str | None) -> bool:
    from openem_nb import oscem

    document = read_document(file)
    problems = oscem.validate(document, technique=technique)
    for problem in problems:
        say(f"error: {problem}")
    for doubt in oscem.doubts(document):
        say(f"doubt: {doubt}")
    if not problems:
        say(f"{file} is a valid document of {technique or oscem.technique_of(document)}.")
    return not problems


def read_document(file: Path) -> dict[str, Any]:
    """Return a document, or what a draft has of one."""
    from openem_nb import oscem

    found = oscem.read(file)
    if oscem.is_draft(found):
        say(f"{file} is a draft.", err=True)
        inner: dict[str, Any] = found["draft"]
        return inner
    return found


def _check_mmcif(file: Path, dictionary: Path | None) -> bool:
    from openem_nb import mmcif

    found = mmcif.check_mmcif(file, dictionary=dictionary)
    for message in found.messages:
        if message.code == "context":  # how the dictionary marks a category: nothing to do
            continue
        say(f"{message.level}: {message.item}: {message.text}")
        if message.remedy and message.level != "info":
            say(f"    {message.remedy}")
    say(
        f"{counted(len(found.errors), 'error')}, {counted(len(found.warnings), 'warning')} "
        f"by PDBx dictionary {found.dictionary}"
    )
    return bool(found.ok)


@app.command()
def upgrade(
    file: Annotated[Path, typer.Argument(help="Document in an older form of OSC-EM, JSON.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Where to write it to; else nothing is."),
    ] = None,
    draft: Annotated[
        bool, typer.Option("--draft", help="Write it also while something in it is not valid.")
    ] = False,
) -> None:
    """Bring a document from an older form of OSC-EM to the present one."""
    from openem_nb import oscem

    made = oscem.upgrade(read_document(file))
    for change in made.changes:
        say(change)
    if not made.changes:
        say("There is nothing to change.")
    problems = oscem.validate(made.document)
    for problem in problems:
        say(f"error: {problem}", err=True)
    if output is None:
        return
    if draft and problems:
        oscem.write_draft(made.document, output)
        print(f"Draft: {output}")
    else:
        oscem.write(made.document, output)
        print(f"Document: {output}")


@app.command()
def instruments(
    file: Annotated[
        Path | None, typer.Argument(help="A file; else those of the settings folder.")
    ] = None,
    example: Annotated[
        bool, typer.Option("--example", help="Print a file with everything that can be said.")
    ] = False,
) -> None:
    """List the microscopes that instrument files describe, or show how to describe one."""
    from openem_nb.oscem import instruments as known
    from openem_nb.settings import folders

    if example:
        print(known.example().rstrip())
        return
    found = known.load(file)
    for one in found:
        cameras = ", ".join(camera.name or place for place, camera in one.detectors.items())
        cs = "" if one.cs is None else f"Cs {one.cs:g} mm"
        parts = [one.serial, one.name, cs, cameras, one.time_zone, one.contact]
        say("  ".join(part for part in parts if part))
    if not found.all:
        say("No instrument file is there.", err=True)
        say(
            f"    openem instruments --example > {folders().config / 'instruments' / 'ours.toml'}",
            err=True,
        )
