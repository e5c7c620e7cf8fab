"""Commands about SciCat: find data sets, bring them back from tape, log in."""

from __future__ import annotations

import sys
from pathlib import Path  # noqa: TC003  (typer reads the annotations)
from typing import TYPE_CHECKING, Annotated

import typer

from openem_nb._texts import one_line, printable
from openem_nb.cli._app import app, say
from openem_nb.cli._words import as_commands
from openem_nb.errors import Cancelled, Conflict, InvalidInput

if TYPE_CHECKING:
    from openem_nb.jobs import Progress
    from openem_nb.scicat.tape import Retrieval
    from openem_nb.values import SearchResult

_TURNS = 5
"""How often another process may be found at work on what is to be done here."""
_COLUMNS = ("pid", "name", "type", "created", "owner_group", "files", "size", "state")


@app.command()
def search(
    text: Annotated[str, typer.Argument(help="Words in name, description or keywords.")] = "",
    kind: Annotated[
        str | None, typer.Option("--type", help="raw, derived, or another type of the instance.")
    ] = None,
    keyword: Annotated[
        list[str] | None, typer.Option(help="A keyword; if repeated, one of them must be there.")
    ] = None,
    since: Annotated[
        str | None, typer.Option("--from", help="First day, month or year of the recording.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", help="Last day, month or year of the recording.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            help="Metadata: 'acquisition.nominal_magnification >= 81000'; a unit may follow; "
            "if repeated, all must hold."
        ),
    ] = None,
    group: Annotated[str | None, typer.Option(help="Owner group.")] = None,
    on_disk: Annotated[bool, typer.Option("--on-disk", help="Only what is on disk.")] = False,
    on_tape: Annotated[
        bool, typer.Option("--on-tape", help="Only what can be retrieved from tape.")
    ] = False,
    rows: Annotated[int, typer.Option(min=1, help="At most so many.")] = 25,
    csv: Annotated[bool, typer.Option("--csv", help="All columns, as CSV.")] = False,
) -> None:
    """Find data sets in SciCat, newest first."""
    from openem_nb import scicat
    from openem_nb.values import for_spreadsheets

    found = scicat.search(
        text,
        type=kind,
        keywords=tuple(keyword or ()),
        created=(since, until),
        where=scicat.conditions(where or ()),
        owner_group=group,
        on_disk=on_disk or None,
        retrievable=on_tape or None,
        rows=rows,
    )
    if found.notice:
        say(found.notice, err=True)
    if csv:
        text_of = for_spreadsheets(found).to_csv(index=False).rstrip()
        # Programs get the names as they are, a terminal what it can show.
        print(printable(text_of) if sys.stdout.isatty() else text_of)
    elif found.empty:
        print("Nothing found.")
    else:
        say(_table(found))
    if len(found) < found.total:
        print(f"{len(found):,} of {found.total:,}; --rows shows more.", file=sys.stderr)


@app.command()
def get(
    pid: Annotated[str, typer.Argument(help="PID of a data set.")],
    files: Annotated[bool, typer.Option("--files", help="List its files, with sizes.")] = False,
) -> None:
    """Show what the catalogue knows of a data set."""
    from openem_nb import scicat

    found = scicat.get(pid)
    if not files:
        say(found)
        return
    listed = found.files()
    for path, size in zip(listed.path, listed["size"], strict=True):
        say(f"{size:>15,}  {one_line(path)}")


