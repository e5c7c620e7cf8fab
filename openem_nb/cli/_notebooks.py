"""Commands about notebooks that run as jobs."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003  (typer reads the annotations)
from typing import TYPE_CHECKING, Annotated

import typer

from openem_nb.cli._app import app, say
from openem_nb.errors import Cancelled, RunFailed

if TYPE_CHECKING:
    from openem_nb.runs import Run


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
        say(ended.summary.rstrip())
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
