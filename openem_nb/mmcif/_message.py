"""One thing that a check says of a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Code", "Level", "Message"]

Level = Literal["error", "warning", "info"]
Code = Literal[
    "missing", "list", "type", "range", "unknown", "key", "parent", "context", "asked", "other"
]


@dataclass(frozen=True, slots=True)
class Message:
    """One thing that is wrong with a file, or worth knowing."""

    level: Level
    item: str
    """The item or category that it is about."""
    text: str
    remedy: str = ""
    """What to do about it."""
    code: Code = "other"
    """Kind of the situation, for programs."""
    line: int | None = None
    """Line of the file, where it is known."""
    block: str = ""
    """Name of the data block."""
