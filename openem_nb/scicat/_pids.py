"""Data sets as people name them: by PID, as what ``get`` returned, as the rows of a table."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, TypeAlias

from openem_nb.errors import InvalidInput

if TYPE_CHECKING:
    import pandas as pd

    from openem_nb.scicat.datasets import DataSet

__all__ = ["Named", "pids_of"]

Named: TypeAlias = "str | DataSet | pd.DataFrame | Iterable[str | DataSet]"


def pids_of(named: Named) -> tuple[str, ...]:
    """Return identifiers without blanks and without repetitions, in their order.

    Parameters
    ----------
    named :
        A PID, a data set, several of them, or a table with a column ``pid``.

    Raises
    ------
    InvalidInput
        If there is none, or one is no text.
    """
    given: list[object]
    if hasattr(named, "columns"):  # to go over a table gives the names of its columns
        given = list(getattr(named, "pid", ()))
    elif isinstance(named, Iterable) and not isinstance(named, str):
        given = list(named)
    else:
        given = [named]
    pids = [getattr(one, "pid", one) for one in given]
    found = [pid.strip() for pid in pids if isinstance(pid, str) and pid.strip()]
    if not found or len(found) < len(pids):
        raise InvalidInput(
            "Name at least one data set, each by its PID.",
            hint="It looks like 20.500.11935/0f6f2a5c-....",
        )
    return tuple(dict.fromkeys(found))
