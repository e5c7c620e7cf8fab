"""What a download would bring, before a byte moves."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

from openem_nb.values import format_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from openem_nb.transfer._listing import Listed

__all__ = ["Plan"]


@dataclass(frozen=True, slots=True)
class Plan:
    """Files of an entry that a download would fetch.

    Sizes are those that the server states; listings round them to three digits.
    """

    id: str
    """``EMD-1000``, ``EMPIAR-10943``."""
    files: tuple[Listed, ...]
    folder: Path
    """Where they would go."""
    free: int
    """Bytes that are free there."""
    complete: bool = True
    """False if a limit left files out."""
    notice: str | None = None
    """Text that must be shown with the data (practice data), None for real data."""

    @property
    def count(self) -> int:
        """Number of files."""
        return len(self.files)

    @property
    def bytes(self) -> int:
        """Size of all of them as the server states it; files without a size count nothing."""
        return sum(file.size or 0 for file in self.files)

    @property
    def uncertainty(self) -> int:
        """The true size may be so many bytes larger or smaller."""
        return sum(file.uncertainty for file in self.files)

    @property
    def needed(self) -> int:
        """Bytes still to come, even if every rounded size is really as large as it can be.

        What is already in the folder under the same name is counted as there.
        """
        needed = 0
        for file in self.files:
            here = self.folder / file.path
            part = here.with_name(here.name + ".part")
            have = next((path.stat().st_size for path in (here, part) if path.is_file()), 0)
            needed += max(0, (file.size or 0) + file.uncertainty - have)
        return needed

    @property
    def fits(self) -> bool:
        """Whether there is room for what is needed; files of unknown size need any room at all."""
        unknown = any(file.size is None for file in self.files)
        return self.needed <= self.free and (self.free > 0 or not unknown)

    @property
    def size(self) -> str:
        """The size in words: exact, rounded, or what is known of it."""
        about = "about " if self.uncertainty else ""
        unknown = sum(file.size is None for file in self.files)
        words = f"{about}{format_bytes(self.bytes)}"
        return f"{words}, and {unknown:,} of unknown size" if unknown else words

    def _commands(self) -> list[tuple[str, str]]:
        """Return other ways to fetch the same, each with its name."""
        return []

    def _facts(self) -> list[tuple[str, str]]:
        more = "" if self.complete else " (more exist, limit reached)"
        room = "enough" if self.fits else "not enough"
        facts = [
            ("Files", f"{self.count:,}{more}"),
            ("Size", self.size),
            ("Folder", str(self.folder)),
            ("Free space", f"{format_bytes(self.free)}, {room}"),
            *self._commands(),
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
