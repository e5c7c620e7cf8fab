"""What the library says in words of Python, said as commands.

Errors tell what to do next, and states what can be done: mostly calls. Who sits at a console has
commands instead.
"""

from __future__ import annotations

import re
from typing import Final

from openem_nb import settings

__all__ = ["as_commands"]

_NAMED: Final = re.compile(r"openem\.(login|logout)\((?:[\"']([\w-]+)[\"'])?\)")
_CALLS: Final = (
    (
        "retrieve(..., dry_run=True) shows what can come, and its .pids are the others.",
        "The plan lists what cannot come; leave that out.",
    ),
    ('retrieve(..., email="you@example.org")', "--email you@example.org"),
    ("openem.get(pid).tape() lists what was archived", "`openem get PID --files` lists them"),
    (", with the names of the files", ""),
    ("openem.retrievals()", "`openem retrievals`"),
    ("openem.oscem.upgrade(document)", "`openem upgrade`"),
    ("openem.get", "`openem get`"),
    ("Give these values with complete({path: value})", "Give each as --set 'PATH = VALUE'"),
    ("write_draft() keeps", "--draft keeps"),
    ("Give time_zone='Europe/Zurich'", "Give --time-zone Europe/Zurich"),
    ("oscem.validate() lists all problems", "`openem check` lists all problems"),
    ("oscem.upgrade() reads older documents", "`openem upgrade` reads older documents"),
    ("oscem.instruments.example() shows one", "`openem instruments --example` shows one"),
    ("Say technique='spa'", "Say --technique spa"),
    (
        "Say technique='subtomo', 'env_tomo', 'cellular_tomo' or 'general'",
        "Say --technique subtomo, env_tomo, cellular_tomo or general",
    ),
    ("Say technique='cellular_tomo' or 'env_tomo'", "Say --technique cellular_tomo or env_tomo"),
    ("choose another folder=", "choose another --folder"),
    ("choose another folder with out=", "choose another folder with --output"),
    (
        "Others are found by pattern, like *.hdf5.",
        "Others are found by --pattern '*.hdf5', in a notebook by -p pattern='*.hdf5'.",
    ),
    ("Give 'local', 'slurm', an address like", "Give --cluster local, slurm, or an address like"),
    (", or a distributed.Client; without one", "; without one"),
    ("copy it with .commands, then .verify()", "copy it as `openem retrievals` says"),
    ("ask_again()", "`openem retrieve` with the same data sets"),
    ("resume()", "`openem retrievals --follow ID`"),
    (".wait()", "`openem retrievals --follow ID`"),
    (".pause()", "`openem retrievals --pause ID`"),
    ("cancel()", "`openem retrievals --cancel ID`"),
)


def as_commands(text: str, *, id: str = "ID") -> str:  # noqa: A002  (what it is called in the list)
    """Return what the library says with commands in place of calls.

    Parameters
    ----------
    text :
        Words of a state, or the hint of an error.
    id :
        The retrieval that it is about, where that is known.
    """
    found = _NAMED.sub(_of_instance, text)
    for call, command in _CALLS:
        found = found.replace(f".{call}" if f".{call}" in found else call, command)
    return found.replace(" ID`", f" {id}`")


def _of_instance(call: re.Match[str]) -> str:
    command, name = call.groups()
    if name is None or name == settings.profile().name:
        return f"`openem {command}`"
    return f"`openem --profile {name} {command}`"
