"""Marks and notes of a folder or data set, kept so that closing the notebook loses nothing."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING

from openem_nb import settings
from openem_nb.errors import CannotWrite
from openem_nb.images.selection import read_selection, write_selection

if TYPE_CHECKING:
    from pathlib import Path

    from openem_nb.panels.gallery import Gallery

__all__ = ["KeptMarks"]


class KeptMarks:
    """What a person thinks of the images of a data set, in a file of the state folder.

    Parameters
    ----------
    gallery :
        Where the marks are made, in its column ``name``.
    """

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._place: Path | None = None
        self._changed = threading.Event()
        self._lock = threading.Lock()

    def changed(self) -> None:
        """Say that there are marks which were not kept yet."""
        self._changed.set()

    def take(self, key: str) -> int:
        """Give the gallery the marks of a source; return how many images had one.

        Parameters
        ----------
        key :
            What is the same each time for this folder or data set.

        Raises
        ------
        DamagedFile
            If the file was changed by something else.
        """
        text = key.encode("utf-8", "surrogateescape")
        name = f"{hashlib.sha256(text).hexdigest()[:24]}.csv"
        with self._lock:
            self._changed.clear()
            self._place = settings.folders().state / "marks" / name
            if not self._place.is_file():
                return 0
            return self._gallery.take(read_selection(self._place))

    def keep(self) -> None:
        """Write the marks down, if there are new ones.

        Raises
        ------
        CannotWrite
            If the state folder is read-only or full.
        """
        with self._lock:
            if self._place is None or not self._changed.is_set():
                return
            self._changed.clear()
            try:
                self._place.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CannotWrite(
                    f"{self._place.parent} cannot be made: {error.strerror or error}.",
                    hint="Set OPENEM_HOME to a folder where you may write.",
                ) from error
            write_selection(self._place, self._gallery.marks[["name", "mark", "note"]])
