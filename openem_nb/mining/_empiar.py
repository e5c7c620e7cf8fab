"""The images of an EMPIAR entry: downloaded before, or read on its file server."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC
from typing import TYPE_CHECKING
from urllib.parse import quote

from openem_nb import empiar, settings, transfer
from openem_nb.empiar.identifiers import number
from openem_nb.errors import NotFound
from openem_nb.images.scanning import NAMES
from openem_nb.mining._far import AtAddress
from openem_nb.mining.files import ImageFile, ImageFiles, wanted
from openem_nb.mining.sources import Facts
from openem_nb.values import counted

if TYPE_CHECKING:
    from pathlib import Path

    from openem_nb.jobs import Progress

__all__ = ["Entry"]


@dataclass(frozen=True)
class Entry:
    """An entry of EMPIAR."""

    entry: empiar.Entry

    @property
    def title(self) -> str:
        """Its id."""
        return self.entry.id

    @property
    def key(self) -> str:
        """Its id, and whose: the practice facility has entries of the same names."""
        return f"empiar:{settings.services().name}:{self.entry.id}"

    @property
    def given(self) -> str:
        """Its id."""
        return self.entry.id

    @property
    def notice(self) -> str | None:
        """Text that says that it is practice data."""
        return settings.services().notice

    @property
    def facts(self) -> Facts:
        """What the entry says of itself and of its image sets."""
        entry = self.entry
        lines = [
            ("Experiment", entry.experiment_type),
            ("Size", entry.size_text),
            ("Maps", ", ".join(entry.emdb_ids)),
        ]
        for part in entry.imagesets:
            count = "" if part.count is None else f"{part.count:,} \N{MULTIPLICATION SIGN} "
            pixel = "" if part.pixel_width is None else f", {part.pixel_width:g} Å a pixel"
            words = f"{count}{part.category or part.name}, {part.data_format}{pixel}"
            lines.append((part.directory or "Image set", words))
        sizes = {part.pixel_width for part in entry.imagesets}
        return Facts(
            title=entry.title,
            url=entry.url,
            pixel_size=sizes.pop() if len(sizes) == 1 else None,
            lines=tuple((name, text) for name, text in lines if text),
        )

    def find(self, *, pattern: str | None = None, progress: Progress | None = None) -> ImageFiles:
        """Return its images, each from the disk where it was downloaded before."""
        below = settings.folders().data.absolute() / "empiar" / str(number(self.entry.id))
        found: list[ImageFile] = []
        begin = _beginning(pattern)
        for item in _listed(self.entry.id, begin, progress):
            if not wanted(item.path, pattern):
                continue
            found.append(self._file(item, below / item.path))
            if progress is not None and len(found) % 256 == 0:
                progress.update(len(found), unit="images")
                progress.check()
        if not found:
            what = f"like {pattern}" if pattern else "that is an image"
            raise NotFound(
                f"{self.entry.id} has no file {what}.",
                hint=f"empiar.files({self.entry.id!r}) shows what there is. Images are known by "
                f"their endings: {NAMES}.",
            )
        here = sum(file.far is None for file in found)
        notes = (f"Downloaded before: {counted(here, 'image')}.",) if here else ()
        return ImageFiles(found, notes, notice=self.notice)

    def _file(self, item: transfer.Listed, place: Path) -> ImageFile:
        when = 0 if item.modified is None else item.modified.replace(tzinfo=UTC).timestamp()
        size = item.size or 0
        one = ImageFile(
            place,
            item.path,
            size,
            int(when) * 10**9,
            far=AtAddress(item.url),
            pixel_size=self._pixel_size(item.path),
            source=self.key,
            uncertainty=item.uncertainty,
        )
        try:
            state = place.stat()
        except OSError:
            return one
        if abs(state.st_size - size) > item.uncertainty:
            return one  # it came in part, or is of another version
        return replace(one, size=state.st_size, mtime=state.st_mtime_ns, far=None)

    def _pixel_size(self, path: str) -> float | None:
        """Return the pixel size of the image set in whose folder a file lies: the deepest one."""
        sets = [
            one
            for one in self.entry.imagesets
            if path == one.directory or path.startswith(f"{one.directory}/")
        ]
        best = max(sets, key=lambda one: len(one.directory), default=None)
        return None if best is None else best.pixel_width

    def code(self) -> str:
        """Return its id."""
        return repr(self.entry.id)


def _beginning(pattern: str | None) -> str:
    """Return the folders that a pattern names before its first star or bracket."""
    if not pattern or "/" not in pattern:
        return ""
    plain = pattern
    for sign in "*?[":
        plain = plain.partition(sign)[0]
    return plain.rpartition("/")[0]


def _listed(name: str, begin: str, progress: Progress | None) -> list[transfer.Listed]:
    address = f"{settings.services().empiar_files}/{number(name)}"
    try:
        if begin:
            below = transfer.walk(f"{address}/{quote(begin)}", progress=progress)
            return [replace(item, path=f"{begin}/{item.path}") for item in below]
        return list(transfer.walk(address, progress=progress))
    except NotFound:
        if begin:  # the pattern may be of names that have no folder
            return []
        raise NotFound(
            f"The file server has no files of {name}.",
            hint="Look at the page of the entry; its files may not be public yet.",
        ) from None
