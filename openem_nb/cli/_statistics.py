"""Commands about the local archive of EMDB and EMPIAR metadata."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from openem_nb.cli._app import app
from openem_nb.errors import Cancelled


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
