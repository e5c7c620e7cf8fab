"""Which instrument file speaks of the microscope of a session."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openem_nb.oscem.readers import Finding

if TYPE_CHECKING:
    from typing import Any as Instrument
    from typing import Any as Instruments

    from openem_nb.oscem._gather import Gathered

__all__ = ["instrument_of"]


def instrument_of(
    gathered: Gathered, given: Instruments | Instrument | Path | str | None
) -> Instrument | None:
    """Return what the facility says of the microscope, None where it says nothing.

    A single instrument that was given is taken where the files hold no serial number; found by
    itself it is not, because then it may be another one.
    """
    try:
        module: Any = import_module("openem_nb.oscem.instruments")
    except ModuleNotFoundError:
        return None

    if isinstance(given, module.Instrument):
        known: Instruments = module.Instruments((given,))
    elif isinstance(given, str | Path):
        known = module.load(Path(given))
    elif given is None:
        known = module.load()
    else:
        known = given
    serial = _serial(gathered)
    if serial:
        found = known.find(serial)
        if found is None and given is not None:
            gathered.findings.add(
                Finding(
                    "other-instrument",
                    f"The microscope of the session is {serial}, of which the instrument file says"
                    " nothing.",
                    f"Add a section for {serial} to the instrument file.",
                )
            )
        elif found is None:
            gathered.findings.add(
                Finding(
                    "no-instrument-file",
                    f"There is no instrument file that tells of the microscope {serial}: what its"
                    " programs do not write is missing.",
                    f"Write one with a section for {serial} and put it into the folder instruments"
                    " of the configuration.",
                    "info",
                )
            )
        return found
    only = list(known)
    return only[0] if given is not None and len(only) == 1 else None


def _serial(gathered: Gathered) -> str:
    counts: dict[str, int] = {}
    for group in gathered.groups.values():
        if "serial" in group.tallies:
            for value, count in group.tallies["serial"].values.items():
                counts[str(value)] = counts.get(str(value), 0) + count
    return max(counts, key=lambda one: counts[one]) if counts else ""
