"""What a facility says of its microscopes, once, because their files do not.

>>> from openem_nb import oscem
>>> known = oscem.instruments.load()  # doctest: +SKIP
>>> known.find("TITAN52339260").cs  # doctest: +SKIP
2.7

A microscope's programs write its serial number and leave out what everybody in the room knows: its
name, its spherical aberration, which camera is behind ``EF-Falcon``. That stands in TOML files with
one section per microscope, in the folder ``instruments`` of the configuration. What is not there is
not known, and nothing takes its place. :func:`example` returns a file to start from.
"""

from __future__ import annotations

import difflib
import math
import re
import tomllib
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from openem_nb import units
from openem_nb._folders import folders
from openem_nb.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import pandas as pd

__all__ = ["CameraInfo", "Instrument", "Instruments", "example", "load"]

_LARGEST: Final = 1_000_000
_QUANTITY: Final = re.compile(r"\s*([-+]?[0-9.]+(?:[eE][-+]?\d+)?)\s*(\S.*?)\s*")


@dataclass(frozen=True, slots=True)
class CameraInfo:
    """What is behind the name that a program gives to a camera."""

    camera: str
    """The name in the files: ``EF-Falcon``, ``BM-Ceta``, ``Camera0``."""
    name: str = ""
    """Its commercial name: ``Falcon 4i``."""
    pdbx: str = ""
    """Its name in the PDBx/mmCIF dictionary: ``TFS FALCON 4i (4k x 4k)``."""
    width: int | None = None
    """Pixels of the sensor, along x."""
    height: int | None = None
    """Pixels of the sensor, along y."""
    super_resolution: int | None = None
    """How many pixels of a movie lie on one of the sensor, along a side: 1, or 2."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """One microscope; empty texts and None are what nobody has said."""

    serial: str
    """Serial number as the files carry it: ``TITAN52339260``."""
    also: tuple[str, ...] = ()
    """Other numbers or names under which files know it, such as the name of its computer."""
    name: str = ""
    """Model for people: ``Titan Krios G4``."""
    pdbx: str = ""
    """Model in the PDBx/mmCIF dictionary: ``TFS KRIOS``."""
    manufacturer: str = ""
    cs: float | None = None
    """Spherical aberration, in millimetres."""
    electron_source: str = ""
    """Such as ``Field emission gun``."""
    illumination: str = ""
    """Where the files do not say it: ``Parallel``."""
    imaging: str = ""
    """Where the files do not say it: ``BrightField``."""
    filter_model: str = ""
    """Energy filter: ``Selectris``."""
    c2_aperture: float | None = None
    """Second condenser aperture that is in if the files do not say, in micrometres."""
    time_zone: str = ""
    """Of its clock, for programs that write local time: ``Europe/Zurich``."""
    holder: str = ""
    """Specimen holder: ``FEI TITAN KRIOS AUTOGRID HOLDER``."""
    cryogen: str = ""
    """What cools instrument and specimen: ``Nitrogen``."""
    contact: str = ""
    """Whom to ask at the facility."""
    mirror: Path | None = None
    """Where the metadata of its sessions are, if not beside the images."""
    detectors: Mapping[str, CameraInfo] = field(default_factory=dict)
    """Its cameras, by the names that the files give them."""
    gain_flip_rotate: Mapping[str, str] = field(default_factory=dict)
    """How to turn the gain reference, by format of the movies: ``tiff``, ``eer``, ``mrc``."""
    file: Path | None = None
    """Where this stands."""


@dataclass(frozen=True, slots=True)
class Instruments:
    """All microscopes that a facility speaks of."""

    all: tuple[Instrument, ...] = ()

    def __iter__(self) -> Iterator[Instrument]:
        return iter(self.all)

    def __len__(self) -> int:
        return len(self.all)

    def find(self, serial: str) -> Instrument | None:
        """Return a microscope by its serial number or another of its names; None if unknown.

        Capitals, blanks and hyphens do not count. A section that is named by digits alone fits
        each serial number with these digits after its letters.
        """
        wanted = _plain(serial)
        if not wanted:
            return None
        digits = wanted.lstrip("abcdefghijklmnopqrstuvwxyz")
        for one in self.all:
            names = [_plain(name) for name in (one.serial, *one.also)]
            if wanted in names or (digits in names and digits.isdigit()):
                return one
        return None

    def table(self) -> pd.DataFrame:
        """Return what is known of each microscope, one row each."""
        import pandas as pd

        columns = [one.name for one in fields(Instrument)]
        shown: dict[str, Callable[[Any], Any]] = {
            "also": ", ".join,
            "detectors": lambda found: ", ".join(
                f"{key}: {one.name}" for key, one in found.items()
            ),
            "gain_flip_rotate": lambda found: ", ".join(f"{k}: {v}" for k, v in found.items()),
            "mirror": lambda found: "" if found is None else str(found),
            "file": lambda found: "" if found is None else found.name,
        }
        rows = [
            {name: shown.get(name, lambda value: value)(getattr(one, name)) for name in columns}
            for one in self.all
        ]
        return pd.DataFrame(rows, columns=columns)

    def _repr_html_(self) -> str:
        html: str = self.table().to_html(index=False, na_rep="", border=0)
        return html


def load(path: Path | str | None = None) -> Instruments:
    """Return the microscopes of a TOML file or of all ``*.toml`` in a folder.

    Parameters
    ----------
    path :
        By default the folder ``instruments`` of the configuration, which may be missing.

    Raises
    ------
    NotFound
        If the given file or folder is not there.
    InvalidInput
        If a file is not what it should be; the message names file, section and key. Also if two
        sections speak of the same microscope.
    """
    place = folders().config / "instruments" if path is None else Path(path).expanduser()
    if place.is_dir():
        files = sorted(place.glob("*.toml"))
    elif path is None:
        return Instruments()
    elif place.exists():
        files = [place]
    else:
        raise NotFound(f"There is no file {place}.", hint="oscem.instruments.example() shows one.")
    found: list[Instrument] = []
    for file in files:
        for one in _of_file(file):
            for name in (one.serial, *one.also):
                other = next((two for two in found if Instruments((two,)).find(name)), None)
                if other is not None:
                    raise InvalidInput(
                        f"{file.name}: {one.serial} is the microscope of section {other.serial} in "
                        f"{other.file.name if other.file else 'another file'}.",
                        hint="Keep one section for each microscope.",
                    )
            found.append(one)
    return Instruments(tuple(found))


def _plain(serial: str) -> str:
    return re.sub(r"[^0-9a-z]", "", str(serial).casefold())


def _of_file(file: Path) -> Iterator[Instrument]:
    try:
        if file.stat().st_size > _LARGEST:
            raise InvalidInput(f"{file} is too large for an instrument file.", hint=_HINT)
        content = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise InvalidInput(
            f"{file} cannot be read: {error.strerror or error}.", hint=_HINT
        ) from error
    except (ValueError, RecursionError) as error:  # TOMLDecodeError says line and column
        raise InvalidInput(f"{file} is no TOML file: {error}.", hint=_HINT) from error
    for serial, section in content.items():
        if not isinstance(section, dict) or not _plain(serial):
            raise InvalidInput(
                f"{file.name}: {serial} stands outside of a section.",
                hint="Begin with the serial number of the microscope in brackets, [TITAN52339260].",
            )
        yield Instrument(serial=serial, file=file, **_values(f"{file.name}: {serial}", section))


_HINT: Final = "oscem.instruments.example() returns a file to start from."


def _values(where: str, section: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a section, each read as its key asks for."""
    made: dict[str, Any] = {}
    for key, value in section.items():
        reader = _KEYS.get(key)
        if reader is None:
            raise _unknown(where, key, _KEYS)
        made[key] = reader(f"{where}.{key}", value)
    return made


