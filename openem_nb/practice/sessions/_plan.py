"""What a practice microscope is set to, and the exposures that it takes."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator

__all__ = ["VERSION", "Image", "Microscope", "Plan", "draw_images", "draw_plan"]

VERSION: Final = "3.11.0.1"
_SETTINGS: Final = ((81_000, 1.06), (105_000, 0.83), (130_000, 0.67), (165_000, 0.53))
"""Nominal magnification, and the size that a pixel of the camera then has at the specimen, in Å."""
_STEPS: Final = (-2.2, -2.0, -1.8, -1.6, -1.4, -1.2, -1.0, -0.8)
_SHOTS: Final = 4
_HOLES: Final = 12
"""Shots in a hole, and holes in a grid square."""


@dataclass(frozen=True, slots=True)
class Microscope:
    """A microscope that does not exist."""

    serial: str = "PRACTICE-0001"
    camera: str = "EF-Falcon"
    detector: str = "Falcon 4i"
    kilovolts: int = 300
    c2: int = 50
    """Condenser aperture in micrometres."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What a session was set to."""

    name: str
    microscope: Microscope
    start: dt.datetime
    magnification: int
    pixel: float
    """Å."""
    defocus: tuple[float, ...]
    """Planned values in micrometres, underfocus negative."""
    dose: float
    """Electrons per Å² that are aimed at."""
    exposure: float
    """Seconds."""
    fractions: int
    slit: int
    """Width of the filter's slit in eV."""
    counting: bool = True


def draw_plan(
    rng: random.Random, name: str, microscope: Microscope, *, counting: bool = True
) -> Plan:
    """Draw what a session is set to."""
    magnification, pixel = rng.choice(_SETTINGS)
    first = rng.randrange(3)
    start = dt.datetime(
        2026,
        *(rng.randrange(4, 10), rng.randrange(1, 28), rng.randrange(8, 20), rng.randrange(60)),
        tzinfo=dt.timezone(dt.timedelta(hours=2)),
    )
    return Plan(
        name=name,
        microscope=microscope,
        start=start,
        magnification=magnification,
        pixel=pixel + rng.randrange(-9, 10) / 1000,
        defocus=_STEPS[first : first + 5],
        dose=float(rng.randrange(38, 52)) if counting else 640.0,
        exposure=rng.randrange(2000, 4000) / 1000,
        fractions=rng.choice((30, 40, 50)),
        slit=10,
        counting=counting,
    )


@dataclass(frozen=True, slots=True)
class Image:
    """One exposure: where it lies, and the values of its file."""

    path: str
    """Relative to the session's folder, without the ending."""
    values: dict[str, object]
    defocus: float
    dose: float
    measured: float
    time: dt.datetime


def draw_images(rng: random.Random, plan: Plan, count: int) -> Iterator[Image]:
    """Draw exposures: shots in holes, holes in grid squares, each with beam shift and defocus."""
    square = hole = 0
    number = 31_000_000 + rng.randrange(900_000)
    shots = [number + 11 + 3 * shot for shot in range(_SHOTS)]
    time = plan.start + dt.timedelta(minutes=22)
    for index in range(count):
        if index % (_SHOTS * _HOLES) == 0:
            square, time = number + 1_000 + index, time + dt.timedelta(seconds=95)
        if index % _SHOTS == 0:
            hole, time = number + 50_000 + index, time + dt.timedelta(seconds=3)
        shot = shots[index % _SHOTS]
        time += dt.timedelta(seconds=plan.exposure + 2, microseconds=rng.randrange(900_000))
        stamp = (time + dt.timedelta(seconds=1)).strftime("%Y%m%d_%H%M%S")
        defocus = plan.defocus[(index // _SHOTS) % len(plan.defocus)]
        measured = defocus + rng.gauss(0, 0.04)
        dose = plan.dose * (1 + rng.uniform(-0.02, 0.02))
        per_pixel = dose * plan.pixel**2
        x, y = rng.uniform(-0.2, 0.2), rng.uniform(-0.2, 0.2)
        yield Image(
            path=f"Images-Disc1/GridSquare_{square}/Data/"
            f"FoilHole_{hole}_Data_{shot}_{shot + 2}_{stamp}",
            values={
                "id": uuid.UUID(int=rng.getrandbits(128), version=4),
                "guid": uuid.UUID(int=rng.getrandbits(128), version=4),
                # .NET writes seven digits of a second
                "time": time.strftime("%Y-%m-%dT%H:%M:%S.%f") + "0+02:00",
                "dose": f"{dose * 1e20:.17E}",
                "on_camera": repr(per_pixel),
                "rate": repr(per_pixel / plan.exposure),
                "applied": f"{defocus * 1e-6:.2E}",
                "defocus": f"{measured * 1e-6:.16E}",
                "shift_x": repr(x),
                "shift_y": repr(y),
                "tilt_x": repr(x / 9),
                "tilt_y": repr(y / 9),
                "stage_x": repr(rng.uniform(-8e-4, 8e-4)),
                "stage_y": repr(rng.uniform(-8e-4, 8e-4)),
            },
            defocus=defocus,
            dose=dose,
            measured=measured,
            time=time,
        )
