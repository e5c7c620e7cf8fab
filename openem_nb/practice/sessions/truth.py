"""What is true of a practice session, whatever a reader makes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["FaultName", "SessionKind", "SessionTruth"]

SessionKind = Literal["epu", "tomo5", "serialem", "serialem-spa", "velox"]
FaultName = Literal["empty", "truncated", "linear", "magnifications", "two sessions"]


@dataclass(frozen=True, slots=True)
class SessionTruth:
    """A practice session that was written, and what is true of it."""

    folder: Path
    kind: SessionKind
    technique: str
    """Technique of OSC-EM: ``spa``, ``subtomo`` or ``general``."""
    name: str
    """Name of the session; it begins with ``practice``."""
    serial: str
    """Serial number of the microscope: PRACTICE and a number."""
    images: int
    """Exposures that can be read: movies, tilts or signals."""
    values: Mapping[str, object]
    """By path in an OSC-EM document. A quantity is a pair of value and unit; a plain value is text,
    truth or a number. Only what the files hold; what a planted fault makes doubtful is not here."""
    absent: tuple[str, ...] = ()
    """Paths that must not be in a document, because no file holds them or a fault hides them."""
    faults: Mapping[str, tuple[str, ...]] | None = None
    """Files that each planted fault touched, relative to the folder, by the fault's name."""
    files: int = 0
    """All files that were written."""
