"""Micrographs: any format, seen at any size at once.

>>> from openem_nb import images
>>> movie = images.open_image("FoilHole_31936318_Data.eer")  # doctest: +SKIP
>>> movie.shape, movie.frames, movie.pixel_size  # doctest: +SKIP
>>> movie.thumbnail()  # doctest: +SKIP

Each part is loaded on first use, so that looking at a header does not wait for what fits rings.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from openem_nb.images.contours import Contour
    from openem_nb.images.ctf import Ctf, ctf
    from openem_nb.images.dose import Dose, dose
    from openem_nb.images.duplicates import Duplicate, duplicates
    from openem_nb.images.filters import low_pass
    from openem_nb.images.fsc import Fsc, fsc
    from openem_nb.images.gain import Gain, read_gain
    from openem_nb.images.ice import Ice, ice
    from openem_nb.images.maps import Map, open_map
    from openem_nb.images.micrograph import Micrograph
    from openem_nb.images.motion import Motion, motion
    from openem_nb.images.opening import open_image
    from openem_nb.images.outliers import outliers
    from openem_nb.images.picks import Picks, read_picks, write_picks
    from openem_nb.images.pictures import contrast, jpeg, scale_bar
    from openem_nb.images.reduce import block_mean, factor_for
    from openem_nb.images.scanning import scan
    from openem_nb.images.selection import read_selection, write_selection
    from openem_nb.images.soft_mask import SoftMask, soft_mask
    from openem_nb.images.spectrum import Spectrum, periodogram, spectrum
    from openem_nb.images.statistics import Statistics, statistics
    from openem_nb.images.tars import Tar, open_tar

__all__ = [
    "Contour",
    "Ctf",
    "Dose",
    "Duplicate",
    "Fsc",
    "Gain",
    "Ice",
    "Map",
    "Micrograph",
    "Motion",
    "Picks",
    "SoftMask",
    "Spectrum",
    "Statistics",
    "Tar",
    "block_mean",
    "contrast",
    "ctf",
    "dose",
    "duplicates",
    "factor_for",
    "fsc",
    "ice",
    "jpeg",
    "low_pass",
    "motion",
    "open_image",
    "open_map",
    "open_tar",
    "outliers",
    "periodogram",
    "read_gain",
    "read_picks",
    "read_selection",
    "scale_bar",
    "scan",
    "soft_mask",
    "spectrum",
    "statistics",
    "write_picks",
    "write_selection",
]

_MODULES: Final = {
    "contours": ("Contour",),
    "ctf": ("Ctf", "ctf"),
    "dose": ("Dose", "dose"),
    "duplicates": ("Duplicate", "duplicates"),
    "filters": ("low_pass",),
    "fsc": ("Fsc", "fsc"),
    "gain": ("Gain", "read_gain"),
    "ice": ("Ice", "ice"),
    "maps": ("Map", "open_map"),
    "micrograph": ("Micrograph",),
    "motion": ("Motion", "motion"),
    "opening": ("open_image",),
    "outliers": ("outliers",),
    "picks": ("Picks", "read_picks", "write_picks"),
    "pictures": ("contrast", "jpeg", "scale_bar"),
    "reduce": ("block_mean", "factor_for"),
    "scanning": ("scan",),
    "selection": ("read_selection", "write_selection"),
    "soft_mask": ("SoftMask", "soft_mask"),
    "spectrum": ("Spectrum", "periodogram", "spectrum"),
    "statistics": ("Statistics", "statistics"),
    "tars": ("Tar", "open_tar"),
}
_MEMBERS: Final = {name: module for module, names in _MODULES.items() for name in names}


class _Facade(ModuleType):
    """Keeps a name that is a function's and a module's for the function."""

    def __setattr__(self, name: str, value: object) -> None:
        # whenever a module of ours is imported, Python writes it here under its own name
        if not (isinstance(value, ModuleType) and name in _MEMBERS):
            super().__setattr__(name, value)

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process by name, as other modules do: with functions that use this one."""
        return import_module, (self.__name__,)


sys.modules[__name__].__class__ = _Facade


def __getattr__(name: str) -> Any:
    """Load a member of the facade on first use (PEP 562)."""
    if name not in _MEMBERS:
        raise AttributeError(f"module 'openem_nb.images' has no attribute {name!r}")
    found = getattr(import_module(f"openem_nb.images.{_MEMBERS[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
