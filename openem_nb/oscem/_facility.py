"""Which instrument file speaks of the microscope of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openem_nb.oscem.instruments import Instrument, Instruments, load
from openem_nb.oscem.readers import Finding

if TYPE_CHECKING:
    from pathlib import Path

    from openem_nb.oscem._gather import Gathered


__all__ = ["instrument_of", "known_instruments"]


def known_instruments(given: Instruments | Instrument | Path | str | None) -> Instruments:
    """Return the microscopes that are spoken of, by default those of the configuration.

    Raises
    ------
    NotFound, InvalidInput
        If a file was named that is not there or is no instrument file.
    """
    if isinstance(given, Instrument):
        return Instruments((given,))
    if isinstance(given, Instruments):
        return given
    return load(given)


def instrument_of(gathered: Gathered, known: Instruments, *, given: bool) -> Instrument | None:
    """Return what the facility says of the microscope, None where it says nothing.

    Parameters
    ----------
    given :
        Whether a person said which instruments these are. A single one is then taken where the
        files hold no serial number; one of the configuration is not, because it may be another.
    """
    serial = _serial(gathered)
    if not serial:
        return known.all[0] if given and len(known) == 1 else None
    found = known.find(serial)
    if found is None:
        gathered.findings.add(
            Finding(
                "other-instrument" if given else "no-instrument-file",
                f"No instrument file speaks of the microscope {serial}: what its programs do not"
                " write is missing.",
                f"Write a section [{serial}]; oscem.instruments.example() shows one. Files in the"
                " folder instruments of the configuration are found by themselves.",
                "warning" if given else "info",
            )
        )
    return found


def _serial(gathered: Gathered) -> str:
    counts: dict[str, int] = {}
    for group in gathered.groups.values():
        if "serial" in group.tallies:
            for value, count in group.tallies["serial"].values.items():
                counts[str(value)] = counts.get(str(value), 0) + count
    return max(counts, key=lambda one: counts[one]) if counts else ""
