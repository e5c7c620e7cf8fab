"""Where the thumbnails of a gallery come from."""

from __future__ import annotations

import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from openem_nb._exits import stop_at_exit
from openem_nb.errors import InvalidInput, OpenEMError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["Folder", "Made", "Nothing", "PictureSource"]

_KEPT: Final = 64 << 20
"""Bytes of pictures that were made and are kept."""
_WAITING: Final = 512
"""Pictures that wait to be made; what was asked for longest ago is asked for again or not."""
_LARGEST: Final = 4 << 20
"""Bytes of a JPEG that is a thumbnail."""


class PictureSource(Protocol):
    """Gives the JPEG of an image, quickly, or says that it is not there yet."""

    def picture(self, name: str, row: Mapping[str, object]) -> bytes | None:
        """Return the JPEG, or None while it is not there; an error says why it never will be."""
        ...

    def close(self) -> None:
        """End what it does in the background."""
        ...


class Nothing:
    """There are no pictures."""

    def picture(self, name: str, row: Mapping[str, object]) -> bytes | None:
        """Return none, ever."""
        return None

    def close(self) -> None:
        """Do nothing."""


class Folder:
    """JPEG files in a folder: ``thumbnail`` of the table names them, or they are named as images.

    Parameters
    ----------
    folder :
        Pictures outside of it are not shown, whatever the table says.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._root = folder.resolve()

    def picture(self, name: str, row: Mapping[str, object]) -> bytes | None:
        """Return the file's bytes; None while there is no such file."""
        named = row.get("thumbnail")
        stem = name.replace("\\", "/")
        places = [named] if isinstance(named, str) and named else [f"{stem}.jpg", _bare(stem)]
        for place in places:
            path = self.folder / place
            if not path.resolve().is_relative_to(self._root):
                raise InvalidInput(f"{place} is not in the folder of the thumbnails.")
            try:
                if path.stat().st_size > _LARGEST:
                    raise InvalidInput(f"{path.name} is too large for a thumbnail.")
                return path.read_bytes()
            except FileNotFoundError:
                continue
            except OSError as error:
                raise InvalidInput(f"{path.name}: {error.strerror or error}.") from error
        return None

    def close(self) -> None:
        """Do nothing."""


def _bare(name: str) -> str:
    """Return ``a/b.jpg`` for ``a/b.mrc``."""
    return Path(name).with_suffix(".jpg").as_posix()


class Made:
    """Pictures that a function makes, in a thread that ends when nothing is asked for.

    Parameters
    ----------
    make :
        Called with the name of an image; returns its JPEG, or None where there is none yet.
    ready :
        Called after each picture.
    """

    def __init__(self, make: Callable[[str], bytes | None], ready: Callable[[], None]) -> None:
        self._make, self._ready = make, ready
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, None] = OrderedDict()
        self._made: OrderedDict[str, bytes | OpenEMError] = OrderedDict()
        self._bytes = 0
        self._edition = 0  # counts how often names came to mean other images
        self._thread: threading.Thread | None = None
        self._closed = False
        stop_at_exit(self)

    def picture(self, name: str, row: Mapping[str, object]) -> bytes | None:
        """Return the picture if it was made; else make it soon, the newest wish first."""
        with self._lock:
            found = self._made.get(name)
            if found is None:
                self._waiting[name] = None
                self._waiting.move_to_end(name)
                while len(self._waiting) > _WAITING:
                    self._waiting.popitem(last=False)
                if self._thread is None and not self._closed:
                    self._thread = threading.Thread(
                        target=self._run, name="openem-thumbnails", daemon=True
                    )
                    self._thread.start()
                return None
            self._made.move_to_end(name)
        if isinstance(found, OpenEMError):
            raise found
        return found

    def forget(self) -> None:
        """Make all anew: names mean other images from now on."""
        with self._lock:
            self._waiting.clear()
            self._made.clear()
            self._bytes = 0
            self._edition += 1

    def close(self) -> None:
        """Make no more, and wait for the one that is being made."""
        for thread in self.stop():
            if thread is not threading.current_thread():
                thread.join()

    def stop(self) -> list[threading.Thread]:
        """Make no more, without waiting; return the thread that makes one."""
        with self._lock:
            self._closed = True
            self._waiting.clear()
            return [] if self._thread is None else [self._thread]

    def _run(self) -> None:
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                name, _ = self._waiting.popitem()
                edition = self._edition
            found: bytes | OpenEMError | None
            try:
                found = self._make(name)
            except OpenEMError as error:
                found = error
            except Exception as error:  # noqa: BLE001  (the person sees it at the image)
                found = OpenEMError(f"Unexpected {type(error).__name__}: {error}")
            if found is not None:
                with self._lock:
                    if edition == self._edition:  # else it is of an image of before
                        self._keep(name, found)
                self._ready()

    def _keep(self, name: str, found: bytes | OpenEMError) -> None:
        self._made[name] = found
        self._bytes += _size(found)
        while self._bytes > _KEPT and len(self._made) > 1:
            _, dropped = self._made.popitem(last=False)
            self._bytes -= _size(dropped)


def _size(found: bytes | OpenEMError) -> int:
    return len(found) if isinstance(found, bytes) else 0
