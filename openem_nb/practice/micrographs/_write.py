"""A folder of practice micrographs, good ones and some that an expert would throw away."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from openem_nb.errors import InvalidInput
from openem_nb.practice.micrographs._files import (
    write_dm4,
    write_eer,
    write_emd,
    write_mrc,
    write_tiff,
)
from openem_nb.practice.micrographs._simulate import gain_reference, simulate
from openem_nb.practice.micrographs.truth import DatasetTruth, MicrographTruth

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["FAULTS", "KINDS", "write_dataset"]

KINDS: Final = ("mrc", "movie", "tiff", "eer", "dm4", "emd")
"""Averages as MRC of floats; movies as MRC of bytes, as TIFF with LZW, and as EER; averages as DM4
of floats and as EMD of Velox, whose counts are whole."""
_AVERAGES: Final = ("mrc", "dm4", "emd")
FAULTS: Final[dict[str, dict[str, Any]]] = {
    "crystalline ice": {"ice_ring": 12.0, "b_factor": 30.0},
    "thick ice": {"dose": 12.0, "signal": 0.6},
    "blurred": {"b_factor": 700.0},
    "no specimen": {"signal": 0.02, "covered": 0.0},
    "carbon": {"carbon": 0.9},
}
"""What is wrong with the bad ones, and how they are made."""
_VOLTAGE: Final = 300.0
_DOSE: Final = 40.0
_RAW: Final = 0.1
"""Electrons per pixel and raw frame of EER: two of them rarely meet in one."""
_RAW_FRAMES: Final = 100
"""Raw frames of EER; with more of them practice would take long, so its dose is small."""


def write_dataset(
    folder: Path,
    count: int = 12,
    *,
    kind: str = "mrc",
    shape: tuple[int, int] = (1024, 1024),
    pixel_size: float = 1.3,
    frames: int = 20,
    bad: int = 6,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> DatasetTruth:
    """Write practice micrographs into a folder, and return what is true of them.

    Parameters
    ----------
    folder :
        Made where it is not there; files in it of the same names are replaced.
    count, shape, pixel_size :
        How many micrographs, of how many pixels (y, x), of how many Å.
    kind :
        One of :data:`KINDS`.
    frames :
        Frames of a movie; EER has a hundred raw ones.
    bad :
        Every so manieth has a fault of :data:`FAULTS`, in turn; 0 for none.
    progress :
        Called with how many are done, and of how many.

    Raises
    ------
    InvalidInput
        If the kind is not known or there is nothing to write.
    CannotWrite
        If the folder cannot be written to.
    """
    if kind not in KINDS or count < 1:
        raise InvalidInput(
            f"{count} practice micrographs of the kind {kind!r} cannot be written.",
            hint=f"Give a number above 0, and one of {', '.join(KINDS)}.",
        )
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    movie = kind not in _AVERAGES
    reference = gain_reference(shape, np.random.default_rng([seed, 1])) if movie else None
    if reference is not None:
        write_mrc(folder / "practice-gain.mrc", reference, pixel_size=pixel_size)
    names = list(FAULTS)
    truths: dict[str, MicrographTruth] = {}
    faults: dict[str, str] = {}
    for number in range(count):
        middle, half = rng.uniform(8_000, 22_000), rng.uniform(0, 400)
        values: dict[str, Any] = {
            "pixel_size": pixel_size,
            "voltage": _VOLTAGE,
            "defocus_u": middle + half,
            "defocus_v": middle - half,
            "angle": rng.uniform(-90, 90),
            "dose": _DOSE,
            "hot_pixels": 8,
            "seed": int(rng.integers(1 << 31)),
        }
        suffix = {"movie": "mrcs", "tiff": "tif"}.get(kind, kind)
        name = f"practice-{number + 1:04d}.{suffix}"
        if bad and number % bad == bad - 1:
            faults[name] = names[number // bad % len(names)]
            values |= FAULTS[faults[name]]
        if movie:
            if kind == "eer":
                values["dose"] *= _RAW * _RAW_FRAMES / (_DOSE * pixel_size**2)
            values |= {
                "frames": _RAW_FRAMES if kind == "eer" else frames,
                "drift": rng.uniform(3, 25),
                "gain": reference,
            }
        counts, truths[name] = simulate(shape, **values)
        _write(folder / name, kind, counts, truths[name])
        if progress is not None:
            progress(number + 1, count)
    gain = "practice-gain.mrc" if movie else None
    return DatasetTruth(folder=folder, micrographs=truths, faults=faults, gain=gain)


def _write(path: Path, kind: str, counts: Any, truth: MicrographTruth) -> None:
    if kind == "mrc":
        write_mrc(path, counts, pixel_size=truth.pixel_size)
    elif kind == "dm4":
        write_dm4(path, counts, pixel_size=truth.pixel_size, voltage=truth.voltage)
    elif kind == "emd":
        write_emd(path, counts, pixel_size=truth.pixel_size, voltage=truth.voltage, seed=truth.seed)
    elif kind == "eer":
        write_eer(path, counts, pixel_size=truth.pixel_size, dose=truth.dose, seed=truth.seed)
    else:
        small = np.minimum(counts, 127 if kind == "movie" else 255)
        if kind == "movie":
            write_mrc(path, small.astype(np.int8), pixel_size=truth.pixel_size)
        else:
            write_tiff(path, small.astype(np.uint8), pixel_size=truth.pixel_size)
