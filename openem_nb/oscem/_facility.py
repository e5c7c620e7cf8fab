"""Which instrument file speaks of the microscope of a session."""

from __future__ import annotations

from typing import TYPE_CHECKING

from openem_nb.oscem._compose import AGREE
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

    Notes
    -----
    Where images of several microscopes are in the folder, none is taken: what is true of one of
    them is not true of the session.
    """
    serials = _serials(gathered)
    if not serials:
        return known.all[0] if given and len(known) == 1 else None
    serial, count = max(serials.items(), key=lambda one: one[1])
    if count < AGREE * sum(serials.values()):
        first, *others = (known.find(one) for one in serials)
        return first if all(one is first for one in others) else None  # names of one microscope
    instrument = known.find(serial)
    if instrument is None:
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
    return instrument


def _serials(gathered: Gathered) -> dict[str, int]:
    counts: dict[str, int] = {}
    for group in gathered.groups.values():
        if "serial" in group.tallies:
            for value, count in group.tallies["serial"].values.items():
                counts[str(value)] = counts.get(str(value), 0) + count
    return counts
