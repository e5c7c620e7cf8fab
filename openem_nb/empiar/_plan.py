"""What a download of raw data would bring, before a byte moves."""

from __future__ import annotations

import html
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from openem_nb.empiar.identifiers import number
from openem_nb.values import format_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from openem_nb.transfer import Listed

__all__ = ["Plan"]

_GLOBUS: Final = "47772002-3e5b-4fd3-b97c-18cee38d6df2"
"""Globus collection "EMBL-EBI Public Data"."""

_ASPERA: Final = "emp_ext2@hx-fasp-1.ebi.ac.uk"


@dataclass(frozen=True, slots=True)
class Plan:
    """Files of an EMPIAR entry that a download would fetch.

    Sizes are those of the server's listing, which rounds them to three digits.
    """

    id: str
    """``EMPIAR-10943``."""
    files: tuple[Listed, ...]
    folder: Path
    """Where they would go."""
    free: int
    """Bytes that are free there."""
    complete: bool
    """False if ``limit`` left files out."""
    notice: str | None = None
    """Text that must be shown with the data (practice data), None for real data."""

    @property
    def count(self) -> int:
        """Number of files."""
        return len(self.files)

    @property
    def bytes(self) -> int:
        """Size of all of them, rounded as the server rounds; files without a size count nothing."""
        return sum(file.size or 0 for file in self.files)

    @property
    def uncertainty(self) -> int:
        """The true size may be so many bytes larger or smaller."""
        return sum(file.uncertainty for file in self.files)

    @property
    def fits(self) -> bool:
        """Whether there is room even if every rounded size is really as large as it can be.

        What is already in the folder under the same name is counted as there.
        """
        needed = 0
        for file in self.files:
            here = self.folder / file.path
            part = here.with_name(here.name + ".part")
            have = next((path.stat().st_size for path in (here, part) if path.is_file()), 0)
            needed += max(0, (file.size or 0) + file.uncertainty - have)
        return needed <= self.free

    @property
    def globus(self) -> str:
        """Shell command that fetches the *whole* entry with the Globus command line (version 3).

        Replace ``YOUR-COLLECTION`` by the id of the collection that the folder is on. The source is
        the public collection of EMBL-EBI, as working scripts use it.
        """
        source = f"{_GLOBUS}:/empiar/world_availability/{number(self.id)}/"
        target = f"YOUR-COLLECTION:{self.folder.absolute()}/"
        return shlex.join(["globus", "transfer", "--recursive", "--label", self.id, source, target])

    @property
    def aspera(self) -> str:
        """Shell command that fetches the *whole* entry with Aspera.

        ``asperaweb_id_dsa.openssh`` is the key that comes with Aspera Connect. The account is the
        one that the archive has published; it changes now and then: if it is refused, take the
        command from the page of the entry.
        """
        key = "asperaweb_id_dsa.openssh"
        source = f"{_ASPERA}:/{number(self.id)}"
        return shlex.join(
            ["ascp", "-QT", "-l", "200M", "-P33001", "-i", key, source, str(self.folder.absolute())]
        )

    def _facts(self) -> list[tuple[str, str]]:
        more = "" if self.complete else " (more exist, limit reached)"
        about = "about " if self.uncertainty else ""
        room = "enough" if self.fits else "not enough"
        facts = [
            ("Files", f"{self.count:,}{more}"),
            ("Size", f"{about}{format_bytes(self.bytes)}"),
            ("Folder", str(self.folder)),
            ("Free space", f"{format_bytes(self.free)}, {room}"),
            ("Whole entry by Globus", self.globus),
            ("Whole entry by Aspera", self.aspera),
        ]
        return ([("Notice", self.notice)] if self.notice else []) + facts

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self._facts())
        lines = [f"{name:{width}}  {value}" for name, value in self._facts()]
        return "\n".join([f"Download of {self.id}", *lines])

    def _repr_html_(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" style="text-align:left">{html.escape(name)}</th>'
            f'<td style="text-align:left">{html.escape(value)}</td></tr>'
            for name, value in self._facts()
        )
        return f"<table><caption>Download of {html.escape(self.id)}</caption>{rows}</table>"
