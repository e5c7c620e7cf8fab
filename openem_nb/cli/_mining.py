"""Commands about whole data sets of images."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003  (typer reads annotations when it runs)
from typing import Annotated, Any

import typer

from openem_nb._texts import one_line
from openem_nb.cli._app import app, say
from openem_nb.errors import Cancelled

_NAMED = 5
"""Files with a problem that are named."""
_SOURCE = Annotated[
    str,
    typer.Argument(help="Folder with images, PID of a data set, or EMPIAR id (EMPIAR-10028)."),
]


@app.command()
def mine(
    source: _SOURCE,
    measures: Annotated[
        list[str] | None,
        typer.Option(
            "--measure",
            help="thumbnail, statistics, spectrum, ctf, ice, dose or motion; may be repeated.",
        ),
    ] = None,
    voltage: Annotated[
        float | None, typer.Option(help="In kV; else from files or metadata.")
    ] = None,
    cs: Annotated[
        float | None, typer.Option(help="Spherical aberration, mm; else from metadata.")
    ] = None,
    pixel_size: Annotated[
        float | None, typer.Option(help="Å; else from files or metadata.")
    ] = None,
    amplitude_contrast: Annotated[float, typer.Option(help="Part of 1.")] = 0.07,
    phase_plate: Annotated[
        bool, typer.Option("--phase-plate", help="Look for a phase shift, too.")
    ] = False,
    defocus: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="LEAST MOST", help="Å between which it is looked for; else 3000 50000."
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Fit the CTF in less time, less exactly.")
    ] = False,
    dose: Annotated[float | None, typer.Option(help="Electrons per Å² that were meant.")] = None,
    gain: Annotated[Path | None, typer.Option(help="Gain reference of movies.")] = None,
    flip_rotate: Annotated[str, typer.Option(help="How the gain is turned, as OSC-EM says.")] = "",
    pattern: Annotated[
        str | None, typer.Option(help="Only files like this: '*_fractions.tiff'.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for table and pictures.")
    ] = None,
    csv: Annotated[Path | None, typer.Option(help="Write the table to this file, too.")] = None,
    cluster: Annotated[
        str | None, typer.Option(help="local, slurm or an address; else threads of this process.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Threads, processes or jobs; else one for each core.")
    ] = None,
    options: Annotated[
        list[str] | None,
        typer.Option("--option", help="More for a cluster: 'queue=day'; may be repeated."),
    ] = None,
    retry: Annotated[
        bool, typer.Option("--retry", help="Measure all files with a problem again.")
    ] = False,
) -> None:
    """Measure every image of a data set; run again, it goes on where it was."""
    from openem_nb import mining
    from openem_nb.jobs import follow

    try:
        with follow(sys.stderr) as progress:
            mined = mining.mine(
                source,
                measures=measures or mining.DEFAULT,
                voltage=voltage,
                cs=cs,
                pixel_size=pixel_size,
                amplitude_contrast=amplitude_contrast,
                phase_plate=phase_plate,
                defocus=defocus,
                quick=quick,
                dose=dose,
                gain=gain,
                flip_rotate=flip_rotate,
                pattern=pattern,
                out=output,
                cluster=cluster,
                workers=workers,
                options=mining.read_options(options or []),
                retry=retry,
                progress=progress,
            )
    except KeyboardInterrupt:
        raise Cancelled(
            "The mining was cancelled.",
            hint="What was measured is kept; start it again to go on.",
        ) from None
    _tell(mined)
    if csv is not None:
        _write(mined, csv)


def _tell(mined: Any) -> None:
    problems = mined.problems
    for name, problem in problems[["name", "problem"]].head(_NAMED).itertuples(index=False):
        say(f"{one_line(name)}: {one_line(problem)}", err=True)
    if len(problems) > _NAMED:
        say(f"and {len(problems) - _NAMED:,} more", err=True)
    left = mined.frame["left_out"].dropna().value_counts()
    for reason, count in left.head(_NAMED).items():
        say(f"left out of {count:,}: {one_line(reason)}", err=True)
    say(mined.words)
    say(f"Table and pictures: {mined.folder}")


def _write(mined: Any, path: Path) -> None:
    from openem_nb.settings import write_whole
    from openem_nb.values import for_spreadsheets

    write_whole(path, for_spreadsheets(mined.frame).to_csv(index=False))
    print(f"Table: {path}")
