"""The part of a file that has arrived: where it lies, whose it is, and who may write it."""

from __future__ import annotations

import contextlib
import json
import os
from typing import TYPE_CHECKING

from openem_nb.errors import CannotWrite
from openem_nb.transfer._disk import writing

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from io import FileIO
    from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no advisory locks; there two downloads of one file may collide
    fcntl = None  # type: ignore[assignment]

__all__ = ["Part"]


class Part:
    """``NAME.part`` and, beside it, what the server said about the file it belongs to."""

    def __init__(self, target: Path) -> None:
        self.path = target.with_name(target.name + ".part")
        self._tag = target.with_name(target.name + ".part.tag")
        self._name = target.name

    @contextlib.contextmanager
    def opened(self) -> Iterator[FileIO]:
        """Open the part and keep others, in this process or another, from writing it."""
        while True:
            with writing(self.path):
                self.path.touch()
                # Without a buffer, so that closing a file on a full disk is no error of its own.
                handle = self.path.open("r+b", buffering=0)
            with handle:
                if fcntl is not None:
                    try:
                        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    except BlockingIOError:
                        raise CannotWrite(
                            f"{self._name} is being downloaded already.",
                            hint="Wait for the other download to finish.",
                        ) from None
                    except OSError:  # some network disks have no locks
                        pass
                if self._is(handle):
                    yield handle
                    return
                # Another download finished between opening and locking: this is its file.

    def _is(self, handle: FileIO) -> bool:
        try:
            return os.path.samestat(os.fstat(handle.fileno()), self.path.stat())
        except FileNotFoundError:
            return False

    def restart(self, handle: FileIO) -> None:
        """Begin afresh."""
        with writing(self.path):
            handle.seek(0)
            handle.truncate()
        self._tag.unlink(missing_ok=True)

    def known(self, url: str) -> str | None:
        """Return by what the server recognises the file; None if the part is not of ``url``."""
        try:
            known = json.loads(self._tag.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return None
        if not isinstance(known, dict) or known.get("url") != url:
            return None
        return known.get("same_as") or None

    def remember(self, url: str, headers: Mapping[str, str]) -> None:
        """Remember by what the server recognises this very file, for ``If-Range``."""
        etag = headers.get("ETag", "")
        # A weak ETag may not be used for parts (RFC 9110, 13.1.5).
        same_as = headers.get("Last-Modified") if etag[:2] in ("", "W/") else etag
        if same_as and "Content-Encoding" not in headers:
            with writing(self._tag):
                self._tag.write_text(json.dumps({"url": url, "same_as": same_as}), encoding="utf-8")

    def become(self, target: Path, modified: float | None) -> None:
        """Give the whole file its name, and the time that it has on the server."""
        with writing(target):
            if modified is not None:
                os.utime(self.path, (modified, modified))
            self.path.replace(target)
            self._tag.unlink(missing_ok=True)

    def drop(self) -> None:
        """Remove the part."""
        with writing(self.path):
            self.path.unlink(missing_ok=True)
            self._tag.unlink(missing_ok=True)

    def drop_if_empty(self) -> None:
        """Leave nothing behind where nothing arrived."""
        with contextlib.suppress(FileNotFoundError):
            if self.path.stat().st_size == 0:
                self.drop()