@app.command()
def retrieve(
    pids: Annotated[list[str], typer.Argument(help="PIDs of data sets on tape.")],
    files: Annotated[
        list[str] | None,
        typer.Option(help="Only files with such names: '*.mrc'; may be repeated."),
    ] = None,
    folder: Annotated[Path | None, typer.Option(help="Where the data sets go.")] = None,
    option: Annotated[
        str | None, typer.Option(help="Where the archive puts the files, where it has a choice.")
    ] = None,
    email: Annotated[
        str | None,
        typer.Option(help="For public data without a log-in: where the archive writes to."),
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Start it and return at once.")] = False,
) -> None:
    """Bring data sets back from tape, after stating how much that is."""
    from openem_nb.scicat import tape
    from openem_nb.values import counted, format_bytes

    plan = tape.retrieve(pids, files=files, folder=folder, option=option, email=email, dry_run=True)
    say(plan)
    if plan.orders and not plan.refused and not yes:
        if not sys.stdin.isatty():
            raise InvalidInput(
                "Nobody is here to be asked.", hint="Look at the plan above, then add --yes."
            )
        question = f"Retrieve {counted(plan.count, 'file')}, {format_bytes(plan.size)}?"
        if not typer.confirm(question, err=True):
            print("Nothing was asked of the archive.")
            return
    asked = tape.retrieve(pids, files=files, folder=folder, option=option, email=email)
    if detach:
        asked.start()
        print(f"Retrieval {asked.id} goes on in the background; see `openem retrievals`.")
        return
    _follow(asked, here=True)


@app.command()
def retrievals(
    follow: Annotated[
        str | None, typer.Option(help="Id of one: go on with it, and wait until it has ended.")
    ] = None,
    pause: Annotated[str | None, typer.Option(help="Id of one to be paused.")] = None,
    cancel: Annotated[
        str | None, typer.Option(help="Id of one to be given up; what has arrived stays.")
    ] = None,
) -> None:
    """List this user's retrievals, newest first, or follow, pause or cancel one."""
    from openem_nb.scicat import tape

    for name, stop in ((pause, "pause"), (cancel, "cancel")):
        if name is not None:
            stopped = getattr(tape.reattach(name), stop)()
            say(f"{stopped.id}  {as_commands(stopped.words, id=stopped.id)}")
            return
    if follow is not None:
        _follow(tape.reattach(follow), here=False)
        return
    found = tape.retrievals()
    if not found:
        print("No retrievals yet.")
    for one in found:
        say(f"{one.id}  {as_commands(one.words, id=one.id)}")
        say(f"    {one_line(one.title)}: {one.folder}")
        for command in one.commands if one.state is tape.State.READY else ():
            say(f"    {one_line(command)}")


def _run(asked: Retrieval, progress: Progress) -> None:
    """Do what is left of a retrieval; what another process does meanwhile is waited for."""
    for left in reversed(range(_TURNS)):
        try:
            asked.run(progress=progress)
        except Conflict:
            if left == 0:
                raise
            if asked.wait(progress=progress) in {"paused", "cancelled"}:
                return  # somebody has decided so over there
            progress.wait(0.5)
        else:
            return


def _follow(asked: Retrieval, *, here: bool) -> None:
    """Wait for a retrieval and show how far it is; Ctrl-C leaves what is there."""
    from openem_nb.jobs import follow
    from openem_nb.scicat.tape import State

    try:
        with follow(sys.stderr) as progress:
            if here:
                _run(asked, progress)
            else:
                asked.start()
                asked.wait(progress=progress)
    except KeyboardInterrupt:
        hint = f"What came is kept; go on with: openem retrievals --follow {asked.id}"
        if here:
            raise Cancelled(f"Retrieval {asked.id} was interrupted.", hint=hint) from None
        print(f"\n{asked.id} goes on in the background.", file=sys.stderr)
        return
    if asked.error is not None:
        raise asked.error
    say(f"{as_commands(asked.words, id=asked.id)}: {asked.folder}")
    for command in asked.commands if asked.state is State.READY else ():
        say(one_line(command))


@app.command()
def login(
    user: Annotated[
        str | None,
        typer.Option(help="Log in with this name and its password; without it, with a token."),
    ] = None,
) -> None:
    """Log in to the instance; password or token are asked for and not shown."""
    from openem_nb import scicat

    say(scicat.login(username=user).words)


@app.command()
def logout() -> None:
    """Forget the stored token of the instance."""
    from openem_nb import scicat

    say(scicat.logout())


def _table(found: SearchResult) -> str:
    """Return the columns that fit a terminal, with sizes and days for people."""
    import pandas as pd

    from openem_nb.values import format_bytes

    frame = pd.DataFrame(found)[list(_COLUMNS)].copy()
    frame["size"] = [format_bytes(size) for size in frame["size"]]
    frame["created"] = [f"{moment:%Y-%m-%d}" for moment in frame["created"]]
    for column in ("pid", "name", "type", "owner_group", "state"):
        frame[column] = [one_line(one) for one in frame[column]]
    frame["name"] = [name if len(name) <= 44 else f"{name[:43]}…" for name in frame["name"]]
    text: str = frame.to_string(index=False, na_rep="")  # identifiers whole, to be copied
    return text