def _unknown(where: str, key: str, known: Mapping[str, Any]) -> InvalidInput:
    close = difflib.get_close_matches(key, list(known), n=1, cutoff=0.6)
    meant = f"Did you mean {close[0]}?" if close else f"The keys are {', '.join(sorted(known))}."
    return InvalidInput(f"{where}.{key} is not a key of an instrument file.", hint=meant)


def _wrong(where: str, value: Any, expected: str) -> InvalidInput:
    shown = repr(value)[:60]
    return InvalidInput(
        f"{where} is {shown}; expected {expected}.", hint="Leave out what is not known."
    )


def _text(where: str, value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _wrong(where, value, "a text")
    return value.strip()


def _texts(where: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _wrong(where, value, "a list of texts")
    return tuple(_text(where, one) for one in value)


def _pixels(where: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value < 1_000_000:
        raise _wrong(where, value, "a whole number above zero")
    return value


def _length(unit: str, example: str) -> Callable[[str, Any], float]:
    """Return a reader of numbers in a unit, or of texts with any unit that converts to it."""

    def read(where: str, value: Any) -> float:
        number = value
        if isinstance(value, str) and (found := _QUANTITY.fullmatch(value)):
            try:
                number = units.convert(float(found[1]), found[2], unit)
            except ValueError:  # no number, or a unit that is none; also our InvalidInput
                number = None
        if isinstance(number, bool) or not isinstance(number, int | float):
            number = math.nan
        if not 0 < number < math.inf:
            raise _wrong(
                where,
                value,
                f'a number in {unit} above zero, such as {example} or "{example} {unit}"',
            )
        return float(number)

    return read


def _zone(where: str, value: Any) -> str:
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    name = _text(where, value)
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise _wrong(where, value, "a time zone such as Europe/Zurich") from error
    return name


def _path(where: str, value: Any) -> Path:
    return Path(_text(where, value)).expanduser()


def _cameras(where: str, value: Any) -> dict[str, CameraInfo]:
    if not isinstance(value, dict):
        raise _wrong(
            where, value, "a section for each camera, such as [SERIAL.detectors.EF-Falcon]"
        )
    made: dict[str, CameraInfo] = {}
    for camera, section in value.items():
        if not isinstance(section, dict):
            raise _wrong(f"{where}.{camera}", section, "a section with the name of the camera")
        values: dict[str, Any] = {}
        for key, one in section.items():
            if key not in _CAMERA_KEYS:
                raise _unknown(f"{where}.{camera}", key, _CAMERA_KEYS)
            values[key] = _CAMERA_KEYS[key](f"{where}.{camera}.{key}", one)
        made[camera] = CameraInfo(camera=camera, **values)
    return made


def _by_format(where: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        raise _wrong(where, value, 'a text for each format, such as { tiff = "flip x" }')
    return {key.lower(): _text(f"{where}.{key}", one) for key, one in value.items()}


_CAMERA_KEYS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "name": _text,
    "pdbx": _text,
    "width": _pixels,
    "height": _pixels,
    "super_resolution": _pixels,
}

_KEYS: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "also": _texts,
    **dict.fromkeys(
        (
            *("name", "pdbx", "manufacturer", "electron_source", "illumination", "imaging"),
            *("filter_model", "holder", "cryogen", "contact"),
        ),
        _text,
    ),
    "cs": _length("mm", "2.7"),
    "c2_aperture": _length("um", "50"),
    "time_zone": _zone,
    "mirror": _path,
    "detectors": _cameras,
    "gain_flip_rotate": _by_format,
}


def example() -> str:
    """Return an instrument file to start from, with every key explained."""
    return _EXAMPLE


_EXAMPLE: Final = """\
# What the files of a microscope do not say. One section for each microscope, named by the serial
# number that its files carry (openem extract shows it). Leave out what is not known.

[TITAN52339260]
# also = ["KRIOS1"]                # other names that files give it, such as that of its computer
name = "Titan Krios G4"            # model, as people call it
pdbx = "TFS KRIOS"                 # model, as OneDep calls it
manufacturer = "Thermo Fisher Scientific"
cs = 2.7                           # spherical aberration in mm
electron_source = "FieldEmission"
illumination = "Parallel"          # only used where the files do not say it
imaging = "BrightField"            # only used where the files do not say it
filter_model = "Selectris"
c2_aperture = 50                   # in um; only used where the files do not say it
time_zone = "Europe/Zurich"        # of its clock, for files that give local time without a zone
holder = "FEI TITAN KRIOS AUTOGRID HOLDER"
cryogen = "Nitrogen"
contact = "em-facility@example.org"
# mirror = "/data/epu"             # where EPU keeps the metadata, if not beside the images

# How to turn the gain reference so that it fits the movies, by format of the movies.
[TITAN52339260.gain_flip_rotate]
tiff = "flip upside down"
eer = "none"

# Cameras by the name that the files give them: where it sits, not what it is.
[TITAN52339260.detectors.EF-Falcon]
name = "Falcon 4i"
pdbx = "TFS FALCON 4i (4k x 4k)"
width = 4096                       # pixels of the sensor
height = 4096
# super_resolution = 2             # pixels of a movie on one of the sensor, along a side

[TITAN52339260.detectors.BM-Ceta]
name = "Ceta 16M"
pdbx = "FEI CETA (4k x 4k)"
width = 4096
height = 4096
"""
