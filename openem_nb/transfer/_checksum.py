"""Checksums, computed while the bytes come in."""

from __future__ import annotations

import contextlib
import hashlib
import queue
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from openem_nb.errors import ChecksumMismatch, InvalidInput

if TYPE_CHECKING:
    from collections.abc import Callable
    from io import FileIO
    from pathlib import Path

    Buffer = bytes | bytearray | memoryview

__all__ = ["Checksum", "Digest"]

_LENGTHS: Final = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}
_BLOCK: Final = 1 << 20
_ALONE: Final = 4 << 20
"""Bytes from which on a digest gets a thread of its own; to start it costs as much as to hash
some 100 kB."""
_AHEAD: Final = 16
"""Pieces that may wait for the thread: some megabytes."""


@dataclass(frozen=True, slots=True)
class Checksum:
    """What the bytes of a file must come to.

    Raises
    ------
    InvalidInput
        If the algorithm is none of md5, sha1, sha256 and sha512, or the value cannot be one of it.

    Examples
    --------
    >>> Checksum("sha1", "da39a3ee5e6b4b0d3255bfef95601890afd80709")
    """

    algorithm: str
    """``md5``, ``sha1``, ``sha256`` or ``sha512``; other spellings (``SHA-1``) are understood."""
    value: str
    """Hexadecimal."""

    def __post_init__(self) -> None:
        name = self.algorithm.lower().replace("-", "").replace("_", "")
        value = self.value.strip().lower()
        if name not in _LENGTHS:
            raise InvalidInput(
                f"There is no checksum {self.algorithm!r} here.",
                hint=f"Known are {', '.join(_LENGTHS)}.",
            )
        if len(value) != _LENGTHS[name] or set(value) - set("0123456789abcdef"):
            raise InvalidInput(
                f"{self.value!r} is no {name}.", hint=f"It has {_LENGTHS[name]} hexadecimal digits."
            )
        object.__setattr__(self, "algorithm", name)
        object.__setattr__(self, "value", value)

    @classmethod
    def of(
        cls, path: Path, *, algorithm: str = "sha256", check: Callable[[], None] | None = None
    ) -> Checksum:
        """Read a file and return its checksum; ``check`` is called now and then and may raise."""
        found = hashlib.new(algorithm, usedforsecurity=False)
        with path.open("rb", buffering=0) as handle:
            while piece := handle.read(_BLOCK):
                found.update(piece)
                if check is not None:
                    check()
        return cls(algorithm, found.hexdigest())


def _work(update: Callable[[Buffer], None], waiting: queue.Queue[Buffer | None]) -> None:
    while (piece := waiting.get()) is not None:
        update(piece)  # without the interpreter's lock


class Digest:
    """A checksum that grows with the bytes; a large one is computed beside the work.

    Parameters
    ----------
    algorithm :
        As in :class:`Checksum`; None computes nothing.
    """

    def __init__(self, algorithm: str | None) -> None:
        self._hash = hashlib.new(algorithm, usedforsecurity=False) if algorithm else None
        self._algorithm = algorithm or ""
        self.size = 0
        """Bytes so far."""
        self._waiting: queue.Queue[Buffer | None] | None = None
        self._thread: threading.Thread | None = None

    def update(self, piece: Buffer) -> None:
        """Add bytes, which must not change afterwards."""
        self.size += len(piece)
        if self._hash is None:
            return
        if self._waiting is not None:
            self._waiting.put(piece)
        elif self.size < _ALONE:
            self._hash.update(piece)
        else:
            self._waiting = queue.Queue(_AHEAD)
            self._waiting.put(piece)
            self._thread = threading.Thread(
                target=_work, args=(self._hash.update, self._waiting), name="checksum", daemon=True
            )
            self._thread.start()

    def catch_up(self, handle: FileIO, size: int, check: Callable[[], None]) -> None:
        """Read what a file already has, up to ``size`` bytes."""
        if self._hash is None:
            self.size = size
            return
        handle.seek(self.size)
        while self.size < size and (piece := handle.read(min(_BLOCK, size - self.size))):
            self.update(piece)
            check()

    def result(self) -> Checksum | None:
        """Return the checksum of all bytes; None where there is nothing to compute."""
        self.close()
        return Checksum(self._algorithm, self._hash.hexdigest()) if self._hash else None

    def demand(self, promised: Checksum | None, name: str) -> None:
        """Raise :class:`ChecksumMismatch` if the bytes are not those that were promised."""
        found = self.result()
        if promised is not None and found != promised:
            came = "nothing" if found is None else found.value
            raise ChecksumMismatch(
                f"{name} arrived with other bytes than promised: its {promised.algorithm} is "
                f"{came}, not {promised.value}.",
                hint="Run it again; the file is fetched anew. If it fails again, tell the archive.",
            )

    def close(self) -> None:
        """End the thread, once it has done what waits."""
        if self._thread is not None and self._waiting is not None:
            self._waiting.put(None)
            self._thread.join()
            self._waiting = self._thread = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):
            self.close()
