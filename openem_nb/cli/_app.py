"""The command itself: its name, the options of all its commands, and how it complains."""

from __future__ import annotations

import sys
import warnings
from typing import Annotated, Final

import typer

from openem_nb._texts import printable
from openem_nb._version import __version__
from openem_nb.cli._words import as_commands
from openem_nb.errors import Cancelled, OpenEMError

__all__ = ["app", "main", "say"]

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
    warnings.showwarning = _warn
    try:
        app()
    except OpenEMError as error:
        _complain(error)
        sys.exit(130 if isinstance(error, Cancelled) else 1)


def _complain(error: OpenEMError) -> None:
    say(f"{error}", err=True)
    if error.hint:
        say(as_commands(error.hint), err=True)


def _warn(message: Warning | str, *_where: object, **_more: object) -> None:
    """Show a warning as a sentence; the place in the code is of no use at a console."""
    say(f"{message}", err=True)


def say(text: object, *, err: bool = False) -> None:
    """Print what may hold names from outside, so that none of them moves the cursor."""
    print(printable(f"{text}"), file=sys.stderr if err else sys.stdout)


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
