"""Measure one file: everything that is asked for, with its pixels read once.

What is wrong with a file is told in its row and stops nothing. What a file does not know and nobody
gave is not assumed: the measurement that needs it is left out, with the reason.
"""

from __future__ import annotations

import functools
import math
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb import images
from openem_nb.errors import CannotWrite, InvalidInput, OpenEMError
from openem_nb.images.threads import once
from openem_nb.mining.store import picture_name, write_picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from openem_nb.images import Gain, Micrograph
    from openem_nb.images.spectrum import Spectrum
    from openem_nb.mining.files import ImageFile
    from openem_nb.mining.parameters import Parameters

__all__ = ["gain_of", "measure"]

_FINE: Final = 0.6
"""Å; smaller pixels are averaged for the spectrum, which nobody reads beyond twice that."""
_CELL: Final = 1 / 600.0
"""1/Å; no cell of a spectrum is wider. With pixels of 0.65 Å that makes 923 cells, not 800: of a
frame of 4096 pixels means over 3 x 3 values and not 5 x 5, which blur rings of high defocus."""
_QUICK_CELLS: Final = 500
"""Cells across the spectrum from which the CTF is fitted quickly."""
_KEPT: Final = 256 << 20
"""Largest image in bytes whose memory a thread keeps for the next one."""

_NOT_RELATIVE: Final = (
    "gradient, unevenness and dark are relative to the mean, which is near 0, as in normalised "
    "images."
)

_NO_GAIN: Final = "The gain reference is not applied: it is that of movies, and this is none."

_local = threading.local()


def measure(file: ImageFile, parameters: Parameters, folder: Path) -> dict[str, Any]:
    """Return the row of a file; its pictures are written below ``folder``.

    What is wrong with the file is part of the row and is never raised.

    Raises
    ------
    CannotWrite
        If there is no room for its pictures: that holds for all files.
    """
    started = time.perf_counter()
    row: dict[str, Any] = {
        "path": file.text,
        "source": file.source,
        "name": file.name,
        "bytes": file.size,
        "mtime": file.mtime,
        "parameters": parameters.key,
        "measured": time.time(),
    }
    try:
        with file.open() as found:
            try:
                _measured(_Exposure(found, file, parameters, folder), row)
            finally:
                row["fetched"] = found.bytes_fetched or None
    except CannotWrite:
        raise
    except MemoryError as error:
        _problem(row, error, "There is not enough memory for it.")
    except Exception as error:  # noqa: BLE001  (whatever is wrong with one file, the others go on)
        _problem(row, error, _words(error, file.path))
    row["seconds"] = time.perf_counter() - started
    return row


def _problem(row: dict[str, Any], error: BaseException, words: str) -> None:
    row["problem"], row["problem_kind"] = words, type(error).__name__


def _words(error: Exception, path: Path) -> str:
    """Return what is wrong with a file, without its name, which its row has already."""
    if isinstance(error, OpenEMError):
        words = str(error)
        for name in (str(path), path.name):
            if words.startswith(f"{name} "):
                return f"It{words.removeprefix(name)}"
        return words
    if isinstance(error, OSError):
        return f"It cannot be read: {error.strerror or error}."
    return f"{type(error).__name__}: {error}"


