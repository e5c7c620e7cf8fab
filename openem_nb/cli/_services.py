"""Commands about the services themselves: what works, the practice facility, JupyterLab."""

from __future__ import annotations

import json
from pathlib import Path  # noqa: TC003  (typer reads the annotations)
from typing import Annotated, Any

import typer

from openem_nb.cli._app import app


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
    datasets: Annotated[
        int, typer.Option(min=20, max=1_000_000, help="Data sets to invent in each SciCat.")
    ] = 20_000,
    tape_seconds: Annotated[
        float, typer.Option(min=0.0, help="How long the tape robot takes for one job.")
    ] = 8.0,
    state: Annotated[
        Path | None,
        typer.Option(help="File that keeps what people change; without one all is forgotten."),
    ] = None,
) -> None:
    """Run the practice facility in the foreground until Ctrl-C."""
    from openem_nb.practice.__main__ import main as serve

    def announce(description: dict[str, Any]) -> None:
        url = description["url"]
        print(f"Practice facility with {entries:,} invented EMDB entries at {url}")
        print("To use it in another terminal:")
        print(f"    export OPENEM_PROFILE=practice OPENEM_PRACTICE_URL={url}")
        print(f"Two SciCats with {datasets:,} invented data sets each: practice, practice-ethz")
        print("Ctrl-C ends it.", flush=True)

    arguments = ["--port", str(port), "--entries", str(entries), "--seed", str(seed)]
    arguments += ["--datasets", str(datasets), "--tape-seconds", str(tape_seconds)]
    if state is not None:
        arguments += ["--state", str(state)]
    raise typer.Exit(serve(arguments, announce=announce))


@app.command()
def lab(
    port: Annotated[int | None, typer.Option(help="Port; a free one if not given.")] = None,
    folder: Annotated[Path | None, typer.Option(help="Where the notebooks go.")] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser.")] = True,
) -> None:
    """Start JupyterLab with the notebooks at hand."""
    from openem_nb.lab import lab as start

    raise typer.Exit(start(port=port, folder=folder, open_browser=browser))
