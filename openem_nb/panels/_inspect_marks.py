"""Marks and notes of a folder or data set, kept so that closing the notebook loses nothing."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import threading
from typing import TYPE_CHECKING

from openem_nb import settings
from openem_nb.errors import CannotWrite, DamagedFile
from openem_nb.images.selection import read_selection, write_selection

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import pandas as pd

    from openem_nb.panels.gallery import Gallery

__all__ = ["KeptMarks"]

Judged = dict[str, tuple[str, str]]
"""By name, mark and note of the images that have one."""


class KeptMarks:
    """What a person thinks of the images of a data set, in a file of the state folder.

    The file belongs to the data set, of which a gallery may show a part, and other galleries the
    same: only what was changed here is changed in it.

    Parameters
    ----------
    gallery :
        Where the marks are made, in its column ``name``.
    """

    def __init__(self, gallery: Gallery) -> None:
        self._gallery = gallery
        self._place: Path | None = None
        self._before: Judged = {}  # what the gallery has said that was taken or noted as new
        self._new: dict[Path, Judged] = {}  # by file, what it does not hold yet
        self._changed = threading.Event()
        self._lock = threading.Lock()

    def changed(self) -> None:
        """Say that there are marks which were not kept yet."""
        self._changed.set()

    def show(self, key: str, table: pd.DataFrame) -> int:
        """Show the images of a source with their marks; return how many images had one.

        What the gallery has said until then belongs to the source before.

        Parameters
        ----------
        key :
            What is the same each time for this folder or data set.

        Raises
        ------
        DamagedFile
            If the file of the marks was changed by something else: it stays under another name.
        CannotWrite
            If the marks of the source before could not be kept; they are written with the next.
        """
        text = key.encode("utf-8", "surrogateescape")
        name = f"{hashlib.sha256(text).hexdigest()[:24]}.csv"
        place = settings.folders().state / "marks" / name
        with self._lock:
            self._note(self._gallery.replace(table))
            self._place, self._before = place, {}
            try:
                self._write()
            finally:
                found = 0
                with _alone(place):
                    kept = _read(place)
                if kept:
                    found = self._gallery.take(_table(kept))
                self._before = _judged(self._gallery.marks)
        return found

    def keep(self) -> None:
        """Write the marks down, if there are new ones.

        Raises
        ------
        CannotWrite
            If the state folder is read-only or full; what was to be written is tried again.
        DamagedFile
            If the file was changed by something else: it stays under another name, and what the
            gallery shows is written anew.
        """
        with self._lock:
            if self._changed.is_set():
                self._changed.clear()
                self._note(self._gallery.marks)
            self._write()

    def _note(self, marks: pd.DataFrame) -> None:
        """Note what has changed in the gallery since it was asked before; under the lock."""
        if self._place is None:
            return
        now = _judged(marks)
        names = [
            name for name in {**self._before, **now} if now.get(name) != self._before.get(name)
        ]
        if names:
            new = self._new.setdefault(self._place, {})
            new |= {name: now.get(name, ("", "")) for name in names}
        self._before = now

    def _write(self) -> None:
        """Bring the files up to date; what fails stays for the next time; under the lock."""
        for place in list(self._new):
            damage = None
            try:
                place.parent.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise CannotWrite(
                    f"{place.parent} cannot be made: {error.strerror or error}.",
                    hint="Set OPENEM_HOME to a folder where you may write.",
                ) from error
            with _alone(place):
                try:
                    there = _read(place)
                except DamagedFile as error:
                    there, damage = None, error
                if there is None:  # what is shown is all that there is
                    there = dict(self._before) if place == self._place else {}
                kept = {
                    name: said for name, said in (there | self._new[place]).items() if any(said)
                }
                write_selection(place, _table(kept))
            del self._new[place]
            if damage is not None:
                raise damage


def _judged(marks: pd.DataFrame) -> Judged:
    rows = zip(*(marks[column].map(str) for column in ("name", "mark", "note")), strict=True)
    return {name: (mark, note) for name, mark, note in rows if mark or note}


def _table(kept: Mapping[str, tuple[str, str]]) -> pd.DataFrame:
    import pandas as pd

    rows = [(name, mark, note) for name, (mark, note) in kept.items()]
    return pd.DataFrame(rows, columns=["name", "mark", "note"], dtype=object)


def _read(place: Path) -> Judged | None:
    """Return what a file holds; None where there is none. A damaged one is moved out of the way."""
    if not place.is_file():
        return None
    try:
        return _judged(read_selection(place))
    except DamagedFile as error:
        names = (place.with_suffix(f".damaged-{number}.csv") for number in itertools.count(1))
        aside = next(name for name in names if not name.exists())
        place.rename(aside)
        raise DamagedFile(
            f"The marks of these images cannot be read: {error}",
            hint=f"The file lies at {aside} now; marks are kept in a new one.",
        ) from error


@contextlib.contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Keep other galleries from the file, here and in other processes."""
    try:
        import fcntl
    except ImportError:  # Windows: two notebooks there see to it themselves
        yield
        return
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(OSError):  # no such folder yet, or a file system without locks
            lock = stack.enter_context(place.with_suffix(".lock").open("w"))
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