class _Exposure:
    """A file that is open, and what its measurements share."""

    def __init__(
        self, found: Micrograph, file: ImageFile, parameters: Parameters, folder: Path
    ) -> None:
        self.found, self.file, self.parameters, self.folder = found, file, parameters, folder
        self.pixel_size = parameters.pixel_size or found.pixel_size
        self.voltage = parameters.voltage or found.voltage

    @once
    def image(self) -> NDArray[Any]:
        """Return the pixels: the mean of a movie, the middle section of a volume or tilt series."""
        found = self.found
        if found.is_movie:
            return found.average(gain=self.gain)
        return found.band(
            0,
            found.shape[0],
            frame=found.frames // 2 if found.frames > 1 else 0,
            out=_memory(found.shape, found.dtype),
        )

    @property
    def gain(self) -> Gain | None:
        """Return the gain reference of movies, where one was given."""
        return None if self.parameters.gain is None else gain_of(self.parameters)

    @once
    def small(self) -> NDArray[np.float32]:
        """Return the picture that a thumbnail shows."""
        factor = images.factor_for(self.found.shape, self.parameters.size)
        return images.block_mean(self.image, factor)

    @once
    def spectrum(self) -> Spectrum:
        """Return the spectrum that all measurements of frequencies share."""
        from openem_nb.images._holes import averaged
        from openem_nb.images.spectrum import CELLS, periodogram

        image, size = self.image, self.pixel_size
        by = 1 if size is None else 2 ** max(0, math.floor(math.log2(2 * _FINE / size)))
        if by > 1 and size is not None:
            image, size = averaged(image, by), size * by
        if self.parameters.quick:
            return periodogram(image, pixel_size=size, cells=_QUICK_CELLS)
        fine = CELLS if size is None else math.ceil(1 / (_CELL * size))
        return periodogram(image, pixel_size=size, cells=max(CELLS, fine))

    def picture(self, kind: str, content: bytes, size: int) -> str:
        """Write a picture and return what its row calls it."""
        name = picture_name(self.file, kind, size)
        write_picture(self.folder, name, content)
        return name


def _measured(exposure: _Exposure, row: dict[str, Any]) -> None:
    found = exposure.found
    row["format"], (row["height"], row["width"]) = found.format, found.shape
    row["frames"] = found.frames
    row["pixel_size"], row["voltage"] = exposure.pixel_size, exposure.voltage
    notes = [*found.notes]
    if exposure.parameters.gain is not None and not found.is_movie:
        notes.append(_NO_GAIN)
    row["notes"] = " ".join(notes)
    exposure.image  # noqa: B018  (what cannot be read is the file's problem, not a measurement's)
    left_out = []
    for name in exposure.parameters.measures:
        try:
            values = _MEASURES[name](exposure)
            if reason := values.pop("left_out", ""):
                left_out.append(f"{name}: {reason}")
            row.update(values)
        except CannotWrite:
            raise
        except OpenEMError as error:
            left_out.append(f"{name}: {error}")
    row["left_out"] = " ".join(left_out)


def _thumbnail(exposure: _Exposure) -> dict[str, Any]:
    factor = images.factor_for(exposure.found.shape, exposure.parameters.size)
    bar = exposure.parameters.size >= 256 and exposure.pixel_size is not None
    content = images.jpeg(
        exposure.small,
        pixel_size=exposure.pixel_size * factor if bar and exposure.pixel_size else None,
        origin=exposure.found.origin,
    )
    return {"thumbnail": exposure.picture("image", content, exposure.parameters.size)}


def _statistics(exposure: _Exposure) -> dict[str, Any]:
    from openem_nb.images.statistics import statistics

    found = statistics(exposure.image)
    names = ("mean", "std", "min", "max", "skewness", "hot_pixels", "not_finite", "gradient")
    return {
        **_fields(found, *names, "unevenness", "dark", "empty"),
        "median": found.percentiles.get(50),
        "left_out": "" if found.relative or found.empty else _NOT_RELATIVE,
    }


def _spectrum(exposure: _Exposure) -> dict[str, Any]:
    side = exposure.parameters.size
    content = images.jpeg(exposure.spectrum.picture(side), origin=exposure.found.origin)
    return {"spectrum": exposure.picture("spectrum", content, side)}


