"""How far the unpacking of one archive has come: written as it goes, true after any crash.

Beside the target folder's files lies ``.openem-partial`` with, for each archive on its way, a
journal (one line of JSON for each member whose header was read) and the part of the member that is
arriving. The journal never says how many bytes are there: that is the length of the part. A line
is written before what it speaks of is done, so that it can only claim too little:

- ``member`` before its part is made;
- ``whole`` before a verified part gets its name. After a crash a part that is still there is
  verified again, and so is a file that no manifest vouches for.

A journal that was cut off is true up to the cut: headers that are missing are read again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from openem_nb.errors import CannotWrite
from openem_nb.transfer._disk import writing
from openem_nb.transfer._names import PARTIAL, inside
from openem_nb.transfer._part import locked
from openem_nb.transfer._tar import Header

if TYPE_CHECKING:
    from collections.abc import Iterator
    from io import FileIO
    from pathlib import Path

__all__ = ["Journal"]

_LONGEST: Final = 150
"""Signs of the name of an archive in the names of its files."""


def _path(root: Path, name: str) -> Path:
    """Return where the journal of an archive is."""
    file = quote(name, safe=" ()+,=@")
    if len(file) > _LONGEST:
        file = f"{file[:_LONGEST]}-{hashlib.sha256(name.encode()).hexdigest()[:16]}"
    return inside(root, f"{PARTIAL}/{file}.journal")


class Journal:
    """What is known of an archive, and the parts of its members; made by :meth:`opened`."""

    def __init__(self, path: Path, handle: FileIO) -> None:
        self.path = path
        self._handle = handle
        self.key: str | None = None
        """Path of the address that the archive came from."""
        self.known: str | None = None
        """By what the server recognises it."""
        self.total: int | None = None
        """Bytes of the archive."""
        self.headers: dict[int, Header] = {}
        """All members so far, by the offset of their header."""
        self.whole: set[int] = set()
        """Offsets of members that were verified."""
        self.front = 0
        """Where the first header begins that was not read yet."""
        self.ended = False
        """Whether the end of the archive was reached."""
        self._load()

    @classmethod
    @contextlib.contextmanager
    def opened(cls, root: Path, name: str) -> Iterator[Journal]:
        """Open the journal of an archive and keep others from unpacking it at the same time."""
        path = _path(root, name)
        with locked(path, name) as handle:
            yield cls(path, handle)

    @classmethod
    def clear(cls, root: Path, name: str) -> None:
        """Remove what a process left that was killed when all was done but this."""
        if _path(root, name).exists():
            # Where somebody else has it open, that one removes it.
            with contextlib.suppress(CannotWrite), cls.opened(root, name) as journal:
                journal.remove()

    def _load(self) -> None:
        self._handle.seek(0)
        good = 0
        for line in self._handle.read().splitlines(keepends=True):
            try:
                if not line.endswith(b"\n"):
                    break
                self._take(json.loads(line))
            except (ValueError, KeyError, TypeError):
                break
            good += len(line)
        with writing(self.path):
            self._handle.truncate(good)
            self._handle.seek(good)
        for at, part in self.parts().items():
            if at not in self.headers:  # the journal lost it: its header is read again
                with writing(part):
                    part.unlink()

    def _take(self, said: dict[str, Any]) -> None:
        if "object" in said:
            self.key, self.known, self.total = said["object"], said["same_as"], said["total"]
        elif "member" in said:
            header = Header(**said["member"])
            self._keep(header)
        elif "whole" in said:
            self.whole.add(said["whole"])
        elif "end" in said:
            self.ended = True

    def _write(self, line: dict[str, Any]) -> None:
        rest = memoryview(f"{json.dumps(line)}\n".encode())
        with writing(self.path):
            while rest:
                rest = rest[self._handle.write(rest) :]

    def begin(self, key: str, known: str | None, total: int | None) -> None:
        """Note which object the archive is."""
        self.key, self.known, self.total = key, known, total
        self._write({"object": key, "same_as": known, "total": total})

    def member(self, header: Header) -> None:
        """Note a member, before any of its bytes is kept."""
        self._write({"member": asdict(header)})
        self._keep(header)

    def _keep(self, header: Header) -> None:
        self.headers[header.at] = header
        self.front = max(self.front, header.next)

    def verified(self, header: Header) -> None:
        """Note that a member is verified, before it gets its name."""
        self._write({"whole": header.at})
        self.whole.add(header.at)

    def end(self) -> None:
        """Note that no more headers follow."""
        self._write({"end": self.front})
        self.ended = True

    def part(self, header: Header) -> Path:
        """Return where the bytes of a member arrive."""
        return self.path.with_name(f"{self.path.stem}.{header.at}.part")

    def parts(self) -> dict[int, Path]:
        """Return the parts that are here, by the offset of the header of their member."""
        form = re.compile(re.escape(self.path.stem) + r"\.([0-9]+)\.part")
        with writing(self.path):
            names = [path.name for path in self.path.parent.iterdir()]
        found = filter(None, map(form.fullmatch, names))
        return {int(match[1]): self.path.with_name(match[0]) for match in found}

    def reset(self) -> None:
        """Forget everything: it is another archive now."""
        for part in self.parts().values():
            with writing(part):
                part.unlink(missing_ok=True)
        with writing(self.path):
            self._handle.seek(0)
            self._handle.truncate()
        self.key = self.known = self.total = None
        self.headers.clear()
        self.whole.clear()
        self.front, self.ended = 0, False

    def remove(self) -> None:
        """Remove journal and parts; what they spoke of is done."""
        self.reset()
        with writing(self.path):
            self.path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # parts of other archives are still there
            self.path.parent.rmdir()
