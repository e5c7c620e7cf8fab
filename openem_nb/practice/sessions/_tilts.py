"""Practice tilt series: what all tilts share, and each tilt in the order of acquisition."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    import random

__all__ = ["STEP", "TILTS", "Series", "Tilt", "draw_series"]

STEP: Final = 3.0
"""Degrees between neighbouring tilts."""
TILTS: Final = 41
"""Tilts of a series, from -60 to 60 degrees."""


@dataclass(frozen=True, slots=True)
class Tilt:
    """One exposure of a series."""

    angle: float
    time: dt.datetime
    """Local time of the microscope, without a zone, as the files have it."""
    prior: float
    """Electrons per Å² that the specimen had seen before."""
    order: int
    """Place in the order of acquisition."""
    shift: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Series:
    """What holds for all tilts of a series, and the tilts in the order of acquisition."""

    name: str
    serial: str
    magnification: int
    pixel: float
    """Å."""
    dose: float
    """Electrons per Å² and tilt."""
    target: float
    """Micrometres, underfocus negative."""
    axis: float
    """Degrees."""
    exposure: float
    frames: int
    width: int
    height: int
    slit: int
    kilovolts: int
    scheme: Literal["dose-symmetric", "bidirectional"]
    tilts: tuple[Tilt, ...]


def draw_series(
    rng: random.Random,
    name: str,
    serial: str,
    count: int,
    *,
    size: tuple[int, int],
) -> tuple[Series, ...]:
    """Draw tilt series of one session: settings that all share, targets and times of their own.

    Parameters
    ----------
    rng :
        Decides everything else.
    name, serial :
        Of the session and of its microscope.
    count :
        Number of series, each of 41 tilts.
    size :
        Width and height of an image in pixels.
    """
    magnification, pixel = rng.choice(((42_000, 2.07), (53_000, 1.64), (64_000, 1.36)))
    dose = rng.randrange(250, 340) / 100
    shared: dict[str, Any] = {
        "serial": serial,
        "magnification": magnification,
        "pixel": pixel,
        "dose": dose,
        "axis": round(rng.uniform(82, 88), 1),
        "exposure": rng.randrange(20, 40) / 10,
        "frames": rng.choice((8, 10)),
        "width": size[0],
        "height": size[1],
        "slit": 20,
        "kilovolts": 300,
    }
    scheme: Literal["dose-symmetric", "bidirectional"] = rng.choice(
        ("dose-symmetric", "bidirectional")
    )
    day = (2026, rng.randrange(4, 10), rng.randrange(1, 28), rng.randrange(8, 22))
    time = dt.datetime(*day)  # noqa: DTZ001  (the files have local time without a zone)
    made = []
    for number in range(count):
        tilts = []
        prior = 0.0
        time += dt.timedelta(minutes=4)
        for order, angle in enumerate(_angles(scheme)):
            time += dt.timedelta(seconds=rng.randrange(30, 50))
            shift = (round(rng.uniform(-2, 2), 5), round(rng.uniform(-1, 1), 5))
            wobble = round(angle + rng.uniform(-0.003, 0.003), 4)
            tilts.append(Tilt(wobble, time, round(prior, 4), order, shift))
            prior += dose + 0.08  # tracking costs a little
        made.append(
            Series(
                name=f"{name}_{number + 1:03}",
                target=rng.choice((-3.0, -3.5, -4.0)),
                scheme=scheme,
                tilts=tuple(tilts),
                **shared,
            )
        )
    return tuple(made)


def _angles(scheme: str) -> list[float]:
    if scheme == "bidirectional":
        up = [-9.0 + STEP * step for step in range(24)]
        return up + [-12.0 - STEP * step for step in range(TILTS - len(up))]
    found, side = [0.0], 1
    for step in range(1, TILTS // 2 + 1):
        found += [side * step * STEP, -side * step * STEP]
        side = -side
    return found