def _ctf(exposure: _Exposure) -> dict[str, Any]:
    from openem_nb.images.ctf import ctf

    if exposure.found.frames > 1 and not exposure.found.is_movie:
        raise InvalidInput("Sections of a volume or tilt series are not fitted.")
    parameters = exposure.parameters
    needed = {
        "pixel size": (exposure.pixel_size, "pixel_size in Å"),
        "voltage": (exposure.voltage, "voltage in kV"),
        "Cs": (parameters.cs, "cs in mm"),
    }
    missing = {name: how for name, (value, how) in needed.items() if value is None}
    if missing or parameters.cs is None:
        known = "is not known" if len(missing) == 1 else "are not known"
        give = " and ".join(missing.values())
        raise InvalidInput(f"{' and '.join(missing)} {known}. Give {give}.")
    searched: dict[str, Any] = {}
    if parameters.defocus is not None:
        searched["defocus"] = parameters.defocus
    fit = ctf(
        exposure.spectrum,
        voltage=exposure.voltage,
        cs=parameters.cs,
        amplitude_contrast=parameters.amplitude_contrast,
        phase_shift=True if parameters.phase_plate else None,
        quick=parameters.quick,
        **searched,
    )
    names = ("defocus_u", "defocus_v", "defocus", "astigmatism", "angle", "score", "resolution")
    deviations = ("deviation", "deviation_u", "deviation_v", "deviation_angle")
    values = _fields(fit, *names, *deviations, "reliable", before="ctf_")
    values |= _fields(fit, "cs", "amplitude_contrast", before="ctf_")
    if parameters.phase_plate:
        values["ctf_phase_shift"] = fit.phase_shift
    return values


def _ice(exposure: _Exposure) -> dict[str, Any]:
    from openem_nb.images.ice import ice

    return _fields(ice(exposure.spectrum), "ring", "distance", "crystalline", before="ice_")


def _dose(exposure: _Exposure) -> dict[str, Any]:
    from openem_nb.images._sources import of_one_exposure
    from openem_nb.images.dose import dose, frames_of

    of_one_exposure(exposure.found, "A dose")
    found = dose(
        exposure.image,
        expected=exposure.parameters.dose,
        pixel_size=exposure.pixel_size,
        frames=frames_of(exposure.found),
    )
    if not found.counts:
        raise InvalidInput(found.words)
    return _fields(found, "counted", "ratio", before="dose_")


def _motion(exposure: _Exposure) -> dict[str, Any]:
    from openem_nb.images.motion import motion

    found, dose = exposure.found, exposure.parameters.dose
    if not found.is_movie:
        raise InvalidInput("It is no movie.")
    if exposure.pixel_size is None:  # the columns are in Å
        raise InvalidInput("The pixel size is not known. Give pixel_size in Å.")
    each = None if dose is None else dose / found.frames
    way = motion(found, gain=exposure.gain, pixel_size=exposure.pixel_size, dose_per_frame=each)
    values = _fields(way, "total", "early", "late", "reliable", before="motion_")
    return {**values, "motion_dose": each, "left_out": way.doubt and f"not reliable. {way.doubt}"}


_MEASURES: Final[dict[str, Callable[[_Exposure], dict[str, Any]]]] = {
    "thumbnail": _thumbnail,
    "statistics": _statistics,
    "spectrum": _spectrum,
    "ctf": _ctf,
    "ice": _ice,
    "dose": _dose,
    "motion": _motion,
}


def _fields(found: Any, *names: str, before: str = "") -> dict[str, Any]:
    return {before + name: getattr(found, name) for name in names}


def _memory(shape: tuple[int, int], dtype: np.dtype[Any]) -> NDArray[Any] | None:
    """Return memory for an image: this thread's own, which need not be cleared by the system."""
    need = shape[0] * shape[1] * dtype.itemsize
    if need > _KEPT:
        return None
    held: NDArray[np.uint8] | None = getattr(_local, "held", None)
    if held is None or held.size < need:
        held = _local.held = np.empty(need, np.uint8)
    return held[:need].view(dtype).reshape(shape)


def gain_of(parameters: Parameters) -> Gain:
    """Return the gain reference, read once in each process."""
    return _read_gain(parameters.gain, parameters.flip_rotate, parameters.key)


@functools.lru_cache(maxsize=1)
def _read_gain(path: Path, flip_rotate: str, key: str) -> Gain:
    del key  # a reference that has changed has another one
    return images.read_gain(path, flip_rotate=flip_rotate)
