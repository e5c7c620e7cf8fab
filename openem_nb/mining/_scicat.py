"""The images of a data set of SciCat: on this machine, or in tars that were read from tape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from openem_nb import scicat, units
from openem_nb.errors import InvalidInput, NotFound, OpenEMError
from openem_nb.images._given import possible
from openem_nb.images.scanning import NAMES
from openem_nb.mining._far import InTar
from openem_nb.mining.files import ImageFile, ImageFiles, find, wanted
from openem_nb.mining.sources import Facts
from openem_nb.scicat.access import locate
from openem_nb.values import counted, format_bytes

if TYPE_CHECKING:
    from openem_nb.jobs import Progress
    from openem_nb.mining.sources import Source

__all__ = ["Catalogued", "of_retrieval"]

_PLACES: Final = {
    "voltage": (("instrument", "acceleration_voltage"), "kV"),
    "cs": (("instrument", "cs"), "mm"),
    "pixel_size": (("acquisition", "pixel_size"), "Å"),
}
"""Where an OSC-EM document has these values, and the units in which they are told here."""


@dataclass(frozen=True)
class Catalogued:
    """A data set of SciCat."""

    data_set: scicat.DataSet

    @property
    def title(self) -> str:
        """Its name."""
        return self.data_set.name

    @property
    def key(self) -> str:
        """Its PID, and of which instance."""
        return f"scicat:{self.data_set.profile}:{self.data_set.pid}"

    @property
    def given(self) -> str:
        """Its PID."""
        return self.data_set.pid

    @property
    def notice(self) -> str | None:
        """Text that says that it is practice data."""
        return self.data_set.notice

    @property
    def facts(self) -> Facts:
        """What its OSC-EM document says, as far as there is one."""
        one, values = self.data_set, optics(self.data_set.metadata)
        lines = [
            ("Data set", one.pid),
            ("Recorded", "" if one.created is None else f"{one.created:%Y-%m-%d}"),
            ("Owner", one.owner),
            ("Microscope", _text(one.metadata, "instrument", "microscope")),
            ("Detector", _text(one.metadata, "acquisition", "detector")),
            ("Files", f"{counted(one.file_count, 'file')}, {format_bytes(one.size)}"),
        ]
        shown = tuple((name, text) for name, text in lines if text)
        return Facts(title=one.name, url=one.url, lines=shown, **values)

    def find(self, *, pattern: str | None = None, progress: Progress | None = None) -> ImageFiles:
        """Return its images, from the nearest place where they can be read."""
        place = locate(self.data_set, progress=progress)
        values = optics(self.data_set.metadata)
        size, voltage = values["pixel_size"], values["voltage"]
        if place.folder is not None:
            here = find(place.folder, pattern=pattern, progress=progress)
            files = [
                replace(file, pixel_size=size, voltage=voltage, source=self.key)
                for file in here.files
                if place.only is None or file.name in place.only
            ]
            return ImageFiles(files, (*place.notes, *here.notes), notice=self.notice)
        folder = Path(self.data_set.pid.replace("/", "-"))
        far = [
            ImageFile(
                folder / file.path,
                file.path,
                file.size,
                0,
                far=InTar(replace(tar, files=()), file.path),
                pixel_size=size,
                voltage=voltage,
                source=self.key,
            )
            for tar in place.tars
            for file in tar.files
            if wanted(file.path, pattern)
        ]
        if not far:
            what = f"like {pattern}" if pattern else "that is an image"
            raise NotFound(
                f"{self.data_set.name} has no file {what}.",
                hint=f"Images are known by their endings: {NAMES}.",
            )
        return ImageFiles(far, place.notes, notice=self.notice)

    def code(self) -> str:
        """Return the call that gets it; the PID where that means the same."""
        from openem_nb import settings

        pid, profile = self.data_set.pid, self.data_set.profile
        if settings.profile().name == profile:
            return repr(pid)
        return f"openem.get({pid!r}, profile={profile!r})"


def of_retrieval(retrieval: Any, *, progress: Progress | None = None) -> Source:
    """Return the data set of a retrieval.

    Raises
    ------
    InvalidInput
        If it has several.
    """
    if len(retrieval.pids) != 1:
        raise InvalidInput(
            f"This retrieval has {len(retrieval.pids)} data sets.",
            hint=f"Name one of them: {', '.join(retrieval.pids[:3])}.",
        )
    found = scicat.get(retrieval.pids[0], profile=retrieval.profile, progress=progress)
    return Catalogued(found)


def optics(metadata: Mapping[str, Any]) -> dict[str, float | None]:
    """Return voltage (kV), Cs (mm) and pixel size (Å) of an OSC-EM document; None if not stated.

    A value without a unit that is known, or that is impossible, is not used.
    """
    found: dict[str, float | None] = {}
    for name, (place, unit) in _PLACES.items():
        node: Any = metadata
        for key in place:
            node = node.get(key) if isinstance(node, Mapping) else None
        found[name] = possible(name, _number(node, unit))
    return found


def _number(node: Any, unit: str) -> float | None:
    if not isinstance(node, Mapping):
        return None
    value, given = node.get("value"), node.get("unit")
    if isinstance(value, bool) or not isinstance(value, int | float) or not isinstance(given, str):
        return None
    try:
        number = units.convert(value, given, unit)
    except OpenEMError:
        return None
    return number if number > 0 else None


def _text(metadata: Mapping[str, Any], *place: str) -> str:
    node: Any = metadata
    for key in place:
        node = node.get(key) if isinstance(node, Mapping) else None
    if isinstance(node, Mapping):
        node = node.get("value")
    return str(node) if isinstance(node, str | int | float) else ""
