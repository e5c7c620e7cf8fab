"""The part of a file that has arrived: where it lies, whose it is, and who may write it."""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING

from openem_nb.errors import CannotWrite
from openem_nb.transfer._disk import writing

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no advisory locks; there two downloads of one file may collide
    fcntl = None  # type: ignore[assignment]

__all__ = ["Part", "locked"]

_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


@contextlib.contextmanager
def locked(path: Path, name: str) -> Iterator[FileIO]:
    """Open a file, made where it is missing, and keep others from writing it.

    Others in this process and in other ones; a link that leads elsewhere is not followed.
    """
    while True:
        with writing(path):
            try:
                descriptor = os.open(path, _FLAGS | _NO_LINK, 0o666)
            except FileNotFoundError:
                path.parent.mkdir(parents=True, exist_ok=True)
                descriptor = os.open(path, _FLAGS | _NO_LINK, 0o666)
        # Without a buffer, so that closing a file on a full disk is no error of its own.
        with os.fdopen(descriptor, "r+b", buffering=0) as handle:
            if fcntl is not None:
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise CannotWrite(
                        f"{name} is being downloaded already.",
                        hint="Wait for the other download to finish.",
                    ) from None
                except OSError:  # some network disks have no locks
                    pass
            if _is(path, handle):
                yield handle
                return
            # Another download finished between opening and locking: this is its file.


def _is(path: Path, handle: FileIO) -> bool:
    try:
        return os.path.samestat(os.fstat(handle.fileno()), path.stat())
    except FileNotFoundError:
        return False


class Part:
    """``NAME.part`` and, beside it, what the server said about the file it belongs to."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(target.name + ".part")
        self._tag = target.with_name(target.name + ".part.tag")
        self._name = target.name
        self._tagged = True
        """Whether there may be a tag."""

    @contextlib.contextmanager
    def opened(self) -> Iterator[FileIO]:
        """Open the part and keep others, in this process or another, from writing it."""
        with locked(self.path, self._name) as handle:
            if handle.seek(0, os.SEEK_END) == 0:
                self._remove_tag()
            yield handle

    def _remove_tag(self) -> None:
        if self._tagged:
            self._tag.unlink(missing_ok=True)
        self._tagged = False

    def restart(self, handle: FileIO) -> None:
        """Begin afresh."""
        with writing(self.path):
            # A file that was cut to nothing, even an empty one, is written to disk when it is
            # closed (ext4 does so to save careless programs): no cut where there is nothing.
            if handle.seek(0, os.SEEK_END):
                handle.seek(0)
                handle.truncate()
            self._remove_tag()

    def known(self, key: str) -> str | None:
        """Return by what the server recognises the file; None if the part is not of ``key``."""
        try:
            known = json.loads(self._tag.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if not isinstance(known, dict) or known.get("object") != key:
            return None
        return known.get("same_as") or None

    def remember(self, key: str, same_as: str | None) -> None:
        """Remember by what the server recognises this very file, for ``If-Range``.

        ``key`` is the path of the address: signatures and hosts change, and are nobody's business.
        """
        if same_as and not self._tagged:
            with writing(self._tag):
                text = json.dumps({"object": key, "same_as": same_as})
                self._tag.write_text(text, encoding="utf-8")
            self._tagged = True

    def become(self, target: Path, modified: float | None) -> None:
        """Give the whole file its name, and the time that it has on the server."""
        with writing(target):
            if modified is not None:
                os.utime(self.path, (modified, modified))
            self.path.replace(target)
            self._remove_tag()

    def drop(self) -> None:
        """Remove the part."""
        with writing(self.path):
            self.path.unlink(missing_ok=True)
            self._remove_tag()

    def drop_if_empty(self) -> None:
        """Leave nothing behind where nothing arrived."""
        with contextlib.suppress(FileNotFoundError):
            if self.path.stat().st_size == 0:
                self.drop()
