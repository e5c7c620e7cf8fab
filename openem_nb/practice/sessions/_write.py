"""Write a practice session of any kind, plant faults in it, and say what is true of it."""

from __future__ import annotations

import random
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, get_args

from openem_nb.errors import CannotWrite, InvalidInput
from openem_nb.practice.sessions._kinds import (
    write_epu,
    write_movies,
    write_series,
    write_tomo5,
    write_velox,
)
from openem_nb.practice.sessions.truth import FaultName, SessionKind, SessionTruth

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

__all__ = ["INSTRUMENT", "KINDS", "write_session"]

KINDS: Final[tuple[SessionKind, ...]] = get_args(SessionKind)
_FAULTS: Final[dict[FaultName, tuple[SessionKind, ...]]] = {
    "empty": KINDS,
    "truncated": ("epu", "velox"),
    "linear": ("epu",),
    "magnifications": ("epu",),
    "two sessions": ("epu",),
}
_WRITERS: Final[dict[SessionKind, Callable[..., SessionTruth]]] = {
    "epu": write_epu,
    "tomo5": write_tomo5,
    "serialem": write_series,
    "serialem-spa": write_movies,
    "velox": write_velox,
}
INSTRUMENT: Final = "instrument.toml"
"""File beside a session's own that describes its microscope, as a facility would."""
MOST: Final = 100_000
_FEWEST: Final = 8
"""Exposures of a session with faults, so that something is left that can be read."""
_NOTE: Final = (
    "Practice data: this session was generated. No microscope took it, its values mean nothing.\n"
)


def write_session(
    folder: Path | str,
    *,
    kind: SessionKind = "epu",
    images: int = 50,
    seed: int = 1,
    faults: Collection[FaultName] = (),
    overviews: bool = True,
) -> SessionTruth:
    """Write the files that a microscope session leaves, and return what is true of them.

    The same arguments write the same files. Names of sessions begin with ``practice``, serial
    numbers with ``PRACTICE``, and a note lies beside the files. So does ``instrument.toml``, which
    says what a facility knows of the microscope and its files do not; it is read where it is named.

    The folder has its name only when all of it is there.

    Parameters
    ----------
    folder :
        Where to; it is made, and must be empty if it is there.
    kind :
        ``epu``: single particles, one XML for each movie, with the session's plan. ``tomo5``: tilt
        series of Tomography 5. ``serialem``: tilt series as mdoc files. ``serialem-spa``: movies
        with an mdoc each. ``velox``: STEM images of materials science.
    images :
        Number of exposures, or where there are tilt series the next multiple of 41, so that each
        is whole.
    seed :
        Another number gives other values.
    faults :
        What goes wrong: ``empty`` (a file of no bytes); for ``epu`` and ``velox`` ``truncated`` (a
        file that ends half-way); for ``epu`` alone ``linear`` (electrons are not counted, so that
        the dose is nonsense), ``magnifications`` (some images have another one) and ``two
        sessions`` (of two microscopes).
    overviews :
        For ``epu``: also what EPU writes beside the images, namely the images of grid squares and
        foil holes, and a file of fractions for each movie.

    Raises
    ------
    InvalidInput
        If a kind or a fault is not known, or the number of images cannot be.
    CannotWrite
        If the folder holds something already.
    """
    wanted = frozenset(faults)
    _check(kind, images, wanted)
    folder = Path(folder)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CannotWrite(
            f"{folder} is there already, and holds something.",
            hint="Choose a folder that is empty or not there yet.",
        )
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".practice-") as part:
        whole = Path(part) / "whole"
        whole.mkdir()
        (whole / "PRACTICE.txt").write_text(_NOTE, encoding="utf-8")
        rng = random.Random(f"practice session {kind} {seed}")
        more = {"overviews": overviews} if kind == "epu" else {}
        truth = _WRITERS[kind](whole, rng, images, f"practice_{kind}_{seed}", wanted, **more)
        (whole / INSTRUMENT).write_text(_instrument(kind, truth.serial), encoding="utf-8")
        if folder.exists():  # an empty one, which may be the one that somebody works in
            for one in list(whole.iterdir()):
                one.rename(folder / one.name)
        else:
            whole.rename(folder)
    return replace(truth, folder=folder)


_SCOPE: Final = """\
name = "Titan Krios G4"
pdbx = "TFS KRIOS"
manufacturer = "Practice Instruments"
cs = 2.7
electron_source = "FieldEmission"
illumination = "Parallel"
imaging = "BrightField"
filter_model = "Selectris"
time_zone = "Europe/Zurich"
"""
_FALCON: Final = ("EF-Falcon", "Falcon 4i", "TFS FALCON 4i (4k x 4k)")
_K3: Final = ("Camera0", "K3", "GATAN K3 (6k x 4k)")
_CAMERAS: Final[dict[SessionKind, tuple[str, str, str]]] = {
    "epu": _FALCON,
    "tomo5": _FALCON,
    "serialem": _K3,
    "serialem-spa": _K3,
}


def _instrument(kind: SessionKind, serial: str) -> str:
    """Return what a facility would say of the microscope of a session."""
    text = (
        "# Practice data: there is no such microscope. What the files of its sessions do not say."
        f"\n\n[{serial}]\n"
    )
    if kind not in _CAMERAS:  # Velox writes what its microscope is
        return f'{text}cs = 1.2\ntime_zone = "Europe/Zurich"\n'
    camera, name, pdbx = _CAMERAS[kind]
    table = f'[{serial}.detectors.{camera}]\nname = "{name}"\npdbx = "{pdbx}"\n'
    return f"{text}{_SCOPE}\n{table}"


def _check(kind: str, images: int, faults: frozenset[str]) -> None:
    """Raise InvalidInput for what cannot be written."""
    if kind not in KINDS:
        raise InvalidInput(
            f"There is no kind of practice session {kind!r}.", hint=f"Kinds: {', '.join(KINDS)}."
        )
    for fault in sorted(faults):
        if kind not in _FAULTS.get(fault, ()):  # type: ignore[call-overload]
            known = ", ".join(name for name, kinds in _FAULTS.items() if kind in kinds)
            raise InvalidInput(
                f"A practice session of the kind {kind} cannot have the fault {fault!r}.",
                hint=f"Its faults: {known}.",
            )
    fewest = _FEWEST if faults else 1
    if not fewest <= images <= MOST:
        raise InvalidInput(
            f"A practice session cannot have {images} images.",
            hint=f"Choose a number between {fewest} and {MOST:,}.",
        )
