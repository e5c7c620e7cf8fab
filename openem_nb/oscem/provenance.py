"""Where a value of a document comes from: file, tag, rule, and how many files say the same."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["GIVEN", "INSTRUMENT_FILE", "Provenance"]

INSTRUMENT_FILE = "instrument file"
GIVEN = "given by a person"
"""Sources that are no files of the session."""


@dataclass(frozen=True, slots=True)
class Provenance:
    """The origin of one value."""

    path: str
    """Where it stands in the document, with dots: ``acquisition.pixel_size``."""
    value: str
    """The value as text, without its unit."""
    source: str
    """Name of the reader, ``instrument file`` or ``given by a person``."""
    kind: str = ""
    """Which kind of file: image, fractions, tilt, session, file header."""
    file: str = ""
    """The first file that says it, relative to the folder."""
    tag: str = ""
    """Where in the file it stands."""
    rule: str = ""
    """How it was made of what stands there; empty where it stands there as it is."""
    agreed: int = 0
    """How many files, or exposures of a tilt series, say this value."""
    total: int = 0
    """How many say anything."""
    low: float | None = None
    """Smallest value of all files, in the unit of the document."""
    high: float | None = None
    unit: str = ""
    others: tuple[str, ...] = ()
    """Other values that files say, the most frequent first, twenty at most."""

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        where = f"{self.source} {self.kind}".strip()
        files = f", {self.agreed} of {self.total}" if self.total > 1 else ""
        tag = f", {self.tag}" if self.tag else ""
        rule = f" ({self.rule})" if self.rule else ""
        first = f", {self.file}" if self.file else ""
        return f"{self.value}{unit}: {where}{files}{tag}{rule}{first}"
