"""The console command ``openem``: the public functions, one command each.

A command ends with code 0 when it did what it was asked, 1 with message and hint when it could
not, and 2 when it was called wrongly.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path  # noqa: TC003  (typer reads the annotations)
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from openem_nb._version import __version__
from openem_nb.errors import Cancelled, OpenEMError, RunFailed

if TYPE_CHECKING:
    from openem_nb.runs import Run

__all__ = ["main"]

app: Final = typer.Typer(
    name="openem",
    help="Open electron-microscopy data: SciCat, EMDB, EMPIAR and the PDB.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def main() -> None:
    """Run the command line; an error of ours is a message and a hint, not a traceback."""
    try:
        app()
    except OpenEMError as error:
        _complain(error)
        sys.exit(130 if isinstance(error, Cancelled) else 1)


def _complain(error: OpenEMError) -> None:
    print(f"{error}", file=sys.stderr)
    if error.hint:
        print(f"{error.hint}", file=sys.stderr)


def _version(asked: bool) -> None:
    if asked:
        print(f"openem_nb {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    profile: Annotated[
        str | None, typer.Option(help="Instance to talk to; see `openem status`.")
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    if profile:
        from openem_nb import settings

        settings.use(profile)


@app.command()
def status(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON for programs.")] = False,
) -> None:
    """Show which services answer, who is logged in, folders and versions."""
    from dataclasses import asdict

    from openem_nb.checkup import lines

    found = lines()
    if as_json:
        print(json.dumps([asdict(line) for line in found], indent=2))
        return
    width = max(len(line.name) for line in found)
    topic = ""
    for line in found:
        if line.topic != topic:
            topic = line.topic
            print(f"\n{topic}" if line is not found[0] else topic)
        mark = {True: "yes", False: "NO", None: ""}[line.ok]
        print(f"  {line.name:<{width}}  {mark:<3}  {line.detail}")


@app.command()
def practice(
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 0,
    entries: Annotated[
        int, typer.Option(min=50, max=60_000, help="EMDB entries to invent.")
    ] = 3000,
    seed: Annotated[int, typer.Option(min=0, help="Another seed, another archive.")] = 1,
) -> None:
    """Run the practice facility in the foreground until Ctrl-C."""
    from openem_nb.practice.__main__ import main as serve

    def announce(description: dict[str, Any]) -> None:
        url = description["url"]
        print(f"Practice facility with {entries:,} invented EMDB entries at {url}")
        print("To use it in another terminal:")
        print(f"    export OPENEM_PROFILE=practice OPENEM_PRACTICE_URL={url}")
        print("Ctrl-C ends it.", flush=True)

    arguments = ["--port", str(port), "--entries", str(entries), "--seed", str(seed)]
    raise typer.Exit(serve(arguments, announce=announce))


@app.command()
def harvest() -> None:
    """Fill or refresh the local archive of EMDB and EMPIAR metadata."""
    from openem_nb import statistics
    from openem_nb.jobs import follow

    try:
        with follow(sys.stderr) as progress:
            report = statistics.harvest(progress=progress)
    except KeyboardInterrupt:
        raise Cancelled(
            "The harvest was cancelled.",
            hint="What was read is kept; start it again to go on.",
        ) from None
    print(report)


@app.command()
def sql(
    query: Annotated[str, typer.Argument(help="A SELECT over the archive's tables.")],
    csv: Annotated[bool, typer.Option("--csv", help="As CSV.")] = False,
) -> None:
    """Ask the local archive anything, in SQL."""
    from openem_nb import statistics

    with statistics.archive() as archive:
        table = archive.sql(query)
    if csv:
        print(table.to_csv(index=False).rstrip())
    else:
        print(table.to_string(index=False, na_rep="", max_colwidth=60))


@app.command()
def run(
    name: Annotated[str, typer.Argument(help="Notebook; `openem notebooks` lists them.")],
    parameter: Annotated[
        list[str] | None, typer.Option("-p", "--parameter", help="key=value; may be repeated.")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Start it and return at once.")] = False,
) -> None:
    """Run a notebook and wait for its report; Ctrl-C cancels it."""
    from openem_nb import runs
    from openem_nb.errors import InvalidInput
    from openem_nb.jobs import follow

    values: dict[str, str] = {}
    for text in parameter or []:
        key, equals, value = text.partition("=")
        if not equals:
            raise InvalidInput(f"-p {text}: not key=value.", hint="Example: -p country=Austria")
        values[key.strip()] = value
    started = runs.start(name, values)
    if detach:
        print(f"Run {started.id} goes on in the background; see `openem runs`.")
        return
    try:
        with follow(sys.stderr) as progress:
            started.wait(progress=progress)
    except KeyboardInterrupt:
        started.cancel()
        raise Cancelled(
            f"Run {started.id} was cancelled.", hint=f"What it wrote so far: {started.folder}"
        ) from None
    _show(started)


def _show(ended: Run) -> None:
    if ended.summary:
        print(ended.summary.rstrip())
    if ended.error is not None:
        print(f"Log and partial notebook: {ended.folder}", file=sys.stderr)
        raise ended.error
    if ended.state != "done":
        log = ended.folder / "log.txt"
        raise RunFailed(f"Run {ended.id} ended as {ended.state}.", hint=f"See {log}")
    print(f"Results: {ended.outputs}")
    if ended.report:
        print(f"Report:  {ended.report}")


@app.command(name="runs")
def list_runs() -> None:
    """List past and running notebook runs, newest first."""
    from pandas import isna

    from openem_nb import runs
    from openem_nb.values import format_duration

    table = runs.history()
    if table.empty:
        print("No runs yet.")
    for row in table.to_dict("records"):
        took = "" if isna(row["seconds"]) else format_duration(row["seconds"])
        print(f"{row['id']}  {row['state']:<9}  {took:>10}  {row['report'] or row['folder']}")


@app.command()
def notebooks(
    copy_to: Annotated[
        Path | None, typer.Option("--copy-to", help="Copy them into this folder, to edit.")
    ] = None,
) -> None:
    """List the notebooks that can be run, with their parameters."""
    from openem_nb import runs

    for name in runs.templates():
        form = runs.form(name)
        print(f"{name}: {form.title}")
        for parameter in form.parameters:
            print(f"    {parameter.name} = {parameter.plain(parameter.default)!r}")
            choices = f" ({parameter.expected})" if parameter.choices else ""
            print(f"        {parameter.help}{choices}")
    if copy_to is not None:
        for path in runs.copy_templates(copy_to):
            print(f"Copied {path}")


@app.command()
def lab(
    port: Annotated[int | None, typer.Option(help="Port; a free one if not given.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Where the notebooks go.")] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
) -> None:
    """Start JupyterLab with the notebooks at hand."""
    from openem_nb.lab import lab as start

    raise typer.Exit(start(port=port, folder=folder, open_browser=browser))
