"""Practice micrographs to try an inspection with, written once below the data folder."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from openem_nb import settings

if TYPE_CHECKING:
    from openem_nb.jobs import Progress

__all__ = ["practice_folder"]


def practice_folder(count: int, progress: Progress) -> Path:
    """Return a folder with practice micrographs; it has its name only when it is whole."""
    from openem_nb.practice import micrographs

    folder = settings.folders().data / "practice-micrographs"

    def done(number: int, many: int) -> None:
        progress.update(number, total=many, unit="micrographs")
        progress.check()

    if not folder.is_dir():
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".practice-") as part:
            whole = Path(part) / "whole"
            micrographs.write_dataset(whole, count, progress=done)
            whole.rename(folder)
    return folder
